//! What a pull source does to one person (SEMANTICS §1-3, §7), through the service. Each record is previewed before it is
//! applied, and the preview must have said what happened; and applied twice, the second time without a trace.

use std::cell::Cell;
use std::sync::Arc;

use chrono::NaiveDate;
use rosterd::domain::access::{Access, JoinerPolicy};
use rosterd::domain::audit::{Actor, Cause};
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::employment::EmploymentState;
use rosterd::scim::rules::Preset;
use rosterd::service::Caller;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::{
    AlsoBy, Effect, Finding, Gone, Permit, PullPerson, PullSource, Recognised, Step,
};
use rosterd::storage::Lane;
use serde_json::{Value, json};

use crate::plans::{plan, walks};
use crate::sources::{OURS, World, user, world_at};
use crate::support::{ENTERPRISE, execute, is_soak, lines};

/// A pull connection in a world whose clock stands still.
struct Hr {
    w: World,
    clock: Arc<ManualClock>,
    source: PullSource,
    run: Cell<u32>,
}

/// Where every test begins.
const NOON: &str = "2026-06-15T12:00:00Z";

async fn hr(policy: JoinerPolicy) -> Hr {
    let clock = Arc::new(ManualClock::at(Millis::from_rfc3339(NOON).unwrap()));
    let w = world_at(Arc::<ManualClock>::clone(&clock)).await;
    let source = pulling(&w, "Bamboo", policy).await;
    Hr {
        w,
        clock,
        source,
        run: Cell::new(0),
    }
}

/// A pull connection, as it is stored.
async fn pulling(w: &World, label: &str, policy: JoinerPolicy) -> PullSource {
    let new = NewConnection {
        label: label.to_owned(),
        preset: Preset::Generic,
        policy,
    };
    let made = w.app.service.create_connection(&w.app.tenant, new).await;
    let id = made.unwrap().as_str().to_owned();
    // Made after those that are there, on a clock that stands still: age decides precedence.
    w.sql(&format!(
        "UPDATE connections SET kind = 'hris', created_at = created_at + \
         (SELECT count(*) FROM connections) WHERE id = '{id}'"
    ));
    PullSource {
        source: rosterd::service::Source { id, policy },
        also_by: None,
        zone: None,
    }
}

