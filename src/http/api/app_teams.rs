//! The app's teams with their members and reviewers: loaded, kept in step, removed.

use serde::Serialize;
use utoipa::ToSchema;

use super::Page;
use super::call::{Call, reply};
use super::imports::{Imported, import as import_lines};
use super::problem::Result;
use crate::http::call::Reply;
use crate::service::app::{AppTeam, AppTeamView, Done, What};

/// What became of a team.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutTeam {
    /// What was done.
    result: Done,
    /// As it is then.
    #[serde(flatten)]
    team: AppTeamView,
}

/// List the app's teams.
///
/// In the order of the app's ids, without their members.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/app-teams", responses((status = 200, description = "A page of them.", body = Page<AppTeamView>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit()?);
    let teams = service.list_app_teams(&tenant, after, limit + 1).await;
    let teams = teams.map_err(|e| call.explain(e))?;
    let rows = teams.into_iter().map(|t| (t.app_team_id.clone(), t));
    reply(200, &Page::first(rows, limit))
}

/// Show a team of the app, with its members.
///
/// By the app's id.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/app-teams/{id}", responses((status = 200, description = "The team.", body = AppTeamView)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let team = service.find_app_team(&tenant, &call.id).await;
    reply(200, &team.map_err(|e| call.explain(e))?)
}

/// Say that the app has a team, who is in it and who reviews it.
///
/// Members and reviewers are users of the app, by the app's ids; load users first. The same again changes nothing.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/app-teams/{id}", request_body = AppTeam,
    responses((status = 200, description = "As it is then.", body = PutTeam), (status = 201, description = "It is new, as it is then.", body = PutTeam)))]
pub async fn put(call: Call) -> Result<Reply> {
    let new: AppTeam = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let put = service.put_app_team(&caller, &call.id, new).await;
    let (result, _) = put.map_err(|e| call.explain(e))?;
    let team = service.find_app_team(&caller.tenant, &call.id).await;
    let team = team.map_err(|e| call.explain(e))?;
    let status = if result == Done::Created { 201 } else { 200 };
    reply(status, &PutTeam { result, team })
}

/// Say that the app has a team no more.
///
/// Its members stay who they are.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/app-teams/{id}", responses((status = 204, description = "The app has it no more.")))]
pub async fn delete(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let deleted = service.delete_app_team(&caller, &call.id).await;
    deleted.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}

/// Load teams of the app.
///
/// One JSON object a line: what PUT takes, with `appTeamId`. Everything else is as for users.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/app-teams:import",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, new for each import.")),
    request_body(content = String, content_type = "application/x-ndjson", description = "The lines."),
    responses((status = 200, description = "What became of each line.", body = Imported)))]
pub async fn import(call: Call) -> Result<Reply> {
    import_lines(call, What::Teams).await
}
