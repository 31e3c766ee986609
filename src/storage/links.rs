//! Rows of links: under which id a pull source knows a user, and what it last said of her employment.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use serde::{Deserialize, Serialize};

use super::dialect::{Frag, each};
use super::error::Result;
use super::schema::links;
use super::scope::Scope;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

/// A stored link.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset, Serialize, Deserialize,
)]
#[diesel(table_name = links, primary_key(tenant, connection_id, source_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct LinkRow {
    pub tenant: String,
    pub connection_id: String,
    pub source_id: String,
    pub user_id: String,
    pub digest: String,
    pub source_epoch: i64,
    pub state: String,
    pub in_force: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub zone: Option<String>,
    pub due_at: Option<i64>,
    pub adopted_by: Option<String>,
    pub absent_since: Option<i64>,
    pub left_at: Option<i64>,
    pub updated_at: i64,
    pub held_day: Option<String>,
    pub told_at: Option<i64>,
}

/// Word of `in_force` for somebody who is in no complete pull any more.
pub const ABSENT: &str = "absent";

impl LinkRow {
    /// The source's last word that took effect: she has left, or is no longer in it.
    pub fn has_ended(&self) -> bool {
        let left = EmploymentState::Left.as_str();
        matches!(self.in_force.as_deref(), Some(word) if word == left || word == ABSENT)
    }

    /// The last day that the source names, if it counts: one that waits for an admin, or was refused, does not.
    pub fn last_day(&self) -> Option<&str> {
        let end = self.end_date.as_deref();
        end.filter(|end| self.held_day.as_deref() != Some(end))
    }
}

/// A link as a run compares it with what it read.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Known {
    /// The vendor's id.
    pub source_id: String,
    /// The user.
    pub user_id: String,
    /// Digest of the record as it was applied; empty: something of it is still to do.
    pub digest: String,
    /// When it was first missed in a complete pull.
    pub absent_since: Option<i64>,
    /// What it said was applied as leaving.
    pub has_left: bool,
    /// Whether the app lets the person in.
    pub has_access: bool,
    /// An equal digest means that there is nothing to do: nobody else touched what this source may change, and of
    /// somebody who is only listed, nobody else has the address.
    pub is_settled: bool,
    /// Her last day, if it counts.
    pub last_day: Option<String>,
    /// When that was learned and let count.
    pub told_at: Option<i64>,
}

type KnownSql = (
    Text,
    Text,
    Text,
    Nullable<BigInt>,
    Bool,
    Bool,
    Bool,
    Nullable<Text>,
    Nullable<BigInt>,
);

