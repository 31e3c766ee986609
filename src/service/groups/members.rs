//! Changes of a group's members. Each is a difference between who is in and who is wanted: up to [`CHANGED_ROWS`] rows
//! of it are changed in the operation itself; for more, a prepared generation is put in force (see [`super::jobs`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::CHANGED_ROWS;
use super::jobs::{Behind, Halt, expired};
use super::nesting;
use crate::domain::audit::Entry;
use crate::scim::Error as ScimError;
use crate::scim::document::Member as Named;
use crate::scim::error::quote;
use crate::scim::patch::MemberChange;
use crate::service::Source;
use crate::service::error::{Error, Result};
use crate::service::push_guard::gather;
use crate::storage::groups::GroupRow;
use crate::storage::member_jobs::{MemberJobRow, state};
use crate::storage::memberships::{Member, MemberKind};
use crate::storage::{Scope, Tx};

/// So often others may get in between what was planned outside of the writer and its operation; then it is planned
/// inside, where nobody can.
const ROUNDS: usize = 3;

/// Members by their own ids.
type Members = BTreeMap<String, MemberKind>;

/// Members to add and to remove, by their own ids.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) add: Vec<Member>,
    pub(super) remove: Vec<String>,
}

impl Difference {
    fn between(from: &Members, to: &Members) -> Self {
        let added = to.iter().filter(|(id, _)| !from.contains_key(*id));
        let removed = from.keys().filter(|id| !to.contains_key(*id));
        Self {
            add: added.map(|(id, kind)| (id.clone(), *kind)).collect(),
            remove: removed.cloned().collect(),
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
    put: Members,
    drop: BTreeSet<String>,
}

impl Wish {
    /// Ids as the source knows them become users' own. Whoever comes in must be a user or a group that it sees; an
    /// unknown id that goes is no error, and somebody the source no longer sees may still be a member.
    fn read(scope: &mut Scope<'_>, source: &Source, changes: &[MemberChange]) -> Result<Self> {
        let known = Known::of(scope, source, changes)?;
        let mut wish = Self {
            keeps: true,
            put: Members::new(),
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
                        let (id, kind) = known.member(member)?;
                        wish.drop.remove(&id);
                        wish.put.insert(id, kind);
                    }
                }
                MemberChange::Remove(ids) => {
                    for id in ids {
                        let id = known.users.get(id).unwrap_or(id);
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
    fn over(&self, current: &Members) -> Members {
        let mut wanted = self.put.clone();
        if self.keeps {
            let stay = current.iter().filter(|(id, _)| !self.drop.contains(*id));
            wanted.extend(stay.map(|(id, kind)| (id.clone(), *kind)));
        }
        wanted
    }
}

/// Whom the ids of a request name.
struct Known {
    /// Users' own ids by those that the source knows.
    users: HashMap<String, String>,
    groups: BTreeSet<String>,
}

impl Known {
    /// Most members are users; only what comes in and names none is looked for among the groups.
    fn of(scope: &mut Scope<'_>, source: &Source, changes: &[MemberChange]) -> Result<Self> {
        let ids: Vec<String> = changes.iter().flat_map(named).cloned().collect();
        let users: HashMap<String, String> = scope
            .list_visible_ids(Some(&source.id), &ids)?
            .into_iter()
            .collect();
        let others: BTreeSet<&String> = changes
            .iter()
            .filter(|change| !matches!(change, MemberChange::Remove(_)))
            .flat_map(named)
            .filter(|id| !users.contains_key(*id))
            .collect();
        let others: Vec<String> = others.into_iter().cloned().collect();
        let groups = scope.list_visible_groups(&source.id, &others)?;
        Ok(Self {
            users,
            groups: groups.into_iter().collect(),
        })
    }

    /// A member that comes in. The word in its `type` must not name the other kind; what clients put there beside
    /// `User` and `Group` means nothing.
    fn member(&self, member: &Named) -> Result<Member> {
        let found = match self.users.get(&member.value) {
            Some(id) => (id.clone(), MemberKind::User),
            None if self.groups.contains(&member.value) => {
                (member.value.clone(), MemberKind::Group)
            }
            None => return Err(nobody(&member.value)),
        };
        let says = |kind: MemberKind| {
            let given = member.kind.as_deref().unwrap_or_default();
            given.eq_ignore_ascii_case(kind.as_str())
        };
        let other = match found.1 {
            MemberKind::User => MemberKind::Group,
            MemberKind::Group => MemberKind::User,
        };
        if says(other) {
            let (id, is, given) = (quote(&member.value), found.1.as_str(), other.as_str());
            let detail = format!("the member `{id}` is a {is}, and its `type` says {given}");
            return Err(ScimError::invalid_value(detail).into());
        }
        Ok(found)
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

/// The refusal of a member that is not there.
pub(super) fn nobody(id: &str) -> Error {
    let id = quote(id);
    let detail = format!("the member `{id}` is no user and no group: create it first");
    ScimError::invalid_value(detail).into()
}

/// The groups among members.
fn groups_in(members: &[Member]) -> Vec<String> {
    let groups = members
        .iter()
        .filter(|(_, kind)| *kind == MemberKind::Group);
    groups.map(|(id, _)| id.clone()).collect()
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
    let mut members = |generation: Option<i64>| -> Result<Members> {
        let Some(generation) = generation else {
            return Ok(Members::new());
        };
        let members = scope.list_all_members(group, generation, i64::MAX)?;
        Ok(members.into_iter().collect())
    };
    let current = members(found.as_ref().map(|g| g.generation))?;
    let wanted = wish.over(&current);
    Ok(Gap {
        version: found.map(|g| g.version),
        rows: Difference::between(&current, &wanted),
        fill: Difference::between(&members(generation)?, &wanted),
        put: wish.put.into_keys().collect(),
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
        Some(Prepared::Rows(difference)) if fits => {
            refuse_gone(tx, source, &difference.add)?;
            Ok(change_rows(tx, row, difference)?)
        }
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
        Some(job) => Err(Halt::Behind(Box::new(Behind::Members(Box::new(job))))),
        None => Ok(()),
    }
}

/// Refuses people whom the source has deleted since they were looked up, and groups that are gone since.
pub(super) fn refuse_gone(tx: &mut Tx<'_>, source: &Source, members: &[Member]) -> Result<()> {
    let ids: Vec<String> = members.iter().map(|(id, _)| id.clone()).collect();
    if let Some(id) = tx.list_ended_claims(&source.id, &ids)?.first() {
        return Err(nobody(id));
    }
    nesting::refuse_unseen(tx, source, &groups_in(members))
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
    let current = tx.list_all_members(&row.id, row.generation, limit)?;
    let current = current.into_iter().collect();
    Ok(Difference::between(&current, &wish.over(&current)))
}

fn change_rows(tx: &mut Tx<'_>, group: &GroupRow, difference: &Difference) -> Result<bool> {
    let mut changed = false;
    for id in &difference.remove {
        if let Some(kind) = tx.delete_membership(&group.id, group.generation, id)? {
            tx.record(entry("group.member_removed", &group.id, (id, kind)));
            changed = true;
        }
    }
    nesting::check(tx, group, &groups_in(&difference.add))?;
    for (id, kind) in &difference.add {
        if tx.create_membership(&group.id, group.generation, (id, *kind))? {
            tx.record(entry("group.member_added", &group.id, (id, *kind)));
            changed = true;
        }
    }
    Ok(changed)
}

/// The entry of one membership.
pub(in crate::service) fn entry(
    action: &'static str,
    group: &str,
    (member, kind): (&str, MemberKind),
) -> Entry {
    let kind = match kind {
        MemberKind::User => "user",
        MemberKind::Group => "group",
    };
    Entry::new(action, "group", group).object(kind, member)
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
    if gather(tx, &source.id)?.is_some() {
        // The entries that follow have the cause of this one.
        (job.cause_kind, job.cause_id) = (tx.cause().kind.clone(), tx.cause().id.clone());
    }
    let newcomers = tx.list_groups_only_in(&row.id, (generation, row.generation))?;
    nesting::check(tx, row, &newcomers)?;
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
