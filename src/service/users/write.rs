//! PUT, PATCH and DELETE of a user by a connection.

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::{Says, is_adoptable};
use super::conflicts::{Question, ask, kind};
use super::identity::primary_key;
use super::model::{Claim, Model, manager, user_name};
use super::settle::{Act, settle};
use super::{Target, taken_in_view, user_name_taken};
use crate::domain::access::reason;
use crate::domain::claims::{assert_touched, release_holds};
use crate::scim::Doc;
use crate::scim::document::Incoming;
use crate::scim::fold::user_name_key;
use crate::scim::immutable;
use crate::scim::patch::{Current, PatchRequest, apply};
use crate::scim::rules::Rules;
use crate::scim::schema::{AttrPath, ENTERPRISE, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::Source;
use crate::service::entitlements::require_push;
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, leave_groups};
use crate::service::limits::check_user;
use crate::service::push_guard::{gather, would_park};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::memberships::MemberKind;
use crate::storage::tenants::TenantSettings;
use crate::storage::view::UserView;

const KIND: ResourceKind = ResourceKind::User;

/// What a write asserts, whichever verb it came by.
pub(in crate::service) struct Asserts {
    /// The connection's view afterwards.
    pub(in crate::service) view: Doc,
    /// Units written; `None`: the view replaces everything asserted before.
    pub(in crate::service) touched: Option<BTreeSet<AttrPath>>,
    pub(in crate::service) external_id: Option<String>,
    pub(in crate::service) active: Option<bool>,
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
    let before = seen(registry, &model, place);
    let mut view = incoming.doc.clone();
    immutable::keep(registry, KIND, &before, &mut view);
    immutable::hold(registry, KIND, &before, &mut view)?;
    let asserts = Asserts {
        view,
        touched: None,
        // An omitted externalId stays, like `active` and unlike the units of the document: it is the source's own key
        // for the person, and without it a DELETE and a POST would make two people of one. PATCH can remove it.
        external_id: incoming
            .external_id
            .clone()
            .or_else(|| place.and_then(|i| model.claims[i].row.external_id.clone())),
        active: incoming.active,
    };
    write(tx, registry, source, model, asserts)
}

/// PATCH. Also returns the units that it wrote.
pub(super) fn patch(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
    request: &PatchRequest,
    rules: &mut Rules,
) -> Result<(UserView, BTreeSet<AttrPath>)> {
    let (model, place) = find(tx, registry, source, &target.id)?;
    target.check(model.view_version(&source.id))?;
    let view = seen(registry, &model, place);
    let claim = place.map(|i| &model.claims[i].row);
    let current = Current {
        doc: &view,
        external_id: claim.and_then(|c| c.external_id.as_deref()),
        active: claim.and_then(|c| c.active),
    };
    let patched = apply(registry.of_sources(), KIND, request, &current, rules)?;
    check_user(&patched.doc, patched.external_id.as_deref())?;
    let touched = patched.touched;
    let asserts = Asserts {
        view: patched.doc,
        touched: Some(touched.clone()),
        external_id: patched.external_id,
        active: patched.active,
    };
    let user = write(tx, registry, source, model, asserts)?;
    Ok((user, touched))
}

/// The document as the connection reads it.
fn seen(registry: &Registry, model: &Model, place: Option<usize>) -> Doc {
    match place {
        None => model.doc.clone(),
        Some(place) => model.view_doc(registry, place),
    }
}

/// Loads what the connection sees under an id; with the place of its claim.
fn find(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    id: &str,
) -> Result<(Model, Option<usize>)> {
    let no_such = || Error::no_such("user", id);
    let is_seen = |m: &Model| match m.position(&source.id) {
        None => m.row.is_public,
        Some(place) => !m.claims[place].is(ClaimState::Ended),
    };
    let by_id = Model::load(tx, registry, id)?.filter(|m| {
        let place = m.position(&source.id);
        is_seen(m) && place.is_none_or(|i| m.claims[i].row.scim_id.is_none())
    });
    let model = match by_id {
        Some(model) => model,
        // A record that moved keeps the id that the source knows, whoever had it before.
        None => {
            let claim = tx
                .find_claim_by_scim_id(&source.id, id)?
                .ok_or_else(no_such)?;
            let found = Model::load(tx, registry, &claim.user_id)?;
            found.filter(is_seen).ok_or_else(no_such)?
        }
    };
    let place = model.position(&source.id);
    Ok((model, place))
}

/// Turns the manager that a source names by an id of its own into the person's; people's own ids stay as they are.
pub(super) fn own_manager(
    tx: &mut Tx<'_>,
    connection: &str,
    before: Option<&Doc>,
    view: &mut Doc,
) -> Result<()> {
    let Some(named) = manager(view).filter(|named| before.and_then(manager) != Some(named)) else {
        return Ok(());
    };
    if let Some(claim) = tx.find_claim_by_scim_id(connection, named)?
        && let Some(value) = view
            .get_mut(ENTERPRISE)
            .and_then(|e| e.pointer_mut("/manager/value"))
    {
        *value = Value::from(claim.user_id);
    }
    Ok(())
}

