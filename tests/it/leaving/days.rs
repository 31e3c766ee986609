//! Last days that lie ahead: weighed when they are learned and when they come (docs/decisions/0018).

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::employment::EmploymentState::Employed;
use rosterd::domain::roles::Role;
use rosterd::sync::{Unwatched, Which};
use serde_json::json;

use super::firm::{DAY, Firm, HOUR, MINUTE, day, id, person, some};

const SOON: &str = "2026-06-22";

impl Firm {
    /// The source names a last day for some.
    fn ends(&self, ids: impl IntoIterator<Item = usize>, last: &str) {
        for n in ids {
            self.edit(&id(n), |p| p.end_date = day(last));
        }
    }

    fn at(&self, text: &str) {
        self.clock.set(Millis::from_rfc3339(text).unwrap());
    }

    /// Days come, and pulls are made; whoever is let in afterwards.
    async fn lives_on(&self, pulls: usize) -> usize {
        for _ in 0..pulls {
            self.days().await;
            self.run().await;
            self.later(2 * HOUR);
        }
        self.days().await;
        self.inside().len()
    }

    async fn release(&self, which: Which) -> u64 {
        self.later(1);
        self.bridge.release(&self.order(), &which).await.unwrap()
    }

    /// As the API decides: noted, and carried out by whoever pulls.
    async fn decide(&self, is_approved: bool) {
        let (service, connection) = (&self.app.service, self.order().setup.source.source.id);
        let decided = service.decide_losses(&self.app.tenant, &connection, None, is_approved);
        decided.await.unwrap();
    }
}

#[actix_web::test]
async fn a_column_of_last_days_that_comes_at_once_waits_and_nobody_goes_on_the_day() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..30, SOON);
    let report = firm.pull().await;
    assert_eq!(report.run.why_held.as_deref(), Some("status-column"));
    assert_eq!((report.counts.ahead, report.counts.held), (30, 30));
    assert_eq!(firm.held().len(), 30);
    assert_eq!(firm.held()[0], "p000 waiting last-day-ahead");
    let days = "SELECT day AS line FROM held_losses ORDER BY source_id";
    assert_eq!(firm.lines(days)[29], SOON);
    firm.later(DAY);
    assert_eq!(firm.pull().await.counts.held, 30, "the same set");
    firm.at("2026-06-22T12:00:00Z");
    assert_eq!(firm.lives_on(12).await, 100);
    firm.later(3 * DAY);
    assert_eq!(firm.lives_on(2).await, 100);
    assert_eq!(firm.held()[29], "p029 waiting last-day-passed");
    assert_eq!(firm.app.verify().await.faults, []);
}

#[actix_web::test]
async fn last_days_up_to_the_limit_pass_and_take_their_place_in_the_window() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..8, SOON);
    let report = firm.pull().await;
    assert_eq!((report.run.why_held, report.run.lost), (None, 0));
    firm.later(HOUR);
    firm.leave(10..14);
    assert_eq!(firm.pull().await.run.lost, 2, "eight of ten are told");
    firm.at("2026-06-23T00:00:01Z");
    firm.days().await;
    assert_eq!(firm.inside().len(), 90);
}

#[actix_web::test]
async fn ten_pulls_of_a_few_last_days_do_not_pass() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    for n in 0..10 {
        firm.ends(n * 5..n * 5 + 5, SOON);
        firm.later(HOUR);
        firm.pull().await;
    }
    assert_eq!(firm.held().len(), 40);
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(2).await, 90);
}

#[actix_web::test]
async fn who_is_told_and_goes_in_one_window_counts_once() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.ends(0..3, "2026-06-15");
    firm.pull().await;
    firm.later(13 * HOUR);
    assert_eq!(firm.days().await.unwrap().run.lost, 3);
    firm.leave(3..5);
    assert_eq!(firm.pull().await.run.lost, 2);
    firm.leave([5]);
    assert_eq!(firm.pull().await.run.lost, 0, "five in a day");
}

