//! Invitations, what people are given by them, and the code by which the app learns who accepted.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::people::Reason;
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::domain::invitation::State;
use crate::domain::language::Language;
use crate::domain::roles::Role;
use crate::domain::sealed::SecretText;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service;
use crate::service::invitations::{self as ours, Attributes, Delivery, Given, Giver, Wish};

/// Longest code that is read, in bytes.
const CODE: usize = 2_000;

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// Id of who is invited.
    person: String,
    /// `pending`, `accepted`, `declined`, `withdrawn`, `expired` or `superseded`.
    #[schema(example = "pending")]
    state: String,
    /// Of one that was superseded: code of what happened instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "left")]
    reason: Option<String>,
    /// The address that it went to; absent once she is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann@acme.test")]
    email: Option<String>,
    /// `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// `mail`: Rosterd writes to her; `app`: the app does.
    #[schema(example = "mail")]
    delivery: String,
    /// How the mail stands; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<Mail>,
    /// What she is given when she accepts.
    given: Given,
    /// What the inviter added.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// How the mail names the inviter.
    #[serde(skip_serializing_if = "Option::is_none")]
    inviter: Option<String>,
    /// Id of the connection whose joiner policy invited; absent: somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// How many links were sent, reminders aside.
    sends: i64,
    /// When she was invited.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// When the newest link was sent.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    sent_at: String,
    /// Until when that works.
    #[schema(example = "2027-02-14T02:00:00.000Z")]
    expires_at: String,
    /// When she was reminded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reminded_at: Option<String>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

/// How a mail stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitationMail)]
pub struct Mail {
    /// `queued`, `sending`, `sent`, `filed` (no mail server is set), `failed` or `canceled`.
    #[schema(example = "sent")]
    state: String,
    /// `unknown`, `delivered`, `bounced` or `complained`.
    #[schema(example = "unknown")]
    delivery: String,
    /// The last failure: code and parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

fn show(invitation: ours::Invitation) -> Invitation {
    let ours::Invitation { row, given, mail } = invitation;
    Invitation {
        id: row.id,
        person: row.user_id,
        state: row.state,
        reason: row.reason,
        email: Some(row.email).filter(|e| !e.is_empty()),
        language: row.language,
        delivery: row.delivery,
        mail: mail.map(|mail| Mail {
            state: mail.state,
            delivery: mail.delivery,
            error: mail.error,
        }),
        given,
        message: row.message,
        inviter: row.inviter,
        connection: row.connection_id.filter(|id| !id.is_empty()),
        sends: row.sends,
        created_at: time(row.created_at),
        sent_at: time(row.sent_at),
        expires_at: time(row.expires_at),
        reminded_at: row.reminded_at.map(time),
        ended_at: row.ended_at.map(time),
    }
}

/// Whom to invite, and how.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"people": ["01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"], "given": {"roles": ["editor"]}, "message": "Welcome!"}))]
pub struct NewInvitations {
    /// Ids of people, at most 500.
    people: Vec<String>,
    /// What they are given, of what the operator declared.
    #[serde(default)]
    given: Given,
    /// What the inviter adds: at most 2,000 characters.
    message: Option<String>,
    /// How the mail names the inviter.
    inviter: Option<String>,
    /// `en` or `fr`; otherwise that of each person.
    language: Option<String>,
    /// `mail` (at first): Rosterd writes to them; `app`: the answer has the links, once, and the app writes to them.
    delivery: Option<String>,
    /// It is known that some have left, or are inactive in a source.
    #[serde(default)]
    in_spite: bool,
}

/// What came of inviting people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitationResults)]
pub struct Results {
    /// One for each, in their order.
    results: Vec<Invited>,
}

/// What came of inviting somebody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invited {
    /// Id of the person.
    person: String,
    /// `invited`, or why not: `already-invited`, `has-access`, `no-such-person`, `no-address`, `reinstate-first`,
    /// `conflict`, `break-glass`, `left`, `source-inactive`,
    /// or `no-seat` where the plan has no seat left after others were invited.
    #[schema(example = "invited")]
    result: &'static str,
    /// Her invitation; one that was out already too.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
    /// Her link, where the app writes to her: it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// An invitation that was sent again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resent {
    /// The invitation; another one where the former was over.
    invitation: Invitation,
    /// Her link, where the app writes to her: it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

fn link(call: &Call, token: Option<SecretText>) -> Option<String> {
    token.map(|token| format!("{}/invite/{}", call.state.public_url, token.expose()))
}

fn word<T>(
    field: &str,
    given: Option<&str>,
    known: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let read = |text: &str| {
        parse(text).ok_or_else(|| {
            Problem::invalid(format!("`{field}` takes {known}; got `{}`", quote(text)))
        })
    };
    given.map(read).transpose()
}

/// List invitations.
///
/// Oldest first; with `state` those in this state, with `person` those of one person.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/invitations", responses((status = 200, description = "A page of them.", body = Page<Invitation>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let states = State::ALL.map(State::as_str).join(", ");
    let state = word("state", call.parameter("state"), &states, State::parse)?;
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    let (person, after) = (call.parameter("person"), call.parameter("after"));
    let rows = service
        .list_invitations(&caller.tenant, state, person, after, limit + 1)
        .await
        .map_err(|e| call.explain(e))?;
    let rows = rows.into_iter().map(|i| (i.row.id.clone(), show(i)));
    reply(200, &Page::first(rows, limit))
}

/// Show an invitation.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/invitations/{id}", responses((status = 200, description = "The invitation.", body = Invitation)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_invitation(&caller.tenant, &call.id).await;
    reply(200, &show(found.map_err(|e| call.explain(e))?))
}

