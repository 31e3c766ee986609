//! Two connections and one person: adoption, own views, ended and pending claims, revival, conflicts (SEMANTICS §1, §2).

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, ManualClock, Millis, SystemClock};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::storage::conflicts::ConflictRow;
use rosterd::storage::tenants::TenantSettings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::{Client, ENTERPRISE, GROUP, TestApp, USER, execute, lines, person};

pub const OURS: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";

/// A tenant with an older connection, a younger one, and the app.
pub struct World {
    pub app: TestApp,
    pub okta: Client,
    pub entra: Client,
    pub reader: Client,
}

pub async fn world() -> World {
    world_at(Arc::new(SystemClock)).await
}

pub async fn world_at(clock: Arc<dyn Clock>) -> World {
    let app = TestApp::start_with(clock).await;
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
    /// The person as the app reads her.
    pub async fn effective(&self, id: &str) -> Value {
        self.reader
            .get(&format!("/Users/{id}"))
            .await
            .expect(200)
            .body
    }

    /// What waits for an answer.
    pub async fn conflicts(&self) -> Vec<ConflictRow> {
        let read = self
            .app
            .service
            .store
            .read(&self.app.tenant.tenant, |scope| scope.list_open_conflicts())
            .await;
        read.map_err(|e: rosterd::storage::Error| e.to_string())
            .unwrap()
    }

    /// The code of access: `granted/granted-by-policy`.
    pub async fn access(&self, id: &str) -> String {
        let ours = self.effective(id).await[OURS].clone();
        let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        format!(
            "{}/{}",
            word(&ours["access"]),
            word(&ours["accessReason"]["code"])
        )
    }

    pub async fn verify_domains(&self, domains: &[&str]) {
        let settings = TenantSettings {
            verified_domains: domains.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let set = self
            .app
            .service
            .set_tenant_settings(&self.app.tenant, settings);
        set.await.unwrap();
    }

    /// Changes what is stored, as a use case to come will.
    pub fn sql(&self, statement: &str) {
        execute(&mut self.app.database.connect(), statement);
    }

    /// A connection that only lists people.
    pub async fn lister(&self) -> Client {
        self.app
            .source_of(&self.app.tenant, Preset::Generic, JoinerPolicy::List)
            .await
    }

    /// Totals equal what a walk finds, in every view; the journal holds, and has an entry for every version.
    pub async fn check(&self) {
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
        let silent = lines(
            &mut self.app.database.connect(),
            "SELECT u.id AS line FROM users u WHERE u.version > (SELECT count(*) FROM journal j WHERE j.tenant = u.tenant \
             AND j.subject_id = u.id AND j.action NOT LIKE 'conflict.%')",
        );
        assert_eq!(silent, [""; 0], "a version without an entry");
    }
}

pub fn user(name: &str, email: &str, title: &str) -> Value {
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
    let group = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": id}]});
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
    let id = w
        .okta
        .post("/Users", user("ann", "ann@y.test", ""))
        .await
        .id();
    w.verify_domains(&["x.test"]).await;
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

#[actix_web::test]
async fn the_older_connection_is_in_force_even_when_it_adopts_second() {
    let w = world().await;
    let id = w
        .entra
        .post("/Users", user("ann", "ann@x.test", "Clerk"))
        .await
        .id();
    let adopted = w
        .okta
        .post("/Users", user("ann.lee", "ANN@x.test", "Boss"))
        .await;
    assert_eq!(adopted.expect(201).id(), id);
    let force = w.effective(&id).await;
    assert_eq!(
        (
            &force["title"],
            &force["userName"],
            &force["emails"][0]["value"]
        ),
        (&json!("Boss"), &json!("ann"), &json!("ann@x.test"))
    );
    // Writing the same name again is no new word; another one is, and ends the hold.
    let path = format!("/Users/{id}");
    for (name, in_force) in [("ann.lee", "ann"), ("ann.k", "ann.k")] {
        let write = json!([{"op": "replace", "path": "userName", "value": name}]);
        w.okta.patch(&path, write).await.expect(200);
        assert_eq!(w.effective(&id).await["userName"], json!(in_force));
    }
    assert_eq!(w.entra.get(&path).await.body["userName"], json!("ann"));
    w.check().await;
}

// checklist: 117
#[actix_web::test]
async fn what_a_put_omits_is_no_longer_asserted() {
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
    let mut put = user("ann", "ann@x.test", "");
    put.as_object_mut().unwrap().remove("title");
    let path = format!("/Users/{id}");
    let read = w.okta.put(&path, put).await.expect(200).body;
    assert_eq!(read["title"], json!("Clerk"));
    assert_eq!(w.effective(&id).await["title"], json!("Clerk"));
    w.check().await;
}

#[actix_web::test]
async fn a_rename_elsewhere_never_makes_two_of_one_name_in_a_view() {
    let w = world().await;
    let c = w.okta.post("/Users", user("c", "c@x.test", "")).await.id();
    let a = w.okta.post("/Users", user("a", "a@x.test", "")).await.id();
    let adopted = w.entra.post("/Users", user("b", "c@x.test", "")).await;
    assert_eq!(adopted.expect(201).id(), c);
    let path = format!("/Users/{a}");
    let title = json!([{"op": "replace", "path": "title", "value": "T"}]);
    w.entra.patch(&path, title).await.expect(200);
    let rename = json!([{"op": "replace", "path": "userName", "value": "b"}]);
    w.okta.patch(&path, rename).await.expect(200);
    assert_eq!(w.effective(&a).await["userName"], json!("b"));
    assert_eq!(w.entra.get(&path).await.body["userName"], json!("a"));
    assert_eq!(
        w.entra.filter("/Users", "userName eq \"b\"").await.ids(),
        [c]
    );
    assert_eq!(
        w.entra.filter("/Users", "userName eq \"a\"").await.ids(),
        [a]
    );
    w.check().await;
}

#[actix_web::test]
async fn whom_a_source_only_sees_is_hidden_when_it_calls_another_one_so() {
    let w = world().await;
    let c = w.okta.post("/Users", user("c", "c@x.test", "")).await.id();
    let adopted = w.entra.post("/Users", user("b", "c@x.test", "")).await;
    assert_eq!(adopted.expect(201).id(), c);
    // Somebody new gets that name elsewhere, and somebody visible does.
    for (first, mail) in [("b", "new@x.test"), ("a", "a@x.test")] {
        let other = w
            .okta
            .post("/Users", user(first, mail, ""))
            .await
            .expect(201)
            .id();
        let path = format!("/Users/{other}");
        if first == "a" {
            assert_eq!(
                w.entra.get(&path).await.expect(200).body["userName"],
                json!("a")
            );
            // The name is free again in force, not in the view.
            let rename = json!([{"op": "replace", "path": "userName", "value": "b"}]);
            w.okta.patch(&path, rename).await.expect(200);
        }
        assert_eq!(w.effective(&other).await["userName"], json!("b"));
        assert_eq!(w.access(&other).await, "granted/granted-by-policy");
        let found = w.entra.filter("/Users", "userName eq \"b\"").await;
        assert_eq!(found.ids(), [c.clone()]);
        w.entra.get(&path).await.expect(404);
        let asked = w.conflicts().await;
        assert!(
            asked
                .iter()
                .any(|q| q.kind == "user-name-taken" && q.subject == other),
            "{asked:?}"
        );
        w.check().await;
        // By her address the source may still mean her.
        let back = w
            .entra
            .post("/Users", user(&format!("{first}.2"), mail, ""))
            .await;
        assert_eq!(back.expect(201).id(), other);
        assert_eq!(w.effective(&other).await["userName"], json!("b"));
        w.check().await;
        let away = json!([{"op": "replace", "path": "userName", "value": format!("{first}.gone")}]);
        w.okta.patch(&path, away).await.expect(200);
    }
}

#[actix_web::test]
async fn an_etag_stands_for_active_in_the_view_of_a_source_without_a_claim() {
    let w = world().await;
    let ann = user("ann", "ann@x.test", "");
    let id = w.okta.post("/Users", ann.clone()).await.id();
    let path = format!("/Users/{id}");
    let mut tags = Vec::new();
    for active in [true, false, true] {
        let read = w.entra.get(&path).await.expect(200);
        assert_eq!(read.body["active"], json!(active));
        tags.push(read.header("etag").unwrap().to_owned());
        if active {
            w.okta.delete(&path).await;
        } else {
            w.okta.post("/Users", ann.clone()).await.expect(201);
        }
    }
    let known = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), known, "{tags:?}");
    w.check().await;
}

