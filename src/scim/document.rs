//! Bodies of POST and PUT (RFC 7644 §3.3, §3.5.1), read by the schema.

use std::collections::HashSet;

use serde_json::Value;

use super::Doc;
use super::error::{Error, Result, quote};
use super::rules::{Rule, Rules};
use super::schema::{Attribute, Mutability, Registry, ResourceKind};
use super::values::{check, kind_of, unknown};

/// A body, checked: what the store keeps in the document, and what it keeps elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incoming {
    /// Attributes of the document.
    pub doc: Doc,
    /// `externalId`.
    pub external_id: Option<String>,
    /// `active` of a user, if it was given.
    pub active: Option<bool>,
    /// `members` of a group, if they were given.
    pub members: Option<Vec<Member>>,
    /// A password was sent; it is neither kept nor returned.
    pub password_given: bool,
}

/// A member of a group as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id.
    pub value: String,
    /// `User` or `Group`, if given.
    pub kind: Option<String>,
}

/// Reads a body.
///
/// # Errors
/// `invalidSyntax` for its structure, `invalidValue` for a value or a missing required attribute.
pub fn read(
    registry: &Registry,
    kind: ResourceKind,
    body: Value,
    rules: &mut Rules,
) -> Result<Incoming> {
    let Value::Object(body) = body else {
        return Err(Error::invalid_syntax(format!(
            "the body must be an object; got {}",
            kind_of(&body)
        )));
    };
    let mut incoming = Incoming::default();
    let mut seen_schemas = false;
    for (name, value) in body {
        if name.eq_ignore_ascii_case("schemas") {
            check_schemas(registry, kind, &value, rules)?;
            seen_schemas = true;
        } else if let Some(extension) = registry.extension(kind, &name) {
            let read = read_extension(&extension.attributes, &extension.id, value, rules)?;
            if !read.is_empty() {
                incoming
                    .doc
                    .insert(extension.id.clone(), Value::Object(read));
            }
        } else if let Some(attribute) = registry.top(kind, &name) {
            read_attribute(kind, attribute, value, &mut incoming, rules)?;
        } else if let Some(path) = registry.resolve(kind, &name) {
            // A key such as `urn:…:User:department`: seen where PATCH was meant.
            return Err(Error::invalid_syntax(format!(
                "`{path}` belongs into an object under its URN"
            )));
        } else if !rules.allow(Rule::UnknownAttribute) {
            return Err(unknown(&quote(&name)));
        }
    }
    if !seen_schemas && !rules.allow(Rule::SchemasMissing) {
        return Err(Error::invalid_syntax("`schemas` is required"));
    }
    check_required(registry, kind, &incoming.doc)?;
    check_size(&incoming.doc)?;
    Ok(incoming)
}

/// The one URN of SCIM 1.1's own attributes.
const OLD_CORE: &str = "urn:scim:schemas:core:1.0";

fn check_schemas(
    registry: &Registry,
    kind: ResourceKind,
    value: &Value,
    rules: &mut Rules,
) -> Result<()> {
    let Value::Array(urns) = value else {
        return Err(Error::invalid_syntax(format!(
            "`schemas` takes a list of URNs; got {}",
            kind_of(value)
        )));
    };
    let core = &registry.core(kind).id;
    let mut has_core = false;
    for urn in urns {
        let Value::String(urn) = urn else {
            return Err(Error::invalid_syntax(format!(
                "`schemas` takes URNs; got {}",
                kind_of(urn)
            )));
        };
        let old = urn.eq_ignore_ascii_case(OLD_CORE);
        if urn.eq_ignore_ascii_case(core) || (old && rules.allow(Rule::OldCoreUrn)) {
            has_core = true;
        } else if registry.extension(kind, urn).is_none() && !rules.allow(Rule::ForeignSchemaUrns) {
            return Err(Error::invalid_syntax(format!(
                "no schema `{}` belongs to {}",
                quote(urn),
                kind.name()
            )));
        }
    }
    if has_core || rules.allow(Rule::SchemasMissing) {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!(
        "`schemas` must hold `{core}`"
    )))
}

fn read_extension(
    attributes: &[Attribute],
    urn: &str,
    value: Value,
    rules: &mut Rules,
) -> Result<Doc> {
    let map = match value {
        Value::Null => return Ok(Doc::new()),
        Value::Object(map) => map,
        other => {
            return Err(Error::invalid_value(format!(
                "`{urn}` takes an object; got {}",
                kind_of(&other)
            )));
        }
    };
    let mut out = Doc::new();
    for (name, value) in map {
        let Some(attribute) = attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(&name))
        else {
            if rules.allow(Rule::UnknownAttribute) {
                continue;
            }
            return Err(unknown(&format!("{urn}:{}", quote(&name))));
        };
        if attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        let at = format!("{urn}:{}", attribute.name);
        if let Some(value) = check(attribute, value, &at, rules)? {
            out.insert(attribute.name.clone(), value);
        }
    }
    Ok(out)
}

