//! Seats that became free, or more: who was listed for want of one is weighed again, as her source would have her.

use super::connections::PULL;
use super::entitlements::{Feature, standing};
use super::error::{Error, Result};
use super::users::join::{Joining, release};
use super::users::model::Model;
use super::users::source_of;
use super::{Caller, Service};
use crate::domain::access::reason;
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::storage::claims::ClaimState;
use crate::storage::tenants::list_short_of_seats;
use crate::storage::{Lane, Outcome, Tx};

/// People who are weighed at once in a tenant.
const AT_ONCE: i64 = 100;

impl Service {
    /// Weighs again who waits for a seat, the longest waiting first, as many as there are seats, in all tenants; answers how
    /// many they were. Whom a pull source brought its next run lets in.
    ///
    /// # Errors
    /// The tenants cannot be looked for; what goes wrong with one is logged, and tried again.
    pub async fn fill_seats(&self) -> Result<usize> {
        let tenants = self.store.read_global(list_short_of_seats).await?;
        let mut weighed = 0;
        for id in tenants {
            match self.fill_seats_of(&TenantId::new(id.as_str())).await {
                Ok(some) => weighed += some,
                // It stands in nobody else's way.
                Err(error) => {
                    tracing::warn!(tenant.id = id, error = %error, "whoever waits for a seat waits on");
                }
            }
        }
        Ok(weighed)
    }

    async fn fill_seats_of(&self, tenant: &TenantId) -> Result<usize> {
        let entitled = self.find_entitlements(tenant).await?;
        let seats = standing(entitled.entitlements.as_ref(), Feature::Seats, entitled.now);
        let free = seats.amount.map_or(AT_ONCE, |amount| {
            (i64::from(amount) - entitled.seats_taken).min(AT_ONCE)
        });
        if free <= 0 {
            return Ok(0);
        }
        let waiting = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.list_without_seat(free)?)
            })
            .await?;
        let mut caller = Caller::system(tenant.clone(), "seats");
        caller.lane = Lane::Run;
        let registry = self.registry(tenant).await?;
        let weighed = waiting.len();
        for user in waiting {
            let registry = std::sync::Arc::clone(&registry);
            self.store
                .write(caller.meta(), move |tx| {
                    weigh(tx, &registry, &user).map(Outcome::Done)
                })
                .await?;
        }
        Ok(weighed)
    }
}

fn weigh(tx: &mut Tx<'_>, registry: &Registry, user: &str) -> Result<()> {
    let Some(model) = Model::load(tx, registry, user)? else {
        return Ok(());
    };
    for claim in &model.claims {
        if !claim.is(ClaimState::Live) || claim.is_of_app() {
            continue;
        }
        let Some(connection) = tx.find_connection(&claim.row.connection_id)? else {
            continue;
        };
        let joining = Joining {
            registry,
            source: &source_of(&connection),
            is_pulled: connection.kind == PULL,
        };
        release(tx, &joining, user, reason::NO_SEAT)?;
    }
    Ok(())
}