#[actix_web::test]
async fn a_claim_that_never_said_active_reads_whether_the_person_has_access() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let path = format!("/Users/{id}");
    let title = json!([{"op": "replace", "path": "title", "value": "T"}]);
    w.entra.patch(&path, title).await.expect(200);
    w.sql("UPDATE claims SET active = NULL WHERE asserted LIKE '%\"T\"%'");
    for active in [true, false] {
        assert_eq!(w.entra.get(&path).await.body["active"], json!(active));
        let write = json!([{"op": "replace", "value": {"active": false}}]);
        w.okta.patch(&path, write).await.expect(200);
    }
    assert_eq!(w.entra.filter("/Users", "active eq false").await.total(), 1);
    w.check().await;
}

#[actix_web::test]
async fn a_change_that_only_a_claim_shows_has_its_entry() {
    let w = world().await;
    let mut ann = user("ann", "ann@x.test", "");
    ann["externalId"] = json!("a");
    let id = w.okta.post("/Users", ann.clone()).await.id();
    let path = format!("/Users/{id}");
    w.okta.delete(&path).await.expect(204);
    ann["userName"] = json!("ann.lee");
    assert_eq!(w.okta.post("/Users", ann).await.expect(201).id(), id);
    assert_eq!(w.effective(&id).await["userName"], json!("ann"));
    let write = json!([{"op": "replace", "path": "userName", "value": "ann"}]);
    w.okta.patch(&path, write).await.expect(200);
    let journal = lines(
        &mut w.app.database.connect(),
        &format!(
            "SELECT action || ' ' || changes AS line FROM journal WHERE subject_id = '{id}' ORDER BY sequence"
        ),
    );
    let last = journal.last().unwrap();
    assert!(
        last.starts_with("claim.updated")
            && last.contains("asserted/userName")
            && last.contains("\"held\""),
        "{journal:?}"
    );
    w.check().await;
}

