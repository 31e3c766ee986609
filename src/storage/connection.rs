//! Opening a connection to either database, and the pool of read connections.

use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::{Connection, PgConnection, SqliteConnection};

use super::deadline;
use super::error::{Error, Result};

pub use any::{AnyConnection, MultiBackend, MultiRawValue};

/// The enum over both databases, in a module of its own because what the derive adds has no documentation.
mod any {
    #![expect(missing_docs, reason = "made by a derive")]

    use diesel::{PgConnection, SqliteConnection};

    /// A connection to PostgreSQL or SQLite; queries are written once for both.
    #[derive(diesel::MultiConnection)]
    pub enum AnyConnection {
        Postgresql(PgConnection),
        Sqlite(SqliteConnection),
    }
}

/// Which database a URL names. Printed without what may be a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postgres://…`, as libpq takes it.
    Postgres(String),
    /// `sqlite://path`, as a path.
    Sqlite(String),
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("postgres://(hidden)"),
            Self::Sqlite(path) => write!(f, "sqlite://{path}"),
        }
    }
}

impl DatabaseUrl {
    /// Reads `sqlite://…` or `postgres://…` (`postgresql://…`).
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Ok(Self::Sqlite(path.to_owned()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return match is_percent_encoded(url) {
                true => Ok(Self::Postgres(url.to_owned())),
                false => Err(Error::Unavailable(
                    "the database URL is not percent-encoded: write % as %25, and so each of :/?#[]@ in a password"
                        .to_owned(),
                )),
            };
        }
        Err(Error::Unavailable(
            "the database URL must begin with sqlite:// or postgres://".to_owned(),
        ))
    }

    /// The same database, as this dialect.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

/// Whether every `%` begins an escape; libpq would show the part that is wrong, perhaps a password.
fn is_percent_encoded(url: &str) -> bool {
    url.split('%').skip(1).all(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What a connection will be used for: SQLite wants other settings for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The writer: WAL, `synchronous=FULL`, erased content overwritten.
    Write,
    /// Reading only.
    Read,
}

/// Opens one connection with everything a purpose needs set.
pub fn open(url: &DatabaseUrl, purpose: Purpose) -> Result<AnyConnection> {
    let mut conn = open_quietly(url, purpose)?;
    if tracing::enabled!(target: STATEMENTS, tracing::Level::TRACE) {
        conn.set_instrumentation(log_statement);
    }
    Ok(conn)
}

/// Log target of statements: with `log = "rosterd::sql=trace"` each is logged as it begins.
const STATEMENTS: &str = "rosterd::sql";

/// Logs the text of a statement; never its values, which are people's.
fn log_statement(event: InstrumentationEvent<'_>) {
    if let InstrumentationEvent::StartQuery { query, .. } = event {
        let shown = query.to_string();
        let text = shown.split(" -- binds: ").next().unwrap_or_default();
        tracing::trace!(target: STATEMENTS, statement = text, "sql");
    }
}

fn open_quietly(url: &DatabaseUrl, purpose: Purpose) -> Result<AnyConnection> {
    match url {
        DatabaseUrl::Sqlite(path) => open_sqlite(path, purpose),
        DatabaseUrl::Postgres(url) => {
            let mut conn = PgConnection::establish(url)
                .map_err(|e| Error::Unavailable(why_not_connected(&e.to_string())))?;
            conn.batch_execute(
                "SET client_min_messages = warning; SET standard_conforming_strings = on; SET timezone = 'UTC'",
            )?;
            // A prepared plan that was made while a table was empty reads it whole, and is kept while the table grows.
            conn.batch_execute("SET enable_seqscan = off")?;
            conn.batch_execute(match purpose {
                Purpose::Write => "SET statement_timeout = '60s'; SET synchronous_commit = on",
                // A filter may be a thousand small queries, each run in no time: compiled, they take half a minute.
                Purpose::Read => "SET statement_timeout = '15s'; SET jit = off",
            })?;
            Ok(AnyConnection::Postgresql(conn))
        }
    }
}

/// What libpq says, unless it speaks of the URL itself: it would quote what may be a password.
fn why_not_connected(message: &str) -> String {
    let is_about_the_url = [
        "invalid",
        "missing",
        "unexpected",
        "forbidden",
        "end of string",
    ]
    .iter()
    .any(|word| message.starts_with(word));
    match is_about_the_url {
        true => {
            "PostgreSQL's URL cannot be read: check its spelling and percent-encoding".to_owned()
        }
        false => format!("PostgreSQL does not answer: {message}"),
    }
}

/// Makes SQLite's file for its owner only; the log beside it takes over its rights.
fn ensure_file(path: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::Unavailable(
            format!("cannot make the SQLite file {path}: {e}"),
        )),
        _ => Ok(()),
    }
}

fn open_sqlite(path: &str, purpose: Purpose) -> Result<AnyConnection> {
    if purpose == Purpose::Write {
        ensure_file(path)?;
    }
    let mut conn = SqliteConnection::establish(path)
        .map_err(|e| Error::Unavailable(format!("cannot open the SQLite file: {e}")))?;
    deadline::register(&conn)?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    conn.batch_execute(match purpose {
        Purpose::Write => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; \
             PRAGMA wal_autocheckpoint = 32000; PRAGMA journal_size_limit = 134217728"
        }
        Purpose::Read => {
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA query_only = ON; \
             PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 268435456; PRAGMA cache_size = -8000"
        }
    })?;
    Ok(AnyConnection::Sqlite(conn))
}

/// Makes read connections for the pool.
#[derive(Debug, Clone)]
pub struct Manager {
    url: DatabaseUrl,
    /// Most time of a statement, which PostgreSQL keeps.
    time: Duration,
}

impl r2d2::ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = Error;

    fn connect(&self) -> Result<AnyConnection> {
        let mut conn = open(&self.url, Purpose::Read)?;
        if let AnyConnection::Postgresql(conn) = &mut conn {
            let time = self.time.as_millis();
            conn.batch_execute(&format!("SET statement_timeout = {time}"))?;
        }
        Ok(conn)
    }

    fn is_valid(&self, conn: &mut AnyConnection) -> Result<()> {
        Ok(conn.batch_execute("SELECT 1")?)
    }

    fn has_broken(&self, conn: &mut AnyConnection) -> bool {
        match conn {
            AnyConnection::Postgresql(c) => r2d2_broken(c),
            AnyConnection::Sqlite(c) => r2d2_broken(c),
        }
    }
}

/// diesel knows when a transaction or the connection itself is broken.
fn r2d2_broken<C: diesel::r2d2::R2D2Connection>(conn: &mut C) -> bool {
    conn.is_broken()
}

/// Read connections shared by all threads.
pub type Pool = r2d2::Pool<Manager>;

/// A pool of this many connections, made when first needed, for statements of at most `time`; waiting for one is bounded.
pub fn pool(url: &DatabaseUrl, size: u32, time: Duration) -> Result<Pool> {
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // A connection that the server has ended does not know it, and would be handed out again and again.
        .test_on_check_out(!url.is_sqlite())
        .connection_timeout(Duration::from_secs(5))
        .build(Manager {
            url: url.clone(),
            time,
        })
        .map_err(|e| Error::Unavailable(format!("no read connection: {e}")))
}
