//! Where last days, undone runs, new ids and what waits for an admin meet.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::employment::EmploymentState::Employed;
use rosterd::sync::{Unwatched, Which};
use serde_json::json;

use super::firm::{DAY, Firm, HOUR, MINUTE, day, id, person, waiting};

const SOON: &str = "2026-06-22";

impl Firm {
    async fn undo(&self, run: &str) {
        self.later(1);
        let (order, bridge) = (self.order(), &self.bridge);
        let undone = bridge.undo(&order.setup.tenant, order.actor, run, &Unwatched);
        undone.await.unwrap();
    }

    fn says_last_day(&self, people: std::ops::Range<usize>, last: &str) {
        for n in people {
            self.edit(&id(n), |p| p.end_date = day(last));
        }
    }

    fn is_at(&self, text: &str) {
        self.clock.set(Millis::from_rfc3339(text).unwrap());
    }

    async fn approve_by_api(&self) {
        let (service, connection) = (&self.app.service, self.order().setup.source.source.id);
        let decided = service.decide_losses(&self.app.tenant, &connection, None, true);
        decided.await.unwrap();
    }
}

#[actix_web::test]
async fn an_approval_outlives_the_hours_in_which_the_day_is_over_for_us_and_not_for_her() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.set(|s| s.source.zone = Some("America/Los_Angeles".to_owned()));
    firm.says_last_day(0..30, SOON);
    firm.pull().await;
    firm.later(1);
    let released = firm.bridge.release(&firm.order(), &Which::All).await;
    assert_eq!(released.unwrap(), 30);
    firm.is_at("2026-06-23T02:00:00Z");
    assert!(firm.days().await.is_none(), "an afternoon in California");
    firm.pull().await;
    assert_eq!(firm.held().len(), 30);
    firm.is_at("2026-06-23T07:00:01Z");
    assert_eq!(firm.days().await.unwrap().run.lost, 30);
    assert_eq!((firm.held().len(), firm.inside().len()), (0, 70));
}

/// p050 has a last day, is missed by a full window, and that she goes is approved.
async fn absent_and_approved() -> Firm {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.says_last_day(50..51, SOON);
    firm.pull().await;
    firm.later(2 * DAY);
    firm.leave(0..10);
    assert_eq!(firm.pull().await.run.lost, 10);
    firm.delete("p050");
    firm.pull().await;
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held(), ["p050 waiting absent-from-source"]);
    firm.approve_by_api().await;
    firm
}

#[actix_web::test]
async fn that_an_absence_was_approved_is_no_word_about_her_once_she_is_back_with_her_last_day() {
    let firm = absent_and_approved().await;
    let mut back = person("p050", Employed);
    back.end_date = day(SOON);
    firm.write(back);
    firm.pull().await;
    assert_eq!(firm.held(), [""; 0]);
}

#[actix_web::test]
async fn an_approved_absence_is_carried_out_though_her_last_day_comes_first() {
    let firm = absent_and_approved().await;
    firm.is_at("2026-06-23T00:00:01Z");
    firm.days().await;
    firm.pull().await;
    assert!(!firm.inside().contains("p050@x.test"), "{:?}", firm.held());
    assert_eq!(firm.held(), [""; 0]);
}

#[actix_web::test]
async fn last_days_that_wait_go_on_waiting_when_their_run_is_undone() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.says_last_day(0..30, SOON);
    let run = firm.pull().await.run;
    assert_eq!(firm.held().len(), 30);
    firm.undo(&run.id).await;
    for _ in 0..2 {
        firm.later(HOUR);
        firm.pull().await;
        assert_eq!(firm.held().len(), 30);
    }
    firm.later(1);
    let released = firm.bridge.release(&firm.order(), &Which::All).await;
    assert_eq!(released.unwrap(), 30);
    firm.is_at("2026-06-23T00:00:01Z");
    firm.days().await;
    assert_eq!(firm.inside().len(), 70);
}

