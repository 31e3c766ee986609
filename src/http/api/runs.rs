//! Runs of pull connections: what each found and means to do, and what an admin decides about it. A decision is noted
//! here and carried out by a process that pulls, within seconds: look at the run again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::runs::{ItemRow, RunRow};
use crate::service::undo::{Kept, Undone};

/// A run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id; ids are in the order of time.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Id of the connection.
    connection: String,
    /// `scheduled`, `manual`, `dry` (nothing is applied), `days` (first and last days that came) or `absences`.
    #[schema(example = "scheduled")]
    kind: String,
    /// `running`, `waiting`, `approved`, `done`, `failed`, `discarded`, `undoing` or `undone`.
    #[schema(example = "done")]
    state: String,
    /// The day for which the records were read.
    #[schema(example = "2027-01-31")]
    as_of: String,
    /// When it began.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:09.000Z")]
    finished_at: Option<String>,
    /// Everybody was read: who is not there is absent.
    is_complete: bool,
    /// People about whom there is something to do.
    planned: i64,
    /// People with whom it is done.
    applied: i64,
    /// People who lost access by it and have not got it back by its undo.
    lost_access: i64,
    /// Why it, or some losses of access, wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_held: Option<String>,
    /// How many of each action.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    counts: Option<Value>,
    /// What the pull proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    evidence: Option<Value>,
    /// Why it failed, or was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// Version of its connector.
    #[serde(skip_serializing_if = "Option::is_none")]
    connector_version: Option<i64>,
    /// It tries that version: a plan was last applied under this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version_before: Option<i64>,
    /// When somebody last decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T08:00:00.000Z")]
    decided_at: Option<String>,
}

/// What a run does about one record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its place in the plan.
    ordinal: i64,
    /// The source's id.
    source_id: String,
    /// Id of the person, if there is one yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// Her userName as the record has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// `create`, `adopt`, `return`, `update`, `leave`, `absent`, `due`, `unlink`, `out-of-scope`, `superseded` (the person goes
    /// on under another record), `nothing` or `reject`.
    #[schema(example = "update")]
    action: String,
    /// `planned`, `keep` (all but the loss of access), `applied`, `held`, `unproved` (put off: the pull is not complete) or
    /// `failed`.
    #[schema(example = "applied")]
    state: String,
    /// It takes access away, now or on a last day that lies ahead (`effect.isAhead`, `effect.lastDay`).
    loses_access: bool,
    /// What changes: paths, access before and after, findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    effect: Option<Value>,
}

/// Whom a decision is about.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"people": ["4711"]}))]
pub struct RunDecision {
    /// Source ids; absent: everybody.
    people: Option<BTreeSet<String>>,
}

/// What undoing a run does about one person, or has done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndonePerson {
    /// Id of the person.
    person: String,
    /// Her records, by the source's ids.
    source_ids: Vec<String>,
    /// What it had done: `created`, `returned`, `adopted`, `merged`, `parked`, `left` or `changed`.
    #[schema(example = "changed")]
    was: String,
    /// False: everything is left as it is.
    is_undone: bool,
    /// Paths whose value goes back.
    units: Vec<String>,
    /// Access now.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    /// Access before the run; absent for somebody who was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    back_to: Option<String>,
    /// What is left as it is, and why.
    kept: Vec<LeftAlone>,
}

/// Something that an undo leaves alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftAlone {
    /// `person`, `access`, `employment`, or the path of a value.
    #[schema(example = "title")]
    what: String,
    /// `changed-since`, `later-run`, `in-groups`, `user-name-taken` or `gone`.
    #[schema(example = "changed-since")]
    code: String,
    /// Who changed it: actor, cause and time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    by: Option<Value>,
}

/// A pull that is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Id of the connection.
    connection: String,
    /// When it is due.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    next_at: String,
    /// Where its run will be.
    #[schema(
        example = "/api/v1/tenants/acme/runs?connection=01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"
    )]
    runs: String,
}

fn parsed(text: Option<&str>) -> Option<Value> {
    serde_json::from_str(text?).ok()
}

