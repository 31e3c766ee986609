//! `rosterd tenant entitlements|export|delete|restore|deletions`: what a tenant may use, all of it as lines, and its end.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::admin::{lines, tenant_value};
use super::output::write;
use super::{Failure, Output, open, shown};
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::service::closing::Deletion;
use crate::service::entitlements::{Entitled, Feature, Plan, standing};
use crate::service::{Caller, Service};

/// More about tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum More {
    /// Show what a tenant's plan includes, or give it another plan: what that has less of goes on for 30 days.
    Entitlements {
        /// Name or id.
        name: String,
        /// What the plan is called. What is not named with it stays as it was, or is included.
        #[arg(long, value_name = "NAME")]
        plan: Option<String>,
        /// Active connections that pull from an HR system: a number, or `any`.
        #[arg(long, value_name = "NUMBER", requires = "plan")]
        hris: Option<String>,
        /// Connections that push over SCIM: yes or no.
        #[arg(long, value_name = "WORD", requires = "plan")]
        push: Option<String>,
        /// Team sync: yes or no.
        #[arg(long, value_name = "WORD", requires = "plan")]
        team_sync: Option<String>,
        /// People who are invited or granted: a number, or `any`.
        #[arg(long, value_name = "NUMBER", requires = "plan")]
        seats: Option<String>,
        /// Take the plan away: everything is included.
        #[arg(long, conflicts_with = "plan")]
        everything: bool,
    },
    /// Print everything of a tenant that is no secret, one JSON object a line; the last line is of the kind `end`.
    Export {
        /// Name or id.
        name: String,
    },
    /// Delete a tenant: its tokens are refused within a second, its data goes after some days.
    Delete {
        /// Name or id.
        name: String,
        /// Days until the data goes: 0 to 365; otherwise 30.
        #[arg(long, value_name = "DAYS")]
        grace_days: Option<i64>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take a deletion back, as long as the data is there.
    Restore {
        /// Name or id.
        name: String,
    },
    /// Tenants whose data is gone, or on its way, each with its proof.
    Deletions {
        /// Only the tenant that had this id.
        id: Option<String>,
    },
}

/// Runs the command.
pub(super) async fn run(service: &Service, output: Output, command: More) -> Result<(), Failure> {
    match command {
        More::Entitlements {
            name,
            plan,
            hris,
            push,
            team_sync,
            seats,
            everything,
        } => {
            let caller = open::caller(service, &name, "tenant entitlements").await?;
            let now = service.find_entitlements(&caller.tenant).await?;
            let entitled = match plan {
                Some(plan) => {
                    let words = [("--push", &push), ("--team-sync", &team_sync)];
                    let numbers = [("--hris", &hris), ("--seats", &seats)];
                    let plan = wanted(plan, &now, words, numbers)?;
                    service.set_entitlements(&caller, Some(plan)).await?
                }
                None if everything => service.set_entitlements(&caller, None).await?,
                None => now,
            };
            let value = entitled_value(&entitled);
            output.row(&value, &entitled_page(&entitled))
        }
        More::Export { name } => export(service, &name).await,
        More::Delete {
            name,
            grace_days,
            yes,
        } => delete(service, output, &name, grace_days, yes).await,
        More::Restore { name } => {
            let row = open::tenant(service, &name).await?;
            let row = service
                .restore_tenant(&operator("restore"), &row.id)
                .await?;
            let text = format!("{}  {}  {}", row.id, row.name, row.state);
            output.row(&tenant_value(&row), &text)
        }
        More::Deletions { id } => {
            let all = match id {
                Some(id) => vec![service.find_deletion(&id).await?],
                None => service.list_deletions().await?,
            };
            for deletion in &all {
                output.row(&deletion_value(deletion), &deletion_line(deletion))?;
            }
            Ok(())
        }
    }
}

fn operator(command: &str) -> Caller {
    let command = format!("tenant {command}");
    Caller::operator(TenantId::new(OPERATOR_TENANT), &command)
}