/// Somebody employed.
fn employee(id: &str, email: &str) -> PullPerson {
    let user = json!({
        "userName": email, "title": "Clerk", "name": {"givenName": id, "familyName": "Lee"},
        "emails": [{"value": email, "type": "work", "primary": true}],
    });
    PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: EmploymentState::Employed,
        start_date: None,
        end_date: None,
        digest: "d1".to_owned(),
        former: Vec::new(),
        unsaid: Default::default(),
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// The same person in another state.
fn in_state(person: &PullPerson, employment: EmploymentState) -> PullPerson {
    PullPerson {
        employment,
        digest: format!("{}/{}", person.digest, employment.as_str()),
        ..person.clone()
    }
}

impl Hr {
    fn caller(&self) -> Caller {
        Caller {
            tenant: self.w.app.tenant.tenant.clone(),
            actor: Actor {
                kind: "connection".to_owned(),
                id: self.source.source.id.clone(),
            },
            cause: Cause {
                kind: "run".to_owned(),
                id: format!("run-{}", self.run.get()),
            },
            lane: Lane::Run,
        }
    }

    fn next_run(&self) {
        self.run.set(self.run.get() + 1);
    }

    fn days_later(&self, days: i64) {
        self.clock.set(self.clock.now().plus_days(days));
        self.next_run();
    }

    fn rows(&self) -> Vec<String> {
        let mut conn = self.w.app.database.connect();
        let sql = "SELECT 'j' || sequence AS line FROM journal UNION ALL SELECT source_id || digest || updated_at FROM links \
                   UNION ALL SELECT id || version FROM users ORDER BY 1";
        lines(&mut conn, sql)
    }

    async fn apply(&self, person: &PullPerson, permit: Permit) -> Effect {
        let (service, caller) = (&self.w.app.service, self.caller());
        let done = service.pull_person(&caller, &self.source, person.clone(), permit);
        done.await.unwrap()
    }

    /// Previews, applies, applies again.
    async fn pull(&self, person: &PullPerson) -> Effect {
        let service = &self.w.app.service;
        let tenant = &self.w.app.tenant.tenant;
        let stood = self.rows();
        let planned = service.preview_people(tenant, &self.source, vec![person.clone()]);
        let planned = planned.await.unwrap().remove(0).unwrap();
        assert_eq!(self.rows(), stood, "a preview writes nothing");
        let done = self.apply(person, Permit::Full).await;
        let comparable = |effect: &Effect| Effect {
            user_id: None,
            conflict: effect
                .conflict
                .as_ref()
                .map(|(kind, _)| (*kind, Vec::new())),
            ..effect.clone()
        };
        assert_eq!(comparable(&planned), comparable(&done));
        let after = self.rows();
        assert_eq!(after == stood, !done.is_change, "{done:?}");
        let again = self.apply(person, Permit::Full).await;
        assert!(!again.is_change, "{again:?}");
        assert_eq!(self.rows(), after, "a second time writes nothing");
        done
    }

    async fn gone(&self, id: &str, permit: Permit) -> Effect {
        let service = &self.w.app.service;
        let (caller, source) = (self.caller(), &self.source);
        let done = service.pull_gone(&caller, source, id, Gone::Absent, permit);
        done.await.unwrap()
    }

    async fn due(&self) -> Vec<Effect> {
        let service = &self.w.app.service;
        let (tenant, connection) = (&self.w.app.tenant.tenant, &self.source.source.id);
        let ids = service
            .list_due(tenant, connection, self.clock.now(), 100)
            .await
            .unwrap();
        let planned = service
            .preview_due(tenant, &self.source, ids.clone())
            .await
            .unwrap();
        let mut done = Vec::new();
        for id in &ids {
            let caller = self.caller();
            let effect = service.pull_due(&caller, &self.source, id, Permit::Full);
            done.push(effect.await.unwrap());
        }
        assert_eq!(planned, done);
        let left = service
            .list_due(tenant, connection, self.clock.now(), 100)
            .await;
        assert_eq!(left.unwrap(), [""; 0]);
        done
    }

    /// `id` of a record's person.
    fn id(effect: &Effect) -> String {
        effect.user_id.clone().unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        let mut conn = self.w.app.database.connect();
        let sql = format!("SELECT CAST(({sql}) AS TEXT) AS line");
        lines(&mut conn, &sql)[0].parse().unwrap()
    }

    /// Whether a link with this digest needs no look.
    async fn is_settled(&self, id: &str) -> bool {
        let service = &self.w.app.service;
        let (tenant, connection) = (&self.w.app.tenant.tenant, &self.source.source.id);
        let all = service
            .list_links(tenant, connection, None, 1_000)
            .await
            .unwrap();
        let link = all.into_iter().find(|l| l.source_id == id).unwrap();
        link.is_settled && !link.digest.is_empty() && !link.digest.ends_with(" unmanaged")
    }
}

#[actix_web::test]
async fn a_joiner_is_listed_or_granted_as_the_policy_says_and_readers_see_her_employment() {
    for (policy, access) in [
        (JoinerPolicy::List, "listed/listed-by-source"),
        (JoinerPolicy::Invite, "invited/invited-by-policy"),
        (JoinerPolicy::Grant, "granted/granted-by-policy"),
    ] {
        let hr = hr(policy).await;
        let mut ann = employee("7", "ann@x.test");
        ann.start_date = day("2020-02-01");
        let done = hr.pull(&ann).await;
        assert_eq!((done.step, done.before.clone()), (Step::Create, None));
        let id = Hr::id(&done);
        assert_eq!(hr.w.access(&id).await, access);
        let seen = hr.w.effective(&id).await;
        assert_eq!(seen["active"], json!(policy == JoinerPolicy::Grant));
        assert_eq!(seen["name"]["familyName"], json!("Lee"));
        let ours = &seen[OURS];
        assert_eq!(
            [
                &ours["employmentState"],
                &ours["startDate"],
                &ours["endDate"],
                &ours["addedVia"]
            ],
            [
                &json!("employed"),
                &json!("2020-02-01"),
                &Value::Null,
                &json!("Bamboo")
            ]
        );
        let found = |filter: &'static str| hr.w.reader.filter("/Users", filter);
        let filter = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User:employmentState eq \"employed\"";
        assert_eq!(found(filter).await.total(), 1);
        assert!(hr.is_settled("7").await);
        hr.w.check().await;
        // A source sees nothing of it.
        if policy == JoinerPolicy::Grant {
            let read = hr.w.okta.get(&format!("/Users/{id}")).await.expect(200);
            assert_eq!(read.body[OURS], Value::Null);
        }
    }
}

#[actix_web::test]
async fn adopting_by_address_changes_no_address_and_labels_the_person() {
    let hr = hr(JoinerPolicy::List).await;
    let id =
        hr.w.okta
            .post("/Users", user("ann", "Ann@x.test", ""))
            .await
            .expect(201)
            .id();
    hr.w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    hr.w.sql(&format!(
        "UPDATE users SET access = 'granted', access_reason = 'x', has_access = true WHERE id = '{id}'"
    ));
    let mut ann = employee("7", "ann@x.test");
    let done = hr.pull(&ann).await;
    assert_eq!(
        (done.step, done.recognised),
        (Step::Adopt, Some(Recognised::Email))
    );
    assert_eq!(Hr::id(&done), id);
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["userName"], &seen["emails"][0]["value"]),
        (&json!("ann"), &json!("Ann@x.test"))
    );
    assert_eq!(
        (&seen["title"], &seen[OURS]["addedVia"]),
        (&json!("Clerk"), &json!("Bamboo"))
    );
    assert_eq!(hr.w.access(&id).await, "granted/x");
    // A later change of the source is one.
    ann.digest = "d2".to_owned();
    ann.user["userName"] = json!("ann.lee@x.test");
    ann.user["emails"][0]["value"] = json!("ann.lee@x.test");
    let done = hr.pull(&ann).await;
    assert_eq!(done.units, ["emails", "userName"]);
    assert_eq!(
        hr.w.effective(&id).await["userName"],
        json!("ann.lee@x.test")
    );
    hr.w.check().await;
}

