//! Bodies that clients send, and those that are refused.

#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::scim::ScimType;
use crate::scim::limits::Limits;
use crate::scim::rules::Preset;
use serde_json::json;

fn read_as(preset: Preset, kind: ResourceKind, body: Value) -> Result<Incoming> {
    let registry = Registry::builtin().expect("built-in schemas");
    read(&registry, kind, body, &mut Rules::new(preset))
}

fn user(body: Value) -> Result<Incoming> {
    read_as(Preset::Generic, ResourceKind::User, body)
}

const U: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const E: &str = crate::scim::schema::ENTERPRISE;

// checklist: 20, 25, 39, 68
#[test]
fn what_clients_really_send_is_understood() {
    let got = user(json!({
        "schemas": [U, "urn:x:Foreign"], "UserName": "ann@x.test", "active": "True", "id": null,
        "groups": [], "meta": {"resourceType": "User"}, "password": "secret", "addresses": null,
        "name": {"givenName": "Ann", "middleName": ""}, "emails": [{"Value": "a@x.test", "Primary": true}],
        "phoneNumbers": [{"value": "+1 (5) 55", "$ref": null}], "roles": [], "unknown": {"x": 1},
        E: {"manager": "m1", "department": "Sales"},
    }))
    .expect("accepted");
    assert_eq!(got.active, Some(true));
    assert!(got.password_given);
    assert_eq!(
        Value::Object(got.doc),
        json!({
            "userName": "ann@x.test", "name": {"givenName": "Ann", "middleName": ""},
            "emails": [{"value": "a@x.test", "primary": true}], "phoneNumbers": [{"value": "+1 (5) 55"}],
            E: {"manager": {"value": "m1"}, "department": "Sales"},
        })
    );
}

// checklist: 31, 34, 37, 40
#[test]
fn what_breaks_a_rule_is_refused_with_its_name() {
    let base = |extra: Value| {
        let mut body = json!({"schemas": [U], "userName": "ann"});
        for (key, value) in extra.as_object().expect("an object") {
            body[key] = value.clone();
        }
        body
    };
    let cases = [
        (json!([]), ScimType::InvalidSyntax, "object"),
        (json!({"schemas": [U]}), ScimType::InvalidValue, "userName"),
        (
            base(json!({"userName": " "})),
            ScimType::InvalidValue,
            "userName",
        ),
        (
            base(json!({"userName": 7})),
            ScimType::InvalidValue,
            "userName",
        ),
        (
            base(json!({"active": "maybe"})),
            ScimType::InvalidValue,
            "active",
        ),
        (
            base(json!({"emails": "a@x.test"})),
            ScimType::InvalidValue,
            "emails",
        ),
        (
            base(json!({"emails": [{"type": 7}]})),
            ScimType::InvalidValue,
            "emails[0].type",
        ),
        (
            base(
                json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            ),
            ScimType::InvalidValue,
            "primary",
        ),
        (base(json!({"name": "Ann"})), ScimType::InvalidValue, "name"),
        (
            base(json!({"schemas": "x"})),
            ScimType::InvalidSyntax,
            "schemas",
        ),
        (base(json!({E: []})), ScimType::InvalidValue, "enterprise"),
        (
            base(json!({"title": "x".repeat(70_000)})),
            ScimType::InvalidValue,
            "title",
        ),
    ];
    for (body, kind, word) in cases {
        let error = user(body).expect_err(word);
        assert_eq!(error.scim_type, Some(kind), "{}", error.detail);
        assert!(
            error.detail.contains(word),
            "{} should name {word}",
            error.detail
        );
    }
}

#[test]
fn the_strict_preset_still_understands_a_deactivation_as_text() {
    let got = read_as(
        Preset::Strict,
        ResourceKind::User,
        json!({"schemas": [U], "userName": "a", "active": "False"}),
    );
    assert_eq!(got.expect("accepted").active, Some(false));
    let refused = read_as(Preset::Strict, ResourceKind::User, json!({"userName": "a"}));
    assert!(refused.is_err());
}

