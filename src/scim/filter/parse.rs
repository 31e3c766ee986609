//! From text to the resolved tree.

use scim_v2::filter as grammar;

use super::{Filter, Literal, Op, Test, evaluate, prepass};
use crate::scim::Doc;
use crate::scim::error::{Error, Result, quote};
use crate::scim::fold::{fold_number, fold_text};
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{
    AttrPath, AttrType, Attribute, Mutability, Registry, ResourceKind, Returned,
};
use crate::scim::values::boolean;

/// Reads a filter for resources of a kind.
///
/// # Errors
/// `invalidFilter`, with the position or the attribute and the rule.
pub fn parse(
    registry: &Registry,
    kind: ResourceKind,
    text: &str,
    rules: &mut Rules,
) -> Result<Filter> {
    parse_among(registry, kind, &[], text, rules)
}

/// Reads a filter for resources of a kind in a search over several: an attribute that only a kind `beside` it has, has
/// no value there (RFC 7644 §3.4.2.1).
///
/// # Errors
/// As [`parse`].
pub fn parse_among(
    registry: &Registry,
    kind: ResourceKind,
    beside: &[ResourceKind],
    text: &str,
    rules: &mut Rules,
) -> Result<Filter> {
    let rewritten = prepass::run(text, rules)?;
    let tree: grammar::Filter = rewritten.parse().map_err(|e| {
        Error::invalid_filter(format!(
            "the filter `{}` cannot be read: {}",
            quote(text),
            quote(&format!("{e}"))
        ))
    })?;
    Resolver {
        registry,
        kind,
        beside,
        rules,
    }
    .filter(tree)
}

/// Resolves the filter inside `attr[…]` of a PATCH path.
pub fn element_filter(
    registry: &Registry,
    kind: ResourceKind,
    path: &AttrPath,
    filter: grammar::ValFilter,
    rules: &mut Rules,
) -> Result<Filter> {
    Resolver {
        registry,
        kind,
        beside: &[],
        rules,
    }
    .inner(path, filter)
}

/// Rewrites a PATCH path before it is parsed.
pub(in crate::scim) fn rewrite_path(text: &str, rules: &mut Rules) -> Result<String> {
    prepass::run(text, rules)
}

/// Takes back the stand-in for `$ref`.
pub(in crate::scim) fn real_name(name: &str) -> &str {
    if name.eq_ignore_ascii_case(prepass::REF) {
        "$ref"
    } else {
        name
    }
}

struct Resolver<'a> {
    registry: &'a Registry,
    kind: ResourceKind,
    beside: &'a [ResourceKind],
    rules: &'a mut Rules,
}

