//! Tokens: 256 random bits, shown once, stored as a hash. Several at once, with label, expiry and a coarse last use.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::domain::audit::{Entry, sha256_hex};
use crate::domain::clock::Millis;
use crate::domain::ids::{CredentialId, OPERATOR_TENANT};
use crate::domain::roles::Role;
use crate::service::error::{Error, Result};
use crate::service::notices::{self, Raise};
use crate::service::{Caller, Service};
use crate::storage::Outcome;

pub use crate::storage::credentials::CredentialRow;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it may.
    pub role: Role,
    /// For the roles `connection` and `drop`.
    pub connection: Option<String>,
    /// How it is shown.
    pub label: String,
    /// When it ends.
    pub expires_at: Option<Millis>,
}

/// The prefix by which people and secret scanners recognise a token.
const PREFIX: &str = "rst_";

impl Service {
    /// A fresh secret.
    pub fn fresh_secret(&self) -> String {
        let mut bytes = [0u8; 32];
        self.store.chance().fill(&mut bytes);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Makes a token and returns its secret: the only time that it is seen.
    ///
    /// # Errors
    /// `Invalid` when role and connection do not fit, `Conflict` when `secret` is in use.
    pub async fn create_token(
        &self,
        caller: &Caller,
        new: NewToken,
        secret: Option<String>,
    ) -> Result<(CredentialId, String)> {
        self.create_token_as(caller, self.fresh_id(), new, secret)
            .await
    }

    /// The same under an id that the caller chose, so that a request that comes twice creates one.
    ///
    /// # Errors
    /// Also `Conflict` for an id that is taken.
    pub async fn create_token_as(
        &self,
        caller: &Caller,
        id: String,
        new: NewToken,
        secret: Option<String>,
    ) -> Result<(CredentialId, String)> {
        if matches!(new.role, Role::Operator | Role::Mail)
            && caller.tenant.as_str() != OPERATOR_TENANT
        {
            let detail = "a token of the role `operator` or `mail` belongs to the tenant `operator`, to no other";
            return Err(crate::scim::Error::invalid_value(detail).into());
        }
        let kind = new.role.connection_kind();
        if kind.is_some() != new.connection.is_some() {
            let detail = "a token has a connection exactly when its role is `connection` or `drop`";
            return Err(crate::scim::Error::invalid_value(detail).into());
        }
        let secret = secret.unwrap_or_else(|| self.fresh_secret());
        let row = CredentialRow {
            tenant: caller.tenant.as_str().to_owned(),
            id,
            hash: sha256_hex(secret.as_bytes()),
            role: new.role.as_str().to_owned(),
            connection_id: new.connection,
            label: new.label,
            created_at: self.store.clock().now().0,
            expires_at: new.expires_at.map(|t| t.0),
            revoked_at: None,
            last_used_at: None,
        };
        let id = CredentialId::new(row.id.clone());
        self.store
            .write(caller.meta(), move |tx| {
                if let Some(connection) = &row.connection_id {
                    let found = tx.find_connection(connection)?;
                    let found = found.ok_or_else(|| Error::no_such("connection", connection))?;
                    if Some(found.kind.as_str()) != kind {
                        let detail = "the role `connection` is for a connection that pushes, `drop` for one that is pulled";
                        return Err(crate::scim::Error::invalid_value(detail).into());
                    }
                }
                tx.create_credential(&row)?;
                let entry = Entry::new("credential.created", "credential", row.id.clone());
                tx.record(entry.change("role", None, Some(Value::from(row.role.as_str()))));
                if row.role == Role::TenantAdmin.as_str() {
                    let params = json!({"token": row.id, "label": row.label, "by": tx.actor().kind});
                    let raise = Raise {
                        code: notices::ADMIN_ADDED,
                        subject: &row.id,
                        person: None,
                        params,
                    };
                    notices::raise(tx, &raise)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok((id, secret))
    }

    /// Revokes a token: refused everywhere within a second.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let row = tx
                    .find_credential(&id)?
                    .ok_or_else(|| Error::no_such("token", &id))?;
                if row.revoked_at.is_none() {
                    let now = tx.now().0;
                    tx.revoke_credential(&id, now)?;
                    let news = tx.fresh_id();
                    tx.create_invalidation(&news, "credential", &row.hash, now)?;
                    tx.record(Entry::new("credential.revoked", "credential", id.clone()));
                    notices::close(tx, notices::TOKEN_EXPIRES, &id)?;
                    notices::close(tx, notices::ADMIN_ADDED, &id)?;
                }
                Ok(Outcome::Done(()))
            })
            .await
    }

    /// All tokens of a tenant, oldest first, without their secrets.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_tokens(&self, caller: &Caller) -> Result<Vec<CredentialRow>> {
        self.store
            .read(&caller.tenant, |scope| Ok(scope.list_credentials()?))
            .await
    }

    /// Notes a use, at most once an hour for each token; not worth a journal entry.
    ///
    /// # Errors
    /// Storage.
    pub async fn touch_token(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let now = tx.now().0;
                tx.touch_credential(&id, now)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}
