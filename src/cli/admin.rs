//! `rosterd tenant|token`: what the operator does by hand.

use serde_json::{Value, json};

use super::connections::no_such_connection;
use super::{Failure, Output, open, shown, tenants};
use crate::config::Config;
use crate::domain::access::RETURN_DAYS;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::precedence::{Precedence, Rules};
use crate::domain::roles::Role;
use crate::service;
use crate::service::Caller;
use crate::service::credentials::NewToken;
use crate::service::files::curl_line;
use crate::service::reorder::{Affected, Reordering};
use crate::service::tenants::{NewTenant, SettingsChange, TenantChange};
use crate::storage::credentials::CredentialRow;
use crate::storage::tenants::{TenantRow, TenantSettings};

/// Tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Tenant {
    /// List all tenants.
    List,
    /// Create a tenant.
    Create {
        /// Name: a-z, 0-9 and `-`.
        name: String,
        /// What the app calls the account that it is for: the same command again shows the same tenant.
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
    },
    /// Give a tenant another name; its id, its tokens and all else stay. A start with bootstrap tokens makes a tenant
    /// `default` anew if there is none.
    Rename {
        /// Name or id.
        name: String,
        /// The new name: a-z, 0-9 and `-`.
        to: String,
    },
    /// Show a tenant: settings and how much it holds.
    Show {
        /// Name or id.
        name: String,
    },
    /// Change a tenant's settings; what is not named stays.
    Set {
        /// Name or id.
        name: String,
        /// A domain whose addresses count as verified: only by these a source takes somebody over who is there. May be given
        /// more than once, and names all of them; an empty one: all domains count.
        #[arg(long, value_name = "DOMAIN")]
        verified_domain: Vec<String>,
        /// Days within which somebody revoked by a source who returns gets back what she had: 0 to 3650; at first 30.
        #[arg(long, value_name = "DAYS")]
        return_days: Option<i64>,
        /// Time zone of days that name none, such as Europe/Paris; an empty one: UTC.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// Whose value is in force where several sources assert one, as PATH=SOURCE,…: an attribute, an extension or *, and
        /// hris, scim, app or the id of a connection; `PATH=` goes by age. May be given more than once, and names all rules;
        /// an empty one: those at first.
        #[arg(long, value_name = "PATH=SOURCES")]
        precedence: Vec<String>,
        /// Let somebody listed who works in when she signs in: true or false; at first false.
        #[arg(long, value_name = "BOOL")]
        just_in_time: Option<bool>,
        /// Only show whom `--precedence` would change.
        #[arg(long, requires = "precedence")]
        dry_run: bool,
    },
    /// Suspend a tenant: its tokens are refused within a second.
    Suspend {
        /// Name or id.
        name: String,
    },
    /// Resume a suspended tenant: its tokens are let in again.
    Resume {
        /// Name or id.
        name: String,
    },
    #[command(flatten)]
    More(tenants::More),
}

/// Tokens.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Token {
    /// List a tenant's tokens, without their secrets.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Make a token; its secret is printed once.
    Create {
        /// Tenant by name or id; operators' tokens belong to no customer.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// connection, drop, app, auditor, tenant-admin, mail or operator.
        #[arg(long)]
        role: String,
        /// For the roles connection and drop: its id.
        #[arg(long)]
        connection: Option<String>,
        /// How it is shown.
        #[arg(long, default_value = "")]
        label: String,
        /// When it ends, such as 2027-01-01T00:00:00Z.
        #[arg(long)]
        expires: Option<String>,
    },
    /// Revoke a token: refused everywhere within a second.
    Revoke {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id of the token.
        id: String,
    },
}

