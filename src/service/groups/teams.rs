//! Teams as the app says them (SEMANTICS §8): groups of kind `team` that the app manages, with their members and
//! reviewers. No source sees them.

use std::collections::BTreeSet;

use serde_json::json;

use super::jobs::{Halt, release_all};
use super::leave::Place;
use super::leave_groups;
pub(in crate::service) use super::members::entry;
use super::members::{self, Ready};
use super::write::{Deleted, put_doc, record};
use crate::domain::access::reason;
use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::scim::Doc;
use crate::scim::Error as ScimError;
use crate::scim::document::{self, Member};
use crate::scim::error::quote;
use crate::scim::patch::MemberChange;
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::Source;
use crate::service::app::Done;
use crate::service::error::{Error, Result};
use crate::service::limits::check_group;
use crate::storage::connections::Counted;
use crate::storage::dialect::Json;
use crate::storage::groups::GroupRow;
use crate::storage::memberships::MemberKind;
use crate::storage::{Scope, Tx};

/// URN of groups.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Kind of a group that is a team.
pub(in crate::service) const TEAM: &str = "team";

/// A team that was read and found good.
#[derive(Debug, Clone)]
pub(in crate::service) struct Team {
    /// The app's id.
    pub(in crate::service) id: String,
    /// Document.
    pub(in crate::service) doc: Doc,
    /// Members, by the ids under which the app's connection knows them.
    pub(in crate::service) members: Vec<String>,
    /// Who reviews it, by people's own ids.
    pub(in crate::service) reviewers: BTreeSet<String>,
}

/// The document of a team of this name.
pub(in crate::service) fn document(registry: &Registry, name: &str, id: &str) -> Result<Doc> {
    let body = json!({"schemas": [GROUP], "displayName": name});
    let read = document::read(registry, ResourceKind::Group, body, &mut Rules::default())?;
    check_group(&read.doc, Some(id))?;
    Ok(read.doc)
}

/// People by the ids that the app gives them, in the order of these: their own, and those that its connection knows.
pub(in crate::service) fn people(
    scope: &mut Scope<'_>,
    field: &str,
    ids: &[String],
) -> Result<Vec<(String, String)>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let claim = scope.find_app_claim(id)?.ok_or_else(|| {
            ScimError::invalid_value(format!(
                "`{field}`: `{}` is no user of the app: load users before teams",
                quote(id)
            ))
        })?;
        let known = claim.scim_id.unwrap_or_else(|| claim.user_id.clone());
        found.push((claim.user_id, known));
    }
    Ok(found)
}

/// Makes the team, or makes it as it is said; `group` is its own id.
pub(super) fn put(
    tx: &mut Tx<'_>,
    registry: &Registry,
    group: &str,
    team: &Team,
    ready: &Ready,
) -> Result<Done, Halt> {
    let source = Source::app();
    let members = team.members.iter().map(|id| Member {
        value: id.clone(),
        kind: None,
    });
    let members = members.collect();
    let Some(before) = tx.find_group(group)? else {
        let mut row = fresh((tx.tenant().as_str(), tx.now().0), group, &team.id);
        put_doc(registry, &mut row, &team.doc);
        tx.totals().groups += 1;
        count(tx, 1)?;
        record(tx, registry, "group.created", None, &row, &source)?;
        let changes = [MemberChange::Add(members)];
        members::apply(tx, &source, &mut row, None, &changes, ready)?;
        tx.create_group(&row)?;
        review(tx, group, &team.reviewers)?;
        return Ok(Done::Created);
    };
    let mut row = before.clone();
    put_doc(registry, &mut row, &team.doc);
    let changes = [MemberChange::Replace(members)];
    let version = Some(before.version);
    let moved = members::apply(tx, &source, &mut row, version, &changes, ready)?;
    let reviewed = review(tx, group, &team.reviewers)?;
    if row == before && !moved && !reviewed {
        return Ok(Done::Unchanged);
    }
    row.version += 1;
    row.updated_at = tx.now().0;
    tx.update_group(&row)?;
    record(tx, registry, "group.updated", Some(&before), &row, &source)?;
    Ok(Done::Updated)
}

