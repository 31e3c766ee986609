//! PATCH (RFC 7644 §3.5.2): operations applied in order to a document in memory, all or nothing. Members of a group
//! never touch the document: they come out as changes for the store.

mod apply;
mod elements;
mod members;
mod target;

use std::collections::BTreeSet;

use serde_json::Value;

use super::Doc;
use super::document::Member;
use super::error::{Error, Result, quote};
use super::rules::{Rule, Rules};
use super::schema::AttrPath;
use super::values::kind_of;

pub use apply::apply;

/// Most values in all lists of one request but those of members: operations are applied while other writers wait.
const VALUES: usize = 10_000;

/// Schema of a PATCH body.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The verb of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum Verb {
    Add,
    Remove,
    Replace,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Verb.
    pub verb: Verb,
    /// Path as it was sent.
    pub path: Option<String>,
    /// Value.
    pub value: Option<Value>,
}

/// A PATCH body.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// Operations in order.
    pub operations: Vec<Operation>,
}

/// What a PATCH applies to.
#[derive(Debug, Clone)]
pub struct Current<'a> {
    /// Document.
    pub doc: &'a Doc,
    /// `externalId`.
    pub external_id: Option<&'a str>,
    /// `active` of a user.
    pub active: Option<bool>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patched {
    /// Document.
    pub doc: Doc,
    /// `externalId`.
    pub external_id: Option<String>,
    /// `active` of a user, where an operation wrote it.
    pub active: Option<bool>,
    /// Units that an operation wrote, changed or not.
    pub touched: BTreeSet<AttrPath>,
    /// Changes of a group's members, in order.
    pub members: Vec<MemberChange>,
}

/// A change of a group's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// These come in.
    Add(Vec<Member>),
    /// These go; unknown ones are no error.
    Remove(Vec<String>),
    /// All go.
    RemoveAll,
    /// These are all.
    Replace(Vec<Member>),
}

/// Reads a PATCH body.
///
/// # Errors
/// `invalidSyntax` that names the operation and the rule.
pub fn parse(body: Value, rules: &mut Rules) -> Result<PatchRequest> {
    let Value::Object(body) = body else {
        return Err(Error::invalid_syntax(format!(
            "the body must be an object; got {}",
            kind_of(&body)
        )));
    };
    let get = |name: &str| {
        body.iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    };
    let named = get("schemas")
        .and_then(Value::as_array)
        .is_some_and(|urns| {
            urns.iter()
                .any(|u| u.as_str().is_some_and(|u| u.eq_ignore_ascii_case(PATCH_OP)))
        });
    let is_accepted = named || (get("schemas").is_none() && rules.allow(Rule::SchemasMissing));
    if !is_accepted {
        return Err(Error::invalid_syntax(format!(
            "`schemas` must hold `{PATCH_OP}`"
        )));
    }
    let operations = get("Operations").and_then(Value::as_array);
    let operations = operations.filter(|o| !o.is_empty()).ok_or_else(|| {
        Error::invalid_syntax("`Operations` must be a list of at least one operation")
    })?;
    let most = rules.limits().patch_operations;
    if operations.len() > most {
        return Err(Error::too_many(format!(
            "at most {most} operations in one PATCH; got {}",
            operations.len()
        )));
    }
    let values: usize = operations.iter().map(listed_beside_members).sum();
    if values > VALUES {
        return Err(Error::plain(
            413,
            format!("one PATCH lists at most {VALUES} values; got {values}: send several"),
        ));
    }
    let operations = operations
        .iter()
        .enumerate()
        .map(|(i, value)| operation(i, value, rules));
    Ok(PatchRequest {
        operations: operations.collect::<Result<_>>()?,
    })
}

/// How many values an operation lists; members never touch the document and have a bound of their own.
fn listed_beside_members(operation: &Value) -> usize {
    let get = |map: &Value, name: &str| -> usize {
        let items = map.as_object().into_iter().flatten();
        let mut found = items.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map_or(0, |(_, value)| listed(value))
    };
    let items = operation.as_object().into_iter().flatten();
    let is_of_members = items
        .filter(|(key, _)| key.eq_ignore_ascii_case("path"))
        .filter_map(|(_, path)| path.as_str())
        .any(|path| path.trim().eq_ignore_ascii_case("members"));
    if is_of_members {
        return 0;
    }
    let value = operation.as_object().into_iter().flatten();
    let mut value = value.filter(|(key, _)| key.eq_ignore_ascii_case("value"));
    let members = value.next().map_or(0, |(_, value)| get(value, "members"));
    listed(operation).saturating_sub(members)
}

/// How many values the lists in a value have.
fn listed(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.values().map(listed).sum(),
        _ => 0,
    }
}

fn operation(i: usize, value: &Value, rules: &mut Rules) -> Result<Operation> {
    let at = format!("Operations[{i}]");
    let Value::Object(map) = value else {
        return Err(Error::invalid_syntax(format!(
            "`{at}` must be an object; got {}",
            kind_of(value)
        )));
    };
    let get = |name: &str| {
        map.iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    };
    let word = get("op").and_then(Value::as_str).unwrap_or_default();
    let lower = word.to_ascii_lowercase();
    let verb = match lower.as_str() {
        "add" => Verb::Add,
        "remove" => Verb::Remove,
        "replace" => Verb::Replace,
        _ => {
            return Err(Error::invalid_syntax(format!(
                "`{at}.op` must be add, remove or replace; got `{}`",
                quote(word)
            )));
        }
    };
    if lower != word {
        // Understood in every preset; noted for the log.
        let _ = rules.allow(Rule::OpAnyCase);
    }
    let path = match get("path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(path.trim().to_owned()),
        Some(other) => {
            return Err(Error::invalid_path(format!(
                "`{at}.path` must be text; got {}",
                kind_of(other)
            )));
        }
    };
    if verb == Verb::Remove && path.is_none() {
        return Err(Error::no_target(format!("`{at}` removes without a path")));
    }
    let value = get("value").cloned();
    if verb != Verb::Remove && value.is_none() {
        return Err(Error::invalid_value(format!("`{at}` has no value")));
    }
    Ok(Operation { verb, path, value })
}

#[cfg(test)]
mod tests;
