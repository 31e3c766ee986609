//! The commands, and every connector that is shipped.

use std::process::{Command, Output};

use rosterd::hris::catalogue::Catalogue;
use rosterd::hris::manifest::{Manifest, json_schema};
use serde_json::{Value, json};

use super::server::{Reply, Server, people};
use crate::support::{Database, process};

fn rosterd(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    command.arg("connectors").args(args);
    command
}

async fn run(command: Command) -> Output {
    let mut command = command;
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_connector_holds_together() {
    let catalogue = Catalogue::load(None).unwrap();
    assert!(catalogue.list().count() >= 3);
}

#[test]
fn the_schema_in_docs_is_the_one_of_the_types() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connector.schema.json");
    let wanted = format!("{:#}\n", json_schema());
    if crate::support::variable("ROSTERD_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == wanted,
        "docs/connector.schema.json is not up to date: run this test with ROSTERD_WRITE_SCHEMA=1"
    );
}

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("made-up.yaml"),
        include_str!("made-up.yaml"),
    )
    .unwrap();
    dir
}

#[actix_web::test]
async fn a_connector_of_a_directory_is_listed_shown_checked_and_pulled() {
    let dir = directory();
    let at = dir.path().to_str().unwrap();
    let listed = run(rosterd(&["list", "--connectors-dir", at])).await;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        text.contains("made-up") && text.contains("bamboohr"),
        "{text}"
    );

    let shown = run(rosterd(&[
        "show",
        "made-up",
        "--lang",
        "fr",
        "--connectors-dir",
        at,
    ]))
    .await;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.contains("Clé") && text.contains("1. Créez une clé."),
        "{text}"
    );

    let server = Server::start(|asked, _| {
        assert_eq!(asked.header("authorization"), Some("Bearer s3cret-key"));
        Reply::json(&json!({"people": people(1..=3), "total": 3}))
    })
    .await;
    let key = dir.path().join("key");
    std::fs::write(&key, "s3cret-key\n").unwrap();
    let key = format!("key={}", key.display());
    let common = [
        "--connectors-dir",
        at,
        "--set-file",
        &key,
        "--endpoint",
        &server.url,
    ];
    let mut command = rosterd(&["check", "made-up"]);
    command.args(common);
    let checked = run(command).await;
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        text.contains("the credentials work"),
        "{text}{}",
        said(&checked)
    );
    assert!(
        text.contains("email") && !text.contains("p1@example.com"),
        "{text}"
    );

    let mut command = rosterd(&["pull", "made-up", "--as-of", "2026-11-26"]);
    command.args(common);
    let pulled = run(command).await;
    assert!(pulled.status.success(), "{}", said(&pulled));
    let lines: Vec<Value> = pulled
        .stdout
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", rosterd::hris::ROSTERD],
            "externalId": "1", "userName": "p1@example.com", "active": true,
            "emails": [{"value": "p1@example.com", "type": "work", "primary": true}],
            (rosterd::hris::ROSTERD): {"employmentState": "employed", "startDate": "2020-01-01"},
        })
    );
}

#[actix_web::test]
async fn a_pull_that_is_not_complete_is_no_success() {
    let dir = directory();
    let at = dir.path().to_str().unwrap();
    let server = Server::start(|asked, _| match asked.parameter("offset") {
        Some("0") => Reply::json(&json!({"people": people(1..=3), "total": 4})),
        _ => Reply::json(&json!({"people": [], "total": 4})),
    })
    .await;
    let args = [
        "pull",
        "made-up",
        "--connectors-dir",
        at,
        "--set",
        "key=s3cret-key",
        "--endpoint",
        &server.url,
    ];
    let output = run(rosterd(&args)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("not complete: total_differs announced=4 rows=3"),
        "{}",
        said(&output)
    );

    let broken =
        Server::start(|_, _| Reply::status(401, &json!({"message": "bad s3cret-key"}))).await;
    let args = [
        "pull",
        "made-up",
        "--connectors-dir",
        at,
        "--set",
        "key=s3cret-key",
        "--endpoint",
        &broken.url,
    ];
    let output = run(rosterd(&args)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("enter new ones"),
        "{}",
        said(&output)
    );
    assert!(!said(&output).contains("s3cret"), "{}", said(&output));
}

