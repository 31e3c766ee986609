//! What an admin settles about a connection, as its people show it: by what they are recognised, which addresses count, in
//! which zone their days lie; and looking through a file before it counts.

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::world::World;
use crate::support::{Answer, USER, dump, lines};

async fn patch(world: &World, path: &str, body: Value) -> Answer {
    let path = format!("/api/v1/tenants/default{path}");
    let body = body.to_string().into_bytes();
    world
        .admin
        .raw("PATCH", &path, "application/json", body)
        .await
}

async fn set(world: &World, body: Value) {
    let path = format!("/connections/{}", world.connection);
    patch(world, &path, body).await.expect(200);
}

const NUMBERED: &str =
    "employee_id,employee_number,work_email,last_name\n0001,E-7,ann@hr.example,Lee\n";

#[actix_web::test]
async fn people_are_recognised_by_an_id_that_others_know_if_the_admin_says_so() {
    for (also_by, names) in [
        ("none", ["ann@hr.example"]),
        ("source-id", ["by-id"]),
        ("employee-number", ["by-number"]),
    ] {
        let world = World::of("csv", &[]).await;
        let okta = world.app.source(Preset::Okta).await;
        for (name, id) in [("by-id", "0001"), ("by-number", "E-7")] {
            let user = json!({"schemas": [USER], "userName": name, "externalId": id, "active": true,
                "emails": [{"value": format!("{name}@okta.example"), "type": "work"}]});
            okta.post("/Users", user).await.expect(201);
        }
        set(&world, json!({"matching": {"alsoBy": also_by}})).await;
        world.upload(NUMBERED).await;
        let people = world.people();
        let found: Vec<&str> = people.iter().filter_map(|p| p.split(' ').nth(1)).collect();
        assert_eq!(found, names, "{also_by}");
        world.app.verify().await;
    }
}

#[actix_web::test]
async fn a_private_address_counts_if_the_admin_says_so_and_is_not_kept_otherwise() {
    let world = World::of("csv", &[]).await;
    let file = |end: &str| {
        format!(
            "employee_id,work_email,private_email,last_name\n1,a@x.example,a@home.example,A\n2,,b@home.example,B{end}\n"
        )
    };
    world.upload(&file("")).await;
    assert!(!dump(&world.app.database).contains("home.example"));
    set(
        &world,
        json!({"matching": {"addresses": "work-then-private"}}),
    )
    .await;
    let run = world.upload(&file("b")).await;
    assert_eq!(
        run.why_held.as_deref(),
        Some("settings-changed"),
        "an address would change"
    );
    world
        .post_to(&format!("runs/{}/approve", run.id))
        .await
        .expect(202);
    world
        .scheduler("this process")
        .tick_decided()
        .await
        .unwrap();
    let addresses = lines(
        &mut world.app.database.connect(),
        "SELECT key AS line FROM emails WHERE view = '' AND until IS NULL ORDER BY 1",
    );
    assert_eq!(addresses, ["a@x.example", "b@home.example"]);
    // And back: it is let go of.
    set(&world, json!({"matching": {"addresses": "work"}})).await;
    let run = world.upload(&file("bb")).await;
    assert_eq!(run.why_held.as_deref(), Some("settings-changed"));
}

#[actix_web::test]
async fn days_lie_in_the_zone_of_the_connection_else_of_the_tenant() {
    let world = World::of("csv", &[]).await;
    let file = |n: u32| {
        format!("employee_id,work_email,end_date,last_name\n1,a@x.example,2026-11-26,A{n}\n")
    };
    let zones = || {
        let sql = "SELECT coalesce(zone, '-') AS line FROM links";
        lines(&mut world.app.database.connect(), sql)
    };
    world.upload(&file(1)).await;
    assert_eq!(zones(), ["-"]);
    assert_eq!(
        world.with_access().len(),
        1,
        "her last day lasts, in Greenwich"
    );
    patch(&world, "/settings", json!({"timeZone": "Europe/Paris"}))
        .await
        .expect(200);
    world.upload(&file(2)).await;
    assert_eq!(zones(), ["Europe/Paris"]);
    set(&world, json!({"zone": "America/Los_Angeles"})).await;
    world.upload(&file(3)).await;
    assert_eq!(zones(), ["America/Los_Angeles"]);
    set(&world, json!({"zone": null})).await;
    world.upload(&file(4)).await;
    assert_eq!(zones(), ["Europe/Paris"]);
}

#[actix_web::test]
async fn a_file_is_looked_through_and_nothing_of_it_is_kept() {
    let world = World::of("csv", &[]).await;
    let preview = async |file: &str| {
        let path = world.path("file/preview");
        world
            .admin
            .raw("POST", &path, "text/csv", file.as_bytes().to_vec())
            .await
    };
    let entries = world.app.verify().await.entries;
    let file = "Personalnummer;E-Mail;Status;Nachname\n1;ann@x.example;aktiv;Lee\n2;bob@x.example;verschollen;Ray\n";
    let seen = preview(file).await.expect(200).body;
    assert_eq!(
        (&seen["people"], &seen["delimiter"]),
        (&json!(1), &json!(";")),
        "{seen}"
    );
    assert_eq!(seen["columns"]["employee_id"], "Personalnummer");
    assert_eq!(
        (&seen["refused"], &seen["rows"][0]["line"]),
        (&json!(1), &json!(3))
    );
    let refused = preview("id\n").await.expect(400);
    assert_eq!(refused.body["code"], "bad-file");
    assert_eq!((world.resting(), world.runs().await), (0, 0));
    assert_eq!(
        world.app.verify().await.entries,
        entries,
        "nothing was written"
    );
    assert_eq!(world.state().await.body["isWaiting"], false);
    assert_eq!(world.tick().await, 0, "it is not due for it");
    assert!(!dump(&world.app.database).contains("ann@x.example"));
}

#[actix_web::test]
async fn a_file_that_waits_is_sealed_anew_with_the_key() {
    let world = World::of("csv", &[]).await;
    world
        .send(&world.admin, super::world::csv(1..=5))
        .await
        .expect(202);
    let mut newer = world.app.service.clone();
    newer.keys = std::sync::Arc::new(rosterd::domain::sealed::Keyring::new(&[8; 32], &[[7; 32]]));
    let of = |status: rosterd::service::secrets::Status, is_current: bool| {
        let mut keys = status.keys.into_iter();
        keys.find(|key| key.is_current == is_current).unwrap().files
    };
    let status = newer.secret_status().await.unwrap();
    assert_eq!((of(status.clone(), false), of(status, true)), (1, 0));
    // Without the former key nobody may think that it can go.
    let mut without = newer.clone();
    without.keys = std::sync::Arc::new(rosterd::domain::sealed::Keyring::new(&[8; 32], &[]));
    let done = without.reseal_secrets(|_| ()).await.unwrap();
    assert_eq!((done.pieces, done.missing.len()), (0, 1));
    let done = newer.reseal_secrets(|_| ()).await.unwrap();
    assert_eq!((done.pieces, done.missing.len()), (1, 0));
    assert_eq!(of(newer.secret_status().await.unwrap(), true), 1);
    // It is read by a process that has the new key alone.
    let scheduler = rosterd::sync::schedule::Scheduler::new(
        rosterd::sync::Bridge::new(without.clone()),
        std::sync::Arc::new(rosterd::cli::bridge::Stored::new(&without)),
        "the next one".to_owned(),
    );
    world.later(1);
    assert_eq!(scheduler.tick().await.unwrap(), 1);
    assert_eq!(world.people().len(), 5);
    assert_eq!(world.resting(), 0);
}
