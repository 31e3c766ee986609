//! Runs without a pull: days that have come, and an admin's word about who was missed.

use std::collections::HashSet;

use super::Unwatched;
use super::gather::Gather;
use super::run::{ABSENCES, Bridge, DAYS, DUE, Kind, Order, Report, new_run};
use crate::domain::clock::Millis;
use crate::domain::ids::{TenantId, fresh_text};
use crate::service::Result;

impl Bridge {
    /// Records of a connection whose first or last day has come. A loss that waits for an admin stays due, and is none.
    ///
    /// # Errors
    /// Storage.
    pub async fn days_due(&self, tenant: &TenantId, connection: &str) -> Result<Vec<String>> {
        let mut due = self
            .service
            .list_due(tenant, connection, self.now(), DUE)
            .await?;
        if !due.is_empty() {
            let held = self.service.list_held(tenant, connection).await?;
            // What was approved comes by itself.
            let waits = held.iter().filter(|h| !h.is_for_its_day());
            let waits: HashSet<&str> = waits.map(|h| h.source_id.as_str()).collect();
            due.retain(|id| !waits.contains(id.as_str()));
        }
        Ok(due)
    }

    /// Carries out first and last days that have come, without a pull. `None`: there are none.
    ///
    /// # Errors
    /// Storage.
    pub async fn run_days(&self, order: &Order) -> Result<Option<Report>> {
        if order.setup.must_confirm {
            // An admin looks at a pull first.
            return Ok(None);
        }
        let now = self.now();
        let connection = order.setup.source.source.id.as_str();
        let due = self.days_due(&order.setup.tenant, connection).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let mut run = new_run(order, fresh_text(now, self.service.store.chance()), now);
        DAYS.clone_into(&mut run.kind);
        // No connector is asked.
        run.version_before = None;
        let caller = self.caller(order, &run.id);
        self.service.begin_run(&caller, run.clone()).await?;
        let mut gather = Gather::new(&self.service, &caller, &order.setup, &run).await?;
        gather.due(due).await?;
        self.conclude(order, &caller, run, gather, 0, &Unwatched)
            .await
            .map(Some)
    }

    /// Takes an admin's word that who was missed is gone, without a pull; within the limits of the guard.
    ///
    /// # Errors
    /// Storage.
    pub async fn run_absences(&self, order: &Order) -> Result<Report> {
        let now = self.now();
        let connection = order.setup.source.source.id.as_str();
        let mark = self
            .service
            .find_file_mark(&order.setup.tenant, connection)
            .await?;
        let before = mark.and_then(|m| m.confirmed_at).unwrap_or(i64::MIN);
        let mut run = new_run(order, fresh_text(now, self.service.store.chance()), now);
        if order.kind != Kind::Dry {
            ABSENCES.clone_into(&mut run.kind);
        }
        run.version_before = None;
        let caller = self.caller(order, &run.id);
        self.service.begin_run(&caller, run.clone()).await?;
        let mut gather = Gather::new(&self.service, &caller, &order.setup, &run).await?;
        gather.confirmed(Millis(before)).await?;
        self.conclude(order, &caller, run, gather, 0, &Unwatched)
            .await
    }
}
