//! Refresh tokens that rotate, against a vendor that takes each of them once: wherever a process dies, whoever else is at
//! work, and however old the token is, either the token that is stored is the vendor's own, or the connection says that
//! it needs new credentials.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rosterd::cli::bridge::{Exchanges, Stored};
use rosterd::cli::connectors::Connectors;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::clock::{Clock, ManualClock, Millis, SystemClock};
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::service::connections::NewPull;
use rosterd::sync::schedule::{Scheduler, Sources};
use rosterd::sync::{Bridge, Kind, Report, Unwatched};
use serde_json::{Value, json};

use crate::connectors::server::{Asked, Gate, Reply, Server as Http, list};
use crate::support::process::{OPERATOR, Server, command, said};
use crate::support::{Client, TestApp, execute, is_soak};

/// The key of the tests' services, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const DAY: i64 = 24 * 3_600_000;

const CONNECTOR: &str = r#"
slug: rotating
name: Rotating
version: 1
capabilities: { leavers: true, future_hires: true, manager: [id], incremental: false }
credentials:
  - id: refresh_token
    label: { en: Refresh token, fr: Jeton }
    secret: true
steps:
  - { en: Nothing, fr: Rien }
auth:
  refresh_token:
    endpoint: { url: 'https://api.vendor.test/token', client_id: rosterd }
    credential: refresh_token
    rotates: true
people:
  request: { url: 'https://api.vendor.test/people' }
  records: people
  id: id
employment:
  employed: [active]
mapping: |
  .record as $r | {
    externalId: $r.id, userName: $r.email, emails: work_email($r.email),
    name: {givenName: $r.first, familyName: $r.last},
    (rosterd): {employmentState: $r.status, startDate: $r.start}
  }
"#;

/// Where an answer is to be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Token,
    People,
}

/// What the vendor knows.
struct Book {
    /// How many tokens it has given; `rt-‹n›` is the one that it takes.
    given: u32,
    at: Millis,
    /// It takes the one before as well, until the new one was used.
    is_lenient: bool,
    /// What was sent to it, and whether it was taken.
    exchanges: Vec<(String, bool)>,
    /// The next answer there waits for its gate.
    hold: Option<(At, Gate)>,
    is_held: bool,
    /// It refuses so many access tokens.
    refusals: u32,
    clock: Arc<dyn Clock>,
}

/// A vendor.
struct Vendor {
    http: Http,
    book: Arc<Mutex<Book>>,
}

impl Book {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let (at, reply) = match asked.path.as_str() {
            "/token" => (At::Token, self.token(asked)),
            _ => (At::People, self.people(asked)),
        };
        let mut reply = reply;
        if self.hold.as_ref().is_some_and(|(place, _)| *place == at) {
            reply.gate = self.hold.take().map(|(_, gate)| gate);
            self.is_held = true;
        }
        reply
    }

    fn token(&mut self, asked: &Asked) -> Reply {
        let sent = asked.field("refresh_token").unwrap_or_default();
        let now = self.clock.now();
        let is_current = sent == format!("rt-{}", self.given);
        let is_last = self.is_lenient && self.given > 0 && sent == format!("rt-{}", self.given - 1);
        let is_taken = (is_current || is_last) && now.0 - self.at.0 <= 30 * DAY;
        self.exchanges.push((sent, is_taken));
        if !is_taken {
            return Reply::status(400, &json!({"error": "invalid_grant"}));
        }
        self.given += 1;
        self.at = now;
        Reply::json(&json!({
            "access_token": format!("access-{}", self.given),
            "refresh_token": format!("rt-{}", self.given), "expires_in": 3600,
        }))
    }

    fn people(&mut self, asked: &Asked) -> Reply {
        let is_good =
            asked.header("authorization") == Some(&format!("Bearer access-{}", self.given));
        if !is_good || self.refusals > 0 {
            self.refusals = self.refusals.saturating_sub(1);
            return Reply::status(401, &json!({"error": "invalid_token"}));
        }
        list(1..=20)
    }
}

