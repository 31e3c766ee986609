//! Runs over the management API: looked at, approved, discarded, undone, asked for; what is decided is carried out by
//! whoever pulls.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use serde_json::{Value, json};

use super::firm::{Hr, Record};
use crate::support::{Answer, Client};

const API: &str = "/api/v1/tenants/default";

async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let path = format!("{API}{path}");
    client.raw(method, &path, "application/json", body).await
}

async fn firm() -> (Hr, Client) {
    let hr = Hr::with(JoinerPolicy::Grant).await;
    for n in 0..12 {
        hr.put(&format!("{n:02}"), Record::of(&format!("p{n}@x.test")));
    }
    let admin = hr.w.app.role(&hr.w.app.tenant, Role::TenantAdmin).await;
    (hr, admin)
}

#[actix_web::test]
async fn runs_and_what_they_do_are_listed_in_pages() {
    let (hr, admin) = firm().await;
    for n in 0..3 {
        hr.change("00", |r| r.title = Some(format!("T{n}")));
        hr.pull().await;
    }
    let first = send(&admin, "GET", "/runs?limit=2", None)
        .await
        .expect(200)
        .body;
    let newest = first["items"][0]["id"].as_str().unwrap().to_owned();
    let next = first["next"].as_str().unwrap();
    let second = send(&admin, "GET", &format!("/runs?limit=2&after={next}"), None).await;
    let second = second.expect(200).body;
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert!(second["next"].is_null());
    let oldest = second["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(oldest < newest);
    let of = format!("/runs?connection={}", hr.connection);
    assert_eq!(
        send(&admin, "GET", &of, None).await.expect(200).body["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let none = send(&admin, "GET", "/runs?connection=other", None)
        .await
        .expect(200);
    assert_eq!(none.body["items"], json!([]));
    let run = send(&admin, "GET", &format!("/runs/{newest}"), None)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&run["state"], &run["planned"]),
        (&json!("done"), &json!(1))
    );
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/runs/{oldest}/items?limit=5{after}");
        let page = send(&admin, "GET", &path, None).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|i| i["sourceId"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    let all: Vec<String> = (0..12).map(|n| format!("{n:02}")).collect();
    assert_eq!(seen, all);
    for wrong in ["losses=maybe", "after=x"] {
        let path = format!("/runs/{newest}/items?{wrong}");
        let refused = send(&admin, "GET", &path, None).await.expect(400);
        assert_eq!(refused.body["code"], "invalid-value");
    }
}

#[actix_web::test]
async fn a_plan_is_approved_for_some_and_carried_out_by_whoever_pulls() {
    let (hr, admin) = firm().await;
    hr.pull().await;
    for n in 2..12 {
        hr.change(&format!("{n:02}"), |r| r.state = EmploymentState::Left);
    }
    let waits = hr.pull_and_wait().await;
    let losses = send(
        &admin,
        "GET",
        &format!("/runs/{waits}/items?losses=true"),
        None,
    )
    .await;
    assert_eq!(
        losses.expect(200).body["items"].as_array().unwrap().len(),
        10
    );
    let body = json!({"people": ["02", "03"]});
    let answer = send(
        &admin,
        "POST",
        &format!("/runs/{waits}/approve"),
        Some(body),
    )
    .await;
    assert_eq!(answer.expect(202).body["state"], "approved");
    let revoked = "SELECT id AS line FROM users WHERE access = 'revoked'";
    assert_eq!(hr.rows(revoked).len(), 0, "not yet");
    assert_eq!(hr.scheduler.tick_decided().await.unwrap(), 1);
    assert_eq!(hr.rows(revoked).len(), 2);
    let run = send(&admin, "GET", &format!("/runs/{waits}"), None)
        .await
        .expect(200);
    assert_eq!(run.body["state"], "done");
    let actor = "SELECT DISTINCT actor_kind AS line FROM journal WHERE action = 'access.revoked'";
    assert_eq!(hr.rows(actor), ["token"], "in the name of who approved it");
    // Some of the others are let go, some stay.
    let discard = format!("/runs/{waits}/discard");
    let body = json!({"people": ["04"]});
    send(&admin, "POST", &discard, Some(body)).await.expect(200);
    let approve = format!("/runs/{waits}/approve");
    let body = json!({"people": ["05"]});
    send(&admin, "POST", &approve, Some(body)).await.expect(202);
    hr.later(1);
    assert_eq!(hr.scheduler.tick().await.unwrap(), 1, "it is due at once");
    assert_eq!(hr.rows(revoked).len(), 3);
    let nobody = json!({"people": ["nobody"]});
    let none = send(&admin, "POST", &approve, Some(nobody))
        .await
        .expect(404);
    assert_eq!(none.body["code"], "not-found");
}

#[actix_web::test]
async fn a_stale_plan_and_one_that_does_not_wait_have_their_codes() {
    let (hr, admin) = firm().await;
    let done = hr.pull().await;
    for n in 2..12 {
        hr.change(&format!("{n:02}"), |r| r.state = EmploymentState::Left);
    }
    let waits = hr.pull_and_wait().await;
    let ids = hr.ids();
    hr.w.app
        .service
        .revoke_person(&hr.w.app.tenant, &ids["07"], None)
        .await
        .unwrap();
    let path = format!("/runs/{waits}/approve");
    let stale = send(&admin, "POST", &path, None).await.expect(409);
    assert_eq!(stale.body["code"], "stale-plan");
    let path = format!("/runs/{waits}/undo");
    let not_now = send(&admin, "POST", &path, None).await.expect(409);
    assert_eq!(not_now.body["code"], "not-now");
    send(&admin, "POST", &format!("/runs/{waits}/discard"), None)
        .await
        .expect(200);
    let twice = send(&admin, "POST", &format!("/runs/{waits}/discard"), None)
        .await
        .expect(409);
    assert_eq!(twice.body["code"], "not-now");
    // Settings that changed after an approval give the plan up. What was refused above is not asked about again.
    hr.firm.setup.lock().unwrap().settings_digest = "new".to_owned();
    hr.change("01", |r| r.email = "renamed@x.test".to_owned());
    let waits = hr.pull_and_wait().await;
    send(&admin, "POST", &format!("/runs/{waits}/approve"), None)
        .await
        .expect(202);
    hr.firm.setup.lock().unwrap().settings_digest = "others".to_owned();
    hr.scheduler.tick_decided().await.unwrap();
    let run = send(&admin, "GET", &format!("/runs/{waits}"), None)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&run["state"], &run["error"]["code"]),
        (&json!("discarded"), &json!("settings-changed"))
    );
    assert_eq!(
        hr.rows("SELECT id AS line FROM users WHERE access_reason = 'left'")
            .len(),
        0
    );
    drop(done);
}

