//! Members of a group as clients name them (RFC 7643 §4.2).

use std::collections::HashSet;

use serde_json::Value;

use crate::scim::error::{Error, Result};
use crate::scim::rules::{Rule, Rules};
use crate::scim::values::kind_of;

/// A member of a group as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id.
    pub value: String,
    /// `User` or `Group`, if given.
    pub kind: Option<String>,
}

/// Reads a list of members, each once, or one member; `None` for null.
///
/// # Errors
/// `invalidValue` for anything that names nobody, 413 for too many.
pub fn members(value: Value, at: &str, rules: &mut Rules) -> Result<Option<Vec<Member>>> {
    let items = match value {
        Value::Null => return Ok(None),
        Value::Array(items) => items,
        one => vec![one],
    };
    let most = rules.limits().members;
    if items.len() > most {
        return Err(Error::plain(
            413,
            format!(
                "one request names at most {most} members; got {}: send several PATCH requests that add or remove some",
                items.len()
            ),
        ));
    }
    let mut members: Vec<Member> = Vec::with_capacity(items.len());
    let mut seen = HashSet::new();
    for (i, item) in items.into_iter().enumerate() {
        let member = member(item, &format!("{at}[{i}]"), rules)?;
        if seen.insert(member.value.clone()) {
            members.push(member);
        }
    }
    Ok(Some(members))
}

fn member(item: Value, at: &str, rules: &mut Rules) -> Result<Member> {
    let wrong = |got: &Value| {
        Error::invalid_value(format!(
            "`{at}` takes an object with a `value`; got {}",
            kind_of(got)
        ))
    };
    match item {
        Value::String(value) if !value.is_empty() && rules.allow(Rule::MemberAsText) => {
            Ok(Member { value, kind: None })
        }
        Value::Object(map) => {
            let get = |name: &str| {
                map.iter()
                    .find(|(k, _)| k.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v)
            };
            match get("value")
                .and_then(Value::as_str)
                .filter(|v| !v.is_empty())
            {
                Some(value) => Ok(Member {
                    value: value.to_owned(),
                    kind: get("type").and_then(Value::as_str).map(str::to_owned),
                }),
                None => Err(wrong(&Value::Object(map))),
            }
        }
        other => Err(wrong(&other)),
    }
}
