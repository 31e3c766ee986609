//! `POST /.search` at the root: people and groups in one list (RFC 7644 §3.4.2.1), people first. The journal is not part
//! of it.

use super::{groups, list_response, search_query, users};
use crate::http::dispatch::{Call, Reply};
use crate::scim::error::Result;
use crate::scim::filter;
use crate::scim::list::ListQuery;
use crate::scim::schema::ResourceKind;

/// `POST /.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
    let mut rules = call.rules();
    let registry = call.state.service.registry.clone();
    // An attribute that a type lacks has no value there; only a filter that fits no type is refused.
    let mut fits = |kind| match &query.filter {
        None => Ok(()),
        Some(text) => filter::parse(&registry, kind, text, &mut rules).map(|_| ()),
    };
    let (for_users, for_groups) = (fits(ResourceKind::User), fits(ResourceKind::Group));
    if let (Err(error), Err(_)) = (&for_users, &for_groups) {
        return Err(error.clone());
    }
    let mut total = 0;
    let mut resources = Vec::new();
    if for_users.is_ok() {
        let (count, page) = users::fetch(&call, &query, &mut rules).await?;
        total += count;
        resources.extend(page);
    }
    if for_groups.is_ok() {
        let got = i64::try_from(resources.len()).unwrap_or(i64::MAX);
        let rest = ListQuery {
            start_index: (query.start_index - total).max(1),
            count: query.count - got,
            ..query.clone()
        };
        let (count, page) = groups::fetch(&call, &rest, &mut rules).await?;
        total += count;
        resources.extend(page);
    }
    let mut reply = Reply::ok(list_response(total, query.start_index, &resources));
    reply.rules = rules.used();
    Ok(reply)
}
