//! Tokens: made, listed and revoked; the secret is seen once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{KEY_REUSED, Problem, Result};
use super::{Page, time};
use crate::domain::clock::Millis;
use crate::domain::roles::Role;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service;
use crate::service::credentials::{CredentialRow, NewToken};

/// Longest label, in characters.
const LABEL: usize = 200;

/// What lets a program in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// `connection`, `drop`, `app`, `auditor`, `tenant-admin`, `mail` or `operator`.
    #[schema(example = "app")]
    role: String,
    /// Of the roles `connection` and `drop`: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// How it is shown.
    label: String,
    /// `valid`, `expired` or `revoked`.
    #[schema(example = "valid")]
    state: String,
    /// When it was made.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When it ends; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    /// When it was last used, to the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

/// A token that was made, with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeToken {
    /// The token.
    #[serde(flatten)]
    about: Token,
    /// What to send as `Authorization: Bearer …`: this once, and never again. Absent when the same Idempotency-Key made
    /// the token before.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"role": "app", "label": "our backend", "expiresAt": "2028-01-01T00:00:00Z"}))]
pub struct TokenToCreate {
    /// `connection`, `drop`, `app`, `auditor` or `tenant-admin`; in the tenant `operator` also `operator` and `mail`.
    role: String,
    /// Of the roles `connection` and `drop`, and required there: id of the connection.
    connection: Option<String>,
    /// How it is shown: one line of at most 200 characters.
    label: Option<String>,
    /// When it ends, such as `2028-01-01T00:00:00Z`; absent: never.
    expires_at: Option<String>,
}

fn show(row: &CredentialRow, now: Millis) -> Token {
    let state = match (row.revoked_at, row.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now.0 => "expired",
        _ => "valid",
    };
    Token {
        id: row.id.clone(),
        role: row.role.clone(),
        connection: row.connection_id.clone(),
        label: row.label.clone(),
        state: state.to_owned(),
        created_at: time(row.created_at),
        expires_at: row.expires_at.map(time),
        revoked_at: row.revoked_at.map(time),
        last_used_at: row.last_used_at.map(time),
    }
}

/// List a tenant's tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/tokens", responses((status = 200, description = "A page of them, oldest first.", body = Page<Token>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let service = &call.state.service;
    let rows = service.list_tokens(&call.caller()?).await;
    let rows = rows.map_err(|e| call.explain(e))?;
    let now = service.store.clock().now();
    reply(
        200,
        &Page::of(&call, rows, |row| &row.id, |row| Ok(show(&row, now)))?,
    )
}

/// Make a token.
///
/// Its secret is in this answer and nowhere else. With the header `Idempotency-Key` the same request may be sent again:
/// it makes no other token, and is answered with 200 and without the secret; if the first answer was lost, revoke the
/// token and make another one with another key.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/tokens", request_body = TokenToCreate,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, new for each token.")),
    responses((status = 201, description = "Made.", body = MadeToken), (status = 200, description = "Made before, with the same Idempotency-Key.", body = MadeToken)))]
pub async fn create(call: Call) -> Result<Reply> {
    let wanted: TokenToCreate = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let new = checked(&call, wanted)?;
    let chosen = call.id_to_create("token")?;
    let find = async |id: &str| {
        let rows = service
            .list_tokens(&caller)
            .await
            .map_err(|e| call.explain(e))?;
        Ok::<_, Problem>(rows.into_iter().find(|row| row.id == id))
    };
    if let Some(id) = &chosen
        && let Some(row) = find(id).await?
    {
        return again(&call, &row, &new);
    }
    let id = chosen.clone().unwrap_or_else(|| service.fresh_id());
    let made = service
        .create_token_as(&caller, id, new.clone(), None)
        .await;
    let (id, secret) = match (made, chosen) {
        (Ok(made), _) => made,
        // The same request at the same time was faster.
        (Err(service::Error::Conflict(detail)), Some(id)) => {
            return match find(&id).await? {
                Some(row) => again(&call, &row, &new),
                None => Err(call.explain(service::Error::Conflict(detail))),
            };
        }
        (Err(error), _) => return Err(call.explain(error)),
    };
    let row = find(id.as_str()).await?;
    let row = row.ok_or_else(|| call.explain(service::Error::no_such("token", id.as_str())))?;
    let made = MadeToken {
        about: show(&row, service.store.clock().now()),
        token: Some(secret),
    };
    reply(201, &made)
}

fn checked(call: &Call, wanted: TokenToCreate) -> Result<NewToken> {
    let role = Role::parse(&wanted.role).ok_or_else(|| {
        Problem::invalid(format!(
            "`role` takes connection, drop, app, auditor, tenant-admin, mail or operator; got `{}`",
            quote(&wanted.role)
        ))
    })?;
    let label = wanted.label.unwrap_or_default();
    if label.chars().count() > LABEL || label.contains(char::is_control) {
        let detail = format!("`label` takes one line of at most {LABEL} characters");
        return Err(Problem::invalid(detail));
    }
    let now = call.state.service.store.clock().now();
    let expires_at = match &wanted.expires_at {
        None => None,
        Some(text) => {
            let at = Millis::from_rfc3339(text).filter(|at| *at > now);
            Some(at.ok_or_else(|| {
                Problem::invalid(format!(
                    "`expiresAt` takes a time to come, such as 2028-01-01T00:00:00Z; got `{}`",
                    quote(text)
                ))
            })?)
        }
    };
    Ok(NewToken {
        role,
        connection: wanted.connection,
        label,
        expires_at,
    })
}

/// The answer to a request that came before, if it is the same.
fn again(call: &Call, row: &CredentialRow, new: &NewToken) -> Result<Reply> {
    let is_same = row.role == new.role.as_str()
        && row.connection_id == new.connection
        && row.label == new.label
        && row.expires_at == new.expires_at.map(|at| at.0);
    if !is_same {
        let detail = format!("this key made the token {}, which is another", row.id);
        return Err(Problem::new(&KEY_REUSED, detail));
    }
    let made = MadeToken {
        about: show(row, call.state.service.store.clock().now()),
        token: None,
    };
    reply(200, &made)
}

/// Revoke a token.
///
/// It is refused everywhere within a second; one that is revoked already stays so.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/tokens/{id}", responses((status = 204, description = "It is revoked.")))]
pub async fn revoke(call: Call) -> Result<Reply> {
    let done = call
        .state
        .service
        .revoke_token(&call.caller()?, &call.id)
        .await;
    done.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
