//! Rows of claims: what each connection asserts about a user. A row is never deleted while the user's row exists.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::dialect::{Frag, Json, each};
use super::error::Result;
use super::schema::claims;
use super::scope::Scope;
use crate::domain::app::APP;
use crate::scim::fold::user_name_key;

/// State of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState {
    /// Takes part.
    Live,
    /// Waits for a human: the source reads back what it wrote, nothing else happens.
    Pending,
    /// The source took access away, and the guard holds that back; everything else of the claim takes part.
    Parked,
    /// Its connection gave its place to another, with a way back: it keeps what it said and takes no part.
    Resting,
    /// The source deleted the person.
    Ended,
}

impl ClaimState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Pending => "pending",
            Self::Parked => "parked",
            Self::Resting => "resting",
            Self::Ended => "ended",
        }
    }
}

/// A stored claim.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = claims, primary_key(tenant, user_id, connection_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ClaimRow {
    pub tenant: String,
    pub user_id: String,
    pub connection_id: String,
    pub state: String,
    pub external_id: Option<String>,
    pub active: Option<bool>,
    pub asserted: Option<String>,
    pub held: Option<String>,
    pub view_doc: Option<Json>,
    pub view_match: Option<Json>,
    pub user_name: Option<String>,
    pub user_name_key: Option<String>,
    pub display_name_key: Option<String>,
    pub manager_id: Option<String>,
    pub scim_id: Option<String>,
    pub version: Option<i64>,
    pub updated_at: Option<i64>,
    pub user_public: bool,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    pub undone: Option<String>,
    pub entity: Option<String>,
}

impl ClaimRow {
    /// In this state.
    pub fn is(&self, state: ClaimState) -> bool {
        self.state == state.as_str()
    }

    /// It takes part in precedence: a parked one holds back nothing but a loss of access.
    pub fn takes_part(&self) -> bool {
        self.is(ClaimState::Live) || self.is(ClaimState::Parked)
    }

    /// The userName of the own view.
    pub fn set_user_name(&mut self, name: &str) {
        self.user_name = Some(name.to_owned());
        self.user_name_key = Some(user_name_key(name));
    }
}

impl Scope<'_> {
    /// All claims on a user, oldest connection first.
    pub fn list_claims(&mut self, user: &str) -> Result<Vec<ClaimRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => claims::table
            .filter(claims::tenant.eq(tenant).and(claims::user_id.eq(user)))
            .order((claims::created_at, claims::connection_id))
            .load(c))?)
    }

    /// Whom a connection claims in one state, after an id, by ids.
    pub fn list_claimants(
        &mut self,
        connection: &str,
        is_public: bool,
        state: ClaimState,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(claims::table
            .filter(
                claims::tenant
                    .eq(tenant)
                    .and(claims::connection_id.eq(connection)),
            )
            .filter(
                claims::user_public
                    .eq(is_public)
                    .and(claims::state.eq(state.as_str())),
            )
            .filter(claims::user_id.gt(after))
            .order(claims::user_id)
            .limit(limit)
            .select(claims::user_id)
            .load(conn)?)
    }

    /// Which of these users a connection has deleted; at most some hundred.
    pub fn list_ended_claims(&mut self, connection: &str, users: &[String]) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        let these = claims::tenant
            .eq(tenant)
            .and(claims::user_id.eq_any(users))
            .and(claims::connection_id.eq(connection));
        Ok(claims::table
            .filter(these)
            .filter(claims::state.eq(ClaimState::Ended.as_str()))
            .select(claims::user_id)
            .load(conn)?)
    }

    /// Users whom other connections know under this externalId, and whether this one does not claim them.
    pub fn list_users_known_as(
        &mut self,
        except: &str,
        external_id: &str,
    ) -> Result<Vec<(String, bool)>> {
        let query = Frag::sql(
            "SELECT c.user_id, own.state IS NULL OR own.state = 'ended' FROM connections k JOIN claims c ON c.tenant = k.tenant AND c.connection_id = k.id \
             AND c.external_id = ",
        )
        .text(external_id)
        .push(" LEFT JOIN claims own ON own.tenant = c.tenant AND own.user_id = c.user_id AND own.connection_id = ")
        .text(except)
        .push(" WHERE k.tenant = ")
        .text(self.tenant().as_str())
        .push(" AND k.id <> ")
        .text(except)
        // What the app calls its users is a number like any other, and means nothing to anybody else.
        .push(" AND k.kind <> 'app'")
        .push(" AND c.state IN ('live', 'parked') ORDER BY c.user_id");
        Ok(query.query::<(Text, Bool)>().load(self.conn())?)
    }

    /// The id of its own under which a connection knows a user.
    pub fn find_known_id(&mut self, connection: &str, user: &str) -> Result<Option<String>> {
        let (conn, tenant) = self.parts();
        let known: Option<Option<String>> = each!(conn, c => claims::table
            .find((tenant, user, connection))
            .filter(claims::state.ne(ClaimState::Ended.as_str()))
            .select(claims::scim_id)
            .get_result(c))
        .optional()?;
        Ok(known.flatten())
    }

    /// The user that a connection knows under an id of its own.
    pub fn find_claim_by_scim_id(
        &mut self,
        connection: &str,
        id: &str,
    ) -> Result<Option<ClaimRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => claims::table
            .filter(claims::tenant.eq(tenant).and(claims::connection_id.eq(connection)))
            .filter(claims::scim_id.eq(id))
            .get_result(c))
        .optional()?)
    }

    /// The app's claim on the user that it knows by this id.
    pub fn find_app_claim(&mut self, app_user: &str) -> Result<Option<ClaimRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => claims::table
            .filter(claims::tenant.eq(tenant).and(claims::connection_id.eq(APP)))
            .filter(claims::external_id.eq(app_user).and(claims::state.ne(ClaimState::Ended.as_str())))
            .first(c))
        .optional()?)
    }

    /// What the app calls a user.
    pub fn find_app_user_id(&mut self, user: &str) -> Result<Option<String>> {
        let (conn, tenant) = self.parts();
        let known: Option<Option<String>> = each!(conn, c => claims::table
            .find((tenant, user, APP))
            .filter(claims::state.ne(ClaimState::Ended.as_str()))
            .select(claims::external_id)
            .get_result(c))
        .optional()?;
        Ok(known.flatten())
    }

    /// The app's claims after an id of the app's, in the order of these.
    pub fn list_app_claims(&mut self, after: &str, limit: i64) -> Result<Vec<ClaimRow>> {
        let (conn, tenant) = self.parts();
        Ok(claims::table
            .filter(claims::tenant.eq(tenant).and(claims::connection_id.eq(APP)))
            .filter(
                claims::external_id
                    .gt(after)
                    .and(claims::state.ne(ClaimState::Ended.as_str())),
            )
            .order(claims::external_id)
            .limit(limit)
            .load(conn)?)
    }

    /// Stores a new claim.
    pub fn create_claim(&mut self, row: &ClaimRow) -> Result<()> {
        let (conn, _) = self.parts();
        each!(conn, c => diesel::insert_into(claims::table).values(row).execute(c))?;
        Ok(())
    }

    /// Stores a claim that exists.
    pub fn update_claim(&mut self, row: &ClaimRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(claims::table.find((tenant, &row.user_id, &row.connection_id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }
}
