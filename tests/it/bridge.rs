//! Pulls from beginning to end: a stand-in of a vendor, its connector, the service and the schedule, with a clock that the
//! test sets. What a run may do and what waits is held here; what it does to one person in `pull.rs`.

mod announce;
mod changed;
mod faults;
mod kill;
mod retention;
mod two_days;
mod two_ids;
pub mod world;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::pull::{Leaving, PullChange};
use rosterd::sync::{Kind, Which};
use serde_json::json;

use world::World;

const MINUTES: i64 = 60_000;

/// A company whose people all have access, seen twice, so that nothing is new.
async fn settled(slug: &'static str, people: u32) -> World {
    let world = World::of(slug, people, 1, JoinerPolicy::Grant).await;
    world.pull().await;
    world.pull().await;
    world
}

#[actix_web::test]
async fn a_look_changes_nothing_and_the_first_pull_lists_everybody() {
    let world = World::of("bamboohr", 120, 1, JoinerPolicy::List).await;
    let stood = world.people().await;
    let look = world.run(Kind::Dry).await;
    assert_eq!(
        (look.run.state.as_str(), world.people().await),
        ("done", stood)
    );
    let report = world.pull().await;
    assert_eq!(
        report.counts.by_action["create"],
        look.counts.by_action["create"]
    );
    let people = world.people().await;
    assert_eq!(people.len() as u64, report.counts.by_action["create"]);
    assert!(people.iter().all(|p| p.access == "listed" && !p.has_access));
    world.app.verify().await;
}

#[actix_web::test]
async fn an_unchanged_pull_writes_no_row_but_the_run() {
    let world = settled("bamboohr", 120).await;
    let stood = world.rows();
    let report = world.pull().await;
    assert_eq!((report.run.planned, report.run.lost), (0, 0));
    assert_eq!(world.rows(), stood);
}

#[actix_web::test]
async fn each_scenario_gives_its_plan() {
    let world = settled("hibob", 120).await;
    for (scenario, actions) in [
        ("joiner", vec!["create"]),
        ("mover", vec!["update"]),
        ("rename", vec!["update"]),
        ("manager", vec!["update"]),
        ("leaver", vec!["update", "leave"]),
        ("rehire", vec!["create", "return", "update"]),
    ] {
        world.play(scenario).await;
        let report = world.pull().await;
        let done: Vec<&str> = report.counts.by_action.keys().map(String::as_str).collect();
        assert!(
            done.len() == 1 && actions.contains(&done[0]),
            "{scenario}: {done:?}"
        );
        assert_eq!(
            report.run.lost,
            i64::from(scenario == "leaver"),
            "{scenario}"
        );
    }
    world.app.verify().await;
}

#[actix_web::test]
async fn who_is_missed_once_keeps_access_until_a_second_complete_pull() {
    let world = settled("personio", 120).await;
    let before = world.with_access().await;
    world.play("delete").await;
    let first = world.pull().await;
    assert!(first.must_confirm_absence);
    assert_eq!(world.with_access().await, before);
    let soon = world.schedule().await.next_at - world.now();
    assert!(soon <= 5 * MINUTES, "{soon}");
    world.later(MINUTES);
    world.pull().await;
    assert_eq!(world.with_access().await, before, "too soon to tell");
    world.later(5 * MINUTES);
    let report = world.pull().await;
    assert_eq!((report.counts.by_action["absent"], report.run.lost), (1, 1));
    assert_eq!(world.with_access().await.len(), before.len() - 1);
}

#[actix_web::test]
async fn an_admin_says_how_long_an_absence_takes_to_be_confirmed() {
    let world = settled("personio", 60).await;
    let pull = PullChange {
        confirm_minutes: Some(45),
        ..PullChange::default()
    };
    world.set_pull(pull).await;
    world.play("delete").await;
    assert!(world.pull().await.must_confirm_absence);
    let soon = world.schedule().await.next_at - world.now();
    assert!((40..=45).contains(&(soon / MINUTES)), "{soon}");
    world.later(44 * MINUTES);
    assert_eq!(world.pull().await.run.lost, 0, "too soon to tell");
    world.later(MINUTES);
    assert_eq!(world.pull().await.run.lost, 1);
}

#[actix_web::test]
async fn losses_beyond_the_limit_wait_and_an_admin_decides_about_people() {
    let world = settled("bamboohr", 150).await;
    let before = world.with_access().await;
    world.play("leaver?count=25").await;
    let report = world.pull().await;
    assert_eq!(report.run.why_held.as_deref(), Some("status-column"));
    assert_eq!((report.counts.losses, report.run.lost), (25, 0));
    assert_eq!(world.with_access().await, before);
    assert_eq!(world.schedule().await.health, "waiting");
    // The next runs refresh the same set; nothing that waits applies itself.
    for _ in 0..5 {
        world.later(30 * MINUTES);
        assert_eq!(world.pull().await.run.lost, 0);
        assert_eq!(world.held().await.len(), 25);
    }
    let held = world.held().await;
    let one = Which::Some([held[0].source_id.clone()].into());
    world.keep(&one).await;
    let released = world
        .release(&Which::Some([held[1].source_id.clone()].into()))
        .await;
    assert_eq!(released, 1);
    assert_eq!(world.with_access().await.len(), before.len() - 1);
    world.later(180 * MINUTES);
    let report = world.pull().await;
    assert_eq!(
        report.run.lost, 0,
        "who was decided about is not asked about again"
    );
    assert_eq!(world.held().await.len(), 24);
    assert_eq!(world.release(&Which::All).await, 24);
    assert_eq!(world.with_access().await.len(), before.len() - 25);
    world.app.verify().await;
}

