//! What a schema may say, and what a later version of it may change.
#![expect(clippy::expect_used, reason = "tests")]

use serde_json::{Value, json};

use super::{compatible, read};
use crate::scim::schema::{Registry, ResourceKind};

const ACME: &str = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";

fn builtin() -> Registry {
    Registry::builtin().expect("built-in schemas")
}

fn with(attribute: Value) -> Value {
    json!({"id": ACME, "attributes": [attribute]})
}

fn problems(document: &Value) -> Vec<String> {
    read(&builtin(), document).expect_err("wrong")
}

// checklist: 23
#[test]
fn defaults_are_written_out() {
    let read = read(
        &builtin(),
        &json!({"id": ACME, "attributes": [
            {"name": "badge"},
            {"name": "link", "type": "reference", "referenceTypes": ["external"]},
            {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "type": "integer"}]},
        ]}),
    );
    let document = read.expect("a good schema").document;
    assert_eq!(document["name"], "acme");
    assert_eq!(
        document["attributes"][0],
        json!({
            "name": "badge", "type": "string", "multiValued": false, "description": "", "required": false,
            "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none",
        })
    );
    assert_eq!(document["attributes"][1]["caseExact"], true);
    assert_eq!(
        document["attributes"][2]["subAttributes"][0]["mutability"],
        "readWrite"
    );
    let registry = builtin().with_extensions([document]).expect("an overlay");
    assert!(registry.extension(ResourceKind::User, ACME).is_some());
    assert!(
        registry
            .of_sources()
            .extension(ResourceKind::User, ACME)
            .is_some()
    );
    assert!(registry.extension(ResourceKind::Group, ACME).is_none());
}

#[test]
fn a_urn_is_well_formed_ones_own_and_says_what_it_extends() {
    for (urn, rule) in [
        ("", "takes a URN"),
        ("acme", "takes a URN"),
        ("urn:a:User", "takes a URN"),
        ("urn:acme::User", "takes a URN"),
        ("urn:acme:b c:User", "takes a URN"),
        ("urn:acme:'):User", "takes a URN"),
        ("urn:acme:2.0:Person", "ends in `:User` or `:Group`"),
        ("URN:ietf:params:scim:schemas:core:2.0:User", "is taken"),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
            "is taken",
        ),
        (
            "urn:ietf:params:scim:schemas:extension:rosterd:3.0:User",
            "is taken",
        ),
        ("urn:ietf:params:scim:api:messages:2.0:User", "is taken"),
    ] {
        let found = problems(&json!({"id": urn, "attributes": [{"name": "badge"}]}));
        assert_eq!(found.len(), 1, "{urn}: {found:?}");
        assert!(
            found[0].starts_with("`id` ") && found[0].contains(rule),
            "{urn}: {found:?}"
        );
    }
}

// checklist: 36, 49
#[test]
fn each_mistake_is_told_with_its_attribute_and_its_rule() {
    let desk = |part: Value| json!({"name": "desk", "type": "complex", "subAttributes": [part]});
    for (attribute, at, rule) in [
        (json!({}), "attributes[0]", "needs a `name`"),
        (json!("badge"), "attributes[0]", "takes an object"),
        (json!({"name": "1st"}), "attributes[0]", "a letter first"),
        (json!({"name": "$ref"}), "attributes[0]", "a letter first"),
        (json!({"name": "a.b"}), "attributes[0]", "letters, digits"),
        (
            json!({"name": "a".repeat(65)}),
            "attributes[0]",
            "at most 64",
        ),
        (json!({"name": "userName"}), "userName", "built-in schema"),
        (
            json!({"name": "EXTERNALID"}),
            "EXTERNALID",
            "built-in schema",
        ),
        (
            json!({"name": "department"}),
            "department",
            "built-in schema",
        ),
        (
            json!({"name": "badge", "type": "number"}),
            "badge",
            "takes one of string, boolean",
        ),
        (
            json!({"name": "badge", "retuned": "always"}),
            "badge",
            "has no key `retuned`",
        ),
        (
            json!({"name": "badge", "multiValued": "true"}),
            "badge",
            "true or false as `multiValued`",
        ),
        (
            json!({"name": "badge", "required": true}),
            "badge",
            "cannot be required",
        ),
        (
            json!({"name": "badge", "mutability": "writable"}),
            "badge",
            "takes one of readWrite",
        ),
        (
            json!({"name": "badge", "mutability": "readOnly"}),
            "badge",
            "readWrite or immutable",
        ),
        (
            json!({"name": "desks", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "floor", "mutability": "immutable"}]}),
            "desks",
            "cannot be immutable",
        ),
        (
            json!({"name": "badge", "returned": "sometimes"}),
            "badge",
            "takes one of default",
        ),
        (
            json!({"name": "badge", "returned": "never"}),
            "badge",
            "never returned",
        ),
        (
            json!({"name": "badge", "uniqueness": "server"}),
            "badge",
            "no index",
        ),
        (
            json!({"name": "badge", "description": 7}),
            "badge.description",
            "a text",
        ),
        (
            json!({"name": "badge", "type": "binary", "caseExact": false}),
            "badge",
            "always caseExact",
        ),
        (
            json!({"name": "badge", "type": "integer", "canonicalValues": ["1"]}),
            "badge",
            "only the type string",
        ),
        (
            json!({"name": "badge", "canonicalValues": []}),
            "badge",
            "1 to 100 texts",
        ),
        (
            json!({"name": "badge", "type": "reference"}),
            "badge",
            "needs `referenceTypes`",
        ),
        (
            json!({"name": "badge", "subAttributes": []}),
            "badge",
            "which has no `subAttributes`",
        ),
        (
            json!({"name": "desk", "type": "complex"}),
            "desk",
            "needs `subAttributes`",
        ),
        (
            desk(json!({"name": "room", "type": "complex"})),
            "desk.room",
            "§2.3.8",
        ),
        (
            desk(json!({"name": "room", "multiValued": true})),
            "desk.room",
            "multi-valued",
        ),
        (
            desk(json!({"name": "room", "returned": "request"})),
            "desk.room",
            "part of",
        ),
        (
            desk(json!({"name": "room", "type": "text"})),
            "desk.room",
            "takes one of",
        ),
    ] {
        let found = problems(&with(attribute.clone()));
        let wanted = |line: &String| line.starts_with(&format!("`{at}` ")) && line.contains(rule);
        assert!(found.iter().any(wanted), "{attribute}: {found:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let found = problems(&json!({"id": ACME, "title": "Acme", "attributes": [
        {"name": "badge", "type": "number"}, {"name": "Badge"}, {"name": "team", "required": true},
    ]}));
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().any(|line| line.contains("no key `title`")));
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("`Badge` is there twice"))
    );
}

