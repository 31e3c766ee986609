//! `/Groups`.

use std::sync::Arc;

use super::render::{Frame, readable};
use super::{Page, page_response, search_query, start};
use crate::http::call::{Call, Reply};
use crate::scim::document;
use crate::scim::error::Result;
use crate::scim::filter::{self, Filter};
use crate::scim::list::ListQuery;
use crate::scim::patch;
use crate::scim::project::Projection;
use crate::scim::rules::Rules;
use crate::scim::schema::ResourceKind;
use crate::scim::sort::{self, Sort};
use crate::service::Error;
use crate::storage::order::{Slice, Start};
use crate::storage::view::{GroupView, Reference};
use crate::storage::{Scope, filter as sql};

const KIND: ResourceKind = ResourceKind::Group;

/// Who reviews a team.
fn reviewers(scope: &mut Scope<'_>, group: &GroupView) -> std::result::Result<Vec<String>, Error> {
    match group.kind.as_str() {
        "team" => Ok(scope.list_reviewers(&group.id)?),
        _ => Ok(Vec::new()),
    }
}

/// One group as the caller sees it; members are read only where they are wanted.
async fn show(
    call: &Call,
    group: Option<GroupView>,
    status: u16,
    projection: &Projection,
    rules: Rules,
) -> Result<Reply> {
    let (view, id, wants_members) = (call.view()?, call.id.clone(), projection.wants("members"));
    let (group, members, reviewers) = call
        .state
        .service
        .store
        .read(&call.tenant()?, move |scope| {
            let missing = || Error::no_such("group", &id);
            let (group, members) = match group {
                Some(group) if !wants_members => (group, None),
                None if !wants_members => {
                    let found = scope.find_group_view(&view, &id)?;
                    (found.ok_or_else(missing)?, None)
                }
                // The group as it is now, with its members: those of an earlier generation may be going already.
                given => scope.snapshot(|scope| {
                    let id = given.as_ref().map_or(&id, |group| &group.id);
                    let group = scope.find_group_view(&view, id)?.or(given.clone());
                    let group = group.ok_or_else(missing)?;
                    let members = scope.list_members(&view, &group.id, group.generation)?;
                    Ok::<_, Error>((group, Some(members)))
                })?,
            };
            let reviewers = reviewers(scope, &group)?;
            Ok::<_, Error>((group, members, reviewers))
        })
        .await
        .map_err(|e| call.explain(e))?;
    let base = call.state.scim_base();
    let frame = Frame {
        registry: call.registry(),
        base: &base,
        projection,
        rosterd: call.sight()?.rosterd,
    };
    let mut reply = Reply {
        status,
        version: Some(group.version),
        rules: rules.used(),
        ..Reply::default()
    };
    reply.location = Some(frame.location(KIND, &group.id));
    let rendered = frame.group(&group, members.as_deref(), &reviewers);
    reply.body = Some(rendered.map_err(|e| call.explain(e))?);
    Ok(reply)
}

/// `GET /Groups/{id}`.
pub async fn get(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    show(&call, None, 200, &projection, rules).await
}

/// `GET /Groups`.
pub async fn list(call: Call) -> Result<Reply> {
    let query = call.list_query()?;
    page(&call, query).await
}

/// `POST /Groups/.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
    page(&call, query).await
}

async fn page(call: &Call, query: ListQuery) -> Result<Reply> {
    let mut rules = call.rules();
    let filter = query
        .filter
        .as_deref()
        .map(|text| filter::parse(call.registry(), KIND, text, &mut rules))
        .transpose()?;
    let sort = sort::parse(call.registry(), KIND, &query, &mut rules)?;
    let start = start(call, KIND, &query)?;
    let page = fetch(call, &query, filter, sort, start, &mut rules).await?;
    let mut reply = Reply::ok(page_response(call, KIND, &query, &page)?);
    reply.rules = rules.used();
    Ok(reply)
}

