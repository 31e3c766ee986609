//! Connections that read files: what there is to read, and reading it. A file that was handed in is thrown away when its
//! run has ended; in a folder and on a server nothing is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::addresses::Addressed;
use super::sources::Told;
use crate::domain::clock::Millis;
use crate::domain::pull::AddressUse;
use crate::hris::files::folder::Folder;
use crate::hris::files::mapping::Field;
use crate::hris::files::server::{self, Server};
use crate::hris::files::sftp::Session;
use crate::hris::files::{
    self, Applied, Arrival, Choice, Complete, FileConnector, Found, Reading, pull_error,
};
use crate::hris::formats::Problem;
use crate::hris::formats::csv::LARGEST;
use crate::hris::values::Values;
use crate::hris::{self, Error as PullError, Evidence, Gap, Kind, Progress as _, Table};
use crate::service::connections::ConnectionRow;
use crate::service::files::{MarkRow, ReadSeek, UploadRow};
use crate::service::{self, Caller, Service};
use crate::sync::{Feed, Gather, Look, Report, Watch};

/// Milliseconds between two looks.
const PAUSE_MS: i64 = Complete::PAUSE as i64 * 1_000;
const HOUR_MS: i64 = 3_600_000;

/// Where files come from.
#[derive(Debug)]
pub(super) enum Origin {
    /// They are handed in, and wait in the database.
    Upload,
    /// A folder that the operator watches.
    Folder(Folder),
    /// A customer's server.
    Server(Box<Server>),
    /// This one, which somebody at the shell names.
    Here(PathBuf),
}

impl Origin {
    /// Where a connection's files come from. Errors: `file.no_root`, `file.folder`; those of [`Server::of`].
    pub(super) fn of(
        connector: &FileConnector,
        row: &ConnectionRow,
        values: &Values,
        root: Option<&Path>,
        allow_private: bool,
    ) -> Result<Self, PullError> {
        Ok(match connector.from {
            Arrival::Upload => Self::Upload,
            Arrival::Folder => {
                let no_root = || PullError::new(Kind::Settings, "file.no_root");
                let root = root.ok_or_else(no_root)?;
                let folder = Folder::new(root, &row.tenant, &row.id);
                Self::Folder(folder.map_err(pull_error)?)
            }
            Arrival::Sftp => Self::Server(Box::new(Server::of(values, allow_private)?)),
        })
    }
}

/// What a look found to be read.
enum Taken {
    /// A file that waits.
    Upload(UploadRow),
    /// One of a folder, or of the server that was signed in to.
    Found(Found, Option<Session>),
    /// Looking failed: the run says so.
    Failed(PullError),
}

/// A connection that reads files.
pub(super) struct FileFeed {
    pub(super) service: Service,
    pub(super) caller: Caller,
    pub(super) row: ConnectionRow,
    pub(super) reading: Reading,
    pub(super) origin: Origin,
    addresses: AddressUse,
    taken: Mutex<Option<Taken>>,
    /// The file that was read and is kept, since reading it again may go well.
    kept: Mutex<Option<String>>,
}

/// A file that is open, and the time that it stands for.
struct Open {
    file: Box<dyn ReadSeek + Send>,
    as_of: Millis,
    /// Looks once more, at the end, whether it is still what a look found.
    again: Option<(File, Found)>,
}

