//! Losses of access that a connection pushed beyond its limit: they are parked until an admin decides.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::push_guard::{self, Which};

/// A loss of access that is parked: the connection reads back what it wrote, the person keeps her access.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parked {
    /// Id of the person.
    person: String,
    /// Her userName.
    #[schema(example = "ann@example.com")]
    user_name: String,
    /// Id of the connection.
    connection: String,
    /// `waiting`, `approved` (it is being carried out), `dropped`, or `spared` (she is a break-glass admin: it counts once
    /// she is none).
    #[schema(example = "waiting")]
    state: String,
    /// What the connection said: `deactivated-by-source` or `deleted-by-source`.
    #[schema(example = "deactivated-by-source")]
    reason: String,
    /// The session in which it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Since when it waits.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    since: String,
    /// When somebody decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T08:00:00.000Z")]
    decided_at: Option<String>,
}

/// Whom a decision is about; nothing given: everybody whose loss waits.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"people": ["01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"]}))]
pub struct ParkedDecision {
    /// Only losses by this connection.
    connection: Option<String>,
    /// Only these people, by id.
    people: Option<BTreeSet<String>>,
}

/// How many a decision was about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// People.
    #[schema(example = 400)]
    people: u64,
}

fn show(parked: push_guard::Parked) -> Parked {
    let row = parked.row;
    Parked {
        person: row.user_id,
        user_name: parked.user_name,
        connection: row.connection_id,
        state: row.state,
        reason: row.reason,
        session: Some(row.session_id).filter(|id| !id.is_empty()),
        since: time(row.since),
        decided_at: row.decided_at.map(time),
    }
}

/// List losses of access that are parked.
///
/// With `state` only those in it: `waiting`, `approved`, `dropped` or `spared`.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/parked", responses((status = 200, description = "A page of them.", body = Page<Parked>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let most = call.limit()?;
    let state = call.parameter("state");
    let words = ["waiting", "approved", "dropped", "spared"];
    if let Some(word) = state.filter(|word| !words.contains(word)) {
        let got = quote(word);
        return Err(Problem::invalid(format!(
            "`state` takes waiting, approved, dropped or spared; got `{got}`"
        )));
    }
    let after = match call.parameter("after") {
        None => ("", ""),
        Some(text) => text.split_once('/').ok_or_else(|| {
            let got = quote(text);
            Problem::invalid(format!("`after` takes the `next` of a page; got `{got}`"))
        })?,
    };
    let rows = i64::try_from(most + 1).unwrap_or(i64::MAX);
    let connection = call.parameter("connection");
    let found = service.list_parked(&caller.tenant, connection, state, after, rows);
    let found = found.await.map_err(|e| call.explain(e))?;
    let each = found.into_iter().map(|parked| {
        let mark = format!("{}/{}", parked.row.connection_id, parked.row.user_id);
        (mark, show(parked))
    });
    reply(200, &Page::first(each, most))
}

fn which(call: &Call) -> Result<Which> {
    let decision: ParkedDecision = match call.body.is_empty() {
        true => ParkedDecision::default(),
        false => call.read()?,
    };
    Ok(Which {
        connection: decision.connection,
        people: decision.people,
    })
}

/// Carry parked losses out.
///
/// At once: who is named, or everybody whose loss waits, loses access as the connection wanted it.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/parked/release", request_body = Option<ParkedDecision>, responses((status = 200, description = "They have lost access.", body = Decided)))]
pub async fn release(call: Call) -> Result<Reply> {
    let (service, caller, which) = (&call.state.service, call.caller()?, which(&call)?);
    let done = service.release_parked(&caller, &which).await;
    let people = done.map_err(|e| call.explain(e))?;
    reply(200, &Decided { people })
}

/// Let people keep their access whose loss is parked.
///
/// Nobody is asked about them again until the connection says something else of them. It goes on reading what it wrote.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/parked/drop", request_body = Option<ParkedDecision>, responses((status = 200, description = "They keep it.", body = Decided)))]
pub async fn drop(call: Call) -> Result<Reply> {
    let (service, caller, which) = (&call.state.service, call.caller()?, which(&call)?);
    let done = service.drop_parked(&caller, &which).await;
    let people = done.map_err(|e| call.explain(e))?;
    reply(200, &Decided { people })
}
