//! Looking at connections over HTTP without changing anybody: the list of connectors, a test, a dry run; and a new version
//! of a connector, which is looked at before it may change who somebody is.

use std::rc::Rc;
use std::sync::Arc;

use rosterd::cli::bridge::{Stored, tick_looks};
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::ManualClock;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::scim::rules::Preset;
use rosterd::sync::schedule::Sources;
use rosterd::sync::{Kind, Unwatched, Which};
use serde_json::{Value, json};

use crate::bridge::world::{World, operator};
use crate::standins::client::World as Company;
use crate::support::process::{self, Server};
use crate::support::{Answer, Client, Database, TestApp};

async fn send(client: &Client, method: &str, path: &str) -> Answer {
    client
        .raw(method, path, "application/json", Vec::new())
        .await
}

#[actix_web::test]
async fn connectors_are_listed_and_shown_in_the_language_that_is_asked_for() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let all = send(&admin, "GET", "/api/v1/connectors").await.expect(200);
    let items = all.body["items"].as_array().unwrap();
    let slugs: Vec<&str> = items.iter().filter_map(|c| c["slug"].as_str()).collect();
    assert!(slugs.len() > 10 && slugs.is_sorted(), "{slugs:?}");
    assert!(slugs.contains(&"csv") && slugs.contains(&"personio"));
    let paged = send(&admin, "GET", "/api/v1/connectors?limit=2").await;
    let next = paged.expect(200).body["next"].as_str().unwrap().to_owned();
    assert_eq!(next, slugs[1]);
    let google = items.iter().find(|c| c["slug"] == "google-workspace");
    assert_eq!(google.unwrap()["provider"], "google");
    assert_eq!(google.unwrap()["capabilities"]["leavers"], true);
    let path = "/api/v1/connectors/sftp";
    let label = |answer: Answer| {
        let body = answer.expect(200).body;
        let fields = body["settings"].as_array().unwrap().iter();
        let mut fields = fields.chain(body["credentials"].as_array().unwrap());
        let field = fields.find(|f| f["name"] == "host_key").unwrap();
        assert_eq!(
            (&field["isRequired"], &field["givenBy"]),
            (&json!(true), &json!("customer"))
        );
        (body["language"].clone(), field["label"].clone())
    };
    let french = (json!("fr"), json!("Empreinte de la clé du serveur"));
    let asked = send(&admin, "GET", &format!("{path}?lang=fr")).await;
    assert_eq!(label(asked), french);
    let reader = admin.header("accept-language", "de, fr-CH;q=0.9, en;q=0.8");
    assert_eq!(label(send(&reader, "GET", path).await), french);
    let asked = send(&reader, "GET", &format!("{path}?lang=en")).await;
    assert_eq!(label(asked).0, "en");
    let refused = send(&admin, "GET", &format!("{path}?lang=de"))
        .await
        .expect(400);
    assert!(
        refused.text.contains("`lang` takes en or fr"),
        "{}",
        refused.text
    );
    send(&admin, "GET", "/api/v1/connectors/nobody")
        .await
        .expect(404);
    // What only the operator can enter is said until it is there.
    let lacks = async || {
        let body = send(&admin, "GET", "/api/v1/connectors/nmbrs")
            .await
            .expect(200)
            .body;
        body["askOperator"].as_array().unwrap().len()
    };
    let before = lacks().await;
    assert!(before > 0);
    let body = send(&admin, "GET", "/api/v1/connectors/nmbrs").await.body;
    let names = body["askOperator"].as_array().unwrap().iter();
    let values: Vec<_> = names
        .map(|name| (name.as_str().unwrap().to_owned(), SecretText::new("x")))
        .collect();
    app.service
        .set_operator_values("nmbrs", &values)
        .await
        .unwrap();
    assert_eq!(lacks().await, 0);
}

/// A company and an admin who looks at it.
async fn desk() -> (World, Client, String) {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    let admin = world.app.role(&world.tenant, Role::TenantAdmin).await;
    let path = format!("/api/v1/tenants/default/connections/{}", world.connection);
    (world, admin, path)
}