/// `rosterd tenant`.
pub(super) async fn tenant(
    config: &Config,
    output: Output,
    command: Tenant,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Tenant::List => {
            for row in service.list_tenants().await? {
                let value = tenant_value(&row);
                output.row(
                    &value,
                    &format!(
                        "{}  {}  {}  {}",
                        row.id,
                        row.name,
                        row.state,
                        value["createdAt"].as_str().unwrap_or_default()
                    ),
                )?;
            }
            Ok(())
        }
        Tenant::Create { name, account_id } => {
            let operator = Caller::operator(TenantId::new(OPERATOR_TENANT), "tenant create");
            let new = NewTenant {
                name: Some(name),
                account_id,
                plan: None,
            };
            let (row, _) = service.provision_tenant(&operator, new).await?;
            output.row(&tenant_value(&row), &row.id)
        }
        Tenant::Show { name } => {
            let row = open::tenant(&service, &name).await?;
            let head = service
                .store
                .read(&TenantId::new(row.id.clone()), |scope| scope.find_head())
                .await?;
            let mut value = tenant_value(&row);
            value["settings"] = settings_value(row.settings()?);
            if let Some(head) = head {
                value["users"] = Value::from(head.users);
                value["groups"] = Value::from(head.groups);
                value["journalEntries"] = Value::from(head.entries);
            }
            output.row(&value, &lines(&value))
        }
        Tenant::Set {
            name,
            verified_domain: domains,
            return_days,
            time_zone,
            precedence,
            just_in_time,
            dry_run,
        } => {
            let precedence = rules(&precedence)?;
            if let (true, Some(rules)) = (dry_run, &precedence) {
                let caller = open::caller(&service, &name, "tenant set").await?;
                let found = service.preview_precedence(&caller.tenant, rules.clone(), NAMED);
                return reordering(output, &found.await?);
            }
            let is_none = domains.iter().all(|domain| domain.trim().is_empty());
            let change = SettingsChange {
                verified_domains: match (domains.is_empty(), is_none) {
                    (true, _) => None,
                    (false, true) => Some(Vec::new()),
                    (false, false) => Some(domains),
                },
                return_days,
                time_zone,
                precedence,
                just_in_time,
            };
            let caller = open::caller(&service, &name, "tenant set").await?;
            let settings = service.change_tenant_settings(&caller, change).await?;
            // Nobody else goes on with it before a server runs.
            service.finish_recompute(&caller.tenant).await?;
            let value = settings_value(settings);
            output.row(&value, &lines(&value))
        }
        Tenant::Rename { name, to } => {
            let to = TenantChange {
                name: Some(to),
                ..TenantChange::default()
            };
            change(&service, output, &name, to).await
        }
        Tenant::Suspend { name } => change(&service, output, &name, turned(false)).await,
        Tenant::Resume { name } => change(&service, output, &name, turned(true)).await,
        Tenant::More(command) => tenants::run(&service, output, command).await,
    }
}

fn turned(is_active: bool) -> TenantChange {
    TenantChange {
        is_active: Some(is_active),
        ..TenantChange::default()
    }
}

async fn change(
    service: &service::Service,
    output: Output,
    which: &str,
    change: TenantChange,
) -> Result<(), Failure> {
    let operator = Caller::operator(TenantId::new(OPERATOR_TENANT), "tenant change");
    let id = open::tenant(service, which).await?.id;
    let row = service.update_tenant(&operator, &id, change).await?;
    let text = format!("{}  {}  {}", row.id, row.name, row.state);
    output.row(&tenant_value(&row), &text)
}

/// All settings, those as well that are as at first.
fn settings_value(settings: TenantSettings) -> Value {
    json!({
        "verifiedDomains": settings.verified_domains,
        "returnDays": settings.return_days.unwrap_or(RETURN_DAYS),
        "timeZone": settings.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        "precedence": Precedence::new(&settings.precedence).rules(),
        "justInTime": settings.just_in_time,
    })
}

pub(super) fn tenant_value(row: &TenantRow) -> Value {
    let mut value = json!({
        "id": row.id, "name": row.name, "state": row.state, "createdAt": Millis(row.created_at).to_rfc3339(),
    });
    if let Some(account) = &row.account_id {
        value["accountId"] = account.as_str().into();
    }
    if let Some(at) = row.delete_at {
        value["deleteAt"] = Millis(at).to_rfc3339().into();
    }
    value
}

/// People whom a dry run names.
const NAMED: usize = 50;

/// Rules as they are written at the shell; `None`: none are given.
fn rules(given: &[String]) -> Result<Option<Rules>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    let mut rules = Rules::new();
    for text in given.iter().filter(|text| !text.trim().is_empty()) {
        let (path, sources) = text.split_once('=').ok_or_else(|| {
            let text = shown(text);
            format!("--precedence takes PATH=SOURCE,… such as title=hris,scim; got `{text}`")
        })?;
        let sources = sources.split(',').map(str::trim);
        let sources = sources.filter(|name| !name.is_empty());
        rules.insert(path.trim().to_owned(), sources.map(str::to_owned).collect());
    }
    Ok(Some(rules))
}

/// Prints whom other rules would change.
fn reordering(output: Output, found: &Reordering) -> Result<(), Failure> {
    let values = |person: &Affected| -> Vec<Value> {
        let values = person.values.iter();
        values
            .map(|v| json!({"path": v.path, "before": v.before, "after": v.after}))
            .collect()
    };
    let first: Vec<Value> = found
        .first
        .iter()
        .map(|p| json!({"id": p.id, "name": p.name, "values": values(p)}))
        .collect();
    let value = json!({
        "examined": found.examined, "changed": found.changed, "byPath": found.by_path, "first": first,
    });
    let mut text = vec![format!(
        "{} of {} people about whom several sources speak would change",
        found.changed, found.examined
    )];
    for person in &found.first {
        text.push(format!("{}  {}", person.id, shown(&person.name)));
        let side = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or("-".to_owned(), |v| shown(&v.to_string()))
        };
        text.extend(
            person
                .values
                .iter()
                .map(|v| format!("    {}: {} -> {}", v.path, side(&v.before), side(&v.after))),
        );
    }
    output.row(&value, &text.join("\n"))
}