/// Invite people.
///
/// Each for herself: the answer has a result per person. Nobody is invited twice, by requests at the same time neither:
/// `already-invited` is a result as good as `invited`. A mail with a link goes to each of them, valid for 14 days.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/invitations", request_body = NewInvitations, responses((status = 200, description = "What came of it.", body = Results)))]
pub async fn create(call: Call) -> Result<Reply> {
    let wanted: NewInvitations = call.read()?;
    let wish = Wish {
        given: wanted.given,
        message: wanted.message,
        inviter: wanted.inviter,
        language: word(
            "language",
            wanted.language.as_deref(),
            "en or fr",
            Language::parse,
        )?,
        delivery: word(
            "delivery",
            wanted.delivery.as_deref(),
            "mail or app",
            Delivery::parse,
        )?
        .unwrap_or_default(),
        in_spite: wanted.in_spite,
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    let role = call.context.as_ref().map_or(Role::TenantAdmin, |c| c.role);
    let results = service
        .invite_people(&caller, Giver::of(role), wanted.people, wish)
        .await
        .map_err(|e| call.explain(e))?;
    let results = results.into_iter().map(|invited| Invited {
        person: invited.person,
        result: invited
            .refused
            .map_or("invited", |refusal| refusal.as_str()),
        invitation: invited.invitation.map(show),
        link: link(&call, invited.token),
    });
    let results = Results {
        results: results.collect(),
    };
    reply(200, &results)
}

/// Send an invitation again.
///
/// The link that was sent before does not work any more. In the place of one that expired, was declined or was withdrawn
/// another one is made, with the same content; 409 for one that is over otherwise.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/invitations/{id}/resend", responses((status = 200, description = "It is on its way.", body = Resent)))]
pub async fn resend(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let resent = service.resend_invitation(&caller, &call.id).await;
    let (invitation, token) = resent.map_err(|e| call.explain(e))?;
    let resent = Resent {
        invitation: show(invitation),
        link: link(&call, token),
    };
    reply(200, &resent)
}

/// Take an invitation back.
///
/// She is listed, her link does not work any more, and only a human invites her again.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/invitations/{id}/withdraw", responses((status = 200, description = "The invitation as it is then.", body = Invitation)))]
pub async fn withdraw(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.withdraw_invitation(&caller, &call.id).await;
    reply(200, &show(done.map_err(|e| call.explain(e))?))
}

/// Show what people can be given.
///
/// The roles, entities and fields that the operator declared for the app.
#[utoipa::path(get, path = "/api/v1/invite-attributes", responses((status = 200, description = "The declaration.", body = Attributes)))]
pub async fn attributes(call: Call) -> Result<Reply> {
    let found = call.state.service.find_invite_attributes().await;
    reply(200, &found.map_err(|e| call.explain(e))?)
}

/// Declare what people can be given.
///
/// All of it: roles, entities and fields. Entities and fields are attributes of the extension
/// `urn:ietf:params:scim:schemas:extension:invite:2.0:User` in every tenant; one that is left out later stays in
/// the schema and is offered no more. No type changes.
#[utoipa::path(put, path = "/api/v1/invite-attributes", request_body = Attributes, responses((status = 200, description = "The declaration as it is then.", body = Attributes)))]
pub async fn declare(call: Call) -> Result<Reply> {
    let wanted: Attributes = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let declared = service.declare_invite_attributes(&caller, wanted).await;
    reply(200, &declared.map_err(|e| call.explain(e))?)
}

/// A code that came with a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "OTc3…"}))]
pub struct Handoff {
    /// The parameter `code` of the address.
    code: String,
}

/// Who was handed over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandedOff {
    /// Id of her tenant.
    tenant: String,
    /// Its name.
    #[schema(example = "acme")]
    tenant_name: String,
    /// Id of the person.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    person: String,
    /// What the app calls her; absent: it does not know her yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_user_id: Option<String>,
    /// `granted`.
    #[schema(example = "granted")]
    access: String,
    /// What the app is to enforce: true.
    has_access: bool,
    /// Why.
    access_reason: Reason,
    /// Her roles.
    roles: Vec<String>,
    /// The SCIM User in force, without `id` and `meta`.
    #[schema(value_type = Object)]
    user: Value,
}

/// Exchange the code of somebody who accepted an invitation.
///
/// Once, within two minutes: she was sent to the app's address with it. 404 for a code that is of no use any more, also
/// since she lost access meanwhile: then she signs in as usual. An app's token exchanges codes of its own tenant only.
#[utoipa::path(post, path = "/api/v1/handoff", request_body = Handoff, responses((status = 200, description = "Who she is.", body = HandedOff)))]
pub async fn handoff(call: Call) -> Result<Reply> {
    let given: Handoff = call.read()?;
    if given.code.is_empty() || given.code.len() > CODE {
        return Err(Problem::invalid(format!("`code` takes 1 to {CODE} bytes")));
    }
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.exchange_handoff(&caller, &given.code).await;
    let ours::HandedOff {
        tenant,
        tenant_name,
        person,
    } = done.map_err(|e: service::Error| call.explain(e))?;
    let user: Value = serde_json::from_str(&person.doc.0).unwrap_or(Value::Null);
    let roles = user["roles"].as_array().into_iter().flatten();
    let roles = roles.filter_map(|role| role["value"].as_str().map(str::to_owned));
    let answer = HandedOff {
        tenant: tenant.as_str().to_owned(),
        tenant_name,
        person: person.user_id,
        app_user_id: person.app_user_id,
        access: person.access,
        has_access: person.has_access,
        access_reason: Reason::of(person.access_reason, person.access_params.as_deref()),
        roles: roles.collect(),
        user,
    };
    reply(200, &answer)
}
