//! Which team goes on as which: reviews and rights hang on a team's id, so that it outlives its manager where its people
//! stay together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Previous, Team};

/// Gives the teams the ids of previous ones; answers which of those end.
///
/// (1) A manager who still leads keeps the team, whoever its members are. (2) A team whose manager leads nobody any more goes
/// to a manager without one who has more than half of its remaining members: the largest overlap first, then the older team,
/// then the manager's id. (3) The rest is new, or ends.
pub(super) fn keep(teams: &mut [Team], previous: &[Previous]) -> Vec<String> {
    let mut olds: Vec<&Previous> = previous.iter().collect();
    olds.sort_by(|a, b| a.id.cmp(&b.id));
    let mut by_manager: HashMap<&str, &Previous> = HashMap::new();
    for old in &olds {
        by_manager.entry(&old.manager).or_insert(old);
    }
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    for team in teams.iter_mut() {
        if let Some(old) = by_manager.get(team.manager.as_str()) {
            team.id = Some(old.id.clone());
            kept.insert(&old.id);
        }
    }
    let orphans: Vec<&Previous> = olds
        .iter()
        .copied()
        .filter(|old| !kept.contains(old.id.as_str()))
        .collect();
    for (old, place) in heirs(&orphans, teams) {
        if teams[place].id.is_none() && kept.insert(&old.id) {
            teams[place].id = Some(old.id.clone());
        }
    }
    let gone = olds.iter().filter(|old| !kept.contains(old.id.as_str()));
    gone.map(|old| old.id.clone()).collect()
}

/// Teams that lost their manager with those that may go on as them, in the order in which they are given.
fn heirs<'a>(orphans: &[&'a Previous], teams: &[Team]) -> Vec<(&'a Previous, usize)> {
    let mut team_of: HashMap<&str, usize> = HashMap::new();
    for (place, team) in teams.iter().enumerate() {
        team_of.extend(team.members.iter().map(|member| (member.as_str(), place)));
    }
    let mut pairs: Vec<(usize, &Previous, usize)> = Vec::new();
    for old in orphans {
        let mut overlap: BTreeMap<usize, usize> = BTreeMap::new();
        for member in &old.members {
            if let Some(place) = team_of.get(member.as_str()) {
                *overlap.entry(*place).or_default() += 1;
            }
        }
        let remaining: usize = overlap.values().sum();
        let most = overlap.into_iter().find(|(_, n)| 2 * n > remaining);
        pairs.extend(most.map(|(place, n)| (n, *old, place)));
    }
    pairs.sort_by(|a, b| {
        let by_manager = || teams[a.2].manager.cmp(&teams[b.2].manager);
        b.0.cmp(&a.0)
            .then_with(|| a.1.id.cmp(&b.1.id))
            .then_with(by_manager)
    });
    pairs
        .into_iter()
        .map(|(_, old, place)| (old, place))
        .collect()
}
