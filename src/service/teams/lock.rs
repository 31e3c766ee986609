//! Who may edit teams: nobody but team sync while it is on, and nobody at all while it replaces them.

use super::types::State;
use crate::domain::audit::Entry;
use crate::service::error::{Error, Result};
use crate::storage::groups::GroupRow;
use crate::storage::teams::TeamSyncRow;
use crate::storage::{Scope, Tx};

/// Refuses an edit of teams by hand or by the app.
///
/// # Errors
/// `NotNow` that names team sync, and what to do.
pub(in crate::service) fn refuse_edit(scope: &mut Scope<'_>) -> Result<()> {
    let Some(row) = scope.find_team_sync()? else {
        return Ok(());
    };
    refuse_job(&row)?;
    if row.state == State::On.as_str() {
        return Err(Error::NotNow(format!(
            "team sync keeps the teams of this tenant as the managers in the connection {} are: change a manager there, or \
             stop team sync to edit teams",
            row.connection_id
        )));
    }
    Ok(())
}

/// Refuses anything while teams are replaced.
///
/// # Errors
/// `NotNow`.
pub(super) fn refuse_job(row: &TeamSyncRow) -> Result<()> {
    let what = match row.job.as_deref() {
        None => return Ok(()),
        Some("restore") => "the teams of before are being restored",
        Some(_) => "the set-up of team sync is being completed",
    };
    Err(Error::NotNow(format!("{what}: try again in a moment")))
}

/// Why a source may not write a group that it does not see: it is a team that team sync keeps. Otherwise nothing is said.
///
/// # Errors
/// `Forbidden` that names team sync.
pub(in crate::service) fn refuse_source(
    scope: &mut Scope<'_>,
    row: Option<&GroupRow>,
) -> Result<()> {
    let Some(team) = row.filter(|row| row.kind == "team") else {
        return Ok(());
    };
    if scope.find_synced_team(&team.id)?.is_none() {
        return Ok(());
    }
    match refuse_edit(scope) {
        Err(Error::NotNow(why)) => Err(Error::Forbidden(format!(
            "the group is a team, which no source writes: {why}"
        ))),
        other => other,
    }
}

/// Stops team sync; its teams stay.
pub(super) fn stop(tx: &mut Tx<'_>, mut row: TeamSyncRow) -> Result<()> {
    if row.state != State::On.as_str() {
        return Ok(());
    }
    State::Stopped.as_str().clone_into(&mut row.state);
    row.revision += 1;
    row.stopped_at = Some(tx.now().0);
    tx.put_team_sync(&row)?;
    for finding in tx.list_team_findings()?.iter().take(super::ROWS) {
        tx.delete_team_finding(finding)?;
    }
    tx.record(Entry::new(
        "team_sync.stopped",
        "connection",
        row.connection_id,
    ));
    Ok(())
}

/// A connection is being disconnected: if it feeds teams, they are edited by hand from now on.
///
/// # Errors
/// `NotNow` while its teams are being made.
pub(in crate::service) fn part_from(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let row = tx.find_team_sync()?;
    let Some(row) = row.filter(|row| row.connection_id == connection) else {
        return Ok(());
    };
    refuse_job(&row)?;
    stop(tx, row)
}

/// What a connection feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Feeds {
    /// No teams.
    Nothing,
    /// So many teams.
    Teams(u64),
    /// Teams that are being made, or those of before that are being restored.
    Job,
}

/// What a connection feeds now.
pub(in crate::service) fn feeds(scope: &mut Scope<'_>, connection: &str) -> Result<Feeds> {
    let row = scope.find_team_sync()?;
    Ok(match row.filter(|row| row.connection_id == connection) {
        Some(row) if row.job.is_some() => Feeds::Job,
        Some(row) if row.state == State::On.as_str() => {
            let teams = scope.count_synced_teams()?;
            Feeds::Teams(u64::try_from(teams).unwrap_or_default())
        }
        _ => Feeds::Nothing,
    })
}
