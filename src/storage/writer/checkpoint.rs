//! Moves SQLite's log into the database file beside the writer, which would otherwise stop for it every few batches: each
//! time two more waits for the disk.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use crate::storage::dialect;
use crate::storage::error::{Error, Result};

/// How often the log is moved. What comes meanwhile stays in the log; where that outgrows what `wal_autocheckpoint` of
/// the writer's connection says, the writer moves it itself.
const EVERY: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

/// The thread that moves the log.
pub(super) struct Checkpointer {
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Starts it with a connection of its own.
    pub(super) fn start(url: &DatabaseUrl) -> Result<Self> {
        let conn = open(url, Purpose::Write)?;
        let stop = Arc::new(Stop::default());
        let theirs = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || run(conn, &theirs))
            .map_err(|e| Error::Unavailable(format!("no thread for checkpoints: {e}")))?;
        Ok(Self {
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends it; what is left in the log is moved when the last connection closes.
    pub(super) fn stop(&self) {
        *self
            .stop
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run(mut conn: AnyConnection, stop: &Stop) {
    let mut asked = stop.asked.lock().unwrap_or_else(PoisonError::into_inner);
    while !*asked {
        let (guard, waited) = stop
            .changed
            .wait_timeout(asked, EVERY)
            .unwrap_or_else(PoisonError::into_inner);
        asked = guard;
        if waited.timed_out() {
            drop(asked);
            if let Err(error) = dialect::checkpoint(&mut conn) {
                // Nothing is lost: the writer does it where the log grows.
                tracing::warn!(error = %error, "SQLite's log was not moved into its file");
            }
            asked = stop.asked.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}
