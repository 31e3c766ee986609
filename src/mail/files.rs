//! The local outbox: where no mail server is set, each mail is a file that a mail program opens. Nobody gets it.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder for mails; made for its owner only.
#[derive(Debug, Clone)]
pub struct Files(PathBuf);

impl Files {
    /// In this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Writes a mail; one that was there under this id is replaced.
    pub(super) fn put(&self, id: &str, mail: &[u8]) -> std::io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let name = self.0.join(format!("{id}.eml"));
        let draft = self.0.join(format!(".{id}.draft"));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(mail)?;
        file.sync_all()?;
        std::fs::rename(draft, name)
    }
}
