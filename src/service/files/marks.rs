//! What is known of the last file of each connection: which bytes, since the same ones again are a sign of life and no proof
//! of who is absent (SEMANTICS §7), and what an admin said about those whom it missed.

use serde_json::Value;

use super::{MarkRow, due};
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::{Outcome, Tx};

/// A file that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The time it stands for.
    pub as_of: Millis,
    /// Fields that it has columns for.
    pub fields: Vec<String>,
    /// Characters of its shortest id.
    pub id_shortest: Option<i64>,
    /// The moment as which the run takes absences for seen.
    pub now: Millis,
}

impl MarkRow {
    /// Fields that the last file had columns for.
    pub fn fields(&self) -> Vec<String> {
        serde_json::from_str(&self.fields).unwrap_or_default()
    }
}

impl Service {
    /// What is known of a connection's last file.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_file_mark(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<Option<MarkRow>> {
        let connection = connection.to_owned();
        self.store
            .point(tenant, move |scope| Ok(scope.find_file_mark(&connection)?))
            .await
    }

    /// Notes which file a look at a folder found; the moment since when it is as it is.
    ///
    /// # Errors
    /// Storage.
    pub async fn note_seen(
        &self,
        caller: &Caller,
        connection: &str,
        seen: &str,
    ) -> Result<MarkRow> {
        let (connection, seen) = (connection.to_owned(), seen.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                let mut mark = mark(tx, &connection)?;
                if mark.seen.as_deref() != Some(&seen) {
                    mark.seen = Some(seen.clone());
                    mark.delivered_at = tx.now().0;
                    put_mark(tx, &mark)?;
                }
                Ok::<_, Error>(Outcome::Done(mark))
            })
            .await
    }

    /// Notes a file that was read whole, before anybody is marked as absent from it. Who was missed before the moment
    /// that is answered is gone: these bytes are others than those that missed her, or an admin said so.
    ///
    /// # Errors
    /// Storage.
    pub async fn note_file(
        &self,
        caller: &Caller,
        connection: &str,
        read: FileRead,
    ) -> Result<Millis> {
        let connection = connection.to_owned();
        let fields = serde_json::to_string(&read.fields).unwrap_or_default();
        self.store
            .write(caller.meta(), move |tx| {
                let mut mark = mark(tx, &connection)?;
                if mark.sha256 != read.sha256 {
                    mark.sha256.clone_from(&read.sha256);
                    mark.first_read_at = read.now.0;
                }
                // A name with a day in a far future does not shut out all that comes later.
                mark.as_of = read.as_of.0.min(read.now.0);
                mark.fields.clone_from(&fields);
                mark.id_shortest = read.id_shortest;
                put_mark(tx, &mark)?;
                let confirmed = mark.confirmed_at.unwrap_or(i64::MIN);
                let before = mark.first_read_at.max(confirmed);
                Ok::<_, Error>(Outcome::Done(Millis(before)))
            })
            .await
    }

    /// An admin says that everybody whom the last file missed is gone: the next run, which is due at once, takes it so,
    /// within the limits of the guard. Returns how many are missed.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if nobody is missed, or for a connection that reads no files.
    pub async fn confirm_absences(&self, caller: &Caller, connection: &str) -> Result<u64> {
        self.find_connection(caller, connection).await?;
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_file_mark(&connection)?;
                let Some(mut mark) = found.filter(MarkRow::has_read) else {
                    return Err(Error::Conflict(
                        "the connection has read no file: there is nobody whom one missed"
                            .to_owned(),
                    ));
                };
                let missed = tx.count_missed(&connection)?;
                if missed == 0 {
                    return Err(Error::Conflict("nobody is missed".to_owned()));
                }
                let now = tx.now();
                // The moment itself counts as before.
                mark.confirmed_at = Some(now.0 + 1);
                put_mark(tx, &mark)?;
                due(tx, &connection, now)?;
                let entry = Entry::new(
                    "connection.absences_confirmed",
                    "connection",
                    connection.clone(),
                );
                tx.record(entry.change("people", None, Some(Value::from(missed))));
                Ok(Outcome::Done(u64::try_from(missed).unwrap_or_default()))
            })
            .await
    }

    /// A run has used an admin's word about absences.
    ///
    /// # Errors
    /// Storage.
    pub async fn use_confirmation(&self, caller: &Caller, connection: &str) -> Result<()> {
        let connection = connection.to_owned();
        self.book(caller, move |tx| {
            if let Some(mut mark) = tx.find_file_mark(&connection)?
                && mark.confirmed_at.take().is_some()
            {
                tx.update_file_mark(&mark)?;
            }
            Ok(())
        })
        .await
    }

    /// How many of a connection's people are missed, and wait for another file or an admin to confirm it.
    ///
    /// # Errors
    /// Storage.
    pub async fn count_missed(&self, tenant: &TenantId, connection: &str) -> Result<u64> {
        let connection = connection.to_owned();
        let missed: i64 = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.count_missed(&connection)?)
            })
            .await?;
        Ok(u64::try_from(missed).unwrap_or_default())
    }
}

pub(super) fn mark(tx: &mut Tx<'_>, connection: &str) -> Result<MarkRow> {
    let (now, found) = (tx.now(), tx.find_file_mark(connection)?);
    Ok(found.unwrap_or_else(|| MarkRow::new(tx.tenant().as_str(), connection, now)))
}

pub(super) fn put_mark(tx: &mut Tx<'_>, row: &MarkRow) -> Result<()> {
    match tx.find_file_mark(&row.connection_id)? {
        None => tx.create_file_mark(row)?,
        Some(_) => tx.update_file_mark(row)?,
    }
    Ok(())
}