#[actix_web::test]
async fn values_are_checked_and_never_shown() {
    let dir = directory();
    let at = dir.path().to_str().unwrap();
    for (set, wanted) in [
        ("key=", "settings.missing field=key"),
        ("kye=s3cret", "settings.unknown"),
        ("s3cret", "write NAME=VALUE"),
        ("key=s3cret!", "settings.pattern field=key"),
    ] {
        let output = run(rosterd(&[
            "pull",
            "made-up",
            "--connectors-dir",
            at,
            "--set",
            set,
        ]))
        .await;
        assert!(said(&output).contains(wanted), "{set}: {}", said(&output));
        assert!(
            !said(&output).contains("s3cret"),
            "{set}: {}",
            said(&output)
        );
    }
}

#[test]
fn what_does_not_hold_together_is_refused_at_its_line() {
    let good = include_str!("made-up.yaml");
    let cases = [
        ("slug: made-up", "slug: Made Up", "slug"),
        ("fr: Clé", "fr: ''", "French"),
        (", fr: Clé }", " }", "fr`"),
        ("pattern: '^[a-z0-9-]+$'", "pattern: '[a-z'", "pattern"),
        ("{{ offset }}", "{{ ofset }}", "ofset"),
        ("{{ offset }}", "{{ offset", "line 1"),
        (
            "url: 'https://api.vendor.test/people'",
            "url: 'http://api.vendor.test/people'",
            "https://",
        ),
        (
            "url: 'https://api.vendor.test/people'",
            "url: 'https://api.vendor.test/people?a=b'",
            "query",
        ),
        (
            "url: 'https://api.vendor.test/people'",
            "url: 'https://{{ region }}.vendor.test/people'",
            "pattern",
        ),
        ("id: id", "ident: id", "ident"),
        ("records: people", "records: people..x", "path"),
        ("total: total", "", "until: total"),
        ("employed: [active]", "employed: [gone]", "means two things"),
        ("method: GET", "method: PUT", "PUT"),
        ("method: GET", "method: POST", "reads"),
        ("externalId: $r.id", "externalId: $x.id", "mapping"),
        (
            "bearer: { token: '{{ key }}' }",
            "bearer: { token: '{{ keys }}' }",
            "keys",
        ),
        (
            "bearer: { token: '{{ key }}' }",
            "login: { method: GET, url: 'https://api.vendor.test/in', body: { json: '{}' }, token: t }",
            "a GET has no body",
        ),
    ];
    assert!(Manifest::parse(good, "x.yaml").is_ok());
    for (from, to, wanted) in cases {
        assert!(good.contains(from), "{from}");
        let error = Manifest::parse(&good.replacen(from, to, 1), "x.yaml").unwrap_err();
        assert!(error.line.is_some(), "{to}: {error}");
        assert!(error.to_string().contains(wanted), "{to}: {error}");
    }
}

#[test]
fn two_origins_may_not_share_method_and_path() {
    let good = include_str!("made-up.yaml");
    let with = |url: &str| {
        let text = format!(
            "{good}\nlookups:\n  x:\n    list: {{ request: {{ url: '{url}' }}, records: a }}\n    key: id\n"
        );
        Manifest::parse(&text, "x.yaml")
    };
    assert!(with("https://other.vendor.test/things").is_ok());
    assert!(with("https://api.vendor.test/people").is_ok());
    let error = with("https://other.vendor.test/people").unwrap_err();
    assert!(
        error.to_string().contains("could not tell them apart"),
        "{error}"
    );
}

#[test]
fn what_the_operator_registered_goes_to_no_host_that_a_customer_chooses() {
    let good = include_str!("made-up.yaml").replace(
        "    secret: true\n    example: a-key\n",
        "    secret: true\n    example: a-key\n    given_by: operator\n",
    );
    let with = |host: &str| {
        let region = "  - id: region\n    pattern: '^[a-z0-9.-]+$'\n";
        let text = good.replace("  - id: region\n", region).replace(
            "https://api.vendor.test/people",
            &format!("https://{host}/people"),
        );
        Manifest::parse(&text, "x.yaml")
    };
    assert!(good.contains("given_by"));
    for host in [
        "api.vendor.test",
        "{{ region }}.vendor.test",
        "{{ region }}.api.vendor.test",
    ] {
        assert!(with(host).is_ok(), "{host}: {:?}", with(host).err());
    }
    for host in [
        "{{ region }}",
        "{{ region }}.test",
        "{{ region }}vendor.test",
        "api.{{ region }}",
    ] {
        let error = with(host).unwrap_err().to_string();
        assert!(error.contains("`region` decides where"), "{host}: {error}");
    }
}