#[actix_web::test]
async fn two_candidates_are_a_question_and_no_policy_lets_in_who_waits_for_the_answer() {
    let hr = hr(JoinerPolicy::Grant).await;
    for name in ["ann", "ann2"] {
        let other = hr.w.lister().await;
        other
            .post("/Users", user(name, &format!("{name}@x.test"), ""))
            .await
            .expect(201);
    }
    hr.w.sql("UPDATE emails SET key = 'ann@x.test' WHERE view = ''");
    let done = hr.pull(&employee("7", "ann@x.test")).await;
    let (kind, candidates) = done.conflict.clone().unwrap();
    assert_eq!(
        (done.step, kind, candidates.len()),
        (Step::Create, "several-candidates", 2)
    );
    assert_eq!(hr.w.access(&Hr::id(&done)).await, "listed/conflict");
    assert_eq!(hr.w.conflicts().await.len(), 1);
    // Nobody who is an admin is taken over either.
    let boss =
        hr.w.okta
            .post("/Users", user("boss", "boss@x.test", ""))
            .await
            .id();
    hr.w.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{boss}'"
    ));
    let done = hr.pull(&employee("8", "boss@x.test")).await;
    assert_eq!(
        done.conflict.clone().unwrap(),
        ("not-adoptable", vec![boss])
    );
    assert_eq!(hr.w.access(&Hr::id(&done)).await, "listed/conflict");
    // It is looked at in each run, until the question is answered by itself.
    assert!(!hr.is_settled("8").await);
    assert_eq!(
        hr.pull(&employee("8", "boss@x.test")).await.step,
        Step::Nothing
    );
}

#[actix_web::test]
async fn people_are_recognised_by_the_id_others_know_them_under_if_the_tenant_says_so() {
    let mut hr = hr(JoinerPolicy::List).await;
    let mut ann = user("ann", "ann@old.test", "");
    ann["externalId"] = json!("E-7");
    let id = hr.w.okta.post("/Users", ann).await.expect(201).id();
    let mut record = employee("7", "ann@x.test");
    record
        .user
        .insert(ENTERPRISE.to_owned(), json!({"employeeNumber": "E-7"}));
    let tenant = hr.w.app.tenant.tenant.clone();
    let service = hr.w.app.service.clone();
    let without = service
        .preview_people(&tenant, &hr.source, vec![record.clone()])
        .await;
    assert_eq!(without.unwrap().remove(0).unwrap().step, Step::Create);
    hr.source.also_by = Some(AlsoBy::EmployeeNumber);
    let done = hr.pull(&record).await;
    assert_eq!(
        (done.recognised, done.user_id),
        (Some(Recognised::ExternalId), Some(id))
    );
}

#[actix_web::test]
async fn outside_the_verified_domains_nobody_is_matched_or_let_in() {
    let hr = hr(JoinerPolicy::Grant).await;
    hr.w.verify_domains(&["x.test"]).await;
    let ann =
        hr.w.okta
            .post("/Users", user("ann", "ann@evil.test", ""))
            .await
            .id();
    let done = hr.pull(&employee("7", "ann@evil.test")).await;
    assert_ne!(Hr::id(&done), ann);
    assert_eq!(
        hr.w.access(&Hr::id(&done)).await,
        "listed/unverified-domain"
    );
}

#[actix_web::test]
async fn a_manager_is_found_by_her_source_id_and_the_record_comes_up_again_until_she_is() {
    let hr = hr(JoinerPolicy::List).await;
    let mut ann = employee("7", "ann@x.test");
    ann.user.insert(
        ENTERPRISE.to_owned(),
        json!({"department": "Sales", "manager": {"value": "1", "displayName": "Bo"}}),
    );
    let done = hr.pull(&ann).await;
    let missing = Finding::ManagerUnknown {
        source_id: "1".to_owned(),
    };
    assert_eq!(done.findings, [missing]);
    assert!(!hr.is_settled("7").await);
    let bo = Hr::id(&hr.pull(&employee("1", "bo@x.test")).await);
    let done = hr.pull(&ann).await;
    assert_eq!((done.step, done.findings.len()), (Step::Update, 0));
    let seen = hr.w.effective(&Hr::id(&done)).await;
    assert_eq!(
        seen[ENTERPRISE],
        json!({"department": "Sales", "manager": {"value": bo}})
    );
    assert!(hr.is_settled("7").await);
    hr.w.check().await;
}