/// A value's members, one a line.
pub(super) fn lines(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let each = members.map(|(name, value)| match value {
        Value::String(text) => format!("{name:<18}{}", shown(text)),
        other => format!("{name:<18}{other}"),
    });
    each.collect::<Vec<_>>().join("\n")
}

/// `rosterd token`.
pub(super) async fn token(config: &Config, output: Output, command: Token) -> Result<(), Failure> {
    let service = open::service(config)?;
    let now = service.store.clock().now();
    match command {
        Token::List { tenant } => {
            let caller = open::caller(&service, &tenant, "token list").await?;
            for row in service.list_tokens(&caller).await? {
                let value = token_value(&row, now);
                let word = |name: &str| value[name].as_str().unwrap_or("-");
                let text = format!(
                    "{}  {}  {}  expires {}  last used {}  {}",
                    row.id,
                    row.role,
                    word("state"),
                    word("expiresAt"),
                    word("lastUsedAt"),
                    shown(&row.label)
                );
                output.row(&value, &text)?;
            }
            Ok(())
        }
        Token::Create {
            tenant,
            role,
            connection,
            label,
            expires,
        } => {
            let role = Role::parse(&role).ok_or_else(|| {
                format!(
                    "--role takes connection, drop, app, auditor, tenant-admin, mail or operator; got `{role}`"
                )
            })?;
            let new = NewToken {
                role,
                connection: connection.clone(),
                label,
                expires_at: expires.as_deref().map(|at| expiry(at, now)).transpose()?,
            };
            let caller = match role {
                Role::Operator => Caller::operator(TenantId::new(OPERATOR_TENANT), "token create"),
                _ => open::caller(&service, &tenant, "token create").await?,
            };
            let made = service.create_token(&caller, new, None).await;
            let (id, secret) = made.map_err(|error| match (error, &connection) {
                (service::Error::NotFound(_), Some(id)) => no_such_connection(id, &tenant),
                (other, _) => other.into(),
            })?;
            let mut value = json!({"id": id, "token": secret});
            let mut text = format!("{id}\n{secret}   (shown once)");
            if let (Role::Drop, Some(connection)) = (role, &connection) {
                let (base, tenant) = (config.public_url(config.listen()), caller.tenant.as_str());
                let url = format!("{base}/api/v1/tenants/{tenant}/connections/{connection}/file");
                let curl = curl_line(&url, &secret);
                text.push_str(&format!("\n{curl}"));
                value["curl"] = curl.into();
            }
            output.row(&value, &text)
        }
        Token::Revoke { tenant, id } => {
            let caller = open::caller(&service, &tenant, "token revoke").await?;
            let revoked = service.revoke_token(&caller, &id).await;
            revoked.map_err(|error| match error {
                service::Error::NotFound(_) => Failure::from(format!(
                    "no token of `{}` has the id `{}`: `rosterd token list --tenant {}` shows all; tokens of operators \
                     belong to the tenant `operator`",
                    shown(&tenant),
                    shown(&id),
                    shown(&tenant)
                )),
                other => other.into(),
            })?;
            output.row(&json!({"id": id, "state": "revoked"}), "revoked")
        }
    }
}

fn expiry(text: &str, now: Millis) -> Result<Millis, Failure> {
    let at = Millis::from_rfc3339(text).ok_or_else(|| {
        format!("--expires takes a time such as 2027-01-01T00:00:00Z; got `{text}`")
    })?;
    match at > now {
        true => Ok(at),
        false => Err(format!("--expires takes a time to come; got `{text}`").into()),
    }
}

/// A token without its secret.
pub(super) fn token_value(row: &CredentialRow, now: Millis) -> Value {
    let state = match (row.revoked_at, row.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now.0 => "expired",
        _ => "valid",
    };
    let time = |at: Option<i64>| at.map(|t| Millis(t).to_rfc3339());
    json!({
        "id": row.id, "role": row.role, "connection": row.connection_id, "label": row.label, "state": state,
        "createdAt": time(Some(row.created_at)), "expiresAt": time(row.expires_at),
        "revokedAt": time(row.revoked_at), "lastUsedAt": time(row.last_used_at),
    })
}