/// The plan that is wanted; what is not named is as in the plan before, or included where there is none.
fn wanted(
    name: String,
    now: &Entitled,
    words: [(&str, &Option<String>); 2],
    numbers: [(&str, &Option<String>); 2],
) -> Result<Plan, Failure> {
    let before = now.entitlements.as_ref().map(|e| &e.plan);
    let word = |(flag, given): (&str, &Option<String>), before: bool| match given.as_deref() {
        None => Ok(before),
        Some("yes") => Ok(true),
        Some("no") => Ok(false),
        Some(other) => Err(format!("{flag} takes yes or no; got `{}`", shown(other))),
    };
    let number =
        |(flag, given): (&str, &Option<String>), before: Option<u32>| match given.as_deref() {
            None => Ok(before),
            Some("any") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| format!("{flag} takes a number or `any`; got `{}`", shown(text))),
        };
    Ok(Plan {
        name,
        push: word(words[0], before.is_none_or(|p| p.push))?,
        team_sync: word(words[1], before.is_none_or(|p| p.team_sync))?,
        hris: number(numbers[0], before.and_then(|p| p.hris))?,
        seats: number(numbers[1], before.and_then(|p| p.seats))?,
    })
}

fn entitled_value(entitled: &Entitled) -> Value {
    let of = entitled.entitlements.as_ref();
    let time = |at: Option<Millis>| at.map(Millis::to_rfc3339);
    let features: serde_json::Map<String, Value> = Feature::ALL
        .into_iter()
        .map(|feature| {
            let standing = standing(of, feature, entitled.now);
            let value = json!({
                "amount": standing.amount, "included": standing.included,
                "effectiveAt": time(standing.effective_at),
            });
            (feature.as_str().to_owned(), value)
        })
        .collect();
    json!({
        "plan": of.map(|e| &e.plan), "features": features, "seatsTaken": entitled.seats_taken,
        "effectiveAt": time(of.and_then(|e| e.effective_at(entitled.now))),
    })
}

fn entitled_page(entitled: &Entitled) -> String {
    let of = entitled.entitlements.as_ref();
    let mut page = vec![match of {
        None => "no plan: everything is included".to_owned(),
        Some(e) => format!("plan {}", shown(&e.plan.name)),
    }];
    let amount =
        |amount: Option<u32>| amount.map_or_else(|| "any number".to_owned(), |n| n.to_string());
    for feature in Feature::ALL {
        let standing = standing(of, feature, entitled.now);
        let mut line = format!("{:<10}{}", feature.as_str(), amount(standing.amount));
        if let Some(at) = standing.effective_at {
            line.push_str(&format!(
                "; {} from {}",
                amount(standing.included),
                at.to_rfc3339()
            ));
        }
        page.push(line);
    }
    page.push(format!("{:<10}{}", "taken", entitled.seats_taken));
    page.join("\n")
}

async fn export(service: &Service, name: &str) -> Result<(), Failure> {
    let caller = open::reader(service, name, "tenant export").await?;
    let mut export = service.export_tenant(&caller).await?;
    while let Some(text) = export.next().await? {
        write(text.as_bytes())?;
    }
    Ok(())
}

async fn delete(
    service: &Service,
    output: Output,
    name: &str,
    days: Option<i64>,
    is_sure: bool,
) -> Result<(), Failure> {
    let row = open::tenant(service, name).await?;
    if !is_sure && !confirm(&row.name)? {
        return Err("nothing was done: give --yes to delete the tenant".into());
    }
    let row = service
        .delete_tenant(&operator("delete"), &row.id, days)
        .await?;
    let value = tenant_value(&row);
    output.row(&value, &lines(&value))
}

/// Asks whoever sits there for the tenant's name; nobody sitting there is a no.
fn confirm(name: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let terminal = console::Term::stderr();
    let question = format!("Delete the tenant with all its people? Type its name, {name}: ");
    terminal.write_str(&question)?;
    Ok(terminal.read_line()?.trim() == name)
}

fn deletion_value(deletion: &Deletion) -> Value {
    let time = |at: i64| Millis(at).to_rfc3339();
    json!({
        "id": deletion.tenant, "name": deletion.name, "beganAt": time(deletion.began_at),
        "finishedAt": deletion.finished_at.map(time), "rows": deletion.rows, "receipt": deletion.receipt,
    })
}

fn deletion_line(deletion: &Deletion) -> String {
    let rows: u64 = deletion.rows.values().sum();
    let state = match deletion.finished_at {
        Some(at) => format!("gone since {}", Millis(at).to_rfc3339()),
        None => "on its way".to_owned(),
    };
    let hash = deletion.receipt.as_ref().and_then(|r| r["hash"].as_str());
    format!(
        "{}  {}  {state}  {rows} rows  {}",
        deletion.tenant,
        shown(&deletion.name),
        hash.unwrap_or_default()
    )
}
