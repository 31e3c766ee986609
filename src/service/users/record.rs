//! What the journal says about a change of a person: the document, each claim, access.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::{Claim, Model};
use crate::domain::access::Access;
use crate::domain::audit::Entry;
use crate::scim::Doc;
use crate::scim::schema::{AttrPath, ROSTERD_USER, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::storage::Tx;
use crate::storage::users::UserRow;

const KIND: ResourceKind = ResourceKind::User;

/// Every version has its entry: the document with the sole claim, claims that have something of their own, access.
pub(super) fn record(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &Model,
    acting: &str,
) {
    let id = model.row.id.as_str();
    let old = before
        .map(|b| flatten(registry, KIND, &b.doc))
        .unwrap_or_default();
    let new = flatten(registry, KIND, &model.doc);
    let action = if before.is_none() {
        "user.created"
    } else {
        "user.updated"
    };
    let mut entry = Entry::new(action, "user", id);
    if !acting.is_empty() {
        entry = entry.object("connection", acting);
    }
    for path in old
        .keys()
        .chain(new.keys().filter(|p| !old.contains_key(*p)))
    {
        entry = entry.change(
            &path.to_string(),
            old.get(path).cloned(),
            new.get(path).cloned(),
        );
    }
    entry = employment_changes(entry, before, model);
    for claim in &model.claims {
        let was = before.and_then(|b| {
            b.claims
                .iter()
                .find(|c| c.row.connection_id == claim.row.connection_id)
        });
        let is_sole = model.claims.len() == 1 && claim.asserted.is_none();
        if is_sole && (before.is_none() || was.is_some_and(|w| w.row.state == claim.row.state)) {
            entry = claim_changes(entry, was, claim);
        } else if was != Some(claim) {
            record_claim(tx, id, was, claim);
        }
    }
    if before.is_none() || !entry.changes.is_empty() {
        tx.record(entry);
    }
    record_access(tx, before, model);
}

pub(super) fn record_access(tx: &mut Tx<'_>, before: Option<&Model>, model: &Model) {
    let was = before.map(|b| (b.row.access.as_str(), b.row.access_reason.as_str()));
    let is = (model.row.access.as_str(), model.row.access_reason.as_str());
    let waited = before.is_some_and(waits_for_first_day);
    let (params_was, params_is) = (before.map(params).unwrap_or_default(), params(model));
    if was == Some(is) && params_was == params_is {
        return;
    }
    let action = match model.access() {
        Access::Granted if waited && model.row.has_access => "access.started",
        _ if was.is_some_and(|(access, _)| access == is.0) => "access.reason_changed",
        Access::Listed => "access.listed",
        Access::Invited => "access.invited",
        Access::Granted => "access.granted",
        Access::Revoked => "access.revoked",
    };
    let entry = Entry::new(action, "user", model.row.id.clone()).reason(is.1);
    let access = was.map(|(access, _)| Value::from(access));
    let entry = entry.change("access", access, Some(Value::from(is.0)));
    let gone = params_was
        .keys()
        .filter(|name| !params_is.contains_key(*name));
    let names: Vec<&String> = params_is.keys().chain(gone).collect();
    let entry = names.into_iter().fold(entry, |entry, name| {
        let path = format!("reason/{name}");
        entry.change(
            &path,
            params_was.get(name).cloned(),
            params_is.get(name).cloned(),
        )
    });
    // Said only where it does not follow from `access`.
    let has = |m: &Model| Value::from(m.row.has_access);
    tx.record(match waited || waits_for_first_day(model) {
        true => entry.change("hasAccess", before.map(has), Some(has(model))),
        false => entry,
    });
}

/// Granted, and not let in before her first day.
fn waits_for_first_day(model: &Model) -> bool {
    model.access() == Access::Granted && !model.row.has_access
}

/// The parameters of the reason, such as what a human wrote beside a decision.
fn params(model: &Model) -> Doc {
    let text = model.row.access_params.as_deref().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

/// What HR says of her, as readers see it.
fn employment_changes(mut entry: Entry, before: Option<&Model>, model: &Model) -> Entry {
    let said = |row: &UserRow| {
        let columns = [&row.employment_state, &row.start_date, &row.end_date];
        columns.map(|column| column.clone().map(Value::from))
    };
    let (was, is) = (before.map(|b| said(&b.row)), said(&model.row));
    let names = ["employmentState", "startDate", "endDate"];
    for ((name, was), is) in names.iter().zip(was.unwrap_or_default()).zip(is) {
        entry = entry.change(&format!("{ROSTERD_USER}:{name}"), was, is);
    }
    entry
}

fn claim_changes(entry: Entry, was: Option<&Claim>, claim: &Claim) -> Entry {
    let text = |c: Option<&Claim>| c.and_then(|c| c.row.external_id.clone()).map(Value::from);
    let active = |c: Option<&Claim>| c.and_then(|c| c.row.active).map(Value::from);
    let entity = |c: Option<&Claim>| c.and_then(|c| c.row.entity.clone()).map(Value::from);
    entry
        .change("active", active(was), active(Some(claim)))
        .change("externalId", text(was), text(Some(claim)))
        .change("entity", entity(was), entity(Some(claim)))
}

fn record_claim(tx: &mut Tx<'_>, user: &str, was: Option<&Claim>, claim: &Claim) {
    let action = match (was.map(|w| w.row.state.as_str()), claim.row.state.as_str()) {
        (old, "ended") if old != Some("ended") => "claim.ended",
        (None, "pending") => "claim.pending",
        (None, _) => "claim.created",
        (Some("ended"), "live" | "parked") => "claim.revived",
        (Some("live"), "resting") => "claim.rested",
        (Some("resting"), "live") => "claim.woken",
        _ => "claim.updated",
    };
    let entry =
        Entry::new(action, "user", user).object("connection", claim.row.connection_id.clone());
    let mut entry = claim_changes(entry, was, claim);
    let nothing = Units::new();
    let old = was.and_then(|w| w.asserted.as_ref()).unwrap_or(&nothing);
    let new = claim.asserted.as_ref().unwrap_or(&nothing);
    for path in old
        .keys()
        .chain(new.keys().filter(|p| !old.contains_key(*p)))
    {
        entry = entry.change(
            &format!("asserted/{path}"),
            old.get(path).cloned(),
            new.get(path).cloned(),
        );
    }
    let held = |claim: Option<&Claim>| {
        let held = claim.map(|c| &c.held).filter(|held| !held.is_empty());
        held.map(|held: &BTreeSet<AttrPath>| {
            held.iter().map(|p| Value::from(p.to_string())).collect()
        })
    };
    entry = entry.change("held", held(was), held(Some(claim)));
    if action != "claim.updated" || !entry.changes.is_empty() {
        tx.record(entry);
    }
}
