//! POST, PUT, PATCH and DELETE of a group by a connection.

use serde_json::Value;

use super::jobs::{Halt, release_all};
use super::leave_groups;
use super::members::{self, Ready};
use crate::domain::access::reason;
use crate::domain::audit::Entry;
use crate::scim::Doc;
use crate::scim::document::{Incoming, schemas_of};
use crate::scim::error::quote;
use crate::scim::fold::{fold, match_document};
use crate::scim::immutable;
use crate::scim::patch::{Current, MemberChange, PatchRequest, apply};
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::flatten;
use crate::service::Source;
use crate::service::entitlements::require_push;
use crate::service::error::{Error, Result, corrupt};
use crate::service::limits::check_group;
use crate::service::push_guard::gather;
use crate::service::teams::refuse_source;
use crate::service::users::Target;
use crate::storage::Tx;
use crate::storage::connections::Counted;
use crate::storage::dialect::Json;
use crate::storage::groups::GroupRow;
use crate::storage::member_jobs::MemberJobRow;
use crate::storage::memberships::MemberKind;
use crate::storage::view::GroupView;

const KIND: ResourceKind = ResourceKind::Group;

/// POST.
pub(super) fn create(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    id: &str,
    incoming: &Incoming,
    ready: &Ready,
) -> Result<GroupView, Halt> {
    require_push(tx, source, false)?;
    let now = tx.now().0;
    let mut row = GroupRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: id.to_owned(),
        kind: "group".to_owned(),
        doc: Json(String::new()),
        match_doc: Json(String::new()),
        display_name: String::new(),
        display_name_key: String::new(),
        managed_by: Some(source.id.clone()),
        created_by: Some(source.id.clone()),
        external_id: incoming.external_id.clone(),
        generation: 1,
        version: 1,
        created_at: now,
        updated_at: now,
        team_set: None,
    };
    put_doc(registry, &mut row, &incoming.doc);
    check_name(tx, source, &row)?;
    gather(tx, &source.id)?;
    tx.totals().groups += 1;
    tx.count_for_connection(
        &source.id,
        Counted {
            groups: 1,
            ..Counted::default()
        },
    )?;
    record(tx, registry, "group.created", None, &row, source)?;
    let changes: Vec<MemberChange> = incoming
        .members
        .iter()
        .map(|list| MemberChange::Add(list.clone()))
        .collect();
    members::apply(tx, source, &mut row, None, &changes, ready)?;
    tx.create_group(&row)?;
    Ok(view(&row, source))
}

/// PUT.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
    incoming: &Incoming,
    ready: &Ready,
) -> Result<GroupView, Halt> {
    let before = find(tx, source, target)?;
    let stored = read_doc(&before)?;
    let mut doc = incoming.doc.clone();
    immutable::keep(registry, KIND, &stored, &mut doc);
    immutable::hold(registry, KIND, &stored, &mut doc)?;
    let changes: Vec<MemberChange> = incoming
        .members
        .iter()
        .map(|list| MemberChange::Replace(list.clone()))
        .collect();
    // An omitted externalId stays, as with users.
    let external_id = incoming
        .external_id
        .clone()
        .or_else(|| own_external_id(&before, source));
    let after = After {
        doc: &doc,
        external_id,
        changes: &changes,
    };
    write(tx, registry, source, before, after, ready)
}

/// PATCH.
pub(super) fn patch(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    (target, request): (&Target, &PatchRequest),
    rules: &mut Rules,
    ready: &Ready,
) -> Result<GroupView, Halt> {
    let before = find(tx, source, target)?;
    let doc = read_doc(&before)?;
    let external_id = own_external_id(&before, source);
    let current = Current {
        doc: &doc,
        external_id: external_id.as_deref(),
        active: None,
    };
    let patched = apply(registry.of_sources(), KIND, request, &current, rules)?;
    check_group(&patched.doc, patched.external_id.as_deref())?;
    let after = After {
        doc: &patched.doc,
        external_id: patched.external_id,
        changes: &patched.members,
    };
    write(tx, registry, source, before, after, ready)
}

/// What a group is to be.
struct After<'a> {
    doc: &'a Doc,
    external_id: Option<String>,
    changes: &'a [MemberChange],
}

