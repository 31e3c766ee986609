//! The app's own users: loaded, kept in step, removed.

use serde::Serialize;
use utoipa::ToSchema;

use super::Page;
use super::call::{Call, reply};
use super::imports::{Imported, import as import_lines};
use super::problem::Result;
use crate::http::call::Reply;
use crate::service::app::{AppUser, AppUserView, Done, What};

/// What became of a user of the app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Put {
    /// What was done.
    result: Done,
    /// As she is then.
    #[serde(flatten)]
    user: AppUserView,
}

/// Whether the app's users are there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadedState {
    /// `never-loaded`, `none-yet` or `loaded`.
    #[schema(example = "none-yet")]
    app_users: &'static str,
}

/// List the app's users.
///
/// In the order of the app's ids.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/app-users", responses((status = 200, description = "A page of them.", body = Page<AppUserView>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit()?);
    let users = service.list_app_users(&tenant, after, limit + 1).await;
    let users = users.map_err(|e| call.explain(e))?;
    let rows = users.into_iter().map(|u| (u.app_user_id.clone(), u));
    reply(200, &Page::first(rows, limit))
}

/// Show a user of the app.
///
/// By the app's id.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/app-users/{id}", responses((status = 200, description = "The user.", body = AppUserView)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    let user = service.find_app_user(&tenant, &call.id).await;
    reply(200, &user.map_err(|e| call.explain(e))?)
}

/// Say that the app has a user, and how she is.
///
/// The same again changes nothing. A person whom a source brought and who has the same verified primary address is the same
/// person. What is absent is said no more.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/app-users/{id}", request_body = AppUser,
    responses((status = 200, description = "As she is then.", body = Put), (status = 201, description = "She is new, as she is then.", body = Put)))]
pub async fn put(call: Call) -> Result<Reply> {
    let new: AppUser = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let put = service.put_app_user(&caller, &call.id, new).await;
    let (result, user) = put.map_err(|e| call.explain(e))?;
    let status = match result {
        Done::Created | Done::Matched => 201,
        Done::Updated | Done::Unchanged => 200,
    };
    reply(status, &Put { result, user })
}

/// Say that the app has a user no more.
///
/// Her access is revoked; no source gives it back until an admin reinstates her.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/app-users/{id}", responses((status = 204, description = "The app has her no more.")))]
pub async fn delete(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let deleted = service.delete_app_user(&caller, &call.id).await;
    deleted.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}

/// Load users of the app.
///
/// One JSON object a line: what PUT takes, with `appUserId`. A line that is refused harms no other. With `mode=reconcile` it
/// is everybody: who is in no line is told, and with `missing=remove` removed, unless a line was refused. With the header
/// `Idempotency-Key` an import that was cut off is gone on with: send it again, or from the line after `lines`.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/app-users:import",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, new for each import.")),
    request_body(content = String, content_type = "application/x-ndjson", description = "The lines."),
    responses((status = 200, description = "What became of each line.", body = Imported)))]
pub async fn import(call: Call) -> Result<Reply> {
    import_lines(call, What::Users).await
}

/// Say that the app has no users yet.
///
/// Then nobody is asked for them before a source is connected.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/app-users:none-yet", responses((status = 200, description = "What is known of the app's users.", body = LoadedState)))]
pub async fn none_yet(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let loaded = service.say_no_app_users(&caller).await;
    let loaded = loaded.map_err(|e| call.explain(e))?;
    reply(
        200,
        &LoadedState {
            app_users: loaded.as_str(),
        },
    )
}
