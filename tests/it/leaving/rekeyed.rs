//! People whose record of a source ends, or is gone, while another one of the same source goes on with them: new ids, a
//! person who is hired again.

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::{self, Employed, Left, Prehire};
use rosterd::hris::{ENTERPRISE, Mapped};
use rosterd::scim::rules::Preset;
use rosterd::service::pull::AlsoBy;
use rosterd::sync::{Kind, Unwatched, Which};
use serde_json::json;

use super::firm::{DAY, Firm, HOUR, MINUTE, day, digested, id, person, waiting};

/// The person of another record, under a new id.
fn again(new: &str, old: &str, state: EmploymentState) -> rosterd::hris::Person {
    let mut person = person(old, state);
    new.clone_into(&mut person.source_id);
    person
}

impl Firm {
    /// Everybody gets a new id, managers too.
    fn rekey_all(&self) {
        let mut records = self.records.lock().unwrap();
        for mapped in records.iter_mut() {
            if let Mapped::Person(person) = mapped {
                person.source_id = person.source_id.replace('p', "n");
                if let Some(of) = person.user.get_mut(ENTERPRISE) {
                    let manager = of["manager"]["value"].as_str().unwrap().replace('p', "n");
                    of["manager"]["value"] = json!(manager);
                }
                **person = digested((**person).clone());
            }
        }
    }

    /// Users, who they are, with their managers' names.
    fn everybody(&self) -> Vec<String> {
        self.lines(
            "SELECT u.id || ' ' || u.user_name || ' ' || u.access || ' ' || coalesce(m.user_name, '') AS line \
             FROM users u LEFT JOIN users m ON m.tenant = u.tenant AND m.id = u.manager_id \
             WHERE u.removed_at IS NULL ORDER BY 1",
        )
    }

    fn user_named(&self, name: &str) -> String {
        let sql = format!("SELECT id AS line FROM users WHERE has_access AND user_name = '{name}'");
        self.lines(&sql).pop().unwrap()
    }

    fn links(&self) -> Vec<String> {
        self.lines("SELECT source_id AS line FROM links ORDER BY 1")
    }
}

#[actix_web::test]
async fn a_new_id_in_the_pull_in_which_the_old_one_is_gone_is_the_same_person_at_once() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let (ann, before) = (firm.user("p000"), firm.everybody());
    firm.delete("p000");
    firm.write(again("new", "p000", Employed));
    let report = firm.pull().await;
    assert_eq!((report.counts.losses, report.counts.missed), (0, 0));
    assert_eq!(report.run.why_held, None);
    for _ in 0..4 {
        assert_eq!(
            (firm.user("new"), firm.everybody()),
            (ann.clone(), before.clone())
        );
        assert!(!firm.links().contains(&"p000".to_owned()));
        firm.later(HOUR);
        assert_eq!(firm.pull().await.run.planned, 0);
    }
    // And under that id she leaves.
    firm.edit("new", |p| p.employment = Left);
    assert_eq!(firm.pull().await.run.lost, 1);
    assert_eq!(firm.access(&ann), "revoked/left");
    assert_eq!(firm.app.verify().await.faults, []);
}

#[actix_web::test]
async fn a_new_id_in_the_pull_in_which_the_old_one_has_left_takes_over_whatever_comes_first() {
    for is_first in [true, false] {
        let firm = Firm::of(20, JoinerPolicy::Grant).await;
        let (ann, before) = (firm.user("p010"), firm.everybody());
        firm.leave([10, 11]);
        firm.write(again("new", "p010", Employed));
        if is_first {
            firm.records.lock().unwrap().rotate_right(1);
        }
        let report = firm.pull().await;
        assert_eq!((report.counts.losses, report.run.lost), (1, 1), "p011 only");
        assert_eq!(report.counts.by_action["superseded"], 1);
        assert_eq!(firm.user("new"), ann);
        for _ in 0..3 {
            firm.later(HOUR);
            assert_eq!(firm.pull().await.run.planned, 0);
        }
        assert_eq!(firm.inside().len(), 19);
        assert_eq!(firm.everybody().len(), before.len());
        assert_eq!(firm.held(), [""; 0]);
    }
}

