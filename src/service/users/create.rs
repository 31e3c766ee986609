//! POST of a user: somebody new, somebody who is meant (adopted), or a question for a human.

use std::collections::BTreeSet;

use super::conflicts::{Question, ask};
use super::identity::{is_verified, primary_key};
use super::model::{Model, user_name};
use super::settle::settle;
use super::{taken_in_view, user_name_taken};
use crate::domain::access::{Access, Decision, RETURN_DAYS, on_active, reason};
use crate::scim::document::Incoming;
use crate::scim::fold::user_name_key;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::Source;
use crate::service::error::Result;
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::tenants::TenantSettings;
use crate::storage::users::UserRow;
use crate::storage::view::UserView;

/// Who a POST may mean.
#[derive(Default)]
struct Candidates {
    /// Ids, each once.
    ids: BTreeSet<String>,
    /// Somebody former has the userName, and nothing else speaks for it being the same person.
    former_name: Option<String>,
}

/// Creates or adopts.
pub(super) fn create(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    fresh: &str,
    incoming: &Incoming,
) -> Result<UserView> {
    let name = user_name(&incoming.doc)?;
    let key = user_name_key(name);
    if taken_in_view(tx, &source.id, &key, "")? {
        return Err(user_name_taken(name));
    }
    let settings = tx.tenant_settings()?;
    let email = primary_key(&incoming.doc);
    let verified = email
        .as_deref()
        .is_none_or(|e| is_verified(e, &settings.verified_domains));
    let found = candidates(
        tx,
        source,
        incoming,
        &key,
        email.as_deref().filter(|_| verified),
    )?;
    let mut model = match found.ids.iter().next() {
        Some(id) if found.ids.len() == 1 => match Model::load(tx, registry, id)? {
            Some(model) if is_adoptable(&model.row) => {
                return adopt(tx, registry, source, model, incoming, &settings);
            }
            _ => new_user(tx, source, fresh, incoming),
        },
        _ => new_user(tx, source, fresh, incoming),
    };
    let now = tx.now();
    let candidates: Vec<String> = found.ids.into_iter().chain(found.former_name).collect();
    let unclear = !candidates.is_empty();
    model.decide(
        access_of_new(&model, source, incoming, unclear, verified, &settings, tx),
        now,
    );
    settle(tx, registry, None, &mut model, &source.id)?;
    if unclear {
        let asserted = [
            ("userName", key.as_str()),
            (
                "externalId",
                incoming.external_id.as_deref().unwrap_or_default(),
            ),
            ("email", email.as_deref().unwrap_or_default()),
        ];
        let kind = if candidates.len() > 1 {
            "several-candidates"
        } else {
            "not-adoptable"
        };
        ask(
            tx,
            &source.id,
            &Question {
                kind,
                asserted: &asserted,
                subject: fresh,
                candidates: &candidates,
            },
        )?;
    }
    model.user_view(&source.id)
}

fn new_user(tx: &Tx<'_>, source: &Source, id: &str, incoming: &Incoming) -> Model {
    let now = tx.now();
    let mut model = Model::fresh(
        tx.tenant().as_str(),
        id.to_owned(),
        incoming.doc.clone(),
        now,
    );
    let place = model.add_claim(&source.id, now);
    let claim = &mut model.claims[place];
    claim.row.external_id.clone_from(&incoming.external_id);
    claim.row.active = Some(incoming.active.unwrap_or(true));
    model
}

fn access_of_new(
    model: &Model,
    source: &Source,
    incoming: &Incoming,
    unclear: bool,
    verified: bool,
    settings: &TenantSettings,
    tx: &Tx<'_>,
) -> Decision {
    let listed = |reason| Decision {
        access: Access::Listed,
        reason,
    };
    if unclear {
        return listed(reason::CONFLICT);
    }
    if !verified {
        return listed(reason::UNVERIFIED_DOMAIN);
    }
    if incoming.active == Some(false) {
        return listed(reason::SOURCE_INACTIVE);
    }
    let days = settings.return_days.unwrap_or(RETURN_DAYS);
    on_active(model.standing(&source.id), source.policy, tx.now(), days)
        .unwrap_or_else(|| listed(reason::LISTED_BY_SOURCE))
}

