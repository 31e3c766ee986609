//! Credentials that the vendor exchanged during a pull, in a file that only its owner reads.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::json;

use crate::hris::auth::{Held, Keeper};
use crate::hris::{Error, Kind};

/// Writes them to a file, as JSON.
pub(super) struct IntoFile(PathBuf);

impl IntoFile {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Written beside it, flushed to the disk, and moved into place: the file is the old or the new one.
    fn write(&self, credential: &str, value: &str) -> std::io::Result<()> {
        let beside = self.0.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        writeln!(file, "{}", json!({credential: value}))?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.0)
    }
}

impl Keeper for IntoFile {
    fn held<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Held, Error>> {
        ready(Ok(Held::AsGiven)).boxed()
    }

    fn keep<'a>(&'a self, credential: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let outcome = self.write(credential, value).map_err(|error| {
            Error::new(Kind::Settings, "credentials_not_kept")
                .with("file", self.0.display())
                .with("what", error)
        });
        ready(outcome).boxed()
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}
