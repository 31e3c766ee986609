//! Files as a source of people: which one of a folder or of an SFTP server is the newest, whether it is complete, and
//! whether it is news. What its rows mean is [`mapping`]'s business; an upload is simply bytes.
//!
//! A look lists files; two looks, or a marker beside the file, tell whether one is complete ([`choose`]). What was applied
//! last is kept by the caller as [`Applied`]: an older snapshot is refused, identical bytes only say that the source is
//! alive. Nothing is moved or deleted.
//!
//! What connections that read files are asked for is in [`FileConnector`]; how a connection's own files are read, in
//! [`Reading`].

mod connector;
pub mod folder;
pub mod mapping;
mod name;
mod reading;
pub mod server;
pub mod sftp;
mod words;

use std::io::Read;

use sha2::{Digest, Sha256};

use super::error::{Error, Kind};
use super::formats::Problem;
use crate::domain::clock::Millis;

pub use connector::{Arrival, FileConnector};
pub use name::{Pattern, stamp};
pub use reading::Reading;
pub use words::{explain, sentence};

/// Most names that a folder may hold.
pub const MOST_NAMES: usize = 10_000;

/// A file that a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name inside its folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was changed last.
    pub modified: Millis,
}

impl Found {
    /// What orders snapshots: the time in the name, else when the file was changed.
    pub fn as_of(&self) -> Millis {
        stamp(&self.name).unwrap_or(self.modified)
    }
}

/// How to tell that a file is complete.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complete {
    /// Size and time are the same at two looks, [`Complete::PAUSE`] apart.
    #[default]
    Unchanged,
    /// A file with this ending beside it: `people.csv.done` for `.done`.
    Marker(String),
}

impl Complete {
    /// Seconds between two looks.
    pub const PAUSE: u64 = 30;
}

/// What was applied last.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// [`Found::as_of`] in milliseconds.
    pub as_of: i64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

/// What to do after a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// No file that fits: the source is silent. Nobody leaves because of that.
    Nothing,
    /// The newest is not complete yet: look again.
    NotYet(Found),
    /// The newest is older than what was applied last: refused.
    Older(Found),
    /// Read this one.
    Read(Found),
}

/// The newest file that fits, by the time in its name, else by when it was changed. Partial ones and markers are not seen.
pub fn newest(now: &[Found], pattern: &Pattern, complete: &Complete) -> Option<Found> {
    let is_marker = |f: &Found| matches!(complete, Complete::Marker(end) if f.name.ends_with(end));
    let fits = |f: &&Found| pattern.fits(&f.name) && !name::is_partial(&f.name) && !is_marker(f);
    let newest = now.iter().filter(fits).max_by(|a, b| {
        a.as_of()
            .cmp(&b.as_of())
            .then_with(|| a.modified.cmp(&b.modified))
            .then_with(|| a.name.cmp(&b.name))
    });
    newest.cloned()
}

/// Chooses from what a look found; `before` is the look before it.
pub fn choose(
    before: &[Found],
    now: &[Found],
    pattern: &Pattern,
    complete: &Complete,
    applied: Option<&Applied>,
) -> Choice {
    let Some(newest) = newest(now, pattern, complete) else {
        return Choice::Nothing;
    };
    let is_complete = match complete {
        Complete::Unchanged => before.contains(&newest),
        Complete::Marker(end) => {
            let marker = format!("{}{end}", newest.name);
            now.iter().any(|f| f.name == marker)
        }
    };
    if applied.is_some_and(|a| newest.as_of().0 < a.as_of) {
        Choice::Older(newest)
    } else if is_complete {
        Choice::Read(newest)
    } else {
        Choice::NotYet(newest)
    }
}

/// A problem with a file or with the way to it, as a pull ends with it.
pub fn pull_error(problem: Problem) -> Error {
    let kind = match problem.code {
        "sftp.sign_in" => Kind::Credentials,
        "sftp.host_key" | "sftp.host_key_format" | "file.folder_missing" | "file.folder" => {
            Kind::Settings
        }
        "file.too_long" | "file.too_many" => Kind::Limit,
        "sftp.unreachable" | "sftp.handshake" | "sftp.lost" | "sftp.slow" | "sftp.subsystem"
        | "file.changed" | "file.io" | "csv.io" => Kind::Unavailable,
        _ => Kind::NotUnderstood,
    };
    Error {
        params: problem.params,
        ..Error::new(kind, problem.code)
    }
}

