//! Rows of people who may be one: their keys, and the proposals.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Tx;
use super::dialect::{Frag, each, insert_all};
use super::error::Result;
use super::schema::{pair_keys, pair_marks, pairs};
use super::scope::Scope;
use crate::domain::clock::Millis;

/// Side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Whom only the app knows.
    App,
    /// Whom only sources know.
    Source,
}

impl Side {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Source => "source",
        }
    }
}

/// A key of a person who stands on a side.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = pair_keys)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct KeyRow {
    pub tenant: String,
    pub user_id: String,
    pub key: String,
    pub side: String,
    pub since: i64,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = pairs, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct PairRow {
    pub tenant: String,
    pub id: String,
    pub connection_id: String,
    pub record: String,
    pub user_id: String,
    pub other_id: Option<String>,
    pub run_id: Option<String>,
    pub reasons: String,
    pub state: String,
    pub later_until: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A key, with somebody who has it and on which side she stands.
pub type Shared = (String, String, String);

impl Scope<'_> {
    /// The keys of a person.
    pub fn list_pair_keys(&mut self, user: &str) -> Result<Vec<KeyRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => pair_keys::table
            .filter(pair_keys::tenant.eq(tenant).and(pair_keys::user_id.eq(user)))
            .order(pair_keys::key)
            .load(c))?)
    }

    /// Forgets keys of a person.
    pub fn delete_pair_keys(&mut self, user: &str, keys: &[String]) -> Result<()> {
        let (conn, tenant) = self.parts();
        for key in keys {
            each!(conn, c => diesel::delete(pair_keys::table.find((tenant, user, key))).execute(c))?;
        }
        Ok(())
    }

    /// Whether anybody stands on the app's side.
    pub fn has_app_only(&mut self) -> Result<bool> {
        let query = Frag::sql("SELECT k.user_id FROM pair_keys k WHERE k.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND k.side = 'app' LIMIT 1");
        let found: Option<String> = query.query::<Text>().get_result(self.conn()).optional()?;
        Ok(found.is_some())
    }

    /// Everybody who has a key that came since a moment and that somebody on the other side has, by keys.
    pub fn list_shared_keys(&mut self, since: i64) -> Result<Vec<Shared>> {
        let query = shared_keys(self.tenant().as_str(), since);
        Ok(query.query::<(Text, Text, Text)>().load(self.conn())?)
    }

    /// The first key that came since a moment, by its time.
    pub fn find_newest_key(&mut self, since: i64) -> Result<Option<i64>> {
        let (conn, tenant) = self.parts();
        Ok(pair_keys::table
            .filter(pair_keys::tenant.eq(tenant).and(pair_keys::since.gt(since)))
            .order(pair_keys::since.desc())
            .select(pair_keys::since)
            .first(conn)
            .optional()?)
    }

    /// Who on the app's side has one of these keys; at most some hundred keys.
    pub fn list_app_only(&mut self, keys: &[&str]) -> Result<Vec<(String, String)>> {
        let mut query = Frag::sql("SELECT k.key, k.user_id FROM pair_keys k WHERE k.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND k.side = 'app' AND k.key IN (");
        for (i, key) in keys.iter().enumerate() {
            query = query.push(if i == 0 { "" } else { ", " }).text(*key);
        }
        let query = query.push(") ORDER BY k.key, k.user_id").free_shape();
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }

    /// People who stand on a side and have no keys yet: those of before there were any.
    pub fn list_keyless(&mut self, after: &str, limit: i64) -> Result<Vec<String>> {
        let query = Frag::sql("SELECT u.id FROM users u WHERE u.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND u.id > ")
            .text(after)
            .push(
                " AND u.removed_at IS NULL AND u.is_public <> EXISTS (SELECT 1 FROM claims c WHERE c.tenant = u.tenant \
                 AND c.user_id = u.id AND c.connection_id <> 'app' AND c.state <> 'ended') AND NOT EXISTS (SELECT 1 FROM pair_keys k \
                 WHERE k.tenant = u.tenant AND k.user_id = u.id) ORDER BY u.id LIMIT ",
            )
            .int(limit);
        Ok(query.query::<Text>().load(self.conn())?)
    }

    /// Up to when keys were compared for a connection.
    pub fn find_pair_mark(&mut self, connection: &str) -> Result<Option<i64>> {
        let (conn, tenant) = self.parts();
        Ok(pair_marks::table
            .find((tenant, connection))
            .select(pair_marks::until)
            .get_result(conn)
            .optional()?)
    }

    /// Stores up to when.
    pub fn put_pair_mark(&mut self, connection: &str, until: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(pair_marks::table.find((tenant, connection))).execute(conn)?;
        let values = (
            pair_marks::tenant.eq(tenant),
            pair_marks::connection_id.eq(connection),
            pair_marks::until.eq(until),
        );
        diesel::insert_into(pair_marks::table)
            .values(values)
            .execute(conn)?;
        Ok(())
    }

    /// The proposal with this id.
    pub fn find_pair(&mut self, id: &str) -> Result<Option<PairRow>> {
        let (conn, tenant) = self.parts();
        Ok(pairs::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// The proposal that a record is this person.
    pub fn find_pair_of(
        &mut self,
        connection: &str,
        record: &str,
        user: &str,
    ) -> Result<Option<PairRow>> {
        let (conn, tenant) = self.parts();
        Ok(pairs::table
            .filter(
                pairs::tenant
                    .eq(tenant)
                    .and(pairs::connection_id.eq(connection)),
            )
            .filter(pairs::record.eq(record).and(pairs::user_id.eq(user)))
            .get_result(conn)
            .optional()?)
    }

    /// With whom a record is not the same, as a human said.
    pub fn list_kept_apart(&mut self, connection: &str, record: &str) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => pairs::table
            .filter(pairs::tenant.eq(tenant).and(pairs::connection_id.eq(connection)))
            .filter(pairs::record.eq(record).and(pairs::state.eq("kept-apart")))
            .select(pairs::user_id)
            .load(c))?)
    }

    /// Proposals in one of these states whose people both still stand alone, oldest first.
    pub fn list_pairs(&mut self, states: &[&str], after: &str, limit: i64) -> Result<Vec<PairRow>> {
        let (conn, tenant) = self.parts();
        let mut query = pairs::table
            .filter(pairs::tenant.eq(tenant).and(pairs::id.gt(after.to_owned())))
            .into_boxed();
        if !states.is_empty() {
            let states: Vec<String> = states.iter().map(|s| (*s).to_owned()).collect();
            query = query.filter(pairs::state.eq_any(states));
        }
        Ok(query.order(pairs::id).limit(limit).load(conn)?)
    }

    /// Stores a new proposal.
    pub fn create_pair(&mut self, row: &PairRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(pairs::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a proposal that exists.
    pub fn update_pair(&mut self, row: &PairRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(pairs::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Forgets proposals and answers of a connection, at most `limit`; returns how many.
    pub fn delete_pairs_of(&mut self, connection: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let ids: Vec<String> = pairs::table
            .filter(
                pairs::tenant
                    .eq(tenant)
                    .and(pairs::connection_id.eq(connection)),
            )
            .select(pairs::id)
            .limit(limit)
            .load(conn)?;
        let these = pairs::table.filter(pairs::tenant.eq(tenant).and(pairs::id.eq_any(ids)));
        Ok(diesel::delete(these).execute(conn)?)
    }
}

impl Tx<'_> {
    /// Adds keys of a person who stands on a side.
    pub fn create_pair_keys(&mut self, user: &str, side: Side, keys: &[String]) -> Result<()> {
        let Millis(since) = self.now();
        let tenant = self.tenant().as_str().to_owned();
        let row = |key: &String| KeyRow {
            tenant: tenant.clone(),
            user_id: user.to_owned(),
            key: key.clone(),
            side: side.as_str().to_owned(),
            since,
        };
        let rows: Vec<KeyRow> = keys.iter().map(row).collect();
        let (conn, _) = self.parts();
        insert_all!(conn, pair_keys::table, rows);
        Ok(())
    }
}

/// The statement of the comparison: also what the plan tests look at.
pub fn shared_keys(tenant: &str, since: i64) -> Frag {
    Frag::sql("SELECT k.key, k.user_id, k.side FROM pair_keys k WHERE k.tenant = ")
        .text(tenant)
        .push(" AND k.side IN ('app', 'source') AND k.key IN (SELECT f.key FROM pair_keys f WHERE f.tenant = ")
        .text(tenant)
        .push(" AND f.since > ")
        .int(since)
        .push(
            " AND EXISTS (SELECT 1 FROM pair_keys o WHERE o.tenant = f.tenant AND o.key = f.key AND o.side = \
             CASE f.side WHEN 'app' THEN 'source' ELSE 'app' END)) ORDER BY k.key, k.side, k.user_id",
        )
}
