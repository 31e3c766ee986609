//! The heartbeat of a running server: what tells a migration or a restore that somebody is at work.

use crate::domain::ids::{OPERATOR_TENANT, TenantId, fresh_text};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::leases::{Lease, REPLICA};

/// How long a server counts as running after its last heartbeat, in milliseconds.
pub const ALIVE: i64 = 15_000;

impl Service {
    /// A name for this server.
    pub fn new_replica(&self) -> Lease {
        let now = self.store.clock().now();
        Lease {
            name: format!("{REPLICA}{}", fresh_text(now, self.store.chance())),
            holder: env!("CARGO_PKG_VERSION").to_owned(),
            since: now.0,
            until: now.0,
        }
    }

    /// Says that a server is running. It goes through the writer, so that it also proves that writes are committed.
    ///
    /// # Errors
    /// Storage.
    pub async fn beat(&self, replica: &Lease) -> Result<()> {
        let replica = replica.clone();
        self.store
            .write(Self::replicas().meta(), move |tx| {
                let until = tx.now().0 + ALIVE;
                tx.keep_lease(&Lease {
                    until,
                    ..replica.clone()
                })?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Says that a server has stopped.
    ///
    /// # Errors
    /// Storage.
    pub async fn end_replica(&self, replica: &Lease) -> Result<()> {
        let name = replica.name.clone();
        self.store
            .write(Self::replicas().meta(), move |tx| {
                tx.end_lease(&name)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    fn replicas() -> Caller {
        Caller::system(TenantId::new(OPERATOR_TENANT), "serve")
    }
}
