//! `/AuditEvents`: the journal as a read-only resource type (SEMANTICS §6).

use std::sync::Arc;

use serde_json::{Value, json};

use super::render::readable;
use super::{Page, page_response, search_query, start};
use crate::domain::audit::Committed;
use crate::domain::clock::Millis;
use crate::http::call::{Call, Reply};
use crate::scim::Doc;
use crate::scim::error::Result;
use crate::scim::filter;
use crate::scim::list::ListQuery;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::sort;
use crate::service::Error;
use crate::storage::journal::{Row, ValueRow};
use crate::storage::order::Slice;
use crate::storage::{self, filter as sql};

const KIND: ResourceKind = ResourceKind::AuditEvent;

fn entry_id(row: &Row) -> String {
    format!("{}-{}", row.epoch, row.sequence)
}

/// An entry as a resource.
///
/// # Errors
/// The stored entry is unreadable.
pub fn render(
    registry: &Registry,
    base: &str,
    row: &Row,
    values: &[ValueRow],
) -> std::result::Result<Doc, storage::Error> {
    let id = entry_id(row);
    let time = Millis(row.at).to_rfc3339();
    let committed: Vec<Committed> =
        serde_json::from_str(&row.changes).map_err(|error| storage::Error::Corrupt {
            table: "journal",
            id: id.clone(),
            why: format!("its list of changes: {:?}", error.classify()),
        })?;
    let changes = committed
        .iter()
        .enumerate()
        .map(|(i, Committed(path, ..))| {
            let mut change = json!({"path": path});
            for value in values
                .iter()
                .filter(|v| usize::try_from(v.ordinal) == Ok(i))
            {
                change[value.side.as_str()] = Value::from(value.value.as_str());
            }
            change
        });
    let mut whole = json!({
        "schemas": [registry.core(KIND).id],
        "id": id,
        "sequence": row.sequence,
        "time": time,
        "actor": {"kind": row.actor_kind, "id": row.actor_id},
        "cause": {"kind": row.cause_kind, "id": row.cause_id},
        "action": row.action,
        "subject": {"kind": row.subject_kind, "id": row.subject_id},
        "changes": changes.collect::<Value>(),
        "hash": row.hash,
        "meta": {"resourceType": KIND.name(), "created": time, "lastModified": time, "location": format!("{base}/AuditEvents/{id}")},
    });
    if let (Some(kind), Some(id)) = (&row.object_kind, &row.object_id) {
        whole["object"] = json!({"kind": kind, "id": id});
    }
    if let Some(reason) = &row.reason {
        whole["reason"] = Value::from(reason.as_str());
    }
    Ok(match whole {
        Value::Object(map) => map,
        _ => Doc::new(),
    })
}

/// `GET /AuditEvents`.
pub async fn list(call: Call) -> Result<Reply> {
    let query = call.list_query()?;
    page(&call, query).await
}

/// `POST /AuditEvents/.search`.
pub async fn search(call: Call) -> Result<Reply> {
    let query = search_query(&call)?;
    page(&call, query).await
}

/// `GET /AuditEvents/{id}`.
pub async fn get(call: Call) -> Result<Reply> {
    let mut rules = call.rules();
    let registry = Arc::clone(&call.schemas);
    let projection = call.projection(KIND, &mut rules)?;
    let id = call.id.clone();
    let found = call
        .state
        .service
        .store
        .read(&call.tenant()?, move |scope| {
            let no_such = || Error::no_such("audit event", &id);
            let number = id.split_once('-').and_then(|(_, s)| s.parse::<i64>().ok());
            let before = number.and_then(|n| n.checked_sub(1)).ok_or_else(no_such)?;
            let page = scope.list_entries_after(before, 1)?;
            let hit = page.into_iter().find(|(row, _)| entry_id(row) == id);
            hit.ok_or_else(no_such)
        })
        .await
        .map_err(|e| call.explain(e))?;
    let whole = render(&registry, &call.state.scim_base(), &found.0, &found.1);
    let whole = whole.map_err(|e| call.explain(e))?;
    Ok(Reply::ok(
        Value::Object(projection.apply(&registry, KIND, whole)).to_string(),
    ))
}

async fn page(call: &Call, query: ListQuery) -> Result<Reply> {
    let mut rules = call.rules();
    let registry = Arc::clone(&call.schemas);
    let projection = query.projection(&registry, KIND, &mut rules)?;
    let parsed = query
        .filter
        .as_deref()
        .map(|text| filter::parse(&registry, KIND, text, &mut rules))
        .transpose()?;
    let sort = sort::parse(&registry, KIND, &query, &mut rules)?;
    let (start, limit) = (start(call, KIND, &query)?, query.count);
    let (total, next, entries) = call
        .state
        .service
        .store
        .read(&call.tenant()?, move |scope| {
            let condition = parsed.map(|f| sql::entries(scope, &f));
            let slice = Slice {
                order: sql::entries_order(scope, &sort),
                start,
                limit,
            };
            let listed = scope.list_entries(condition.as_ref(), &slice)?;
            let total = slice.total(condition.is_some(), &listed, || {
                scope.count_entries(condition.as_ref())
            })?;
            Ok::<_, Error>((total, listed.next, scope.with_values(listed.rows)?))
        })
        .await
        .map_err(|e| call.explain(e))?;
    let base = call.state.scim_base();
    let rendered = entries.iter().map(|(row, values)| {
        let whole = render(&registry, &base, row, values)?;
        Ok(Value::Object(projection.apply(&registry, KIND, whole)).to_string())
    });
    let resources = readable(rendered, &call.request);
    let page = Page {
        total,
        resources,
        next,
    };
    let mut reply = Reply::ok(page_response(call, KIND, &query, &page)?);
    reply.rules = rules.used();
    Ok(reply)
}
