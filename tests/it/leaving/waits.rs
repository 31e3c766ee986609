//! What waits for an admin, over several pulls.

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::{Employed, Left};
use rosterd::domain::pull::{Leaving, Scope};
use rosterd::hris::Mapped;
use rosterd::sync::{Unwatched, Which};
use serde_json::json;

use super::firm::{DAY, Firm, HOUR, MINUTE, day, digested, id, person, some, waiting};

/// The last day of p050 was known, and comes when ten others have left.
async fn day_in_a_full_window(firm: &Firm) {
    firm.edit("p050", |p| p.end_date = day("2026-06-17"));
    firm.pull().await;
    firm.later(2 * DAY);
    firm.leave(0..10);
    assert_eq!(firm.pull().await.run.lost, 10);
    firm.later(13 * HOUR);
    firm.days().await;
}

#[actix_web::test]
async fn more_than_half_is_of_those_who_still_have_access() {
    let firm = Firm::of(4, JoinerPolicy::Grant).await;
    firm.leave(0..2);
    assert_eq!(firm.pull().await.run.lost, 2, "half, and no more");
    firm.later(HOUR);
    firm.leave(2..4);
    let all = firm.pull().await;
    assert_eq!(
        (all.run.why_held.as_deref(), all.run.lost),
        (Some("more-than-half"), 0)
    );
    assert_eq!(firm.inside().len(), 2);
}

#[actix_web::test]
async fn a_column_that_turns_to_left_is_not_believed_however_few_have_access() {
    let firm = Firm::of(100, JoinerPolicy::List).await;
    for n in 0..10 {
        firm.grant(&firm.user(&id(n)));
    }
    // Forty of a hundred, four of them with access.
    firm.leave(6..46);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 10);
}

#[actix_web::test]
async fn losses_of_a_run_that_was_killed_before_it_noted_them_are_counted() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.leave(0..10);
    let run = firm.pull().await.run;
    assert_eq!((run.lost, firm.inside().len()), (10, 90));
    // As a kill leaves it after the people of the chunk and before the books.
    firm.sql(&format!(
        "UPDATE runs SET state = 'running', stage = 'apply', lost = 0, applied = 0, finished_at = NULL WHERE id = '{0}'; \
         UPDATE run_items SET state = 'planned' WHERE run_id = '{0}'",
        run.id
    ));
    let cut = firm
        .app
        .service
        .find_run(&firm.app.tenant.tenant, &run.id)
        .await
        .unwrap();
    firm.bridge
        .resume(&firm.order(), cut, &Unwatched)
        .await
        .unwrap();
    firm.later(HOUR);
    firm.leave(10..18);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 90, "ten percent in a day");
}

#[actix_web::test]
async fn who_waits_as_left_does_not_go_by_herself_once_she_is_absent() {
    let firm = waiting().await;
    firm.delete("p050");
    for _ in 0..3 {
        firm.later(DAY + HOUR);
        firm.pull().await;
    }
    assert!(firm.inside().contains("p050@x.test"), "{:?}", firm.held());
    assert_eq!(firm.held(), ["p050 waiting absent-from-source"]);
}

#[actix_web::test]
async fn who_waits_for_a_last_day_does_not_go_by_herself_once_the_record_says_left() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    day_in_a_full_window(&firm).await;
    assert_eq!(firm.held(), ["p050 waiting last-day-passed"]);
    // The mapping sees that the day is over.
    firm.leave([50]);
    firm.later(DAY);
    firm.pull().await;
    assert!(firm.inside().contains("p050@x.test"), "{:?}", firm.held());
}

#[actix_web::test]
async fn who_waits_goes_on_waiting_while_her_record_cannot_be_read() {
    let firm = waiting().await;
    firm.reject("p050");
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held(), ["p050 waiting left"]);
    firm.delete("p050");
    firm.write(person("p050", Left));
    firm.later(2 * DAY);
    firm.pull().await;
    assert!(firm.inside().contains("p050@x.test"));
}

#[actix_web::test]
async fn who_was_to_keep_access_is_asked_about_again_when_her_record_changes() {
    let firm = waiting().await;
    firm.keep(some(&[50])).await;
    firm.later(2 * DAY);
    firm.pull().await;
    assert!(firm.inside().contains("p050@x.test"), "nothing changed");
    firm.edit("p050", |p| p.user["title"] = json!("Former clerk"));
    firm.later(2 * DAY);
    firm.pull().await;
    assert!(firm.inside().contains("p050@x.test"), "{:?}", firm.held());
    assert_eq!(firm.held(), ["p050 waiting left"]);
}

#[actix_web::test]
async fn who_was_to_keep_access_after_her_last_day_is_not_asked_about_by_the_next_pull() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    day_in_a_full_window(&firm).await;
    firm.keep(some(&[50])).await;
    firm.later(2 * DAY);
    firm.pull().await;
    assert!(firm.inside().contains("p050@x.test"));
    assert_eq!(firm.held(), ["p050 discarded last-day-passed"]);
}

#[actix_web::test]
async fn a_plan_that_was_given_up_asks_again_only_when_the_source_changes() {
    let firm = Firm::of(4, JoinerPolicy::Grant).await;
    firm.leave(0..3);
    let run = firm.pull().await.run;
    assert_eq!(run.state, "waiting");
    firm.bridge.discard(&firm.order(), &run.id).await.unwrap();
    firm.later(3 * HOUR);
    let again = firm.pull().await;
    assert_eq!((again.run.lost, firm.inside().len()), (0, 4));
    assert!(!again.waits(), "{:?}", again.run);
}

