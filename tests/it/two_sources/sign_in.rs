//! Access by signing in: only where the tenant wants it, and only who is listed and works.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::{Left, OnLeave, Prehire, Unknown};
use serde_json::json;

use super::{Desk, desk, employee, in_state};

async fn sign_in(desk: &Desk, email: &str) -> String {
    let body = json!({"email": email});
    let answer = desk.api("POST", "sign-ins", Some(body)).await.expect(200);
    answer.body["answer"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn signing_in_lets_in_who_is_listed_and_works_and_nobody_else() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let states = [
        ("works", None),
        ("leave", Some(OnLeave)),
        ("later", Some(Prehire)),
        ("who", Some(Unknown)),
    ];
    for (name, state) in states {
        let person = employee(name, &format!("{name}@x.test"), "Legal");
        desk.pull(&hr, &[person.clone()]).await;
        if let Some(state) = state {
            desk.pull(&hr, &[in_state(&person, state)]).await;
        }
    }
    let left = employee("left", "left@x.test", "Legal");
    desk.pull(&hr, &[left.clone()]).await;
    desk.pull(&hr, &[in_state(&left, Left)]).await;
    let outside = employee("outside", "outside@y.test", "Legal");
    let removed = employee("removed", "removed@x.test", "Legal");
    desk.pull(&hr, &[outside, removed]).await;
    let sticky = desk.person(&hr, "removed");
    desk.api("POST", &format!("people/{sticky}/remove"), None)
        .await
        .expect(200);
    // Listed by an identity provider alone, active and not.
    let lister = desk.w.lister().await;
    let entries = desk.w.app.verify().await.entries;
    for name in ["works", "leave", "later", "left", "who", "removed"] {
        assert_eq!(
            sign_in(&desk, &format!("{name}@x.test")).await,
            "not-invited",
            "{name}"
        );
    }
    assert_eq!(desk.w.app.verify().await.entries, entries, "off at first");
    let on = json!({"justInTime": true, "verifiedDomains": ["x.test"]});
    let set = desk
        .api("PATCH", "settings", Some(on))
        .await
        .expect(200)
        .body;
    assert_eq!(set["justInTime"], true);
    for (name, answer) in [
        ("works@x.test", "grant"),
        ("leave@x.test", "grant"),
        ("later@x.test", "not-invited"),
        ("left@x.test", "not-invited"),
        ("outside@y.test", "not-invited"),
        ("removed@x.test", "not-invited"),
        ("nobody@x.test", "not-invited"),
    ] {
        assert_eq!(sign_in(&desk, name).await, answer, "{name}");
    }
    let works = desk.person(&hr, "works");
    assert_eq!(desk.w.access(&works).await, "granted/granted-at-sign-in");
    // Where no HR system speaks, the identity provider's word counts.
    for (name, active, answer) in [("on", true, "grant"), ("off", false, "not-invited")] {
        let mut user = crate::sources::user(name, &format!("{name}@x.test"), "");
        user["active"] = json!(active);
        lister.post("/Users", user).await.expect(201);
        assert_eq!(
            sign_in(&desk, &format!("{name}@x.test")).await,
            answer,
            "{name}"
        );
    }
    // Whom HR lets go afterwards is out, and does not come back by signing in.
    desk.pull(
        &hr,
        &[in_state(&employee("works", "works@x.test", "Legal"), Left)],
    )
    .await;
    assert_eq!(sign_in(&desk, "works@x.test").await, "revoked");
    let entries = desk.w.app.verify().await.entries;
    assert_eq!(sign_in(&desk, "leave@x.test").await, "grant");
    assert_eq!(
        desk.w.app.verify().await.entries,
        entries,
        "she is in already"
    );
    desk.w.check().await;
}

#[actix_web::test]
async fn a_scope_is_tried_before_it_is_set() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::Grant).await;
    let people: Vec<_> = (0..6)
        .map(|n| {
            employee(
                &format!("h{n}"),
                &format!("p{n}@x.test"),
                if n < 4 { "Legal" } else { "Sales" },
            )
        })
        .collect();
    desk.pull(&hr, &people).await;
    let department = format!("{}:department", crate::support::ENTERPRISE);
    let path = format!("connections/{}/scope:test", hr.source.id);
    let test = async |filter: String| {
        let answer = desk
            .api("POST", &path, Some(json!({"filter": filter})))
            .await;
        answer.expect(200).body
    };
    let entries = desk.w.app.verify().await.entries;
    let some = test(format!("{department} eq \"legal\"")).await;
    assert_eq!(
        (&some["stays"], &some["drops"], &some["dropsWithAccess"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(some["warnings"], json!([]));
    assert_eq!(some["first"].as_array().unwrap().len(), 2);
    let nobody = test(format!("{department} eq \"Marketing\"")).await;
    assert_eq!(nobody["warnings"], json!(["nobody"]));
    assert_eq!(
        test("userName pr".to_owned()).await["warnings"],
        json!(["everybody"])
    );
    assert_eq!(desk.w.app.verify().await.entries, entries);
    let refused = desk
        .api("POST", &path, Some(json!({"filter": "department ~ x"})))
        .await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let entra = desk.connection("entra");
    let path = format!("connections/{entra}/scope:test");
    desk.api("POST", &path, Some(json!({"filter": "title pr"})))
        .await
        .expect(400);
}

#[actix_web::test]
async fn nobody_about_whom_a_question_is_open_signs_herself_in() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    desk.api("PATCH", "settings", Some(json!({"justInTime": true})))
        .await
        .expect(200);
    // An admin has the address: she is a question, and so is the record.
    let admin = crate::sources::user("boss", "boss@x.test", "");
    let admin = desk.w.entra.post("/Users", admin).await.expect(201).id();
    desk.w.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{admin}'"
    ));
    desk.pull(&hr, &[employee("ann", "boss@x.test", "Legal")])
        .await;
    let ann = desk.person(&hr, "ann");
    assert_eq!(desk.w.access(&ann).await, "listed/conflict");
    desk.stand(&admin, "revoked");
    let entries = desk.w.app.verify().await.entries;
    assert_ne!(sign_in(&desk, "boss@x.test").await, "grant");
    assert_eq!(desk.w.app.verify().await.entries, entries);
    assert_eq!(desk.w.access(&ann).await, "listed/conflict");
}
