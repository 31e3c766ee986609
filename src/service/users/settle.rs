//! Settling a person: what is in force, access, and each own view are recomputed from the claims, compared with what was
//! loaded, and only differences are written, counted and recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::access::{Says, decide};
use super::conflicts::{Question, ask, kind};
use super::identity::addresses;
use super::model::{Claim, Model, is_identity, manager, text, user_name, write_units};
use super::ranking::Ranking;
use super::record::{record, record_access};
use super::taken_in_view;
use crate::domain::access::{Access, Decision, reason};
use crate::domain::app::APP;
use crate::domain::claims::{Part, effective, own_view};
use crate::scim::Doc;
use crate::scim::document::schemas_of;
use crate::scim::fold::{fold, match_document, user_name_key};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::Source;
use crate::service::error::{Error, Result};
use crate::service::invitations::{bar_roles, drop_elevated, follow, overlay};
use crate::service::pairs::keep_keys;
use crate::service::push_guard::{Weighed, clear, gather, weigh};
use crate::service::undo::{Touched, remember};
use crate::storage::claims::ClaimState;
use crate::storage::connections::Counted;
use crate::storage::dialect::Json;
use crate::storage::tenants::TenantSettings;
use crate::storage::{self, Scope, Tx};

const KIND: ResourceKind = ResourceKind::User;

/// A document as it is stored: with its `schemas`, so that serving it needs no schema.
struct Stored<'a> {
    doc: &'a Doc,
    schemas: Vec<String>,
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let schemas = Value::from(self.schemas.as_slice());
        let doc = self.doc.iter().map(|(name, value)| (name.as_str(), value));
        serializer.collect_map(doc.chain([("schemas", &schemas)]))
    }
}

fn stored(registry: &Registry, doc: &Doc) -> Result<Json> {
    let schemas = schemas_of(registry, KIND, doc);
    let text = serde_json::to_string(&Stored { doc, schemas });
    text.map(Json)
        .map_err(|e| Error::Storage(storage::Error::Other(e.to_string())))
}

fn folded(registry: &Registry, doc: &Doc) -> Json {
    Json(Value::Object(match_document(registry, KIND, doc)).to_string())
}

fn display_key(doc: &Doc) -> Option<String> {
    text(doc, "displayName").map(fold)
}

/// Who writes, and what that means for access.
pub(in crate::service) struct Act<'a> {
    pub(in crate::service) source: &'a Source,
    pub(in crate::service) settings: &'a TenantSettings,
    /// What the source says about access, if this write says anything.
    pub(in crate::service) says: Option<Says>,
    /// Nobody invited, granted or revoked has the userName, as the write found already.
    pub(in crate::service) has_no_namesake: bool,
}

/// Writes a person back. `before` is what was loaded, `None` for somebody new. Returns false when nothing changed.
pub(in crate::service) fn settle(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
    act: &Act<'_>,
) -> Result<bool> {
    let acting = act.source.id.as_str();
    recompute(tx, registry, model)?;
    if let Some(says) = act.says
        && weigh(tx, before, model, act.source, says)? == Weighed::Decide
    {
        let now = tx.now();
        decide(registry, before, model, act.source, says, act.settings, now);
        let returns = model.row.access_reason == reason::RETURNED;
        if returns && before.is_some_and(|b| !b.row.has_access) && drop_elevated(tx, model)? {
            recompute(tx, registry, model)?;
        }
    }
    if !act.has_no_namesake {
        guard_user_name(tx, registry, before, model, acting)?;
    }
    keep_names_of_views(tx, registry, before, model, acting)?;
    hide_namesake(tx, registry, before, model)?;
    clear(tx, before, model)?;
    for i in 0..model.claims.len() {
        own_view_columns(registry, model, i)?;
    }
    if before.is_some_and(|b| b == model) {
        return Ok(false);
    }
    let session = gather(tx, acting)?;
    columns(registry, model)?;
    versions(tx, before, model);
    write_rows(tx, before, model)?;
    write_emails(tx, before, model)?;
    keep_keys(tx, before, model)?;
    count(tx, before, model)?;
    record(tx, registry, before, model, acting);
    if session.is_some() {
        let links = BTreeMap::new();
        let touched = Touched {
            before,
            model,
            links,
        };
        remember(tx, registry, touched)?;
    }
    follow(tx, before, model)?;
    Ok(true)
}

