//! One userName is one person: among people whom everybody sees, and in each connection's view. Whoever comes second keeps
//! the name she had, and a human is asked.

use serde_json::Value;

use super::conflicts::{Question, ask, kind};
use super::in_force::recompute;
use super::model::{Model, user_name};
use super::taken_in_view;
use crate::domain::access::{Access, Decision, reason};
use crate::scim::fold::user_name_key;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::error::Result;
use crate::storage::claims::ClaimState;
use crate::storage::{Scope, Tx};

const KIND: ResourceKind = ResourceKind::User;

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
pub(super) fn guard_user_name(
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
pub(super) fn keep_names_of_views(
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
pub(super) fn hide_namesake(
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