impl Scope<'_> {
    /// The link of a connection's record.
    pub fn find_link(&mut self, connection: &str, source_id: &str) -> Result<Option<LinkRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => links::table
            .find((tenant, connection, source_id))
            .get_result(c))
        .optional()?)
    }

    /// All links to a user.
    pub fn list_links_of(&mut self, user: &str) -> Result<Vec<LinkRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => links::table
            .filter(links::tenant.eq(tenant).and(links::user_id.eq(user)))
            .order((links::connection_id, links::source_id))
            .load(c))?)
    }

    /// Stores a new link.
    pub fn create_link(&mut self, row: &LinkRow) -> Result<()> {
        let (conn, _) = self.parts();
        each!(conn, c => diesel::insert_into(links::table).values(row).execute(c))?;
        Ok(())
    }

    /// Stores a link that exists.
    pub fn update_link(&mut self, row: &LinkRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(links::table.find((tenant, &row.connection_id, &row.source_id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Forgets a link.
    pub fn delete_link(&mut self, connection: &str, source_id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(links::table.find((tenant, connection, source_id))).execute(conn)?;
        Ok(())
    }

    /// Forgets links of a connection, at most `limit`; returns how many.
    pub fn delete_links_of(&mut self, connection: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let of = links::tenant
            .eq(tenant)
            .and(links::connection_id.eq(connection));
        let ids: Vec<String> = links::table
            .filter(of)
            .select(links::source_id)
            .limit(limit)
            .load(conn)?;
        let these = links::table.filter(of).filter(links::source_id.eq_any(ids));
        Ok(diesel::delete(these).execute(conn)?)
    }

    /// A connection's links after a source id, in the order of source ids.
    pub fn list_links(
        &mut self,
        connection: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Known>> {
        let query = known(self.tenant().as_str(), connection, after, limit);
        Ok(query.query::<KnownSql>().load(self.conn())?)
    }

    /// Source ids whose first or last day has come, the longest due first.
    pub fn list_due_links(
        &mut self,
        connection: &str,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(links::table
            .filter(
                links::tenant
                    .eq(tenant)
                    .and(links::connection_id.eq(connection)),
            )
            .filter(links::due_at.le(now.0))
            .order((links::due_at, links::source_id))
            .limit(limit)
            .select(links::source_id)
            .load(conn)?)
    }
}

/// What becomes of whom a connection claims when it is disconnected: `removed`, `invited` or `kept`, as `fate`.
fn fates(tenant: &str, connection: &str, select: &str) -> Frag {
    Frag::sql(select)
        .push(
            " FROM (SELECT u.id AS id, COALESCE(u.display_name, u.user_name) AS name, \
             CASE WHEN u.access = 'invited' THEN 'invited' WHEN u.access = 'listed' AND NOT u.break_glass \
             AND NOT EXISTS (SELECT 1 FROM claims o WHERE o.tenant = u.tenant AND o.user_id = u.id \
             AND o.state <> 'ended' AND o.connection_id <> c.connection_id) THEN 'removed' ELSE 'kept' END AS fate \
             FROM claims c JOIN users u ON u.tenant = c.tenant AND u.id = c.user_id AND u.removed_at IS NULL \
             WHERE c.state <> 'ended' AND c.tenant = ",
        )
        .text(tenant)
        .push(" AND c.connection_id = ")
        .text(connection)
        .push(") f")
}

impl Scope<'_> {
    /// How many have each fate when a connection is disconnected.
    pub fn count_fates(&mut self, connection: &str) -> Result<Vec<(String, i64)>> {
        let select = "SELECT f.fate, count(*)";
        let query = fates(self.tenant().as_str(), connection, select).push(" GROUP BY f.fate");
        Ok(query.query::<(Text, BigInt)>().load(self.conn())?)
    }

    /// Id and name of the first who have one fate.
    pub fn list_fated(
        &mut self,
        connection: &str,
        fate: &str,
        limit: i64,
    ) -> Result<Vec<(String, String)>> {
        let query = fates(self.tenant().as_str(), connection, "SELECT f.id, f.name")
            .push(" WHERE f.fate = ")
            .text(fate)
            .push(" ORDER BY f.id LIMIT ")
            .int(limit);
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }
}

/// The statement of a page of links: also what the plan tests look at.
pub fn known(tenant: &str, connection: &str, after: Option<&str>, limit: i64) -> Frag {
    Frag::sql(
        "SELECT l.source_id, l.user_id, l.digest, l.absent_since, l.left_at IS NOT NULL, u.has_access, \
         u.removed_at IS NULL AND c.state = 'live' AND u.source_epoch = l.source_epoch AND l.absent_since IS NULL \
         AND NOT (u.access = 'listed' AND EXISTS (SELECT 1 FROM emails e JOIN emails o ON o.tenant = e.tenant \
         AND o.view = '' AND o.key = e.key AND o.user_id <> e.user_id AND o.is_primary AND o.until IS NULL \
         JOIN users p ON p.tenant = o.tenant AND p.id = o.user_id AND p.is_public \
         WHERE e.tenant = u.tenant AND e.user_id = u.id AND e.view = '' AND e.is_primary AND e.until IS NULL)), \
         CASE WHEN l.held_day IS NULL THEN l.end_date END, l.told_at \
         FROM links l JOIN users u ON u.tenant = l.tenant AND u.id = l.user_id \
         JOIN claims c ON c.tenant = l.tenant AND c.user_id = l.user_id AND c.connection_id = l.connection_id \
         WHERE l.tenant = ",
    )
    .text(tenant)
    .push(" AND l.connection_id = ")
    .text(connection)
    .push(" AND l.source_id > ")
    .text(after.unwrap_or_default())
    .push(" ORDER BY l.source_id LIMIT ")
    .int(limit)
}
