//! Elements of a multi-valued attribute: which ones a filter path selects, and what becomes of them.

use serde_json::Value;

use crate::scim::Doc;
use crate::scim::error::{Error, Result};
use crate::scim::filter::{Filter, Literal, Op, evaluate_element};
use crate::scim::rules::Rules;
use crate::scim::schema::{AttrPath, Attribute};
use crate::scim::values::{check, check_one};

/// What a filter path selects.
pub(super) struct Picked<'a> {
    pub(super) filter: &'a Filter,
    pub(super) seeds: &'a [(String, Value)],
    pub(super) sub: Option<&'a str>,
}

impl Picked<'_> {
    /// The parts that an operation writes into each element; null removes one.
    pub(super) fn parts(
        &self,
        top: &Attribute,
        value: Value,
        at: &str,
        rules: &mut Rules,
    ) -> Result<Doc> {
        match self.sub.and_then(|sub| top.sub(sub)) {
            Some(sub) => {
                let at = format!("{at}.{}", sub.name);
                let checked = check(sub, value, &at, rules)?.unwrap_or(Value::Null);
                Ok(Doc::from_iter([(sub.name.clone(), checked)]))
            }
            None => {
                let value = match value {
                    Value::Array(mut items) if items.len() == 1 => items.remove(0),
                    other => other,
                };
                match check_one(top, value, at, rules)? {
                    Some(Value::Object(parts)) => Ok(parts),
                    _ => Err(Error::invalid_value(format!("`{at}` takes an object"))),
                }
            }
        }
    }
}

pub(super) fn read_only(path: &AttrPath) -> Error {
    Error::mutability(format!("`{path}` is read-only"))
}

/// Places of the elements that satisfy a filter.
pub(super) fn chosen(folded: &Doc, path: &AttrPath, filter: &Filter, len: usize) -> Vec<usize> {
    let home = match &path.urn {
        None => Some(folded),
        Some(urn) => folded.get(urn).and_then(Value::as_object),
    };
    let items = home
        .and_then(|h| h.get(path.attr.as_deref()?))
        .and_then(Value::as_array);
    let hits = items
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, item)| evaluate_element(filter, item));
    hits.map(|(i, _)| i).filter(|i| *i < len).collect()
}

pub(super) fn remove_chosen(items: &mut Vec<Value>, chosen: &[usize], sub: Option<&str>) {
    match sub {
        None => {
            let mut i = 0;
            items.retain(|_| {
                i += 1;
                !chosen.contains(&(i - 1))
            });
        }
        Some(sub) => {
            for i in chosen {
                if let Some(Value::Object(map)) = items.get_mut(*i) {
                    map.remove(sub);
                }
            }
        }
    }
}

/// RFC 7644 §3.5.2: setting primary on one value takes it from the others.
pub(super) fn settle_primary(items: &mut [Value], written: &[usize]) {
    let is_primary = |item: &Value| item.get("primary") == Some(&Value::Bool(true));
    let Some(winner) = written
        .iter()
        .rev()
        .find(|i| items.get(**i).is_some_and(is_primary))
        .copied()
    else {
        return;
    };
    for (i, item) in items.iter_mut().enumerate() {
        if i != winner && is_primary(item) {
            item["primary"] = Value::Bool(false);
        }
    }
}

/// Every part of `part` stands in `whole`.
pub(super) fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(k, v)| whole.get(k) == Some(v))
        }
        _ => whole == part,
    }
}

/// The ids of `value eq "a" or value eq "b"`; false for any other filter.
pub(super) fn values_of(filter: &Filter, ids: &mut Vec<String>) -> bool {
    match filter {
        Filter::Or(items) => items.iter().all(|item| values_of(item, ids)),
        Filter::Test(test) if test.op == Op::Eq && test.path.sub.as_deref() == Some("value") => {
            match &test.value {
                Literal::Text(id) => {
                    ids.push(id.clone());
                    true
                }
                _ => false,
            }
        }
        _ => false,
    }
}
