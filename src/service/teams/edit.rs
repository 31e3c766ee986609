//! Teams by hand: made, changed and deleted by an admin where team sync does not keep them, named in any case.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::types::{State, TeamView};
use super::{lock, read};
use crate::domain::access::Access;
use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::fold::fold;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, teams as groups};
use crate::service::{Caller, Service};
use crate::storage::groups::GroupRow;
use crate::storage::memberships::MemberKind;
use crate::storage::{Outcome, Tx};

/// Most people whom one change of a team names.
const PEOPLE: usize = 200;

/// A new team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamNew {
    /// Name, which no other team has.
    #[schema(example = "Sales")]
    pub name: String,
    /// Ids of people with access or an invitation, at most 200; more are added later.
    #[serde(default)]
    pub members: Vec<String>,
    /// Who reviews it.
    #[serde(default)]
    pub reviewers: Vec<String>,
}

/// What changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Sales EU"}))]
pub struct TeamChange {
    /// Name, which no other team has. A team that team sync keeps has it from then on; an empty text gives it the name of
    /// the template again.
    pub name: Option<String>,
    /// Ids of people who come, at most 200.
    #[serde(default)]
    pub add: Vec<String>,
    /// Ids of people who go, at most 200.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Who reviews it, all of them.
    pub reviewers: Option<Vec<String>>,
}

impl TeamChange {
    fn is_name_only(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.reviewers.is_none()
    }
}

impl Service {
    /// Makes a team.
    ///
    /// # Errors
    /// `NotNow` while team sync keeps the teams; `Conflict` for a name that is taken; `Invalid` for people without access or
    /// an invitation.
    pub async fn create_team(&self, caller: &Caller, new: TeamNew) -> Result<TeamView> {
        let (registry, id) = (self.registry(&caller.tenant).await?, self.fresh_id());
        self.store
            .write(caller.meta(), move |tx| {
                lock::refuse_edit(tx)?;
                let (tenant, now) = (tx.tenant().as_str(), tx.now().0);
                let row = groups::row(&registry, tenant, (&id, &new.name), now)?;
                check_name(tx, &row)?;
                tx.create_group(&row)?;
                tx.totals().groups += 1;
                let name = Some(row.display_name.as_str().into());
                let entry = Entry::new("group.created", "group", id.as_str());
                tx.record(entry.change("displayName", None, name));
                change_members(tx, &row, &new.members, &[])?;
                change_reviewers(tx, &id, &new.reviewers)?;
                read::view_of(tx, &id).map(Outcome::Done)
            })
            .await
    }

    /// Changes a team; its name also where team sync keeps it.
    ///
    /// # Errors
    /// `NotFound`; those of [`Self::create_team`]; `Forbidden` for a team of the app.
    pub async fn change_team(
        &self,
        caller: &Caller,
        id: &str,
        change: TeamChange,
    ) -> Result<TeamView> {
        let registry = self.registry(&caller.tenant).await?;
        let (team, is_unnamed) = (id.to_owned(), change.name.as_deref() == Some(""));
        let view = self
            .store
            .write(caller.meta(), move |tx| {
                edit(tx, &registry, &team, &change)?;
                read::view_of(tx, &team).map(Outcome::Done)
            })
            .await?;
        if !is_unnamed {
            return Ok(view);
        }
        self.sync_teams(caller).await?;
        self.find_team(&caller.tenant, id).await
    }

    /// Deletes a team.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` while team sync keeps it; `Forbidden` for a team of the app.
    pub async fn remove_team(&self, caller: &Caller, id: &str) -> Result<()> {
        loop {
            let team = id.to_owned();
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    lock::refuse_edit(tx)?;
                    let row = own(tx, &team)?;
                    remove(tx, &row).map(Outcome::Done)
                })
                .await;
            if self.settle_halt(done).await?.is_some() {
                return Ok(());
            }
        }
    }
}

/// A team in force that the app does not manage.
fn own(tx: &mut Tx<'_>, id: &str) -> Result<GroupRow> {
    let missing = || Error::no_such("team", id);
    let seen = tx.find_team(id)?.ok_or_else(missing)?;
    if seen.managed_by.as_deref() == Some(APP) {
        return Err(Error::Forbidden(
            "the team is the app's, which writes it at app-teams".to_owned(),
        ));
    }
    tx.find_group(id)?.ok_or_else(missing)
}

