//! PATCH bodies of every form, and those that are refused.

#![expect(clippy::expect_used, reason = "tests")]

mod lists;

use serde_json::json;

use super::*;
use crate::scim::ScimType;
use crate::scim::rules::Preset;
use crate::scim::schema::{ENTERPRISE as E, Registry, ResourceKind};

fn run(preset: Preset, kind: ResourceKind, doc: Value, ops: Value) -> Result<Patched> {
    let registry = Registry::builtin().expect("built-in schemas");
    let mut rules = Rules::new(preset);
    let request = parse(
        json!({"schemas": [PATCH_OP], "Operations": ops}),
        &mut rules,
    )?;
    let doc = doc.as_object().cloned().expect("an object");
    let current = Current {
        doc: &doc,
        external_id: Some("x"),
        active: Some(true),
    };
    apply(&registry, kind, &request, &current, &mut rules)
}

fn emails(numbers: std::ops::Range<usize>) -> Value {
    numbers
        .map(|i| json!({"value": format!("{i}@x.test")}))
        .collect()
}

fn user(ops: Value) -> Result<Value> {
    run(Preset::Entra, ResourceKind::User, ann(), ops).map(|p| Value::Object(p.doc))
}

fn ann() -> Value {
    json!({
        "userName": "ann", "title": "Boss", "name": {"givenName": "Ann", "familyName": "Lee"},
        "emails": [{"type": "work", "value": "a@x.test", "primary": true}, {"type": "home", "value": "h@x.test"}],
        E: {"department": "Sales"},
    })
}

