//! `rosterd backup`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Failure, Output, open};
use crate::config::Config;
use crate::domain::clock::{Clock, Millis, SystemClock};
use crate::storage::archive::{self, Footer, Header, Mark};
use crate::storage::connection::{DatabaseUrl, Purpose, open as connect};
use crate::storage::migrations::State;

/// Copy the whole database into one file; servers may go on writing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to make, or a directory for a file with the time in its name.
    #[arg(long, value_name = "FILE|DIR")]
    to: PathBuf,
}

/// `rosterd backup`.
pub(super) fn run(config: &Config, output: Output, args: &Args) -> Result<(), Failure> {
    let url = open::database(config)?;
    let now = SystemClock.now();
    let path = match args.to.is_dir() {
        true => args.to.join(format!("rosterd-{}.backup", stamp(now))),
        false => args.to.clone(),
    };
    let (header, footer) = take(&url, &path, now)?;
    let size = std::fs::metadata(&path)?.len();
    let value = json!({
        "file": path, "bytes": size, "rows": footer.rows, "schema": header.migrations.last(),
        "secretKeyId": header.key_id, "tenants": footer.tenants,
    });
    let text = format!(
        "{}  {size} bytes\n{}",
        path.display(),
        describe(&header, &footer)
    );
    output.row(&value, &text)
}

/// A moment as a part of a file's name.
pub(super) fn stamp(at: Millis) -> String {
    let time = at.to_rfc3339();
    let digits = time.split('.').next().unwrap_or_default();
    format!("{}Z", digits.replace(['-', ':'], ""))
}

fn describe(header: &Header, footer: &Footer) -> String {
    format!(
        "{} rows, schema {}, secret key {}{}",
        footer.rows,
        header.migrations.last().map_or("-", String::as_str),
        match &header.key_id {
            Some(id) => format!("{id}: keep it elsewhere, it is not in the backup"),
            None => "none yet".to_owned(),
        },
        told(&footer.tenants)
    )
}

/// Where each journal stands, each on a line of its own.
pub(super) fn told(marks: &[Mark]) -> String {
    let each = marks.iter().map(|mark| {
        format!(
            "\n{}  epoch {}, sequence {}, {} users, last hash {}",
            mark.name, mark.epoch, mark.sequence, mark.users, mark.hash
        )
    });
    each.collect()
}

/// The backup that is made of SQLite before its schema changes, beside the file: with version and time in its name.
pub(super) fn before_migrations(
    url: &DatabaseUrl,
    file: &str,
    state: &State,
) -> Result<PathBuf, Failure> {
    let now = SystemClock.now();
    let version = state.applied.last().map_or("-", String::as_str);
    let path = PathBuf::from(format!("{file}.schema-{version}-{}.backup", stamp(now)));
    take(url, &path, now)?;
    Ok(path)
}

/// Writes a backup that is either whole and on disk, or not there.
fn take(url: &DatabaseUrl, path: &Path, now: Millis) -> Result<(Header, Footer), Failure> {
    let shown = path.display();
    if path.exists() {
        return Err(format!("{shown} is there already: a backup overwrites nothing").into());
    }
    if let DatabaseUrl::Sqlite(file) = url
        && !Path::new(file).exists()
    {
        return Err(format!("there is no database {file}").into());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|e| {
            let shown = draft.display();
            match e.kind() {
                ErrorKind::AlreadyExists => {
                    format!("{shown} is what a backup left that was cut off: remove it")
                }
                _ => format!("cannot make {shown}: {e}"),
            }
        })?;
    let written = fill(url, file, now).and_then(|written| {
        std::fs::rename(&draft, path)?;
        sync_directory(path)?;
        Ok(written)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn fill(url: &DatabaseUrl, file: File, now: Millis) -> Result<(Header, Footer), Failure> {
    let bar = indicatif::ProgressBar::new_spinner().with_style(
        indicatif::ProgressStyle::with_template("{spinner} {human_pos} rows, {elapsed}")?,
    );
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut conn = connect(url, Purpose::Read)?;
    let written = archive::write(&mut conn, now.0, &mut out, &mut |n| bar.set_position(n))?;
    out.flush()?;
    out.get_ref().sync_all()?;
    bar.finish_and_clear();
    Ok(written)
}

/// Makes a new name in a directory outlive a power cut.
pub(super) fn sync_directory(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
