//! Changes of a group's members. Each is a difference between who is in and who is wanted: up to [`CHANGED_ROWS`] rows
//! of it are changed in the operation itself; for more, a prepared generation is put in force (see [`super::jobs`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::CHANGED_ROWS;
use super::jobs::{Halt, expired};
use crate::domain::audit::Entry;
use crate::scim::Error as ScimError;
use crate::scim::document::Member;
use crate::scim::error::quote;
use crate::scim::patch::MemberChange;
use crate::service::Source;
use crate::service::error::{Error, Result};
use crate::storage::groups::GroupRow;
use crate::storage::member_jobs::{MemberJobRow, state};
use crate::storage::{Scope, Tx};

/// So often others may get in between what was planned outside of the writer and its operation; then it is planned
/// inside, where nobody can.
const ROUNDS: usize = 3;

/// Users to add and to remove, by their own ids.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) add: Vec<String>,
    pub(super) remove: Vec<String>,
}

impl Difference {
    fn between(from: &BTreeSet<String>, to: &BTreeSet<String>) -> Self {
        Self {
            add: to.difference(from).cloned().collect(),
            remove: from.difference(to).cloned().collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.add.len() + self.remove.len()
    }
}

/// What was found out and prepared before the operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    /// The version of the group that it holds for; `None` for a group that is not there yet.
    pub(super) version: Option<i64>,
    pub(super) prepared: Option<Prepared>,
    /// How often something was prepared.
    pub(super) rounds: usize,
}

/// What an operation finds prepared.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    /// Few rows change.
    Rows(Arc<Difference>),
    /// This generation holds everybody who is wanted.
    Generation(i64),
}

/// What changes, taken together, make of the members.
struct Wish {
    /// Whether those who are in stay, `drop` aside.
    keeps: bool,
    put: BTreeSet<String>,
    drop: BTreeSet<String>,
}

impl Wish {
    /// Ids as the source knows them become users' own. Whoever comes in must be a user that it sees; an unknown id that
    /// goes is no error, and somebody the source no longer sees may still be a member.
    fn read(scope: &mut Scope<'_>, source: &Source, changes: &[MemberChange]) -> Result<Self> {
        let ids: Vec<String> = changes.iter().flat_map(named).cloned().collect();
        let found: HashMap<String, String> = scope
            .list_visible_ids(Some(&source.id), &ids)?
            .into_iter()
            .collect();
        let mut wish = Self {
            keeps: true,
            put: BTreeSet::new(),
            drop: BTreeSet::new(),
        };
        for change in changes {
            if matches!(change, MemberChange::RemoveAll | MemberChange::Replace(_)) {
                wish.keeps = false;
                wish.put.clear();
                wish.drop.clear();
            }
            match change {
                MemberChange::Add(list) | MemberChange::Replace(list) => {
                    for member in list {
                        let id = user(&found, member)?;
                        wish.drop.remove(&id);
                        wish.put.insert(id);
                    }
                }
                MemberChange::Remove(ids) => {
                    for id in ids {
                        let id = found.get(id).unwrap_or(id);
                        wish.put.remove(id);
                        wish.drop.insert(id.clone());
                    }
                }
                MemberChange::RemoveAll => {}
            }
        }
        Ok(wish)
    }

    fn len(&self) -> usize {
        self.put.len() + self.drop.len()
    }

    /// Who is in afterwards.
    fn over(&self, current: &BTreeSet<String>) -> BTreeSet<String> {
        let mut wanted = self.put.clone();
        if self.keeps {
            wanted.extend(current.difference(&self.drop).cloned());
        }
        wanted
    }
}

/// Ids that a change names.
fn named(change: &MemberChange) -> Box<dyn Iterator<Item = &String> + '_> {
    match change {
        MemberChange::Add(list) | MemberChange::Replace(list) => {
            Box::new(list.iter().map(|member| &member.value))
        }
        MemberChange::Remove(ids) => Box::new(ids.iter()),
        MemberChange::RemoveAll => Box::new(std::iter::empty()),
    }
}

fn user(found: &HashMap<String, String>, member: &Member) -> Result<String> {
    let is_group = |kind: &String| kind.eq_ignore_ascii_case("Group");
    if member.kind.as_ref().is_some_and(is_group) {
        let id = quote(&member.value);
        let detail = format!("the member `{id}` is a group: groups in groups are not supported");
        return Err(ScimError::invalid_value(detail).into());
    }
    let id = found.get(&member.value).cloned();
    id.ok_or_else(|| no_user(&member.value))
}

fn no_user(id: &str) -> Error {
    let id = quote(id);
    let detail = format!("the member `{id}` is no user: create the user first");
    ScimError::invalid_value(detail).into()
}

/// What is between a group and what is wanted of it.
pub(super) struct Gap {
    /// The group's version, if there is a group.
    pub(super) version: Option<i64>,
    /// Its members differ by this.
    pub(super) rows: Difference,
    /// The prepared generation differs by this.
    pub(super) fill: Difference,
    /// Whom the request names to be in.
    pub(super) put: BTreeSet<String>,
}

