//! Rows of runs and of what they mean to do, and the losses of access that wait for an admin.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable};

use super::connection::AnyConnection;
use super::dialect::{Frag, insert_all};
use super::error::Result;
use super::schema::{held_losses, run_items, runs};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::access::reason;
use crate::domain::clock::Millis;

/// A stored run.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = runs, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct RunRow {
    pub tenant: String,
    pub id: String,
    pub connection_id: String,
    pub kind: String,
    pub state: String,
    pub stage: String,
    pub actor_kind: String,
    pub actor_id: String,
    pub as_of: String,
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub planned: i64,
    pub applied: i64,
    pub lost: i64,
    pub is_complete: bool,
    pub evidence: Option<String>,
    pub counts: Option<String>,
    pub why_held: Option<String>,
    pub error: Option<String>,
    pub settings_digest: String,
    pub decided_at: Option<i64>,
    pub decider_kind: Option<String>,
    pub decider_id: Option<String>,
    pub connector_version: Option<i64>,
    pub version_before: Option<i64>,
}

/// What a run means to do about one person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = run_items, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ItemRow {
    pub tenant: String,
    pub run_id: String,
    pub ordinal: i64,
    pub source_id: String,
    pub subject: String,
    pub action: String,
    pub state: String,
    pub loses: bool,
    pub person: Option<String>,
    pub effect: Option<String>,
}

/// A loss of access that waits.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = held_losses, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct HeldRow {
    pub tenant: String,
    pub connection_id: String,
    pub source_id: String,
    pub subject: String,
    pub reason: String,
    pub why: String,
    pub state: String,
    pub digest: String,
    pub run_id: String,
    pub since: i64,
    pub day: Option<String>,
}

impl HeldRow {
    /// It rests on a last day, which lies ahead or is over, and on nothing else.
    pub fn is_of_day(&self) -> bool {
        let days = [reason::LAST_DAY_AHEAD, reason::LAST_DAY_PASSED];
        self.day.is_some() && days.contains(&self.reason.as_str())
    }

    /// It is approved, and its last day comes, or has come, by itself.
    pub fn is_for_its_day(&self) -> bool {
        self.state == "approved" && self.is_of_day()
    }

    /// It is approved, and waits for nothing but a last day that lay ahead.
    pub fn is_decided(&self) -> bool {
        self.is_for_its_day() && self.reason == reason::LAST_DAY_AHEAD
    }
}

