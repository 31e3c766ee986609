//! Files of people that are handed in: taken piece by piece, sealed, looked through before they count, and thrown away when
//! a process has read them.

mod content;
mod inspect;
mod marks;
mod reseal;

use serde_json::Value;

pub use content::Content;
pub use inspect::{Inspect, Look, NoFiles, ReadSeek, Told};
pub use marks::FileRead;

use self::marks::{mark, put_mark};
use super::connections::{ConnectionRow, PULL};
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::sealed::{NONCE, Place};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::files::{ChunkRow, list_uploads_before, state};
use crate::storage::{Outcome, Tx};

pub use crate::storage::files::{MarkRow, UploadRow};

/// Largest file, in bytes.
pub const LARGEST: u64 = 100 << 20;
/// Bytes of a piece: the largest file has 400, and no operation changes more than 500 rows.
pub const PIECE: usize = 256 << 10;
/// Most files of a connection that come in or wait.
const AT_ONCE: usize = 16;
/// How long a file may wait to be read, in milliseconds.
pub const WAITS: i64 = 24 * 3_600_000;

/// A file whose bytes are coming in. Dropped before its end it is forgotten within a day.
#[derive(Debug)]
pub struct Arriving {
    row: UploadRow,
    rest: Vec<u8>,
}

impl Service {
    /// The connection, if it takes files that are handed in.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that reads its people elsewhere, or that is paused.
    pub async fn takes_files(&self, caller: &Caller, connection: &str) -> Result<ConnectionRow> {
        let row = self.find_connection(caller, connection).await?;
        if row.kind != PULL || !self.files.takes_files(&row) {
            return Err(Error::Conflict(format!(
                "the connection reads its people from `{}`: only one of the connector `csv` takes files",
                row.preset
            )));
        }
        match row.state.as_str() {
            "active" => Ok(row),
            state => Err(Error::Conflict(format!(
                "the connection is {state}: resume it first"
            ))),
        }
    }

