//! A watched folder: one root that the operator sets, in it a folder for each tenant and in that one for each connection. Nothing outside is ever read: names
//! are single names, links are not followed, and only plain files count.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};

use super::{Found, MOST_NAMES, name};
use crate::domain::clock::Millis;
use crate::hris::formats::Problem;
use crate::hris::formats::csv::LARGEST;

/// The folder of one connection: `‹root›/‹tenant›/‹connection›`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
    parts: [String; 2],
}

impl Folder {
    /// Names it. Errors: `file.folder` if the tenant's or the connection's part is not one plain name.
    pub fn new(root: &Path, tenant: &str, connection: &str) -> Result<Self, Problem> {
        if ![tenant, connection].into_iter().all(name::is_plain) {
            return Err(Problem::new("file.folder"));
        }
        Ok(Self {
            root: root.to_owned(),
            parts: [tenant.to_owned(), connection.to_owned()],
        })
    }

    /// Lists plain files. Errors: `file.folder_missing` (a link counts as missing), `file.too_many`, `file.io`.
    pub fn look(&self) -> Result<Vec<Found>, Problem> {
        let folder = self.open_folder()?;
        let mut found = Vec::new();
        for (seen, entry) in Dir::read_from(&folder).map_err(problem)?.enumerate() {
            if seen > MOST_NAMES {
                return Err(Problem::new("file.too_many").with("limit", MOST_NAMES));
            }
            let entry = entry.map_err(problem)?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if !name::is_plain(name) {
                continue;
            }
            match fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => found.extend(as_found(name, &stat)),
                // Removed since it was listed.
                Err(rustix::io::Errno::NOENT) => {}
                Err(e) => return Err(problem(e)),
            }
        }
        Ok(found)
    }

    /// Reads a file that a look found, all of it. Errors: `file.changed` if it is not the same any more, `file.too_long`,
    /// `file.io`.
    pub fn read(&self, wanted: &Found) -> Result<Vec<u8>, Problem> {
        let mut file = self.open(wanted)?;
        let mut bytes = Vec::new();
        let limit = LARGEST + 1;
        file.by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|e| super::io_problem(&e))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(Problem::new("file.too_long").with("limit", LARGEST));
        }
        self.check(&file, wanted)?;
        Ok(bytes)
    }

    /// Opens a file that a look found. Errors as [`Self::read`].
    pub fn open(&self, wanted: &Found) -> Result<File, Problem> {
        if !name::is_plain(&wanted.name) {
            return Err(Problem::new("file.changed"));
        }
        // Without waiting: a pipe of that name would hang the open.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = fs::openat(self.open_folder()?, &wanted.name, flags, Mode::empty());
        let file = File::from(opened.map_err(|_| Problem::new("file.changed"))?);
        self.check(&file, wanted)?;
        Ok(file)
    }

    /// Says whether a file that was opened is still what a look found. Errors: `file.changed`, `file.io`.
    pub fn check(&self, file: &File, wanted: &Found) -> Result<(), Problem> {
        let stat = fs::fstat(file.as_fd()).map_err(problem)?;
        if as_found(&wanted.name, &stat).as_ref() == Some(wanted) {
            Ok(())
        } else {
            Err(Problem::new("file.changed"))
        }
    }

    fn open_folder(&self) -> Result<OwnedFd, Problem> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let [tenant, connection] = &self.parts;
        let missing = |_| {
            let place = format!("{tenant}/{connection}");
            Problem::new("file.folder_missing").with("folder", place)
        };
        let mut folder = fs::open(&self.root, flags, Mode::empty()).map_err(missing)?;
        for part in &self.parts {
            let own = flags | OFlags::NOFOLLOW;
            folder = fs::openat(&folder, part, own, Mode::empty()).map_err(missing)?;
        }
        Ok(folder)
    }
}

fn problem(error: rustix::io::Errno) -> Problem {
    super::io_problem(&std::io::Error::from(error))
}

/// A plain file; none for anything else.
fn as_found(name: &str, stat: &fs::Stat) -> Option<Found> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let ms = stat.st_mtime.saturating_mul(1_000)
        + i64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1_000_000;
    Some(Found {
        name: name.to_owned(),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Millis(ms),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn world() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        for place in ["acme/hr", "other/hr"] {
            std::fs::create_dir_all(root.path().join(place)).unwrap_or_else(|e| panic!("{e}"));
        }
        let folder = Folder::new(root.path(), "acme", "hr").unwrap_or_else(|p| panic!("{p}"));
        (root, folder)
    }

    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap_or_else(|e| panic!("{e}"));
    }

    #[test]
    fn only_plain_files_of_the_own_folder_are_seen() {
        let (root, folder) = world();
        let here = root.path().join("acme/hr");
        write(&root.path().join("other/hr/secret.csv"), "secret");
        write(&here.join("people.csv"), "a,b\n1,2\n");
        write(&here.join(".hidden.csv"), "x");
        std::fs::create_dir(here.join("dir.csv")).unwrap_or_else(|e| panic!("{e}"));
        symlink("../../other/hr/secret.csv", here.join("link.csv"))
            .unwrap_or_else(|e| panic!("{e}"));
        symlink("nowhere", here.join("dangling.csv")).unwrap_or_else(|e| panic!("{e}"));
        fs::mknodat(
            fs::CWD,
            here.join("pipe.csv"),
            FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap_or_else(|e| panic!("{e}"));
        let found = folder.look().unwrap_or_default();
        assert_eq!(
            found
                .iter()
                .map(|f| (f.name.as_str(), f.size))
                .collect::<Vec<_>>(),
            [("people.csv", 8)]
        );
        assert_eq!(folder.read(&found[0]).as_deref(), Ok(&b"a,b\n1,2\n"[..]));
        for name in [
            "link.csv",
            "pipe.csv",
            "../../other/hr/secret.csv",
            "dir.csv",
            "none.csv",
            "..",
        ] {
            let wanted = Found {
                name: name.to_owned(),
                ..found[0].clone()
            };
            assert_eq!(
                folder.read(&wanted).err().map(|p| p.code),
                Some("file.changed"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_file_that_changed_since_the_look_is_not_read() {
        let (root, folder) = world();
        let path = root.path().join("acme/hr/people.csv");
        write(&path, "a");
        let found = folder.look().unwrap_or_default();
        write(&path, "ab");
        assert_eq!(
            folder.read(&found[0]).err().map(|p| p.code),
            Some("file.changed")
        );
    }

    #[test]
    fn a_tenant_is_one_name_and_its_folder_is_no_link() {
        let (root, _) = world();
        for bad in ["", ".", "..", "a/b", "../other", "a\0"] {
            assert!(Folder::new(root.path(), bad, "hr").is_err(), "{bad:?}");
            assert!(Folder::new(root.path(), "acme", bad).is_err(), "{bad:?}");
        }
        symlink("other", root.path().join("linked")).unwrap_or_else(|e| panic!("{e}"));
        symlink("../other/hr", root.path().join("acme/linked")).unwrap_or_else(|e| panic!("{e}"));
        for (tenant, connection) in [("linked", "hr"), ("missing", "hr"), ("acme", "linked")] {
            let folder = Folder::new(root.path(), tenant, connection);
            let folder = folder.unwrap_or_else(|p| panic!("{p}"));
            assert_eq!(
                folder.look().err().map(|p| p.code),
                Some("file.folder_missing")
            );
        }
    }
}
