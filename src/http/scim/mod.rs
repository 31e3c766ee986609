//! SCIM resources over HTTP, a file each.

pub mod audit;
pub mod bulk;
pub mod cursor;
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
use crate::scim::schema::ResourceKind;
use crate::storage::order::{Mark, Start};

/// A part of a list, rendered.
#[derive(Debug, Default)]
pub struct Page {
    /// How many resources there are in all, if that was counted.
    pub total: Option<i64>,
    /// Resources.
    pub resources: Vec<String>,
    /// Where the next page begins, if places are asked for and there is one.
    pub next: Option<Mark>,
}

/// A `ListResponse` by index around resources that are rendered already.
pub fn list_response(total: i64, start_index: i64, resources: &[String]) -> String {
    let about = format!("\"totalResults\":{total},\"startIndex\":{start_index},");
    envelope(&about, resources)
}

fn envelope(about: &str, resources: &[String]) -> String {
    format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],{about}\
         \"itemsPerPage\":{},\"Resources\":[{}]}}",
        resources.len(),
        resources.join(",")
    )
}

/// Where the page of a query begins.
fn start(call: &Call, kind: ResourceKind, query: &ListQuery) -> Result<Start> {
    match &query.cursor {
        None => Ok(Start::Offset(query.start_index - 1)),
        Some(text) if text.is_empty() => Ok(Start::After(None)),
        Some(text) => cursor::open(call, kind, query, text).map(|mark| Start::After(Some(mark))),
    }
}

/// The answer to a query: a page by index says where it is, one by cursor where the next one is.
fn page_response(
    call: &Call,
    kind: ResourceKind,
    query: &ListQuery,
    page: &Page,
) -> Result<String> {
    if query.cursor.is_none() {
        let total = page.total.unwrap_or_default();
        return Ok(list_response(total, query.start_index, &page.resources));
    }
    let mut about = String::new();
    if let Some(total) = page.total {
        about = format!("\"totalResults\":{total},");
    }
    if let Some(mark) = &page.next {
        let next = cursor::seal(call, kind, query, mark)?;
        about.push_str(&format!("\"nextCursor\":\"{next}\","));
    }
    Ok(envelope(&about, &page.resources))
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
