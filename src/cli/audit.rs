//! `rosterd audit query|export|verify`.

use serde_json::{Value, json};

use super::{Failure, Output, open, say};
use crate::config::Config;
use crate::http::scim::audit::render;
use crate::scim::filter;
use crate::scim::rules::Rules;
use crate::scim::schema::ResourceKind;
use crate::service::export::entry_value;
use crate::storage::filter as sql;
use crate::storage::journal::Verified;
use crate::storage::order::{Order, Rows, Slice, Start};

/// The journal.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    /// Print entries that satisfy a SCIM filter, newest first, one JSON object a line.
    Query {
        /// Tenant by name or id; `operator` for the operator's own journal.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Filter, such as `action eq "access.revoked" and time gt "2026-11-01T00:00:00Z"`.
        filter: Option<String>,
        /// Most entries.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        limit: i64,
    },
    /// Print the whole journal with its commitments and salts, oldest first, one JSON object a line.
    Export {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Recompute the chain and open every commitment; exit 1 and the places where something is wrong.
    Verify {
        /// Tenant by name or id; all tenants if left out.
        #[arg(long)]
        tenant: Option<String>,
    },
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Audit) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Audit::Query {
            tenant,
            filter: text,
            limit,
        } => {
            let caller = open::reader(&service, &tenant, "audit query").await?;
            let registry = service.registry(&caller.tenant).await?;
            let parsed = match &text {
                None => None,
                Some(text) => Some(filter::parse(
                    &registry,
                    ResourceKind::AuditEvent,
                    text,
                    &mut Rules::default(),
                )?),
            };
            let newest = Slice {
                order: Order::by_id(Rows::Entries, true),
                start: Start::Offset(0),
                limit,
            };
            let entries = service
                .store
                .read(&caller.tenant, move |scope| {
                    let condition = parsed.map(|f| sql::entries(scope, &f));
                    let listed = scope.list_entries(condition.as_ref(), &newest)?;
                    scope.with_values(listed.rows)
                })
                .await?;
            for (row, values) in &entries {
                match render(&registry, "", row, values) {
                    Ok(entry) => say(&Value::Object(entry).to_string())?,
                    Err(error) => tracing::error!(error = %error, "an entry was left out"),
                }
            }
            Ok(())
        }
        Audit::Export { tenant } => export(&service, &tenant).await,
        Audit::Verify { tenant } => verify(&service, output, tenant).await,
    }
}

async fn export(service: &crate::service::Service, tenant: &str) -> Result<(), Failure> {
    let caller = open::reader(service, tenant, "audit export").await?;
    let mut after = 0;
    loop {
        let page = service
            .store
            .read(&caller.tenant, move |scope| {
                scope.list_entries_after(after, 500)
            })
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = last.sequence;
        for (row, values) in &page {
            say(&entry_value(row, values)?.to_string())?;
        }
    }
}

async fn verify(
    service: &crate::service::Service,
    output: Output,
    tenant: Option<String>,
) -> Result<(), Failure> {
    let names = match tenant {
        Some(name) => vec![name],
        None => service
            .list_tenants()
            .await?
            .into_iter()
            .map(|t| t.name)
            .collect(),
    };
    let mut broken = 0;
    for name in names {
        let caller = open::reader(service, &name, "audit verify").await?;
        let bar = indicatif::ProgressBar::new_spinner().with_message(format!("{name}: verifying"));
        let progress = bar.clone();
        let done = service
            .store
            .read(&caller.tenant, move |scope| {
                scope.verify_journal(|n| progress.set_position(n.unsigned_abs()))
            })
            .await?;
        bar.finish_and_clear();
        report(output, &name, &done)?;
        broken += done.faults.len();
    }
    if broken == 0 {
        Ok(())
    } else {
        Err(format!("{broken} faults in the journal").into())
    }
}

fn report(output: Output, name: &str, done: &Verified) -> Result<(), Failure> {
    let mut text = format!(
        "{name}: {} entries, {} values opened, {} erased, {}",
        done.entries,
        done.values,
        done.erased,
        if done.faults.is_empty() {
            "the chain holds".to_owned()
        } else {
            format!("{} faults", done.faults.len())
        }
    );
    for fault in &done.faults {
        text.push_str(&format!(
            "\n  entry {}: {}: {}",
            fault.sequence, fault.code, fault.detail
        ));
    }
    if done.unlisted > 0 {
        text.push_str(&format!("\n  and {} more", done.unlisted));
    }
    let faults = done
        .faults
        .iter()
        .map(|f| json!({"sequence": f.sequence, "code": f.code, "detail": f.detail}));
    let value = json!({
        "tenant": name, "entries": done.entries, "values": done.values, "erased": done.erased,
        "faults": faults.collect::<Value>(), "unlisted": done.unlisted,
    });
    output.row(&value, &text)
}
