//! `rosterd connection`: sources of people, and their credentials, which are never arguments: `ps` shows those.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read};

use serde_json::{Value, json};

use super::admin::{lines, token_value};
use super::disconnect;
use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::clock::Millis;
use crate::domain::pull::{JOINERS, Leaving, PullChange, PullSettings};
use crate::domain::sealed::SecretText;
use crate::scim::rules::Preset;
use crate::service::connections::{ConnectionChange, ConnectionRow, NewConnection, NewPull, PULL};
use crate::service::health::Health;
use crate::service::{self, Caller, Service};

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
    /// Pause a connection: it is left alone, and its tokens are refused within a second. Nobody loses access by it.
    Pause(Which),
    /// Resume a paused connection or, within 90 days, a disconnected one.
    Resume(Which),
    /// Print a link at which an administrator of the vendor lets the connection in; it works once, for 10 minutes.
    Consent(Which),
    /// Try a connection with what is stored of it: call the vendor, and say what works.
    Test(Which),
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

/// What only a connection has that is pulled.
#[derive(Debug, clap::Args)]
pub(super) struct Pull {
    /// A setting of the connector that is no secret.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A credential out of a file, without the line break at its end; FILE `-` is standard input.
    #[arg(long, value_name = "NAME=FILE")]
    secret_file: Vec<String>,
    /// A credential that is asked for, or read from standard input, one a line.
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
    /// Minutes from one pull to the next: 5 to 1440; at first 180.
    #[arg(long, value_name = "MINUTES")]
    every: Option<u32>,
    /// Most people who lose access within 24 hours before a plan waits for an admin; at first 5.
    #[arg(long, value_name = "NUMBER")]
    max_leavers: Option<u32>,
    /// The same as a percentage; a plan waits when it is beyond both. At first 10.
    #[arg(long, value_name = "PERCENT")]
    max_percent: Option<u32>,
    /// Only people whom this SCIM filter takes; an empty one: everybody.
    #[arg(long, value_name = "FILTER")]
    scope: Option<String>,
    /// What happens to who leaves the scope but not the company: keep or revoke.
    #[arg(long, value_name = "WORD")]
    leaving: Option<String>,
    /// Send every request here instead of the vendor's hosts, credentials included; an empty one: to the vendor.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

impl Pull {
    /// What would change about the settings.
    fn change(&self, unset: Vec<String>) -> Result<PullChange, Failure> {
        let mut settings: BTreeMap<String, Option<String>> =
            unset.into_iter().map(|key| (key, None)).collect();
        for text in &self.set {
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| format!("--set takes KEY=VALUE; got `{}`", shown(text)))?;
            settings.insert(key.to_owned(), Some(value.to_owned()));
        }
        let leaving = self.leaving.as_deref().map(|word| {
            Leaving::parse(word)
                .ok_or_else(|| format!("--leaving takes keep or revoke; got `{}`", shown(word)))
        });
        Ok(PullChange {
            settings,
            every_minutes: self.every,
            max_leavers: self.max_leavers,
            max_percent: self.max_percent,
            filter: self.scope.clone(),
            leaving: leaving.transpose()?,
            endpoint: self.endpoint.clone(),
        })
    }

    /// The credentials: from files, then those that are asked for.
    fn secrets(&self) -> Result<Vec<(String, SecretText)>, Failure> {
        secrets_of(&self.secret_file, &self.secret)
    }

    fn is_given(&self) -> bool {
        !self.set.is_empty() || !self.secret.is_empty() || !self.secret_file.is_empty()
    }
}

/// Credentials out of files, then those that are asked for.
pub(super) fn secrets_of(
    files: &[String],
    names: &[String],
) -> Result<Vec<(String, SecretText)>, Failure> {
    let mut all = Vec::new();
    for text in files {
        // What stands there may be the credential itself: it is not shown.
        let (name, file) = text.split_once('=').ok_or(
            "--secret-file takes NAME=FILE: the name of the credential and a file that holds it",
        )?;
        let value = match file {
            "-" => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text)?;
                text
            }
            file => std::fs::read_to_string(file).map_err(|e| {
                format!(
                    "--secret-file: cannot read the file of `{}`: {e}",
                    shown(name)
                )
            })?,
        };
        let value = SecretText::new(value.trim_end_matches(['\r', '\n']));
        all.push((name.to_owned(), value));
    }
    for name in names {
        all.push((name.clone(), ask(name)?));
    }
    Ok(all)
}

