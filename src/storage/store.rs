//! The store: reads on a pool (or, for point reads on SQLite, on the calling thread), writes through the writer.

use std::cell::RefCell;
use std::sync::Arc;

use super::connection::{AnyConnection, DatabaseUrl, Pool, Purpose, open, pool};
use super::error::{Error, Result};
use super::scope::Scope;
use super::writer::{JobError, JobMeta, Outcome, Tx, Writer};
use crate::domain::chance::Chance;
use crate::domain::clock::Clock;
use crate::domain::ids::TenantId;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Database.
    pub url: DatabaseUrl,
    /// Most read connections.
    pub readers: u32,
    /// Writers of this process (PostgreSQL only).
    pub writers: usize,
}

impl Options {
    /// Defaults for a database.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            readers: 8,
            writers: 2,
        }
    }
}

/// The database with its one writer. Cheap to share behind an `Arc`.
pub struct Store {
    url: DatabaseUrl,
    pool: Pool,
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
            Arc::clone(&clock),
            Arc::clone(&chance),
        )?;
        Ok(Self {
            pool: pool(&options.url, options.readers)?,
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

    /// Which database this is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// How many writes wait, and how many read connections are open.
    pub fn load(&self) -> (usize, u32) {
        (self.writer.depth(), self.pool.state().connections)
    }

    /// Reads of one tenant that may take long: on the pool, away from the calling thread.
    pub async fn read<T, E, F>(&self, tenant: &TenantId, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Scope<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.read_global(move |conn| f(&mut Scope::new(conn, tenant)))
            .await
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

    /// Reads that span tenants: the global tables.
    pub async fn read_global<T, E, F>(&self, f: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> std::result::Result<T, E> + Send + 'static,
    {
        let pool = self.pool.clone();
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
            return self.read_global(f).await;
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

    /// Finishes the writes that wait; later ones are refused.
    pub fn stop(&self) {
        self.writer.stop();
    }
}
