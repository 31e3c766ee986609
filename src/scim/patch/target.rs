//! Where an operation points: an attribute, a part of it, or the elements that a filter selects.

use scim_v2::filter as grammar;
use serde_json::Value;

use crate::scim::error::{Error, Result, quote};
use crate::scim::filter::{self, Filter};
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{AttrPath, Attribute, Registry, ResourceKind};

/// A resolved path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// An attribute, a sub-attribute, or a whole extension.
    Attr(AttrPath),
    /// Elements of a multi-valued attribute.
    Elements {
        /// The attribute.
        path: AttrPath,
        /// Which elements.
        filter: Filter,
        /// What an element must have to satisfy the filter, as the client wrote it: used to make one.
        seeds: Vec<(String, Value)>,
        /// The part of each element.
        sub: Option<String>,
    },
}

/// Resolves a path.
///
/// # Errors
/// `invalidPath`, or `invalidFilter` for the filter inside it.
pub(super) fn resolve(
    registry: &Registry,
    kind: ResourceKind,
    text: &str,
    rules: &mut Rules,
) -> Result<Target> {
    if let Some(path) = find(registry, kind, text, rules) {
        return Ok(Target::Attr(path));
    }
    let bad = |why: &str| Error::invalid_path(format!("the path `{}` {why}", quote(text)));
    if !text.contains('[') {
        return Err(bad(&format!("names no attribute of {}", kind.name())));
    }
    let name = text.split('[').next().unwrap_or_default();
    let path = find(registry, kind, name, rules).ok_or_else(|| bad("names no attribute"))?;
    let attribute = registry
        .definition(kind, &path)
        .map(|(attribute, _)| attribute);
    let attribute = attribute.filter(|a| a.multi_valued && path.sub.is_none());
    let attribute = attribute
        .ok_or_else(|| bad("selects elements of an attribute that is not multi-valued"))?;
    let value_path = parse(&filter::rewrite_path(text, rules)?, text)?;
    let sub = match &value_path.sub_attr {
        None => None,
        Some(sub) => {
            let known = attribute.sub(filter::real_name(sub));
            let known = known.ok_or_else(|| bad("names a part that the attribute lacks"))?;
            Some(known.name.clone())
        }
    };
    let mut seeds = Vec::new();
    collect(&value_path.filter, attribute, &mut seeds);
    let filter = filter::element_filter(registry, kind, &path, value_path.filter, rules)?;
    Ok(Target::Elements {
        path,
        filter,
        seeds,
        sub,
    })
}

/// Reads `attr[filter]` or `attr[filter].sub`. When it cannot be read, the filter is to blame unless it reads alone.
fn parse(rewritten: &str, sent: &str) -> Result<grammar::PatchValuePath> {
    let read = |text: &str| match text.parse() {
        Ok(grammar::PatchPath::Value(value_path)) => Some(value_path),
        _ => None,
    };
    read(rewritten).ok_or_else(|| {
        let alone = rewritten
            .rfind(']')
            .and_then(|end| read(&rewritten[..=end]));
        let sent = quote(sent);
        match alone {
            Some(_) => Error::invalid_path(format!("the path `{sent}` cannot be read")),
            None => {
                Error::invalid_filter(format!("the filter in the path `{sent}` cannot be read"))
            }
        }
    })
}

fn find(
    registry: &Registry,
    kind: ResourceKind,
    text: &str,
    rules: &mut Rules,
) -> Option<AttrPath> {
    registry.resolve(kind, text).or_else(|| {
        let found = registry.resolve_unprefixed(kind, text)?;
        rules.allow(Rule::UnprefixedExtension).then_some(found)
    })
}

/// What `type eq "work" and primary eq true` demands of an element, by the names of its parts.
fn collect(filter: &grammar::ValFilter, attribute: &Attribute, seeds: &mut Vec<(String, Value)>) {
    match filter {
        grammar::ValFilter::And(items) => items
            .iter()
            .for_each(|item| collect(item, attribute, seeds)),
        grammar::ValFilter::Attr(grammar::AttrExp::Comparison(
            path,
            grammar::CompareOp::Eq,
            value,
        )) => {
            let value = match value {
                grammar::CompValue::False => Value::Bool(false),
                grammar::CompValue::True => Value::Bool(true),
                grammar::CompValue::Number(n) => Value::Number(n.clone()),
                grammar::CompValue::Str(s) => Value::String(s.clone()),
                grammar::CompValue::Null => return,
            };
            let part = attribute.sub(filter::real_name(&path.name));
            seeds.extend(part.map(|part| (part.name.clone(), value)));
        }
        _ => {}
    }
}
