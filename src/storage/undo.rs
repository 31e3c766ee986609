//! Rows of what runs changed about people, and of what an undo holds of their records.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::dialect::{Frag, each};
use super::error::Result;
use super::links::LinkRow;
use super::schema::{connections, journal, links, run_changes, undo_holds};
use super::scope::Scope;

/// State of a change that its run made and nobody undid.
pub const OPEN: &str = "open";
/// State of a change that was undone, wholly or in part.
pub const UNDONE: &str = "undone";
/// State of a change that an undo left as it is.
pub const KEPT: &str = "kept";

/// What a run changed about a person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = run_changes, primary_key(tenant, run_id, subject), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ChangeRow {
    pub tenant: String,
    pub run_id: String,
    pub subject: String,
    pub state: String,
    pub change: String,
    pub outcome: Option<String>,
    pub returned: bool,
}

/// What an undo holds of a record.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = undo_holds, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct HoldRow {
    pub tenant: String,
    pub connection_id: String,
    pub source_id: String,
    pub subject: String,
    pub kind: String,
    pub digest: String,
    pub run_id: String,
    pub since: i64,
    pub said: Option<String>,
}

/// How many changes of a run are in a state, and how many of them gave access back.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Tally {
    /// State.
    pub state: String,
    /// How many.
    pub count: i64,
    /// Of them, with access given back.
    pub returned: i64,
}

/// An entry of the journal, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct Happened {
    pub at: i64,
    pub actor_kind: String,
    pub actor_id: String,
    pub cause_kind: String,
    pub cause_id: String,
}