/// Asks for a credential without showing it, or reads it where nobody sits.
fn ask(name: &str) -> Result<SecretText, Failure> {
    let text = match std::io::stdin().is_terminal() {
        true => {
            let terminal = console::Term::stderr();
            terminal.write_str(&format!("{}: ", shown(name)))?;
            terminal.read_secure_line()?
        }
        false => {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line
        }
    };
    let text = text.trim_end_matches(['\r', '\n']);
    match text.is_empty() {
        false => Ok(SecretText::new(text)),
        true => Err(format!("--secret {}: nothing was entered", shown(name)).into()),
    }
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
            pull,
        } => {
            let policy = joiner_policy.as_deref().map(policy).transpose()?;
            let Some(connector) = connector else {
                let new = push(label, &preset, policy, &pull)?;
                let service = open::service(config)?;
                let caller = open::caller(&service, &tenant, "connection add").await?;
                let id = service.create_connection(&caller, new).await?;
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
            let id = service.create_pull_connection(&caller, new).await?;
            output.row(&json!({"id": id}), id.as_str())
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
        Connection::Pause(which) => turn(config, output, which, false).await,
        Connection::Resume(which) => turn(config, output, which, true).await,
        Connection::Consent(which) => {
            super::connectors::consent::run(config, output, &which.tenant, &which.id).await
        }
        Connection::Test(which) => {
            super::bridge::test(config, output, &which.tenant, &which.id).await
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
    for row in service.list_connections(&caller).await? {
        let health = service.find_health(&caller, &row).await?;
        let state = health.as_ref().map_or(&row.state, |health| &health.state);
        let text = format!(
            "{}  {}  {}  {}  {state}  {}",
            row.id,
            row.kind,
            row.preset,
            row.joiner_policy,
            shown(&row.label)
        );
        let mut value = connection_value(&row)?;
        value["health"] = health_value(health);
        output.row(&value, &text)?;
    }
    Ok(())
}

/// A push connection, which has none of what only one that is pulled has.
fn push(
    label: String,
    preset: &str,
    policy: Option<JoinerPolicy>,
    pull: &Pull,
) -> Result<NewConnection, Failure> {
    if pull.is_given() || !pull.change(Vec::new())?.is_empty() {
        return Err("settings and credentials are for a connection that is pulled: name its HR system with --connector".into());
    }
    let preset = Preset::parse(preset)
        .ok_or_else(|| format!("--preset takes one of {}; got `{preset}`", Preset::words()))?;
    Ok(NewConnection {
        label,
        preset,
        policy: policy.unwrap_or(JoinerPolicy::Grant),
    })
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

fn connection_value(row: &ConnectionRow) -> Result<Value, Failure> {
    let mut value = json!({
        "id": row.id, "kind": row.kind, "preset": row.preset, "joinerPolicy": row.joiner_policy, "state": row.state,
        "label": row.label, "createdAt": Millis(row.created_at).to_rfc3339(),
    });
    if row.kind == PULL {
        let settings = serde_json::to_value(row.pull_settings()?)?;
        for (name, part) in settings.as_object().into_iter().flatten() {
            value[name] = part.clone();
        }
    }
    Ok(value)
}

/// How a connection is doing; null for one that pushes.
fn health_value(health: Option<Health>) -> Value {
    let time = |at: Option<i64>| at.map(|at| Millis(at).to_rfc3339());
    health.map_or(Value::Null, |health| {
        json!({
            "state": health.state, "reason": health.reason, "failures": health.failures,
            "lastAttemptAt": time(health.last_attempt_at), "lastSuccessAt": time(health.last_success_at),
            "nextAt": time(health.next_at),
        })
    })
}

async fn show(service: &Service, caller: &Caller, id: &str) -> Result<Option<Value>, Failure> {
    let wanted = id.to_owned();
    let found = service
        .store
        .read(&caller.tenant, move |scope| {
            let Some(row) = scope.find_connection(&wanted)? else {
                return Ok(None);
            };
            let (tokens, open) = (scope.list_credentials()?, scope.list_open_conflicts()?);
            Ok::<_, crate::storage::Error>(Some((row, tokens, open)))
        })
        .await?;
    let Some((row, tokens, open)) = found else {
        return Ok(None);
    };
    let now = service.store.clock().now();
    let mut value = connection_value(&row)?;
    value["managedGroups"] = Value::from(row.managed_groups);
    value["openConflicts"] = open
        .iter()
        .filter(|c| c.connection_id == row.id)
        .count()
        .into();
    let own = tokens
        .iter()
        .filter(|t| t.connection_id.as_deref() == Some(row.id.as_str()));
    value["tokens"] = own.map(|t| token_value(t, now)).collect();
    if row.kind == PULL {
        let secrets = service.list_secrets(&caller.tenant, &row.id).await?;
        let each = secrets.iter().map(|secret| {
            let state = secret.unusable.map_or("held", |why| why.as_str());
            let at = secret.updated_at.to_rfc3339();
            json!({"name": secret.name, "state": state, "key": secret.key_id, "updatedAt": at})
        });
        value["secrets"] = each.collect();
        value["health"] = health_value(service.find_health(caller, &row).await?);
    }
    Ok(Some(value))
}
