//! A company at a stand-in, a server that pulls it, and a clock for both.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rosterd::cli::bridge::Stored;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::chance::SystemChance;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::pull::{Leaving, PullChange, PullSettings};
use rosterd::domain::sealed::{Keyring, SecretText};
use rosterd::hris::catalogue::Catalogue;
use rosterd::hris::client::Limits;
use rosterd::scim::rules::Preset;
use rosterd::scim::schema::Registry;
use rosterd::service::connections::{ConnectionChange, NewPull};
use rosterd::service::runs::{HeldRow, RunRow, ScheduleRow};
use rosterd::service::{Caller, Error, Result, Service};
use rosterd::storage::connection::DatabaseUrl;
use rosterd::storage::store::{Options, Store};
use rosterd::sync::schedule::{Scheduler, Sources};
use rosterd::sync::{Bridge, Kind, Order, Report, Unwatched, Watch, Which};
use serde_json::{Value, json};

use crate::standins::client::World as Company;
use crate::support::{TestApp, execute, lines};

/// A company that is pulled.
pub struct World {
    pub app: Rc<TestApp>,
    pub tenant: Caller,
    pub company: Company,
    pub connection: String,
    clock: Arc<ManualClock>,
    scheduler: Scheduler,
    stored: Arc<Stored>,
}

/// Somebody as an admin sees her.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub source_id: String,
    pub access: String,
    pub has_access: bool,
}

/// Who had access and has it no more.
pub fn granted_but(now: &[String], before: &[String]) -> Vec<String> {
    let mut gone = before.to_vec();
    gone.retain(|id| !now.contains(id));
    gone
}

pub fn operator() -> Actor {
    Actor {
        kind: "operator".to_owned(),
        id: String::new(),
    }
}

impl World {
    pub async fn of(slug: &'static str, people: u32, seed: u64, policy: JoinerPolicy) -> Self {
        let company = Company::of(slug, people, seed);
        let clock = Arc::new(ManualClock::at(company.now()));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let tenant = app.tenant.clone();
        Self::with(Rc::new(app), clock, tenant, company, policy).await
    }

    /// A company that is pulled by a server that runs already; its connection belongs to a tenant of that server.
    pub async fn with(
        app: Rc<TestApp>,
        clock: Arc<ManualClock>,
        tenant: Caller,
        company: Company,
        policy: JoinerPolicy,
    ) -> Self {
        let connection = connect(&app, &tenant, &company, policy).await;
        let stored = Arc::new(Stored::new(&app.service).bounded(hurried()));
        let sources: Arc<dyn Sources> = Arc::<Stored>::clone(&stored);
        let bridge = Bridge::new(app.service.clone());
        let scheduler = Scheduler::new(bridge, sources, "this process".to_owned());
        Self {
            app,
            tenant,
            company,
            connection,
            clock,
            scheduler,
            stored,
        }
    }

    /// Reads through other sources than those that are stored.
    #[must_use]
    pub fn through(mut self, wrap: impl FnOnce(Arc<dyn Sources>) -> Arc<dyn Sources>) -> Self {
        let sources = wrap(Arc::<Stored>::clone(&self.stored));
        let bridge = Bridge::new(self.app.service.clone());
        self.scheduler = Scheduler::new(bridge, sources, "this process".to_owned());
        self
    }

    /// Another process on the same database; on PostgreSQL with connections of its own.
    pub fn process(
        &self,
        name: &str,
        wrap: impl FnOnce(Arc<dyn Sources>) -> Arc<dyn Sources>,
    ) -> Scheduler {
        let mut service = self.app.service.clone();
        let url = &self.app.database.url;
        if matches!(url, DatabaseUrl::Postgres(_)) {
            let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
            let store = Store::open(&Options::new(url.clone()), clock, Arc::new(SystemChance));
            service = Service::new(
                Arc::new(store.unwrap()),
                Arc::new(Registry::builtin().unwrap()),
            );
            service.set_keys(Arc::new(Keyring::new(&[7; 32], &[])));
        }
        let sources = wrap(Arc::new(Stored::new(&service).bounded(hurried())));
        Scheduler::new(Bridge::new(service), sources, name.to_owned())
    }

    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    /// Time passes for the server; the company's day stays.
    pub fn later(&self, ms: i64) {
        self.clock.set(Millis(self.now() + ms));
        self.company.clock.set(self.clock.now());
    }

