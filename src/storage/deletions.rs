//! Rows about tenants that are deleted: how far each is, and afterwards the proof. They belong to the operator's tenant.

use diesel::prelude::*;

use super::error::Result;
use super::schema::{deletions, tenants};
use super::scope::Scope;
use super::writer::Tx;

/// A tenant that is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = deletions, primary_key(tenant, id), treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct DeletionRow {
    pub tenant: String,
    pub id: String,
    pub name: String,
    pub account_id: Option<String>,
    pub epoch: i64,
    pub sequence: i64,
    pub hash: String,
    pub counts: String,
    pub began_at: i64,
    pub finished_at: Option<i64>,
    pub receipt: Option<String>,
}

impl Scope<'_> {
    /// What is known of the deletion of a tenant.
    pub fn find_deletion(&mut self, id: &str) -> Result<Option<DeletionRow>> {
        let (conn, tenant) = self.parts();
        Ok(deletions::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// All of them, the newest last.
    pub fn list_deletions(&mut self) -> Result<Vec<DeletionRow>> {
        let (conn, tenant) = self.parts();
        Ok(deletions::table
            .filter(deletions::tenant.eq(tenant))
            .order((deletions::began_at, deletions::id))
            .load(conn)?)
    }
}

impl Tx<'_> {
    /// Stores that a deletion has begun.
    pub fn create_deletion(&mut self, row: &DeletionRow) -> Result<()> {
        let (conn, _) = self.scope.parts();
        diesel::insert_into(deletions::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores how far it is.
    pub fn update_deletion(&mut self, row: &DeletionRow) -> Result<()> {
        let (conn, tenant) = self.scope.parts();
        diesel::update(deletions::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// The last row of a tenant that has no others.
    pub fn delete_tenant(&mut self, id: &str) -> Result<()> {
        diesel::delete(tenants::table.find(id)).execute(self.scope.conn())?;
        Ok(())
    }
}
