//! POST of a user: somebody new, somebody who is meant (adopted), or a question for a human.

use std::collections::BTreeSet;

use super::access::{Says, is_adoptable};
use super::conflicts::{Question, ask, kind};
use super::identity::{addresses, is_verified, primary_key};
use super::model::{Model, manager, user_name};
use super::settle::{Act, settle};
use super::user_name_taken;
use super::write::{Asserts, assert_units, own_manager};
use crate::domain::access::{Access, reason};
use crate::scim::document::Incoming;
use crate::scim::fold::user_name_key;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::Source;
use crate::service::entitlements::require_push;
use crate::service::error::Result;
use crate::service::groups::{Halt, leave_groups};
use crate::service::push_guard::gather;
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::known::{By, Known, Marks};
use crate::storage::memberships::MemberKind;
use crate::storage::tenants::TenantSettings;
use crate::storage::view::UserView;

/// Who a POST may mean, by ids.
#[derive(Default)]
pub(super) struct Candidates {
    /// Something that identifies a person speaks for these.
    strong: BTreeSet<String>,
    /// Their primary address is equal under wider folding only.
    similar: BTreeSet<String>,
    /// They are gone for the source and had the userName.
    former: BTreeSet<String>,
}

impl Candidates {
    pub(super) fn among(known: Vec<Known>) -> Self {
        let mut found = Self::default();
        for known in known {
            let list = match known.by {
                By::ExternalId if known.has_ended() => &mut found.strong,
                By::ViewName if known.has_ended() => &mut found.former,
                // Somebody whom this connection claims already is another person with the same address.
                By::Email if known.is_free() => &mut found.strong,
                By::AlikeEmail if known.is_free() => &mut found.similar,
                By::UserName if known.is_free() => {
                    // Had the connection seen the person, the name would have been taken.
                    match known.access == Access::Listed.as_str() && !known.is_removed {
                        true => &mut found.strong,
                        false => &mut found.former,
                    }
                }
                _ => continue,
            };
            list.insert(known.user_id);
        }
        found
    }

    /// Exactly one: the person who is meant.
    pub(super) fn only(&self) -> Option<&str> {
        self.strong
            .first()
            .filter(|_| self.strong.len() == 1)
            .map(String::as_str)
    }

    /// What a human is asked when nobody was adopted. Something weak is asked about only where nothing is strong.
    pub(super) fn question(self) -> Option<(&'static str, Vec<String>)> {
        let weak = || self.similar.union(&self.former).cloned().collect();
        match (self.strong.len(), self.similar.len(), self.former.len()) {
            (0, 0, 0) => None,
            (0, 0, _) => Some((kind::FORMER_NAME, weak())),
            (0, ..) => Some((kind::SIMILAR_ADDRESS, weak())),
            (1, ..) => Some((kind::NOT_ADOPTABLE, self.strong.into_iter().collect())),
            _ => Some((kind::SEVERAL, self.strong.into_iter().collect())),
        }
    }
}

