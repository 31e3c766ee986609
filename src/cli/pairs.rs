//! `rosterd pairs`: people who may be one, side by side.

use serde_json::{Value, json};

use super::conflicts::{side_line, side_value};
use super::{Failure, Output, open};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::service::pairs::{PairAnswer, ProposedPair, WhichPairs};

/// Pairs of somebody whom the app knows and somebody whom a source knows.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Pairs {
    /// List pairs that wait for an answer, oldest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Those that were put off.
        #[arg(long, conflicts_with = "all")]
        later: bool,
        /// Answered ones too.
        #[arg(long)]
        all: bool,
        /// How many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show a pair.
    Show(Which),
    /// Answer that they are one: the record moves to whom the app knows, who keeps address and access.
    Link {
        #[command(flatten)]
        which: Which,
        /// Though it was answered that they are two.
        #[arg(long)]
        revise: bool,
    },
    /// Answer that they are two; they are not proposed again.
    KeepApart(Which),
    /// Ask again in two weeks.
    Later(Which),
}

/// Which pair.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the pair.
    id: String,
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Pairs) -> Result<(), Failure> {
    match command {
        Pairs::List {
            tenant,
            later,
            all,
            limit,
        } => {
            let which = match (later, all) {
                (true, _) => WhichPairs::Later,
                (false, true) => WhichPairs::All,
                (false, false) => WhichPairs::Open,
            };
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "pairs list").await?;
            let pairs = service
                .list_pairs(&caller.tenant, which, None, limit)
                .await?;
            pairs
                .iter()
                .try_for_each(|pair| output.row(&value(pair), &page(pair)))
        }
        Pairs::Show(which) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &which.tenant, "pairs show").await?;
            let pair = service.find_pair(&caller.tenant, &which.id).await?;
            output.row(&value(&pair), &page(&pair))
        }
        Pairs::Link { which, revise } => {
            answer(config, output, which, PairAnswer::Link { revise }).await
        }
        Pairs::KeepApart(which) => answer(config, output, which, PairAnswer::KeepApart).await,
        Pairs::Later(which) => answer(config, output, which, PairAnswer::Later).await,
    }
}

async fn answer(
    config: &Config,
    output: Output,
    which: Which,
    answer: PairAnswer,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, &which.tenant, "pairs answer").await?;
    let done = service.answer_pair(&caller, &which.id, answer).await?;
    let again = match done.is_changed {
        true => "",
        false => " (it was answered so before)",
    };
    let text = format!("{}: {}{again}", which.id, done.state);
    output.row(
        &json!({"id": which.id, "state": done.state, "isChanged": done.is_changed}),
        &text,
    )
}

fn value(pair: &ProposedPair) -> Value {
    let row = &pair.row;
    json!({
        "id": row.id, "state": row.state, "reasons": pair.reasons, "connection": row.connection_id,
        "record": row.record, "person": pair.person.as_ref().map(side_value),
        "other": pair.record.as_ref().map(side_value), "createdAt": Millis(row.created_at).to_rfc3339(),
    })
}

fn page(pair: &ProposedPair) -> String {
    let row = &pair.row;
    let mut lines = vec![format!(
        "{}  {}  {}",
        row.id,
        row.state,
        pair.reasons.join(", ")
    )];
    lines.extend(pair.person.iter().map(|side| side_line("app", side)));
    lines.extend(pair.record.iter().map(|side| side_line("source", side)));
    lines.join("\n")
}
