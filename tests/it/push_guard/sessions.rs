//! Sessions: gathered, listed, shown, undone; the provider goes on reading what it wrote.

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::world::{Way, World, document};
use crate::leaving::firm::MINUTE;

/// What the app has for somebody.
async fn seen(w: &World, n: usize) -> Value {
    let app = w.firm.app.role(&w.firm.app.tenant, Role::App).await;
    let path = format!("/Users/{}", w.ids[n]);
    app.get(&path).await.expect(200).body
}

async fn undo(w: &World, session: &Value) -> Value {
    let path = format!("/sessions/{}/undo", session["id"].as_str().unwrap());
    w.api("POST", &path, None).await.expect(200).body
}

/// Open notices of losses that wait.
fn told(w: &World) -> Vec<String> {
    w.firm
        .lines("SELECT subject AS line FROM notices WHERE code = 'parked' AND state = 'open'")
}

#[actix_web::test]
async fn a_pause_of_ten_minutes_or_a_thousand_changes_end_a_session() {
    let w = World::of(12, Preset::Okta).await;
    assert_eq!(w.sessions().await.len(), 1, "who was brought");
    for minutes in [0, 9, 9, 10, 1] {
        w.firm.later(minutes * MINUTE);
        w.set_active(0, false).await.expect(200);
        w.set_active(0, true).await.expect(200);
    }
    // What changes nothing belongs to none.
    w.set_active(0, true).await.expect(200);
    let sessions = w.sessions().await;
    assert_eq!(sessions.len(), 3, "{sessions:?}");
    let changes: Vec<i64> = sessions
        .iter()
        .map(|s| s["changes"].as_i64().unwrap())
        .collect();
    assert_eq!(changes, [4, 6, 12]);
    assert_eq!(sessions[1]["state"], json!("done"));
    assert_eq!(sessions[0]["state"], json!("open"));
    assert_eq!(sessions[0]["connection"], json!(w.connection));
    let newest = sessions[0]["id"].as_str().unwrap();
    w.firm.sql(&format!(
        "UPDATE push_sessions SET changes = 1000 WHERE id = '{newest}'"
    ));
    w.set_active(1, false).await.expect(200);
    assert_eq!(w.sessions().await.len(), 4);
    // The journal names session and request as the cause.
    let auditor = w.firm.app.role(&w.firm.app.tenant, Role::Auditor).await;
    let events = auditor
        .filter("/AuditEvents", &format!("cause.id sw \"{newest}\""))
        .await
        .expect(200);
    assert!(events.total() > 4, "{}", events.text);
    assert!(
        events
            .resources()
            .iter()
            .all(|e| e["cause"]["kind"] == "session")
    );
    w.is_proved().await;
}

#[actix_web::test]
async fn an_undone_session_puts_everybody_back_and_the_provider_reads_what_it_wrote() {
    let w = World::of(40, Preset::Entra).await;
    let path = |n: usize| format!("/Users/{}", w.ids[n]);
    let before: Vec<Value> = [seen(&w, 0).await, seen(&w, 1).await, seen(&w, 9).await].to_vec();
    // Five lose access, two are parked, one is deleted and parked, one changed, one created.
    w.unassign(Way::Entra, 0..4).await;
    w.unassign(Way::Delete, [4]).await;
    w.unassign(Way::Entra, 5..7).await;
    w.unassign(Way::Delete, [7]).await;
    let op = json!([{"op": "replace", "path": "displayName", "value": "Somebody"}]);
    w.idp.patch(&path(9), op).await.expect(200);
    let new = w
        .idp
        .post("/Users", document(900, true))
        .await
        .expect(201)
        .id();
    assert_eq!(w.inside(), 36);
    let session = w.sessions().await.remove(0);
    assert_eq!(
        [
            &session["lostAccess"],
            &session["parked"],
            &session["changes"]
        ],
        [&json!(5), &json!(3), &json!(10)]
    );
    let id = session["id"].as_str().unwrap().to_owned();
    let changes = w.api("GET", &format!("/sessions/{id}/changes"), None).await;
    let changes = changes.expect(200).body;
    let word = |user: &str| {
        let items = changes["items"].as_array().unwrap();
        let found = items.iter().find(|c| c["person"] == user).unwrap();
        found["was"].as_str().unwrap().to_owned()
    };
    assert_eq!(word(&w.ids[0]), "changed");
    assert_eq!(word(&w.ids[4]), "left");
    assert_eq!(word(&w.ids[5]), "parked");
    assert_eq!(word(&new), "created");
    let preview = w.api("GET", &format!("/sessions/{id}/undo"), None).await;
    let preview = preview.expect(200).body;
    assert_eq!(preview["items"].as_array().unwrap().len(), 10);
    let done = undo(&w, &session).await;
    assert_eq!(done["state"], json!("undone"));
    // Everybody is in again, as before, but whom it brought: she is listed.
    assert_eq!(w.inside(), 40);
    for (n, before) in [0, 1, 9].into_iter().zip(&before) {
        let mut now = seen(&w, n).await;
        now["meta"] = before["meta"].clone();
        assert_eq!(&now, before, "{n}");
    }
    assert_eq!(w.firm.access(&new), "listed/undone");
    // The provider reads what it wrote, and has nothing to send.
    for n in [0, 3, 5, 6] {
        let read = w.idp.get(&path(n)).await.expect(200);
        assert_eq!(read.body["active"], json!(false), "{n}");
        assert_eq!(w.parked_of(n), ["dropped deactivated-by-source"], "{n}");
    }
    for n in [4, 7] {
        w.idp.get(&path(n)).await.expect(404);
    }
    // Nothing of it waits any more, and nobody is told that something did.
    assert_eq!(w.parked_of(7), ["dropped deleted-by-source"]);
    assert_eq!(told(&w), [""; 0]);
    let read = w.idp.get(&path(9)).await.expect(200);
    assert_eq!(read.body["displayName"], json!("Somebody"));
    let read = w.idp.get(&format!("/Users/{new}")).await.expect(200);
    assert_eq!(read.body["active"], json!(true));
    // Nothing of it applies again while the provider says the same ...
    w.idp
        .patch(
            &path(9),
            json!([{"op": "replace", "path": "displayName", "value": "Somebody"}]),
        )
        .await
        .expect(200);
    assert_eq!(seen(&w, 9).await["displayName"], json!("Person 9"));
    // ... and something else is in force at once.
    w.idp
        .patch(
            &path(9),
            json!([{"op": "replace", "path": "displayName", "value": "Else"}]),
        )
        .await
        .expect(200);
    assert_eq!(seen(&w, 9).await["displayName"], json!("Else"));
    w.set_active(0, true).await.expect(200);
    assert_eq!(w.parked_of(0), [""; 0]);
    w.api("POST", &format!("/sessions/{id}/undo"), None)
        .await
        .expect(409);
    w.is_proved().await;
}

