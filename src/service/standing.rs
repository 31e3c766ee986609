//! How pull connections stand: how each is doing, which leavers are announced, which version of its connector it runs on.

use chrono::NaiveDate;

use super::announce::Announced;
use super::connections::{ConnectionRow, PULL};
use super::entitlements::{Entitlements, May, may, parse};
use super::health::Health;
use super::providers::Shipped;
use super::{Caller, Result, Service};
use crate::domain::clock::Millis;
use crate::storage::schedules::ScheduleRow;

/// How a pull connection stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// How it is doing.
    pub health: Health,
    /// Leavers that an admin announced, with the last day in the tenant's time zone.
    pub announced: Option<(Announced, NaiveDate)>,
    /// The version of its connector under which a plan was last applied.
    pub version_used: Option<i64>,
    /// The version that is there now.
    pub version_shipped: Option<u32>,
}

impl Standing {
    /// A newer, or an older, version is there than the one that a plan was last applied under: the next pull tries it.
    pub fn is_new_version(&self) -> bool {
        let (used, shipped) = (self.version_used, self.version_shipped);
        used.zip(shipped)
            .is_some_and(|(used, shipped)| used != i64::from(shipped))
    }
}

/// What the connections of a tenant are compared with.
pub struct Ground {
    shipped: Shipped,
    zone: Option<String>,
    now: Millis,
    entitlements: Option<Entitlements>,
    all: Vec<ConnectionRow>,
}

/// State of a connection that the plan does not include any more.
const LEAVERS_ONLY: &str = "leavers-only";
/// States of which the plan is the first that is to be said.
const WELL: [&str; 4] = ["new", "healthy", "degraded", "silent"];

impl Ground {
    /// What a connection may do by the plan.
    pub fn may(&self, row: &ConnectionRow) -> May {
        may(self.entitlements.as_ref(), row, &self.all, self.now)
    }

    /// What the plan is called; `None`: there is none.
    pub fn plan(&self) -> Option<&str> {
        self.entitlements.as_ref().map(|e| e.plan.name.as_str())
    }

    /// How a connection with this schedule stands.
    pub fn of(&self, row: &ConnectionRow, schedule: &ScheduleRow) -> Standing {
        let announced = Announced::of(schedule, self.now);
        let mut health = Health::of(row, schedule, self.now);
        if self.may(row) == May::LeaversOnly && WELL.contains(&health.state.as_str()) {
            LEAVERS_ONLY.clone_into(&mut health.state);
        }
        Standing {
            health,
            announced: announced.and_then(|a| Some((a, a.last_day(self.zone.as_deref())?))),
            version_used: schedule.connector_version,
            version_shipped: self.shipped.version(&row.preset),
        }
    }
}

impl Service {
    /// What the connections of a tenant are compared with now.
    ///
    /// # Errors
    /// Storage.
    pub async fn ground(&self, caller: &Caller) -> Result<Ground> {
        let found = self.store.read(&caller.tenant, |scope| {
            let stored = scope.find_stored_entitlements()?;
            let of = parse(scope.tenant().as_str(), stored.as_deref())?;
            Ok::<_, super::Error>((of, scope.list_connections()?))
        });
        let (entitlements, all) = found.await?;
        Ok(Ground {
            entitlements,
            all,
            // A connector that cannot be read has no version; whoever pulls says why.
            shipped: self.shipped().unwrap_or_default(),
            zone: self.find_tenant_settings(&caller.tenant).await?.time_zone,
            now: self.store.clock().now(),
        })
    }

    /// How a connection stands; `None` for one that pushes.
    ///
    /// # Errors
    /// As [`Self::ground`].
    pub async fn find_standing(
        &self,
        caller: &Caller,
        row: &ConnectionRow,
    ) -> Result<Option<Standing>> {
        if row.kind != PULL {
            return Ok(None);
        }
        let ground = self.ground(caller).await?;
        let schedule = self.find_schedule(&caller.tenant, &row.id).await?;
        Ok(schedule.map(|schedule| ground.of(row, &schedule)))
    }
}
