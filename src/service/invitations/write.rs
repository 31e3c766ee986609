//! Writing invitations, inside operations: one is made with its mail and its entry, is sent again, and ends.

use serde_json::Value;

use super::attributes::Given;
use super::token::{SECRET, hash, make};
use super::{Delivery, Wish};
use crate::domain::access::{Access, Decision, JoinerPolicy};
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::invitation::{Invitee, Refusal, State, VALID_DAYS, due, may_invite};
use crate::domain::language::Language;
use crate::domain::sealed::{NONCE, SecretText};
use crate::scim::Doc;
use crate::scim::fold::email_identity_key;
use crate::scim::schema::Registry;
use crate::service::entitlements::need_seat;
use crate::service::error::{Error, Result, corrupt};
use crate::service::mail::{self, About, Draft, Kind, NewMail};
use crate::service::users::model::{Model, text};
use crate::service::users::names::namesake;
use crate::service::users::settle::{Act, settle};
use crate::service::{Source, notices};
use crate::storage::invitations::InvitationRow;
use crate::storage::{Scope, Tx};

/// The address that mail for somebody goes to: the primary one, if mail can go there.
pub(in crate::service) fn address_of(doc: &Doc) -> Option<String> {
    let emails = doc.get("emails").and_then(Value::as_array);
    let rank = |item: &&Value| match item.get("primary").and_then(Value::as_bool) {
        Some(true) => 0,
        _ if item["type"]
            .as_str()
            .is_some_and(|t| t.eq_ignore_ascii_case("work")) =>
        {
            1
        }
        _ => 2,
    };
    let with_value = emails.into_iter().flatten();
    let with_value = with_value.filter(|item| item["value"].is_string());
    let address = match with_value.min_by_key(rank) {
        Some(item) => item["value"].as_str(),
        None => text(doc, "userName"),
    };
    let address = address.map(str::trim)?;
    mail::check_address(address)
        .ok()
        .map(|()| address.to_owned())
}

/// Whether an invitation went to the address that somebody has: a former one may be somebody else's by now.
pub(super) fn is_at(doc: &Doc, row: &InvitationRow) -> bool {
    let key = address_of(doc).map(|address| email_identity_key(&address));
    key == Some(email_identity_key(&row.email))
}

/// The same of whomever it invites.
pub(super) fn is_hers(scope: &mut Scope<'_>, row: &InvitationRow) -> Result<bool> {
    let Some(user) = scope.find_user(&row.user_id)? else {
        return Ok(false);
    };
    let doc: Doc = serde_json::from_str(&user.doc.0).map_err(|e| corrupt("users", &user.id, e))?;
    Ok(is_at(&doc, row))
}

/// The language in which somebody is written to.
pub(super) fn language_of(doc: &Doc) -> Language {
    let tag = text(doc, "preferredLanguage").or(text(doc, "locale"));
    Language::of_tag(tag.unwrap_or_default())
}

/// Somebody as the rules of inviting see her.
pub(super) fn invitee(model: &Model) -> Invitee<'_> {
    let left = EmploymentState::Left.as_str();
    Invitee {
        access: model.access(),
        reason: &model.row.access_reason,
        sticky: model.row.sticky,
        has_address: address_of(&model.doc).is_some(),
        is_break_glass: model.row.break_glass,
        has_left: model.row.employment_state.as_deref() == Some(left),
        is_inactive: model
            .claims
            .iter()
            .any(|c| c.takes_part() && c.row.active == Some(false)),
    }
}

/// In whose name a human's write about somebody settles, or her own: the source that brought her.
pub(in crate::service) fn source_of(model: &Model) -> Source {
    let first = model.claims.iter().find(|c| c.takes_part());
    let first = first.or(model.claims.first());
    match first {
        Some(claim) => Source {
            id: claim.row.connection_id.clone(),
            policy: JoinerPolicy::List,
        },
        None => Source::app(),
    }
}

/// What came of inviting somebody.
pub(super) type Made = (InvitationRow, Option<SecretText>);

