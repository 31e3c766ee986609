//! Whoever ceases to be, a person or a group, leaves the groups that she or it is in.

use super::Halt;
use super::jobs::Behind;
use super::members::{entry, refuse_behind};
use super::teams::leave_reviews;
use crate::domain::access::reason;
use crate::domain::app::APP;
use crate::storage::Tx;
use crate::storage::groups::GroupRow;
use crate::storage::memberships::{Member, MemberKind};

/// Most groups that one operation takes a member out of: a membership and a group's version each.
const GROUPS_AT_ONCE: i64 = 200;

/// Where a group stands while teams are replaced by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Everybody sees it, or has seen it.
    Told,
    /// It is of the set of teams that is being prepared: nobody sees it, and no entry speaks of it.
    Prepared,
}

impl Place {
    /// Where a group stands.
    ///
    /// # Errors
    /// `Halt::Behind` for a team that is in force and that no entry speaks of yet.
    pub(super) fn of(tx: &mut Tx<'_>, row: &GroupRow) -> Result<Self, Halt> {
        let Some(set) = row.team_set.filter(|set| *set > 0) else {
            return Ok(Self::Told);
        };
        match tx.find_team_sync()? {
            Some(sync) if sync.team_set >= set => {
                let tenant = tx.tenant().clone();
                Err(Halt::Behind(Box::new(Behind::Teams(tenant))))
            }
            _ => Ok(Self::Prepared),
        }
    }
}

/// Whether these are all groups, or those of the app: its teams have reviewers.
fn has_reviewers(manager: Option<&str>) -> bool {
    manager.is_none_or(|by| by == APP)
}

/// Takes a person or group out of groups, all of them or those that a connection manages; false when some are left.
pub(in crate::service) fn leave_groups(
    tx: &mut Tx<'_>,
    member: &Member,
    manager: Option<&str>,
    because: &'static str,
) -> Result<bool, Halt> {
    let (id, kind) = member;
    tx.delete_prepared_memberships(member, manager)?;
    let groups = tx.list_group_rows_of(member, manager, GROUPS_AT_ONCE + 1)?;
    let at_once = usize::try_from(GROUPS_AT_ONCE).unwrap_or(usize::MAX);
    let is_all = groups.len() <= at_once;
    for mut row in groups.into_iter().take(at_once) {
        refuse_behind(tx, &row.id)?;
        let place = Place::of(tx, &row)?;
        tx.delete_membership(&row.id, row.generation, id)?;
        if place == Place::Prepared {
            continue;
        }
        row.version += 1;
        row.updated_at = tx.now().0;
        tx.update_group(&row)?;
        tx.record(entry("group.member_removed", &row.id, (id, *kind)).reason(because));
    }
    if is_all && *kind == MemberKind::User && has_reviewers(manager) {
        leave_reviews(tx, id, None)?;
    }
    Ok(is_all)
}

/// Puts one person in the place of another in groups, all of them or those that a connection manages; false when some are
/// left.
pub(in crate::service) fn move_memberships(
    tx: &mut Tx<'_>,
    (from, into): (&str, &str),
    manager: Option<&str>,
) -> Result<bool, Halt> {
    let kind = MemberKind::User;
    let member = (from.to_owned(), kind);
    tx.delete_prepared_memberships(&member, manager)?;
    // Two memberships each, and the group's version.
    let at_once = GROUPS_AT_ONCE / 2;
    let groups = tx.list_group_rows_of(&member, manager, at_once + 1)?;
    let at_once = usize::try_from(at_once).unwrap_or(usize::MAX);
    let is_all = groups.len() <= at_once;
    for mut row in groups.into_iter().take(at_once) {
        refuse_behind(tx, &row.id)?;
        let place = Place::of(tx, &row)?;
        tx.delete_membership(&row.id, row.generation, from)?;
        let is_new = tx.create_membership(&row.id, row.generation, (into, kind))?;
        if place == Place::Prepared {
            continue;
        }
        row.version += 1;
        row.updated_at = tx.now().0;
        tx.update_group(&row)?;
        tx.record(entry("group.member_removed", &row.id, (from, kind)).reason(reason::MERGED));
        if is_new {
            tx.record(entry("group.member_added", &row.id, (into, kind)).reason(reason::MERGED));
        }
    }
    if is_all && has_reviewers(manager) {
        leave_reviews(tx, from, Some(into))?;
    }
    Ok(is_all)
}
