//! Watched folders and SFTP servers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::world::{HOUR, MINUTE, World, csv};
use crate::sftp::Server;

/// A watched folder and its root, which goes with the value.
async fn watched(settings: &[(&str, &str)]) -> (World, tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let at = root.path().to_owned();
    let world = World::with("folder", settings, &[], |stored| stored.watching(&at)).await;
    let tenant = world.app.tenant.tenant.as_str();
    let folder = root.path().join(tenant).join(&world.connection);
    fs::create_dir_all(&folder).unwrap();
    (world, root, folder)
}

/// Due, whatever the schedule says.
async fn tick(world: &World) -> usize {
    world.later(3 * HOUR + 20 * MINUTE);
    world.tick().await
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

#[actix_web::test]
async fn a_file_is_read_when_two_looks_half_a_minute_apart_find_it_the_same() {
    let (world, _root, folder) = watched(&[]).await;
    let path = folder.join("people.csv");
    write(&path, &csv(1..=10)[..120]);
    assert_eq!(tick(&world).await, 0, "seen for the first time");
    assert!(
        world.schedule().await.next_at <= world.now() + 30_000,
        "a second look is soon"
    );
    write(&path, &csv(1..=10));
    world.later(31_000);
    assert_eq!(world.tick().await, 0, "it has grown");
    world.later(20_000);
    assert_eq!(world.tick().await, 0, "not long enough ago");
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.with_access().len(), 10);
    assert!(path.exists(), "nothing is moved or deleted");
    // It lies there still: read again, nothing new, nobody confirmed as absent.
    assert_eq!(tick(&world).await, 1);
    assert_eq!(
        (
            world.last_run().await.planned,
            world.schedule().await.health
        ),
        (0, "healthy".to_owned())
    );
    world.app.verify().await;
}

#[actix_web::test]
async fn a_marker_says_that_a_file_is_complete() {
    let (world, _root, folder) = watched(&[("marker", ".done")]).await;
    write(&folder.join("people.csv"), &csv(1..=10));
    world.later(HOUR);
    assert_eq!(tick(&world).await, 0);
    write(&folder.join("people.csv.done"), "");
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.with_access().len(), 10);
}

#[actix_web::test]
async fn absences_wait_for_another_file_and_an_old_one_is_refused() {
    let (world, _root, folder) = watched(&[]).await;
    let read = async |name: &str, text: &str| {
        write(&folder.join(name), text);
        tick(&world).await;
        world.later(31_000);
        world.tick().await
    };
    assert_eq!(read("hr_20261124.csv", &csv(1..=30)).await, 1);
    let without = csv((1..=30).filter(|n| *n != 7));
    assert_eq!(read("hr_20261125.csv", &without).await, 1);
    assert_eq!(read("hr_20261126.csv", &without).await, 1);
    assert_eq!(
        world.with_access().len(),
        30,
        "the same bytes under another name"
    );
    assert_eq!(read("hr_20261127.csv", &(without + "\n")).await, 1);
    assert_eq!(world.with_access().len(), 29);
    // The newer ones are taken away: what is left is older than what was read.
    for name in ["hr_20261126.csv", "hr_20261127.csv"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    tick(&world).await;
    world.later(31_000);
    tick(&world).await;
    let error = world.last_run().await.error.unwrap();
    assert!(error.contains("file.older"), "{error}");
    assert_eq!(world.with_access().len(), 29);
}

#[actix_web::test]
async fn an_old_file_that_lies_there_is_silence() {
    let (world, _root, folder) = watched(&[]).await;
    write(&folder.join("people.csv"), &csv(1..=10));
    tick(&world).await;
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    world.later(50 * HOUR);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.schedule().await.health, "silent");
    fs::remove_file(folder.join("people.csv")).unwrap();
    assert_eq!(tick(&world).await, 0);
    assert_eq!(
        (world.schedule().await.health, world.with_access().len()),
        ("silent".to_owned(), 10)
    );
}

