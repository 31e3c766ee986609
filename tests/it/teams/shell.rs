//! Teams at the shell, on a database that a server filled.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{Desk, Scene};
use crate::support::Database;
use crate::support::process::{command, run, said};

fn shell(database: &Database, files: &Path, args: &[&str]) -> Output {
    run(command(database, files, "127.0.0.1:0"), args)
}

#[actix_web::test]
async fn teams_are_looked_at_completed_shown_stopped_and_restored() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    let user = json!({"email": "dan@x.test", "hasAccess": true});
    desk.send("PUT", "/app-users/u-1", Some(user))
        .await
        .expect(201);
    let team = json!({"name": "Old hands", "members": ["u-1"], "reviewers": ["u-1"]});
    desk.send("PUT", "/app-teams/t-1", Some(team))
        .await
        .expect(201);
    let files = tempfile::tempdir().unwrap();
    let ask = |args: &[&str]| {
        let output = shell(&s.app.database, files.path(), args);
        (output.status.success(), said(&output))
    };
    let of = ["--connection", s.connection.as_str()];
    let (is_ok, look) = ask(&[&["teams", "preview"][..], &of[..]].concat());
    assert!(is_ok, "{look}");
    for text in [
        "today: 3 teams, 5 people in them, 0 unassigned, 1 at the top",
        "ann's team  (2 people, reviewed by ann, part of boss's team)",
        "Old hands  (1 people, reviewed by dan)",
        "Warning: 1 reviewers are removed",
        "boss: is at the top, leads boss's team",
    ] {
        assert!(look.contains(text), "{text}: {look}");
    }
    let (is_ok, none) = ask(&["teams", "stop"]);
    assert!(!is_ok && none.contains("never completed"), "{none}");
    let (is_ok, done) = ask(&[&["teams", "complete"][..], &of[..]].concat());
    assert!(is_ok && done.contains("team sync is on"), "{done}");
    let (is_ok, shown) = ask(&["teams", "show"]);
    assert!(is_ok, "{shown}");
    let tree = "boss's team  (2 people, reviewed by boss)\n  ann's team  (2 people, reviewed by ann)\n  bob's team  (1 people, reviewed by bob)";
    assert!(shown.contains(tree), "{shown}");
    let (is_ok, json) = ask(&["teams", "show", "--json"]);
    assert!(is_ok, "{json}");
    let line = json.lines().find(|line| line.starts_with('{')).unwrap();
    let value: Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["teamSync"]["state"], "on");
    assert_eq!(value["teams"].as_array().unwrap().len(), 3);
    s.manage(&ids["ann"], &ids["ann"]).await;
    let (is_ok, ran) = ask(&["teams", "run"]);
    assert!(is_ok && ran.contains("1 people moved"), "{ran}");
    let (is_ok, found) = ask(&["teams", "findings"]);
    assert!(
        is_ok && found.contains("self-managed: ann is her own manager"),
        "{found}"
    );
    let (is_ok, page) = ask(&["person", "show", &ids["dan"]]);
    assert!(
        is_ok && page.contains("ann's team  reviewed by ann"),
        "{page}"
    );
    let (is_ok, stopped) = ask(&["teams", "stop"]);
    assert!(is_ok && stopped.contains("stopped"), "{stopped}");
    let (is_ok, back) = ask(&["teams", "restore"]);
    assert!(is_ok, "{back}");
    let (_, shown) = ask(&["teams", "show"]);
    assert!(
        shown.contains("Old hands") && !shown.contains("boss's team  ("),
        "{shown}"
    );
    desk.check().await;
}