#[actix_web::test]
async fn a_connection_is_tested_over_http_and_nobody_is_brought_by_it() {
    let (world, admin, path) = desk().await;
    let test = format!("{path}/test");
    let tested = send(&admin, "POST", &test).await.expect(200).body;
    assert_eq!(
        (&tested["works"], tested.get("error")),
        (&json!(true), None),
        "{tested}"
    );
    assert!(
        tested["records"].as_u64().unwrap() > 0 && !tested["fields"].as_array().unwrap().is_empty()
    );
    for list in ["unread", "missingRights", "excessRights"] {
        assert_eq!(tested[list], json!([]), "{list}: {tested}");
    }
    // What the key lost, and what is read beside the list of people.
    world.company.set_faults(&["reduced-scope"]).await;
    let less = send(&admin, "POST", &test).await.expect(200).body;
    let right = &less["missingRights"][0];
    assert!(right["en"].is_string() && right["fr"].is_string(), "{less}");
    world.company.set_faults(&[]).await;
    assert!(world.people().await.is_empty());
    let (service, tenant, id) = (&world.app.service, &world.tenant, &world.connection);
    for secret in service.list_secrets(&tenant.tenant, id).await.unwrap() {
        let wrong = SecretText::new("hunter2-wrong");
        service
            .set_secret(tenant, id, &secret.name, &wrong)
            .await
            .unwrap();
    }
    let tested = send(&admin, "POST", &test).await.expect(200);
    assert_eq!(tested.body["works"], false);
    assert_eq!(
        tested.body["error"]["kind"], "credentials",
        "{}",
        tested.text
    );
    assert!(!tested.text.contains("hunter2"), "{}", tested.text);
    // While a run is under way its credentials are not used a second time.
    world.take_lease("another process").await;
    let refused = send(&admin, "POST", &test).await.expect(409);
    assert!(refused.text.contains("under way"), "{}", refused.text);
    send(&admin, "POST", &format!("{path}/pause"))
        .await
        .expect(200);
    let refused = send(&admin, "POST", &test).await.expect(409);
    assert_eq!(refused.body["code"], "not-now");
    world.app.source(Preset::Okta).await;
    let all = service.list_connections(tenant).await.unwrap();
    let pushed = format!(
        "/api/v1/tenants/default/connections/{}/test",
        all.iter().find(|row| row.kind == "scim").unwrap().id
    );
    let refused = send(&admin, "POST", &pushed).await.expect(409);
    assert!(refused.text.contains("nothing to pull"), "{}", refused.text);
}

#[actix_web::test]
async fn a_dry_run_is_made_by_a_process_that_pulls_and_applies_nothing() {
    let (world, admin, path) = desk().await;
    let scheduler = world.process("a server", |sources| sources);
    assert_eq!(tick_looks(&scheduler).await.unwrap(), 0);
    let asked = send(&admin, "POST", &format!("{path}/dry-run"))
        .await
        .expect(202)
        .body;
    // Whoever asks again waits for the same one.
    world.later(5);
    let again = send(&admin, "POST", &format!("{path}/dry-run"))
        .await
        .expect(202)
        .body;
    assert_eq!(asked["askedAt"], again["askedAt"]);
    world.take_lease("another process").await;
    assert_eq!(
        tick_looks(&scheduler).await.unwrap(),
        0,
        "somebody is at it"
    );
    world.later(61_000);
    assert_eq!(tick_looks(&scheduler).await.unwrap(), 1);
    assert_eq!(tick_looks(&scheduler).await.unwrap(), 0, "it is made once");
    let runs = send(&admin, "GET", asked["runs"].as_str().unwrap())
        .await
        .expect(200)
        .body;
    let run = &runs["items"][0];
    assert_eq!(
        (&run["kind"], &run["state"], &run["applied"]),
        (&json!("dry"), &json!("done"), &json!(0))
    );
    assert!(run["startedAt"].as_str() > asked["askedAt"].as_str());
    let items = format!(
        "/api/v1/tenants/default/runs/{}/items",
        run["id"].as_str().unwrap()
    );
    let plan = send(&admin, "GET", &items).await.expect(200).body;
    assert!(plan["items"].as_array().unwrap().len() > 40, "{plan}");
    assert!(world.people().await.is_empty(), "nothing was applied");
    let actor = &world.list_runs().await[0];
    assert_eq!(actor.actor_kind, "token", "who asked for it made it");
    // One that is paused meanwhile is not looked at, and not later either.
    send(&admin, "POST", &format!("{path}/dry-run"))
        .await
        .expect(202);
    send(&admin, "POST", &format!("{path}/pause"))
        .await
        .expect(200);
    assert_eq!(tick_looks(&scheduler).await.unwrap(), 0);
    send(&admin, "POST", &format!("{path}/resume"))
        .await
        .expect(200);
    assert_eq!(tick_looks(&scheduler).await.unwrap(), 0);
    let refused = send(
        &admin,
        "POST",
        "/api/v1/tenants/default/connections/nobody/dry-run",
    )
    .await;
    refused.expect(404);
    world.app.verify().await;
}

