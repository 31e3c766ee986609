//! Settling a person: what is in force, access, and each own view are recomputed from the claims, compared with what was
//! loaded, and only differences are written, counted and recorded.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::access::{Says, decide};
use super::identity::addresses;
use super::in_force::recompute;
use super::model::{Model, manager, text, user_name, write_units};
use super::names::{guard_user_name, hide_namesake, keep_names_of_views};
use super::record::{record, record_access};
use super::versions::versions;
use crate::domain::access::Access;
use crate::domain::claims::own_view;
use crate::scim::Doc;
use crate::scim::document::schemas_of;
use crate::scim::fold::{fold, match_document, user_name_key};
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::Source;
use crate::service::entitlements::{keep_to_seats, need_seat, seats_moved};
use crate::service::error::{Error, Result};
use crate::service::invitations::{drop_elevated, follow};
use crate::service::pairs::keep_keys;
use crate::service::push_guard::{Weighed, clear, gather, weigh};
use crate::service::undo::{Touched, remember};
use crate::storage::claims::ClaimState;
use crate::storage::connections::Counted;
use crate::storage::dialect::Json;
use crate::storage::tenants::TenantSettings;
use crate::storage::{self, Tx};

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
    let rules = &act.settings.precedence;
    recompute(tx, registry, rules, model)?;
    if let Some(says) = act.says
        && weigh(tx, before, model, act.source, says)? == Weighed::Decide
    {
        let now = tx.now();
        decide(registry, before, model, act.source, says, act.settings, now);
        let returns = model.access() == Access::Granted
            && before.is_some_and(|b| b.access() != Access::Granted);
        if returns && drop_elevated(tx, model)? {
            recompute(tx, registry, rules, model)?;
        }
    }
    // Whom the app has let in is in; an undo gives back what she had.
    let is_hers = (act.says.is_some() && act.source.is_app()) || tx.cause().kind == "undo";
    keep_to_seats(tx, before, model, is_hers)?;
    if !act.has_no_namesake {
        guard_user_name(tx, registry, before, model, act)?;
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
    need_seat(tx, Some(before), model)?;
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
