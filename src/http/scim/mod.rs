//! SCIM resources over HTTP, a file each.

pub mod audit;
pub mod bulk;
pub mod discovery;
pub mod groups;
pub mod render;
pub mod root;
pub mod users;

use serde_json::Value;

use super::call::Call;
use crate::scim;
use crate::scim::error::Result;
use crate::scim::fold::fold_number;
use crate::scim::list::ListQuery;

/// A `ListResponse` around resources that are rendered already.
pub fn list_response(total: i64, start_index: i64, resources: &[String]) -> String {
    format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":{total},\
         \"startIndex\":{start_index},\"itemsPerPage\":{},\"Resources\":[{}]}}",
        resources.len(),
        resources.join(",")
    )
}

/// The parameters of a `SearchRequest` body (RFC 7644 §3.4.3).
pub fn search_query(call: &Call) -> Result<ListQuery> {
    let body = call.json()?;
    let Value::Object(body) = body else {
        return Err(scim::Error::invalid_syntax("a SearchRequest is an object"));
    };
    let urn = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    let named = body
        .iter()
        .find(|(k, _)| k.eq_ignore_ascii_case("schemas"))
        .and_then(|(_, v)| v.as_array());
    if !named.is_some_and(|urns| {
        urns.iter()
            .any(|u| u.as_str().is_some_and(|u| u.eq_ignore_ascii_case(urn)))
    }) {
        return Err(scim::Error::invalid_syntax(format!(
            "`schemas` must hold `{urn}`"
        )));
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in body {
        let text = match value {
            Value::String(text) => text,
            // 1.0 is a whole number too.
            Value::Number(number) => fold_number(&number).to_string(),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(","),
            _ => continue,
        };
        pairs.push((name, text));
    }
    ListQuery::parse(
        pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())),
        &call.state.limits.scim,
    )
}
