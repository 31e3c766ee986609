//! Connections that read files, from the file to the people: handed in over HTTP, named at the shell, in a watched folder,
//! on an SFTP server. What a single row or cell means is held beside the readers (`src/hris/files`, `src/hris/formats`).

mod bad;
mod places;
mod settings;
mod shell;
mod world;

use rosterd::domain::roles::Role;
use rosterd::sync::Kind;
use serde_json::json;

use crate::support::{dump, execute};
use world::{HOUR, MINUTE, World, csv};

#[actix_web::test]
async fn a_file_that_is_handed_in_becomes_people() {
    let world = World::of("csv", &[]).await;
    let answer = world.send(&world.admin, csv(1..=12)).await.expect(202);
    assert_eq!(
        (&answer.body["people"], &answer.body["isSame"]),
        (&json!(12), &json!(false))
    );
    assert_eq!(answer.body["columns"]["work_email"], "work_email");
    assert_eq!(world.people().len(), 0, "nothing is read yet");
    assert_eq!(world.state().await.expect(200).body["isWaiting"], true);
    assert_eq!(world.tick().await, 1);
    let run = world.last_run().await;
    assert!(run.is_complete && run.error.is_none(), "{run:?}");
    assert_eq!(run.applied, 12);
    assert_eq!(world.with_access().len(), 12);
    let user = world.document("p7@example.com").await;
    assert_eq!(user["title"], "Agent");
    assert_eq!(world.schedule().await.health, "healthy");
    assert_eq!(world.resting(), 0, "the file is not kept");
    let state = world.state().await.expect(200).body;
    assert_eq!(
        (&state["isWaiting"], &state["missed"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(state["sha256"], answer.body["sha256"]);
    assert_eq!(world.tick().await, 0, "nothing more is due");
    world.app.verify().await;
}

#[actix_web::test]
async fn while_a_file_rests_nobody_can_read_it_in_the_database() {
    let world = World::of("csv", &[]).await;
    world.send(&world.admin, csv(1..=3)).await.expect(202);
    assert!(world.resting() > 0);
    let stored = dump(&world.app.database);
    assert!(!stored.contains("Pat2") && !stored.contains("p2@example.com"));
    // A piece that was moved or changed does not open, and nobody is changed by it.
    let sql = "UPDATE file_chunks SET sealed = replace(sealed, substr(sealed, 60, 4), 'AAAA')";
    execute(&mut world.app.database.connect(), sql);
    assert_eq!(world.tick().await, 1);
    assert!(world.last_run().await.error.is_some());
    assert_eq!(world.people().len(), 0);
}

#[actix_web::test]
async fn the_same_bytes_are_a_sign_of_life_and_no_proof_and_other_bytes_are() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=30)).await;
    let without = csv((1..=30).filter(|n| ![7, 8].contains(n)));
    let run = world.upload(&without).await;
    assert_eq!(run.lost, 0, "missed for the first time");
    assert_eq!(world.with_access().len(), 30);
    assert_eq!(world.state().await.body["missed"], 2);
    for _ in 0..3 {
        world.later(24 * HOUR);
        let answer = world.send(&world.admin, without.clone()).await.expect(202);
        assert_eq!(answer.body["isSame"], true);
        assert_eq!(world.tick().await, 1);
        assert_eq!(world.last_run().await.lost, 0);
        assert_eq!(world.schedule().await.health, "healthy", "it is alive");
    }
    assert_eq!(world.with_access().len(), 30);
    // Another file that still lacks one of them, and has the other again.
    let run = world.upload(&csv((1..=31).filter(|n| *n != 7))).await;
    assert_eq!(run.lost, 1);
    let now = world.with_access();
    assert!(!now.contains(&"0007".to_owned()) && now.contains(&"0008".to_owned()));
    assert_eq!(world.state().await.body["missed"], 0);
    world.app.verify().await;
}

