//! People's access over several pulls of one source: leavers, days, addresses, and what a human decides in between.

mod corners;
mod days;
pub mod firm;
mod rekeyed;
mod steady;
mod waits;

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::employment::EmploymentState::{Employed, Left};
use rosterd::scim::rules::Preset;
use rosterd::sync::Which;
use serde_json::{Value, json};

use firm::{DAY, Firm, HOUR, MINUTE, day, id, person, some, waiting};

#[actix_web::test]
async fn a_leaver_who_waits_is_kept_hired_again_and_leaves_again() {
    let firm = waiting().await;
    firm.keep(some(&[50])).await;
    firm.edit("p050", |p| p.employment = Employed);
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held(), [""; 0]);
    firm.later(2 * DAY);
    firm.leave([50]);
    assert_eq!(firm.pull().await.run.lost, 1, "that is news");
}

#[actix_web::test]
async fn what_a_human_decided_while_a_plan_waited_stands() {
    let firm = Firm::of(4, JoinerPolicy::Grant).await;
    firm.leave(0..3);
    let run = firm.pull().await.run;
    let (service, caller) = (&firm.app.service, &firm.app.tenant);
    let revoked = firm.user("p000");
    service.revoke_person(caller, &revoked, None).await.unwrap();
    firm.approve(&run, Which::All).await.unwrap();
    assert_eq!(firm.access(&revoked), "revoked/revoked-by-human");
    firm.edit("p000", |p| p.employment = Employed);
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.access(&revoked), "revoked/revoked-by-human");
}

#[actix_web::test]
async fn losses_count_from_when_they_happened_not_from_when_their_run_began() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.leave(0..10);
    let run = firm.pull().await.run;
    // As if the process had been away for two days between the plan and the apply.
    let began = firm.now() - 2 * DAY;
    firm.sql(&format!(
        "UPDATE runs SET started_at = {began} WHERE id = '{}'",
        run.id
    ));
    firm.later(HOUR);
    firm.leave(10..18);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 90, "ten percent in a day");
}

#[actix_web::test]
async fn a_plan_is_stale_once_the_policy_changed() {
    let firm = Firm::of(4, JoinerPolicy::Grant).await;
    firm.leave(0..3);
    firm.write(person("new", Employed));
    let run = firm.pull().await.run;
    firm.set(|s| {
        s.source.source.policy = JoinerPolicy::List;
        s.settings_digest = "s2".to_owned();
    });
    assert!(firm.approve(&run, Which::All).await.is_err());
    assert_eq!(firm.inside().len(), 4);
}

#[actix_web::test]
async fn first_and_last_days_come_while_the_vendor_is_down_and_zones_may_change() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let mut ann = person("ann", Employed);
    ann.start_date = day("2026-06-17");
    firm.write(ann);
    firm.edit("p000", |p| p.end_date = day("2026-06-16"));
    firm.edit("p001", |p| {
        p.end_date = day("2026-06-16");
        p.user
            .insert("timezone".to_owned(), json!("Pacific/Kiritimati"));
    });
    firm.edit("p002", |p| {
        p.end_date = day("2026-06-16");
        p.user.insert("timezone".to_owned(), json!("Etc/GMT+12"));
    });
    firm.pull().await;
    *firm.is_down.lock().unwrap() = true;
    let at = |text: &str| firm.clock.set(Millis::from_rfc3339(text).unwrap());
    for (moment, out, ann) in [
        ("2026-06-16T09:59:59Z", vec![], false),
        ("2026-06-16T10:00:01Z", vec!["p001"], false),
        ("2026-06-17T00:00:01Z", vec!["p000", "p001"], true),
        ("2026-06-17T11:59:59Z", vec!["p000", "p001"], true),
        ("2026-06-17T12:00:01Z", vec!["p000", "p001", "p002"], true),
    ] {
        at(moment);
        assert!(!firm.run().await.is_ok());
        firm.days().await;
        let inside = firm.inside();
        let gone = (0..20)
            .map(id)
            .filter(|id| !inside.contains(&format!("{id}@x.test")));
        assert_eq!(gone.collect::<Vec<_>>(), out, "{moment}");
        assert_eq!(inside.contains("ann@x.test"), ann, "{moment}");
    }
    // She moves west: her last day is not over there.
    *firm.is_down.lock().unwrap() = false;
    firm.edit("p000", |p| {
        p.end_date = day("2026-06-17");
        p.user
            .insert("timezone".to_owned(), json!("America/Los_Angeles"));
    });
    firm.pull().await;
    assert!(firm.inside().contains("p000@x.test"));
    at("2026-06-18T06:59:00Z");
    firm.days().await;
    assert!(firm.inside().contains("p000@x.test"));
    at("2026-06-18T07:00:01Z");
    firm.days().await;
    assert!(!firm.inside().contains("p000@x.test"));
}

