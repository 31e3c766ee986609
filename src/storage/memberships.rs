//! Memberships: a table of their own, so that one member in or out costs the same at 10 and at 100,000 members.
//! Every read joins on the group's current generation.

use diesel::prelude::*;

use super::dialect::Frag;
use super::error::Result;
use super::groups::GroupRow;
use super::schema::{groups, memberships};
use super::scope::Scope;

impl Scope<'_> {
    /// Adds a member; false when it was one already.
    pub fn create_membership(
        &mut self,
        group: &str,
        generation: i64,
        member: &str,
        kind: &str,
    ) -> Result<bool> {
        let tenant = self.tenant().as_str().to_owned();
        let touched =
            add_statement(&tenant, group, generation, member, kind).execute(self.conn())?;
        Ok(touched == 1)
    }

    /// Removes a member; false when it was none.
    pub fn delete_membership(
        &mut self,
        group: &str,
        generation: i64,
        member: &str,
    ) -> Result<bool> {
        let (conn, tenant) = self.parts();
        let touched = diesel::delete(memberships::table.find((tenant, group, generation, member)))
            .execute(conn)?;
        Ok(touched == 1)
    }

    /// Ids of the members, at most `limit`, in order.
    pub fn list_member_ids(
        &mut self,
        group: &str,
        generation: i64,
        limit: i64,
    ) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(memberships::table
            .filter(
                memberships::tenant
                    .eq(tenant)
                    .and(memberships::group_id.eq(group)),
            )
            .filter(memberships::generation.eq(generation))
            .select(memberships::user_id)
            .order(memberships::user_id)
            .limit(limit)
            .load(conn)?)
    }

    /// Groups that a user is in, at most `limit`; with `managed_by` only those of this connection.
    pub fn list_group_rows_of(
        &mut self,
        user: &str,
        managed_by: Option<&str>,
        limit: i64,
    ) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        let is_current = groups::tenant
            .eq(memberships::tenant)
            .and(groups::id.eq(memberships::group_id))
            .and(groups::generation.eq(memberships::generation));
        let all = memberships::table
            .inner_join(groups::table.on(is_current))
            .filter(memberships::tenant.eq(tenant))
            .filter(memberships::user_id.eq(user))
            .select(groups::all_columns)
            .order(memberships::group_id)
            .limit(limit);
        let rows = match managed_by {
            Some(connection) => all.filter(groups::managed_by.eq(connection)).load(conn)?,
            None => all.load(conn)?,
        };
        Ok(rows)
    }
}

/// The statement that adds one member: also what the plan tests look at.
pub fn add_statement(tenant: &str, group: &str, generation: i64, member: &str, kind: &str) -> Frag {
    Frag::sql(
        "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) VALUES (",
    )
    .text(tenant)
    .push(", ")
    .text(group)
    .push(", ")
    .int(generation)
    .push(", ")
    .text(member)
    .push(", ")
    .text(kind)
    .push(") ON CONFLICT DO NOTHING")
}