#[actix_web::test]
async fn last_days_are_counted_again_when_they_come() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    for n in 0..3 {
        firm.ends(n * 8..n * 8 + 8, SOON);
        firm.pull().await;
        firm.later(DAY + HOUR);
    }
    assert_eq!(firm.held(), [""; 0]);
    firm.at("2026-06-23T00:00:01Z");
    let come = firm.days().await.unwrap();
    assert_eq!((come.run.lost, come.counts.held), (10, 14));
    for _ in 0..3 {
        firm.later(MINUTE);
        assert!(firm.days().await.is_none());
    }
    assert_eq!(firm.release(Which::All).await, 14);
    assert_eq!(firm.inside().len(), 76);
}

#[actix_web::test]
async fn an_approved_last_day_comes_by_itself_however_many_and_whoever_is_down() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..30, SOON);
    firm.pull().await;
    assert_eq!(firm.release(some(&[0, 1])).await, 2);
    assert_eq!(firm.release(Which::All).await, 28);
    assert_eq!(firm.inside().len(), 100, "the day lies ahead");
    firm.pull().await;
    // What else changes about her takes nothing back.
    firm.edit("p000", |p| p.user["title"] = json!("Former clerk"));
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held()[0], "p000 approved last-day-ahead");
    // The run that an approval speaks of is kept as long as that.
    let kept = std::time::Duration::from_secs(60);
    firm.app.service.forget_runs(kept).await.unwrap();
    let spoken_of = "SELECT r.id AS line FROM runs r WHERE EXISTS (SELECT 1 FROM held_losses h WHERE h.run_id = r.id)";
    assert_eq!(firm.lines(spoken_of).len(), 1);
    *firm.is_down.lock().unwrap() = true;
    firm.at("2026-06-22T23:59:00Z");
    assert_eq!(firm.lives_on(0).await, 100);
    firm.at("2026-06-23T00:00:01Z");
    let come = firm.days().await.unwrap();
    assert_eq!((come.run.lost, come.counts.held), (30, 0));
    assert_eq!(firm.held(), [""; 0]);
    assert_eq!(firm.inside().len(), 70);
}

#[actix_web::test]
async fn an_approval_by_the_api_needs_no_pull_and_is_of_that_day_only() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..12, SOON);
    firm.pull().await;
    firm.decide(true).await;
    firm.ends([0], "2026-06-18");
    firm.pull().await;
    assert_eq!(firm.held()[0], "p000 waiting last-day-ahead");
    *firm.is_down.lock().unwrap() = true;
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 89);
    assert!(firm.inside().contains("p000@x.test"));
    // The vendor says the word instead of the day, and it was approved.
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..12, SOON);
    firm.pull().await;
    firm.decide(true).await;
    firm.at("2026-06-23T00:00:01Z");
    firm.leave(0..12);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 88);
}

#[actix_web::test]
async fn the_api_shows_last_days_that_wait_and_takes_decisions_about_people() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..12, SOON);
    let run = firm.pull().await.run.id;
    let admin = firm.app.role(&firm.app.tenant, Role::TenantAdmin).await;
    let send = async |method: &str, path: &str, body: &str| {
        let path = format!("/api/v1/tenants/default/runs/{run}{path}");
        let body = body.as_bytes().to_vec();
        admin.raw(method, &path, "application/json", body).await
    };
    let losses = send("GET", "/items?losses=true", "").await.expect(200).body;
    let items = losses["items"].as_array().unwrap();
    assert_eq!(items.len(), 12);
    for item in items {
        let effect = &item["effect"];
        assert_eq!(
            (&item["state"], &item["losesAccess"]),
            (&json!("held"), &json!(true))
        );
        assert_eq!(
            (&effect["isAhead"], &effect["lastDay"]),
            (&json!(true), &json!(SOON))
        );
        assert_eq!(effect["held"], "last-day-ahead");
        assert_eq!(effect["after"]["hasAccess"], true);
    }
    let counts = send("GET", "", "").await.expect(200).body["counts"].clone();
    assert_eq!(
        (&counts["ahead"], &counts["held"]),
        (&json!(12), &json!(12))
    );
    send("POST", "/approve", r#"{"people": ["p000", "p001"]}"#)
        .await
        .expect(202);
    send("POST", "/discard", r#"{"people": ["p002"]}"#)
        .await
        .expect(200);
    firm.at("2026-06-23T00:00:01Z");
    firm.days().await;
    let inside = firm.inside();
    let gone = (0..12).filter(|n| !inside.contains(&format!("{}@x.test", id(*n))));
    assert_eq!(gone.collect::<Vec<_>>(), [0, 1]);
}

#[actix_web::test]
async fn a_refused_last_day_takes_nothing_until_the_source_says_something_else() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..12, SOON);
    firm.pull().await;
    firm.decide(true).await;
    firm.pull().await;
    // Approved, and refused after all.
    firm.keep(Which::All).await;
    assert!(!firm.pull().await.waits());
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(3).await, 100);
    let refused = firm
        .held()
        .iter()
        .filter(|h| h.contains("discarded"))
        .count();
    assert_eq!(refused, 12);
    firm.ends([0], "2026-06-25");
    firm.pull().await;
    assert_eq!(firm.held()[0], "p000 waiting last-day-ahead");
    firm.at("2026-06-26T00:00:01Z");
    assert_eq!(firm.lives_on(2).await, 100);
}

