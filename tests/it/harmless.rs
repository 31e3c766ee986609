//! What a tenant's admin sets for a connector is text: it is not run, reads nothing, and stops nobody. Tried from end to
//! end, by the API and by the shell, with a connector that uses its settings in every place there is.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rosterd::cli::connectors::Connectors;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::SystemClock;
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::service::connections::NewPull;
use serde_json::{Value, json};

use crate::connectors::server::{Reply, Server, list};
use crate::support::process::{command, said};
use crate::support::{TestApp, lines};

/// The key of the tests' services, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// What stands in the environment of the process that pulls.
const HIDDEN: &str = "hunter2-of-the-environment";

const CONNECTOR: &str = r#"
slug: harmless
name: Harmless
version: 1
capabilities: { leavers: true, future_hires: true, manager: [id], incremental: false }
credentials:
  - id: key
    label: { en: Key, fr: Clé }
    secret: true
settings:
  - id: sub
    label: { en: Name, fr: Nom }
    pattern: '^[a-z0-9-]+$'
    default: acme
  - { id: path, label: { en: Path, fr: Chemin }, default: all }
  - { id: text, label: { en: Text, fr: Texte }, default: none }
  - { id: count, label: { en: Count, fr: Nombre }, default: "1" }
  - { id: times, label: { en: Times, fr: Fois }, default: "1" }
  - { id: doc, label: { en: Document, fr: Document }, json: true, optional: true, example: '{}' }
steps:
  - { en: Nothing, fr: Rien }
auth:
  bearer: { token: '{{ key }}' }
lookups:
  things:
    list:
      request:
        method: POST
        reads: A list of this test.
        url: 'https://{{ sub }}.vendor.test/things'
        body: { json: '{"text": {{ text }}}' }
      records: things
    key: id
people:
  request:
    url: 'https://{{ sub }}.vendor.test/people/{{ path }}'
    query: { text: '{{ text }}' }
    headers: { X-Text: '{{ text }}' }
  records: people
  id: id
employment:
  employed: [active]
mapping: |
  .record as $r
  | {
      externalId: $r.id, userName: $r.email, emails: work_email($r.email), title: $settings.text,
      nickName: ([range($settings.count | tonumber)] | length | tostring),
      displayName: ("x" * ($settings.times | tonumber)),
      name: {familyName: $r.last},
      (rosterd): {employmentState: $r.status, startDate: $r.start}
    }
"#;

struct World {
    app: TestApp,
    vendor: Server,
    connection: String,
    files: tempfile::TempDir,
}

/// How a pull ended.
struct Ended {
    text: String,
    is_ok: bool,
    took: Duration,
    /// Most memory that the process had, in bytes.
    peak: u64,
}

