//! PUT, PATCH and DELETE of a user by a connection.

use std::collections::BTreeSet;

use super::conflicts::{Question, ask};
use super::create::{hold_addresses, is_adoptable};
use super::model::{Model, user_name};
use super::settle::settle;
use super::{Target, taken_in_view, user_name_taken};
use crate::domain::access::{Access, RETURN_DAYS, on_active, on_inactive, reason};
use crate::domain::audit::Entry;
use crate::domain::claims::{assert_touched, release_holds};
use crate::scim::Doc;
use crate::scim::document::Incoming;
use crate::scim::fold::user_name_key;
use crate::scim::patch::{Current, PatchRequest, apply};
use crate::scim::rules::Rules;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::Source;
use crate::service::error::{Error, Result};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::view::UserView;

const KIND: ResourceKind = ResourceKind::User;

/// What a write asserts, whichever verb it came by.
struct Asserts {
    /// The connection's view afterwards.
    view: Doc,
    /// Units written; `None`: the view replaces everything asserted before.
    touched: Option<BTreeSet<AttrPath>>,
    external_id: Option<String>,
    active: Option<bool>,
}

/// PUT.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
    incoming: &Incoming,
) -> Result<UserView> {
    let (model, place) = find(tx, registry, source, &target.id)?;
    target.check(model.view_version(&source.id))?;
    let asserts = Asserts {
        view: incoming.doc.clone(),
        touched: None,
        // An omitted externalId stays: it is how the source finds the person again.
        external_id: incoming
            .external_id
            .clone()
            .or_else(|| place.and_then(|i| model.claims[i].row.external_id.clone())),
        active: incoming.active,
    };
    write(tx, registry, source, model, asserts)
}

/// PATCH.
pub(super) fn patch(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
    request: &PatchRequest,
    rules: &mut Rules,
) -> Result<UserView> {
    let (model, place) = find(tx, registry, source, &target.id)?;
    target.check(model.view_version(&source.id))?;
    let view = place.map_or_else(
        || model.doc.clone(),
        |place| model.view_doc(registry, place),
    );
    let claim = place.map(|i| &model.claims[i].row);
    let current = Current {
        doc: &view,
        external_id: claim.and_then(|c| c.external_id.as_deref()),
        active: claim.and_then(|c| c.active),
    };
    let patched = apply(registry.of_sources(), KIND, request, &current, rules)?;
    let asserts = Asserts {
        view: patched.doc,
        touched: Some(patched.touched),
        external_id: patched.external_id,
        active: patched.active,
    };
    write(tx, registry, source, model, asserts)
}

/// Loads what the connection sees under an id; with the place of its claim.
fn find(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    id: &str,
) -> Result<(Model, Option<usize>)> {
    let no_such = || Error::no_such("user", id);
    let by_id = Model::load(tx, registry, id)?.filter(|m| {
        m.position(&source.id)
            .is_none_or(|i| m.claims[i].row.scim_id.is_none())
    });
    let model = match by_id {
        Some(model) => model,
        None => {
            let claim = tx
                .find_claim_by_scim_id(&source.id, id)?
                .ok_or_else(no_such)?;
            Model::load(tx, registry, &claim.user_id)?.ok_or_else(no_such)?
        }
    };
    let place = model.position(&source.id);
    let seen = match place {
        None => model.row.is_public,
        Some(place) => !model.claims[place].is(ClaimState::Ended),
    };
    if seen {
        Ok((model, place))
    } else {
        Err(no_such())
    }
}

fn write(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    model: Model,
    asserts: Asserts,
) -> Result<UserView> {
    let before = model.clone();
    let mut model = model;
    let now = tx.now();
    check_name(tx, source, &model, &asserts.view)?;
    let adopts = model.position(&source.id).is_none();
    let place = model
        .position(&source.id)
        .unwrap_or_else(|| model.add_claim(&source.id, now));
    let was_active = if adopts {
        model.row.has_access
    } else {
        let said = model.claims[place].row.active;
        said.unwrap_or(model.row.has_access)
    };
    if adopts && !is_adoptable(&model.row) {
        model.claims[place].set_state(ClaimState::Pending);
        let subject = model.row.id.clone();
        let asserted = [("user", subject.as_str())];
        let candidates = vec![subject.clone()];
        ask(
            tx,
            &source.id,
            &Question {
                kind: "not-adoptable",
                asserted: &asserted,
                subject: &subject,
                candidates: &candidates,
            },
        )?;
    }
    if !adopts && model.is_sole() {
        model.doc = asserts.view.clone();
    } else {
        model.materialise(registry);
        assert_units(registry, &mut model, place, &asserts, adopts);
    }
    let claim = &mut model.claims[place];
    claim.row.external_id.clone_from(&asserts.external_id);
    let is_active = asserts.active.unwrap_or(was_active);
    claim.row.active = Some(is_active);
    let is_live = claim.is(ClaimState::Live);
    if is_live && (was_active != is_active || (adopts && asserts.active.is_some())) {
        set_access(tx, source, &mut model, is_active)?;
    }
    settle(tx, registry, Some(&before), &mut model, &source.id)?;
    model.user_view(&source.id)
}

