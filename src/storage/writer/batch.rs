//! One transaction for a batch of jobs: heads locked in order, the jobs, journal and heads at the end, one commit, then
//! the answers. Where a job fails, the batch runs again with a savepoint for each.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::queue::{Gathering, Queue};
use super::{Job, Ran, Tx};
use crate::domain::audit::{Cause, Entry};
use crate::domain::ids::TenantId;
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use crate::storage::dialect;
use crate::storage::error::{Error, Result};
use crate::storage::heads::{self, Held};
use crate::storage::journal::{self, Batch};
use crate::storage::scope::Scope;

/// How often a batch is run again before its callers are told to come back.
const ATTEMPTS: usize = 4;

/// After so many jobs the planner is told what there is; then after four times as many.
const ANALYZE_AFTER: usize = 100;

/// For so many batches each job has a savepoint, after one had to be rolled back.
const CAREFUL: usize = 64;

/// A job with what the batch knows of it.
struct Place {
    job: Box<dyn Job>,
    /// Set when the job cannot be carried out, whatever becomes of the batch; it does not run again.
    failed: Option<Error>,
}

impl Place {
    fn new(job: Box<dyn Job>) -> Self {
        Self { job, failed: None }
    }
}

/// How one attempt at a batch ended.
enum Attempt {
    Committed,
    /// Rolled back; run again.
    Again(Error),
    /// Rolled back because a job failed that had no savepoint; run again with savepoints.
    Careful,
    /// Rolled back because the connection is gone.
    Lost(Error),
    /// `COMMIT` itself failed: nobody knows.
    Unknown(Error),
}

/// A writer's connection.
pub(super) struct Runner {
    url: DatabaseUrl,
    conn: AnyConnection,
    queue: Arc<Queue>,
    /// How many jobs the last batch had.
    last: usize,
    /// Batches yet to come in which each job has a savepoint. Savepoints cost every job and help only where one fails,
    /// so a batch is first run without; those who fail rarely come alone.
    careful: usize,
}

impl Runner {
    /// Opens the connection.
    pub(super) fn open(url: DatabaseUrl, queue: Arc<Queue>) -> Result<Self> {
        let conn = open(&url, Purpose::Write)?;
        Ok(Self {
            url,
            conn,
            queue,
            last: 1,
            careful: 0,
        })
    }

    /// Runs batches until the queue is closed.
    pub(super) fn serve(mut self) {
        let (mut done, mut analyze_at) = (0, ANALYZE_AFTER);
        while let Some(jobs) = self.queue.take() {
            if jobs.is_empty() {
                continue;
            }
            if done >= analyze_at {
                analyze_at = done.saturating_mul(4);
                // A connection that fails here fails the batch too, which mends it.
                let _ = dialect::analyze(&mut self.conn);
            }
            let began = Instant::now();
            self.last = self.run(jobs.into_iter().map(Place::new).collect());
            done += self.last;
            metrics::histogram!("rosterd_writer_batch_size").record(self.last as f64);
            metrics::histogram!("rosterd_writer_batch_seconds").record(began.elapsed());
            metrics::gauge!("rosterd_writer_queue_depth").set(self.queue.len() as f64);
        }
    }

    /// Carries out a batch and answers it; returns how many jobs it had in the end.
    fn run(&mut self, mut places: Vec<Place>) -> usize {
        let failure = self.carry_out(&mut places);
        let size = places.len();
        match failure {
            None => answer(places),
            Some(why) => fail(places, &why),
        }
        size
    }

    /// Runs a batch until it is committed, or says why it is not.
    fn carry_out(&mut self, places: &mut Vec<Place>) -> Option<String> {
        self.careful = self.careful.saturating_sub(1);
        for _ in 0..ATTEMPTS {
            match self.attempt(places) {
                Attempt::Committed => return None,
                Attempt::Unknown(error) => {
                    self.reopen();
                    return Some(format!("the outcome of the commit is unknown: {error}"));
                }
                Attempt::Careful => self.careful = CAREFUL,
                Attempt::Again(error) => {
                    tracing::warn!(error = %error, jobs = places.len(), "a batch of writes runs again");
                    // A neighbour process may hold the lock: let it finish.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                Attempt::Lost(error) => {
                    tracing::warn!(error = %error, "the writer lost its connection");
                    if !self.reopen() {
                        return Some("the database cannot be reached".to_owned());
                    }
                }
            }
        }
        Some("the database refused the transaction several times; try again".to_owned())
    }

