//! Settings of connections and tenants, by the API and at the shell: each is set, read, refused with its rule, journalled,
//! and stands in `docs/SETTINGS.md`, which is made of the table here and held against the code. And a provider that both
//! pushes and is pulled.

use std::collections::BTreeSet;
use std::process::Output;

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::process::{self, said};
use crate::support::{Answer, Client, Database, TestApp, lines, variable};

/// A setting: of what, its name in the API, its flag, its first value as JSON, what it takes, what it means.
struct Setting(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const PULLED: &str = "connection that is pulled";
const ANY: &str = "any connection";
const TENANT: &str = "tenant";

const TABLE: &[Setting] = &[
    Setting(
        ANY,
        "label",
        "--label",
        "",
        "one line of at most 200 characters",
        "How it is shown",
    ),
    Setting(
        ANY,
        "policy",
        "--joiner-policy",
        "\"list\"",
        "`list`, `invite` or `grant`",
        "What happens to people whom it brings; of one that pushes at first `grant`",
    ),
    Setting(
        PULLED,
        "settings",
        "--set, --unset",
        "{}",
        "what its connector asks for, at most 100 texts of 4,096 bytes",
        "Values of the connector that are no secret; `connectors show` lists them",
    ),
    Setting(
        PULLED,
        "schedule.everyMinutes",
        "--every",
        "180",
        "5 to 1440",
        "Minutes from one pull to the next; a tenth more or less",
    ),
    Setting(
        PULLED,
        "schedule.confirmMinutes",
        "--confirm-after",
        "5",
        "1 to 1440",
        "Minutes after a complete pull that misses somebody until another confirms that she is gone; of files another file confirms it",
    ),
    Setting(
        ANY,
        "guard.maxLeavers",
        "--max-leavers",
        "5",
        "0 to 1,000,000",
        "Most people who lose access within 24 hours before a plan waits for an admin: when it is beyond *both* limits. By one that pushes within one hour, before further ones are parked",
    ),
    Setting(
        ANY,
        "guard.maxPercent",
        "--max-percent",
        "10",
        "0 to 100",
        "The same as a percentage of those with access",
    ),
    Setting(
        PULLED,
        "scope.filter",
        "--scope",
        "null",
        "a SCIM filter; null: everybody",
        "Whom it brings",
    ),
    Setting(
        PULLED,
        "scope.leaving",
        "--leaving",
        "\"keep\"",
        "`keep` or `revoke`",
        "What happens to who leaves the scope but not the company",
    ),
    Setting(
        PULLED,
        "matching.alsoBy",
        "--match-by",
        "\"none\"",
        "`none`, `source-id` or `employee-number`",
        "What of a record is compared with the `externalId` under which other sources, and the app, know people; beside link and verified address",
    ),
    Setting(
        PULLED,
        "matching.addresses",
        "--addresses",
        "\"work\"",
        "`work` or `work-then-private`",
        "Which addresses of a record count and are kept. Private ones come from files alone: no shipped connector of an API reads them",
    ),
    Setting(
        PULLED,
        "zone",
        "--time-zone",
        "null",
        "a zone of the IANA list; null: the tenant's",
        "Where days of records that name no zone begin and end",
    ),
    Setting(
        TENANT,
        "verifiedDomains",
        "--verified-domain",
        "[]",
        "at most 500 domains; none: all count",
        "By addresses of these a source takes somebody over who is there",
    ),
    Setting(
        TENANT,
        "returnDays",
        "--return-days",
        "30",
        "0 to 3650",
        "Days within which somebody revoked by a source who returns gets back what she had",
    ),
    Setting(
        TENANT,
        "timeZone",
        "--time-zone",
        "\"UTC\"",
        "a zone of the IANA list; null: UTC",
        "Where days begin and end that name no zone, and the last day of what is announced",
    ),
    Setting(
        TENANT,
        "precedence",
        "--precedence",
        "{\"title\":[\"hris\"],\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":[\"hris\"],\"userName\":[\"scim\"],\"userType\":[\"hris\"]}",
        "at most 200 rules: an attribute, a sub-attribute, an extension or `*`, and the sources that come first there (`hris`, `scim`, `app`, the id of a connection); a path that is not named goes by its rule at first",
        "Whose value is in force where several sources assert one; ties go by the age of the connection, the app last. Everybody is recomputed; `POST …/precedence:dry-run` and `--dry-run` show who would change",
    ),
    Setting(
        TENANT,
        "justInTime",
        "--just-in-time",
        "false",
        "`true` or `false`",
        "Whether somebody listed who works, whose address is verified, about whom no question is open and no human decided is let in when she signs in",
    ),
];

const PAGE: &str = "docs/SETTINGS.md";

fn page() -> String {
    let mut page = "# Settings\n\nEach can be set and read by the API and at the shell, is refused with its rule, and leaves an entry in the journal. \
        Made of\n`tests/it/connection_settings.rs`, which holds it against the code; do not edit.\n\n\
        Of a connection: `PATCH /api/v1/tenants/{tenant}/connections/{id}` and `rosterd connection set`; when it is made, POST and \
        `connection add`\ntake the same. Of a tenant: `PATCH /api/v1/tenants/{tenant}/settings` and `rosterd tenant set`.\n"
        .to_owned();
    for of in [ANY, PULLED, TENANT] {
        page += &format!("\n## Of a {of}\n\n| API | shell | at first | takes | meaning |\n| --- | --- | --- | --- | --- |\n").replace("a any", "any");
        for Setting(_, name, flag, first, takes, about) in TABLE.iter().filter(|s| s.0 == of) {
            let first = match *first {
                "" | "null" | "{}" | "[]" => String::new(),
                first => format!("`{}`", first.trim_matches('"')),
            };
            page += &format!("| `{name}` | `{flag}` | {first} | {takes} | {about} |\n");
        }
    }
    page + "\n## Beside these\n\n| what | API | shell |\n| --- | --- | --- |\n\
        | Leavers that are announced: up to so many more until a day | `PUT`, `DELETE …/connections/{id}/announcement` | `connection announce` |\n\
        | Credentials, which nobody reads again | `PUT`, `DELETE …/connections/{id}/secrets/{name}` | `--secret`, `--secret-file`, `--delete-secret` |\n\
        | Paused or active | `POST …/connections/{id}/pause`, `resume` | `connection pause`, `resume` |\n\
        | Name of a tenant; suspended or active | `PATCH …/tenants/{tenant}`, the operator | `tenant rename`, `suspend`, `resume` |\n\
        | Where requests go instead of the vendor | not by the API: whoever sets it decides who sees the credentials | `connection set --endpoint` |\n\
        | How mails look; who is told of notices ([MAIL.md](MAIL.md)) | `PUT …/tenants/{tenant}/brand`, `notice-recipients` | `mail brand`, `notices recipients` |\n\
        | Sources in private networks; folders; connectors of a directory | not by the API | the operator's configuration: `pull_private`, `files_dir`, `connectors_dir` |\n"
}

#[test]
fn the_page_of_settings_is_made_of_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stands, page(), "ROSTERD_WRITE_DOCS=1 writes it");
}