#[actix_web::test]
async fn a_bad_file_between_two_good_ones_confirms_nothing() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=30)).await;
    let without = csv((1..=30).filter(|n| *n != 7));
    world.upload(&without).await;
    // Refused at the door, and refused by the run: neither is a file that was read.
    world.send(&world.admin, "id,email\n").await.expect(400);
    let rows = without.replace("0009,", ",");
    world.send(&world.admin, rows).await.expect(202);
    assert_eq!(world.tick().await, 1);
    assert!(!world.last_run().await.is_complete, "a row may be anybody");
    assert_eq!(world.schedule().await.health, "degraded");
    assert_eq!(world.upload(&without).await.lost, 0, "the same bytes again");
    assert_eq!(world.with_access().len(), 30);
    assert_eq!(world.upload(&(without + "\n")).await.lost, 1);
}

#[actix_web::test]
async fn an_admin_confirms_who_was_missed_without_another_file() {
    let world = World::of("csv", &[]).await;
    world.post("absences/confirm").await.expect(409);
    world.upload(&csv(1..=30)).await;
    world.post("absences/confirm").await.expect(409);
    world
        .upload(&csv((1..=30).filter(|n| ![7, 8].contains(n))))
        .await;
    let answer = world.post("absences/confirm").await.expect(202);
    assert_eq!(answer.body["missed"], 2);
    assert_eq!(world.tick().await, 1);
    let run = world.last_run().await;
    assert_eq!((run.kind.as_str(), run.lost), ("absences", 2));
    assert_eq!(world.with_access().len(), 28);
    assert_eq!(world.schedule().await.health, "healthy");
    world.later(24 * HOUR);
    assert_eq!(world.tick().await, 0, "it was used up");
    // The word was about those who were missed then, not about others later.
    let run = world
        .upload(&csv((1..=30).filter(|n| ![7, 8, 9].contains(n))))
        .await;
    assert_eq!((run.lost, world.with_access().len()), (0, 28));
}

#[actix_web::test]
async fn a_file_with_few_people_waits_for_an_admin() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=60)).await;
    world.upload(&csv(1..=20)).await;
    let run = world.upload(&csv(1..=21)).await;
    assert_eq!(run.lost, 0, "{run:?}");
    assert!(run.why_held.is_some());
    assert_eq!(world.with_access().len(), 60);
    assert_eq!(world.schedule().await.health, "waiting");
    // An admin's word that they are gone does not lift the guard.
    world.post("absences/confirm").await.expect(202);
    world.tick().await;
    assert_eq!(world.with_access().len(), 60);
}

#[actix_web::test]
async fn an_empty_cell_clears_a_value_and_a_missing_column_says_nothing() {
    let world = World::of("csv", &[]).await;
    let title = async || world.document("p2@example.com").await["title"].clone();
    let head = "employee_id,work_email,last_name";
    world
        .upload(&format!(
            "{head},job_title\n1,p1@example.com,A,Boss\n2,p2@example.com,B,Agent\n"
        ))
        .await;
    let run = world
        .upload(&format!(
            "{head}\n1,p1@example.com,A\n2,p2@example.com,Bee\n"
        ))
        .await;
    assert!(run.is_complete, "{:?}", run.evidence);
    assert_eq!(title().await, "Agent", "no column, no word about it");
    let name = world.document("p2@example.com").await["name"]["familyName"].clone();
    assert_eq!(name, "Bee");
    world
        .upload(&format!(
            "{head},job_title\n1,p1@example.com,A,Boss\n2,p2@example.com,Bee,\n"
        ))
        .await;
    assert_eq!(
        title().await,
        json!(null),
        "an empty cell says that there is none"
    );
    assert_eq!(world.document("p1@example.com").await["title"], "Boss");
    let run = world
        .upload(&format!(
            "{head},job_title\n1,p1@example.com,A,Boss\n2,p2@example.com,Bee,\n"
        ))
        .await;
    assert_eq!(run.planned, 0, "and then nothing is new");
    world.app.verify().await;
}