/// Writes back a person about whose access a human decided; the document and the claims stay as they are. Returns false
/// when nothing changed.
pub(in crate::service) fn settle_access(
    tx: &mut Tx<'_>,
    before: &Model,
    model: &mut Model,
) -> Result<bool> {
    clear(tx, Some(before), model)?;
    for claim in &mut model.claims {
        claim.row.user_public = model.row.is_public;
    }
    if before == model {
        return Ok(false);
    }
    // What a source says of her is to be weighed anew, though it says the same.
    model.row.source_epoch += 1;
    versions(tx, Some(before), model);
    write_rows(tx, Some(before), model)?;
    keep_keys(tx, Some(before), model)?;
    count(tx, Some(before), model)?;
    record_access(tx, Some(before), model);
    follow(tx, Some(before), model)?;
    Ok(true)
}

/// The effective document: of each unit the value of the source that comes first there.
pub(in crate::service) fn recompute(
    scope: &mut Scope<'_>,
    registry: &Registry,
    model: &mut Model,
) -> Result<()> {
    bar_roles(scope, registry, model)?;
    if model.is_sole() {
        return Ok(());
    }
    let live = model.claims.iter().filter(|c| c.takes_part());
    let ranking = match live.count() {
        0 | 1 => None,
        _ => Some(Ranking::load(scope)?),
    };
    in_force(registry, ranking.as_ref(), model);
    Ok(())
}

/// The same with the order of sources at hand; without one there is one source at most.
pub(in crate::service) fn in_force(
    registry: &Registry,
    ranking: Option<&Ranking>,
    model: &mut Model,
) {
    // No source takes the break-glass admin over: what it writes, it reads back, and nobody else does.
    if model.is_sole() || model.row.break_glass {
        return;
    }
    let mut live: Vec<&Claim> = model.claims.iter().filter(|c| c.takes_part()).collect();
    if live.is_empty() {
        overlay(registry, model);
        return;
    }
    if let Some(ranking) = ranking {
        live.sort_by_key(|c| ranking.age(&c.row.connection_id));
    }
    let (nothing, none_held, none_undone) = (Units::new(), BTreeSet::new(), BTreeMap::new());
    let given = Part {
        asserted: &model.given,
        held: &none_held,
        undone: &none_undone,
    };
    let mut parts: Vec<Part<'_, AttrPath>> = live.iter().map(|c| c.part(&nothing)).collect();
    // What a human gave counts before what the app says, and after all others.
    let of_app = live.iter().position(|c| c.is_of_app());
    let of_app = of_app.unwrap_or(live.len());
    parts.insert(of_app, given);
    let mut who: Vec<&str> = live.iter().map(|c| c.row.connection_id.as_str()).collect();
    who.insert(of_app, APP);
    let now = flatten(registry, KIND, &model.doc);
    let mut units = effective(&parts, &now, |unit, place| {
        let ranking = ranking.zip(who.get(place));
        ranking.map_or(0, |(r, connection)| r.rank(unit, connection))
    });
    // Nobody loses a name or an address because a source rests: what nobody else says of them stays.
    let resting = model.claims.iter().filter(|c| c.is(ClaimState::Resting));
    for unit in resting
        .filter_map(|c| c.asserted.as_ref())
        .flat_map(Units::keys)
    {
        let is_said = parts.iter().any(|part| part.asserted.contains_key(unit));
        if let Some(kept) = now.get(unit).filter(|_| !is_said && is_identity(unit)) {
            units.insert(unit.clone(), kept.clone());
        }
    }
    // Whatever the sources say, a person keeps a name to be found by.
    let name = AttrPath::core("userName");
    if let (false, Some(kept)) = (units.contains_key(&name), now.get(&name)) {
        units.insert(name, kept.clone());
    }
    model.doc = unflatten(&units);
}

