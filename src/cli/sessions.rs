//! `rosterd sessions`: what connections pushed, and its undo.

use serde_json::json;

use super::bridge::{agreed, left_alone, told, undone_people};
use super::output::shown;
use super::{Failure, Output, open};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::service::Service;
use crate::service::push_guard::SessionRow;
use crate::service::undo::Changed;

/// Paths shown of one person.
const PATHS: usize = 6;
/// People read together.
const PAGE: i64 = 500;

/// Sessions.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Sessions {
    /// List sessions, the newest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Only those of this connection.
        #[arg(long)]
        connection: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Show a session: what it did to whom.
    Show {
        #[command(flatten)]
        which: One,
        /// Most people shown.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Undo a session: people are as before, except what somebody changed since. The connection goes on reading what it wrote.
    Undo {
        #[command(flatten)]
        which: One,
        /// Only show what would be undone, and what would be left alone.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Most people shown.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// A session.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the session.
    session: String,
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Sessions) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Sessions::List {
            tenant,
            connection,
            limit,
        } => {
            let now = service.store.clock().now();
            let caller = open::caller(&service, &tenant, "sessions list").await?;
            let rows = service
                .list_sessions(&caller.tenant, connection.as_deref(), None, limit)
                .await?;
            rows.iter()
                .try_for_each(|session| session_row(output, session, now))
        }
        Sessions::Show { which, limit } => show(&service, output, &which, limit).await,
        Sessions::Undo {
            which,
            dry_run,
            yes,
            limit,
        } => undo(&service, output, &which, (dry_run, yes), limit).await,
    }
}

async fn show(service: &Service, output: Output, which: &One, limit: usize) -> Result<(), Failure> {
    let caller = open::caller(service, &which.tenant, "sessions show").await?;
    let session = service.find_session(&caller.tenant, &which.session).await?;
    session_row(output, &session, service.store.clock().now())?;
    let (mut after, mut left) = (String::new(), limit);
    loop {
        let page = service
            .list_changed(&caller.tenant, &session.id, &after, PAGE)
            .await?;
        let Some(last) = page.last().filter(|_| left > 0) else {
            return Ok(());
        };
        after.clone_from(&last.person);
        for changed in page.iter().take(left) {
            change_row(output, changed)?;
        }
        left = left.saturating_sub(page.len());
    }
}

async fn undo(
    service: &Service,
    output: Output,
    which: &One,
    (dry_run, yes): (bool, bool),
    limit: usize,
) -> Result<(), Failure> {
    let caller = open::caller(service, &which.tenant, "sessions undo").await?;
    let tenant = &caller.tenant;
    let session = service.find_session(tenant, &which.session).await?;
    let is_over = session.state == "undone";
    if dry_run || is_over || !yes {
        let sum = undone_people(service, tenant, output, &session.id, limit).await?;
        let word = if is_over { "undone" } else { "to be undone" };
        told(output, &sum, word)?;
    }
    if dry_run || is_over || !(yes || agreed("session")?) {
        return Ok(());
    }
    let session = service.undo_session(&caller, &session.id).await?;
    session_row(output, &session, service.store.clock().now())?;
    let sum = left_alone(service, tenant, output, &session.id, limit).await?;
    told(output, &sum, "undone")
}

fn session_row(output: Output, session: &SessionRow, now: Millis) -> Result<(), Failure> {
    let (started, last) = (
        Millis(session.started_at).to_rfc3339(),
        Millis(session.last_at).to_rfc3339(),
    );
    let state = session.state_at(now);
    let value = json!({
        "id": session.id, "connection": session.connection_id, "state": state, "startedAt": started, "lastAt": last,
        "changes": session.changes, "lostAccess": session.lost, "parked": session.parked,
    });
    let text = format!(
        "{}  {started}  {last}  {state}  {}  changes {}, lost access {}, parked {}",
        session.id, session.connection_id, session.changes, session.lost, session.parked
    );
    output.row(&value, &text)
}

fn change_row(output: Output, changed: &Changed) -> Result<(), Failure> {
    let before = changed.access_before.as_deref().unwrap_or("-");
    let mut text = format!(
        "{}  {:<9} {before} -> {}",
        changed.person, changed.was, changed.access_after
    );
    if changed.state != "open" {
        text.push_str(&format!("  {}", changed.state));
    }
    let first: Vec<String> = changed.units.iter().take(PATHS).map(|u| shown(u)).collect();
    if !first.is_empty() {
        text.push_str(&format!("  {}", first.join(", ")));
    }
    let more = changed.units.len().saturating_sub(PATHS);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    let value = json!({
        "person": changed.person, "was": changed.was, "accessBefore": changed.access_before,
        "accessAfter": changed.access_after, "units": changed.units, "state": changed.state,
    });
    output.row(&value, &text)
}
