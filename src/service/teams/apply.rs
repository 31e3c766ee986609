//! A run: brings teams in step with who reports to whom now. What is as it should be costs a read; otherwise the steps are
//! written in few operations, each of which finds the teams as they were read, or it is all read again: two runs at once
//! do nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::build::{self, Input, Step, Wanted};
use super::types::{Chosen, State, TeamRun};
use super::{PARENT, ROWS, lock};
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::domain::teams::{Counting, Plan, build as build_teams};
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::groups::teams as groups;
use crate::service::{Caller, Service, notices};
use crate::storage::groups::GroupRow;
use crate::storage::memberships::MemberKind;
use crate::storage::teams::{SyncedTeamRow, TeamSyncRow, list_feeding};
use crate::storage::{Outcome, Scope, Tx};

/// So often another run may get in between.
const ROUNDS: usize = 8;
/// People who change are waited for so long to come to rest, in milliseconds.
const QUIET_MS: i64 = 2_000;
/// But not longer than this.
const LONGEST_MS: i64 = 10_000;

/// What a run has to do.
struct Work {
    row: TeamSyncRow,
    steps: Vec<Step>,
    counts: String,
    head: i64,
}

impl Service {
    /// Brings teams in step now. Where team sync is not on, or nothing is other than it should be, nothing is written.
    ///
    /// # Errors
    /// `Conflict` where other runs always came in between; storage.
    pub async fn sync_teams(&self, caller: &Caller) -> Result<TeamRun> {
        let mut run = TeamRun::default();
        for _ in 0..ROUNDS {
            let work = self.look_at_teams(caller).await?;
            let Some(work) = work.filter(|work| !work.steps.is_empty()) else {
                return Ok(run);
            };
            match self.carry_out_work(caller, work, &mut run).await {
                Err(Error::Stale(_)) => {}
                done => return done.map(|()| run),
            }
        }
        Err(Error::Conflict(
            "other runs of team sync came in between each time: try again".to_owned(),
        ))
    }

    /// The same for somebody who asks for it.
    ///
    /// # Errors
    /// `NotNow` where team sync is not on; those of [`Self::sync_teams`].
    pub async fn sync_teams_now(&self, caller: &Caller) -> Result<TeamRun> {
        let row = self
            .store
            .point(&caller.tenant, |scope| {
                Ok::<_, Error>(scope.find_team_sync()?)
            })
            .await?;
        let row = row.filter(|row| row.state == State::On.as_str());
        let row = row
            .ok_or_else(|| Error::NotNow("team sync is not on: complete its set-up".to_owned()))?;
        lock::refuse_job(&row)?;
        self.sync_teams(caller).await
    }

    /// The same after a change of a connection's people, if it feeds the teams.
    ///
    /// # Errors
    /// Those of [`Self::sync_teams`].
    pub async fn sync_teams_of(&self, caller: &Caller, connection: &str) -> Result<TeamRun> {
        let row = self
            .store
            .point(&caller.tenant, |scope| {
                Ok::<_, Error>(scope.find_team_sync()?)
            })
            .await?;
        match row.is_some_and(|row| row.connection_id == connection) {
            true => self.sync_teams(caller).await,
            false => Ok(TeamRun::default()),
        }
    }

    /// Runs team sync of tenants in which people changed and came to rest: by a push, an invitation, a human. Returns how
    /// many.
    ///
    /// # Errors
    /// Storage; what goes wrong with one tenant is logged, and tried again.
    pub async fn tick_teams(&self) -> Result<usize> {
        let waiting = self
            .store
            .read_global(|conn| Ok::<_, Error>(list_feeding(conn)?))
            .await?;
        let mut runs = 0;
        for (tenant, seen, head) in waiting {
            let tenant = TenantId::new(tenant);
            match self.tick_tenant(&tenant, seen, head).await {
                Ok(ran) => runs += usize::from(ran),
                Err(error) => {
                    tracing::warn!(tenant.id = tenant.as_str(), error = %error, "teams are not in step with their source");
                }
            }
        }
        Ok(runs)
    }

