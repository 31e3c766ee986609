//! What becomes of parked losses: returns, other spellings, groups, limits, announcements, many at once.

use std::sync::Arc;

use chrono::NaiveDate;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::chance::SystemChance;
use rosterd::domain::clock::{Clock, ManualClock};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::scim::schema::Registry;
use rosterd::service::users::Target;
use rosterd::service::{Service, Source};
use rosterd::storage::store::{Options, Store};
use serde_json::json;

use super::world::{Way, World, document};
use crate::leaving::firm::HOUR;
use crate::support::GROUP;

/// Forty people of whom five were unassigned within the limit.
async fn tripped(preset: Preset) -> World {
    let w = World::of(40, preset).await;
    w.unassign(Way::Entra2020, 0..5).await;
    assert_eq!(w.inside(), 35);
    w
}

#[actix_web::test]
async fn every_spelling_of_a_loss_is_parked_beyond_the_limit() {
    let w = tripped(Preset::Generic).await;
    let ways = [
        Way::Entra,
        Way::Entra2020,
        Way::OktaOin,
        Way::OktaAiw,
        Way::Delete,
    ];
    for (n, way) in (10..).zip(ways) {
        let answer = w.unassign(way, [n]).await.pop().unwrap();
        assert!(answer.status < 300, "{way:?}: {}", answer.text);
        let (state, reason) = match way {
            Way::Delete => ("ended", "waiting deleted-by-source"),
            _ => ("parked", "waiting deactivated-by-source"),
        };
        assert_eq!(w.parked_of(n), [reason], "{way:?}");
        assert_eq!(w.claim_of(n), state, "{way:?}");
        assert!(w.access(n).starts_with("granted/"), "{way:?}");
    }
    // A value object with a dotted key, and Bulk.
    let path = format!("/Users/{}", w.ids[20]);
    let op = json!([{"op": "Replace", "value": {"active": "false", "name.givenName": "Ann", "nickName": "Annie"}}]);
    let answer = w.idp.patch(&path, op).await.expect(200);
    assert_eq!(answer.body["active"], json!(false));
    let operations: Vec<_> = (21..25)
        .map(|n| json!({"method": "DELETE", "path": format!("/Users/{}", w.ids[n])}))
        .chain((25..28).map(|n| {
            json!({"method": "PATCH", "path": format!("/Users/{}", w.ids[n]), "data": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "active", "value": false}]}})
        }))
        .collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let answer = w.idp.post("/Bulk", bulk).await.expect(200);
    for operation in answer.body["Operations"].as_array().unwrap() {
        let status = operation["status"].as_str().unwrap();
        assert!(["200", "204"].contains(&status), "{operation}");
    }
    assert_eq!(w.inside(), 35);
    assert_eq!(w.waiting().await, 5 + 1 + 7);
    // Everything else of a write is in force.
    let seen = w.admin.get(&path).await;
    let seen = match seen.status {
        200 => seen.body,
        _ => {
            w.firm
                .app
                .role(&w.firm.app.tenant, Role::App)
                .await
                .get(&path)
                .await
                .expect(200)
                .body
        }
    };
    assert_eq!(seen["nickName"], json!("Annie"));
    assert_eq!(seen["active"], json!(true), "the app lets her in");
    w.is_proved().await;
}

#[actix_web::test]
async fn activating_again_cleans_and_what_was_dropped_asks_again_only_then() {
    let w = tripped(Preset::Okta).await;
    w.unassign(Way::OktaOin, 10..13).await;
    let body = json!({"people": [w.ids[11]]});
    let done = w.api("POST", "/parked/drop", Some(body.clone())).await;
    assert_eq!(done.expect(200).body["people"], json!(1));
    w.api("POST", "/parked/drop", Some(body)).await.expect(404);
    assert_eq!(w.parked_of(11), ["dropped deactivated-by-source"]);
    // The provider says the same each cycle: nobody is asked again.
    let path = format!("/Users/{}", w.ids[11]);
    for _ in 0..3 {
        w.firm.later(HOUR);
        let put = w.idp.put(&path, document(11, false)).await.expect(200);
        assert_eq!(put.body["active"], json!(false));
    }
    assert_eq!(w.parked_of(11), ["dropped deactivated-by-source"]);
    assert!(w.access(11).starts_with("granted/"));
    for n in [10, 11] {
        let answer = w.set_active(n, true).await.expect(200);
        assert_eq!(answer.body["active"], json!(true));
        assert_eq!((w.parked_of(n), w.claim_of(n)), (vec![], "live".to_owned()));
        assert!(w.access(n).starts_with("granted/"));
    }
    // It is a new loss now, and within the limit of this hour.
    w.set_active(11, false).await.expect(200);
    assert_eq!(w.access(11), "revoked/deactivated-by-source");
    // Who waited all the time waits on, though there is room.
    assert_eq!(w.parked_of(12), ["waiting deactivated-by-source"]);
    w.idp
        .delete(&format!("/Users/{}", w.ids[12]))
        .await
        .expect(204);
    assert_eq!(w.parked_of(12), ["waiting deleted-by-source"]);
    assert!(w.access(12).starts_with("granted/"));
    w.is_proved().await;
}