// checklist: 38, 39
#[test]
fn the_same_value_of_a_list_is_merged_and_an_empty_list_is_no_value() {
    let got = user(json!({
        "schemas": [U], "userName": "ann", "title": [], "name": [],
        "emails": [
            {"value": "A@x.test", "type": "work"}, {"value": "a@x.test", "type": "Work", "primary": true},
            {"value": "a@x.test", "type": "home"},
        ],
        "addresses": [{"type": "work", "country": "DE"}, {"type": "work", "region": "BE"}, {"country": "de", "type": "work"}],
    }));
    assert_eq!(
        Value::Object(got.expect("accepted").doc),
        json!({
            "userName": "ann",
            "emails": [{"value": "a@x.test", "type": "Work", "primary": true}, {"value": "a@x.test", "type": "home"}],
            "addresses": [{"type": "work", "country": "de"}, {"type": "work", "region": "BE"}],
        })
    );
}

#[test]
fn lists_have_an_end() {
    let many = |n: usize| {
        (0..n)
            .map(|i| json!({"value": format!("v{i}")}))
            .collect::<Value>()
    };
    let with = |n| user(json!({"schemas": [U], "userName": "ann", "emails": many(n)}));
    assert!(with(500).is_ok());
    assert_eq!(
        with(501).map_err(|e| e.scim_type),
        Err(Some(ScimType::InvalidValue))
    );
    let large = json!([{"value": "a", "display": "x".repeat(60_000)}, {"value": "b"}]);
    let many_large =
        (0..20).map(|i| json!({"value": format!("v{i}"), "display": "x".repeat(60_000)}));
    let with = |emails: Value| user(json!({"schemas": [U], "userName": "ann", "emails": emails}));
    assert!(with(large).is_ok());
    let refused = with(many_large.collect()).map_err(|e| e.scim_type);
    assert_eq!(refused, Err(Some(ScimType::InvalidValue)));
    let group = |members: Value| {
        let body = json!({"displayName": "Sales", "members": members});
        read_as(Preset::Generic, ResourceKind::Group, body)
    };
    assert_eq!(
        group(many(Limits::default().members + 1)).map_err(|e| e.status),
        Err(413)
    );
    let got = group(json!([{"value": "u1"}, {"value": "u2"}, "u1"])).expect("accepted");
    assert_eq!(got.members.map(|m| m.len()), Some(2));
}

// checklist: 41
#[test]
fn a_name_that_precis_refuses_is_a_matter_of_the_preset() {
    for (preset, name, fine) in [
        (Preset::Generic, "ann marie", true),
        (Preset::Strict, "ann marie", false),
        (Preset::Strict, "Ann@x.test", true),
        (Preset::Strict, "Añn", true),
    ] {
        let got = read_as(
            preset,
            ResourceKind::User,
            json!({"schemas": [U], "userName": name}),
        );
        let want = if fine {
            Ok(())
        } else {
            Err(Some(ScimType::InvalidValue))
        };
        assert_eq!(
            got.map(|_| ()).map_err(|e| e.scim_type),
            want,
            "{preset:?} {name}"
        );
    }
}

#[test]
fn the_address_of_a_manager_is_not_taken_from_a_client() {
    let manager = json!({"value": "m1", "$ref": "https://elsewhere.test/m1"});
    let got = user(json!({"schemas": [U], "userName": "ann", E: {"manager": manager}}));
    let got = got.expect("accepted").doc;
    assert_eq!(got[E], json!({"manager": {"value": "m1"}}));
}

#[test]
fn members_are_kept_apart_from_the_document() {
    let body = json!({"displayName": "Sales", "members": [{"value": "u1", "display": "x"}, "u2"]});
    let got = read_as(Preset::Generic, ResourceKind::Group, body).expect("accepted");
    assert_eq!(
        got.members
            .map(|m| m.into_iter().map(|m| m.value).collect()),
        Some(vec!["u1".to_owned(), "u2".to_owned()])
    );
    assert_eq!(Value::Object(got.doc), json!({"displayName": "Sales"}));
}
