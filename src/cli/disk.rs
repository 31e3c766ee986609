//! How much room there is, and how large a file is.

use std::path::{Path, PathBuf};

use crate::storage::connection::DatabaseUrl;

/// Free and total bytes of the file system that holds a path, as far as this user may fill it.
pub(super) fn room(path: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some((
        found.f_bavail.saturating_mul(found.f_frsize),
        found.f_blocks.saturating_mul(found.f_frsize),
    ))
}

/// Size of a file; nothing if it is not there.
pub(super) fn size(path: &str) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// SQLite's file and the directory that it is in.
pub(super) fn file_of(url: &DatabaseUrl) -> Option<(&str, PathBuf)> {
    match url {
        DatabaseUrl::Postgres(_) => None,
        DatabaseUrl::Sqlite(file) => {
            let parent = Path::new(file).parent();
            let directory = parent.filter(|p| !p.as_os_str().is_empty());
            Some((file, directory.unwrap_or(Path::new(".")).to_owned()))
        }
    }
}
