//! `rosterd connection`: sources of people.

mod pull;
mod scope;
mod show;

use std::io::Write as _;

use chrono::NaiveDate;
use serde_json::json;

use self::pull::Pull;
pub(super) use self::pull::secrets_of;
use self::show::{add_standing, announced_value, connection_value, show};
use super::admin::lines;
use super::disconnect;
use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::pull::{JOINERS, PullChange, PullSettings};
use crate::domain::sealed::SecretText;
use crate::scim::rules::Preset;
use crate::service;
use crate::service::app::Loaded;
use crate::service::connections::{ConnectionChange, NewConnection, NewPull};
use crate::service::providers::Beside;
use crate::service::standing::Standing;

/// Connections.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Connection {
    /// List a tenant's connections.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Show a connection: its rules, its tokens, how many questions of it wait for a human.
    Show(Which),
    /// Add a connection: one that pushes, or with --connector one that is pulled.
    #[command(visible_alias = "create")]
    Add {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How it is shown.
        #[arg(long)]
        label: String,
        /// Rules for its client: okta, entra, onelogin, jumpcloud, ping, google, generic or strict.
        #[arg(long, default_value = "generic", conflicts_with = "connector")]
        preset: String,
        /// Slug of the HR system from which people are pulled.
        #[arg(long)]
        connector: Option<String>,
        /// What it does with people whom it brings: list, invite or grant; otherwise grant, list where they are pulled.
        #[arg(long)]
        joiner_policy: Option<String>,
        /// The provider may push to this tenant and be pulled at once: each person comes twice, and what is pushed wins.
        #[arg(long)]
        beside_push: bool,
        #[command(flatten)]
        pull: Pull,
    },
    /// Change a connection; what is not named stays.
    Set {
        #[command(flatten)]
        which: Which,
        /// How it is shown.
        #[arg(long)]
        label: Option<String>,
        /// What it does with people whom it brings from now on: list, invite or grant.
        #[arg(long)]
        joiner_policy: Option<String>,
        #[command(flatten)]
        pull: Pull,
        /// Take a setting of the connector out.
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        /// Delete a credential.
        #[arg(long, value_name = "NAME")]
        delete_secret: Vec<String>,
    },
    /// Announce leavers: up to so many more than the limits lose access without waiting for an admin. It takes the place
    /// of what was announced before.
    Announce {
        #[command(flatten)]
        which: Which,
        /// How many: 1 to 1000000. Whoever loses access by a run, or by what is pushed, from now on counts.
        #[arg(long, value_name = "NUMBER", required_unless_present = "withdraw")]
        people: Option<u32>,
        /// The last day, such as 2027-03-31, in the tenant's time zone: from today to 90 days ahead.
        #[arg(long, value_name = "DATE", required_unless_present = "withdraw")]
        until: Option<NaiveDate>,
        /// Withdraw what was announced: the limits hold alone again.
        #[arg(long, conflicts_with_all = ["people", "until"])]
        withdraw: bool,
    },
    /// Pause a connection: it is left alone, and its tokens are refused within a second. Nobody loses access by it.
    Pause(Which),
    /// Resume a paused connection or, within 90 days, a disconnected one.
    Resume(Which),
    /// Print a link at which an administrator of the vendor lets the connection in; it works once, for 10 minutes.
    Consent(Which),
    /// Try a connection with what is stored of it: call the vendor, and say what works.
    Test(Which),
    /// Try a scope: who of those whom a pull connection has would drop out, and who would come in of those whom the scope
    /// that is set keeps out. Nothing is changed.
    TestScope {
        #[command(flatten)]
        which: Which,
        /// SCIM filter, as --scope takes it.
        filter: String,
    },
    /// Disconnect a connection: whom only it listed is removed, everybody else stays as she is.
    Disconnect {
        #[command(flatten)]
        which: Which,
        /// Only show who would stay and who would go.
        #[arg(long)]
        dry_run: bool,
        /// Do it without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// Which connection.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the connection.
    id: String,
}

fn policy(word: &str) -> Result<JoinerPolicy, Failure> {
    JoinerPolicy::parse(word).ok_or_else(|| {
        let word = shown(word);
        format!("--joiner-policy takes list, invite or grant; got `{word}`").into()
    })
}

