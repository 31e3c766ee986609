//! Recomputations of everybody after the order of a tenant's sources changed: who they are about, and how far one came.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::connection::AnyConnection;
use super::dialect::{Frag, each};
use super::error::Result;
use super::schema::recomputes;
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// State of one that is under way.
pub const RUNNING: &str = "running";
/// State of one that is over.
pub const DONE: &str = "done";

/// The last one of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = recomputes, primary_key(tenant), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct RecomputeRow {
    pub tenant: String,
    pub state: String,
    pub after: String,
    pub examined: i64,
    pub changed: i64,
    pub actor_kind: String,
    pub actor_id: String,
    pub started_at: i64,
    pub touched_at: i64,
    pub finished_at: Option<i64>,
}

/// Tenants whose recomputation nobody touched since a moment.
pub fn list_idle(conn: &mut AnyConnection, before: Millis) -> Result<Vec<String>> {
    Ok(recomputes::table
        .filter(recomputes::state.eq(RUNNING))
        .filter(recomputes::touched_at.lt(before.0))
        .filter(of_open_tenants())
        .select(recomputes::tenant)
        .load(conn)?)
}

impl Scope<'_> {
    /// The tenant's last recomputation.
    pub fn find_recompute(&mut self) -> Result<Option<RecomputeRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => recomputes::table.find(tenant).get_result(c)).optional()?)
    }

    /// Stores a recomputation in the place of the last one.
    pub fn put_recompute(&mut self, row: &RecomputeRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let changed = diesel::update(recomputes::table.find(tenant))
            .set(row)
            .execute(conn)?;
        if changed == 0 {
            each!(conn, c => diesel::insert_into(recomputes::table).values(row).execute(c))?;
        }
        Ok(())
    }

    /// People about whom several sources speak, after an id, by ids: nobody else's document depends on their order. What is
    /// parked speaks, too.
    pub fn list_shared_users(&mut self, after: &str, limit: i64) -> Result<Vec<String>> {
        let query = Frag::sql("SELECT c.user_id FROM claims c WHERE c.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND c.user_id > ")
            .text(after)
            .push(" AND c.state IN ('live', 'parked') GROUP BY c.user_id HAVING count(*) > 1 ORDER BY c.user_id LIMIT ")
            .int(limit);
        Ok(query.query::<Text>().load(self.conn())?)
    }
}