impl Vendor {
    async fn start(clock: Arc<dyn Clock>) -> Self {
        let book = Arc::new(Mutex::new(Book {
            given: 0,
            at: clock.now(),
            is_lenient: false,
            exchanges: Vec::new(),
            hold: None,
            is_held: false,
            refusals: 0,
            clock,
        }));
        let shared = Arc::clone(&book);
        let http = Http::start(move |asked, _| shared.lock().unwrap().answer(asked)).await;
        Self { http, book }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// Holds the next answer there back.
    fn hold(&self, at: At) -> Gate {
        let gate = Gate::closed();
        let mut book = self.book();
        book.hold = Some((at, gate.clone()));
        book.is_held = false;
        gate
    }

    async fn held(&self) {
        patience(|| async { self.book().is_held }).await;
    }

    fn current(&self) -> String {
        format!("rt-{}", self.book().given)
    }

    /// Tokens that were sent and refused.
    fn refused(&self) -> Vec<String> {
        let book = self.book();
        let refused = book.exchanges.iter().filter(|(_, is_taken)| !is_taken);
        refused.map(|(sent, _)| sent.clone()).collect()
    }
}

/// Looks until it is so.
async fn patience<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never became so");
}

/// A connection to the vendor.
struct World {
    app: TestApp,
    vendor: Vendor,
    connection: String,
    clock: Option<Arc<ManualClock>>,
    files: tempfile::TempDir,
}

impl World {
    async fn of(clock: Option<Arc<ManualClock>>) -> Self {
        let shared: Arc<dyn Clock> = match &clock {
            Some(clock) => Arc::<ManualClock>::clone(clock),
            None => Arc::new(SystemClock),
        };
        let vendor = Vendor::start(Arc::clone(&shared)).await;
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join("connectors")).unwrap();
        std::fs::write(files.path().join("connectors/rotating.yaml"), CONNECTOR).unwrap();
        let app = TestApp::start_knowing(shared, files.path().join("connectors")).await;
        let new = NewPull {
            label: "HR".to_owned(),
            connector: "rotating".to_owned(),
            policy: JoinerPolicy::Grant,
            settings: PullSettings {
                endpoint: Some(vendor.http.url.clone()),
                ..PullSettings::default()
            },
            secrets: vec![("refresh_token".to_owned(), SecretText::new("rt-0"))],
        };
        // The one that knows the connector.
        let mut service = app.service.clone();
        service.vendors = Arc::new(Connectors::new(Some(files.path().join("connectors"))));
        let made = service.create_pull_connection(&app.tenant, new).await;
        Self {
            connection: made.unwrap().as_str().to_owned(),
            app,
            vendor,
            clock,
            files,
        }
    }

    /// A process that has this name for its leases.
    fn process(&self, holder: &str) -> Scheduler {
        let stored = Stored::new(&self.app.service)
            .with_connectors(self.files.path().join("connectors"))
            .held_by(holder, &Exchanges::default());
        let sources: Arc<dyn Sources> = Arc::new(stored);
        let bridge = Bridge::new(self.app.service.clone());
        Scheduler::new(bridge, sources, holder.to_owned())
    }

    async fn pull(&self, process: &Scheduler) -> Option<Report> {
        let actor = Actor {
            kind: "operator".to_owned(),
            id: String::new(),
        };
        if let Some(clock) = &self.clock {
            clock.set(Millis(clock.now().0 + 1));
        }
        let tenant = &self.app.tenant.tenant;
        let pull = process.pull(tenant, &self.connection, Kind::Manual, actor, &Unwatched);
        pull.await.unwrap()
    }

    async fn stored(&self) -> String {
        let opened = self
            .app
            .service
            .open_secrets(&self.app.tenant, &self.connection);
        let values = opened.await.unwrap().values;
        values["refresh_token"].expose().to_owned()
    }

    /// How the connection is doing, as the API tells it.
    async fn health(&self) -> Value {
        let auditor = self.app.role(&self.app.tenant, Role::Auditor).await;
        let path = format!("/api/v1/tenants/default/connections/{}", self.connection);
        let shown = auditor.raw("GET", &path, "application/json", Vec::new());
        shown.await.expect(200).body["health"].clone()
    }

    /// Nothing is lost that the state does not tell.
    async fn check(&self) {
        let health = self.health().await;
        let is_told = health["state"] == "needs-credentials";
        assert!(
            self.stored().await == self.vendor.current() || is_told,
            "{} is stored, {} is the vendor's, and the state is {health}",
            self.stored().await,
            self.vendor.current()
        );
    }

    /// A command on the world's database.
    fn command(&self, listen: &str) -> Command {
        let mut command = command(&self.app.database, self.files.path(), listen);
        command.env("ROSTERD_SECRET_KEY", KEY).env(
            "ROSTERD_CONNECTORS_DIR",
            self.files.path().join("connectors"),
        );
        command
    }

    async fn serve(&self) -> Server {
        Server::start_as(|listen| self.command(listen)).await
    }

    /// It is due, and whoever had the lease is taken to be dead.
    fn due(&self) {
        execute(
            &mut self.app.database.connect(),
            "UPDATE schedules SET lease_until = 0, next_at = 0",
        );
    }

    async fn attempts(&self) -> Option<i64> {
        let (service, tenant) = (&self.app.service, &self.app.tenant.tenant);
        let schedule = service.find_schedule(tenant, &self.connection).await;
        schedule.unwrap().unwrap().last_attempt_at
    }

    /// Waits for a server to pull.
    async fn pulled(&self) {
        let before = self.attempts().await;
        self.due();
        patience(|| async { self.attempts().await != before }).await;
    }

    /// A server that is killed while an answer of the vendor is on its way.
    async fn killed(&self, at: At) {
        let gate = self.vendor.hold(at);
        let server = self.serve().await;
        self.due();
        self.vendor.held().await;
        server.kill();
        gate.open();
    }

    async fn show(&self) -> String {
        let mut command = self.command("127.0.0.1:0");
        command
            .args(["connection", "show", &self.connection])
            .stdout(std::process::Stdio::piped());
        said(&command.output().unwrap())
    }
}

