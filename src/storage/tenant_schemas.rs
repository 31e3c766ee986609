//! Rows of the schemas that tenants add to the built-in ones. Those of the operator's own tenant are for all.

use diesel::prelude::*;

use super::error::Result;
use super::schema::tenant_schemas;
use super::scope::Scope;
use super::writer::Tx;
use crate::domain::ids::OPERATOR_TENANT;

/// A stored schema.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = tenant_schemas, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct TenantSchemaRow {
    pub tenant: String,
    pub urn: String,
    pub document: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl Scope<'_> {
    /// The tenant's schema with this URN in lower case.
    pub fn find_schema(&mut self, urn: &str) -> Result<Option<TenantSchemaRow>> {
        let (conn, tenant) = self.parts();
        Ok(tenant_schemas::table
            .find((tenant, urn))
            .get_result(conn)
            .optional()?)
    }

    /// The tenant's schemas in the order of their URNs.
    pub fn list_schemas(&mut self) -> Result<Vec<TenantSchemaRow>> {
        let (conn, tenant) = self.parts();
        Ok(tenant_schemas::table
            .filter(tenant_schemas::tenant.eq(tenant))
            .order(tenant_schemas::urn)
            .load(conn)?)
    }

    /// Stores a new schema.
    pub fn create_schema(&mut self, row: &TenantSchemaRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(tenant_schemas::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Replaces the document of a schema.
    pub fn update_schema(&mut self, row: &TenantSchemaRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(tenant_schemas::table.find((tenant, &row.urn)))
            .set((
                tenant_schemas::document.eq(&row.document),
                tenant_schemas::version.eq(row.version),
                tenant_schemas::updated_at.eq(row.updated_at),
            ))
            .execute(conn)?;
        Ok(())
    }
}

impl Tx<'_> {
    /// Whether a schema with this URN already reaches people of this tenant from elsewhere: one for all tenants, or,
    /// where this is to be one for all, any tenant's.
    pub fn has_schema_elsewhere(&mut self, urn: &str) -> Result<bool> {
        let (conn, tenant) = self.scope.parts();
        let mut others = tenant_schemas::table
            .filter(tenant_schemas::urn.eq(urn))
            .filter(tenant_schemas::tenant.ne(tenant))
            .select(diesel::dsl::count_star())
            .into_boxed();
        if tenant != OPERATOR_TENANT {
            others = others.filter(tenant_schemas::tenant.eq(OPERATOR_TENANT));
        }
        Ok(others.get_result::<i64>(conn)? > 0)
    }
}
