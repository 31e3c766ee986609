//! `kill -9` during a pull: the next one finishes what was begun, and everything is as if nothing had happened.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;

use super::world::World;
use crate::support::process::{command, said};
use crate::support::{execute, is_soak, lines};

/// The key of the tests' services, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// `rosterd sync` on the world's database.
fn sync(world: &World, files: &std::path::Path) -> Command {
    let mut command = command(&world.app.database, files, "127.0.0.1:0");
    command
        .env("ROSTERD_SECRET_KEY", KEY)
        .args(["sync", "--tenant", "default", &world.connection]);
    command
}

/// A pull to its end; the lease of a killed one is taken to have run out.
fn finish(world: &World, files: &std::path::Path) {
    execute(
        &mut world.app.database.connect(),
        "UPDATE schedules SET lease_until = 0",
    );
    let mut command = sync(world, files);
    let done = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

/// Everything that pulls leave behind, but for what each run has of its own: ids, times, and the runs themselves.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    people: Vec<String>,
    links: Vec<String>,
    totals: Vec<String>,
    /// What was done to people, how often.
    journal: Vec<String>,
}

fn state(world: &World) -> Left {
    let mut conn = world.app.database.connect();
    let ids = "SELECT user_id || ' ' || source_id AS line FROM links";
    let ids: Vec<String> = lines(&mut conn, ids);
    let named = |line: &String| {
        let pairs = ids.iter().filter_map(|pair| pair.split_once(' '));
        pairs.fold(line.clone(), |line, (user, source)| {
            line.replace(user, &format!("<{source}>"))
        })
    };
    let mut told = |sql: &str| {
        let mut found: Vec<String> = lines(&mut conn, sql).iter().map(named).collect();
        found.sort();
        found
    };
    Left {
        people: told(
            "SELECT id || ' ' || access || ' ' || access_reason || CASE WHEN has_access THEN ' in ' ELSE ' out ' END \
             || coalesce(employment_state, '') || ' ' || CAST(doc AS TEXT) AS line FROM users",
        ),
        links: told(
            "SELECT source_id || ' ' || user_id || ' ' || digest || ' ' || state || ' ' || coalesce(in_force, '') AS line \
             FROM links",
        ),
        totals: told("SELECT count(*) || ' users' AS line FROM users"),
        journal: told(
            "SELECT action || ' ' || count(*) AS line FROM journal WHERE subject_kind = 'user' GROUP BY action",
        ),
    }
}

#[actix_web::test]
async fn a_killed_pull_is_finished_by_the_next() {
    let files = tempfile::tempdir().unwrap();
    let undisturbed = World::of("bamboohr", 250, 3, JoinerPolicy::Grant).await;
    finish(&undisturbed, files.path());
    finish(&undisturbed, files.path());
    let expected = state(&undisturbed);
    let (rounds, mut midway) = (if is_soak() { 50 } else { 5 }, 0);
    for round in 0..rounds {
        let world = World::of("bamboohr", 250, 3, JoinerPolicy::Grant).await;
        let mut child = sync(&world, files.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + round * 977 % 1_400));
        child.kill().unwrap();
        child.wait().unwrap();
        let stood = state(&world);
        midway += usize::from(!stood.people.is_empty() && stood != expected);
        finish(&world, files.path());
        finish(&world, files.path());
        assert_eq!(state(&world), expected, "round {round}");
        assert_eq!(world.app.verify().await.faults, []);
    }
    let mut err = std::io::stderr();
    writeln!(
        err,
        "{rounds} pulls killed, {midway} of them in the middle of the apply"
    )
    .unwrap();
}
