//! Team sync: choosing its source, looking at what it would do, completing, stopping, restoring.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::Page;
use super::call::{Call, reply};
use super::problem::{Problem, Result};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::teams::{Choice, Confirmed, Found, Preview, Status, TeamRun};

/// What completes the set-up; what is absent is as it was chosen.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"confirmUnassigned": 37}))]
pub struct Completion {
    /// Id of the connection whose managers make teams.
    connection: Option<String>,
    /// Language of the names: `en` or `fr`.
    language: Option<String>,
    /// Templates of the names, by language, with `{manager}` and `{department}`.
    templates: Option<BTreeMap<String, String>>,
    /// Where more people than one in five would be in no team: how many, as the preview says.
    confirm_unassigned: Option<usize>,
}

/// Show how team sync stands.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/team-sync", responses((status = 200, description = "Team sync.", body = Status)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let status = service.team_sync(&caller.tenant).await;
    reply(200, &status.map_err(|e| call.explain(e))?)
}

/// Choose the source of teams, and how they are named.
///
/// Nothing changes but what the preview shows. While team sync is on, the names alone can be chosen; the next run gives
/// them.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/team-sync", request_body = Choice, responses((status = 200, description = "As it stands then.", body = Status)))]
pub async fn put(call: Call) -> Result<Reply> {
    let choice: Choice = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let status = service.choose_team_sync(&caller, &choice).await;
    reply(200, &status.map_err(|e| call.explain(e))?)
}

/// Show what completing the set-up would do.
///
/// The teams that there would be, those that would be deleted with their reviewers, who would be in none and why, what is
/// wrong with the hierarchy; counted with those who have access or are invited today, and with everyone. Of each list `limit`
/// items after the first `after`. While team sync is on: what the next run would do.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/team-sync/preview", params(
        ("connection" = Option<String>, Query, description = "Another source than the one that is chosen."),
        ("language" = Option<String>, Query, description = "Another language of the names."),
        ("template" = Option<String>, Query, description = "Another template of the names."),
        ("after" = Option<u64>, Query, description = "How many items of each list to leave out.")),
    responses((status = 200, description = "What it would do.", body = Preview)))]
pub async fn preview(call: Call) -> Result<Reply> {
    let text = |name: &str| call.parameter(name).map(str::to_owned);
    let language = text("language");
    let templates = text("template").map(|template| {
        let of = language.clone().unwrap_or_else(|| "en".to_owned());
        BTreeMap::from([(of, template)])
    });
    let choice = Choice {
        connection: text("connection"),
        templates,
        language,
    };
    let after = match call.parameter("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            Problem::invalid(format!("`after` takes a number; got `{}`", quote(text)))
        })?,
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    let slice = (after, call.limit()?);
    let preview = service.preview_teams(&caller.tenant, &choice, slice).await;
    reply(200, &preview.map_err(|e| call.explain(e))?)
}

/// Complete the set-up: the teams there are give way to those of the hierarchy, all at once.
///
/// From then on team sync keeps them, and nobody else edits them. What they replaced is kept for a restore. It is done in the
/// background; `job` tells while it lasts.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/team-sync/complete", request_body = Completion, responses((status = 202, description = "It is being completed.", body = Status)))]
pub async fn complete(call: Call) -> Result<Reply> {
    let asked: Completion = match call.body.is_empty() {
        true => Completion::default(),
        false => call.read()?,
    };
    let choice = Choice {
        connection: asked.connection,
        language: asked.language,
        templates: asked.templates,
    };
    let confirmed = Confirmed {
        unassigned: asked.confirm_unassigned,
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    let status = service.start_complete(&caller, &choice, confirmed).await;
    reply(202, &status.map_err(|e| call.explain(e))?)
}

/// Stop team sync: every team can be edited again.
///
/// The teams stay as they are; the connection goes on as before.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/team-sync/stop", responses((status = 200, description = "As it stands then.", body = Status)))]
pub async fn stop(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let status = service.stop_team_sync(&caller).await;
    reply(200, &status.map_err(|e| call.explain(e))?)
}

/// Bring back the teams that the set-up replaced, with those of their members and reviewers who are still here.
///
/// The teams that team sync made go, whatever was edited of them since; teams that people made stay. It is done in the
/// background; `job` tells while it lasts.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/team-sync/restore", responses((status = 202, description = "They are being restored.", body = Status)))]
pub async fn restore(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let status = service.start_restore(&caller).await;
    reply(202, &status.map_err(|e| call.explain(e))?)
}

/// Bring teams in step with their source now.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/team-sync/run", responses((status = 200, description = "What it changed.", body = TeamRun)))]
pub async fn run(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let run = service.sync_teams_now(&caller).await;
    reply(200, &run.map_err(|e| call.explain(e))?)
}

/// List what is wrong with the hierarchy, as the last run found it, in the order of codes.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/team-sync/findings", responses((status = 200, description = "A page of what was found.", body = Page<Found>)))]
pub async fn findings(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit()?);
    let found = service.list_team_findings(&tenant, after, limit + 1).await;
    let found = found.map_err(|e| call.explain(e))?;
    reply(200, &Page::first(found.into_iter(), limit))
}
