//! Two who are one, by a human's word: a source's record moves from the person that it made to the one who is meant, with
//! the id under which the source knows it (SEMANTICS §1). And the way back.
//!
//! Joining never takes access from anybody: what the source says against her counts when it says it the next time.

use super::access::{Says, decide};
use super::conflicts::answered;
use super::model::{Claim, Model, user_name};
use super::settle::{Act, settle, settle_access};
use super::write::{Asserts, assert_units};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::audit::Entry;
use crate::scim::schema::{AttrPath, ENTERPRISE, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, move_memberships};
use crate::service::invitations::drop_elevated;
use crate::service::pull::tell_employment;
use crate::service::{Source, push_guard};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;

const KIND: ResourceKind = ResourceKind::User;
/// People whose manager changes in one operation: a row of each, of her claims and addresses.
const REPORTS_AT_ONCE: i64 = 40;
/// In place of a run: a human linked the record.
pub(in crate::service) const BY_HUMAN: &str = "human";

/// The connection of the record, with whether it is pulled.
pub(in crate::service) struct Joining<'a> {
    pub(in crate::service) registry: &'a Registry,
    pub(in crate::service) source: &'a Source,
    pub(in crate::service) is_pulled: bool,
}

/// Gives the source's record that made `from` to `into`. False: there are more reports or groups than one operation may
/// change; it is to be called again. Where nothing else is left of `from`, she becomes a tombstone that names `into`.
pub(in crate::service) fn join(
    tx: &mut Tx<'_>,
    joining: &Joining<'_>,
    from: &str,
    into: &str,
) -> Result<bool, Halt> {
    let (registry, connection) = (joining.registry, joining.source.id.as_str());
    let before = load(tx, registry, from)?;
    let target = load(tx, registry, into)?;
    let place = check(&before, &target, connection)?;
    let goes = before
        .claims
        .iter()
        .all(|c| c.row.connection_id == connection || c.is(ClaimState::Ended));
    if goes {
        check_end(&before, &target)?;
        if !move_reports(tx, registry, joining.source, from, into)? {
            return Ok(false);
        }
    }
    // What the record says against her counts when it says it the next time.
    push_guard::forget(tx, connection, from)?;
    push_guard::forget(tx, connection, into)?;
    let managed_by = (!goes).then_some(connection);
    if !move_memberships(tx, (from, into), managed_by)? {
        return Ok(false);
    }
    let mut gone = before.clone();
    let moved = take(registry, &mut gone, place, tx.now().0)?;
    if goes {
        end(tx, &before, gone, into)?;
    } else {
        leave(tx, joining, &before, gone)?;
    }
    move_links(tx, connection, from, into)?;
    give(tx, joining, target, &moved)?;
    Ok(true)
}

fn load(tx: &mut Tx<'_>, registry: &Registry, id: &str) -> Result<Model> {
    Model::load(tx, registry, id)?
        .filter(|m| m.row.removed_at.is_none())
        .ok_or_else(|| Error::no_such("person", id))
}

/// The place of the claim that moves.
fn check(from: &Model, into: &Model, connection: &str) -> Result<usize> {
    if from.row.id == into.row.id {
        let detail = "a person cannot be linked with herself".to_owned();
        return Err(Error::Forbidden(detail));
    }
    let place = from
        .position(connection)
        .filter(|place| !from.claims[*place].is(ClaimState::Ended));
    let Some(place) = place else {
        return Err(Error::Conflict(format!(
            "the connection has no record of the person `{}` any more",
            from.row.id
        )));
    };
    let own = into.position(connection);
    if own.is_some_and(|place| !into.claims[place].is(ClaimState::Ended)) {
        return Err(Error::Conflict(format!(
            "the connection has a record of its own for the person `{}`: two records of one source are two people",
            into.row.id
        )));
    }
    Ok(place)
}

/// Whether somebody may cease to be. It must not cost the person access, nor the tenant an admin.
fn check_end(from: &Model, into: &Model) -> Result<()> {
    if from.row.break_glass || from.row.admin_role.is_some() {
        let detail = "the person that the source got is an admin: take the role from her first";
        return Err(Error::Forbidden(detail.to_owned()));
    }
    let has = |m: &Model| m.row.has_access || m.access() == Access::Invited;
    if has(from) && !has(into) {
        let detail = "the person that the source got has access or an invitation, and the one whom it would be linked \
                      with has none: invite or reinstate that one first";
        return Err(Error::Forbidden(detail.to_owned()));
    }
    Ok(())
}

/// What moves of a claim.
struct Moved {
    asserted: Units,
    external_id: Option<String>,
    active: Option<bool>,
    /// The id under which the source knows the record.
    known_as: String,
    /// Version in the source's view.
    version: i64,
}