#[actix_web::test]
async fn a_hidden_manager_of_an_own_view_is_left_out_too() {
    let w = world().await;
    let boss = w
        .lister()
        .await
        .post("/Users", user("boss", "boss@x.test", ""))
        .await
        .id();
    let bob = w
        .okta
        .post("/Users", user("bob", "bob@x.test", ""))
        .await
        .id();
    let managed = |name: &str, by: &str| {
        let mut body = user(name, "ann@x.test", "");
        body[ENTERPRISE] = json!({"manager": {"value": by}});
        body
    };
    let id = w
        .okta
        .post("/Users", managed("ann", &bob))
        .await
        .expect(201)
        .id();
    let adopted = w
        .entra
        .post("/Users", managed("ann.lee", &boss))
        .await
        .expect(201);
    let path = format!("/Users/{id}");
    let read = w.entra.get(&path).await.body;
    let found = w.entra.filter("/Users", "userName eq \"ann.lee\"").await;
    for doc in [&adopted.body, &read, &found.resources()[0]] {
        assert_eq!(doc.get(ENTERPRISE), None, "{doc}");
    }
    assert_eq!(
        w.okta.get(&path).await.body[ENTERPRISE]["manager"]["value"],
        json!(bob)
    );
    w.check().await;
}

#[actix_web::test]
async fn addresses_of_a_view_that_is_gone_are_history() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let other = json!([{"op": "replace", "path": "emails", "value": [{"value": "lee@x.test", "type": "work"}]}]);
    let path = format!("/Users/{id}");
    w.entra.patch(&path, other).await.expect(200);
    let same = json!([{"op": "replace", "path": "emails", "value": [{"value": "ann@x.test", "type": "work"}]}]);
    w.entra.patch(&path, same).await.expect(200);
    let rows = lines(
        &mut w.app.database.connect(),
        "SELECT key AS line FROM emails WHERE view <> '' AND until IS NOT NULL",
    );
    assert_eq!(rows, ["lee@x.test"]);
    assert_eq!(
        w.entra
            .filter("/Users", "emails.value eq \"lee@x.test\"")
            .await
            .total(),
        0
    );
    w.check().await;
}