fn show(run: RunRow) -> Run {
    Run {
        id: run.id,
        connection: run.connection_id,
        kind: run.kind,
        state: run.state,
        as_of: run.as_of,
        started_at: time(run.started_at),
        finished_at: run.finished_at.map(time),
        is_complete: run.is_complete,
        planned: run.planned,
        applied: run.applied,
        lost_access: run.lost,
        why_held: run.why_held,
        counts: parsed(run.counts.as_deref()),
        evidence: parsed(run.evidence.as_deref()),
        error: parsed(run.error.as_deref()),
        connector_version: run.connector_version,
        version_before: run.version_before,
        decided_at: run.decided_at.map(time),
    }
}

fn item(row: ItemRow) -> Item {
    let record = parsed(row.person.as_deref()).unwrap_or_default();
    Item {
        ordinal: row.ordinal,
        source_id: row.source_id,
        person: Some(row.subject).filter(|id| !id.is_empty()),
        user_name: record["user"]["userName"].as_str().map(str::to_owned),
        action: row.action,
        state: row.state,
        loses_access: row.loses,
        effect: parsed(row.effect.as_deref()),
    }
}

fn left_alone(kept: Kept) -> LeftAlone {
    LeftAlone {
        what: kept.what,
        code: kept.code,
        by: kept.by.and_then(|by| serde_json::to_value(by).ok()),
    }
}

pub(super) fn undone(undone: Undone) -> UndonePerson {
    UndonePerson {
        person: undone.person,
        source_ids: undone.source_ids,
        was: undone.was,
        is_undone: undone.is_undone,
        units: undone.units,
        access: undone.access,
        back_to: undone.back_to,
        kept: undone.kept.into_iter().map(left_alone).collect(),
    }
}

/// The part of a list that the query asks for: one more is read than is shown, to know whether there are more.
pub(super) fn page<R, T: ToSchema>(
    mut rows: Vec<R>,
    limit: usize,
    mark: impl Fn(&R) -> String,
    show: impl Fn(R) -> T,
) -> Page<T> {
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(mark);
    Page {
        items: rows.into_iter().map(show).collect(),
        next,
    }
}

/// How many rows a page is read with.
pub(super) fn limit(call: &Call) -> Result<(usize, i64)> {
    let limit = call.limit()?;
    Ok((limit, i64::try_from(limit + 1).unwrap_or(i64::MAX)))
}

/// List runs, the newest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/runs", responses((status = 200, description = "A page of them.", body = Page<Run>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let (most, rows) = limit(&call)?;
    let (connection, after) = (call.parameter("connection"), call.parameter("after"));
    let found = service.list_runs(&caller.tenant, connection, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    reply(200, &page(found, most, |run| run.id.clone(), show))
}

/// Show a run.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/runs/{id}", responses((status = 200, description = "The run.", body = Run)))]
pub async fn get(call: Call) -> Result<Reply> {
    reply(200, &show(run(&call).await?))
}

async fn run(call: &Call) -> Result<RunRow> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_run(&caller.tenant, &call.id).await;
    found.map_err(|e| call.explain(e))
}

/// List what a run does about each record, in the order of its plan.
///
/// With `losses=true` only what takes access away. A record that is as it was has no item.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/runs/{id}/items", responses((status = 200, description = "A page of them.", body = Page<Item>)))]
pub async fn items(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let run = run(&call).await?;
    let (most, rows) = limit(&call)?;
    let wrong = |name: &str, takes: &str, got: &str| {
        let got = quote(got);
        Problem::invalid(format!("`{name}` takes {takes}; got `{got}`"))
    };
    let losses = match call.parameter("losses") {
        None | Some("false") => false,
        Some("true") => true,
        Some(got) => return Err(wrong("losses", "true or false", got)),
    };
    let after = match call.parameter("after") {
        None => 0,
        Some(text) => {
            let place = text.parse::<i64>().ok();
            place.ok_or_else(|| wrong("after", "the `next` of a page", text))?
        }
    };
    let found = match losses {
        true => {
            service
                .list_losses(&caller.tenant, &run.id, after, rows)
                .await
        }
        false => {
            service
                .list_items(&caller.tenant, &run.id, after, rows)
                .await
        }
    };
    let found = found.map_err(|e| call.explain(e))?;
    reply(200, &page(found, most, |row| row.ordinal.to_string(), item))
}

