//! `bulkId:x` in place of the id of a resource that the same request creates (RFC 7644 §3.7.2). The word is reserved
//! (RFC 7643 §3.1), so that every text of this form is a reference, wherever it stands.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::scim::json;
use crate::scim::patch::PATCH_OP;

/// The `bulkId` that a text refers to.
pub(super) fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("bulkId:")
}

/// The references of some data. Data that cannot be read has none; whoever carries the operation out will say why.
pub(super) fn of(data: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // A letter may be written as an escape.
    if (data.contains("bulkId:") || data.contains('\\'))
        && let Ok(value) = json::parse(data.as_bytes())
    {
        collect(&value, &mut names);
    }
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => names.extend(reference(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        _ => {}
    }
}

/// Puts ids in the place of references.
pub(super) fn resolve<'i>(value: &mut Value, id: &impl Fn(&str) -> Option<&'i str>) {
    match value {
        Value::String(text) => {
            if let Some(id) = reference(text).and_then(id) {
                id.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, id)),
        Value::Object(map) => map.values_mut().for_each(|value| resolve(value, id)),
        _ => {}
    }
}

/// Leaves out what refers to something that is not there yet: the text, or the whole object whose `value` it is.
/// Returns whether the value itself is such a thing.
pub(super) fn leave_out(value: &mut Value, is_missing: &impl Fn(&str) -> bool) -> bool {
    let refers = |value: &Value| value.as_str().and_then(reference).is_some_and(is_missing);
    match value {
        Value::Array(items) => {
            items.retain_mut(|item| !leave_out(item, is_missing));
            false
        }
        Value::Object(map) => {
            let is_reference = map
                .iter()
                .any(|(name, value)| name.eq_ignore_ascii_case("value") && refers(value));
            map.retain(|_, value| !leave_out(value, is_missing));
            is_reference
        }
        other => refers(other),
    }
}

/// The PATCH that brings a resource what was left out: it adds the attributes that refer to something, which is no
/// change for the parts of them that are there already.
pub(super) fn completion(data: Value) -> Value {
    let mut parts = match data {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    parts.retain(|_, value| {
        let mut names = BTreeSet::new();
        collect(value, &mut names);
        !names.is_empty()
    });
    json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "value": parts}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_wherever_it_stands() {
        let data = r#"{"manager":"bulkId:a","members":[{"value":"bulkId:b"},"bulkId:c"],
            "Operations":[{"op":"add","value":[{"Value":"bulk\u0049d:d"}]}],"title":"not bulkId:e"}"#;
        let names: Vec<String> = of(data).into_iter().collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert!(of(r#"{"a":"bulkId:a","a":1}"#).is_empty());
    }

    #[test]
    fn what_is_left_out_now_is_added_later() {
        let whole = json!({
            "displayName": "x", "title": "t", "members": [{"type": "User", "value": "bulkId:a"}, {"value": "bulkId:b"}, "bulkId:a"],
            "urn:x": {"manager": {"value": "bulkId:a"}, "department": "d"}, "friend": "bulkId:a",
        });
        let mut now = whole.clone();
        leave_out(&mut now, &|name| name == "a");
        assert_eq!(
            now,
            json!({"displayName": "x", "title": "t", "members": [{"value": "bulkId:b"}], "urn:x": {"department": "d"}})
        );
        let mut later = completion(whole);
        resolve(&mut later, &|name| (name == "a").then_some("1"));
        assert_eq!(
            later["Operations"][0]["value"],
            json!({
                "members": [{"type": "User", "value": "1"}, {"value": "bulkId:b"}, "1"],
                "urn:x": {"manager": {"value": "1"}, "department": "d"}, "friend": "1",
            })
        );
    }
}
