//! `simulate hris`: each stand-in is strict, tells the truth of its people, lets things happen to them, and fails on
//! request. What is tried here is tried for every stand-in there is.

pub mod client;
mod vendors;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use rosterd::cli::simulate::hris::{Setup, listen, slugs};
use rosterd::domain::clock::SystemClock;
use serde_json::{Value, json};

use crate::support::is_soak;
use client::{World, day};
use walk::{Row, everybody, first};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ROSTERD: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";

/// More than four small pages, and some of every trap.
const PEOPLE: u32 = 130;

/// The truth in the form of a walk.
fn expected(truth: &[Value], fields: &BTreeSet<String>) -> Vec<Row> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<Row> = truth
        .iter()
        .map(|user| Row {
            id: text(&user["externalId"]),
            email: text(&user["userName"]),
            family: text(&user["name"]["familyName"]),
            title: text(&user["title"]),
            manager: text(&user[ENTERPRISE]["manager"]["value"]),
            is_in: user["active"] == true,
            start: text(&user[ROSTERD]["startDate"]),
            end: text(&user[ROSTERD]["endDate"]),
        })
        .collect();
    rows.sort();
    assert!(
        fields.contains("userName"),
        "no vendor is without addresses"
    );
    rows
}

async fn fields(world: &World) -> BTreeSet<String> {
    let about = world.about().await;
    let fields = about["fields"].as_array().unwrap().iter();
    fields.map(|f| f.as_str().unwrap().to_owned()).collect()
}

async fn walked(world: &World) -> Vec<Row> {
    let mut rows = everybody(world).await.unwrap();
    rows.sort();
    rows
}

#[actix_web::test]
async fn a_walk_over_all_pages_gives_the_truth() {
    for slug in slugs() {
        let seeds = if is_soak() { 1..=10 } else { 1..=2 };
        for seed in seeds {
            let world = World::of(slug, PEOPLE, seed);
            let truth = world.truth().await;
            let expected = expected(&truth, &fields(&world).await);
            assert_eq!(walked(&world).await, expected, "{slug} of seed {seed}");
            assert!(expected.len() > 100, "{slug}: hardly anybody");
        }
    }
}

#[actix_web::test]
async fn the_people_have_what_real_people_have() {
    for slug in slugs() {
        let world = World::of(slug, PEOPLE, 1);
        let truth = world.truth().await;
        let by_id: BTreeMap<&str, &Value> = truth
            .iter()
            .map(|u| (u["externalId"].as_str().unwrap(), u))
            .collect();
        let manager = |u: &Value| {
            u[ENTERPRISE]["manager"]["value"]
                .as_str()
                .map(str::to_owned)
        };
        let any = |what: &str, is: &dyn Fn(&Value) -> bool| {
            assert!(truth.iter().any(is), "{slug}: nobody {what}");
        };
        // Where the vendor tells no state, only whether somebody may work.
        let has_left = |u: &Value| match u[ROSTERD]["employmentState"].as_str() {
            Some(state) => state == "left",
            None => u["active"] == false,
        };
        any("is active", &|u| u["active"] == true);
        any("has left or is suspended", &|u| u["active"] == false);
        // An account is nothing without one.
        if !["google-workspace", "entra-id"].contains(&slug) {
            any("is without an address", &|u| u["userName"].is_null());
        }
        any("is her own manager", &|u| {
            manager(u).as_deref() == u["externalId"].as_str()
        });
        // Takes a leaver away from above the others.
        if slug != "breathe-hr" {
            any("has a manager who left", &|u| {
                let manager = manager(u);
                let manager = manager.as_deref().and_then(|m| by_id.get(m));
                manager.is_some_and(|m| has_left(m))
            });
        }
        any("reports to somebody who reports to them", &|u| {
            let above = manager(u).and_then(|m| manager(by_id.get(m.as_str())?));
            above.as_deref() == u["externalId"].as_str()
                && manager(u).as_deref() != u["externalId"].as_str()
        });
        any("is written in another script", &|u| {
            let family = u["name"]["familyName"].as_str().unwrap_or_default();
            family.chars().all(|c| !c.is_ascii())
        });
        let mut ids: Vec<&&str> = by_id.keys().collect();
        ids.dedup();
        assert_eq!(ids.len(), truth.len(), "{slug}: an id twice");
    }
}

