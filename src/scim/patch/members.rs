//! Members of a group: operations become changes for the store, and never touch the document.

use serde_json::Value;

use super::elements::removal_by_value;
use super::target::Target;
use super::{MemberChange, Verb};
use crate::scim::document::{Member, members};
use crate::scim::error::{Error, Result};
use crate::scim::filter::{Filter, Literal, Op};
use crate::scim::rules::Rules;

/// The change that an operation on members asks for.
///
/// # Errors
/// `mutability` for parts of a member, `invalidFilter` for a filter that is no list of ids, and those of the list.
pub(super) fn change(
    verb: Verb,
    target: &Target,
    value: Option<Value>,
    rules: &mut Rules,
) -> Result<MemberChange> {
    let ids = |list: Vec<Member>| list.into_iter().map(|m| m.value).collect();
    let given = |rules| members(value.unwrap_or(Value::Null), "value", rules);
    match target {
        Target::Elements {
            filter, sub: None, ..
        } if verb == Verb::Remove => {
            let mut ids = Vec::new();
            if !values_of(filter, &mut ids) {
                return Err(Error::invalid_filter(
                    "members are selected by `value eq \"…\"`, several joined by `or`",
                ));
            }
            Ok(MemberChange::Remove(ids))
        }
        Target::Attr(path) if path.sub.is_none() => match (verb, given(rules)?) {
            (Verb::Add, list) => Ok(MemberChange::Add(list.unwrap_or_default())),
            (Verb::Replace, list) => Ok(MemberChange::Replace(list.unwrap_or_default())),
            (Verb::Remove, None) => Ok(MemberChange::RemoveAll),
            (Verb::Remove, Some(list)) => {
                removal_by_value(path, rules)?;
                Ok(MemberChange::Remove(ids(list)))
            }
        },
        _ => Err(Error::mutability(
            "parts of a member cannot be changed: remove it and add another",
        )),
    }
}

/// Bounds what one request names in all its operations.
///
/// # Errors
/// 413 that names the way out.
pub(super) fn check_named(changes: &[MemberChange], most: usize) -> Result<()> {
    let named = changes.iter().map(|change| match change {
        MemberChange::Add(list) | MemberChange::Replace(list) => list.len(),
        MemberChange::Remove(ids) => ids.len(),
        MemberChange::RemoveAll => 0,
    });
    if named.sum::<usize>() <= most {
        return Ok(());
    }
    let detail = format!("one request names at most {most} members: send several PATCH requests");
    Err(Error::plain(413, detail))
}

/// The ids of `value eq "a" or value eq "b"`; false for any other filter.
fn values_of(filter: &Filter, ids: &mut Vec<String>) -> bool {
    match filter {
        Filter::Or(items) => items.iter().all(|item| values_of(item, ids)),
        Filter::Test(test) if test.op == Op::Eq && test.path.sub.as_deref() == Some("value") => {
            match &test.value {
                Literal::Text(id) => {
                    ids.push(id.clone());
                    true
                }
                _ => false,
            }
        }
        _ => false,
    }
}