/// Invites somebody, by a mail of this kind.
///
/// # Errors
/// `NotEntitled` where there is no seat, and nothing is written; storage.
pub(super) fn invite(
    tx: &mut Tx<'_>,
    registry: &Registry,
    person: &str,
    wish: &Wish,
    kind: Kind,
) -> Result<std::result::Result<Made, Refusal>> {
    let found = Model::load(tx, registry, person)?;
    let Some(before) = found.filter(|m| m.row.removed_at.is_none()) else {
        return Ok(Err(Refusal::NoSuchPerson));
    };
    let decision = match may_invite(invitee(&before), wish.in_spite) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut model = before.clone();
    model.row.sticky = false;
    model.decide(decision, tx.now());
    let made = match namesake(tx, Some(&before), &model)? {
        // Settling asks a human who is who.
        Some(_) => None,
        None => {
            need_seat(tx, Some(&before), &model)?;
            Some(create(tx, &model, wish, (None, kind))?)
        }
    };
    put(tx, registry, &before, &mut model)?;
    match made {
        Some(made) if model.access() == Access::Invited => Ok(Ok(made)),
        _ => Ok(Err(Refusal::Conflict)),
    }
}

/// Writes back somebody about whom an invitation decided.
pub(super) fn put(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: &Model,
    model: &mut Model,
) -> Result<bool> {
    let act = Act {
        source: &source_of(before),
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(before), model, &act)
}

/// Makes an invitation for somebody, by the policy of a connection or a human, and sends it by a mail of this kind.
pub(super) fn create(
    tx: &mut Tx<'_>,
    model: &Model,
    wish: &Wish,
    (policy_of, kind): (Option<&str>, Kind),
) -> Result<Made> {
    let (now, person) = (tx.now(), model.row.id.as_str());
    let email = address_of(&model.doc).ok_or_else(|| {
        Error::Conflict(format!(
            "the person `{person}` has no address that mail can go to"
        ))
    })?;
    let given = match wish.given.is_empty() {
        true => None,
        false => serde_json::to_string(&wish.given).ok(),
    };
    let mut row = InvitationRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        user_id: person.to_owned(),
        state: State::Pending.as_str().to_owned(),
        reason: None,
        email,
        language: wish
            .language
            .unwrap_or_else(|| language_of(&model.doc))
            .as_str()
            .to_owned(),
        delivery: wish.delivery.as_str().to_owned(),
        given,
        message: wish.message.clone(),
        inviter: wish.inviter.clone(),
        connection_id: policy_of.map(str::to_owned),
        mail_id: None,
        sends: 0,
        created_at: now.0,
        sent_at: now.0,
        expires_at: now.0,
        reminded_at: None,
        due_at: None,
        ended_at: None,
    };
    // Links speak of it.
    tx.create_invitation(&row)?;
    let token = send(tx, &mut row, kind)?;
    let entry = entry("invitation.created", &row)
        .change("email", None, Some(Value::from(row.email.as_str())))
        .change("delivery", None, Some(Value::from(row.delivery.as_str())))
        .change(
            "expiresAt",
            None,
            Some(Value::from(Millis(row.expires_at).to_rfc3339())),
        );
    let entry = given_changes(entry, &wish.given);
    tx.record(match policy_of {
        Some(_) => entry.reason(crate::domain::access::reason::INVITED_BY_POLICY),
        None => entry.reason(crate::domain::access::reason::INVITED),
    });
    let is_told = row.delivery == Delivery::App.as_str();
    Ok((row, Some(token).filter(|_| is_told)))
}

/// Says what is given.
pub(super) fn given_changes(entry: Entry, given: &Given) -> Entry {
    let roles = (!given.roles.is_empty()).then(|| Value::from(given.roles.as_slice()));
    let entry = entry.change("roles", None, roles).change(
        "entity",
        None,
        given.entity.clone().map(Value::from),
    );
    given.fields.iter().fold(entry, |entry, (name, value)| {
        entry.change(&format!("fields/{name}"), None, Some(value.clone()))
    })
}

/// An entry about an invitation: the person is its subject.
pub(super) fn entry(action: &'static str, row: &InvitationRow) -> Entry {
    Entry::new(action, "user", row.user_id.as_str()).object("invitation", row.id.as_str())
}

