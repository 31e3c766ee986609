//! Two connections and one person: adoption, own views, ended and pending claims, revival, conflicts (SEMANTICS §1, §2).

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{ManualClock, Millis};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::storage::conflicts::ConflictRow;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::{Client, ENTERPRISE, TestApp, USER, execute, person};

const OURS: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";

struct World {
    app: TestApp,
    okta: Client,
    entra: Client,
    reader: Client,
}

async fn world() -> World {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let reader = app.role(&app.tenant, Role::App).await;
    World {
        app,
        okta,
        entra,
        reader,
    }
}

impl World {
    async fn effective(&self, id: &str) -> Value {
        self.reader
            .get(&format!("/Users/{id}"))
            .await
            .expect(200)
            .body
    }

    async fn conflicts(&self) -> Vec<ConflictRow> {
        let read = self
            .app
            .service
            .store
            .read(&self.app.tenant.tenant, |scope| scope.list_open_conflicts())
            .await;
        read.map_err(|e: rosterd::storage::Error| e.to_string())
            .unwrap()
    }

    /// Totals equal what a walk finds, in every view; the journal holds.
    async fn check(&self) {
        for client in [&self.okta, &self.entra, &self.reader] {
            let all = client.get("/Users?count=1000").await.expect(200);
            assert_eq!(all.total(), i64::try_from(all.resources().len()).unwrap());
            let groups = client.get("/Groups?count=1000").await.expect(200);
            assert_eq!(
                groups.total(),
                i64::try_from(groups.resources().len()).unwrap()
            );
        }
        assert_eq!(self.app.verify().await.faults, []);
    }
}

fn user(name: &str, email: &str, title: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "title": title, "active": true, "emails": [{"value": email, "type": "work"}]})
}

#[actix_web::test]
async fn each_source_reads_back_what_it_wrote_and_the_older_one_is_in_force() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .expect(201)
        .id();
    // The same address under another name: adopted, same id, the name and address in force stay.
    let adopted = w
        .entra
        .post("/Users", user("ann.lee", "ANN@x.test", "Clerk"))
        .await
        .expect(201);
    assert_eq!(adopted.id(), id);
    assert_eq!(
        (&adopted.body["userName"], &adopted.body["title"]),
        (&json!("ann.lee"), &json!("Clerk"))
    );
    assert_eq!(
        w.entra.get(&format!("/Users/{id}")).await.body,
        adopted.body
    );
    let okta = w.okta.get(&format!("/Users/{id}")).await.body;
    assert_eq!(
        (&okta["userName"], &okta["title"]),
        (&json!("ann"), &json!("Boss"))
    );
    let force = w.effective(&id).await;
    assert_eq!(
        (
            &force["userName"],
            &force["title"],
            &force["emails"][0]["value"]
        ),
        (&json!("ann"), &json!("Boss"), &json!("ann@x.test"))
    );
    // Look-ups and totals speak of the own view.
    assert_eq!(
        w.entra
            .filter("/Users", "userName eq \"ANN.LEE\"")
            .await
            .ids(),
        [id.clone()]
    );
    assert_eq!(
        w.entra
            .filter("/Users", "userName eq \"ann\"")
            .await
            .total(),
        0
    );
    assert_eq!(
        w.entra.filter("/Users", "title eq \"clerk\"").await.total(),
        1
    );
    assert_eq!(
        w.okta.filter("/Users", "title eq \"clerk\"").await.total(),
        0
    );
    assert_eq!(
        w.okta.filter("/Users", "userName eq \"ann\"").await.ids(),
        [id.clone()]
    );
    // What only the second asserts is in force too; when the first clears a value, it is cleared.
    w.entra
        .patch(
            &format!("/Users/{id}"),
            json!([{"op": "add", "path": "department", "value": "Sales"}]),
        )
        .await
        .expect(200);
    assert_eq!(
        w.effective(&id).await[ENTERPRISE]["department"],
        json!("Sales")
    );
    assert_eq!(
        w.okta.get(&format!("/Users/{id}")).await.body[ENTERPRISE]["department"],
        json!("Sales")
    );
    w.okta
        .patch(
            &format!("/Users/{id}"),
            json!([{"op": "remove", "path": "title"}]),
        )
        .await
        .expect(200);
    assert!(w.effective(&id).await.get("title").is_none());
    assert_eq!(
        w.entra.get(&format!("/Users/{id}")).await.body["title"],
        json!("Clerk")
    );
    w.check().await;
}

