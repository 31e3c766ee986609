//! `rosterd parked`: losses of access that a connection pushed beyond its limit.

use serde_json::json;

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::service::push_guard::{self, Which};

/// Rows read together.
const PAGE: i64 = 500;

/// Parked losses.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Parked {
    /// List them; whoever is among them has her access.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Only those of this connection.
        #[arg(long)]
        connection: Option<String>,
        /// Only these: waiting, approved, dropped or spared.
        #[arg(long)]
        state: Option<String>,
        /// Most shown.
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Carry them out: these people lose access at once.
    Release(Decision),
    /// Let people keep their access, until the connection says something else of them.
    Drop(Decision),
}

/// A decision about parked losses.
#[derive(Debug, clap::Args)]
pub(super) struct Decision {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Only those of this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Only this person, by id; may be given more than once. Without: everybody whose loss waits.
    #[arg(long, value_name = "ID")]
    person: Vec<String>,
}

impl Decision {
    fn which(&self) -> Which {
        let people = self.person.iter().cloned().collect();
        Which {
            connection: self.connection.clone(),
            people: (!self.person.is_empty()).then_some(people),
        }
    }
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Parked) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Parked::List {
            tenant,
            connection,
            state,
            limit,
        } => {
            let caller = open::caller(&service, &tenant, "parked list").await?;
            let (mut after, mut left) = ((String::new(), String::new()), limit);
            loop {
                let from = (after.0.as_str(), after.1.as_str());
                let page = service
                    .list_parked(
                        &caller.tenant,
                        connection.as_deref(),
                        state.as_deref(),
                        from,
                        PAGE,
                    )
                    .await?;
                let Some(last) = page.last().filter(|_| left > 0) else {
                    return Ok(());
                };
                after = (last.row.connection_id.clone(), last.row.user_id.clone());
                for parked in page.iter().take(left) {
                    row(output, parked)?;
                }
                left = left.saturating_sub(page.len());
            }
        }
        Parked::Release(decision) => {
            let caller = open::caller(&service, &decision.tenant, "parked release").await?;
            let people = service.release_parked(&caller, &decision.which()).await?;
            let text = format!("{people} have lost access as their source wanted it");
            output.row(&json!({"people": people, "state": "released"}), &text)
        }
        Parked::Drop(decision) => {
            let caller = open::caller(&service, &decision.tenant, "parked drop").await?;
            let people = service.drop_parked(&caller, &decision.which()).await?;
            let text = format!("{people} keep their access");
            output.row(&json!({"people": people, "state": "dropped"}), &text)
        }
    }
}

fn row(output: Output, parked: &push_guard::Parked) -> Result<(), Failure> {
    let row = &parked.row;
    let (since, name) = (Millis(row.since).to_rfc3339(), shown(&parked.user_name));
    let value = json!({
        "person": row.user_id, "userName": parked.user_name, "connection": row.connection_id, "state": row.state,
        "reason": row.reason, "session": row.session_id, "since": since,
        "decidedAt": row.decided_at.map(|at| Millis(at).to_rfc3339()),
    });
    let text = format!(
        "{}  {:<8}  {}  {since}  {}  {name}",
        row.user_id, row.state, row.reason, row.connection_id
    );
    output.row(&value, &text)
}
