//! `rosterd conflicts`: questions that only a human can answer, and their answers.

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::service::users::{Answer, Answered, Conflict, Side};

/// Questions about who is who.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Conflicts {
    /// List questions that wait for an answer, oldest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Answered ones too.
        #[arg(long)]
        all: bool,
    },
    /// Show a question, with the people side by side.
    Show(Which),
    /// Answer that the source's record is somebody who is there already; nobody loses access by it.
    Link {
        #[command(flatten)]
        which: Which,
        /// Who it is, by id; not needed where only one can be meant.
        #[arg(long, value_name = "ID")]
        person: Option<String>,
        /// Though it was answered that they are not the same.
        #[arg(long)]
        revise: bool,
    },
    /// Answer that the source's record is none of them; it is not asked again.
    KeepApart(Which),
    /// Take a source's record from a person, as if they had never been linked; she keeps her access.
    Unlink {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id of the connection.
        #[arg(long, value_name = "ID")]
        connection: String,
        /// Id of the person.
        person: String,
    },
}

/// Which question.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the conflict.
    id: String,
}

/// Runs the command.
pub(super) async fn run(
    config: &Config,
    output: Output,
    command: Conflicts,
) -> Result<(), Failure> {
    match command {
        Conflicts::List { tenant, all } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "conflicts list").await?;
            let listed = service.list_conflicts(&caller.tenant, all, None, usize::MAX);
            for conflict in listed.await? {
                let row = &conflict.row;
                let names = conflict.candidates.iter().map(|side| shown(&side.name));
                let names: Vec<String> = names.collect();
                let who = conflict
                    .subject
                    .as_ref()
                    .map_or_else(|| row.subject.clone(), |side| shown(&side.name));
                let text = format!(
                    "{}  {}  {}  {who}: {}?",
                    row.id,
                    row.state,
                    row.kind,
                    names.join(", ")
                );
                output.row(&value(&conflict), &text)?;
            }
            Ok(())
        }
        Conflicts::Show(which) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &which.tenant, "conflicts show").await?;
            let conflict = service.find_conflict(&caller.tenant, &which.id).await?;
            output.row(&value(&conflict), &page(&conflict))
        }
        Conflicts::Link {
            which,
            person,
            revise,
        } => answer(config, output, which, Answer::Link(person), revise).await,
        Conflicts::KeepApart(which) => {
            answer(config, output, which, Answer::KeepApart, false).await
        }
        Conflicts::Unlink {
            tenant,
            connection,
            person,
        } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "conflicts unlink").await?;
            let other = service.unlink_person(&caller, &connection, &person).await?;
            output.row(
                &json!({"id": person, "other": other}),
                &format!("{person} stays as she is; the record is {other} since"),
            )
        }
    }
}

async fn answer(
    config: &Config,
    output: Output,
    which: Which,
    answer: Answer,
    revise: bool,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, &which.tenant, "conflicts answer").await?;
    let done: Answered = service
        .answer_conflict(&caller, &which.id, &answer, revise)
        .await?;
    let again = if done.is_changed {
        ""
    } else {
        " (it was answered so before)"
    };
    let text = match answer {
        Answer::Link(_) => format!("the record is {} since{again}", done.person),
        Answer::KeepApart => format!("they are not the same; it is not asked again{again}"),
    };
    let value = json!({
        "id": which.id, "state": done.state, "person": done.person, "isChanged": done.is_changed,
    });
    output.row(&value, &text)
}

pub(super) fn side_value(side: &Side) -> Value {
    json!({"id": side.id, "name": side.name, "email": side.email, "access": side.access})
}

pub(super) fn side_line(mark: &str, side: &Side) -> String {
    format!(
        "  {mark:<8} {}  {}  {}  {}",
        side.id,
        side.access,
        shown(side.email.as_deref().unwrap_or("-")),
        shown(&side.name)
    )
}

fn value(conflict: &Conflict) -> Value {
    let row = &conflict.row;
    json!({
        "id": row.id, "kind": row.kind, "state": row.state, "connection": row.connection_id, "person": row.subject,
        "people": conflict.subject.iter().chain(&conflict.candidates).map(side_value).collect::<Vec<_>>(),
        "seen": row.seen, "createdAt": Millis(row.created_at).to_rfc3339(),
        "updatedAt": Millis(row.updated_at).to_rfc3339(),
    })
}

fn page(conflict: &Conflict) -> String {
    let row = &conflict.row;
    let mut lines = vec![
        format!("{}  {}", row.kind, row.state),
        format!(
            "connection {}, seen {} times, last at {}",
            row.connection_id,
            row.seen,
            Millis(row.updated_at).to_rfc3339()
        ),
    ];
    let subject = conflict.subject.iter().map(|s| side_line("record", s));
    let others = conflict.candidates.iter().map(|s| side_line("may be", s));
    lines.extend(subject.chain(others));
    lines.join("\n")
}
