//! Tenants: listed, made and changed by the operator, seen by whoever belongs to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::entitlements::Plan;
use super::problem::Result;
use super::{Page, time};
use crate::http::call::Reply;
use crate::service::tenants as service;
use crate::service::tenants::NewTenant;
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
    /// `active`; `suspended`: then none of its tokens is let in; or `deleted`: then nothing happens in it either, until it
    /// is restored or its data goes.
    #[schema(example = "active")]
    state: String,
    /// What the app calls the account that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acct_4711")]
    account_id: Option<String>,
    /// Of one that is deleted: when its data goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_at: Option<String>,
    /// When it was made.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
}

/// A tenant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"accountId": "acct_4711", "name": "acme", "entitlements": {"name": "Team", "hris": 1, "push": true, "teamSync": true, "seats": 50}}))]
pub struct TenantToCreate {
    /// Name: 1 to 63 of a-z, 0-9 and `-`. May be left out where there is an `accountId`: then one is made.
    name: Option<String>,
    /// What the app calls the account that it is for: 1 to 255 characters. An account has one tenant, and the same request
    /// again answers it.
    account_id: Option<String>,
    /// What it may use; absent: everything.
    entitlements: Option<Plan>,
}

/// What changes about a tenant; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"state": "suspended"}))]
pub struct TenantChange {
    /// Another name.
    name: Option<String>,
    /// What the app calls the account that it is for.
    account_id: Option<String>,
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

pub(super) fn show(row: &TenantRow) -> Tenant {
    Tenant {
        id: row.id.clone(),
        name: row.name.clone(),
        state: row.state.clone(),
        account_id: row.account_id.clone(),
        delete_at: row.delete_at.map(time),
        created_at: time(row.created_at),
    }
}

/// List all tenants.
///
/// Oldest first; the operator's own is the first one. With `accountId` only the one of that account of the app.
#[utoipa::path(get, path = "/api/v1/tenants", responses((status = 200, description = "A page of them.", body = Page<Tenant>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let service = &call.state.service;
    let rows = match call.parameter("accountId") {
        None => service.list_tenants().await,
        Some(account) => {
            let found = service.find_tenant_of_account(account).await;
            found.map(|row| row.into_iter().collect())
        }
    };
    let rows = rows.map_err(|e| call.explain(e))?;
    reply(
        200,
        &Page::of(&call, rows, |row| &row.id, |row| Ok(show(&row)))?,
    )
}

/// Create a tenant.
///
/// With an `accountId` the same request may be sent as often as anybody likes, at the same time too: it creates one tenant,
/// and answers it. Another request for the same account is answered with `conflict`, and so is a name that is taken.
#[utoipa::path(post, path = "/api/v1/tenants", request_body = TenantToCreate, responses(
    (status = 201, description = "Created.", body = Tenant), (status = 200, description = "Created before, for the same account by the same request.", body = Tenant)))]
pub async fn create(call: Call) -> Result<Reply> {
    let wanted: TenantToCreate = call.read()?;
    let new = NewTenant {
        name: wanted.name,
        account_id: wanted.account_id,
        plan: wanted.entitlements.map(Plan::into),
    };
    let service = &call.state.service;
    let made = service.provision_tenant(&call.caller()?, new).await;
    let (row, is_new) = made.map_err(|e| call.explain(e))?;
    reply(if is_new { 201 } else { 200 }, &show(&row))
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
    let change = service::TenantChange {
        name: change.name,
        account_id: change.account_id,
        is_active: change.state.map(|state| state == TenantState::Active),
    };
    let (caller, id) = (call.caller()?, &call.tenant()?.id);
    let service = &call.state.service;
    let row = service.update_tenant(&caller, id, change).await;
    reply(200, &show(&row.map_err(|e| call.explain(e))?))
}
