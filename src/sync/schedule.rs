//! When connections are pulled, by whom, and how they are doing (SEMANTICS §7). The schedule is in the database: a
//! process takes a connection's lease, renews it while it works, and goes on with what a killed one left.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use futures_util::future::{BoxFuture, Either, select};

use super::run::{Bridge, Kind, Order, Report};
use super::{Feed, Health, Setup, Unwatched, Watch};
use crate::domain::audit::Actor;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::service::runs::{RunRow, ScheduleRow};
use crate::service::undo::UNDOING;
use crate::service::{Caller, Error, Result};

/// How long a lease holds, in milliseconds.
const LEASE_MS: i64 = 60_000;
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// The first wait after a failure, in milliseconds; it doubles.
const BACKOFF_MS: i64 = 5 * 60_000;
/// Connections that are looked for at once.
const AT_ONCE: i64 = 4;
/// Decisions that are looked for at once.
const WANTED: i64 = 100;
/// So far from its time a pull is made, in parts of the interval: the tenants of one installation do not all ask at once.
const JITTER: i64 = 10;

/// How a pull may end, in the words of the metrics.
pub const OUTCOMES: [&str; 11] = [
    "complete",
    "incomplete",
    "waiting",
    "credentials",
    "rights",
    "rate_limited",
    "unavailable",
    "not_understood",
    "settings",
    "limit",
    "stopped",
];

/// A connection that can be pulled.
pub struct Opened {
    /// What is set.
    pub setup: Setup,
    /// Where its people come from.
    pub feed: Box<dyn Feed>,
}

/// Opens connections: reads what is set, and their secrets.
pub trait Sources: Send + Sync {
    /// `None` for one that is paused, disconnected or not a pull source.
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Result<Opened, PullError>>>>;
}

/// Pulls connections when they are due.
#[derive(Clone)]
pub struct Scheduler {
    bridge: Bridge,
    sources: Arc<dyn Sources>,
    holder: String,
}

impl Scheduler {
    /// A scheduler under a name that no other process has.
    pub fn new(bridge: Bridge, sources: Arc<dyn Sources>, holder: String) -> Self {
        Self {
            bridge,
            sources,
            holder,
        }
    }

    /// The bridge.
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// Pulls what is due and what nobody else has taken meanwhile, one connection after the other. Returns how many.
    ///
    /// # Errors
    /// Storage; what goes wrong with one connection is noted with it.
    pub async fn tick(&self) -> Result<usize> {
        let due = self
            .bridge
            .service()
            .list_due_schedules(self.now(), AT_ONCE)
            .await?;
        let mut pulled = 0;
        for row in due {
            let (tenant, connection) = (TenantId::new(row.tenant), row.connection_id.as_str());
            let pull = self.pull(&tenant, connection, Kind::Scheduled, system(), &Unwatched);
            match pull.await {
                Ok(report) => pulled += usize::from(report.is_some()),
                Err(error) => {
                    let tenant = tenant.as_str();
                    tracing::warn!(tenant.id = tenant, connection.id = connection, error = %error, "a pull was cut off");
                }
            }
        }
        Ok(pulled)
    }

    /// Carries out first and last days that have come, for all connections. Returns how many runs that took.
    ///
    /// # Errors
    /// Storage.
    pub async fn tick_days(&self) -> Result<usize> {
        let service = self.bridge.service();
        let (mut after, mut runs) = (None, 0);
        loop {
            let page = service.list_schedules(after.clone(), 200).await?;
            let Some(last) = page.last() else {
                return Ok(runs);
            };
            after = Some((last.tenant.clone(), last.connection_id.clone()));
            for row in &page {
                let tenant = TenantId::new(row.tenant.as_str());
                if self
                    .bridge
                    .days_due(&tenant, &row.connection_id)
                    .await?
                    .is_empty()
                {
                    continue;
                }
                runs += usize::from(self.days(&tenant, &row.connection_id).await?);
            }
        }
    }

    /// Carries out what admins decided: applies plans that are approved, undoes runs. Returns how many.
    ///
    /// # Errors
    /// Storage; what goes wrong with one run is logged, and tried again.
    pub async fn tick_decided(&self) -> Result<usize> {
        let mut done = 0;
        for run in self.wanted().await? {
            let (tenant, id) = (TenantId::new(run.tenant.as_str()), run.id.clone());
            match self.decided(&tenant, run).await {
                Ok(is_done) => done += usize::from(is_done),
                Err(error) => {
                    let tenant = tenant.as_str();
                    tracing::warn!(tenant.id = tenant, run.id = id, error = %error, "a decision about a run is still to be carried out");
                }
            }
        }
        Ok(done)
    }

