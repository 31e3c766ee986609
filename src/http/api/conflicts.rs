//! Conflicts: questions that only a human can answer, and their answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service;
use crate::service::users::{Answer, Answered, Conflict as Asked, Side};

/// A question for a human.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Code of what is asked.
    #[schema(example = "several-candidates")]
    kind: String,
    /// `open`, `linking` (an answer is being carried out), `linked` or `kept-apart`.
    #[schema(example = "open")]
    state: String,
    /// Whose source opened it.
    connection: String,
    /// The person that the source got.
    person: String,
    /// Who it might be instead.
    candidates: Vec<String>,
    /// The person, then the candidates, as they are; whoever is gone is left out.
    people: Vec<Someone>,
    /// How often the source came back with it.
    seen: i64,
    /// When it was opened.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When the source last came back with it, or it was answered.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
}

/// A person, to tell her from others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Someone {
    /// Id.
    id: String,
    /// Display name, else userName.
    #[schema(example = "Ann Lee")]
    name: String,
    /// Primary address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// `listed`, `invited`, `granted` or `revoked`.
    #[schema(example = "granted")]
    access: String,
}

impl From<Side> for Someone {
    fn from(side: Side) -> Self {
        Self {
            id: side.id,
            name: side.name,
            email: side.email,
            access: side.access,
        }
    }
}

impl From<Asked> for Conflict {
    fn from(asked: Asked) -> Self {
        let row = asked.row;
        let people = asked.subject.into_iter().chain(asked.candidates);
        Self {
            candidates: serde_json::from_str(&row.candidates).unwrap_or_default(),
            people: people.map(Someone::from).collect(),
            id: row.id,
            kind: row.kind,
            state: row.state,
            connection: row.connection_id,
            person: row.subject,
            seen: row.seen,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        }
    }
}

/// Whose the source's record is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"}))]
pub struct Link {
    /// One of those whom the question is about; absent: the only candidate.
    person: Option<String>,
    /// Though it was answered that they are not the same.
    #[serde(default)]
    revise: bool,
}

/// What an answer came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConflictAnswer {
    /// Id of the question.
    id: String,
    /// `linked` or `kept-apart`.
    #[schema(example = "linked")]
    state: String,
    /// Whose the source's record is.
    person: String,
    /// False: it was answered so before.
    is_changed: bool,
}

/// List conflicts that wait for an answer, oldest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/conflicts", params(("state" = Option<String>, Query, description = "`open` (at first), or `all`: answered ones too.")), responses((status = 200, description = "A page of them.", body = Page<Conflict>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let all = match call.parameter("state") {
        None | Some("open") => false,
        Some("all") => true,
        Some(other) => {
            let got = quote(other);
            return Err(Problem::invalid(format!(
                "`state` takes open or all; got `{got}`"
            )));
        }
    };
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    // One more than is shown says whether there is more.
    let rows = service
        .list_conflicts(&caller.tenant, all, call.parameter("after"), limit + 1)
        .await;
    let rows = rows.map_err(|e| call.explain(e))?;
    let shown = |asked: Asked| (asked.row.id.clone(), Conflict::from(asked));
    reply(200, &Page::first(rows.into_iter().map(shown), limit))
}

/// Show a conflict.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/conflicts/{id}", responses((status = 200, description = "The question.", body = Conflict)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_conflict(&caller.tenant, &call.id).await;
    reply(200, &Conflict::from(found.map_err(|e| call.explain(e))?))
}

/// Answer that the source's record is somebody who is there already.
///
/// The record moves to that person, who keeps access, userName and addresses; the source goes on knowing it under its id.
/// What the source says against her access counts when it says it the next time.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/conflicts/{id}/link", request_body = Option<Link>, responses((status = 200, description = "They are one.", body = ConflictAnswer)))]
pub async fn link(call: Call) -> Result<Reply> {
    let wanted: Link = match call.body.is_empty() {
        true => Link::default(),
        false => call.read()?,
    };
    answer(&call, Answer::Link(wanted.person), wanted.revise).await
}

/// Answer that the source's record is none of them.
///
/// It is remembered, and not asked again.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/conflicts/{id}/keep-apart", responses((status = 200, description = "They are two.", body = ConflictAnswer)))]
pub async fn keep_apart(call: Call) -> Result<Reply> {
    answer(&call, Answer::KeepApart, false).await
}

async fn answer(call: &Call, answer: Answer, revise: bool) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done: std::result::Result<Answered, service::Error> = service
        .answer_conflict(&caller, &call.id, &answer, revise)
        .await;
    let done = done.map_err(|e| call.explain(e))?;
    let shown = ConflictAnswer {
        id: call.id.clone(),
        state: done.state,
        person: done.person,
        is_changed: done.is_changed,
    };
    reply(200, &shown)
}
