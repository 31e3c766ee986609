//! Rows of credentials and the global index that finds a token's tenant by the hash of its secret.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::Result;
use super::schema::{credential_index, credentials, invalidations, tenants};
use super::scope::Scope;

/// A stored credential.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = credentials, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct CredentialRow {
    pub tenant: String,
    pub id: String,
    pub hash: String,
    pub role: String,
    pub connection_id: Option<String>,
    pub label: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// The credential behind a secret's hash, with the state of its tenant.
pub fn find_by_hash(
    conn: &mut AnyConnection,
    hash: &str,
) -> Result<Option<(CredentialRow, String)>> {
    Ok(credential_index::table
        .inner_join(
            credentials::table.on(credentials::tenant
                .eq(credential_index::tenant)
                .and(credentials::id.eq(credential_index::credential_id))),
        )
        .inner_join(tenants::table.on(tenants::id.eq(credential_index::tenant)))
        .filter(credential_index::hash.eq(hash))
        .select((credentials::all_columns, tenants::state))
        .get_result(conn)
        .optional()?)
}

/// Kind and key of what changed since this moment, for the caches of other processes.
pub fn list_invalidations_since(
    conn: &mut AnyConnection,
    at: i64,
) -> Result<Vec<(String, String)>> {
    Ok(invalidations::table
        .filter(invalidations::at.ge(at))
        .select((invalidations::kind, invalidations::key))
        .load(conn)?)
}

impl Scope<'_> {
    /// The credential with this id.
    pub fn find_credential(&mut self, id: &str) -> Result<Option<CredentialRow>> {
        let (conn, tenant) = self.parts();
        Ok(credentials::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// All credentials of the tenant, oldest first.
    pub fn list_credentials(&mut self) -> Result<Vec<CredentialRow>> {
        let (conn, tenant) = self.parts();
        Ok(credentials::table
            .filter(credentials::tenant.eq(tenant))
            .order((credentials::created_at, credentials::id))
            .load(conn)?)
    }

    /// Stores a new credential and its place in the index.
    pub fn create_credential(&mut self, row: &CredentialRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::insert_into(credential_index::table)
            .values((
                credential_index::hash.eq(&row.hash),
                credential_index::tenant.eq(tenant),
                credential_index::kind.eq("token"),
                credential_index::credential_id.eq(&row.id),
            ))
            .execute(conn)?;
        diesel::insert_into(credentials::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Marks a credential as revoked.
    pub fn revoke_credential(&mut self, id: &str, at: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(credentials::table.find((tenant, id)))
            .set(credentials::revoked_at.eq(Some(at)))
            .execute(conn)?;
        Ok(())
    }

    /// Notes that a credential was used; callers do so at most once an hour.
    pub fn touch_credential(&mut self, id: &str, at: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(credentials::table.find((tenant, id)))
            .set(credentials::last_used_at.eq(Some(at)))
            .execute(conn)?;
        Ok(())
    }

    /// Tells the caches of all processes that something changed; old news is swept away.
    pub fn create_invalidation(&mut self, id: &str, kind: &str, key: &str, at: i64) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(invalidations::table.filter(invalidations::at.lt(at - 600_000)))
            .execute(conn)?;
        diesel::insert_into(invalidations::table)
            .values((
                invalidations::id.eq(id),
                invalidations::tenant.eq(tenant),
                invalidations::kind.eq(kind),
                invalidations::key.eq(key),
                invalidations::at.eq(at),
            ))
            .execute(conn)?;
        Ok(())
    }
}
