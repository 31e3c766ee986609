//! Changes of members that are too large for one operation: prepared in chunks as another generation, put in force by
//! one small operation, then written to the journal and swept in chunks. `docs/decisions/0003-large-member-changes.md`
//! says what a crash leaves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::CHANGED_ROWS;
use super::members::{self, Difference, Gap, Prepared, Ready};
use crate::domain::access::reason;
use crate::domain::audit::{Actor, Cause};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::Error as ScimError;
use crate::scim::patch::MemberChange;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service, Source};
use crate::storage::groups::GroupRow;
use crate::storage::member_jobs::{MemberJobRow, list_before, state};
use crate::storage::memberships::Member;
use crate::storage::writer::JobError;
use crate::storage::{self, Lane, Outcome, Tx};

/// A job without a step for so long belongs to nobody any more.
pub const IDLE: Duration = Duration::from_secs(10);

/// How long to wait for another large change of the same group before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Why an operation ends without having changed anything.
#[derive(Debug)]
pub(in crate::service) enum Halt {
    /// It failed.
    Failed(Error),
    /// Entries of an earlier change are to be written first.
    Behind(Box<Behind>),
    /// These changes are to be planned, and prepared if they are large.
    Plan(Vec<MemberChange>),
}

/// What is to be told first.
#[derive(Debug)]
pub(in crate::service) enum Behind {
    /// A large change of a group's members.
    Members(Box<MemberJobRow>),
    /// Teams of a tenant that took the place of others.
    Teams(TenantId),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<storage::Error> for Halt {
    fn from(error: storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ScimError> for Halt {
    fn from(error: ScimError) -> Self {
        Self::Failed(error.into())
    }
}

impl JobError for Halt {
    fn storage(&self) -> Option<&storage::Error> {
        match self {
            Self::Failed(error) => error.storage(),
            Self::Behind(_) | Self::Plan(_) => None,
        }
    }
}

/// Somebody else took the prepared rows for forgotten.
pub(super) fn expired() -> Error {
    Error::Storage(storage::Error::Unavailable(
        "preparing a large change of members stood still for too long and was given up".to_owned(),
    ))
}

/// A job on behalf of the caller.
fn new_job(tx: &mut Tx<'_>, source: &str, group: &str, state: &str) -> Result<MemberJobRow> {
    let jobs = tx.list_member_jobs(group)?;
    // A group that is not there yet is made with generation 1.
    let current = tx.find_group(group)?.map_or(1, |g| g.generation);
    let newest = jobs.iter().map(|j| j.generation).fold(current, i64::max);
    Ok(MemberJobRow {
        tenant: tx.tenant().as_str().to_owned(),
        group_id: group.to_owned(),
        generation: newest + 1,
        state: state.to_owned(),
        sweeps: newest + 1,
        cursor: String::new(),
        connection_id: source.to_owned(),
        actor_kind: tx.actor().kind.clone(),
        actor_id: tx.actor().id.clone(),
        cause_kind: tx.cause().kind.clone(),
        cause_id: tx.cause().id.clone(),
        touched_at: tx.now().0,
    })
}

/// Lets the members of a group that is being deleted go, each with an entry; `None` where there are none.
pub(super) fn release_all(
    tx: &mut Tx<'_>,
    source: &Source,
    group: &GroupRow,
) -> Result<Option<MemberJobRow>> {
    if tx
        .list_all_members(&group.id, group.generation, 1)?
        .is_empty()
    {
        return Ok(None);
    }
    // Of the next generation, which stays empty, nobody comes and everybody goes.
    let mut job = new_job(tx, &source.id, &group.id, state::REMOVED)?;
    job.sweeps = group.generation;
    tx.create_member_job(&job)?;
    Ok(Some(job))
}

/// Whoever the job acts for, behind those who wait.
fn caller_of(job: &MemberJobRow) -> Caller {
    Caller {
        tenant: TenantId::new(job.tenant.clone()),
        actor: Actor {
            kind: job.actor_kind.clone(),
            id: job.actor_id.clone(),
        },
        cause: Cause {
            kind: job.cause_kind.clone(),
            id: job.cause_id.clone(),
        },
        lane: Lane::Run,
    }
}

impl Service {
    /// Runs an operation that may change members of a group, with whatever has to be done before it. It answers when
    /// the change is in force and its entries are written.
    ///
    /// # Errors
    /// Those of the operation; `Unavailable` when nothing could be prepared in time: then nothing has changed.
    pub(super) async fn write_members<T, F>(
        &self,
        caller: &Caller,
        source: &Source,
        group: &str,
        operation: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &Ready) -> Result<T, Halt> + Clone + Send + 'static,
    {
        let deadline = Instant::now() + self.member_write;
        let (mut ready, mut generation) = (Ready::default(), None);
        let result = loop {
            let (mut operation, given) = (operation.clone(), ready.clone());
            let written = self
                .store
                .write(caller.meta(), move |tx| {
                    operation(tx, &given).map(Outcome::Done)
                })
                .await;
            let first = async {
                match written {
                    Ok(done) => return Ok(Some(done)),
                    Err(Halt::Failed(error)) => return Err(error),
                    Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                    Err(Halt::Plan(changes)) => {
                        let rounds = ready.rounds + 1;
                        let work = Work {
                            caller,
                            source,
                            group,
                            changes: Arc::new(changes),
                        };
                        ready = self.prepare(&work, &mut generation).await?;
                        ready.rounds = rounds;
                    }
                }
                Ok(None)
            };
            match timeout_at(deadline, first).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(done))) => break Ok(done),
                Ok(Err(error)) => break Err(error),
                Err(_) => break Err(self.too_slow()),
            }
        };
        if let Some(generation) = generation {
            self.finish(caller, group, generation, deadline).await;
        }
        result
    }

