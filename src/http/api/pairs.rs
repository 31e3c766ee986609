//! Pairs: somebody whom the app knows and somebody whom a source knows, who may be one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::conflicts::Someone;
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::pairs::{PairAnswer, ProposedPair, WhichPairs};

/// Two who may be one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// `open`, `later`, `linking` (an answer is being carried out), `linked` or `kept-apart`.
    #[schema(example = "open")]
    state: String,
    /// What is equal: `name`, `alias`, `employee-number`, `local-part`.
    #[schema(example = json!(["name", "local-part"]))]
    reasons: Vec<String>,
    /// Whose source has the record.
    connection: String,
    /// The record by the id that its source knows.
    record: String,
    /// Whom only the app knows; absent: she is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<Someone>,
    /// Whom only the source knows, without an id as long as the record is not applied; absent: she is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<Someone>,
    /// When it was proposed.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When it was last changed.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
}

impl From<ProposedPair> for Pair {
    fn from(pair: ProposedPair) -> Self {
        let row = pair.row;
        Self {
            id: row.id,
            state: row.state,
            reasons: pair.reasons,
            connection: row.connection_id,
            record: row.record,
            person: pair.person.map(Someone::from),
            other: pair.record.map(Someone::from),
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        }
    }
}

/// That two are one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"revise": false}))]
pub struct LinkPair {
    /// Though it was answered that they are two.
    #[serde(default)]
    revise: bool,
}

/// What an answer came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairOutcome {
    /// Id of the pair.
    id: String,
    /// `linked`, `kept-apart` or `later`.
    #[schema(example = "linked")]
    state: String,
    /// False: it was answered so before.
    is_changed: bool,
}

/// List pairs that wait for an answer, oldest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/pairs", params(("state" = Option<String>, Query, description = "`open` (at first), `later` (put off), or `all`: answered ones too.")), responses((status = 200, description = "A page of them.", body = Page<Pair>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let which = match call.parameter("state") {
        None | Some("open") => WhichPairs::Open,
        Some("later") => WhichPairs::Later,
        Some("all") => WhichPairs::All,
        Some(other) => {
            let got = quote(other);
            return Err(Problem::invalid(format!(
                "`state` takes open, later or all; got `{got}`"
            )));
        }
    };
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    // One more than is shown says whether there is more.
    let rows = service
        .list_pairs(&caller.tenant, which, call.parameter("after"), limit + 1)
        .await;
    let rows = rows.map_err(|e| call.explain(e))?;
    let shown = |pair: ProposedPair| (pair.row.id.clone(), Pair::from(pair));
    reply(200, &Page::first(rows.into_iter().map(shown), limit))
}

/// Show a pair.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/pairs/{id}", responses((status = 200, description = "The pair.", body = Pair)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_pair(&caller.tenant, &call.id).await;
    reply(200, &Pair::from(found.map_err(|e| call.explain(e))?))
}

/// Answer that the two are one.
///
/// The source's record moves to the person whom the app knows; her address and access stay. Before the record is applied
/// the answer counts when it is.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/pairs/{id}/link", request_body = Option<LinkPair>, responses((status = 200, description = "They are one.", body = PairOutcome)))]
pub async fn link(call: Call) -> Result<Reply> {
    let wanted: LinkPair = match call.body.is_empty() {
        true => LinkPair::default(),
        false => call.read()?,
    };
    let revise = wanted.revise;
    answer(&call, PairAnswer::Link { revise }).await
}

/// Answer that the two are two.
///
/// It is remembered: they are not proposed again, nor taken for one when their addresses become equal.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/pairs/{id}/keep-apart", responses((status = 200, description = "They are two.", body = PairOutcome)))]
pub async fn keep_apart(call: Call) -> Result<Reply> {
    answer(&call, PairAnswer::KeepApart).await
}

/// Put a pair off.
///
/// It is asked again in two weeks.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/pairs/{id}/later", responses((status = 200, description = "It is put off.", body = PairOutcome)))]
pub async fn later(call: Call) -> Result<Reply> {
    answer(&call, PairAnswer::Later).await
}

async fn answer(call: &Call, answer: PairAnswer) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.answer_pair(&caller, &call.id, answer).await;
    let done = done.map_err(|e| call.explain(e))?;
    let outcome = PairOutcome {
        id: call.id.clone(),
        state: done.state,
        is_changed: done.is_changed,
    };
    reply(200, &outcome)
}