impl Resolver<'_> {
    fn filter(&mut self, tree: grammar::Filter) -> Result<Filter> {
        match tree {
            grammar::Filter::And(items) => Ok(Filter::And(
                items
                    .into_iter()
                    .map(|f| self.filter(f))
                    .collect::<Result<_>>()?,
            )
            .simplified()),
            grammar::Filter::Or(items) => Ok(Filter::Or(
                items
                    .into_iter()
                    .map(|f| self.filter(f))
                    .collect::<Result<_>>()?,
            )
            .simplified()),
            grammar::Filter::Not(inner) => {
                Ok(Filter::Not(Box::new(self.filter(*inner)?)).simplified())
            }
            grammar::Filter::Attr(expression) => {
                let (path, op, value) = split(expression);
                self.leaf(&path, |resolver| {
                    let path = resolver.path(&path)?;
                    resolver.test(path, op, value)
                })
            }
            grammar::Filter::ValuePath(value_path) => self.leaf(&value_path.attr, |resolver| {
                let path = resolver.path(&value_path.attr)?;
                let inner = resolver.inner(&path, *value_path.filter.clone())?;
                Ok(Filter::Elements(path.with_sub(None), Box::new(inner)))
            }),
        }
    }

    /// Resolves a leaf in the kind that has its attribute. In another than ours, it holds or not as for a resource that
    /// has no value there.
    fn leaf(
        &mut self,
        path: &grammar::AttrPath,
        resolve: impl FnOnce(&mut Resolver<'_>) -> Result<Filter>,
    ) -> Result<Filter> {
        if self.find(self.kind, path).is_some() {
            return resolve(self);
        }
        let beside = self.beside;
        let Some(kind) = beside.iter().find(|kind| self.find(**kind, path).is_some()) else {
            return resolve(self);
        };
        let elsewhere = resolve(&mut Resolver {
            registry: self.registry,
            kind: *kind,
            beside: &[],
            rules: self.rules,
        })?;
        Ok(if evaluate(&elsewhere, &Doc::new()) {
            Filter::always()
        } else {
            Filter::never()
        })
    }

    fn inner(&mut self, path: &AttrPath, filter: grammar::ValFilter) -> Result<Filter> {
        match filter {
            grammar::ValFilter::And(items) => Ok(Filter::And(
                items
                    .into_iter()
                    .map(|f| self.inner(path, f))
                    .collect::<Result<_>>()?,
            )),
            grammar::ValFilter::Or(items) => Ok(Filter::Or(
                items
                    .into_iter()
                    .map(|f| self.inner(path, f))
                    .collect::<Result<_>>()?,
            )),
            grammar::ValFilter::Not(inner) => Ok(Filter::Not(Box::new(self.inner(path, *inner)?))),
            grammar::ValFilter::Attr(expression) => {
                let (relative, op, value) = split(expression);
                let path = self.relative(path, &relative)?;
                self.test(path, op, value)
            }
        }
    }

    /// A name inside `attr[…]`.
    fn relative(&self, path: &AttrPath, relative: &grammar::AttrPath) -> Result<AttrPath> {
        let name = real_name(&relative.name);
        let found = self
            .registry
            .definition(self.kind, path)
            .and_then(|(attribute, _)| {
                let sub = attribute
                    .sub(name)
                    .filter(|_| relative.uri.is_none() && relative.sub_attr.is_none())?;
                attribute
                    .multi_valued
                    .then(|| path.with_sub(Some(&sub.name)))
            });
        found.ok_or_else(|| {
            Error::invalid_filter(format!(
                "`{path}` is no multi-valued attribute with a part `{}`",
                quote(&relative.to_string())
            ))
        })
    }

    fn path(&mut self, path: &grammar::AttrPath) -> Result<AttrPath> {
        self.find(self.kind, path).ok_or_else(|| {
            Error::invalid_filter(format!(
                "{} has no attribute `{}`",
                self.kind.name(),
                quote(&spelled(path))
            ))
        })
    }

    fn find(&mut self, kind: ResourceKind, path: &grammar::AttrPath) -> Option<AttrPath> {
        let text = spelled(path);
        self.registry.resolve(kind, &text).or_else(|| {
            let found = self.registry.resolve_unprefixed(kind, &text)?;
            self.rules.allow(Rule::UnprefixedExtension).then_some(found)
        })
    }

    fn test(&mut self, path: AttrPath, op: Op, value: grammar::CompValue) -> Result<Filter> {
        let Some((top, sub)) = self.registry.definition(self.kind, &path) else {
            return Err(Error::invalid_filter(format!(
                "a filter compares attributes, not the schema `{path}`"
            )));
        };
        let secret =
            |a: &Attribute| a.returned == Returned::Never || a.mutability == Mutability::WriteOnly;
        if secret(top) || sub.is_some_and(secret) {
            return Err(Error::sensitive(format!(
                "`{path}` is never told and cannot be used in a filter, least of all in a URL, which logs keep"
            )));
        }
        let (path, attribute) = match sub {
            Some(sub) => (path, sub),
            None if top.attr_type != AttrType::Complex => (path, top),
            // `emails co "x"` means the value; without a value only presence makes sense.
            None => match top.sub("value") {
                Some(value) if op != Op::Pr => (path.with_sub(Some("value")), value),
                _ if op == Op::Pr => (path, top),
                _ => {
                    return Err(Error::invalid_filter(format!(
                        "`{path}` is complex: name one of its sub-attributes"
                    )));
                }
            },
        };
        let value = operand(attribute, &path, op, value, self.rules)?;
        if value != Literal::Null && is_made_address(&path) {
            return Err(Error::invalid_filter(format!(
                "`{path}` is an address made for each answer: compare the id instead"
            )));
        }
        Ok(Filter::Test(Test { path, op, value }))
    }
}

