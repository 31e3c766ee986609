//! Rows of consents that are under way.

use diesel::prelude::*;

use super::error::Result;
use super::schema::consents;
use super::scope::Scope;

/// How a consent stands.
pub mod state {
    /// Somebody was asked.
    pub const ASKED: &str = "asked";
    /// The code came, and waits for the pull that exchanges it.
    pub const GIVEN: &str = "given";
}

/// A stored consent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = consents, primary_key(tenant, connection_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ConsentRow {
    pub tenant: String,
    pub connection_id: String,
    pub ticket: String,
    pub redirect: String,
    pub state: String,
    pub key_id: Option<String>,
    pub sealed: Option<String>,
    pub expires_at: i64,
}

impl Scope<'_> {
    /// The consent of a connection that is under way.
    pub fn find_consent(&mut self, connection: &str) -> Result<Option<ConsentRow>> {
        let (conn, tenant) = self.parts();
        Ok(consents::table
            .find((tenant, connection))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a consent in the place of another one of the connection.
    pub fn put_consent(&mut self, row: &ConsentRow) -> Result<()> {
        self.delete_consent(&row.connection_id)?;
        let (conn, _) = self.parts();
        diesel::insert_into(consents::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Forgets a consent.
    pub fn delete_consent(&mut self, connection: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(consents::table.find((tenant, connection))).execute(conn)?;
        Ok(())
    }
}
