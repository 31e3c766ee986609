//! What a connector told, against what is true at the stand-in.

use std::collections::{BTreeMap, BTreeSet};

use rosterd::hris::{Person, ROSTERD};
use serde_json::{Value, json};

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
pub fn differences(people: &[Person], truth: &[Value]) -> Vec<String> {
    let truth: Vec<BTreeMap<String, Value>> = truth.iter().map(flat).collect();
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