#[actix_web::test]
async fn who_left_by_word_loses_access_once_and_a_human_may_decide_otherwise() {
    let hr = hr(JoinerPolicy::Grant).await;
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    hr.next_run();
    let left = in_state(&ann, EmploymentState::Left);
    let done = hr.pull(&left).await;
    assert!(done.takes_access());
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    assert_eq!(
        hr.w.effective(&id).await[OURS]["employmentState"],
        json!("left")
    );
    // A human lets her in again: what the source said already takes nothing.
    hr.w.sql(&format!(
        "UPDATE users SET access = 'granted', access_reason = 'x', has_access = true WHERE id = '{id}'"
    ));
    let mut retitled = left.clone();
    retitled.user["title"] = json!("Former clerk");
    retitled.digest = "d9".to_owned();
    hr.pull(&retitled).await;
    assert_eq!(hr.w.access(&id).await, "granted/x");
    assert_eq!(hr.w.effective(&id).await["title"], json!("Former clerk"));
}

#[actix_web::test]
async fn nobody_is_made_of_old_records_and_an_unknown_word_changes_nothing() {
    let hr = hr(JoinerPolicy::Grant).await;
    for state in [EmploymentState::Left, EmploymentState::Unknown] {
        let done = hr
            .pull(&in_state(&employee("1", "old@x.test"), state))
            .await;
        assert_eq!(
            (done.step, done.user_id, done.is_change),
            (Step::Nothing, None, false)
        );
        assert_eq!(done.findings, [Finding::NotBrought]);
    }
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    let mut odd = in_state(&ann, EmploymentState::Unknown);
    odd.user["title"] = json!("Boss");
    hr.pull(&odd).await;
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["title"], &seen[OURS]["employmentState"]),
        (&json!("Boss"), &json!("employed"))
    );
    // What was in force before still is: she left, and that is news.
    hr.pull(&in_state(&ann, EmploymentState::Left)).await;
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    // On leave is employed.
    let bo = employee("8", "bo@x.test");
    let id = Hr::id(&hr.pull(&bo).await);
    hr.pull(&in_state(&bo, EmploymentState::OnLeave)).await;
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    assert_eq!(
        hr.w.effective(&id).await[OURS]["employmentState"],
        json!("on_leave")
    );
}

#[actix_web::test]
async fn a_leaver_is_matched_first_and_loses_access_in_a_later_run() {
    let hr = hr(JoinerPolicy::List).await;
    let id =
        hr.w.okta
            .post("/Users", user("ann", "ann@x.test", ""))
            .await
            .id();
    let left = in_state(&employee("7", "ann@x.test"), EmploymentState::Left);
    let done = hr.pull(&left).await;
    assert_eq!(
        (done.step, done.findings),
        (Step::Adopt, vec![Finding::LeftAndHasAccess])
    );
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    assert!(!hr.is_settled("7").await);
    hr.next_run();
    assert!(hr.pull(&left).await.takes_access());
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    assert!(hr.is_settled("7").await);
    // What the push source says of her counts no more while HR says so.
    let write = json!([{"op": "replace", "path": "active", "value": false}]);
    hr.w.okta
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
    let write = json!([{"op": "replace", "path": "active", "value": true}]);
    hr.w.okta
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    hr.w.check().await;
}

