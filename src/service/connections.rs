//! Connections: one source of people in a tenant.

use serde_json::Value;

use crate::domain::access::JoinerPolicy;
use crate::domain::audit::Entry;
use crate::domain::ids::{ConnectionId, fresh_text};
use crate::scim::rules::Preset;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::connections::ConnectionRow;

/// A push connection to be made.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// How it is shown.
    pub label: String,
    /// Rules for its client.
    pub preset: Preset,
    /// What it does with people whom it brings.
    pub policy: JoinerPolicy,
}

impl Service {
    /// Creates a push connection.
    ///
    /// # Errors
    /// Storage.
    pub async fn create_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionId> {
        let row = ConnectionRow {
            tenant: caller.tenant.as_str().to_owned(),
            id: fresh_text(self.store.clock().now(), self.store.chance()),
            kind: "scim".to_owned(),
            preset: new.preset.as_str().to_owned(),
            label: new.label,
            joiner_policy: new.policy.as_str().to_owned(),
            state: "active".to_owned(),
            created_at: self.store.clock().now().0,
            only_users: 0,
            hidden_users: 0,
            managed_groups: 0,
            settings: None,
            confirm_since: None,
        };
        let id = ConnectionId::new(row.id.clone());
        self.store
            .write(caller.meta(), move |tx| {
                tx.create_connection(&row)?;
                let entry = Entry::new("connection.created", "connection", row.id.clone());
                tx.record(entry.change("preset", None, Some(Value::from(row.preset.as_str()))));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok(id)
    }

    /// All connections of a tenant, oldest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_connections(&self, caller: &Caller) -> Result<Vec<ConnectionRow>> {
        self.store
            .read(&caller.tenant, |scope| Ok(scope.list_connections()?))
            .await
    }
}
