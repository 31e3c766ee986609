//! Group commit: concurrent writes wait in a queue, run in one transaction, and are answered after one commit. Callers see one method that takes a closure.
//!
//! A closure may run more than once (after a deadlock, a lost connection, a neighbour's panic), so it must be free of
//! outside effects: no I/O, no mail, no cache. Time, ids and the seed of the salts are inputs, so that a re-run writes
//! the same bytes.

mod batch;
mod checkpoint;
mod queue;
mod tx;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use queue::Lane;
pub use tx::Tx;

use self::queue::Queue;
use super::connection::DatabaseUrl;
use super::error::{Error, Result};
use crate::domain::audit::{Actor, Cause};
use crate::domain::chance::{Chance, seed};
use crate::domain::clock::{Clock, Millis};
use crate::domain::ids::TenantId;
use crate::domain::sealed::Keyring;

/// Who writes for which tenant, and why.
#[derive(Debug, Clone)]
pub struct JobMeta {
    /// Tenant.
    pub tenant: TenantId,
    /// Priority.
    pub lane: Lane,
    /// Actor of the journal entries.
    pub actor: Actor,
    /// Cause of the journal entries.
    pub cause: Cause,
}

/// How a closure ends when it does not fail.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// Commit and answer.
    Done(T),
    /// Commit what it recorded (a conflict, a parked change) and answer with the error.
    Refused(E),
}

/// The error of a closure: it can carry a storage failure, which the writer must see to run the batch again.
pub trait JobError: From<Error> + Send + 'static {
    /// The storage failure inside, if that is what it is.
    fn storage(&self) -> Option<&Error>;
}

impl JobError for Error {
    fn storage(&self) -> Option<&Error> {
        Some(self)
    }
}

/// What the batch does with a closure that has run.
enum Ran {
    /// Its changes stay.
    Keep,
    /// Roll back what it did; the answer is stored in the job.
    Undo,
    /// The whole batch must run again.
    Again,
    /// The connection is gone; the whole batch must run again on another.
    Lost,
}

/// A queued write without its types.
trait Job: Send {
    fn meta(&self) -> &JobMeta;
    fn at(&self) -> Millis;
    fn seed(&self) -> &[u8; 32];
    fn keys(&self) -> Arc<Keyring>;
    fn is_abandoned(&self) -> bool;
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    fn answer(self: Box<Self>);
    fn fail(self: Box<Self>, error: Error);
}

struct Typed<T, E, F> {
    meta: JobMeta,
    at: Millis,
    seed: [u8; 32],
    keys: Arc<Keyring>,
    op: F,
    result: Option<std::result::Result<T, E>>,
    reply: oneshot::Sender<std::result::Result<T, E>>,
}

impl<T, E, F> Job for Typed<T, E, F>
where
    T: Send,
    E: JobError,
    F: FnMut(&mut Tx<'_>) -> std::result::Result<Outcome<T, E>, E> + Send,
{
    fn meta(&self) -> &JobMeta {
        &self.meta
    }

    fn at(&self) -> Millis {
        self.at
    }

    fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        match (self.op)(tx) {
            Ok(Outcome::Done(value)) => {
                self.result = Some(Ok(value));
                Ran::Keep
            }
            Ok(Outcome::Refused(error)) => {
                self.result = Some(Err(error));
                Ran::Keep
            }
            Err(error) => {
                let ran = match error.storage() {
                    Some(Error::Retry(_)) => Ran::Again,
                    Some(Error::Lost(_)) => Ran::Lost,
                    _ => Ran::Undo,
                };
                self.result = Some(Err(error));
                ran
            }
        }
    }

    fn answer(self: Box<Self>) {
        let this = *self;
        if let Some(result) = this.result {
            // A caller that went away after its job began simply does not hear of it.
            let _ = this.reply.send(result);
        }
    }

    fn fail(self: Box<Self>, error: Error) {
        let _ = self.reply.send(Err(E::from(error)));
    }
}

/// The only way to change anything.
pub struct Writer {
    queues: Vec<Arc<Queue>>,
    checkpointer: Option<checkpoint::Checkpointer>,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    keys: RwLock<Arc<Keyring>>,
}

impl Writer {
    /// Starts the threads: one on SQLite, `writers` on PostgreSQL, each with its own connection. Of each tenant at most
    /// `write_queue` writes wait.
    pub fn start(
        url: &DatabaseUrl,
        writers: usize,
        write_queue: usize,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self> {
        let count = if url.is_sqlite() { 1 } else { writers.max(1) };
        let mut queues = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let queue = Arc::new(Queue::new(write_queue));
            let runner = batch::Runner::open(url.clone(), Arc::clone(&queue))?;
            let their = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("writer-{number}"))
                .spawn(move || {
                    let served = std::panic::catch_unwind(AssertUnwindSafe(|| runner.serve()));
                    if served.is_err() {
                        tracing::error!("a writer broke down; restart the process");
                        their.abandon();
                    }
                })
                .map_err(|e| Error::Unavailable(format!("no thread for the writer: {e}")))?;
            queues.push(queue);
            threads.push(thread);
        }
        let checkpointer = match url.is_sqlite() {
            true => Some(checkpoint::Checkpointer::start(url)?),
            false => None,
        };
        Ok(Self {
            queues,
            checkpointer,
            threads: std::sync::Mutex::new(threads),
            clock,
            chance,
            keys: RwLock::default(),
        })
    }

    /// Keys with which operations seal from now on.
    pub fn set_keys(&self, keys: Arc<Keyring>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Queues a write and waits for its commit.
    ///
    /// # Errors
    /// The closure's own error, or a storage error: the lane of the tenant is full, the outcome of a commit is
    /// unknown, the closure panicked.
    pub async fn write<T, E, F>(&self, meta: JobMeta, op: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> std::result::Result<Outcome<T, E>, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue_of(&meta.tenant);
        let job = Typed {
            at: self.clock.now(),
            seed: seed(self.chance.as_ref()),
            keys: Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner)),
            meta,
            op,
            result: None,
            reply,
        };
        queue.push(Box::new(job)).map_err(E::from)?;
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(E::from(Error::Unavailable(
                "the writer has stopped".to_owned(),
            ))),
        }
    }

    /// A tenant always goes to the same writer of this process, so that two of them never wait for each other's head.
    fn queue_of(&self, tenant: &TenantId) -> &Arc<Queue> {
        let sum: usize = tenant.as_str().bytes().map(usize::from).sum();
        &self.queues[sum % self.queues.len()]
    }

    /// How many writes wait.
    pub fn depth(&self) -> usize {
        self.queues.iter().map(|q| q.len()).sum()
    }

    /// Takes no new write, finishes those that wait, and joins the threads.
    pub fn stop(&self) {
        for queue in &self.queues {
            queue.close();
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.stop();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}