#[actix_web::test]
async fn a_last_day_that_is_withdrawn_waits_no_more() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..12, SOON);
    firm.pull().await;
    for n in 0..12 {
        firm.edit(&id(n), |p| p.end_date = None);
    }
    firm.later(HOUR);
    assert!(!firm.pull().await.waits());
    assert_eq!(firm.held(), [""; 0]);
    let left = "SELECT 'yes' AS line FROM links WHERE held_day IS NOT NULL OR told_at IS NOT NULL OR due_at IS NOT NULL";
    assert_eq!(firm.lines(left), [""; 0]);
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 100);
    // And a day that passed without anybody being asked gives its place back.
    firm.ends(0..10, "2026-07-22");
    firm.pull().await;
    for n in 0..10 {
        firm.edit(&id(n), |p| p.end_date = None);
    }
    firm.pull().await;
    firm.leave(20..25);
    assert_eq!(firm.pull().await.run.lost, 5);
}

#[actix_web::test]
async fn only_an_earlier_day_is_news() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.ends(0..4, SOON);
    assert_eq!(firm.pull().await.counts.ahead, 4);
    firm.ends(0..4, "2026-06-29");
    assert_eq!(firm.pull().await.counts.ahead, 0);
    firm.edit("p000", |p| p.user["title"] = json!("Head clerk"));
    assert_eq!(firm.pull().await.counts.ahead, 0);
    firm.later(2 * DAY);
    firm.ends([0], "2026-06-24");
    assert_eq!(firm.pull().await.counts.ahead, 1);
    firm.at("2026-06-25T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 19);
    firm.at("2026-06-30T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 16);
}

#[actix_web::test]
async fn an_incomplete_pull_and_a_look_tell_no_last_day() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    *firm.gap.lock().unwrap() = Some("cut");
    firm.ends(0..2, SOON);
    let report = firm.run().await;
    assert_eq!(report.counts.unproved, 2);
    firm.at("2026-06-23T00:00:01Z");
    firm.days().await;
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn after_settings_changed_a_last_day_waits_with_the_plan_and_comes_once_that_is_approved() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.set(|s| s.settings_digest = "s2".to_owned());
    firm.ends(0..3, SOON);
    let run = firm.pull().await.run;
    assert_eq!(run.why_held.as_deref(), Some("settings-changed"));
    firm.approve(&run, some(&[0, 1])).await.unwrap();
    assert_eq!(
        firm.held(),
        [
            "p000 approved last-day-ahead",
            "p001 approved last-day-ahead",
            "p002 waiting last-day-ahead"
        ]
    );
    firm.at("2026-06-22T12:00:00Z");
    firm.leave(50..60);
    assert_eq!(firm.pull().await.run.lost, 10, "the window is full");
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 88);
    assert_eq!(firm.held(), ["p002 waiting last-day-passed"]);
}

#[actix_web::test]
async fn a_plan_with_last_days_that_is_given_up_asks_again_only_when_the_source_changes() {
    let firm = Firm::of(4, JoinerPolicy::Grant).await;
    firm.ends(0..3, SOON);
    let run = firm.pull().await.run;
    assert_eq!(run.why_held.as_deref(), Some("more-than-half"));
    firm.bridge.discard(&firm.order(), &run.id).await.unwrap();
    assert!(!firm.pull().await.waits());
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(2).await, 4);
}

