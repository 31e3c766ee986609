//! The code by which the app learns who accepted.

use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::service::Caller;
use serde_json::{Value, json};

use super::{Scene, Visit};
use crate::support::{Answer, Client};

const WELCOME: &str = "https://app.example.com/welcome?from=invite";

impl Scene {
    /// Accepts an invitation of somebody new; answers the code and her id.
    async fn code(&self, name: &str) -> (String, String) {
        let base = self.serve_leading_to(WELCOME);
        let person = self.listed(name).await;
        let (_, link) = self.link_for(&person).await;
        let browser = Client::new(&base, "").anonymous();
        let done = Visit::open_as(&browser, &link)
            .await
            .press("accept")
            .await
            .expect(303);
        let to = done.header("location").unwrap();
        let rest = to
            .strip_prefix(WELCOME)
            .unwrap()
            .strip_prefix("&code=")
            .unwrap();
        let (code, tenant) = rest.split_once("&tenant=").unwrap();
        assert_eq!(tenant, self.app.tenant.tenant.as_str());
        assert_eq!(done.header("referrer-policy"), Some("no-referrer"));
        (code.to_owned(), person)
    }

    async fn exchange(&self, client: &Client, code: &str) -> Answer {
        self.send(
            client,
            "POST",
            "/api/v1/handoff",
            Some(json!({"code": code})),
        )
        .await
    }
}

#[actix_web::test]
async fn a_code_tells_the_app_once_who_she_is() {
    let s = Scene::start().await;
    let (code, person) = s.code("ann@x.test").await;
    let who = s.exchange(&s.me, &code).await.expect(200).body;
    assert_eq!(who["person"], person.as_str());
    assert_eq!(who["tenant"], s.app.tenant.tenant.as_str());
    assert_eq!(who["tenantName"], "default");
    assert_eq!(
        (&who["access"], &who["hasAccess"]),
        (&json!("granted"), &json!(true))
    );
    assert_eq!(who["user"]["userName"], "ann@x.test");
    assert_eq!(who["appUserId"], Value::Null);
    s.exchange(&s.me, &code).await.expect(404);
    assert_eq!(s.rows("SELECT id AS line FROM handoffs"), [""; 0]);
    s.check().await;
}

#[actix_web::test]
async fn a_code_works_for_two_minutes_for_its_tenant_and_for_whoever_still_has_access() {
    let s = Scene::start().await;
    let (late, _) = s.code("late@x.test").await;
    s.clock.set(rosterd::domain::clock::Millis(
        rosterd::domain::clock::Clock::now(s.clock.as_ref()).0 + 120_000,
    ));
    s.exchange(&s.me, &late).await.expect(404);
    let (code, person) = s.code("ann@x.test").await;
    let other = s.app.tenant("other").await;
    let stranger = s.app.role(&other, Role::App).await;
    s.exchange(&stranger, &code).await.expect(404);
    for (role, status) in [(Role::Auditor, 403), (Role::TenantAdmin, 403)] {
        let client = s.app.role(&s.app.tenant, role).await;
        s.exchange(&client, &code).await.expect(status);
    }
    // An operator's app of many tenants takes it, and a stranger spoiled nothing.
    let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    let operator = s.app.role(&operator, Role::Operator).await;
    let who = s.exchange(&operator, &code).await.expect(200).body;
    assert_eq!(who["person"], person.as_str());
    let (code, person) = s.code("bo@x.test").await;
    let path = format!("/people/{person}/revoke");
    s.send(&s.admin, "POST", &path, None).await.expect(200);
    s.exchange(&s.me, &code).await.expect(404);
    for wrong in [
        "",
        "x",
        "AAAA",
        &code[1..],
        &format!("{code}A"),
        &"x".repeat(3_000),
    ] {
        let answer = s.exchange(&s.me, wrong).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{wrong}: {}",
            answer.text
        );
    }
}