#[actix_web::test]
async fn killed_before_the_new_token_is_stored_the_state_says_so() {
    let world = World::of(None).await;
    world.killed(At::Token).await;
    assert_eq!(
        (world.stored().await, world.vendor.current()),
        ("rt-0".to_owned(), "rt-1".to_owned())
    );
    let server = world.serve().await;
    world.pulled().await;
    // The old one was tried once more, and only once.
    assert_eq!(world.vendor.refused(), ["rt-0"]);
    let health = world.health().await;
    assert_eq!(health["state"], "needs-credentials", "{health}");
    assert_eq!(health["reason"]["code"], "auth.refused");
    assert_eq!(health["reason"]["params"]["said"], "invalid_grant");
    assert_eq!(health["lastSuccessAt"], Value::Null);
    let shown = world.show().await;
    assert!(
        shown.contains("needs-credentials") && shown.contains("invalid_grant"),
        "{shown}"
    );
    // Somebody enters a new one.
    let admin = Client::new(&server.base, OPERATOR);
    let path = format!(
        "/api/v1/tenants/default/connections/{}/secrets/refresh_token",
        world.connection
    );
    let body = json!({"value": world.vendor.current()}).to_string();
    let set = admin.raw("PUT", &path, "application/json", body.into_bytes());
    set.await.expect(204);
    world.pulled().await;
    assert_eq!(world.health().await["state"], "healthy");
    assert_eq!(world.stored().await, world.vendor.current());
    drop(server);
    world.app.verify().await;
}

