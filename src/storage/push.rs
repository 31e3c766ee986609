//! Rows of the push side: its guards, who lost access lately, losses that are parked, sessions.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::connection::AnyConnection;
use super::dialect::{Frag, each};
use super::error::Result;
use super::schema::{parked_losses, push_guards, push_losses, push_sessions};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// What a connection's guard remembers.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = push_guards, primary_key(tenant, connection_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct GuardRow {
    pub tenant: String,
    pub connection_id: String,
    pub counted_at: i64,
    pub granted: i64,
    pub announced: i64,
    pub announced_at: Option<i64>,
    pub announced_until: Option<i64>,
}

/// States of a parked loss.
pub mod parked {
    /// An admin has not decided.
    pub const WAITING: &str = "waiting";
    /// An admin released it; it is being carried out.
    pub const APPROVED: &str = "approved";
    /// An admin, or the undo of a session, let the person keep her access.
    pub const DROPPED: &str = "dropped";
    /// The person is a break-glass admin: it counts once she is none.
    pub const SPARED: &str = "spared";
}

/// A loss of access beyond the limit.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = parked_losses, primary_key(tenant, connection_id, user_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ParkedRow {
    pub tenant: String,
    pub connection_id: String,
    pub user_id: String,
    pub state: String,
    pub reason: String,
    pub session_id: String,
    pub since: i64,
    pub decided_at: Option<i64>,
    pub decider_kind: Option<String>,
    pub decider_id: Option<String>,
}

/// State of a session that a further change may belong to.
pub const OPEN: &str = "open";

/// What a connection pushed without a longer pause.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = push_sessions, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct SessionRow {
    pub tenant: String,
    pub id: String,
    pub connection_id: String,
    pub state: String,
    pub started_at: i64,
    pub last_at: i64,
    pub changes: i64,
    pub lost: i64,
    pub parked: i64,
    pub decided_at: Option<i64>,
    pub decider_kind: Option<String>,
    pub decider_id: Option<String>,
}

