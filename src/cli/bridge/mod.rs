//! `sync` and `runs`: pulls at the shell.

mod addresses;
pub(super) mod files;
mod inspect;
mod kept;
mod looks;
mod show;
mod sources;
mod undo;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::show::{item_row, print_report, run_row};
use self::watch::Bar;
use super::{Failure, Output, open};
use crate::config::Config;
use crate::domain::audit::Actor;
use crate::domain::ids::TenantId;
use crate::hris::files::explain;
use crate::service::runs::{ItemRow, RunRow};
use crate::service::{self, Service};
use crate::sync::schedule::{Scheduler, Sources};
use crate::sync::{Bridge, Kind, Order, Which};

pub use self::inspect::Inspector;
pub use self::kept::Exchanges;
pub use self::looks::{Tester, tick_looks};
pub use self::sources::Stored;
pub(super) use self::undo::{agreed, left_alone, people as undone_people, told};

/// Until a file is looked at again.
const SECOND_LOOK: Duration = Duration::from_secs(31);
/// Items read together.
const PAGE: i64 = 500;

/// `sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the connection.
    connection: String,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Of a connection that reads files: read this one.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Of a connection that reads files: who was missed in the last file is gone; the guard's limits hold.
    #[arg(long, conflicts_with = "dry_run")]
    confirm_absent: bool,
}

/// `runs`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Runs {
    /// List runs, the newest first.
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
    /// Show a run: what the pull proved, and what is done about whom.
    Show {
        #[command(flatten)]
        which: One,
        /// Only what takes access away.
        #[arg(long)]
        losses: bool,
        /// Most people shown.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Apply a plan that waits, or carry out losses of access that wait.
    Approve(Decision),
    /// Give a plan up that waits, or let people keep their access until their records change.
    Discard(Decision),
    /// Undo a run: everybody is as before, except what somebody changed since. The next pull does not do it again.
    Undo(undo::Undo),
}

/// A run.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the run.
    run: String,
}

/// A decision about a run.
#[derive(Debug, clap::Args)]
pub(super) struct Decision {
    #[command(flatten)]
    which: One,
    /// Only this person, by the source's id; may be given more than once. Without: all of them.
    #[arg(long, value_name = "ID")]
    person: Vec<String>,
}

impl Decision {
    fn people(&self) -> Which {
        match self.person.is_empty() {
            true => Which::All,
            false => Which::Some(self.person.iter().cloned().collect::<BTreeSet<_>>()),
        }
    }
}

/// A scheduler, under a name of its own.
pub(super) fn scheduler(config: &Config, service: &Service, exchanges: &Exchanges) -> Scheduler {
    scheduler_of(config, service, exchanges, None)
}

/// Who tries connections over HTTP.
pub(super) fn tester(config: &Config, service: &Service, exchanges: &Exchanges) -> Tester {
    let stored = Stored::configured(config, service).held_by("", exchanges);
    Tester::new(service, stored)
}

/// A scheduler for one command that may name a file to be read.
fn scheduler_of(
    config: &Config,
    service: &Service,
    exchanges: &Exchanges,
    file: Option<PathBuf>,
) -> Scheduler {
    let holder = service.fresh_id();
    let stored = Stored::configured(config, service).held_by(&holder, exchanges);
    let sources: Arc<dyn Sources> = Arc::new(stored.reading(file));
    Scheduler::new(Bridge::new(service.clone()), sources, holder)
}

/// Tries a connection with what is stored of it, while nobody pulls it: what works, or why it does not.
pub(super) async fn test(
    config: &Config,
    output: Output,
    tenant: &str,
    connection: &str,
) -> Result<(), Failure> {
    let service = open::sealing(config).await?;
    let tenant = TenantId::new(open::tenant(&service, tenant).await?.id);
    let stored = Stored::configured(config, &service);
    let Some(probe) = looks::probe(&service, stored, &tenant, connection).await? else {
        return Err(why_not(&service, &tenant, connection).await?.into());
    };
    let probe = probe?;
    super::connectors::report_probe(&probe, output)
}

/// The operator at the shell.
fn operator() -> Actor {
    Actor {
        kind: "operator".to_owned(),
        id: String::new(),
    }
}

/// Runs `sync`; exit 1 if the pull failed or was not complete.
pub(super) async fn sync(config: &Config, output: Output, args: Sync) -> Result<u8, Failure> {
    let service = open::sealing(config).await?;
    let tenant = TenantId::new(open::tenant(&service, &args.tenant).await?.id);
    let scheduler = scheduler_of(config, &service, &Exchanges::default(), args.file);
    let kind = match args.dry_run {
        true => Kind::Dry,
        false => Kind::Manual,
    };
    if args.confirm_absent {
        let caller = service::Caller::operator(tenant.clone(), "sync");
        service.confirm_absences(&caller, &args.connection).await?;
    }
    let bar = Bar::new();
    let pull = || scheduler.pull(&tenant, &args.connection, kind, operator(), &bar);
    let mut report = pull().await?;
    if report.is_none() && is_not_yet(&service, &tenant, &args.connection).await? {
        // A second look shows whether the file is still being written.
        bar.say("a file has come; it is looked at again in half a minute, when it is complete");
        tokio::time::sleep(SECOND_LOOK).await;
        report = pull().await?;
    }
    bar.finish();
    let Some(report) = report else {
        return Err(why_not(&service, &tenant, &args.connection).await?.into());
    };
    print_report(&service, &tenant, output, &report).await?;
    Ok(u8::from(!report.is_ok() || !report.run.is_complete))
}

/// The connection has a file that may not be complete.
async fn is_not_yet(
    service: &Service,
    tenant: &TenantId,
    connection: &str,
) -> Result<bool, service::Error> {
    let schedule = service.find_schedule(tenant, connection).await?;
    let params = schedule.and_then(|s| s.health_params).unwrap_or_default();
    Ok(params.contains("file.not_yet"))
}