#[actix_web::test]
async fn a_vendor_that_takes_the_old_token_once_more_gives_another() {
    let world = World::of(None).await;
    world.vendor.book().is_lenient = true;
    world.killed(At::Token).await;
    assert_eq!(world.stored().await, "rt-0");
    let _server = world.serve().await;
    world.pulled().await;
    assert_eq!(world.health().await["state"], "healthy");
    assert_eq!(
        (world.stored().await, world.vendor.refused()),
        (world.vendor.current(), vec![])
    );
}

#[actix_web::test]
async fn killed_before_the_new_access_token_is_used_nothing_is_lost() {
    let world = World::of(None).await;
    world.killed(At::People).await;
    assert_eq!(world.stored().await, "rt-1", "it was stored first");
    let _server = world.serve().await;
    world.pulled().await;
    assert_eq!(world.health().await["state"], "healthy");
    assert_eq!(
        (world.stored().await, world.vendor.refused()),
        (world.vendor.current(), vec![])
    );
}

#[actix_web::test]
async fn killed_at_any_moment_nothing_is_lost_without_a_word() {
    let world = World::of(None).await;
    let sync = || {
        let mut command = world.command("127.0.0.1:0");
        command.args(["sync", &world.connection]);
        command
    };
    let rounds = if is_soak() { 50 } else { 5 };
    for round in 0..rounds {
        world.due();
        let mut child = sync().spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(60 + round * 97 % 500)).await;
        let _ = child.kill();
        child.wait().unwrap();
        world.due();
        let mut child = sync().spawn().unwrap();
        patience(|| {
            let is_done = child.try_wait().unwrap().is_some();
            async move { is_done }
        })
        .await;
        world.check().await;
        if world.health().await["state"] == "needs-credentials" {
            let token = SecretText::new(world.vendor.current());
            let (service, tenant) = (&world.app.service, &world.app.tenant);
            let set = service.set_secret(tenant, &world.connection, "refresh_token", &token);
            set.await.unwrap();
        }
    }
}

#[actix_web::test]
async fn a_server_that_stops_in_peace_waits_for_the_answer() {
    let world = World::of(None).await;
    let gate = world.vendor.hold(At::Token);
    let server = world.serve().await;
    world.due();
    world.vendor.held().await;
    let stop = Command::new("kill")
        .args(["-TERM", &server.pid().to_string()])
        .status();
    assert!(stop.unwrap().success());
    tokio::time::sleep(Duration::from_millis(700)).await;
    gate.open();
    assert!(server.wait().await.success());
    assert_eq!(world.stored().await, world.vendor.current());
    assert_eq!(world.vendor.current(), "rt-1");
}

#[actix_web::test]
async fn two_servers_on_one_database_exchange_in_turn() {
    let world = World::of(None).await;
    let servers = [world.serve().await, world.serve().await];
    for _ in 0..4 {
        world.pulled().await;
        assert_eq!(world.stored().await, world.vendor.current());
    }
    drop(servers);
    assert!(
        world.vendor.refused().is_empty(),
        "{:?}",
        world.vendor.book().exchanges
    );
    assert_eq!(world.health().await["state"], "healthy");
}

#[actix_web::test]
async fn two_processes_at_the_same_moment_use_no_token_twice() {
    let world = World::of(None).await;
    let (one, two) = (world.process("one"), world.process("two"));
    let mut pulls = 0;
    for _ in 0..15 {
        let both = futures_util::future::join(world.pull(&one), world.pull(&two)).await;
        pulls += both.0.iter().chain(&both.1).count();
    }
    assert!(pulls >= 15, "{pulls}");
    assert!(world.vendor.refused().is_empty());
    assert_eq!(world.vendor.book().exchanges.len(), pulls);
    assert_eq!(world.stored().await, world.vendor.current());
}

#[actix_web::test]
async fn who_has_lost_the_lease_exchanges_nothing_more() {
    let world = World::of(None).await;
    // The access token is refused once, so that the refresh token is wanted a second time.
    world.vendor.book().refusals = 1;
    let gate = world.vendor.hold(At::People);
    let process = world.process("one");
    let steal = async {
        world.vendor.held().await;
        let sql = "UPDATE schedules SET lease_holder = 'another'";
        execute(&mut world.app.database.connect(), sql);
        gate.open();
    };
    let (report, ()) = futures_util::future::join(world.pull(&process), steal).await;
    let error = report.unwrap().error.unwrap();
    assert_eq!(error.code, "credential.not-exchanged", "{error}");
    assert_eq!(world.vendor.book().exchanges.len(), 1);
    assert_eq!(world.stored().await, world.vendor.current());
}