#[actix_web::test]
async fn a_missing_column_says_nothing_where_others_speak_too() {
    let world = World::of("csv", &[]).await;
    let head = "employee_id,work_email,last_name";
    world
        .upload(&format!("{head},department\n1,p1@example.com,A,Sales\n"))
        .await;
    let push = world.app.source(rosterd::scim::rules::Preset::Okta).await;
    let mut user = crate::support::person("p1@example.com");
    user["title"] = json!("From Okta");
    let id = world.document("p1@example.com").await["id"].clone();
    let path = format!("/Users/{}", id.as_str().unwrap());
    push.put(&path, user).await.expect(200);
    // Neither is the other's word taken for one's own, nor one's own forgotten.
    world
        .upload(&format!("{head}\n1,p1@example.com,Aa\n"))
        .await;
    let user = world.document("p1@example.com").await;
    assert_eq!(user["title"], "From Okta");
    assert_eq!(user[rosterd::hris::ENTERPRISE]["department"], "Sales");
    world
        .upload(&format!("{head},department\n1,p1@example.com,Aa,\n"))
        .await;
    let user = world.document("p1@example.com").await;
    assert_eq!(user["title"], "From Okta");
    assert_eq!(user[rosterd::hris::ENTERPRISE].get("department"), None);
}

#[actix_web::test]
async fn a_file_that_lost_the_column_of_the_status_is_refused_unless_that_is_meant() {
    let world = World::of("csv", &[]).await;
    let rows = |with: bool| {
        let status = |word: &str| {
            if with {
                format!(",{word}")
            } else {
                String::new()
            }
        };
        let mut text = format!("employee_id,work_email{}\n", status("status"));
        for n in 1..=20 {
            let word = if n == 3 { "terminated" } else { "active" };
            text += &format!("{n},p{n}@example.com{}\n", status(word));
        }
        text
    };
    world.upload(&rows(true)).await;
    assert_eq!(world.with_access().len(), 19);
    let refused = world.send(&world.admin, rows(false)).await.expect(400);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("csv.column_gone") && detail.contains("status"),
        "{detail}"
    );
    world.set(&[("columns", "status=")]).await;
    world.send(&world.admin, rows(false)).await.expect(202);
}

#[actix_web::test]
async fn files_of_changes_are_all_read_in_their_order_and_nobody_is_absent() {
    let world = World::of("csv", &[("holds", "changes")]).await;
    let head = "employee_id,work_email,status\n";
    world
        .upload(&format!(
            "{head}1,p1@example.com,active\n2,p2@example.com,active\n3,p3@example.com,active\n"
        ))
        .await;
    assert_eq!(world.schedule().await.health, "healthy");
    world
        .send(
            &world.admin,
            format!("{head}2,p2@example.com,terminated\n4,p4@example.com,active\n"),
        )
        .await
        .expect(202);
    world.later(1);
    world
        .send(&world.admin, format!("{head}4,p44@example.com,active\n"))
        .await
        .expect(202);
    assert_eq!((world.tick().await, world.tick().await), (1, 1));
    assert_eq!(world.with_access(), ["1", "3", "4"]);
    assert_eq!(
        world.document("p44@example.com").await["userName"],
        "p44@example.com"
    );
    assert_eq!(
        (world.resting(), world.state().await.body["missed"].clone()),
        (0, json!(0))
    );
    world
        .send(&world.admin, "employee_id,work_email\n1,p1@example.com\n")
        .await
        .expect(400);
}

#[actix_web::test]
async fn of_full_lists_the_newest_counts_and_older_ones_are_refused() {
    let world = World::of("csv", &[]).await;
    world.send(&world.admin, csv(1..=10)).await.expect(202);
    world.later(1);
    world.send(&world.admin, csv(1..=20)).await.expect(202);
    assert_eq!((world.tick().await, world.tick().await), (1, 0));
    assert_eq!((world.with_access().len(), world.resting()), (20, 0));
    let old = format!("{}?asOf=2026-11-20T00:00:00Z", world.path("file"));
    let answer = world
        .admin
        .raw("PUT", &old, "text/csv", csv(1..=5).into())
        .await;
    assert!(answer.expect(409).text.contains("older"));
    let odd = format!("{}?asOf=yesterday", world.path("file"));
    world
        .admin
        .raw("PUT", &odd, "text/csv", csv(1..=5).into())
        .await
        .expect(400);
    assert_eq!(world.resting(), 0);
}

