//! Bodies of POST and PUT (RFC 7644 §3.3, §3.5.1), read by the schema.

mod members;

use serde_json::Value;

use super::Doc;
use super::error::{Error, Result, quote};
use super::rules::{Rule, Rules};
use super::schema::{AttrPath, Attribute, Mutability, Registry, ResourceKind};
use super::values::{check, kind_of, unknown};

pub use members::{Member, members};

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

impl Incoming {
    /// Whether an attribute of the document has a value here.
    pub fn has(&self, path: &AttrPath) -> bool {
        let home = match &path.urn {
            None => Some(&self.doc),
            Some(urn) => self.doc.get(urn).and_then(Value::as_object),
        };
        home.zip(path.attr.as_ref())
            .is_some_and(|(home, attr)| home.contains_key(attr))
    }
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
mod tests;
