//! Files that wait while the key changes: their pieces are sealed anew like credentials, so that the former key can go.

use super::piece_name;
use crate::domain::ids::TenantId;
use crate::domain::sealed::{NONCE, Place, Sealed};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::files::{ChunkRow, list_chunks_by_key, tally_by_key};

/// Pieces that one step seals anew.
const STEP: i64 = 16;

impl Service {
    /// Files of all tenants by the key that seals their pieces.
    pub(in crate::service) async fn count_files_by_key(&self) -> Result<Vec<(String, i64)>> {
        Ok(self.store.read_global(tally_by_key).await?)
    }

    /// Seals everything of files anew that a former key sealed; how many pieces. A file that does not open is thrown away:
    /// nobody could read it either.
    pub(in crate::service) async fn reseal_files(&self, key: &str) -> Result<u64> {
        let mut done = 0;
        loop {
            let pieces = self.pieces_of_key(key).await?;
            if pieces.is_empty() {
                return Ok(done);
            }
            for (piece, connection) in pieces {
                match self.sealed_anew(&piece, &connection) {
                    Some(anew) => done += self.put_piece(piece, anew).await?,
                    None => self.drop_piece(&piece, &connection).await?,
                }
            }
        }
    }

    /// Throws files away that nobody can open any more.
    pub(in crate::service) async fn lose_files(&self, key: &str) -> Result<()> {
        loop {
            let pieces = self.pieces_of_key(key).await?;
            let Some((piece, connection)) = pieces.first() else {
                return Ok(());
            };
            self.drop_piece(piece, connection).await?;
        }
    }

    async fn pieces_of_key(&self, key: &str) -> Result<Vec<(ChunkRow, String)>> {
        let key = key.to_owned();
        let pieces = self
            .store
            .read_global(move |conn| list_chunks_by_key(conn, &key, STEP));
        Ok(pieces.await?)
    }

    /// `None`: it does not open.
    fn sealed_anew(&self, piece: &ChunkRow, connection: &str) -> Option<Sealed> {
        let name = piece_name(&piece.upload_id, piece.ordinal);
        let place = Place {
            tenant: &piece.tenant,
            connection,
            name: &name,
        };
        let sealed = Sealed {
            key_id: piece.key_id.clone(),
            text: piece.sealed.clone(),
        };
        let bytes = self.keys.open_bytes(place, &sealed).ok()?;
        let mut nonce = [0; NONCE];
        self.store.chance().fill(&mut nonce);
        self.keys.seal_bytes(place, &bytes, nonce)
    }

    /// Stores a piece, unless its file was read meanwhile.
    async fn put_piece(&self, seen: ChunkRow, anew: Sealed) -> Result<u64> {
        let caller = Caller::operator(TenantId::new(seen.tenant.as_str()), "secrets rotate");
        self.store
            .write(caller.meta(), move |tx| {
                let is_there =
                    tx.find_chunk(&seen.upload_id, seen.ordinal)?.as_ref() == Some(&seen);
                if is_there {
                    tx.update_chunk(&ChunkRow {
                        key_id: anew.key_id.clone(),
                        sealed: anew.text.clone(),
                        ..seen.clone()
                    })?;
                }
                Ok::<_, Error>(Outcome::Done(u64::from(is_there)))
            })
            .await
    }

    async fn drop_piece(&self, piece: &ChunkRow, connection: &str) -> Result<()> {
        let caller = Caller::operator(TenantId::new(piece.tenant.as_str()), "secrets");
        let (connection, upload) = (connection.to_owned(), piece.upload_id.clone());
        self.store
            .write(caller.meta(), move |tx| {
                tx.delete_upload(&connection, &upload)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}