/// Whether bytes are news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Other bytes than last time.
    Different,
    /// The same bytes: the source is alive, which proves nothing about who is absent.
    Identical,
}

/// SHA-256 of what is read, in hexadecimal. Errors: `file.io`.
pub fn sha256(mut input: impl Read) -> Result<String, Problem> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(io_problem(&e)),
        };
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// Compares with the hash of what was read last.
pub fn news(sha256: &str, last: Option<&str>) -> News {
    match last {
        Some(last) if last == sha256 => News::Identical,
        _ => News::Different,
    }
}

fn io_problem(error: &std::io::Error) -> Problem {
    Problem::new("file.io").with("kind", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64, modified: i64) -> Found {
        Found {
            name: name.to_owned(),
            size,
            modified: Millis(modified),
        }
    }

    fn pick(
        before: &[Found],
        now: &[Found],
        complete: &Complete,
        applied: Option<&Applied>,
    ) -> Choice {
        let pattern = Pattern::parse("*.csv*").unwrap_or_else(|p| panic!("{p}"));
        choose(before, now, &pattern, complete, applied)
    }

    #[test]
    fn the_newest_by_the_time_in_its_name_is_taken_and_partial_uploads_are_not_seen() {
        let files = [
            file("hr_20261124.csv", 1, 100),
            file("hr_20261123.csv", 1, 900),
            file("hr_20261125.csv.tmp", 1, 999),
            file("hr_20261125.csv.PART", 1, 999),
            file("hr_20261125.csv.filepart", 1, 999),
            file("hr_20261125.csv.filetransfer", 1, 999),
            file(".hr_20261126.csv", 1, 999),
            file("hr_20261127.xlsx", 1, 999),
        ];
        assert_eq!(
            pick(&files, &files, &Complete::Unchanged, None),
            Choice::Read(files[0].clone())
        );
        let plain = [
            file("a.csv", 1, 5),
            file("b.csv", 1, 7),
            file("c.csv", 1, 6),
        ];
        assert_eq!(
            pick(&plain, &plain, &Complete::Unchanged, None),
            Choice::Read(plain[1].clone())
        );
        assert_eq!(pick(&[], &[], &Complete::Unchanged, None), Choice::Nothing);
    }

    #[test]
    fn a_file_that_grows_is_not_read_yet() {
        let (small, large) = (file("a.csv", 1, 5), file("a.csv", 2, 6));
        let touched = file("a.csv", 2, 7);
        for before in [vec![], vec![small], vec![touched]] {
            assert_eq!(
                pick(
                    &before,
                    std::slice::from_ref(&large),
                    &Complete::Unchanged,
                    None
                ),
                Choice::NotYet(large.clone())
            );
        }
    }

    #[test]
    fn a_marker_stands_in_for_the_second_look() {
        let marker = Complete::Marker(".done".to_owned());
        let csv = file("a.csv", 1, 5);
        assert_eq!(
            pick(&[], std::slice::from_ref(&csv), &marker, None),
            Choice::NotYet(csv.clone())
        );
        let both = [csv.clone(), file("a.csv.done", 0, 6)];
        assert_eq!(pick(&[], &both, &marker, None), Choice::Read(csv));
    }

    #[test]
    fn an_older_snapshot_is_refused_and_identical_bytes_are_no_news() {
        let applied = Applied {
            as_of: stamp("20261124").map_or(0, |s| s.0),
            sha256: sha256(&b"x"[..]).unwrap_or_default(),
        };
        let old = [file("hr_20261123.csv", 1, i64::MAX)];
        assert_eq!(
            pick(&old, &old, &Complete::Unchanged, Some(&applied)),
            Choice::Older(old[0].clone())
        );
        let same = [file("hr_20261124.csv", 1, 0)];
        assert_eq!(
            pick(&same, &same, &Complete::Unchanged, Some(&applied)),
            Choice::Read(same[0].clone())
        );
        assert_eq!(
            news(
                &sha256(&b"x"[..]).unwrap_or_default(),
                Some(&applied.sha256)
            ),
            News::Identical
        );
        assert_eq!(
            news(
                &sha256(&b"y"[..]).unwrap_or_default(),
                Some(&applied.sha256)
            ),
            News::Different
        );
        assert_eq!(news("", None), News::Different);
        assert_eq!(
            sha256(&b"abc"[..]).as_deref(),
            Ok("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }
}