#[actix_web::test]
async fn a_seed_decides_people_credentials_and_answers() {
    for slug in slugs() {
        let (one, same, other) = (
            World::of(slug, 80, 5),
            World::of(slug, 80, 5),
            World::of(slug, 80, 6),
        );
        assert_eq!(one.about().await, same.about().await);
        assert_eq!(one.truth().await, same.truth().await);
        assert_ne!(one.truth().await, other.truth().await, "{slug}");
        assert_ne!(
            one.about().await["credentials"],
            other.about().await["credentials"],
            "{slug}"
        );
        let (a, b) = (first(&one).await, first(&same).await);
        assert_eq!(
            a.send(&one).await.unwrap().text,
            b.send(&same).await.unwrap().text
        );
    }
}

/// A vendor that answers 200 whatever happens says in the body that something did.
fn is_said_to_be_wrong(heard: &client::Heard) -> bool {
    heard.status == 200 && heard.json()["isError"] == true
}

#[actix_web::test]
async fn what_the_vendor_refuses_is_refused() {
    for slug in slugs() {
        let world = World::of(slug, 40, 1);
        let good = first(&world).await;
        let heard = good.send(&world).await.unwrap();
        assert_eq!(heard.status, 200, "{slug}: {}", heard.text);

        let nobody = first(&world).await.anonymous();
        let heard = nobody.send(&world).await.unwrap();
        assert!(
            [400, 401, 403, 500].contains(&heard.status) || is_said_to_be_wrong(&heard),
            "{slug}: no credentials: {heard:?}"
        );

        let stranger = first(&world).await.of_a_stranger();
        let heard = stranger.send(&world).await.unwrap();
        assert!(
            [400, 401, 403, 500].contains(&heard.status) || is_said_to_be_wrong(&heard),
            "{slug}: wrong credentials: {heard:?}"
        );

        let mut astray = first(&world).await;
        astray.path = format!("{}/no-such-thing/1", astray.path.split('?').next().unwrap());
        let heard = astray.send(&world).await.unwrap();
        assert!(
            heard.status == 404 || heard.kind.starts_with("text/html"),
            "{slug}: unknown path: {heard:?}"
        );

        let mut curious = first(&world).await;
        let sign = if curious.path.contains('?') { '&' } else { '?' };
        curious.path = format!("{}{sign}colour=blue", curious.path);
        let heard = curious.send(&world).await.unwrap();
        assert!(
            (400..500).contains(&heard.status)
                || heard.text.contains("Fault>")
                || is_said_to_be_wrong(&heard),
            "{slug}: unknown parameter: {heard:?}"
        );
    }
}

#[actix_web::test]
async fn it_is_served_below_its_slug_and_at_the_root() {
    for slug in slugs() {
        let mut world = World::of(slug, 30, 1);
        let below = first(&world).await.send(&world).await.unwrap();
        assert_eq!(world.base, format!("{}/{slug}", world.origin));
        world.base = world.origin.clone();
        let at_root = first(&world).await.send(&world).await.unwrap();
        assert_eq!(below.text, at_root.text, "{slug}");
    }
}

