//! What people are given: declared once by the operator, checked when they are invited, theirs when they accept.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::service::Caller;
use rosterd::service::invitations::GIVEN;
use serde_json::{Value, json};

use super::Scene;
use super::leavers::record;
use crate::support::Client;

impl Scene {
    async fn operator(&self) -> Client {
        let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
        self.app.role(&operator, Role::Operator).await
    }

    async fn declare(&self, declaration: Value) -> crate::support::Answer {
        let operator = self.operator().await;
        let path = "/api/v1/invite-attributes";
        self.send(&operator, "PUT", path, Some(declaration)).await
    }

    async fn user(&self, id: &str) -> Value {
        self.me.get(&format!("/Users/{id}")).await.expect(200).body
    }
}

fn roles(user: Value) -> Vec<String> {
    let all = user["roles"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|r| r["value"].as_str().unwrap().to_owned())
        .collect()
}

fn declaration() -> Value {
    json!({
        "roles": [
            {"value": "reader", "label": {"en": "Reader", "fr": "Lecture"}, "default": true},
            {"value": "editor", "label": {"en": "Editor"}},
            {"value": "owner", "label": {"en": "Owner"}, "elevated": true},
            {"value": "lead", "label": {"en": "Lead"}, "elevated": true, "fromSources": true},
        ],
        "entities": [{"value": "fr", "label": {"en": "France"}}],
        "fields": [
            {"name": "desk", "label": {"en": "Desk"}, "type": "integer"},
            {"name": "tier", "label": {"en": "Tier"}, "type": "choice", "options": ["a", "b"], "default": "a"},
            {"name": "centre", "label": {"en": "Cost centre"}, "type": "text", "fromSources": true},
            {"name": "secretary", "label": {"en": "Secretary"}, "type": "boolean", "setBy": ["operator"]},
        ],
    })
}