#[actix_web::test]
async fn what_an_admin_enters_during_an_exchange_stays() {
    let world = World::of(None).await;
    let gate = world.vendor.hold(At::Token);
    let process = world.process("one");
    let enter = async {
        world.vendor.held().await;
        let (service, tenant) = (&world.app.service, &world.app.tenant);
        let anew = SecretText::new("entered-anew");
        let set = service.set_secret(tenant, &world.connection, "refresh_token", &anew);
        set.await.unwrap();
        gate.open();
    };
    let (report, ()) = futures_util::future::join(world.pull(&process), enter).await;
    let error = report.unwrap().error.unwrap();
    assert_eq!(error.code, "credential.not-kept", "{error}");
    assert_eq!(world.stored().await, "entered-anew");
    assert!(!error.to_string().contains("rt-1"), "{error}");
}

#[actix_web::test]
async fn sealing_with_another_key_during_an_exchange_loses_nothing() {
    use rosterd::domain::sealed::Keyring;
    let world = World::of(None).await;
    let gate = world.vendor.hold(At::Token);
    // The process that pulls knows both keys, and seals with the first one still.
    let mut old = world.app.service.clone();
    old.keys = Arc::new(Keyring::new(&[7; 32], &[[8; 32]]));
    let mut new = world.app.service.clone();
    new.keys = Arc::new(Keyring::new(&[8; 32], &[[7; 32]]));
    let stored = Stored::new(&old).with_connectors(world.files.path().join("connectors"));
    let sources: Arc<dyn Sources> = Arc::new(stored);
    let process = Scheduler::new(Bridge::new(old), sources, "one".to_owned());
    let reseal = async {
        world.vendor.held().await;
        assert_eq!(new.reseal_secrets(|_| ()).await.unwrap().resealed, 1);
        gate.open();
    };
    let (report, ()) = futures_util::future::join(world.pull(&process), reseal).await;
    assert!(report.unwrap().is_ok());
    let opened = new.open_secrets(&world.app.tenant, &world.connection).await;
    assert_eq!(opened.unwrap().values["refresh_token"].expose(), "rt-1");
}

#[actix_web::test]
async fn a_token_that_was_not_used_for_thirty_days_is_a_state() {
    let begin = Millis::from_rfc3339("2026-11-26T10:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(begin));
    let world = World::of(Some(Arc::clone(&clock))).await;
    let process = world.process("one");
    let later = |days: i64| clock.set(Millis(clock.now().0 + days * DAY));
    for _ in 0..3 {
        later(29);
        assert!(world.pull(&process).await.unwrap().is_ok());
        assert_eq!(world.health().await["state"], "healthy");
    }
    let last = world.health().await["lastSuccessAt"].clone();
    later(31);
    let error = world.pull(&process).await.unwrap().error.unwrap();
    assert_eq!(error.params["field"], "refresh_token", "{error}");
    let health = world.health().await;
    assert_eq!(health["state"], "needs-credentials", "{health}");
    assert_eq!(health["lastSuccessAt"], last, "{health}");
    assert_ne!(health["lastAttemptAt"], last, "{health}");
    world.check().await;
}

#[actix_web::test]
async fn without_a_key_nothing_is_exchanged() {
    let world = World::of(None).await;
    let mut bare = world.app.service.clone();
    bare.keys = Arc::default();
    let begun = bare.begin_exchange(&world.app.tenant, &world.connection, "refresh_token", None);
    let error = begun.await.unwrap_err().to_string();
    assert!(error.contains("ROSTERD_SECRET_KEY_FILE"), "{error}");
}