#[actix_web::test]
async fn the_version_of_an_own_view_moves_only_with_that_view_and_never_back() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    w.entra
        .post("/Users", user("ann.lee", "ann@x.test", "Clerk"))
        .await
        .expect(201);
    let path = format!("/Users/{id}");
    let version = |answer: crate::support::Answer| -> i64 {
        answer
            .header("etag")
            .unwrap()
            .trim_start_matches("W/\"")
            .trim_end_matches('"')
            .parse()
            .unwrap()
    };
    let before = version(w.entra.get(&path).await);
    w.okta
        .patch(
            &path,
            json!([{"op": "replace", "path": "title", "value": "Chief"}]),
        )
        .await
        .expect(200);
    assert_eq!(
        version(w.entra.get(&path).await),
        before,
        "Okta's title is not in Entra's view"
    );
    w.okta
        .patch(
            &path,
            json!([{"op": "replace", "path": "nickName", "value": "A"}]),
        )
        .await
        .expect(200);
    let after = version(w.entra.get(&path).await);
    assert!(after > before, "Okta's nickName is");
    // Entra comes to agree in everything: its own view is gone, its version is not.
    let okta = w.okta.get(&path).await.body;
    let same = json!({"schemas": [USER], "userName": "ann", "title": okta["title"], "nickName": "A", "emails": okta["emails"], "active": true});
    w.entra.put(&path, same).await.expect(200);
    assert!(version(w.entra.get(&path).await) > after);
    w.check().await;
}

#[actix_web::test]
async fn leaving_in_either_source_revokes_and_only_both_present_restores() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    w.entra
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(409);
    let path = format!("/Users/{id}");
    // Entra finds her by look-up and writes: that is adoption.
    w.entra
        .patch(
            &path,
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
        )
        .await
        .expect(200);
    assert_eq!(w.effective(&id).await[OURS]["access"], json!("revoked"));
    assert_eq!(
        w.okta.get(&path).await.body["active"],
        json!(true),
        "Okta reads what it wrote"
    );
    assert_eq!(w.entra.get(&path).await.body["active"], json!(false));
    // Okta deactivates and reactivates: Entra still says no.
    w.okta
        .patch(
            &path,
            json!([{"op": "replace", "value": {"active": false}}]),
        )
        .await
        .expect(200);
    w.okta
        .patch(&path, json!([{"op": "replace", "value": {"active": true}}]))
        .await
        .expect(200);
    assert_eq!(w.effective(&id).await["active"], json!(false));
    w.entra
        .patch(
            &path,
            json!([{"op": "Replace", "path": "active", "value": "True"}]),
        )
        .await
        .expect(200);
    let force = w.effective(&id).await;
    assert_eq!(
        (&force["active"], &force[OURS]["accessReason"]["code"]),
        (&json!(true), &json!("returned"))
    );
    w.check().await;
}

#[actix_web::test]
async fn a_deleted_claim_leaves_the_other_source_and_its_values() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    w.entra
        .post("/Users", user("ann.lee", "ann@x.test", "Clerk"))
        .await
        .expect(201);
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    w.okta.get(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(w.okta.get("/Users").await.total(), 0);
    let force = w.effective(&id).await;
    assert_eq!(
        (&force["title"], &force["userName"], &force["active"]),
        (&json!("Clerk"), &json!("ann"), &json!(false))
    );
    w.check().await;
    // Created again by its externalId or address: the same id.
    assert_eq!(
        w.okta
            .post("/Users", user("ann2", "ann@x.test", "Boss"))
            .await
            .expect(201)
            .id(),
        id
    );
    assert_eq!(w.effective(&id).await["active"], json!(true));
    w.check().await;
}

#[actix_web::test]
async fn a_user_without_our_claim_is_visible_and_its_delete_changes_no_access() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    assert_eq!(w.entra.get("/Users").await.total(), 1);
    w.entra.delete(&format!("/Users/{id}")).await.expect(204);
    assert_eq!(w.entra.get("/Users").await.total(), 0);
    w.entra.get(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(w.effective(&id).await["active"], json!(true));
    assert_eq!(w.okta.get("/Users").await.total(), 1);
    w.check().await;
}