    /// Begins to take a file that stands for this time.
    ///
    /// # Errors
    /// As [`Self::takes_files`]; `Conflict` for a file older than the last one that was read, and for one too many.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        connection: &str,
        as_of: Option<Millis>,
    ) -> Result<Arriving> {
        self.takes_files(caller, connection).await?;
        let now = self.store.clock().now();
        let as_of = as_of.unwrap_or(now);
        let mark = self.find_file_mark(&caller.tenant, connection).await?;
        if mark.is_some_and(|m| m.as_of > as_of.0) {
            return Err(Error::Conflict(
                "the file is older than the last one that was read: send a newer one".to_owned(),
            ));
        }
        let row = UploadRow {
            tenant: caller.tenant.as_str().to_owned(),
            connection_id: connection.to_owned(),
            id: self.fresh_id(),
            state: state::ARRIVING.to_owned(),
            bytes: 0,
            chunks: 0,
            as_of: as_of.0,
            created_at: now.0,
        };
        let made = row.clone();
        self.book(caller, move |tx| {
            if tx.list_uploads(&made.connection_id)?.len() >= AT_ONCE {
                let detail = format!("{AT_ONCE} files of this connection come in or wait already");
                return Err(Error::Conflict(detail));
            }
            Ok(tx.create_upload(&made)?)
        })
        .await?;
        Ok(Arriving {
            row,
            rest: Vec::with_capacity(PIECE),
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Forbidden` without a key; storage.
    pub async fn take_bytes(
        &self,
        caller: &Caller,
        arriving: &mut Arriving,
        mut bytes: &[u8],
    ) -> Result<()> {
        while !bytes.is_empty() {
            let room = PIECE - arriving.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            arriving.rest.extend_from_slice(now);
            bytes = later;
            if arriving.rest.len() == PIECE {
                self.store_piece(caller, arriving).await?;
            }
        }
        Ok(())
    }

    async fn store_piece(&self, caller: &Caller, arriving: &mut Arriving) -> Result<()> {
        let row = &mut arriving.row;
        let mut nonce = [0; NONCE];
        self.store.chance().fill(&mut nonce);
        let name = piece_name(&row.id, row.chunks);
        let place = Place {
            tenant: &row.tenant,
            connection: &row.connection_id,
            name: &name,
        };
        let sealed = self.keys.seal_bytes(place, &arriving.rest, nonce);
        let sealed = sealed.ok_or_else(|| {
            Error::Forbidden(
                "there is no secret key that could seal this: set ROSTERD_SECRET_KEY_FILE, or start the server once"
                    .to_owned(),
            )
        })?;
        let piece = ChunkRow {
            tenant: row.tenant.clone(),
            upload_id: row.id.clone(),
            ordinal: row.chunks,
            key_id: sealed.key_id,
            sealed: sealed.text,
        };
        row.bytes += arriving.rest.len() as i64;
        row.chunks += 1;
        arriving.rest.clear();
        self.book(caller, move |tx| Ok(tx.create_chunk(&piece)?))
            .await
    }

    /// Looks through a file that is there to its last byte, and takes it if it is fit to be read: the connection is due at
    /// once. A file that is refused is thrown away.
    ///
    /// # Errors
    /// Storage. What is wrong with the file is inside.
    pub async fn end_upload(
        &self,
        caller: &Caller,
        mut arriving: Arriving,
    ) -> Result<std::result::Result<Look, Told>> {
        let look = self.look_through(caller, &mut arriving).await?;
        match &look {
            Err(_) => self.drop_upload(caller, &arriving.row).await?,
            Ok(look) => self.take_file(caller, arriving.row, look).await?,
        }
        Ok(look)
    }

    /// Looks through a file that is there to its last byte, and throws it away.
    ///
    /// # Errors
    /// Storage. What is wrong with the file is inside.
    pub async fn preview_upload(
        &self,
        caller: &Caller,
        mut arriving: Arriving,
    ) -> Result<std::result::Result<Look, Told>> {
        let look = self.look_through(caller, &mut arriving).await;
        self.drop_upload(caller, &arriving.row).await?;
        look
    }

    async fn look_through(
        &self,
        caller: &Caller,
        arriving: &mut Arriving,
    ) -> Result<std::result::Result<Look, Told>> {
        if !arriving.rest.is_empty() || arriving.row.chunks == 0 {
            self.store_piece(caller, arriving).await?;
        }
        let row = &arriving.row;
        let connection = self.find_connection(caller, &row.connection_id).await?;
        let mark = self.find_file_mark(&caller.tenant, &connection.id).await?;
        let (files, mut content) = (self.files.clone(), self.content(row));
        let today = self.store.clock().now();
        let look = tokio::task::spawn_blocking(move || {
            files.inspect(&connection, mark.as_ref(), today, &mut content)
        });
        look.await.map_err(|_| {
            Error::Storage(crate::storage::Error::Other(
                "a file broke its reader".to_owned(),
            ))
        })
    }

    async fn take_file(&self, caller: &Caller, row: UploadRow, look: &Look) -> Result<()> {
        let sha256 = look.sha256.clone();
        self.book(caller, move |tx| {
            let now = tx.now();
            let mut ready = row.clone();
            state::READY.clone_into(&mut ready.state);
            tx.update_upload(&ready)?;
            let mut mark = mark(tx, &row.connection_id)?;
            mark.delivered_at = now.0;
            put_mark(tx, &mark)?;
            due(tx, &row.connection_id, now)?;
            let entry = Entry::new(
                "connection.file_received",
                "connection",
                row.connection_id.clone(),
            );
            tx.record(
                entry
                    .change("sha256", None, Some(Value::from(sha256.as_str())))
                    .change("bytes", None, Some(Value::from(row.bytes))),
            );
            Ok(())
        })
        .await
    }

    /// Throws a file away.
    ///
    /// # Errors
    /// Storage.
    pub async fn drop_upload(&self, caller: &Caller, row: &UploadRow) -> Result<()> {
        let (connection, id) = (row.connection_id.clone(), row.id.clone());
        self.book(caller, move |tx| Ok(tx.delete_upload(&connection, &id)?))
            .await
    }

    /// Throws away the files of a connection that wait or come in.
    ///
    /// # Errors
    /// Storage.
    pub async fn drop_files(&self, caller: &Caller, connection: &str) -> Result<()> {
        let wanted = connection.to_owned();
        let all = self
            .store
            .point(&caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_uploads(&wanted)?)
            })
            .await?;
        for row in &all {
            self.drop_upload(caller, row).await?;
        }
        Ok(())
    }

    /// Gives up a file that was not sent to its end.
    ///
    /// # Errors
    /// Storage.
    pub async fn cut_upload(&self, caller: &Caller, arriving: Arriving) -> Result<()> {
        self.drop_upload(caller, &arriving.row).await
    }

    /// The file of a connection that is to be read next: the newest, since it holds everybody; where files hold changes
    /// only (`each`), the oldest.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_waiting_file(
        &self,
        tenant: &TenantId,
        connection: &str,
        each: bool,
    ) -> Result<Option<UploadRow>> {
        let connection = connection.to_owned();
        let oldest = self.store.clock().now().0 - WAITS;
        self.store
            .point(tenant, move |scope| {
                let mut all = scope.list_uploads(&connection)?;
                all.retain(|u| u.state == state::READY && u.created_at > oldest);
                Ok(match each {
                    true => all.pop(),
                    false => all.into_iter().next(),
                })
            })
            .await
    }

    /// A file was read, or never will be: it is thrown away, and older ones with it unless each counts.
    ///
    /// # Errors
    /// Storage.
    pub async fn end_file(
        &self,
        caller: &Caller,
        connection: &str,
        id: &str,
        each: bool,
    ) -> Result<()> {
        let (connection, id) = (connection.to_owned(), id.to_owned());
        self.book(caller, move |tx| {
            for other in tx.list_uploads(&connection)? {
                let is_older = other.state == state::READY && other.id < id;
                if other.id == id || (is_older && !each) {
                    tx.delete_upload(&connection, &other.id)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The bytes of a file that waits.
    pub fn content(&self, row: &UploadRow) -> Content {
        Content::new(&self.store, &self.keys, row)
    }

    /// Throws away, for all tenants, files that waited for longer than a day. Returns how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn sweep_files(&self) -> Result<usize> {
        let before = Millis(self.store.clock().now().0 - WAITS);
        let old = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_uploads_before(conn, before, 100)?))
            .await?;
        for row in &old {
            let caller = Caller::system(TenantId::new(row.tenant.as_str()), "sweep");
            self.drop_upload(&caller, row).await?;
        }
        Ok(old.len())
    }

    async fn book<F>(&self, caller: &Caller, mut books: F) -> Result<()>
    where
        F: FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static,
    {
        self.store
            .write(caller.meta(), move |tx| {
                books(tx)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

/// The line with which a job hands a file in.
pub fn curl_line(url: &str, token: &str) -> String {
    format!("curl --fail -T people.csv -H 'Authorization: Bearer {token}' {url}")
}

/// The name under which a piece is sealed; no secret of a connector has such a one.
fn piece_name(upload: &str, ordinal: i64) -> String {
    format!("file/{upload}/{ordinal}")
}

/// The connection is pulled at once.
fn due(tx: &mut Tx<'_>, connection: &str, now: Millis) -> Result<()> {
    if let Some(mut schedule) = tx.find_schedule(connection)?
        && schedule.next_at > now.0
    {
        schedule.next_at = now.0;
        tx.update_schedule(&schedule)?;
    }
    Ok(())
}