/// Who has the userName already that somebody invited, granted or revoked is about to have.
pub(in crate::service) fn namesake(
    scope: &mut Scope<'_>,
    before: Option<&Model>,
    model: &Model,
) -> Result<Option<String>> {
    if !model.row.is_public {
        return Ok(None);
    }
    let key = user_name_key(user_name(&model.doc)?);
    if before.is_some_and(|b| b.row.is_public) && key == model.row.user_name_key {
        return Ok(None);
    }
    let others = scope.list_users_by_user_name(&key)?;
    let other = others
        .into_iter()
        .find(|u| u.is_public && u.id != model.row.id);
    Ok(other.map(|u| u.id))
}

/// The effective userName is unique among people invited, granted or revoked: the second keeps its old value, held,
/// and a human is asked.
fn guard_user_name(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
    acting: &str,
) -> Result<()> {
    let Some(other) = namesake(tx, before, model)? else {
        return Ok(());
    };
    let was_public = before.is_some_and(|b| b.row.is_public);
    let key = user_name_key(user_name(&model.doc)?);
    let asserted = [("userName", key.as_str())];
    let other = vec![other];
    ask(
        tx,
        acting,
        &Question {
            kind: kind::USER_NAME_TAKEN,
            asserted: &asserted,
            subject: &model.row.id,
            candidates: &other,
        },
    )?;
    match before.filter(|_| was_public) {
        // Nothing to fall back to: the person stays listed until somebody decides.
        None => {
            let now = tx.now();
            let listed = Decision {
                access: Access::Listed,
                reason: reason::CONFLICT,
            };
            model.decide(listed, now);
        }
        Some(before) => {
            model.materialise(registry);
            let path = AttrPath::core("userName");
            let kept = Value::from(user_name(&before.doc)?);
            for claim in &mut model.claims {
                let differs = claim
                    .asserted
                    .as_ref()
                    .and_then(|a| a.get(&path))
                    .is_some_and(|v| *v != kept);
                if differs {
                    claim.held.insert(path.clone());
                }
            }
            model.doc.insert("userName".to_owned(), kept);
            recompute(tx, registry, model)?;
        }
    }
    Ok(())
}

/// A write by somebody else never fails because of a view: where the name in force is taken there, the claim goes on
/// with the name it had, held.
fn keep_names_of_views(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
    acting: &str,
) -> Result<()> {
    let Some(before) = before else {
        return Ok(());
    };
    for place in 0..model.claims.len() {
        let claim = &model.claims[place];
        let connection = claim.row.connection_id.clone();
        let Some(old) = before.position(&connection) else {
            continue;
        };
        if connection == acting || claim.is(ClaimState::Ended) {
            continue;
        }
        let had = before.view_doc(registry, old);
        let (had, has) = (user_name(&had)?.to_owned(), model.view_doc(registry, place));
        let key = user_name_key(user_name(&has)?);
        if key == user_name_key(&had) || !taken_in_view(tx, &connection, &key, &model.row.id)? {
            continue;
        }
        model.materialise(registry);
        let claim = &mut model.claims[place];
        let path = AttrPath::core("userName");
        claim.held.insert(path.clone());
        if let Some(asserted) = &mut claim.asserted {
            asserted.insert(path, Value::from(had));
        }
    }
    Ok(())
}

/// Somebody becomes visible, or is renamed, to a name that another connection has for a person of its own: a view has no
/// two people of one name, and whom the connection writes goes before whom it only sees. It is shown the other one no
/// more, as after its DELETE, until it writes her by another mark; a human is asked whether both are the same.
fn hide_namesake(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
) -> Result<()> {
    let key = user_name_key(user_name(&model.doc)?);
    let is_known = before.is_some_and(|b| b.row.is_public && b.row.user_name_key == key);
    if !model.row.is_public || is_known {
        return Ok(());
    }
    for (connection, other) in tx.list_named_in_views(&key)? {
        if other == model.row.id || model.position(&connection).is_some() {
            continue;
        }
        ask(
            tx,
            &connection,
            &Question {
                kind: kind::USER_NAME_TAKEN,
                asserted: &[("userName", key.as_str())],
                subject: &model.row.id,
                candidates: &[other],
            },
        )?;
        let units = flatten(registry, KIND, &model.doc);
        for claim in &mut model.claims {
            claim.asserted.get_or_insert_with(|| units.clone());
        }
        let now = tx.now();
        let place = model.add_claim(&connection, now);
        let claim = &mut model.claims[place];
        claim.set_state(ClaimState::Ended);
        claim.asserted = Some(Units::new());
        claim.row.active = Some(false);
        claim.row.ended_at = Some(now.0);
    }
    Ok(())
}