/// Runs the command.
pub(super) async fn run(
    config: &Config,
    output: Output,
    command: Connection,
) -> Result<(), Failure> {
    match command {
        Connection::List { tenant } => list(config, output, &tenant).await,
        Connection::Show(which) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &which.tenant, "connection show").await?;
            let value = show(&service, &caller, &which.id).await?;
            let value = value.ok_or_else(|| no_such_connection(&which.id, &which.tenant))?;
            output.row(&value, &lines(&value))
        }
        Connection::Add {
            tenant,
            label,
            preset,
            connector,
            joiner_policy,
            beside_push,
            pull,
        } => {
            let policy = joiner_policy.as_deref().map(policy).transpose()?;
            let beside = Beside::of(beside_push);
            let Some(connector) = connector else {
                let (new, limits) = push(label, &preset, policy, &pull)?;
                let service = open::service(config)?;
                let caller = open::caller(&service, &tenant, "connection add").await?;
                let made = service.create_connection_as(&caller, service.fresh_id(), new, beside);
                let id = made.await?;
                if !limits.pull.is_empty() {
                    service
                        .update_connection(&caller, id.as_str(), limits)
                        .await?;
                }
                return output.row(&json!({"id": id}), id.as_str());
            };
            let new = NewPull {
                label,
                connector,
                policy: policy.unwrap_or(JOINERS),
                settings: PullSettings::default().with(&pull.change(Vec::new())?),
                secrets: pull.secrets()?,
            };
            let service = open::sealing(config).await?;
            let caller = open::caller(&service, &tenant, "connection add").await?;
            let made = service.create_pull_connection_as(&caller, service.fresh_id(), new, beside);
            let id = made.await?;
            let loaded = service.app_users_loaded(&caller.tenant).await?;
            let warnings = added_warnings(loaded);
            output.row(&json!({"id": id, "warnings": warnings}), id.as_str())
        }
        Connection::Set {
            which,
            label,
            joiner_policy,
            pull,
            unset,
            delete_secret,
        } => {
            let change = ConnectionChange {
                label,
                policy: joiner_policy.as_deref().map(policy).transpose()?,
                is_active: None,
                pull: pull.change(unset)?,
            };
            let secrets = pull.secrets()?;
            set(config, output, which, change, secrets, delete_secret).await
        }
        Connection::Announce {
            which,
            people,
            until,
            withdraw: _,
        } => announce(config, output, which, people.zip(until)).await,
        Connection::Pause(which) => turn(config, output, which, false).await,
        Connection::Resume(which) => turn(config, output, which, true).await,
        Connection::Consent(which) => {
            super::connectors::consent::run(config, output, &which.tenant, &which.id).await
        }
        Connection::Test(which) => {
            super::bridge::test(config, output, &which.tenant, &which.id).await
        }
        Connection::TestScope { which, filter } => {
            scope::run(config, output, (&which.tenant, &which.id), &filter).await
        }
        Connection::Disconnect {
            which,
            dry_run,
            yes,
        } => {
            let Which { tenant, id } = which;
            disconnect::run(config, output, (&tenant, &id), dry_run, yes).await
        }
    }
}

async fn list(config: &Config, output: Output, tenant: &str) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, tenant, "connection list").await?;
    let ground = service.ground(&caller).await?;
    let schedules = service.list_schedules_of(&caller.tenant).await?;
    for row in service.list_connections(&caller).await? {
        let schedule = schedules.get(&row.id);
        let standing = schedule.map(|schedule| ground.of(&row, schedule));
        let mut text = format!(
            "{}  {}  {}  {}  {}  {}",
            row.id,
            row.kind,
            row.preset,
            row.joiner_policy,
            standing.as_ref().map_or(&row.state, |s| &s.health.state),
            shown(&row.label)
        );
        if let Some((announced, last)) = standing.as_ref().and_then(|s| s.announced) {
            text.push_str(&format!(
                "  {} leavers announced until {last}",
                announced.people
            ));
        }
        if standing.as_ref().is_some_and(Standing::is_new_version) {
            text.push_str("  a new version of the connector is tried next");
        }
        let mut value = connection_value(&row)?;
        add_standing(&mut value, standing);
        output.row(&value, &text)?;
    }
    Ok(())
}