#[actix_web::test]
async fn first_and_last_day_take_effect_by_themselves() {
    let mut hr = hr(JoinerPolicy::Grant).await;
    hr.source.zone = Some("Europe/Paris".to_owned());
    let mut ann = in_state(&employee("7", "ann@x.test"), EmploymentState::Prehire);
    (ann.start_date, ann.end_date) = (day("2026-06-20"), day("2026-06-30"));
    let id = Hr::id(&hr.pull(&ann).await);
    assert_eq!(hr.w.access(&id).await, "granted/not-started");
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["active"], &seen[OURS]["hasAccess"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(hr.due().await, []);
    hr.clock
        .set(Millis::from_rfc3339("2026-06-19T22:00:00Z").unwrap());
    assert!(hr.due().await[0].gives_access());
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    assert_eq!(
        hr.w.effective(&id).await[OURS]["employmentState"],
        json!("employed")
    );
    assert!(hr.is_settled("7").await);
    // The last day counts in full, by the clock of the place.
    hr.clock
        .set(Millis::from_rfc3339("2026-06-30T21:59:59Z").unwrap());
    assert_eq!(hr.due().await, []);
    hr.clock
        .set(Millis::from_rfc3339("2026-06-30T22:00:00Z").unwrap());
    assert!(hr.due().await[0].takes_access());
    assert_eq!(hr.w.access(&id).await, "revoked/last-day-passed");
    let actions = lines(
        &mut hr.w.app.database.connect(),
        "SELECT action AS line FROM journal WHERE action LIKE 'access.%' ORDER BY sequence",
    );
    assert_eq!(
        actions,
        ["access.granted", "access.started", "access.revoked"]
    );
    hr.w.check().await;
}

#[actix_web::test]
async fn a_record_that_is_gone_takes_access_and_one_that_comes_back_gives_it_back_in_time() {
    for (days, access) in [(30, "granted/returned"), (31, "listed/returned-late")] {
        let hr = hr(JoinerPolicy::List).await;
        let ann = employee("7", "ann@x.test");
        let id = Hr::id(&hr.pull(&ann).await);
        hr.w.sql(&format!(
            "UPDATE users SET access = 'granted', access_reason = 'x', has_access = true, is_public = true WHERE id = '{id}'; \
             UPDATE claims SET user_public = true; UPDATE heads SET public_users = public_users + 1 WHERE users > 0; \
             UPDATE connections SET only_users = 0"
        ));
        hr.next_run();
        let (tenant, service) = (&hr.w.app.tenant.tenant, &hr.w.app.service);
        let caller = hr.caller();
        let missed = service.mark_absent(
            &caller,
            &hr.source,
            vec!["7".to_owned()],
            Some(hr.clock.now()),
        );
        missed.await.unwrap();
        assert!(!hr.is_settled("7").await);
        let planned = service.preview_gone(tenant, &hr.source, vec!["7".to_owned()], Gone::Absent);
        let planned = planned.await.unwrap().remove(0);
        let done = hr.gone("7", Permit::Full).await;
        assert_eq!((done.step, &planned), (Step::Leave, &done));
        assert_eq!(hr.w.access(&id).await, "revoked/absent-from-source");
        assert!(!hr.gone("7", Permit::Full).await.is_change);
        hr.w.check().await;
        hr.days_later(days);
        let back = hr.pull(&ann).await;
        assert_eq!((back.step, Hr::id(&back)), (Step::Return, id.clone()));
        assert_eq!(hr.w.access(&id).await, access);
        assert!(hr.is_settled("7").await);
        hr.w.check().await;
    }
}

#[actix_web::test]
async fn somebody_hired_again_under_a_new_number_is_the_same_person() {
    let hr = hr(JoinerPolicy::Grant).await;
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    // Two records that work are two people.
    let other = hr.pull(&employee("8", "ann@x.test")).await;
    assert_eq!(
        (other.step, other.conflict.clone().map(|c| c.0)),
        (Step::Create, Some("user-name-taken"))
    );
    hr.next_run();
    hr.pull(&in_state(&ann, EmploymentState::Left)).await;
    hr.next_run();
    let again = hr.pull(&employee("9", "ann@x.test")).await;
    assert_eq!((again.step, Hr::id(&again)), (Step::Return, id.clone()));
    assert_eq!(hr.w.access(&id).await, "granted/returned");
    // The old record is nobody's any more.
    let old = hr.pull(&in_state(&ann, EmploymentState::Left)).await;
    assert_eq!(old.step, Step::Nothing);
    assert_eq!(hr.w.access(&id).await, "granted/returned");
    hr.w.check().await;
}

#[actix_web::test]
async fn what_a_human_decided_stands_and_a_tombstone_comes_back_with_its_id() {
    let hr = hr(JoinerPolicy::Grant).await;
    let (service, tenant) = (&hr.w.app.service, &hr.w.app.tenant);
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    service.revoke_person(tenant, &id, None).await.unwrap();
    assert!(!hr.is_settled("7").await);
    hr.pull(&in_state(&ann, EmploymentState::OnLeave)).await;
    assert_eq!(hr.w.access(&id).await, "revoked/revoked-by-human");
    service.reinstate_person(tenant, &id, None).await.unwrap();
    assert!(!hr.is_settled("7").await);
    hr.pull(&ann).await;
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    // Removed after the source let go of her: nobody knows her, until she is hired.
    hr.gone("7", Permit::Full).await;
    assert!(
        service
            .remove_person(tenant, &id, None)
            .await
            .unwrap()
            .is_tombstone
    );
    let old = hr.pull(&in_state(&ann, EmploymentState::Left)).await;
    assert_eq!((old.step, old.is_change), (Step::Nothing, false));
    hr.w.reader.get(&format!("/Users/{id}")).await.expect(404);
    let back = hr.pull(&ann).await;
    assert_eq!((back.step, Hr::id(&back)), (Step::Return, id.clone()));
    assert_eq!(hr.w.access(&id).await, "listed/removed-by-human");
    hr.w.check().await;
}

#[actix_web::test]
async fn without_a_permit_everything_is_applied_but_the_loss() {
    let hr = hr(JoinerPolicy::Grant).await;
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    hr.next_run();
    let mut left = in_state(&ann, EmploymentState::Left);
    left.user["title"] = json!("Former clerk");
    let done = hr.apply(&left, Permit::KeepAccess).await;
    assert_eq!((done.held, done.takes_access()), (Some("left"), false));
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["title"], &seen["active"]),
        (&json!("Former clerk"), &json!(true))
    );
    assert!(!hr.is_settled("7").await);
    let stood = hr.rows();
    assert_eq!(hr.apply(&left, Permit::KeepAccess).await.held, Some("left"));
    assert_eq!(hr.rows(), stood);
    // Then it is released.
    let done = hr.pull(&left).await;
    assert_eq!((done.held, done.takes_access()), (None, true));
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    // The same for records that are gone, and for days that have come.
    let bo = employee("8", "bo@x.test");
    let mut eve = employee("9", "eve@x.test");
    eve.end_date = day("2026-06-30");
    hr.pull(&bo).await;
    hr.pull(&eve).await;
    assert_eq!(
        hr.gone("8", Permit::KeepAccess).await.held,
        Some("absent-from-source")
    );
    assert!(!hr.gone("8", Permit::KeepAccess).await.is_change);
    hr.days_later(16);
    let service = &hr.w.app.service;
    let due = service
        .pull_due(&hr.caller(), &hr.source, "9", Permit::KeepAccess)
        .await;
    assert_eq!(due.unwrap().held, Some("last-day-passed"));
    assert_eq!(hr.count("SELECT count(*) FROM users WHERE has_access"), 2);
    assert!(hr.gone("8", Permit::Full).await.takes_access());
    assert!(hr.due().await[0].takes_access());
    assert_eq!(hr.count("SELECT count(*) FROM users WHERE has_access"), 0);
    hr.w.check().await;
}

