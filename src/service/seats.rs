//! Seats that became free, or more: who was listed for want of one is weighed again, as her source would have her.

use super::connections::PULL;
use super::entitlements::{Feature, did_return, need_seat, require, standing};
use super::error::{Error, Result};
use super::users::join::{Joining, look_again, release};
use super::users::model::{Claim, Model};
use super::users::names::namesake;
use super::users::settle::settle_access;
use super::users::source_of;
use super::{Caller, Service};
use crate::domain::access::{Access, Decision, JoinerPolicy, reason};
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::storage::claims::ClaimState;
use crate::storage::connections::ConnectionRow;
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
        let push = standing(entitled.entitlements.as_ref(), Feature::Push, entitled.now);
        let pushes = push.amount.is_none();
        let waiting = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.list_without_seat(pushes, free)?)
            })
            .await?;
        let mut caller = Caller::system(tenant.clone(), "seats");
        caller.lane = Lane::Run;
        let registry = self.registry(tenant).await?;
        let weighed = waiting.len();
        for user in waiting {
            let registry = std::sync::Arc::clone(&registry);
            let id = user.clone();
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    weigh(tx, &registry, &id).map(Outcome::Done)
                })
                .await;
            if let Err(error) = done {
                // She stands in nobody else's way.
                tracing::warn!(tenant.id = tenant.as_str(), user.id = user, error = %error, "somebody waits for a seat on");
            }
        }
        Ok(weighed)
    }
}

fn weigh(tx: &mut Tx<'_>, registry: &Registry, user: &str) -> Result<()> {
    let Some(model) = Model::load(tx, registry, user)? else {
        return Ok(());
    };
    let sources = sources_of(tx, &model)?;
    if sources.is_empty() {
        return Ok(());
    }
    if returns(&model) {
        return bring_back(tx, &model);
    }
    for connection in &sources {
        let source = &source_of(connection);
        let is_pulled = connection.kind == PULL;
        if is_pulled && source.policy != JoinerPolicy::List {
            // She keeps her place until the next run lets her in.
            look_again(tx, &source.id, user)?;
            continue;
        }
        let joining = Joining {
            registry,
            source,
            is_pulled,
        };
        release(tx, &joining, user, reason::NO_SEAT)?;
    }
    Ok(())
}

/// Connections that bring her and may bring anybody now: whoever pushes first, since it says nothing again by itself.
fn sources_of(tx: &mut Tx<'_>, model: &Model) -> Result<Vec<ConnectionRow>> {
    let pushes = match require(tx, Feature::Push) {
        Ok(()) => true,
        Err(Error::NotEntitled(_)) => false,
        Err(error) => return Err(error),
    };
    let mut sources = Vec::new();
    for claim in &model.claims {
        if !claim.is(ClaimState::Live) || claim.is_of_app() {
            continue;
        }
        let found = tx.find_connection(&claim.row.connection_id)?;
        sources.extend(found.filter(|c| c.state == "active" && (c.kind == PULL || pushes)));
    }
    sources.sort_by_key(|connection| connection.kind == PULL);
    Ok(sources)
}

/// She had access before and came back within the time of a return, and no source says since that she is gone.
fn returns(model: &Model) -> bool {
    let gone = |c: &Claim| c.takes_part() && !c.is_of_app() && c.row.active == Some(false);
    let works = !matches!(
        model.row.employment_state.as_deref(),
        Some("left" | "prehire")
    );
    let waits = model.access() == Access::Listed && model.row.access_reason == reason::NO_SEAT;
    waits && did_return(model) && works && !model.claims.iter().any(gone)
}

fn bring_back(tx: &mut Tx<'_>, before: &Model) -> Result<()> {
    let mut model = before.clone();
    let back = Decision {
        access: Access::Granted,
        reason: reason::RETURNED,
    };
    model.decide(back, tx.now());
    if namesake(tx, Some(before), &model)?.is_some() {
        // Who is who is for a human to say.
        return Ok(());
    }
    match need_seat(tx, Some(before), &model) {
        Err(Error::NotEntitled(_)) => return Ok(()),
        other => other?,
    }
    settle_access(tx, before, &mut model).map(drop)
}
