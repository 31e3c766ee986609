//! What must go on whatever a source, its secrets or an admin's look do not say.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::employment::EmploymentState::{Employed, Left, Unknown};
use rosterd::hris::ENTERPRISE;
use rosterd::sync::Which;
use serde_json::{Value, json};

use super::firm::{DAY, Firm, HOUR, day, id, person};

#[actix_web::test]
async fn a_last_day_that_was_known_comes_though_nobody_knows_the_state_any_more() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    for n in 0..4 {
        firm.edit(&id(n), |p| p.end_date = day("2026-06-18"));
    }
    firm.pull().await;
    firm.edit("p000", |p| p.employment = Unknown);
    firm.edit("p001", |p| {
        p.employment = Unknown;
        p.end_date = None;
    });
    firm.edit("p002", |p| {
        p.employment = Unknown;
        p.end_date = day("2026-12-31");
    });
    // And one who is known to work without an end, and of whom nobody knows anything then.
    firm.edit("p009", |p| p.employment = Unknown);
    for _ in 0..2 {
        firm.later(HOUR);
        firm.pull().await;
    }
    let told = "SELECT employment_state || ' ' || coalesce(end_date, '') AS line FROM users WHERE user_name = ";
    assert_eq!(
        firm.lines(&format!("{told}'p001@x.test'")),
        ["employed 2026-06-18"]
    );
    assert_eq!(firm.lines(&format!("{told}'p009@x.test'")), ["employed "]);
    firm.clock
        .set(Millis::from_rfc3339("2026-06-19T00:00:01Z").unwrap());
    // A pull that comes before the clock does.
    firm.edit("p002", |p| p.user["title"] = json!("Clerk of clerks"));
    firm.pull().await;
    firm.days().await;
    let gone = (0..20).filter(|n| !firm.inside().contains(&format!("{}@x.test", id(*n))));
    assert_eq!(gone.collect::<Vec<_>>(), [0, 1, 2, 3]);
    firm.later(DAY);
    for n in 0..4 {
        firm.edit(&id(n), |p| p.employment = Unknown);
    }
    firm.pull().await;
    assert_eq!(firm.inside().len(), 16, "and brings nobody back");
}

#[actix_web::test]
async fn a_first_day_that_was_known_comes_too() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    let mut ann = person("ann", Employed);
    ann.start_date = day("2026-06-18");
    firm.write(ann);
    firm.pull().await;
    firm.edit("ann", |p| {
        p.employment = Unknown;
        p.start_date = None;
    });
    firm.pull().await;
    assert_eq!(firm.inside().len(), 20);
    firm.later(3 * DAY);
    firm.days().await;
    assert!(firm.inside().contains("ann@x.test"));
}

#[actix_web::test]
async fn a_look_writes_nothing_about_people() {
    let firm = Firm::of(20, JoinerPolicy::Grant).await;
    firm.delete("p000");
    firm.pull().await;
    let rows = || {
        let mut rows = Vec::new();
        for table in [
            "links",
            "users",
            "claims",
            "emails",
            "held_losses",
            "journal",
        ] {
            let count = format!("SELECT '{table}' || count(*) AS line FROM {table}");
            rows.extend(firm.lines(&count));
        }
        rows.extend(firm.lines(
            "SELECT source_id || digest || coalesce(absent_since, 0) || updated_at AS line FROM links ORDER BY 1",
        ));
        rows.extend(firm.lines("SELECT id || version AS line FROM users ORDER BY 1"));
        rows
    };
    let before = rows();
    // She is there again, others have left, come and changed; and all of it is only looked at.
    firm.later(HOUR);
    firm.write(person("p000", Employed));
    firm.leave([1, 2]);
    firm.delete("p003");
    firm.write(person("ann", Employed));
    firm.edit("p004", |p| p.end_date = day("2026-06-30"));
    firm.edit("p005", |p| p.user["title"] = json!("Head"));
    let look = firm.look().await;
    assert_eq!(
        look.counts.losses, 4,
        "two left, one is missing, one has a day ahead"
    );
    assert_eq!(rows(), before);
    // What the look saw confirms nothing: who was missed is missed since then.
    firm.delete("p000");
    assert_eq!(firm.pull().await.counts.by_action["absent"], 1);
}