/// A company whose connector may be replaced by a newer one.
struct Newer {
    world: World,
    admin: Client,
    directory: tempfile::TempDir,
}

impl Newer {
    async fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let company = Company::of("bamboohr", 60, 1);
        let clock = Arc::new(ManualClock::at(company.now()));
        let shared: Arc<dyn rosterd::domain::clock::Clock> = Arc::<ManualClock>::clone(&clock);
        let app = TestApp::start_knowing(shared, directory.path().to_owned()).await;
        let tenant = app.tenant.clone();
        let stored = Stored::new(&app.service).with_connectors(directory.path().to_owned());
        let world = World::with(Rc::new(app), clock, tenant, company, JoinerPolicy::Grant).await;
        let world = world.through(|_| Arc::new(stored));
        let admin = world.app.role(&world.tenant, Role::TenantAdmin).await;
        Self {
            world,
            admin,
            directory,
        }
    }

    /// Puts a version of the connector in place, with another line of its mapping.
    fn ship(&self, version: u32, line: (&str, &str)) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/bamboohr.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let shipped = lines.find(|line| line.starts_with("version: ")).unwrap();
        assert!(text.contains(line.0));
        let text = text.replacen(shipped, &format!("version: {version}"), 1);
        let file = self.directory.path().join("bamboohr.yaml");
        std::fs::write(file, text.replace(line.0, line.1)).unwrap();
    }

    async fn version(&self) -> Value {
        let path = format!(
            "/api/v1/tenants/default/connections/{}",
            self.world.connection
        );
        let body = send(&self.admin, "GET", &path).await.expect(200).body;
        body["connectorVersion"].clone()
    }
}