    /// False: the connection is paused, or another process is at it.
    async fn decided(&self, tenant: &TenantId, run: RunRow) -> Result<bool> {
        let connection = run.connection_id.clone();
        let order = match self.sources.open(tenant, &connection).await? {
            Some(Ok(opened)) => Some(self.order(opened.setup, Kind::Manual, system())),
            _ if run.state == UNDOING => None,
            _ => return Ok(false),
        };
        let caller = self.caller(tenant);
        if self.lease(&caller, &connection).await?.is_none() {
            return Ok(false);
        }
        let work = async {
            // Somebody else may have carried it out meanwhile.
            let now = self.bridge.service().find_run(tenant, &run.id).await?;
            self.bridge.carry_out_decided(order.as_ref(), now).await
        };
        let done = self.with_lease(&caller, &connection, work).await;
        self.release(&caller, &connection).await?;
        done.map(|()| true)
    }

    async fn wanted(&self) -> Result<Vec<RunRow>> {
        self.bridge.service().list_wanted_runs(WANTED).await
    }

    async fn days(&self, tenant: &TenantId, connection: &str) -> Result<bool> {
        let Some(Ok(opened)) = self.sources.open(tenant, connection).await? else {
            return Ok(false);
        };
        let caller = self.caller(tenant);
        let Some(_) = self.lease(&caller, connection).await? else {
            return Ok(false);
        };
        let order = self.order(opened.setup, Kind::Scheduled, system());
        let done = self
            .with_lease(&caller, connection, self.bridge.run_days(&order))
            .await;
        self.release(&caller, connection).await?;
        done.map(|report| report.is_some())
    }

    /// Pulls one connection now. `None`: it is paused, or another process is at it.
    ///
    /// # Errors
    /// Storage. A pull that fails is a report with an error.
    pub async fn pull(
        &self,
        tenant: &TenantId,
        connection: &str,
        kind: Kind,
        actor: Actor,
        watch: &dyn Watch,
    ) -> Result<Option<Report>> {
        let caller = self.caller(tenant);
        let Some(row) = self.lease(&caller, connection).await? else {
            return Ok(None);
        };
        if kind == Kind::Scheduled && row.next_at > self.now().0 {
            // Somebody else pulled it between our looking and our taking it, or died at it before its time.
            let work = self.take_over(tenant, connection);
            let done = self.with_lease(&caller, connection, work).await;
            self.release(&caller, connection).await?;
            return done.map(|()| None);
        }
        let work = self.opened(tenant, connection, kind, actor, watch);
        let done = self.with_lease(&caller, connection, work).await;
        match &done {
            Ok(Some(_)) => {}
            Ok(None) => self.put_off(&caller, connection).await?,
            Err(_) => self.release(&caller, connection).await?,
        }
        done
    }

    async fn opened(
        &self,
        tenant: &TenantId,
        connection: &str,
        kind: Kind,
        actor: Actor,
        watch: &dyn Watch,
    ) -> Result<Option<Report>> {
        let caller = self.caller(tenant);
        let opened = match self.sources.open(tenant, connection).await? {
            None => return Ok(None),
            Some(Ok(opened)) => opened,
            Some(Err(error)) => {
                let every = BACKOFF_MS * 12;
                self.note(&caller, connection, &Outcome::failed(error, every))
                    .await?;
                return Ok(None);
            }
        };
        let order = self.order(opened.setup, kind, actor);
        for run in self.cut_off(tenant, connection).await? {
            self.bridge.resume(&order, run, watch).await?;
        }
        for run in self.wanted().await? {
            if run.tenant == tenant.as_str() && run.connection_id == connection {
                self.bridge.carry_out_decided(Some(&order), run).await?;
            }
        }
        let report = self.bridge.run(&order, opened.feed.as_ref(), watch).await?;
        if kind == Kind::Dry {
            self.release(&caller, connection).await?;
        } else {
            let outcome = Outcome::of(&report, &order.setup);
            self.note(&caller, connection, &outcome).await?;
        }
        Ok(Some(report))
    }

    /// Goes on with what a killed process left, without a pull.
    async fn take_over(&self, tenant: &TenantId, connection: &str) -> Result<()> {
        let runs = self.cut_off(tenant, connection).await?;
        if runs.is_empty() {
            return Ok(());
        }
        let Some(Ok(opened)) = self.sources.open(tenant, connection).await? else {
            return Ok(());
        };
        let order = self.order(opened.setup, Kind::Scheduled, system());
        for run in runs {
            self.bridge.resume(&order, run, &Unwatched).await?;
        }
        Ok(())
    }