fn group(name: &str, members: &[&String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

fn members(group: &Value) -> Vec<&str> {
    let list = group["members"].as_array().into_iter().flatten();
    list.map(|m| m["value"].as_str().unwrap()).collect()
}

/// What disconnecting will do: nobody manages the group.
fn let_go(w: &World, group: &str) {
    w.sql(&format!(
        "UPDATE connections SET managed_groups = managed_groups - 1 WHERE id = (SELECT managed_by FROM \"groups\" WHERE id = '{group}'); \
         UPDATE \"groups\" SET managed_by = NULL, external_id = NULL WHERE id = '{group}'; \
         UPDATE heads SET unmanaged_groups = unmanaged_groups + 1 WHERE \"groups\" > 0"
    ));
}

// checklist: 50
#[actix_web::test]
async fn a_delete_leaves_the_groups_of_its_own_connection_only() {
    let w = world().await;
    let ann = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let own = w
        .okta
        .post("/Groups", group("Own", &[&ann]))
        .await
        .expect(201)
        .id();
    let other = w
        .entra
        .post("/Groups", group("Other", &[&ann]))
        .await
        .expect(201)
        .id();
    w.okta.delete(&format!("/Users/{ann}")).await.expect(204);
    let read = |id: &String| format!("/Groups/{id}");
    assert_eq!(members(&w.okta.get(&read(&own)).await.body), [""; 0]);
    assert_eq!(members(&w.reader.get(&read(&own)).await.body), [""; 0]);
    assert_eq!(
        members(&w.entra.get(&read(&other)).await.body),
        [ann.as_str()]
    );
    w.check().await;
}

/// Every look at it is a moment later: operations are told apart by their time.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Millis {
        Millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[actix_web::test]
async fn a_delete_leaves_more_groups_than_one_operation_may_change() {
    let w = world_at(Arc::new(Ticking::default())).await;
    let ann = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    for chunk in 0..5 {
        let each = (0..90).map(|i| {
            let (okta, body) = (w.okta.clone(), group(&format!("g{chunk}-{i}"), &[&ann]));
            async move { okta.post("/Groups", body).await.expect(201) }
        });
        futures_util::future::join_all(each).await;
    }
    let before = w.app.verify().await.entries;
    w.okta.delete(&format!("/Users/{ann}")).await.expect(204);
    assert!(w.effective(&ann).await.get("groups").is_none());
    // One entry a group, one for the claim, one for access.
    assert_eq!(w.app.verify().await.entries, before + 450 + 2);
    let operations = lines(
        &mut w.app.database.connect(),
        "SELECT CAST(count(*) AS TEXT) AS line FROM journal WHERE action = 'group.member_removed' GROUP BY at ORDER BY at",
    );
    assert_eq!(operations, ["200", "200", "50"]);
    w.check().await;
}

#[actix_web::test]
async fn members_whom_the_reader_cannot_see_are_left_out() {
    let w = world().await;
    let lister = w.lister().await;
    let hidden = lister.post("/Users", user("h", "h@x.test", "")).await.id();
    let seen = w.okta.post("/Users", user("s", "s@x.test", "")).await.id();
    let both = lister
        .post("/Groups", group("G", &[&hidden, &seen]))
        .await
        .expect(201)
        .id();
    let_go(&w, &both);
    let path = format!("/Groups/{both}");
    assert_eq!(
        members(&w.okta.get(&path).await.expect(200).body),
        [seen.as_str()]
    );
    assert_eq!(members(&w.reader.get(&path).await.body).len(), 2);
    // Nor somebody whom it deleted.
    w.entra.delete(&format!("/Users/{seen}")).await.expect(204);
    assert_eq!(members(&w.entra.get(&path).await.body), [""; 0]);
    w.check().await;
}

#[actix_web::test]
async fn a_group_that_is_let_go_takes_a_name_that_is_free_in_every_view() {
    let w = world().await;
    let id = w
        .okta
        .post("/Groups", group("Sales", &[]))
        .await
        .expect(201)
        .id();
    let path = format!("/Groups/{id}");
    let_go(&w, &id);
    let adopt = json!([{"op": "add", "path": "externalId", "value": "e"}]);
    w.entra.patch(&path, adopt).await.expect(204);
    w.okta.get(&path).await.expect(404);
    w.okta
        .post("/Groups", group("SALES", &[]))
        .await
        .expect(201);
    w.okta
        .post("/Groups", group("Sales (2)", &[]))
        .await
        .expect(201);
    w.entra.delete(&path).await.expect(204);
    for client in [&w.okta, &w.entra] {
        let read = client.get(&path).await.expect(200).body;
        assert_eq!(read["displayName"], json!("Sales (3)"));
    }
    w.check().await;
}

#[actix_web::test]
async fn only_its_creator_or_manager_deletes_a_group() {
    let w = world().await;
    let id = w
        .okta
        .post("/Groups", group("Sales", &[]))
        .await
        .expect(201)
        .id();
    let path = format!("/Groups/{id}");
    // Managed by another: it does not exist for this one.
    w.entra.delete(&path).await.expect(404);
    let_go(&w, &id);
    w.entra.delete(&path).await.expect(403);
    w.entra.get(&path).await.expect(200);
    w.okta.delete(&path).await.expect(204);
    w.check().await;
}