#[actix_web::test]
async fn a_push_and_a_pull_source_share_a_person_and_each_says_its_own() {
    let hr = hr(JoinerPolicy::List).await;
    let id =
        hr.w.okta
            .post("/Users", user("ann", "ann@x.test", "Boss"))
            .await
            .id();
    let mut ann = employee("7", "ann@x.test");
    ann.user.insert("nickName".to_owned(), json!("A"));
    hr.pull(&ann).await;
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["title"], &seen["nickName"]),
        (&json!("Clerk"), &json!("A")),
        "HR owns titles"
    );
    assert_eq!(seen[OURS]["addedVia"], json!("okta"));
    let okta = hr.w.okta.get(&format!("/Users/{id}")).await.body;
    assert_eq!(okta["title"], json!("Boss"), "it reads back what it wrote");
    assert_eq!(
        (&okta["userName"], &okta["active"]),
        (&json!("ann"), &json!(true))
    );
    // The push source says inactive: HR's word brings nobody back.
    let write = json!([{"op": "replace", "path": "active", "value": false}]);
    hr.w.okta
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
    ann.digest = "d2".to_owned();
    hr.pull(&ann).await;
    assert_eq!(hr.w.access(&id).await, "revoked/deactivated-by-source");
    // The push source goes; HR keeps name and address in force.
    hr.w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    let seen = hr.w.effective(&id).await;
    assert_eq!(
        (&seen["title"], &seen["emails"][0]["value"]),
        (&json!("Clerk"), &json!("ann@x.test"))
    );
    hr.w.check().await;
}

#[actix_web::test]
async fn who_left_the_scope_is_unlinked_and_keeps_access() {
    let hr = hr(JoinerPolicy::Grant).await;
    let ann = employee("7", "ann@x.test");
    let id = Hr::id(&hr.pull(&ann).await);
    let service = &hr.w.app.service;
    let done = service
        .pull_unlink(&hr.caller(), &hr.source, "7")
        .await
        .unwrap();
    assert_eq!((done.step, done.takes_access()), (Step::Leave, false));
    assert_eq!(hr.w.access(&id).await, "granted/granted-by-policy");
    assert_eq!(
        hr.w.effective(&id).await[OURS]["employmentState"],
        Value::Null
    );
    assert_eq!(hr.count("SELECT count(*) FROM links"), 0);
    // Back in the scope she is the same.
    let back = hr.pull(&ann).await;
    assert_eq!(
        (back.recognised, Hr::id(&back)),
        (Some(Recognised::SourceId), id)
    );
    hr.w.check().await;
}

#[actix_web::test]
async fn somebody_listed_becomes_who_has_her_address_by_now() {
    let hr = hr(JoinerPolicy::List).await;
    let ann = employee("7", "ann@x.test");
    let listed = Hr::id(&hr.pull(&ann).await);
    let id =
        hr.w.okta
            .post("/Users", user("lee", "ann@typo.test", ""))
            .await
            .id();
    assert!(hr.is_settled("7").await);
    let write =
        json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ann@x.test"}]);
    hr.w.okta
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
    assert!(!hr.is_settled("7").await, "the address was corrected");
    hr.next_run();
    let done = hr.pull(&ann).await;
    assert_eq!((done.step, Hr::id(&done)), (Step::Adopt, id.clone()));
    hr.w.reader
        .get(&format!("/Users/{listed}"))
        .await
        .expect(404);
    let merged = lines(
        &mut hr.w.app.database.connect(),
        &format!(
            "SELECT object_id AS line FROM journal WHERE action = 'user.merged' AND subject_id = '{listed}'"
        ),
    );
    assert_eq!(merged, [id]);
    assert!(hr.is_settled("7").await);
    hr.w.check().await;
}

