//! Rows of switches from one pull connection to another.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::each;
use super::error::Result;
use super::schema::{connections, switches};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// A stored switch.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = switches, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct SwitchRow {
    pub tenant: String,
    pub id: String,
    pub from_id: String,
    pub to_id: String,
    pub state: String,
    pub until: Option<i64>,
    pub actor_kind: String,
    pub actor_id: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub touched_at: i64,
}

/// Switches of all tenants in one of these states that nobody touched since a moment, as tenant and id.
pub fn list_idle(
    conn: &mut AnyConnection,
    states: &[&str],
    before: Millis,
) -> Result<Vec<(String, String)>> {
    let states: Vec<String> = states.iter().map(ToString::to_string).collect();
    Ok(switches::table
        .filter(switches::state.eq_any(states))
        .filter(switches::touched_at.lt(before.0))
        .filter(of_open_tenants())
        .select((switches::tenant, switches::id))
        .load(conn)?)
}

/// Switches of all tenants in a state whose way back is over, as tenant and id.
pub fn list_over(
    conn: &mut AnyConnection,
    state: &str,
    now: Millis,
) -> Result<Vec<(String, String)>> {
    Ok(switches::table
        .filter(switches::state.eq(state))
        .filter(switches::until.le(now.0))
        .filter(of_open_tenants())
        .select((switches::tenant, switches::id))
        .load(conn)?)
}

impl Scope<'_> {
    /// The switch with this id.
    pub fn find_switch(&mut self, id: &str) -> Result<Option<SwitchRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => switches::table.find((tenant, id)).get_result(c)).optional()?)
    }

    /// All switches, oldest first.
    pub fn list_switches(&mut self) -> Result<Vec<SwitchRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => switches::table
            .filter(switches::tenant.eq(tenant))
            .order((switches::created_at, switches::id))
            .load(c))?)
    }

    /// Stores a new switch.
    pub fn create_switch(&mut self, row: &SwitchRow) -> Result<()> {
        let (conn, _) = self.parts();
        each!(conn, c => diesel::insert_into(switches::table).values(row).execute(c))?;
        Ok(())
    }

    /// Stores a switch that exists.
    pub fn update_switch(&mut self, row: &SwitchRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(switches::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// The age of a connection in precedence; `None`: its own.
    pub fn set_connection_rank(&mut self, id: &str, rank_at: Option<i64>) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(connections::table.find((tenant, id)))
            .set(connections::rank_at.eq(rank_at))
            .execute(conn)?;
        Ok(())
    }
}