/// Names of what a schema of the OpenAPI document takes, with those inside: `guard.maxLeavers`.
fn leaves(document: &Value, schema: &Value, before: &str, found: &mut BTreeSet<String>) {
    let mut schema = schema;
    for part in schema["oneOf"].as_array().into_iter().flatten() {
        if part.get("$ref").is_some() {
            schema = part;
        }
    }
    if let Some(path) = schema["$ref"].as_str() {
        let path = path.trim_start_matches("#/").split('/');
        return leaves(
            document,
            path.fold(document, |value, part| &value[part]),
            before,
            found,
        );
    }
    match schema["properties"].as_object() {
        None => drop(found.insert(before.to_owned())),
        Some(properties) => {
            for (name, inner) in properties {
                let dot = if before.is_empty() { "" } else { "." };
                leaves(document, inner, &format!("{before}{dot}{name}"), found);
            }
        }
    }
}

fn named(of: &[&str], part: impl Fn(&Setting) -> &'static str) -> BTreeSet<String> {
    let rows = TABLE.iter().filter(|s| of.contains(&s.0));
    let names = rows.flat_map(|s| part(s).split(", "));
    names.map(str::to_owned).collect()
}

/// Flags that a command takes of its own.
fn flags(args: &[&str]) -> BTreeSet<String> {
    let files = tempfile::tempdir().unwrap();
    let command = process::command(&Database::fresh(), files.path(), "127.0.0.1:0");
    let help = said(&process::run(command, &[args, &["-h"]].concat()));
    let flags = help.lines().filter_map(|line| {
        let flag = line
            .trim_start()
            .split("--")
            .nth(1)
            .filter(|_| line.trim_start().starts_with('-'))?;
        Some(format!("--{}", flag.split([' ', ',', '<']).next()?))
    });
    let others = [
        "--help",
        "--json",
        "--tenant",
        "--config",
        "--secret",
        "--secret-file",
        "--delete-secret",
        "--endpoint",
        "--dry-run",
    ];
    flags
        .filter(|flag| !others.contains(&flag.as_str()))
        .collect()
}