#[actix_web::test]
async fn what_a_delete_names_is_free_and_the_person_is_found_again() {
    let w = tripped(Preset::Entra).await;
    let members = json!([{"value": w.ids[10]}, {"value": w.ids[11]}]);
    let group = json!({"schemas": [GROUP], "displayName": "Sales", "members": members});
    let group = w.idp.post("/Groups", group).await.expect(201).id();
    w.unassign(Way::Delete, [10, 11]).await;
    let read = w.idp.get(&format!("/Groups/{group}")).await.expect(200);
    assert!(
        read.body["members"].as_array().is_none_or(Vec::is_empty),
        "{}",
        read.text
    );
    let members = w.firm.lines("SELECT user_id AS line FROM memberships");
    assert_eq!(members.len(), 2, "who keeps her access keeps her groups");
    // The same person is created again: she is the one whom it deleted, and in no group of its own.
    let again = w.idp.post("/Users", document(10, true)).await.expect(201);
    assert_eq!(again.id(), w.ids[10]);
    assert_eq!(
        (w.parked_of(10), w.claim_of(10)),
        (vec![], "live".to_owned())
    );
    assert!(w.access(10).starts_with("granted/"));
    let read = w.idp.get(&format!("/Groups/{group}")).await.expect(200);
    assert!(
        read.body["members"].as_array().is_none_or(Vec::is_empty),
        "{}",
        read.text
    );
    // Released, the other one leaves the groups that the connection manages.
    w.api(
        "POST",
        "/parked/release",
        Some(json!({"connection": w.connection})),
    )
    .await
    .expect(200);
    assert_eq!(w.access(11), "revoked/deleted-by-source");
    assert_eq!(
        w.firm.lines("SELECT user_id AS line FROM memberships"),
        [""; 0]
    );
    w.is_proved().await;
}

#[actix_web::test]
async fn twenty_deletes_at_once_do_not_slip_past_the_limit() {
    let w = World::of(40, Preset::Generic).await;
    w.unassign_at_once(Way::Delete, 0..20).await;
    assert_eq!(w.inside(), 35);
    assert_eq!(w.waiting().await, 15);
    w.is_proved().await;
}

#[actix_web::test]
async fn two_processes_at_once_do_not_slip_past_the_limit_either() {
    let w = World::of(40, Preset::Generic).await;
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&w.firm.clock);
    let options = Options::new(w.firm.app.database.url.clone());
    let store = Store::open(&options, clock, Arc::new(SystemChance)).unwrap();
    let registry = Arc::new(Registry::builtin().unwrap());
    let other = Service::new(Arc::new(store), registry);
    let source = Source {
        id: w.connection.clone(),
        policy: JoinerPolicy::Grant,
    };
    let there = w.ids[10..20].iter().map(|id| {
        let (other, source, caller) = (other.clone(), source.clone(), w.firm.app.tenant.clone());
        let target = Target {
            id: id.clone(),
            if_match: None,
            if_none_match: None,
        };
        async move { other.delete_user(&caller, &source, target).await.unwrap() }
    });
    let there = futures_util::future::join_all(there);
    futures_util::future::join(w.unassign_at_once(Way::Delete, 0..10), there).await;
    assert_eq!(w.inside(), 35);
    assert_eq!(w.waiting().await, 15);
    w.is_proved().await;
}

#[actix_web::test]
async fn limits_are_settings_and_announced_leavers_pass() {
    let w = World::of(40, Preset::Generic).await;
    let path = format!("/connections/{}", w.connection);
    let shown = w.api("GET", &path, None).await.expect(200).body;
    assert_eq!(shown["guard"], json!({"maxLeavers": 5, "maxPercent": 10}));
    let body = json!({"guard": {"maxLeavers": 2, "maxPercent": 0}});
    let shown = w.api("PATCH", &path, Some(body)).await.expect(200).body;
    assert_eq!(shown["guard"], json!({"maxLeavers": 2, "maxPercent": 0}));
    for wrong in [
        json!({"guard": {"maxPercent": 101}}),
        json!({"zone": "Europe/Paris"}),
        json!({"schedule": {"everyMinutes": 60}}),
    ] {
        w.api("PATCH", &path, Some(wrong)).await.expect(400);
    }
    w.unassign(Way::OktaOin, 0..4).await;
    assert_eq!(w.inside(), 38);
    let until = NaiveDate::from_ymd_opt(2026, 6, 20).unwrap().to_string();
    w.firm.later(1);
    let body = json!({"people": 3, "until": until});
    let announced = format!("{path}/announcement");
    w.api("PUT", &announced, Some(body)).await.expect(200);
    let shown = w.api("GET", &path, None).await.expect(200).body;
    assert_eq!(shown["announced"]["people"], json!(3));
    assert_eq!(shown["parked"], json!(2));
    // Of ten more three pass; those parked before stay so.
    w.firm.later(1);
    w.unassign(Way::OktaOin, 10..20).await;
    assert_eq!(w.inside(), 35);
    // In the next hour they are used up.
    w.firm.later(2 * HOUR);
    w.unassign(Way::OktaOin, 20..25).await;
    assert_eq!(w.inside(), 33);
    w.api("DELETE", &announced, None).await.expect(204);
    w.api("DELETE", &announced, None).await.expect(404);
}

#[actix_web::test]
async fn a_connection_of_another_tenant_has_a_window_of_its_own() {
    let w = tripped(Preset::Okta).await;
    let other = w.firm.app.tenant("other").await;
    let (preset, policy) = (Preset::Okta, JoinerPolicy::Grant);
    let idp = w.firm.app.source_of(&other, preset, policy).await;
    let id = idp.post("/Users", document(1, true)).await.expect(201).id();
    let op = json!([{"op": "replace", "value": {"active": false}}]);
    idp.patch(&format!("/Users/{id}"), op).await.expect(200);
    assert_eq!(w.firm.access(&id), "revoked/deactivated-by-source");
    let beside = w.firm.app.source(preset).await;
    let id = beside
        .post("/Users", document(900, true))
        .await
        .expect(201)
        .id();
    let op = json!([{"op": "replace", "value": {"active": false}}]);
    beside.patch(&format!("/Users/{id}"), op).await.expect(200);
    assert_eq!(w.firm.access(&id), "revoked/deactivated-by-source");
}
