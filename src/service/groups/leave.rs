//! Whoever ceases to be, a person or a group, leaves the groups that she or it is in.

use super::Halt;
use super::members::{entry, refuse_behind};
use crate::storage::Tx;
use crate::storage::memberships::Member;

/// Most groups that one operation takes a member out of: a membership and a group's version each.
const GROUPS_AT_ONCE: i64 = 200;

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
        tx.delete_membership(&row.id, row.generation, id)?;
        row.version += 1;
        row.updated_at = tx.now().0;
        tx.update_group(&row)?;
        tx.record(entry("group.member_removed", &row.id, (id, *kind)).reason(because));
    }
    Ok(is_all)
}
