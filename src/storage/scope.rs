//! A connection bound to one tenant: the only way to that tenant's tables.

use super::connection::AnyConnection;
use super::dialect::{self, Dialect};
use super::error::Error;
use crate::domain::ids::TenantId;

/// A connection that reads and writes one tenant only. Its functions live beside the tables: `storage/users.rs` for
/// users, `storage/groups.rs` for groups.
pub struct Scope<'c> {
    conn: &'c mut AnyConnection,
    tenant: TenantId,
}

impl<'c> Scope<'c> {
    pub(super) fn new(conn: &'c mut AnyConnection, tenant: TenantId) -> Self {
        Self { conn, tenant }
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Runs reads that all see one state of the database.
    ///
    /// # Errors
    /// Those of the reads, and of the database.
    pub fn snapshot<T, E: From<Error>>(
        &mut self,
        reads: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        dialect::begin_snapshot(self.conn)?;
        let result = reads(self);
        let ended = dialect::rollback(self.conn);
        let value = result?;
        ended.map(|()| value).map_err(E::from)
    }

    pub(super) fn conn(&mut self) -> &mut AnyConnection {
        self.conn
    }

    pub(super) fn parts(&mut self) -> (&mut AnyConnection, &str) {
        (self.conn, self.tenant.as_str())
    }

    pub(super) fn dialect(&self) -> Dialect {
        Dialect::of(self.conn)
    }
}
