//! Asking for a consent in the browser. What the browser does then is in `http::consent`.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::time;
use crate::http::call::Reply;

/// A link at which an administrator of the HR system lets a connection in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentLink {
    /// To be opened in the administrator's browser. It works once; whoever has it can let the connection in.
    #[schema(
        example = "https://roster.example.com/oauth/start/acme-hr?ticket=01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20.…"
    )]
    url: String,
    /// When it ends: 10 minutes after it was made.
    #[schema(example = "2027-01-31T02:10:00.000Z")]
    expires_at: String,
}

/// Ask for a consent.
///
/// For HR systems that let an app in when an administrator approves in the browser. A link that was made before for the
/// same connection ends. When the administrator has approved, the connection is pulled at once; its `health` says how
/// that went. 409 where no consent is to be asked for, or the operator has not registered with the vendor yet.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/consent", responses((status = 201, description = "The link.", body = ConsentLink)))]
pub async fn ask(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let asked = service
        .ask_consent(&caller, &call.id, &call.state.public_url)
        .await
        .map_err(|e| call.explain(e))?;
    let link = ConsentLink {
        url: asked.link,
        expires_at: time(asked.expires_at.0),
    };
    reply(201, &link)
}
