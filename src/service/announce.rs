//! Leavers that an admin has announced (SEMANTICS §7): up to so many more than the guard's limits let pass, until the end
//! of a day in the tenant's time zone. Everybody who loses access by a run since then counts against the number, so that
//! it lets nobody more pass a second time. What the guard always holds, it holds all the same.

use chrono::NaiveDate;
use serde_json::Value;

use super::connections::{PUSH, find_pull};
use super::push_guard::announce;
use crate::domain::audit::Entry;
use crate::domain::calendar::{day_at, day_ends};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::Error as ScimError;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::schedules::ScheduleRow;
use crate::storage::{Outcome, Tx};

/// Most leavers that can be announced.
const PEOPLE: u32 = 1_000_000;
/// Most days ahead: runs, from whose losses the rest is computed, are kept for as long by default.
const DAYS: u64 = 90;

/// Leavers that are announced and may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many were announced.
    pub people: u64,
    /// When it was announced.
    pub since: Millis,
    /// When it ends: the end of a day in the tenant's time zone.
    pub until: Millis,
}

impl Announced {
    /// What a schedule has of it, while it holds.
    pub fn of(schedule: &ScheduleRow, now: Millis) -> Option<Self> {
        let until = schedule.announced_until.filter(|until| *until > now.0)?;
        let people = u64::try_from(schedule.announced).ok().filter(|n| *n > 0)?;
        Some(Self {
            people,
            since: Millis(schedule.announced_at.unwrap_or(0)),
            until: Millis(until),
        })
    }

    /// The last day, in the tenant's time zone.
    pub fn last_day(&self, zone: Option<&str>) -> Option<NaiveDate> {
        day_at(Millis(self.until.0 - 1), zone)
    }
}

impl Service {
    /// Announces leavers of a connection: up to `people`, until the end of a day in the tenant's time zone. It takes the
    /// place of what was announced before.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the app, for nobody or too many, and for a day that is over or too far.
    pub async fn announce_leavers(
        &self,
        caller: &Caller,
        connection: &str,
        people: u32,
        until: NaiveDate,
    ) -> Result<Announced> {
        if !(1..=PEOPLE).contains(&people) {
            let detail = format!("`people` takes 1 to {PEOPLE}; got {people}");
            return Err(ScimError::invalid_value(detail).into());
        }
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let (now, zone) = (tx.now(), tx.tenant_settings()?.time_zone);
                let ends = end_of(until, now, zone.as_deref())?;
                let announced = Announced {
                    people: people.into(),
                    since: now,
                    until: ends,
                };
                let before = store(tx, &connection, Some(announced))?;
                let action = "connection.leavers_announced";
                tx.record(entry(action, &connection, before, Some(announced)));
                Ok::<_, Error>(Outcome::Done(announced))
            })
            .await
    }

    /// Withdraws what was announced; from then on the limits of the guard hold alone.
    ///
    /// # Errors
    /// `NotFound`, also if nothing is announced; `Invalid` for the app.
    pub async fn withdraw_announcement(&self, caller: &Caller, connection: &str) -> Result<()> {
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let Some(before) = store(tx, &connection, None)? else {
                    let detail = "no leavers of this connection are announced";
                    return Err(Error::NotFound(detail.to_owned()));
                };
                let action = "connection.announcement_withdrawn";
                tx.record(entry(action, &connection, Some(before), None));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// How many announced leavers may still come beside those that runs since `window` took access from: what runs of
    /// before took is used up.
    ///
    /// # Errors
    /// Storage.
    pub async fn count_announced_left(
        &self,
        tenant: &TenantId,
        schedule: &ScheduleRow,
        window: Millis,
    ) -> Result<u64> {
        let Some(announced) = Announced::of(schedule, self.store.clock().now()) else {
            return Ok(0);
        };
        let connection = &schedule.connection_id;
        let all = self.count_lost_since(tenant, connection, announced.since);
        let all = all.await?;
        let from = Millis(window.0.max(announced.since.0));
        let lately = self.count_lost_since(tenant, connection, from).await?;
        Ok(announced.people.saturating_sub(all.saturating_sub(lately)))
    }
}

/// Stores what is announced of a connection, `None`: nothing any more; returns what was before. One that is pulled has it in
/// its schedule, one that pushes in its guard.
fn store(
    tx: &mut Tx<'_>,
    connection: &str,
    announced: Option<Announced>,
) -> Result<Option<Announced>> {
    let found = tx.find_connection(connection)?;
    let row = found.ok_or_else(|| Error::no_such("connection", connection))?;
    if row.kind == PUSH {
        return announce(tx, connection, announced);
    }
    find_pull(tx, connection)?;
    let mut schedule = schedule(tx, connection)?;
    let before = Announced::of(&schedule, tx.now());
    schedule.announced = announced.map_or(0, |a| i64::try_from(a.people).unwrap_or(i64::MAX));
    schedule.announced_at = announced.map(|a| a.since.0);
    schedule.announced_until = announced.map(|a| a.until.0);
    tx.update_schedule(&schedule)?;
    Ok(before)
}

/// The end of a day, if it is one to come that is not too far.
fn end_of(day: NaiveDate, now: Millis, zone: Option<&str>) -> Result<Millis> {
    let today = day_at(now, zone).unwrap_or_default();
    let last = today.checked_add_days(chrono::Days::new(DAYS));
    if day < today || last.is_none_or(|last| day > last) {
        let last = last.unwrap_or(today);
        return Err(ScimError::invalid_value(format!(
            "`until` takes a day from today to {DAYS} days ahead, {today} to {last} in the tenant's time zone; got {day}"
        ))
        .into());
    }
    let no_end = || ScimError::invalid_value(format!("`until`: the day {day} has no end"));
    Ok(day_ends(day, zone).ok_or_else(no_end)?)
}

fn schedule(tx: &mut Tx<'_>, connection: &str) -> Result<ScheduleRow> {
    let found = tx.find_schedule(connection)?;
    found.ok_or_else(|| Error::no_such("schedule of a connection", connection))
}

fn entry(
    action: &'static str,
    connection: &str,
    before: Option<Announced>,
    after: Option<Announced>,
) -> Entry {
    let people = |a: Option<Announced>| a.map(|a| Value::from(a.people));
    let until = |a: Option<Announced>| a.map(|a| Value::from(a.until.to_rfc3339()));
    Entry::new(action, "connection", connection)
        .change("people", people(before), people(after))
        .change("until", until(before), until(after))
}
