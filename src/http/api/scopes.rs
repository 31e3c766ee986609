//! Scopes of pull connections, tried before they are set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use crate::http::call::Reply;

/// How many who would drop out, or come in, are named.
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
    first: Vec<Somebody>,
    /// Who would come in, of those whom the scope that is set keeps out, by what the HR system last said of them.
    comes: u64,
    /// The first 50 who would come in, by id.
    comes_first: Vec<Somebody>,
    /// Records that the last complete pull left out; nothing of them is kept.
    left_out: u64,
    /// `nobody`: it takes nobody of those who are there. `everybody`: it leaves out none of those who are there. `others-left-out`: the last pull left
    /// out more records than those who would come in: a dry run shows who of them would.
    #[schema(example = json!(["others-left-out"]))]
    warnings: Vec<&'static str>,
}

/// Somebody by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Somebody {
    /// Id.
    id: String,
    /// Display name, else userName.
    name: String,
}

impl Somebody {
    fn all(people: Vec<(String, String)>) -> Vec<Self> {
        let each = people.into_iter();
        each.map(|(id, name)| Self { id, name }).collect()
    }
}

/// Try a scope.
///
/// With those whom the connection has, and those whom the scope that is set keeps out, by what the HR system last said of them;
/// nothing is written. Of people who never came only the HR system knows: set the scope, and look at a dry run. A plan that
/// follows another scope waits for an admin if it changes access.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/scope:test", request_body = ScopeToTry, responses((status = 200, description = "What it would do.", body = ScopeTested)))]
pub async fn test(call: Call) -> Result<Reply> {
    let given: ScopeToTry = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service
        .test_scope(&caller, &call.id, &given.filter, NAMED)
        .await;
    let found = found.map_err(|e| call.explain(e))?;
    let shown = ScopeTested {
        warnings: found.warnings(),
        stays: found.stays,
        drops: found.drops,
        drops_with_access: found.drops_with_access,
        first: Somebody::all(found.first),
        comes: found.comes,
        comes_first: Somebody::all(found.comes_first),
        left_out: found.left_out,
    };
    reply(200, &shown)
}