    fn reopen(&mut self) -> bool {
        match open(&self.url, Purpose::Write) {
            Ok(conn) => {
                self.conn = conn;
                true
            }
            Err(error) => {
                tracing::error!(error = %error, "the writer cannot reconnect");
                false
            }
        }
    }

    fn attempt(&mut self, places: &mut Vec<Place>) -> Attempt {
        match self.fill(places) {
            Ok(Filled::Careful) => match dialect::rollback(&mut self.conn) {
                Ok(()) => Attempt::Careful,
                Err(error) => Attempt::Lost(error),
            },
            Ok(Filled::Whole) => match dialect::commit(&mut self.conn) {
                Ok(()) => Attempt::Committed,
                Err(error) => {
                    let _ = dialect::rollback(&mut self.conn);
                    Attempt::Unknown(error)
                }
            },
            Err(error) => {
                while dialect::depth(&mut self.conn).is_some_and(|d| d > 0) {
                    if dialect::rollback(&mut self.conn).is_err() {
                        break;
                    }
                }
                if dialect::depth(&mut self.conn) == Some(0) && !matches!(error, Error::Lost(_)) {
                    Attempt::Again(error)
                } else {
                    Attempt::Lost(error)
                }
            }
        }
    }

    /// Everything of the transaction but its commit. What comes for its tenants meanwhile joins it.
    fn fill(&mut self, places: &mut Vec<Place>) -> Result<Filled> {
        dialect::begin_write(&mut self.conn)?;
        let tenants: BTreeSet<TenantId> =
            places.iter().map(|p| p.job.meta().tenant.clone()).collect();
        let mut held = self.lock_heads(&tenants)?;
        let before = held.clone();
        let mut batches: BTreeMap<TenantId, Vec<Batch>> = BTreeMap::new();
        let mut gathering = Gathering::new(&tenants, places.len(), self.last);
        let mut next = 0;
        loop {
            while next < places.len() {
                let guard = self.guard(next, places.len());
                match run_one(&mut self.conn, &mut places[next], &mut held, guard)? {
                    One::Kept(batch) => {
                        let tenant = batch.meta.tenant.clone();
                        batches.entry(tenant).or_default().push(batch);
                    }
                    One::Undone => {}
                    One::Careful => return Ok(Filled::Careful),
                }
                next += 1;
            }
            let more = self.queue.take_more(&mut gathering);
            if more.is_empty() {
                break;
            }
            places.extend(more.into_iter().map(Place::new));
        }
        for (tenant, held) in &mut held {
            if let Some(batches) = batches.get(tenant) {
                journal::append(&mut self.conn, &mut held.head, batches)?;
            }
            if before.get(tenant).map(|b| &b.head) != Some(&held.head) {
                heads::update(&mut self.conn, &held.head)?;
            }
        }
        Ok(Filled::Whole)
    }

    /// A job is alone as long as nobody ran before it.
    fn guard(&self, place: usize, size: usize) -> Guard {
        match (place, size, self.careful) {
            (0, 1, _) => Guard::Alone,
            (.., 0) => Guard::None,
            _ => Guard::Savepoint,
        }
    }

    /// Heads of all tenants of the batch, in ascending order, so that two processes cannot wait for each other.
    fn lock_heads(&mut self, tenants: &BTreeSet<TenantId>) -> Result<BTreeMap<TenantId, Held>> {
        let mut held = BTreeMap::new();
        for tenant in tenants {
            if let Some(found) = heads::lock(&mut self.conn, tenant)? {
                held.insert(tenant.clone(), found);
            }
        }
        Ok(held)
    }
}

/// What a failing job is rolled back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// The beginning of the transaction: it is alone in it.
    Alone,
    /// Its savepoint.
    Savepoint,
    /// Nothing: its neighbours go back with it, and run again.
    None,
}

