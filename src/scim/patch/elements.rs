//! Elements of a multi-valued attribute: which ones a filter path selects, and what becomes of them.

use serde_json::Value;

use crate::scim::Doc;
use crate::scim::error::{Error, Result};
use crate::scim::filter::{Filter, evaluate_element};
use crate::scim::fold::fold_value;
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{AttrPath, Attribute};
use crate::scim::values::{check, one, parts};

/// What a filter path selects.
pub(super) struct Picked<'a> {
    pub(super) filter: &'a Filter,
    pub(super) seeds: &'a [(String, Value)],
    pub(super) sub: Option<&'a str>,
}

impl Picked<'_> {
    /// Whether an element satisfies the filter.
    pub(super) fn selects(&self, top: &Attribute, element: &Value) -> bool {
        let parts = element.as_object().into_iter().flatten();
        let folded = parts
            .filter(|(name, _)| self.filter.looks_at(name))
            .map(|(name, part)| (name.clone(), fold_value(top.sub(name), part)));
        evaluate_element(self.filter, &folded.collect())
    }

    /// Places of the elements that do, in order.
    pub(super) fn places(&self, top: &Attribute, items: &[Value]) -> Vec<usize> {
        let hits = items.iter().enumerate();
        hits.filter(|(_, item)| self.selects(top, item))
            .map(|(i, _)| i)
            .collect()
    }

    /// The parts that an operation writes into each element; null removes one.
    pub(super) fn parts(
        &self,
        top: &Attribute,
        value: Value,
        at: &str,
        rules: &mut Rules,
    ) -> Result<Doc> {
        let Some(sub) = self.sub.and_then(|sub| top.sub(sub)) else {
            let value = one(value, rules);
            return parts(top, value, at, rules);
        };
        let at = format!("{at}.{}", sub.name);
        let checked = check(sub, value, &at, rules)?.unwrap_or(Value::Null);
        Ok(Doc::from_iter([(sub.name.clone(), checked)]))
    }
}

/// Sets a part, or takes it away by null.
pub(super) fn write(map: &mut Doc, name: &str, part: Value) {
    if part.is_null() {
        map.remove(name);
    } else {
        map.insert(name.to_owned(), part);
    }
}

pub(super) fn read_only(path: &AttrPath) -> Error {
    Error::mutability(format!("`{path}` is read-only"))
}

/// Whether a removal may name its values; by the letter it would empty the whole list.
pub(super) fn removal_by_value(path: &AttrPath, rules: &mut Rules) -> Result<()> {
    if rules.allow(Rule::RemoveWithValue) {
        return Ok(());
    }
    Err(Error::invalid_value(format!(
        "a removal of `{path}` takes no value: select what goes by a filter in the path"
    )))
}

pub(super) fn remove_chosen(items: &mut Vec<Value>, chosen: &[usize], sub: Option<&str>) {
    match sub {
        None => {
            let mut i = 0;
            items.retain(|_| {
                i += 1;
                // The places are in order.
                chosen.binary_search(&(i - 1)).is_err()
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

pub(super) fn is_primary(item: &Value) -> bool {
    item.get("primary") == Some(&Value::Bool(true))
}

/// RFC 7644 §3.5.2: setting primary on one value takes it from the others.
pub(super) fn settle_primary(items: &mut [Value], winner: Option<usize>) {
    for (i, item) in items.iter_mut().enumerate() {
        if Some(i) != winner && is_primary(item) {
            item["primary"] = Value::Bool(false);
        }
    }
}

/// Removes every value that has all parts of one that is to go, as they compare.
pub(super) fn remove_equal(top: &Attribute, items: &mut Vec<Value>, gone: &[Value]) {
    let fold = |value: &Value| fold_value(Some(top), value);
    let gone: Vec<Value> = gone.iter().map(fold).collect();
    items.retain(|item| {
        let item = fold(item);
        !gone.iter().any(|gone| contains(&item, gone))
    });
}

/// Every part of `part` stands in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(k, v)| whole.get(k) == Some(v))
        }
        _ => whole == part,
    }
}
