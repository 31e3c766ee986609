//! Connectors and secrets that change under a connection: what an operator edits, and what cannot be read any more.

use std::path::Path;
use std::sync::Arc;

use rosterd::cli::bridge::Stored;
use rosterd::domain::access::JoinerPolicy;
use rosterd::sync::Which;
use rosterd::sync::schedule::Sources;

use super::MINUTES;
use super::world::World;
use crate::support::execute;

const TEXT: &str = include_str!("../../../connectors/bamboohr.yaml");

/// The world reads its connector from a directory.
fn through(world: World, directory: &Path) -> World {
    let stored = Stored::new(&world.app.service).with_connectors(directory.to_owned());
    world.through(|_| Arc::new(stored))
}

#[actix_web::test]
async fn a_connector_that_is_edited_without_a_new_version_is_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let write = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        let file = directory.path().join("bamboohr.yaml");
        std::fs::write(file, TEXT.replace(from, to)).unwrap();
    };
    write("mapping: |", "mapping: |");
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    let world = through(world, directory.path());
    world.pull().await;
    world.pull().await;
    let names = world.names();
    // What people read of it is nothing to it.
    write("mapping: |", "# As the vendor says.\nmapping: |");
    assert_eq!(world.pull().await.run.planned, 0);
    write("userName: $f.email,", "userName: (\"x-\" + $f.email),");
    let held = world.pull().await;
    assert_eq!(
        (held.run.state.as_str(), held.run.why_held.as_deref()),
        ("waiting", Some("settings-changed"))
    );
    assert_eq!(world.names(), names);
    write("mapping: |", "mapping: |");
    world.later(MINUTES);
    let run = world.pull().await.run;
    assert_eq!((run.state.as_str(), run.planned), ("done", 0));
    let refused = world.approve(&held.run.id, &Which::All).await;
    assert!(refused.unwrap_err().to_string().contains("stale"));
}

#[actix_web::test]
async fn a_last_day_comes_though_the_secrets_cannot_be_read_and_the_connector_is_gone() {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    world.pull().await;
    world.pull().await;
    let before = world.with_access().await;
    let gone = world.play("leaver?count=1&days=1").await["people"][0]["id"].clone();
    assert_eq!(world.pull().await.counts.ahead, 1);
    let mut conn = world.app.database.connect();
    execute(&mut conn, "UPDATE connection_secrets SET key_id = 'lost'");
    let sources = Stored::new(&world.app.service);
    let tenant = &world.tenant.tenant;
    let opened = Sources::open(&sources, tenant, &world.connection).await;
    assert!(opened.unwrap().unwrap().is_err(), "nothing can be pulled");
    for _ in 0..4 * 24 {
        world.later(30 * MINUTES);
        world.days().await;
    }
    let now = world.with_access().await;
    assert!(before.iter().any(|id| gone == *id) && !now.iter().any(|id| gone == *id));
    // A directory of connectors that cannot be read is no reason either.
    let nowhere = Stored::new(&world.app.service).with_connectors("/nowhere".into());
    let setup = Sources::setup(&nowhere, tenant, &world.connection).await;
    assert_eq!(setup.unwrap().unwrap().source.source.id, world.connection);
    world.set_active(false).await;
    let paused = Sources::setup(&nowhere, tenant, &world.connection).await;
    assert!(paused.unwrap().is_none());
}
