//! Judges answers: pure functions from what was expected and what came to a list of findings.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::client::Reply;
use super::model::{ENTERPRISE, ERROR, GROUP, LIST, USER};

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub expected: String,
    pub got: String,
}

/// A finding in two phrases.
pub fn finding(expected: impl Into<String>, got: impl Into<String>) -> Finding {
    Finding {
        expected: expected.into(),
        got: got.into(),
    }
}

/// What holds for every answer, whatever was asked.
pub fn envelope(reply: &Reply) -> Vec<Finding> {
    if let Some(reason) = &reply.failure {
        return vec![finding("an answer", reason)];
    }
    let mut found = Vec::new();
    if reply.status >= 500 {
        found.push(finding("no server error", reply.summary()));
    }
    if !reply.text.is_empty() {
        let media = reply
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !media.eq_ignore_ascii_case("application/scim+json") {
            found.push(finding(
                "content type application/scim+json",
                format!("`{}`", reply.content_type),
            ));
        }
        if !reply.body.is_object() {
            found.push(finding("a JSON object as body", &reply.text));
        }
    }
    if reply.status >= 400 {
        found.extend(error_body(reply));
    }
    found
}

fn error_body(reply: &Reply) -> Vec<Finding> {
    let mut found = Vec::new();
    if !lists(&reply.body, ERROR) {
        found.push(finding("a SCIM Error body", reply.summary()));
        return found;
    }
    if reply.string("status") != Some(reply.status.to_string().as_str()) {
        found.push(finding(
            format!("\"status\":\"{}\" in the Error body", reply.status),
            reply.body["status"].to_string(),
        ));
    }
    if matches!(reply.status, 401 | 404) && reply.string("detail").is_none_or(str::is_empty) {
        found.push(finding("a `detail` in the Error body", &reply.text));
    }
    found
}

/// Whether `schemas` names this URN.
pub fn lists(document: &Value, urn: &str) -> bool {
    document["schemas"].as_array().is_some_and(|all| {
        all.iter()
            .any(|one| one.as_str().is_some_and(|s| s.eq_ignore_ascii_case(urn)))
    })
}

/// What a list answer says: its resources and its total.
pub struct Listing<'a> {
    pub total: u64,
    pub resources: &'a [Value],
}

/// Reads a list answer. `is_strict` asks for the counters that a paging client needs even on a full page.
pub fn listing<'a>(
    body: &'a Value,
    is_strict: bool,
    found: &mut Vec<Finding>,
) -> Option<Listing<'a>> {
    if !lists(body, LIST) {
        found.push(finding("a ListResponse", body.to_string()));
        return None;
    }
    for name in ["totalResults", "itemsPerPage", "startIndex"] {
        let is_needed = is_strict || name == "totalResults";
        match body.get(name) {
            Some(value) if value.as_u64().is_some() => {}
            None if !is_needed => {}
            other => found.push(finding(
                format!("`{name}` as an integer"),
                other.map_or("absent".to_owned(), Value::to_string),
            )),
        }
    }
    let total = body["totalResults"].as_u64()?;
    let resources = match body.get("Resources") {
        Some(Value::Array(all)) => all.as_slice(),
        None if !is_strict && total == 0 => &[],
        other => {
            found.push(finding(
                "`Resources` as an array",
                other.map_or("absent".to_owned(), Value::to_string),
            ));
            return None;
        }
    };
    Some(Listing { total, resources })
}

/// A user in any answer: the frame that every user has, then each attribute that was sent.
pub fn user(id: Option<&str>, expected: &Value, got: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    match (id, got["id"].as_str()) {
        (Some(id), Some(same)) if id == same => {}
        (None, Some(given)) if !given.is_empty() => {}
        (Some(id), _) => found.push(finding(format!("id {id}"), got["id"].to_string())),
        (None, _) => found.push(finding("an id", got["id"].to_string())),
    }
    let has_enterprise = expected
        .get(ENTERPRISE)
        .and_then(Value::as_object)
        .is_some_and(|e| e.values().any(|v| !v.is_null()));
    for urn in [Some(USER), has_enterprise.then_some(ENTERPRISE)]
        .into_iter()
        .flatten()
    {
        if !lists(got, urn) {
            found.push(finding(
                format!("{urn} in `schemas`"),
                got["schemas"].to_string(),
            ));
        }
    }
    if got["meta"]["resourceType"] != "User" {
        found.push(finding("meta.resourceType User", got["meta"].to_string()));
    }
    if got
        .as_object()
        .is_some_and(|all| all.keys().any(|name| name.eq_ignore_ascii_case("password")))
    {
        found.push(finding("no password in an answer", "a password"));
    }
    compare("", expected, got, &mut found);
    found
}

/// Every value of `expected` must be in `got`, spelled the same. Null and the empty list mean absent.
pub fn compare(path: &str, expected: &Value, got: &Value, found: &mut Vec<Finding>) {
    match expected {
        Value::Object(wanted) => match got {
            Value::Object(given) => members(path, wanted, given, found),
            _ if wanted.values().all(is_nothing) && is_nothing(got) => {}
            _ => found.push(finding(format!("{path} = {expected}"), got.to_string())),
        },
        Value::Array(wanted) => elements(path, wanted, got, found),
        _ if is_nothing(expected) && is_nothing(got) => {}
        _ if expected == got => {}
        _ if expected.is_null() => found.push(finding(format!("{path} absent"), got.to_string())),
        _ => found.push(finding(format!("{path} = {expected}"), got.to_string())),
    }
}