impl World {
    async fn of() -> Self {
        let vendor = Server::start(|asked, _| match asked.path.as_str() {
            "/things" => Reply::json(&json!({"things": []})),
            _ => list(1..=3),
        })
        .await;
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join("connectors")).unwrap();
        std::fs::write(files.path().join("connectors/harmless.yaml"), CONNECTOR).unwrap();
        let app =
            TestApp::start_knowing(Arc::new(SystemClock), files.path().join("connectors")).await;
        let new = NewPull {
            label: "HR".to_owned(),
            connector: "harmless".to_owned(),
            policy: JoinerPolicy::List,
            settings: PullSettings {
                endpoint: Some(vendor.url.clone()),
                ..PullSettings::default()
            },
            secrets: vec![("key".to_owned(), SecretText::new("a-key"))],
        };
        // The one that knows the connector.
        let mut service = app.service.clone();
        service.vendors = Arc::new(Connectors::new(Some(files.path().join("connectors"))));
        let made = service.create_pull_connection(&app.tenant, new).await;
        Self {
            connection: made.unwrap().as_str().to_owned(),
            app,
            vendor,
            files,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.app.database, self.files.path(), "127.0.0.1:0");
        command
            .env("ROSTERD_SECRET_KEY", KEY)
            .env(
                "ROSTERD_CONNECTORS_DIR",
                self.files.path().join("connectors"),
            )
            .env("HIDDEN", HIDDEN)
            .args(args);
        command
    }

    /// Sets by the API; the status of the answer and its text.
    async fn set(&self, settings: Value) -> (u16, String) {
        let admin = self.app.role(&self.app.tenant, Role::TenantAdmin).await;
        let path = format!("/api/v1/tenants/default/connections/{}", self.connection);
        let body = json!({"settings": settings}).to_string().into_bytes();
        let answer = admin.raw("PATCH", &path, "application/json", body).await;
        (answer.status, answer.text)
    }

    /// Sets at the shell.
    fn set_at_the_shell(&self, name: &str, value: &str) -> bool {
        let pair = format!("{name}={value}");
        let mut command = self.command(&["connection", "set", &self.connection, "--set", &pair]);
        command.output().unwrap().status.success()
    }

    async fn pull(&self) -> Ended {
        let began = Instant::now();
        let mut child = self
            .command(&["sync", &self.connection])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or_default() << 10);
            assert!(began.elapsed() < Duration::from_secs(120), "it never ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let output = child.wait_with_output().unwrap();
        Ended {
            is_ok: output.status.success(),
            text: said(&output),
            took: began.elapsed(),
            peak,
        }
    }

    fn titles(&self) -> Vec<String> {
        let mut conn = self.app.database.connect();
        let documents = lines(&mut conn, "SELECT CAST(doc AS TEXT) AS line FROM users");
        let titles = documents.iter().map(|doc| {
            let doc: Value = serde_json::from_str(doc).unwrap();
            doc["title"].as_str().unwrap_or_default().to_owned()
        });
        titles.collect()
    }
}

#[actix_web::test]
async fn a_setting_is_text_wherever_it_stands() {
    let world = World::of().await;
    let long = "{{".repeat(2_048);
    let texts = [
        "{{ env.HIDDEN }} {{ HIDDEN }} {{ key }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "$ENV.HIDDEN env.HIDDEN \\(env) \\($ENV.HIDDEN)",
        "${HIDDEN} $(printenv HIDDEN) `printenv HIDDEN` %HIDDEN%",
        "\"}, \"admin\": true, \"x\": {\"",
        "]]><!ENTITY x SYSTEM \"file:///proc/self/environ\">&x;",
        "../../etc/passwd?a=b&c=d#e",
        "'; DROP TABLE users; --",
        &long,
    ];
    for (n, text) in texts.iter().enumerate() {
        match n % 2 {
            0 => assert_eq!(world.set(json!({"text": text})).await.0, 200, "{text}"),
            _ => assert!(world.set_at_the_shell("text", text), "{text}"),
        }
        let before = world.vendor.asked().len();
        let ended = world.pull().await;
        assert!(ended.is_ok, "{text}: {}", ended.text);
        let asked = world.vendor.asked().split_off(before);
        assert_eq!(asked.len(), 2, "{text}");
        assert_eq!(asked[0].json(), json!({"text": text}));
        assert_eq!(asked[1].parameter("text"), Some(*text));
        assert_eq!(asked[1].header("x-text"), Some(*text));
        let titles = world.titles();
        assert!(
            titles.iter().all(|title| title == text),
            "{text}: {titles:?}"
        );
        let bodies: Vec<&String> = asked.iter().map(|a| &a.body).collect();
        let seen = format!("{} {bodies:?} {titles:?}", ended.text);
        assert!(!seen.contains(HIDDEN) && !seen.contains("a-key"), "{seen}");
    }
}