    /// Runs of a connection that nobody works on any more: whoever holds the lease may say so.
    async fn cut_off(&self, tenant: &TenantId, connection: &str) -> Result<Vec<RunRow>> {
        let service = self.bridge.service();
        let mut runs = service
            .list_runs(tenant, Some(connection), None, 20)
            .await?;
        runs.retain(|run| run.state == "running");
        Ok(runs)
    }

    /// What an admin decides is done under the lease too.
    ///
    /// # Errors
    /// `Conflict` while a run is under way; those of the work.
    pub async fn decide<T, F>(&self, tenant: &TenantId, connection: &str, work: F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let caller = self.caller(tenant);
        if self.lease(&caller, connection).await?.is_none() {
            return Err(Error::Conflict(
                "a run of this connection is under way: try again when it has ended".to_owned(),
            ));
        }
        let done = self.with_lease(&caller, connection, work).await;
        self.release(&caller, connection).await?;
        done
    }

    /// The order that a connection's settings make.
    pub fn order(&self, setup: Setup, kind: Kind, actor: Actor) -> Order {
        Order {
            setup,
            kind,
            actor,
            as_of: day(self.now()),
        }
    }

    fn now(&self) -> Millis {
        self.bridge.service().store.clock().now()
    }

    fn caller(&self, tenant: &TenantId) -> Caller {
        Caller::of_run(tenant.clone(), system(), "schedule")
    }

    async fn lease(&self, caller: &Caller, connection: &str) -> Result<Option<ScheduleRow>> {
        self.bridge
            .service()
            .lease_schedule(caller, connection, &self.holder, LEASE_MS)
            .await
    }

    /// Works while the lease is renewed; without it the work is dropped where it stands, and another goes on with it.
    async fn with_lease<T>(
        &self,
        caller: &Caller,
        connection: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let keep = async {
            loop {
                tokio::time::sleep(RENEW).await;
                // The lease outlives a database that is away for a moment.
                if let Ok(None) = self.lease(caller, connection).await {
                    return;
                }
            }
        };
        match select(pin!(work), pin!(keep)).await {
            Either::Left((done, _)) => done,
            Either::Right(((), _)) => Err(Error::Conflict(
                "another process has taken over this connection".to_owned(),
            )),
        }
    }

    async fn release(&self, caller: &Caller, connection: &str) -> Result<()> {
        let holder = self.holder.clone();
        self.bridge
            .service()
            .change_schedule(caller, connection, move |row| give_back(row, &holder))
            .await
            .map(|_| ())
    }

    /// Nobody looks at a paused connection again before an hour has passed; resuming it sets its time.
    async fn put_off(&self, caller: &Caller, connection: &str) -> Result<()> {
        let (holder, next) = (self.holder.clone(), self.now().0 + 3_600_000);
        self.bridge
            .service()
            .change_schedule(caller, connection, move |row| {
                row.next_at = row.next_at.max(next);
                give_back(row, &holder);
            })
            .await
            .map(|_| ())
    }

    /// Notes how a pull ended and when the next one is due.
    async fn note(&self, caller: &Caller, connection: &str, outcome: &Outcome) -> Result<()> {
        let mut bits = [0_u8; 2];
        self.bridge.service().store.chance().fill(&mut bits);
        let (holder, now, outcome) = (self.holder.clone(), self.now().0, outcome.clone());
        let jitter = i64::from(u16::from_be_bytes(bits));
        metrics::counter!("rosterd_pulls_total", "outcome" => outcome.word()).increment(1);
        self.bridge
            .service()
            .change_schedule(caller, connection, move |row| {
                outcome.apply(row, now, jitter);
                give_back(row, &holder);
            })
            .await
            .map(|_| ())
    }
}

fn give_back(row: &mut ScheduleRow, holder: &str) {
    if row.lease_holder.as_deref() == Some(holder) {
        row.lease_holder = None;
        row.lease_until = None;
    }
}

fn system() -> Actor {
    Actor {
        kind: "system".to_owned(),
        id: String::new(),
    }
}

/// The day of a moment in UTC; the service looks at people's own zones.
fn day(now: Millis) -> NaiveDate {
    DateTime::from_timestamp_millis(now.0)
        .unwrap_or_default()
        .date_naive()
}

/// How a pull ended, as far as the schedule is concerned.
#[derive(Debug, Clone)]
struct Outcome {
    every_ms: i64,
    /// Another pull has to confirm an absence, so soon.
    confirm_ms: Option<i64>,
    is_complete: bool,
    waits: bool,
    error: Option<PullError>,
}

