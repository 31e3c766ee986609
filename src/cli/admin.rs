//! `rosterd tenant|connection|token`: what the operator does by hand.

use super::{Failure, open, say};
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles::Role;
use crate::scim::rules::Preset;
use crate::service::Caller;
use crate::service::connections::NewConnection;
use crate::service::credentials::NewToken;

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
    /// Add a push connection.
    Add {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How it is shown.
        #[arg(long)]
        label: String,
        /// Rules for its client: okta, entra, generic or strict.
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
pub(super) async fn tenant(config: &Config, command: Tenant) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Tenant::List => {
            for row in service.list_tenants().await? {
                say(&format!(
                    "{}  {}  {}  {}",
                    row.id,
                    row.name,
                    row.state,
                    Millis(row.created_at).to_rfc3339()
                ))?;
            }
            Ok(())
        }
        Tenant::Create { name } => {
            let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "tenant create");
            say(service.create_tenant(&operator, &name).await?.as_str())
        }
    }
}

/// `rosterd connection`.
pub(super) async fn connection(config: &Config, command: Connection) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Connection::List { tenant } => {
            let caller = open::caller(&service, &tenant, "connection list").await?;
            for row in service.list_connections(&caller).await? {
                say(&format!(
                    "{}  {}  {}  {}  {}  {}",
                    row.id, row.kind, row.preset, row.joiner_policy, row.state, row.label
                ))?;
            }
            Ok(())
        }
        Connection::Add {
            tenant,
            label,
            preset,
            joiner_policy,
        } => {
            let caller = open::caller(&service, &tenant, "connection add").await?;
            let preset = Preset::parse(&preset).ok_or_else(|| {
                format!("--preset takes okta, entra, generic or strict; got `{preset}`")
            })?;
            let policy = JoinerPolicy::parse(&joiner_policy).ok_or_else(|| {
                format!("--joiner-policy takes list, invite or grant; got `{joiner_policy}`")
            })?;
            let id = service
                .create_connection(
                    &caller,
                    NewConnection {
                        label,
                        preset,
                        policy,
                    },
                )
                .await?;
            say(id.as_str())
        }
    }
}

/// `rosterd token`.
pub(super) async fn token(config: &Config, command: Token) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Token::List { tenant } => {
            let caller = open::caller(&service, &tenant, "token list").await?;
            let now = service.store.clock().now().0;
            for row in service.list_tokens(&caller).await? {
                let time = |at: Option<i64>| at.map_or("-".to_owned(), |t| Millis(t).to_rfc3339());
                let state = match (row.revoked_at, row.expires_at) {
                    (Some(_), _) => "revoked",
                    (None, Some(at)) if at <= now => "expired",
                    _ => "valid",
                };
                say(&format!(
                    "{}  {}  {state}  expires {}  last used {}  {}",
                    row.id,
                    row.role,
                    time(row.expires_at),
                    time(row.last_used_at),
                    row.label
                ))?;
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
            let expires_at = match expires {
                None => None,
                Some(text) => Some(Millis::from_rfc3339(&text).ok_or_else(|| {
                    format!("--expires takes a time such as 2027-01-01T00:00:00Z; got `{text}`")
                })?),
            };
            let caller = match role {
                Role::Operator => Caller::system(TenantId::new(OPERATOR_TENANT), "token create"),
                _ => open::caller(&service, &tenant, "token create").await?,
            };
            let (id, secret) = service
                .create_token(
                    &caller,
                    NewToken {
                        role,
                        connection,
                        label,
                        expires_at,
                    },
                    None,
                )
                .await?;
            say(&format!("{id}\n{secret}   (shown once)"))
        }
        Token::Revoke { tenant, id } => {
            let caller = open::caller(&service, &tenant, "token revoke").await?;
            service.revoke_token(&caller, &id).await?;
            say("revoked")
        }
    }
}