/// Creates or adopts. `None`: whom it adopts is in more groups than one operation may change; it is to be called again.
pub(super) fn create(
    tx: &mut Tx<'_>,
    registry: &Registry,
    source: &Source,
    fresh: &str,
    incoming: &Incoming,
) -> Result<Option<UserView>, Halt> {
    require_push(tx, source, false)?;
    let name = user_name(&incoming.doc)?;
    let key = user_name_key(name);
    let resolved;
    let incoming = match manager(&incoming.doc) {
        None => incoming,
        Some(_) => {
            let mut own = incoming.clone();
            own_manager(tx, &source.id, None, &mut own.doc)?;
            resolved = own;
            &resolved
        }
    };
    let settings = tx.tenant_settings()?;
    let known = known(tx, source, incoming, &key, &settings.verified_domains)?;
    if known.iter().any(Known::is_seen_by_name) {
        return Err(user_name_taken(name).into());
    }
    let is_namesake = known.iter().any(|k| k.by == By::UserName && k.is_public);
    let found = Candidates::among(known);
    let meant = match found.only() {
        Some(id) => Model::load(tx, registry, id)?,
        None => None,
    };
    if let Some(model) = meant {
        let primary = primary_key(&model.doc);
        if is_adoptable(&model.row, primary.as_deref(), &settings.verified_domains) {
            if !leave_former_groups(tx, source, &model)? {
                return Ok(None);
            }
            return Ok(adopt(tx, registry, source, model, incoming, &settings).map(Some)?);
        }
    }
    let question = found.question();
    let mut model = new_user(tx, source, fresh, incoming);
    if question.is_some() {
        // Access waits for the answer from the start.
        reason::CONFLICT.clone_into(&mut model.row.access_reason);
    }
    let act = Act {
        source,
        settings: &settings,
        says: Some(Says::active(incoming.active.unwrap_or(true))),
        has_no_namesake: !is_namesake,
    };
    settle(tx, registry, None, &mut model, &act)?;
    if let Some((kind, candidates)) = &question {
        let external_id = incoming.external_id.as_deref().unwrap_or_default();
        let email = primary_key(&incoming.doc).unwrap_or_default();
        let asserted = [
            ("userName", key.as_str()),
            ("externalId", external_id),
            ("email", email.as_str()),
        ];
        let question = Question {
            kind,
            asserted: &asserted,
            subject: fresh,
            candidates,
        };
        ask(tx, &source.id, &question)?;
    }
    Ok(Some(model.user_view(&source.id)?))
}

/// Whom the connection deleted and who kept her groups, since her loss of access was parked, comes back into none of its
/// own, as after any DELETE. False: some are left.
fn leave_former_groups(tx: &mut Tx<'_>, source: &Source, model: &Model) -> Result<bool, Halt> {
    let place = model.position(&source.id);
    if !place.is_some_and(|place| model.claims[place].is(ClaimState::Ended)) {
        return Ok(true);
    }
    gather(tx, &source.id)?;
    let member = (model.row.id.clone(), MemberKind::User);
    leave_groups(tx, &member, Some(&source.id), reason::DELETED_BY_SOURCE)
}

pub(super) fn new_user(tx: &Tx<'_>, source: &Source, id: &str, incoming: &Incoming) -> Model {
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

/// Everybody whom a POST may mean. An address identifies only in a verified domain.
fn known(
    tx: &mut Tx<'_>,
    source: &Source,
    incoming: &Incoming,
    key: &str,
    domains: &[String],
) -> Result<Vec<Known>> {
    let addresses = addresses(&incoming.doc);
    let primary = addresses.iter().find(|a| a.is_primary);
    let marks = Marks {
        user_name: key,
        external_id: incoming.external_id.as_deref(),
        email: primary.filter(|a| is_verified(&a.key, domains)),
    };
    Ok(tx.list_known(&source.id, &marks)?)
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
    let before = model;
    let active = incoming.active.unwrap_or(true);
    let mut model = taken_over(tx, registry, source, &before, incoming);
    let act = Act {
        source,
        settings,
        says: Some(Says::active(active)),
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    model.user_view(&source.id)
}

/// Somebody with a live claim of the source that says what came in; to be settled.
pub(super) fn taken_over(
    tx: &Tx<'_>,
    registry: &Registry,
    source: &Source,
    before: &Model,
    incoming: &Incoming,
) -> Model {
    let mut model = before.clone();
    if model.row.removed_at.take().is_some() {
        // Back from a tombstone: the same id, no roles.
        model.doc.remove("roles");
    }
    let place = match model.position(&source.id) {
        Some(place) => place,
        None => model.add_claim(&source.id, tx.now()),
    };
    model.materialise(registry);
    let effective = flatten(registry, ResourceKind::User, &model.doc);
    let active = incoming.active.unwrap_or(true);
    let asserts = Asserts {
        view: incoming.doc.clone(),
        touched: None,
        external_id: incoming.external_id.clone(),
        active: Some(active),
    };
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Live);
    claim.row.ended_at = None;
    claim.held.clear();
    claim.undone.clear();
    claim.asserted = Some(Units::new());
    assert_units(registry, &mut model, place, &asserts, Some(&effective));
    let claim = &mut model.claims[place];
    claim.row.external_id = asserts.external_id;
    claim.row.active = Some(active);
    model
}
