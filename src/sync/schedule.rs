//! When connections are pulled, by whom, and how they are doing (SEMANTICS §7). The schedule is in the database: a
//! process takes a connection's lease, renews it while it works, and goes on with what a killed one left.

mod outcome;
mod quiet;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use futures_util::future::{BoxFuture, Either, select};

use self::outcome::Outcome;
use super::run::{Bridge, Kind, Order, Report};
use super::{Feed, Look, Setup, Unwatched, Watch};
use crate::domain::audit::Actor;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::hris::error::Error as PullError;
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

    /// What is set, without the secrets: days come though those cannot be read. `None` as for [`Sources::open`].
    fn setup<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Setup>>> {
        Box::pin(async move {
            let opened = self.open(tenant, connection).await?;
            Ok(opened.and_then(Result::ok).map(|opened| opened.setup))
        })
    }
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

    /// All of them: what cannot be carried out now, such as a plan of a paused connection, hides nothing behind it.
    async fn wanted(&self) -> Result<Vec<RunRow>> {
        let mut wanted: Vec<RunRow> = Vec::new();
        loop {
            let after = wanted.last().map(|r| (r.tenant.clone(), r.id.clone()));
            let page = self
                .bridge
                .service()
                .list_wanted_runs(after, WANTED)
                .await?;
            if page.is_empty() {
                return Ok(wanted);
            }
            wanted.extend(page);
        }
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

    async fn days(&self, tenant: &TenantId, connection: &str) -> Result<bool> {
        let Some(setup) = self.sources.setup(tenant, connection).await? else {
            return Ok(false);
        };
        let caller = self.caller(tenant);
        let Some(_) = self.lease(&caller, connection).await? else {
            return Ok(false);
        };
        let order = self.order(setup, Kind::Scheduled, system());
        let done = self
            .with_lease(&caller, connection, self.bridge.run_days(&order))
            .await;
        self.release(&caller, connection).await?;
        done.map(|report| report.is_some())
    }

    /// Pulls one connection now. `None`: it is paused, another process is at it, or there is nothing to read.
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
        match done {
            Ok(Pulled::Ran(report)) => Ok(Some(*report)),
            Ok(Pulled::Nothing) => Ok(None),
            Ok(Pulled::Closed) => {
                self.put_off(&caller, connection).await?;
                Ok(None)
            }
            Err(error) => {
                self.release(&caller, connection).await?;
                Err(error)
            }
        }
    }

    async fn opened(
        &self,
        tenant: &TenantId,
        connection: &str,
        kind: Kind,
        actor: Actor,
        watch: &dyn Watch,
    ) -> Result<Pulled> {
        let caller = self.caller(tenant);
        let opened = match self.sources.open(tenant, connection).await? {
            None => return Ok(Pulled::Closed),
            Some(Ok(opened)) => opened,
            Some(Err(error)) => {
                let every = BACKOFF_MS * 12;
                self.note(&caller, connection, &Outcome::failed(error, every))
                    .await?;
                return Ok(Pulled::Closed);
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
        let feed = opened.feed.as_ref();
        let look = feed.look().await?;
        let report = match look {
            Look::NotYet(_) | Look::Nothing { .. } => {
                self.note_look(&caller, connection, order.setup.every_ms, look)
                    .await?;
                self.go_on(&caller, connection, feed).await?;
                return Ok(Pulled::Nothing);
            }
            Look::Absences => self.bridge.run_absences(&order).await?,
            Look::Ready { .. } => self.bridge.run(&order, feed, watch).await?,
        };
        if kind == Kind::Dry {
            self.release(&caller, connection).await?;
            return Ok(Pulled::Ran(Box::new(report)));
        }
        if look == Look::Absences || report.is_ok() {
            self.bridge
                .service()
                .use_confirmation(&caller, connection)
                .await?;
        }
        let mut outcome = Outcome::of(&report, &order.setup);
        outcome.is_old = look == Look::Ready { is_old: true };
        outcome.is_complete |= look == Look::Absences;
        feed.done(&report).await?;
        self.note(&caller, connection, &outcome).await?;
        self.go_on(&caller, connection, feed).await?;
        Ok(Pulled::Ran(Box::new(report)))
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

/// What became of a connection that was to be pulled.
enum Pulled {
    /// It is not to be pulled, or cannot be opened.
    Closed,
    /// There was nothing to read; that is noted.
    Nothing,
    /// A run.
    Ran(Box<Report>),
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