#[actix_web::test]
async fn leavers_up_to_the_limit_pass_and_ten_pulls_of_a_few_do_not_add_up() {
    let world = settled("bamboohr", 150).await;
    let before = world.with_access().await.len();
    let allowed = (before as u64 / 10) as usize;
    for _ in 0..10 {
        world.play("leaver?count=4").await;
        world.later(60 * MINUTES);
        world.pull().await;
    }
    assert_eq!(before - world.with_access().await.len(), allowed);
    world.later(13 * 60 * MINUTES);
    assert_eq!(
        world.pull().await.run.lost,
        0,
        "nothing that waits applies itself"
    );
}

#[actix_web::test]
async fn a_plan_after_a_change_of_settings_waits_and_a_stale_one_is_refused() {
    let world = settled("bamboohr", 120).await;
    world.change(json!({"preferred_names": "yes"})).await;
    world.play("rename").await;
    let held = world.pull().await;
    assert_eq!(
        (held.run.state.as_str(), held.run.why_held.as_deref()),
        ("waiting", Some("settings-changed"))
    );
    world.later(180 * MINUTES);
    let newer = world.pull().await;
    let refused = world.approve(&held.run.id, &Which::All).await;
    assert!(refused.unwrap_err().to_string().contains("stale"));
    let done = world.approve(&newer.run.id, &Which::All).await.unwrap();
    assert_eq!(done.state, "done");
    world.later(180 * MINUTES);
    assert_eq!(world.pull().await.run.planned, 0);
}

#[actix_web::test]
async fn a_run_that_was_cut_off_is_gone_on_with() {
    let undisturbed = World::of("bamboohr", 300, 7, JoinerPolicy::Grant).await;
    undisturbed.pull().await;
    let world = World::of("bamboohr", 300, 7, JoinerPolicy::Grant).await;
    for after in [0, 1, 3, 9, 40, 150] {
        world.cut_off_after(after).await;
        world.later(2 * MINUTES);
    }
    world.pull().await;
    world.pull().await;
    assert_eq!(world.told().await, undisturbed.told().await);
    world.app.verify().await;
}

#[actix_web::test]
async fn a_run_that_is_gone_on_with_holds_to_the_limit() {
    let world = settled("bamboohr", 150).await;
    let before = world.with_access().await.len();
    for _ in 0..6 {
        world.play("leaver?count=4").await;
        world.later(60 * MINUTES);
        world.cut_off_after(1).await;
        world.later(2 * MINUTES);
        world.pull().await;
    }
    let allowed = (before as u64 / 10) as usize;
    assert_eq!(before - world.with_access().await.len(), allowed);
    let runs = world.list_runs().await;
    assert!(runs.iter().all(|run| run.state == "done"), "{runs:?}");
    let lost: i64 = runs.iter().map(|run| run.lost).sum();
    assert_eq!(usize::try_from(lost).unwrap(), allowed);
}

#[actix_web::test]
async fn fields_that_many_had_and_nobody_has_change_nothing_until_an_admin_says_so() {
    let world = settled("personio", 60).await;
    let (people, names) = (world.people().await, world.names());
    world.company.set_faults(&["reduced-scope"]).await;
    let held = world.run(Kind::Manual).await;
    assert_eq!(
        (held.run.state.as_str(), held.run.why_held.as_deref()),
        ("waiting", Some("coverage"))
    );
    assert!(!held.run.is_complete);
    assert_eq!(
        (world.people().await, world.names()),
        (people, names.clone())
    );
    // An admin takes it as it is; from then on it is what others are compared with.
    world.approve(&held.run.id, &Which::All).await.unwrap();
    assert_ne!(world.names(), names);
    world.later(180 * MINUTES);
    let next = world.pull().await;
    assert_eq!((next.run.state.as_str(), next.run.planned), ("done", 0));
    world.company.set_faults(&[]).await;
    world.later(180 * MINUTES);
    world.pull().await;
    assert_eq!(world.names(), names);
}

#[actix_web::test]
async fn without_a_complete_pull_nobody_is_a_leaver_and_others_are_brought() {
    let world = settled("personio", 120).await;
    let before = world.with_access().await;
    world.play("leaver?count=2").await;
    world.play("joiner?count=3").await;
    world.company.set_faults(&["lost-page"]).await;
    let report = world.run(Kind::Manual).await;
    assert!(report.is_ok() && !report.run.is_complete);
    assert_eq!(report.run.lost, 0);
    let now = world.with_access().await;
    assert!(before.iter().all(|id| now.contains(id)));
    assert!(world.held().await.is_empty(), "the next pull decides");
    world.company.set_faults(&[]).await;
    world.later(6 * MINUTES);
    assert_eq!(world.pull().await.run.lost, 2);
}

