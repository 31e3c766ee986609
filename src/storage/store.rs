//! The store: reads on a pool (or, for point reads on SQLite, on the calling thread), writes through the writer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{AnyConnection, DatabaseUrl, Pool, Purpose, open, pool};
use super::deadline::{self, Deadline};
use super::error::{Error, Result};
use super::migrations;
use super::scope::Scope;
use super::writer::{JobError, JobMeta, Outcome, Tx, Writer};
use crate::domain::chance::Chance;
use crate::domain::clock::Clock;
use crate::domain::ids::TenantId;
use crate::domain::sealed::Keyring;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Database.
    pub url: DatabaseUrl,
    /// Most read connections.
    pub readers: u32,
    /// Writers of this process (PostgreSQL only).
    pub writers: usize,
    /// Most writes of one tenant that wait.
    pub write_queue: usize,
    /// How long a read of a list may take.
    pub read_time: Duration,
}

impl Options {
    /// Defaults for a database.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            readers: 8,
            writers: 2,
            write_queue: 1_024,
            read_time: deadline::USUAL,
        }
    }
}

/// Connections for point reads on PostgreSQL, apart from those that long reads may all hold.
const POINT_READERS: u32 = 4;
/// How long a read waits for the tenant's earlier ones.
const PATIENCE: Duration = Duration::from_secs(5);

/// The database with its one writer. Cheap to share behind an `Arc`.
pub struct Store {
    url: DatabaseUrl,
    pool: Pool,
    points: Pool,
    read_time: Duration,
    /// Long reads under way, by tenant: a tenant's own wait for each other before they take all connections.
    reading: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    per_tenant: usize,
    writer: Writer,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

thread_local! {
    /// The reading connection of this thread, with the file it belongs to: point reads on SQLite take microseconds,
    /// less than handing them to another thread would.
    static NEAR: RefCell<Option<(DatabaseUrl, AnyConnection)>> = const { RefCell::new(None) };
}

impl Store {
    /// Opens the database, whose schema must be up to date, and starts the writer.
    pub fn open(options: &Options, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Result<Self> {
        let writer = Writer::start(
            &options.url,
            options.writers,
            options.write_queue,
            Arc::clone(&clock),
            Arc::clone(&chance),
        )?;
        Ok(Self {
            pool: pool(&options.url, options.readers, options.read_time)?,
            points: pool(&options.url, POINT_READERS, deadline::USUAL)?,
            read_time: options.read_time,
            reading: Mutex::default(),
            per_tenant: (options.readers as usize * 3 / 8).max(1),
            url: options.url.clone(),
            writer,
            clock,
            chance,
        })
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The source of randomness.
    pub fn chance(&self) -> &dyn Chance {
        self.chance.as_ref()
    }

    /// The clock, for who keeps it.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The source of randomness, for who keeps it.
    pub fn shared_chance(&self) -> Arc<dyn Chance> {
        Arc::clone(&self.chance)
    }

    /// Keys with which operations seal from now on.
    pub fn set_keys(&self, keys: Arc<Keyring>) {
        self.writer.set_keys(keys);
    }

    /// Which database this is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The schema, compared with what this program knows.
    pub async fn schema(&self) -> Result<migrations::State> {
        self.read_global(migrations::state).await
    }

    /// How many writes wait, and how many read connections are open.
    pub fn load(&self) -> (usize, u32) {
        let readers = self.pool.state().connections + self.points.state().connections;
        (self.writer.depth(), readers)
    }

    /// Reads of one tenant that may take long, though no longer than the store allows ([`Error::TooLong`]): on the pool,
    /// away from the calling thread.
    pub async fn read<T, E, F>(&self, tenant: &TenantId, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Scope<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let turn = self.turn(tenant).await.map_err(E::from)?;
        let (tenant, time) = (tenant.clone(), self.read_time);
        let result = self.read_global(move |conn| {
            // Held until the work is done, also when its caller has given up.
            let _turn = turn;
            let _limit = Deadline::after(time);
            f(&mut Scope::new(conn, tenant))
        });
        result.await
    }

    /// A place among the tenant's long reads.
    async fn turn(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit> {
        let places = {
            let mut all = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() > 1_000 {
                all.retain(|_, places| places.available_permits() < self.per_tenant);
            }
            let places = all.entry(tenant.clone());
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(self.per_tenant))))
        };
        match tokio::time::timeout(PATIENCE, places.acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Error::Unavailable(format!(
                "{} long reads of this tenant are under way already",
                self.per_tenant
            ))),
        }
    }

    /// A point read of one tenant: by a key, a handful of rows.
    pub async fn point<T, E, F>(&self, tenant: &TenantId, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Scope<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.point_global(move |conn| f(&mut Scope::new(conn, tenant)))
            .await
    }

    /// A point read on a thread that may block, such as one that reads a file piece by piece.
    pub fn read_here<T, E: From<Error>>(
        &self,
        tenant: &TenantId,
        f: impl FnOnce(&mut Scope<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let conn = self.points.get();
        let mut conn =
            conn.map_err(|e| E::from(Error::Unavailable(format!("no read connection: {e}"))))?;
        f(&mut Scope::new(&mut conn, tenant.clone()))
    }

    /// Reads that span tenants: the global tables.
    pub async fn read_global<T, E, F>(&self, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> std::result::Result<T, E> + Send + 'static,
    {
        Self::on_pool(self.pool.clone(), f).await
    }

    async fn on_pool<T, E, F>(pool: Pool, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> std::result::Result<T, E> + Send + 'static,
    {
        let work = tokio::task::spawn_blocking(move || {
            let mut conn = pool
                .get()
                .map_err(|e| E::from(Error::Unavailable(format!("no read connection: {e}"))))?;
            f(&mut conn)
        });
        match work.await {
            Ok(result) => result,
            Err(e) => Err(E::from(Error::Other(format!("a read panicked: {e}")))),
        }
    }

    /// A point read of the global tables.
    pub async fn point_global<T, E, F>(&self, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> std::result::Result<T, E> + Send + 'static,
    {
        if !self.url.is_sqlite() {
            return Self::on_pool(self.points.clone(), f).await;
        }
        NEAR.with(|near| {
            let mut near = near.borrow_mut();
            if near.as_ref().is_none_or(|(url, _)| url != &self.url) {
                *near = Some((
                    self.url.clone(),
                    open(&self.url, Purpose::Read).map_err(E::from)?,
                ));
            }
            match near.as_mut() {
                Some((_, conn)) => f(conn),
                None => Err(E::from(Error::Unavailable("no read connection".to_owned()))),
            }
        })
    }

    /// A change: see [`Writer::write`].
    pub async fn write<T, E, F>(&self, meta: JobMeta, op: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> std::result::Result<Outcome<T, E>, E> + Send + 'static,
    {
        self.writer.write(meta, op).await
    }

    /// Moves all of SQLite's log into the file, as far as no reader needs it: what was deleted is in neither then. Nothing to
    /// do on PostgreSQL.
    pub async fn fold_log(&self) -> Result<()> {
        if !self.url.is_sqlite() {
            return Ok(());
        }
        let url = self.url.clone();
        let work = tokio::task::spawn_blocking(move || {
            super::dialect::fold_log(&mut open(&url, Purpose::Write)?)
        });
        let done = work.await;
        done.map_err(|e| Error::Other(format!("folding the log panicked: {e}")))?
    }

    /// Finishes the writes that wait; later ones are refused.
    pub fn stop(&self) {
        self.writer.stop();
    }
}
