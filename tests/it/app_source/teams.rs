//! The app's teams: groups of kind `team`, with members and reviewers.

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::Scene;
use crate::support::Answer;

impl Scene {
    async fn put_team(&self, id: &str, body: Value) -> Answer {
        let path = format!("/app-teams/{id}");
        self.send(&self.me, "PUT", &path, Some(body)).await
    }

    async fn team(&self, id: &str) -> Answer {
        self.send(&self.me, "GET", &format!("/app-teams/{id}"), None)
            .await
    }

    async fn load(&self, count: usize) {
        let lines = (0..count).map(|n| {
            format!(
                "{}\n",
                json!({"appUserId": format!("u-{n}"), "email": format!("p{n}@x.test")})
            )
        });
        let lines: String = lines.collect();
        self.import("app-users", "", &lines).await.expect(200);
    }
}

#[actix_web::test]
async fn a_team_has_members_and_reviewers_and_the_same_word_changes_nothing() {
    let s = Scene::start().await;
    s.load(6).await;
    let team = json!({"name": "Sales", "members": ["u-2", "u-1"], "reviewers": ["u-0"]});
    let made = s.put_team("t-1", team.clone()).await.expect(201);
    assert_eq!(made.body["members"], json!(["u-1", "u-2"]));
    assert_eq!(made.body["reviewers"], json!(["u-0"]));
    let before = s.entries();
    let again = s.put_team("t-1", team).await.expect(200);
    assert_eq!(again.body["result"], "unchanged");
    assert_eq!(s.entries(), before);
    let group = made.body["groupId"].as_str().unwrap();
    let scim = s.me.get(&format!("/Groups/{group}")).await.expect(200).body;
    assert_eq!(scim["externalId"], "t-1");
    assert_eq!(scim["members"].as_array().unwrap().len(), 2);
    let ours = &scim["urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group"];
    assert_eq!(
        (&ours["kind"], &ours["managedBy"]),
        (&json!("team"), &json!("app"))
    );
    let reviewer = s.user("u-0").await.body["personId"].clone();
    assert_eq!(ours["reviewers"], json!([{"value": reviewer}]));
    assert_eq!(
        s.me.filter("/Groups", "externalId eq \"t-1\"")
            .await
            .total(),
        1
    );
    // No source sees it.
    let okta = s.app.source(Preset::Okta).await;
    assert_eq!(okta.get("/Groups").await.total(), 0);
    okta.get(&format!("/Groups/{group}")).await.expect(404);
    let moved = json!({"name": "Sales EU", "members": ["u-1", "u-3"], "reviewers": ["u-4", "u-5"]});
    let moved = s.put_team("t-1", moved).await.expect(200);
    assert_eq!(moved.body["result"], "updated");
    assert_eq!(moved.body["groupId"], group);
    assert_eq!(moved.body["members"], json!(["u-1", "u-3"]));
    for action in [
        "team.reviewer_added",
        "team.reviewer_removed",
        "group.member_removed",
        "group.updated",
    ] {
        assert!(s.entries().iter().any(|a| a == action), "{action}");
    }
    // Whoever the app removes is in none of its teams, and reviews none.
    s.delete("u-1").await.expect(204);
    s.delete("u-4").await.expect(204);
    let left = s.team("t-1").await.expect(200).body;
    assert_eq!(
        (&left["members"], &left["reviewers"]),
        (&json!(["u-3"]), &json!(["u-5"]))
    );
    let gone = s.send(&s.me, "DELETE", "/app-teams/t-1", None).await;
    gone.expect(204);
    s.team("t-1").await.expect(404);
    s.check().await;
    let list = s.send(&s.me, "GET", "/app-teams", None).await.expect(200);
    assert_eq!(list.body["items"], json!([]));
}

#[actix_web::test]
async fn a_team_of_hundreds_is_loaded_and_changed_whole() {
    let s = Scene::start().await;
    s.load(1_300).await;
    let ids = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|n| format!("u-{n}")).collect()
    };
    let put = s
        .put_team("all", json!({"name": "All", "members": ids(0..1_200)}))
        .await
        .expect(201);
    assert_eq!(put.body["members"].as_array().unwrap().len(), 1_200);
    let put = s
        .put_team("all", json!({"name": "All", "members": ids(600..1_300)}))
        .await
        .expect(200);
    assert_eq!(put.body["members"].as_array().unwrap().len(), 700);
    s.check().await;
}

#[actix_web::test]
async fn teams_are_imported_with_a_result_a_line() {
    let s = Scene::start().await;
    s.load(4).await;
    let line = |id: &str, member: &str| {
        format!(
            "{}\n",
            json!({"appTeamId": id, "name": format!("Team {id}"), "members": [member]})
        )
    };
    let body = line("t-1", "u-1") + &line("t-2", "nobody") + &line("t-3", "u-3");
    let loaded = s.import("app-teams", "", &body).await.expect(200);
    let words: Vec<&str> = loaded.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["result"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["created", "failed", "created"]);
    assert!(
        loaded.body["results"][1]["detail"]
            .as_str()
            .unwrap()
            .contains("nobody")
    );
    let query = "?mode=reconcile&missing=remove";
    let rest = s
        .import("app-teams", query, &line("t-3", "u-3"))
        .await
        .expect(200);
    assert_eq!(
        (&rest.body["missing"], &rest.body["removed"]),
        (&json!(1), &json!(1)),
        "{}",
        rest.text
    );
    s.team("t-1").await.expect(404);
    for (body, word) in [
        (json!({"members": []}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "x", "reviewers": ["ghost"]}), "ghost"),
        (json!({"name": "x", "parent": "t-3"}), "parent"),
        (json!({"name": "x", "members": "u-1"}), "members"),
    ] {
        let refused = s.put_team("t-9", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(refused.text.contains(word), "{body}: {}", refused.text);
    }
    s.check().await;
}