#[actix_web::test]
async fn nobody_inherits_the_access_of_a_leaver_with_her_address() {
    let firm = Firm::of(20, JoinerPolicy::List).await;
    let leaver = firm.user("p000");
    firm.grant(&leaver);
    firm.leave([0]);
    firm.pull().await;
    assert_eq!(firm.access(&leaver), "revoked/left");
    // Both were in the company at once: they are two.
    let other = firm.user("p001");
    firm.edit("p001", |p| p.user = person("p000", Employed).user);
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.inside(), BTreeSet::new());
    assert_eq!(firm.user("p001"), other);
}

#[actix_web::test]
async fn two_records_with_one_address_take_nothing_from_each_other() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let mut twin = person("twin", Left);
    twin.user = person("p000", Employed).user;
    firm.write(twin.clone());
    for state in [Left, Employed, Left] {
        twin.employment = state;
        firm.write(twin.clone());
        firm.pull().await;
        firm.later(HOUR);
        firm.pull().await;
        assert!(firm.inside().contains("p000@x.test"), "{state:?}");
    }
}

#[actix_web::test]
async fn people_who_swap_their_addresses_stay_who_they_are() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let (a, b) = (firm.user("p000"), firm.user("p001"));
    firm.edit("p000", |p| p.user = person("p001", Employed).user);
    firm.edit("p001", |p| p.user = person("p000", Employed).user);
    for _ in 0..2 {
        firm.pull().await;
        firm.later(10 * MINUTE);
    }
    assert_eq!((firm.user("p000"), firm.user("p001")), (a.clone(), b));
    assert_eq!(firm.inside().len(), 20);
    let key = format!(
        "SELECT key AS line FROM emails WHERE user_id = '{a}' AND view = '' AND until IS NULL"
    );
    assert_eq!(firm.lines(&key), ["p001@x.test"]);
    // And one of them leaves: she, nobody else.
    firm.leave([0]);
    firm.pull().await;
    assert_eq!(firm.access(&a), "revoked/left");
    assert_eq!(firm.inside().len(), 19);
}

#[actix_web::test]
async fn managers_in_a_circle_and_managers_who_left_cost_nobody_access() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let manager = |id: &str| json!({"manager": {"value": id}});
    for (who, whom) in [
        ("p000", "p001"),
        ("p001", "p000"),
        ("p002", "p002"),
        ("p003", "gone"),
    ] {
        firm.edit(who, |p| {
            p.user
                .insert(rosterd::hris::ENTERPRISE.to_owned(), manager(whom));
        });
    }
    for _ in 0..3 {
        firm.pull().await;
        firm.later(10 * MINUTE);
    }
    assert_eq!(firm.inside().len(), 20);
    firm.leave([0]);
    assert_eq!(firm.pull().await.run.lost, 1);
    assert_eq!(firm.app.verify().await.faults, []);
}

#[actix_web::test]
async fn no_source_removes_the_break_glass_admin() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let boss = firm.user("p000");
    firm.sql(&format!(
        "UPDATE users SET break_glass = true WHERE id = '{boss}'"
    ));
    firm.leave([0]);
    for _ in 0..2 {
        firm.pull().await;
        firm.later(HOUR);
    }
    firm.delete("p000");
    for _ in 0..2 {
        firm.pull().await;
        firm.later(HOUR);
    }
    assert_eq!(firm.inside().len(), 20);
    let push = firm.app.source(Preset::Okta).await;
    let write: Value = json!([{"op": "replace", "path": "active", "value": false}]);
    push.patch(&format!("/Users/{boss}"), write).await;
    push.delete(&format!("/Users/{boss}")).await;
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn a_fallen_field_and_true_leavers_in_one_pull() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.leave(0..3);
    for n in 50..60 {
        firm.delete(&id(n));
    }
    *firm.gap.lock().unwrap() = Some("coverage");
    for _ in 0..3 {
        firm.run().await;
        firm.later(HOUR);
    }
    assert!(
        firm.inside().len() >= 97,
        "an incomplete pull misses nobody"
    );
    *firm.gap.lock().unwrap() = None;
    for n in 50..60 {
        firm.write(person(&id(n), Employed));
    }
    firm.pull().await;
    assert_eq!(firm.inside().len(), 97);
}