    async fn tick_tenant(&self, tenant: &TenantId, seen: i64, head: i64) -> Result<bool> {
        let news = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.find_news_of_people(seen)?)
            })
            .await?;
        let now = self.store.clock().now().0;
        let caller = Caller::system(tenant.clone(), "team sync");
        match news {
            // Only groups and settings: nothing that teams are made of.
            None => self.note_people_seen(&caller, head).await?,
            Some((first, last)) if now - last >= QUIET_MS || now - first >= LONGEST_MS => {
                self.sync_teams(&caller).await?;
                self.note_people_seen(&caller, head).await?;
            }
            Some(_) => return Ok(false),
        }
        Ok(news.is_some())
    }

    async fn note_people_seen(&self, caller: &Caller, head: i64) -> Result<()> {
        self.store
            .write(caller.meta(), move |tx| {
                if let Some(mut row) = tx.find_team_sync()?.filter(|row| row.seen < head) {
                    row.seen = head;
                    tx.put_team_sync(&row)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    async fn look_at_teams(&self, caller: &Caller) -> Result<Option<Work>> {
        let (store, tenant) = (Arc::clone(&self.store), caller.tenant.clone());
        self.store
            .read(&caller.tenant, move |scope| {
                let found = scope.snapshot(read)?;
                let Some((row, chosen, input)) = found else {
                    return Ok(None);
                };
                let plan = plan(&input, &chosen);
                let now = store.clock().now();
                let counts = counts(&input, &plan);
                let wanted = build::wanted(&plan, || {
                    crate::domain::ids::fresh_text(now, store.chance())
                });
                let mut steps = build::steps(&input.now, wanted);
                steps.extend(build::news(
                    &input.findings,
                    &plan.findings,
                    tenant.as_str(),
                    now.0,
                ));
                Ok(Some(Work {
                    row,
                    steps,
                    counts,
                    head: input.head,
                }))
            })
            .await
    }

    /// Writes the steps.
    async fn carry_out_work(&self, caller: &Caller, work: Work, run: &mut TeamRun) -> Result<()> {
        let registry = self.registry(&caller.tenant).await?;
        let Work {
            row,
            steps,
            counts,
            head,
        } = work;
        let chunks = chunks(steps);
        let last = chunks.len();
        for (n, chunk) in chunks.into_iter().enumerate() {
            // Each chunk moves it by one.
            let revision = row.revision + i64::try_from(n).unwrap_or(i64::MAX);
            let is_last = n + 1 == last;
            let (registry, counts) = (Arc::clone(&registry), counts.clone());
            let chunk = Arc::new(chunk);
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    let mut row = tx.find_team_sync()?.filter(|row| {
                        row.state == State::On.as_str()
                            && row.job.is_none()
                            && row.revision == revision
                    });
                    let Some(row) = row.as_mut() else {
                        return Err(Error::Stale("another run changed the teams".to_owned()));
                    };
                    let done = write(tx, &registry, row, &chunk)?;
                    row.revision += 1;
                    if is_last {
                        row.counts = Some(counts.clone());
                        row.seen = row.seen.max(head);
                    }
                    tx.put_team_sync(row)?;
                    Ok::<_, Error>(Outcome::Done(done))
                })
                .await?;
            add(run, done);
        }
        Ok(())
    }
}

fn add(total: &mut TeamRun, run: TeamRun) {
    total.created += run.created;
    total.ended += run.ended;
    total.moved += run.moved;
    total.reviewers += run.reviewers;
    total.renamed += run.renamed;
}

/// What a run looks at; `None` where team sync is not on, or is busy.
fn read(scope: &mut Scope<'_>) -> Result<Option<(TeamSyncRow, Chosen, Input)>> {
    let row = scope.find_team_sync()?;
    let row = row.filter(|row| row.state == State::On.as_str() && row.job.is_none());
    let Some(row) = row else { return Ok(None) };
    let chosen = Chosen::stored(&row)?;
    let input = build::gather(scope, &chosen)?;
    Ok(Some((row, chosen, input)))
}

/// What the builder says of teams that are there.
pub(super) fn plan(input: &Input, chosen: &Chosen) -> Plan {
    let previous = build::previous(&input.now);
    build_teams(
        &input.people,
        &previous,
        Counting::Invited,
        &chosen.naming(),
    )
}

/// Totals, as they are stored.
pub(super) fn counts(input: &Input, plan: &Plan) -> String {
    let totals = super::preview::totals(plan, input.others.len());
    serde_json::json!(totals).to_string()
}

/// Steps for one operation each.
fn chunks(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut chunks: Vec<Vec<Step>> = Vec::new();
    let mut rows = ROWS;
    for step in steps {
        rows += step.cost();
        if rows > ROWS {
            chunks.push(Vec::new());
            rows = step.cost();
        }
        if let Some(last) = chunks.last_mut() {
            last.push(step);
        }
    }
    chunks
}

/// Groups that an operation touches, each loaded and stored once.
#[derive(Default)]
struct Touched(BTreeMap<String, GroupRow>);

impl Touched {
    fn get(&mut self, tx: &mut Tx<'_>, id: &str) -> Result<Option<&mut GroupRow>> {
        if !self.0.contains_key(id) {
            let Some(row) = tx.find_group(id)? else {
                return Ok(None);
            };
            self.0.insert(id.to_owned(), row);
        }
        Ok(self.0.get_mut(id))
    }

    fn store(self, tx: &mut Tx<'_>) -> Result<()> {
        for mut row in self.0.into_values() {
            row.version += 1;
            row.updated_at = tx.now().0;
            tx.update_group(&row)?;
        }
        Ok(())
    }
}

fn write(
    tx: &mut Tx<'_>,
    registry: &Registry,
    sync: &TeamSyncRow,
    steps: &[Step],
) -> Result<TeamRun> {
    let mut run = TeamRun::default();
    let mut touched = Touched::default();
    let present = present(tx, steps)?;
    for step in steps {
        match step {
            Step::Create(team) => {
                create(tx, registry, &sync.connection_id, team)?;
                run.created += 1;
            }
            Step::Move { person, from, to } => {
                let left = leave(tx, &mut touched, person, from.as_deref())?;
                let to = to.as_deref().filter(|_| present.contains(person));
                let came = come(tx, &mut touched, person, to)?;
                run.moved += usize::from(left || came);
            }
            Step::Review { team, stop, start } => {
                if touched.get(tx, team)?.is_none() {
                    continue;
                }
                for user in stop {
                    groups::stop_reviewing(tx, team, user)?;
                }
                for user in start {
                    groups::start_reviewing(tx, team, user)?;
                }
                run.reviewers += 1;
            }
            Step::Name { team, name } => {
                if let Some(row) = touched.get(tx, team)? {
                    let before = row.display_name.clone();
                    groups::rename(registry, row, name)?;
                    let entry = Entry::new("group.updated", "group", team.as_str());
                    let (before, after) = (Some(before.into()), Some(name.as_str().into()));
                    tx.record(entry.change("displayName", before, after));
                    run.renamed += 1;
                }
            }
            Step::Place {
                team,
                manager,
                parent,
            } => place(tx, &mut touched, team, manager, parent)?,
            Step::End(team) => {
                touched.0.remove(team);
                run.ended += usize::from(end(tx, &sync.connection_id, team)?);
            }
            Step::Found(row) => {
                tx.create_team_finding(row)?;
                if row.ordinal == 0 {
                    let entry = Entry::new("team_sync.found", "user", row.subject.as_str());
                    tx.record(entry.reason(row.code.as_str()));
                    notices::team_finding(tx, &sync.connection_id, &row.code)?;
                }
            }
            Step::Over(row) => {
                tx.delete_team_finding(row)?;
                if row.ordinal == 0 {
                    let entry = Entry::new("team_sync.resolved", "user", row.subject.as_str());
                    tx.record(entry.reason(row.code.as_str()));
                }
            }
        }
    }
    touched.store(tx)?;
    if run.is_change() {
        let entry = Entry::new(
            "team_sync.applied",
            "connection",
            sync.connection_id.as_str(),
        );
        tx.record(entry.change("teams", None, Some(serde_json::json!(run))));
    }
    Ok(run)
}

/// Those who come into teams and are still there.
fn present(tx: &mut Tx<'_>, steps: &[Step]) -> Result<BTreeSet<String>> {
    let comers = steps.iter().filter_map(|step| match step {
        Step::Move {
            person,
            to: Some(_),
            ..
        } => Some(person.clone()),
        _ => None,
    });
    let comers: Vec<String> = comers.collect();
    let found = tx.list_visible_ids(None, &comers)?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

fn leave(tx: &mut Tx<'_>, touched: &mut Touched, person: &str, team: Option<&str>) -> Result<bool> {
    let Some(team) = team else { return Ok(false) };
    let Some(generation) = touched.get(tx, team)?.map(|row| row.generation) else {
        return Ok(false);
    };
    let left = tx.delete_membership(team, generation, person)?;
    if let Some(kind) = left {
        tx.record(groups::entry("group.member_removed", team, (person, kind)));
    }
    Ok(left.is_some())
}

fn come(tx: &mut Tx<'_>, touched: &mut Touched, person: &str, team: Option<&str>) -> Result<bool> {
    let Some(team) = team else { return Ok(false) };
    let Some(generation) = touched.get(tx, team)?.map(|row| row.generation) else {
        return Ok(false);
    };
    let kind = MemberKind::User;
    let came = tx.create_membership(team, generation, (person, kind))?;
    if came {
        tx.record(groups::entry("group.member_added", team, (person, kind)));
    }
    Ok(came)
}

fn create(tx: &mut Tx<'_>, registry: &Registry, connection: &str, team: &Wanted) -> Result<()> {
    let (tenant, now) = (tx.tenant().as_str(), tx.now().0);
    let row = groups::row(registry, tenant, (&team.id, &team.name), now)?;
    tx.create_group(&row)?;
    tx.totals().groups += 1;
    tx.put_synced_team(&synced(&row.tenant, team))?;
    tx.record(created(connection, &row, team.parent.as_deref()));
    Ok(())
}

/// The entry of a new team.
pub(super) fn created(connection: &str, row: &GroupRow, parent: Option<&str>) -> Entry {
    Entry::new("group.created", "group", row.id.as_str())
        .object("connection", connection)
        .change("displayName", None, Some(row.display_name.as_str().into()))
        .change(PARENT, None, parent.map(Into::into))
}

pub(super) fn synced(tenant: &str, team: &Wanted) -> SyncedTeamRow {
    SyncedTeamRow {
        tenant: tenant.to_owned(),
        group_id: team.id.clone(),
        manager_id: team.manager.clone(),
        parent_id: team.parent.clone(),
        is_renamed: false,
    }
}

fn place(
    tx: &mut Tx<'_>,
    touched: &mut Touched,
    team: &str,
    manager: &str,
    parent: &Option<String>,
) -> Result<()> {
    let Some(mut row) = tx.find_synced_team(team)? else {
        return Ok(());
    };
    if touched.get(tx, team)?.is_none() {
        return Ok(());
    }
    let text = |id: &Option<String>| id.as_deref().map(Into::into);
    let entry = Entry::new("team.placed", "group", team)
        .object("user", manager)
        .change(PARENT, text(&row.parent_id), text(parent));
    tx.record(entry);
    manager.clone_into(&mut row.manager_id);
    row.parent_id.clone_from(parent);
    Ok(tx.put_synced_team(&row)?)
}

/// A team ends; false while somebody is left in it, who goes with the next run.
fn end(tx: &mut Tx<'_>, connection: &str, team: &str) -> Result<bool> {
    let Some(row) = tx.find_group(team)? else {
        tx.delete_synced_team(team)?;
        return Ok(false);
    };
    if !tx.list_all_members(team, row.generation, 1)?.is_empty() {
        return Ok(false);
    }
    for user in tx.list_reviewers(team)? {
        groups::stop_reviewing(tx, team, &user)?;
    }
    tx.delete_synced_team(team)?;
    tx.delete_group(team)?;
    tx.totals().groups -= 1;
    tx.record(deleted(connection, &row));
    Ok(true)
}

/// The entry of a team that is no more.
pub(super) fn deleted(connection: &str, row: &GroupRow) -> Entry {
    let name = Some(row.display_name.as_str().into());
    let entry =
        Entry::new("group.deleted", "group", row.id.as_str()).object("connection", connection);
    entry.change("displayName", name, None)
}