impl FileFeed {
    pub(super) fn new(
        service: &Service,
        caller: Caller,
        row: &ConnectionRow,
        reading: Reading,
        origin: Origin,
        addresses: AddressUse,
    ) -> Self {
        Self {
            service: service.clone(),
            caller,
            row: row.clone(),
            reading,
            origin,
            addresses,
            taken: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    fn now(&self) -> Millis {
        self.service.store.clock().now()
    }

    fn take(&self, taken: Taken) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }

    async fn mark(&self) -> service::Result<Option<MarkRow>> {
        self.service
            .find_file_mark(&self.caller.tenant, &self.row.id)
            .await
    }

    /// Nothing came for twice the time in which a file is expected.
    fn is_silent(&self, mark: Option<&MarkRow>) -> bool {
        let last = mark.map_or(self.row.created_at, |m| m.delivered_at);
        self.now().0 - last > 2 * i64::from(self.reading.expected_hours) * HOUR_MS
    }

    async fn look(&self) -> service::Result<Look> {
        let listed = match &self.origin {
            Origin::Here(_) => return Ok(Look::Ready { is_old: false }),
            Origin::Upload => return self.look_for_upload().await,
            Origin::Folder(folder) => {
                let folder = folder.clone();
                let look = tokio::task::spawn_blocking(move || folder.look()).await;
                let look = look.unwrap_or_else(|_| Err(Problem::new("file.broken")));
                look.map(|found| (found, None)).map_err(pull_error)
            }
            Origin::Server(server) => server
                .open()
                .await
                .map(|(session, found)| (found, Some(session))),
        };
        match listed {
            Ok((found, session)) => self.choose(found, session).await,
            Err(error) => {
                self.take(Taken::Failed(error));
                Ok(Look::Ready { is_old: false })
            }
        }
    }

    async fn look_for_upload(&self) -> service::Result<Look> {
        match self.waiting().await? {
            Some(row) => {
                self.take(Taken::Upload(row));
                Ok(Look::Ready { is_old: false })
            }
            None => Ok(self.nothing(self.mark().await?)),
        }
    }

    async fn waiting(&self) -> service::Result<Option<UploadRow>> {
        let (tenant, each) = (&self.caller.tenant, self.reading.changes_only());
        self.service
            .find_waiting_file(tenant, &self.row.id, each)
            .await
    }

    fn nothing(&self, mark: Option<MarkRow>) -> Look {
        match &mark {
            Some(mark) if mark.confirmed_at.is_some() => Look::Absences,
            _ => Look::Nothing {
                is_silent: self.is_silent(mark.as_ref()),
            },
        }
    }

    /// What to do about the files of a folder.
    async fn choose(&self, found: Vec<Found>, session: Option<Session>) -> service::Result<Look> {
        let (pattern, complete) = (&self.reading.pattern, &self.reading.complete);
        let Some(newest) = files::newest(&found, pattern, complete) else {
            return Ok(self.nothing(self.mark().await?));
        };
        let seen = serde_json::json!([newest.name, newest.size, newest.modified.0]).to_string();
        let mark = self
            .service
            .note_seen(&self.caller, &self.row.id, &seen)
            .await?;
        let applied = mark.has_read().then(|| Applied {
            as_of: mark.as_of,
            sha256: mark.sha256.clone(),
        });
        let is_still = self.now().0 - mark.delivered_at >= PAUSE_MS;
        let before: &[Found] = match is_still {
            true => std::slice::from_ref(&newest),
            false => &[],
        };
        match files::choose(before, &found, pattern, complete, applied.as_ref()) {
            Choice::Nothing => Ok(self.nothing(Some(mark))),
            Choice::NotYet(_) => Ok(Look::NotYet(PAUSE_MS)),
            Choice::Older(_) => {
                self.take(Taken::Failed(older()));
                Ok(Look::Ready { is_old: false })
            }
            Choice::Read(found) => {
                self.take(Taken::Found(found, session));
                let is_old = self.is_silent(Some(&mark));
                Ok(Look::Ready { is_old })
            }
        }
    }

    async fn open(&self, mark: Option<&MarkRow>) -> Result<Open, PullError> {
        let taken = self.taken.lock().map(|mut taken| taken.take());
        match (taken.unwrap_or_default(), &self.origin) {
            (Some(Taken::Failed(error)), _) => Err(error),
            (_, Origin::Here(path)) => open_here(path, self.now(), mark),
            (Some(Taken::Upload(row)), _) => {
                self.remember(&row);
                Ok(Open {
                    file: Box::new(self.service.content(&row)),
                    as_of: Millis(row.as_of),
                    again: None,
                })
            }
            (Some(Taken::Found(found, _)), Origin::Folder(folder)) => {
                small(found.size)?;
                let file = folder.open(&found).map_err(pull_error)?;
                let again = file.try_clone().map_err(|e| unreadable(&e))?;
                Ok(Open {
                    file: Box::new(file),
                    as_of: found.as_of(),
                    again: Some((again, found)),
                })
            }
            (Some(Taken::Found(found, Some(session))), _) => {
                small(found.size)?;
                let as_of = found.as_of();
                let bytes = server::read(session, found).await?;
                Ok(Open {
                    file: Box::new(Cursor::new(bytes)),
                    as_of,
                    again: None,
                })
            }
            _ => Err(PullError::new(Kind::Unavailable, "file.none")),
        }
    }

    fn remember(&self, row: &UploadRow) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(row.id.clone());
    }