    fn too_slow(&self) -> Error {
        Error::Storage(storage::Error::Unavailable(format!(
            "a change of members was not prepared within {} s (member_write_seconds)",
            self.member_write.as_secs()
        )))
    }

    /// Plans a change; a large one is filled into a generation of its own, whose number is told at once.
    async fn prepare(&self, work: &Work<'_>, generation: &mut Option<i64>) -> Result<Ready> {
        let gap = self.compare(work, *generation).await?;
        let ready = |prepared| Ready {
            version: gap.version,
            prepared: Some(prepared),
            rounds: 0,
        };
        if gap.rows.len() <= CHANGED_ROWS && generation.is_none() {
            return Ok(ready(Prepared::Rows(Arc::new(gap.rows))));
        }
        let number = match *generation {
            Some(number) => number,
            None => self.begin(work).await?,
        };
        *generation = Some(number);
        self.fill(work, number, gap.fill, gap.put).await?;
        Ok(ready(Prepared::Generation(number)))
    }

    async fn compare(&self, work: &Work<'_>, generation: Option<i64>) -> Result<Gap> {
        let (source, group) = (work.source.clone(), work.group.to_owned());
        let changes = Arc::clone(&work.changes);
        self.store
            .read(&work.caller.tenant, move |scope| {
                members::compare(scope, &source, &group, generation, &changes)
            })
            .await
    }

    /// The number of a generation to prepare, when no other is being prepared for the group.
    async fn begin(&self, work: &Work<'_>) -> Result<i64> {
        loop {
            let (group, source) = (work.group.to_owned(), work.source.id.clone());
            let begun = self
                .store
                .write(work.caller.meta(), move |tx| {
                    let jobs = tx.list_member_jobs(&group)?;
                    if jobs.iter().any(MemberJobRow::is_preparing) {
                        return Ok::<_, Error>(Outcome::Done(None));
                    }
                    let job = new_job(tx, &source, &group, state::PREPARING)?;
                    tx.create_member_job(&job)?;
                    Ok(Outcome::Done(Some(job.generation)))
                })
                .await?;
            match begun {
                Some(generation) => return Ok(generation),
                None => sleep(PAUSE).await,
            }
        }
    }