#[actix_web::test]
async fn a_job_has_a_token_for_the_files_of_its_connection_and_nothing_else() {
    let world = World::of("csv", &[]).await;
    let made = world.post("drop").await.expect(201).body;
    let token = made["token"].as_str().unwrap();
    let curl = made["curl"].as_str().unwrap();
    assert!(curl.contains(token) && curl.contains(made["url"].as_str().unwrap()));
    assert!(
        !dump(&world.app.database).contains(token),
        "only its hash is stored"
    );
    let job = world.app.client(token);
    world.send(&job, csv(1..=3)).await.expect(202);
    // The address as it is shown works too.
    let shown = made["url"].as_str().unwrap().replace(&world.app.base, "");
    job.raw("PUT", &shown, "text/csv", csv(1..=4).into())
        .await
        .expect(202);
    for (method, what) in [
        ("GET", "file"),
        ("POST", "drop"),
        ("POST", "absences/confirm"),
        ("GET", "secrets"),
    ] {
        job.raw(method, &world.path(what), "application/json", Vec::new())
            .await
            .expect(403);
    }
    job.get("/Users").await.expect(403);
    job.post("/Users", crate::support::person("x@x.test"))
        .await
        .expect(403);
    let other = world::connect(&world.app, "csv", &[], &[]).await;
    let path = world.path("file").replace(&world.connection, &other);
    job.raw("PUT", &path, "text/csv", csv(1..=3).into())
        .await
        .expect(404);
    // A new one takes its place.
    let next = world.post("drop").await.expect(201).body;
    world.later(2 * MINUTE);
    world.send(&job, csv(1..=3)).await.expect(401);
    let job = world.app.client(next["token"].as_str().unwrap());
    world.send(&job, csv(1..=3)).await.expect(202);
    world.send(&job.anonymous(), csv(1..=3)).await.expect(401);
    world
        .send(&world.app.client("rst_invented"), csv(1..=3))
        .await
        .expect(401);
}

#[actix_web::test]
async fn another_tenants_tokens_open_nothing() {
    let world = World::of("csv", &[]).await;
    let other = world.app.tenant("other").await;
    let theirs = world.app.role(&other, Role::TenantAdmin).await;
    world.send(&theirs, csv(1..=3)).await.expect(404);
    let path = world.path("drop");
    theirs
        .raw("POST", &path, "application/json", Vec::new())
        .await
        .expect(404);
    let path = world.path("file").replace("/default/", "/other/");
    theirs
        .raw("PUT", &path, "text/csv", csv(1..=3).into())
        .await
        .expect(404);
    let made = world.post("drop").await.expect(201).body;
    let job = world.app.client(made["token"].as_str().unwrap());
    job.raw("PUT", &path, "text/csv", csv(1..=3).into())
        .await
        .expect(404);
    assert_eq!(world.resting(), 0);
    // A token of a connection is for the kind of connection that it names.
    let push = world.app.source(rosterd::scim::rules::Preset::Okta).await;
    world.send(&push, csv(1..=3)).await.expect(403);
    let body = json!({"role": "connection", "connection": world.connection});
    let tokens = "/api/v1/tenants/default/tokens";
    let made = world
        .admin
        .raw("POST", tokens, "application/json", body.to_string().into())
        .await;
    assert!(made.expect(400).text.contains("`drop`"));
}

#[actix_web::test]
async fn only_a_connection_that_takes_files_takes_one() {
    let world = World::with(
        "bamboohr",
        &[("company", "acme")],
        &[("api_key", "k".to_owned())],
        |s| s,
    )
    .await;
    let answer = world.send(&world.admin, csv(1..=3)).await.expect(409);
    assert!(answer.text.contains("bamboohr"), "{}", answer.text);
    world.post("drop").await.expect(409);
    let world = World::of("csv", &[]).await;
    world.post("pause").await.expect(200);
    world.send(&world.admin, csv(1..=3)).await.expect(409);
    assert_eq!(world.resting(), 0);
}

