//! Consent in the browser: an admin asks for a link, an administrator of the vendor opens it and approves, the connection
//! is pulled. And every way in which what comes back does not fit together.

use std::sync::Arc;

use rosterd::cli::bridge::{Exchanges, Stored};
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, Millis};
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::service::connections::{ConnectionChange, NewPull};
use rosterd::service::runs::ScheduleRow;
use rosterd::sync::Bridge;
use rosterd::sync::schedule::{Scheduler, Sources};
use serde_json::Value;

use crate::standins::client::World as Company;
use crate::support::process::{command, run, said};
use crate::support::{Answer, Client, TestApp, dump, http_client, lines};

const MINUTE: i64 = 60_000;

/// A company at the vendor, and a connection to it that nobody has let in yet.
struct World {
    app: TestApp,
    company: Company,
    connection: String,
    scheduler: Scheduler,
}

/// A browser: it follows nothing by itself, and keeps one cookie.
#[derive(Default)]
struct Browser {
    cookie: Option<String>,
}

/// What a browser got.
struct Seen {
    status: u16,
    location: Option<String>,
    text: String,
    headers: String,
}

impl Browser {
    async fn open(&mut self, url: &str) -> Seen {
        let mut request = http_client().get(url);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.map(|v| v.to_str().unwrap().to_owned())
        };
        if let Some(set) = header("set-cookie") {
            let pair = set.split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        Seen {
            status: answer.status().as_u16(),
            location: header("location"),
            headers: format!("{:?}", answer.headers()),
            text: answer.text().await.unwrap(),
        }
    }

    /// Opens the link and approves at the vendor; the address to which the vendor sends the browser back.
    async fn approve(&mut self, link: &str) -> String {
        let started = self.open(link).await;
        assert_eq!(started.status, 302, "{}", started.text);
        let at_vendor = started.location.unwrap();
        let approved = Self::default().open(&at_vendor).await;
        assert_eq!(approved.status, 302, "{at_vendor}: {}", approved.text);
        approved.location.unwrap()
    }
}

impl World {
    async fn of() -> Self {
        let world = Self::unregistered().await;
        let values = ["client_id", "client_secret", "subscription_key"].map(|name| {
            let value = SecretText::new(world.company.given(name).unwrap());
            (name.to_owned(), value)
        });
        let set = world.app.service.set_operator_values("nmbrs", &values);
        set.await.unwrap();
        world
    }

    /// The operator has registered nothing at the vendor.
    async fn unregistered() -> Self {
        let company = Company::of("nmbrs", 40, 1);
        let clock: Arc<dyn Clock> =
            Arc::<rosterd::domain::clock::ManualClock>::clone(&company.clock);
        let app = TestApp::start_with(clock).await;
        let connection = Self::connect(&app, &company).await;
        let holder = "this process";
        let stored = Stored::new(&app.service).held_by(holder, &Exchanges::default());
        let sources: Arc<dyn Sources> = Arc::new(stored);
        let scheduler =
            Scheduler::new(Bridge::new(app.service.clone()), sources, holder.to_owned());
        Self {
            app,
            company,
            connection,
            scheduler,
        }
    }

    async fn connect(app: &TestApp, company: &Company) -> String {
        let new = NewPull {
            label: "HR".to_owned(),
            connector: "nmbrs".to_owned(),
            policy: JoinerPolicy::List,
            settings: PullSettings {
                endpoint: Some(company.base.clone()),
                ..PullSettings::default()
            },
            secrets: Vec::new(),
        };
        let made = app.service.create_pull_connection(&app.tenant, new).await;
        made.unwrap().as_str().to_owned()
    }

    fn later(&self, ms: i64) {
        let clock = &self.company.clock;
        clock.set(Millis(clock.now().0 + ms));
    }

    async fn post(&self, client: &Client, connection: &str) -> Answer {
        let path = format!("/api/v1/tenants/default/connections/{connection}/consent");
        client
            .raw("POST", &path, "application/json", Vec::new())
            .await
    }

