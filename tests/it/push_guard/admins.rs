//! Break-glass admins, and *revoke now* on both sides.

use futures_util::StreamExt;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::Caller;
use serde_json::json;

use super::world::{World, document, send};
use crate::leaving::firm::{Firm, HOUR, MINUTE};
use crate::support::{Client, GROUP};

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
        w.firm.lines("SELECT state AS line FROM parked_losses"),
        ["spared"]
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
    assert_eq!(w.access(0), "revoked/deleted-by-source");
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
async fn what_her_sources_said_of_a_break_glass_admin_counts_when_the_mark_is_gone() {
    let w = World::of(12, Preset::Entra).await;
    let operator = operator(&w.firm).await;
    for n in [0, 1] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "PUT", &mark, None).await.expect(204);
    }
    w.set_active(0, false).await.expect(200);
    assert!(w.access(0).starts_with("granted/"));
    let mark = format!("/people/{}/break-glass", w.ids[0]);
    send(&operator, "DELETE", &mark, None).await.expect(204);
    assert_eq!(w.access(0), "revoked/deactivated-by-source");
    // What was taken back counts no more.
    w.set_active(1, false).await.expect(200);
    w.set_active(1, true).await.expect(200);
    for (verb, n) in [("PUT", 2), ("DELETE", 1)] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, verb, &mark, None).await.expect(204);
    }
    assert!(w.access(1).starts_with("granted/"));
    w.is_proved().await;
}

#[actix_web::test]
async fn what_waited_against_her_counts_when_the_mark_is_gone_and_what_was_dropped_does_not() {
    let w = World::of(40, Preset::Okta).await;
    let operator = operator(&w.firm).await;
    for n in 10..16 {
        w.set_active(n, false).await.expect(200);
    }
    let deleted = format!("/Users/{}", w.ids[0]);
    w.idp.delete(&deleted).await.expect(204);
    w.set_active(1, false).await.expect(200);
    assert_eq!(w.waiting().await, 3);
    let body = json!({"people": [w.ids[1]]});
    w.api("POST", "/parked/drop", Some(body)).await.expect(200);
    for n in [0, 1, 2] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "PUT", &mark, None).await.expect(204);
    }
    assert_eq!(w.waiting().await, 1);
    for n in [0, 1] {
        assert!(w.access(n).starts_with("granted/"));
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "DELETE", &mark, None).await.expect(204);
    }
    assert_eq!(w.access(0), "revoked/deleted-by-source");
    assert!(w.access(1).starts_with("granted/"));
    w.is_proved().await;
}

#[actix_web::test]
async fn whom_a_provider_had_deleted_leaves_its_groups_when_the_mark_takes_her_access_with_it() {
    let w = World::of(40, Preset::Okta).await;
    let operator = operator(&w.firm).await;
    for n in 10..15 {
        w.set_active(n, false).await.expect(200);
    }
    // More groups than one operation may change, and one of somebody else's.
    let both = json!([{"value": w.ids[0]}, {"value": w.ids[1]}]);
    let posts = (0..201).map(|n| {
        let name = format!("G{n:03}");
        let body = json!({"schemas": [GROUP], "displayName": name, "members": both.clone()});
        let idp = w.idp.clone();
        async move { idp.post("/Groups", body).await.expect(201).id() }
    });
    let groups: Vec<String> = futures_util::stream::iter(posts)
        .buffered(16)
        .collect()
        .await;
    let entra = w.firm.app.source(Preset::Entra).await;
    let body = json!({"schemas": [GROUP], "displayName": "Other", "members": both});
    let other = entra.post("/Groups", body).await.expect(201).id();
    for n in [0, 1] {
        let path = format!("/Users/{}", w.ids[n]);
        w.idp.delete(&path).await.expect(204);
    }
    assert_eq!(w.waiting().await, 2);
    let body = json!({"people": [w.ids[1]]});
    w.api("POST", "/parked/drop", Some(body)).await.expect(200);
    let members = |n: usize| {
        w.firm.lines(&format!(
            "SELECT m.group_id AS line FROM memberships m JOIN \"groups\" g ON g.tenant = m.tenant AND g.id = m.group_id \
             AND g.generation = m.generation WHERE m.user_id = '{}' ORDER BY 1",
            w.ids[n]
        ))
    };
    for n in [0, 1, 2] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "PUT", &mark, None).await.expect(204);
    }
    assert_eq!(members(0).len(), 202, "she keeps them with her access");
    for n in [0, 1] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, "DELETE", &mark, None).await.expect(204);
    }
    assert_eq!(w.access(0), "revoked/deleted-by-source");
    assert_eq!(members(0), [other.as_str()]);
    let app = w.firm.app.role(&w.firm.app.tenant, Role::App).await;
    let seen = app.get(&format!("/Groups/{}", groups[0])).await.expect(200);
    assert_eq!(seen.body["members"].as_array().unwrap().len(), 1);
    // Who keeps her access keeps her groups.
    assert!(w.access(1).starts_with("granted/"));
    assert_eq!(members(1).len(), 202);
    w.is_proved().await;
}

