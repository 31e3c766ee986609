//! Sessions of connections that push: what each changed without a longer pause, and its undo.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::runs::{UndonePerson, limit, page, undone};
use super::{Page, time};
use crate::domain::clock::Millis;
use crate::http::call::Reply;
use crate::service::push_guard::SessionRow;
use crate::service::undo;

/// What a connection pushed: a pause of 10 minutes, or 1,000 changes, end it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Id; ids are in the order of time. Entries of the journal have it at the beginning of their cause's id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Id of the connection.
    connection: String,
    /// `open`, `done`, `undoing` or `undone`.
    #[schema(example = "done")]
    state: String,
    /// When its first change came.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    started_at: String,
    /// When its last change came.
    #[schema(example = "2027-01-31T02:04:00.000Z")]
    last_at: String,
    /// Requests that changed something: people and groups.
    changes: i64,
    /// People who lost access by it.
    lost_access: i64,
    /// People whose loss of access was parked by it.
    parked: i64,
    /// When somebody decided to undo it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T08:00:00.000Z")]
    decided_at: Option<String>,
}

/// What a session did to a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionChange {
    /// Id of the person.
    person: String,
    /// `created`, `returned`, `adopted`, `parked`, `left` or `changed`.
    #[schema(example = "changed")]
    was: String,
    /// Access before it; absent for somebody who was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_before: Option<String>,
    /// Access after it.
    #[schema(example = "revoked")]
    access_after: String,
    /// Paths of the document in force that it changed.
    units: Vec<String>,
    /// `open`, `undone` or `kept` (an undo left it as it is).
    #[schema(example = "open")]
    state: String,
}

fn show(row: SessionRow, now: Millis) -> Session {
    Session {
        state: row.state_at(now).to_owned(),
        id: row.id,
        connection: row.connection_id,
        started_at: time(row.started_at),
        last_at: time(row.last_at),
        changes: row.changes,
        lost_access: row.lost,
        parked: row.parked,
        decided_at: row.decided_at.map(time),
    }
}

fn change(changed: undo::Changed) -> SessionChange {
    SessionChange {
        person: changed.person,
        was: changed.was.to_owned(),
        access_before: changed.access_before,
        access_after: changed.access_after,
        units: changed.units,
        state: changed.state,
    }
}

async fn find(call: &Call) -> Result<SessionRow> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_session(&caller.tenant, &call.id).await;
    found.map_err(|e| call.explain(e))
}

fn now(call: &Call) -> Millis {
    call.state.service.store.clock().now()
}

/// List sessions, the newest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/sessions", responses((status = 200, description = "A page of them.", body = Page<Session>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let (most, rows) = limit(&call)?;
    let (connection, after) = (call.parameter("connection"), call.parameter("after"));
    let found = service.list_sessions(&caller.tenant, connection, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    let now = now(&call);
    reply(200, &page(found, most, |s| s.id.clone(), |s| show(s, now)))
}

/// Show a session.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/sessions/{id}", responses((status = 200, description = "The session.", body = Session)))]
pub async fn get(call: Call) -> Result<Reply> {
    reply(200, &show(find(&call).await?, now(&call)))
}

/// List what a session did to each person, in the order of their ids.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/sessions/{id}/changes", responses((status = 200, description = "A page of them.", body = Page<SessionChange>)))]
pub async fn changes(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let session = find(&call).await?;
    let (most, rows) = limit(&call)?;
    let after = call.parameter("after").unwrap_or_default();
    let found = service.list_changed(&caller.tenant, &session.id, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    reply(200, &page(found, most, |c| c.person.clone(), change))
}

/// What undoing a session would do about each person, or has done.
///
/// In the order of their ids. Nothing is written.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/sessions/{id}/undo", responses((status = 200, description = "A page of them.", body = Page<UndonePerson>)))]
pub async fn preview(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let session = find(&call).await?;
    let (most, rows) = limit(&call)?;
    let after = call.parameter("after").unwrap_or_default();
    let found = service.list_undone(&caller.tenant, &session.id, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    reply(200, &page(found, most, |u| u.person.clone(), undone))
}

/// Undo a session.
///
/// People are as before, except what somebody changed since; groups stay as they are. The connection goes on reading what it
/// wrote: nothing of it is in force again until it writes something else.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/sessions/{id}/undo", responses((status = 200, description = "The session then.", body = Session)))]
pub async fn undo(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.undo_session(&caller, &call.id).await;
    let session = done.map_err(|e| call.explain(e))?;
    reply(200, &show(session, now(&call)))
}
