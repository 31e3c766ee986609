//! What the operator has registered at a vendor, once for all customers: client id, secret, partner id, subscription key.
//! It is stored like credentials, sealed, as rows of the operator's own tenant, so that keys protect both alike. No
//! customer is asked for it, and none can read it.

use super::{Opened, SecretInfo, store};
use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::sealed::SecretText;
use crate::scim::error::quote;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;

/// Under which connection the rows of a connector are; no connection has such an id.
fn place(connector: &str) -> String {
    format!("connector/{connector}")
}

impl Service {
    /// Stores what the operator enters for a connector.
    ///
    /// # Errors
    /// `Invalid` for a name or value that breaks the rules; `Forbidden` while there is no key.
    pub async fn set_operator_values(
        &self,
        connector: &str,
        values: &[(String, SecretText)],
    ) -> Result<()> {
        let operator = operator("connectors configure");
        let place = place(connector);
        let each = values
            .iter()
            .map(|(name, value)| self.seal(&operator.tenant, &place, name, value));
        let all = each.collect::<Result<Vec<_>>>()?;
        self.store
            .write(operator.meta(), move |tx| {
                for closing in &all {
                    store(tx, &place, closing, "connector.secret_set")?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Takes a value of a connector out.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_operator_value(&self, connector: &str, name: &str) -> Result<()> {
        let (place, name) = (place(connector), name.to_owned());
        self.store
            .write(operator("connectors configure").meta(), move |tx| {
                if tx.find_secret(&place, &name)?.is_none() {
                    let detail = format!("no `{}` is set for this connector", quote(&name));
                    return Err(Error::NotFound(detail));
                }
                tx.delete_secret(&place, &name)?;
                let entry = Entry::new("connector.secret_deleted", "connection", place.as_str());
                tx.record(entry.object("secret", name.as_str()));
                Ok(Outcome::Done(()))
            })
            .await
    }

    /// What is set for a connector, without the values.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_operator_values(&self, connector: &str) -> Result<Vec<SecretInfo>> {
        self.list_secrets(&operator("connectors").tenant, &place(connector))
            .await
    }

    /// The values for a connector, opened for a pull or a consent.
    ///
    /// # Errors
    /// Storage.
    pub async fn open_operator_values(&self, connector: &str) -> Result<Opened> {
        self.open_secrets(&operator("pull"), &place(connector))
            .await
    }
}

fn operator(command: &str) -> Caller {
    Caller::operator(TenantId::new(OPERATOR_TENANT), command)
}
