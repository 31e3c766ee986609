//! What is shown of teams: how team sync stands, the teams, who is in none and why, what was found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::types::{Chosen, Found, Named, State, Status, TeamView, Unassigned};
use crate::domain::app::APP;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::error::{Error, Result};
use crate::storage::Scope;
use crate::storage::teams::TeamRow;

pub(super) fn status(scope: &mut Scope<'_>) -> Result<Status> {
    let row = scope.find_team_sync()?;
    let Some(row) = row else {
        return Ok(Status {
            state: State::Off,
            job: None,
            connection: None,
            language: None,
            template: None,
            totals: None,
            completed_at: None,
            completed_by: None,
            stopped_at: None,
            kept_teams: 0,
            given_up: None,
        });
    };
    let chosen = Chosen::stored(&row)?;
    let time = |at: Option<i64>| at.map(|at| Millis(at).to_rfc3339());
    let by = row.completed_by_kind.as_ref().map(|kind| {
        let id = row.completed_by_id.as_deref().unwrap_or_default();
        format!("{kind} {id}").trim().to_owned()
    });
    Ok(Status {
        state: State::of(&row),
        job: row.job.clone(),
        language: Some(chosen.language.clone()),
        template: Some(chosen.template()),
        connection: Some(chosen.connection),
        totals: row
            .counts
            .as_deref()
            .and_then(|counts| serde_json::from_str(counts).ok()),
        completed_at: time(row.completed_at),
        completed_by: by,
        stopped_at: time(row.stopped_at),
        kept_teams: match row.kept_at {
            Some(_) => scope.count_kept_teams()?,
            None => 0,
        },
        given_up: row.stage.filter(|_| row.job.is_none()),
    })
}

impl Service {
    /// Teams after an id, by ids, without their members.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_teams(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TeamView>> {
        let (after, limit) = (after.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.store
            .read(tenant, move |scope| {
                let rows = scope.list_teams(&after, limit)?;
                views(scope, rows)
            })
            .await
    }

    /// A team with its members.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_team(&self, tenant: &TenantId, id: &str) -> Result<TeamView> {
        let id = id.to_owned();
        self.store
            .read(tenant, move |scope| view_of(scope, &id))
            .await
    }

    /// Teams that somebody is in, without their members.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_teams_of(&self, tenant: &TenantId, person: &str) -> Result<Vec<TeamView>> {
        let person = person.to_owned();
        self.store
            .read(tenant, move |scope| {
                let rows = scope.list_teams_of(&person)?;
                views(scope, rows)
            })
            .await
    }

    /// Who has access or an invitation and is in no team, after an id, by ids.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_unassigned(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Unassigned>> {
        let (after, limit) = (after.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.store
            .read(tenant, move |scope| unassigned(scope, &after, limit))
            .await
    }

    /// What the last build found, after a finding, in the order of codes; each with what to ask on by.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_team_findings(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Found)>> {
        let (after, limit) = (after.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.store
            .read(tenant, move |scope| findings(scope, &after, limit))
            .await
    }
}

fn view_of(scope: &mut Scope<'_>, id: &str) -> Result<TeamView> {
    let row = scope.find_team(id)?;
    let row = row.ok_or_else(|| Error::no_such("team", id))?;
    let members = scope.list_all_members(id, row.generation, i64::MAX)?;
    let members: Vec<String> = members.into_iter().map(|(id, _)| id).collect();
    let members = named(scope, members)?;
    let view = views(scope, vec![row])?.into_iter().next();
    let mut view = view.ok_or_else(|| Error::no_such("team", id))?;
    view.members = Some(members);
    Ok(view)
}

fn named(scope: &mut Scope<'_>, ids: Vec<String>) -> Result<Vec<Named>> {
    let names: HashMap<String, String> = scope.list_names(&ids)?.into_iter().collect();
    let each = ids.into_iter().map(|id| Named {
        name: names.get(&id).cloned().unwrap_or_default(),
        id,
    });
    Ok(each.collect())
}