/// Takes the record out of the claim, which ends and keeps nothing by which anybody could be found.
fn take(registry: &Registry, from: &mut Model, place: usize, now: i64) -> Result<Moved> {
    let version = from.view_version(&from.claims[place].row.connection_id);
    let whole = flatten(registry, KIND, &from.doc);
    from.materialise(registry);
    let id = from.row.id.clone();
    let claim = &mut from.claims[place];
    let moved = Moved {
        asserted: claim.asserted.take().unwrap_or(whole),
        external_id: claim.row.external_id.take(),
        active: claim.row.active,
        known_as: claim.row.scim_id.take().unwrap_or(id),
        version,
    };
    claim.set_state(ClaimState::Ended);
    claim.asserted = Some(Units::new());
    claim.held.clear();
    claim.row.ended_at = Some(now);
    let row = &mut claim.row;
    (row.user_name, row.user_name_key) = (None, None);
    (row.view_doc, row.view_match) = (None, None);
    (row.display_name_key, row.manager_id) = (None, None);
    claim.store_columns();
    Ok(moved)
}

/// Nobody is left behind but a mark of who she became.
fn end(tx: &mut Tx<'_>, before: &Model, mut gone: Model, into: &str) -> Result<()> {
    let (id, now) = (before.row.id.clone(), tx.now());
    gone.row.removed_at = Some(now.0);
    gone.row.merged_into = Some(into.to_owned());
    let listed = Decision {
        access: Access::Listed,
        reason: reason::MERGED,
    };
    gone.decide(listed, now);
    settle_access(tx, before, &mut gone)?;
    // Her addresses are found under the other one from now on.
    tx.update_emails(&id, "", &[], now)?;
    for claim in &before.claims {
        let row = &claim.row;
        if row.view_doc.is_some() {
            tx.update_emails(&id, &row.connection_id, &[], now)?;
        }
        if !claim.is(ClaimState::Ended) {
            let entry = Entry::new("claim.ended", "user", id.clone());
            tx.record(entry.object("connection", row.connection_id.clone()));
        }
    }
    answered(tx, &id)?;
    tx.record(Entry::new("user.merged", "user", id).object("user", into));
    Ok(())
}