#[actix_web::test]
async fn what_somebody_changed_since_stays() {
    let w = World::of(40, Preset::Okta).await;
    w.unassign(Way::OktaOin, 0..3).await;
    let session = w.sessions().await.remove(0);
    // A human decides about one, the provider itself about another.
    let body = json!({"people": [w.ids[0]]});
    w.api("POST", "/people:revoke-now", Some(body))
        .await
        .expect(200);
    w.firm.later(30 * MINUTE);
    w.set_active(1, true).await.expect(200);
    undo(&w, &session).await;
    assert_eq!(w.access(0), "revoked/revoked-by-human");
    assert_eq!(w.access(1), "granted/returned");
    assert!(w.access(2).starts_with("granted/"), "{}", w.access(2));
    let id = session["id"].as_str().unwrap();
    let told = w.api("GET", &format!("/sessions/{id}/undo"), None).await;
    let told = told.expect(200).body;
    let of = |n: usize| {
        let items = told["items"].as_array().unwrap();
        items
            .iter()
            .find(|u| u["person"] == w.ids[n])
            .unwrap()
            .clone()
    };
    assert_eq!(of(0)["isUndone"], json!(false), "{told}");
    assert_eq!(of(0)["kept"][0]["what"], json!("access"), "{told}");
    assert_eq!(of(1)["isUndone"], json!(false), "{told}");
    assert_eq!(of(1)["kept"][0]["code"], json!("later-run"), "{told}");
    assert_eq!(of(2)["isUndone"], json!(true), "{told}");
    w.is_proved().await;
}

#[actix_web::test]
async fn what_others_decided_in_between_outlives_the_undo() {
    let w = World::of(40, Preset::Okta).await;
    let entra = w.firm.app.source(Preset::Entra).await;
    let path = |n: usize| format!("/Users/{}", w.ids[n]);
    let off = || json!([{"op": "replace", "path": "active", "value": false}]);
    entra.put(&path(1), document(1, true)).await.expect(200);
    w.firm.later(30 * MINUTE);
    // A human revokes between two writes of one session.
    let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    w.idp.patch(&path(0), title).await.expect(200);
    let body = json!({"people": [w.ids[0]]});
    w.api("POST", "/people:revoke-now", Some(body))
        .await
        .expect(200);
    w.set_active(0, false).await.expect(200);
    w.set_active(1, false).await.expect(200);
    w.set_active(2, false).await.expect(200);
    let sessions = w.sessions().await;
    let session = sessions
        .iter()
        .find(|s| s["connection"] == json!(w.connection))
        .unwrap();
    // Another provider says of one that she is gone, too.
    entra.patch(&path(1), off()).await.expect(200);
    undo(&w, session).await;
    assert_eq!(w.access(0), "revoked/revoked-by-human");
    assert_eq!(w.access(1), "revoked/deactivated-by-source");
    assert!(w.access(2).starts_with("granted/"), "{}", w.access(2));
    w.is_proved().await;
}

