//! Break-glass admins, and *revoke now* on both sides.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::Caller;
use serde_json::json;

use super::world::{World, document, send};
use crate::leaving::firm::{Firm, HOUR};
use crate::support::Client;

async fn operator(firm: &Firm) -> Client {
    let home = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    firm.app.role(&home, Role::Operator).await
}

#[actix_web::test]
async fn no_source_removes_a_break_glass_admin_or_takes_her_over() {
    let w = World::of(12, Preset::Okta).await;
    let operator = operator(&w.firm).await;
    let (path, boss) = (format!("/Users/{}", w.ids[0]), w.ids[0].clone());
    let mark = format!("/people/{boss}/break-glass");
    w.api("PUT", &mark, None).await.expect(403);
    send(&operator, "PUT", &mark, None).await.expect(204);
    send(&operator, "PUT", &mark, None).await.expect(204);
    // What her source writes, it reads back, and nobody else does.
    let mut body = document(0, false);
    body["userName"] = json!("thief@x.test");
    body["emails"][0]["value"] = json!("thief@x.test");
    body["displayName"] = json!("Thief");
    let put = w.idp.put(&path, body).await.expect(200);
    assert_eq!(put.body["userName"], json!("thief@x.test"));
    assert_eq!(put.body["active"], json!(false));
    assert_eq!(w.inside(), 12);
    let app = w.firm.app.role(&w.firm.app.tenant, Role::App).await;
    let seen = app.get(&path).await.expect(200).body;
    assert_eq!(seen["userName"], json!("p000@x.test"));
    assert_eq!(seen["displayName"], json!("Person 0"));
    assert_eq!(
        w.firm.lines("SELECT user_id AS line FROM parked_losses"),
        [""; 0]
    );
    w.idp.delete(&path).await.expect(204);
    assert!(w.access(0).starts_with("granted/"));
    // No human either, before the mark is gone.
    for verb in ["revoke", "remove"] {
        let path = format!("/people/{boss}/{verb}");
        w.api("POST", &path, None).await.expect(403);
    }
    let body = json!({"people": [boss]});
    let done = w
        .api("POST", "/people:revoke-now", Some(body))
        .await
        .expect(200)
        .body;
    assert!(done["people"][0]["refused"].is_string(), "{done}");
    assert!(w.access(0).starts_with("granted/"));
    // Never the last one while a connection lives.
    send(&operator, "DELETE", &mark, None).await.expect(403);
    let other = format!("/people/{}/break-glass", w.ids[1]);
    send(&operator, "PUT", &other, None).await.expect(204);
    send(&operator, "DELETE", &mark, None).await.expect(204);
    send(&operator, "DELETE", &mark, None).await.expect(204);
    send(&operator, "DELETE", &other, None).await.expect(403);
    // Nobody without access is one.
    w.set_active(5, false).await.expect(200);
    let none = format!("/people/{}/break-glass", w.ids[5]);
    send(&operator, "PUT", &none, None).await.expect(403);
    send(&operator, "PUT", "/people/nobody/break-glass", None)
        .await
        .expect(404);
    w.is_proved().await;
}

#[actix_web::test]
async fn a_break_glass_admin_is_her_sources_again_when_the_mark_is_gone() {
    let w = World::of(12, Preset::Entra).await;
    let operator = operator(&w.firm).await;
    for n in [0, 1] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "PUT", &mark, None).await.expect(204);
    }
    let path = format!("/Users/{}", w.ids[0]);
    let op = json!([{"op": "replace", "path": "nickName", "value": "Boss"}]);
    w.idp.patch(&path, op).await.expect(200);
    let app = w.firm.app.role(&w.firm.app.tenant, Role::App).await;
    assert!(app.get(&path).await.body.get("nickName").is_none());
    let mark = format!("/people/{}/break-glass", w.ids[0]);
    send(&operator, "DELETE", &mark, None).await.expect(204);
    assert_eq!(app.get(&path).await.body["nickName"], json!("Boss"));
    w.is_proved().await;
}

#[actix_web::test]
async fn revoke_now_settles_what_waits_on_either_side() {
    let firm = crate::leaving::firm::waiting().await;
    let held = firm.user("p050");
    let okta = firm
        .app
        .source_of(&firm.app.tenant, Preset::Okta, JoinerPolicy::Grant)
        .await;
    let mut ids = Vec::new();
    for n in 60..90 {
        let id = firm.user(&format!("p{n:03}"));
        let path = format!("/Users/{id}");
        okta.put(&path, document(n, true)).await.expect(200);
        ids.push(id);
    }
    firm.later(2 * HOUR);
    for id in &ids[..6] {
        let op = json!([{"op": "replace", "value": {"active": false}}]);
        okta.patch(&format!("/Users/{id}"), op).await.expect(200);
    }
    let parked = ids[5].clone();
    assert!(firm.access(&parked).starts_with("granted/"));
    let admin = firm.app.role(&firm.app.tenant, Role::TenantAdmin).await;
    let body = json!({"people": [held, parked, "nobody"]});
    let done = send(&admin, "POST", "/people:revoke-now", Some(body)).await;
    let done = done.expect(200).body;
    assert_eq!(done["people"][0]["access"], json!("revoked"));
    assert_eq!(done["people"][1]["access"], json!("revoked"));
    assert!(done["people"][2]["refused"].is_string());
    assert_eq!(firm.held(), [""; 0]);
    assert_eq!(
        firm.lines("SELECT user_id AS line FROM parked_losses"),
        [""; 0]
    );
    // No source gives it back, and nothing waits again.
    let op = json!([{"op": "replace", "value": {"active": true}}]);
    okta.patch(&format!("/Users/{parked}"), op)
        .await
        .expect(200);
    firm.pull().await;
    for id in [&held, &parked] {
        assert_eq!(firm.access(id), "revoked/revoked-by-human");
    }
    assert_eq!(firm.held(), [""; 0]);
    for wrong in [json!({"people": []}), json!({"people": vec!["x"; 501]})] {
        send(&admin, "POST", "/people:revoke-now", Some(wrong))
            .await
            .expect(400);
    }
}
