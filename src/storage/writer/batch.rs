//! One transaction for a batch of jobs: heads locked in order, a savepoint a job, journal and heads at the end, one
//! commit, then the answers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::queue::Queue;
use super::{Job, Ran, Tx};
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use crate::storage::dialect;
use crate::storage::error::{Error, Result};
use crate::storage::heads::{self, Head};
use crate::storage::journal::{self, Batch};
use crate::storage::scope::Scope;

/// How often a batch is run again before its callers are told to come back.
const ATTEMPTS: usize = 4;

/// After so many jobs the planner is told what there is; then after four times as many.
const ANALYZE_AFTER: usize = 100;

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
    /// Rolled back because the connection is gone.
    Lost(Error),
    /// `COMMIT` itself failed: nobody knows.
    Unknown(Error),
}

/// A writer's connection.
pub(super) struct Runner {
    url: DatabaseUrl,
    conn: AnyConnection,
}

impl Runner {
    /// Opens the connection.
    pub(super) fn open(url: DatabaseUrl) -> Result<Self> {
        let conn = open(&url, Purpose::Write)?;
        Ok(Self { url, conn })
    }

    /// Runs batches until the queue is closed.
    pub(super) fn serve(mut self, queue: &Queue) {
        let mut last = 1;
        let (mut done, mut analyze_at) = (0, ANALYZE_AFTER);
        while let Some(jobs) = queue.take(last) {
            if jobs.is_empty() {
                continue;
            }
            last = jobs.len();
            done += last;
            if done >= analyze_at {
                analyze_at = done.saturating_mul(4);
                // A connection that fails here fails the batch too, which mends it.
                let _ = dialect::analyze(&mut self.conn);
            }
            let began = Instant::now();
            metrics::histogram!("rosterd_writer_batch_size").record(last as f64);
            self.run(jobs.into_iter().map(Place::new).collect());
            metrics::histogram!("rosterd_writer_batch_seconds").record(began.elapsed());
            metrics::gauge!("rosterd_writer_queue_depth").set(queue.len() as f64);
        }
    }

    fn run(&mut self, mut places: Vec<Place>) {
        for _ in 0..ATTEMPTS {
            match self.attempt(&mut places) {
                Attempt::Committed => return answer(places),
                Attempt::Unknown(error) => {
                    self.reopen();
                    return fail(
                        places,
                        &format!("the outcome of the commit is unknown: {error}"),
                    );
                }
                Attempt::Again(error) => {
                    tracing::warn!(error = %error, jobs = places.len(), "a batch of writes runs again");
                    // A neighbour process may hold the lock: let it finish.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                Attempt::Lost(error) => {
                    tracing::warn!(error = %error, "the writer lost its connection");
                    if !self.reopen() {
                        return fail(places, "the database cannot be reached");
                    }
                }
            }
        }
        fail(
            places,
            "the database refused the transaction several times; try again",
        );
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

    fn attempt(&mut self, places: &mut [Place]) -> Attempt {
        match self.fill(places) {
            Ok(()) => match dialect::commit(&mut self.conn) {
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

    /// Everything of the transaction but its commit.
    fn fill(&mut self, places: &mut [Place]) -> Result<()> {
        dialect::begin_write(&mut self.conn)?;
        let mut heads = self.lock_heads(places)?;
        let before = heads.clone();
        let mut batches: BTreeMap<TenantId, Vec<Batch>> = BTreeMap::new();
        let alone = places.len() == 1;
        for place in places.iter_mut().filter(|p| p.failed.is_none()) {
            let tenant = place.job.meta().tenant.clone();
            let Some(head) = heads.get_mut(&tenant) else {
                place.failed = Some(Error::Other("there is no such tenant".to_owned()));
                continue;
            };
            if let Some(entries) = run_one(&mut self.conn, place, head, alone)? {
                let job = &place.job;
                batches.entry(tenant).or_default().push(Batch {
                    meta: job.meta().clone(),
                    at: job.at(),
                    seed: *job.seed(),
                    entries,
                });
            }
        }
        for (tenant, head) in &mut heads {
            if let Some(batches) = batches.get(tenant) {
                journal::append(&mut self.conn, head, batches)?;
            }
            if before.get(tenant) != Some(head) {
                heads::update(&mut self.conn, head)?;
            }
        }
        Ok(())
    }

    /// Heads of all tenants of the batch, in ascending order, so that two processes cannot wait for each other.
    fn lock_heads(&mut self, places: &[Place]) -> Result<BTreeMap<TenantId, Head>> {
        let tenants: std::collections::BTreeSet<&TenantId> =
            places.iter().map(|p| &p.job.meta().tenant).collect();
        let mut heads = BTreeMap::new();
        for tenant in tenants {
            if let Some(head) = heads::lock(&mut self.conn, tenant)? {
                heads.insert(tenant.clone(), head);
            }
        }
        Ok(heads)
    }
}

/// Runs one job in its savepoint. `None`: its changes are rolled back and its answer is ready.
fn run_one(
    conn: &mut AnyConnection,
    place: &mut Place,
    head: &mut Head,
    alone: bool,
) -> Result<Option<Vec<Entry>>> {
    let untouched = head.clone();
    // A batch of one still needs a savepoint where an error would poison the transaction; it saves two statements
    // only when nothing fails, and rolling back all of it is the same as rolling back to the savepoint.
    if !alone {
        dialect::savepoint(conn)?;
    }
    let (ran, entries) = step(conn, place, head);
    match ran {
        Some(Ran::Keep) => {
            if !alone {
                dialect::commit(conn)?;
            }
            Ok(Some(entries))
        }
        Some(Ran::Undo) => {
            *head = untouched;
            undo(conn, alone)?;
            Ok(None)
        }
        Some(Ran::Again) => Err(Error::Retry("a job met another transaction".to_owned())),
        Some(Ran::Lost) => Err(Error::Lost("during a job".to_owned())),
        None => {
            *head = untouched;
            place.failed = Some(Error::Other(
                "the operation could not be carried out".to_owned(),
            ));
            undo(conn, alone)?;
            Ok(None)
        }
    }
}

/// Rolls back one job, with whatever transactions it left open inside, to where its neighbours stand.
fn undo(conn: &mut AnyConnection, alone: bool) -> Result<()> {
    let base = if alone { 0 } else { 1 };
    while dialect::depth(conn).is_some_and(|depth| depth > base) {
        dialect::rollback(conn)?;
    }
    if dialect::depth(conn) != Some(base) {
        return Err(Error::Retry("a savepoint was lost".to_owned()));
    }
    if alone {
        dialect::begin_write(conn)?;
    }
    Ok(())
}

/// The closure itself; `None` when it panicked.
fn step(conn: &mut AnyConnection, place: &mut Place, head: &mut Head) -> (Option<Ran>, Vec<Entry>) {
    let meta = place.job.meta().clone();
    let mut tx = Tx {
        scope: Scope::new(conn, meta.tenant),
        head,
        at: place.job.at(),
        actor: meta.actor,
        cause: meta.cause,
        seed: *place.job.seed(),
        drawn: 0,
        entries: Vec::new(),
    };
    let job = &mut place.job;
    let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).ok();
    (ran, tx.entries)
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
