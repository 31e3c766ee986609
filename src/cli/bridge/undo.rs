//! `runs undo`: what it would do, a question, the undo, and what it left alone.

use std::io::{IsTerminal, Write};

use serde_json::{Value, json};

use super::show::run_row;
use super::watch::Bar;
use super::{Exchanges, One, operator, scheduler};
use crate::cli::output::shown;
use crate::cli::{Failure, Output, open};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::undo::{Kept, Undone};

/// People read together.
const PAGE: i64 = 500;
/// Paths shown of one person.
const PATHS: usize = 6;

/// `runs undo`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Undo {
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
}

/// How many of each.
#[derive(Default)]
pub(in crate::cli) struct Sum {
    undone: u64,
    kept: u64,
    partly: u64,
    returned: u64,
}

pub(super) async fn run(
    config: &Config,
    service: &Service,
    output: Output,
    args: Undo,
) -> Result<(), Failure> {
    let tenant = TenantId::new(open::tenant(service, &args.which.tenant).await?.id);
    let run = service.find_run(&tenant, &args.which.run).await?;
    let is_over = run.state == "undone";
    if !is_over && let Some(why) = service.cannot_undo(&run) {
        return Err(why.into());
    }
    if args.dry_run || is_over || !args.yes {
        let sum = people(service, &tenant, output, &run.id, args.limit).await?;
        told(
            output,
            &sum,
            if is_over { "undone" } else { "to be undone" },
        )?;
    }
    if args.dry_run || is_over || !(args.yes || agreed("run")?) {
        return Ok(());
    }
    let scheduler = scheduler(config, service, &Exchanges::default());
    let bar = Bar::new();
    let work = scheduler.bridge().undo(&tenant, operator(), &run.id, &bar);
    let done = scheduler.decide(&tenant, &run.connection_id, work).await;
    bar.finish();
    run_row(output, &done?)?;
    let sum = left_alone(service, &tenant, output, &run.id, args.limit).await?;
    told(output, &sum, "undone")
}

/// Asks on the terminal; elsewhere nobody can answer.
pub(in crate::cli) fn agreed(what: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err("say --yes to undo it, or --dry-run to look only".into());
    }
    write!(std::io::stderr(), "Undo this {what}? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

pub(in crate::cli) async fn people(
    service: &Service,
    tenant: &TenantId,
    output: Output,
    run: &str,
    limit: usize,
) -> Result<Sum, Failure> {
    each(
        service,
        tenant,
        run,
        limit,
        |_| true,
        |undone| row(output, undone),
    )
    .await
}

/// After the undo only what was not wholly undone is shown.
pub(in crate::cli) async fn left_alone(
    service: &Service,
    tenant: &TenantId,
    output: Output,
    run: &str,
    limit: usize,
) -> Result<Sum, Failure> {
    let is_worth_it = |undone: &Undone| output.json || !undone.kept.is_empty();
    each(service, tenant, run, limit, is_worth_it, |undone| {
        row(output, undone)
    })
    .await
}

async fn each(
    service: &Service,
    tenant: &TenantId,
    run: &str,
    limit: usize,
    wanted: impl Fn(&Undone) -> bool,
    show: impl Fn(&Undone) -> Result<(), Failure>,
) -> Result<Sum, Failure> {
    let (mut after, mut shown, mut sum) = (String::new(), 0, Sum::default());
    loop {
        let page = service.list_undone(tenant, run, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(sum);
        };
        after.clone_from(&last.person);
        for undone in &page {
            sum.undone += u64::from(undone.is_undone);
            sum.kept += u64::from(!undone.is_undone);
            sum.partly += u64::from(undone.is_undone && !undone.kept.is_empty());
            sum.returned += u64::from(undone.returns);
            if wanted(undone) && shown < limit {
                show(undone)?;
                shown += 1;
            }
        }
    }
}

pub(in crate::cli) fn told(output: Output, sum: &Sum, word: &str) -> Result<(), Failure> {
    let value = json!({"undone": sum.undone, "kept": sum.kept, "partly": sum.partly, "getAccessBack": sum.returned});
    let text = format!(
        "{} {word} ({} only in part), {} left as they are, {} get access back",
        sum.undone, sum.partly, sum.kept, sum.returned
    );
    output.row(&value, &text)
}

fn row(output: Output, undone: &Undone) -> Result<(), Failure> {
    let access = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
    let goes = match (undone.is_undone, undone.was.as_str()) {
        (false, _) => "stays".to_owned(),
        (true, "created") => "goes".to_owned(),
        (true, _) if undone.access == undone.back_to => access(&undone.access),
        (true, _) => format!("{} -> {}", access(&undone.access), access(&undone.back_to)),
    };
    let ids: Vec<String> = undone.source_ids.iter().map(|id| shown(id)).collect();
    let mut text = format!(
        "{}  {:<14} {:<9} {goes}",
        undone.person,
        ids.join(","),
        undone.was
    );
    if !undone.units.is_empty() {
        let more = undone.units.len().saturating_sub(PATHS);
        let first: Vec<&str> = undone
            .units
            .iter()
            .take(PATHS)
            .map(String::as_str)
            .collect();
        text.push_str(&format!("  {}", first.join(", ")));
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
    }
    for kept in &undone.kept {
        text.push_str(&format!("\n    left alone: {}", because(kept)));
    }
    let value: Value = serde_json::to_value(undone)?;
    output.row(&value, &text)
}

/// Why something is left as it is.
fn because(kept: &Kept) -> String {
    let what = shown(&kept.what);
    let Some(by) = &kept.by else {
        return match kept.code.as_str() {
            "in-groups" => format!("{what}: she was put into groups since; take her out first"),
            "user-name-taken" => format!("{what}: somebody else has the userName now"),
            "gone" => format!("{what}: she is erased"),
            _ => format!("{what}: changed since"),
        };
    };
    let who = format!("{} {}", by.actor_kind, shown(&by.actor_id));
    format!(
        "{what}: changed since by {} ({} {}), {}",
        who.trim_end(),
        by.cause_kind,
        shown(&by.cause_id),
        Millis(by.at).to_rfc3339()
    )
}
