//! The app's users at the shell, and in a backup.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::process::{command, run, said};
use crate::support::{Database, lines};

fn shell(database: &Database, files: &Path, args: &[&str]) -> Output {
    run(command(database, files, "127.0.0.1:0"), args)
}

/// The last line of what was printed, which is the sum.
fn sum(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("{}", said(output)));
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {}", said(output)))
}

/// What is stored of the app.
fn stored(database: &Database) -> Vec<String> {
    let sql = "SELECT external_id || '|' || COALESCE(entity, '') || '|' || state AS line FROM claims WHERE connection_id = 'app' \
               UNION ALL SELECT group_id || '|' || user_id FROM reviewers \
               UNION ALL SELECT id || '|' || state || '|' || CAST(lines AS TEXT) FROM app_imports \
               UNION ALL SELECT id || '|' || access || '|' || access_reason FROM users ORDER BY 1";
    lines(&mut database.connect(), sql)
}

#[test]
fn a_file_is_imported_with_what_went_wrong_and_a_backup_keeps_all() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let ask = |args: &[&str]| shell(&database, files.path(), args);
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    assert!(ask(&["tenant", "create", "acme"]).status.success());
    let line = |n: usize| {
        let user = json!({"appUserId": format!("u-{n}"), "email": format!("p{n}@x.test"), "entity": "Acme"});
        format!("{user}\n")
    };
    let all: String = (0..120).map(line).collect();
    let users = file("users.ndjson", &(all.clone() + "{\"appUserId\": \"bad\"\n"));
    let import = ["app-users", "import", "--tenant", "acme"];
    let loaded = ask(&[&import[..], &[&users]].concat());
    assert_eq!(loaded.status.code(), Some(1), "{}", said(&loaded));
    let text = said(&loaded);
    assert!(
        text.contains("line 121: failed") && text.contains("120 created"),
        "{text}"
    );
    let good = file("good.ndjson", &all[..all.len() - line(119).len()]);
    let more = ["--json", "--reconcile", "--remove-missing", &good];
    let again = ask(&[&import[..], &more].concat());
    assert!(again.status.success(), "{}", said(&again));
    let told = sum(&again);
    assert_eq!(
        (&told["unchanged"], &told["removed"]),
        (&json!(119), &json!(1))
    );
    let team =
        json!({"appTeamId": "t-1", "name": "Sales", "members": ["u-1"], "reviewers": ["u-2"]});
    let teams = file("teams.ndjson", &team.to_string());
    let made = ask(&["app-teams", "import", "--tenant", "acme", &teams]);
    assert!(made.status.success(), "{}", said(&made));
    let listed = ask(&["app-users", "list", "--tenant", "acme", "--json"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 119);
    let page = ask(&["person", "show", "--tenant", "acme", "p1@x.test"]);
    assert!(
        said(&page).contains("has-access-in-app") || page.status.success(),
        "{}",
        said(&page)
    );
    let copy = files.path().join("copy");
    let copy = copy.to_str().unwrap();
    assert!(ask(&["backup", "--to", copy]).status.success());
    let other = Database::fresh();
    let back = shell(&other, files.path(), &["restore", "--from", copy]);
    assert!(back.status.success(), "{}", said(&back));
    assert_eq!(stored(&other), stored(&database));
    assert!(stored(&other).len() > 240);
    let verified = shell(&other, files.path(), &["audit", "verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}
