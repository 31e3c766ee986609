//! Rows of invitations, of the links that open them, of what they gave, and of codes that hand somebody to the app.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::error::Result;
use super::schema::{given_values, handoffs, invitation_links, invitations, invite_attributes};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::access::reason::UNDONE;
use crate::domain::clock::Millis;
use crate::domain::ids::OPERATOR_TENANT;

/// A stored invitation.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = invitations, primary_key(tenant, id), treat_none_as_null = true)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct InvitationRow {
    pub tenant: String,
    pub id: String,
    pub user_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub email: String,
    pub language: String,
    pub delivery: String,
    pub given: Option<String>,
    pub message: Option<String>,
    pub inviter: Option<String>,
    pub connection_id: Option<String>,
    pub mail_id: Option<String>,
    pub sends: i64,
    pub created_at: i64,
    pub sent_at: i64,
    pub expires_at: i64,
    pub reminded_at: Option<i64>,
    pub due_at: Option<i64>,
    pub ended_at: Option<i64>,
}

/// A code that hands somebody to the app, once.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = handoffs)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct HandoffRow {
    pub tenant: String,
    pub id: String,
    pub user_id: String,
    pub expires_at: i64,
}

/// Invitations of all tenants about which something is to be done by now, the longest due first: tenant and id.
pub fn list_due(
    conn: &mut AnyConnection,
    now: Millis,
    limit: i64,
) -> Result<Vec<(String, String)>> {
    Ok(invitations::table
        .filter(invitations::due_at.le(now.0))
        .filter(of_open_tenants())
        .order(invitations::due_at)
        .limit(limit)
        .select((invitations::tenant, invitations::id))
        .load(conn)?)
}