#[actix_web::test]
async fn requests_are_listed_without_their_secrets() {
    for slug in slugs() {
        let world = World::of(slug, 60, 1);
        everybody(&world).await.unwrap();
        let heard = world.control("GET", "requests", Value::Null).await;
        let seen = heard.json();
        let seen = seen.as_array().unwrap();
        assert!(!seen.is_empty());
        assert!(
            seen.iter()
                .all(|s| s["status"] == 200 && s["route"].is_string()),
            "{slug}: {seen:?}"
        );
        let about = world.about().await;
        for (term, value) in about["credentials"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            // A tenant's id and a path are parts of the address.
            if value.len() > 20 && !["tenant_id", "token_path"].contains(&term.as_str()) {
                assert!(!heard.text.contains(value), "{slug}: {term} is in the list");
            }
        }
        world.control("DELETE", "requests", Value::Null).await;
        let heard = world.control("GET", "requests", Value::Null).await;
        assert_eq!(heard.json(), json!([]));
    }
}

#[actix_web::test]
async fn each_scenario_changes_the_truth_and_the_answers_alike() {
    for slug in slugs() {
        let world = World::of(slug, 90, 3);
        let fields = fields(&world).await;
        for scenario in [
            "joiner", "mover", "leaver", "rename", "manager", "rehire", "delete",
        ] {
            let before = walked(&world).await;
            let played = world.play(scenario, "?count=2").await;
            assert_eq!(
                played["people"].as_array().unwrap().len(),
                2,
                "{slug}: {played}"
            );
            let after = walked(&world).await;
            assert_eq!(
                after,
                expected(&world.truth().await, &fields),
                "{slug} after {scenario}"
            );
            let changed: BTreeSet<&str> = after
                .iter()
                .filter(|r| !before.contains(r))
                .chain(before.iter().filter(|r| !after.contains(r)))
                .map(|r| r.id.as_str())
                .collect();
            for person in played["people"].as_array().unwrap() {
                let id = person["id"].as_str().unwrap();
                assert!(
                    changed.contains(id),
                    "{slug}: {scenario} did not reach {id}"
                );
            }
            let grown = after.len() as i64 - before.len() as i64;
            match scenario {
                "joiner" => assert_eq!(grown, 2, "{slug}"),
                "delete" => assert_eq!(grown, -2, "{slug}"),
                // Where a rehire is a new record, it is one more.
                "rehire" => assert!((0..=2).contains(&grown), "{slug}"),
                _ => assert_eq!(grown, 0, "{slug}"),
            }
        }
    }
}

#[actix_web::test]
async fn a_day_later_who_was_to_leave_has_left_and_who_was_to_come_is_there() {
    for slug in slugs() {
        let world = World::of(slug, PEOPLE, 1);
        let fields = fields(&world).await;
        let before = walked(&world).await;
        let tomorrow = day().succ_opt().unwrap().to_string();
        world.set_day(&tomorrow).await;
        let after = walked(&world).await;
        assert_eq!(after, expected(&world.truth().await, &fields), "{slug}");
        let in_of = |rows: &[Row]| {
            let ids = rows.iter().filter(|r| r.is_in).map(|r| r.id.clone());
            ids.collect::<BTreeSet<_>>()
        };
        let (was, is) = (in_of(&before), in_of(&after));
        assert!(was.difference(&is).count() > 0, "{slug}: nobody left");
        assert!(is.difference(&was).count() > 0, "{slug}: nobody came");
    }
}

#[actix_web::test]
async fn each_fault_shows() {
    for slug in slugs() {
        let world = World::of(slug, PEOPLE, 1);
        let about = world.about().await;
        let whole = walked(&world).await;
        let faults = about["faults"].as_array().unwrap().iter();
        for fault in faults.map(|f| f.as_str().unwrap()).filter(|f| *f != "slow") {
            world.set_faults(&[fault]).await;
            shows(&world, fault, &whole).await;
            world.set_faults(&[]).await;
            assert_eq!(walked(&world).await, whole, "{slug}: `{fault}` lasts");
        }
    }
}

