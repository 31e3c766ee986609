//! Team sync (SEMANTICS §8): teams from who reports to whom, as one connection says it. The builder is pure
//! (`domain/teams`); here is what it is fed with, and how what it says becomes groups of kind `team`: by a set-up that
//! replaces the teams of before at once (`job.rs`), then by runs that move only those concerned (`apply.rs`).
//!
//! While it is on nobody else edits teams; an admin may name them. Stopped, they are everybody's.

mod apply;
mod build;
mod edit;
mod fills;
mod follow;
mod job;
mod lock;
mod preview;
mod read;
mod restore;
mod switch;
mod types;

pub use edit::{TeamChange, TeamNew};
pub(in crate::service) use follow::follow;
pub use job::IDLE;
pub(in crate::service) use lock::{Feeds, feeds, part_from, refuse_edit, refuse_source};
pub use preview::{Confirmed, NoWarning, Replaced, ReplacedTeam, Warn};
pub use types::{
    Choice, DeletedTeam, FINDINGS, Found, LANGUAGES, Named, Part, PlannedTeam, Preview, REFUSALS,
    State, Status, TeamRun, TeamView, Totals, UNASSIGNED, Unassigned, Warning,
};

use self::types::Chosen;
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::pull::DISCONNECTED;
use crate::service::{Caller, Service};
use crate::storage::connections::ConnectionRow;
use crate::storage::teams::TeamSyncRow;
use crate::storage::{Outcome, Scope};

/// Most rows that one operation of team sync changes.
const ROWS: usize = 400;

/// URN of what we say of groups.
const PARENT: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group:parent";

impl Service {
    /// Chooses the source of teams and how they are named. While team sync is on, the names alone; the next run gives
    /// them.
    ///
    /// # Errors
    /// `Invalid`; `NotFound` for a connection that is not there; `NotNow` while a set-up is completed.
    pub async fn choose_team_sync(&self, caller: &Caller, choice: &Choice) -> Result<Status> {
        let choice = choice.clone();
        self.store
            .write(caller.meta(), move |tx| {
                let before = tx.find_team_sync()?;
                if let Some(row) = &before {
                    lock::refuse_job(row)?;
                }
                let chosen = Chosen::of(before.as_ref(), &choice)?;
                find_source(tx, &chosen.connection)?;
                let mut row = match before.clone() {
                    None => fresh(tx.tenant().as_str()),
                    Some(row) => row,
                };
                if row.state == State::On.as_str() && row.connection_id != chosen.connection {
                    return Err(Error::NotNow(format!(
                        "the connection {} feeds the teams: stop team sync before another does",
                        row.connection_id
                    )));
                }
                if row.state != State::On.as_str() {
                    State::SetUp.as_str().clone_into(&mut row.state);
                }
                write_choice(&mut row, &chosen);
                if before.as_ref() != Some(&row) {
                    tx.record(chosen_entry(before.as_ref(), &row));
                    row.revision += 1;
                    tx.put_team_sync(&row)?;
                }
                read::status(tx).map(Outcome::Done)
            })
            .await
    }

    /// Every team can be edited again; the connection goes on as before. Stopping it twice changes nothing.
    ///
    /// # Errors
    /// `NotNow` while a set-up is completed, or where it never was.
    pub async fn stop_team_sync(&self, caller: &Caller) -> Result<Status> {
        self.store
            .write(caller.meta(), move |tx| {
                let row = tx.find_team_sync()?;
                let Some(row) = row.filter(|row| row.completed_at.is_some()) else {
                    let why = "team sync was never completed: there is nothing to stop";
                    return Err(Error::NotNow(why.to_owned()));
                };
                lock::refuse_job(&row)?;
                lock::stop(tx, row)?;
                read::status(tx).map(Outcome::Done)
            })
            .await
    }

    /// How team sync stands.
    ///
    /// # Errors
    /// Storage.
    pub async fn team_sync(&self, tenant: &TenantId) -> Result<Status> {
        self.store.point(tenant, read::status).await
    }
}

fn fresh(tenant: &str) -> TeamSyncRow {
    TeamSyncRow {
        tenant: tenant.to_owned(),
        connection_id: String::new(),
        state: State::SetUp.as_str().to_owned(),
        language: String::new(),
        templates: String::new(),
        team_set: 0,
        revision: 0,
        job: None,
        stage: None,
        member_cursor: None,
        actor_kind: None,
        actor_id: None,
        cause_kind: None,
        cause_id: None,
        touched_at: 0,
        seen: 0,
        counts: None,
        completed_at: None,
        completed_by_kind: None,
        completed_by_id: None,
        stopped_at: None,
        kept_at: None,
    }
}

fn write_choice(row: &mut TeamSyncRow, chosen: &Chosen) {
    row.connection_id.clone_from(&chosen.connection);
    row.language.clone_from(&chosen.language);
    row.templates = serde_json::json!(chosen.templates).to_string();
}

/// The entry of a source, or of names, that are chosen.
fn chosen_entry(before: Option<&TeamSyncRow>, row: &TeamSyncRow) -> Entry {
    let stored = |row: &TeamSyncRow| {
        serde_json::json!({
            "connection": row.connection_id, "language": row.language, "templates": row.templates,
        })
    };
    let entry = Entry::new("team_sync.chosen", "connection", row.connection_id.as_str());
    entry.change("teamSync", before.map(stored), Some(stored(row)))
}

/// A connection that may feed teams.
fn find_source(scope: &mut Scope<'_>, connection: &str) -> Result<ConnectionRow> {
    let row = scope.find_connection(connection)?;
    let row = row.ok_or_else(|| Error::no_such("connection", connection))?;
    match row.kind.as_str() {
        "scim" | "hris" => Ok(row),
        _ => Err(Error::Forbidden(
            "the app's own users feed no teams: choose a connection that pushes or is pulled"
                .to_owned(),
        )),
    }
}

/// Whether it brings people still.
fn is_connected(row: &ConnectionRow) -> bool {
    !["disconnecting", DISCONNECTED].contains(&row.state.as_str())
}
