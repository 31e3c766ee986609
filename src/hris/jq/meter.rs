//! What a record may cost, counted while it is mapped.
//!
//! The interpreter asks for its program at each step and makes every value through [`super::value::V`]; both report here.
//! Where a limit is passed the step does not return: it unwinds to [`run`]. So `try` in a program cannot catch it, no
//! thread is lost and nothing has to be killed. Depth is the distance of a local variable from where the run began:
//! whatever recurses, in the program or in a library, is stopped long before the thread's stack ends.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stack of a thread on which programs are compiled and run. Only what is touched takes memory.
pub(super) const STACK: usize = 256 << 20;
/// What a run may use of it; the rest is for taking apart what was built (dropping nests as deep as building did).
const DEPTH: usize = 48 << 20;
/// Steps of one record: some hundred times what a large mapping takes.
const STEPS: u64 = 500_000;

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Time or steps.
    Time,
    /// Bytes.
    Size,
    /// Stack.
    Depth,
    /// A library panicked.
    Broken,
}

struct Meter {
    steps: Cell<u64>,
    bytes: Cell<usize>,
    floor: Cell<usize>,
    deadline: Cell<Option<Instant>>,
    cancelled: RefCell<Option<Arc<AtomicBool>>>,
}

thread_local! {
    // Off: nothing is limited.
    static METER: Meter = const { Meter {
        steps: Cell::new(u64::MAX),
        bytes: Cell::new(usize::MAX),
        floor: Cell::new(0),
        deadline: Cell::new(None),
        cancelled: RefCell::new(None),
    } };
}

impl Meter {
    fn is_late(&self) -> bool {
        let cancelled = self
            .cancelled
            .borrow()
            .as_ref()
            .is_some_and(|c| c.load(Ordering::Relaxed));
        cancelled || self.deadline.get().is_some_and(|d| Instant::now() >= d)
    }
}

#[inline(never)]
fn here() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}

fn stop(why: Stop) -> ! {
    resume_unwind(Box::new(why))
}

/// One step of work.
pub(super) fn step() {
    METER.with(|m| {
        let left = m.steps.get();
        if left == 0 {
            stop(Stop::Time);
        }
        m.steps.set(left - 1);
        if here() < m.floor.get() {
            stop(Stop::Depth);
        }
        if left % 64 == 0 && m.is_late() {
            stop(Stop::Time);
        }
    });
}

/// So many bytes are about to be made.
pub(super) fn made(bytes: usize) {
    METER.with(|m| match m.bytes.get().checked_sub(bytes) {
        Some(left) => m.bytes.set(left),
        None => stop(Stop::Size),
    });
}

/// Runs under limits: `time`, and `bytes` made in all.
pub(super) fn run<T>(
    time: Duration,
    bytes: usize,
    cancelled: &Arc<AtomicBool>,
    work: impl FnOnce() -> T,
) -> Result<T, Stop> {
    METER.with(|m| {
        m.steps.set(STEPS);
        m.bytes.set(bytes);
        m.floor.set(here().saturating_sub(DEPTH));
        m.deadline.set(Instant::now().checked_add(time));
        *m.cancelled.borrow_mut() = Some(Arc::clone(cancelled));
    });
    let done = catch_unwind(AssertUnwindSafe(work));
    METER.with(|m| {
        m.steps.set(u64::MAX);
        m.bytes.set(usize::MAX);
        m.floor.set(0);
        m.deadline.set(None);
    });
    done.map_err(|payload| payload.downcast_ref().copied().unwrap_or(Stop::Broken))
}
