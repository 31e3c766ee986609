//! What is in force about a person: of each unit the value of the source that comes first there, what a human gave, and what
//! nobody loses.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Claim, Model, is_identity};
use super::ranking::Ranking;
use crate::domain::app::APP;
use crate::domain::claims::{Part, Undone, effective, first};
use crate::domain::precedence::Rules;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::Result;
use crate::service::invitations::{bar_roles, overlay};
use crate::storage::Scope;
use crate::storage::claims::ClaimState;

const KIND: ResourceKind = ResourceKind::User;

/// Nothing of what a human gave is held.
static NONE_HELD: BTreeSet<AttrPath> = BTreeSet::new();
static NONE_UNDONE: Undone<AttrPath> = BTreeMap::new();

/// Who has a say in what is in force about a person, by age: her sources, and what a human gave, which counts before what
/// the app says and after all others.
pub(in crate::service) struct Voices<'a> {
    /// Of more than one source.
    ranking: Option<&'a Ranking>,
    /// Whose each part is; `None`: a human's gift.
    who: Vec<Option<&'a Claim>>,
    parts: Vec<Part<'a, AttrPath>>,
}

impl<'a> Voices<'a> {
    /// Of a person; `alone` is what a source says that stores nothing of its own.
    pub(in crate::service) fn of(
        ranking: Option<&'a Ranking>,
        model: &'a Model,
        alone: &'a Units,
    ) -> Self {
        // No source takes the break-glass admin over: what it writes, it reads back, and nobody else does.
        let mut live: Vec<&Claim> = match model.row.break_glass {
            true => Vec::new(),
            false => model.claims.iter().filter(|c| c.takes_part()).collect(),
        };
        let ranking = ranking.filter(|_| live.len() > 1);
        if let Some(ranking) = ranking {
            live.sort_by_key(|c| ranking.age(&c.row.connection_id));
        }
        let mut voices = Self {
            ranking,
            parts: live.iter().map(|c| c.part(alone)).collect(),
            who: live.into_iter().map(Some).collect(),
        };
        if !model.row.break_glass {
            let who = &voices.who;
            let of_app = who.iter().position(|c| c.is_some_and(Claim::is_of_app));
            let of_app = of_app.unwrap_or(who.len());
            let given = Part {
                asserted: &model.given,
                held: &NONE_HELD,
                undone: &NONE_UNDONE,
            };
            voices.parts.insert(of_app, given);
            voices.who.insert(of_app, None);
        }
        voices
    }

    /// Whose value of a unit is in force; `Some(None)`: a human's gift.
    pub(in crate::service) fn first(&self, unit: &AttrPath) -> Option<Option<&'a Claim>> {
        let found = first(&self.parts, unit, |unit, place| self.rank(unit, place));
        found.and_then(|(place, _)| self.who.get(place).copied())
    }

    fn rank(&self, unit: &AttrPath, place: usize) -> usize {
        let who = self.who.get(place);
        let connection = who.map(|c| c.map_or(APP, |c| c.row.connection_id.as_str()));
        let ranking = self.ranking.zip(connection);
        ranking.map_or(0, |(ranking, connection)| ranking.rank(unit, connection))
    }
}

/// The effective document: of each unit the value of the source that comes first there, by the tenant's rules.
pub(in crate::service) fn recompute(
    scope: &mut Scope<'_>,
    registry: &Registry,
    rules: &Rules,
    model: &mut Model,
) -> Result<()> {
    bar_roles(scope, registry, model)?;
    if model.is_sole() {
        return Ok(());
    }
    let live = model.claims.iter().filter(|c| c.takes_part());
    let ranking = match live.count() {
        0 | 1 => None,
        _ => Some(Ranking::with(scope, rules)?),
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
    if model.is_sole() || model.row.break_glass {
        return;
    }
    if !model.is_claimed() {
        overlay(registry, model);
        return;
    }
    let nothing = Units::new();
    let voices = Voices::of(ranking, model, &nothing);
    let now = flatten(registry, KIND, &model.doc);
    let mut units = effective(&voices.parts, &now, |unit, place| voices.rank(unit, place));
    // Nobody loses a name or an address because a source rests: what nobody else says of them stays.
    let resting = model.claims.iter().filter(|c| c.is(ClaimState::Resting));
    for unit in resting
        .filter_map(|c| c.asserted.as_ref())
        .flat_map(Units::keys)
    {
        let mut parts = voices.parts.iter();
        let is_said = parts.any(|part| part.asserted.contains_key(unit));
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
