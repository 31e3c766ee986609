//! Where an operation points: an attribute, a part of it, or the elements that a filter selects.

use scim_v2::filter as grammar;
use serde_json::Value;

use crate::scim::error::{Error, Result, quote};
use crate::scim::filter::{self, Filter};
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};

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
    let rewritten = filter::rewrite_path(text, rules)?;
    let parsed: grammar::PatchPath = rewritten.parse().map_err(|_| bad("cannot be read"))?;
    let grammar::PatchPath::Value(value_path) = parsed else {
        return Err(bad("names no attribute"));
    };
    let name = value_path.attr.to_string();
    let path = find(registry, kind, &name, rules).ok_or_else(|| bad("names no attribute"))?;
    let attribute = registry
        .definition(kind, &path)
        .map(|(attribute, _)| attribute);
    let attribute = attribute.filter(|a| a.multi_valued && path.sub.is_none());
    let attribute = attribute
        .ok_or_else(|| bad("selects elements of an attribute that is not multi-valued"))?;
    let sub = match &value_path.sub_attr {
        None => None,
        Some(sub) => {
            let known = attribute.sub(filter::real_name(sub));
            Some(
                known
                    .ok_or_else(|| bad("names a part that the attribute lacks"))?
                    .name
                    .clone(),
            )
        }
    };
    let mut seeds = Vec::new();
    collect(&value_path.filter, &mut seeds);
    let mut canonical = Vec::with_capacity(seeds.len());
    for (name, value) in seeds {
        let known = attribute
            .sub(filter::real_name(&name))
            .ok_or_else(|| bad("compares a part that the attribute lacks"))?;
        canonical.push((known.name.clone(), value));
    }
    let filter = filter::element_filter(registry, kind, &path, value_path.filter, rules)?;
    Ok(Target::Elements {
        path,
        filter,
        seeds: canonical,
        sub,
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

/// What `type eq "work" and primary eq true` demands of an element.
fn collect(filter: &grammar::ValFilter, seeds: &mut Vec<(String, Value)>) {
    match filter {
        grammar::ValFilter::And(items) => items.iter().for_each(|item| collect(item, seeds)),
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
            seeds.push((path.name.clone(), value));
        }
        _ => {}
    }
}