fn write(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    before: GroupRow,
    after: After<'_>,
    ready: &Ready,
) -> Result<GroupView, Halt> {
    require_push(tx, source, false)?;
    let mut row = before.clone();
    put_doc(registry, &mut row, after.doc);
    if row.display_name_key != before.display_name_key {
        check_name(tx, source, &row)?;
    }
    let adopts = row.managed_by.is_none();
    row.managed_by = Some(source.id.clone());
    row.external_id = after.external_id;
    let version = Some(before.version);
    let members_changed = members::apply(tx, source, &mut row, version, after.changes, ready)?;
    if row != before || members_changed {
        gather(tx, &source.id)?;
        row.version += 1;
        row.updated_at = tx.now().0;
        tx.update_group(&row)?;
        if adopts {
            tx.totals().unmanaged_groups -= 1;
            tx.count_for_connection(
                &source.id,
                Counted {
                    groups: 1,
                    ..Counted::default()
                },
            )?;
        }
        record(tx, registry, "group.updated", Some(&before), &row, source)?;
    }
    Ok(view(&row, source))
}

/// How far a DELETE came.
pub(super) enum Deleted {
    /// The group is in more groups than one operation may change; it is in some still, and the operation is to be
    /// repeated.
    Partly,
    /// It is done, but for the job that lets the group's members go.
    Whole(Option<Box<MemberJobRow>>),
}

/// DELETE.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
) -> Result<Deleted, Halt> {
    require_push(tx, source, false)?;
    let row = find(tx, source, target)?;
    let is_managed = row.managed_by.as_deref() == Some(&source.id);
    let is_creator = row.created_by.as_deref() == Some(&source.id);
    if !is_managed && !is_creator {
        let why = "the group belongs to no connection, and this one did not create it: it can write the group, \
                   which makes it the manager, and not delete it";
        return Err(Error::Forbidden(why.to_owned()).into());
    }
    members::refuse_behind(tx, &row.id)?;
    gather(tx, &source.id)?;
    if is_creator {
        let member = (row.id.clone(), MemberKind::Group);
        if !leave_groups(tx, &member, None, reason::DELETED_BY_SOURCE)? {
            return Ok(Deleted::Partly);
        }
    }
    if is_managed {
        tx.count_for_connection(
            &source.id,
            Counted {
                groups: -1,
                ..Counted::default()
            },
        )?;
    }
    if !is_creator {
        unmanage(tx, registry, source, &row)?;
        return Ok(Deleted::Whole(None));
    }
    let name = Some(Value::from(row.display_name.as_str()));
    let entry = Entry::new("group.deleted", "group", row.id.clone())
        .object("connection", source.id.clone())
        .change("displayName", name, None);
    tx.record(entry);
    tx.totals().groups -= 1;
    if !is_managed {
        tx.totals().unmanaged_groups -= 1;
    }
    let job = release_all(tx, source, &row)?;
    tx.delete_group(&row.id)?;
    Ok(Deleted::Whole(job.map(Box::new)))
}

/// Nobody manages a connection's groups any more; some at a time, returns how many.
pub(in crate::service) fn let_go(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    limit: i64,
) -> Result<u64, Halt> {
    let groups = tx.list_managed_groups(&source.id, limit)?;
    for row in &groups {
        members::refuse_behind(tx, &row.id)?;
        unmanage(tx, registry, source, row)?;
        tx.count_for_connection(
            &source.id,
            Counted {
                groups: -1,
                ..Counted::default()
            },
        )?;
    }
    Ok(groups.len() as u64)
}

/// Nobody manages the group any more, so every connection sees it: its name gets a suffix where one of them has it.
fn unmanage(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    before: &GroupRow,
) -> Result<()> {
    let mut row = before.clone();
    (row.managed_by, row.external_id) = (None, None);
    let mut doc = read_doc(before)?;
    let mut number = 1;
    while is_named(tx, &row, |_| true)? {
        number += 1;
        let name = format!("{} ({number})", before.display_name);
        doc.insert("displayName".to_owned(), Value::from(name));
        put_doc(registry, &mut row, &doc);
    }
    row.version += 1;
    row.updated_at = tx.now().0;
    tx.update_group(&row)?;
    tx.totals().unmanaged_groups += 1;
    let name = |row: &GroupRow| Some(Value::from(row.display_name.as_str()));
    let entry = Entry::new("group.unmanaged", "group", row.id.clone())
        .object("connection", source.id.clone())
        .change("displayName", name(before), name(&row));
    tx.record(entry);
    Ok(())
}