// checklist: 127, 130, 136, 138, 139, 142, 145
#[test]
fn paths_of_every_form_reach_their_target() {
    let cases = [
        (
            json!([{"op": "replace", "path": "title", "value": "Chief"}]),
            "/title",
            json!("Chief"),
        ),
        (
            json!([{"op": "Replace", "path": "name.givenName", "value": "Bea"}]),
            "/name",
            json!({"givenName": "Bea", "familyName": "Lee"}),
        ),
        (
            json!([{"op": "replace", "value": {"name.givenName": "Bea", format!("{E}:department"): "IT"}}]),
            "/name/givenName",
            json!("Bea"),
        ),
        (
            json!([{"op": "replace", "path": "name", "value": {"givenName": "Bea"}}]),
            "/name/familyName",
            json!("Lee"),
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x.test"}]),
            "/emails/0/value",
            json!("b@x.test"),
        ),
        (
            json!([{"op": "Add", "path": "emails[type eq \"other\"].value", "value": "o@x.test"}]),
            "/emails/2",
            json!({"type": "other", "value": "o@x.test"}),
        ),
        (
            json!([{"op": "add", "path": "emails", "value": [{"type": "other", "value": "o@x.test", "primary": true}]}]),
            "/emails/0/primary",
            json!(false),
        ),
        (
            json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
            "/emails",
            json!([{"type": "home", "value": "h@x.test"}]),
        ),
        (
            json!([{"op": "replace", "path": "emails", "value": []}]),
            "/emails",
            Value::Null,
        ),
        (
            json!([{"op": "Add", "path": "manager", "value": [{"$ref": null, "value": "m1"}]}]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager",
            json!({"value": "m1"}),
        ),
        (
            json!([{"op": "Add", "path": format!("{E}:manager"), "value": "m1"}]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager",
            json!({"value": "m1"}),
        ),
        (
            json!([{"op": "remove", "path": E}]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            Value::Null,
        ),
        (
            json!([{"op": "add", "path": E, "value": {"department": "IT"}}]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department",
            json!("IT"),
        ),
        (
            json!([{"op": "Remove", "path": "title"}]),
            "/title",
            Value::Null,
        ),
        (
            json!([
            {"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "DE"},
            {"op": "Add", "path": "addresses[type eq \"work\"].region", "value": "BE"}]),
            "/addresses",
            json!([{"type": "work", "country": "DE", "region": "BE"}]),
        ),
        (
            json!([{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"}]),
            "/roles",
            json!([{"primary": true, "value": "Admin"}]),
        ),
    ];
    for (ops, pointer, want) in cases {
        let got = user(ops.clone()).expect("applied");
        assert_eq!(
            got.pointer(pointer).cloned().unwrap_or(Value::Null),
            want,
            "{ops}"
        );
    }
}

#[test]
fn a_deactivation_is_understood_in_every_spelling_and_preset() {
    for preset in Preset::ALL {
        for ops in [
            json!([{"op": "replace", "value": {"active": false}}]),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
            json!([{"op": "replace", "path": "active", "value": false}]),
            json!([{"op": "replace", "path": "ACTIVE", "value": "false"}]),
            json!([{"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:User:active": "False"}}]),
        ] {
            let got = run(
                preset,
                ResourceKind::User,
                json!({"userName": "ann"}),
                ops.clone(),
            );
            assert_eq!(got.expect("applied").active, Some(false), "{ops}");
        }
    }
}

// checklist: 25, 125, 131, 132, 143, 147
#[test]
fn what_cannot_be_applied_is_refused_by_its_name() {
    let cases = [
        (json!([{"op": "remove"}]), ScimType::NoTarget),
        (
            json!([{"op": "replace", "path": "id", "value": "x"}]),
            ScimType::Mutability,
        ),
        (
            json!([{"op": "add", "path": "groups", "value": []}]),
            ScimType::Mutability,
        ),
        (
            json!([{"op": "remove", "path": "userName"}]),
            ScimType::Mutability,
        ),
        (
            json!([{"op": "replace", "path": "nope", "value": 1}]),
            ScimType::InvalidPath,
        ),
        (
            json!([{"op": "replace", "path": "emails[", "value": 1}]),
            ScimType::InvalidFilter,
        ),
        (
            json!([{"op": "replace", "path": "emails[nope eq 1]", "value": {}}]),
            ScimType::InvalidFilter,
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"work\"].nope", "value": "x"}]),
            ScimType::InvalidPath,
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"work\"]?", "value": "x"}]),
            ScimType::InvalidPath,
        ),
        (
            json!([{"op": "replace", "path": "title[value eq \"x\"]", "value": "x"}]),
            ScimType::InvalidPath,
        ),
        (
            json!([{"op": "add", "path": "phoneNumbers[type eq \"a\" or type eq \"b\"].value", "value": "1"}]),
            ScimType::NoTarget,
        ),
        (
            json!([{"op": "add", "path": "phoneNumbers[type eq \"a\" and type eq \"b\"].value", "value": "1"}]),
            ScimType::NoTarget,
        ),
        (
            json!([{"op": "add", "path": "emails[value sw \"zz\"].display", "value": "x"}]),
            ScimType::NoTarget,
        ),
        (
            json!([{"op": "replace", "path": "externalId", "value": "x".repeat(70_000)}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "replace", "path": "externalId", "value": 7}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "add", "path": "emails", "value": emails(0..498)}, {"op": "add", "path": "emails", "value": emails(498..499)}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "add", "path": "emails", "value": emails(0..501)}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "replace", "path": "title", "value": {"a": 1}}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "replace", "path": "title"}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "replace", "path": "active", "value": "perhaps"}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "replace", "value": "x"}]),
            ScimType::InvalidValue,
        ),
        (
            json!([{"op": "move", "path": "title", "value": "x"}]),
            ScimType::InvalidSyntax,
        ),
        (json!([]), ScimType::InvalidSyntax),
        (json!(["x"]), ScimType::InvalidSyntax),
    ];
    for (ops, want) in cases {
        let error = user(ops.clone()).expect_err("refused");
        assert_eq!(error.scim_type, Some(want), "{ops}: {}", error.detail);
    }
}

// checklist: 141
#[test]
fn a_filter_that_matches_nothing_is_no_target_by_the_letter() {
    let ops = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"}]);
    let got = run(
        Preset::Strict,
        ResourceKind::User,
        json!({"userName": "a"}),
        ops,
    );
    assert_eq!(got.map_err(|e| e.scim_type), Err(Some(ScimType::NoTarget)));
}