/// Others go on claiming her, or the app knows her: only the record goes.
fn leave(tx: &mut Tx<'_>, joining: &Joining<'_>, before: &Model, mut rest: Model) -> Result<()> {
    if let Some(heir) = rest.claims.iter().position(Claim::takes_part) {
        let effective = flatten(joining.registry, KIND, &rest.doc);
        rest.inherit(heir, &effective);
    }
    let act = Act {
        source: joining.source,
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    tell_employment(tx, &mut rest, &joining.source.id)?;
    settle(tx, joining.registry, Some(before), &mut rest, &act)?;
    Ok(())
}

/// A pull source finds her under its own id. What it says of her counts from the next run on.
fn move_links(tx: &mut Tx<'_>, connection: &str, from: &str, into: &str) -> Result<()> {
    let (links, now) = (tx.list_links_of(from)?, tx.now().0);
    for link in links.into_iter().filter(|l| l.connection_id == connection) {
        tx.update_link(&LinkRow {
            user_id: into.to_owned(),
            digest: String::new(),
            in_force: None,
            adopted_by: Some(BY_HUMAN.to_owned()),
            left_at: None,
            updated_at: now,
            ..link
        })?;
    }
    Ok(())
}

/// Puts the record into a claim on the one who is meant; her userName and addresses in force stay.
fn give(tx: &mut Tx<'_>, joining: &Joining<'_>, target: Model, moved: &Moved) -> Result<()> {
    let (registry, connection) = (joining.registry, joining.source.id.as_str());
    let before = target.clone();
    let mut model = target;
    let place = match model.position(connection) {
        Some(place) => place,
        None => model.add_claim(connection, tx.now()),
    };
    model.materialise(registry);
    let effective = flatten(registry, KIND, &model.doc);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Live);
    claim.held.clear();
    claim.asserted = Some(Units::new());
    let row = &mut claim.row;
    row.ended_at = None;
    row.external_id.clone_from(&moved.external_id);
    row.active = moved.active;
    row.version = Some(row.version.unwrap_or_default().max(moved.version));
    row.scim_id =
        Some(moved.known_as.clone()).filter(|known| !joining.is_pulled && *known != before.row.id);
    let asserts = Asserts {
        view: unflatten(&moved.asserted),
        touched: None,
        external_id: moved.external_id.clone(),
        active: moved.active,
    };
    assert_units(registry, &mut model, place, &asserts, Some(&effective));
    tell_employment(tx, &mut model, "")?;
    let act = Act {
        source: joining.source,
        settings: &tx.tenant_settings()?,
        // A source that says inactive is no reason to take access from somebody a human just linked with it.
        says: (moved.active == Some(true)).then(|| Says::active(true)),
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    Ok(())
}

/// Whoever reports to one reports to the other; false when some are left.
fn move_reports(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    from: &str,
    into: &str,
) -> Result<bool> {
    let reports = tx.list_reports(from, REPORTS_AT_ONCE + 1)?;
    let at_once = usize::try_from(REPORTS_AT_ONCE).unwrap_or(usize::MAX);
    let is_all = reports.len() <= at_once;
    let is_manager = |path: &AttrPath| {
        path.urn.as_deref() == Some(ENTERPRISE)
            && path.attr.as_deref() == Some("manager")
            && path.sub.as_deref() == Some("value")
    };
    let settings = tx.tenant_settings()?;
    for id in reports.into_iter().take(at_once) {
        let Some(before) = Model::load(tx, registry, &id)? else {
            continue;
        };
        let mut model = before.clone();
        let turn = |units: &mut Units| {
            for (path, value) in units {
                if is_manager(path) && value.as_str() == Some(from) {
                    *value = into.into();
                }
            }
        };
        let mut units = flatten(registry, KIND, &model.doc);
        turn(&mut units);
        model.doc = unflatten(&units);
        model
            .claims
            .iter_mut()
            .filter_map(|c| c.asserted.as_mut())
            .for_each(turn);
        let act = Act {
            source,
            settings: &settings,
            says: None,
            has_no_namesake: false,
        };
        settle(tx, registry, Some(&before), &mut model, &act)?;
    }
    Ok(is_all)
}

/// The way back: the source's record leaves the person and makes somebody of its own, who waits to be let in. The source
/// goes on knowing her under its id. Returns the id of the new person.
pub(in crate::service) fn part(
    tx: &mut Tx<'_>,
    joining: &Joining<'_>,
    user: &str,
) -> Result<String, Halt> {
    let (registry, connection) = (joining.registry, joining.source.id.as_str());
    let before = load(tx, registry, user)?;
    let place = before
        .position(connection)
        .filter(|place| !before.claims[*place].is(ClaimState::Ended));
    let Some(place) = place else {
        let detail = "the connection has no record of this person".to_owned();
        return Err(Error::Conflict(detail).into());
    };
    push_guard::forget(tx, connection, user)?;
    let others = before
        .claims
        .iter()
        .any(|c| c.row.connection_id != connection && !c.is(ClaimState::Ended));
    if !others && before.access() == Access::Listed {
        let detail = "nobody but this connection knows the person: there is nothing to part from";
        return Err(Error::Forbidden(detail.to_owned()).into());
    }
    let view = before.view_doc(registry, place);
    let now = tx.now();
    let mut rest = before.clone();
    let moved = take(registry, &mut rest, place, now.0)?;
    let id = tx.fresh_id();
    move_links(tx, connection, user, &id)?;
    leave(tx, joining, &before, rest)?;
    let mut model = Model::fresh(tx.tenant().as_str(), id.clone(), view, now);
    // Without a userName of its own the record goes by that of the person.
    user_name(&model.doc)?;
    let place = model.add_claim(connection, now);
    let row = &mut model.claims[place].row;
    row.external_id.clone_from(&moved.external_id);
    row.active = moved.active;
    row.version = Some(moved.version + 1);
    row.updated_at = Some(now.0);
    row.scim_id = Some(moved.known_as).filter(|_| !joining.is_pulled);
    let listed = Decision {
        access: Access::Listed,
        reason: reason::UNLINKED,
    };
    model.decide(listed, now);
    tell_employment(tx, &mut model, "")?;
    let act = Act {
        source: joining.source,
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, None, &mut model, &act)?;
    Ok(id)
}

/// The next run looks at her records again, though they say the same.
pub(in crate::service) fn look_again(tx: &mut Tx<'_>, connection: &str, user: &str) -> Result<()> {
    for link in tx.list_links_of(user)? {
        if link.connection_id == connection && !link.digest.is_empty() {
            tx.update_link(&LinkRow {
                digest: String::new(),
                ..link
            })?;
        }
    }
    Ok(())
}

/// Whoever waits for this reason waits no more, since a human said that she is nobody else, or a seat is free: the policy may
/// let her in, as it would have before.
pub(in crate::service) fn release(
    tx: &mut Tx<'_>,
    joining: &Joining<'_>,
    user: &str,
    waits: &str,
) -> Result<()> {
    let connection = joining.source.id.as_str();
    look_again(tx, connection, user)?;
    let Some(before) = Model::load(tx, joining.registry, user)?.filter(|m| {
        m.row.removed_at.is_none() && m.access() == Access::Listed && m.row.access_reason == waits
    }) else {
        return Ok(());
    };
    let mut model = before.clone();
    let now = tx.now();
    let listed = Decision {
        access: Access::Listed,
        reason: reason::LISTED_BY_SOURCE,
    };
    model.decide(listed, now);
    let claim = model.position(connection).map(|place| &model.claims[place]);
    let is_active = claim.is_some_and(|c| c.is(ClaimState::Live) && c.row.active == Some(true));
    if is_active && !joining.is_pulled {
        let settings = tx.tenant_settings()?;
        let says = Says::active(true);
        decide(
            joining.registry,
            Some(&before),
            &mut model,
            joining.source,
            says,
            &settings,
            now,
        );
        if model.access() == Access::Granted {
            drop_elevated(tx, &mut model)?;
        }
        let act = Act {
            source: joining.source,
            settings: &settings,
            says: None,
            has_no_namesake: false,
        };
        settle(tx, joining.registry, Some(&before), &mut model, &act)?;
        return Ok(());
    }
    settle_access(tx, &before, &mut model)?;
    Ok(())
}
