//! Why a person is as she is.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::people::Reason;
use super::problem::Result;
use super::time;
use crate::http::call::Reply;
use crate::service::why::{self, Mark};

/// Why a person is as she is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// Id.
    id: String,
    /// `listed`, `invited`, `granted` or `revoked`.
    #[schema(example = "revoked")]
    access: String,
    /// Whether the app lets her in.
    has_access: bool,
    /// Why.
    access_reason: Reason,
    /// A human decided so: no source gives access.
    decided_by_human: bool,
    /// By which change she came to stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Entry>,
    /// What each source last said of whether she works, by connection.
    #[schema(value_type = Object)]
    words: BTreeMap<String, Option<String>>,
    /// Everything that is in force, or that a source says, by path.
    values: Vec<Told>,
}

/// An entry of the journal.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number.
    sequence: i64,
    /// When.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    time: String,
    /// What happened.
    #[schema(example = "user.updated")]
    action: String,
    /// Who did it: `connection`, `token`, `operator` or `system`.
    actor_kind: String,
    /// Which of them.
    actor_id: String,
    /// Why: `run`, `request`, `command`, `setting` or `switch`.
    cause_kind: String,
    /// Which of them.
    cause_id: String,
}

/// A value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Path of the attribute.
    #[schema(example = "title")]
    path: String,
    /// In force; absent: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
    /// By which change.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Entry>,
    /// What each source says, the one that counts first.
    said: Vec<Said>,
}

/// What a source says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The connection.
    connection: String,
    /// Its value; null: that there is none.
    #[schema(value_type = Object)]
    value: Value,
    /// `in-force`, `overruled` (another source comes first), `held` (a name or address at adoption, or one that is taken),
    /// `undone`, or `waits` (the whole claim does).
    #[schema(example = "overruled")]
    standing: String,
    /// By which change.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Entry>,
}

impl Entry {
    fn of(mark: Mark) -> Self {
        Self {
            sequence: mark.sequence,
            time: time(mark.at),
            action: mark.action,
            actor_kind: mark.actor.0,
            actor_id: mark.actor.1,
            cause_kind: mark.cause.0,
            cause_id: mark.cause.1,
        }
    }
}

impl Why {
    /// As it is shown.
    fn of(id: &str, why: why::Why) -> Self {
        Self {
            id: id.to_owned(),
            access: why.access,
            has_access: why.has_access,
            access_reason: Reason::of(why.reason, why.parameters.as_deref()),
            decided_by_human: why.is_sticky,
            since: why.since.map(Entry::of),
            words: why.words.into_iter().collect(),
            values: why.values.into_iter().map(Told::of).collect(),
        }
    }
}

impl Told {
    fn of(told: why::Told) -> Self {
        let said = told.said.into_iter().map(|said| Said {
            connection: said.connection,
            value: said.value,
            standing: said.standing.as_str().to_owned(),
            since: said.since.map(Entry::of),
        });
        Self {
            path: told.path,
            value: told.value,
            since: told.since.map(Entry::of),
            said: said.collect(),
        }
    }
}

/// Show why a person is as she is.
///
/// Of her access and of each value: which source gave it, which others say something else and why that does not count,
/// since when, and by whom or what.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/people/{id}/why", params(("path" = Option<String>, Query, description = "Only this attribute, or what is inside it.")), responses((status = 200, description = "Why.", body = Why)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let path = call.parameter("path");
    let found = service.why(&caller.tenant, &call.id, path).await;
    reply(200, &Why::of(&call.id, found.map_err(|e| call.explain(e))?))
}
