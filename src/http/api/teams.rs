//! Teams: the list, one with its members, who is in none, and edits by hand.

use super::Page;
use super::call::{Call, reply};
use super::problem::Result;
use crate::http::call::Reply;
use crate::service::teams::{TeamChange, TeamNew, TeamView, Unassigned};

/// List teams, without their members.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/teams", responses((status = 200, description = "A page of them.", body = Page<TeamView>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit()?);
    let teams = service.list_teams(&tenant, after, limit + 1).await;
    let teams = teams.map_err(|e| call.explain(e))?;
    let rows = teams.into_iter().map(|team| (team.id.clone(), team));
    reply(200, &Page::first(rows, limit))
}

/// Make a team.
///
/// Not while team sync keeps the teams of the tenant.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/teams", request_body = TeamNew, responses((status = 201, description = "The team.", body = TeamView)))]
pub async fn create(call: Call) -> Result<Reply> {
    let new: TeamNew = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let team = service.create_team(&caller, new).await;
    reply(201, &team.map_err(|e| call.explain(e))?)
}

/// List who has access or an invitation and is in no team, and why.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/teams/unassigned", responses((status = 200, description = "A page of them.", body = Page<Unassigned>)))]
pub async fn unassigned(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit()?);
    let people = service.list_unassigned(&tenant, after, limit + 1).await;
    let people = people.map_err(|e| call.explain(e))?;
    let rows = people.into_iter().map(|person| (person.id.clone(), person));
    reply(200, &Page::first(rows, limit))
}

/// Show a team, with its members.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/teams/{id}", responses((status = 200, description = "The team.", body = TeamView)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let team = service.find_team(&tenant, &call.id).await;
    reply(200, &team.map_err(|e| call.explain(e))?)
}

/// Change a team.
///
/// While team sync keeps it, its name alone: that survives every run.
#[utoipa::path(patch, path = "/api/v1/tenants/{tenant}/teams/{id}", request_body = TeamChange, responses((status = 200, description = "As it is then.", body = TeamView)))]
pub async fn update(call: Call) -> Result<Reply> {
    let change: TeamChange = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let team = service.change_team(&caller, &call.id, change).await;
    reply(200, &team.map_err(|e| call.explain(e))?)
}

/// Delete a team; its members stay who they are.
///
/// Not while team sync keeps it.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/teams/{id}", responses((status = 204, description = "It is deleted.")))]
pub async fn delete(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let deleted = service.remove_team(&caller, &call.id).await;
    deleted.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