#[actix_web::test]
async fn the_table_has_every_setting_of_api_and_shell_and_no_other() {
    let app = TestApp::start().await;
    let nobody = app.client("x").anonymous();
    let document = nobody
        .raw("GET", "/api/openapi.json", "", Vec::new())
        .await
        .expect(200)
        .body;
    let takes = |name: &str| {
        let mut found = BTreeSet::new();
        leaves(
            &document,
            &document["components"]["schemas"][name],
            "",
            &mut found,
        );
        found
    };
    assert_eq!(takes("ConnectionPatch"), named(&[ANY, PULLED], |s| s.1));
    assert_eq!(takes("SettingsPatch"), named(&[TENANT], |s| s.1));
    // What can be changed can be given when it is made.
    let creates = takes("ConnectionToCreate");
    let missing: Vec<_> = takes("ConnectionPatch")
        .difference(&creates)
        .cloned()
        .collect();
    assert_eq!(missing, [""; 0]);
    assert_eq!(
        flags(&["connection", "set"]),
        named(&[ANY, PULLED], |s| s.2)
    );
    assert_eq!(flags(&["tenant", "set"]), named(&[TENANT], |s| s.2));
}

/// The order of sources of a tenant that sets nothing.
fn first_rules() -> Value {
    json!(rosterd::domain::precedence::at_first())
}

struct Desk {
    app: TestApp,
    admin: Client,
    id: String,
}

impl Desk {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        let body = json!({"kind": "hris", "connector": "x", "label": "HR"});
        let mut desk = Self {
            app,
            admin,
            id: String::new(),
        };
        desk.id = desk
            .send("POST", "/connections", Some(body))
            .await
            .expect(201)
            .id();
        desk
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/tenants/default{path}");
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        self.admin
            .raw(method, &path, "application/json", body)
            .await
    }

    async fn patch(&self, body: Value) -> Answer {
        let path = format!("/connections/{}", self.id);
        self.send("PATCH", &path, Some(body)).await
    }
}

#[actix_web::test]
async fn every_setting_is_at_first_what_the_table_says() {
    let desk = Desk::open().await;
    let connection = desk
        .send("GET", &format!("/connections/{}", desk.id), None)
        .await
        .expect(200)
        .body;
    let tenant = desk.send("GET", "/settings", None).await.expect(200).body;
    for Setting(of, name, _, first, ..) in TABLE.iter().filter(|s| !s.3.is_empty()) {
        let whole = if *of == TENANT { &tenant } else { &connection };
        let told = name.split('.').fold(whole, |value, part| &value[part]);
        assert_eq!(
            told,
            &serde_json::from_str::<Value>(first).unwrap(),
            "{name}"
        );
    }
}

