//! Groups in groups: never in a circle, and not deeper than [`LEVELS`]. Checked in the operation that puts the groups
//! in: writes of one tenant come one after the other, so that two which would close a circle together cannot both pass.

use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::Source;
use crate::service::error::Result;
use crate::storage::groups::GroupRow;
use crate::storage::{Scope, Tx};

/// Most levels of groups, the outermost and the innermost counted.
pub const LEVELS: i64 = 32;

/// Refuses groups that the source does not see any more.
///
/// # Errors
/// `invalidValue` that names one.
pub(super) fn refuse_unseen(
    scope: &mut Scope<'_>,
    source: &Source,
    groups: &[String],
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let seen = scope.list_visible_groups(&source.id, groups)?;
    match groups.iter().find(|id| !seen.contains(id)) {
        None => Ok(()),
        Some(id) => Err(super::members::nobody(id)),
    }
}

/// Refuses new members of a group that are the group itself, contain it, or would stand too deep.
///
/// # Errors
/// `invalidValue` that names both groups.
pub(super) fn check(tx: &mut Tx<'_>, group: &GroupRow, members: &[String]) -> Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let around = tx.list_groups_around(&group.id, LEVELS)?;
    let circle = members
        .iter()
        .find(|id| **id == group.id || around.contains_key(*id));
    if let Some(inner) = circle {
        let outer = name(&group.display_name, &group.id);
        if *inner == group.id {
            let detail = format!("the group {outer} cannot be its own member");
            return Err(ScimError::invalid_value(detail).into());
        }
        let inner = named(tx, inner)?;
        let detail = format!(
            "the group {inner} cannot become a member of the group {outer}, which is in it already, directly or by \
             way of other groups: take it out there first"
        );
        return Err(ScimError::invalid_value(detail).into());
    }
    let above = around.into_values().max().unwrap_or_default();
    let levels = above + 2 + tx.count_levels_below(members, LEVELS)?;
    if levels <= LEVELS {
        return Ok(());
    }
    let (outer, first) = (
        name(&group.display_name, &group.id),
        members.first().map_or("", String::as_str),
    );
    let inner = named(tx, first)?;
    let others = match members.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let detail = format!(
        "groups stand in groups at most {LEVELS} levels deep: with {inner}{others} in the group {outer} there would be \
         more"
    );
    Err(ScimError::invalid_value(detail).into())
}

fn name(display: &str, id: &str) -> String {
    format!("`{}` ({id})", quote(display))
}

fn named(tx: &mut Tx<'_>, id: &str) -> Result<String> {
    let display = tx.find_group(id)?.map(|group| group.display_name);
    Ok(name(&display.unwrap_or_default(), id))
}