    pub async fn play(&self, scenario: &str) -> Value {
        let (name, query) = scenario.split_once('?').unwrap_or((scenario, ""));
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        self.company.play(name, &query).await
    }

    pub async fn try_run(&self, kind: Kind) -> Option<Report> {
        // Runs are in the order of time; two of one connection never begin at once.
        self.later(1);
        let tenant = &self.tenant.tenant;
        let run = self
            .scheduler
            .pull(tenant, &self.connection, kind, operator(), &Unwatched);
        run.await.unwrap()
    }

    pub async fn run(&self, kind: Kind) -> Report {
        self.try_run(kind).await.expect("nobody else pulls")
    }

    /// A pull that must go well.
    pub async fn pull(&self) -> Report {
        let report = self.run(Kind::Manual).await;
        assert!(report.is_ok(), "{:?}", report.error);
        assert!(report.run.is_complete, "{:?}", report.run.evidence);
        report
    }

    pub async fn tick(&self) -> usize {
        self.scheduler.tick().await.unwrap()
    }

    /// A pull of which a process dies when so many items are applied; before the first if the number is 0.
    pub async fn cut_off_after(&self, items: u64) {
        let watch = Dies::after(items);
        let tenant = self.tenant.tenant.clone();
        let run = self
            .scheduler
            .pull(&tenant, &self.connection, Kind::Manual, operator(), &watch);
        tokio::select! {
            done = run => drop(done.unwrap()),
            () = watch.has_come() => {}
        }
    }

    /// The people of this connection.
    pub async fn people(&self) -> Vec<Seen> {
        let sql = format!(
            "SELECT l.source_id || ' ' || u.access || ' ' || CASE WHEN u.has_access THEN 'in' ELSE 'out' END AS line \
             FROM links l JOIN users u ON u.tenant = l.tenant AND u.id = l.user_id \
             WHERE l.connection_id = '{}' ORDER BY 1",
            self.connection
        );
        let mut conn = self.app.database.connect();
        let rows = lines(&mut conn, &sql);
        let seen = rows.iter().map(|line| {
            let mut words = line.rsplitn(3, ' ');
            let (has, access, id) = (words.next(), words.next(), words.next());
            Seen {
                source_id: id.unwrap_or_default().to_owned(),
                access: access.unwrap_or_default().to_owned(),
                has_access: has == Some("in"),
            }
        });
        seen.collect()
    }

    /// Source ids of those with access.
    pub async fn with_access(&self) -> Vec<String> {
        let people = self.people().await.into_iter();
        people
            .filter(|p| p.has_access)
            .map(|p| p.source_id)
            .collect()
    }

    /// Everybody with what is in force about her, without ids and times.
    pub async fn told(&self) -> Vec<String> {
        let sql = "SELECT l.source_id || ' ' || u.access || ' ' || u.user_name || ' ' || coalesce(u.display_name, '') || ' ' || \
                   coalesce((SELECT m.source_id FROM links m WHERE m.tenant = u.tenant AND m.user_id = u.manager_id), '') AS line \
                   FROM links l JOIN users u ON u.tenant = l.tenant AND u.id = l.user_id ORDER BY 1";
        lines(&mut self.app.database.connect(), sql)
    }

