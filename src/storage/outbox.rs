//! Rows of the outbox: mails, and calls of the operator's webhook. What is in a row is a code with parameters; who sends it
//! puts it into words.

use diesel::prelude::*;

use super::Tx;
use super::connection::AnyConnection;
use super::error::Result;
use super::schema::{connection_secrets, notice_recipients, outbox, tenants};
use super::scope::Scope;
use crate::domain::clock::Millis;

/// Ways out.
pub mod channel {
    /// A mail.
    pub const MAIL: &str = "mail";
    /// A call of the operator's webhook.
    pub const WEBHOOK: &str = "webhook";
}

/// How a row stands.
pub mod state {
    /// It waits.
    pub const QUEUED: &str = "queued";
    /// Somebody is at it.
    pub const SENDING: &str = "sending";
    /// The next server took it.
    pub const SENT: &str = "sent";
    /// It was written into the local outbox: nobody got it.
    pub const FILED: &str = "filed";
    /// It was refused for good, or nobody took it for a day.
    pub const FAILED: &str = "failed";
    /// It was withdrawn before it was sent.
    pub const CANCELED: &str = "canceled";
}

/// What became of a mail that was sent, as far as somebody says so.
pub mod delivery {
    /// Nobody said.
    pub const UNKNOWN: &str = "unknown";
    /// It arrived.
    pub const DELIVERED: &str = "delivered";
    /// It came back.
    pub const BOUNCED: &str = "bounced";
    /// Who got it says that it is spam.
    pub const COMPLAINED: &str = "complained";
}

/// A stored mail or call.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = outbox, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct OutboxRow {
    pub tenant: String,
    pub id: String,
    pub channel: String,
    pub kind: String,
    pub code: String,
    pub person: Option<String>,
    pub notice: Option<String>,
    pub recipient: String,
    pub language: String,
    pub params: String,
    pub state: String,
    pub delivery: String,
    pub attempts: i64,
    pub next_at: Option<i64>,
    pub claim: Option<String>,
    pub error: Option<String>,
    pub cause_kind: String,
    pub cause_id: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub sent_at: Option<i64>,
}

impl OutboxRow {
    /// Whether its secret is needed no more. One that failed or was filed can be tried again.
    fn is_done(&self) -> bool {
        matches!(self.state.as_str(), state::SENT | state::CANCELED)
    }
}

/// The name under which the secrets hold what a mail alone may show.
pub fn secret_place(id: &str) -> String {
    format!("mail/{id}")
}

/// What of a channel is due in all tenants that work, the longest due first: queued, or with a claim that ran out.
pub fn list_due(
    conn: &mut AnyConnection,
    channel: &str,
    now: Millis,
    limit: i64,
) -> Result<Vec<OutboxRow>> {
    let at_work = tenants::table
        .filter(tenants::state.eq("active"))
        .select(tenants::id);
    Ok(outbox::table
        .filter(outbox::next_at.le(now.0))
        .filter(outbox::channel.eq(channel))
        .filter(outbox::tenant.eq_any(at_work))
        .order(outbox::next_at)
        .limit(limit)
        .load(conn)?)
}

/// How many rows of all tenants stand how: by channel and state.
pub fn tally(conn: &mut AnyConnection) -> Result<Vec<(String, String, i64)>> {
    Ok(outbox::table
        .group_by((outbox::channel, outbox::state))
        .select((outbox::channel, outbox::state, diesel::dsl::count_star()))
        .order((outbox::channel, outbox::state))
        .load(conn)?)
}

