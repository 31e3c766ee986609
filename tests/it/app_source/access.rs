//! The app's login path.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::scim::rules::Preset;
use rosterd::storage::access::addressed_query;
use serde_json::{Value, json};

use super::{Scene, ann, employee, in_state};
use crate::plans::{plan, walks};
use crate::support::Answer;
use crate::support::bulk::fill;

impl Scene {
    async fn signs_in(&self, email: &str, subject: Option<&str>) -> Answer {
        let mut body = json!({"email": email});
        if let Some(subject) = subject {
            body["idpSubject"] = Value::from(subject);
        }
        self.send(&self.me, "POST", "/sign-ins", Some(body)).await
    }

    async fn access(&self, query: &str) -> Answer {
        self.send(&self.me, "GET", &format!("/access?{query}"), None)
            .await
    }
}

#[actix_web::test]
async fn signing_in_grants_nothing() {
    let s = Scene::start().await;
    let hr = s.hr(JoinerPolicy::List).await;
    let id = s.pull(&hr, employee("7", "ann@x.test")).await.unwrap();
    let before = s.entries();
    let word = |answer: &Answer| answer.body["answer"].as_str().unwrap().to_owned();
    let listed = s.signs_in("ANN@x.test", None).await.expect(200);
    assert_eq!(word(&listed), "not-invited");
    assert_eq!(listed.body["person"]["id"], id.as_str());
    assert_eq!(
        listed.body["person"]["accessReason"]["code"],
        "listed-by-source"
    );
    let stranger = s.signs_in("who@x.test", None).await.expect(200);
    assert_eq!(stranger.body, json!({"answer": "not-invited"}));
    assert_eq!(s.entries(), before, "nothing was written");
    s.put("u-1", ann()).await.expect(201);
    let granted = s.signs_in("ann@x.test", Some("00u1")).await.expect(200);
    assert_eq!(word(&granted), "grant");
    assert_eq!(granted.body["person"]["appUserId"], "u-1");
    assert_eq!(granted.body["person"]["entity"], "Acme Ltd");
    for query in [
        "email=ann%40x.test",
        "appUserId=u-1",
        &format!("personId={id}"),
    ] {
        let answer = s.access(query).await.expect(200);
        assert_eq!(answer.body, granted.body, "{query}");
    }
    s.sql(&format!(
        "UPDATE users SET access = 'invited', has_access = FALSE WHERE id = '{id}'"
    ));
    let invited = s.signs_in("ann@x.test", None).await.expect(200);
    assert_eq!(word(&invited), "accept-pending-invitation");
    s.sql(&format!(
        "UPDATE users SET access = 'granted', has_access = TRUE WHERE id = '{id}'"
    ));
    let left = in_state(&employee("7", "ann@x.test"), EmploymentState::Left);
    s.pull(&hr, left).await;
    let revoked = s.access("appUserId=u-1").await.expect(200);
    assert_eq!(word(&revoked), "revoked");
    assert_eq!(revoked.body["person"]["accessReason"]["code"], "left");
}

#[actix_web::test]
async fn who_shares_an_address_is_told_apart_by_the_subject_or_not_at_all() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    let one = okta.create_user("one@x.test").await.id();
    let two = okta.create_user("two@x.test").await.id();
    let same = json!([{"op": "replace", "path": "emails", "value": [{"value": "both@x.test", "primary": true}]}]);
    for id in [&one, &two] {
        okta.patch(&format!("/Users/{id}"), same.clone()).await;
    }
    let both = s.signs_in("both@x.test", None).await.expect(409);
    assert!(!both.text.contains("one@x.test"));
    s.signs_in("both@x.test", Some("unknown")).await.expect(409);
    let known = s.signs_in("both@x.test", Some("ext-two@x.test")).await;
    assert_eq!(known.expect(200).body["person"]["id"], two.as_str());
    // A subject alone finds nobody.
    let other = s.signs_in("else@x.test", Some("ext-two@x.test")).await;
    assert_eq!(other.expect(200).body["answer"], "not-invited");
    // Of two of whom one has access, she is meant.
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    okta.patch(&format!("/Users/{two}"), off).await;
    let left = s.signs_in("both@x.test", None).await.expect(200);
    assert_eq!(
        (&left.body["answer"], &left.body["person"]["id"]),
        (&json!("grant"), &json!(one))
    );
}

#[actix_web::test]
async fn an_address_that_was_given_again_is_the_new_ones() {
    let s = Scene::start().await;
    s.put("u-1", ann()).await.expect(201);
    let hr = s.hr(JoinerPolicy::Grant).await;
    // HR gives her another address, the app does not know it yet; both find her.
    let mut moved = employee("7", "ann@x.test");
    s.pull(&hr, moved.clone()).await;
    moved.user["emails"] = json!([{"value": "lee@x.test", "type": "work", "primary": true}]);
    moved.digest = "d2".to_owned();
    let id = s.pull(&hr, moved).await.unwrap();
    for email in ["ann@x.test", "lee@x.test"] {
        let found = s.signs_in(email, None).await.expect(200);
        assert_eq!(found.body["person"]["id"], id.as_str(), "{email}");
    }
    let okta = s.app.source(Preset::Okta).await;
    let mut new = crate::support::person("newann");
    new["emails"] = json!([{"value": "ann@x.test", "type": "work", "primary": true}]);
    let new = okta.post("/Users", new).await.expect(201).id();
    assert_ne!(new, id);
    let found = s.signs_in("ann@x.test", None).await.expect(200);
    assert_eq!(found.body["person"]["id"], new.as_str());
}

#[actix_web::test]
async fn hostile_questions_are_refused_and_no_question_walks_the_tenant() {
    let s = Scene::start().await;
    for query in [
        "",
        "email=a%40x&appUserId=1",
        "email=",
        "who=1",
        &format!("email={}", "x".repeat(1_001)),
    ] {
        s.access(query).await.expect(400);
    }
    for body in [
        json!({}),
        json!({"email": ""}),
        json!({"email": "a@x", "admin": true}),
        json!({"email": 1}),
    ] {
        s.send(&s.me, "POST", "/sign-ins", Some(body))
            .await
            .expect(400);
    }
    s.app.source(Preset::Okta).await;
    fill(&s.app.database, s.app.tenant.tenant.as_str(), 2_000, 5);
    let mut conn = s.app.database.connect();
    let plan = plan(
        &mut conn,
        &addressed_query(s.app.tenant.tenant.as_str(), "a@x.test"),
    );
    assert_eq!(walks(&plan), Vec::<String>::new(), "{plan}");
}
