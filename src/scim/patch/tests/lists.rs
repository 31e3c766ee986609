//! Changes of lists: values of an attribute, and members of a group.

use serde_json::{Value, json};

use super::{ann, run, user};
use crate::scim::ScimType;
use crate::scim::document::Member;
use crate::scim::patch::MemberChange;
use crate::scim::rules::Preset;
use crate::scim::schema::ResourceKind;

#[test]
fn members_become_changes_in_order() {
    let m = |v: &str| Member {
        value: v.to_owned(),
        kind: None,
    };
    let cases = [
        (
            json!([{"op": "add", "path": "members", "value": [{"value": "u1", "display": "x"}]}]),
            vec![MemberChange::Add(vec![m("u1")])],
        ),
        (
            json!([{"op": "remove", "path": "members[value eq \"u2\"]"}, {"op": "add", "path": "members", "value": {"value": "u1"}}]),
            vec![
                MemberChange::Remove(vec!["u2".into()]),
                MemberChange::Add(vec![m("u1")]),
            ],
        ),
        (
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "u1"}]}]),
            vec![MemberChange::Remove(vec!["u1".into()])],
        ),
        (
            json!([{"op": "remove", "path": "members"}]),
            vec![MemberChange::RemoveAll],
        ),
        (
            json!([{"op": "replace", "value": {"members": [], "id": "g1", "displayName": "Sales"}}]),
            vec![MemberChange::Replace(vec![])],
        ),
        (
            json!([{"op": "replace", "value": {"id": "g1", "displayName": "Sales"}}]),
            vec![],
        ),
        (
            json!([{"op": "replace", "value": {"members": null, "displayName": "Sales"}}]),
            vec![],
        ),
        (
            json!([{"op": "replace", "path": "members", "value": null}]),
            vec![MemberChange::Replace(vec![])],
        ),
        (
            json!([{"op": "remove", "path": "members", "value": []}]),
            vec![MemberChange::Remove(vec![])],
        ),
        (
            json!([{"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "u1"}]}]),
            vec![MemberChange::Add(vec![m("u1")])],
        ),
    ];
    for (ops, want) in cases {
        let got = run(
            Preset::Okta,
            ResourceKind::Group,
            json!({"displayName": "S"}),
            ops.clone(),
        );
        assert_eq!(got.expect("applied").members, want, "{ops}");
    }
}

// checklist: 38, 134, 142, 145
#[test]
fn lists_keep_no_value_twice_and_lose_only_what_is_named() {
    let work = json!({"type": "work", "value": "a@x.test", "primary": true});
    let home = json!({"type": "home", "value": "h@x.test"});
    let cases = [
        // The same value in another spelling is written over.
        (
            json!([{"op": "add", "path": "emails", "value": [{"type": "Home", "value": "H@x.test", "display": "x"}]}]),
            json!([work, {"type": "Home", "value": "H@x.test", "display": "x"}]),
        ),
        (
            json!([{"op": "add", "path": "emails", "value": [{"type": "home", "value": "h@x.test", "primary": true}]}]),
            json!([{"type": "work", "value": "a@x.test", "primary": false}, {"type": "home", "value": "h@x.test", "primary": true}]),
        ),
        (
            json!([{"op": "replace", "path": "emails", "value": [home, home]}]),
            json!([home]),
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"type": "work", "value": "A@x.test"}}]),
            json!([{"type": "work", "value": "A@x.test", "primary": true}]),
        ),
        (
            json!([{"op": "remove", "path": "emails", "value": []}]),
            json!([work, home]),
        ),
        (
            json!([{"op": "remove", "path": "emails", "value": [{"nope": 1}]}]),
            json!([work, home]),
        ),
        (
            json!([{"op": "remove", "path": "emails", "value": [{"value": "H@x.test"}]}]),
            json!([work]),
        ),
        (
            json!([{"op": "remove", "path": "emails", "value": null}]),
            Value::Null,
        ),
        // A value takes the place of what a filter selects; it is added to it by `add`.
        (
            json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "b@x.test"}}]),
            json!([{"value": "b@x.test"}, home]),
        ),
        (
            json!([{"op": "add", "path": "emails[type eq \"work\"]", "value": {"display": "x"}}]),
            json!([{"type": "work", "value": "a@x.test", "primary": true, "display": "x"}, home]),
        ),
        (
            json!([{"op": "add", "path": "emails[type eq \"work\"]", "value": {"Primary": null}}]),
            json!([{"type": "work", "value": "a@x.test"}, home]),
        ),
    ];
    for (ops, want) in cases {
        let got = user(ops.clone()).expect("applied");
        assert_eq!(got.get("emails").unwrap_or(&Value::Null), &want, "{ops}");
    }
}

#[test]
fn by_the_letter_a_removal_never_names_its_values() {
    for (kind, path) in [
        (ResourceKind::User, "emails"),
        (ResourceKind::Group, "members"),
    ] {
        for value in [json!([{"value": "a@x.test"}]), json!([])] {
            let doc = match kind {
                ResourceKind::User => ann(),
                _ => json!({"displayName": "Sales"}),
            };
            let ops = json!([{"op": "remove", "path": path, "value": value}]);
            let got = run(Preset::Strict, kind, doc, ops.clone());
            assert_eq!(
                got.map_err(|e| e.scim_type),
                Err(Some(ScimType::InvalidValue)),
                "{ops}"
            );
        }
    }
}