fn decision(call: &Call) -> Result<RunDecision> {
    match call.body.is_empty() {
        true => Ok(RunDecision::default()),
        false => call.read(),
    }
}

/// Approve a plan that waits, or losses of access that wait.
///
/// Applied within seconds by a process that pulls. Of a plan's losses only those of the named people, if people are named;
/// of a run that is done, its losses that wait: they are carried out by the next pull, which begins at once. A plan that is
/// not what would be done now is refused with `stale-plan`.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/runs/{id}/approve", request_body = Option<RunDecision>, responses((status = 202, description = "It will be done: look at the run again.", body = Run)))]
pub async fn approve(call: Call) -> Result<Reply> {
    let (decision, caller) = (decision(&call)?, call.caller()?);
    let (service, found) = (&call.state.service, run(&call).await?);
    let connection = found.connection_id.as_str();
    let done = match found.state.as_str() {
        "done" => {
            let decided =
                service.decide_losses(&caller, connection, decision.people.as_ref(), true);
            decided.await.map_err(|e| call.explain(e))?;
            let asked = service.ask_for_pull(&caller, connection).await;
            asked.map(|_| found)
        }
        _ => {
            service
                .approve_run(&caller, &found.id, decision.people)
                .await
        }
    };
    reply(202, &show(done.map_err(|e| call.explain(e))?))
}

/// Give up a plan that waits, or let people keep their access.
///
/// Of a plan as a whole the next run plans anew. Named people, or those of a run that is done, keep their access until
/// their records change.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/runs/{id}/discard", request_body = Option<RunDecision>, responses((status = 200, description = "The run then.", body = Run)))]
pub async fn discard(call: Call) -> Result<Reply> {
    let (decision, caller) = (decision(&call)?, call.caller()?);
    let (service, found) = (&call.state.service, run(&call).await?);
    let connection = found.connection_id.as_str();
    let done = match (found.state.as_str(), &decision.people) {
        ("done", people) | (_, people @ Some(_)) => {
            let decided = service.decide_losses(&caller, connection, people.as_ref(), false);
            decided.await.map(|_| found)
        }
        _ => service.discard_run(&caller, &found.id).await,
    };
    reply(200, &show(done.map_err(|e| call.explain(e))?))
}

/// What undoing a run would do about each person, or has done.
///
/// In the order of their ids. Nothing is written.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/runs/{id}/undo", responses((status = 200, description = "A page of them.", body = Page<UndonePerson>)))]
pub async fn preview(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let (most, rows) = limit(&call)?;
    let after = call.parameter("after").unwrap_or_default();
    let found = service.list_undone(&caller.tenant, &call.id, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    reply(200, &page(found, most, |u| u.person.clone(), undone))
}

/// Undo a run.
///
/// Carried out within seconds by a process that pulls: everybody is as before, except what somebody changed since. What
/// goes back is held: the next pull does not do it again until the source says something else, or an admin lifts the hold.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/runs/{id}/undo", responses((status = 202, description = "It will be undone: look at the run again.", body = Run)))]
pub async fn undo(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let begun = service.begin_undo(&caller, &call.id).await;
    reply(202, &show(begun.map_err(|e| call.explain(e))?))
}

/// Pull a connection now.
///
/// It becomes due; a process that pulls takes it within seconds.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/sync", responses((status = 202, description = "It will be pulled: look at its runs.", body = Asked)))]
pub async fn sync(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let row = service.ask_for_pull(&caller, &call.id).await;
    let row = row.map_err(|e| call.explain(e))?;
    let asked = Asked {
        runs: format!(
            "/api/v1/tenants/{}/runs?connection={}",
            call.tenant()?.id,
            row.connection_id
        ),
        connection: row.connection_id,
        next_at: time(row.next_at),
    };
    reply(202, &asked)
}
