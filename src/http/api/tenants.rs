//! Tenants: listed, made and changed by the operator, seen by whoever belongs to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::{Page, time};
use crate::http::call::Reply;
use crate::storage::tenants::TenantRow;

/// A customer of the operator.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Id; it never changes.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Name: 1 to 63 of a-z, 0-9 and `-`.
    #[schema(example = "acme")]
    name: String,
    /// `active` or `suspended`: then none of its tokens is let in.
    #[schema(example = "active")]
    state: String,
    /// When it was made.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
}

/// A tenant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "acme"}))]
pub struct NewTenant {
    /// Name: 1 to 63 of a-z, 0-9 and `-`.
    name: String,
}

/// What changes about a tenant; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"state": "suspended"}))]
pub struct TenantChange {
    /// Another name.
    name: Option<String>,
    /// `active` or `suspended`.
    state: Option<TenantState>,
}

/// Whether a tenant's tokens are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// They are.
    Active,
    /// They are not.
    Suspended,
}

fn show(row: &TenantRow) -> Tenant {
    Tenant {
        id: row.id.clone(),
        name: row.name.clone(),
        state: row.state.clone(),
        created_at: time(row.created_at),
    }
}

/// List all tenants.
///
/// Oldest first; the operator's own is the first one.
#[utoipa::path(get, path = "/api/v1/tenants", responses((status = 200, description = "A page of them.", body = Page<Tenant>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let rows = call.state.service.list_tenants().await;
    let rows = rows.map_err(|e| call.explain(e))?;
    reply(
        200,
        &Page::of(&call, rows, |row| &row.id, |row| Ok(show(&row)))?,
    )
}

/// Create a tenant.
///
/// Names are unique, so a request that comes twice creates one: the second is answered with `conflict`.
#[utoipa::path(post, path = "/api/v1/tenants", request_body = NewTenant, responses((status = 201, description = "Created.", body = Tenant)))]
pub async fn create(call: Call) -> Result<Reply> {
    let new: NewTenant = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let id = service.create_tenant(&caller, &new.name).await;
    let id = id.map_err(|e| call.explain(e))?;
    let row = service.find_tenant(id.as_str()).await;
    reply(201, &show(&row.map_err(|e| call.explain(e))?))
}

/// Show a tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}", responses((status = 200, description = "The tenant.", body = Tenant)))]
pub async fn get(call: Call) -> Result<Reply> {
    reply(200, &show(call.tenant()?))
}

/// Rename, suspend or resume a tenant.
///
/// Tokens of a suspended tenant are refused within a second, and work again when it is resumed; nothing else changes.
#[utoipa::path(patch, path = "/api/v1/tenants/{tenant}", request_body = TenantChange, responses((status = 200, description = "As it is then.", body = Tenant)))]
pub async fn update(call: Call) -> Result<Reply> {
    let change: TenantChange = call.read()?;
    let is_active = change.state.map(|state| state == TenantState::Active);
    let (caller, id) = (call.caller()?, &call.tenant()?.id);
    let service = &call.state.service;
    let row = service
        .update_tenant(&caller, id, change.name, is_active)
        .await;
    reply(200, &show(&row.map_err(|e| call.explain(e))?))
}