#[actix_web::test]
async fn a_connection_that_another_process_pulls_is_left_alone() {
    let world = settled("bamboohr", 60).await;
    let other = world.other_process();
    world.take_lease(&other).await;
    assert!(world.try_run(Kind::Manual).await.is_none());
    world.later(2 * MINUTES);
    assert!(
        world.try_run(Kind::Manual).await.is_some(),
        "the lease ran out"
    );
}

#[actix_web::test]
async fn what_is_due_is_pulled_and_what_is_paused_is_not() {
    let world = settled("bamboohr", 60).await;
    assert_eq!(world.tick().await, 0);
    let mut times = Vec::new();
    let end = world.now() + 48 * 60 * MINUTES;
    while world.now() < end {
        world.later(10 * MINUTES);
        if world.tick().await == 1 {
            times.push(world.now());
        }
    }
    let gaps: Vec<i64> = times.windows(2).map(|t| (t[1] - t[0]) / MINUTES).collect();
    assert!(gaps.iter().all(|g| (160..=210).contains(g)), "{gaps:?}");
    assert!(
        gaps.iter().collect::<std::collections::BTreeSet<_>>().len() > 1,
        "no jitter"
    );
    world.set_active(false).await;
    world.later(600 * MINUTES);
    assert_eq!(world.tick().await, 0);
    world.set_active(true).await;
    assert_eq!(world.tick().await, 1, "a connection that is resumed is due");
}

#[actix_web::test]
async fn after_a_restore_the_first_plan_waits_whatever_it_is() {
    let world = settled("bamboohr", 60).await;
    world.went_back();
    world.play("mover").await;
    let held = world.pull().await;
    assert_eq!(held.run.why_held.as_deref(), Some("restored"));
    world.approve(&held.run.id, &Which::All).await.unwrap();
    world.play("mover").await;
    assert_eq!(world.pull().await.run.state, "done");
}

#[actix_web::test]
async fn who_leaves_the_scope_keeps_access_or_loses_it_as_is_set() {
    for (leaving, lost) in [(Leaving::Keep, 0), (Leaving::Revoke, 1)] {
        let world = settled("bamboohr", 60).await;
        let before = world.with_access().await;
        let title = world.title_of(&before[0]).await;
        let filter = format!("not (title eq \"{title}\")");
        world.scope(&filter, leaving).await;
        let held = world.pull().await;
        let run = match held.run.state.as_str() {
            "waiting" => world.approve(&held.run.id, &Which::All).await.unwrap(),
            _ => held.run,
        };
        assert_eq!(run.lost > 0, lost > 0, "{leaving:?}");
        let again = world.pull().await;
        assert_eq!((again.run.planned, again.run.lost), (0, 0), "{leaving:?}");
        assert!(again.counts.findings["out-of-scope"] > 0);
    }
}

#[actix_web::test]
async fn a_new_connection_is_pulled_by_itself_and_a_last_day_ends_without_a_pull() {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    assert_eq!(world.tick().await, 0, "an admin looks first");
    world.later(181 * MINUTES);
    assert_eq!(world.tick().await, 1);
    world.later(1);
    world.pull().await;
    let before = world.with_access().await;
    let gone = world.play("leaver?count=1&days=1").await["people"][0]["id"].clone();
    world.pull().await;
    assert_eq!(world.with_access().await, before, "her last day lies ahead");
    for _ in 0..3 * 24 {
        world.later(30 * MINUTES);
        world.days().await;
    }
    let now = world.with_access().await;
    assert!(!now.iter().any(|id| gone == json!(id)), "{gone}");
    let runs = world.runs().await;
    assert_eq!(world.days().await, 0);
    assert_eq!(world.runs().await, runs);
}

#[actix_web::test]
async fn a_suspended_tenant_is_not_pulled() {
    let world = settled("bamboohr", 60).await;
    world.suspend().await;
    assert!(world.try_run(Kind::Manual).await.is_none());
}

#[actix_web::test]
async fn a_leaver_who_is_met_keeps_access_in_that_run_and_loses_it_under_the_guard() {
    let world = World::of("bamboohr", 120, 1, JoinerPolicy::Grant).await;
    // An identity provider brought everybody, also those who have left by now.
    let left = world.push_everybody().await;
    assert!(left > 0);
    let first = world.pull().await;
    // Two records may be of one person who was there twice, and one without an address is nobody's.
    let met = first.counts.findings["left-and-has-access"];
    assert!((1..=left as u64).contains(&met), "{:?}", first.counts);
    assert_eq!(first.run.lost, 0);
    let before = world.with_access().await.len();
    let second = world.pull().await;
    let limit = (before as u64 / 10).max(5);
    // Whose last day lies ahead has her place in the window.
    let room = limit - first.counts.ahead;
    let lost = if met > limit { 0 } else { met.min(room) };
    assert_eq!((second.counts.losses, second.run.lost as u64), (met, lost));
    assert_eq!(before - world.with_access().await.len(), lost as usize);
}
