//! Whether a value fits its attribute (RFC 7643 §2.3, §7): types, read-only parts, one primary value, limits. Bodies
//! and PATCH operations go through the same check.

use serde_json::{Map, Value};

use super::Doc;
use super::error::{Error, Result, quote};
use super::fold::date_time_key;
use super::rules::{Rule, Rules};
use super::schema::{AttrType, Attribute, Mutability};

/// Longest text.
const TEXT: usize = 65_536;
/// Most elements of a multi-valued attribute that is stored in the document.
const ELEMENTS: usize = 10_000;

/// Checks the value of an attribute; `None` when it leaves the attribute unassigned (RFC 7643 §2.5).
///
/// # Errors
/// `invalidValue`, naming the place `at` and the rule.
pub fn check(
    attribute: &Attribute,
    value: Value,
    at: &str,
    rules: &mut Rules,
) -> Result<Option<Value>> {
    if value.is_null() {
        return Ok(None);
    }
    if attribute.multi_valued {
        return check_list(attribute, value, at, rules);
    }
    let value = match value {
        Value::Array(mut items) if items.len() == 1 && rules.allow(Rule::SingleAsArray) => {
            items.remove(0)
        }
        other => other,
    };
    check_one(attribute, value, at, rules)
}

fn check_list(
    attribute: &Attribute,
    value: Value,
    at: &str,
    rules: &mut Rules,
) -> Result<Option<Value>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid_value(format!(
            "`{at}` takes a list; got {}",
            kind_of(&value)
        )));
    };
    if items.len() > ELEMENTS {
        return Err(Error::invalid_value(format!(
            "`{at}` takes at most {ELEMENTS} values; got {}",
            items.len()
        )));
    }
    let mut checked = Vec::with_capacity(items.len());
    for (i, item) in items.into_iter().enumerate() {
        if let Some(item) = check_one(attribute, item, &format!("{at}[{i}]"), rules)? {
            // RFC 7643 §2.4: the same value is not given twice.
            if !checked.contains(&item) {
                checked.push(item);
            }
        }
    }
    one_primary(&checked, at)?;
    Ok((!checked.is_empty()).then_some(Value::Array(checked)))
}

/// At most one value is the primary one (RFC 7643 §2.4).
pub fn one_primary(items: &[Value], at: &str) -> Result<()> {
    let marked = items
        .iter()
        .filter(|i| i.get("primary") == Some(&Value::Bool(true)))
        .count();
    if marked > 1 {
        return Err(Error::invalid_value(format!(
            "`{at}` has {marked} values with primary true; at most one may"
        )));
    }
    Ok(())
}

/// Checks one value of an attribute: a single one, or an element of a list.
///
/// # Errors
/// As [`check`].
pub fn check_one(
    attribute: &Attribute,
    value: Value,
    at: &str,
    rules: &mut Rules,
) -> Result<Option<Value>> {
    let wrong = |value: &Value, want: &str| {
        Err(Error::invalid_value(format!(
            "`{at}` takes {want}; got {}",
            kind_of(value)
        )))
    };
    match (attribute.attr_type, value) {
        (_, Value::Null) => Ok(None),
        (AttrType::Complex, Value::Object(map)) => check_complex(attribute, map, at, rules),
        (AttrType::Complex, Value::String(text))
            if attribute.sub("value").is_some() && rules.allow(Rule::ComplexAsText) =>
        {
            if text.is_empty() {
                return Ok(None);
            }
            let map = Map::from_iter([("value".to_owned(), Value::String(text))]);
            check_complex(attribute, map, at, rules)
        }
        (AttrType::Complex, other) => wrong(&other, "an object"),
        (AttrType::Boolean, Value::Bool(yes)) => Ok(Some(Value::Bool(yes))),
        (AttrType::Boolean, Value::String(text)) => match boolean(&text) {
            Some(yes) if rules.allow(Rule::BooleanText) => Ok(Some(Value::Bool(yes))),
            _ => wrong(&Value::String(text), "true or false"),
        },
        (AttrType::Boolean, other) => wrong(&other, "true or false"),
        (AttrType::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => {
            Ok(Some(Value::Number(n)))
        }
        (AttrType::Integer, other) => wrong(&other, "a whole number"),
        (AttrType::Decimal, Value::Number(n)) => Ok(Some(Value::Number(n))),
        (AttrType::Decimal, other) => wrong(&other, "a number"),
        (_, Value::String(text)) => check_text(attribute, text, at),
        (_, other) => wrong(&other, "text"),
    }
}

fn check_text(attribute: &Attribute, text: String, at: &str) -> Result<Option<Value>> {
    if text.len() > TEXT {
        return Err(Error::invalid_value(format!(
            "`{at}` takes at most {TEXT} bytes; got {}",
            text.len()
        )));
    }
    match attribute.attr_type {
        AttrType::DateTime | AttrType::Binary if text.is_empty() => return Ok(None),
        AttrType::DateTime if date_time_key(&text).is_none() => {
            let got = quote(&text);
            return Err(Error::invalid_value(format!(
                "`{at}` takes a dateTime such as 2026-11-24T09:30:00Z; got `{got}`"
            )));
        }
        AttrType::Binary if !is_base64(&text) => {
            return Err(Error::invalid_value(format!("`{at}` takes base64 text")));
        }
        _ => {}
    }
    Ok(Some(Value::String(text)))
}

/// Characters of either base64 alphabet, padding only at the end.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b))
}

/// Reads "True", "false" and their like.
pub fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn check_complex(
    attribute: &Attribute,
    map: Doc,
    at: &str,
    rules: &mut Rules,
) -> Result<Option<Value>> {
    let mut out = Doc::new();
    for (name, value) in map {
        let Some(sub) = attribute.sub(&name) else {
            if rules.allow(Rule::UnknownAttribute) {
                continue;
            }
            return Err(unknown(&format!("{at}.{}", quote(&name))));
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        let place = format!("{at}.{}", sub.name);
        if out.contains_key(&sub.name) {
            return Err(twice(&place));
        }
        if let Some(value) = check(sub, value, &place, rules)? {
            out.insert(sub.name.clone(), value);
        }
    }
    Ok((!out.is_empty()).then_some(Value::Object(out)))
}

/// An attribute that no schema has.
pub(super) fn unknown(at: &str) -> Error {
    Error::invalid_syntax(format!("no schema has the attribute `{at}`"))
}

/// One attribute in two spellings.
pub(super) fn twice(at: &str) -> Error {
    Error::invalid_syntax(format!(
        "`{at}` is given twice; attribute names do not differ by letter case"
    ))
}

/// A value as messages speak of it: never the whole of it.
pub fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) => format!("the text `{}`", quote(s)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