#[actix_web::test]
async fn who_was_let_in_in_spite_of_her_source_is_so_after_the_mark_too() {
    let w = World::of(12, Preset::Okta).await;
    let operator = operator(&w.firm).await;
    w.set_active(0, false).await.expect(200);
    w.firm.later(MINUTE);
    let body = json!({"people": [w.ids[0]], "inSpite": true, "delivery": "app"});
    let made = w.api("POST", "/invitations", Some(body)).await.expect(200);
    let link = made.body["results"][0]["link"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", made.body));
    let token = link.rsplit('/').next().unwrap();
    let service = &w.firm.app.service;
    service.accept_invitation(token, "test").await.unwrap();
    assert!(w.access(0).starts_with("granted/"), "{}", w.access(0));
    for (verb, n) in [("PUT", 0), ("PUT", 1), ("DELETE", 0)] {
        let mark = format!("/people/{}/break-glass", w.ids[n]);
        send(&operator, verb, &mark, None).await.expect(204);
    }
    assert!(w.access(0).starts_with("granted/"), "{}", w.access(0));
    w.is_proved().await;
}

#[actix_web::test]
async fn what_hr_said_of_a_break_glass_admin_counts_when_the_mark_is_gone() {
    let firm = Firm::of(40, JoinerPolicy::Grant).await;
    let operator = operator(&firm).await;
    for n in 0..3 {
        let id = firm.user(&crate::leaving::firm::id(n));
        let mark = format!("/people/{id}/break-glass");
        send(&operator, "PUT", &mark, None).await.expect(204);
    }
    firm.later(HOUR);
    firm.leave([0]);
    firm.delete(&crate::leaving::firm::id(1));
    for _ in 0..3 {
        firm.pull().await;
        firm.later(2 * HOUR);
    }
    assert_eq!(firm.inside().len(), 40);
    assert_eq!(firm.held(), [""; 0], "nobody is asked in vain");
    for (n, stands) in [(0, "revoked/left"), (1, "revoked/absent-from-source")] {
        let id = firm.user(&crate::leaving::firm::id(n));
        let mark = format!("/people/{id}/break-glass");
        send(&operator, "DELETE", &mark, None).await.expect(204);
        assert_eq!(firm.access(&id), stands);
    }
    assert_eq!(firm.app.verify().await.faults, []);
}

#[actix_web::test]
async fn no_undo_takes_access_from_a_break_glass_admin() {
    let w = World::of(12, Preset::Okta).await;
    let operator = operator(&w.firm).await;
    w.set_active(0, false).await.expect(200);
    w.firm.later(30 * MINUTE);
    w.set_active(0, true).await.expect(200);
    let session = w.sessions().await.remove(0);
    let mark = format!("/people/{}/break-glass", w.ids[0]);
    send(&operator, "PUT", &mark, None).await.expect(204);
    let path = format!("/sessions/{}/undo", session["id"].as_str().unwrap());
    w.api("POST", &path, None).await.expect(200);
    assert_eq!(w.access(0), "granted/returned");
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