/// Columns of a claim's own view: filled only while it differs from what is in force. An ended claim keeps the name
/// under which the source knew the person.
fn own_view_columns(registry: &Registry, model: &mut Model, place: usize) -> Result<()> {
    let is_public = model.row.is_public;
    let Some(claim) = model.claims.get_mut(place) else {
        return Ok(());
    };
    let has_ended = claim.is(ClaimState::Ended);
    let differing = claim
        .asserted
        .as_ref()
        .filter(|_| !has_ended)
        .and_then(|asserted| {
            let effective = flatten(registry, KIND, &model.doc);
            let view = own_view(asserted, &effective);
            (view != effective).then(|| unflatten(&view))
        });
    let row = &mut claim.row;
    row.user_public = is_public;
    let Some(doc) = differing else {
        (row.view_doc, row.view_match) = (None, None);
        (row.display_name_key, row.manager_id) = (None, None);
        if !has_ended {
            (row.user_name, row.user_name_key) = (None, None);
        }
        claim.store_columns();
        return Ok(());
    };
    row.view_doc = Some(stored(registry, &doc)?);
    row.view_match = Some(folded(registry, &doc));
    row.display_name_key = display_key(&doc);
    row.manager_id = manager(&doc).map(str::to_owned);
    row.set_user_name(user_name(&doc)?);
    claim.store_columns();
    Ok(())
}

/// Look-up columns of the effective document.
fn columns(registry: &Registry, model: &mut Model) -> Result<()> {
    let name = user_name(&model.doc)?.to_owned();
    let row = &mut model.row;
    row.doc = stored(registry, &model.doc)?;
    row.match_doc = folded(registry, &model.doc);
    row.user_name_key = user_name_key(&name);
    row.user_name = name;
    row.display_name = text(&model.doc, "displayName").map(str::to_owned);
    row.display_name_key = display_key(&model.doc);
    row.manager_id = manager(&model.doc).map(str::to_owned);
    // Who brought her first.
    let live = model.claims.iter().filter(|c| c.takes_part());
    let first = live.min_by_key(|c| (c.is_of_app(), c.row.created_at));
    row.added_via = first.map(|c| c.row.connection_id.clone());
    Ok(())
}

/// Moves the versions: the user's with any change, the document's with what sources see, a claim's with its own view.
fn versions(tx: &Tx<'_>, before: Option<&Model>, model: &mut Model) {
    let now = tx.now().0;
    let Some(before) = before else {
        for claim in &mut model.claims {
            own_version(claim, None, 1, now);
        }
        return;
    };
    model.row.version += 1;
    model.row.updated_at = now;
    if before.doc != model.doc || shown(before) != shown(model) {
        model.row.doc_version += 1;
        model.row.doc_updated_at = now;
    }
    let doc_version = model.row.doc_version;
    for claim in &mut model.claims {
        let old = before
            .claims
            .iter()
            .find(|c| c.row.connection_id == claim.row.connection_id);
        own_version(claim, old, doc_version, now);
    }
}

/// What a claim shows beside the document: `active`, `externalId`, state.
type Shown<'m> = (Option<bool>, Option<&'m str>, &'m str);

/// What sources are shown beside the document. `active` is what a source asserted, else whether the person has access;
/// an ended claim hides the person, a revived one shows her again.
fn shown(model: &Model) -> (bool, Vec<Shown<'_>>) {
    let claims = model
        .claims
        .iter()
        .map(|c| (c.row.active, c.row.external_id.as_deref(), seen_state(c)));
    (model.row.has_access, claims.collect())
}

