//! `rosterd tenant|connection|token`: what the operator does by hand.

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles::Role;
use crate::scim::rules::Preset;
use crate::service;
use crate::service::Caller;
use crate::service::connections::NewConnection;
use crate::service::credentials::NewToken;
use crate::storage::connections::ConnectionRow;
use crate::storage::credentials::CredentialRow;
use crate::storage::tenants::TenantRow;

/// Tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Tenant {
    /// List all tenants.
    List,
    /// Create a tenant.
    Create {
        /// Name: a-z, 0-9 and `-`.
        name: String,
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
}

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
    Show {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id of the connection.
        id: String,
    },
    /// Add a push connection.
    #[command(visible_alias = "create")]
    Add {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How it is shown.
        #[arg(long)]
        label: String,
        /// Rules for its client: okta, entra, onelogin, jumpcloud, ping, google, generic or strict.
        #[arg(long, default_value = "generic")]
        preset: String,
        /// What it does with people whom it brings: list, invite or grant.
        #[arg(long, default_value = "grant")]
        joiner_policy: String,
    },
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
        /// connection, app, auditor, tenant-admin or operator.
        #[arg(long)]
        role: String,
        /// For role connection: its id.
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
        Tenant::Create { name } => {
            let operator = Caller::operator(TenantId::new(OPERATOR_TENANT), "tenant create");
            let id = service.create_tenant(&operator, &name).await?;
            output.row(&json!({"id": id, "name": name}), id.as_str())
        }
        Tenant::Rename { name, to } => {
            let row = open::tenant(&service, &name).await?;
            let operator = Caller::operator(TenantId::new(OPERATOR_TENANT), "tenant rename");
            let id = TenantId::new(row.id);
            let changed = service.rename_tenant(&operator, &id, &to).await?;
            let already = if changed { "" } else { " already" };
            let value = json!({"id": id, "name": to, "changed": changed});
            output.row(&value, &format!("{} is{already} `{to}`", id.as_str()))
        }
        Tenant::Show { name } => {
            let row = open::tenant(&service, &name).await?;
            let head = service
                .store
                .read(&TenantId::new(row.id.clone()), |scope| scope.find_head())
                .await?;
            let mut value = tenant_value(&row);
            value["settings"] = serde_json::to_value(row.settings()?)?;
            if let Some(head) = head {
                value["users"] = Value::from(head.users);
                value["groups"] = Value::from(head.groups);
                value["journalEntries"] = Value::from(head.entries);
            }
            output.row(&value, &lines(&value))
        }
    }
}

fn tenant_value(row: &TenantRow) -> Value {
    json!({"id": row.id, "name": row.name, "state": row.state, "createdAt": Millis(row.created_at).to_rfc3339()})
}

/// A value's members, one a line.
fn lines(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let each = members.map(|(name, value)| match value {
        Value::String(text) => format!("{name:<16}{}", shown(text)),
        other => format!("{name:<16}{other}"),
    });
    each.collect::<Vec<_>>().join("\n")
}

/// `rosterd connection`.
pub(super) async fn connection(
    config: &Config,
    output: Output,
    command: Connection,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Connection::List { tenant } => {
            let caller = open::caller(&service, &tenant, "connection list").await?;
            for row in service.list_connections(&caller).await? {
                let text = format!(
                    "{}  {}  {}  {}  {}  {}",
                    row.id,
                    row.kind,
                    row.preset,
                    row.joiner_policy,
                    row.state,
                    shown(&row.label)
                );
                output.row(&connection_value(&row), &text)?;
            }
            Ok(())
        }
        Connection::Show { tenant, id } => {
            let caller = open::caller(&service, &tenant, "connection show").await?;
            let value = show_connection(&service, &caller, &id).await?;
            let value = value.ok_or_else(|| no_such_connection(&id, &tenant))?;
            output.row(&value, &lines(&value))
        }
        Connection::Add {
            tenant,
            label,
            preset,
            joiner_policy,
        } => {
            let caller = open::caller(&service, &tenant, "connection add").await?;
            let preset = Preset::parse(&preset).ok_or_else(|| {
                format!("--preset takes one of {}; got `{preset}`", Preset::words())
            })?;
            let policy = JoinerPolicy::parse(&joiner_policy).ok_or_else(|| {
                format!("--joiner-policy takes list, invite or grant; got `{joiner_policy}`")
            })?;
            let new = NewConnection {
                label,
                preset,
                policy,
            };
            let id = service.create_connection(&caller, new).await?;
            output.row(&json!({"id": id}), id.as_str())
        }
    }
}

fn no_such_connection(id: &str, tenant: &str) -> Failure {
    format!(
        "no connection of `{}` has the id `{}`: `rosterd connection list --tenant {}` shows all",
        shown(tenant),
        shown(id),
        shown(tenant)
    )
    .into()
}

fn connection_value(row: &ConnectionRow) -> Value {
    json!({
        "id": row.id, "kind": row.kind, "preset": row.preset, "joinerPolicy": row.joiner_policy, "state": row.state,
        "label": row.label, "createdAt": Millis(row.created_at).to_rfc3339(),
    })
}

async fn show_connection(
    service: &service::Service,
    caller: &Caller,
    id: &str,
) -> Result<Option<Value>, Failure> {
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
    let now = service.store.clock().now();
    Ok(found.map(|(row, tokens, open)| {
        let mut value = connection_value(&row);
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
        value
    }))
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
                    "--role takes connection, app, auditor, tenant-admin or operator; got `{role}`"
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
            let text = format!("{id}\n{secret}   (shown once)");
            output.row(&json!({"id": id, "token": secret}), &text)
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
fn token_value(row: &CredentialRow, now: Millis) -> Value {
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
