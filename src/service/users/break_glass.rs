//! Break-glass admins: whom no source removes or takes over, so that the tenant can be reached when nothing else works.
//! Named by the operator alone (docs/decisions/0021).

use serde_json::Value;

use super::Halt;
use super::model::Model;
use super::settle::{Act, settle};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::groups::leave_groups;
use crate::service::invitations::source_of;
use crate::service::{Caller, Service, push_guard};
use crate::storage::links::ABSENT;
use crate::storage::memberships::MemberKind;
use crate::storage::{Outcome, Tx};

/// States of a connection that brings nobody any more.
const OVER: [&str; 1] = ["disconnected"];

impl Service {
    /// Makes a person a break-glass admin, or no longer one. Returns whether that is news.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for somebody without access, and for the last one of a tenant that is connected.
    pub async fn set_break_glass(&self, caller: &Caller, id: &str, is_one: bool) -> Result<bool> {
        // The groups that go with her access go in steps that one transaction can carry; the mark goes last.
        loop {
            let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    set(tx, &registry, &id, is_one).map(Outcome::Done)
                })
                .await;
            if let Some(is_news) = self.settle_halt(done).await? {
                return Ok(is_news);
            }
        }
    }
}

/// `None`: she is in more groups than one operation may change; it is to be called again.
fn set(tx: &mut Tx<'_>, registry: &Registry, id: &str, is_one: bool) -> Result<Option<bool>, Halt> {
    let before = Model::load(tx, registry, id)?
        .filter(|m| m.row.removed_at.is_none())
        .ok_or_else(|| Error::no_such("person", id))?;
    if before.row.break_glass == is_one {
        return Ok(Some(false));
    }
    match is_one {
        true => check_in(&before)?,
        false => check_last(tx)?,
    }
    let mut model = before.clone();
    match is_one {
        // What waits against her counts when she is none any more.
        true => push_guard::spare(tx, &mut model)?,
        false => {
            if let Some(reason) = gone(tx, &model)? {
                if !leave_kept_groups(tx, id)? {
                    return Ok(None);
                }
                let access = Access::Revoked;
                model.decide(Decision { access, reason }, tx.now());
            }
        }
    }
    // From now on what her sources say and what is in force are two things, or one again.
    model.materialise(registry);
    model.row.written_by_others = true;
    model.row.break_glass = is_one;
    model.row.source_epoch += 1;
    let act = Act {
        source: &source_of(&before),
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    let entry = Entry::new("person.break_glass_changed", "user", id);
    let side = |is_one: bool| Some(Value::from(is_one));
    tx.record(entry.change("breakGlass", side(!is_one), side(is_one)));
    Ok(Some(true))
}

/// Who was deleted by a provider and kept her access kept its groups with it, and leaves them with it. False: some are left.
fn leave_kept_groups(tx: &mut Tx<'_>, id: &str) -> Result<bool, Halt> {
    let member = (id.to_owned(), MemberKind::User);
    for row in tx.list_parked_of(id)? {
        let because = push_guard::code(&row.reason);
        let is_deleted = because == reason::DELETED_BY_SOURCE;
        if is_deleted && !leave_groups(tx, &member, Some(&row.connection_id), because)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What her sources said of her while no source could remove her, and still say. What they said before is decided: she was
/// let in since, or in spite of it.
fn gone(tx: &mut Tx<'_>, model: &Model) -> Result<Option<&'static str>> {
    if !model.row.has_access {
        return Ok(None);
    }
    let since = model.row.access_since;
    for link in tx.list_links_of(&model.row.id)? {
        if link.has_ended() && link.left_at.is_some_and(|at| at > since) {
            let is_absent = link.in_force.as_deref() == Some(ABSENT);
            return Ok(Some(if is_absent {
                reason::ABSENT
            } else {
                reason::LEFT
            }));
        }
    }
    push_guard::said_meanwhile(tx, &model.row.id)
}

fn check_in(model: &Model) -> Result<()> {
    match model.row.has_access {
        true => Ok(()),
        false => Err(Error::Forbidden(
            "this person has no access: a break-glass admin is somebody who can be let in"
                .to_owned(),
        )),
    }
}

fn check_last(tx: &mut Tx<'_>) -> Result<()> {
    let is_connected = tx
        .list_connections()?
        .iter()
        .any(|c| c.kind != APP && !OVER.contains(&c.state.as_str()));
    match tx.count_break_glass()? > 1 || !is_connected {
        true => Ok(()),
        false => Err(Error::Forbidden(
            "this is the last break-glass admin of a tenant that is connected: name another one first".to_owned(),
        )),
    }
}
