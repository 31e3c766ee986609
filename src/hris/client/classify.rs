//! What an answer means when it is an error: the connector's rules first, then the status.

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Answer;
use crate::hris::error::{Error, Kind};
use crate::hris::formats::xml;
use crate::hris::manifest::{ErrorRule, Path, scalar};
use crate::hris::mapping;

/// The error that an answer is; none for an answer that can be read.
pub(super) fn error(answer: &Answer, rules: &[ErrorRule], header: Option<&str>) -> Option<Error> {
    if (200..300).contains(&answer.status) {
        return None;
    }
    let body = serde_json::from_slice(&answer.body)
        .or_else(|_| xml::to_json(&answer.body, &xml::Rules::default()))
        .unwrap_or(Value::Null);
    let rule = rules.iter().find(|rule| fits(rule, answer.status, &body));
    let kind = rule.map_or_else(|| by_status(answer.status), |rule| rule.kind);
    let error = Error::new(kind, "http_status").with("status", answer.status);
    let text = said_in(&answer.headers, header).or_else(|| said(&body));
    Some(told(error, rule, text))
}

/// The error with the right that its rule names, and with what the vendor says.
fn told(mut error: Error, rule: Option<&ErrorRule>, said: Option<String>) -> Error {
    if let Some(right) = rule.and_then(|rule| rule.right.as_ref()) {
        error = error.with("right", right.get("en"));
    }
    match said {
        Some(text) => error.with("said", text),
        None => error,
    }
}

/// An error that hides behind a 200: `success: false`, `error` or `errors` that say something, or what a rule for this
/// very status says. For an answer in which the records are missing.
pub(in crate::hris) fn hidden(status: u16, body: &Value, rules: &[ErrorRule]) -> Option<Error> {
    let is_said = |name: &str| match body.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    let rule = rules.iter().find(|rule| fits(rule, status, body));
    let is_error = body.get("success") == Some(&Value::Bool(false))
        || is_said("error")
        || is_said("errors")
        || rule.is_some_and(|rule| rule.status.is_some());
    if !is_error {
        return None;
    }
    let error = Error::new(
        rule.map_or(Kind::NotUnderstood, |rule| rule.kind),
        "error_behind_200",
    );
    Some(told(error, rule, said(body)))
}

fn fits(rule: &ErrorRule, status: u16, body: &Value) -> bool {
    let says = |path: &Path| {
        let text = path.text(body);
        match rule.is.is_empty() {
            true => text.is_some(),
            false => text.is_some_and(|text| rule.is.iter().any(|word| mapping::fits(word, &text))),
        }
    };
    rule.status.is_none_or(|wanted| wanted == status) && rule.path.as_ref().is_none_or(says)
}

fn by_status(status: u16) -> Kind {
    match status {
        401 => Kind::Credentials,
        403 => Kind::Rights,
        429 => Kind::RateLimited,
        408 | 425 | 500..=599 => Kind::Unavailable,
        _ => Kind::NotUnderstood,
    }
}

fn said_in(headers: &HeaderMap, name: Option<&str>) -> Option<String> {
    headers.get(name?)?.to_str().ok().map(str::to_owned)
}

/// Where vendors put what they have to say.
const SAID: [&[&str]; 13] = [
    &["error_description"],
    &["error", "message"],
    &["error", "message", "value"],
    &["message"],
    &["Message"],
    &["errorMessage"],
    &["detail"],
    &["errors", "0", "detail"],
    &["errors", "0", "message"],
    &["errors", "0", "title"],
    &["title"],
    &["error"],
    &["Envelope", "Body", "Fault", "faultstring"],
];

fn said(body: &Value) -> Option<String> {
    SAID.iter().find_map(|path| {
        let found = path.iter().try_fold(body, |at, name| match at {
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            _ => at.get(name),
        });
        found.and_then(scalar)
    })
}