#[actix_web::test]
async fn a_file_that_is_not_read_for_a_day_is_thrown_away() {
    let world = World::of("csv", &[]).await;
    world.send(&world.admin, csv(1..=3)).await.expect(202);
    world.later(23 * HOUR);
    assert_eq!(world.app.service.sweep_files().await.unwrap(), 0);
    world.later(2 * HOUR);
    assert_eq!(world.app.service.sweep_files().await.unwrap(), 1);
    assert_eq!((world.resting(), world.tick().await), (0, 0));
}

#[actix_web::test]
async fn no_file_comes_and_nobody_loses_access() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=10)).await;
    world.later(47 * HOUR);
    assert_eq!(world.tick().await, 0);
    assert_eq!(world.schedule().await.health, "healthy");
    world.later(4 * HOUR);
    assert_eq!(world.tick().await, 0);
    assert_eq!(world.schedule().await.health, "silent");
    assert_eq!(world.with_access().len(), 10);
    world.upload(&csv(1..=10)).await;
    assert_eq!(world.schedule().await.health, "healthy");
}

#[actix_web::test]
async fn two_processes_read_a_file_once_and_a_second_one_goes_on_where_the_first_was_killed() {
    let world = World::of("csv", &[]).await;
    world.send(&world.admin, csv(1..=40)).await.expect(202);
    world.later(1);
    let (one, two) = (world.scheduler("one"), world.scheduler("two"));
    let (a, b) = tokio::join!(one.tick(), two.tick());
    assert_eq!((a.unwrap() + b.unwrap(), world.runs().await), (1, 1));
    // The first takes the lease and dies before it has read anything.
    world.send(&world.admin, csv(1..=50)).await.expect(202);
    let (service, caller) = (&world.app.service, &world.app.tenant);
    let lease = service.lease_schedule(caller, &world.connection, "killed", MINUTE);
    assert!(lease.await.unwrap().is_some());
    assert_eq!(two.tick().await.unwrap(), 0, "somebody is at it");
    world.later(2 * MINUTE);
    assert_eq!(two.tick().await.unwrap(), 1);
    assert_eq!((world.with_access().len(), world.resting()), (50, 0));
}

#[actix_web::test]
async fn people_are_who_they_were_under_another_address_or_another_number() {
    let world = World::of("csv", &[]).await;
    let id = async |name: &str| world.document(name).await["id"].clone();
    let head = "employee_id,work_email,last_name,manager_id\n";
    let rest: String = (10..40)
        .map(|n| format!("{n},p{n}@example.com,X,\n"))
        .collect();
    world
        .upload(&format!(
            "{head}1,anna@example.com,Berg,2\n2,bo@example.com,Ek,1\n{rest}"
        ))
        .await;
    let (anna, bo) = (id("anna@example.com").await, id("bo@example.com").await);
    // She marries: the same id, another name and address.
    world
        .upload(&format!(
            "{head}1,anna.lind@example.com,Lind,2\n2,bo@example.com,Ek,1\n{rest}"
        ))
        .await;
    assert_eq!(id("anna.lind@example.com").await, anna);
    // He leaves, which two files say, and comes back with another number and the same address.
    let hers = "1,anna.lind@example.com,Lind,\n";
    world.upload(&format!("{head}{hers}{rest}")).await;
    assert_eq!(world.upload(&format!("{head}{hers}{rest}\n")).await.lost, 1);
    world
        .upload(&format!("{head}{hers}77,bo@example.com,Ek,1\n{rest}"))
        .await;
    assert_eq!(id("bo@example.com").await, bo);
    assert_eq!(world.with_access().len(), 32);
    world.app.verify().await;
}