#[actix_web::test]
async fn who_is_back_at_work_is_not_revoked_by_releasing_what_waited() {
    let firm = waiting().await;
    firm.edit("p050", |p| p.employment = Employed);
    firm.edit("p060", |p| p.user["userName"] = json!("sixty@x.test"));
    // The plan that says that she is back waits as a whole.
    firm.set(|s| s.settings_digest = "s2".to_owned());
    firm.later(HOUR);
    assert_eq!(firm.pull().await.run.state, "waiting");
    let _ = firm.bridge.release(&firm.order(), &Which::All).await;
    assert!(firm.inside().contains("p050@x.test"));
}

#[actix_web::test]
async fn approving_a_plan_takes_access_from_nobody_whom_it_did_not_name() {
    let firm = Firm::of(4, JoinerPolicy::List).await;
    for n in 0..3 {
        firm.grant(&firm.user(&id(n)));
    }
    firm.leave(0..4);
    let run = firm.pull().await.run;
    assert_eq!(run.state, "waiting");
    // Meanwhile a human lets in somebody of whom the plan says nothing.
    firm.grant(&firm.user("p003"));
    firm.approve(&run, Which::All).await.unwrap();
    assert_eq!(firm.inside(), BTreeSet::from(["p003@x.test".to_owned()]));
}

#[actix_web::test]
async fn days_whose_plan_waits_as_a_whole_ask_once_and_can_be_released() {
    let firm = Firm::of(3, JoinerPolicy::Grant).await;
    // Learned one by one: of both at once the plan itself would wait.
    for n in 0..2 {
        firm.edit(&id(n), |p| p.end_date = day("2026-06-15"));
        firm.pull().await;
    }
    firm.later(13 * HOUR);
    let first = firm.days().await.unwrap();
    assert_eq!(first.run.why_held.as_deref(), Some("more-than-half"));
    for _ in 0..3 {
        firm.later(MINUTE);
        assert!(firm.days().await.is_none(), "asked again each minute");
    }
    let released = firm.bridge.release(&firm.order(), &Which::All).await;
    assert_eq!((released.unwrap(), firm.inside().len()), (2, 1));
}

#[actix_web::test]
async fn a_last_day_is_not_held_up_by_settings_that_changed() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.edit("p000", |p| p.end_date = day("2026-06-15"));
    firm.pull().await;
    firm.set(|s| s.settings_digest = "s2".to_owned());
    firm.later(13 * HOUR);
    let first = firm.days().await.unwrap();
    assert_eq!((first.run.lost, first.run.why_held), (1, None));
}

#[actix_web::test]
async fn who_is_gone_since_settings_changed_waits_though_it_takes_two_pulls_to_say_so() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.set(|s| s.settings_digest = "s2".to_owned());
    for n in 0..3 {
        firm.delete(&id(n));
    }
    for _ in 0..2 {
        firm.pull().await;
        firm.later(6 * MINUTE);
    }
    assert_eq!(firm.inside().len(), 100, "the settings made them vanish");
}

#[actix_web::test]
async fn an_incomplete_pull_says_nothing_about_settings_that_changed() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.set(|s| s.settings_digest = "s2".to_owned());
    *firm.gap.lock().unwrap() = Some("cut");
    firm.run().await;
    *firm.gap.lock().unwrap() = None;
    firm.leave(0..3);
    firm.later(HOUR);
    let run = firm.pull().await.run;
    assert_eq!(
        (run.lost, run.why_held.as_deref()),
        (0, Some("settings-changed"))
    );
}

#[actix_web::test]
async fn who_is_gone_since_a_restore_waits_though_it_takes_two_pulls_to_say_so() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    let connection = firm.order().setup.source.source.id;
    firm.sql(&format!(
        "UPDATE connections SET confirm_since = 1 WHERE id = '{connection}'"
    ));
    firm.delete("p000");
    for _ in 0..2 {
        let sql = "SELECT 'yes' AS line FROM connections WHERE confirm_since IS NOT NULL";
        let must = !firm.lines(sql).is_empty();
        firm.set(|s| s.must_confirm = must);
        firm.pull().await;
        firm.later(6 * MINUTE);
    }
    assert_eq!(firm.inside().len(), 100);
}

#[actix_web::test]
async fn who_was_there_in_between_with_a_bad_record_was_there() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.delete("p000");
    firm.pull().await;
    firm.later(HOUR);
    firm.reject("p000");
    firm.pull().await;
    firm.later(HOUR);
    firm.delete("p000");
    let missed = firm.pull().await;
    assert_eq!(missed.run.lost, 0, "missed once since");
    firm.later(HOUR);
    assert_eq!(firm.pull().await.run.lost, 1);
}

#[actix_web::test]
async fn a_record_that_comes_twice_and_contradicts_itself_takes_nothing() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.leave([0]);
    let works = Mapped::Person(Box::new(digested(person("p000", Employed))));
    firm.records.lock().unwrap().push(works);
    for _ in 0..2 {
        firm.run().await;
        firm.later(HOUR);
    }
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn a_leaver_who_falls_out_of_the_scope_with_it_has_left() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.set(|s| {
        s.scope = Scope {
            filter: Some("title pr".to_owned()),
            leaving: Leaving::Keep,
        }
    });
    firm.pull().await;
    // The vendor empties the job of those who left.
    firm.edit("p000", |p| {
        p.employment = Left;
        p.user.remove("title");
    });
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.inside().len(), 19);
}