impl Scope<'_> {
    /// The invitation with this id.
    pub fn find_invitation(&mut self, id: &str) -> Result<Option<InvitationRow>> {
        let (conn, tenant) = self.parts();
        Ok(invitations::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// The invitation of somebody that waits for an answer.
    pub fn find_pending_invitation(&mut self, user: &str) -> Result<Option<InvitationRow>> {
        let (conn, tenant) = self.parts();
        Ok(invitations::table
            .filter(invitations::tenant.eq(tenant))
            .filter(invitations::user_id.eq(user))
            .filter(invitations::state.eq("pending"))
            .get_result(conn)
            .optional()?)
    }

    /// The invitation of somebody that was made last, but for those that an undo took back.
    pub fn find_last_invitation(&mut self, user: &str) -> Result<Option<InvitationRow>> {
        let (conn, tenant) = self.parts();
        Ok(invitations::table
            .filter(invitations::tenant.eq(tenant))
            .filter(invitations::user_id.eq(user))
            .filter(
                invitations::reason
                    .is_null()
                    .or(invitations::reason.ne(UNDONE)),
            )
            .order(invitations::id.desc())
            .first(conn)
            .optional()?)
    }

    /// The invitation that a link opens.
    pub fn find_invitation_by_link(&mut self, hash: &str) -> Result<Option<InvitationRow>> {
        let (conn, tenant) = self.parts();
        let id: Option<String> = invitation_links::table
            .find((tenant, hash))
            .select(invitation_links::invitation_id)
            .get_result(conn)
            .optional()?;
        match id {
            Some(id) => self.find_invitation(&id),
            None => Ok(None),
        }
    }

    /// Invitations after an id, oldest first, at most `limit`; of one state, or of one person.
    pub fn list_invitations(
        &mut self,
        state: Option<&str>,
        user: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<InvitationRow>> {
        let (conn, tenant) = self.parts();
        let mut query = invitations::table
            .filter(invitations::tenant.eq(tenant.to_owned()))
            .filter(invitations::id.gt(after.to_owned()))
            .order(invitations::id)
            .limit(limit)
            .into_boxed();
        if let Some(state) = state {
            query = query.filter(invitations::state.eq(state.to_owned()));
        }
        if let Some(user) = user {
            query = query.filter(invitations::user_id.eq(user.to_owned()));
        }
        Ok(query.load(conn)?)
    }

    /// Stores a new invitation.
    pub fn create_invitation(&mut self, row: &InvitationRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(invitations::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores an invitation that exists.
    pub fn update_invitation(&mut self, row: &InvitationRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(invitations::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Takes what is personal out of everything that invitations left of somebody: addresses, messages, what was given.
    pub fn wipe_invitations_of(&mut self, user: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let nothing = None::<String>;
        diesel::update(
            invitations::table.filter(
                invitations::tenant
                    .eq(tenant)
                    .and(invitations::user_id.eq(user)),
            ),
        )
        .set((
            invitations::email.eq(""),
            invitations::message.eq(&nothing),
            invitations::given.eq(&nothing),
            invitations::inviter.eq(&nothing),
        ))
        .execute(conn)?;
        diesel::delete(given_values::table.find((tenant, user))).execute(conn)?;
        let codes =
            handoffs::table.filter(handoffs::tenant.eq(tenant).and(handoffs::user_id.eq(user)));
        diesel::delete(codes).execute(conn)?;
        Ok(())
    }

    /// A link opens an invitation from now on.
    pub fn create_link_to_invitation(&mut self, hash: &str, invitation: &str) -> Result<()> {
        let tenant = self.tenant().as_str().to_owned();
        let row = (
            invitation_links::tenant.eq(tenant),
            invitation_links::hash.eq(hash.to_owned()),
            invitation_links::invitation_id.eq(invitation.to_owned()),
        );
        diesel::insert_into(invitation_links::table)
            .values(row)
            .execute(self.conn())?;
        Ok(())
    }

    /// No link opens an invitation any more.
    pub fn delete_links_to_invitation(&mut self, invitation: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        let all = invitation_links::table.filter(
            invitation_links::tenant
                .eq(tenant)
                .and(invitation_links::invitation_id.eq(invitation)),
        );
        diesel::delete(all).execute(conn)?;
        Ok(())
    }

    /// What a human gave somebody, as it is stored.
    pub fn find_given(&mut self, user: &str) -> Result<Option<String>> {
        let (conn, tenant) = self.parts();
        Ok(given_values::table
            .find((tenant, user))
            .select(given_values::units)
            .get_result(conn)
            .optional()?)
    }

    /// Stores what a human gave somebody; `None`: nothing.
    pub fn put_given(&mut self, user: &str, units: Option<&str>) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(given_values::table.find((tenant, user))).execute(conn)?;
        let Some(units) = units else {
            return Ok(());
        };
        let row = (
            given_values::tenant.eq(tenant.to_owned()),
            given_values::user_id.eq(user.to_owned()),
            given_values::units.eq(units.to_owned()),
        );
        diesel::insert_into(given_values::table)
            .values(row)
            .execute(conn)?;
        Ok(())
    }

    /// Stores a code.
    pub fn create_handoff(&mut self, row: &HandoffRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(handoffs::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Takes a code out, for good.
    pub fn take_handoff(&mut self, id: &str) -> Result<Option<HandoffRow>> {
        let (conn, tenant) = self.parts();
        let found = handoffs::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?;
        if found.is_some() {
            diesel::delete(handoffs::table.find((tenant, id))).execute(conn)?;
        }
        Ok(found)
    }

    /// Forgets codes that nobody took in time.
    pub fn delete_old_handoffs(&mut self, now: Millis) -> Result<()> {
        let (conn, tenant) = self.parts();
        let old = handoffs::table.filter(
            handoffs::tenant
                .eq(tenant)
                .and(handoffs::expires_at.le(now.0)),
        );
        diesel::delete(old).execute(conn)?;
        Ok(())
    }

    /// What the operator's app offers to be given, as the operator declared it, whoever asks.
    pub fn find_invite_attributes(&mut self) -> Result<Option<String>> {
        let (conn, _) = self.parts();
        Ok(invite_attributes::table
            .find(OPERATOR_TENANT)
            .select(invite_attributes::document)
            .get_result(conn)
            .optional()?)
    }

    /// Stores the operator's declaration in the operator's own tenant.
    pub fn put_invite_attributes(&mut self, document: &str, now: Millis) -> Result<()> {
        let tenant = self.tenant().as_str().to_owned();
        Frag::sql("INSERT INTO invite_attributes (tenant, document, updated_at) VALUES (")
            .text(tenant)
            .push(", ")
            .text(document)
            .push(", ")
            .int(now.0)
            .push(
                ") ON CONFLICT (tenant) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at",
            )
            .execute(self.conn())?;
        Ok(())
    }
}
