//! The set-up, and its way back: all teams of a tenant are replaced at once. The new ones are prepared in chunks under
//! the number of the next set, which nobody sees; one small operation makes that number the one in force; then what was
//! replaced goes, kept for a restore, and the journal is told, in chunks again. A killed process's job is gone on with: what
//! was prepared is thrown away and prepared anew, what is in force is finished.

use std::sync::Arc;
use std::time::Duration;

use super::build;
use super::fills::{AT_ONCE, Fill, fills_of, mark, put, throw_away};
use super::preview::{Confirmed, Prospect};
use super::types::{Choice, Chosen, State, Status};
use super::{ROWS, find_source, fresh, is_connected, lock, restore, write_choice};
use crate::domain::audit::{Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::entitlements::{Feature, require};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::teams::{TeamSyncRow, list_team_jobs};
use crate::storage::{Lane, Outcome, Scope, Tx};

/// A job without a step for so long belongs to nobody any more.
pub const IDLE: Duration = Duration::from_secs(10);

pub(super) const COMPLETE: &str = "complete";
pub(super) const RESTORE: &str = "restore";
pub(super) const PREPARING: &str = "preparing";
pub(super) const CLEARING: &str = "clearing";
pub(super) const RETIRING: &str = "retiring";
pub(super) const TELLING: &str = "telling";

impl Service {
    /// Completes the set-up, and waits until it is done. From its beginning on nobody edits teams.
    ///
    /// # Errors
    /// `NotEntitled` where the plan is without team sync; `NotNow` where it cannot be completed, or is on; `Invalid` where more people than one in five are in no team and
    /// their number is not confirmed; storage.
    pub async fn complete_team_sync(
        &self,
        caller: &Caller,
        choice: &Choice,
        confirmed: Confirmed,
    ) -> Result<Status> {
        self.begin_complete(caller, choice, confirmed).await?;
        self.finish_team_job(&caller.tenant).await?;
        self.team_sync(&caller.tenant).await
    }

    /// Begins to complete the set-up; it goes on in this process or, if that dies, in another.
    ///
    /// # Errors
    /// As [`Self::complete_team_sync`].
    pub async fn start_complete(
        &self,
        caller: &Caller,
        choice: &Choice,
        confirmed: Confirmed,
    ) -> Result<Status> {
        self.begin_complete(caller, choice, confirmed).await?;
        self.go_on_with_teams(&caller.tenant).await
    }

    /// Brings the teams back that the set-up replaced, in the place of those that team sync made, and waits for it. Teams
    /// that people made since stay.
    ///
    /// # Errors
    /// `NotNow` where none are kept.
    pub async fn restore_teams(&self, caller: &Caller) -> Result<Status> {
        self.begin_restore(caller).await?;
        self.finish_team_job(&caller.tenant).await?;
        self.team_sync(&caller.tenant).await
    }

    /// Begins to bring them back.
    ///
    /// # Errors
    /// As [`Self::restore_teams`].
    pub async fn start_restore(&self, caller: &Caller) -> Result<Status> {
        self.begin_restore(caller).await?;
        self.go_on_with_teams(&caller.tenant).await
    }

    async fn go_on_with_teams(&self, tenant: &TenantId) -> Result<Status> {
        let (service, of) = (self.clone(), tenant.clone());
        tokio::spawn(async move {
            if let Err(error) = service.finish_team_job(&of).await {
                tracing::warn!(tenant.id = of.as_str(), error = %error, "teams that are replaced are gone on with later");
            }
        });
        self.team_sync(tenant).await
    }

    /// Begins it only: what follows is for [`Self::resume_team_jobs`].
    ///
    /// # Errors
    /// As [`Self::complete_team_sync`].
    pub async fn begin_complete(
        &self,
        caller: &Caller,
        choice: &Choice,
        confirmed: Confirmed,
    ) -> Result<()> {
        let prospect = self.prospect_of(&caller.tenant, choice).await?;
        prospect.check(confirmed)?;
        let chosen = prospect.chosen;
        self.store
            .write(caller.meta(), move |tx| {
                require(tx, Feature::TeamSync)?;
                let row = tx.find_team_sync()?;
                let mut row = row.unwrap_or_else(|| fresh(tx.tenant().as_str()));
                lock::refuse_job(&row)?;
                if row.state == State::On.as_str() {
                    let why = "team sync is on already: stop it before it is set up again";
                    return Err(Error::NotNow(why.to_owned()));
                }
                write_choice(&mut row, &chosen);
                if row.completed_at.is_none() {
                    State::SetUp.as_str().clone_into(&mut row.state);
                }
                begin(tx, row, COMPLETE).map(Outcome::Done)
            })
            .await
    }

    async fn begin_restore(&self, caller: &Caller) -> Result<()> {
        self.store
            .write(caller.meta(), |tx| {
                let row = tx.find_team_sync()?.filter(|row| row.kept_at.is_some());
                let Some(row) = row else {
                    let why = "no teams of before are kept: nothing can be restored";
                    return Err(Error::NotNow(why.to_owned()));
                };
                lock::refuse_job(&row)?;
                begin(tx, row, RESTORE).map(Outcome::Done)
            })
            .await
    }

    /// Goes on with jobs of all tenants that had no step for so long. Returns how many there were.
    ///
    /// # Errors
    /// The jobs cannot be listed; one that fails is logged and stays.
    pub async fn resume_team_jobs(&self, idle: Duration) -> Result<usize> {
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let before = Millis(self.store.clock().now().0.saturating_sub(idle));
        let rows = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_team_jobs(conn, before)?))
            .await?;
        for row in &rows {
            let tenant = TenantId::new(row.tenant.as_str());
            if let Err(error) = self.finish_team_job(&tenant).await {
                tracing::warn!(tenant.id = row.tenant, error = %error, "teams that are replaced are gone on with later");
            }
        }
        Ok(rows.len())
    }

    /// Does what is left of a tenant's job; then teams are brought in step with whoever changed meanwhile.
    ///
    /// # Errors
    /// Storage; `Stale` where another process has taken over.
    pub(in crate::service) async fn finish_team_job(&self, tenant: &TenantId) -> Result<()> {
        loop {
            let row = self
                .store
                .point(tenant, |scope| Ok::<_, Error>(scope.find_team_sync()?))
                .await?;
            let Some(row) = row.filter(|row| row.job.is_some()) else {
                break;
            };
            let caller = caller_of(&row);
            if row.stage.as_deref() == Some(PREPARING) {
                self.prepare_teams(&caller, row).await?;
            } else {
                let done = self
                    .store
                    .write(caller.meta(), |tx| {
                        super::switch::step(tx).map(|()| Outcome::Done(Some(())))
                    })
                    .await;
                self.settle_halt(done).await?;
            }
        }
        self.sync_teams(&Caller::system(tenant.clone(), "team sync"))
            .await?;
        Ok(())
    }

    /// From nothing to the switch. What fails in a way that lasts is given up: whoever waits for it can do something else.
    async fn prepare_teams(&self, caller: &Caller, row: TeamSyncRow) -> Result<()> {
        let next = row.team_set + 1;
        let revision = self.take_team_job(caller, row.revision).await?;
        match self.prepare_set(caller, &row, (revision, next)).await {
            Ok(()) => Ok(()),
            Err(error @ (Error::Stale(_) | Error::Storage(_))) => Err(error),
            Err(error) => {
                let why = why_given_up(error);
                tracing::warn!(
                    tenant.id = row.tenant,
                    why,
                    "teams are not replaced: it is given up"
                );
                self.give_up_teams(caller, (revision, next), why).await
            }
        }
    }

    async fn prepare_set(
        &self,
        caller: &Caller,
        row: &TeamSyncRow,
        (revision, next): (i64, i64),
    ) -> Result<()> {
        while self
            .team_step(caller, revision, move |tx, _| throw_away(tx, next))
            .await?
        {}
        let (fills, counts, head) = self.team_fills(caller, row, next).await?;
        let mut chunk: Vec<Fill> = Vec::new();
        for fill in fills {
            let rows: usize = chunk.iter().map(Fill::cost).sum();
            if rows + fill.cost() > ROWS {
                self.fill_teams(caller, revision, std::mem::take(&mut chunk))
                    .await?;
            }
            chunk.push(fill);
        }
        self.fill_teams(caller, revision, chunk).await?;
        let is_restore = row.job.as_deref() == Some(RESTORE);
        while self
            .team_step(caller, revision, move |tx, _| mark(tx, next, is_restore))
            .await?
        {}
        self.team_step(caller, revision, move |tx, row| {
            super::switch::switch(tx, row, next, (&counts, head))
        })
        .await?;
        Ok(())
    }

    /// Whoever prepares takes the job: another who is still at it finds that it is not his any more.
    async fn take_team_job(&self, caller: &Caller, seen: i64) -> Result<i64> {
        self.team_step(caller, seen, |_, row| {
            row.revision += 1;
            Ok(row.revision)
        })
        .await
    }

    /// One operation of whoever has the job.
    async fn team_step<T: Send + 'static>(
        &self,
        caller: &Caller,
        revision: i64,
        work: impl Fn(&mut Tx<'_>, &mut TeamSyncRow) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store
            .write(caller.meta(), move |tx| {
                let row = tx.find_team_sync()?;
                let row = row.filter(|row| {
                    row.revision == revision && row.stage.as_deref() == Some(PREPARING)
                });
                let mut row = row.ok_or_else(|| {
                    Error::Stale("another process goes on with the set-up of team sync".to_owned())
                })?;
                row.touched_at = tx.now().0;
                let done = work(tx, &mut row)?;
                tx.put_team_sync(&row)?;
                Ok::<_, Error>(Outcome::Done(done))
            })
            .await
    }

    async fn fill_teams(&self, caller: &Caller, revision: i64, chunk: Vec<Fill>) -> Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let chunk = Arc::new(chunk);
        self.team_step(caller, revision, move |tx, _| {
            chunk.iter().try_for_each(|fill| put(tx, fill))
        })
        .await
    }

    /// What the next set is made of, with its totals and the journal's last entry that is in it.
    async fn team_fills(
        &self,
        caller: &Caller,
        row: &TeamSyncRow,
        next: i64,
    ) -> Result<(Vec<Fill>, String, i64)> {
        let registry = self.registry(&caller.tenant).await?;
        if row.job.as_deref() == Some(RESTORE) {
            let (tenant, now) = (caller.tenant.clone(), self.store.clock().now().0);
            let read = move |scope: &mut Scope<'_>| {
                restore::kept_fills(scope, &registry, (tenant.as_str(), now, next))
            };
            let fills = self.store.read(&caller.tenant, read).await?;
            return Ok((fills, String::new(), row.seen));
        }
        let prospect = self.prospect_of(&caller.tenant, &Choice::default()).await?;
        // What was confirmed at the beginning is not asked again; what can be of no use is not made.
        if let Some(why) = prospect.refusal() {
            return Err(Error::NotNow(why.to_owned()));
        }
        let Prospect { plan, input, .. } = &prospect;
        let counts = super::apply::counts(input, plan);
        let wanted = build::wanted(plan, || self.fresh_id());
        let of = (caller.tenant.as_str(), self.store.clock().now().0, next);
        Ok((fills_of(&registry, of, &wanted)?, counts, input.head))
    }

    /// Nothing came of it: everything is as it was.
    async fn give_up_teams(
        &self,
        caller: &Caller,
        (revision, next): (i64, i64),
        why: String,
    ) -> Result<()> {
        while self
            .team_step(caller, revision, move |tx, _| throw_away(tx, next))
            .await?
        {}
        while self
            .team_step(caller, revision, move |tx, _| {
                let marked = tx.list_teams_of_set(-next, AT_ONCE)?;
                let is_more = !marked.is_empty();
                for mut row in marked {
                    row.team_set = None;
                    tx.update_group(&row)?;
                }
                Ok(is_more)
            })
            .await?
        {}
        self.team_step(caller, revision, move |tx, row| {
            (row.job, row.stage) = (None, Some(why.clone()));
            let connection = row.connection_id.as_str();
            let entry = Entry::new("team_sync.given_up", "connection", connection);
            tx.record(entry.reason(why.clone()));
            Ok(())
        })
        .await
    }

    /// What choosing so would give.
    pub(super) async fn prospect_of(&self, tenant: &TenantId, choice: &Choice) -> Result<Prospect> {
        let choice = choice.clone();
        self.store
            .read(tenant, move |scope| {
                scope.snapshot(|scope| {
                    let row = scope.find_team_sync()?;
                    let chosen = Chosen::of(row.as_ref(), &choice)?;
                    let source = find_source(scope, &chosen.connection)?;
                    let is_on = row.is_some_and(|row| row.state == State::On.as_str());
                    let loaded = crate::service::app::loaded(scope)?;
                    let input = build::gather(scope, &chosen)?;
                    let is_connected = is_connected(&source);
                    Ok(Prospect::of(chosen, input, is_on, (loaded, is_connected)))
                })
            })
            .await
    }
}

