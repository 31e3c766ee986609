//! `kill -9` under load: what was acknowledged is there by value, what was in flight is wholly there or wholly absent,
//! and the journal holds. The server is the built binary; this process records what it was told in a file of its own.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rosterd::domain::chance::{Chance, SeededChance};
use serde_json::json;

use crate::support::process::{Server, TOKEN, command};
use crate::support::{Client, Database, GROUP, USER, is_soak};

/// What one user was asked to be and what was acknowledged, newest last.
#[derive(Debug, Default, Clone)]
struct Story {
    acknowledged: Vec<String>,
    in_flight: Option<String>,
    /// `None`: not asked for; else whether it was acknowledged.
    member: Option<bool>,
}

type Stories = Arc<Mutex<BTreeMap<String, Story>>>;

fn document(name: &str, title: &str) -> serde_json::Value {
    json!({"schemas": [USER], "userName": name, "title": title, "nickName": title, "externalId": format!("e-{name}"),
        "emails": [{"value": name, "type": "work"}], "active": true})
}

/// Creates, changes and groups people until the server is gone.
async fn work(
    client: Client,
    prefix: String,
    group: String,
    stories: Stories,
    record: Arc<Mutex<std::fs::File>>,
) {
    let note = |line: String| writeln!(record.lock().unwrap(), "{line}").unwrap();
    for n in 0.. {
        let name = format!("{prefix}-{n}@x.test");
        let begin = |title: &str| {
            stories
                .lock()
                .unwrap()
                .entry(name.clone())
                .or_default()
                .in_flight = Some(title.to_owned());
        };
        begin("one");
        let Some(created) = client
            .attempt("POST", "/Users", &document(&name, "one"))
            .await
        else {
            return;
        };
        note(format!("created {name} one {}", created.status));
        assert_eq!(created.status, 201, "{}", created.text);
        let done = |title: &str| {
            let mut all = stories.lock().unwrap();
            let story = all.get_mut(&name).unwrap();
            story.acknowledged.push(title.to_owned());
            story.in_flight = None;
        };
        done("one");
        let id = created.id();
        begin("two");
        let Some(put) = client
            .attempt("PUT", &format!("/Users/{id}"), &document(&name, "two"))
            .await
        else {
            return;
        };
        note(format!("changed {name} two {}", put.status));
        assert_eq!(put.status, 200, "{}", put.text);
        done("two");
        stories.lock().unwrap().get_mut(&name).unwrap().member = Some(false);
        let add = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
        let Some(added) = client
            .attempt("PATCH", &format!("/Groups/{group}"), &add)
            .await
        else {
            return;
        };
        note(format!("added {name} {}", added.status));
        assert_eq!(added.status, 204, "{}", added.text);
        stories.lock().unwrap().get_mut(&name).unwrap().member = Some(true);
    }
}

/// Compares what is there with what was told; returns how many were acknowledged.
async fn compare(client: &Client, group: &str, stories: &BTreeMap<String, Story>) -> usize {
    let members = client
        .get(&format!("/Groups/{group}"))
        .await
        .expect(200)
        .body["members"]
        .clone();
    for (name, story) in stories {
        let found = client
            .filter("/Users", &format!("userName eq \"{name}\""))
            .await
            .expect(200);
        let mut may_be: Vec<&String> = story.acknowledged.last().into_iter().collect();
        may_be.extend(&story.in_flight);
        if found.total() == 0 {
            assert!(
                story.acknowledged.is_empty(),
                "{name} was acknowledged and is gone"
            );
            continue;
        }
        let user = &found.resources()[0];
        let title = user["title"].as_str().unwrap().to_owned();
        assert!(
            may_be.contains(&&title),
            "{name} is {title}, not one of {may_be:?}"
        );
        // Wholly there: every attribute of the same write, the look-up tables too.
        for (key, value) in document(name, &title).as_object().unwrap() {
            assert_eq!(&user[key], value, "{name}: {key}");
        }
        assert_eq!(
            client
                .filter(
                    "/Users",
                    &format!("emails.value eq \"{name}\" and externalId eq \"e-{name}\"")
                )
                .await
                .total(),
            1
        );
        let is_member = members
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["value"] == user["id"]);
        match story.member {
            Some(true) => assert!(is_member, "{name} was acknowledged as a member"),
            None => assert!(!is_member),
            Some(false) => {}
        }
    }
    assert_eq!(
        client.get("/Users?count=0").await.total(),
        count_all(client).await
    );
    stories
        .values()
        .filter(|s| !s.acknowledged.is_empty())
        .count()
}

async fn count_all(client: &Client) -> i64 {
    let mut seen = 0;
    loop {
        let page = client
            .get(&format!(
                "/Users?startIndex={}&count=1000&attributes=id",
                seen + 1
            ))
            .await
            .expect(200);
        let got = i64::try_from(page.resources().len()).unwrap();
        if got == 0 {
            return seen;
        }
        seen += got;
    }
}

#[actix_web::test]
async fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let rounds = if is_soak() { 50 } else { 5 };
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let record = Arc::new(Mutex::new(
        std::fs::File::create(files.path().join("acknowledged.txt")).unwrap(),
    ));
    let dice = SeededChance::new(20);
    let mut group = None;
    let mut acknowledged = 0;
    for round in 0..rounds {
        let server = Server::start(&database, files.path()).await;
        let client = Client::new(&server.base, TOKEN);
        if group.is_none() {
            let made = client
                .post("/Groups", json!({"schemas": [GROUP], "displayName": "All"}))
                .await
                .expect(201);
            group = Some(made.id());
        }
        let group = group.clone().unwrap();
        let stories: Stories = Arc::default();
        let workers: Vec<_> = (0..8)
            .map(|w| {
                let job = work(
                    client.clone(),
                    format!("r{round}w{w}"),
                    group.clone(),
                    Arc::clone(&stories),
                    Arc::clone(&record),
                );
                actix_web::rt::spawn(job)
            })
            .collect();
        let mut byte = [0u8; 1];
        dice.fill(&mut byte);
        tokio::time::sleep(Duration::from_millis(60 + u64::from(byte[0]))).await;
        server.kill();
        for worker in workers {
            worker.await.unwrap();
        }
        let server = Server::start(&database, files.path()).await;
        let client = Client::new(&server.base, TOKEN);
        let stories = stories.lock().unwrap().clone();
        acknowledged += compare(&client, &group, &stories).await;
        let verify = command(&database, files.path(), "127.0.0.1:0")
            .args(["audit", "verify"])
            .output()
            .unwrap();
        assert!(
            verify.status.success(),
            "round {round}: {}",
            String::from_utf8_lossy(&verify.stderr)
        );
    }
    let recorded = std::fs::read_to_string(files.path().join("acknowledged.txt")).unwrap();
    let created = recorded
        .lines()
        .filter(|l| l.starts_with("created"))
        .count();
    assert_eq!(
        created, acknowledged,
        "the record agrees with what was compared"
    );
    assert!(
        acknowledged > rounds * 3,
        "only {acknowledged} creations in {rounds} rounds"
    );
    let mut err = std::io::stderr();
    writeln!(
        err,
        "{rounds} kills, {acknowledged} users acknowledged and compared, {} answers recorded",
        recorded.lines().count()
    )
    .unwrap();
}