/// Compares members and a generation that is being prepared with what is wanted.
pub(super) fn compare(
    scope: &mut Scope<'_>,
    source: &Source,
    group: &str,
    generation: Option<i64>,
    changes: &[MemberChange],
) -> Result<Gap> {
    // The version first: whatever changes while the rest is read shows in a later one.
    let found = scope.find_group(group)?;
    let wish = Wish::read(scope, source, changes)?;
    let mut members = |generation: Option<i64>| -> Result<BTreeSet<String>> {
        let Some(generation) = generation else {
            return Ok(BTreeSet::new());
        };
        let ids = scope.list_member_ids(group, generation, i64::MAX)?;
        Ok(ids.into_iter().collect())
    };
    let current = members(found.as_ref().map(|g| g.generation))?;
    let wanted = wish.over(&current);
    Ok(Gap {
        version: found.map(|g| g.version),
        rows: Difference::between(&current, &wanted),
        fill: Difference::between(&members(generation)?, &wanted),
        put: wish.put,
    })
}

/// Applies changes to the members of a group that stands in `version`; returns whether anything changed. With a large
/// change the row gets another generation.
///
/// # Errors
/// `Halt` where something is to be done first.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    source: &Source,
    row: &mut GroupRow,
    version: Option<i64>,
    changes: &[MemberChange],
    ready: &Ready,
) -> Result<bool, Halt> {
    if changes.is_empty() {
        return Ok(false);
    }
    refuse_behind(tx, &row.id)?;
    let is_last = ready.rounds >= ROUNDS;
    let fits = ready.version == version;
    match &ready.prepared {
        Some(Prepared::Rows(difference)) if fits => Ok(change_rows(tx, row, difference)?),
        Some(Prepared::Generation(generation)) if fits => switch(tx, source, row, *generation),
        Some(Prepared::Generation(generation)) if is_last => {
            let gap = compare(tx, source, &row.id, Some(*generation), changes)?;
            if gap.fill.len() > CHANGED_ROWS {
                return Err(Halt::Plan(changes.to_vec()));
            }
            tx.create_memberships(&row.id, *generation, &gap.fill.add)?;
            tx.delete_memberships(&row.id, *generation, &gap.fill.remove)?;
            switch(tx, source, row, *generation)
        }
        // Looking up so many would keep other writers waiting.
        _ if changes.iter().flat_map(named).count() > CHANGED_ROWS && !is_last => {
            Err(Halt::Plan(changes.to_vec()))
        }
        _ => {
            let difference = difference(tx, source, row, changes)?;
            if difference.len() > CHANGED_ROWS {
                return Err(Halt::Plan(changes.to_vec()));
            }
            Ok(change_rows(tx, row, &difference)?)
        }
    }
}

/// The members of a group whose entries are not all written do not change: entries of one membership stand in the
/// order of what happened.
///
/// # Errors
/// `Halt::Behind` with the job that writes them.
pub(in crate::service) fn refuse_behind(tx: &mut Tx<'_>, group: &str) -> Result<(), Halt> {
    let jobs = tx.list_member_jobs(group)?;
    match jobs.into_iter().find(MemberJobRow::is_behind) {
        Some(job) => Err(Halt::Behind(Box::new(job))),
        None => Ok(()),
    }
}

/// Refuses people whom the source has deleted since they were looked up.
pub(super) fn refuse_gone(tx: &mut Tx<'_>, source: &str, ids: &[String]) -> Result<()> {
    match tx.list_ended_claims(source, ids)?.first() {
        None => Ok(()),
        Some(id) => Err(no_user(id)),
    }
}

/// The difference as far as it matters: where few are named and the others stay, who is in already is found out by the
/// change itself.
fn difference(
    tx: &mut Tx<'_>,
    source: &Source,
    row: &GroupRow,
    changes: &[MemberChange],
) -> Result<Difference> {
    let wish = Wish::read(tx, source, changes)?;
    if wish.keeps && wish.len() <= CHANGED_ROWS {
        return Ok(Difference {
            add: wish.put.into_iter().collect(),
            remove: wish.drop.into_iter().collect(),
        });
    }
    // One more than may go shows that it is too much, without reading a large group.
    let limit = match wish.keeps {
        true => i64::MAX,
        false => i64::try_from(wish.put.len() + CHANGED_ROWS + 1).unwrap_or(i64::MAX),
    };
    let current = tx.list_member_ids(&row.id, row.generation, limit)?;
    let current = current.into_iter().collect();
    Ok(Difference::between(&current, &wish.over(&current)))
}

fn change_rows(tx: &mut Tx<'_>, group: &GroupRow, difference: &Difference) -> Result<bool> {
    let mut changed = false;
    for id in &difference.remove {
        if tx.delete_membership(&group.id, group.generation, id)? {
            tx.record(entry("group.member_removed", &group.id, id));
            changed = true;
        }
    }
    for id in &difference.add {
        if tx.create_membership(&group.id, group.generation, id, "User")? {
            tx.record(entry("group.member_added", &group.id, id));
            changed = true;
        }
    }
    Ok(changed)
}

/// The entry of one membership.
pub(super) fn entry(action: &'static str, group: &str, user: &str) -> Entry {
    Entry::new(action, "group", group).object("user", user)
}

/// Puts a prepared generation in force.
fn switch(
    tx: &mut Tx<'_>,
    source: &Source,
    row: &mut GroupRow,
    generation: i64,
) -> Result<bool, Halt> {
    let job = tx.find_member_job(&row.id, generation)?;
    let mut job = job.filter(MemberJobRow::is_preparing).ok_or_else(expired)?;
    job.state = state::ADDED.to_owned();
    job.sweeps = row.generation;
    job.touched_at = tx.now().0;
    tx.update_member_job(&job)?;
    row.generation = generation;
    tx.record(
        Entry::new("group.members_changed", "group", row.id.clone())
            .object("connection", source.id.clone()),
    );
    Ok(true)
}