#[actix_web::test]
async fn a_new_version_is_tried_visibly_and_waits_if_it_changes_who_somebody_is() {
    let newer = Newer::begin().await;
    newer.ship(1, ("slug:", "slug:"));
    let world = &newer.world;
    assert_eq!(
        newer.version().await,
        json!({"shipped": 1, "isTriedNext": false})
    );
    world.pull().await;
    let report = world.pull().await;
    assert_eq!(
        (report.run.connector_version, report.run.version_before),
        (Some(1), None)
    );
    let still = json!({"used": 1, "shipped": 1, "isTriedNext": false});
    assert_eq!(newer.version().await, still);
    // One that touches nobody's identity passes, and is in use then.
    let line = (
        "userName: $f.email,",
        "userName: $f.email,\n      nickName: \"x\",",
    );
    newer.ship(2, line);
    assert_eq!(
        newer.version().await,
        json!({"used": 1, "shipped": 2, "isTriedNext": true})
    );
    let report = world.pull().await;
    assert_eq!(
        (report.run.connector_version, report.run.version_before),
        (Some(2), Some(1))
    );
    assert_eq!(report.run.state, "done");
    assert_eq!(
        newer.version().await,
        json!({"used": 2, "shipped": 2, "isTriedNext": false})
    );
    // One that gives people other names waits, whatever is in the limits.
    let names = world.names();
    let line = (
        "userName: $f.email,",
        "nickName: \"x\",\n      userName: (if $f.email then \"new-\" + $f.email else null end),",
    );
    newer.ship(3, line);
    let report = world.pull().await;
    assert_eq!(report.run.state, "waiting");
    assert_eq!(report.run.why_held.as_deref(), Some("settings-changed"));
    let path = format!("/api/v1/tenants/default/runs/{}", report.run.id);
    let run = send(&newer.admin, "GET", &path).await.expect(200).body;
    assert_eq!(
        (&run["connectorVersion"], &run["versionBefore"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(world.names(), names, "nobody is changed");
    assert_eq!(newer.version().await["used"], 2);
    let stored =
        || Stored::new(&world.app.service).with_connectors(newer.directory.path().to_owned());
    let scheduler = world.process("a server", |_| Arc::new(stored()));
    let (sources, tenant) = (stored(), &world.tenant.tenant);
    let opened = Sources::open(&sources, tenant, &world.connection).await;
    let setup = opened.unwrap().unwrap().unwrap().setup;
    let order = scheduler.order(setup, Kind::Manual, operator());
    let bridge = scheduler.bridge();
    let work = bridge.approve(&order, &report.run.id, &Which::All, &Unwatched);
    let done = scheduler.decide(tenant, &world.connection, work).await;
    let done = done.unwrap();
    assert_eq!(done.state, "done");
    assert_eq!(
        newer.version().await,
        json!({"used": 3, "shipped": 3, "isTriedNext": false})
    );
    world.app.verify().await;
}

#[actix_web::test]
async fn a_server_tests_a_connection_and_makes_the_dry_run_that_is_asked_for() {
    let company = Company::of("bamboohr", 30, 1);
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let server = Server::start(&database, files.path()).await;
    let mut add = vec![
        "connection".to_owned(),
        "add".to_owned(),
        "--json".to_owned(),
    ];
    let own = |args: &[&str]| -> Vec<String> { args.iter().map(|a| (*a).to_owned()).collect() };
    add.extend(own(&[
        "--label",
        "HR",
        "--connector",
        "bamboohr",
        "--endpoint",
        &company.base,
    ]));
    let manifest = rosterd::hris::catalogue::Catalogue::load(None).unwrap();
    for field in manifest.find("bamboohr").unwrap().fields() {
        let example = field
            .example
            .clone()
            .filter(|_| field.default.is_none() && !field.optional);
        let Some(value) = company.given(&field.id).or(example) else {
            continue;
        };
        if field.secret {
            let file = files.path().join(&field.id);
            std::fs::write(&file, value).unwrap();
            add.extend(own(&[
                "--secret-file",
                &format!("{}={}", field.id, file.display()),
            ]));
        } else {
            add.extend(own(&["--set", &format!("{}={value}", field.id)]));
        }
    }
    let command = process::command(&database, files.path(), "127.0.0.1:0");
    let made = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = add.iter().map(String::as_str).collect();
        process::run(command, &args)
    });
    let made = made.await.unwrap();
    assert!(made.status.success(), "{}", process::said(&made));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let admin = Client::new(&server.base, process::OPERATOR);
    let path = format!(
        "/api/v1/tenants/default/connections/{}",
        made["id"].as_str().unwrap()
    );
    let tested = send(&admin, "POST", &format!("{path}/test"))
        .await
        .expect(200);
    assert_eq!(tested.body["works"], true, "{}", tested.text);
    let asked = send(&admin, "POST", &format!("{path}/dry-run"))
        .await
        .expect(202)
        .body;
    let mut run = Value::Null;
    for _ in 0..150 {
        let runs = send(&admin, "GET", asked["runs"].as_str().unwrap())
            .await
            .expect(200)
            .body;
        run = runs["items"][0].clone();
        if run["state"] == "done" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(
        (&run["kind"], &run["state"], &run["applied"]),
        (&json!("dry"), &json!("done"), &json!(0))
    );
    assert!(run["planned"].as_u64().unwrap() > 20, "{run}");
    let people = send(&admin, "GET", "/api/v1/tenants/default/people")
        .await
        .expect(200)
        .body;
    assert_eq!(people["items"], json!([]), "nothing was applied");
}
