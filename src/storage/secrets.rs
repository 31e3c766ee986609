//! Rows of connections' secrets: sealed texts only; who holds the key opens them in `service`.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::error::Result;
use super::schema::connection_secrets;
use super::scope::Scope;

/// The table's name.
pub const TABLE: &str = "connection_secrets";

/// How a secret is.
pub mod state {
    /// It opens with its key.
    pub const HELD: &str = "held";
    /// It did not open although the key was there: a row was changed by hand, or a disk changed it.
    pub const DAMAGED: &str = "damaged";
    /// The operator gave its key up; the sealed text is gone.
    pub const LOST: &str = "lost";
}

/// A stored secret.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = connection_secrets, primary_key(tenant, connection_id, name))]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct SecretRow {
    pub tenant: String,
    pub connection_id: String,
    pub name: String,
    pub key_id: String,
    pub sealed: String,
    pub state: String,
    pub updated_at: i64,
}

/// How many secrets there are of a key and a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Id of the key.
    pub key_id: String,
    /// State.
    pub state: String,
    /// How many.
    pub count: i64,
}

/// How many secrets of all tenants there are, by key and state.
pub fn tally(conn: &mut AnyConnection) -> Result<Vec<Tally>> {
    let query = Frag::sql(
        "SELECT key_id, state, count(*) FROM connection_secrets GROUP BY key_id, state ORDER BY key_id, state",
    );
    let rows: Vec<(String, String, i64)> = query
        .query::<(
            diesel::sql_types::Text,
            diesel::sql_types::Text,
            diesel::sql_types::BigInt,
        )>()
        .load(conn)?;
    let tally = |(key_id, state, count)| Tally {
        key_id,
        state,
        count,
    };
    Ok(rows.into_iter().map(tally).collect())
}

/// Some secrets of all tenants that a key seals and that are in this state, by tenant and connection.
pub fn list_by_key(
    conn: &mut AnyConnection,
    key: &str,
    in_state: &str,
    limit: i64,
) -> Result<Vec<SecretRow>> {
    Ok(connection_secrets::table
        .filter(connection_secrets::key_id.eq(key))
        .filter(connection_secrets::state.eq(in_state))
        .order((
            connection_secrets::tenant,
            connection_secrets::connection_id,
            connection_secrets::name,
        ))
        .limit(limit)
        .load(conn)?)
}

/// Secrets of all tenants that cannot be used any more, by tenant and connection.
pub fn list_unusable(conn: &mut AnyConnection) -> Result<Vec<SecretRow>> {
    Ok(connection_secrets::table
        .filter(connection_secrets::state.ne(state::HELD))
        .order((
            connection_secrets::tenant,
            connection_secrets::connection_id,
            connection_secrets::name,
        ))
        .load(conn)?)
}

impl Scope<'_> {
    /// The secrets of a connection, by name.
    pub fn list_secrets(&mut self, connection: &str) -> Result<Vec<SecretRow>> {
        let (conn, tenant) = self.parts();
        Ok(connection_secrets::table
            .filter(connection_secrets::tenant.eq(tenant))
            .filter(connection_secrets::connection_id.eq(connection))
            .order(connection_secrets::name)
            .load(conn)?)
    }

    /// A secret of a connection.
    pub fn find_secret(&mut self, connection: &str, name: &str) -> Result<Option<SecretRow>> {
        let (conn, tenant) = self.parts();
        Ok(connection_secrets::table
            .find((tenant, connection, name))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a new secret.
    pub fn create_secret(&mut self, row: &SecretRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(connection_secrets::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a secret that exists.
    pub fn update_secret(&mut self, row: &SecretRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(connection_secrets::table.find((tenant, &row.connection_id, &row.name)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Removes a secret.
    pub fn delete_secret(&mut self, connection: &str, name: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(connection_secrets::table.find((tenant, connection, name))).execute(conn)?;
        Ok(())
    }
}
