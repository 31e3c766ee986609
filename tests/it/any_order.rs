//! Requests of several sources in any order: what must hold after each of them, whatever came before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sources::{OURS, World, world};
use crate::support::{Answer, Client, USER, is_soak};

/// Numbers that come out the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Few names, addresses and keys, so that people meet.
fn any_user(dice: &mut Dice) -> Value {
    let names = ["ann", "bob", "eve", "kim"];
    let mut body = json!({"schemas": [USER], "userName": dice.pick(&names)});
    if dice.roll(4) > 0 {
        let email = format!(
            "{}@{}",
            dice.pick(&names),
            dice.pick(&["x.test", "x.test", "evil.test"])
        );
        body["emails"] = json!([{"value": email, "type": "work"}]);
    }
    if dice.roll(2) > 0 {
        body["externalId"] = json!(dice.pick(&names));
    }
    if dice.roll(3) > 0 {
        body["active"] = json!(dice.roll(2) > 0);
    }
    if dice.roll(2) > 0 {
        body["title"] = json!(dice.pick(&["Boss", "Clerk"]));
    }
    body
}

/// The request for a message, what it asserts, and the answer.
async fn any_request(client: &Client, dice: &mut Dice) -> (String, Value, Answer) {
    let ids = client.get("/Users?count=1000").await.expect(200).ids();
    let mut body = any_user(dice);
    if ids.is_empty() || dice.roll(3) == 0 {
        let answer = client.post("/Users", body.clone()).await;
        return (format!("POST {body}"), body, answer);
    }
    let path = format!("/Users/{}", ids[dice.roll(ids.len())]);
    match dice.roll(4) {
        0 => (
            format!("DELETE {path}"),
            json!({}),
            client.delete(&path).await,
        ),
        1 => {
            let answer = client.put(&path, body.clone()).await;
            (format!("PUT {path} {body}"), body, answer)
        }
        _ => {
            let part = body.as_object_mut().unwrap();
            part.remove("schemas");
            if dice.roll(2) > 0 {
                part.remove("userName");
            }
            let write = json!([{"op": "replace", "value": part}]);
            (
                format!("PATCH {path} {body}"),
                body,
                client.patch(&path, write).await,
            )
        }
    }
}

/// What each reader was shown under each version: (reader, id, version) → resource.
type Shown = BTreeMap<(usize, String, String), Value>;

/// Totals are what a walk finds, and one version stands for one content.
async fn read_all(readers: &[&Client], shown: &mut Shown, place: &str) {
    for (i, reader) in readers.iter().enumerate() {
        let all = reader.get("/Users?count=1000").await.expect(200);
        let people = all.resources();
        assert_eq!(all.total(), i64::try_from(people.len()).unwrap(), "{place}");
        for person in people {
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            let version = text(&person["meta"]["version"]);
            let key = (i, text(&person["id"]), version);
            let was = shown.entry(key).or_insert_with(|| person.clone());
            assert_eq!(was, person, "{place}");
        }
    }
}

/// Ids of those who have access by the policy of a source.
async fn granted(w: &World, place: &str, before: Option<&BTreeSet<String>>) -> BTreeSet<String> {
    let all = w
        .reader
        .filter("/Users", "active eq true")
        .await
        .expect(200);
    let policy = |p: &&Value| p[OURS]["accessReason"]["code"] == json!("granted-by-policy");
    let found = all.resources().iter().filter(policy);
    let each = found.map(|person| {
        let id = person["id"].as_str().unwrap().to_owned();
        let email = person["emails"][0]["value"].as_str().unwrap_or("x.test");
        let is_new = before.is_some_and(|b| !b.contains(&id));
        assert!(!is_new || email.ends_with("x.test"), "{place}: {person}");
        id
    });
    each.collect()
}

#[actix_web::test]
async fn whatever_sources_send_in_whatever_order_the_rules_hold() {
    for seed in 0..if is_soak() { 60 } else { 3 } {
        let w = world().await;
        w.verify_domains(&["x.test"]).await;
        let lister = w.lister().await;
        let (mut dice, mut shown) = (Dice(seed), Shown::new());
        let mut had = granted(&w, "", None).await;
        for step in 0..60 {
            let client = [&w.okta, &w.entra, &lister][dice.roll(3)];
            let (request, sent, answer) = any_request(client, &mut dice).await;
            let place = format!("seed {seed}, step {step}: {request} → {}", answer.text);
            assert!(answer.status < 500, "{place}");
            if answer.status < 300 && !request.starts_with("DELETE") {
                let path = format!("/Users/{}", answer.id());
                assert_eq!(client.get(&path).await.body, answer.body, "{place}");
                for (key, value) in sent.as_object().unwrap() {
                    assert_eq!(&answer.body[key], value, "{key}: {place}");
                }
            }
            read_all(&[&w.okta, &w.entra, &lister, &w.reader], &mut shown, &place).await;
            had = granted(&w, &place, Some(&had)).await;
        }
        w.check().await;
    }
}
