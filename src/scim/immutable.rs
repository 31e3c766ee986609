//! `mutability: immutable` (RFC 7643 §7; RFC 7644 §3.5.1, §3.5.2): a value may be set while there is none, and stays.
//!
//! Only schemas that tenants add have such attributes in the document; the parts of a member are rows of their own.

use serde_json::Value;

use super::Doc;
use super::error::{Error, Result};
use super::fold::fold_value;
use super::schema::{AttrPath, Attribute, Mutability, Registry, ResourceKind};
use super::units::object;

/// An immutable attribute, or sub-attribute of a single complex one, with the definition that its values compare by.
fn places(registry: &Registry, kind: ResourceKind) -> impl Iterator<Item = (AttrPath, &Attribute)> {
    registry.extensions(kind).flat_map(|extension| {
        extension.attributes.iter().flat_map(|top| {
            let path = AttrPath {
                urn: Some(extension.id.clone()),
                attr: Some(top.name.clone()),
                sub: None,
            };
            let itself = (top.mutability == Mutability::Immutable).then(|| (path.clone(), top));
            let parts = top.sub_attributes.iter();
            let parts = parts
                .filter(|sub| !top.multi_valued && sub.mutability == Mutability::Immutable)
                .map(move |sub| (path.with_sub(Some(&sub.name)), sub));
            itself.into_iter().chain(parts)
        })
    })
}

/// Whether an attribute of an extension is immutable, as a whole or at this sub-attribute.
pub fn is(registry: &Registry, kind: ResourceKind, path: &AttrPath) -> bool {
    let is_immutable = |a: &Attribute| a.mutability == Mutability::Immutable;
    let found = registry
        .definition(kind, path)
        .filter(|_| path.urn.is_some());
    found.is_some_and(|(top, sub)| is_immutable(top) || sub.is_some_and(is_immutable))
}

fn value<'d>(doc: &'d Doc, path: &AttrPath) -> Option<&'d Value> {
    let attr = doc.get(path.urn.as_ref()?)?.get(path.attr.as_ref()?)?;
    match &path.sub {
        None => Some(attr),
        Some(sub) => attr.get(sub),
    }
}

fn put(doc: &mut Doc, path: &AttrPath, value: &Value) {
    let (Some(urn), Some(attr)) = (&path.urn, &path.attr) else {
        return;
    };
    let home = object(doc, urn);
    match &path.sub {
        None => home.insert(attr.clone(), value.clone()),
        Some(sub) => object(home, attr).insert(sub.clone(), value.clone()),
    };
}

/// Puts the immutable values that a PUT leaves out back into what it sends: an omission is no change of theirs.
pub fn keep(registry: &Registry, kind: ResourceKind, before: &Doc, after: &mut Doc) {
    for (path, _) in places(registry, kind) {
        if let (Some(kept), None) = (value(before, &path), value(after, &path)) {
            put(after, &path, kept);
        }
    }
}

/// No immutable value that was there changes or goes; one that compares the same stays as it is spelled.
///
/// # Errors
/// `mutability` that names the attribute.
pub fn hold(registry: &Registry, kind: ResourceKind, before: &Doc, after: &mut Doc) -> Result<()> {
    for (path, attribute) in places(registry, kind) {
        let Some(was) = value(before, &path) else {
            continue;
        };
        let folded = |value| fold_value(Some(attribute), value);
        if value(after, &path).map(folded) != Some(folded(was)) {
            return Err(Error::mutability(format!(
                "`{path}` is immutable and has a value already: send that value, or leave the attribute out"
            )));
        }
        put(after, &path, was);
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    const ACME: &str = "urn:acme:2.0:User";
    const KIND: ResourceKind = ResourceKind::User;

    fn registry() -> Registry {
        let attribute = |name: &str, mutability: &str| json!({"name": name, "type": "string", "mutability": mutability, "returned": "default"});
        let desk = json!({
            "name": "desk", "type": "complex", "mutability": "readWrite", "returned": "default",
            "subAttributes": [attribute("floor", "immutable"), attribute("zone", "readWrite")],
        });
        let schema = json!({"id": ACME, "attributes": [attribute("badge", "immutable"), attribute("crew", "readWrite"), desk]});
        let builtin = Registry::builtin().expect("built-in schemas");
        builtin.with_extensions([schema]).expect("an extension")
    }

    fn doc(ours: Value) -> Doc {
        let doc = json!({"userName": "ann", ACME: ours});
        doc.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_value_that_was_set_stays_and_all_else_may_change() {
        let registry = registry();
        let before =
            doc(json!({"badge": "A7", "crew": "Owls", "desk": {"floor": "3", "zone": "N"}}));
        for (after, fine) in [
            (json!({"badge": "A7", "desk": {"floor": "3"}}), true),
            (
                json!({"badge": "a7", "crew": "Larks", "desk": {"floor": "3"}}),
                true,
            ),
            (json!({"badge": "A8", "desk": {"floor": "3"}}), false),
            (json!({"desk": {"floor": "3"}}), false),
            (json!({"badge": "A7", "desk": {"zone": "N"}}), false),
            (json!({"badge": "A7", "desk": {"floor": "4"}}), false),
        ] {
            let mut now = doc(after.clone());
            let got = hold(&registry, KIND, &before, &mut now);
            assert_eq!(got.is_ok(), fine, "{after}");
            assert!(!fine || now[ACME]["badge"] == "A7", "{now:?}");
        }
        assert!(hold(&registry, KIND, &doc(json!({})), &mut before.clone()).is_ok());
    }

    #[test]
    fn what_a_put_leaves_out_is_put_back_and_what_it_sends_is_left() {
        let registry = registry();
        let before =
            doc(json!({"badge": "A7", "crew": "Owls", "desk": {"floor": "3", "zone": "N"}}));
        let mut after = doc(json!({"badge": "A8", "desk": {"zone": "S"}}));
        keep(&registry, KIND, &before, &mut after);
        assert_eq!(
            after,
            doc(json!({"badge": "A8", "desk": {"zone": "S", "floor": "3"}}))
        );
        let mut bare = Doc::new();
        keep(&registry, KIND, &before, &mut bare);
        assert_eq!(bare[ACME], json!({"badge": "A7", "desk": {"floor": "3"}}));
    }
}
