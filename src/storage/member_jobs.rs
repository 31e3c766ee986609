//! Changes of memberships that are too large for one transaction, each a row until nothing is left to do
//! (`docs/decisions/0003-large-member-changes.md`).

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::Result;
use super::schema::member_jobs;
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// Where a job stands.
pub mod state {
    /// Rows of the next generation are written; nobody reads them.
    pub const PREPARING: &str = "preparing";
    /// The generation is in force; entries of those who came are written.
    pub const ADDED: &str = "added";
    /// The generation is in force; entries of those who went are written.
    pub const REMOVED: &str = "removed";
    /// Rows that nobody reads go.
    pub const SWEEPING: &str = "sweeping";
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = member_jobs, primary_key(tenant, group_id, generation))]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct MemberJobRow {
    pub tenant: String,
    pub group_id: String,
    pub generation: i64,
    pub state: String,
    pub sweeps: i64,
    pub cursor: String,
    pub connection_id: String,
    pub actor_kind: String,
    pub actor_id: String,
    pub cause_kind: String,
    pub cause_id: String,
    pub touched_at: i64,
}

impl MemberJobRow {
    /// Whether its generation is only being prepared.
    pub fn is_preparing(&self) -> bool {
        self.state == state::PREPARING
    }

    /// Whether its generation is in force and entries of it are still to be written.
    pub fn is_behind(&self) -> bool {
        self.state == state::ADDED || self.state == state::REMOVED
    }
}

impl Scope<'_> {
    /// The job that makes this generation of a group.
    pub fn find_member_job(
        &mut self,
        group: &str,
        generation: i64,
    ) -> Result<Option<MemberJobRow>> {
        let (conn, tenant) = self.parts();
        Ok(member_jobs::table
            .find((tenant, group, generation))
            .get_result(conn)
            .optional()?)
    }

    /// Jobs of a group, oldest first.
    pub fn list_member_jobs(&mut self, group: &str) -> Result<Vec<MemberJobRow>> {
        let (conn, tenant) = self.parts();
        Ok(member_jobs::table
            .filter(
                member_jobs::tenant
                    .eq(tenant)
                    .and(member_jobs::group_id.eq(group)),
            )
            .order(member_jobs::generation)
            .load(conn)?)
    }

    /// Stores a new job.
    pub fn create_member_job(&mut self, row: &MemberJobRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(member_jobs::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a job that exists.
    pub fn update_member_job(&mut self, row: &MemberJobRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(member_jobs::table.find((tenant, &row.group_id, row.generation)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Removes a job that is over.
    pub fn delete_member_job(&mut self, group: &str, generation: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(member_jobs::table.find((tenant, group, generation))).execute(conn)?;
        Ok(())
    }
}

/// Jobs of all tenants whose last step was before this moment.
pub fn list_before(conn: &mut AnyConnection, moment: Millis) -> Result<Vec<MemberJobRow>> {
    Ok(member_jobs::table
        .filter(member_jobs::touched_at.lt(moment.0))
        .filter(of_open_tenants())
        .order(member_jobs::touched_at)
        .load(conn)?)
}