impl Scope<'_> {
    /// A mail or call.
    pub fn find_outgoing(&mut self, id: &str) -> Result<Option<OutboxRow>> {
        let (conn, tenant) = self.parts();
        Ok(outbox::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// Mails and calls, the newest first: those before an id, if one is given, in one state, if one is given.
    pub fn list_outgoing(
        &mut self,
        before: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<OutboxRow>> {
        let (conn, tenant) = self.parts();
        let mut query = outbox::table.filter(outbox::tenant.eq(tenant)).into_boxed();
        if let Some(before) = before {
            query = query.filter(outbox::id.lt(before));
        }
        if let Some(state) = state {
            query = query.filter(outbox::state.eq(state));
        }
        Ok(query.order(outbox::id.desc()).limit(limit).load(conn)?)
    }

    /// What tells of a notice, oldest first.
    pub fn list_tellings(&mut self, notice: &str) -> Result<Vec<OutboxRow>> {
        let (conn, tenant) = self.parts();
        Ok(outbox::table
            .filter(outbox::tenant.eq(tenant).and(outbox::notice.eq(notice)))
            .order(outbox::id)
            .load(conn)?)
    }

    /// What is about a person, oldest first.
    pub fn list_outgoing_about(&mut self, person: &str) -> Result<Vec<OutboxRow>> {
        let (conn, tenant) = self.parts();
        Ok(outbox::table
            .filter(outbox::tenant.eq(tenant).and(outbox::person.eq(person)))
            .order(outbox::id)
            .load(conn)?)
    }
}

impl Tx<'_> {
    /// Stores a new row.
    pub fn create_outgoing(&mut self, row: &OutboxRow) -> Result<()> {
        diesel::insert_into(outbox::table)
            .values(row.clone())
            .execute(self.scope.conn())?;
        Ok(())
    }

    /// Stores a row that exists. Its secret is wiped once it is sent or withdrawn.
    pub fn update_outgoing(&mut self, row: &OutboxRow) -> Result<()> {
        let (conn, tenant) = self.scope.parts();
        diesel::update(outbox::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        if row.is_done() {
            self.wipe_outgoing(&row.id)?;
        }
        Ok(())
    }

    fn wipe_outgoing(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.scope.parts();
        let of_mail = connection_secrets::tenant
            .eq(tenant)
            .and(connection_secrets::connection_id.eq(secret_place(id)));
        diesel::delete(connection_secrets::table.filter(of_mail)).execute(conn)?;
        Ok(())
    }

    /// Deletes the rows about a person, or to one of these addresses, with their secrets; at most `limit`, answers how many.
    /// For who erases her.
    pub fn delete_outgoing_of(
        &mut self,
        person: &str,
        addresses: &[String],
        limit: i64,
    ) -> Result<usize> {
        let (conn, tenant) = self.scope.parts();
        let ids: Vec<String> = outbox::table
            .filter(outbox::tenant.eq(tenant))
            .filter(
                outbox::person
                    .eq(person)
                    .or(outbox::recipient.eq_any(addresses)),
            )
            .select(outbox::id)
            .limit(limit)
            .load(conn)?;
        for id in &ids {
            self.wipe_outgoing(id)?;
            let (conn, tenant) = self.scope.parts();
            diesel::delete(outbox::table.find((tenant, id))).execute(conn)?;
        }
        let (conn, tenant) = self.scope.parts();
        let hers = notice_recipients::tenant
            .eq(tenant)
            .and(notice_recipients::address.eq_any(addresses));
        diesel::delete(notice_recipients::table.filter(hers)).execute(conn)?;
        Ok(ids.len())
    }

    /// Deletes rows that are over and lie before an id; at most `limit`, answers how many.
    pub fn delete_outgoing_before(&mut self, before: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.scope.parts();
        let ids: Vec<String> = outbox::table
            .filter(outbox::tenant.eq(tenant).and(outbox::id.lt(before)))
            .filter(outbox::next_at.is_null())
            .select(outbox::id)
            .order(outbox::id)
            .limit(limit)
            .load(conn)?;
        if ids.is_empty() {
            return Ok(0);
        }
        for id in &ids {
            self.wipe_outgoing(id)?;
        }
        let (conn, tenant) = self.scope.parts();
        let these = outbox::tenant.eq(tenant).and(outbox::id.eq_any(&ids));
        Ok(diesel::delete(outbox::table.filter(these)).execute(conn)?)
    }
}