    async fn read(
        &self,
        day: NaiveDate,
        people: &mut Gather,
        watch: &dyn Watch,
    ) -> Result<Evidence, PullError> {
        let stopped = |_| PullError::new(Kind::Stopped, "storage");
        let mark = self.mark().await.map_err(stopped)?;
        let open = self.open(mark.as_ref()).await?;
        let table = Table {
            file: open.file,
            as_of: open.as_of,
            options: self.reading.options.clone(),
            settings: self.reading.settings(day, had(mark.as_ref())),
        };
        let told = Told(watch);
        let mut people = Addressed::new(people, self.addresses);
        let mut evidence = hris::pull_table(table, &mut people, &told).await?;
        if let (Some((file, found)), Origin::Folder(folder)) = (open.again, &self.origin) {
            folder.check(&file, &found).map_err(pull_error)?;
        }
        let length = evidence.snapshot.as_ref().and_then(|s| s.id_length);
        if let Some((code, params)) = shorter(mark.as_ref(), length) {
            let shorter = Gap { code, params };
            told.warn(&shorter);
            evidence.warnings.push(shorter);
        }
        Ok(evidence)
    }

    async fn end(&self, report: &Report) -> service::Result<()> {
        let is_kept = report.error.as_ref().is_some_and(PullError::retry_helps);
        let read = match (&self.origin, is_kept) {
            (Origin::Upload, false) => self.kept.lock().map(|mut kept| kept.take()),
            _ => return Ok(()),
        };
        let Some(id) = read.unwrap_or_default() else {
            return Ok(());
        };
        let each = self.reading.changes_only();
        self.service
            .end_file(&self.caller, &self.row.id, &id, each)
            .await
    }

    async fn has_more(&self) -> service::Result<bool> {
        if !matches!(self.origin, Origin::Upload) {
            return Ok(false);
        }
        let kept = self.kept.lock().map(|kept| kept.clone());
        let kept = kept.unwrap_or_default();
        Ok(self.waiting().await?.is_some_and(|u| Some(u.id) != kept))
    }
}

impl Feed for FileFeed {
    fn look(&self) -> BoxFuture<'_, service::Result<Look>> {
        Self::look(self).boxed()
    }

    fn done<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, service::Result<()>> {
        self.end(report).boxed()
    }

    fn has_more(&self) -> BoxFuture<'_, service::Result<bool>> {
        Self::has_more(self).boxed()
    }

    fn read<'a>(
        &'a self,
        day: NaiveDate,
        people: &'a mut Gather,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        Self::read(self, day, people, watch).boxed()
    }
}

/// Fields that the last file had columns for.
pub(super) fn had(mark: Option<&MarkRow>) -> BTreeSet<Field> {
    let names = mark.map(MarkRow::fields).unwrap_or_default();
    let known = Field::ALL.into_iter();
    known
        .filter(|f| names.iter().any(|name| name == f.name()))
        .collect()
}

/// A file that somebody names. It stands for the time in its name, else for now.
pub(in crate::cli) fn at_hand(path: &Path, now: Millis) -> Result<(File, Millis), PullError> {
    let file = File::open(path).map_err(|e| unreadable(&e))?;
    let about = file.metadata().map_err(|e| unreadable(&e))?;
    if !about.is_file() {
        return Err(unreadable(&std::io::ErrorKind::InvalidInput.into()));
    }
    small(about.len())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok((file, files::stamp(&name).unwrap_or(now)))
}

fn open_here(path: &Path, now: Millis, mark: Option<&MarkRow>) -> Result<Open, PullError> {
    let (file, as_of) = at_hand(path, now)?;
    if mark.is_some_and(|m| m.as_of > as_of.0) {
        return Err(older());
    }
    Ok(Open {
        file: Box::new(file),
        as_of,
        again: None,
    })
}

fn older() -> PullError {
    PullError::new(Kind::NotUnderstood, "file.older")
}

/// Nobody reads a file of any size to learn that it is too large.
fn small(size: u64) -> Result<(), PullError> {
    match size > LARGEST {
        true => Err(PullError::new(Kind::Limit, "file.too_long").with("limit", LARGEST)),
        false => Ok(()),
    }
}

fn unreadable(error: &std::io::Error) -> PullError {
    PullError::new(Kind::Settings, "file.unreadable").with("kind", error.kind())
}

/// Ids are shorter than in the last file: a spreadsheet may have cut leading zeros.
pub(super) fn shorter(
    mark: Option<&MarkRow>,
    now: Option<(usize, usize)>,
) -> Option<(&'static str, BTreeMap<String, String>)> {
    let before = mark?.id_shortest?;
    let now = i64::try_from(now?.0).ok()?;
    let params = [("before", before), ("now", now)]
        .map(|(name, value)| (name.to_owned(), value.to_string()));
    (now < before).then(|| ("csv.ids_shorter", params.into()))
}