#[actix_web::test]
async fn people_merely_listed_by_others_are_invisible_until_they_are_claimed() {
    let w = world().await;
    let lister = w
        .app
        .source_of(&w.app.tenant, Preset::Generic, JoinerPolicy::List)
        .await;
    let id = lister
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .expect(201)
        .id();
    assert_eq!(w.effective(&id).await[OURS]["access"], json!("listed"));
    assert_eq!(w.effective(&id).await["active"], json!(false));
    assert_eq!(
        lister.get(&format!("/Users/{id}")).await.body["active"],
        json!(true),
        "its own view"
    );
    w.okta.get(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(
        (
            w.okta.get("/Users").await.total(),
            lister.get("/Users").await.total()
        ),
        (0, 1)
    );
    assert_eq!(
        w.okta.filter("/Users", "userName eq \"ann\"").await.total(),
        0
    );
    let group =
        json!({"schemas": [crate::support::GROUP], "displayName": "G", "members": [{"value": id}]});
    w.okta.post("/Groups", group).await.expect(400);
    // Okta creates her: the listed user is meant, and Okta's policy grants.
    assert_eq!(
        w.okta
            .post("/Users", user("ann", "other@x.test", ""))
            .await
            .expect(201)
            .id(),
        id
    );
    assert_eq!(w.effective(&id).await[OURS]["access"], json!("granted"));
    w.check().await;
}

#[actix_web::test]
async fn several_candidates_open_one_conflict_and_give_a_new_listed_user() {
    let w = world().await;
    let lister = w
        .app
        .source_of(&w.app.tenant, Preset::Generic, JoinerPolicy::List)
        .await;
    let by_mail = lister
        .post("/Users", user("one", "ann@x.test", ""))
        .await
        .id();
    let by_name = lister
        .post("/Users", user("ann", "two@x.test", ""))
        .await
        .id();
    let new = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(201);
    assert!(![by_mail.clone(), by_name.clone()].contains(&new.id()));
    assert_eq!(
        new.body["active"],
        json!(true),
        "the source reads what it wrote"
    );
    assert_eq!(
        w.effective(&new.id()).await[OURS]["accessReason"]["code"],
        json!("conflict")
    );
    // No retry storm, no second conflict, and no way in by writing active again.
    w.okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(409);
    let path = format!("/Users/{}", new.id());
    w.okta
        .patch(
            &path,
            json!([{"op": "replace", "path": "active", "value": false}]),
        )
        .await
        .expect(200);
    w.okta
        .patch(
            &path,
            json!([{"op": "replace", "path": "active", "value": true}]),
        )
        .await
        .expect(200);
    assert_eq!(w.effective(&new.id()).await["active"], json!(false));
    let conflicts = w.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    let mut candidates: Vec<String> = serde_json::from_str(&conflicts[0].candidates).unwrap();
    candidates.sort();
    let mut want = vec![by_mail, by_name];
    want.sort();
    assert_eq!(
        (conflicts[0].subject.as_str(), candidates),
        (new.id().as_str(), want)
    );
    w.check().await;
}

#[actix_web::test]
async fn an_admin_is_never_adopted_automatically() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("boss", "boss@x.test", ""))
        .await
        .id();
    execute(
        &mut w.app.database.connect(),
        "UPDATE users SET admin_role = 'tenant-admin'",
    );
    // By address: somebody new, listed.
    let new = w
        .entra
        .post("/Users", user("x", "boss@x.test", ""))
        .await
        .expect(201);
    assert_ne!(new.id(), id);
    assert_eq!(
        w.effective(&new.id()).await[OURS]["access"],
        json!("listed")
    );
    // By look-up and write: pending; the source reads what it wrote, nothing else happens.
    let path = format!("/Users/{id}");
    let put = w
        .entra
        .put(
            &path,
            json!({"schemas": [USER], "userName": "boss", "title": "Taken", "active": false}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&put.body["title"], &put.body["active"]),
        (&json!("Taken"), &json!(false))
    );
    assert_eq!(w.entra.get(&path).await.body, put.body);
    let force = w.effective(&id).await;
    assert_eq!(
        (force.get("title"), &force["active"]),
        (Some(&json!("")), &json!(true))
    );
    let patch = w
        .entra
        .patch(
            &path,
            json!([{"op": "replace", "path": "title", "value": "Again"}]),
        )
        .await
        .expect(200);
    assert_eq!(patch.body["title"], json!("Again"));
    assert_eq!(w.effective(&id).await["title"], json!(""));
    assert_eq!(w.conflicts().await.len(), 2);
    w.check().await;
}

