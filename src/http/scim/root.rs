//! `POST /.search` at the root: people and groups in one list (RFC 7644 §3.4.2.1), people first. The journal is not part
//! of it.

use super::{groups, list_response, search_query, users};
use crate::http::call::{Call, Reply};
use crate::scim::error::Result;
use crate::scim::filter::{self, Filter};
use crate::scim::list::ListQuery;
use crate::scim::schema::ResourceKind;

/// `POST /.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
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
    let mut total = 0;
    let mut resources = Vec::new();
    if may_match(&for_users) {
        let (count, page) = users::fetch(&call, &query, for_users, &mut rules).await?;
        total += count;
        resources.extend(page);
    }
    if may_match(&for_groups) {
        let got = i64::try_from(resources.len()).unwrap_or(i64::MAX);
        let rest = ListQuery {
            start_index: (query.start_index - total).max(1),
            count: query.count - got,
            ..query.clone()
        };
        let (count, page) = groups::fetch(&call, &rest, for_groups, &mut rules).await?;
        total += count;
        resources.extend(page);
    }
    let mut reply = Reply::ok(list_response(total, query.start_index, &resources));
    reply.rules = rules.used();
    Ok(reply)
}