impl Scope<'_> {
    /// What a run changed about a person.
    pub fn find_change(&mut self, run: &str, subject: &str) -> Result<Option<ChangeRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => run_changes::table
            .find((tenant, run, subject))
            .get_result(c))
        .optional()?)
    }

    /// What a run changed, after a person, in the order of their ids; with a state, only what is in it.
    pub fn list_changes(
        &mut self,
        run: &str,
        state: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ChangeRow>> {
        let (conn, tenant) = self.parts();
        let mut query = run_changes::table
            .filter(run_changes::tenant.eq(tenant))
            .filter(run_changes::run_id.eq(run))
            .filter(run_changes::subject.gt(after))
            .into_boxed();
        if let Some(state) = state {
            query = query.filter(run_changes::state.eq(state));
        }
        Ok(query.order(run_changes::subject).limit(limit).load(conn)?)
    }

    /// How many changes of a run are in each state.
    pub fn count_changes(&mut self, run: &str) -> Result<Vec<Tally>> {
        let query = Frag::sql(
            "SELECT state, count(*), CAST(sum(CASE WHEN returned THEN 1 ELSE 0 END) AS BIGINT) FROM run_changes \
             WHERE tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND run_id = ")
        .text(run)
        .push(" GROUP BY state ORDER BY state");
        Ok(query.query::<(Text, BigInt, BigInt)>().load(self.conn())?)
    }

    /// Stores what a run changed about a person whom it had not touched.
    pub fn create_change(&mut self, row: &ChangeRow) -> Result<()> {
        let (conn, _) = self.parts();
        each!(conn, c => diesel::insert_into(run_changes::table).values(row).execute(c))?;
        Ok(())
    }

    /// Stores a change that is there.
    pub fn update_change(&mut self, row: &ChangeRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(run_changes::table.find((tenant, &row.run_id, &row.subject)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// The link of a connection's record, and what is held of the record: one look-up, since every record asks it.
    pub fn find_link_and_hold(
        &mut self,
        connection: &str,
        source_id: &str,
    ) -> Result<(Option<LinkRow>, Option<HoldRow>)> {
        let (conn, tenant) = self.parts();
        let id = source_id.to_owned();
        let found: Option<(Option<LinkRow>, Option<HoldRow>)> = each!(conn, c => connections::table
            .left_join(links::table.on(links::tenant
                .eq(connections::tenant)
                .and(links::connection_id.eq(connections::id))
                .and(links::source_id.eq(id.clone()))))
            .left_join(undo_holds::table.on(undo_holds::tenant
                .eq(connections::tenant)
                .and(undo_holds::connection_id.eq(connections::id))
                .and(undo_holds::source_id.eq(id))))
            .filter(connections::tenant.eq(tenant))
            .filter(connections::id.eq(connection))
            .select((links::all_columns.nullable(), undo_holds::all_columns.nullable()))
            .get_result(c))
        .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// What is held of a record.
    pub fn find_hold(&mut self, connection: &str, source_id: &str) -> Result<Option<HoldRow>> {
        let (conn, tenant) = self.parts();
        Ok(undo_holds::table
            .find((tenant, connection, source_id))
            .get_result(conn)
            .optional()?)
    }

    /// What is held of a person's records.
    pub fn list_holds_of(&mut self, subject: &str) -> Result<Vec<HoldRow>> {
        let (conn, tenant) = self.parts();
        Ok(undo_holds::table
            .filter(undo_holds::tenant.eq(tenant))
            .filter(undo_holds::subject.eq(subject))
            .order((undo_holds::connection_id, undo_holds::source_id))
            .load(conn)?)
    }

    /// Records of a connection of which an undo holds something, by its kind.
    pub fn list_held_as(&mut self, connection: &str, kinds: &[&str]) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(undo_holds::table
            .filter(undo_holds::tenant.eq(tenant))
            .filter(undo_holds::connection_id.eq(connection))
            .filter(undo_holds::kind.eq_any(kinds.to_vec()))
            .select(undo_holds::source_id)
            .order(undo_holds::source_id)
            .load(conn)?)
    }

    /// Holds a record, in the place of what was held of it.
    pub fn put_hold(&mut self, row: &HoldRow) -> Result<()> {
        self.delete_hold(&row.connection_id, &row.source_id)?;
        let (conn, _) = self.parts();
        diesel::insert_into(undo_holds::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// A record said something else: what is held of it is held in parts from now on.
    pub fn forget_said(&mut self, connection: &str, source_id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(undo_holds::table.find((tenant, connection, source_id)))
            .set(undo_holds::said.eq(None::<String>))
            .execute(conn)?;
        Ok(())
    }

    /// Ends what is held of a record.
    pub fn delete_hold(&mut self, connection: &str, source_id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(undo_holds::table.find((tenant, connection, source_id))).execute(conn)?;
        Ok(())
    }

    /// How many people of a waiting run's plan changed after it was made.
    pub fn count_changed_since(&mut self, run: &str, since: i64) -> Result<i64> {
        let query = Frag::sql(
            "SELECT count(DISTINCT u.id) FROM run_items i JOIN users u ON u.tenant = i.tenant AND u.id = i.subject \
             WHERE i.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND i.run_id = ")
        .text(run)
        .push(" AND i.subject <> ")
        .text("")
        .push(" AND u.updated_at > ")
        .int(since);
        Ok(query.query::<BigInt>().get_result(self.conn())?)
    }

    /// What happened to a user after an entry of the journal, in its order; at most some hundred. Not what became of an
    /// invitation: a reminder changes nobody, and what an answer changes has an entry of its own.
    pub fn list_entries_about(&mut self, user: &str, after: i64) -> Result<Vec<Happened>> {
        let (conn, tenant) = self.parts();
        Ok(journal::table
            .filter(journal::tenant.eq(tenant))
            .filter(journal::subject_id.eq(user))
            .filter(journal::sequence.gt(after))
            .filter(journal::action.not_like("invitation.%"))
            .order(journal::sequence)
            .limit(500)
            .select((
                journal::at,
                journal::actor_kind,
                journal::actor_id,
                journal::cause_kind,
                journal::cause_id,
            ))
            .load(conn)?)
    }

    /// Whether somebody is a member of any group as it is now.
    pub fn is_member(&mut self, user: &str) -> Result<bool> {
        let query = Frag::sql(
            "SELECT EXISTS (SELECT 1 FROM memberships m JOIN \"groups\" g ON g.tenant = m.tenant AND g.id = m.group_id \
             AND g.generation = m.generation WHERE m.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND m.user_id = ")
        .text(user)
        .push(")");
        Ok(query.query::<Bool>().get_result(self.conn())?)
    }
}