#[actix_web::test]
async fn everybody_under_new_ids_stays_who_she_is() {
    let firm = Firm::of(60, JoinerPolicy::Grant).await;
    for n in 1..60 {
        firm.edit(&id(n), |p| {
            p.user.insert(
                ENTERPRISE.to_owned(),
                json!({"manager": {"value": id(n / 4)}}),
            );
        });
    }
    firm.edit("p007", |p| p.end_date = day("2026-09-30"));
    firm.pull().await;
    let before = firm.everybody();
    firm.rekey_all();
    let look = firm.look().await;
    assert_eq!(
        (look.counts.losses, look.counts.by_action["update"]),
        (0, 60)
    );
    assert_eq!(firm.links()[0], "p000");
    let report = firm.pull().await;
    assert_eq!((report.run.state.as_str(), report.run.lost), ("done", 0));
    assert_eq!(firm.everybody(), before);
    assert_eq!((firm.links().len(), firm.links()[0].as_str()), (60, "n000"));
    for _ in 0..3 {
        firm.later(HOUR);
        assert_eq!(firm.pull().await.run.planned, 0);
    }
    // What was known goes along.
    firm.later(180 * DAY);
    firm.days().await;
    assert_eq!(firm.inside().len(), 59);
    assert_eq!(firm.app.verify().await.faults, []);
}

#[actix_web::test]
async fn a_last_day_under_the_old_id_does_not_come_in_the_pull_that_brings_the_new_one() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.edit("p000", |p| p.end_date = day("2026-06-16"));
    firm.pull().await;
    firm.later(2 * DAY);
    firm.delete("p000");
    firm.write(again("new", "p000", Employed));
    let report = firm.pull().await;
    assert_eq!((report.counts.losses, report.run.lost), (0, 0));
    assert!(firm.days().await.is_none());
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn new_ids_after_settings_changed_wait_and_cost_nobody_anything_meanwhile() {
    let firm = Firm::of(60, JoinerPolicy::Grant).await;
    let before = firm.everybody();
    firm.rekey_all();
    firm.set(|s| s.settings_digest = "s2".to_owned());
    for _ in 0..4 {
        let run = firm.pull().await.run;
        assert_eq!(
            (run.state.as_str(), run.why_held.as_deref()),
            ("waiting", Some("settings-changed"))
        );
        firm.later(6 * MINUTE);
    }
    assert_eq!(
        (firm.everybody(), firm.links()[0].as_str()),
        (before.clone(), "p000")
    );
    let run = firm.pull().await.run;
    firm.approve(&run, Which::All).await.unwrap();
    assert_eq!(
        (firm.everybody(), firm.links()[0].as_str()),
        (before, "n000")
    );
    assert_eq!(firm.pull().await.run.planned, 0);
}

#[actix_web::test]
async fn two_who_work_under_one_address_are_a_question_and_what_they_would_take_waits() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.write(again("new", "p000", Employed));
    firm.pull().await;
    assert_eq!(firm.inside().len(), 20);
    assert_ne!(firm.user("new"), firm.user("p000"), "both work");
    firm.delete("new");
    for _ in 0..2 {
        firm.later(HOUR);
        firm.pull().await;
    }
    firm.delete("p000");
    firm.write(again("one", "p000", Employed));
    firm.write(again("two", "p000", Employed));
    for _ in 0..3 {
        firm.later(HOUR);
        firm.pull().await;
        assert!(firm.inside().contains("p000@x.test"));
    }
    assert_eq!(firm.held(), ["p000 waiting absent-from-source"]);
    let why = "SELECT why AS line FROM held_losses";
    assert_eq!(firm.lines(why), ["same-address"]);
    // Three had the address by now: a human says who she is.
    firm.delete("two");
    for _ in 0..3 {
        firm.later(HOUR);
        firm.pull().await;
        assert!(firm.inside().contains("p000@x.test"));
    }
}

#[actix_web::test]
async fn a_page_that_is_missing_makes_nobody_somebody_else() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let before = firm.everybody();
    *firm.gap.lock().unwrap() = Some("cut");
    firm.delete("p000");
    firm.write(again("new", "p000", Employed));
    let report = firm.run().await;
    assert_eq!((report.run.applied, firm.everybody()), (0, before.clone()));
    assert_eq!(firm.links()[0], "p000");
    // It was only missing: two work under one address.
    *firm.gap.lock().unwrap() = None;
    firm.write(person("p000", Employed));
    firm.pull().await;
    assert_eq!(firm.everybody().len(), 21);
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn who_is_to_start_again_later_has_left_until_then() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let ann = firm.user("p000");
    firm.leave([0]);
    let mut new = again("new", "p000", Prehire);
    new.start_date = day("2026-06-25");
    firm.write(new);
    assert_eq!(firm.pull().await.run.lost, 1);
    for _ in 0..2 {
        firm.later(HOUR);
        firm.pull().await;
        assert_eq!(firm.inside().len(), 19);
    }
    firm.later(10 * DAY);
    firm.days().await;
    assert_eq!((firm.inside().len(), firm.user("new")), (20, ann));
}