impl Outcome {
    fn of(report: &Report, setup: &Setup) -> Self {
        Self {
            every_ms: setup.every_ms,
            confirm_ms: report.must_confirm_absence.then_some(setup.confirm_ms),
            is_complete: report.run.is_complete,
            waits: report.waits(),
            error: report.error.clone(),
        }
    }

    fn failed(error: PullError, every_ms: i64) -> Self {
        Self {
            every_ms,
            confirm_ms: None,
            is_complete: false,
            waits: false,
            error: Some(error),
        }
    }

    /// The word for the metrics: how it ended, or of which kind the failure is.
    fn word(&self) -> &'static str {
        match (&self.error, self.waits, self.is_complete) {
            (Some(error), _, _) => error.kind.as_str(),
            (None, true, _) => "waiting",
            (None, false, true) => "complete",
            (None, false, false) => "incomplete",
        }
    }

    /// `jitter` is any number below 65,536.
    fn apply(&self, row: &mut ScheduleRow, now: i64, jitter: i64) {
        row.last_attempt_at = Some(now);
        let health = match &self.error {
            None => {
                row.failures = 0;
                if self.is_complete {
                    row.last_success_at = Some(now);
                }
                Health::after_pull(self.is_complete, self.waits)
            }
            Some(error) => {
                row.failures += 1;
                Health::after_failure(error, row.failures)
            }
        };
        health.as_str().clone_into(&mut row.health);
        row.health_params = self
            .error
            .as_ref()
            .map(|e| super::report::describe_error(e).to_string());
        row.next_at = now + self.wait(row.failures, jitter);
    }

    /// Until the next pull, in milliseconds.
    fn wait(&self, failures: i64, jitter: i64) -> i64 {
        let spread = self.every_ms / JITTER;
        let usual = self.every_ms - spread + 2 * spread * jitter / 65_536;
        match (&self.error, self.confirm_ms) {
            (None, Some(confirm)) => confirm.min(usual),
            (None, None) => usual,
            // What stopped a pull on our side passes too.
            (Some(error), _) if error.retry_helps() || error.kind == PullErrorKind::Stopped => {
                let doubled = BACKOFF_MS << failures.clamp(1, 6).saturating_sub(1);
                let asked = error
                    .retry_after
                    .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
                doubled.min(usual).max(asked.min(24 * 3_600_000))
            }
            (Some(_), _) => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn good() -> Outcome {
        Outcome {
            every_ms: 3 * HOUR,
            confirm_ms: None,
            is_complete: true,
            waits: false,
            error: None,
        }
    }

    #[test]
    fn a_pull_is_due_three_hours_later_give_or_take_a_tenth() {
        for jitter in [0, 1, 32_768, 65_535] {
            let wait = good().wait(0, jitter);
            assert!((wait - 3 * HOUR).abs() <= 3 * HOUR / 10, "{wait}");
        }
        assert_ne!(good().wait(0, 0), good().wait(0, 65_535));
    }

    #[test]
    fn an_absence_is_confirmed_soon_and_a_failure_tried_again_later_and_later() {
        let missed = Outcome {
            confirm_ms: Some(300_000),
            ..good()
        };
        assert_eq!(missed.wait(0, 0), 300_000);
        let down = Outcome::failed(PullError::new(PullErrorKind::Unavailable, "down"), 3 * HOUR);
        let waits: Vec<i64> = (1..5).map(|n| down.wait(n, 0) / 60_000).collect();
        assert_eq!(waits, [5, 10, 20, 40]);
        assert!(down.wait(60, 0) <= 3 * HOUR);
        let refused = PullError::new(PullErrorKind::Credentials, "refused");
        assert!(Outcome::failed(refused, 3 * HOUR).wait(1, 0) > 2 * HOUR);
    }

    #[test]
    fn attempt_and_success_are_told_apart() {
        let mut row = ScheduleRow::new("t", "c", Millis(0));
        good().apply(&mut row, 10, 0);
        assert_eq!(
            (row.last_attempt_at, row.last_success_at),
            (Some(10), Some(10))
        );
        assert_eq!(row.health, "healthy");
        let down = PullError::new(PullErrorKind::Unavailable, "down");
        for (now, health) in [(20, "degraded"), (30, "failing")] {
            Outcome::failed(down.clone(), HOUR).apply(&mut row, now, 0);
            assert_eq!(row.health, health);
        }
        assert_eq!(
            (row.last_attempt_at, row.last_success_at),
            (Some(30), Some(10))
        );
        let refused = PullError::new(PullErrorKind::Credentials, "refused");
        Outcome::failed(refused, HOUR).apply(&mut row, 40, 0);
        assert_eq!(row.health, "needs-credentials");
    }
}
