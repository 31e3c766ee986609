//! Rows of conflicts: questions for a human, one per connection and asserted keys, however often the source retries.

use diesel::prelude::*;

use super::error::Result;
use super::schema::conflicts;
use super::scope::Scope;

/// A stored conflict.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = conflicts, primary_key(tenant, id), treat_none_as_null = true)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ConflictRow {
    pub tenant: String,
    pub id: String,
    pub connection_id: String,
    pub key: String,
    pub kind: String,
    pub subject: String,
    pub candidates: String,
    pub params: Option<String>,
    pub state: String,
    pub seen: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl Scope<'_> {
    /// The conflict of a connection with these asserted keys.
    pub fn find_conflict(&mut self, connection: &str, key: &str) -> Result<Option<ConflictRow>> {
        let (conn, tenant) = self.parts();
        Ok(conflicts::table
            .filter(
                conflicts::tenant
                    .eq(tenant)
                    .and(conflicts::connection_id.eq(connection)),
            )
            .filter(conflicts::key.eq(key))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a new conflict.
    pub fn create_conflict(&mut self, row: &ConflictRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(conflicts::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a conflict that exists.
    pub fn update_conflict(&mut self, row: &ConflictRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(conflicts::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Forgets questions and answers of a connection, at most `limit`; returns how many.
    pub fn delete_conflicts_of(&mut self, connection: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let ids: Vec<String> = conflicts::table
            .filter(
                conflicts::tenant
                    .eq(tenant)
                    .and(conflicts::connection_id.eq(connection)),
            )
            .select(conflicts::id)
            .limit(limit)
            .load(conn)?;
        let these = conflicts::tenant.eq(tenant).and(conflicts::id.eq_any(ids));
        Ok(diesel::delete(conflicts::table.filter(these)).execute(conn)?)
    }

    /// Conflicts about a user, oldest first.
    pub fn list_conflicts_about(&mut self, user: &str) -> Result<Vec<ConflictRow>> {
        let (conn, tenant) = self.parts();
        Ok(conflicts::table
            .filter(
                conflicts::tenant
                    .eq(tenant)
                    .and(conflicts::subject.eq(user)),
            )
            .order(conflicts::id)
            .load(conn)?)
    }

    /// The conflict with this id.
    pub fn find_conflict_by_id(&mut self, id: &str) -> Result<Option<ConflictRow>> {
        let (conn, tenant) = self.parts();
        Ok(conflicts::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// All conflicts, answered ones too, oldest first.
    pub fn list_conflicts(&mut self) -> Result<Vec<ConflictRow>> {
        let (conn, tenant) = self.parts();
        Ok(conflicts::table
            .filter(conflicts::tenant.eq(tenant))
            .order(conflicts::id)
            .load(conn)?)
    }

    /// Conflicts that wait for an answer, or whose answer is being carried out, oldest first.
    pub fn list_open_conflicts(&mut self) -> Result<Vec<ConflictRow>> {
        let (conn, tenant) = self.parts();
        Ok(conflicts::table
            .filter(
                conflicts::tenant
                    .eq(tenant)
                    .and(conflicts::state.eq_any(["open", "linking"])),
            )
            .order(conflicts::id)
            .load(conn)?)
    }
}

impl Scope<'_> {
    /// Takes a conflict back that should never have been opened.
    pub fn delete_conflict(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(conflicts::table.find((tenant, id))).execute(conn)?;
        Ok(())
    }
}
