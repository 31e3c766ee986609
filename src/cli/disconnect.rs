//! `rosterd connection disconnect`: who would stay and who would go, and doing it.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::connections::named;
use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::language::Language;
use crate::service::pull::{Parting, People};
use crate::words::{Book, say};

/// How many people of a kind are named.
const NAMED: i64 = 20;

/// Runs the command on the connection of a tenant.
pub(super) async fn run(
    config: &Config,
    output: Output,
    (tenant, id): (&str, &str),
    is_look: bool,
    is_sure: bool,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, tenant, "connection disconnect").await?;
    let planned = service.preview_disconnect(&caller.tenant, id, NAMED).await;
    let planned = planned.map_err(|error| named(error, id, tenant))?;
    if is_look || !is_sure {
        output.row(&parting_value(&planned), &parting_page(&planned))?;
    }
    if is_look {
        return Ok(());
    }
    if !is_sure && !confirm("Disconnect it? Type yes: ")? {
        return Err("nothing was done: give --yes to disconnect it".into());
    }
    let done = service.disconnect(&caller, id).await?;
    let text = format!(
        "{id} is disconnected: {} removed, {} stay, {} invited, {} groups without a manager",
        done.removed.count, done.kept.count, done.invited.count, done.groups
    );
    output.row(&parting_value(&done), &text)
}

/// Asks whoever sits there; nobody sitting there is a no.
fn confirm(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let terminal = console::Term::stderr();
    terminal.write_str(question)?;
    Ok(terminal.read_line()?.trim() == "yes")
}

fn parting_value(parting: &Parting) -> Value {
    let people = |people: &People| {
        let first = people.first.iter();
        let first: Vec<Value> = first
            .map(|(id, name)| json!({"id": id, "name": name}))
            .collect();
        json!({"count": people.count, "first": first})
    };
    json!({
        "removed": people(&parting.removed), "kept": people(&parting.kept), "invited": people(&parting.invited),
        "groups": parting.groups, "teams": parting.teams, "warnings": parting.warnings,
    })
}

fn parting_page(parting: &Parting) -> String {
    let mut lines = Vec::new();
    for (what, people) in [
        (
            "removed: listed, and known to no other source",
            &parting.removed,
        ),
        ("stay as they are", &parting.kept),
        (
            "invited, and stay so until somebody withdraws it",
            &parting.invited,
        ),
    ] {
        lines.push(format!("{:>7}  {what}", people.count));
        let first = people.first.iter();
        lines.extend(first.map(|(id, name)| format!("           {id}  {}", shown(name))));
    }
    let groups = parting.groups;
    lines.push(format!("{groups:>7}  groups stay without a manager"));
    let params = json!({"teams": parting.teams});
    let said = parting.warnings.iter();
    lines.extend(said.filter_map(|code| say(Book::Previews, code, &params, Language::En)));
    lines.join("\n")
}