#[actix_web::test]
async fn a_first_plan_that_meets_people_with_a_last_day_takes_nothing_and_does_not_wait() {
    let firm = Firm::of(0, JoinerPolicy::List).await;
    for n in 0..20 {
        firm.write(person(&id(n), Employed));
    }
    firm.pull().await;
    for n in 0..20 {
        firm.grant(&firm.user(&id(n)));
    }
    // As if another source had brought them.
    firm.sql("DELETE FROM links; DELETE FROM claims; UPDATE schedules SET settings_digest = NULL");
    firm.ends(0..3, SOON);
    let run = firm.pull().await;
    assert_eq!((run.run.state.as_str(), run.counts.ahead), ("done", 3));
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 17);
}

#[actix_web::test]
async fn a_killed_apply_counts_and_holds_last_days_as_the_whole_one() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.ends(0..9, SOON);
    let run = firm.pull().await.run;
    firm.sql(&format!(
        "UPDATE runs SET state = 'running', stage = 'apply', applied = 0, finished_at = NULL WHERE id = '{0}'; \
         UPDATE run_items SET state = 'planned' WHERE run_id = '{0}'",
        run.id
    ));
    let service = &firm.app.service;
    let cut = service.find_run(&firm.app.tenant.tenant, &run.id).await;
    let order = firm.order();
    let resumed = firm.bridge.resume(&order, cut.unwrap(), &Unwatched);
    assert_eq!(resumed.await.unwrap().lost, 0);
    firm.leave(50..53);
    assert_eq!(firm.pull().await.run.lost, 1);
    firm.at("2026-06-23T00:00:01Z");
    assert_eq!(firm.lives_on(1).await, 90);
}

/// Zone, and the moment at which a last day of 2026-10-24, or a first day of 2026-10-25, flips access there.
const ZONES: [(&str, &str); 12] = [
    ("Pacific/Kiritimati", "2026-10-24T10:00:00Z"),
    ("Pacific/Auckland", "2026-10-24T11:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-24T13:00:00Z"),
    ("Asia/Kathmandu", "2026-10-24T18:15:00Z"),
    ("Asia/Kolkata", "2026-10-24T18:30:00Z"),
    // The day that begins here has 25 hours.
    ("Europe/Paris", "2026-10-24T22:00:00Z"),
    ("Europe/London", "2026-10-24T23:00:00Z"),
    ("Atlantic/Azores", "2026-10-25T00:00:00Z"),
    ("America/St_Johns", "2026-10-25T02:30:00Z"),
    ("America/New_York", "2026-10-25T04:00:00Z"),
    ("America/Los_Angeles", "2026-10-25T07:00:00Z"),
    ("Etc/GMT+12", "2026-10-25T12:00:00Z"),
];

#[actix_web::test]
async fn days_come_within_a_minute_in_every_zone_and_across_daylight_changes() {
    let firm = Firm::of(0, JoinerPolicy::Grant).await;
    firm.set(|s| {
        s.limits.people = 1_000;
    });
    firm.at("2026-10-20T12:00:00Z");
    let zoned = |prefix: &str, zone: &str| {
        let mut p = person(&format!("{prefix}-{zone}").replace('/', "-"), Employed);
        p.user.insert("timezone".to_owned(), json!(zone));
        p
    };
    for (zone, _) in ZONES {
        let mut leaves = zoned("ends", zone);
        leaves.end_date = day("2026-10-24");
        let mut begins = zoned("starts", zone);
        begins.start_date = day("2026-10-25");
        firm.write(leaves);
        firm.write(begins);
    }
    for n in 0..30 {
        firm.write(person(&id(n), Employed));
    }
    firm.pull().await;
    firm.pull().await;
    assert_eq!(firm.inside().len(), 42);
    *firm.is_down.lock().unwrap() = true;
    for (zone, moment) in ZONES {
        let at = Millis::from_rfc3339(moment).unwrap().0;
        let email = |prefix: &str| format!("{prefix}-{zone}@x.test").replace('/', "-");
        for (shift, is_over) in [(-30_000, false), (30_000, true)] {
            firm.clock.set(Millis(at + shift));
            firm.days().await;
            let inside = firm.inside();
            let stands = |prefix: &str| {
                inside
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&email(prefix)))
            };
            assert_eq!(stands("ends"), !is_over, "{zone} {shift}");
            assert_eq!(stands("starts"), is_over, "{zone} {shift}");
        }
    }
    assert_eq!(firm.inside().len(), 42);
}
