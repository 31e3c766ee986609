//! Mails of a tenant, what became of them, and how they look.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::domain::brand::Brand as Looks;
use crate::http::call::Reply;
use crate::service::mail::{Event, OutboxRow};

/// Most events of one request.
const EVENTS: usize = 500;

/// A mail, or a call of the operator's webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// `mail` or `webhook`.
    #[schema(example = "mail")]
    channel: String,
    /// `invitation`, `reminder`, `renewed` or `notice`.
    #[schema(example = "invitation")]
    kind: String,
    /// Code of the notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The person whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// The notice that it tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// Address; of a webhook none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann@example.com")]
    to: Option<String>,
    /// `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// `queued`, `sending`, `sent` (the next server took it), `filed` (written into the local outbox: no mail server is set),
    /// `failed` or `canceled`.
    #[schema(example = "sent")]
    state: String,
    /// `unknown`, `delivered`, `bounced` or `complained`: what the mail provider reported, if it reports.
    #[schema(example = "unknown")]
    delivery: String,
    /// How often it was tried.
    attempts: i64,
    /// The last failure: code, and the mail server's codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// When it was queued.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When the next server took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
}

impl From<OutboxRow> for Mail {
    fn from(row: OutboxRow) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            id: row.id,
            channel: row.channel,
            kind: row.kind,
            code: some(row.code),
            person: row.person,
            notice: row.notice,
            to: some(row.recipient),
            language: row.language,
            state: row.state,
            delivery: row.delivery,
            attempts: row.attempts,
            error: row.error.and_then(|text| serde_json::from_str(&text).ok()),
            created_at: time(row.created_at),
            sent_at: row.sent_at.map(time),
            next_at: row.next_at.map(time),
        }
    }
}

/// List a tenant's mails, the newest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/mails", params(("state" = Option<String>, Query, description = "Only those in this state.")), responses((status = 200, description = "A page of them.", body = Page<Mail>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows = service
        .list_outgoing(
            &caller.tenant,
            call.parameter("after"),
            call.parameter("state"),
            most,
        )
        .await;
    let rows = rows.map_err(|e| call.explain(e))?;
    let shown = |row: OutboxRow| (row.id.clone(), Mail::from(row));
    reply(200, &Page::first(rows.into_iter().map(shown), limit))
}

/// Show a mail.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/mails/{id}", responses((status = 200, description = "The mail.", body = Mail)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_outgoing(&caller.tenant, &call.id).await;
    reply(200, &Mail::from(found.map_err(|e| call.explain(e))?))
}

/// Try a mail again that failed, was filed, or waits.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/mails/{id}/retry", responses((status = 200, description = "It is queued.", body = Mail)))]
pub async fn retry(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let row = service.retry_outgoing(&caller, &call.id).await;
    reply(200, &Mail::from(row.map_err(|e| call.explain(e))?))
}

/// What became of mails, as the mail provider says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"events": [{"messageId": "<0197….0196…@example.com>", "event": "bounced"}]}))]
pub struct MailEvents {
    /// At most 500.
    events: Vec<MailEvent>,
}

/// What became of one mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailEvent {
    /// Its `Message-ID`, with or without the brackets.
    message_id: String,
    /// What.
    event: Became,
}

/// What becomes of a mail.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It arrived.
    Delivered,
    /// It came back.
    Bounced,
    /// Who got it says that it is spam.
    Complained,
}

/// What was made of the events.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailEventsTaken {
    /// Events of mails of ours.
    taken: u64,
    /// Events of others.
    unknown: u64,
}

/// Report what became of mails.
///
/// By a token of the role `mail`, made for it, or of the operator. Without such reports a mail that was sent has the delivery
/// `unknown`. An invitation that came back opens a notice.
#[utoipa::path(post, path = "/api/v1/mail-events", request_body = MailEvents, responses((status = 200, description = "They are noted.", body = MailEventsTaken)))]
pub async fn events(call: Call) -> Result<Reply> {
    let (events, caller) = (call.read::<MailEvents>()?.events, call.caller()?);
    if events.len() > EVENTS {
        return Err(Problem::invalid(format!(
            "`events` takes at most {EVENTS}; got {}",
            events.len()
        )));
    }
    let mut said = MailEventsTaken {
        taken: 0,
        unknown: 0,
    };
    for one in events {
        let event = match one.event {
            Became::Delivered => Event::Delivered,
            Became::Bounced => Event::Bounced,
            Became::Complained => Event::Complained,
        };
        let noted = call
            .state
            .service
            .note_mail_event(&caller, &one.message_id, event)
            .await;
        match noted.map_err(|e| call.explain(e))? {
            true => said.taken += 1,
            false => said.unknown += 1,
        }
    }
    reply(200, &said)
}

/// How mails look. What is absent is the operator's, or left out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"product": "Acme", "color": "#1f4fd8", "support": "mailto:help@example.com"}))]
pub struct Brand {
    /// What the product is called: one line of at most 60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    /// Its logo: an https:// address.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    /// Colour of buttons: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    /// Colour around the letter: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<String>,
    /// Name of the sender; otherwise the product's.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    /// Where one finds help: an https:// or mailto: address.
    #[serde(skip_serializing_if = "Option::is_none")]
    support: Option<String>,
    /// What stands below: at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    /// Whether Rosterd is named; otherwise it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    names_rosterd: Option<bool>,
}

impl From<Looks> for Brand {
    fn from(looks: Looks) -> Self {
        Self {
            product: looks.product,
            logo: looks.logo,
            color: looks.color,
            background: looks.background,
            sender: looks.sender,
            support: looks.support,
            footer: looks.footer,
            names_rosterd: looks.names_rosterd,
        }
    }
}

impl From<Brand> for Looks {
    fn from(brand: Brand) -> Self {
        Self {
            product: brand.product,
            logo: brand.logo,
            color: brand.color,
            background: brand.background,
            sender: brand.sender,
            support: brand.support,
            footer: brand.footer,
            names_rosterd: brand.names_rosterd,
        }
    }
}

/// Show how a tenant's mails look: what is set for it.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/brand", responses((status = 200, description = "What is set.", body = Brand)))]
pub async fn brand(call: Call) -> Result<Reply> {
    show_brand(&call).await
}

/// Set how a tenant's mails look; what is absent is the operator's.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/brand", request_body = Brand, responses((status = 200, description = "What is set then.", body = Brand)))]
pub async fn set_brand(call: Call) -> Result<Reply> {
    put_brand(&call).await
}

/// Show how mails look of tenants that set nothing.
#[utoipa::path(get, path = "/api/v1/brand", responses((status = 200, description = "What is set.", body = Brand)))]
pub async fn operators_brand(call: Call) -> Result<Reply> {
    show_brand(&call).await
}

/// Set how mails look of tenants that set nothing.
#[utoipa::path(put, path = "/api/v1/brand", request_body = Brand, responses((status = 200, description = "What is set then.", body = Brand)))]
pub async fn set_operators_brand(call: Call) -> Result<Reply> {
    put_brand(&call).await
}

async fn show_brand(call: &Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_brand(&caller.tenant).await;
    reply(200, &Brand::from(found.map_err(|e| call.explain(e))?))
}

async fn put_brand(call: &Call) -> Result<Reply> {
    let wanted: Brand = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let set = service.set_brand(&caller, wanted.into()).await;
    set.map_err(|e| call.explain(e))?;
    show_brand(call).await
}
