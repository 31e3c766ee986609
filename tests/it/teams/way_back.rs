//! What a restore meets: teams that the app made again; and set-ups that cannot succeed, which are given up.

use std::time::Duration;

use rosterd::service::teams::{Choice, Confirmed};
use serde_json::json;

use super::{Desk, Scene, text};
use crate::support::{execute, lines};

/// A user of the app, in so many teams of the app.
async fn app_teams(desk: &Desk<'_>, names: &[&str]) {
    let user = json!({"email": "dan@x.test", "hasAccess": true});
    desk.send("PUT", "/app-users/u-1", Some(user))
        .await
        .expect(201);
    for name in names {
        let team = json!({"name": name, "members": ["u-1"], "reviewers": ["u-1"]});
        let path = format!("/app-teams/{name}");
        desk.send("PUT", &path, Some(team)).await.expect(201);
    }
}

#[actix_web::test]
async fn a_team_that_the_app_made_again_is_not_restored_beside_it() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.company().await;
    app_teams(&desk, &["one", "two"]).await;
    let old = desk.get("/app-teams/two").await;
    desk.complete(json!({"connection": s.connection})).await;
    desk.send("POST", "/team-sync/stop", None).await.expect(200);
    let team = json!({"name": "One again", "members": ["u-1"], "reviewers": []});
    let again = desk
        .send("PUT", "/app-teams/one", Some(team))
        .await
        .expect(201);
    desk.send("POST", "/team-sync/restore", None)
        .await
        .expect(202);
    let status = desk.settled().await;
    assert!(status["givenUp"].is_null(), "{status}");
    let one = desk.get("/app-teams/one").await;
    assert_eq!(one["groupId"], again.body["groupId"]);
    assert_eq!(one["name"], "One again");
    let two = desk.get("/app-teams/two").await;
    assert_eq!(
        (&two["groupId"], &two["members"], &two["reviewers"]),
        (&old["groupId"], &json!(["u-1"]), &json!(["u-1"]))
    );
    let mut names: Vec<String> = desk
        .teams()
        .await
        .iter()
        .map(|t| text(&t["name"]))
        .collect();
    names.sort();
    assert_eq!(names, ["One again", "two"]);
    desk.check().await;
}

#[actix_web::test]
async fn a_team_that_is_restored_has_another_version_than_before() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.company().await;
    app_teams(&desk, &["one"]).await;
    let path = format!(
        "/Groups/{}",
        text(&desk.get("/app-teams/one").await["groupId"])
    );
    let version = async || {
        let group = desk.admin.get(&path).await.expect(200).body;
        text(&group["meta"]["version"])
    };
    let before = version().await;
    desk.complete(json!({"connection": s.connection})).await;
    s.app.service.restore_teams(&s.app.tenant).await.unwrap();
    assert_ne!(version().await, before);
}

#[actix_web::test]
async fn a_set_up_that_cannot_succeed_is_given_up_and_says_why() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.company().await;
    app_teams(&desk, &["one"]).await;
    let before = desk.teams().await;
    let choice = Choice {
        connection: Some(s.connection.clone()),
        ..Choice::default()
    };
    let begun = s
        .app
        .service
        .begin_complete(&s.app.tenant, &choice, Confirmed::default());
    begun.await.unwrap();
    let kind = |kind: &str| {
        let id = &s.connection;
        let sql = format!("UPDATE connections SET kind = '{kind}' WHERE id = '{id}'");
        execute(&mut s.app.database.connect(), &sql);
    };
    // It feeds no teams any more, and never will.
    kind("other");
    s.clock.set(rosterd::domain::clock::Millis(
        rosterd::domain::clock::Clock::now(&*s.clock).0 + 1,
    ));
    let resumed = s.app.service.resume_team_jobs(Duration::ZERO).await;
    assert_eq!(resumed.unwrap(), 1);
    let status = desk.get("/team-sync").await;
    assert_eq!(
        (&status["job"], &status["state"], &status["givenUp"]),
        (&json!(null), &json!("set-up"), &json!("connection-refused"))
    );
    let sql = "SELECT reason AS line FROM journal WHERE action = 'team_sync.given_up'";
    assert_eq!(
        lines(&mut s.app.database.connect(), sql),
        ["connection-refused"]
    );
    assert_eq!(desk.teams().await, before);
    let left = "SELECT id AS line FROM \"groups\" WHERE kind = 'team' AND team_set IS NOT NULL";
    assert_eq!(lines(&mut s.app.database.connect(), left), [""; 0]);
    // Teams can be edited, and it can be completed when it is mended.
    let team = json!({"name": "one", "members": [], "reviewers": []});
    desk.send("PUT", "/app-teams/one", Some(team))
        .await
        .expect(200);
    kind("scim");
    let status = desk.complete(json!({})).await;
    assert!(status["givenUp"].is_null(), "{status}");
    desk.check().await;
}

#[actix_web::test]
async fn one_edit_of_a_team_names_so_many_people_and_no_more() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    let new = json!({"name": "Mine", "members": [ids["ann"]], "reviewers": [ids["boss"]]});
    let made = desk.send("POST", "/teams", Some(new)).await.expect(201);
    assert_eq!(made.body["size"], 1);
    let path = format!("/teams/{}", made.id());
    let nobody = |count: usize| -> Vec<String> { (0..count).map(|n| format!("n{n}")).collect() };
    // 199 who go, one who comes, one reviewer who stops: 201.
    let much = json!({"add": [ids["bob"]], "remove": nobody(199), "reviewers": []});
    let refused = desk.send("PATCH", &path, Some(much)).await.expect(400);
    assert!(refused.text.contains("201"), "{}", refused.text);
    let most = json!({"add": [ids["bob"]], "remove": nobody(199), "reviewers": [ids["boss"]]});
    let done = desk.send("PATCH", &path, Some(most)).await.expect(200);
    assert_eq!(done.body["size"], 2);
    let unknown = json!({"add": [ids["cleo"], "n1"]});
    let refused = desk.send("PATCH", &path, Some(unknown)).await.expect(400);
    assert!(refused.text.contains("n1"), "{}", refused.text);
    desk.check().await;
}
