//! What a handler of the management API gets, and how it reads it.

use std::future::Future;
use std::pin::Pin;

use actix_web::web;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::problem::{FAILED, INVALID_JSON, NOT_FOUND, Problem, Result, UNAUTHORIZED};
use crate::auth::RequestContext;
use crate::domain::audit::{Actor, Cause};
use crate::http::State;
use crate::http::call::Reply;
use crate::scim;
use crate::scim::error::quote;
use crate::service::Caller;
use crate::storage::Lane;
use crate::storage::tenants::TenantRow;

/// A handler: a request that was let in, and its answer.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply>>>>;

/// Longest `Idempotency-Key`.
const KEY: usize = 255;
/// Longest message about a body.
const MESSAGE: usize = 300;

/// A request that was let in.
pub struct Call {
    /// Shared state.
    pub state: web::Data<State>,
    /// Who calls; `None` only on routes that need no token.
    pub context: Option<RequestContext>,
    /// The tenant that the path names, and that the caller may see.
    pub tenant: Option<TenantRow>,
    /// Names the request in log and journal.
    pub request: String,
    /// `{id}`.
    pub id: String,
    /// `{name}`.
    pub name: String,
    /// Decoded query; every name is one that the route takes.
    pub query: Vec<(String, String)>,
    /// Body.
    pub body: web::Bytes,
    /// A file on its way, on a route that takes one.
    pub file: Option<web::Payload>,
    /// `Idempotency-Key`.
    pub idempotency: Option<String>,
    /// `Accept-Language`.
    pub languages: Option<String>,
}

impl Call {
    /// The tenant of the path.
    ///
    /// # Errors
    /// Never on a route that names one.
    pub fn tenant(&self) -> Result<&TenantRow> {
        let tenant = self.tenant.as_ref();
        tenant.ok_or_else(|| Problem::new(&NOT_FOUND, "the address names no tenant"))
    }

    /// The caller as operations want it: for the tenant of the path, else for her own.
    ///
    /// # Errors
    /// Never on a route that needs a token.
    pub fn caller(&self) -> Result<Caller> {
        let context = self.context.as_ref();
        let context = context.ok_or_else(|| Problem::new(&UNAUTHORIZED, "there is no token"))?;
        Ok(Caller {
            tenant: context.tenant.clone(),
            actor: Actor {
                kind: "token".to_owned(),
                id: context.credential.clone(),
            },
            cause: Cause {
                kind: "request".to_owned(),
                id: self.request.clone(),
            },
            lane: Lane::Interactive,
        })
    }

    /// An operation's error as the client is told it.
    pub fn explain(&self, error: impl Into<crate::service::Error>) -> Problem {
        Problem::of(error, &self.request)
    }

    /// The body. A message names the field and the rule, never a value: it may be a secret.
    ///
    /// # Errors
    /// `invalid-json`, `invalid-value`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let value = scim::json::parse(&self.body)?;
        if !value.is_object() {
            return Err(Problem::new(&INVALID_JSON, "the body is no JSON object"));
        }
        serde_path_to_error::deserialize(value).map_err(|error| {
            let (path, inner) = (error.path().to_string(), error.inner().to_string());
            let rule = match inner.split_once(", expected ") {
                Some((got, wanted)) if got.starts_with("invalid") => format!("takes {wanted}"),
                _ => inner,
            };
            let rule: String = rule.chars().take(MESSAGE).collect();
            Problem::invalid(match path.as_str() {
                "." => rule,
                path => format!("`{}`: {rule}", quote(path)),
            })
        })
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter();
        let found = all.find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Most items of a page.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn limit(&self) -> Result<usize> {
        let limits = &self.state.limits.scim;
        let most = usize::try_from(limits.page_max).unwrap_or(usize::MAX);
        let Some(text) = self.parameter("limit") else {
            return Ok(usize::try_from(limits.page_default).unwrap_or(most));
        };
        let number = text.parse().ok().filter(|n| (1..=most).contains(n));
        number.ok_or_else(|| {
            Problem::invalid(format!("`limit` takes 1 to {most}; got `{}`", quote(text)))
        })
    }

    /// The id of what a request creates: with an `Idempotency-Key` always the same one, so that a request that comes
    /// twice creates one thing. `kind` keeps keys of different lists apart.
    ///
    /// # Errors
    /// `invalid-value` for a key that is empty, too long or no plain text.
    pub fn id_to_create(&self, kind: &str) -> Result<Option<String>> {
        let Some(key) = &self.idempotency else {
            return Ok(None);
        };
        if key.is_empty() || key.len() > KEY || !key.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            let detail = format!("`Idempotency-Key` takes 1 to {KEY} printable ASCII characters");
            return Err(Problem::invalid(detail));
        }
        let mut hash = Sha256::new();
        hash.update(b"rosterd-idempotency-1");
        for part in [self.tenant()?.id.as_str(), kind, key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        Ok(Some(id.hyphenated().to_string()))
    }
}

/// An answer with a body.
///
/// # Errors
/// Never for our own types.
pub fn reply(status: u16, body: &impl Serialize) -> Result<Reply> {
    let text = serde_json::to_string(body).map_err(|e| Problem::new(&FAILED, e.to_string()))?;
    Ok(Reply {
        status,
        body: Some(text),
        ..Reply::default()
    })
}