/// Fails unless the fault that is set is seen by a client.
async fn shows(world: &World, fault: &str, whole: &[Row]) {
    let slug = world.slug;
    let heard = first(world).await.send(world).await;
    match fault {
        "cut-body" => assert!(heard.is_err(), "{slug}: the body is whole"),
        "429" => {
            let heard = heard.unwrap();
            let has_reason = heard.text.to_lowercase().contains("ratelimit");
            let is_refused = [429, 503].contains(&heard.status)
                || (heard.status == 403 && has_reason)
                || is_said_to_be_wrong(&heard);
            assert!(is_refused, "{slug}");
            // Once: the next request is answered.
            assert_eq!(first(world).await.send(world).await.unwrap().status, 200);
        }
        "500" => {
            assert_eq!(heard.unwrap().status, 500, "{slug}");
            assert_eq!(first(world).await.send(world).await.unwrap().status, 200);
        }
        "empty-body" => assert_eq!(heard.unwrap().text, "", "{slug}"),
        "html" => assert!(heard.unwrap().kind.starts_with("text/html"), "{slug}"),
        "forbidden" => {
            let heard = heard.unwrap();
            let is_refused = [403, 500].contains(&heard.status) || is_said_to_be_wrong(&heard);
            assert!(is_refused, "{slug}");
        }
        "expired-token" => {
            assert!([401, 403].contains(&heard.unwrap().status), "{slug}");
            assert_eq!(first(world).await.send(world).await.unwrap().status, 200);
        }
        "empty-list" => assert_eq!(everybody(world).await, Ok(Vec::new()), "{slug}"),
        "lost-page" | "repeated-page" => match everybody(world).await {
            // The vendor counts, and the client saw that somebody is missing.
            Err(why) => assert!(why.contains("people came"), "{slug}: {why}"),
            Ok(rows) => {
                let found: BTreeSet<_> = rows.iter().map(|r| &r.id).collect();
                assert!(found.len() < whole.len(), "{slug}: `{fault}` lost nobody");
                assert!(!found.is_empty());
            }
        },
        "reduced-scope" => {
            let rows = everybody(world).await.unwrap();
            let lost = |r: &Row| r.email.is_empty() && r.manager.is_empty();
            let is_less = rows.iter().all(lost) || rows.len() < whole.len();
            assert!(is_less, "{slug}: everything can still be read");
        }
        "wide-scope" => {
            let rows = everybody(world).await.unwrap();
            assert_eq!(rows.len(), whole.len(), "{slug}: it changes nobody");
        }
        "broken-status" => {
            let rows = everybody(world).await.unwrap();
            assert_eq!(rows.len(), whole.len(), "{slug}");
            // Where a status is nothing without its date, those with a date ahead stay in.
            let is_out = |r: &Row| !r.is_in || r.end.as_str() >= client::DAY;
            assert!(rows.iter().all(is_out), "{slug}: somebody is still in");
        }
        other => panic!("`{other}` is not tried: say here how it shows"),
    }
}

#[actix_web::test]
async fn a_slow_answer_takes_its_time() {
    let slug = slugs()[0];
    let setup = Setup {
        faults: vec!["slow=1".into()],
        delay: std::time::Duration::from_millis(400),
        ..Setup::new(slug, 30, day())
    };
    let world = World::start(slug, setup);
    let request = first(&world).await;
    let begun = std::time::Instant::now();
    request.send(&world).await.unwrap();
    assert!(begun.elapsed() >= std::time::Duration::from_millis(400));
}

#[actix_web::test]
async fn what_is_no_system_or_fault_is_refused_with_those_that_are() {
    let clock = || std::sync::Arc::new(SystemClock);
    let refused = |setup: Setup| listen(setup, clock()).err().unwrap();
    let why = refused(Setup::new("no-such-hr", 10, day()));
    assert!(why.contains("bamboohr"), "{why}");
    for (word, reason) in [
        ("wind", "lost-page"),
        ("500=often", "500=often"),
        ("lost-page=2", "no number"),
    ] {
        let setup = Setup {
            faults: vec![word.into()],
            ..Setup::new("bamboohr", 10, day())
        };
        let why = refused(setup);
        assert!(why.contains(reason), "{word}: {why}");
    }
}
