//! How connections are doing, and how old what they say of people is: as the API, the shell and the metrics tell it.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::roles::Role;
use rosterd::sync::Kind;
use serde_json::{Value, json};

use crate::bridge::world::World;
use crate::support::process::{command, run, said};
use crate::support::{Client, lines};

const HOUR: i64 = 3_600_000;

async fn get(auditor: &Client, path: &str) -> Value {
    let path = format!("/api/v1/tenants/default/{path}");
    let answer = auditor.raw("GET", &path, "application/json", Vec::new());
    answer.await.expect(200).body
}

fn time(at: i64) -> Value {
    json!(Millis(at).to_rfc3339())
}

async fn auditor(world: &World) -> Client {
    world.app.role(&world.app.tenant, Role::Auditor).await
}

async fn health(world: &World) -> Value {
    let path = format!("connections/{}", world.connection);
    get(&auditor(world).await, &path).await["health"].clone()
}

/// Whom the source knows under an id, as the API shows her.
async fn person(world: &World, source_id: &str) -> (String, Value) {
    let sql = format!("SELECT user_id AS line FROM links WHERE source_id = '{source_id}'");
    let id = lines(&mut world.app.database.connect(), &sql).remove(0);
    let shown = get(&auditor(world).await, &format!("people/{id}")).await;
    (id, shown["sources"][0].clone())
}

#[actix_web::test]
async fn every_person_has_the_time_of_the_last_complete_pull_that_saw_her() {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    world.pull().await;
    let first = world.now();
    let ids: Vec<String> = world
        .people()
        .await
        .into_iter()
        .map(|p| p.source_id)
        .collect();
    let (_, seen) = person(&world, &ids[0]).await;
    assert_eq!(
        (&seen["dataAt"], &seen["missedSince"]),
        (&time(first), &Value::Null)
    );
    world.pull().await;
    let stood = world.rows();
    world.later(3 * HOUR);
    world.pull().await;
    assert_eq!(world.rows(), stood, "nothing is written for that");
    let (_, seen) = person(&world, &ids[0]).await;
    assert_eq!(seen["dataAt"], time(world.now()));
    // One is missed; what is known of her is older than that, and of the others it is as of now.
    let played = world.play("delete").await;
    let gone = played["people"][0]["id"].as_str().unwrap().to_owned();
    world.pull().await;
    let missed = world.now();
    let (id, seen) = person(&world, &gone).await;
    assert_eq!(
        (&seen["dataAt"], &seen["missedSince"]),
        (&Value::Null, &time(missed))
    );
    let other = ids.iter().find(|id| **id != gone).unwrap();
    assert_eq!(person(&world, other).await.1["dataAt"], time(missed));
    // A pull that is not complete makes nobody's data younger.
    world.later(3 * HOUR);
    world.company.set_faults(&["lost-page"]).await;
    let report = world.run(Kind::Manual).await;
    assert!(!report.run.is_complete);
    assert_eq!(person(&world, other).await.1["dataAt"], time(missed));
    let files = tempfile::tempdir().unwrap();
    let shown = run(
        command(&world.app.database, files.path(), "127.0.0.1:0"),
        &["person", "show", &id],
    );
    let shown = said(&shown);
    let line = format!("not seen since {}", Millis(missed).to_rfc3339());
    assert!(shown.contains(&line), "{shown}");
}

#[actix_web::test]
async fn each_state_is_told_with_its_reason_and_attempt_and_success_apart() {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    assert_eq!(health(&world).await["state"], "new");
    world.pull().await;
    let good = world.now();
    let told = health(&world).await;
    assert_eq!(told["state"], "healthy", "{told}");
    assert_eq!(
        (&told["lastAttemptAt"], &told["lastSuccessAt"]),
        (&time(good), &time(good))
    );
    // Not complete, then not complete for long.
    world.company.set_faults(&["lost-page"]).await;
    world.later(3 * HOUR);
    world.run(Kind::Manual).await;
    let told = health(&world).await;
    assert_eq!(told["state"], "degraded", "{told}");
    assert_eq!(
        (&told["lastAttemptAt"], &told["lastSuccessAt"]),
        (&time(world.now()), &time(good))
    );
    world.later(24 * HOUR);
    world.run(Kind::Manual).await;
    assert_eq!(health(&world).await["state"], "silent");
    // Failures, with the vendor's reason.
    world.company.set_faults(&["html"]).await;
    for state in ["degraded", "failing"] {
        world.later(HOUR);
        world.run(Kind::Manual).await;
        let told = health(&world).await;
        let is_so = told["state"] == state || (state == "degraded" && told["state"] == "silent");
        assert!(is_so && told["reason"]["code"].is_string(), "{told}");
    }
    world.company.set_faults(&["forbidden"]).await;
    world.run(Kind::Manual).await;
    assert_eq!(health(&world).await["state"], "needs-credentials");
    let tally = world.app.service.tally_health().await.unwrap();
    let key = ("needs-credentials".to_owned(), "a-customer");
    assert_eq!(tally.into_iter().collect::<Vec<_>>(), [(key, 1)]);
    // Well again, then paused, then nobody looks.
    world.company.set_faults(&[]).await;
    world.pull().await;
    assert_eq!(health(&world).await["reason"], Value::Null);
    world.set_active(false).await;
    let told = health(&world).await;
    assert_eq!(
        (&told["state"], &told["nextAt"]),
        (&json!("paused"), &Value::Null)
    );
    world.later(100 * HOUR);
    assert_eq!(health(&world).await["state"], "paused");
    world.set_active(true).await;
    world.pull().await;
    world.later(100 * HOUR);
    assert_eq!(health(&world).await["state"], "silent");
    world.play("leaver?count=20").await;
    world.pull().await;
    assert_eq!(health(&world).await["state"], "waiting");
    let all = get(&auditor(&world).await, "connections").await;
    let of = |kind: &str| {
        let mut items = all["items"].as_array().unwrap().iter();
        items.find(|c| c["kind"] == kind).cloned()
    };
    assert_eq!(of("hris").unwrap()["health"]["state"], "waiting");
    let files = tempfile::tempdir().unwrap();
    let listed = run(
        command(&world.app.database, files.path(), "127.0.0.1:0"),
        &["connection", "list"],
    );
    assert!(said(&listed).contains("waiting"), "{}", said(&listed));
}