#[test]
fn a_schema_is_of_bounded_size_and_not_empty() {
    let many = |n: usize| -> Value { (0..n).map(|i| json!({"name": format!("a{i}")})).collect() };
    let schema = |attributes: Value| json!({"id": ACME, "attributes": attributes});
    assert!(read(&builtin(), &schema(many(100))).is_ok());
    assert!(problems(&schema(many(101)))[0].contains("at most 100"));
    let desk = json!([{"name": "desk", "type": "complex", "subAttributes": many(51)}]);
    assert!(problems(&schema(desk))[0].contains("at most 50"));
    assert!(problems(&schema(json!([])))[0].contains("at least one"));
    assert!(problems(&json!({"id": ACME}))[0].contains("at least one"));
    assert!(problems(&json!([])).len() == 1);
}

#[test]
fn a_later_version_may_add_and_describe_but_not_take_away_or_reinterpret() {
    let schema = |attributes: Value| {
        let document = json!({"id": ACME, "attributes": attributes});
        read(&builtin(), &document).expect("good").document
    };
    let desk = |parts: Value| json!({"name": "desk", "type": "complex", "subAttributes": parts});
    let old =
        schema(json!([{"name": "badge"}, desk(json!([{"name": "floor", "type": "integer"}]))]));
    let floor = json!({"name": "floor", "type": "integer"});
    let fine = schema(json!([
        {"name": "team"}, {"name": "badge", "description": "Its number", "returned": "request"},
        desk(json!([{"name": "zone"}, floor])),
    ]));
    assert_eq!(compatible(&old, &fine), Ok(()));
    let whole = desk(json!([floor]));
    for (attributes, named) in [
        (json!([whole]), "`badge` was added before"),
        (
            json!([{"name": "Badge"}, whole]),
            "`badge` was added before",
        ),
        (
            json!([{"name": "badge", "type": "integer"}, whole]),
            "`badge`: `type` was \"string\"",
        ),
        (
            json!([{"name": "badge", "multiValued": true}, whole]),
            "`badge`: `multiValued` was false",
        ),
        (
            json!([{"name": "badge", "caseExact": true}, whole]),
            "`badge`: `caseExact` was false",
        ),
        (
            json!([{"name": "badge"}, desk(json!([{"name": "zone"}]))]),
            "`desk.floor` was added before",
        ),
        (
            json!([{"name": "badge"}, desk(json!([{"name": "floor"}]))]),
            "`desk.floor`: `type` was",
        ),
    ] {
        let found = compatible(&old, &schema(attributes.clone())).expect_err("incompatible");
        assert!(
            found.len() == 1 && found[0].starts_with(named),
            "{attributes}: {found:?}"
        );
    }
}

#[test]
fn an_attribute_may_be_immutable() {
    for urn in [ACME, "urn:acme:crew:Group"] {
        let schema =
            json!({"id": urn, "attributes": [{"name": "badge", "mutability": "immutable"}]});
        let read = read(&builtin(), &schema).expect("a good schema");
        assert_eq!(read.document["attributes"][0]["mutability"], "immutable");
    }
}
