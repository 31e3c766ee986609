//! Whether a value fits its attribute (RFC 7643 §2.3, §7): types, read-only parts, one primary value, limits. Bodies
//! and PATCH operations go through the same check.

use std::collections::HashMap;

use serde_json::Value;

use super::Doc;
use super::error::{Error, Result, quote};
use super::fold::{date_time_key, fold_value, strict_user_name_key};
use super::format::{is_certificate, is_country, is_uri};
use super::rules::{Rule, Rules};
use super::schema::{AttrType, Attribute, Mutability};

/// Longest text.
const TEXT: usize = 65_536;
/// Most values of a multi-valued attribute that is stored in the document.
const ELEMENTS: usize = 500;

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
    if !attribute.multi_valued {
        return check_one(attribute, one(value, rules), at, rules);
    }
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => {
            let list = check_list(attribute, items, at, rules)?;
            Ok((!list.is_empty()).then_some(Value::Array(list)))
        }
        other => Err(wrong(at, "a list", &other)),
    }
}

/// The value of a single-valued attribute: an empty list is none (RFC 7643 §2.5), a list of one is that one by rule.
pub fn one(value: Value, rules: &mut Rules) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(mut items) if items.len() == 1 && rules.allow(Rule::SingleAsArray) => {
            items.remove(0)
        }
        other => other,
    }
}

/// Checks values for a list, each on its own and all together.
///
/// # Errors
/// As [`check`].
pub fn check_list(
    attribute: &Attribute,
    items: Vec<Value>,
    at: &str,
    rules: &mut Rules,
) -> Result<Vec<Value>> {
    at_most(items.len(), at)?;
    let mut checked = Vec::with_capacity(items.len());
    for (i, item) in items.into_iter().enumerate() {
        checked.extend(check_one(attribute, item, &format!("{at}[{i}]"), rules)?);
    }
    settled(attribute, checked, at)
}

/// A list as it may stand in a document: not too long, no value twice, at most one primary.
///
/// # Errors
/// `invalidValue`.
pub fn settled(attribute: &Attribute, items: Vec<Value>, at: &str) -> Result<Vec<Value>> {
    let items = distinct(attribute, items);
    at_most(items.len(), at)?;
    one_primary(&items, at)?;
    Ok(items)
}

fn at_most(len: usize, at: &str) -> Result<()> {
    if len > ELEMENTS {
        return Err(Error::invalid_value(format!(
            "`{at}` takes at most {ELEMENTS} values; got {len}"
        )));
    }
    Ok(())
}

/// Of values that are the same the later is merged into the earlier (RFC 7643 §2.4: the same type and value are not
/// given twice).
fn distinct(attribute: &Attribute, items: Vec<Value>) -> Vec<Value> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut out: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let place = *places
            .entry(identity(attribute, &item))
            .or_insert(out.len());
        match (out.get_mut(place), item) {
            (None, item) => out.push(item),
            (Some(Value::Object(same)), Value::Object(item)) => same.extend(item),
            (Some(_), _) => {}
        }
    }
    out
}

/// What makes two values of a list the same: value and type as they compare, or all of it where there is no value.
fn identity(attribute: &Attribute, item: &Value) -> String {
    let part = |name| {
        let value = item.get(name)?;
        Some(fold_value(attribute.sub(name), value))
    };
    match part("value") {
        Some(value) => Value::from_iter([Some(value), part("type")]).to_string(),
        None => fold_value(Some(attribute), item).to_string(),
    }
}

/// At most one value is the primary one (RFC 7643 §2.4).
fn one_primary(items: &[Value], at: &str) -> Result<()> {
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
    let wrong = |value: &Value, want: &str| Err(wrong(at, want, value));
    match (attribute.attr_type, value) {
        (_, Value::Null) => Ok(None),
        (AttrType::Complex, value) => {
            let mut parts = parts(attribute, value, at, rules)?;
            parts.retain(|_, part| !part.is_null());
            Ok((!parts.is_empty()).then_some(Value::Object(parts)))
        }
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
        (_, Value::String(text)) => check_text(attribute, text, at, rules),
        (_, other) => wrong(&other, "text"),
    }
}

fn wrong(at: &str, want: &str, got: &Value) -> Error {
    Error::invalid_value(format!("`{at}` takes {want}; got {}", kind_of(got)))
}

fn check_text(
    attribute: &Attribute,
    text: String,
    at: &str,
    rules: &mut Rules,
) -> Result<Option<Value>> {
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
    if let Some(wanted) = format_of(attribute, at).filter(|form| !form.fits(&text))
        && !rules.allow(Rule::ValueOutsideForm)
    {
        return Err(Error::invalid_value(format!(
            "`{at}` takes {}; got `{}`",
            wanted.name(),
            quote(&text)
        )));
    }
    if attribute.name == "userName"
        && let Err(why) = strict_user_name_key(&text)
        && !rules.allow(Rule::UserNameOutsidePrecis)
    {
        return Err(Error::invalid_value(format!(
            "`{at}` takes a name that PRECIS (RFC 8265) accepts; got `{}`: {why}",
            quote(&text)
        )));
    }
    Ok(Some(Value::String(text)))
}

/// What RFC 7643 §4.1 asks of some texts beyond their type.
#[derive(Clone, Copy)]
enum Form {
    Country,
    Uri,
    Certificate,
}

impl Form {
    fn fits(self, text: &str) -> bool {
        match self {
            _ if text.is_empty() => true,
            Self::Country => is_country(text),
            Self::Uri => is_uri(text),
            Self::Certificate => is_certificate(text),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Country => "a country by its code of ISO 3166-1, such as SE",
            Self::Uri => "a URI",
            Self::Certificate => "one certificate in DER, in base64",
        }
    }
}

/// The form of an attribute's texts; extensions stand behind a URN, so that their names mean what their schema says.
fn format_of(attribute: &Attribute, at: &str) -> Option<Form> {
    match attribute.attr_type {
        AttrType::Reference => Some(Form::Uri),
        AttrType::String if attribute.name == "country" && at.starts_with("addresses") => {
            Some(Form::Country)
        }
        AttrType::Binary if at.starts_with("x509Certificates") => Some(Form::Certificate),
        _ => None,
    }
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

/// The parts of a complex value by their canonical names, each checked; null for one that is to go.
///
/// # Errors
/// As [`check`].
pub fn parts(attribute: &Attribute, value: Value, at: &str, rules: &mut Rules) -> Result<Doc> {
    let map = match value {
        Value::Object(map) => map,
        Value::String(text)
            if attribute.sub("value").is_some() && rules.allow(Rule::ComplexAsText) =>
        {
            let value = if text.is_empty() {
                Value::Null
            } else {
                Value::String(text)
            };
            Doc::from_iter([("value".to_owned(), value)])
        }
        other => return Err(wrong(at, "an object", &other)),
    };
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
        let part = check(sub, value, &format!("{at}.{}", sub.name), rules)?;
        out.insert(sub.name.clone(), part.unwrap_or(Value::Null));
    }
    Ok(out)
}

/// An attribute that no schema has.
pub(super) fn unknown(at: &str) -> Error {
    Error::invalid_syntax(format!("no schema has the attribute `{at}`"))
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
