//! Each connector against the stand-in of its vendor, which was written from the vendor's documentation and not from the
//! connector: everybody comes, and of each person everything that the vendor tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use rosterd::cli::simulate::hris::{Setup, listen, slugs};
use rosterd::domain::chance::SeededChance;
use rosterd::domain::clock::SystemClock;
use rosterd::hris::catalogue::Catalogue;
use rosterd::hris::client::{Endpoint, Limits, Outside};
use rosterd::hris::manifest::Manifest;
use rosterd::hris::values::Values;
use rosterd::hris::{self, Evidence, Job, Person, ROSTERD};
use serde_json::{Value, json};

use super::{Collected, Told};
use crate::support::variable;

/// What the vendor's admin would paste; what the stand-in does not ask for is the example.
fn values(manifest: &Manifest, keys: &BTreeMap<&'static str, String>, without: &[&str]) -> Values {
    let mut given = BTreeMap::new();
    for field in manifest.fields() {
        let example = field
            .example
            .clone()
            .filter(|_| field.default.is_none() && !field.optional);
        let id = field.id.as_str();
        let pasted = keys.get(id).filter(|_| !without.contains(&id));
        if let Some(value) = pasted.cloned().or(example) {
            given.insert(field.id.clone(), value);
        }
    }
    Values::check(manifest, given).unwrap()
}

/// Pulls from a stand-in, with everything that its administrator would paste but these values.
pub(super) async fn pulled(
    manifest: &Manifest,
    setup: Setup,
    without: &[&str],
) -> Result<(Evidence, Vec<Person>, String), hris::Error> {
    let (day, is_paced) = (setup.day, setup.is_limited);
    let served = listen(setup, Arc::new(SystemClock)).unwrap();
    let truth = served.truth(day);
    let values = values(manifest, &served.keys, without);
    let outside = Outside {
        endpoint: Some(Endpoint::parse(&format!("{}{}", served.origin, served.prefix)).unwrap()),
        allow_private: false,
        limits: Limits {
            backoff: Duration::from_millis(10),
            // The stand-in counts only where a test says so.
            is_paced,
            ..Limits::default()
        },
    };
    let handle = served.server.handle();
    actix_web::rt::spawn(served.server);
    let mut sink = Collected::default();
    let job = Job {
        manifest,
        values: &values,
        as_of: day,
        outside: &outside,
        clock: Arc::new(SystemClock),
        chance: Arc::new(SeededChance::new(1)),
        keeper: None,
    };
    let evidence = hris::pull(&job, &mut sink, &Told::default()).await;
    handle.stop(false).await;
    Ok((evidence?, sink.people, truth))
}

/// Every value with its path.
fn leaves(value: &Value, path: String, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter().filter(|(name, _)| *name != "schemas") {
                leaves(inner, format!("{path}/{name}"), out);
            }
        }
        Value::Array(list) if path.ends_with("/phoneNumbers") => {
            // The same number, however it is spaced.
            let numbers: Vec<String> = list
                .iter()
                .map(|n| n.to_string().replace(' ', ""))
                .collect();
            out.insert(path, json!(numbers));
        }
        other => {
            out.insert(path, other.clone());
        }
    }
}

fn flat(value: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    leaves(value, String::new(), &mut out);
    out
}

/// The person as the truth writes one.
fn document(person: &Person) -> Value {
    let mut user = Value::Object(person.user.clone());
    user["active"] = json!(person.employment.is_active());
    user[ROSTERD] = json!({
        "employmentState": person.employment.as_str(),
        "startDate": person.start_date.map(|d| d.to_string()),
        "endDate": person.end_date.map(|d| d.to_string()),
    });
    user
}

/// What differs: a connector may say more than the vendor's sheet, never less and nothing else.
fn differences(people: &[Person], truth: &str) -> Vec<String> {
    let truth: Vec<BTreeMap<String, Value>> = truth
        .lines()
        .map(|line| flat(&serde_json::from_str(line).unwrap()))
        .collect();
    let told: BTreeSet<&String> = truth.iter().flat_map(BTreeMap::keys).collect();
    let mut found: BTreeMap<String, BTreeMap<String, Value>> = people
        .iter()
        .map(|person| (person.source_id.clone(), flat(&document(person))))
        .collect();
    let addresses: Vec<&Value> = truth.iter().filter_map(|t| t.get("/userName")).collect();
    let mut out = Vec::new();
    for wanted in &truth {
        let id = wanted["/externalId"].as_str().unwrap();
        let Some(found) = found.remove(id) else {
            out.push(format!("{id}: missing"));
            continue;
        };
        for path in &told {
            let null = Value::Null;
            let (w, f) = (
                wanted.get(*path).unwrap_or(&null),
                found.get(*path).unwrap_or(&null),
            );
            if w != f {
                out.push(format!("{id} {path}: wanted {w}, found {f}"));
            }
        }
    }
    // An earlier employment under an address that somebody in the truth has: which of the two counts is decided later.
    let is_earlier = |person: &BTreeMap<String, Value>| {
        person["/active"] == json!(false)
            && person
                .get("/userName")
                .is_some_and(|name| addresses.contains(&name))
    };
    for (id, person) in found.into_iter().filter(|(_, person)| !is_earlier(person)) {
        out.push(format!("{id}: not in the truth: {person:?}"));
    }
    out
}

#[actix_web::test]
async fn each_connector_tells_what_its_vendor_tells() {
    let catalogue = Catalogue::load(None).unwrap();
    let only = variable("ROSTERD_ONLY_CONNECTOR");
    let day = NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
    let mut faults = Vec::new();
    for slug in slugs() {
        let Some(manifest) = catalogue.find(slug) else {
            continue;
        };
        if only
            .as_deref()
            .is_some_and(|only| only.split(',').all(|o| o != slug))
        {
            continue;
        }
        let mut setup = Setup::new(slug, 120, day);
        setup.is_limited = false;
        let (evidence, people, truth) = match pulled(&manifest, setup, &[]).await {
            Ok(pulled) => pulled,
            Err(error) => {
                faults.push(format!("{slug}: {error}"));
                continue;
            }
        };
        if !evidence.is_complete() || !evidence.degraded.is_empty() || evidence.rejected > 0 {
            faults.push(format!("{slug}: {evidence:?}"));
        }
        let different = differences(&people, &truth);
        faults.extend(
            different
                .iter()
                .take(12)
                .map(|line| format!("{slug}: {line}")),
        );
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