/// A rename to a name that is taken in the connection's view is refused.
fn check_name(tx: &mut Tx<'_>, source: &Source, model: &Model, view: &Doc) -> Result<()> {
    let name = user_name(view)?;
    let key = user_name_key(name);
    let own = model
        .position(&source.id)
        .and_then(|i| model.claims[i].row.user_name_key.as_deref());
    if key == own.unwrap_or(&model.row.user_name_key) {
        return Ok(());
    }
    if taken_in_view(tx, &source.id, &key, &model.row.id)? {
        return Err(user_name_taken(name));
    }
    Ok(())
}

fn assert_units(
    registry: &Registry,
    model: &mut Model,
    place: usize,
    asserts: &Asserts,
    adopts: bool,
) {
    let effective = flatten(registry, KIND, &model.doc);
    let view = flatten(registry, KIND, &asserts.view);
    let claim = &mut model.claims[place];
    let old = claim.asserted.clone().unwrap_or_default();
    let new: Units = match &asserts.touched {
        None => view,
        Some(touched) => {
            let mut units = old.clone();
            assert_touched(&mut units, touched, &view);
            units
        }
    };
    release_holds(&mut claim.held, &old, &new);
    if adopts {
        hold_addresses(&mut claim.held, &new, &effective);
    }
    claim.asserted = Some(new);
}

fn set_access(tx: &mut Tx<'_>, source: &Source, model: &mut Model, is_active: bool) -> Result<()> {
    let now = tx.now();
    let waits =
        [reason::CONFLICT, reason::UNVERIFIED_DOMAIN].contains(&model.row.access_reason.as_str());
    let decision = if !is_active {
        on_inactive(model.access(), reason::DEACTIVATED_BY_SOURCE)
    } else if waits && model.access() == Access::Listed {
        // A human decides first who this is; a source cannot talk its way in.
        None
    } else {
        let days = tx.tenant_settings()?.return_days.unwrap_or(RETURN_DAYS);
        on_active(model.standing(&source.id), source.policy, now, days)
    };
    if let Some(decision) = decision {
        model.decide(decision, now);
    }
    Ok(())
}

/// DELETE: the claim ends, with the memberships in groups that the connection manages. On a visible user without a
/// claim of the connection only an ended claim is recorded.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
) -> Result<()> {
    let (model, place) = find(tx, registry, source, &target.id)?;
    target.check(model.view_version(&source.id))?;
    let before = model.clone();
    let mut model = model;
    let now = tx.now();
    let claimed = place.is_some();
    let place = place.unwrap_or_else(|| {
        let place = model.add_claim(&source.id, now);
        model.claims[place].row.active = Some(false);
        model.claims[place].asserted = Some(Units::new());
        place
    });
    if !claimed {
        model.materialise(registry);
    }
    let was_live = claimed && model.claims[place].is(ClaimState::Live);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Ended);
    claim.row.ended_at = Some(now.0);
    if was_live && let Some(decision) = on_inactive(model.access(), reason::DELETED_BY_SOURCE) {
        model.decide(decision, now);
    }
    leave_groups(tx, source, &model.row.id)?;
    settle(tx, registry, Some(&before), &mut model, &source.id)?;
    Ok(())
}

fn leave_groups(tx: &mut Tx<'_>, source: &Source, user: &str) -> Result<()> {
    for (group, generation) in tx.list_group_ids_of(user)? {
        let Some(mut row) = tx.find_group(&group)? else {
            continue;
        };
        if row.managed_by.as_deref() != Some(&source.id) || row.generation != generation {
            continue;
        }
        if tx.delete_membership(&group, generation, user)? {
            row.version += 1;
            row.updated_at = tx.now().0;
            tx.update_group(&row)?;
            tx.record(
                Entry::new("group.member_removed", "group", group)
                    .object("user", user)
                    .reason(reason::DELETED_BY_SOURCE),
            );
        }
    }
    Ok(())
}