/// A path as text, `$ref` with its dollar sign.
fn spelled(path: &grammar::AttrPath) -> String {
    let mut text = path
        .uri
        .as_ref()
        .map(|uri| format!("{uri}:"))
        .unwrap_or_default();
    text.push_str(&path.name);
    if let Some(sub) = &path.sub_attr {
        text.push('.');
        text.push_str(real_name(sub));
    }
    text
}

/// Addresses that are not stored: they depend on how the server is reached.
pub(in crate::scim) fn is_made_address(path: &AttrPath) -> bool {
    match path.sub.as_deref() {
        Some("location") => path.is_core("meta"),
        Some("$ref") => path.is_core("members") || path.is_core("groups"),
        _ => false,
    }
}

fn split(expression: grammar::AttrExp) -> (grammar::AttrPath, Op, grammar::CompValue) {
    match expression {
        grammar::AttrExp::Present(path) => (path, Op::Pr, grammar::CompValue::Null),
        grammar::AttrExp::Comparison(path, op, value) => (path, operator(op), value),
    }
}

fn operator(op: grammar::CompareOp) -> Op {
    match op {
        grammar::CompareOp::Eq => Op::Eq,
        grammar::CompareOp::Ne => Op::Ne,
        grammar::CompareOp::Co => Op::Co,
        grammar::CompareOp::Sw => Op::Sw,
        grammar::CompareOp::Ew => Op::Ew,
        grammar::CompareOp::Gt => Op::Gt,
        grammar::CompareOp::Lt => Op::Lt,
        grammar::CompareOp::Ge => Op::Ge,
        grammar::CompareOp::Le => Op::Le,
    }
}

/// The operand in the form in which the attribute compares; refuses operators that make no sense for its type.
fn operand(
    attribute: &Attribute,
    path: &AttrPath,
    op: Op,
    value: grammar::CompValue,
    rules: &mut Rules,
) -> Result<Literal> {
    if op == Op::Pr {
        return Ok(Literal::Null);
    }
    let wrong = |what: &str| Err(Error::invalid_filter(format!("`{path}` {what}")));
    let ordered = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
    let partial = matches!(op, Op::Co | Op::Sw | Op::Ew);
    match attribute.attr_type {
        AttrType::Boolean | AttrType::Binary if ordered || partial => {
            return wrong("has no order: only eq, ne and pr apply to it");
        }
        AttrType::Integer | AttrType::Decimal | AttrType::DateTime if partial => {
            return wrong("is no text: co, sw and ew do not apply to it");
        }
        _ => {}
    }
    match (attribute.attr_type, value) {
        (_, grammar::CompValue::Null) if ordered || partial => {
            wrong("cannot be compared with null by this operator")
        }
        (_, grammar::CompValue::Null) => Ok(Literal::Null),
        (AttrType::Boolean, grammar::CompValue::True) => Ok(Literal::Bool(true)),
        (AttrType::Boolean, grammar::CompValue::False) => Ok(Literal::Bool(false)),
        (AttrType::Boolean, grammar::CompValue::Str(text)) => match boolean(&text) {
            Some(yes) if rules.allow(Rule::BooleanTextInFilter) => Ok(Literal::Bool(yes)),
            _ => wrong("is boolean: compare it with true or false"),
        },
        (AttrType::Boolean, _) => wrong("is boolean: compare it with true or false"),
        (AttrType::Integer | AttrType::Decimal, grammar::CompValue::Number(n)) => {
            Ok(Literal::Number(fold_number(&n)))
        }
        (AttrType::Integer | AttrType::Decimal, _) => {
            wrong("is a number: compare it with a number")
        }
        (AttrType::DateTime, grammar::CompValue::Str(text)) => {
            match crate::scim::fold::date_time_key(&text) {
                Some(key) => Ok(Literal::Text(key)),
                None => {
                    wrong("is a time: compare it with a dateTime such as \"2026-11-24T09:30:00Z\"")
                }
            }
        }
        (AttrType::DateTime, _) => wrong("is a time: compare it with a dateTime in quotes"),
        (_, grammar::CompValue::Str(text)) if text.contains('\0') => {
            wrong("holds no NUL character")
        }
        (_, grammar::CompValue::Str(text)) => Ok(Literal::Text(fold_text(attribute, &text))),
        (_, _) => wrong("is text: compare it with a text in quotes"),
    }
}