    /// Ids of users, by source id.
    pub fn user_ids(&self) -> BTreeMap<String, String> {
        let sql = "SELECT source_id || ' ' || user_id AS line FROM links";
        let rows = lines(&mut self.app.database.connect(), sql);
        let pairs = rows.iter().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(source, user)| (source.to_owned(), user.to_owned()))
            .collect()
    }

    /// The names of this connection's people, by source id.
    pub fn names(&self) -> BTreeMap<String, String> {
        let sql = format!(
            "SELECT l.source_id || ' ' || u.user_name || ' ' || coalesce(u.display_name, '') AS line \
             FROM links l JOIN users u ON u.tenant = l.tenant AND u.id = l.user_id WHERE l.connection_id = '{}'",
            self.connection
        );
        let rows = lines(&mut self.app.database.connect(), &sql);
        let named = rows.iter().filter_map(|line| line.split_once(' '));
        named
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .collect()
    }

    /// Every row but those of runs and schedules.
    pub fn rows(&self) -> Vec<String> {
        let sql = "SELECT 'j' || sequence AS line FROM journal UNION ALL SELECT source_id || digest || updated_at FROM links \
                   UNION ALL SELECT id || version FROM users UNION ALL SELECT run_id || ordinal FROM run_items ORDER BY 1";
        lines(&mut self.app.database.connect(), sql)
    }

    pub async fn schedule(&self) -> ScheduleRow {
        let (service, tenant) = (&self.app.service, &self.tenant.tenant);
        let found = service.find_schedule(tenant, &self.connection).await;
        found.unwrap().expect("it was pulled")
    }

    pub async fn held(&self) -> Vec<HeldRow> {
        let (service, tenant) = (&self.app.service, &self.tenant.tenant);
        service.list_held(tenant, &self.connection).await.unwrap()
    }

    async fn order(&self) -> Order {
        let tenant = &self.tenant.tenant;
        let opened = Sources::open(self.stored.as_ref(), tenant, &self.connection).await;
        let setup = opened.unwrap().expect("it is active").unwrap().setup;
        self.scheduler.order(setup, Kind::Manual, operator())
    }

    async fn decide<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let tenant = &self.tenant.tenant;
        self.scheduler.decide(tenant, &self.connection, work).await
    }

    pub async fn approve(&self, run: &str, which: &Which) -> Result<RunRow> {
        let (order, bridge) = (self.order().await, self.scheduler.bridge());
        self.decide(bridge.approve(&order, run, which, &Unwatched))
            .await
    }

    pub async fn release(&self, which: &Which) -> u64 {
        let (order, bridge) = (self.order().await, self.scheduler.bridge());
        self.decide(bridge.release(&order, which)).await.unwrap()
    }

    pub async fn keep(&self, which: &Which) -> u64 {
        let (order, bridge) = (self.order().await, self.scheduler.bridge());
        self.decide(bridge.keep(&order, which)).await.unwrap()
    }

    async fn update(&self, change: ConnectionChange) {
        let (service, caller) = (&self.app.service, &self.tenant);
        let done = service.update_connection(caller, &self.connection, change);
        done.await.unwrap();
    }

    /// Changes settings of the connector.
    pub async fn change(&self, settings: Value) {
        let settings: BTreeMap<String, Option<String>> = settings
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned)))
            .collect();
        let pull = PullChange {
            settings,
            ..PullChange::default()
        };
        self.update(ConnectionChange {
            pull,
            ..ConnectionChange::default()
        })
        .await;
    }

    /// Changes what an admin settles.
    pub async fn set_pull(&self, pull: PullChange) {
        self.update(ConnectionChange {
            pull,
            ..ConnectionChange::default()
        })
        .await;
    }

    /// Carries out days that have come; in how many runs.
    pub async fn days(&self) -> usize {
        self.scheduler.tick_days().await.unwrap()
    }

    /// How many runs there were.
    pub async fn runs(&self) -> usize {
        self.list_runs().await.len()
    }

    /// The runs, the last one first.
    pub async fn list_runs(&self) -> Vec<RunRow> {
        let (service, tenant) = (&self.app.service, &self.tenant.tenant);
        let runs = service.list_runs(tenant, None, None, 1_000).await;
        runs.unwrap()
    }

    /// Pauses or resumes.
    pub async fn set_active(&self, is_active: bool) {
        self.update(ConnectionChange {
            is_active: Some(is_active),
            ..ConnectionChange::default()
        })
        .await;
    }

    pub async fn title_of(&self, source_id: &str) -> String {
        let truth = self.company.truth().await;
        let found = truth.iter().find(|u| u["externalId"] == source_id).unwrap();
        found["title"].as_str().unwrap().to_owned()
    }

    /// Whom the connection brings from now on.
    pub async fn scope(&self, filter: &str, leaving: Leaving) {
        let pull = PullChange {
            filter: Some(filter.to_owned()),
            leaving: Some(leaving),
            ..PullChange::default()
        };
        self.update(ConnectionChange {
            pull,
            ..ConnectionChange::default()
        })
        .await;
    }

    /// As a restore leaves the connection.
    pub fn went_back(&self) {
        let sql = format!(
            "UPDATE connections SET confirm_since = 1 WHERE id = '{}'",
            self.connection
        );
        execute(&mut self.app.database.connect(), &sql);
    }

    pub async fn suspend(&self) {
        let (service, caller) = (&self.app.service, &self.tenant);
        let id = caller.tenant.as_str();
        let done = service.update_tenant(caller, id, crate::support::turned(false));
        done.await.unwrap();
    }

    /// Another process on the same database.
    pub fn other_process(&self) -> String {
        "another process".to_owned()
    }

    pub async fn take_lease(&self, holder: &str) {
        let (service, caller) = (&self.app.service, &self.tenant);
        let lease = service.lease_schedule(caller, &self.connection, holder, 60_000);
        assert!(lease.await.unwrap().is_some());
    }

    /// An identity provider pushes everybody whom the company knows, leavers too; how many of them have left.
    pub async fn push_everybody(&self) -> usize {
        let policy = JoinerPolicy::Grant;
        let push = self.app.source_of(&self.tenant, Preset::Okta, policy).await;
        let mut left = 0;
        for user in self.company.truth().await {
            let Some(name) = user["userName"].as_str() else {
                continue;
            };
            left += usize::from(user["active"] == json!(false));
            let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
                "emails": user["emails"], "active": true});
            push.post("/Users", body).await;
        }
        left
    }
}

