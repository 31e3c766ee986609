//! Credentials of pull connections: set and deleted, never read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::{Page, time};
use crate::domain::sealed::SecretText;
use crate::http::call::Reply;

/// What may be known of a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// What the connector calls it.
    #[schema(example = "api_key")]
    name: String,
    /// `held`; or why it cannot be used: `no-key`, `damaged` or `lost`.
    #[schema(example = "held")]
    state: String,
    /// Id of the key that sealed it.
    #[schema(example = "9f86d081884c7d65")]
    key_id: String,
    /// When it was last set.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
}

/// A credential to be stored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"value": "…"}))]
pub struct SecretValue {
    /// The value, at most 16 KiB. Nobody can read it again.
    #[schema(write_only)]
    value: String,
}

/// List a connection's credentials, without their values.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/connections/{id}/secrets", responses((status = 200, description = "All of them.", body = Page<Secret>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_connection(&caller, &call.id).await;
    let row = found.map_err(|e| call.explain(e))?;
    let infos = service.list_secrets(&caller.tenant, &row.id).await;
    let infos = infos.map_err(|e| call.explain(e))?.into_iter();
    let items = infos.map(|info| Secret {
        state: info.unusable.map_or("held", |why| why.as_str()).to_owned(),
        name: info.name,
        key_id: info.key_id,
        updated_at: time(info.updated_at.0),
    });
    let page = Page {
        items: items.collect(),
        next: None,
    };
    reply(200, &page)
}

/// Set a credential.
///
/// It is encrypted before it is stored, and used for pulls only.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/connections/{id}/secrets/{name}", request_body = SecretValue, responses((status = 204, description = "It is stored.")))]
pub async fn set(call: Call) -> Result<Reply> {
    let new: SecretValue = call.read()?;
    let value = SecretText::new(new.value);
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service
        .set_secret(&caller, &call.id, &call.name, &value)
        .await;
    done.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}

/// Delete a credential.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/connections/{id}/secrets/{name}", responses((status = 204, description = "It is gone.")))]
pub async fn delete(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.delete_secret(&caller, &call.id, &call.name).await;
    done.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
