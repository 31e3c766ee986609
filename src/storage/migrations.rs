//! Schema migrations, embedded: one tree per database with the same folder names.
//!
//! A program runs on a schema that is newer than it knows, as long as nothing in it breaks with the past: such a
//! migration writes its version into `schema_floor` (`docs/decisions/0004`).

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use super::dialect::{Frag, catalog};
use super::error::{Error, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Where diesel notes what was applied.
pub const APPLIED: &str = "__diesel_schema_migrations";

/// The schema of a database, compared with what this program knows. Versions are the numbers of the folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Versions that were applied, ascending.
    pub applied: Vec<String>,
    /// Names of the migrations that this program knows and the database lacks, ascending.
    pub pending: Vec<String>,
    /// Versions that were applied and that this program does not know: a newer one made them.
    pub unknown: Vec<String>,
    /// The newest version that a program has to know to run here.
    pub floor: Option<String>,
    /// The newest version that this program knows.
    pub newest: String,
}

impl State {
    /// Nothing was ever applied.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty()
    }

    /// A newer program changed something that this one cannot live with.
    pub fn is_beyond_us(&self) -> bool {
        self.floor
            .as_ref()
            .is_some_and(|floor| *floor > self.newest)
    }
}

/// Reads the state of the schema; changes nothing.
pub fn state(conn: &mut AnyConnection) -> Result<State> {
    let tables = catalog::tables(conn)?;
    let versions = |conn: &mut AnyConnection, table: &str| -> Result<Vec<String>> {
        if !tables.iter().any(|t| t == table) {
            return Ok(Vec::new());
        }
        let query = Frag::sql(format!("SELECT version FROM {table} ORDER BY version"));
        Ok(diesel::RunQueryDsl::load(
            query.query::<diesel::sql_types::Text>(),
            conn,
        )?)
    };
    let applied = versions(conn, APPLIED)?;
    let known = known(conn)?;
    let lacks = |(version, _): &&(String, String)| !applied.contains(version);
    Ok(State {
        pending: known.iter().filter(lacks).map(|k| k.1.clone()).collect(),
        unknown: applied
            .iter()
            .filter(|version| !known.iter().any(|k| k.0 == **version))
            .cloned()
            .collect(),
        floor: versions(conn, "schema_floor")?.pop(),
        newest: known.last().map(|k| k.0.clone()).unwrap_or_default(),
        applied,
    })
}

/// Version and name of every migration of this program, ascending.
fn known(conn: &AnyConnection) -> Result<Vec<(String, String)>> {
    fn names<DB: diesel::backend::Backend>(
        source: impl MigrationSource<DB>,
    ) -> Result<Vec<(String, String)>> {
        let all = source.migrations().map_err(|e| failed("the list", &e))?;
        let mut names: Vec<_> = all
            .iter()
            .map(|m| (m.name().version().to_string(), m.name().to_string()))
            .collect();
        names.sort();
        Ok(names)
    }
    match conn {
        AnyConnection::Sqlite(_) => names::<diesel::sqlite::Sqlite>(SQLITE),
        AnyConnection::Postgresql(_) => names::<diesel::pg::Pg>(POSTGRES),
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Other(format!("{what} of migrations: {error}"))
}

/// Applies what is missing; returns the names of what was applied.
///
/// Replicas that start together on one PostgreSQL get in each other's way: each migration is one transaction, so that
/// whoever fails looks again and finds it done.
pub fn run(url: &DatabaseUrl) -> Result<Vec<String>> {
    const TRIES: u32 = 20;
    let mut tries = 1;
    let mut conn = open(url, Purpose::Write)?;
    if let AnyConnection::Postgresql(c) = &mut conn {
        // An index on a large table takes its time; but whoever waits for a lock makes everybody behind it wait.
        c.batch_execute("SET statement_timeout = 0; SET lock_timeout = '3s'")?;
    }
    loop {
        match apply(&mut conn, &|_| true) {
            Err(error) if tries < TRIES && !url.is_sqlite() => {
                tracing::info!(error = %error, "migrations are tried again");
                std::thread::sleep(std::time::Duration::from_millis(100));
                tries += 1;
            }
            result => return result,
        }
    }
}

/// Applies what is missing and wanted, by version; returns the names of what was applied. Each is a transaction of its
/// own, or a savepoint where one is open.
pub fn apply(conn: &mut AnyConnection, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    fn each<DB: diesel::backend::Backend, C: MigrationHarness<DB>>(
        conn: &mut C,
        source: impl MigrationSource<DB>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> diesel::migration::Result<Vec<String>> {
        let mut names = Vec::new();
        for migration in conn.pending_migrations(source)? {
            if wanted(&migration.name().version().to_string()) {
                conn.run_migration(&migration)?;
                names.push(migration.name().to_string());
            }
        }
        Ok(names)
    }
    match conn {
        AnyConnection::Sqlite(c) => each(c, SQLITE, wanted),
        AnyConnection::Postgresql(c) => each(c, POSTGRES, wanted),
    }
    .map_err(|e| failed("the application", &e))
}

/// Takes back the newest migration; returns its version.
pub fn revert_last(conn: &mut AnyConnection) -> Result<String> {
    match conn {
        AnyConnection::Sqlite(c) => c.revert_last_migration(SQLITE),
        AnyConnection::Postgresql(c) => c.revert_last_migration(POSTGRES),
    }
    .map(|version| version.to_string())
    .map_err(|e| failed("the reversal", &e))
}