/// Why a connection was not pulled.
async fn why_not(
    service: &Service,
    tenant: &TenantId,
    connection: &str,
) -> Result<String, service::Error> {
    let caller = service::Caller::operator(tenant.clone(), "sync");
    let row = service.find_connection(&caller, connection).await?;
    if row.kind != service::connections::PULL {
        return Ok(
            "this connection is pushed by its identity provider; there is nothing to pull"
                .to_owned(),
        );
    }
    if row.state != "active" {
        return Ok(format!("the connection is {}: resume it first", row.state));
    }
    let schedule = service.find_schedule(tenant, connection).await?;
    let params = schedule.and_then(|s| s.health_params);
    let nothing = |code: &str| params.as_ref().is_some_and(|p| p.contains(code));
    if nothing("file.none") || nothing("file.not_yet") {
        let code = ["file.none", "file.not_yet"]
            .into_iter()
            .find(|c| nothing(c));
        return Ok(explain(code.unwrap_or_default(), &BTreeMap::new()));
    }
    Ok(match params {
        Some(params) => format!("the connection cannot be opened: {params}"),
        None => {
            "another process is pulling this connection: try again when it has ended".to_owned()
        }
    })
}

/// Runs `runs`.
pub(super) async fn runs(config: &Config, output: Output, command: Runs) -> Result<(), Failure> {
    let service = open::sealing(config).await?;
    match command {
        Runs::List {
            tenant,
            connection,
            limit,
        } => {
            let tenant = TenantId::new(open::tenant(&service, &tenant).await?.id);
            let rows = service
                .list_runs(&tenant, connection.as_deref(), None, limit)
                .await?;
            rows.iter().try_for_each(|row| run_row(output, row))
        }
        Runs::Show {
            which,
            losses,
            limit,
        } => {
            let tenant = TenantId::new(open::tenant(&service, &which.tenant).await?.id);
            let run = service.find_run(&tenant, &which.run).await?;
            run_row(output, &run)?;
            items(&service, &tenant, output, &run, losses, limit).await
        }
        Runs::Approve(decision) => approve(config, &service, output, &decision).await,
        Runs::Discard(decision) => discard(config, &service, output, &decision).await,
        Runs::Undo(args) => undo::run(config, &service, output, args).await,
    }
}

/// Shows people of a plan: whoever loses access first, in the order of the plan, then the others.
async fn items(
    service: &Service,
    tenant: &TenantId,
    output: Output,
    run: &RunRow,
    losses: bool,
    limit: usize,
) -> Result<(), Failure> {
    let rows = plan(service, tenant, &run.id, losses, limit).await?;
    rows.iter().try_for_each(|item| item_row(output, item))
}

/// The first people of a plan, losses of access before the rest.
async fn plan(
    service: &Service,
    tenant: &TenantId,
    run: &str,
    losses: bool,
    limit: usize,
) -> Result<Vec<ItemRow>, Failure> {
    let (mut rows, mut after) = (Vec::new(), 0);
    while rows.len() < limit {
        let page = service.list_losses(tenant, run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        rows.extend(page);
    }
    let mut after = 0;
    while rows.len() < limit && !losses {
        let page = service.list_items(tenant, run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        rows.extend(page.into_iter().filter(|item| !item.loses));
    }
    rows.truncate(limit);
    Ok(rows)
}

/// A run that somebody decides about, with what its connection's settings make of it.
async fn decided(
    config: &Config,
    service: &Service,
    which: &One,
) -> Result<(Scheduler, Order, RunRow), Failure> {
    let tenant = TenantId::new(open::tenant(service, &which.tenant).await?.id);
    let run = service.find_run(&tenant, &which.run).await?;
    let sources = Stored::configured(config, service);
    let opened = Sources::open(&sources, &tenant, &run.connection_id).await?;
    let opened =
        opened.ok_or("the connection of this run is paused or gone: resume it first")??;
    let scheduler = scheduler(config, service, &Exchanges::default());
    let order = scheduler.order(opened.setup, Kind::Manual, operator());
    Ok((scheduler, order, run))
}

async fn approve(
    config: &Config,
    service: &Service,
    output: Output,
    decision: &Decision,
) -> Result<(), Failure> {
    let (scheduler, order, run) = decided(config, service, &decision.which).await?;
    let (bridge, which) = (scheduler.bridge().clone(), decision.people());
    let bar = Bar::new();
    let work = async {
        match run.state.as_str() {
            "waiting" => bridge.approve(&order, &run.id, &which, &bar).await,
            _ => {
                bridge.release(&order, &which).await?;
                bridge
                    .service()
                    .find_run(&order.setup.tenant, &run.id)
                    .await
            }
        }
    };
    let done = scheduler
        .decide(&order.setup.tenant, &run.connection_id, work)
        .await;
    bar.finish();
    run_row(output, &done?)
}

async fn discard(
    config: &Config,
    service: &Service,
    output: Output,
    decision: &Decision,
) -> Result<(), Failure> {
    let (scheduler, order, run) = decided(config, service, &decision.which).await?;
    let (bridge, which) = (scheduler.bridge().clone(), decision.people());
    let work = async {
        match (run.state.as_str(), &which) {
            ("waiting", Which::All) => bridge.discard(&order, &run.id).await,
            _ => {
                bridge.keep(&order, &which).await?;
                bridge
                    .service()
                    .find_run(&order.setup.tenant, &run.id)
                    .await
            }
        }
    };
    let done = scheduler
        .decide(&order.setup.tenant, &run.connection_id, work)
        .await?;
    run_row(output, &done)
}
