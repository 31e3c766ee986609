//! What is in force about a person: of each unit the value of the source that comes first there, what a human gave, and what
//! nobody loses.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Claim, Model, is_identity};
use super::ranking::Ranking;
use crate::domain::app::APP;
use crate::domain::claims::{Part, effective};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::Result;
use crate::service::invitations::{bar_roles, overlay};
use crate::storage::Scope;
use crate::storage::claims::ClaimState;

const KIND: ResourceKind = ResourceKind::User;

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