/// Users with an admin's role and the break-glass admin are never adopted automatically.
pub(super) fn is_adoptable(row: &UserRow) -> bool {
    !row.break_glass && row.admin_role.is_none()
}

fn candidates(
    tx: &mut Tx<'_>,
    source: &Source,
    incoming: &Incoming,
    key: &str,
    email: Option<&str>,
) -> Result<Candidates> {
    let mut found = Candidates::default();
    if let Some(external_id) = &incoming.external_id {
        let claims = tx.list_claims_by_external_id(&source.id, external_id)?;
        found.ids.extend(
            claims
                .into_iter()
                .filter(|c| c.state == "ended")
                .map(|c| c.user_id),
        );
    }
    if let Some(email) = email {
        for user in tx.list_users_by_email(email)? {
            // Somebody whom this connection claims already is another person with the same address.
            if claim_state(tx, &user.id, &source.id)?
                .is_none_or(|s| s == ClaimState::Ended.as_str())
            {
                found.ids.insert(user.id);
            }
        }
    }
    for user in tx.list_users_by_user_name(key)? {
        let state = claim_state(tx, &user.id, &source.id)?;
        let free = state
            .as_deref()
            .is_none_or(|s| s == ClaimState::Ended.as_str());
        if free && user.access == Access::Listed.as_str() && user.removed_at.is_none() {
            found.ids.insert(user.id);
        } else if !found.ids.contains(&user.id)
            && (state.as_deref() == Some("ended") || user.removed_at.is_some())
        {
            found.former_name = Some(user.id);
        }
    }
    if found
        .former_name
        .as_ref()
        .is_some_and(|id| found.ids.contains(id))
    {
        found.former_name = None;
    }
    // Something stronger than the name decides.
    if !found.ids.is_empty() {
        found.former_name = None;
    }
    Ok(found)
}

fn claim_state(tx: &mut Tx<'_>, user: &str, connection: &str) -> Result<Option<String>> {
    let claims = tx.list_claims(user)?;
    Ok(claims
        .into_iter()
        .find(|c| c.connection_id == connection)
        .map(|c| c.state))
}

/// The units that the first adoption never changes.
pub(super) fn hold_addresses(held: &mut BTreeSet<AttrPath>, asserted: &Units, effective: &Units) {
    for name in ["userName", "emails"] {
        let path = AttrPath::core(name);
        if asserted
            .get(&path)
            .is_some_and(|value| effective.get(&path) != Some(value))
        {
            held.insert(path);
        }
    }
}

/// The POST means somebody who exists: her userName and addresses in force stay, this source's are held.
fn adopt(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    model: Model,
    incoming: &Incoming,
    settings: &TenantSettings,
) -> Result<UserView> {
    let now = tx.now();
    let before = model.clone();
    let mut model = model;
    let was_removed = model.row.removed_at.take().is_some();
    if was_removed {
        // Back from a tombstone: the same id, no roles, a new decision about access.
        model.row.sticky = false;
        model.doc.remove("roles");
    }
    let place = match model.position(&source.id) {
        Some(place) => place,
        None => model.add_claim(&source.id, now),
    };
    model.materialise(registry);
    let effective = flatten(registry, ResourceKind::User, &model.doc);
    let asserted = flatten(registry, ResourceKind::User, &incoming.doc);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Live);
    claim.row.ended_at = None;
    claim.held.clear();
    hold_addresses(&mut claim.held, &asserted, &effective);
    claim.asserted = Some(asserted);
    claim.row.external_id.clone_from(&incoming.external_id);
    let active = incoming.active.unwrap_or(true);
    claim.row.active = Some(active);
    if active {
        let mut standing = model.standing(&source.id);
        if was_removed {
            standing.access = None;
        }
        let days = settings.return_days.unwrap_or(RETURN_DAYS);
        if let Some(decision) = on_active(standing, source.policy, now, days) {
            model.decide(decision, now);
        }
    }
    settle(tx, registry, Some(&before), &mut model, &source.id)?;
    model.user_view(&source.id)
}
