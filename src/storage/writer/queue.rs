//! The queue of a writer: one lane a tenant, taken in turn, so that a noisy tenant does not delay a quiet one.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Job;
use crate::domain::ids::TenantId;
use crate::storage::error::{Error, Result};

/// Most jobs of one batch; a smaller cap cost a quarter of the throughput at 32 callers.
const BATCH_CAP: usize = 128;
/// How long a batch waits, in all, for as many jobs as the last one had.
const GATHER: Duration = Duration::from_millis(1);

/// Priority inside a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// An identity provider waits.
    Scim,
    /// A run in the background; it yields after each chunk.
    Run,
}

#[derive(Default)]
struct Waiting {
    lanes: [VecDeque<Box<dyn Job>>; 3],
}

impl Waiting {
    fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    fn pop(&mut self) -> Option<Box<dyn Job>> {
        self.lanes.iter_mut().find_map(VecDeque::pop_front)
    }
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, Waiting>,
    /// Tenants with waiting jobs, next first.
    turn: VecDeque<TenantId>,
    waiting: usize,
    closed: bool,
}

/// Jobs on their way to one writer.
pub(super) struct Queue {
    /// Most jobs that may wait for one tenant.
    lane: usize,
    state: Mutex<State>,
    arrived: Condvar,
}

impl Queue {
    pub(super) fn new(lane: usize) -> Self {
        Self {
            lane,
            state: Mutex::default(),
            arrived: Condvar::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a job to its tenant's lane.
    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<()> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Unavailable("the server is stopping".to_owned()));
        }
        let tenant = job.meta().tenant.clone();
        let lane = job.meta().lane as usize;
        let waiting = state.tenants.entry(tenant.clone()).or_default();
        let before = waiting.len();
        if before >= self.lane {
            return Err(Error::Unavailable(format!(
                "{} writes of this tenant are waiting already",
                self.lane
            )));
        }
        waiting.lanes[lane].push_back(job);
        if before == 0 {
            state.turn.push_back(tenant);
        }
        state.waiting += 1;
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// How many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting
    }

    /// No more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Takes no more jobs and lets those go that wait: their callers hear that the writer is gone.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.tenants.clear();
        state.turn.clear();
        state.waiting = 0;
    }

    /// Waits for jobs and takes what is there. `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self.lock();
        while state.waiting == 0 {
            if state.closed {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(state.drain(BATCH_CAP))
    }

    /// What has come meanwhile for the tenants of a batch: it shares their commit. While the batch is smaller than the
    /// last one, that is waited for, a moment in all. Nothing where another tenant waits, who would wait longer.
    pub(super) fn take_more(&self, batch: &mut Gathering<'_>) -> Vec<Box<dyn Job>> {
        let mut state = self.lock();
        while state.waiting == 0 && batch.size < batch.last.min(BATCH_CAP) && !state.closed {
            let until = *batch.until.get_or_insert_with(|| Instant::now() + GATHER);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let (next, _) = self
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
        if state.tenants.keys().any(|t| !batch.tenants.contains(t)) {
            return Vec::new();
        }
        let more = state.drain(BATCH_CAP.saturating_sub(batch.size));
        batch.size += more.len();
        more
    }
}

/// A batch that is running and may still grow.
pub(super) struct Gathering<'b> {
    tenants: &'b BTreeSet<TenantId>,
    /// How many jobs the last batch had.
    last: usize,
    size: usize,
    until: Option<Instant>,
}

impl<'b> Gathering<'b> {
    /// A batch of so many jobs of these tenants.
    pub(super) fn new(tenants: &'b BTreeSet<TenantId>, size: usize, last: usize) -> Self {
        Self {
            tenants,
            last,
            size,
            until: None,
        }
    }
}

impl State {
    /// One job of each tenant in turn, until there are so many.
    fn drain(&mut self, cap: usize) -> Vec<Box<dyn Job>> {
        let mut batch = Vec::with_capacity(self.waiting.min(cap));
        while batch.len() < cap {
            let Some(tenant) = self.turn.pop_front() else {
                break;
            };
            let Some(waiting) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            if let Some(job) = waiting.pop() {
                self.waiting -= 1;
                if !job.is_abandoned() {
                    batch.push(job);
                }
            }
            if waiting.len() == 0 {
                self.tenants.remove(&tenant);
            } else {
                self.turn.push_back(tenant);
            }
        }
        batch
    }
}
