//! `rosterd migrate`, and what a start does about the schema.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Failure, Output, backup, open};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open as connect};
use crate::storage::dialect::catalog;
use crate::storage::leases::{self, Lease};
use crate::storage::migrations::{self, State};

/// Exit code of `migrate --check` when something is pending.
const PENDING: u8 = 2;

/// Bring the database's schema up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Change nothing; exit 2 when a migration is pending.
    #[arg(long)]
    check: bool,
}

/// `rosterd migrate`.
pub(super) fn run(config: &Config, output: Output, args: &Args) -> Result<u8, Failure> {
    let url = open::database(config)?;
    let mut conn = connect(&url, Purpose::Write)?;
    let state = migrations::state(&mut conn)?;
    refuse_a_newer(&state)?;
    if state.pending.is_empty() {
        let nothing = json!({"applied": [], "pending": []});
        output.row(&nothing, "the schema is up to date")?;
        return Ok(0);
    }
    if args.check {
        let value = json!({"applied": [], "pending": state.pending});
        output.row(&value, &format!("pending: {}", state.pending.join(", ")))?;
        return Ok(PENDING);
    }
    let others = running(&mut conn)?.len();
    if url.is_sqlite() && others > 0 {
        return Err(beside_others(&state, others));
    }
    drop(conn);
    let (applied, backup) = apply(&url, &state)?;
    let value = json!({"applied": applied, "pending": [], "backup": backup});
    output.row(&value, &format!("applied: {}", applied.join(", ")))?;
    Ok(0)
}

/// Applies what is pending; on SQLite after a backup beside the file, which is named.
fn apply(url: &DatabaseUrl, state: &State) -> Result<(Vec<String>, Option<PathBuf>), Failure> {
    let mut backup = None;
    if let (DatabaseUrl::Sqlite(file), false) = (url, state.is_empty()) {
        let made = backup::before_migrations(url, file, state)?;
        tracing::info!(backup = %made.display(), "backed up before the schema changes");
        backup = Some(made);
    }
    Ok((migrations::run(url)?, backup))
}

/// A schema that another program made, and that this one cannot live with.
fn refuse_a_newer(state: &State) -> Result<(), Failure> {
    match &state.floor {
        Some(floor) if state.is_beyond_us() => Err(format!(
            "this database has a schema that needs a newer Rosterd: one that knows {floor}, this one knows {}; run the \
             newer version, or restore the backup that was made before the upgrade",
            state.newest
        )
        .into()),
        _ => Ok(()),
    }
}

/// Servers that are running on this database.
pub(super) fn running(conn: &mut AnyConnection) -> Result<Vec<Lease>, Failure> {
    // Servers of the first schema say nothing of themselves.
    if !catalog::tables(conn)?.iter().any(|table| table == "leases") {
        return Ok(Vec::new());
    }
    Ok(leases::list_replicas(conn, SystemClock.now().0)?)
}

/// What a server does about the schema before it starts: it applies what is missing if no other server is running, and
/// otherwise refuses. One that was just killed is waited for: its last heartbeat runs out.
pub(super) fn before_serving(url: &DatabaseUrl) -> Result<(), Failure> {
    let mut conn = connect(url, Purpose::Write)?;
    let first = running(&mut conn)?;
    loop {
        let state = look(&mut conn)?;
        if state.pending.is_empty() {
            return Ok(());
        }
        let others = running(&mut conn)?;
        if others.is_empty() {
            for name in apply(url, &state)?.0 {
                tracing::info!(migration = name, "applied");
            }
            return Ok(());
        }
        let has_died = |other: &Lease| first.contains(other);
        if !others.iter().all(has_died) {
            return Err(beside_others(&state, others.len()));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn beside_others(state: &State, others: usize) -> Failure {
    format!(
        "the schema lacks {}, and {others} other server(s) run on this database: stop them and start again, or change it \
         beside them with `rosterd migrate` (PostgreSQL only)",
        state.pending.join(", ")
    )
    .into()
}

/// What any other command does about the schema: it makes that of a new database, and leaves others alone.
pub(super) fn before_a_command(url: &DatabaseUrl) -> Result<(), Failure> {
    let state = look(&mut connect(url, Purpose::Write)?)?;
    if state.is_empty() {
        migrations::run(url)?;
    } else if !state.pending.is_empty() {
        return Err(format!(
            "the schema lacks {}: run `rosterd migrate` first",
            state.pending.join(", ")
        )
        .into());
    }
    Ok(())
}

fn look(conn: &mut AnyConnection) -> Result<State, Failure> {
    let state = migrations::state(conn)?;
    refuse_a_newer(&state)?;
    if !state.unknown.is_empty() {
        tracing::warn!(
            unknown = state.unknown.join(", "),
            "a newer version of Rosterd has been here; nothing it changed keeps this one from running"
        );
    }
    Ok(state)
}
