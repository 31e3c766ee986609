//! `/Users`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::render::{Frame, readable};
use super::{Page, page_response, search_query, start};
use crate::http::call::{Call, Reply};
use crate::scim;
use crate::scim::document;
use crate::scim::error::Result;
use crate::scim::filter::{self, Filter};
use crate::scim::list::ListQuery;
use crate::scim::patch;
use crate::scim::project::Projection;
use crate::scim::rules::Rules;
use crate::scim::schema::{AttrPath, ResourceKind};
use crate::scim::sort::{self, Sort};
use crate::service::Error;
use crate::service::users::Changed;
use crate::storage::order::{Slice, Start};
use crate::storage::view::{Reference, UserView, View};
use crate::storage::{self, Scope, filter as sql};

const KIND: ResourceKind = ResourceKind::User;

/// A page's worth of users with what stands in other tables.
struct Fetched {
    users: Vec<UserView>,
    groups: BTreeMap<String, Vec<Reference>>,
    /// Managers whom the reader does not know under their own id: under which, or not at all.
    others: BTreeMap<String, Option<String>>,
}

/// Reads groups of some users, and their managers as far as the reader knows these otherwise.
fn complete(
    scope: &mut Scope<'_>,
    view: &View,
    users: Vec<UserView>,
    groups: bool,
) -> std::result::Result<Fetched, Error> {
    let mut fetched = Fetched {
        users,
        groups: BTreeMap::new(),
        others: BTreeMap::new(),
    };
    if groups {
        let ids: Vec<String> = fetched.users.iter().map(|u| u.user_id.clone()).collect();
        fetched.groups = scope.list_groups_of_users(view, &ids)?;
    }
    if let Some(connection) = view.connection() {
        let managers: BTreeSet<String> = fetched
            .users
            .iter()
            .filter_map(|u| u.manager_id.clone())
            .collect();
        if !managers.is_empty() {
            fetched.others = scope.list_other_ids(connection, managers.into_iter().collect())?;
        }
    }
    Ok(fetched)
}

impl Fetched {
    fn render(
        &self,
        frame: &Frame<'_>,
    ) -> impl Iterator<Item = std::result::Result<String, storage::Error>> {
        self.users.iter().map(move |user| {
            let groups = self
                .groups
                .get(&user.user_id)
                .map_or(&[][..], Vec::as_slice);
            let manager = user
                .manager_id
                .as_deref()
                .and_then(|m| Some((m, self.others.get(m)?.as_deref())));
            frame.user(user, groups, manager)
        })
    }
}

/// One user, read anew, as the caller sees it.
async fn show(
    call: &Call,
    user: Option<UserView>,
    status: u16,
    projection: &Projection,
    rules: Rules,
) -> Result<Reply> {
    let (view, id) = (call.view()?, call.id.clone());
    let wants_groups = projection.wants("groups");
    let fetched = call
        .state
        .service
        .store
        .point(&call.tenant()?, move |scope| {
            let user = match user {
                Some(user) => user,
                None => scope
                    .find_user_view(&view, &id)?
                    .ok_or_else(|| Error::no_such("user", &id))?,
            };
            complete(scope, &view, vec![user], wants_groups)
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
    let user = &fetched.users[0];
    let mut reply = Reply {
        status,
        version: Some(user.version),
        rules: rules.used(),
        ..Reply::default()
    };
    reply.location = Some(frame.location(KIND, &user.id));
    let rendered = fetched.render(&frame).next().transpose();
    reply.body = rendered.map_err(|e| call.explain(e))?;
    Ok(reply)
}

/// `GET /Users/{id}`.
pub async fn get(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    show(&call, None, 200, &projection, rules).await
}

/// `GET /Users`.
pub async fn list(call: Call) -> Result<Reply> {
    let query = call.list_query()?;
    page(&call, query).await
}

/// `POST /Users/.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
    page(&call, query).await.map_err(scim::Error::in_a_body)
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
    let wants_groups = projection.wants("groups");
    let (total, next, fetched) = call
        .state
        .service
        .store
        .read(&call.tenant()?, move |scope| {
            let condition = filter.map(|f| sql::users(scope, &registry, &view, &f));
            let slice = Slice {
                order: sql::users_order(scope, &view, &sort),
                start,
                limit,
            };
            let listed = scope.list_users(&view, condition.as_ref(), &slice)?;
            let total = slice.total(condition.is_some(), &listed, || {
                scope.count_users(&view, condition.as_ref())
            })?;
            let fetched = complete(scope, &view, listed.rows, wants_groups)?;
            Ok::<_, Error>((total, listed.next, fetched))
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
    Ok(Page {
        total,
        resources: readable(fetched.render(&frame), &call.request),
        next,
    })
}

/// `POST /Users`.
pub async fn create(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let incoming = document::read(call.registry(), KIND, call.json()?, &mut rules)?;
    let projection = projection.after_writing(call.registry(), KIND, |path| incoming.has(path));
    let user = call
        .state
        .service
        .create_user(&call.caller()?, &call.source()?, incoming)
        .await;
    let user = user.map_err(|e| call.explain(e))?;
    show(&call, Some(user), 201, &projection, rules).await
}

/// `PUT /Users/{id}`.
pub async fn replace(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let incoming = document::read(call.registry(), KIND, call.json()?, &mut rules)?;
    let projection = projection.after_writing(call.registry(), KIND, |path| incoming.has(path));
    let user = call
        .state
        .service
        .replace_user(&call.caller()?, &call.source()?, call.target(), incoming)
        .await;
    let user = user.map_err(|e| call.explain(e))?;
    show(&call, Some(user), 200, &projection, rules).await
}

/// `PATCH /Users/{id}`.
pub async fn patch(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let projection = call.projection(KIND, &mut rules)?;
    let request = patch::parse(call.json()?, &mut rules)?;
    let (caller, source) = (call.caller()?, call.source()?);
    let patched = call
        .state
        .service
        .patch_user(&caller, &source, call.target(), request, rules)
        .await;
    let Changed {
        user,
        touched,
        rules,
    } = patched.map_err(|e| call.explain(e))?;
    let wrote = |path: &AttrPath| touched.iter().any(|unit| unit.with_sub(None) == *path);
    let projection = projection.after_writing(call.registry(), KIND, wrote);
    show(&call, Some(user), 200, &projection, rules).await
}

/// `DELETE /Users/{id}`.
pub async fn delete(call: Call) -> Result<Reply> {
    let deleted = call
        .state
        .service
        .delete_user(&call.caller()?, &call.source()?, call.target())
        .await;
    deleted.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
