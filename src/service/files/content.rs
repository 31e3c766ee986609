//! The bytes of a file that waits, opened piece by piece: in memory is one piece.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{PIECE, piece_name};
use crate::domain::ids::TenantId;
use crate::domain::sealed::{Keyring, Place, Sealed};
use crate::storage::Store;
use crate::storage::files::UploadRow;

/// Reads a file that waits. It blocks.
pub struct Content {
    store: Arc<Store>,
    keys: Arc<Keyring>,
    row: UploadRow,
    at: u64,
    /// The piece that is open, and which one it is.
    open: Option<(u64, Zeroizing<Vec<u8>>)>,
}

impl Content {
    pub(super) fn new(store: &Arc<Store>, keys: &Arc<Keyring>, row: &UploadRow) -> Self {
        Self {
            store: Arc::clone(store),
            keys: Arc::clone(keys),
            row: row.clone(),
            at: 0,
            open: None,
        }
    }

    fn length(&self) -> u64 {
        u64::try_from(self.row.bytes).unwrap_or_default()
    }

    /// Opens a piece.
    fn load(&self, piece: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let ordinal = i64::try_from(piece).map_err(io::Error::other)?;
        let (tenant, id) = (TenantId::new(self.row.tenant.as_str()), &self.row.id);
        let found = self
            .store
            .read_here(&tenant, |scope| scope.find_chunk(id, ordinal));
        let found = found.map_err(io::Error::other)?;
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let name = piece_name(id, ordinal);
        let place = Place {
            tenant: &self.row.tenant,
            connection: &self.row.connection_id,
            name: &name,
        };
        let sealed = Sealed {
            key_id: found.key_id,
            text: found.sealed,
        };
        let opened = self.keys.open_bytes(place, &sealed);
        opened.map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length() || buffer.is_empty() {
            return Ok(0);
        }
        let size = PIECE as u64;
        let piece = self.at / size;
        if self.open.as_ref().is_none_or(|(which, _)| *which != piece) {
            self.open = Some((piece, self.load(piece)?));
        }
        let from = usize::try_from(self.at % size).map_err(io::Error::other)?;
        let bytes = self.open.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let rest = bytes.get(from..).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