#[actix_web::test]
async fn settings_of_a_connection_are_set_read_refused_and_journalled() {
    let desk = Desk::open().await;
    let changed = desk
        .patch(json!({
            "schedule": {"confirmMinutes": 30}, "zone": "Europe/Paris",
            "matching": {"alsoBy": "employee-number", "addresses": "work-then-private"},
            "scope": {"filter": "title pr"},
        }))
        .await
        .expect(200)
        .body;
    let read = desk
        .send("GET", &format!("/connections/{}", desk.id), None)
        .await
        .body;
    for body in [&changed, &read] {
        assert_eq!(
            body["schedule"],
            json!({"everyMinutes": 180, "confirmMinutes": 30})
        );
        assert_eq!(
            body["matching"],
            json!({"alsoBy": "employee-number", "addresses": "work-then-private"})
        );
        assert_eq!(
            (&body["zone"], &body["scope"]["filter"]),
            (&json!("Europe/Paris"), &json!("title pr"))
        );
    }
    let entries = desk.app.verify().await.entries;
    for (body, says) in [
        (
            json!({"schedule": {"confirmMinutes": 0}}),
            "`schedule.confirmMinutes` takes 1 to 1440",
        ),
        (
            json!({"schedule": {"confirmMinutes": 1441}}),
            "`schedule.confirmMinutes` takes 1 to 1440",
        ),
        (
            json!({"zone": "Mars/Olympus"}),
            "`zone` takes a time zone of the IANA list, such as Europe/Paris",
        ),
        (json!({"matching": {"alsoBy": "name"}}), "employee-number"),
        (
            json!({"matching": {"addresses": "private"}}),
            "work-then-private",
        ),
        (json!({"matching": {"by": "name"}}), "alsoBy"),
        (json!({"guard": {"announced": 5}}), "maxLeavers"),
    ] {
        let refused = desk.patch(body).await.expect(400);
        assert!(refused.text.contains(says), "{}", refused.text);
    }
    desk.patch(json!({"zone": "Europe/Paris"}))
        .await
        .expect(200);
    assert_eq!(
        desk.app.verify().await.entries,
        entries,
        "nothing new was written"
    );
    let body = desk
        .patch(json!({"zone": null, "scope": {"filter": null}}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (body.get("zone"), body["scope"].get("filter")),
        (None, None)
    );
    let sql = "SELECT action AS line FROM journal WHERE action = 'connection.updated'";
    assert_eq!(lines(&mut desk.app.database.connect(), sql).len(), 2);
    let push = json!({"kind": "scim", "label": "x", "zone": "Europe/Paris"});
    let refused = desk
        .send("POST", "/connections", Some(push))
        .await
        .expect(400);
    assert!(refused.text.contains("`zone` is only for the kind `hris`"));
}

#[actix_web::test]
async fn settings_of_a_tenant_are_set_read_refused_and_journalled() {
    let desk = Desk::open().await;
    let patch = async |body: Value| desk.send("PATCH", "/settings", Some(body)).await;
    let body = json!({"verifiedDomains": ["B.example", "@münchen.example", "b.example"], "returnDays": 0, "timeZone": "Asia/Tokyo"});
    let set = patch(body).await.expect(200).body;
    let want = json!({"verifiedDomains": ["b.example", "xn--mnchen-3ya.example"], "returnDays": 0, "timeZone": "Asia/Tokyo",
        "precedence": first_rules(), "justInTime": false});
    assert_eq!(set, want);
    assert_eq!(
        desk.send("GET", "/settings", None).await.expect(200).body,
        want
    );
    let entries = desk.app.verify().await.entries;
    for (body, says) in [
        (json!({"returnDays": -1}), "`returnDays` takes 0 to 3650"),
        (json!({"returnDays": 3651}), "`returnDays` takes 0 to 3650"),
        (
            json!({"timeZone": "CEST+3"}),
            "`timeZone` takes a time zone",
        ),
        (
            json!({"verifiedDomains": ["x@b.example"]}),
            "such as example.com",
        ),
        (
            json!({"verifiedDomains": ["localhost"]}),
            "such as example.com",
        ),
        (json!({"verifiedDomain": []}), "verifiedDomains"),
    ] {
        let refused = patch(body).await.expect(400);
        assert!(refused.text.contains(says), "{}", refused.text);
    }
    patch(want).await.expect(200);
    assert_eq!(
        desk.app.verify().await.entries,
        entries,
        "nothing new was written"
    );
    let body = patch(json!({"verifiedDomains": [], "timeZone": null}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        body,
        json!({"verifiedDomains": [], "returnDays": 0, "timeZone": "UTC", "precedence": first_rules(), "justInTime": false})
    );
    assert_eq!(desk.app.verify().await.entries, entries + 1);
    let auditor = desk.app.role(&desk.app.tenant, Role::Auditor).await;
    let path = "/api/v1/tenants/default/settings";
    auditor
        .raw("GET", path, "application/json", Vec::new())
        .await
        .expect(200);
    auditor
        .raw("PATCH", path, "application/json", b"{}".to_vec())
        .await
        .expect(403);
}

#[test]
fn the_same_is_set_and_read_at_the_shell() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| {
        process::run(
            process::command(&database, files.path(), "127.0.0.1:0"),
            args,
        )
    };
    let printed = |output: Output| -> Value {
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    };
    printed(shell(&["tenant", "create", "default", "--json"]));
    let set = [
        "tenant",
        "set",
        "default",
        "--json",
        "--verified-domain",
        "a.example",
        "--verified-domain",
        "b.example",
        "--return-days",
        "7",
        "--time-zone",
        "Europe/Paris",
    ];
    let want = json!({"verifiedDomains": ["a.example", "b.example"], "returnDays": 7, "timeZone": "Europe/Paris",
        "precedence": first_rules(), "justInTime": false});
    assert_eq!(printed(shell(&set)), want);
    assert_eq!(
        printed(shell(&["tenant", "show", "default", "--json"]))["settings"],
        want
    );
    let set = [
        "tenant",
        "set",
        "default",
        "--json",
        "--verified-domain",
        "",
        "--time-zone",
        "",
    ];
    assert_eq!(
        printed(shell(&set)),
        json!({"verifiedDomains": [], "returnDays": 7, "timeZone": "UTC", "precedence": first_rules(), "justInTime": false})
    );
    let refused = shell(&["tenant", "set", "default", "--time-zone", "Mars"]);
    assert!(
        !refused.status.success() && said(&refused).contains("such as Europe/Paris"),
        "{}",
        said(&refused)
    );

    let add = [
        "connection",
        "add",
        "--json",
        "--label",
        "HR",
        "--connector",
        "csv",
        "--match-by",
        "employee-number",
    ];
    let made = printed(shell(&add));
    let id = made["id"].as_str().unwrap();
    let set = [
        "connection",
        "set",
        id,
        "--json",
        "--confirm-after",
        "30",
        "--addresses",
        "work-then-private",
        "--time-zone",
        "Asia/Tokyo",
    ];
    printed(shell(&set));
    let shown = printed(shell(&["connection", "show", id, "--json"]));
    assert_eq!(
        shown["schedule"],
        json!({"everyMinutes": 180, "confirmMinutes": 30})
    );
    assert_eq!(
        shown["matching"],
        json!({"alsoBy": "employee-number", "addresses": "work-then-private"})
    );
    assert_eq!(shown["zone"], "Asia/Tokyo");
    assert_eq!(
        shown["connectorVersion"],
        json!({"used": null, "shipped": 1, "isTriedNext": false})
    );
    for (flag, value, says) in [
        (
            "--match-by",
            "name",
            "--match-by takes one of none, source-id, employee-number",
        ),
        (
            "--addresses",
            "home",
            "--addresses takes one of work, work-then-private",
        ),
        ("--leaving", "x", "--leaving takes one of keep, revoke"),
        ("--confirm-after", "0", "takes 1 to 1440"),
        ("--time-zone", "Mars", "such as Europe/Paris"),
    ] {
        let refused = shell(&["connection", "set", id, flag, value]);
        assert!(
            !refused.status.success() && said(&refused).contains(says),
            "{}",
            said(&refused)
        );
    }

    let now = rosterd::domain::clock::Clock::now(&rosterd::domain::clock::SystemClock);
    let today = rosterd::domain::calendar::day_at(now, None).unwrap();
    let until = (today + chrono::Days::new(2)).to_string();
    let told = printed(shell(&[
        "connection",
        "announce",
        id,
        "--json",
        "--people",
        "40",
        "--until",
        &until,
    ]));
    assert_eq!(
        (&told["people"], &told["until"]),
        (&json!(40), &json!(until))
    );
    assert_eq!(
        printed(shell(&["connection", "show", id, "--json"]))["announced"],
        told
    );
    let listed = said(&shell(&["connection", "list"]));
    assert!(
        listed.contains(&format!("40 leavers announced until {until}")),
        "{listed}"
    );
    for (args, says) in [
        (
            ["--people", "0", "--until", until.as_str()],
            "`people` takes 1 to",
        ),
        (
            ["--people", "5", "--until", "2020-01-01"],
            "from today to 90 days ahead",
        ),
        (["--people", "5", "--until", "soon"], "--until"),
    ] {
        let refused = shell(&[&["connection", "announce", id], &args[..]].concat());
        assert!(
            !refused.status.success() && said(&refused).contains(says),
            "{}",
            said(&refused)
        );
    }
    printed(shell(&[
        "connection",
        "announce",
        id,
        "--json",
        "--withdraw",
    ]));
    assert_eq!(
        printed(shell(&["connection", "show", id, "--json"])).get("announced"),
        None
    );
    let journal = said(&shell(&["audit", "query"]));
    for action in [
        "tenant.settings_changed",
        "connection.leavers_announced",
        "connection.announcement_withdrawn",
    ] {
        assert!(journal.contains(action), "{action}: {journal}");
    }

    // A provider that pushes and is pulled, at the shell.
    printed(shell(&[
        "connection",
        "add",
        "--json",
        "--label",
        "SSO",
        "--preset",
        "google",
    ]));
    let key = files.path().join("key");
    std::fs::write(&key, "{}").unwrap();
    let secret = format!("service_account_key={}", key.display());
    let add = [
        "connection",
        "add",
        "--json",
        "--label",
        "Directory",
        "--connector",
        "google-workspace",
        "--set",
        "administrator_email=a@x.example",
        "--secret-file",
        &secret,
    ];
    let refused = shell(&add);
    assert!(
        !refused.status.success() && said(&refused).contains("--beside-push"),
        "{}",
        said(&refused)
    );
    printed(shell(&[&add[..], &["--beside-push"]].concat()));
}

#[actix_web::test]
async fn a_provider_pushes_and_is_pulled_at_once_only_after_somebody_said_so() {
    for is_push_first in [true, false] {
        let desk = Desk::open().await;
        let push = json!({"kind": "scim", "preset": "google", "label": "SSO"});
        let pull = json!({"kind": "hris", "connector": "google-workspace", "label": "Directory"});
        let (first, second) = if is_push_first {
            (push, pull)
        } else {
            (pull, push)
        };
        let made = desk
            .send("POST", "/connections", Some(first))
            .await
            .expect(201)
            .id();
        let refused = desk
            .send("POST", "/connections", Some(second.clone()))
            .await
            .expect(409);
        assert_eq!(refused.body["code"], "not-now");
        for part in ["`google`", "besidePush", &made] {
            assert!(refused.text.contains(part), "{}", refused.text);
        }
        // Another tenant's is nobody's business.
        let other = desk.app.tenant("other").await;
        let admin = desk.app.role(&other, Role::TenantAdmin).await;
        let path = "/api/v1/tenants/other/connections";
        admin
            .raw(
                "POST",
                path,
                "application/json",
                second.to_string().into_bytes(),
            )
            .await
            .expect(201);
        let mut confirmed = second;
        confirmed["besidePush"] = json!(true);
        desk.send("POST", "/connections", Some(confirmed))
            .await
            .expect(201);
        let sql = "SELECT value AS line FROM journal_values WHERE value = 'true'";
        let noted = lines(&mut desk.app.database.connect(), sql);
        assert_eq!(
            noted.len(),
            1,
            "that somebody confirmed it is in the journal"
        );
    }
    // Other providers come beside each other as before.
    let desk = Desk::open().await;
    desk.app.source(Preset::Okta).await;
    let pull = json!({"kind": "hris", "connector": "google-workspace", "label": "Directory"});
    desk.send("POST", "/connections", Some(pull))
        .await
        .expect(201);
}

#[test]
fn a_connectors_provider_is_a_preset() {
    let catalogue = rosterd::hris::catalogue::Catalogue::load(None).unwrap();
    let providers: Vec<&str> = catalogue
        .cards()
        .iter()
        .filter_map(|card| card.provider)
        .collect();
    assert_eq!(providers, ["google"]);
    assert!(providers.iter().all(|p| Preset::parse(p).is_some()));
}