#[actix_web::test]
async fn a_run_is_looked_at_undone_and_its_hold_lifted() {
    let (hr, admin) = firm().await;
    hr.pull().await;
    hr.put("99", Record::of("late@x.test"));
    hr.change("00", |r| r.title = Some("Boss".to_owned()));
    let before = (hr.people(), hr.links());
    let run = hr.pull().await;
    let ids = hr.ids();
    let path = format!("/runs/{}/undo", run.id);
    let preview = send(&admin, "GET", &format!("{path}?limit=1"), None)
        .await
        .expect(200)
        .body;
    assert!(preview["next"].is_string());
    assert_ne!((hr.people(), hr.links()), before, "a look undoes nothing");
    let asked = send(&admin, "POST", &path, None).await.expect(202);
    assert_eq!(asked.body["state"], "undoing");
    send(&admin, "POST", &path, None).await.expect(202);
    assert_eq!(hr.scheduler.tick_decided().await.unwrap(), 1);
    assert_eq!((hr.people(), hr.links()), before);
    let told = send(&admin, "GET", &path, None).await.expect(200).body;
    let mut was: Vec<&str> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["was"].as_str().unwrap())
        .collect();
    was.sort_unstable();
    assert_eq!(was, ["changed", "created"]);
    let path = format!("/people/{}/lift-holds", ids["00"]);
    let lifted = send(&admin, "POST", &path, None).await.expect(200).body;
    assert_eq!(lifted, json!({"units": ["title"], "records": []}));
    send(&admin, "POST", &path, None).await.expect(404);
    let cause = "SELECT DISTINCT cause_kind || ' ' || cause_id AS line FROM journal WHERE action = 'user.deleted'";
    assert_eq!(hr.rows(cause), [format!("undo {}", run.id)]);
}

#[actix_web::test]
async fn a_pull_is_asked_for_and_a_push_connection_has_none() {
    let (hr, admin) = firm().await;
    hr.pull().await;
    assert_eq!(hr.scheduler.tick().await.unwrap(), 0, "not due");
    let path = format!("/connections/{}/sync", hr.connection);
    let asked = send(&admin, "POST", &path, None).await.expect(202).body;
    let runs = asked["runs"].as_str().unwrap();
    hr.later(1);
    assert_eq!(hr.scheduler.tick().await.unwrap(), 1);
    let listed = admin
        .raw("GET", runs, "application/json", Vec::new())
        .await
        .expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
    let push =
        hr.rows("SELECT id AS line FROM connections WHERE kind = 'scim' ORDER BY id LIMIT 1");
    let path = format!("/connections/{}/sync", push[0]);
    assert_eq!(
        send(&admin, "POST", &path, None).await.expect(409).body["code"],
        "not-now"
    );
}

impl Hr {
    /// A pull whose plan waits: its id.
    async fn pull_and_wait(&self) -> String {
        let run = self.report(rosterd::sync::Kind::Manual).await.run;
        assert_eq!(run.state, "waiting", "{run:?}");
        run.id
    }
}
