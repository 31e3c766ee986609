//! What a change of a person means for her invitation, whoever made it: a pending one dies when something else decides about
//! her access, and a policy that invites sends one. It happens in the transaction of the change.

use serde_json::Value;

use super::write::{address_of, create, end, entry, is_at, link, next, send};
use super::{Delivery, Wish};
use crate::domain::access::{Access, reason};
use crate::domain::invitation::State;
use crate::service::error::Result;
use crate::service::mail::{self, Kind};
use crate::service::users::model::Model;
use crate::storage::Tx;
use crate::storage::invitations::InvitationRow;

/// Follows a person who was written back.
pub(in crate::service) fn follow(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &Model,
) -> Result<()> {
    let is_there = |m: &Model| m.row.removed_at.is_none();
    let is_invited = |m: &Model| m.access() == Access::Invited && is_there(m);
    let was = before.is_some_and(is_invited);
    let id = model.row.id.as_str();
    match (was, is_invited(model)) {
        (false, true) if tx.find_pending_invitation(id)?.is_none() => begin(tx, model)?,
        (true, false) => {
            if let Some(mut row) = tx.find_pending_invitation(id)? {
                let why = match is_undo(tx) {
                    // Her access is as before, and the reason for that is none to end anything.
                    true => reason::UNDONE,
                    false => model.row.access_reason.as_str(),
                };
                end(tx, &mut row, State::Superseded, Some(why))?;
            }
        }
        (true, true) => {
            if let Some(row) = tx.find_pending_invitation(id)? {
                move_on(tx, model, row)?;
            }
        }
        _ => {}
    }
    if before.is_some_and(is_there) && !is_there(model) {
        tx.wipe_invitations_of(id)?;
    }
    Ok(())
}

fn is_undo(tx: &Tx<'_>) -> bool {
    tx.cause().kind == "undo"
}

/// Her address is another one by now: the invitation goes there, and no link that went to the former one works. The app
/// sends those again that it writes itself; until then none works.
fn move_on(tx: &mut Tx<'_>, model: &Model, mut row: InvitationRow) -> Result<()> {
    if is_at(&model.doc, &row) || row.delivery == Delivery::App.as_str() {
        return Ok(());
    }
    let Some(address) = address_of(&model.doc) else {
        return Ok(());
    };
    let former = std::mem::replace(&mut row.email, address);
    send(tx, &mut row, Kind::Invitation)?;
    let moved = entry("invitation.resent", &row).change(
        "email",
        Some(Value::from(former)),
        Some(Value::from(row.email.as_str())),
    );
    tx.record(moved);
    Ok(())
}

/// Somebody is invited, and not by anybody in person: by a policy, or since an undo gives back what she had.
fn begin(tx: &mut Tx<'_>, model: &Model) -> Result<()> {
    if is_undo(tx)
        && let Some(row) = tx.find_last_invitation(&model.row.id)?
        && row.state == State::Superseded.as_str()
        && is_at(&model.doc, &row)
    {
        return revive(tx, row);
    }
    let policy_of = model.row.added_via.clone();
    create(
        tx,
        model,
        &Wish::default(),
        (policy_of.as_deref().or(Some("")), Kind::Invitation),
    )?;
    Ok(())
}

/// The link that she has works again. Where its mail was stopped before it went out, another one goes.
fn revive(tx: &mut Tx<'_>, mut row: InvitationRow) -> Result<()> {
    State::Pending.as_str().clone_into(&mut row.state);
    row.reason = None;
    row.ended_at = None;
    row.due_at = Some(next(&row).0);
    let mail = match &row.mail_id {
        Some(id) => mail::status(tx, id)?,
        None => None,
    };
    if mail.is_some_and(|mail| mail.state == "canceled") {
        link(tx, &mut row, Kind::Invitation)?;
    }
    tx.update_invitation(&row)?;
    tx.record(entry("invitation.revived", &row));
    Ok(())
}
