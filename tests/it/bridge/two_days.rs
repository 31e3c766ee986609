//! Two days on the schedule, with a clock that the test moves: two processes on one database, a vendor that is down for
//! hours, a pause, a restart, a process that dies in the middle of a run; and a push connection that is none of theirs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use chrono::NaiveDate;
use futures_util::future::{BoxFuture, FutureExt};
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::ids::TenantId;
use rosterd::hris::Evidence;
use rosterd::hris::error::Error as PullError;
use rosterd::scim::rules::Preset;
use rosterd::service;
use rosterd::service::runs::RunRow;
use rosterd::sync::schedule::{Opened, Scheduler, Sources};
use rosterd::sync::{Feed, Gather, Kind, Watch};

use super::MINUTES;
use super::world::{Dies, World, operator};
use crate::support::lines;

const HOUR: i64 = 60 * MINUTES;
/// How often each process looks.
const STEP: i64 = 5 * MINUTES;

/// Watches that nobody reads while somebody else does.
#[derive(Clone)]
struct Watched {
    sources: Arc<dyn Sources>,
    desk: Arc<Desk>,
}

#[derive(Default)]
struct Desk {
    is_busy: AtomicBool,
    reads: AtomicU32,
    clashes: AtomicU32,
}

/// Somebody reads; ends however the reading ends.
struct Reading(Arc<Desk>);

impl Reading {
    fn begin(desk: &Arc<Desk>) -> Self {
        desk.reads.fetch_add(1, Ordering::SeqCst);
        if desk.is_busy.swap(true, Ordering::SeqCst) {
            desk.clashes.fetch_add(1, Ordering::SeqCst);
        }
        Self(Arc::clone(desk))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::SeqCst);
    }
}

impl Sources for Watched {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, service::Result<Option<Result<Opened, PullError>>>> {
        async move {
            let opened = self.sources.open(tenant, connection).await?;
            Ok(opened.map(|opened| {
                opened.map(|Opened { setup, feed }| Opened {
                    setup,
                    feed: Box::new(WatchedFeed(feed, Arc::clone(&self.desk))),
                })
            }))
        }
        .boxed()
    }
}

struct WatchedFeed(Box<dyn Feed>, Arc<Desk>);

impl Feed for WatchedFeed {
    fn read<'a>(
        &'a self,
        day: NaiveDate,
        people: &'a mut Gather,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        async move {
            let _reading = Reading::begin(&self.1);
            self.0.read(day, people, watch).await
        }
        .boxed()
    }
}

/// The two days.
struct Days {
    world: World,
    desk: Arc<Desk>,
    processes: Vec<Scheduler>,
    began: i64,
    names: u32,
}

impl Days {
    async fn begin() -> Self {
        let world = World::of("bamboohr", 40, 1, JoinerPolicy::Grant).await;
        world.app.source(Preset::Okta).await;
        world.pull().await;
        let mut days = Self {
            began: world.now(),
            desk: Arc::default(),
            processes: Vec::new(),
            names: 0,
            world,
        };
        for _ in 0..2 {
            days.start();
        }
        days
    }

    /// A process starts.
    fn start(&mut self) {
        self.names += 1;
        let desk = Arc::clone(&self.desk);
        let wrap = |sources| Arc::new(Watched { sources, desk }) as Arc<dyn Sources>;
        let process = self.world.process(&format!("process {}", self.names), wrap);
        self.processes.push(process);
    }

    /// Hours since the beginning.
    fn hours(&self) -> f64 {
        let minutes = (self.world.now() - self.began) / MINUTES;
        f64::from(i32::try_from(minutes).unwrap()) / 60.0
    }

    /// Goes on until then; both processes look at the same moments. Pulls that were made.
    async fn until(&self, hour: i64) -> Vec<RunRow> {
        let began = self.world.now();
        while self.world.now() < self.began + hour * HOUR {
            self.world.later(STEP);
            let looks = self.processes.iter().map(Scheduler::tick);
            for done in futures_util::future::join_all(looks).await {
                done.unwrap();
            }
        }
        let mut runs = self.runs().await;
        runs.retain(|run| run.started_at > began);
        runs
    }

    /// All runs, the first one first.
    async fn runs(&self) -> Vec<RunRow> {
        let mut runs = self.world.list_runs().await;
        runs.reverse();
        runs
    }
}

/// Three hours, a tenth more or less, and a look every five minutes.
fn are_usual(runs: &[RunRow]) -> bool {
    let gaps = runs.windows(2).map(|w| w[1].started_at - w[0].started_at);
    let mut gaps = gaps.peekable();
    gaps.peek().is_some() && gaps.all(|gap| (162 * MINUTES..=198 * MINUTES + STEP).contains(&gap))
}

