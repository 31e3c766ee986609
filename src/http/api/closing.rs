//! The end of a tenant: all of it as lines of JSON, its deletion, the way back, and the proof.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::tenants::{Tenant, show};
use super::{Page, time};
use crate::http::call::{Lines, Reply};
use crate::scim::error::quote;
use crate::service::closing::Deletion;

/// A tenant whose data is gone, or on its way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedTenant {
    /// Id that it had.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Name that it had.
    #[schema(example = "acme")]
    name: String,
    /// When its data began to go.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    began_at: String,
    /// When all of it was gone; absent: it is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// Rows that are gone, by table.
    rows: BTreeMap<String, u64>,
    /// The proof: id, name, account, times, rows by table, where the tenant's journal ended, and `hash`, SHA-256 of
    /// `rosterd-deletion-1` and the canonical JSON of the rest. The operator's journal has it in its entry `tenant.erased`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    receipt: Option<Value>,
}

fn told(deletion: Deletion) -> DeletedTenant {
    DeletedTenant {
        id: deletion.tenant,
        name: deletion.name,
        began_at: time(deletion.began_at),
        finished_at: deletion.finished_at.map(time),
        rows: deletion.rows,
        receipt: deletion.receipt,
    }
}

/// Delete a tenant.
///
/// Its tokens are refused within a second, nothing is pulled or sent for it any more, its data stays for `graceDays` and it
/// can be restored. Then all its data goes. Once more with other days: after those, from now on.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}", responses((status = 200, description = "As it is then.", body = Tenant)))]
pub async fn delete(call: Call) -> Result<Reply> {
    let days = match call.parameter("graceDays") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            let got = quote(text);
            Problem::invalid(format!("`graceDays` takes a number of days; got `{got}`"))
        })?),
    };
    let (caller, id) = (call.caller()?, &call.tenant()?.id);
    let row = call.state.service.delete_tenant(&caller, id, days).await;
    reply(200, &show(&row.map_err(|e| call.explain(e))?))
}

/// Take a deletion back.
///
/// As long as its data is there, the tenant is as it was, its tokens too. One that is not deleted stays as it is.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/restore", responses((status = 200, description = "As it is then.", body = Tenant)))]
pub async fn restore(call: Call) -> Result<Reply> {
    let (caller, id) = (call.caller()?, &call.tenant()?.id);
    let row = call.state.service.restore_tenant(&caller, id).await;
    reply(200, &show(&row.map_err(|e| call.explain(e))?))
}

/// Export a tenant.
///
/// Lines of JSON with everything of the tenant that is no secret: first one of the kind `export` with the tenant and its
/// settings, then its rows by table, its journal, and one of the kind `end` with the number of lines before it and their
/// SHA-256. An answer without that line was cut off.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/export", responses((status = 200, description = "The lines.", content_type = "application/x-ndjson", body = String)))]
pub async fn export(call: Call) -> Result<Reply> {
    let export = call.state.service.export_tenant(&call.caller()?).await;
    let mut export = export.map_err(|e| call.explain(e))?;
    // What fails at once is told; what fails later cuts the answer off.
    let first = export.next().await.map_err(|e| call.explain(e))?;
    let request = call.request.clone();
    let rest = futures_util::stream::unfold(Some(export), move |export| {
        let request = request.clone();
        async move {
            let mut export = export?;
            match export.next().await {
                Ok(Some(text)) => Some((Ok(Bytes::from(text)), Some(export))),
                Ok(None) => None,
                Err(error) => {
                    tracing::error!(request.id = request, error = %error, "an export was cut off");
                    Some((Err(std::io::Error::other("the export was cut off")), None))
                }
            }
        }
    });
    let first = futures_util::stream::iter(first.map(|text| Ok(Bytes::from(text))));
    Ok(Reply {
        status: 200,
        lines: Some(Lines(Box::pin(futures_util::StreamExt::chain(first, rest)))),
        ..Reply::default()
    })
}

/// List deleted tenants.
///
/// Those whose data is gone, or on its way; the newest last. A tenant that can still be restored is in the list of tenants.
#[utoipa::path(get, path = "/api/v1/deleted-tenants", responses((status = 200, description = "A page of them.", body = Page<DeletedTenant>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let all = call.state.service.list_deletions().await;
    let all = all.map_err(|e| call.explain(e))?;
    let page = Page::of(&call, all, |d| &d.tenant, |d| Ok(told(d)))?;
    reply(200, &page)
}

/// Show the deletion of a tenant, with its proof.
#[utoipa::path(get, path = "/api/v1/deleted-tenants/{id}", responses((status = 200, description = "The deletion.", body = DeletedTenant)))]
pub async fn get(call: Call) -> Result<Reply> {
    let found = call.state.service.find_deletion(&call.id).await;
    reply(200, &told(found.map_err(|e| call.explain(e))?))
}