#[actix_web::test]
async fn what_waited_under_the_old_id_waits_no_more() {
    let firm = waiting().await;
    let ann = firm.user("p050");
    firm.write(again("new", "p050", Employed));
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!((firm.held(), firm.user("new")), (vec![], ann));
    assert!(firm.inside().contains("p050@x.test"));
    // And where the old record is no longer there.
    let firm = waiting().await;
    firm.delete("p050");
    firm.write(again("new", "p050", Employed));
    firm.later(HOUR);
    firm.pull().await;
    assert_eq!(firm.held(), [""; 0]);
    assert!(firm.inside().contains("p050@x.test"));
}

#[actix_web::test]
async fn whom_two_records_were_a_question_about_goes_on_under_the_one_that_works() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let ann = firm.user("p000");
    firm.write(again("new", "p000", Employed));
    firm.pull().await;
    assert_eq!(firm.everybody().len(), 21);
    firm.later(HOUR);
    firm.leave([0]);
    let report = firm.pull().await;
    assert_eq!((report.counts.losses, report.run.lost), (0, 0));
    assert_eq!((firm.user("new"), firm.everybody().len()), (ann, 20));
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn an_address_that_is_given_to_somebody_who_is_there_keeps_no_leaver_in() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.leave([0]);
    firm.edit("p001", |p| p.user = person("p000", Employed).user);
    assert_eq!(firm.pull().await.run.lost, 1);
    assert_eq!(firm.inside().len(), 19);
}

#[actix_web::test]
async fn whom_no_source_takes_over_keeps_access_until_a_human_says_who_she_is() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let boss = firm.user("p000");
    firm.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{boss}'"
    ));
    firm.leave([0]);
    firm.write(again("new", "p000", Employed));
    for _ in 0..2 {
        assert_eq!(firm.pull().await.run.lost, 0);
        firm.later(DAY);
    }
    assert_eq!(firm.held(), ["p000 waiting left"]);
    assert_eq!(firm.inside().len(), 20);
}

#[actix_web::test]
async fn new_ids_are_undone_like_anything_else() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let (before, links) = (firm.everybody(), firm.links());
    firm.delete("p000");
    firm.write(again("new", "p000", Employed));
    firm.leave([5]);
    firm.write(again("fresh", "p005", Employed));
    let run = firm.pull().await.run;
    let (tenant, actor) = (&firm.app.tenant.tenant, firm.order().actor);
    firm.later(1);
    let undone = firm.bridge.undo(tenant, actor, &run.id, &Unwatched).await;
    assert_eq!(undone.unwrap().state, "undone");
    assert_eq!((firm.everybody(), firm.links()), (before, links));
    for _ in 0..3 {
        firm.later(HOUR);
        firm.pull().await;
    }
    assert_eq!(firm.inside().len(), 20, "{:?}", firm.held());
    assert_eq!(firm.links()[0], "p000", "nothing of it is done again");
    assert_eq!(firm.user("p005"), firm.user_named("p005@x.test"));
}

#[actix_web::test]
async fn the_employee_number_finds_whom_a_new_id_and_a_new_address_mean() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.set(|s| s.source.also_by = Some(AlsoBy::EmployeeNumber));
    let number = json!({"employeeNumber": "E7"});
    firm.edit("p007", |p| {
        drop(p.user.insert(ENTERPRISE.to_owned(), number.clone()))
    });
    firm.pull().await;
    let push = firm.app.source(Preset::Okta).await;
    let ann = firm.user("p007");
    let known = json!([{"op": "replace", "path": "externalId", "value": "E7"}]);
    let answer = push.patch(&format!("/Users/{ann}"), known).await;
    assert!(answer.status < 300, "{}", answer.status);
    firm.delete("p007");
    let mut new = again("new", "married", Employed);
    new.user.insert(ENTERPRISE.to_owned(), number.clone());
    firm.write(new.clone());
    firm.pull().await;
    assert_eq!((firm.user("new"), firm.links().len()), (ann.clone(), 20));
    // While both work the number alone takes nothing from the one who is there.
    new.source_id = "other".to_owned();
    new.user = person("other", Employed).user;
    new.user.insert(ENTERPRISE.to_owned(), number);
    firm.write(new);
    for _ in 0..2 {
        firm.pull().await;
        firm.later(HOUR);
    }
    assert_eq!(firm.user("new"), ann);
    let apart = BTreeSet::from([firm.user("new"), firm.user("other")]);
    assert_eq!(apart.len(), 2);
}

impl Firm {
    /// A pull that is only looked at.
    pub async fn look(&self) -> rosterd::sync::Report {
        self.later(1);
        let order = rosterd::sync::Order {
            kind: Kind::Dry,
            ..self.order()
        };
        self.bridge.run(&order, &self, &Unwatched).await.unwrap()
    }
}
