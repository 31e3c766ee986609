//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4), and what is not offered.

use serde_json::Value;

use super::list_response;
use crate::http::call::{Call, Reply};
use crate::scim;
use crate::scim::discovery;
use crate::scim::error::Result;

/// `GET /ServiceProviderConfig`.
pub async fn service_provider_config(call: Call) -> Result<Reply> {
    Ok(Reply::ok(
        discovery::service_provider_config(
            &call.state.scim_base(),
            &call.state.limits.scim,
            call.state.limits.body,
        )
        .to_string(),
    ))
}

/// `GET /ResourceTypes`.
pub async fn list_resource_types(call: Call) -> Result<Reply> {
    list(
        &call,
        discovery::resource_types(&call.schemas, &call.state.scim_base(), call.sight()?),
    )
}

/// `GET /ResourceTypes/{id}`.
pub async fn get_resource_type(call: Call) -> Result<Reply> {
    one(
        &call,
        "resource type",
        discovery::resource_types(&call.schemas, &call.state.scim_base(), call.sight()?),
    )
}

/// `GET /Schemas`.
pub async fn list_schemas(call: Call) -> Result<Reply> {
    list(
        &call,
        discovery::schemas(&call.schemas, &call.state.scim_base(), call.sight()?),
    )
}

/// `GET /Schemas/{id}`.
pub async fn get_schema(call: Call) -> Result<Reply> {
    one(
        &call,
        "schema",
        discovery::schemas(&call.schemas, &call.state.scim_base(), call.sight()?),
    )
}

/// `/Me`, by any method (RFC 7644 §3.11): no token is a user's.
pub async fn me(_call: Call) -> Result<Reply> {
    Err(scim::Error::plain(
        501,
        "a token stands for a connection or an application and not for a user, so nobody is `/Me` here: look the user up \
         with `GET /Users?filter=userName eq \"…\"`, then use `/Users/{id}`",
    ))
}

fn list(call: &Call, resources: Vec<Value>) -> Result<Reply> {
    if call
        .query
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("filter"))
    {
        return Err(scim::Error::plain(
            403,
            "discovery lists cannot be filtered",
        ));
    }
    let rendered: Vec<String> = resources.iter().map(Value::to_string).collect();
    let total = i64::try_from(rendered.len()).unwrap_or(i64::MAX);
    Ok(Reply::ok(list_response(total, 1, &rendered)))
}

fn one(call: &Call, what: &str, resources: Vec<Value>) -> Result<Reply> {
    let found = resources.into_iter().find(|r| {
        r["id"]
            .as_str()
            .is_some_and(|id| id.eq_ignore_ascii_case(&call.id))
    });
    match found {
        Some(resource) => Ok(Reply::ok(resource.to_string())),
        None => Err(call.explain(crate::service::Error::no_such(what, &call.id))),
    }
}
