//! Rows of connections, with the counters from which a connection's total is computed.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::each;
use super::error::Result;
use super::schema::connections;
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// A stored connection.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = connections, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ConnectionRow {
    pub tenant: String,
    pub id: String,
    pub kind: String,
    pub preset: String,
    pub label: String,
    pub joiner_policy: String,
    pub state: String,
    pub created_at: i64,
    pub only_users: i64,
    pub hidden_users: i64,
    pub managed_groups: i64,
    pub settings: Option<String>,
    pub confirm_since: Option<i64>,
    pub disconnected_at: Option<i64>,
    pub rank_at: Option<i64>,
}

/// How the counters of a connection move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Claims not ended on users that are not public.
    pub only: i64,
    /// Ended claims on public users.
    pub hidden: i64,
    /// Groups it manages.
    pub groups: i64,
}

/// The database went back in time: each pull source is read in full next time, and a human confirms what would change.
pub(super) fn ask_before_pulls(conn: &mut AnyConnection, at: Millis) -> Result<()> {
    diesel::update(connections::table.filter(connections::kind.eq("hris")))
        .set(connections::confirm_since.eq(at.0))
        .execute(conn)?;
    Ok(())
}

/// Connections of all tenants that are being disconnected and were not touched since a moment, as tenant and id.
pub fn list_unfinished(conn: &mut AnyConnection, before: Millis) -> Result<Vec<(String, String)>> {
    Ok(connections::table
        .filter(connections::state.eq("disconnecting"))
        .filter(connections::disconnected_at.lt(before.0))
        .filter(of_open_tenants())
        .select((connections::tenant, connections::id))
        .load(conn)?)
}

/// Connections of all tenants that were disconnected before a moment and of which something is kept.
pub fn list_forgettable(conn: &mut AnyConnection, before: Millis) -> Result<Vec<(String, String)>> {
    Ok(connections::table
        .filter(connections::state.eq("disconnected"))
        .filter(connections::disconnected_at.lt(before.0))
        .filter(of_open_tenants())
        .select((connections::tenant, connections::id))
        .load(conn)?)
}

impl Scope<'_> {
    /// The connection with this id.
    pub fn find_connection(&mut self, id: &str) -> Result<Option<ConnectionRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => connections::table.find((tenant, id)).get_result(c)).optional()?)
    }

    /// All connections, oldest first: the order of precedence. One that took another's place comes just before it.
    pub fn list_connections(&mut self) -> Result<Vec<ConnectionRow>> {
        let (conn, tenant) = self.parts();
        let mut all: Vec<ConnectionRow> = each!(conn, c => connections::table
            .filter(connections::tenant.eq(tenant))
            .order((connections::created_at, connections::id))
            .load(c))?;
        all.sort_by_key(|row| (row.rank_at.unwrap_or(row.created_at), row.rank_at.is_none()));
        Ok(all)
    }

    /// Stores a new connection.
    pub fn create_connection(&mut self, row: &ConnectionRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(connections::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Notes that a connection is disconnected since a moment, or no longer.
    pub fn set_disconnected(&mut self, id: &str, since: Option<Millis>) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(connections::table.find((tenant, id)))
            .set(connections::disconnected_at.eq(since.map(|at| at.0)))
            .execute(conn)?;
        Ok(())
    }

    /// Notes that somebody looked at a pull connection since its database went back in time.
    pub fn confirm_connection(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(connections::table.find((tenant, id)))
            .set(connections::confirm_since.eq(None::<i64>))
            .execute(conn)?;
        Ok(())
    }

    /// Stores what an admin may change of a connection: label, policy, state, settings.
    pub fn update_connection(&mut self, row: &ConnectionRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(connections::table.find((tenant, &row.id)))
            .set((
                connections::label.eq(&row.label),
                connections::joiner_policy.eq(&row.joiner_policy),
                connections::state.eq(&row.state),
                connections::settings.eq(&row.settings),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// Moves the counters of a connection.
    pub fn count_for_connection(&mut self, id: &str, by: Counted) -> Result<()> {
        if by == Counted::default() {
            return Ok(());
        }
        let (conn, tenant) = self.parts();
        diesel::update(connections::table.find((tenant, id)))
            .set((
                connections::only_users.eq(connections::only_users + by.only),
                connections::hidden_users.eq(connections::hidden_users + by.hidden),
                connections::managed_groups.eq(connections::managed_groups + by.groups),
            ))
            .execute(conn)?;
        Ok(())
    }
}
