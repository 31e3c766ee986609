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

async fn state(world: &World) -> (Vec<String>, Vec<String>) {
    let users = "SELECT count(*) || ' users' AS line FROM users";
    let users = lines(&mut world.app.database.connect(), users);
    (world.told().await, users)
}

#[actix_web::test]
async fn a_killed_pull_is_finished_by_the_next() {
    let files = tempfile::tempdir().unwrap();
    let undisturbed = World::of("bamboohr", 250, 3, JoinerPolicy::Grant).await;
    finish(&undisturbed, files.path());
    finish(&undisturbed, files.path());
    let expected = state(&undisturbed).await;
    let (rounds, mut midway) = (if is_soak() { 50 } else { 5 }, 0);
    for round in 0..rounds {
        let world = World::of("bamboohr", 250, 3, JoinerPolicy::Grant).await;
        let mut child = sync(&world, files.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + round * 977 % 1_400));
        child.kill().unwrap();
        child.wait().unwrap();
        let stood = state(&world).await;
        midway += usize::from(!stood.0.is_empty() && stood != expected);
        finish(&world, files.path());
        finish(&world, files.path());
        assert_eq!(state(&world).await, expected, "round {round}");
        assert_eq!(world.app.verify().await.faults, []);
    }
    let mut err = std::io::stderr();
    writeln!(
        err,
        "{rounds} pulls killed, {midway} of them in the middle of the apply"
    )
    .unwrap();
}
