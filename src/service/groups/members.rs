//! Changes of a group's members: each is a difference, at most [`CHANGED_ROWS`] rows in one operation.

use std::collections::{BTreeSet, HashMap};

use super::CHANGED_ROWS;
use crate::domain::audit::Entry;
use crate::scim::Error as ScimError;
use crate::scim::document::Member;
use crate::scim::error::quote;
use crate::scim::patch::MemberChange;
use crate::service::Source;
use crate::service::error::{Error, Result};
use crate::storage::Tx;
use crate::storage::groups::GroupRow;

/// Applies changes in order; returns whether any row changed.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    source: &Source,
    group: &GroupRow,
    changes: &[MemberChange],
) -> Result<bool> {
    let mut budget = CHANGED_ROWS;
    let mut changed = false;
    for change in changes {
        let (add, remove) = difference(tx, source, group, change)?;
        for id in &remove {
            if tx.delete_membership(&group.id, group.generation, id)? {
                spend(&mut budget)?;
                tx.record(
                    Entry::new("group.member_removed", "group", group.id.clone())
                        .object("user", id.clone()),
                );
                changed = true;
            }
        }
        for id in &add {
            if tx.create_membership(&group.id, group.generation, id, "User")? {
                spend(&mut budget)?;
                tx.record(
                    Entry::new("group.member_added", "group", group.id.clone())
                        .object("user", id.clone()),
                );
                changed = true;
            }
        }
    }
    Ok(changed)
}

fn spend(budget: &mut usize) -> Result<()> {
    if *budget == 0 {
        return Err(Error::TooLarge(format!(
            "one request may change at most {CHANGED_ROWS} members of a group: send the change in several PATCH requests \
             that add or remove up to {CHANGED_ROWS} each"
        )));
    }
    *budget -= 1;
    Ok(())
}

/// Ids of users to add and to remove.
fn difference(
    tx: &mut Tx<'_>,
    source: &Source,
    group: &GroupRow,
    change: &MemberChange,
) -> Result<(Vec<String>, Vec<String>)> {
    match change {
        MemberChange::Add(list) => Ok((resolve(tx, source, list)?, Vec::new())),
        MemberChange::Remove(ids) => Ok((Vec::new(), known(tx, source, ids)?)),
        MemberChange::RemoveAll => {
            // One more than may go shows that it is too much, without reading a large group.
            let limit = i64::try_from(CHANGED_ROWS).unwrap_or(i64::MAX) + 1;
            Ok((
                Vec::new(),
                tx.list_member_ids(&group.id, group.generation, limit)?,
            ))
        }
        MemberChange::Replace(list) => {
            let wanted: BTreeSet<String> = resolve(tx, source, list)?.into_iter().collect();
            let present: BTreeSet<String> = tx
                .list_member_ids(&group.id, group.generation, i64::MAX)?
                .into_iter()
                .collect();
            let add = wanted.difference(&present).cloned().collect();
            let remove = present.difference(&wanted).cloned().collect();
            Ok((add, remove))
        }
    }
}

/// Ids as the source knows them → users' own ids; each must be a user that it sees.
fn resolve(tx: &mut Tx<'_>, source: &Source, list: &[Member]) -> Result<Vec<String>> {
    if let Some(member) = list.iter().find(|m| {
        m.kind
            .as_deref()
            .is_some_and(|k| k.eq_ignore_ascii_case("Group"))
    }) {
        let id = quote(&member.value);
        return Err(ScimError::invalid_value(format!(
            "the member `{id}` is a group: groups in groups are not supported"
        ))
        .into());
    }
    let ids: Vec<String> = list.iter().map(|m| m.value.clone()).collect();
    let found: HashMap<String, String> = tx
        .list_visible_ids(Some(&source.id), &ids)?
        .into_iter()
        .collect();
    let resolved = ids.iter().map(|id| {
        found.get(id).cloned().ok_or_else(|| {
            let id = quote(id);
            Error::Invalid(ScimError::invalid_value(format!(
                "the member `{id}` is no user: create the user first"
            )))
        })
    });
    resolved.collect()
}

/// The same for removal, where an unknown id is no error. Somebody the source no longer sees may still be a member.
fn known(tx: &mut Tx<'_>, source: &Source, ids: &[String]) -> Result<Vec<String>> {
    let found: HashMap<String, String> = tx
        .list_visible_ids(Some(&source.id), ids)?
        .into_iter()
        .collect();
    Ok(ids
        .iter()
        .map(|id| found.get(id).unwrap_or(id).clone())
        .collect())
}