/// Sends a link that works from now on, for as long as a link does; with an invitation it is the only one.
pub(super) fn send(tx: &mut Tx<'_>, row: &mut InvitationRow, kind: Kind) -> Result<SecretText> {
    if row.sends > 0 {
        tx.delete_links_to_invitation(&row.id)?;
        cancel_mail(tx, row)?;
        // That this one does not arrive either would be news.
        notices::close(tx, notices::INVITATION_FAILED, &row.id)?;
    }
    let now = tx.now();
    row.sends += 1;
    row.sent_at = now.0;
    row.expires_at = now.plus_days(VALID_DAYS).0;
    row.reminded_at = None;
    row.due_at = Some(next(row).0);
    let token = link(tx, row, kind)?;
    tx.update_invitation(row)?;
    Ok(token)
}

/// What is next to be done about a pending invitation. The app reminds those whom it writes to itself.
pub(super) fn next(row: &InvitationRow) -> Millis {
    let is_of_app = row.delivery == Delivery::App.as_str();
    let is_reminded = row.reminded_at.is_some() || is_of_app;
    due(Millis(row.sent_at), Millis(row.expires_at), is_reminded)
}

/// Makes one more link for an invitation, and queues the mail that carries it.
pub(super) fn link(tx: &mut Tx<'_>, row: &mut InvitationRow, kind: Kind) -> Result<SecretText> {
    let tenant = tx.tenant().clone();
    let token = make(&tenant, tx.fresh_bytes::<SECRET>()).ok_or_else(|| {
        Error::Conflict("the tenant's id is no UUID: it can invite nobody".to_owned())
    })?;
    tx.create_link_to_invitation(&hash(token.expose()), &row.id)?;
    if row.delivery == Delivery::App.as_str() {
        return Ok(token);
    }
    let mail = NewMail {
        kind,
        person: row.user_id.clone(),
        to: row.email.clone(),
        language: Language::parse(&row.language).unwrap_or_default(),
        about: About {
            invitation: row.id.clone(),
            inviter: row.inviter.clone(),
            message: row.message.clone(),
            expires_at: row.expires_at,
        },
        token: token.clone(),
    };
    let (keys, id, nonce) = (tx.keys(), tx.fresh_id(), tx.fresh_bytes::<NONCE>());
    let draft = Draft::new(&keys, &tenant, id, nonce, mail)?;
    mail::queue(tx, &draft)?;
    row.mail_id = Some(draft.id().to_owned());
    Ok(token)
}

/// A mail that has not gone out yet does not go out any more.
pub(super) fn cancel_mail(tx: &mut Tx<'_>, row: &InvitationRow) -> Result<()> {
    match &row.mail_id {
        Some(id) => mail::cancel(tx, id),
        None => Ok(()),
    }
}

/// Ends an invitation. Its links stay known, so that whoever opens one is told what to do.
pub(super) fn end(
    tx: &mut Tx<'_>,
    row: &mut InvitationRow,
    state: State,
    reason: Option<&str>,
) -> Result<()> {
    let was = std::mem::replace(&mut row.state, state.as_str().to_owned());
    row.reason = reason.map(str::to_owned);
    row.ended_at = Some(tx.now().0);
    row.due_at = None;
    tx.update_invitation(row)?;
    cancel_mail(tx, row)?;
    notices::close(tx, notices::INVITATION_FAILED, &row.id)?;
    let action = match state {
        State::Pending => "invitation.changed",
        State::Accepted => "invitation.accepted",
        State::Declined => "invitation.declined",
        State::Withdrawn => "invitation.withdrawn",
        State::Expired => "invitation.expired",
        State::Superseded => "invitation.superseded",
    };
    let entry = entry(action, row).change(
        "state",
        Some(Value::from(was)),
        Some(Value::from(row.state.as_str())),
    );
    tx.record(match reason {
        Some(code) => entry.reason(code),
        None => entry,
    });
    Ok(())
}

/// Somebody who is invited, with what an act on her invitation makes of her access.
pub(super) fn decided(
    tx: &mut Tx<'_>,
    registry: &Registry,
    row: &InvitationRow,
    decision: Decision,
) -> Result<Option<(Model, Model)>> {
    let found = Model::load(tx, registry, &row.user_id)?;
    let found = found.filter(|m| m.row.removed_at.is_none() && m.access() == Access::Invited);
    Ok(found.map(|before| {
        let mut model = before.clone();
        model.decide(decision, tx.now());
        (before, model)
    }))
}