/// How filling a transaction ended.
enum Filled {
    /// Ready to commit.
    Whole,
    /// A job failed that had no savepoint.
    Careful,
}

/// How one job ended.
enum One {
    /// With these entries.
    Kept(Batch),
    /// Its changes are rolled back and its answer is ready.
    Undone,
    /// Its changes cannot be told from its neighbours'.
    Careful,
}

/// Runs one job, unless it failed for good in an earlier attempt.
fn run_one(
    conn: &mut AnyConnection,
    place: &mut Place,
    held: &mut BTreeMap<TenantId, Held>,
    guard: Guard,
) -> Result<One> {
    if place.failed.is_some() {
        return Ok(One::Undone);
    }
    let Some(held) = held.get_mut(&place.job.meta().tenant) else {
        place.failed = Some(Error::Other("there is no such tenant".to_owned()));
        return Ok(One::Undone);
    };
    if held.is_going {
        place.failed = Some(Error::Unavailable("the tenant is being deleted".to_owned()));
        return Ok(One::Undone);
    }
    let untouched = held.clone();
    if guard == Guard::Savepoint {
        dialect::savepoint(conn)?;
    }
    let (ran, entries, cause) = step(conn, place, held);
    match ran {
        Some(Ran::Keep) => {
            if guard == Guard::Savepoint {
                dialect::commit(conn)?;
            }
            let job = &place.job;
            let mut meta = job.meta().clone();
            meta.cause = cause;
            return Ok(One::Kept(Batch {
                meta,
                at: job.at(),
                seed: *job.seed(),
                entries,
            }));
        }
        Some(Ran::Again) => return Err(Error::Retry("a job met another transaction".to_owned())),
        Some(Ran::Lost) => return Err(Error::Lost("during a job".to_owned())),
        Some(Ran::Undo) => {}
        None => {
            place.failed = Some(Error::Other(
                "the operation could not be carried out".to_owned(),
            ));
        }
    }
    *held = untouched;
    undo(conn, guard)
}

/// Rolls back one job, with whatever transactions it left open inside, to where its neighbours stand.
fn undo(conn: &mut AnyConnection, guard: Guard) -> Result<One> {
    let base = if guard == Guard::Alone { 0 } else { 1 };
    while dialect::depth(conn).is_some_and(|depth| depth > base) {
        dialect::rollback(conn)?;
    }
    if dialect::depth(conn) != Some(base) {
        return Err(Error::Retry("a savepoint was lost".to_owned()));
    }
    match guard {
        Guard::Alone => dialect::begin_write(conn)?,
        Guard::Savepoint => {}
        Guard::None => return Ok(One::Careful),
    }
    Ok(One::Undone)
}

/// The closure itself; `None` when it panicked. With its entries, and their cause.
fn step(
    conn: &mut AnyConnection,
    place: &mut Place,
    held: &mut Held,
) -> (Option<Ran>, Vec<Entry>, Cause) {
    let meta = place.job.meta().clone();
    let mut tx = Tx {
        scope: Scope::new(conn, meta.tenant),
        held,
        at: place.job.at(),
        actor: meta.actor,
        cause: meta.cause,
        lane: meta.lane,
        seed: *place.job.seed(),
        keys: place.job.keys(),
        drawn: 0,
        entries: Vec::new(),
    };
    let job = &mut place.job;
    let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).ok();
    (ran, tx.entries, tx.cause)
}

fn answer(places: Vec<Place>) {
    for place in places {
        let outcome = if place.failed.is_some() {
            "failed"
        } else {
            "committed"
        };
        metrics::counter!("rosterd_writer_jobs_total", "outcome" => outcome).increment(1);
        match place.failed {
            None => place.job.answer(),
            Some(error) => place.job.fail(error),
        }
    }
}

fn fail(places: Vec<Place>, why: &str) {
    tracing::error!(jobs = places.len(), why, "writes failed");
    metrics::counter!("rosterd_writer_jobs_total", "outcome" => "failed")
        .increment(places.len() as u64);
    for place in places {
        let error = place
            .failed
            .unwrap_or_else(|| Error::Unavailable(why.to_owned()));
        place.job.fail(error);
    }
}
