//! `rosterd switch`: one HR system takes the place of another.

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::service::switch::{Compared, Difference, Kind, SwitchRow};

/// Switches from one pull connection to another.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Switch {
    /// Say that a connection is to take the place of another; both go on until it is cut over.
    Start {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id of the connection that goes.
        from: String,
        /// Id of the connection that takes its place.
        to: String,
    },
    /// List switches, oldest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Show a switch, with how many people differ.
    Show(Which),
    /// List who differs: values in force that would change, people whom only one connection has.
    Differences {
        #[command(flatten)]
        which: Which,
        /// Only differs, only-from or only-to.
        #[arg(long)]
        kind: Option<String>,
        /// After this id of a person.
        #[arg(long)]
        after: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Give the new connection the old one's place; for 14 days there is a way back.
    CutOver(Which),
    /// Give the old connection its place back.
    Back(Which),
    /// Give a switch up while both connections work.
    GiveUp(Which),
}

/// Which switch.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the switch.
    id: String,
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Switch) -> Result<(), Failure> {
    let service = open::service(config)?;
    let row = match command {
        Switch::Start { tenant, from, to } => {
            let caller = open::caller(&service, &tenant, "switch start").await?;
            service.start_switch(&caller, &from, &to).await?
        }
        Switch::List { tenant } => {
            let caller = open::caller(&service, &tenant, "switch list").await?;
            let rows = service.list_switches(&caller.tenant).await?;
            return rows
                .iter()
                .try_for_each(|row| output.row(&value(row), &line(row)));
        }
        Switch::Show(which) => {
            let caller = open::caller(&service, &which.tenant, "switch show").await?;
            let row = service.find_switch(&caller.tenant, &which.id).await?;
            let compared = service.compare_switch(&caller.tenant, &which.id).await?;
            let mut value = value(&row);
            let mut text = line(&row);
            if let Some(compared) = compared {
                value["compared"] = compared_value(&compared);
                text += &compared_page(&compared);
            }
            return output.row(&value, &text);
        }
        Switch::Differences {
            which,
            kind,
            after,
            limit,
        } => {
            let read = |word: &String| {
                Kind::parse(word).ok_or_else(|| {
                    let got = shown(word);
                    format!("--kind takes differs, only-from or only-to; got `{got}`")
                })
            };
            let kind = kind.as_ref().map(read).transpose()?;
            let caller = open::caller(&service, &which.tenant, "switch differences").await?;
            let found = service
                .list_differences(&caller.tenant, &which.id, kind, after.as_deref(), limit)
                .await?;
            return found
                .iter()
                .try_for_each(|d| output.row(&difference(d), &difference_page(d)));
        }
        Switch::CutOver(which) => {
            let caller = open::caller(&service, &which.tenant, "switch cut-over").await?;
            service.cut_over(&caller, &which.id).await?
        }
        Switch::Back(which) => {
            let caller = open::caller(&service, &which.tenant, "switch back").await?;
            service.return_switch(&caller, &which.id).await?
        }
        Switch::GiveUp(which) => {
            let caller = open::caller(&service, &which.tenant, "switch give-up").await?;
            service.give_up_switch(&caller, &which.id).await?
        }
    };
    output.row(&value(&row), &line(&row))
}

fn value(row: &SwitchRow) -> Value {
    json!({
        "id": row.id, "from": row.from_id, "to": row.to_id, "state": row.state,
        "until": row.until.map(|at| Millis(at).to_rfc3339()), "createdAt": Millis(row.created_at).to_rfc3339(),
    })
}

fn line(row: &SwitchRow) -> String {
    let until = row.until.map(|at| Millis(at).to_rfc3339());
    let until = until.map_or_else(String::new, |at| format!("  way back until {at}"));
    format!(
        "{}  {}  from {}  to {}{until}",
        row.id, row.state, row.from_id, row.to_id
    )
}

fn compared_value(compared: &Compared) -> Value {
    json!({
        "both": compared.both, "differing": compared.differing, "onlyFrom": compared.only_from,
        "onlyFromWithAccess": compared.only_from_with_access, "onlyTo": compared.only_to,
    })
}

fn compared_page(compared: &Compared) -> String {
    format!(
        "\n{:>7}  are in both; of {} of them values would change\n{:>7}  are only in the one that goes, {} of them with \
         access: they stay as they are, and nobody says when they leave\n{:>7}  are only in the one that comes",
        compared.both,
        compared.differing,
        compared.only_from,
        compared.only_from_with_access,
        compared.only_to
    )
}

fn difference(person: &Difference) -> Value {
    let values = person.values.iter();
    let values: Vec<Value> = values
        .map(|v| json!({"path": v.path, "before": v.before, "after": v.after}))
        .collect();
    json!({
        "id": person.id, "name": person.name, "access": person.access, "kind": person.kind.map(Kind::as_str),
        "values": values,
    })
}

fn difference_page(person: &Difference) -> String {
    let kind = person.kind.map_or("", Kind::as_str);
    let mut text = format!(
        "{}  {kind}  {}  {}",
        person.id,
        person.access,
        shown(&person.name)
    );
    let side = |value: &Option<Value>| {
        let value = value.as_ref();
        value.map_or("-".to_owned(), |value| shown(&value.to_string()))
    };
    for value in &person.values {
        let (before, after) = (side(&value.before), side(&value.after));
        text += &format!("\n    {}: {before} -> {after}", value.path);
    }
    text
}