#[actix_web::test]
async fn whom_the_provider_deleted_since_is_not_brought_back_by_an_undo() {
    let w = World::of(40, Preset::Okta).await;
    w.set_active(0, false).await.expect(200);
    w.firm.later(30 * MINUTE);
    w.unassign(Way::Delete, [0]).await;
    let sessions = w.sessions().await;
    undo(&w, &sessions[1]).await;
    assert!(w.access(0).starts_with("revoked/"), "{}", w.access(0));
    assert_eq!(w.parked_of(0), [""; 0]);
    w.is_proved().await;
}

#[actix_web::test]
async fn undoing_a_later_session_drops_no_loss_of_an_earlier_one() {
    let w = World::of(40, Preset::Okta).await;
    w.unassign(Way::OktaOin, 0..6).await;
    assert_eq!(w.parked_of(5), ["waiting deactivated-by-source"]);
    w.firm.later(30 * MINUTE);
    let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    let path = format!("/Users/{}", w.ids[5]);
    w.idp.patch(&path, title).await.expect(200);
    let session = w.sessions().await.remove(0);
    undo(&w, &session).await;
    assert_eq!(w.parked_of(5), ["waiting deactivated-by-source"]);
    assert!(seen(&w, 5).await.get("title").is_none());
    w.is_proved().await;
}

#[actix_web::test]
async fn losses_that_wait_again_after_they_were_dropped_are_told() {
    let w = World::of(40, Preset::Entra).await;
    w.unassign(Way::Entra, 0..8).await;
    assert_eq!(told(&w).len(), 1);
    let parked: Vec<usize> = (0..8).filter(|n| !w.parked_of(*n).is_empty()).collect();
    assert!(parked.len() > 1, "{parked:?}");
    let body = json!({"connection": w.connection});
    w.api("POST", "/parked/drop", Some(body)).await.expect(200);
    assert_eq!(told(&w), [""; 0]);
    w.firm.later(30 * 24 * 60 * MINUTE);
    for n in &parked {
        w.unassign(Way::Entra, 10 + n..11 + n).await;
    }
    w.unassign(Way::Delete, parked.iter().copied()).await;
    assert_eq!(told(&w).len(), 1);
    w.is_proved().await;
}

#[actix_web::test]
async fn an_undone_adoption_leaves_the_person_to_whom_she_was() {
    let w = World::of(12, Preset::Okta).await;
    let entra = w.firm.app.source(Preset::Entra).await;
    w.firm.later(30 * MINUTE);
    let mut body = document(3, true);
    body["nickName"] = json!("Boss");
    let path = format!("/Users/{}", w.ids[3]);
    entra.put(&path, body).await.expect(200);
    assert_eq!(seen(&w, 3).await["nickName"], json!("Boss"));
    let session = w.sessions().await.remove(0);
    undo(&w, &session).await;
    assert!(seen(&w, 3).await.get("nickName").is_none());
    assert!(w.access(3).starts_with("granted/"));
    let read = entra.get(&format!("/Users/{}", w.ids[3])).await.expect(200);
    assert_eq!(
        read.body["nickName"],
        json!("Boss"),
        "it reads what it wrote"
    );
    entra
        .delete(&format!("/Users/{}", w.ids[3]))
        .await
        .expect(204);
    assert!(w.access(3).starts_with("granted/"), "and is heard no more");
    w.is_proved().await;
}

#[actix_web::test]
async fn an_undo_and_a_release_that_were_cut_off_are_gone_on_with() {
    let w = World::of(40, Preset::Okta).await;
    w.unassign(Way::OktaOin, 0..10).await;
    let session = w.sessions().await.remove(0);
    let id = session["id"].as_str().unwrap();
    let at = w.firm.now();
    w.firm.sql(&format!(
        "UPDATE push_sessions SET state = 'undoing', decided_at = {at}, decider_kind = 'operator', decider_id = '' WHERE id = '{id}'; \
         UPDATE parked_losses SET state = 'approved', decided_at = {at}, decider_kind = 'operator', decider_id = '' WHERE user_id = '{}'",
        w.ids[9]
    ));
    let service = &w.firm.app.service;
    service.resume_parked().await.unwrap();
    service.resume_sessions().await.unwrap();
    assert_eq!(w.inside(), 35, "somebody may still be at it");
    w.firm.later(MINUTE);
    service.resume_parked().await.unwrap();
    assert_eq!(w.inside(), 34);
    assert_eq!(w.access(9), "revoked/deactivated-by-source");
    service.resume_sessions().await.unwrap();
    // Who was released since is a human's decision.
    assert_eq!(w.inside(), 39);
    assert_eq!(w.sessions().await[0]["state"], json!("undone"));
    w.is_proved().await;
}
