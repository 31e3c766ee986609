//! The rows of a set of teams that is being prepared, in parts that fit into one operation: what they are made of, stored,
//! thrown away; and the teams in force that end with it, marked.

use std::collections::BTreeSet;

use super::ROWS;
use super::apply::synced;
use super::build::Wanted;
use crate::scim::schema::Registry;
use crate::service::error::Result;
use crate::service::groups::teams as groups;
use crate::storage::Tx;
use crate::storage::groups::GroupRow;
use crate::storage::memberships::{Member, MemberKind};
use crate::storage::teams::SyncedTeamRow;

/// Teams that one operation looks at.
pub(super) const AT_ONCE: i64 = 50;

/// A part of what is prepared; its rows fit into one operation.
#[derive(Debug, Clone)]
pub(super) enum Fill {
    Team(Box<GroupRow>, Option<SyncedTeamRow>, BTreeSet<String>),
    Members(String, Vec<String>),
}

impl Fill {
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Team(_, _, reviewers) => 2 + reviewers.len(),
            Self::Members(_, members) => members.len(),
        }
    }
}

/// What a set of these teams is made of.
pub(super) fn fills_of(
    registry: &Registry,
    (tenant, now, set): (&str, i64, i64),
    wanted: &[Wanted],
) -> Result<Vec<Fill>> {
    let mut fills = Vec::new();
    for team in wanted {
        let mut group = groups::row(registry, tenant, (&team.id, &team.name), now)?;
        group.team_set = Some(set);
        let reviewers = team.reviewer.iter().cloned().collect();
        fills.push(Fill::Team(
            Box::new(group),
            Some(synced(tenant, team)),
            reviewers,
        ));
        fills.extend(members_of(&team.id, team.members.iter().cloned().collect()));
    }
    Ok(fills)
}

pub(super) fn members_of(team: &str, members: Vec<String>) -> Vec<Fill> {
    let chunks = members.chunks(ROWS / 2);
    chunks
        .map(|chunk| Fill::Members(team.to_owned(), chunk.to_vec()))
        .collect()
}

/// Stores a part of what is prepared. Somebody who was removed meanwhile is left out.
pub(super) fn put(tx: &mut Tx<'_>, fill: &Fill) -> Result<()> {
    match fill {
        Fill::Team(row, synced, reviewers) => {
            tx.create_group(row)?;
            if let Some(synced) = synced {
                tx.put_synced_team(synced)?;
            }
            for user in here(tx, reviewers.iter().cloned().collect())? {
                tx.create_reviewer(&row.id, &user)?;
            }
            Ok(())
        }
        Fill::Members(team, members) => {
            let members = here(tx, members.clone())?.into_iter();
            let members: Vec<Member> = members.map(|id| (id, MemberKind::User)).collect();
            Ok(tx.create_memberships(team, 1, &members)?)
        }
    }
}

fn here(tx: &mut Tx<'_>, ids: Vec<String>) -> Result<Vec<String>> {
    let found = tx.list_visible_ids(None, &ids)?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Throws some of what was prepared away; whether there was any.
pub(super) fn throw_away(tx: &mut Tx<'_>, set: i64) -> Result<bool> {
    let mut rows = 0;
    let teams = tx.list_teams_of_set(set, AT_ONCE)?;
    let is_more = !teams.is_empty();
    for team in teams {
        let limit = i64::try_from(ROWS.saturating_sub(rows)).unwrap_or_default();
        let members = tx.list_all_members(&team.id, team.generation, limit + 1)?;
        let members: Vec<String> = members.into_iter().map(|(id, _)| id).collect();
        tx.delete_memberships(&team.id, team.generation, &members)?;
        rows += members.len();
        if rows > ROWS {
            break;
        }
        for user in tx.list_reviewers(&team.id)? {
            tx.delete_reviewer(&team.id, &user)?;
            rows += 1;
        }
        tx.delete_synced_team(&team.id)?;
        tx.delete_group(&team.id)?;
        rows += 2;
    }
    Ok(is_more)
}

/// Says of some teams in force that they end with the switch; whether there were any. Nobody sees a difference.
pub(super) fn mark(tx: &mut Tx<'_>, next: i64, only_synced: bool) -> Result<bool> {
    let teams = tx.list_unmarked_teams(only_synced, i64::try_from(ROWS).unwrap_or_default())?;
    let is_more = !teams.is_empty();
    for mut row in teams {
        row.team_set = Some(-next);
        tx.update_group(&row)?;
    }
    Ok(is_more)
}