/// Bounds of a pull that does not wait long for anything.
fn hurried() -> Limits {
    Limits {
        backoff: Duration::from_millis(1),
        longest_wait: Duration::from_millis(50),
        attempts: 3,
        timeout: Duration::from_secs(20),
        is_paced: false,
        ..Limits::default()
    }
}

/// A pull connection to the company's stand-in.
async fn connect(
    app: &TestApp,
    tenant: &Caller,
    company: &Company,
    policy: JoinerPolicy,
) -> String {
    let catalogue = Catalogue::load(None).unwrap();
    let manifest = catalogue.find(company.slug).unwrap();
    let mut settings = PullSettings {
        endpoint: Some(company.base.clone()),
        ..PullSettings::default()
    };
    let mut secrets = Vec::new();
    for field in manifest.fields() {
        let example = field
            .example
            .clone()
            .filter(|_| field.default.is_none() && !field.optional);
        let Some(value) = company.given(&field.id).or(example) else {
            continue;
        };
        match field.secret {
            true => secrets.push((field.id.clone(), SecretText::new(value))),
            false => drop(settings.settings.insert(field.id.clone(), value)),
        }
    }
    let new = NewPull {
        label: company.slug.to_owned(),
        connector: company.slug.to_owned(),
        policy,
        settings,
        secrets,
    };
    let made = app.service.create_pull_connection(tenant, new).await;
    made.unwrap_or_else(|e: Error| panic!("{}: {e}", company.slug))
        .as_str()
        .to_owned()
}

/// Ends a run when so much of it is applied.
pub struct Dies {
    after: u64,
    waker: tokio::sync::Notify,
    seen: AtomicI64,
}

impl Dies {
    /// Before the first item if the number is 0.
    pub fn after(items: u64) -> Self {
        Self {
            after: items,
            waker: tokio::sync::Notify::new(),
            seen: AtomicI64::new(-1),
        }
    }

    pub async fn has_come(&self) {
        self.waker.notified().await;
    }
}

impl Watch for Dies {
    fn page(&self, _: u64, _: u64, _: Option<u64>) {
        if self.after == 0 {
            self.waker.notify_one();
        }
    }

    fn warn(&self, _: &str, _: &str) {}

    fn applied(&self, done: u64, _: u64) {
        self.seen.store(done.cast_signed(), Ordering::Relaxed);
        if done >= self.after {
            self.waker.notify_one();
        }
    }
}