#[actix_web::test]
async fn what_is_given_is_hers_once_she_accepts_and_the_journal_tells_it() {
    let s = Scene::start().await;
    s.declare(declaration()).await.expect(200);
    let seen = s
        .send(&s.admin, "GET", "/api/v1/invite-attributes", None)
        .await
        .expect(200)
        .body;
    assert_eq!(seen["roles"][0]["label"]["fr"], "Lecture");
    let ann = s.listed("ann@x.test").await;
    let given = json!({"roles": ["editor", "owner"], "entity": "fr", "fields": {"desk": 7, "centre": "C1"}});
    let result = s
        .invite_with(&ann, json!({"given": given, "delivery": "app"}))
        .await;
    assert_eq!(result["invitation"]["given"], given);
    assert_eq!(
        s.user(&ann).await["roles"],
        Value::Null,
        "not before she accepts"
    );
    let token = super::token_of(&result);
    s.press(&token, "accept").await.expect(200);
    let user = s.user(&ann).await;
    let roles: Vec<&str> = user["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["value"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["editor", "owner"]);
    assert_eq!(
        user[GIVEN],
        json!({"appEntity": "fr", "desk": 7, "centre": "C1", "tier": "a"})
    );
    let filter = format!("{GIVEN}:desk eq 7 and {GIVEN}:appEntity eq \"fr\"");
    assert_eq!(s.me.filter("/Users", &filter).await.expect(200).total(), 1);
    let told = s.rows(
        "SELECT v.value AS line FROM journal j JOIN journal_values v ON v.tenant = j.tenant AND v.sequence = j.sequence \
         WHERE j.action = 'invitation.created' ORDER BY v.ordinal",
    );
    assert!(told.iter().any(|v| v.contains("editor")), "{told:?}");
    // It outlives what the source says of her next, and the source reads back what it wrote.
    let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    let read = s
        .okta
        .patch(&format!("/Users/{ann}"), title)
        .await
        .expect(200)
        .body;
    assert_eq!(read["title"], "Boss");
    let user = s.user(&ann).await;
    assert_eq!(
        (&user["title"], &user[GIVEN]["desk"]),
        (&json!("Boss"), &json!(7))
    );
    // What the operator opened to sources they say; what she did not they cannot.
    let write = json!([{"op": "add", "value": {GIVEN: {"centre": "C2", "desk": 9}}}]);
    let written = s.okta.patch(&format!("/Users/{ann}"), write).await;
    assert!(matches!(written.status, 200 | 400), "{}", written.text);
    let user = s.user(&ann).await;
    assert_eq!(user[GIVEN]["desk"], 7);
    s.check().await;
}

#[actix_web::test]
async fn an_elevated_role_no_source_gives_unless_it_is_open_to_sources() {
    let s = Scene::start().await;
    s.declare(declaration()).await.expect(200);
    let mut ann = crate::support::person("ann@x.test");
    ann["roles"] = json!([{"value": "owner"}, {"value": "lead"}, {"value": "editor"}]);
    let made = s.okta.post("/Users", ann.clone()).await.expect(201);
    assert_eq!(
        made.body["roles"].as_array().unwrap().len(),
        3,
        "it reads back what it wrote"
    );
    let id = made.id();
    assert_eq!(roles(s.user(&id).await), ["lead", "editor"]);
    let only = json!([{"op": "replace", "path": "roles", "value": [{"value": "owner"}]}]);
    s.okta
        .patch(&format!("/Users/{id}"), only)
        .await
        .expect(200);
    assert_eq!(roles(s.user(&id).await), [""; 0]);
    let read = s.okta.get(&format!("/Users/{id}")).await.expect(200).body;
    assert_eq!(roles(read), ["owner"]);
    // A human gives it, and it is not the source's to take.
    let result = s
        .invite_with(
            &id,
            json!({"given": {"roles": ["owner"]}, "delivery": "app"}),
        )
        .await;
    s.press(&super::token_of(&result), "accept")
        .await
        .expect(200);
    assert_eq!(roles(s.user(&id).await), ["owner"]);
    // She leaves and returns soon: without it.
    let active = |on: bool| json!([{"op": "replace", "path": "active", "value": on}]);
    s.okta
        .patch(&format!("/Users/{id}"), active(false))
        .await
        .expect(200);
    s.days_later(3);
    s.okta
        .patch(&format!("/Users/{id}"), active(true))
        .await
        .expect(200);
    assert_eq!(s.access(&id).await, "granted/returned");
    assert_eq!(roles(s.user(&id).await), [""; 0]);
    s.check().await;
}

#[actix_web::test]
async fn what_an_earlier_invitation_elevated_does_not_come_back_with_a_later_one() {
    let s = Scene::start().await;
    s.declare(declaration()).await.expect(200);
    let ann = s.listed("ann@x.test").await;
    let invite = async |role: &str| {
        let given = json!({"given": {"roles": [role]}, "delivery": "app", "inSpite": true});
        let result = s.invite_with(&ann, given).await;
        s.press(&super::token_of(&result), "accept")
            .await
            .expect(200);
        roles(s.user(&ann).await)
    };
    assert_eq!(invite("owner").await, ["owner"]);
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    s.okta
        .patch(&format!("/Users/{ann}"), off)
        .await
        .expect(200);
    assert_eq!(s.access(&ann).await, "revoked/deactivated-by-source");
    assert_eq!(invite("editor").await, ["editor"]);
    s.check().await;
}

#[actix_web::test]
async fn what_was_elevated_does_not_come_back_by_signing_in() {
    let s = Scene::start().await;
    s.declare(declaration()).await.expect(200);
    let hr = s.hr(JoinerPolicy::List).await;
    let works = record("7", "ann@x.test", EmploymentState::Employed);
    let ann = s.pull(&hr, works).await.unwrap();
    let given = json!({"given": {"roles": ["editor", "owner"]}, "delivery": "app"});
    let result = s.invite_with(&ann, given).await;
    s.press(&super::token_of(&result), "accept")
        .await
        .expect(200);
    for act in ["revoke", "reinstate"] {
        let path = format!("/people/{ann}/{act}");
        s.send(&s.admin, "POST", &path, None).await.expect(200);
    }
    assert_eq!(s.access(&ann).await, "listed/reinstated");
    assert_eq!(roles(s.user(&ann).await), ["editor", "owner"]);
    let on = json!({"justInTime": true});
    s.send(&s.admin, "PATCH", "/settings", Some(on))
        .await
        .expect(200);
    let before = s.entries("user.updated");
    let body = json!({"email": "ann@x.test"});
    let answer = s.send(&s.admin, "POST", "/sign-ins", Some(body)).await;
    assert_eq!(answer.expect(200).body["answer"], "grant");
    assert_eq!(s.access(&ann).await, "granted/granted-at-sign-in");
    assert_eq!(roles(s.user(&ann).await), ["editor"]);
    // The entry names the source that brought her, as for what a human decides.
    assert_eq!(s.entries("user.updated"), before + 1);
    let named = "SELECT COALESCE(object_id, '') AS line FROM journal WHERE action = 'user.updated' ORDER BY sequence";
    assert_eq!(s.rows(named).pop().unwrap(), hr.source.id);
    s.check().await;
}

#[actix_web::test]
async fn a_declaration_is_the_operators_and_its_types_stay() {
    let s = Scene::start().await;
    let path = "/api/v1/invite-attributes";
    for client in [&s.admin, &s.me] {
        s.send(client, "PUT", path, Some(declaration()))
            .await
            .expect(403);
    }
    s.declare(declaration()).await.expect(200);
    let entries = s.entries("invite_attributes.declared");
    s.declare(declaration()).await.expect(200);
    assert_eq!(
        s.entries("invite_attributes.declared"),
        entries,
        "the same again is nothing"
    );
    let mut other = declaration();
    other["fields"][0]["type"] = json!("text");
    let refused = s.declare(other).await.expect(400);
    assert!(refused.text.contains("desk"), "{}", refused.text);
    // A field that is left out is offered no more; what people have of it stays.
    let ann = s.listed("ann@x.test").await;
    let result = s
        .invite_with(
            &ann,
            json!({"given": {"fields": {"desk": 7}}, "delivery": "app"}),
        )
        .await;
    s.press(&super::token_of(&result), "accept")
        .await
        .expect(200);
    let mut fewer = declaration();
    fewer["fields"] =
        json!([{"name": "floor", "label": {"en": "Floor"}, "type": "integer", "required": true}]);
    s.declare(fewer).await.expect(200);
    assert_eq!(s.user(&ann).await[GIVEN]["desk"], 7);
    let bo = s.listed("bo@x.test").await;
    for (given, status) in [
        (json!({"fields": {"desk": 7, "floor": 1}}), 400),
        (json!({}), 400),
        (json!({"fields": {"floor": 1}}), 200),
    ] {
        let body = json!({"people": [bo], "given": given});
        let answer = s.send(&s.admin, "POST", "/invitations", Some(body)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    // Who may give what.
    s.declare(declaration()).await.expect(200);
    let cleo = s.listed("cleo@x.test").await;
    let body = || Some(json!({"people": [cleo], "given": {"fields": {"secretary": true}}}));
    s.send(&s.admin, "POST", "/invitations", body())
        .await
        .expect(403);
    let operator = s.operator().await;
    s.send(&operator, "POST", "/invitations", body())
        .await
        .expect(200);
    s.check().await;
}