/// The state as the source sees it: whether it is parked, it does not.
fn seen_state(claim: &Claim) -> &str {
    match claim.takes_part() {
        true => ClaimState::Live.as_str(),
        false => &claim.row.state,
    }
}

fn own_version(claim: &mut Claim, old: Option<&Claim>, doc_version: i64, now: i64) {
    let has_view = claim.row.view_doc.is_some();
    if claim.row.version.is_none() {
        if has_view {
            claim.row.version = Some(doc_version + 1);
            claim.row.updated_at = Some(now);
        }
        return;
    }
    let seen = |c: &Claim| {
        (
            c.row.view_doc.clone(),
            c.row.active,
            c.row.external_id.clone(),
            seen_state(c).to_owned(),
        )
    };
    // Without a view of its own the claim shows the effective document, which may have changed.
    if !has_view || old.map(seen) != Some(seen(claim)) {
        claim.row.version = claim.row.version.map(|v| v.max(doc_version) + 1);
        claim.row.updated_at = Some(now);
    }
}

fn write_rows(tx: &mut Tx<'_>, before: Option<&Model>, model: &mut Model) -> Result<()> {
    match before {
        None => tx.create_user(&model.row)?,
        Some(before) if before.row != model.row => tx.update_user(&model.row)?,
        Some(_) => {}
    }
    for claim in &mut model.claims {
        if claim.is_new {
            tx.create_claim(&claim.row)?;
            claim.is_new = false;
        } else if before
            .and_then(|b| {
                b.claims
                    .iter()
                    .find(|c| c.row.connection_id == claim.row.connection_id)
            })
            .is_none_or(|c| c.row != claim.row)
        {
            tx.update_claim(&claim.row)?;
        }
    }
    if before.map(|b| &b.given).unwrap_or(&Units::new()) != &model.given {
        let units = (!model.given.is_empty()).then(|| write_units(&model.given));
        tx.put_given(&model.row.id, units.as_deref())?;
    }
    model.is_new = false;
    Ok(())
}

fn write_emails(tx: &mut Tx<'_>, before: Option<&Model>, model: &Model) -> Result<()> {
    let (id, now) = (model.row.id.as_str(), tx.now());
    let new = addresses(&model.doc);
    match before {
        None => tx.create_emails(id, "", &new)?,
        Some(before) if addresses(&before.doc) != new => tx.update_emails(id, "", &new, now)?,
        Some(_) => {}
    }
    for claim in &model.claims {
        let view = claim.row.connection_id.as_str();
        let old = before.and_then(|b| b.claims.iter().find(|c| c.row.connection_id == view));
        let had = old.and_then(|c| c.row.view_doc.as_ref());
        match (&claim.row.view_doc, had) {
            (Some(doc), had) if Some(doc) != had => {
                let doc: Doc = serde_json::from_str(&doc.0).unwrap_or_default();
                tx.update_emails(id, view, &addresses(&doc), now)?;
            }
            (None, Some(_)) => tx.update_emails(id, view, &[], now)?,
            _ => {}
        }
    }
    Ok(())
}

/// Keeps the totals true.
fn count(tx: &mut Tx<'_>, before: Option<&Model>, model: &Model) -> Result<()> {
    let counts = |m: Option<&Model>| {
        let alive = m.filter(|m| m.row.removed_at.is_none());
        (
            i64::from(alive.is_some()),
            i64::from(alive.is_some_and(|m| m.row.is_public)),
        )
    };
    let (was, is) = (counts(before), counts(Some(model)));
    let totals = tx.totals();
    totals.users += is.0 - was.0;
    totals.public_users += is.1 - was.1;
    let mut moved: BTreeMap<&str, Counted> = BTreeMap::new();
    for (model, sign) in before.map(|b| (b, -1)).into_iter().chain([(model, 1)]) {
        for claim in &model.claims {
            let counted = moved.entry(claim.row.connection_id.as_str()).or_default();
            match (claim.is(ClaimState::Ended), model.row.is_public) {
                (true, true) => counted.hidden += sign,
                (false, false) => counted.only += sign,
                _ => {}
            }
        }
    }
    for (connection, by) in moved {
        tx.count_for_connection(connection, by)?;
    }
    Ok(())
}
