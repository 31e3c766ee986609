//! Schema migrations, embedded: one tree per database with the same folder names.

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use super::error::{Error, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Applies what is missing; returns the names of what was applied.
///
/// Replicas that start together on one PostgreSQL get in each other's way: each migration is one transaction, so that
/// whoever fails looks again and finds it done.
pub fn run(url: &DatabaseUrl) -> Result<Vec<String>> {
    const TRIES: u32 = 20;
    let mut tries = 1;
    loop {
        match apply(url) {
            Err(error) if tries < TRIES && !url.is_sqlite() => {
                tracing::info!(error = %error, "migrations are tried again");
                std::thread::sleep(std::time::Duration::from_millis(100));
                tries += 1;
            }
            result => return result,
        }
    }
}

fn apply(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut conn = open(url, Purpose::Write)?;
    let applied = match &mut conn {
        AnyConnection::Sqlite(c) => c.run_pending_migrations(SQLITE),
        AnyConnection::Postgresql(c) => c.run_pending_migrations(POSTGRES),
    }
    .map_err(|e| Error::Other(format!("a migration failed: {e}")))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Names of the migrations that this binary knows and the database lacks.
pub fn pending(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut conn = open(url, Purpose::Write)?;
    let names = match &mut conn {
        AnyConnection::Sqlite(c) => c
            .pending_migrations(SQLITE)
            .map(|m| m.iter().map(|m| m.name().to_string()).collect()),
        AnyConnection::Postgresql(c) => c
            .pending_migrations(POSTGRES)
            .map(|m| m.iter().map(|m| m.name().to_string()).collect()),
    };
    names.map_err(|e| Error::Other(format!("the list of migrations: {e}")))
}

/// Takes everything back: for the test that every `down.sql` works.
pub fn revert_all(url: &DatabaseUrl) -> Result<()> {
    let mut conn = open(url, Purpose::Write)?;
    match &mut conn {
        AnyConnection::Sqlite(c) => c.revert_all_migrations(SQLITE),
        AnyConnection::Postgresql(c) => c.revert_all_migrations(POSTGRES),
    }
    .map(|_| ())
    .map_err(|e| Error::Other(format!("a migration cannot be reverted: {e}")))
}
