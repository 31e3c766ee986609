//! The moment at which one set of teams takes the place of another, and what follows it.

use super::job::{CLEARING, COMPLETE, RETIRING, TELLING};
use super::types::State;
use super::{ROWS, apply};
use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::service::error::{Error, Result};
use crate::service::groups::teams as groups;
use crate::storage::Tx;
use crate::storage::connections::Counted;
use crate::storage::groups::GroupRow;
use crate::storage::memberships::MemberKind;
use crate::storage::teams::{KeptTeamRow, TeamSyncRow};

/// Teams that one operation looks at.
const AT_ONCE: i64 = 50;

/// Puts the set with this number in force. Few rows, however many teams there are.
pub(super) fn switch(
    tx: &mut Tx<'_>,
    row: &mut TeamSyncRow,
    next: i64,
    (counts, head): (&str, i64),
) -> Result<()> {
    let is_complete = row.job.as_deref() == Some(COMPLETE);
    if !tx.list_unmarked_teams(!is_complete, 1)?.is_empty() {
        return Err(Error::Stale("a team came in between".to_owned()));
    }
    let (come, of_app) = tx.count_teams_of_set(next)?;
    let (go, gone_of_app) = tx.count_teams_of_set(-next)?;
    tx.totals().groups += come - go;
    if of_app != gone_of_app {
        let counted = Counted {
            groups: of_app - gone_of_app,
            ..Counted::default()
        };
        tx.count_for_connection(APP, counted)?;
    }
    row.team_set = next;
    row.stage = Some(CLEARING.to_owned());
    row.revision += 1;
    let (action, state) = match is_complete {
        true => ("team_sync.completed", State::On),
        false => ("team_sync.restored", State::Stopped),
    };
    state.as_str().clone_into(&mut row.state);
    let now = tx.now().0;
    if is_complete {
        row.counts = Some(counts.to_owned());
        row.seen = head;
        row.completed_at = Some(now);
        row.completed_by_kind = Some(tx.actor().kind.clone());
        row.completed_by_id = Some(tx.actor().id.clone());
        (row.kept_at, row.stopped_at) = (Some(now), None);
    } else {
        row.kept_at = None;
        row.stopped_at = row.stopped_at.or(Some(now));
        for finding in tx.list_team_findings()?.iter().take(ROWS) {
            tx.delete_team_finding(finding)?;
        }
    }
    let entry = Entry::new(action, "connection", row.connection_id.as_str());
    tx.record(entry.change("teams", Some(go.into()), Some(come.into())));
    Ok(())
}

/// One of the steps that follow, until there is none left.
pub(super) fn step(tx: &mut Tx<'_>) -> Result<()> {
    let Some(mut row) = tx.find_team_sync()?.filter(|row| row.job.is_some()) else {
        return Ok(());
    };
    row.touched_at = tx.now().0;
    let stage = row.stage.clone().unwrap_or_default();
    let (is_more, next) = match stage.as_str() {
        CLEARING => (tx.delete_kept(AT_ONCE * 4)? > 0, Some(RETIRING)),
        RETIRING => (retire(tx, &row)?, Some(TELLING)),
        TELLING => (tell(tx, &mut row)?, None),
        // Others prepare.
        _ => return Ok(()),
    };
    if !is_more {
        row.stage = next.map(str::to_owned);
        if next.is_none() {
            (row.job, row.member_cursor) = (None, None);
        }
    }
    Ok(tx.put_team_sync(&row)?)
}

/// Lets some of what was replaced go; what the set-up replaced is kept. Whether there was any.
fn retire(tx: &mut Tx<'_>, sync: &TeamSyncRow) -> Result<bool> {
    let keeps = sync.job.as_deref() == Some(COMPLETE);
    let mut budget = ROWS;
    let teams = tx.list_teams_of_set(-sync.team_set, AT_ONCE)?;
    let is_more = !teams.is_empty();
    for team in &teams {
        if keeps {
            tx.create_kept_team(&kept(team))?;
        }
        let reviewers = tx.list_reviewers(&team.id)?;
        if keeps {
            tx.create_kept_people(&team.id, true, &reviewers)?;
        }
        for user in &reviewers {
            groups::stop_reviewing(tx, &team.id, user)?;
        }
        budget = budget.saturating_sub(2 * reviewers.len() + 4);
        let limit = budget / 2;
        let members = tx.list_all_members(
            &team.id,
            team.generation,
            i64::try_from(limit).unwrap_or_default(),
        )?;
        let ids: Vec<String> = members.iter().map(|(id, _)| id.clone()).collect();
        if keeps {
            tx.create_kept_people(&team.id, false, &ids)?;
        }
        for (id, kind) in &members {
            tx.record(groups::entry("group.member_removed", &team.id, (id, *kind)));
        }
        tx.delete_memberships(&team.id, team.generation, &ids)?;
        budget = budget.saturating_sub(2 * members.len());
        if members.len() >= limit {
            break;
        }
        tx.delete_synced_team(&team.id)?;
        tx.delete_group(&team.id)?;
        tx.record(apply::deleted(&sync.connection_id, team));
    }
    Ok(is_more)
}

fn kept(team: &GroupRow) -> KeptTeamRow {
    KeptTeamRow {
        tenant: team.tenant.clone(),
        group_id: team.id.clone(),
        name: team.display_name.clone(),
        managed_by: team.managed_by.clone(),
        created_by: team.created_by.clone(),
        external_id: team.external_id.clone(),
        created_at: team.created_at,
    }
}

/// Tells the journal of some of the new teams; whether there were any.
fn tell(tx: &mut Tx<'_>, sync: &mut TeamSyncRow) -> Result<bool> {
    let mut budget = ROWS;
    let teams = tx.list_teams_of_set(sync.team_set, AT_ONCE)?;
    let is_more = !teams.is_empty();
    for mut team in teams {
        if sync.member_cursor.is_none() {
            let parent = tx.find_synced_team(&team.id)?.and_then(|t| t.parent_id);
            tx.record(apply::created(
                &sync.connection_id,
                &team,
                parent.as_deref(),
            ));
            for user in tx.list_reviewers(&team.id)? {
                let entry = Entry::new("team.reviewer_added", "group", team.id.as_str());
                tx.record(entry.object("user", user));
                budget = budget.saturating_sub(1);
            }
            budget = budget.saturating_sub(2);
        }
        let after = sync.member_cursor.take().unwrap_or_default();
        let limit = i64::try_from(budget).unwrap_or_default();
        let members = tx.list_members_after(&team.id, team.generation, &after, limit)?;
        for id in &members {
            tx.record(groups::entry(
                "group.member_added",
                &team.id,
                (id, MemberKind::User),
            ));
        }
        budget -= members.len().min(budget);
        if budget == 0 {
            // An empty text: told of the team, and of nobody in it yet.
            sync.member_cursor = Some(members.last().cloned().unwrap_or(after));
            break;
        }
        team.team_set = None;
        tx.update_group(&team)?;
    }
    Ok(is_more)
}