#[actix_web::test]
async fn two_days_of_pulls_come_every_three_hours_and_never_two_at_once() {
    let mut days = Days::begin().await;

    // A quiet night.
    let quiet = days.until(12).await;
    assert!(
        (3..=4).contains(&quiet.len()) && are_usual(&quiet),
        "{quiet:?}"
    );
    assert!(
        quiet
            .iter()
            .all(|run| run.state == "done" && run.is_complete)
    );

    // The vendor is down: tried again later and later, and what is known stays as it is.
    let before = days.world.with_access().await;
    days.world.company.set_faults(&["500=100000"]).await;
    let down = days.until(19).await;
    let gaps: Vec<i64> = down
        .windows(2)
        .map(|w| w[1].started_at - w[0].started_at)
        .collect();
    assert!(down.iter().all(|run| run.state == "failed"), "{down:?}");
    assert!(gaps.windows(2).all(|g| g[0] <= g[1] + 2 * STEP), "{gaps:?}");
    let schedule = days.world.schedule().await;
    assert_eq!(schedule.health, "failing");
    let good = quiet.last().unwrap().started_at;
    assert_eq!(schedule.last_success_at, Some(good));
    assert!(schedule.last_attempt_at > schedule.last_success_at);
    assert_eq!(days.world.with_access().await, before);
    days.world.company.set_faults(&[]).await;
    let up = days.until(23).await;
    assert!(up.iter().all(|run| run.state == "done"), "{up:?}");
    assert_eq!(days.world.schedule().await.health, "healthy");

    // Paused for the night: nobody asks; resumed, it is due at once.
    days.world.set_active(false).await;
    assert_eq!(days.until(32).await.len(), 0);
    days.world.set_active(true).await;
    let resumed = days.until(33).await;
    assert_eq!(resumed.len(), 1, "{resumed:?}");
    assert!(resumed[0].started_at <= days.began + 32 * HOUR + STEP);

    // One process is started anew.
    days.processes.remove(0);
    days.start();
    let restarted = days.until(39).await;
    assert!(
        restarted.len() >= 2 && are_usual(&restarted),
        "{restarted:?}"
    );

    // One process dies while it applies; the other goes on with the run once the lease is over, and pulls.
    days.world.play("joiner?count=30").await;
    let cut = days.cut_off().await;
    assert_eq!(cut.state, "running");
    days.until(40).await;
    let runs = days.runs().await;
    let cut = runs.into_iter().find(|run| run.id == cut.id).unwrap();
    assert_eq!((cut.state.as_str(), cut.applied), ("done", cut.planned));

    let rest = days.until(48).await;
    assert!(rest.len() >= 2, "{rest:?}");
    assert!(
        rest.iter()
            .all(|run| run.is_complete && run.state == "done")
    );
    days.is_sound().await;
}

impl Days {
    /// The first process begins a run and is gone in the middle of its apply.
    async fn cut_off(&mut self) -> RunRow {
        self.world.later(1);
        let watch = Dies::after(0);
        let dying = self.processes.remove(0);
        let (tenant, connection) = (&self.world.tenant.tenant, &self.world.connection);
        let watch = Applying(watch);
        let pull = dying.pull(tenant, connection, Kind::Manual, operator(), &watch);
        tokio::select! {
            done = pull => panic!("it ended: {:?}", done.map(|r| r.map(|r| r.run))),
            () = watch.0.has_come() => {}
        }
        self.runs().await.pop().unwrap()
    }

    /// At the end: what must hold of all of it.
    async fn is_sound(&self) {
        assert!(self.hours() >= 48.0);
        assert_eq!(self.desk.clashes.load(Ordering::SeqCst), 0);
        let runs = self.runs().await;
        let moments: BTreeSet<i64> = runs.iter().map(|run| run.started_at).collect();
        assert_eq!(moments.len(), runs.len(), "two runs began at one moment");
        let reads = usize::try_from(self.desk.reads.load(Ordering::SeqCst)).unwrap();
        assert_eq!(reads + 1, runs.len(), "each reading is a run");
        let mut conn = self.world.app.database.connect();
        let scheduled = "SELECT c.kind AS line FROM schedules s JOIN connections c ON c.tenant = s.tenant AND c.id = s.connection_id";
        assert_eq!(lines(&mut conn, scheduled), ["hris"]);
        let run = "SELECT DISTINCT c.kind AS line FROM runs r JOIN connections c ON c.tenant = r.tenant AND c.id = r.connection_id";
        assert_eq!(lines(&mut conn, run), ["hris"]);
        assert_eq!(self.world.app.verify().await.faults, []);
    }
}

/// Dies with the first chunk that is applied.
struct Applying(Dies);

impl Watch for Applying {
    fn page(&self, _: u64, _: u64, _: Option<u64>) {}
    fn warn(&self, _: &str, _: &str) {}
    fn applied(&self, done: u64, of: u64) {
        self.0.applied(done, of);
    }
}