/// A page of rendered resources. Filter, order and place are the query's, read by the caller.
pub(super) async fn fetch(
    call: &Call,
    query: &ListQuery,
    filter: Option<Filter>,
    sort: Sort,
    start: Start,
    rules: &mut Rules,
) -> Result<Page> {
    let registry = Arc::clone(&call.schemas);
    let projection = query.projection(call.registry(), KIND, rules)?;
    let (view, limit) = (call.view()?, query.count);
    let wants_members = projection.wants("members");
    let (total, next, groups) = call
        .state
        .service
        .store
        .read(&call.tenant()?, move |scope| {
            let condition = filter.map(|f| sql::groups(scope, &registry, &view, &f));
            // Members are those of the generation that the group has in the same state of the database.
            scope.snapshot(|scope| {
                let slice = Slice {
                    order: sql::groups_order(scope, &view, &sort),
                    start,
                    limit,
                };
                let listed = scope.list_groups(&view, condition.as_ref(), &slice)?;
                let total = slice.total(condition.is_some(), &listed, || {
                    scope.count_groups(&view, condition.as_ref())
                })?;
                let mut full: Vec<(GroupView, Option<Vec<Reference>>, Vec<String>)> =
                    Vec::with_capacity(listed.rows.len());
                for group in listed.rows {
                    let members = match wants_members {
                        true => Some(scope.list_members(&view, &group.id, group.generation)?),
                        false => None,
                    };
                    let reviewers = reviewers(scope, &group)?;
                    full.push((group, members, reviewers));
                }
                Ok::<_, Error>((total, listed.next, full))
            })
        })
        .await
        .map_err(|e| call.explain(e))?;
    let base = call.state.scim_base();
    let frame = Frame {
        registry: call.registry(),
        base: &base,
        projection: &projection,
        rosterd: call.sight()?.rosterd,
    };
    let rendered = groups
        .iter()
        .map(|(g, m, r)| frame.group(g, m.as_deref(), r));
    let resources = readable(rendered, &call.request);
    Ok(Page {
        total,
        resources,
        next,
    })
}

/// `POST /Groups`.
pub async fn create(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let incoming = document::read(call.registry(), KIND, call.json()?, &mut rules)?;
    let projection = projection.after_writing(call.registry(), KIND, |path| incoming.has(path));
    let group = call
        .state
        .service
        .create_group(&call.caller()?, &call.source()?, incoming)
        .await;
    let group = group.map_err(|e| call.explain(e))?;
    show(&call, Some(group), 201, &projection, rules).await
}

/// `PUT /Groups/{id}`.
pub async fn replace(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let incoming = document::read(call.registry(), KIND, call.json()?, &mut rules)?;
    let projection = projection.after_writing(call.registry(), KIND, |path| incoming.has(path));
    let group = call
        .state
        .service
        .replace_group(&call.caller()?, &call.source()?, call.target(), incoming)
        .await;
    let group = group.map_err(|e| call.explain(e))?;
    show(&call, Some(group), 200, &projection, rules).await
}

/// `PATCH /Groups/{id}`: 204, unless the request says which attributes it wants back; a large group is not read to
/// answer a change of one member.
pub async fn patch(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let request = patch::parse(call.json()?, &mut rules)?;
    let (caller, source) = (call.caller()?, call.source()?);
    let patched = call
        .state
        .service
        .patch_group(&caller, &source, call.target(), request, rules)
        .await;
    let (group, rules) = patched.map_err(|e| call.explain(e))?;
    if !projection.is_default() {
        return show(&call, Some(group), 200, &projection, rules).await;
    }
    Ok(Reply {
        version: Some(group.version),
        rules: rules.used(),
        ..Reply::empty()
    })
}

/// `DELETE /Groups/{id}`.
pub async fn delete(call: Call) -> Result<Reply> {
    let deleted = call
        .state
        .service
        .delete_group(&call.caller()?, &call.source()?, call.target())
        .await;
    deleted.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