#[actix_web::test]
async fn a_leaver_who_waits_goes_on_waiting_when_a_later_run_that_changed_her_title_is_undone() {
    let firm = waiting().await;
    firm.edit("p050", |p| p.user["title"] = json!("Boss"));
    firm.later(HOUR);
    let run = firm.pull().await.run;
    assert_eq!(firm.held(), ["p050 waiting left"]);
    firm.undo(&run.id).await;
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held(), ["p050 waiting left"]);
    firm.later(1);
    let released = firm.bridge.release(&firm.order(), &Which::All).await;
    assert_eq!(released.unwrap(), 1);
    assert!(!firm.inside().contains("p050@x.test"));
}

#[actix_web::test]
async fn leavers_whom_an_undo_holds_make_nobody_elses_word_unbelievable() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.leave(0..8);
    let run = firm.pull().await.run;
    assert_eq!(run.lost, 8);
    firm.undo(&run.id).await;
    firm.later(2 * DAY);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 100);
    firm.leave(20..23);
    let report = firm.pull().await;
    assert_eq!((report.run.why_held, report.run.lost), (None, 3));
}

#[actix_web::test]
async fn last_days_whom_an_undo_holds_make_nobody_elses_word_unbelievable() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.says_last_day(0..8, "2026-09-30");
    let run = firm.pull().await.run;
    firm.undo(&run.id).await;
    firm.later(2 * DAY);
    firm.says_last_day(20..23, "2026-09-30");
    firm.leave(30..31);
    let report = firm.pull().await;
    assert_eq!((report.run.why_held, report.run.lost), (None, 1));
    // Besides, something else of theirs changes.
    for n in 0..8 {
        firm.edit(&id(n), |p| p.user["title"] = json!("Boss"));
    }
    firm.later(2 * DAY);
    firm.pull().await;
    firm.later(2 * DAY);
    firm.says_last_day(24..27, "2026-09-30");
    let report = firm.pull().await;
    assert_eq!((report.run.why_held, report.counts.held), (None, 0));
}

#[actix_web::test]
async fn a_record_that_ends_by_its_last_day_in_the_pull_that_brings_the_new_one_takes_nothing() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let ann = firm.user("p010");
    firm.edit("p010", |p| p.end_date = day("2026-06-14"));
    let mut new = person("p010", Employed);
    "new".clone_into(&mut new.source_id);
    new.start_date = day("2026-06-15");
    firm.write(new);
    let report = firm.pull().await;
    assert_eq!((report.counts.losses, report.run.lost), (0, 0));
    assert_eq!((firm.user("new"), firm.inside().len()), (ann, 20));
    for _ in 0..3 {
        firm.later(HOUR);
        assert_eq!(firm.pull().await.run.planned, 0);
    }
}

#[actix_web::test]
async fn a_last_day_that_comes_in_the_pull_that_brings_the_new_record_takes_nothing() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let ann = firm.user("p010");
    firm.edit("p010", |p| p.end_date = day("2026-06-16"));
    firm.pull().await;
    firm.is_at("2026-06-17T00:00:01Z");
    let mut new = person("p010", Employed);
    "new".clone_into(&mut new.source_id);
    firm.write(new);
    let report = firm.pull().await;
    assert_eq!((report.counts.losses, report.run.lost), (0, 0));
    assert_eq!((firm.user("new"), firm.inside().len()), (ann, 20));
}

#[actix_web::test]
async fn without_having_read_everybody_nobody_goes_on_under_another_record() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let ann = firm.user("p010");
    firm.leave([10]);
    for new in ["new1", "new2"] {
        let mut record = person("p010", Employed);
        new.clone_into(&mut record.source_id);
        firm.write(record);
    }
    // The second one is on the page that did not come.
    let lost = firm.records.lock().unwrap().pop().unwrap();
    *firm.gap.lock().unwrap() = Some("cut");
    firm.run().await;
    assert_eq!(firm.user("p010"), ann);
    assert_eq!(firm.inside().len(), 20);
    *firm.gap.lock().unwrap() = None;
    firm.records.lock().unwrap().push(lost);
    firm.later(10 * MINUTE);
    firm.pull().await;
    assert_eq!(
        firm.user("p010"),
        ann,
        "which of the two she is, a human says"
    );
    assert_eq!(firm.held(), ["p010 waiting left"]);
}