fn read_attribute(
    kind: ResourceKind,
    attribute: &Attribute,
    value: Value,
    incoming: &mut Incoming,
    rules: &mut Rules,
) -> Result<()> {
    let name = attribute.name.as_str();
    match (kind, name) {
        (_, "externalId") => {
            let checked = check(attribute, value, name, rules)?;
            incoming.external_id = as_text(checked).filter(|t| !t.is_empty());
        }
        (ResourceKind::User, "active") => {
            let checked = check(attribute, value, name, rules)?;
            incoming.active = checked.and_then(|v| v.as_bool());
        }
        (ResourceKind::User, "password") => incoming.password_given = !value.is_null(),
        (ResourceKind::Group, "members") => incoming.members = members(value, name, rules)?,
        _ if attribute.mutability == Mutability::ReadOnly => {}
        _ => {
            if let Some(value) = check(attribute, value, name, rules)? {
                incoming.doc.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn as_text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Reads a list of members, each once, or one member; `None` for null.
///
/// # Errors
/// `invalidValue` for anything that names nobody, 413 for too many.
pub fn members(value: Value, at: &str, rules: &mut Rules) -> Result<Option<Vec<Member>>> {
    let items = match value {
        Value::Null => return Ok(None),
        Value::Array(items) => items,
        one => vec![one],
    };
    let most = rules.limits().members;
    if items.len() > most {
        return Err(Error::plain(
            413,
            format!(
                "one request names at most {most} members; got {}: send several PATCH requests that add or remove some",
                items.len()
            ),
        ));
    }
    let mut members: Vec<Member> = Vec::with_capacity(items.len());
    let mut seen = HashSet::new();
    for (i, item) in items.into_iter().enumerate() {
        let member = member(item, &format!("{at}[{i}]"), rules)?;
        if seen.insert(member.value.clone()) {
            members.push(member);
        }
    }
    Ok(Some(members))
}

fn member(item: Value, at: &str, rules: &mut Rules) -> Result<Member> {
    let wrong = |got: &Value| {
        Error::invalid_value(format!(
            "`{at}` takes an object with a `value`; got {}",
            kind_of(got)
        ))
    };
    match item {
        Value::String(value) if !value.is_empty() && rules.allow(Rule::MemberAsText) => {
            Ok(Member { value, kind: None })
        }
        Value::Object(map) => {
            let get = |name: &str| {
                map.iter()
                    .find(|(k, _)| k.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v)
            };
            match get("value")
                .and_then(Value::as_str)
                .filter(|v| !v.is_empty())
            {
                Some(value) => Ok(Member {
                    value: value.to_owned(),
                    kind: get("type").and_then(Value::as_str).map(str::to_owned),
                }),
                None => Err(wrong(&Value::Object(map))),
            }
        }
        other => Err(wrong(&other)),
    }
}

/// Required attributes are there and not empty (RFC 7643 §7).
///
/// # Errors
/// `invalidValue` that names the attribute.
pub fn check_required(registry: &Registry, kind: ResourceKind, doc: &Doc) -> Result<()> {
    // `active` is kept beside the document and has a default. It is published as required because it always has a
    // value: nothing can remove it, and a client that reads "not required" may try.
    let in_document = |a: &&Attribute| a.required && a.name != "active";
    for attribute in registry.core(kind).attributes.iter().filter(in_document) {
        let empty = match doc.get(&attribute.name) {
            None => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        if empty {
            return Err(Error::invalid_value(format!(
                "`{}` is required and must not be empty",
                attribute.name
            )));
        }
    }
    Ok(())
}

/// Largest document, in bytes of its names and texts.
const DOCUMENT: usize = 1 << 20;

/// A document stays of a size that can be compared and patched while other writers wait.
///
/// # Errors
/// `invalidValue`.
pub fn check_size(doc: &Doc) -> Result<()> {
    let size: usize = doc
        .iter()
        .map(|(name, value)| name.len() + size(value))
        .sum();
    if size > DOCUMENT {
        return Err(Error::invalid_value(format!(
            "a resource has at most {DOCUMENT} bytes of attributes; this one would have {size}"
        )));
    }
    Ok(())
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| name.len() + size(value))
            .sum(),
        _ => 1,
    }
}

/// `schemas` of a resource: the main schema and every extension in use.
pub fn schemas_of(registry: &Registry, kind: ResourceKind, doc: &Doc) -> Vec<String> {
    let mut urns = vec![registry.core(kind).id.clone()];
    urns.extend(
        registry
            .extensions(kind)
            .filter(|e| doc.contains_key(&e.id))
            .map(|e| e.id.clone()),
    );
    urns
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
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
        let with =
            |emails: Value| user(json!({"schemas": [U], "userName": "ann", "emails": emails}));
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
        let body =
            json!({"displayName": "Sales", "members": [{"value": "u1", "display": "x"}, "u2"]});
        let got = read_as(Preset::Generic, ResourceKind::Group, body).expect("accepted");
        assert_eq!(
            got.members
                .map(|m| m.into_iter().map(|m| m.value).collect()),
            Some(vec!["u1".to_owned(), "u2".to_owned()])
        );
        assert_eq!(Value::Object(got.doc), json!({"displayName": "Sales"}));
    }
}