fn views(scope: &mut Scope<'_>, rows: Vec<TeamRow>) -> Result<Vec<TeamView>> {
    let sync = scope.find_team_sync()?;
    let is_on = sync.is_some_and(|row| row.state == State::On.as_str());
    let mut reviewers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut people: BTreeSet<String> = rows.iter().filter_map(|r| r.manager_id.clone()).collect();
    let teams: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    for (team, user) in scope.list_reviewers_of(&teams)? {
        people.insert(user.clone());
        reviewers.entry(team).or_default().push(user);
    }
    let people = named(scope, people.into_iter().collect())?;
    let names: HashMap<String, Named> = people.into_iter().map(|p| (p.id.clone(), p)).collect();
    let each = rows.into_iter().map(|row| TeamView {
        kept_by: match (row.manager_id.is_some() && is_on, row.managed_by.as_deref()) {
            (true, _) => "team-sync",
            (false, Some(APP)) => "app",
            (false, _) => "people",
        },
        app_team_id: row
            .external_id
            .filter(|_| row.managed_by.as_deref() == Some(APP)),
        manager: row.manager_id.and_then(|id| names.get(&id).cloned()),
        parent: row.parent_id,
        reviewers: reviewers
            .remove(&row.id)
            .unwrap_or_default()
            .iter()
            .filter_map(|id| names.get(id).cloned())
            .collect(),
        is_renamed: row.is_renamed.unwrap_or_default(),
        size: row.members,
        members: None,
        id: row.id,
        name: row.name,
    });
    Ok(each.collect())
}

/// The reason is made of what is stored, person by person, so that a page costs a page.
fn unassigned(scope: &mut Scope<'_>, after: &str, limit: i64) -> Result<Vec<Unassigned>> {
    let people = scope.list_teamless(after, limit)?;
    let sync = scope.find_team_sync()?;
    let sync = sync.filter(|row| row.state == State::On.as_str());
    let mut leads: HashMap<String, String> = HashMap::new();
    let mut fed = HashMap::new();
    let mut circles: BTreeSet<String> = BTreeSet::new();
    if let Some(row) = &sync {
        let ids: Vec<String> = people.iter().map(|(id, _)| id.clone()).collect();
        leads = scope.list_led_teams(&ids)?.into_iter().collect();
        let found = scope.list_fed_among(&row.connection_id, &ids)?;
        fed = found.into_iter().map(|p| (p.id.clone(), p)).collect();
        let found = scope.list_team_findings()?;
        let found = found.into_iter().filter(|f| f.code == "circle");
        circles = found.map(|f| f.key).collect();
    }
    let each = people.into_iter().map(|(id, name)| {
        let led = leads.remove(&id);
        let reason = match (sync.is_some(), fed.get(&id)) {
            (false, _) => "no-team",
            (true, None) => "not-in-source",
            (true, Some(_)) if circles.contains(&id) => "in-circle",
            (true, Some(p)) if p.is_managed_outside => "manager-outside",
            (true, Some(p)) => match p.manager.as_deref() {
                Some(manager) if manager == id => "self-managed",
                Some(_) => "manager-outside",
                None if led.is_some() => "leads",
                None => "no-manager",
            },
        };
        Unassigned {
            id,
            name,
            reason,
            leads: led,
        }
    });
    Ok(each.collect())
}

fn findings(scope: &mut Scope<'_>, after: &str, limit: i64) -> Result<Vec<(String, Found)>> {
    let sync = scope.find_team_sync()?;
    if sync.is_none_or(|row| row.state != State::On.as_str()) {
        // What is left of them is looked at again when it is on.
        return Ok(Vec::new());
    }
    let after = after.split_once('/').unwrap_or((after, ""));
    let rows = scope.list_team_findings_after(after, limit)?;
    let ids: BTreeSet<String> = rows.iter().map(|row| row.subject.clone()).collect();
    let people = named(scope, ids.into_iter().collect())?;
    let names: HashMap<String, Named> = people.into_iter().map(|p| (p.id.clone(), p)).collect();
    let mut found: Vec<(String, Found)> = Vec::new();
    for row in rows {
        let key = format!("{}/{}", row.code, row.key);
        let person = names.get(&row.subject).cloned();
        match found.last_mut().filter(|(last, _)| *last == key) {
            Some((_, found)) => found.people.extend(person),
            None => found.push((
                key,
                Found {
                    code: row.code,
                    people: person.into_iter().collect(),
                    since: Some(Millis(row.since).to_rfc3339()),
                },
            )),
        }
    }
    Ok(found)
}