fn members(
    path: &str,
    wanted: &Map<String, Value>,
    given: &Map<String, Value>,
    found: &mut Vec<Finding>,
) {
    for (name, value) in wanted {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        if let Some(other) = given.get(name) {
            compare(&below, value, other, found);
        } else if let Some((spelled, other)) =
            given.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))
        {
            found.push(finding(
                format!("the name `{below}`"),
                format!("`{spelled}`"),
            ));
            compare(&below, value, other, found);
        } else if !is_nothing(value) {
            compare(&below, value, &Value::Null, found);
        }
    }
}

/// Lists are sets: each wanted element must be there once, and nothing else.
fn elements(path: &str, wanted: &[Value], got: &Value, found: &mut Vec<Finding>) {
    let given = match got {
        Value::Array(all) => all.as_slice(),
        Value::Null => &[],
        other => return found.push(finding(format!("{path} as a list"), other.to_string())),
    };
    let mut free: Vec<&Value> = given.iter().collect();
    let mut missing = Vec::new();
    for element in wanted {
        match free
            .iter()
            .position(|one| differences(element, one).is_empty())
        {
            Some(at) => {
                free.swap_remove(at);
            }
            None => missing.push(element),
        }
    }
    for element in missing {
        // One of the same type is the one that was changed: say what differs instead of showing both lists.
        let twin = element
            .get("type")
            .and_then(|kind| free.iter().position(|one| one.get("type") == Some(kind)));
        match twin {
            Some(at) => {
                let label = element["type"].as_str().unwrap_or_default();
                compare(
                    &format!("{path}[{label}]"),
                    element,
                    free.swap_remove(at),
                    found,
                );
            }
            None => found.push(finding(
                format!("{path} to hold {element}"),
                got.to_string(),
            )),
        }
    }
    for extra in free {
        found.push(finding(
            format!("{} element(s) in {path}", wanted.len()),
            format!("also {extra}"),
        ));
    }
}

fn differences(expected: &Value, got: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    compare("", expected, got, &mut found);
    found
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        // Unassigned and the empty string are the same to a provider that sends the one and compares the other.
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// What every group has.
pub fn group_frame(got: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    if !lists(got, GROUP) {
        found.push(finding(
            format!("{GROUP} in `schemas`"),
            got["schemas"].to_string(),
        ));
    }
    if got["meta"]["resourceType"] != "Group" {
        found.push(finding("meta.resourceType Group", got["meta"].to_string()));
    }
    found
}

/// The words of published schemas in the RFC's spelling, and no nulls: Entra's reader takes nothing else.
pub fn schema_words(value: &Value) -> Vec<Finding> {
    const WORDS: &[(&str, &[&str])] = &[
        (
            "mutability",
            &["readOnly", "readWrite", "immutable", "writeOnly"],
        ),
        ("returned", &["always", "never", "default", "request"]),
        ("uniqueness", &["none", "server", "global"]),
    ];
    match value {
        Value::Array(all) => all.iter().flat_map(schema_words).collect(),
        Value::Object(all) => {
            let mut found = Vec::new();
            for (name, inner) in all {
                let allowed = WORDS
                    .iter()
                    .find(|(word, _)| word == name)
                    .map(|(_, allowed)| *allowed);
                match (inner, allowed) {
                    (Value::Null, _) => found.push(finding(
                        format!("no null in a schema (`{name}`)"),
                        value.to_string(),
                    )),
                    (Value::String(text), Some(allowed)) if !allowed.contains(&text.as_str()) => {
                        found.push(finding(format!("`{name}` one of {allowed:?}"), text));
                    }
                    _ => found.extend(schema_words(inner)),
                }
            }
            found
        }
        _ => Vec::new(),
    }
}

/// The member list of a group, exact as a set and without repeats.
pub fn member_set(wanted: &BTreeSet<String>, group: &Value) -> Vec<Finding> {
    let given = match group.get("members") {
        Some(Value::Array(all)) => all.as_slice(),
        None | Some(Value::Null) => &[],
        Some(other) => return vec![finding("members as a list", other.to_string())],
    };
    let mut found = Vec::new();
    let ids: BTreeSet<&str> = given
        .iter()
        .filter_map(|one| one["value"].as_str())
        .collect();
    if ids.len() != given.len() {
        found.push(finding(
            "every member once, with a `value`",
            Value::from(given).to_string(),
        ));
    }
    let missing: Vec<&str> = wanted
        .iter()
        .map(String::as_str)
        .filter(|id| !ids.contains(id))
        .collect();
    let extra: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| !wanted.contains(*id))
        .collect();
    if !missing.is_empty() || !extra.is_empty() {
        let got = format!(
            "{} members; missing {missing:?}, unexpected {extra:?}",
            ids.len()
        );
        found.push(finding(format!("exactly {} members", wanted.len()), got));
    }
    found
}
