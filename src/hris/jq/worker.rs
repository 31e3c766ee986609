//! The thread that maps, and what happens when one does not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use jaq_core::{Ctx, Vars};
use serde_json::Value;
use tokio::sync::mpsc as results;

use super::meter::{self, Stop};
use super::value::V;
use super::{Exhausted, Failure, Kind, Limits, Metered, Outcome, Program};

/// So many abandoned threads may hang in the whole process.
pub(super) const MOST_HANGING: usize = 4;

/// How many hang now.
static HANGING: AtomicUsize = AtomicUsize::new(0);

/// What a thread needs to map, the same for all records of a pull.
pub(super) struct Mapping {
    pub(super) program: Arc<Program>,
    pub(super) variables: [V; 3],
    pub(super) limits: Limits,
}

struct Job {
    page: Arc<Vec<Value>>,
    from: usize,
    outcomes: results::UnboundedSender<Outcome>,
}

const RUNNING: u8 = 0;
const ABANDONED: u8 = 1;
const ENDED: u8 = 2;

/// Counts a thread as hanging from when it is abandoned to when it ends, if it ever does.
struct End(Arc<AtomicU8>);

impl Drop for End {
    fn drop(&mut self) {
        if self.0.swap(ENDED, Ordering::SeqCst) == ABANDONED {
            HANGING.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A thread that maps one page after the other.
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    state: Arc<AtomicU8>,
    cancelled: Arc<AtomicBool>,
}

impl Worker {
    /// Starts one, unless too many hang.
    pub(super) fn start(mapping: Arc<Mapping>) -> Result<Self, Exhausted> {
        if HANGING.load(Ordering::SeqCst) >= MOST_HANGING {
            return Err(Exhausted);
        }
        let (jobs, waiting) = mpsc::channel::<Job>();
        let state = Arc::new(AtomicU8::new(RUNNING));
        let cancelled = Arc::new(AtomicBool::new(false));
        let (end, stop) = (End(Arc::clone(&state)), Arc::clone(&cancelled));
        let spawned = std::thread::Builder::new()
            .name("jq".to_owned())
            .stack_size(meter::STACK)
            .spawn(move || {
                let _end = end;
                while let Ok(job) = waiting.recv() {
                    map_page(&mapping, &job, &stop);
                }
            });
        spawned.map_err(|_| Exhausted)?;
        Ok(Self {
            jobs,
            state,
            cancelled,
        })
    }

    /// Hands over a page; its outcomes come one by one.
    pub(super) fn map(
        &self,
        page: Arc<Vec<Value>>,
        from: usize,
    ) -> results::UnboundedReceiver<Outcome> {
        let (outcomes, receiver) = results::unbounded_channel();
        // A thread that is gone drops the job, and with it the sender: the receiver sees the end.
        let _ = self.jobs.send(Job {
            page,
            from,
            outcomes,
        });
        receiver
    }

    /// Gives up on a thread that does not answer.
    pub(super) fn abandon(self) {
        HANGING.fetch_add(1, Ordering::SeqCst);
        let running =
            self.state
                .compare_exchange(RUNNING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst);
        if running.is_err() {
            HANGING.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// How long to wait for one record's outcome before its thread is given up: the meter has stopped it long before, unless
/// it hangs inside a library.
pub(super) fn patience(limits: &Limits) -> Duration {
    limits
        .time
        .saturating_mul(2)
        .saturating_add(Duration::from_millis(250))
}

fn map_page(mapping: &Mapping, job: &Job, stop: &Arc<AtomicBool>) {
    for record in job.page.iter().skip(job.from) {
        if job
            .outcomes
            .send(map_record(mapping, record, stop))
            .is_err()
        {
            return;
        }
    }
}

fn map_record(mapping: &Mapping, record: &Value, stop: &Arc<AtomicBool>) -> Outcome {
    let limits = &mapping.limits;
    let input = V::from_json(record);
    meter::run(limits.time, limits.memory, stop, || {
        results_of(mapping, input)
    })
    .unwrap_or_else(|stop| Err(stop.into()))
}

fn results_of(mapping: &Mapping, input: V) -> Outcome {
    let filter = &mapping.program.filter;
    let context = Ctx::<Kind>::new(Metered(&filter.lut), Vars::new(mapping.variables.clone()));
    let mut room = mapping.limits.size;
    let mut all = Vec::new();
    for result in filter.id.run((context, input)) {
        let value = result.map_err(|e| match e.get_err() {
            Ok(error) => Failure::Raised(mapping.program.explain(error)),
            Err(_) => Failure::Raised("the program breaks out of nothing".to_owned()),
        })?;
        if all.len() >= mapping.limits.results {
            return Err(Failure::Size);
        }
        all.push(value.to_json(&mut room)?);
    }
    Ok(all)
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Time => Self::Time,
            Stop::Size => Self::Size,
            Stop::Depth => Self::Depth,
            Stop::Broken => Self::Raised("a filter broke on this record".to_owned()),
        }
    }
}

#[cfg(test)]
pub(super) fn hanging() -> usize {
    HANGING.load(Ordering::SeqCst)
}