#[actix_web::test]
async fn a_plan_that_is_given_up_refuses_no_loss_that_its_pull_did_not_prove() {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.edit("p002", |p| p.end_date = day("2026-06-15"));
    firm.pull().await;
    firm.later(13 * HOUR);
    firm.set(|s| s.must_confirm = true);
    firm.leave([0, 1]);
    *firm.gap.lock().unwrap() = Some("cut");
    let run = firm.run().await.run;
    assert_eq!(
        (run.state.as_str(), run.why_held.as_deref()),
        ("waiting", Some("restored"))
    );
    firm.bridge.discard(&firm.order(), &run.id).await.unwrap();
    assert_eq!(firm.held(), ["p002 discarded last-day-passed"]);
    *firm.gap.lock().unwrap() = None;
    firm.later(HOUR);
    let run = firm.pull().await.run;
    firm.approve(&run, Which::All).await.unwrap();
    assert_eq!(firm.access(&firm.user("p000")), "revoked/left");
    assert_eq!(firm.access(&firm.user("p001")), "revoked/left");
}

#[actix_web::test]
async fn only_managers_who_are_in_no_record_are_told_as_unknown() {
    let firm = Firm::of(0, JoinerPolicy::Grant).await;
    let reports_to = |manager: &str| json!({"manager": {"value": manager}});
    // Managers come after their reports.
    for n in 0..20 {
        let mut person = person(&id(n), Employed);
        let manager = if n == 3 {
            "nobody".to_owned()
        } else {
            id((n + 7) % 20)
        };
        person
            .user
            .insert(ENTERPRISE.to_owned(), reports_to(&manager));
        firm.write(person);
    }
    let told = |run: &str| {
        let sql = format!(
            "SELECT source_id || ' ' || effect AS line FROM run_items WHERE run_id = '{run}' ORDER BY 1"
        );
        let rows = firm.lines(&sql).into_iter().filter_map(|line| {
            let (id, effect) = line.split_once(' ').unwrap();
            let effect: Value = serde_json::from_str(effect).unwrap();
            let findings = effect["findings"].as_array().unwrap().clone();
            (!findings.is_empty()).then(|| format!("{id} {}", findings[0]["params"]["sourceId"]))
        });
        rows.collect::<Vec<_>>()
    };
    let look = firm.look().await;
    assert_eq!(look.counts.findings["manager-unknown"], 1);
    assert_eq!(told(&look.run.id), ["p003 \"nobody\""]);
    let first = firm.pull().await;
    assert_eq!(first.counts.findings["manager-unknown"], 1);
    assert_eq!(told(&first.run.id), ["p003 \"nobody\""]);
    let managed = "SELECT user_name AS line FROM users WHERE manager_id IS NULL";
    assert_eq!(firm.lines(managed), ["p003@x.test"]);
    // A look at what is known tells it again, without anything to do.
    let look = firm.look().await;
    assert_eq!(told(&look.run.id), ["p003 \"nobody\""]);
    firm.write(person("nobody", Left));
    let next = firm.pull().await;
    assert!(!next.counts.findings.contains_key("manager-unknown"));
}

/// Gives the first so many of them a nickname, and nobody else.
fn name(firm: &Firm, of: usize, named: usize) {
    for n in 0..of {
        firm.edit(&id(n), |p| match n < named {
            true => drop(p.user.insert("nickName".to_owned(), json!("Nick"))),
            false => drop(p.user.remove("nickName")),
        });
    }
}

#[actix_web::test]
async fn a_pull_that_was_looked_at_or_given_up_is_nothing_to_measure_the_next_by() {
    let firm = Firm::of(100, JoinerPolicy::List).await;
    name(&firm, 100, 100);
    firm.look().await;
    firm.set(|s| s.must_confirm = true);
    let run = firm.run().await.run;
    assert_eq!((run.state.as_str(), run.is_complete), ("waiting", true));
    firm.bridge.discard(&firm.order(), &run.id).await.unwrap();
    firm.set(|s| s.must_confirm = false);
    name(&firm, 100, 0);
    let run = firm.run().await.run;
    assert!(run.is_complete, "nobody ever took the names for true");
    // One that was applied is a measure.
    name(&firm, 100, 100);
    firm.pull().await;
    name(&firm, 100, 0);
    assert!(!firm.run().await.run.is_complete);
}

#[actix_web::test]
async fn a_list_in_which_many_are_missed_for_the_first_time_is_no_measure() {
    let firm = Firm::of(60, JoinerPolicy::List).await;
    name(&firm, 60, 48);
    firm.pull().await;
    // A key that may see three people, all of whom have a nickname.
    let all = firm.records.lock().unwrap().clone();
    firm.records.lock().unwrap().truncate(3);
    assert_eq!(firm.pull().await.counts.missed, 57);
    *firm.records.lock().unwrap() = all;
    assert!(firm.run().await.run.is_complete, "as many as before");
}