    async fn admin(&self) -> Client {
        self.app.role(&self.app.tenant, Role::TenantAdmin).await
    }

    async fn link(&self) -> String {
        let answer = self.post(&self.admin().await, &self.connection).await;
        let body = answer.expect(201).body;
        let until = Millis::from_rfc3339(body["expiresAt"].as_str().unwrap()).unwrap();
        assert_eq!(until.0, self.company.clock.now().0 + 10 * MINUTE);
        body["url"].as_str().unwrap().to_owned()
    }

    async fn schedule(&self) -> ScheduleRow {
        let (service, tenant) = (&self.app.service, &self.app.tenant.tenant);
        let found = service.find_schedule(tenant, &self.connection).await;
        found.unwrap().unwrap()
    }

    /// Pulls what is due; how the connection is doing then.
    async fn tick(&self) -> Value {
        self.later(1);
        self.scheduler.tick().await.unwrap();
        let path = format!("/api/v1/tenants/default/connections/{}", self.connection);
        let admin = self.admin().await;
        let shown = admin
            .raw("GET", &path, "application/json", Vec::new())
            .await;
        shown.expect(200).body["health"].clone()
    }

    async fn token(&self) -> Option<String> {
        let opened = self
            .app
            .service
            .open_secrets(&self.app.tenant, &self.connection);
        let values = opened.await.unwrap().values;
        values.get("refresh_token").map(|t| t.expose().to_owned())
    }

    async fn actions(&self) -> String {
        let auditor = self.app.role(&self.app.tenant, Role::Auditor).await;
        let events = auditor.get("/AuditEvents?count=1000").await.expect(200);
        events.text
    }
}

#[actix_web::test]
async fn who_approves_in_the_browser_lets_the_connection_in() {
    let world = World::of().await;
    world.later(24 * 60 * MINUTE);
    let before = world.tick().await;
    assert_eq!(before["state"], "needs-credentials", "{before}");
    assert_eq!(before["reason"]["code"], "consent.missing");
    let (link, mut browser) = (world.link().await, Browser::default());
    let back = browser.approve(&link).await;
    let seen = browser.open(&back).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert!(seen.text.contains("Thank you"), "{}", seen.text);
    assert!(browser.cookie.is_none(), "the cookie is of no more use");
    assert!(
        world.schedule().await.next_at <= world.company.clock.now().0,
        "it is due at once"
    );
    // What is stored until then is sealed.
    let code = back
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let ticket = link.split("ticket=").nth(1).unwrap();
    let stored = dump(&world.app.database);
    assert_eq!(under_way(&world), ["given"]);
    assert!(!stored.contains(code) && !stored.contains(ticket.rsplit('.').next().unwrap()));
    let health = world.tick().await;
    assert_eq!(health["state"], "healthy", "{health}");
    let first = world.token().await.unwrap();
    let people = people(&world);
    assert!(people > 20, "{people}");
    assert!(under_way(&world).is_empty(), "the code is gone");
    // From then on the token rotates.
    world.later(4 * 60 * MINUTE);
    assert_eq!(world.tick().await["state"], "healthy");
    assert_ne!(world.token().await.unwrap(), first);
    let actions = world.actions().await;
    for action in ["consent_asked", "consent_given", "secret_rotated"] {
        assert!(actions.contains(action), "{action}");
    }
    assert!(!actions.contains(code) && !actions.contains(&first));
    world.app.verify().await;
}

/// The states of consents under way.
fn under_way(world: &World) -> Vec<String> {
    let mut conn = world.app.database.connect();
    lines(&mut conn, "SELECT state AS line FROM consents")
}

/// How many people there are.
fn people(world: &World) -> usize {
    let mut conn = world.app.database.connect();
    lines(&mut conn, "SELECT id AS line FROM users").len()
}

