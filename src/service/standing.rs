//! How pull connections stand: how each is doing, which leavers are announced, which version of its connector it runs on.

use chrono::NaiveDate;

use super::announce::Announced;
use super::connections::{ConnectionRow, PULL};
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
}

impl Ground {
    /// How a connection with this schedule stands.
    pub fn of(&self, row: &ConnectionRow, schedule: &ScheduleRow) -> Standing {
        let announced = Announced::of(schedule, self.now);
        Standing {
            health: Health::of(row, schedule, self.now),
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
        Ok(Ground {
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
