//! `rosterd restore`.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::backup::{stamp, sync_directory, told};
use super::{Failure, Output, migrate, open};
use crate::config::Config;
use crate::domain::chance::{SystemChance, seed};
use crate::domain::clock::{Clock, Millis, SystemClock};
use crate::storage::archive::{self, Archive, Mark};
use crate::storage::connection::{DatabaseUrl, Purpose, open as connect};
use crate::storage::{dialect, migrations};

/// Load a backup, from either database, into an empty one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file that `backup` made.
    #[arg(long, value_name = "FILE", required_unless_present = "in_place")]
    from: Option<PathBuf>,
    /// Load nothing: the database was put back by other means, and its journals begin a new epoch.
    #[arg(long, conflicts_with_all = ["from", "force"])]
    in_place: bool,
    /// On SQLite: move a database that is there aside instead of refusing.
    #[arg(long)]
    force: bool,
}

/// `rosterd restore`.
pub(super) fn run(config: &Config, output: Output, args: &Args) -> Result<(), Failure> {
    let Some(from) = &args.from else {
        return in_place(config, output);
    };
    let file = File::open(from).map_err(|e| format!("cannot read {}: {e}", from.display()))?;
    let mut archive = Archive::open(file)?;
    if let Some(needed) = &archive.header.key_id {
        open::require_key(config, needed)?;
    }
    let url = open::database(config)?;
    let now = SystemClock.now();
    let (marks, aside) = match &url {
        DatabaseUrl::Postgres(_) if args.force => {
            return Err("--force is for SQLite: on PostgreSQL make a new database, and name it in ROSTERD_DATABASE_URL".into());
        }
        DatabaseUrl::Postgres(_) => (load(&url, &mut archive, now)?, None),
        DatabaseUrl::Sqlite(path) => into_file(path, &mut archive, now, args.force)?,
    };
    let taken_at = Millis(archive.header.taken_at).to_rfc3339();
    let value = json!({"takenAt": taken_at, "movedAside": aside, "tenants": marks});
    let moved = aside.map(|aside| format!("the database that was there is now {aside}\n"));
    let text = format!(
        "{}restored what was backed up at {taken_at}; each journal has a new epoch{}",
        moved.unwrap_or_default(),
        told(&marks)
    );
    output.row(&value, &text)
}

fn in_place(config: &Config, output: Output) -> Result<(), Failure> {
    let url = open::database(config)?;
    migrate::before_a_command(&url)?;
    let mut conn = connect(&url, Purpose::Write)?;
    let marks = archive::acknowledge(&mut conn, SystemClock.now(), seed(&SystemChance))?;
    let text = format!("each journal has a new epoch{}", told(&marks));
    output.row(&json!({"tenants": marks}), &text)
}

fn load(url: &DatabaseUrl, archive: &mut Archive, now: Millis) -> Result<Vec<Mark>, Failure> {
    let bar = indicatif::ProgressBar::new(archive.footer.rows).with_style(
        indicatif::ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows, {eta}")?,
    );
    let mut conn = connect(url, Purpose::Write)?;
    let done = archive::restore(&mut conn, archive, now, seed(&SystemChance), &mut |n| {
        bar.set_position(n);
    });
    bar.finish_and_clear();
    let marks = done?;
    dialect::fold_log(&mut conn)?;
    Ok(marks)
}

/// Loads a new file beside the old one and puts it in its place when it is whole. Also returns where the old one went.
fn into_file(
    path: &str,
    archive: &mut Archive,
    now: Millis,
    force: bool,
) -> Result<(Vec<Mark>, Option<String>), Failure> {
    let mut moved = None;
    let is_there = Path::new(path).exists();
    if is_there {
        let url = DatabaseUrl::Sqlite(path.to_owned());
        look_at_the_old(&url, force).map_err(|e| format!("{path}: {e}"))?;
    }
    let draft = format!("{path}.restoring");
    for name in files(&draft) {
        let _ = std::fs::remove_file(name);
    }
    let marks = load(&DatabaseUrl::Sqlite(draft.clone()), archive, now)?;
    File::open(&draft)?.sync_all()?;
    if is_there {
        let aside = format!("{path}.before-restore-{}", stamp(now));
        for (from, to) in files(path).iter().zip(files(&aside)) {
            if Path::new(from).exists() {
                std::fs::rename(from, to)?;
            }
        }
        moved = Some(aside);
    } else if Path::new(path).exists() {
        return Err(format!("{path} was made meanwhile: stop the server that made it").into());
    }
    std::fs::rename(&draft, path)?;
    sync_directory(Path::new(path))?;
    Ok((marks, moved))
}

/// The files of an SQLite database: log and index first, itself last.
fn files(path: &str) -> [String; 3] {
    [
        format!("{path}-wal"),
        format!("{path}-shm"),
        path.to_owned(),
    ]
}

fn look_at_the_old(url: &DatabaseUrl, force: bool) -> Result<(), Failure> {
    let state = connect(url, Purpose::Write)
        .map_err(Failure::from)
        .and_then(|mut conn| {
            let state = migrations::state(&mut conn)?;
            if !migrate::running(&mut conn)?.is_empty() {
                return Err("a server is running on it: stop it first (a killed one counts as running for 15 seconds)".into());
            }
            Ok(state)
        });
    match state {
        Ok(state) if state.is_empty() || force => Ok(()),
        Ok(_) => Err("it holds a database: restore with --force to move it aside, or into another data directory".into()),
        // It may be what made the restore necessary.
        Err(error) if force && error.to_string().contains("not a database") => Ok(()),
        Err(error) => Err(error),
    }
}