#[actix_web::test]
async fn the_vendor_is_asked_with_state_and_challenge_and_nothing_leaks_to_it() {
    let world = World::of().await;
    let (link, mut browser) = (world.link().await, Browser::default());
    let ticket = link.split("ticket=").nth(1).unwrap().to_owned();
    for _ in 0..2 {
        // Programs that look at links use nothing up.
        let seen = browser.open(&link).await;
        let to = seen.location.unwrap();
        assert!(
            to.starts_with(&format!("{}/connect/authorize?", world.company.base)),
            "{to}"
        );
        for part in [
            "response_type=code",
            "code_challenge_method=S256",
            "scope=offline_access%20",
            "%2Foauth%2Fcallback%2Fnmbrs",
        ] {
            assert!(to.contains(part), "{part}: {to}");
        }
        assert!(!to.contains(ticket.rsplit('.').next().unwrap()), "{to}");
        assert!(!to.contains(&world.company.given("client_secret").unwrap()));
        for header in ["no-referrer", "no-store", "HttpOnly; SameSite=Lax"] {
            assert!(seen.headers.contains(header), "{header}: {}", seen.headers);
        }
    }
    // Another link has another state; the one before ends.
    let first = browser.open(&link).await.location.unwrap();
    let other = world.link().await;
    let second = browser.open(&other).await.location.unwrap();
    assert_ne!(first, second);
    assert_eq!(browser.open(&link).await.status, 410);
}

#[actix_web::test]
async fn what_does_not_fit_together_is_refused_alike() {
    let world = World::of().await;
    let (link, mut browser) = (world.link().await, Browser::default());
    let back = browser.approve(&link).await;
    let good = browser.cookie.clone().unwrap();
    let other = World::connect(&world.app, &world.company).await;
    let answer = world.post(&world.admin().await, &other).await.expect(201);
    let mut elsewhere = Browser::default();
    let foreign = elsewhere
        .approve(answer.body["url"].as_str().unwrap())
        .await;
    let (name, ticket) = good.split_once('=').unwrap();
    let forged = ticket.replace(&world.connection, &other);
    let stranger = world.app.tenant("other").await;
    let moved = ticket.replace(world.app.tenant.tenant.as_str(), stranger.tenant.as_str());
    let long = back.replace("code=", &format!("code={}", "y".repeat(5_000)));
    let mut pages = Vec::new();
    for (what, url, cookie) in [
        ("another browser", back.clone(), None),
        (
            "another consent's state",
            foreign.clone(),
            Some(good.clone()),
        ),
        (
            "another consent's cookie",
            back.clone(),
            elsewhere.cookie.clone(),
        ),
        ("two cookies", back.clone(), Some(format!("{good}; {good}"))),
        (
            "a ticket for another connection",
            back.clone(),
            Some(format!("{name}={forged}")),
        ),
        (
            "a ticket for another tenant",
            back.clone(),
            Some(format!("{name}={moved}")),
        ),
        ("no ticket", back.clone(), Some(format!("{name}=a.b.c"))),
        (
            "another connector",
            back.replace("/callback/nmbrs", "/callback/personio"),
            Some(good.clone()),
        ),
        (
            "no state",
            back.split("&state=").next().unwrap().to_owned(),
            Some(good.clone()),
        ),
        (
            "no code",
            back.replace("code=", "kode="),
            Some(good.clone()),
        ),
        ("two codes", format!("{back}&code=x"), Some(good.clone())),
        ("a long code", long, Some(good.clone())),
        (
            "no parameters",
            back.split('?').next().unwrap().to_owned(),
            Some(good.clone()),
        ),
    ] {
        let seen = Browser { cookie }.open(&url).await;
        assert_eq!(seen.status, 410, "{what}: {}", seen.text);
        pages.push(seen.text);
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "they read alike");
    assert!(!world.actions().await.contains("consent_given"));
    // The one that fits, once.
    assert_eq!(browser.open(&back).await.status, 200);
    let again = Browser { cookie: Some(good) }.open(&back).await;
    assert_eq!(again.status, 410);
    let french = http_client()
        .get(&back)
        .header("accept-language", "fr-FR,fr;q=0.9");
    let french = french.send().await.unwrap().text().await.unwrap();
    assert!(french.contains("Ce lien ne fonctionne plus") && french.contains("lang=\"fr\""));
}