#[actix_web::test]
async fn nothing_outside_the_own_folder_is_read() {
    let (world, root, folder) = watched(&[]).await;
    let tenant = world.app.tenant.tenant.as_str().to_owned();
    for place in ["other/hr", &format!("{tenant}/other")] {
        fs::create_dir_all(root.path().join(place)).unwrap();
        write(&root.path().join(place).join("people.csv"), &csv(1..=10));
    }
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("people.csv"), &csv(1..=10));
    symlink(outside.path().join("people.csv"), folder.join("people.csv")).unwrap();
    write(&folder.join(".hidden.csv"), &csv(1..=10));
    write(&folder.join("people.csv.part"), &csv(1..=10));
    fs::create_dir(folder.join("dir.csv")).unwrap();
    for _ in 0..3 {
        assert_eq!(tick(&world).await, 0);
    }
    // The folder itself is no link either.
    fs::remove_dir_all(&folder).unwrap();
    symlink(outside.path(), &folder).unwrap();
    assert_eq!(tick(&world).await, 1);
    let error = world.last_run().await.error.unwrap();
    assert!(error.contains("file.folder_missing"), "{error}");
    // Names with a way out of it are no names.
    world.set(&[("pattern", "../*")]).await;
    tick(&world).await;
    assert!(
        world
            .schedule()
            .await
            .health_params
            .unwrap()
            .contains("settings.pair")
    );
    assert_eq!(world.people().len(), 0);
}

#[actix_web::test]
async fn a_huge_file_in_a_folder_is_refused_without_being_read() {
    let (world, _root, folder) = watched(&[]).await;
    let file = fs::File::create(folder.join("people.csv")).unwrap();
    file.set_len(200 << 20).unwrap();
    tick(&world).await;
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    let error = world.last_run().await.error.unwrap();
    assert!(error.contains("file.too_long"), "{error}");
    assert_eq!(world.people().len(), 0);
}

#[actix_web::test]
async fn without_a_root_no_folder_is_watched() {
    let world = World::of("folder", &[]).await;
    assert_eq!(tick(&world).await, 0);
    assert!(
        world
            .schedule()
            .await
            .health_params
            .unwrap()
            .contains("file.no_root")
    );
}

/// A connection to a server that runs here.
async fn fetched(server: &Server, kind: &str, is_allowed: bool) -> World {
    let (host, port) = ("127.0.0.1", server.address.port().to_string());
    let folder = server.at("files").to_str().unwrap().to_owned();
    let user = String::from_utf8(
        std::process::Command::new("id")
            .arg("-un")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let settings = [
        ("host", host),
        ("port", &port),
        ("user", user.trim()),
        ("host_key", &server.pin(kind).to_string()),
        ("folder", &folder),
        ("pattern", "hr_*.csv"),
    ];
    let secrets = [("private_key", server.text("client"))];
    let placed = |stored: rosterd::cli::bridge::Stored| match is_allowed {
        true => stored.allowing_private(),
        false => stored,
    };
    World::with("sftp", &settings, &secrets, placed).await
}

#[actix_web::test]
async fn a_file_on_a_server_is_fetched_on_the_schedule_of_its_connection() {
    let server = Server::start();
    let world = fetched(&server, "ed25519", true).await;
    server.file("hr_20261124.csv", &csv(1..=10));
    server.file("other.csv", "employee_id\n1\n");
    assert_eq!(tick(&world).await, 0);
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    let run = world.last_run().await;
    assert!(run.is_complete && run.error.is_none(), "{run:?}");
    assert_eq!(world.with_access().len(), 10);
    server.file("hr_20261125.csv", &csv(1..=12));
    assert_eq!(tick(&world).await, 0);
    world.later(31_000);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.with_access().len(), 12);
    assert_eq!(
        server.text("files/hr_20261124.csv"),
        csv(1..=10),
        "nothing is touched there"
    );
}

#[actix_web::test]
async fn a_server_with_another_key_or_in_a_private_network_is_not_signed_in_to() {
    let server = Server::start();
    server.file("hr_20261124.csv", &csv(1..=10));
    let private = fetched(&server, "ed25519", false).await;
    assert_eq!(tick(&private).await, 1);
    let error = private.last_run().await.error.unwrap();
    assert!(error.contains("address_private"), "{error}");

    let world = fetched(&server, "ed25519", true).await;
    let stranger = "SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZIDTMczCvj3tD2s";
    world.set(&[("host_key", stranger)]).await;
    assert_eq!(tick(&world).await, 1);
    let error = world.last_run().await.error.unwrap();
    assert!(
        error.contains("sftp.host_key") && error.contains(&server.pin("ed25519").to_string()),
        "{error}"
    );
    assert!(!error.contains("PRIVATE KEY"));
    let (service, caller) = (&world.app.service, &world.app.tenant);
    service
        .delete_secret(caller, &world.connection, "private_key")
        .await
        .unwrap();
    tick(&world).await;
    assert!(
        world
            .schedule()
            .await
            .health_params
            .unwrap()
            .contains("sftp.no_credential")
    );
    assert_eq!((world.people().len(), private.people().len()), (0, 0));
}
