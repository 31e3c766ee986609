//! Leavers that are announced of a connection that pushes.

use chrono::NaiveDate;

use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::announce::Announced;
use crate::service::error::{Error, Result};
use crate::storage::Tx;
use crate::storage::push::GuardRow;

impl Announced {
    /// What the guard of a connection that pushes has of it, while it holds.
    pub(in crate::service) fn of_push(guard: &GuardRow, now: Millis) -> Option<Self> {
        let until = guard.announced_until.filter(|until| *until > now.0)?;
        let people = u64::try_from(guard.announced).ok().filter(|n| *n > 0)?;
        Some(Self {
            people,
            since: Millis(guard.announced_at.unwrap_or(0)),
            until: Millis(until),
        })
    }
}

/// Stores what is announced of a connection that pushes, `None`: nothing any more. Returns what was before.
pub(in crate::service) fn announce(
    tx: &mut Tx<'_>,
    connection: &str,
    announced: Option<Announced>,
) -> Result<Option<Announced>> {
    let now = tx.now();
    let known = tx.find_push_guard(connection)?;
    let before = known.as_ref().and_then(|g| Announced::of_push(g, now));
    let guard = GuardRow {
        announced: announced.map_or(0, |a| i64::try_from(a.people).unwrap_or(i64::MAX)),
        announced_at: announced.map(|a| a.since.0),
        announced_until: announced.map(|a| a.until.0),
        ..known.unwrap_or_else(|| super::blank(tx, connection))
    };
    tx.put_push_guard(&guard)?;
    Ok(before)
}

impl Service {
    /// Leavers that are announced of a connection that pushes, with the last day in the tenant's time zone.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_push_announced(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<Option<(Announced, NaiveDate)>> {
        let (connection, now) = (connection.to_owned(), self.store.clock().now());
        self.store
            .read(tenant, move |scope| {
                let guard = scope.find_push_guard(&connection)?;
                let announced = guard.and_then(|g| Announced::of_push(&g, now));
                let zone = scope.find_tenant_settings()?.time_zone;
                let last = announced.and_then(|a| a.last_day(zone.as_deref()));
                Ok::<_, Error>(announced.zip(last))
            })
            .await
    }
}
