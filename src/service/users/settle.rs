//! Settling a person: what is in force, access, and each own view are recomputed from the claims, compared with what was
//! loaded, and only differences are written, counted and recorded.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::access::{Says, decide};
use super::conflicts::{Question, ask, kind};
use super::identity::addresses;
use super::model::{Claim, Model, manager, text, user_name};
use super::record::{record, record_access};
use super::taken_in_view;
use crate::domain::access::{Access, Decision, reason};
use crate::domain::claims::{Part, effective, own_view};
use crate::scim::Doc;
use crate::scim::document::schemas_of;
use crate::scim::fold::{fold, match_document, user_name_key};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::Source;
use crate::service::entitlements::{keep_to_seats, need_seat, seats_moved};
use crate::service::error::{Error, Result};
use crate::service::pairs::keep_keys;
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
    if let Some(says) = act.says {
        let now = tx.now();
        decide(registry, before, model, act.source, says, act.settings, now);
    }
    let is_said_by_app = act.says.is_some() && act.source.is_app();
    keep_to_seats(tx, before, model, is_said_by_app)?;
    if !act.has_no_namesake {
        guard_user_name(tx, registry, before, model, acting)?;
    }
    keep_names_of_views(tx, registry, before, model, acting)?;
    hide_namesake(tx, registry, before, model)?;
    for i in 0..model.claims.len() {
        own_view_columns(registry, model, i)?;
    }
    if before.is_some_and(|b| b == model) {
        return Ok(false);
    }
    columns(registry, model)?;
    versions(tx, before, model);
    write_rows(tx, before, model)?;
    write_emails(tx, before, model)?;
    keep_keys(tx, before, model)?;
    count(tx, before, model)?;
    record(tx, registry, before, model, acting);
    Ok(true)
}

/// Writes back a person about whose access a human decided; the document and the claims stay as they are. Returns false
/// when nothing changed.
pub(in crate::service) fn settle_access(
    tx: &mut Tx<'_>,
    before: &Model,
    model: &mut Model,
) -> Result<bool> {
    for claim in &mut model.claims {
        claim.row.user_public = model.row.is_public;
    }
    if before == model {
        return Ok(false);
    }
    need_seat(tx, Some(before), model)?;
    // What a source says of her is to be weighed anew, though it says the same.
    model.row.source_epoch += 1;
    versions(tx, Some(before), model);
    write_rows(tx, Some(before), model)?;
    keep_keys(tx, Some(before), model)?;
    count(tx, Some(before), model)?;
    record_access(tx, Some(before), model);
    Ok(true)
}

/// The effective document, by precedence of the connections' age.
pub(in crate::service) fn recompute(
    scope: &mut Scope<'_>,
    registry: &Registry,
    model: &mut Model,
) -> Result<()> {
    if model.is_sole() {
        return Ok(());
    }
    let mut live: Vec<&Claim> = model
        .claims
        .iter()
        .filter(|c| c.is(ClaimState::Live))
        .collect();
    if live.is_empty() {
        return Ok(());
    }
    if live.len() > 1 {
        let connections = scope.list_connections()?;
        // The app is told by everybody else: its own values count where nobody says anything.
        live.sort_by_key(|c| {
            let age = connections.iter().position(|k| k.id == c.row.connection_id);
            (c.is_of_app(), age)
        });
    }
    let nothing = Units::new();
    let parts: Vec<Part<'_, AttrPath>> = live.iter().map(|c| c.part(&nothing)).collect();
    let now = flatten(registry, KIND, &model.doc);
    let mut units = effective(&parts, &now);
    // Whatever the sources say, a person keeps a name to be found by.
    let name = AttrPath::core("userName");
    if let (false, Some(kept)) = (units.contains_key(&name), now.get(&name)) {
        units.insert(name, kept.clone());
    }
    model.doc = unflatten(&units);
    Ok(())
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
    let mut live = model.claims.iter().filter(|c| c.is(ClaimState::Live));
    let first = live
        .clone()
        .find(|c| !c.is_of_app())
        .or_else(|| live.next());
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
    let claims = model.claims.iter().map(|c| {
        let row = &c.row;
        (row.active, row.external_id.as_deref(), row.state.as_str())
    });
    (model.row.has_access, claims.collect())
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
            c.row.state.clone(),
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
    tx.move_seats(seats_moved(before, model));
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
