//! Rows of groups. Members are not part of them: see `storage/memberships.rs`.

use diesel::prelude::*;

use super::dialect::Json;
use super::error::Result;
use super::schema::groups;
use super::scope::Scope;

/// A stored group.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = groups, primary_key(tenant, id), treat_none_as_null = true)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct GroupRow {
    pub tenant: String,
    pub id: String,
    pub kind: String,
    pub doc: Json,
    pub match_doc: Json,
    pub display_name: String,
    pub display_name_key: String,
    pub managed_by: Option<String>,
    pub created_by: Option<String>,
    pub external_id: Option<String>,
    pub generation: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub team_set: Option<i64>,
}

impl Scope<'_> {
    /// The group with this id.
    pub fn find_group(&mut self, id: &str) -> Result<Option<GroupRow>> {
        let (conn, tenant) = self.parts();
        Ok(groups::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// Groups that a connection manages, by ids, at most `limit`.
    pub fn list_managed_groups(&mut self, connection: &str, limit: i64) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        Ok(groups::table
            .filter(
                groups::tenant
                    .eq(tenant)
                    .and(groups::managed_by.eq(connection)),
            )
            .order((groups::kind, groups::id))
            .limit(limit)
            .load(conn)?)
    }

    /// Groups with this folded name.
    pub fn list_groups_by_name(&mut self, key: &str) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        Ok(groups::table
            .filter(
                groups::tenant
                    .eq(tenant)
                    .and(groups::display_name_key.eq(key)),
            )
            .order(groups::id)
            .load(conn)?)
    }

    /// Stores a new group.
    pub fn create_group(&mut self, row: &GroupRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(groups::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a group that exists.
    pub fn update_group(&mut self, row: &GroupRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(groups::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Removes the group's row; its memberships no longer join and follow in chunks.
    pub fn delete_group(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(groups::table.find((tenant, id))).execute(conn)?;
        Ok(())
    }
}