/// A push connection, which of all that one that is pulled has takes nothing but limits.
fn push(
    label: String,
    preset: &str,
    policy: Option<JoinerPolicy>,
    pull: &Pull,
) -> Result<(NewConnection, ConnectionChange), Failure> {
    let given = pull.change(Vec::new())?;
    let limits = PullChange {
        max_leavers: given.max_leavers,
        max_percent: given.max_percent,
        ..PullChange::default()
    };
    PullSettings::default().with(&limits).guard.check()?;
    if pull.is_given() || given != limits {
        return Err("settings and credentials are for a connection that is pulled: name its HR system with --connector".into());
    }
    let preset = Preset::parse(preset)
        .ok_or_else(|| format!("--preset takes one of {}; got `{preset}`", Preset::words()))?;
    let new = NewConnection {
        label,
        preset,
        policy: policy.unwrap_or(JoinerPolicy::Grant),
    };
    let limits = ConnectionChange {
        pull: limits,
        ..ConnectionChange::default()
    };
    Ok((new, limits))
}

async fn set(
    config: &Config,
    output: Output,
    which: Which,
    change: ConnectionChange,
    secrets: Vec<(String, SecretText)>,
    deleted: Vec<String>,
) -> Result<(), Failure> {
    let service = match secrets.is_empty() {
        true => open::service(config)?,
        false => open::sealing(config).await?,
    };
    let Which { tenant, id } = which;
    let caller = open::caller(&service, &tenant, "connection set").await?;
    let row = service.update_connection(&caller, &id, change).await;
    let row = row.map_err(|error| named(error, &id, &tenant))?;
    for (name, value) in &secrets {
        service.set_secret(&caller, &id, name, value).await?;
    }
    for name in &deleted {
        service.delete_secret(&caller, &id, name).await?;
    }
    output.row(&connection_value(&row)?, &format!("{id} is changed"))
}

/// Announces leavers, or with `None` withdraws what was announced.
async fn announce(
    config: &Config,
    output: Output,
    which: Which,
    leavers: Option<(u32, NaiveDate)>,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let Which { tenant, id } = which;
    let caller = open::caller(&service, &tenant, "connection announce").await?;
    let row = service.find_connection(&caller, &id).await;
    row.map_err(|error| named(error, &id, &tenant))?;
    match leavers {
        Some((people, until)) => {
            let made = service
                .announce_leavers(&caller, &id, people, until)
                .await?;
            let text = format!(
                "up to {people} leavers of {id} more than its limits pass until {until}, which ends at {}",
                made.until.to_rfc3339()
            );
            output.row(&announced_value(made, until), &text)
        }
        None => {
            service.withdraw_announcement(&caller, &id).await?;
            let text = format!("nobody is announced any more: the limits of {id} hold alone");
            output.row(&json!({"id": id, "announced": null}), &text)
        }
    }
}

async fn turn(
    config: &Config,
    output: Output,
    which: Which,
    is_active: bool,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let Which { tenant, id } = which;
    let caller = open::caller(&service, &tenant, "connection set").await?;
    let change = ConnectionChange {
        is_active: Some(is_active),
        ..ConnectionChange::default()
    };
    let row = service.update_connection(&caller, &id, change).await;
    let row = row.map_err(|error| named(error, &id, &tenant))?;
    output.row(&connection_value(&row)?, &format!("{id} is {}", row.state))
}

pub(super) fn named(error: service::Error, id: &str, tenant: &str) -> Failure {
    match error {
        service::Error::NotFound(_) => no_such_connection(id, tenant),
        other => other.into(),
    }
}

pub(super) fn no_such_connection(id: &str, tenant: &str) -> Failure {
    format!(
        "no connection of `{}` has the id `{}`: `rosterd connection list --tenant {}` shows all",
        shown(tenant),
        shown(id),
        shown(tenant)
    )
    .into()
}

/// What to see to before the first pull. It goes to standard error too: the id alone is what scripts read.
fn added_warnings(loaded: Loaded) -> &'static [&'static str] {
    if loaded != Loaded::Never {
        return &[];
    }
    let _ = writeln!(
        std::io::stderr(),
        "warning: app-users-never-loaded: who uses the app already would be listed as new. Load its users first \
         (`rosterd app-users import`), or say that it has none yet (`rosterd app-users none-yet`)"
    );
    &["app-users-never-loaded"]
}