#[actix_web::test]
async fn a_connection_is_tried_with_what_is_stored_of_it() {
    let server = Server::start(|asked, _| match asked.header("authorization") {
        Some("Bearer s3cret-key") => Reply::json(&json!({"people": people(1..=3), "total": 3})),
        _ => Reply::status(401, &json!({})),
    })
    .await;
    let (database, dir) = (Database::fresh(), directory());
    let files = tempfile::tempdir().unwrap();
    let shell = async |args: &[&str]| {
        let mut command = process::command(&database, files.path(), "127.0.0.1:0");
        command
            .env("ROSTERD_CONNECTORS_DIR", dir.path())
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        run(command).await
    };
    let made = shell(&["tenant", "create", "default", "--json"]).await;
    assert!(made.status.success(), "{}", process::said(&made));
    let key = dir.path().join("key");
    let keep = |text: &str| std::fs::write(&key, text).unwrap();
    let from = format!("key={}", key.display());
    keep("s3cret-key");
    let add = [
        "connection",
        "add",
        "--json",
        "--label",
        "HR",
        "--connector",
        "made-up",
        "--endpoint",
        &server.url,
        "--secret-file",
        &from,
    ];
    let made = shell(&add).await;
    assert!(made.status.success(), "{}", process::said(&made));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    let tried = shell(&["connection", "test", id]).await;
    let text = process::said(&tried);
    assert!(
        tried.status.success() && text.contains("the credentials work; 3 of 3 records"),
        "{text}"
    );
    assert!(
        text.contains("email") && !text.contains("p1@example.com"),
        "{text}"
    );
    // Nobody was brought by it.
    let people = shell(&["person", "list", "--json"]).await;
    assert!(!process::said(&people).contains("p1@example.com"));
    keep("old-key");
    let set = shell(&["connection", "set", id, "--secret-file", &from]).await;
    assert!(set.status.success(), "{}", process::said(&set));
    let tried = shell(&["connection", "test", id]).await;
    assert!(
        !tried.status.success() && !process::said(&tried).contains("old-key"),
        "{}",
        process::said(&tried)
    );
    // What the connector does not ask for is refused.
    for (args, says) in [
        (["--set", "zone=1"], "no setting `zone`; it takes region"),
        (
            ["--secret-file", &from.replace("key=", "keys=")],
            "no credential `keys`; it takes key (required)",
        ),
    ] {
        let args = [&["connection", "set", id], &args[..]].concat();
        let refused = shell(&args).await;
        assert!(
            !refused.status.success() && process::said(&refused).contains(says),
            "{}",
            process::said(&refused)
        );
    }
    shell(&["connection", "pause", id]).await;
    let tried = shell(&["connection", "test", id]).await;
    assert!(
        process::said(&tried).contains("resume it first"),
        "{}",
        process::said(&tried)
    );
}

#[actix_web::test]
async fn the_example_of_the_docs_pulls_a_plain_api() {
    let page = include_str!("../../../docs/CONNECTORS.md");
    let (_, after) = page.split_once("## An API of your own").unwrap();
    let (_, after) = after.split_once("```yaml\n").unwrap();
    let (yaml, _) = after.split_once("```").unwrap();
    let manifest = Manifest::parse(yaml, "docs/CONNECTORS.md").unwrap();
    let server = Server::start(|asked, _| {
        assert_eq!(asked.header("X-Api-Key"), Some("s3cret-key"));
        let marta = json!({"id": "1001", "email": "marta.quill@example.com", "firstName": "Marta", "lastName": "Quill",
            "title": "Head of Support", "department": {"id": "d1", "name": "Support"}, "manager": null,
            "status": "active", "startDate": "2019-05-01", "endDate": null});
        let olof = json!({"id": "0930", "email": "olof.berg@example.com", "firstName": "Olof", "lastName": "Berg",
            "title": "Agent", "department": {"id": "d1", "name": "Support"}, "manager": {"id": "1001"},
            "status": "terminated", "startDate": "2020-01-01", "endDate": "2026-06-30"});
        let (person, next) = match asked.parameter("cursor") {
            Some("two") => (olof, Value::Null),
            _ => (marta, json!("two")),
        };
        Reply::json(&json!({"data": [person], "meta": {"next_cursor": next, "total": 2}}))
    })
    .await;
    let given = super::Setting {
        given: vec![("api_key", "s3cret-key")],
        ..super::Setting::default()
    };
    let pulled = super::pull_with(&manifest, &server, given).await;
    assert!(pulled.gaps().is_empty(), "{:?}", pulled.outcome);
    let user = Value::Object(pulled.people[1].user.clone());
    assert_eq!(user[rosterd::hris::ENTERPRISE]["manager"]["value"], "1001");
    assert_eq!(pulled.people[1].employment.as_str(), "left");
    assert_eq!(pulled.people[0].user["title"], "Head of Support");
}
