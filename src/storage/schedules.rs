//! Rows of schedules: when each pull connection is due, who is at it, and how it is doing.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::connections::ConnectionRow;
use super::error::Result;
use super::schema::{connections, schedules, tenants};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// A stored schedule.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = schedules, primary_key(tenant, connection_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ScheduleRow {
    pub tenant: String,
    pub connection_id: String,
    pub next_at: i64,
    pub lease_holder: Option<String>,
    pub lease_until: Option<i64>,
    pub last_attempt_at: Option<i64>,
    pub last_success_at: Option<i64>,
    pub failures: i64,
    pub health: String,
    pub health_params: Option<String>,
    pub settings_digest: Option<String>,
    pub announced: i64,
    pub announced_until: Option<i64>,
    pub announced_at: Option<i64>,
    pub look_at: Option<i64>,
    pub look_actor_kind: Option<String>,
    pub look_actor_id: Option<String>,
    pub connector_version: Option<i64>,
}

impl ScheduleRow {
    /// Of a connection that was never pulled.
    pub fn new(tenant: &str, connection: &str, next_at: Millis) -> Self {
        Self {
            tenant: tenant.to_owned(),
            connection_id: connection.to_owned(),
            next_at: next_at.0,
            lease_holder: None,
            lease_until: None,
            last_attempt_at: None,
            last_success_at: None,
            failures: 0,
            health: "new".to_owned(),
            health_params: None,
            settings_digest: None,
            announced: 0,
            announced_until: None,
            announced_at: None,
            look_at: None,
            look_actor_kind: None,
            look_actor_id: None,
            connector_version: None,
        }
    }

    /// Whether somebody else works on it.
    pub fn is_leased(&self, holder: &str, now: Millis) -> bool {
        self.lease_until.is_some_and(|until| until > now.0)
            && self.lease_holder.as_deref() != Some(holder)
    }
}

/// Schedules of all tenants that nobody works on and that are due, or whose lease ran out without being given back: its
/// process died. The longest due first.
pub fn list_due(conn: &mut AnyConnection, now: Millis, limit: i64) -> Result<Vec<ScheduleRow>> {
    Ok(schedules::table
        .filter(
            schedules::next_at
                .le(now.0)
                .or(schedules::lease_holder.is_not_null()),
        )
        .filter(
            schedules::lease_until
                .is_null()
                .or(schedules::lease_until.le(now.0)),
        )
        .filter(of_open_tenants())
        .order(schedules::next_at)
        .limit(limit)
        .load(conn)?)
}

/// Schedules of all tenants for which somebody asked for a dry run, and that nobody works on; the longest asked first.
pub fn list_looks(conn: &mut AnyConnection, now: Millis, limit: i64) -> Result<Vec<ScheduleRow>> {
    Ok(schedules::table
        .filter(schedules::look_at.is_not_null())
        .filter(
            schedules::lease_until
                .is_null()
                .or(schedules::lease_until.le(now.0)),
        )
        .filter(of_open_tenants())
        .order(schedules::look_at)
        .limit(limit)
        .load(conn)?)
}

/// Schedules of all tenants, after one of them.
pub fn list_all(
    conn: &mut AnyConnection,
    after: Option<&(String, String)>,
    limit: i64,
) -> Result<Vec<ScheduleRow>> {
    let (tenant, connection) = after.cloned().unwrap_or_default();
    Ok(schedules::table
        .filter(
            schedules::tenant.gt(tenant.clone()).or(schedules::tenant
                .eq(tenant)
                .and(schedules::connection_id.gt(connection))),
        )
        .filter(of_open_tenants())
        .order((schedules::tenant, schedules::connection_id))
        .limit(limit)
        .load(conn)?)
}

/// Schedules of all tenants that work, each with its connection.
pub fn list_with_connections(
    conn: &mut AnyConnection,
) -> Result<Vec<(ConnectionRow, ScheduleRow)>> {
    let at_work = tenants::table
        .filter(tenants::state.eq("active"))
        .select(tenants::id);
    let rows: Vec<ConnectionRow> = connections::table
        .filter(connections::kind.eq("hris"))
        .filter(connections::tenant.eq_any(at_work))
        .load(conn)?;
    let mut rows: BTreeMap<(String, String), ConnectionRow> = rows
        .into_iter()
        .map(|row| ((row.tenant.clone(), row.id.clone()), row))
        .collect();
    let all: Vec<ScheduleRow> = schedules::table.load(conn)?;
    let each = all.into_iter().filter_map(|schedule| {
        let key = (schedule.tenant.clone(), schedule.connection_id.clone());
        Some((rows.remove(&key)?, schedule))
    });
    Ok(each.collect())
}

impl Scope<'_> {
    /// All schedules of the tenant.
    pub fn list_schedules(&mut self) -> Result<Vec<ScheduleRow>> {
        let (conn, tenant) = self.parts();
        Ok(schedules::table
            .filter(schedules::tenant.eq(tenant))
            .load(conn)?)
    }

    /// The schedule of a connection.
    pub fn find_schedule(&mut self, connection: &str) -> Result<Option<ScheduleRow>> {
        let (conn, tenant) = self.parts();
        Ok(schedules::table
            .find((tenant, connection))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a new schedule.
    pub fn create_schedule(&mut self, row: &ScheduleRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(schedules::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a schedule that exists.
    pub fn update_schedule(&mut self, row: &ScheduleRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(schedules::table.find((tenant, &row.connection_id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }
}
