//! Units of a document: the smallest parts that a source asserts (SEMANTICS §1). A top-level attribute, a
//! sub-attribute of a single complex one, or the same inside an extension; a multi-valued attribute is one unit.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Doc;
use super::schema::{AttrPath, Registry, ResourceKind};

/// Values by unit.
pub type Units = BTreeMap<AttrPath, Value>;

/// Takes a document apart.
pub fn flatten(registry: &Registry, kind: ResourceKind, doc: &Doc) -> Units {
    let mut units = Units::new();
    for (name, value) in doc {
        match (registry.extension(kind, name), value) {
            (Some(_), Value::Object(inner)) => {
                for (attr, value) in inner {
                    put(&mut units, Some(name), attr, value);
                }
            }
            _ => put(&mut units, None, name, value),
        }
    }
    units
}

fn put(units: &mut Units, urn: Option<&String>, attr: &str, value: &Value) {
    let path = |sub: Option<&String>| AttrPath {
        urn: urn.cloned(),
        attr: Some(attr.to_owned()),
        sub: sub.cloned(),
    };
    match value {
        Value::Object(inner) => {
            for (sub, value) in inner {
                units.insert(path(Some(sub)), value.clone());
            }
        }
        _ => {
            units.insert(path(None), value.clone());
        }
    }
}

/// Puts a document together; nulls are left out.
pub fn unflatten(units: &Units) -> Doc {
    let mut doc = Doc::new();
    for (path, value) in units {
        let Some(attr) = path.attr.as_ref().filter(|_| !value.is_null()) else {
            continue;
        };
        let home = match &path.urn {
            None => &mut doc,
            Some(urn) => object(&mut doc, urn),
        };
        match &path.sub {
            None => home.insert(attr.clone(), value.clone()),
            Some(sub) => object(home, attr).insert(sub.clone(), value.clone()),
        };
    }
    doc
}

/// The object under a key, made if need be.
pub(super) fn object<'d>(doc: &'d mut Doc, key: &str) -> &'d mut Doc {
    let slot = doc
        .entry(key.to_owned())
        .or_insert_with(|| Value::Object(Doc::new()));
    if !slot.is_object() {
        *slot = Value::Object(Doc::new());
    }
    match slot {
        Value::Object(map) => map,
        // Just made an object of it.
        _ => unreachable!("an object"),
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn taking_apart_and_putting_together_gives_the_same_document() {
        let registry = Registry::builtin().expect("built-in schemas");
        let doc = json!({
            "userName": "ann", "name": {"givenName": "Ann"}, "emails": [{"value": "a@x.test"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"department": "Sales", "manager": {"value": "m"}},
        });
        let doc = doc.as_object().expect("an object");
        let units = flatten(&registry, ResourceKind::User, doc);
        let paths: Vec<String> = units.keys().map(ToString::to_string).collect();
        assert!(paths.contains(&"name.givenName".to_owned()), "{paths:?}");
        assert!(
            paths.iter().any(|p| p.ends_with(":manager.value")),
            "{paths:?}"
        );
        assert_eq!(&unflatten(&units), doc);
    }
}
