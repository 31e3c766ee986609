//! Scopes of pull connections, tried before they are set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use crate::http::call::Reply;

/// How many who would drop out are named.
const NAMED: usize = 50;

/// A scope to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": "userType eq \"employee\" and not (emails co \"@contractor.example\")"}))]
pub struct ScopeToTry {
    /// SCIM filter over the person as her HR system has her.
    filter: String,
}

/// What a scope would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeTested {
    /// Whom the connection would go on bringing.
    stays: u64,
    /// Who would drop out.
    drops: u64,
    /// Of those, they have access: they keep it, or lose it where `scope.leaving` is `revoke`.
    drops_with_access: u64,
    /// The first 50 who would drop out, by id.
    first: Vec<Dropped>,
    /// `nobody`: it takes nobody of those who are there. `everybody`: it leaves out none of them.
    warnings: Vec<&'static str>,
}

/// Somebody who would drop out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dropped {
    /// Id.
    id: String,
    /// Display name, else userName.
    name: String,
}

/// Try a scope.
///
/// With those whom the connection has, by what it last said of them; nothing is written. Who would come in only the HR system
/// knows: set the scope, and look at a dry run. A plan that follows another scope waits for an admin if it changes access.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/scope:test", request_body = ScopeToTry, responses((status = 200, description = "What it would do.", body = ScopeTested)))]
pub async fn test(call: Call) -> Result<Reply> {
    let given: ScopeToTry = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service
        .test_scope(&caller, &call.id, &given.filter, NAMED)
        .await;
    let found = found.map_err(|e| call.explain(e))?;
    let warnings = [
        (found.is_nobody(), "nobody"),
        (found.is_everybody(), "everybody"),
    ];
    let shown = ScopeTested {
        stays: found.stays,
        drops: found.drops,
        drops_with_access: found.drops_with_access,
        warnings: warnings
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| *word)
            .collect(),
        first: found
            .first
            .into_iter()
            .map(|(id, name)| Dropped { id, name })
            .collect(),
    };
    reply(200, &shown)
}