    /// Brings a generation that is being prepared to what is wanted.
    async fn fill(
        &self,
        work: &Work<'_>,
        generation: i64,
        gap: Difference,
        put: BTreeSet<String>,
    ) -> Result<()> {
        for members in gap.add.chunks(CHANGED_ROWS) {
            let newcomers = members.iter().filter(|(id, _)| put.contains(id));
            let newcomers: Vec<Member> = newcomers.cloned().collect();
            let (group, source) = (work.group.to_owned(), work.source.clone());
            let members = members.to_vec();
            self.fill_chunk(work, generation, move |tx| {
                // Somebody whom the source deletes from now on leaves prepared generations too.
                members::refuse_gone(tx, &source, &newcomers)?;
                Ok(tx.create_memberships(&group, generation, &members)?)
            })
            .await?;
        }
        for ids in gap.remove.chunks(CHANGED_ROWS) {
            let (group, ids) = (work.group.to_owned(), ids.to_vec());
            self.fill_chunk(work, generation, move |tx| {
                Ok(tx.delete_memberships(&group, generation, &ids)?)
            })
            .await?;
        }
        Ok(())
    }

    /// One step of the work on a generation that is being prepared.
    async fn fill_chunk(
        &self,
        work: &Work<'_>,
        generation: i64,
        step: impl Fn(&mut Tx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (group, mut caller) = (work.group.to_owned(), work.caller.clone());
        caller.lane = Lane::Run;
        self.store
            .write(caller.meta(), move |tx| {
                let job = tx.find_member_job(&group, generation)?;
                let mut job = job.filter(MemberJobRow::is_preparing).ok_or_else(expired)?;
                step(tx)?;
                job.touched_at = tx.now().0;
                tx.update_member_job(&job)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// What follows the deletion of a group; nobody waits for it.
    pub(super) fn follow(&self, job: MemberJobRow) {
        let service = self.clone();
        tokio::spawn(async move { report(service.complete(&job, oneshot::channel().0).await) });
    }

    /// What follows a change, or its failure. The rest of the work goes on when the caller has gone; the answer waits
    /// for the entries only.
    async fn finish(&self, caller: &Caller, group: &str, generation: i64, deadline: Instant) {
        let (service, group) = (self.clone(), group.to_owned());
        let tenant = caller.tenant.clone();
        let (written, entries) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let found = service
                .store
                .read(&tenant, move |scope| {
                    scope.find_member_job(&group, generation)
                })
                .await;
            let done = match found {
                Ok(Some(job)) => service.complete(&job, written).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error.into()),
            };
            report(done);
        });
        // Dropped without a word where there is nothing to write.
        let _ = timeout_at(deadline, entries).await;
    }

    /// Does what is left of a job; tells when its entries are written.
    async fn complete(&self, job: &MemberJobRow, written: oneshot::Sender<()>) -> Result<()> {
        self.give_up(job).await?;
        self.write_entries(job).await?;
        let _ = written.send(());
        self.sweep(job).await
    }

    /// Lets a generation go that was prepared and is not in force.
    async fn give_up(&self, job: &MemberJobRow) -> Result<()> {
        if !job.is_preparing() {
            return Ok(());
        }
        let seen = job.clone();
        self.store
            .write(caller_of(job).meta(), move |tx| {
                let found = tx.find_member_job(&seen.group_id, seen.generation)?;
                if let Some(mut job) = found.filter(|found| *found == seen) {
                    job.state = state::SWEEPING.to_owned();
                    job.touched_at = tx.now().0;
                    tx.update_member_job(&job)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Does what is to be done first.
    pub(in crate::service) async fn catch_up(&self, behind: &Behind) -> Result<()> {
        match behind {
            Behind::Members(job) => self.write_entries(job).await,
            Behind::Teams(tenant) => Box::pin(self.finish_team_job(tenant)).await,
        }
    }

    /// Writes the entries of a change that is in force, as far as nobody has. Several may do this at once.
    async fn write_entries(&self, job: &MemberJobRow) -> Result<()> {
        let caller = caller_of(job);
        let limit = i64::try_from(CHANGED_ROWS).unwrap_or(i64::MAX);
        loop {
            let (group, generation) = (job.group_id.clone(), job.generation);
            let found = self
                .store
                .read(&caller.tenant, move |scope| {
                    let job = scope.find_member_job(&group, generation)?;
                    let Some(job) = job.filter(MemberJobRow::is_behind) else {
                        return Ok::<_, Error>(None);
                    };
                    let pair = match job.state == state::ADDED {
                        true => (job.generation, job.sweeps),
                        false => (job.sweeps, job.generation),
                    };
                    let members = scope.list_only_in(&group, pair, &job.cursor, limit)?;
                    Ok(Some((job, members)))
                })
                .await?;
            let Some((seen, members)) = found else {
                return Ok(());
            };
            self.store
                .write(caller.meta(), move |tx| {
                    let now = tx.find_member_job(&seen.group_id, seen.generation)?;
                    if now.as_ref() == Some(&seen) {
                        record(tx, &seen, &members)?;
                    }
                    Ok::<_, Error>(Outcome::Done(()))
                })
                .await?;
        }
    }

    /// Removes rows that nobody reads, then the job.
    async fn sweep(&self, job: &MemberJobRow) -> Result<()> {
        let limit = i64::try_from(CHANGED_ROWS).unwrap_or(i64::MAX);
        loop {
            let key = (job.group_id.clone(), job.generation);
            let is_over = self
                .store
                .write(caller_of(job).meta(), move |tx| {
                    let found = tx.find_member_job(&key.0, key.1)?;
                    let Some(mut job) = found.filter(|j| j.state == state::SWEEPING) else {
                        return Ok::<_, Error>(Outcome::Done(true));
                    };
                    let left = tx.list_all_members(&key.0, job.sweeps, limit)?;
                    let ids: Vec<String> = left.into_iter().map(|(id, _)| id).collect();
                    if ids.is_empty() {
                        tx.delete_member_job(&key.0, key.1)?;
                        return Ok(Outcome::Done(true));
                    }
                    tx.delete_memberships(&key.0, job.sweeps, &ids)?;
                    job.touched_at = tx.now().0;
                    tx.update_member_job(&job)?;
                    Ok(Outcome::Done(false))
                })
                .await?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Goes on with jobs of all tenants that had no step for so long: their process was killed, or their caller went
    /// away. Returns how many there were.
    ///
    /// # Errors
    /// The jobs cannot be listed; one that fails is logged and stays.
    pub async fn resume_member_jobs(&self, idle: Duration) -> Result<usize> {
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let moment = Millis(self.store.clock().now().0.saturating_sub(idle));
        let jobs = self
            .store
            .read_global(move |conn| list_before(conn, moment))
            .await?;
        for job in &jobs {
            report(self.complete(job, oneshot::channel().0).await);
        }
        Ok(jobs.len())
    }
}

/// A large change of a group's members by a connection.
struct Work<'a> {
    caller: &'a Caller,
    source: &'a Source,
    group: &'a str,
    changes: Arc<Vec<MemberChange>>,
}

/// Writes some entries and moves the job on.
fn record(tx: &mut Tx<'_>, seen: &MemberJobRow, members: &[Member]) -> Result<()> {
    let (action, next) = match seen.state == state::ADDED {
        true => ("group.member_added", state::REMOVED),
        false => ("group.member_removed", state::SWEEPING),
    };
    let is_deleted = tx.find_group(&seen.group_id)?.is_none();
    for (id, kind) in members {
        let mut entry = members::entry(action, &seen.group_id, (id, *kind));
        if is_deleted {
            entry = entry.reason(reason::DELETED_BY_SOURCE);
        }
        tx.record(entry);
    }
    let mut job = seen.clone();
    match members.last() {
        Some((last, _)) if members.len() == CHANGED_ROWS => job.cursor.clone_from(last),
        _ => {
            job.cursor = String::new();
            job.state = next.to_owned();
        }
    }
    job.touched_at = tx.now().0;
    Ok(tx.update_member_job(&job)?)
}

fn report(done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(error = %error, "the rest of a large change of members is done later");
    }
}
