//! Conflicts: questions that only a human can answer.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::{Page, time};
use crate::http::call::Reply;
use crate::service;

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
    /// Whose source opened it.
    connection: String,
    /// The person that the source got.
    person: String,
    /// Who it might be instead.
    #[schema(value_type = Vec<String>)]
    candidates: Value,
    /// How often the source came back with it.
    seen: i64,
    /// When it was opened.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When the source last came back with it.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
}

/// List conflicts that wait for an answer, oldest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/conflicts", responses((status = 200, description = "A page of them.", body = Page<Conflict>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let caller = call.caller()?;
    let rows = call.state.service.store.read(&caller.tenant, |scope| {
        let open = scope.list_open_conflicts()?.into_iter();
        let shown = open.map(|row| Conflict {
            candidates: serde_json::from_str(&row.candidates).unwrap_or_default(),
            id: row.id,
            kind: row.kind,
            connection: row.connection_id,
            person: row.subject,
            seen: row.seen,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        });
        Ok::<_, service::Error>(shown.collect::<Vec<_>>())
    });
    let rows = rows.await.map_err(|e| call.explain(e))?;
    reply(200, &Page::of(&call, rows, |row| &row.id, Ok)?)
}