/// Loads a group that the connection sees: its own, or one that nobody manages.
fn find(tx: &mut Tx<'_>, source: &Source, target: &Target) -> Result<GroupRow> {
    let row = tx.find_group(&target.id)?;
    refuse_source(tx, row.as_ref())?;
    let row = row
        .filter(|g| g.kind == "group" && g.managed_by.as_deref().is_none_or(|by| by == source.id));
    let row = row.ok_or_else(|| Error::no_such("group", &target.id))?;
    target.check(row.version)?;
    Ok(row)
}

fn own_external_id(row: &GroupRow, source: &Source) -> Option<String> {
    row.external_id
        .clone()
        .filter(|_| row.managed_by.as_deref() == Some(&source.id))
}

/// The name is unique, without case, among the groups that the connection sees.
fn check_name(tx: &mut Tx<'_>, source: &Source, row: &GroupRow) -> Result<()> {
    let sees = |g: &GroupRow| g.managed_by.as_deref().is_none_or(|by| by == source.id);
    if is_named(tx, row, sees)? {
        let name = quote(&row.display_name);
        return Err(Error::Conflict(format!(
            "the displayName `{name}` is taken by another group"
        )));
    }
    Ok(())
}

/// Whether another of these groups has the name.
fn is_named(tx: &mut Tx<'_>, row: &GroupRow, among: impl Fn(&GroupRow) -> bool) -> Result<bool> {
    let named = tx.list_groups_by_name(&row.display_name_key)?;
    Ok(named
        .iter()
        .any(|g| g.id != row.id && g.kind == "group" && among(g)))
}

pub(super) fn put_doc(registry: &Registry, row: &mut GroupRow, doc: &Doc) {
    let mut whole = doc.clone();
    whole.insert(
        "schemas".to_owned(),
        Value::from(schemas_of(registry, KIND, doc)),
    );
    let name = doc
        .get("displayName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    row.display_name = name.to_owned();
    row.display_name_key = fold(name);
    row.doc = Json(Value::Object(whole).to_string());
    row.match_doc = Json(Value::Object(match_document(registry, KIND, doc)).to_string());
}

fn read_doc(row: &GroupRow) -> Result<Doc> {
    let mut doc: Doc =
        serde_json::from_str(&row.doc.0).map_err(|e| corrupt("groups", &row.id, e))?;
    doc.remove("schemas");
    Ok(doc)
}

pub(super) fn record(
    tx: &mut Tx<'_>,
    registry: &Registry,
    action: &'static str,
    before: Option<&GroupRow>,
    row: &GroupRow,
    source: &Source,
) -> Result<()> {
    let old = match before {
        None => Default::default(),
        Some(before) => flatten(registry, KIND, &read_doc(before)?),
    };
    let new = flatten(registry, KIND, &read_doc(row)?);
    let mut entry =
        Entry::new(action, "group", row.id.clone()).object("connection", source.id.clone());
    for path in old
        .keys()
        .chain(new.keys().filter(|p| !old.contains_key(*p)))
    {
        entry = entry.change(
            &path.to_string(),
            old.get(path).cloned(),
            new.get(path).cloned(),
        );
    }
    let external =
        |row: Option<&GroupRow>| row.and_then(|r| r.external_id.clone()).map(Value::from);
    entry = entry.change("externalId", external(before), external(Some(row)));
    if before.is_some_and(|b| b.managed_by.is_none()) {
        entry = entry.change("managedBy", None, Some(Value::from(source.id.as_str())));
    }
    // Members have entries of their own.
    if before.is_none() || !entry.changes.is_empty() {
        tx.record(entry);
    }
    Ok(())
}

fn view(row: &GroupRow, source: &Source) -> GroupView {
    GroupView {
        id: row.id.clone(),
        doc: row.doc.clone(),
        external_id: own_external_id(row, source),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        kind: row.kind.clone(),
        managed_by: row.managed_by.clone(),
        generation: row.generation,
        parent: None,
    }
}
