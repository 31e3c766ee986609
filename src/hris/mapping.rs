//! From what a mapping gave to a person: the employment as of a day, addresses in one spelling, nothing empty, and a
//! digest that is equal when nothing changed.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::formats::dates;
use super::manifest::{Employment, scalar};
use super::{Person, Rejected};
use crate::domain::employment::EmploymentState;

/// SCIM's enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Our own extension.
pub const ROSTERD: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";

/// A person, and how others may name her.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The person; her manager may be missing still.
    pub person: Person,
    /// Other names under which records may name her as a manager.
    pub known_as: Vec<String>,
    /// The manager's other name, where the record does not have the id.
    pub manager_known_as: Option<String>,
    /// A status word that the connector does not know.
    pub unknown_word: Option<String>,
}

/// A record's fault: a code and its parameters.
pub type Fault = (&'static str, BTreeMap<String, String>);

/// Makes a person of a mapping's result, as of a day. Errors are the record's: `mapping.not_an_object`,
/// `person.no_id`, `person.bad_date`.
pub fn draft(result: Value, words: &Employment, today: NaiveDate) -> Result<Draft, Fault> {
    let Value::Object(mut user) = result else {
        return Err(fault("mapping.not_an_object", &[]));
    };
    let source_id = user
        .get("externalId")
        .and_then(scalar)
        .ok_or_else(|| fault("person.no_id", &[("field", "externalId")]))?;
    let ours = match user.remove(ROSTERD) {
        Some(Value::Object(ours)) => ours,
        _ => Map::new(),
    };
    for owned in ["active", "id", "meta", "schemas", "groups"] {
        user.remove(owned);
    }
    user.insert("externalId".to_owned(), json!(source_id));
    addresses(&mut user);
    as_texts(&mut user);
    let start_date = date(&ours, "startDate")?;
    let end_date = date(&ours, "endDate")?.filter(|end| !is_open(*end));
    let word = ours.get("employmentState").and_then(scalar);
    let said = word.as_deref().and_then(|word| state(words, word));
    let employment = as_of(said, start_date, end_date, today);
    let digest = digest(&source_id, &user, employment, start_date, end_date);
    Ok(Draft {
        known_as: names(ours.get("knownAs")),
        manager_known_as: ours.get("managerKnownAs").and_then(scalar),
        unknown_word: word.filter(|_| said.is_none()),
        person: Person {
            source_id,
            user,
            employment,
            start_date,
            end_date,
            digest,
        },
    })
}

impl Draft {
    /// Names the manager by the stable id, once it is known.
    pub fn set_manager(&mut self, id: &str) {
        let extension = self
            .person
            .user
            .entry(ENTERPRISE)
            .or_insert_with(|| json!({}));
        if let Value::Object(extension) = extension {
            extension.insert("manager".to_owned(), json!({"value": id}));
        }
        let person = &mut self.person;
        person.digest = digest(
            &person.source_id,
            &person.user,
            person.employment,
            person.start_date,
            person.end_date,
        );
    }
}

/// A record that is refused.
pub fn rejected(source_id: Option<String>, place: u64, (code, params): Fault) -> Rejected {
    Rejected {
        source_id,
        place,
        code,
        params,
    }
}

fn fault(code: &'static str, params: &[(&str, &str)]) -> Fault {
    let params = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    (code, params)
}

fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(scalar).collect(),
        Some(one) => scalar(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The state as of a day. The word says it; a first day ahead and a last day behind are stronger than *employed*. An end
/// before the start is that of an earlier employment. A last day is behind when it is over in every zone: until then the
/// person's own zone decides (`domain/lifecycle.rs`).
fn as_of(
    said: Option<EmploymentState>,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    today: NaiveDate,
) -> EmploymentState {
    match said {
        None => EmploymentState::Unknown,
        Some(state) if state.is_active() => {
            let end = end.filter(|end| start.is_none_or(|start| start <= *end));
            if end
                .and_then(|end| end.succ_opt())
                .is_some_and(|over| over < today)
            {
                EmploymentState::Left
            } else if start.is_some_and(|start| start > today) {
                EmploymentState::Prehire
            } else {
                state
            }
        }
        Some(state) => state,
    }
}

/// The state that a word means: the vendor's words, or one of the five of our own.
fn state(words: &Employment, word: &str) -> Option<EmploymentState> {
    let word = word.trim().to_lowercase();
    let lists = [
        (&words.prehire, EmploymentState::Prehire),
        (&words.employed, EmploymentState::Employed),
        (&words.on_leave, EmploymentState::OnLeave),
        (&words.left, EmploymentState::Left),
    ];
    // A whole word is stronger than one with a star.
    let whole = lists
        .iter()
        .find(|(list, _)| list.iter().any(|w| w.to_lowercase() == word));
    let starred = || {
        lists
            .iter()
            .find(|(list, _)| list.iter().any(|w| fits(w, &word)))
    };
    whole
        .or_else(starred)
        .map(|(_, state)| *state)
        .or_else(|| EmploymentState::parse(&word).filter(|s| *s != EmploymentState::Unknown))
}

/// Whether a connector's word, without regard to case and with `*` at either end for anything, is this one.
pub(super) fn fits(pattern: &str, word: &str) -> bool {
    let (pattern, word) = (pattern.to_lowercase(), word.to_lowercase());
    let (begins, rest) = match pattern.strip_prefix('*') {
        Some(rest) => (false, rest),
        None => (true, pattern.as_str()),
    };
    match (begins, rest.strip_suffix('*')) {
        (true, None) => word == rest,
        (false, None) => word.ends_with(rest),
        (true, Some(start)) => word.starts_with(start),
        (false, Some(part)) => word.contains(part),
    }
}

/// A date in our extension: ISO, also with a time behind it, or OData's `/Date(ms)/`. The day is the one that is
/// written, in whatever zone.
fn date(ours: &Map<String, Value>, name: &str) -> Result<Option<NaiveDate>, Fault> {
    let Some(text) = ours.get(name).and_then(scalar) else {
        return Ok(None);
    };
    if text.starts_with("0000-00-00") {
        return Ok(None);
    }
    if text.starts_with("/Date(") {
        return dates::dotnet(&text)
            .map(Some)
            .ok_or_else(|| fault("person.bad_date", &[("field", name)]));
    }
    let day = text.get(..10).unwrap_or(&text);
    NaiveDate::parse_from_str(day, "%Y-%m-%d")
        .map(Some)
        .map_err(|_| fault("person.bad_date", &[("field", name)]))
}

/// How systems write "no end": a day that never comes, or one before anybody who works now was born (`0001-01-01`,
/// `1753-01-01`, `1900-01-01`).
fn is_open(end: NaiveDate) -> bool {
    !(1901..9000).contains(&end.year())
}

/// Puts addresses into one spelling, and drops what is none: the person is there, without an address.
fn addresses(user: &mut Map<String, Value>) {
    if let Some(Value::String(name)) = user.get_mut("userName") {
        *name = address(name).unwrap_or_else(|| name.trim().to_lowercase());
    }
    if let Some(Value::Array(list)) = user.get_mut("emails") {
        list.retain_mut(|email| match email.get_mut("value") {
            Some(Value::String(value)) => match address(value) {
                Some(clean) => {
                    *value = clean;
                    true
                }
                None => false,
            },
            _ => false,
        });
    }
}

/// An address: NFKC (full-width letters, no-break spaces), no `mailto:`, no blanks, no dot at the end, lower case.
pub fn address(text: &str) -> Option<String> {
    let text = icu_normalizer::ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("mailto:").unwrap_or(&text);
    let text = text.trim().trim_end_matches('.');
    let (local, domain) = text.rsplit_once('@')?;
    let is_address = !local.is_empty()
        && !local.contains('@')
        && domain.contains('.')
        && !domain.starts_with('.')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    is_address.then(|| text.to_owned())
}

/// Drops what is empty, trims texts, and writes numbers as text: an identifier is no number, and SCIM's User has none.
fn as_texts(map: &mut Map<String, Value>) {
    map.retain(|_, value| {
        clean(value);
        !is_empty(value)
    });
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.trim().len() != text.len() {
                *text = text.trim().to_owned();
            }
        }
        Value::Number(number) => *value = json!(number.to_string()),
        Value::Array(list) => {
            list.iter_mut().for_each(clean);
            list.retain(|item| !is_empty(item));
        }
        Value::Object(map) => as_texts(map),
        Value::Null | Value::Bool(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// SHA-256 of the person in canonical form (RFC 8785).
fn digest(
    source_id: &str,
    user: &Map<String, Value>,
    employment: EmploymentState,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
) -> [u8; 32] {
    let whole = json!({
        "id": source_id,
        "user": user,
        "employment": employment.as_str(),
        "start": start.map(|d| d.to_string()),
        "end": end.map(|d| d.to_string()),
    });
    let bytes =
        serde_json_canonicalizer::to_vec(&whole).unwrap_or_else(|_| whole.to_string().into_bytes());
    Sha256::digest(&bytes).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