#[actix_web::test]
async fn a_setting_cannot_make_a_pull_loop_or_fill_memory() {
    let world = World::of().await;
    assert!(world.pull().await.is_ok);
    let titles = world.titles();
    assert_eq!(titles.len(), 3);
    for (name, value) in [
        ("count", "99999999999"),
        ("count", "1e300"),
        ("count", "infinite"),
        ("times", "99999999999"),
        ("times", "1e18"),
        ("times", "-1e18"),
    ] {
        assert_eq!(world.set(json!({name: value})).await.0, 200);
        let ended = world.pull().await;
        // The records are refused, each by itself; nobody is touched by that.
        assert!(
            ended.took < Duration::from_secs(60),
            "{name}: {:?}",
            ended.took
        );
        assert!(ended.peak < 1 << 30, "{name}={value}: {} bytes", ended.peak);
        assert_eq!(world.titles(), titles, "{name}={value}: {}", ended.text);
        assert_eq!(world.set(json!({name: "1"})).await.0, 200);
    }
    assert!(world.pull().await.is_ok);
}

#[actix_web::test]
async fn what_breaks_a_rule_is_refused_when_it_is_set_or_is_a_state() {
    let world = World::of().await;
    let many: serde_json::Map<String, Value> =
        (0..101).map(|n| (format!("s{n}"), json!("x"))).collect();
    for (settings, says) in [
        (json!({"text": "x".repeat(4_097)}), "4096"),
        (json!({"text": "a\u{1b}[2Jb"}), "control character"),
        (json!({"Text": "x"}), "a-z"),
        (Value::Object(many), "100"),
    ] {
        let (status, text) = world.set(settings).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains(says), "{text}");
    }
    let deep = "[".repeat(2_000) + &"]".repeat(2_000);
    for (name, value, says) in [
        ("doc", deep.as_str(), "settings.json"),
        ("sub", "evil.example/x", "settings.pattern"),
        ("sub", "acme.vendor.test@evil", "settings.pattern"),
        ("path", "..", "template"),
        ("text", "a\nX-Admin: 1", "template"),
        ("unheard_of", "x", "settings.unknown"),
    ] {
        let (status, text) = world.set(json!({name: value})).await;
        // Where it is checked when it is set, it is refused then.
        if status == 200 {
            let asked = world.vendor.asked().len();
            let ended = world.pull().await;
            assert!(
                !ended.is_ok && ended.text.contains(says),
                "{name}={value}: {}",
                ended.text
            );
            let sent = world.vendor.asked().split_off(asked);
            let is_there = |a: &crate::connectors::server::Asked| {
                a.path.contains("admin") || a.header("x-admin").is_some()
            };
            assert!(!sent.iter().any(is_there), "{sent:?}");
        } else {
            assert_eq!(status, 400, "{text}");
        }
        world.set(json!({name: null})).await;
    }
    // A slash is a sign like others.
    assert_eq!(world.set(json!({"path": "../../admin"})).await.0, 200);
    assert!(world.pull().await.is_ok);
    let asked = world.vendor.asked();
    assert_eq!(asked.last().unwrap().path, "/people/..%2F..%2Fadmin");
}

#[actix_web::test]
async fn a_scope_is_read_within_the_limits_of_filters() {
    let world = World::of().await;
    let admin = world.app.role(&world.app.tenant, Role::TenantAdmin).await;
    let path = format!("/api/v1/tenants/default/connections/{}", world.connection);
    let deep = format!("{}title pr{}", "(".repeat(20_000), ")".repeat(20_000));
    let wide = ["title pr"; 5_000].join(" or ");
    for filter in [
        deep.as_str(),
        &wide,
        "title eq",
        "$ENV pr",
        "title eq \"{{ key }}",
    ] {
        let began = Instant::now();
        let body = json!({"scope": {"filter": filter}})
            .to_string()
            .into_bytes();
        let answer = admin.raw("PATCH", &path, "application/json", body).await;
        let start: String = filter.chars().take(20).collect();
        assert_eq!(answer.status, 400, "{start}");
        assert!(began.elapsed() < Duration::from_secs(2), "{start}");
    }
}
