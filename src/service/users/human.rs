//! What a human decides about a person: revoke, remove, reinstate. No source lifts it (SEMANTICS §1, §3).

use serde_json::json;

use super::Halt;
use super::model::Model;
use super::settle::settle_access;
use crate::domain::access::{Access, Decision, on_reinstate, on_remove, on_revoke, reason};
use crate::domain::audit::Entry;
use crate::scim::error::quote;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::groups::leave_groups;
use crate::service::{Caller, Service};
use crate::storage::claims::ClaimState;
use crate::storage::memberships::MemberKind;
use crate::storage::{Outcome, Tx};

/// Parameter of the reason: what the human wrote beside the decision.
const NOTE: &str = "note";

/// Longest note, in characters.
const NOTE_LENGTH: usize = 500;

/// How a person stands after a human's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Access now.
    pub access: Access,
    /// Nobody but the journal knows the person any more.
    pub is_tombstone: bool,
    /// False: it was so before, and nothing was written.
    pub is_changed: bool,
}

/// What the human wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Revoke,
    Remove,
    Reinstate,
}

impl Service {
    /// Takes access away; no source gives it back. A note is kept with the reason.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for somebody who has no access, and for a break-glass admin; `Invalid` for a note that is too
    /// long.
    pub async fn revoke_person(
        &self,
        caller: &Caller,
        id: &str,
        note: Option<&str>,
    ) -> Result<Decided> {
        self.decide_person(caller, id, Wish::Revoke, note).await
    }

    /// Removes a person: whom a source still claims stays, listed; anybody else becomes a tombstone, which only the
    /// journal knows. Whoever comes back later comes back listed.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for the break-glass admin; `Invalid` for a note that is too long.
    pub async fn remove_person(
        &self,
        caller: &Caller,
        id: &str,
        note: Option<&str>,
    ) -> Result<Decided> {
        let user = id.to_owned();
        // Memberships go in steps that one transaction can carry; the person herself goes last.
        loop {
            let (registry, user) = (self.registry(&caller.tenant).await?, user.clone());
            let is_out = self
                .store
                .write(caller.meta(), move |tx| {
                    let model = load(tx, &registry, &user)?;
                    check_removable(&model)?;
                    let member = (user.clone(), MemberKind::User);
                    let is_out = is_claimed(&model)
                        || leave_groups(tx, &member, None, reason::REMOVED_BY_HUMAN)?;
                    Ok::<_, Halt>(Outcome::Done(is_out))
                })
                .await;
            match is_out {
                Ok(true) => return self.decide_person(caller, id, Wish::Remove, note).await,
                Ok(false) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    /// Lifts a revoke or a remove: the person is listed, and the joiner policy decides when a source next says `active`.
    ///
    /// # Errors
    /// `NotFound`, also for a tombstone; `Forbidden` where no human decided anything.
    pub async fn reinstate_person(
        &self,
        caller: &Caller,
        id: &str,
        note: Option<&str>,
    ) -> Result<Decided> {
        self.decide_person(caller, id, Wish::Reinstate, note).await
    }

    async fn decide_person(
        &self,
        caller: &Caller,
        id: &str,
        wish: Wish,
        note: Option<&str>,
    ) -> Result<Decided> {
        let params = note.map(parameters).transpose()?;
        let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                decide(tx, &registry, &id, wish, params.as_deref()).map(Outcome::Done)
            })
            .await
    }
}

/// A note as it is stored with the reason.
fn parameters(note: &str) -> Result<String> {
    let is_good = !note.trim().is_empty()
        && note.chars().count() <= NOTE_LENGTH
        && !note.chars().any(char::is_control);
    if !is_good {
        return Err(crate::scim::Error::invalid_value(format!(
            "a note has 1 to {NOTE_LENGTH} characters on one line; got `{}`",
            quote(note)
        ))
        .into());
    }
    Ok(json!({NOTE: note}).to_string())
}

/// The person, unless she is a tombstone.
fn load(tx: &mut Tx<'_>, registry: &Registry, id: &str) -> Result<Model> {
    Model::load(tx, registry, id)?
        .filter(|m| m.row.removed_at.is_none())
        .ok_or_else(|| Error::no_such("person", id))
}

/// Some source goes on writing her.
fn is_claimed(model: &Model) -> bool {
    model.claims.iter().any(|c| !c.is(ClaimState::Ended))
}

fn check_removable(model: &Model) -> Result<()> {
    match model.row.break_glass {
        false => Ok(()),
        true => Err(Error::Forbidden(
            "this is a break-glass admin, by whom the tenant is reached when nothing else works: the operator takes the \
             mark from her first"
                .to_owned(),
        )),
    }
}

fn decide(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    wish: Wish,
    params: Option<&str>,
) -> Result<Decided> {
    let before = load(tx, registry, id)?;
    let mut model = before.clone();
    let now = tx.now();
    let decision = match wish {
        Wish::Revoke => {
            check_removable(&model)?;
            revoke(&model)?
        }
        Wish::Remove => {
            check_removable(&model)?;
            on_remove(model.access(), is_claimed(&model))
        }
        Wish::Reinstate => reinstate(&model)?,
    };
    model.row.sticky = wish != Wish::Reinstate;
    let is_tombstone = wish == Wish::Remove && !is_claimed(&model);
    if is_tombstone {
        model.row.removed_at = Some(now.0);
    }
    model.decide(decision, now);
    if let Some(params) = params {
        model.row.access_params = Some(params.to_owned());
    }
    let is_changed = settle_access(tx, &before, &mut model)?;
    if wish != Wish::Reinstate {
        // Nothing of what her sources want is left to decide.
        tx.delete_held_of(id)?;
    }
    if is_tombstone {
        tx.record(Entry::new("user.deleted", "user", id).reason(reason::REMOVED_BY_HUMAN));
    }
    Ok(Decided {
        access: model.access(),
        is_tombstone,
        is_changed,
    })
}

fn revoke(model: &Model) -> Result<Decision> {
    on_revoke(model.access()).ok_or_else(|| {
        Error::Forbidden(
            "this person is listed only and has no access that could be revoked; remove her to keep sources from \
             granting any"
                .to_owned(),
        )
    })
}

fn reinstate(model: &Model) -> Result<Decision> {
    if model.row.sticky {
        return Ok(on_reinstate());
    }
    Err(Error::Forbidden(
        "no human revoked or removed this person, so there is nothing to lift".to_owned(),
    ))
}
