//! Rows of users: the effective document of each person with its look-up columns.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::dialect::{Frag, Json, each};
use super::error::Result;
use super::schema::users;
use super::scope::Scope;

/// A stored user.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = users, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct UserRow {
    pub tenant: String,
    pub id: String,
    pub doc: Json,
    pub match_doc: Json,
    pub user_name: String,
    pub user_name_key: String,
    pub display_name: Option<String>,
    pub display_name_key: Option<String>,
    pub manager_id: Option<String>,
    pub access: String,
    pub access_reason: String,
    pub access_params: Option<String>,
    pub access_since: i64,
    pub sticky: bool,
    pub has_access: bool,
    pub is_public: bool,
    pub written_by_others: bool,
    pub admin_role: Option<String>,
    pub break_glass: bool,
    pub removed_at: Option<i64>,
    pub merged_into: Option<String>,
    pub source_epoch: i64,
    pub version: i64,
    pub doc_version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub doc_updated_at: i64,
    pub employment_state: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub added_via: Option<String>,
}

impl Scope<'_> {
    /// How many break-glass admins there are.
    pub fn count_break_glass(&mut self) -> Result<i64> {
        // As the partial index has it.
        let query = Frag::sql("SELECT count(*) FROM users WHERE tenant = ")
            .text(self.tenant().as_str())
            .push(" AND break_glass AND removed_at IS NULL");
        Ok(query.query::<BigInt>().get_result(self.conn())?)
    }

    /// The user with this id, tombstones included.
    pub fn find_user(&mut self, id: &str) -> Result<Option<UserRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => users::table.find((tenant, id)).get_result(c)).optional()?)
    }

    /// Users, tombstones included, whose effective userName has this key.
    pub fn list_users_by_user_name(&mut self, key: &str) -> Result<Vec<UserRow>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => users::table
            .filter(users::tenant.eq(tenant).and(users::user_name_key.eq(key)))
            .order(users::id)
            .load(c))?)
    }

    /// Stores a new user.
    pub fn create_user(&mut self, row: &UserRow) -> Result<()> {
        let (conn, _) = self.parts();
        each!(conn, c => diesel::insert_into(users::table).values(row).execute(c))?;
        Ok(())
    }

    /// Stores a user that exists.
    pub fn update_user(&mut self, row: &UserRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(users::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Whose manager in force this is, by ids, at most `limit`.
    pub fn list_reports(&mut self, manager: &str, limit: i64) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(users::table
            .filter(users::tenant.eq(tenant).and(users::manager_id.eq(manager)))
            .order(users::id)
            .limit(limit)
            .select(users::id)
            .load(conn)?)
    }

    /// Which of these ids are people that a connection sees (`None`: everybody but tombstones), as pairs of the id
    /// the connection knows and the user's own.
    pub fn list_visible_ids(
        &mut self,
        connection: Option<&str>,
        ids: &[String],
    ) -> Result<Vec<(String, String)>> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(200) {
            let query = visible_ids(self.tenant().as_str(), connection, chunk);
            let rows: Vec<(String, String)> = query
                .query::<(diesel::sql_types::Text, diesel::sql_types::Text)>()
                .load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }
}

fn visible_ids(tenant: &str, connection: Option<&str>, ids: &[String]) -> Frag {
    let list = |mut frag: Frag| {
        for (i, id) in ids.iter().enumerate() {
            frag = frag.push(if i == 0 { "" } else { ", " }).text(id.clone());
        }
        frag.push(")")
    };
    let Some(connection) = connection else {
        let frag = Frag::sql("SELECT u.id, u.id FROM users u WHERE u.tenant = ").text(tenant);
        return list(frag.push(" AND u.removed_at IS NULL AND u.id IN (")).free_shape();
    };
    // Two look-ups: under the user's own id, and under an id that only this connection knows.
    let frag = Frag::sql(
        "SELECT u.id, u.id FROM users u LEFT JOIN claims c ON c.tenant = u.tenant AND c.user_id = u.id \
         AND c.connection_id = ",
    )
    .text(connection)
    .push(" WHERE u.tenant = ")
    .text(tenant)
    .push(
        " AND c.scim_id IS NULL AND ((c.state IS NULL AND u.is_public) OR c.state <> 'ended') AND u.id IN (",
    );
    let frag = list(frag)
        .push(" UNION ALL SELECT c.scim_id, c.user_id FROM claims c WHERE c.tenant = ")
        .text(tenant)
        .push(" AND c.connection_id = ")
        .text(connection)
        .push(" AND c.state <> 'ended' AND c.scim_id IN (");
    list(frag).free_shape()
}