#[actix_web::test]
async fn addresses_outside_the_verified_domains_are_listed_and_never_matched() {
    let w = world().await;
    let settings = rosterd::storage::tenants::TenantSettings {
        verified_domains: vec!["x.test".to_owned()],
        ..Default::default()
    };
    let id = w
        .okta
        .post("/Users", user("ann", "ann@y.test", ""))
        .await
        .id();
    w.app
        .service
        .set_tenant_settings(&w.app.tenant, settings)
        .await
        .unwrap();
    let other = w
        .entra
        .post("/Users", user("ann2", "ann@y.test", ""))
        .await
        .expect(201);
    assert_ne!(other.id(), id);
    assert_eq!(
        w.effective(&other.id()).await[OURS]["accessReason"]["code"],
        json!("unverified-domain")
    );
    w.check().await;
}

#[actix_web::test]
async fn only_the_name_of_somebody_former_is_a_conflict() {
    let w = world().await;
    let bare = |name: &str| json!({"schemas": [USER], "userName": name});
    let id = w.okta.post("/Users", bare("ann")).await.id();
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    let new = w.okta.post("/Users", bare("ann")).await.expect(201);
    assert_ne!(new.id(), id);
    assert_eq!(
        w.effective(&new.id()).await[OURS]["access"],
        json!("listed")
    );
    assert_eq!(w.conflicts().await.len(), 1);
    w.check().await;
}

#[actix_web::test]
async fn a_rename_to_a_name_in_force_elsewhere_keeps_the_old_one_and_asks() {
    let w = world().await;
    // Okta does not see b: it deleted its claim on a user whom it never claimed.
    let b = w.entra.post("/Users", user("b", "b@x.test", "")).await.id();
    w.okta.delete(&format!("/Users/{b}")).await.expect(204);
    let a = w.okta.post("/Users", user("a", "a@x.test", "")).await.id();
    let renamed = w
        .okta
        .patch(
            &format!("/Users/{a}"),
            json!([{"op": "replace", "path": "userName", "value": "b"}]),
        )
        .await
        .expect(200);
    assert_eq!(renamed.body["userName"], json!("b"));
    assert_eq!(
        w.okta.get(&format!("/Users/{a}")).await.body["userName"],
        json!("b")
    );
    assert_eq!(w.effective(&a).await["userName"], json!("a"));
    assert_eq!(w.conflicts().await.len(), 1);
    // Seen and taken: refused.
    let c = w.okta.post("/Users", user("c", "c@x.test", "")).await.id();
    w.okta
        .patch(
            &format!("/Users/{c}"),
            json!([{"op": "replace", "path": "userName", "value": "B"}]),
        )
        .await
        .expect(409);
    w.check().await;
}

#[actix_web::test]
async fn a_manager_whom_the_source_cannot_see_is_left_out() {
    let w = world().await;
    let lister = w
        .app
        .source_of(&w.app.tenant, Preset::Generic, JoinerPolicy::List)
        .await;
    let boss = lister
        .post("/Users", user("boss", "boss@x.test", ""))
        .await
        .id();
    let mut ann = user("ann", "ann@x.test", "");
    ann[ENTERPRISE] = json!({"manager": {"value": boss}, "department": "Sales"});
    let id = lister.post("/Users", ann).await.expect(201).id();
    let found = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(201);
    assert_eq!(found.id(), id);
    assert_eq!(found.body[ENTERPRISE], json!({"department": "Sales"}));
    assert_eq!(
        lister.get(&format!("/Users/{id}")).await.body[ENTERPRISE]["manager"]["value"],
        json!(boss)
    );
    w.check().await;
}

#[actix_web::test]
async fn a_return_after_thirty_days_is_listed_with_a_new_decision_to_make() {
    let start = Millis::from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let app = TestApp::start_with(clock.clone()).await;
    let okta = app.source(Preset::Okta).await;
    let reader = app.role(&app.tenant, Role::App).await;
    let mut ids = Vec::new();
    for name in ["soon@x.test", "late@x.test"] {
        let id = okta.post("/Users", person(name)).await.expect(201).id();
        okta.patch(
            &format!("/Users/{id}"),
            json!([{"op": "replace", "value": {"active": false}}]),
        )
        .await
        .expect(200);
        ids.push(id);
    }
    for (id, days, access) in [(&ids[0], 29, "granted"), (&ids[1], 31, "listed")] {
        clock.set(start.plus_days(days));
        okta.patch(
            &format!("/Users/{id}"),
            json!([{"op": "replace", "value": {"active": true}}]),
        )
        .await
        .expect(200);
        let user = reader.get(&format!("/Users/{id}")).await.body;
        assert_eq!(user[OURS]["access"], json!(access), "after {days} days");
    }
}