fn write(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    model: Model,
    asserts: Asserts,
) -> Result<UserView> {
    let before = model.clone();
    let (mut model, mut asserts) = (model, asserts);
    let was = seen(registry, &model, model.position(&source.id));
    own_manager(tx, &source.id, Some(&was), &mut asserts.view)?;
    check_name(tx, source, &model, &asserts.view)?;
    require_push(tx, source, asserts.active == Some(false))?;
    let settings = tx.tenant_settings()?;
    let adopts = model.position(&source.id).is_none();
    let place = if adopts {
        take_over(tx, registry, source, &mut model, &settings)?
    } else {
        model.position(&source.id).unwrap_or_default()
    };
    if model.is_sole() && !model.row.break_glass {
        model.doc = asserts.view.clone();
    } else {
        model.materialise(registry);
        let effective = adopts.then(|| flatten(registry, KIND, &before.doc));
        assert_units(registry, &mut model, place, &asserts, effective.as_ref());
    }
    let has_access = model.row.has_access;
    let claim = &mut model.claims[place];
    let was_active = match claim.row.active.filter(|_| !adopts) {
        Some(active) => active,
        None => has_access,
    };
    let active = asserts.active.unwrap_or(was_active);
    claim.row.external_id = asserts.external_id;
    claim.row.active = Some(active);
    let is_said = active != was_active || (adopts && asserts.active.is_some());
    let says = (claim.takes_part() && is_said).then(|| Says::active(active));
    let act = Act {
        source,
        settings: &settings,
        says,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    model.user_view(&source.id)
}

/// The first write to somebody visible makes a claim: a live one, or one that waits for a human. A live claim on a
/// person whom nobody else claims starts with the whole document.
fn take_over(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    model: &mut Model,
    settings: &TenantSettings,
) -> Result<usize> {
    let is_claimed = model.is_claimed();
    let place = model.add_claim(&source.id, tx.now());
    model.materialise(registry);
    let primary = primary_key(&model.doc);
    if is_adoptable(&model.row, primary.as_deref(), &settings.verified_domains) {
        if !is_claimed {
            model.claims[place].asserted = Some(flatten(registry, KIND, &model.doc));
        }
        return Ok(place);
    }
    model.claims[place].set_state(ClaimState::Pending);
    let subject = model.row.id.as_str();
    let question = Question {
        kind: kind::NOT_ADOPTABLE,
        asserted: &[("user", subject)],
        subject,
        candidates: &[subject.to_owned()],
    };
    ask(tx, &source.id, &question)?;
    Ok(place)
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

/// Puts what a write asserts into its claim. `adopted` is what was in force where the write adopts somebody: her userName
/// and addresses stay, and she loses neither those nor her name because nobody else is left to assert them.
pub(in crate::service) fn assert_units(
    registry: &Registry,
    model: &mut Model,
    place: usize,
    asserts: &Asserts,
    adopted: Option<&Units>,
) {
    let view = flatten(registry, KIND, &asserts.view);
    let claim = &mut model.claims[place];
    let old = claim.asserted.take().unwrap_or_default();
    let new: Units = match &asserts.touched {
        None => view,
        Some(touched) => {
            let mut units = old.clone();
            assert_touched(&mut units, touched, &view);
            units
        }
    };
    release_holds(&mut claim.held, &old, &new);
    let held = &claim.held;
    claim.undone.retain(|unit, _| held.contains(unit));
    if let Some(effective) = adopted {
        hold_identity(registry, &mut claim.held, &new, effective);
    }
    claim.asserted = Some(new);
    if let Some(effective) = adopted.filter(|_| claim.takes_part()) {
        model.inherit(place, effective);
    }
}

/// The same for a claim that waited until now.
pub(super) fn hold_adopted(registry: &Registry, claim: &mut Claim, effective: &Units) {
    let asserted = claim.asserted.clone().unwrap_or_default();
    hold_identity(registry, &mut claim.held, &asserted, effective);
}

/// The units that the first adoption never changes: by which she is known, and what nobody may change.
fn hold_identity(
    registry: &Registry,
    held: &mut BTreeSet<AttrPath>,
    asserted: &Units,
    effective: &Units,
) {
    let known = ["userName", "emails"].map(AttrPath::core);
    let is_fixed =
        |path: &AttrPath| effective.contains_key(path) && immutable::is(registry, KIND, path);
    for (path, value) in asserted {
        if (known.contains(path) || is_fixed(path)) && effective.get(path) != Some(value) {
            held.insert(path.clone());
        }
    }
}

/// DELETE: the claim ends, with the memberships in groups that the connection manages. On a visible user without a
/// claim of the connection only an ended claim is recorded.
///
/// False: there were more groups than one operation may change; some are left, and it is to be called again. The claim
/// ends last, so that a client that got no answer can repeat its DELETE.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    target: &Target,
) -> Result<bool, Halt> {
    let (model, place) = find(tx, registry, source, &target.id)?;
    target.check(model.view_version(&source.id))?;
    let was_live = place.is_some_and(|i| model.claims[i].takes_part());
    gather(tx, &source.id)?;
    // Who keeps her access keeps her groups with it: the connection, which deleted her, sees her in none.
    let stays = was_live && would_park(tx, &model, source)?;
    let manager = Some(source.id.as_str());
    let member = (model.row.id.clone(), MemberKind::User);
    if !stays && !leave_groups(tx, &member, manager, reason::DELETED_BY_SOURCE)? {
        return Ok(false);
    }
    let before = model.clone();
    let mut model = model;
    let now = tx.now();
    let place = place.unwrap_or_else(|| {
        let place = model.add_claim(&source.id, now);
        model.claims[place].row.active = Some(false);
        model.claims[place].asserted = Some(Units::new());
        model.materialise(registry);
        place
    });
    let view = model.view_doc(registry, place);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Ended);
    claim.row.ended_at = Some(now.0);
    // By this name the source knew the person, whatever it is in force.
    claim.row.set_user_name(user_name(&view)?);
    if let Some(heir) = model.claims.iter().position(Claim::takes_part) {
        let effective = flatten(registry, KIND, &model.doc);
        model.inherit(heir, &effective);
    }
    let act = Act {
        source,
        settings: &tx.tenant_settings()?,
        says: was_live.then(Says::deleted),
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    Ok(true)
}