#[actix_web::test]
async fn records_without_a_name_or_address_are_people_and_bad_ones_are_results() {
    let hr = hr(JoinerPolicy::List).await;
    let mut bare = employee("7", "x");
    bare.user = json!({"displayName": "Ann"}).as_object().unwrap().clone();
    let id = Hr::id(&hr.pull(&bare).await);
    assert_eq!(hr.w.effective(&id).await["userName"], json!("7"));
    let mut bad = employee("8", "bo@x.test");
    bad.user
        .insert("emails".to_owned(), json!("bo@x.test, bo@y.test"));
    let mut nul = employee("9\u{0}", "bo@x.test");
    nul.digest = "n".to_owned();
    let people = vec![bad.clone(), nul, employee("10", "cy@x.test")];
    let both: Vec<(PullPerson, Permit)> = people.into_iter().map(|p| (p, Permit::Full)).collect();
    let service = &hr.w.app.service;
    let done = service.pull_people(&hr.caller(), &hr.source, both).await;
    assert!(done[0].is_err() && done[1].is_err());
    assert_eq!(done[2].as_ref().unwrap().step, Step::Create);
    let planned = service
        .preview_people(&hr.w.app.tenant.tenant, &hr.source, vec![bad])
        .await;
    assert!(planned.unwrap()[0].is_err());
    hr.w.check().await;
}

#[actix_web::test]
async fn disconnecting_removes_the_listed_only_and_connecting_again_finds_everybody() {
    let mut hr = hr(JoinerPolicy::List).await;
    let listed = Hr::id(&hr.pull(&employee("1", "listed@x.test")).await);
    let invited = Hr::id(&hr.pull(&employee("2", "invited@x.test")).await);
    hr.w.sql(&format!(
        "UPDATE users SET access = 'invited', access_reason = 'x', is_public = true WHERE id = '{invited}'; \
         UPDATE claims SET user_public = true WHERE user_id = '{invited}'; \
         UPDATE heads SET public_users = public_users + 1 WHERE users > 0; \
         UPDATE connections SET only_users = only_users - 1 WHERE id = '{}'",
        hr.source.source.id
    ));
    let shared =
        hr.w.lister()
            .await
            .post("/Users", user("shared", "shared@x.test", ""))
            .await
            .id();
    hr.pull(&employee("3", "shared@x.test")).await;
    hr.source.source.policy = JoinerPolicy::Grant;
    let granted = Hr::id(&hr.pull(&employee("4", "granted@x.test")).await);
    let left = employee("5", "left@x.test");
    let revoked = Hr::id(&hr.pull(&left).await);
    hr.next_run();
    hr.pull(&in_state(&left, EmploymentState::Left)).await;
    hr.w.check().await;
    let (service, tenant) = (hr.w.app.service.clone(), hr.w.app.tenant.tenant.clone());
    let connection = hr.source.source.id.clone();
    let planned = service
        .preview_disconnect(&tenant, &connection, 10)
        .await
        .unwrap();
    assert_eq!(
        planned.removed.first,
        [(listed.clone(), "listed@x.test".to_owned())]
    );
    assert_eq!(planned.invited.first.len(), 1);
    assert_eq!(
        (
            planned.removed.count,
            planned.kept.count,
            planned.invited.count
        ),
        (1, 3, 1)
    );
    let done = service.disconnect(&hr.caller(), &connection).await.unwrap();
    assert_eq!(
        (done.removed.count, done.kept.count, done.invited.count),
        (1, 3, 1)
    );
    hr.w.reader
        .get(&format!("/Users/{listed}"))
        .await
        .expect(404);
    for (id, access) in [
        (&invited, "invited/x"),
        (&shared, "listed/listed-by-source"),
        (&granted, "granted/granted-by-policy"),
        (&revoked, "revoked/left"),
    ] {
        assert_eq!(hr.w.access(id).await, access);
    }
    assert_eq!(
        hr.w.effective(&granted).await[OURS]["addedVia"],
        Value::Null
    );
    hr.w.check().await;
    // A second time there is nobody left.
    let again = service.disconnect(&hr.caller(), &connection).await.unwrap();
    assert_eq!(again, Default::default());
    // Connected again: the same people, and whoever had access has it.
    hr.next_run();
    let back = hr.pull(&employee("1", "listed@x.test")).await;
    assert_eq!((back.step, Hr::id(&back)), (Step::Return, listed));
    let back = hr.pull(&employee("4", "granted@x.test")).await;
    assert_eq!(
        (Hr::id(&back), back.after.unwrap().access),
        (granted, Access::Granted)
    );
    hr.w.check().await;
}