impl Scope<'_> {
    /// What a connection's guard remembers.
    pub fn find_push_guard(&mut self, connection: &str) -> Result<Option<GuardRow>> {
        let (conn, tenant) = self.parts();
        Ok(push_guards::table
            .find((tenant, connection))
            .get_result(conn)
            .optional()?)
    }

    /// Stores it in the place of what it remembered.
    pub fn put_push_guard(&mut self, row: &GuardRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let known = push_guards::table.find((tenant, &row.connection_id));
        if diesel::update(known).set(row).execute(conn)? == 0 {
            diesel::insert_into(push_guards::table)
                .values(row.clone())
                .execute(conn)?;
        }
        Ok(())
    }

    /// How many people have access whom a connection claims.
    pub fn count_granted(&mut self, connection: &str) -> Result<i64> {
        let query = Frag::sql(
            "SELECT count(*) FROM claims c JOIN users u ON u.tenant = c.tenant AND u.id = c.user_id AND u.has_access \
             WHERE c.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND c.connection_id = ")
        .text(connection)
        .push(" AND c.user_public = ")
        .bool(true)
        .push(" AND c.state IN ('live', 'parked')");
        Ok(query.query::<BigInt>().get_result(self.conn())?)
    }

    /// How many people lost access by a connection's writes after a moment.
    pub fn count_push_losses(&mut self, connection: &str, after: Millis) -> Result<i64> {
        let (conn, tenant) = self.parts();
        let of = push_losses::tenant
            .eq(tenant)
            .and(push_losses::connection_id.eq(connection))
            .and(push_losses::at.gt(after.0));
        Ok(push_losses::table.filter(of).count().get_result(conn)?)
    }

    /// Notes that somebody lost access by a connection's write.
    pub fn put_push_loss(&mut self, connection: &str, user: &str, at: Millis) -> Result<()> {
        let (conn, tenant) = self.parts();
        let known = push_losses::table.find((tenant, connection, user));
        let moved = diesel::update(known)
            .set(push_losses::at.eq(at.0))
            .execute(conn)?;
        if moved == 0 {
            let row = (
                push_losses::tenant.eq(tenant.to_owned()),
                push_losses::connection_id.eq(connection.to_owned()),
                push_losses::user_id.eq(user.to_owned()),
                push_losses::at.eq(at.0),
            );
            diesel::insert_into(push_losses::table)
                .values(row)
                .execute(conn)?;
        }
        Ok(())
    }

    /// Forgets losses of before a moment.
    pub fn delete_push_losses(&mut self, before: Millis) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let old = push_losses::tenant
            .eq(tenant)
            .and(push_losses::at.lt(before.0));
        Ok(diesel::delete(push_losses::table.filter(old)).execute(conn)?)
    }

    /// The parked loss of somebody.
    pub fn find_parked(&mut self, connection: &str, user: &str) -> Result<Option<ParkedRow>> {
        let (conn, tenant) = self.parts();
        Ok(parked_losses::table
            .find((tenant, connection, user))
            .get_result(conn)
            .optional()?)
    }

    /// Parked losses of a person.
    pub fn list_parked_of(&mut self, user: &str) -> Result<Vec<ParkedRow>> {
        let (conn, tenant) = self.parts();
        Ok(parked_losses::table
            .filter(parked_losses::tenant.eq(tenant))
            .filter(parked_losses::user_id.eq(user))
            .order(parked_losses::connection_id)
            .load(conn)?)
    }

    /// Parked losses after a connection and a person, in their order; of one connection, and in one state, if these are
    /// named.
    pub fn list_parked(
        &mut self,
        connection: Option<&str>,
        state: Option<&str>,
        after: (&str, &str),
        limit: i64,
    ) -> Result<Vec<ParkedRow>> {
        let (conn, tenant) = self.parts();
        let mut query = parked_losses::table
            .filter(parked_losses::tenant.eq(tenant))
            .into_boxed();
        if let Some(connection) = connection {
            query = query.filter(parked_losses::connection_id.eq(connection));
        }
        if let Some(state) = state {
            query = query.filter(parked_losses::state.eq(state));
        }
        let beyond = parked_losses::connection_id
            .gt(after.0)
            .or(parked_losses::connection_id
                .eq(after.0)
                .and(parked_losses::user_id.gt(after.1)));
        Ok(query
            .filter(beyond)
            .order((parked_losses::connection_id, parked_losses::user_id))
            .limit(limit)
            .load(conn)?)
    }

    /// How many losses of a connection wait for an admin.
    pub fn count_waiting(&mut self, connection: &str) -> Result<i64> {
        let (conn, tenant) = self.parts();
        let of = parked_losses::tenant
            .eq(tenant)
            .and(parked_losses::connection_id.eq(connection))
            .and(parked_losses::state.eq(parked::WAITING));
        Ok(parked_losses::table.filter(of).count().get_result(conn)?)
    }

    /// Whether a loss of a connection waits for an admin.
    pub fn has_waiting(&mut self, connection: &str) -> Result<bool> {
        let (conn, tenant) = self.parts();
        let of = parked_losses::tenant
            .eq(tenant)
            .and(parked_losses::connection_id.eq(connection))
            .and(parked_losses::state.eq(parked::WAITING));
        let first = parked_losses::table
            .filter(of)
            .select(parked_losses::user_id)
            .limit(1)
            .get_result::<String>(conn)
            .optional()?;
        Ok(first.is_some())
    }

    /// Stores a parked loss in the place of what was stored of it.
    pub fn put_parked(&mut self, row: &ParkedRow) -> Result<()> {
        self.delete_parked(&row.connection_id, &row.user_id)?;
        let (conn, _) = self.parts();
        diesel::insert_into(parked_losses::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Forgets a parked loss.
    pub fn delete_parked(&mut self, connection: &str, user: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(parked_losses::table.find((tenant, connection, user))).execute(conn)?;
        Ok(())
    }

    /// Forgets all parked losses of a connection.
    pub fn delete_all_parked(&mut self, connection: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let of = parked_losses::tenant
            .eq(tenant)
            .and(parked_losses::connection_id.eq(connection));
        diesel::delete(parked_losses::table.filter(of)).execute(conn)?;
        Ok(())
    }
}

impl Scope<'_> {
    /// The session with this id.
    pub fn find_session(&mut self, id: &str) -> Result<Option<SessionRow>> {
        let (conn, tenant) = self.parts();
        Ok(push_sessions::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// A connection's sessions before one of them, the newest first; without a connection, all.
    pub fn list_sessions(
        &mut self,
        connection: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SessionRow>> {
        let (conn, tenant) = self.parts();
        let mut query = push_sessions::table
            .filter(push_sessions::tenant.eq(tenant))
            .into_boxed();
        if let Some(connection) = connection {
            query = query.filter(push_sessions::connection_id.eq(connection));
        }
        if let Some(before) = before {
            query = query.filter(push_sessions::id.lt(before));
        }
        Ok(query
            .order(push_sessions::id.desc())
            .limit(limit)
            .load(conn)?)
    }

    /// Counts one more change of a connection into its open session, if that goes on: one that had a change after a moment,
    /// and fewer than so many. Returns its id.
    pub fn continue_session(
        &mut self,
        connection: &str,
        (after, now): (Millis, Millis),
        most: i64,
    ) -> Result<Option<String>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => diesel::update(push_sessions::table
            .filter(push_sessions::tenant.eq(tenant).and(push_sessions::connection_id.eq(connection)))
            .filter(is_open())
            .filter(push_sessions::last_at.gt(after.0).and(push_sessions::changes.lt(most))))
            .set((push_sessions::changes.eq(push_sessions::changes + 1), push_sessions::last_at.eq(now.0)))
            .returning(push_sessions::id)
            .get_result(c))
        .optional()?)
    }

    /// No further change of a connection belongs to its open session.
    pub fn close_session(&mut self, connection: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let own = push_sessions::tenant
            .eq(tenant)
            .and(push_sessions::connection_id.eq(connection));
        diesel::update(push_sessions::table.filter(own).filter(is_open()))
            .set(push_sessions::state.eq("done"))
            .execute(conn)?;
        Ok(())
    }

    /// Stores a new session.
    pub fn create_session(&mut self, row: &SessionRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(push_sessions::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a session that is there.
    pub fn update_session(&mut self, row: &SessionRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(push_sessions::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Counts people who lost access in a session, and whose loss was parked in it.
    pub fn count_in_session(&mut self, id: &str, lost: i64, parked: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(push_sessions::table.find((tenant, id)))
            .set((
                push_sessions::lost.eq(push_sessions::lost + lost),
                push_sessions::parked.eq(push_sessions::parked + parked),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// Sessions that are over and whose ids lie before this text, the oldest first.
    pub fn list_sessions_over(&mut self, before: &str, limit: i64) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(push_sessions::table
            .filter(push_sessions::tenant.eq(tenant))
            .filter(push_sessions::id.lt(before))
            .filter(push_sessions::state.eq_any(["done", "undone"]))
            .select(push_sessions::id)
            .order(push_sessions::id)
            .limit(limit)
            .load(conn)?)
    }

    /// Deletes a session without changes.
    pub fn delete_session(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(push_sessions::table.find((tenant, id))).execute(conn)?;
        Ok(())
    }
}

/// As the partial index has it.
fn is_open() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>("state = 'open'")
}

/// Sessions of all tenants that are to be undone.
pub fn list_sessions_to_undo(conn: &mut AnyConnection, limit: i64) -> Result<Vec<SessionRow>> {
    Ok(push_sessions::table
        .filter(diesel::dsl::sql::<Bool>("state = 'undoing'"))
        .filter(of_open_tenants())
        .order((push_sessions::tenant, push_sessions::id))
        .limit(limit)
        .load(conn)?)
}

/// Parked losses of all tenants that an admin released before a moment, and that are still to be carried out.
pub fn list_approved(
    conn: &mut AnyConnection,
    before: Millis,
    limit: i64,
) -> Result<Vec<ParkedRow>> {
    Ok(parked_losses::table
        .filter(diesel::dsl::sql::<Bool>("state = 'approved'"))
        .filter(parked_losses::decided_at.lt(before.0))
        .filter(of_open_tenants())
        .order((
            parked_losses::tenant,
            parked_losses::connection_id,
            parked_losses::user_id,
        ))
        .limit(limit)
        .load(conn)?)
}
