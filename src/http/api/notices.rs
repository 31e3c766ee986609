//! Notices of a tenant, and who is told of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::connectors::language;
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::domain::language::Language;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::notices::{Notice as Raised, Recipient as Told};
use crate::words;

/// Something that an admin ought to know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// What it is.
    #[schema(example = "needs-credentials")]
    code: String,
    /// The thing it is about: a connection, token or invitation.
    subject: String,
    /// The person whom it is about, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// Parameters.
    params: Value,
    /// `open` while it lasts, then `closed`.
    #[schema(example = "open")]
    state: String,
    /// How often it happened.
    seen: i64,
    /// How often the recipients were told.
    told: i64,
    /// Since when.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When it last happened.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
    /// When the recipients are told next.
    #[serde(skip_serializing_if = "Option::is_none")]
    tell_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    /// In words, in the language of `lang` or `Accept-Language`.
    text: Words,
}

/// A notice in words.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Words {
    /// What it is.
    title: String,
    /// Why.
    cause: String,
    /// What it means for people so far.
    effect: String,
    /// What to do next.
    next: String,
}

fn show(notice: Raised, language: Language) -> Notice {
    let Raised { row, params } = notice;
    let told = words::notices::params(&row.code, &params, language);
    let told = words::notices::say(&row.code, &told, language);
    let text = told.map(|told| Words {
        title: told.title,
        cause: told.cause,
        effect: told.effect,
        next: told.next,
    });
    Notice {
        id: row.id,
        code: row.code,
        subject: row.subject,
        person: row.person,
        params,
        state: row.state,
        seen: row.seen,
        told: row.told,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        tell_at: row.tell_at.map(time),
        closed_at: row.closed_at.map(time),
        text: text.unwrap_or_default(),
    }
}

/// List a tenant's notices, the newest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/notices", params(("state" = Option<String>, Query, description = "Only those in this state: open or closed."), ("Accept-Language" = Option<String>, Header, description = "Languages that the reader prefers.")), responses((status = 200, description = "A page of them.", body = Page<Notice>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let language = reader(&call)?;
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let (after, state) = (call.parameter("after"), call.parameter("state"));
    let all = service
        .list_notices(&caller.tenant, after, state, most)
        .await;
    let all = all.map_err(|e| call.explain(e))?.into_iter();
    let shown = |notice: Raised| (notice.row.id.clone(), show(notice, language));
    reply(200, &Page::first(all.map(shown), limit))
}

/// Show a notice.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/notices/{id}", params(("Accept-Language" = Option<String>, Header, description = "Languages that the reader prefers.")), responses((status = 200, description = "The notice.", body = Notice)))]
pub async fn get(call: Call) -> Result<Reply> {
    let language = reader(&call)?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_notice(&caller.tenant, &call.id).await;
    reply(200, &show(found.map_err(|e| call.explain(e))?, language))
}

fn reader(call: &Call) -> Result<Language> {
    Ok(Language::parse(language(call)?).unwrap_or_default())
}

/// Who is told of a tenant's notices by mail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": [{"address": "it@example.com", "language": "en"}]}))]
pub struct Recipients {
    /// All of them, at most 20.
    to: Vec<Recipient>,
}

/// Somebody who is told.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Address.
    address: String,
    /// `en` or `fr`.
    #[serde(default = "english")]
    language: String,
}

fn english() -> String {
    Language::En.as_str().to_owned()
}

/// Show who is told of a tenant's notices by mail.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/notice-recipients", responses((status = 200, description = "They.", body = Recipients)))]
pub async fn recipients(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let all = service.list_notice_recipients(&caller.tenant).await;
    let all = all.map_err(|e| call.explain(e))?.into_iter();
    let to = all.map(|told| Recipient {
        address: told.address,
        language: told.language.as_str().to_owned(),
    });
    reply(200, &Recipients { to: to.collect() })
}

/// Set who is told of a tenant's notices by mail.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/notice-recipients", request_body = Recipients, responses((status = 200, description = "They are told from now on.", body = Recipients)))]
pub async fn set_recipients(call: Call) -> Result<Reply> {
    let wanted: Recipients = call.read()?;
    let told = |one: Recipient| match Language::parse(&one.language) {
        Some(language) => Ok(Told {
            address: one.address,
            language,
        }),
        None => Err(Problem::invalid(format!(
            "`to.language` takes en or fr; got `{}`",
            quote(&one.language)
        ))),
    };
    let all = wanted.to.into_iter().map(told).collect::<Result<_>>()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let set = service.set_notice_recipients(&caller, all).await;
    set.map_err(|e| call.explain(e))?;
    recipients(call).await
}

/// Where the operator is told of notices.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoticesWebhook {
    /// Address; absent: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What signs the calls (Standard Webhooks); shown when it is set, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The address of a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://example.com/rosterd-notices"}))]
pub struct NewNoticesWebhook {
    /// Address.
    url: String,
}

/// Show where the operator is told of notices.
#[utoipa::path(get, path = "/api/v1/notices-webhook", responses((status = 200, description = "There.", body = NoticesWebhook)))]
pub async fn webhook(call: Call) -> Result<Reply> {
    let found = call.state.service.find_notices_webhook().await;
    let url = found.map_err(|e| call.explain(e))?;
    reply(200, &NoticesWebhook { url, secret: None })
}

/// Set where the operator is told of notices, with a fresh secret.
#[utoipa::path(put, path = "/api/v1/notices-webhook", request_body = NewNoticesWebhook, responses((status = 200, description = "There, with the secret: the only time that it is shown.", body = NoticesWebhook)))]
pub async fn set_webhook(call: Call) -> Result<Reply> {
    let wanted: NewNoticesWebhook = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let secret = service.set_notices_webhook(&caller, &wanted.url).await;
    let secret = secret.map_err(|e| call.explain(e))?;
    let shown = NoticesWebhook {
        url: Some(wanted.url),
        secret: Some(secret.expose().to_owned()),
    };
    reply(200, &shown)
}

/// Tell the operator of notices no more.
#[utoipa::path(delete, path = "/api/v1/notices-webhook", responses((status = 204, description = "It is told no more.")))]
pub async fn remove_webhook(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let removed = service.remove_notices_webhook(&caller).await;
    removed.map_err(|e| call.explain(e))?;
    Ok(Reply {
        status: 204,
        ..Reply::default()
    })
}