#[actix_web::test]
async fn a_link_ends_after_ten_minutes_with_a_pause_or_with_the_tenant() {
    let world = World::of().await;
    let set_active = |is_active| {
        let (service, caller) = (&world.app.service, &world.app.tenant);
        let change = ConnectionChange {
            is_active: Some(is_active),
            ..ConnectionChange::default()
        };
        service.update_connection(caller, &world.connection, change)
    };
    let mut browser = Browser::default();
    let late = browser.approve(&world.link().await).await;
    world.later(10 * MINUTE);
    assert_eq!(browser.open(&late).await.status, 410);
    let mut browser = Browser::default();
    let link = world.link().await;
    let back = browser.approve(&link).await;
    set_active(false).await.unwrap();
    let refused = world.post(&world.admin().await, &world.connection).await;
    assert!(refused.expect(409).text.contains("resume it first"));
    let kept = browser.cookie.clone();
    assert_eq!(browser.open(&link).await.status, 410);
    browser.cookie.clone_from(&kept);
    assert_eq!(browser.open(&back).await.status, 410);
    set_active(true).await.unwrap();
    let (service, caller) = (&world.app.service, &world.app.tenant);
    let id = caller.tenant.as_str();
    service
        .update_tenant(caller, id, crate::support::turned(false))
        .await
        .unwrap();
    browser.cookie.clone_from(&kept);
    assert_eq!(browser.open(&back).await.status, 410);
    service
        .update_tenant(caller, id, crate::support::turned(true))
        .await
        .unwrap();
    browser.cookie = kept;
    assert_eq!(browser.open(&back).await.status, 200);
}

#[actix_web::test]
async fn a_no_changes_nothing_and_a_code_that_came_too_late_is_a_state() {
    let world = World::of().await;
    let mut browser = Browser::default();
    let back = browser.approve(&world.link().await).await;
    let state = back.split("state=").nth(1).unwrap();
    let no = format!(
        "{}?error=access_denied&error_description=<b>x&state={state}",
        back.split('?').next().unwrap()
    );
    let seen = browser.open(&no).await;
    assert_eq!(seen.status, 200);
    assert!(
        seen.text.contains("Not connected") && !seen.text.contains("<b>"),
        "{}",
        seen.text
    );
    assert!(world.actions().await.contains("consent_refused"));
    assert_eq!(world.token().await, None);
    // The vendor's codes live for five minutes.
    let mut browser = Browser::default();
    let back = browser.approve(&world.link().await).await;
    assert_eq!(browser.open(&back).await.status, 200);
    world.later(6 * MINUTE);
    let health = world.tick().await;
    assert_eq!(health["state"], "needs-credentials", "{health}");
    assert_eq!(health["reason"]["code"], "consent.refused", "{health}");
    // Used up: the next pull does not send it again.
    world.later(4 * 60 * MINUTE);
    assert_eq!(world.tick().await["reason"]["code"], "consent.missing");
    let mut browser = Browser::default();
    let back = browser.approve(&world.link().await).await;
    assert_eq!(browser.open(&back).await.status, 200);
    assert_eq!(world.tick().await["state"], "healthy");
}

#[actix_web::test]
async fn after_thirty_days_of_silence_somebody_consents_again() {
    let world = World::of().await;
    let mut browser = Browser::default();
    let back = browser.approve(&world.link().await).await;
    browser.open(&back).await;
    assert_eq!(world.tick().await["state"], "healthy");
    world.later(31 * 24 * 60 * MINUTE);
    let health = world.tick().await;
    assert_eq!(health["state"], "needs-credentials", "{health}");
    assert_eq!(health["reason"]["code"], "auth.refused", "{health}");
    let mut browser = Browser::default();
    let back = browser.approve(&world.link().await).await;
    browser.open(&back).await;
    assert_eq!(world.tick().await["state"], "healthy");
}