#[actix_web::test]
async fn two_pull_sources_agree_on_nothing_and_the_older_one_is_read() {
    let mut hr = hr(JoinerPolicy::Grant).await;
    let older = hr.source.clone();
    let id = Hr::id(&hr.pull(&employee("7", "ann@x.test")).await);
    hr.clock.set(Millis(hr.clock.now().0 + 1_000));
    hr.source = pulling(&hr.w, "Personio", JoinerPolicy::Grant).await;
    let younger = hr.source.clone();
    let away = in_state(&employee("A", "ann@x.test"), EmploymentState::OnLeave);
    assert_eq!(Hr::id(&hr.pull(&away).await), id);
    assert_eq!(
        hr.w.effective(&id).await[OURS]["employmentState"],
        json!("employed")
    );
    hr.next_run();
    hr.source = older;
    hr.pull(&in_state(
        &employee("7", "ann@x.test"),
        EmploymentState::Left,
    ))
    .await;
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    // The other one goes on; the first still says that she left.
    hr.source = younger;
    let mut works = employee("A", "ann@x.test");
    works.digest = "d5".to_owned();
    hr.pull(&works).await;
    assert_eq!(hr.w.access(&id).await, "revoked/left");
    hr.w.check().await;
}

#[actix_web::test]
async fn a_database_that_went_back_asks_before_it_pulls() {
    let hr = hr(JoinerPolicy::List).await;
    hr.pull(&employee("7", "ann@x.test")).await;
    let mut conn = hr.w.app.database.connect();
    rosterd::storage::archive::acknowledge(&mut conn, Millis(5), [1; 32]).unwrap();
    let asked =
        "SELECT kind || confirm_since AS line FROM connections WHERE confirm_since IS NOT NULL";
    assert_eq!(lines(&mut conn, asked), ["hris5"]);
    execute(&mut conn, "UPDATE connections SET confirm_since = NULL");
}

#[actix_web::test]
async fn what_a_run_asks_of_links_walks_no_tenant() {
    let hr = hr(JoinerPolicy::List).await;
    let people = (0..600).map(|n| {
        let person = employee(&format!("{n:06}"), &format!("p{n}@x.test"));
        (person, Permit::Full)
    });
    let service = &hr.w.app.service;
    service
        .pull_people(&hr.caller(), &hr.source, people.collect())
        .await;
    let mut conn = hr.w.app.database.connect();
    if !hr.w.app.database.url.is_sqlite() {
        execute(&mut conn, "ANALYZE");
    }
    let (tenant, connection) = (
        hr.w.app.tenant.tenant.as_str(),
        hr.source.source.id.as_str(),
    );
    let page = rosterd::storage::links::known(tenant, connection, Some("000100"), 50);
    let plan = plan(&mut conn, &page);
    assert_eq!(walks(&plan), [""; 0], "{plan}");
    assert!(
        !plan.contains("SCAN l") && !plan.contains("Seq Scan on links"),
        "{plan}"
    );
    let by_key = plan.contains("(tenant=? AND connection_id=? AND source_id>?)")
        || plan.contains("links_pkey");
    assert!(by_key, "{plan}");
}

/// A first load, a run in which nothing changed, and one that looks at everybody; with `--nocapture` it says how long.
#[actix_web::test]
async fn many_people_are_brought_in_their_order_and_a_second_time_nothing_is_written() {
    let hr = hr(JoinerPolicy::List).await;
    let count = if is_soak() { 20_000 } else { 300 };
    let people: Vec<(PullPerson, Permit)> = (0..count)
        .map(|n| {
            let mut person = employee(&format!("{n:06}"), &format!("p{n}@x.test"));
            let boss = json!({"manager": {"value": format!("{:06}", n / 10)}});
            person.user.insert(ENTERPRISE.to_owned(), boss);
            (person, Permit::Full)
        })
        .collect();
    let service = &hr.w.app.service;
    let caller = hr.caller();
    let begun = std::time::Instant::now();
    let done = service
        .pull_people(&caller, &hr.source, people.clone())
        .await;
    let loaded = begun.elapsed();
    // Managers came first: only the one who is her own is still unknown to herself.
    let unknown = done
        .iter()
        .filter(|d| !d.as_ref().unwrap().findings.is_empty())
        .count();
    assert_eq!(unknown, 1);
    let stood = hr.rows();
    let begun = std::time::Instant::now();
    let links = service
        .list_links(&caller.tenant, &hr.source.source.id, None, count)
        .await
        .unwrap();
    let listed = begun.elapsed();
    assert_eq!(
        links
            .iter()
            .filter(|l| l.is_settled && l.digest == "d1")
            .count()
            + 1,
        done.len()
    );
    let begun = std::time::Instant::now();
    let again: Vec<PullPerson> = people.iter().skip(1).map(|(p, _)| p.clone()).collect();
    for chunk in again.chunks(500) {
        let planned = service
            .preview_people(&caller.tenant, &hr.source, chunk.to_vec())
            .await;
        assert!(
            planned
                .unwrap()
                .iter()
                .all(|p| !p.as_ref().unwrap().is_change)
        );
    }
    let looked_at = begun.elapsed();
    assert_eq!(hr.rows(), stood);
    let line = format!(
        "{count} people: loaded in {loaded:?}, links in {listed:?}, looked at in {looked_at:?}\n"
    );
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).unwrap();
    assert_eq!(hr.w.app.verify().await.faults, []);
}