#[test]
fn written_units_are_touched_even_when_nothing_changes() {
    let manager = format!("{E}:manager");
    let cases = [
        (
            json!([{"op": "replace", "path": "title", "value": "Boss"}]),
            "title".to_owned(),
        ),
        (
            json!([{"op": "add", "path": &manager, "value": "m1"}]),
            format!("{manager}.value"),
        ),
        (
            json!([{"op": "add", "path": &manager, "value": [{"Value": "m1"}]}]),
            format!("{manager}.value"),
        ),
        (
            json!([{"op": "add", "value": {"NAME": {"GIVENNAME": "Ann"}}}]),
            "name.givenName".to_owned(),
        ),
    ];
    for (ops, unit) in cases {
        let doc = json!({
            "userName": "a", "title": "Boss", "name": {"givenName": "Ann"}, E: {"manager": {"value": "m1"}},
        });
        let got = run(Preset::Generic, ResourceKind::User, doc, ops.clone()).expect("applied");
        let touched: Vec<String> = got.touched.iter().map(ToString::to_string).collect();
        assert_eq!(touched, [unit], "{ops}");
    }
}

#[test]
fn null_takes_away_an_extension_and_a_new_manager_replaces_the_old_one() {
    let cases = [
        (
            json!([{"op": "replace", "path": E, "value": null}]),
            Value::Null,
        ),
        (
            json!([{"op": "add", "path": E, "value": null}]),
            json!({"manager": {"value": "m1"}}),
        ),
        (
            json!([{"op": "replace", "path": format!("{E}:manager"), "value": {"value": "m2", "$ref": "https://else.test"}}]),
            json!({"manager": {"value": "m2"}}),
        ),
        (
            json!([{"op": "replace", "path": "manager", "value": ""}]),
            Value::Null,
        ),
    ];
    for (ops, want) in cases {
        let doc = json!({"userName": "ann", E: {"manager": {"value": "m1"}}});
        let got = run(Preset::Generic, ResourceKind::User, doc, ops.clone()).expect("applied");
        assert_eq!(got.doc.get(E).unwrap_or(&Value::Null), &want, "{ops}");
    }
}

#[test]
fn more_than_one_request_may_hold_is_refused_with_the_way_out() {
    let group = |ops| {
        run(
            Preset::Generic,
            ResourceKind::Group,
            json!({"displayName": "S"}),
            ops,
        )
    };
    let remove = |n: usize| json!({"op": "remove", "path": "members", "value": emails(0..n)});
    assert!(group(json!([remove(20_000)])).is_ok());
    // The document is bounded after every operation, not only at the end.
    let text = "x".repeat(60_000);
    let large: Value = (0..20)
        .map(|i| json!({"value": i.to_string(), "display": text}))
        .collect();
    let error = user(json!([
        {"op": "add", "path": "emails", "value": large}, {"op": "remove", "path": "emails"},
    ]));
    assert_eq!(
        error.map_err(|e| e.scim_type),
        Err(Some(ScimType::InvalidValue))
    );
    for ops in [
        json!([remove(100_001)]),
        json!([remove(60_000), remove(40_001)]),
        json!([{"op": "add", "path": "members", "value": emails(0..60_000)}, {"op": "add", "value": {"members": emails(0..60_000)}}]),
        json!([{"op": "add", "path": "emails", "value": emails(0..6_000)}, {"op": "add", "value": {"emails": emails(0..6_000)}}]),
    ] {
        let error = group(ops).expect_err("refused");
        assert_eq!(error.status, 413);
        assert!(error.detail.contains("send several"), "{}", error.detail);
    }
}

proptest::proptest! {
    #[test]
    fn applying_never_panics(
        op in "(add|remove|replace)", path in "[a-z\\[\\]\". ]{0,20}|emails\\[type eq \"[a-z]{0,3}\"\\](.value)?|\\PC{0,10}",
        text in "\\PC{0,8}", shape in 0..5,
    ) {
        let value = match shape {
            0 => Value::from(text),
            1 => json!([text]),
            2 => json!({"value": text, "primary": true}),
            3 => Value::Null,
            _ => json!([{"value": text}, 7, null]),
        };
        let _ = user(json!([{"op": op, "path": path, "value": value}]));
    }
}