impl Scope<'_> {
    /// The run with this id.
    pub fn find_run(&mut self, id: &str) -> Result<Option<RunRow>> {
        let (conn, tenant) = self.parts();
        Ok(runs::table.find((tenant, id)).get_result(conn).optional()?)
    }

    /// A connection's runs before another, the newest first; without a connection, all.
    pub fn list_runs(
        &mut self,
        connection: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RunRow>> {
        let (conn, tenant) = self.parts();
        let mut query = runs::table.filter(runs::tenant.eq(tenant)).into_boxed();
        if let Some(connection) = connection {
            query = query.filter(runs::connection_id.eq(connection));
        }
        if let Some(before) = before {
            query = query.filter(runs::id.lt(before));
        }
        Ok(query.order(runs::id.desc()).limit(limit).load(conn)?)
    }

    /// How many people lost access by a connection's runs since a moment. A run counts whole until it has ended for long
    /// enough: one that was killed or waited takes access long after it began.
    pub fn count_lost_since(&mut self, connection: &str, since: Millis) -> Result<i64> {
        let query = Frag::sql("SELECT CAST(sum(lost) AS BIGINT) FROM runs WHERE tenant = ")
            .text(self.tenant().as_str())
            .push(" AND connection_id = ")
            .text(connection)
            .push(" AND (finished_at IS NULL OR finished_at > ")
            .int(since.0)
            .push(")");
        let sum: Option<i64> = query.query::<Nullable<BigInt>>().get_result(self.conn())?;
        Ok(sum.unwrap_or_default())
    }

    /// Whether a connection has a run after this one that looked at the source and did not fail.
    pub fn has_newer_run(&mut self, connection: &str, id: &str) -> Result<bool> {
        let query = self
            .runs_of(connection)
            .push(" AND id > ")
            .text(id)
            .push(" AND kind <> 'dry' AND state <> 'failed')");
        Ok(query.query::<Bool>().get_result(self.conn())?)
    }

    /// Whether the undo of a connection's run began after a moment.
    pub fn has_undo_since(&mut self, connection: &str, since: i64) -> Result<bool> {
        let query = self
            .runs_of(connection)
            .push(" AND state IN ('undoing', 'undone') AND decided_at > ")
            .int(since)
            .push(")");
        Ok(query.query::<Bool>().get_result(self.conn())?)
    }

    fn runs_of(&self, connection: &str) -> Frag {
        Frag::sql("SELECT EXISTS (SELECT 1 FROM runs WHERE tenant = ")
            .text(self.tenant().as_str())
            .push(" AND connection_id = ")
            .text(connection)
    }

    /// Stores a new run.
    pub fn create_run(&mut self, row: &RunRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(runs::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a run that exists.
    pub fn update_run(&mut self, row: &RunRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(runs::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Adds to what a run means to do.
    pub fn create_items(&mut self, rows: &[ItemRow]) -> Result<()> {
        let (conn, _) = self.parts();
        let rows = rows.to_vec();
        insert_all!(conn, run_items::table, rows);
        Ok(())
    }

    /// A run's items after a place, in their order.
    pub fn list_items(&mut self, run: &str, after: i64, limit: i64) -> Result<Vec<ItemRow>> {
        let (conn, tenant) = self.parts();
        Ok(run_items::table
            .filter(run_items::tenant.eq(tenant).and(run_items::run_id.eq(run)))
            .filter(run_items::ordinal.gt(after))
            .order(run_items::ordinal)
            .limit(limit)
            .load(conn)?)
    }

    /// Of a run's items after a place those that take access away, in their order.
    pub fn list_losses(&mut self, run: &str, after: i64, limit: i64) -> Result<Vec<ItemRow>> {
        let (conn, tenant) = self.parts();
        Ok(run_items::table
            .filter(run_items::tenant.eq(tenant).and(run_items::run_id.eq(run)))
            .filter(run_items::ordinal.gt(after))
            .filter(run_items::loses.eq(true))
            .order(run_items::ordinal)
            .limit(limit)
            .load(conn)?)
    }

    /// What a run means to do about one record, the last first.
    pub fn find_item(&mut self, run: &str, source_id: &str) -> Result<Option<ItemRow>> {
        let (conn, tenant) = self.parts();
        Ok(run_items::table
            .filter(run_items::tenant.eq(tenant).and(run_items::run_id.eq(run)))
            .filter(run_items::source_id.eq(source_id))
            .order(run_items::ordinal.desc())
            .first(conn)
            .optional()?)
    }

    /// Notes what became of an item.
    pub fn update_item(&mut self, row: &ItemRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(run_items::table.find((tenant, &row.run_id, row.ordinal)))
            .set((
                run_items::subject.eq(&row.subject),
                run_items::action.eq(&row.action),
                run_items::state.eq(&row.state),
                run_items::loses.eq(row.loses),
                run_items::effect.eq(&row.effect),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// Marks items: at most some hundred at a time.
    pub fn mark_items(&mut self, run: &str, ordinals: &[i64], state: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(
            run_items::table
                .filter(run_items::tenant.eq(tenant).and(run_items::run_id.eq(run)))
                .filter(run_items::ordinal.eq_any(ordinals.to_vec())),
        )
        .set(run_items::state.eq(state))
        .execute(conn)?;
        Ok(())
    }

    /// Losses of a connection that wait, or were decided and not yet carried out.
    pub fn list_held(&mut self, connection: &str) -> Result<Vec<HeldRow>> {
        let (conn, tenant) = self.parts();
        Ok(held_losses::table
            .filter(
                held_losses::tenant
                    .eq(tenant)
                    .and(held_losses::connection_id.eq(connection)),
            )
            .order(held_losses::source_id)
            .load(conn)?)
    }

    /// What waits, or was decided, about a record.
    pub fn find_held(&mut self, connection: &str, source_id: &str) -> Result<Option<HeldRow>> {
        let (conn, tenant) = self.parts();
        Ok(held_losses::table
            .find((tenant, connection, source_id))
            .get_result(conn)
            .optional()?)
    }

    /// Forgets what waited of a person.
    pub fn delete_held_of(&mut self, user: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let of = held_losses::tenant
            .eq(tenant)
            .and(held_losses::subject.eq(user));
        diesel::delete(held_losses::table.filter(of)).execute(conn)?;
        Ok(())
    }

    /// Stores a loss that waits, in the place of an earlier one of the same record.
    pub fn put_held(&mut self, row: &HeldRow) -> Result<()> {
        self.delete_held(&row.connection_id, &row.source_id)?;
        let (conn, _) = self.parts();
        diesel::insert_into(held_losses::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Forgets all losses of a connection that waited.
    pub fn delete_all_held(&mut self, connection: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let of = held_losses::tenant
            .eq(tenant)
            .and(held_losses::connection_id.eq(connection));
        diesel::delete(held_losses::table.filter(of)).execute(conn)?;
        Ok(())
    }

    /// Forgets a loss that waited.
    pub fn delete_held(&mut self, connection: &str, source_id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(held_losses::table.find((tenant, connection, source_id))).execute(conn)?;
        Ok(())
    }
}

/// Runs of all tenants that are approved or to be undone, and wait to be carried out; after one of them, by tenant and id.
pub fn list_wanted(
    conn: &mut AnyConnection,
    after: Option<&(String, String)>,
    limit: i64,
) -> Result<Vec<RunRow>> {
    let (tenant, id) = after.cloned().unwrap_or_default();
    let later = runs::tenant
        .gt(tenant.clone())
        .or(runs::tenant.eq(tenant).and(runs::id.gt(id)));
    Ok(runs::table
        .filter(diesel::dsl::sql::<Bool>("state IN ('approved', 'undoing')"))
        .filter(of_open_tenants())
        .filter(later)
        .order((runs::tenant, runs::id))
        .limit(limit)
        .load(conn)?)
}
