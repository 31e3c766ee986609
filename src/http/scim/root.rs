//! Queries at the root, `GET` of the base URL and `POST /.search`: people and groups in one list (RFC 7644 §3.4.2.1), people first. The journal is not part
//! of it.

use super::{groups, list_response, search_query, users};
use crate::http::call::{Call, Reply};
use crate::scim;
use crate::scim::error::Result;
use crate::scim::filter::{self, Filter};
use crate::scim::list::ListQuery;
use crate::scim::schema::ResourceKind;
use crate::scim::sort::Sort;
use crate::storage::order::Start;

/// `GET` of the base URL.
pub async fn list(call: Call) -> Result<Reply> {
    let query = call.list_query()?;
    page(&call, query).await
}

/// `POST /.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
    page(&call, query).await.map_err(scim::Error::in_a_body)
}

/// Types follow one another, so that there is no one order to sort by or to hold a place in.
fn refuse_what_needs_one_type(query: &ListQuery) -> Result<()> {
    let way = "ask `/Users/.search` and `/Groups/.search` instead";
    if query.cursor.is_some() {
        return Err(scim::Error::invalid_cursor(format!(
            "a search over several resource types is paged by `startIndex`: {way}"
        )));
    }
    if query.sort_by.is_some() {
        return Err(scim::Error::invalid_value(format!(
            "a search over several resource types takes no `sortBy`: {way}"
        )));
    }
    Ok(())
}

async fn page(call: &Call, query: ListQuery) -> Result<Reply> {
    refuse_what_needs_one_type(&query)?;
    let mut rules = call.rules();
    // An attribute that a type lacks has no value there; what neither has is refused.
    let mut read = |kind, beside| match &query.filter {
        None => Ok(None),
        Some(text) => {
            filter::parse_among(call.registry(), kind, &[beside], text, &mut rules).map(Some)
        }
    };
    let for_users = read(ResourceKind::User, ResourceKind::Group)?;
    let for_groups = read(ResourceKind::Group, ResourceKind::User)?;
    let may_match = |filter: &Option<Filter>| !filter.as_ref().is_some_and(Filter::is_never);
    let by_id = Sort {
        by: None,
        descending: false,
    };
    let (mut total, mut resources) = (0, Vec::new());
    if may_match(&for_users) {
        let start = Start::Offset(query.start_index - 1);
        let page = users::fetch(call, &query, for_users, by_id.clone(), start, &mut rules).await?;
        total += page.total.unwrap_or_default();
        resources.extend(page.resources);
    }
    if may_match(&for_groups) {
        // The users before and on this page take its places, whether or not each could be shown.
        let before = (query.start_index - 1).min(total);
        let taken = (total - before).min(query.count);
        let rest = ListQuery {
            count: query.count - taken,
            ..query.clone()
        };
        let start = Start::Offset((query.start_index - 1 - total).max(0));
        let page = groups::fetch(call, &rest, for_groups, by_id, start, &mut rules).await?;
        total += page.total.unwrap_or_default();
        resources.extend(page.resources);
    }
    let mut reply = Reply::ok(list_response(total, query.start_index, &resources));
    reply.rules = rules.used();
    Ok(reply)
}