fn fresh((tenant, now): (&str, i64), group: &str, id: &str) -> GroupRow {
    GroupRow {
        tenant: tenant.to_owned(),
        id: group.to_owned(),
        kind: TEAM.to_owned(),
        doc: Json(String::new()),
        match_doc: Json(String::new()),
        display_name: String::new(),
        display_name_key: String::new(),
        managed_by: Some(APP.to_owned()),
        created_by: Some(APP.to_owned()),
        external_id: Some(id.to_owned()),
        generation: 1,
        version: 1,
        created_at: now,
        updated_at: now,
        team_set: None,
    }
}

/// A team that nobody manages, of this id and name; it is not stored yet.
pub(in crate::service) fn row(
    registry: &Registry,
    tenant: &str,
    (id, name): (&str, &str),
    now: i64,
) -> Result<GroupRow> {
    let mut row = fresh((tenant, now), id, "");
    (row.managed_by, row.created_by, row.external_id) = (None, None, None);
    rename(registry, &mut row, name)?;
    Ok(row)
}

/// The team has this name.
pub(in crate::service) fn rename(
    registry: &Registry,
    row: &mut GroupRow,
    name: &str,
) -> Result<()> {
    let doc = document(registry, name, "")?;
    put_doc(registry, row, &doc);
    Ok(())
}

fn count(tx: &mut Tx<'_>, groups: i64) -> Result<()> {
    let counted = Counted {
        groups,
        ..Counted::default()
    };
    Ok(tx.count_for_connection(APP, counted)?)
}

/// Makes these the reviewers; false where they were.
pub(in crate::service) fn review(
    tx: &mut Tx<'_>,
    team: &str,
    wanted: &BTreeSet<String>,
) -> Result<bool> {
    let present: BTreeSet<String> = tx.list_reviewers(team)?.into_iter().collect();
    for user in present.difference(wanted) {
        stop_reviewing(tx, team, user)?;
    }
    for user in wanted.difference(&present) {
        start_reviewing(tx, team, user)?;
    }
    Ok(present != *wanted)
}

/// Somebody reviews a team from now on.
pub(in crate::service) fn start_reviewing(tx: &mut Tx<'_>, team: &str, user: &str) -> Result<()> {
    tx.create_reviewer(team, user)?;
    let entry = Entry::new("team.reviewer_added", "group", team);
    tx.record(entry.object("user", user));
    Ok(())
}

/// Somebody reviews a team no more.
pub(in crate::service) fn stop_reviewing(tx: &mut Tx<'_>, team: &str, user: &str) -> Result<()> {
    tx.delete_reviewer(team, user)?;
    let entry = Entry::new("team.reviewer_removed", "group", team);
    tx.record(entry.object("user", user));
    Ok(())
}

/// Somebody reviews nothing any more, but what `heir` takes over.
pub(super) fn leave_reviews(tx: &mut Tx<'_>, user: &str, heir: Option<&str>) -> Result<(), Halt> {
    for team in tx.list_reviewed(user)? {
        if let Some(row) = tx.find_group(&team)?
            && Place::of(tx, &row)? == Place::Prepared
        {
            // The next run says who reviews it.
            tx.delete_reviewer(&team, user)?;
            continue;
        }
        stop_reviewing(tx, &team, user)?;
        let Some(heir) = heir else { continue };
        if !tx.list_reviewers(&team)?.iter().any(|r| r == heir) {
            start_reviewing(tx, &team, heir)?;
        }
    }
    Ok(())
}

/// The app has the team no more.
pub(super) fn delete(tx: &mut Tx<'_>, group: &str, id: &str) -> Result<Deleted, Halt> {
    let row = tx
        .find_group(group)?
        .filter(|g| g.managed_by.as_deref() == Some(APP) && g.external_id.as_deref() == Some(id));
    let row = row.ok_or_else(|| Error::no_such("app team", id))?;
    members::refuse_behind(tx, group)?;
    let member = (row.id.clone(), MemberKind::Group);
    if !leave_groups(tx, &member, None, reason::DELETED_BY_SOURCE)? {
        return Ok(Deleted::Partly);
    }
    review(tx, group, &BTreeSet::new())?;
    count(tx, -1)?;
    tx.totals().groups -= 1;
    let name = Some(row.display_name.as_str().into());
    let entry = Entry::new("group.deleted", "group", group).object("connection", APP);
    tx.record(entry.change("displayName", name, None));
    let job = release_all(tx, &Source::app(), &row)?;
    tx.delete_group(group)?;
    Ok(Deleted::Whole(job.map(Box::new)))
}
