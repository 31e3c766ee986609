//! Users as the app says them (SEMANTICS §1): by the app's own id, matched by the verified address, never by a name.

use super::access::{Says, is_adoptable};
use super::conflicts::{Question, ask};
use super::create::{Candidates, new_user, taken_over};
use super::identity::{addresses, is_verified, primary_key};
use super::model::Model;
use super::settle::{Act, settle};
use super::write::{Asserts, assert_units, delete};
use super::{Target, user_name_taken};
use crate::domain::access::reason;
use crate::domain::app::APP;
use crate::scim::fold::user_name_key;
use crate::scim::immutable;
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::Source;
use crate::service::app::{AppUser, Done};
use crate::service::error::{Error, Result};
use crate::service::groups::Halt;
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::known::{By, Marks};

const KIND: ResourceKind = ResourceKind::User;
/// How many names are tried for somebody whose own is taken.
const NAMES: u32 = 99;

/// What the app says of one of its users; `fresh` is the id of the person if nobody knows her yet.
pub(in crate::service) fn put(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    new: &AppUser,
    fresh: &str,
) -> Result<Done> {
    match tx.find_app_claim(id)? {
        Some(claim) => change(tx, registry, id, new, &claim.user_id),
        None => arrive(tx, registry, id, new, fresh),
    }
}

/// Somebody whom the app knew before.
fn change(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    new: &AppUser,
    user: &str,
) -> Result<Done> {
    let no_such = || Error::no_such("app user", id);
    let before = Model::load(tx, registry, user)?.ok_or_else(no_such)?;
    let mut model = before.clone();
    let place = model.position(APP).ok_or_else(no_such)?;
    let name = user_name(tx, id, new, user)?;
    let incoming = new.incoming(registry, id, &name)?;
    let (had, mut view) = (model.view_doc(registry, place), incoming.doc);
    immutable::keep(registry, KIND, &had, &mut view);
    if model.is_sole() {
        model.doc = view;
    } else {
        model.materialise(registry);
        let asserts = Asserts {
            view,
            touched: None,
            external_id: incoming.external_id,
            active: incoming.active,
        };
        assert_units(registry, &mut model, place, &asserts, None);
    }
    match say(tx, registry, Some(&before), &mut model, id, new)? {
        true => Ok(Done::Updated),
        false => Ok(Done::Unchanged),
    }
}

/// Somebody whom the app has not named by this id: the one whom a source knows by her verified address, else somebody new;
/// where that cannot be told, somebody new who waits for a human.
fn arrive(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    new: &AppUser,
    fresh: &str,
) -> Result<Done> {
    let (source, settings) = (Source::app(), tx.tenant_settings()?);
    let domains = &settings.verified_domains;
    let said = new.incoming(registry, id, id)?;
    let said = addresses(&said.doc);
    let email = said.iter().find(|a| a.is_primary && new.email.is_some());
    let key = user_name_key(id);
    let marks = Marks {
        user_name: &key,
        external_id: Some(id),
        email: email.filter(|a| is_verified(&a.key, domains)),
    };
    let mut known = tx.list_known(APP, &marks)?;
    known.retain(|k| !matches!(k.by, By::UserName | By::ViewName));
    let found = Candidates::among(known);
    let meant = match found.only() {
        Some(user) => Model::load(tx, registry, user)?,
        None => None,
    };
    let meant = meant.filter(|m| is_adoptable(&m.row, primary_key(&m.doc).as_deref(), domains));
    if let Some(before) = meant {
        let name = user_name(tx, id, new, &before.row.id)?;
        let incoming = new.incoming(registry, id, &name)?;
        let mut model = taken_over(tx, registry, &source, &before, &incoming);
        say(tx, registry, Some(&before), &mut model, id, new)?;
        return Ok(Done::Matched);
    }
    let question = found.question();
    let name = user_name(tx, id, new, fresh)?;
    let incoming = new.incoming(registry, id, &name)?;
    let mut model = new_user(tx, &source, fresh, &incoming);
    if question.is_some() {
        // Access waits for the answer from the start.
        reason::CONFLICT.clone_into(&mut model.row.access_reason);
    }
    say(tx, registry, None, &mut model, id, new)?;
    if let Some((kind, candidates)) = &question {
        let email = email.map(|a| a.key.as_str()).unwrap_or_default();
        let question = Question {
            kind,
            asserted: &[("appUserId", id), ("email", email)],
            subject: fresh,
            candidates,
        };
        ask(tx, APP, &question)?;
    }
    Ok(Done::Created)
}

/// Puts into the app's claim what is no attribute, and settles; false when nothing changed.
fn say(
    tx: &mut Tx<'_>,
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
    id: &str,
    new: &AppUser,
) -> Result<bool> {
    let place = model
        .position(APP)
        .ok_or_else(|| Error::no_such("app user", id))?;
    let claim = &mut model.claims[place];
    claim.row.external_id = Some(id.to_owned());
    claim.row.entity.clone_from(&new.entity);
    claim.row.active = Some(new.has_access);
    let says = claim
        .is(ClaimState::Live)
        .then(|| Says::active(new.has_access));
    let act = Act {
        source: &Source::app(),
        settings: &tx.tenant_settings()?,
        says,
        has_no_namesake: false,
    };
    settle(tx, registry, before, model, &act)
}

/// The name that she signs in with. One that the app names must be free; otherwise it is the address, and where another
/// person has that the app's own id.
fn user_name(tx: &mut Tx<'_>, id: &str, new: &AppUser, user: &str) -> Result<String> {
    if let Some(name) = &new.user_name {
        return match is_taken(tx, name, user)? {
            true => Err(user_name_taken(name)),
            false => Ok(name.clone()),
        };
    }
    let numbered = (2..=NAMES).map(|n| format!("{id}#{n}"));
    let first = new.email.iter().cloned().chain([id.to_owned()]);
    for name in first.chain(numbered) {
        if !is_taken(tx, &name, user)? {
            return Ok(name);
        }
    }
    Err(user_name_taken(id))
}

/// Whether somebody else has the name, in force or as the app says it.
fn is_taken(tx: &mut Tx<'_>, name: &str, except: &str) -> Result<bool> {
    let key = user_name_key(name);
    let known = tx.list_known(APP, &Marks::user_name(&key))?;
    let mut others = known.iter().filter(|k| k.user_id != except);
    Ok(others.any(|k| k.is_seen_by_name() || (k.by == By::UserName && k.is_public)))
}

/// The app has the user no more: its claim ends. False: there were more teams than one operation may change, and it is to
/// be called again.
pub(in crate::service) fn remove(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
) -> Result<bool, Halt> {
    let claim = tx.find_app_claim(id)?;
    let claim = claim.ok_or_else(|| Error::no_such("app user", id))?;
    let target = Target {
        id: claim.scim_id.unwrap_or(claim.user_id),
        if_match: None,
        if_none_match: None,
    };
    delete(tx, registry, &Source::app(), &target)
}