#[actix_web::test]
async fn a_circle_of_managers_and_contractors_harm_nobody() {
    let world = World::of("csv", &[]).await;
    let head = "employee_id,work_email,manager_id,employment_type\n";
    let all = format!(
        "{head}1,a@example.com,2,Employee\n2,b@example.com,3,Employee\n3,c@example.com,1,Employee\n\
         4,d@example.com,4711,Employee\n5,e@example.com,1,Contractor\n"
    );
    let pull = rosterd::domain::pull::PullChange {
        filter: Some("userType ne \"Contractor\"".to_owned()),
        ..Default::default()
    };
    let change = rosterd::service::connections::ConnectionChange {
        pull,
        ..Default::default()
    };
    let (service, caller) = (&world.app.service, &world.app.tenant);
    let done = service.update_connection(caller, &world.connection, change);
    done.await.unwrap();
    let run = world.upload(&all).await;
    assert!(run.is_complete, "{:?}", run.evidence);
    assert_eq!(world.with_access(), ["1", "2", "3", "4"]);
}

#[actix_web::test]
async fn a_look_at_a_file_changes_nothing() {
    let world = World::of("csv", &[]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.csv");
    std::fs::write(&path, csv(1..=12)).unwrap();
    let look = world.pull(Kind::Dry, Some(&path)).await.unwrap();
    assert_eq!(look.counts.by_action["create"], 12);
    assert_eq!(
        (
            world.people().len(),
            world.state().await.body.get("sha256").cloned()
        ),
        (0, None)
    );
    let done = world.pull(Kind::Manual, Some(&path)).await.unwrap();
    assert!(done.is_ok() && done.run.is_complete);
    assert_eq!(world.with_access().len(), 12);
}

#[actix_web::test]
async fn what_a_file_warns_of_is_told_at_the_door_and_by_the_run() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=20)).await;
    // A spreadsheet cut the zeros off: nobody is recognised by number, everybody by address.
    let cut = csv(1..=20).replace("\n00", "\n").replace(",0001\n", ",1\n");
    let answer = world.send(&world.admin, cut).await.expect(202);
    assert!(answer.text.contains("csv.ids_shorter"), "{}", answer.text);
    world.tick().await;
    let run = world.last_run().await;
    let evidence = run.evidence.unwrap();
    assert!(evidence.contains("csv.ids_shorter"), "{evidence}");
    assert_eq!((run.lost, world.with_access().len()), (0, 20));
}

#[actix_web::test]
async fn a_file_from_the_future_does_not_shut_out_the_next_one() {
    let world = World::of("csv", &[]).await;
    let far = format!("{}?asOf=2099-01-01T00:00:00Z", world.path("file"));
    let sent = world.admin.raw("PUT", &far, "text/csv", csv(1..=5).into());
    sent.await.expect(202);
    assert_eq!(world.tick().await, 1);
    world.upload(&csv(1..=6)).await;
    assert_eq!(world.with_access().len(), 6);
}

#[actix_web::test]
async fn a_connection_does_not_take_any_number_of_files_at_once() {
    let world = World::of("csv", &[]).await;
    for _ in 0..16 {
        world.send(&world.admin, csv(1..=2)).await.expect(202);
    }
    let answer = world.send(&world.admin, csv(1..=2)).await.expect(409);
    assert!(answer.text.contains("16 files"), "{}", answer.text);
    assert_eq!((world.tick().await, world.resting()), (1, 0));
    world.send(&world.admin, csv(1..=2)).await.expect(202);
}

#[actix_web::test]
async fn a_backup_holds_no_file_that_waits() {
    let world = World::of("csv", &[]).await;
    world.send(&world.admin, csv(1..=2)).await.expect(202);
    let mut backup = Vec::new();
    let mut conn = world.app.database.connect();
    rosterd::storage::archive::write(&mut conn, 0, &mut backup, &mut |_| ()).unwrap();
    let text = String::from_utf8_lossy(&backup);
    assert!(text.contains("\"file_marks\"") && !text.contains("\"file_chunks\""));
}