/// As a code: what an error says may name people.
fn why_given_up(error: Error) -> String {
    match error {
        // A refusal, by its code.
        Error::NotNow(code) => code,
        Error::NotFound(_) => "connection-gone".to_owned(),
        Error::Forbidden(_) => "connection-refused".to_owned(),
        Error::Invalid(_) => "invalid-team".to_owned(),
        _ => "conflict".to_owned(),
    }
}

/// Whoever the job acts for, behind those who wait.
fn caller_of(row: &TeamSyncRow) -> Caller {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Caller {
        tenant: TenantId::new(row.tenant.as_str()),
        actor: Actor {
            kind: text(&row.actor_kind),
            id: text(&row.actor_id),
        },
        cause: Cause {
            kind: text(&row.cause_kind),
            id: text(&row.cause_id),
        },
        lane: Lane::Run,
    }
}

fn begin(tx: &mut Tx<'_>, mut row: TeamSyncRow, job: &str) -> Result<()> {
    row.job = Some(job.to_owned());
    row.stage = Some(PREPARING.to_owned());
    row.member_cursor = None;
    (row.actor_kind, row.actor_id) = (Some(tx.actor().kind.clone()), Some(tx.actor().id.clone()));
    (row.cause_kind, row.cause_id) = (Some(tx.cause().kind.clone()), Some(tx.cause().id.clone()));
    row.touched_at = tx.now().0;
    row.revision += 1;
    Ok(tx.put_team_sync(&row)?)
}