fn edit(tx: &mut Tx<'_>, registry: &Registry, id: &str, change: &TeamChange) -> Result<()> {
    let before = own(tx, id)?;
    let sync = tx.find_team_sync()?;
    if let Some(row) = &sync {
        lock::refuse_job(row)?;
    }
    let synced = tx.find_synced_team(id)?;
    let is_on = sync.is_some_and(|row| row.state == State::On.as_str());
    if !(change.is_name_only() && synced.is_some()) {
        lock::refuse_edit(tx)?;
    }
    let mut row = before.clone();
    match (change.name.as_deref(), synced) {
        (Some(""), Some(mut synced)) if is_on => {
            synced.is_renamed = false;
            tx.put_synced_team(&synced)?;
            bump(tx)?;
        }
        (Some(name), synced) => {
            groups::rename(registry, &mut row, name)?;
            check_name(tx, &row)?;
            if let Some(mut synced) = synced.filter(|s| is_on && !s.is_renamed) {
                synced.is_renamed = true;
                tx.put_synced_team(&synced)?;
            }
            if is_on && row != before {
                bump(tx)?;
            }
        }
        (None, _) => {}
    }
    let mut is_changed = row != before;
    if is_changed {
        let name = |row: &GroupRow| Some(row.display_name.as_str().into());
        let entry = Entry::new("group.updated", "group", id);
        tx.record(entry.change("displayName", name(&before), name(&row)));
    }
    is_changed |= change_members(tx, &row, &change.add, &change.remove)?;
    if let Some(reviewers) = &change.reviewers {
        is_changed |= change_reviewers(tx, id, reviewers)?;
    }
    if is_changed {
        row.version += 1;
        row.updated_at = tx.now().0;
        tx.update_group(&row)?;
    }
    Ok(())
}

/// A run that looked at the teams before looks again.
fn bump(tx: &mut Tx<'_>) -> Result<()> {
    if let Some(mut row) = tx.find_team_sync()? {
        row.revision += 1;
        tx.put_team_sync(&row)?;
    }
    Ok(())
}

/// No other team has the name.
fn check_name(tx: &mut Tx<'_>, row: &GroupRow) -> Result<()> {
    let name = row.display_name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(
            ScimError::invalid_value("`name` is a text that is not empty, on one line").into(),
        );
    }
    let others = tx.list_groups_by_name(&fold(&row.display_name))?;
    let is_taken = others
        .iter()
        .any(|other| other.id != row.id && other.kind == groups::TEAM && other.team_set.is_none());
    match is_taken {
        true => Err(Error::Conflict(format!(
            "the name `{}` is taken by another team",
            quote(&row.display_name)
        ))),
        false => Ok(()),
    }
}

fn change_members(
    tx: &mut Tx<'_>,
    row: &GroupRow,
    add: &[String],
    remove: &[String],
) -> Result<bool> {
    check_people(tx, "members", add)?;
    if remove.len() > PEOPLE {
        return Err(too_many("remove"));
    }
    let mut is_changed = false;
    for id in remove {
        if let Some(kind) = tx.delete_membership(&row.id, row.generation, id)? {
            tx.record(groups::entry("group.member_removed", &row.id, (id, kind)));
            is_changed = true;
        }
    }
    for id in add {
        let kind = MemberKind::User;
        if tx.create_membership(&row.id, row.generation, (id, kind))? {
            tx.record(groups::entry("group.member_added", &row.id, (id, kind)));
            is_changed = true;
        }
    }
    Ok(is_changed)
}

fn change_reviewers(tx: &mut Tx<'_>, team: &str, wanted: &[String]) -> Result<bool> {
    check_people(tx, "reviewers", wanted)?;
    let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
    groups::review(tx, team, &wanted)
}

fn too_many(field: &str) -> Error {
    ScimError::invalid_value(format!("`{field}` takes at most {PEOPLE} people at once")).into()
}

/// People are there, and have access or an invitation.
fn check_people(tx: &mut Tx<'_>, field: &str, ids: &[String]) -> Result<()> {
    if ids.len() > PEOPLE {
        return Err(too_many(field));
    }
    for id in ids {
        let user = tx.find_user(id)?.filter(|user| user.removed_at.is_none());
        let access = user.and_then(|user| Access::parse(&user.access));
        if !matches!(access, Some(Access::Granted | Access::Invited)) {
            return Err(ScimError::invalid_value(format!(
                "`{field}`: `{}` is nobody who has access or an invitation",
                quote(id)
            ))
            .into());
        }
    }
    Ok(())
}

/// `None`: some members are left, and it is to be called again.
fn remove(tx: &mut Tx<'_>, row: &GroupRow) -> Result<Option<()>, Halt> {
    let limit = i64::try_from(PEOPLE).unwrap_or_default();
    let members = tx.list_all_members(&row.id, row.generation, limit + 1)?;
    if members.len() > PEOPLE {
        let some: Vec<String> = members
            .iter()
            .take(PEOPLE)
            .map(|(id, _)| id.clone())
            .collect();
        tx.delete_memberships(&row.id, row.generation, &some)?;
        for (id, kind) in members.iter().take(PEOPLE) {
            tx.record(groups::entry("group.member_removed", &row.id, (id, *kind)));
        }
        return Ok(None);
    }
    for (id, kind) in &members {
        tx.delete_membership(&row.id, row.generation, id)?;
        tx.record(groups::entry("group.member_removed", &row.id, (id, *kind)));
    }
    groups::review(tx, &row.id, &BTreeSet::new())?;
    tx.delete_synced_team(&row.id)?;
    tx.delete_group(&row.id)?;
    tx.totals().groups -= 1;
    let name = Some(row.display_name.as_str().into());
    tx.record(
        Entry::new("group.deleted", "group", row.id.as_str()).change("displayName", name, None),
    );
    Ok(Some(()))
}