#[actix_web::test]
async fn what_the_operator_has_not_registered_is_asked_of_no_customer() {
    let world = World::unregistered().await;
    world.later(24 * 60 * MINUTE);
    let health = world.tick().await;
    assert_eq!(health["state"], "needs-credentials", "{health}");
    assert_eq!(health["reason"]["code"], "operator.missing", "{health}");
    let refused = world.post(&world.admin().await, &world.connection).await;
    let text = refused.expect(409).text;
    assert!(text.contains("connectors configure nmbrs"), "{text}");
    let push = world.app.source(rosterd::scim::rules::Preset::Okta).await;
    assert!(!push.token().is_empty());
    let all = world
        .app
        .service
        .list_connections(&world.app.tenant)
        .await
        .unwrap();
    let push = all.iter().find(|c| c.kind == "scim").unwrap();
    world.post(&world.admin().await, &push.id).await.expect(409);
    let seen = Browser::default()
        .open(&format!("{}/oauth/start/nmbrs", world.app.base))
        .await;
    assert_eq!(seen.status, 410);
}

#[test]
fn the_operator_registers_once_at_the_shell() {
    let database = crate::support::Database::fresh();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("secret"), "sesame-sesame\n").unwrap();
    let at = |name: &str| format!("{name}={}", files.path().join("secret").display());
    let shell = |args: &[&str]| {
        let done = run(command(&database, files.path(), "127.0.0.1:0"), args);
        (done.status.success(), said(&done))
    };
    let (is_ok, text) = shell(&["connectors", "list"]);
    assert!(
        is_ok && text.contains("ask the operator: client_id, client_secret, subscription_key"),
        "{text}"
    );
    for (args, says) in [
        (
            [
                "connectors",
                "configure",
                "nmbrs",
                "--set",
                "client_secret=x",
            ],
            "is a secret",
        ),
        (
            [
                "connectors",
                "configure",
                "nmbrs",
                "--set",
                "refresh_token=x",
            ],
            "is a secret",
        ),
        (
            ["connectors", "configure", "personio", "--set", "x=y"],
            "for nothing",
        ),
        (
            ["connectors", "configure", "nmbrs", "--set", "x=y"],
            "but for client_id",
        ),
    ] {
        let (is_ok, text) = shell(&args);
        assert!(!is_ok && text.contains(says), "{args:?}: {text}");
    }
    let (is_ok, text) = shell(&[
        "connectors",
        "configure",
        "nmbrs",
        "--set",
        "client_id=rosterd",
    ]);
    assert!(
        is_ok && text.contains("still lacks client_secret, subscription_key"),
        "{text}"
    );
    let (secret, key) = (at("client_secret"), at("subscription_key"));
    let (is_ok, text) = shell(&[
        "connectors",
        "configure",
        "nmbrs",
        "--secret-file",
        &secret,
        "--secret-file",
        &key,
    ]);
    assert!(is_ok && text.contains("is registered"), "{text}");
    let (is_ok, text) = shell(&["connectors", "list"]);
    assert!(is_ok && !text.contains("ask the operator"), "{text}");
    assert!(!dump(&database).contains("sesame"));
    let (is_ok, text) = shell(&["secrets", "status"]);
    assert!(is_ok && text.contains("3 credentials"), "{text}");
    assert!(shell(&["tenant", "create", "default"]).0);
    let add = ["connection", "add", "--label", "HR", "--connector", "nmbrs"];
    let made = run(command(&database, files.path(), "127.0.0.1:0"), &add);
    assert!(made.status.success(), "{}", said(&made));
    let id = String::from_utf8(made.stdout).unwrap();
    let (is_ok, text) = shell(&["connection", "consent", id.trim()]);
    assert!(
        is_ok && text.contains("/oauth/start/nmbrs?ticket="),
        "{text}"
    );
    let (is_ok, text) = shell(&["connectors", "configure", "nmbrs", "--delete", "client_id"]);
    assert!(is_ok && text.contains("still lacks client_id"), "{text}");
    let (is_ok, text) = shell(&["connection", "consent", id.trim()]);
    assert!(
        !is_ok && text.contains("connectors configure nmbrs"),
        "{text}"
    );
}
