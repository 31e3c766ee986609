//! What the operator's machines and the operator are told: alerts and `rosterd doctor`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::process::{OPERATOR, Server, TOKEN, command, run, said};
use crate::support::{Client, Database, execute, http_client};
use crate::upgrade::of_the_first_release;

const ALERTS: &str = include_str!("../../docs/alerts.yml");

/// Names of metrics in a text, as they are described: without what Prometheus adds to histograms.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("rosterd_"))
        .map(|word| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| word.strip_suffix(end))
                .unwrap_or(word)
                .to_owned()
        })
        .collect()
}

#[actix_web::test]
async fn every_metric_of_the_alerts_is_exported() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    Client::new(&server.base, TOKEN)
        .create_user("ann@x.test")
        .await;
    Client::new(&server.base, "wrong")
        .get("/Users")
        .await
        .expect(401);
    let metrics = http_client()
        .get(format!("{}/metrics", server.base))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let samples: String = metrics
        .lines()
        .filter(|l| !l.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    let exported = named(&samples);
    let mut wanted = named(ALERTS);
    assert!(wanted.len() > 8, "{wanted:?}");
    if !database.url.is_sqlite() {
        // They are about SQLite's file.
        wanted.retain(|name| {
            !["rosterd_disk_free_bytes", "rosterd_wal_bytes"].contains(&name.as_str())
        });
    }
    let missing: Vec<&String> = wanted.difference(&exported).collect();
    assert!(missing.is_empty(), "{missing:?} of {exported:?}");
    assert!(!metrics.contains("ann@"));
}

#[test]
fn every_alert_says_whose_it_is_and_what_to_do() {
    let mut count = 0;
    for group in ALERTS.split("  - name: ").skip(1) {
        let name = group.lines().next().unwrap();
        assert!(["ours", "a-customer", "a-vendor"].contains(&name), "{name}");
        for alert in group.split("- alert: ").skip(1) {
            count += 1;
            for part in [
                "expr: ",
                "for: ",
                &format!("labels: {{whose: {name}, severity: "),
                "summary: ",
                "action: ",
            ] {
                assert!(alert.contains(part), "{part} in {alert}");
            }
        }
    }
    assert!(count > 8, "{count}");
}

fn doctor(command: Command) -> (Option<i32>, Vec<Value>, String) {
    let output = run(command, &["doctor", "--json"]);
    let text = said(&output);
    let line = text
        .lines()
        .find(|l| l.starts_with("{\"findings\""))
        .unwrap_or_else(|| panic!("{text}"));
    let report: Value = serde_json::from_str(line).unwrap();
    (
        output.status.code(),
        report["findings"].as_array().unwrap().clone(),
        text,
    )
}

fn plain(database: &Database, files: &Path) -> Command {
    command(database, files, "127.0.0.1:0")
}

/// A data directory as the server itself would have made it.
fn data_directory() -> tempfile::TempDir {
    let files = tempfile::tempdir().unwrap();
    std::fs::set_permissions(files.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    files
}

/// What is not in order, without the machine's own disk.
fn complaints(findings: &[Value]) -> Vec<String> {
    findings
        .iter()
        .filter(|f| f["level"] != "ok" && f["check"] != "disk")
        .map(|f| format!("{} {}: {}", f["level"], f["check"], f["detail"]).replace('"', ""))
        .collect()
}

#[actix_web::test]
async fn a_doctor_finds_nothing_wrong_with_what_a_server_left() {
    let database = of_the_first_release();
    let files = data_directory();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    client.create_user("joins@x.test").await;
    let (_, findings, text) = doctor(plain(&database, files.path()));
    assert_eq!(complaints(&findings), Vec::<String>::new(), "{text}");
    let servers = findings.iter().find(|f| f["check"] == "servers").unwrap();
    assert!(
        servers["detail"].as_str().unwrap().starts_with("1 running"),
        "{servers}"
    );
    for secret in ["@", TOKEN, OPERATOR, "AAAAAAAA"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let shown = run(plain(&database, files.path()), &["doctor"]);
    assert!(
        said(&shown).contains("totals    every total"),
        "{}",
        said(&shown)
    );
}

#[actix_web::test]
async fn a_doctor_names_each_trouble_and_what_to_do() {
    let database = Database::fresh();
    let files = data_directory();
    let server = Server::start(&database, files.path()).await;
    Client::new(&server.base, TOKEN)
        .create_user("ann@x.test")
        .await;
    drop(server);
    let mut conn = database.connect();
    execute(&mut conn, "DELETE FROM leases");
    let cases = [
        (
            "fail totals",
            "0 users kept, 1 counted",
            "UPDATE heads SET users = 0 WHERE users = 1",
            "UPDATE heads SET users = 1 WHERE users = 0 AND public_users = 1",
        ),
        (
            "fail totals",
            "groups it manages",
            "UPDATE connections SET managed_groups = 3",
            "UPDATE connections SET managed_groups = 0",
        ),
        (
            "fail journal",
            "default: the head stands at",
            "UPDATE heads SET sequence = sequence + 1 WHERE users = 1",
            "UPDATE heads SET sequence = sequence - 1 WHERE users = 1",
        ),
        (
            "fail journal",
            "do not fit",
            "UPDATE heads SET epoch = 2 WHERE users = 1",
            "UPDATE heads SET epoch = 1",
        ),
        (
            "warn tokens",
            "(connection) ended",
            "UPDATE credentials SET expires_at = 1000 WHERE role = 'connection'",
            "UPDATE credentials SET expires_at = NULL",
        ),
        (
            "warn servers",
            "2 running, versions: 9.0.0, 9.1.0",
            "INSERT INTO leases VALUES ('replica/a', '9.0.0', 1, 99999999999999), ('replica/b', '9.1.0', 1, 99999999999999)",
            "DELETE FROM leases",
        ),
        (
            "fail clock",
            "seconds ahead",
            "UPDATE journal SET at = at + 3600000 WHERE action = 'user.created'",
            "UPDATE journal SET at = at - 3600000 WHERE action = 'user.created'",
        ),
    ];
    for (complaint, detail, damage, mend) in cases {
        execute(&mut conn, damage);
        let (code, findings, text) = doctor(plain(&database, files.path()));
        let found = complaints(&findings);
        let hit = found
            .iter()
            .any(|c| c.starts_with(complaint) && c.contains(detail));
        assert!(hit, "{complaint} {detail} in {text}");
        if complaint.starts_with("fail") {
            assert_eq!(code, Some(1));
        }
        assert!(
            findings
                .iter()
                .all(|f| f["level"] == "ok" || f["next"] != ""),
            "{text}"
        );
        execute(&mut conn, mend);
    }
    let (_, findings, _) = doctor(plain(&database, files.path()));
    assert_eq!(complaints(&findings), Vec::<String>::new());
    let mut other = plain(&database, files.path());
    other.env(
        "ROSTERD_SECRET_KEY",
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
    );
    let (code, findings, text) = doctor(other);
    assert!(
        code == Some(1) && complaints(&findings)[0].starts_with("fail key"),
        "{text}"
    );
    let mut unreachable = plain(&database, files.path());
    unreachable.env(
        "ROSTERD_DATABASE_URL",
        "postgres://me:hunter2@127.0.0.1:9/r",
    );
    let (code, findings, text) = doctor(unreachable);
    assert!(
        code == Some(1) && complaints(&findings)[0].starts_with("fail database"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    let mut empty = plain(&database, files.path());
    empty.env(
        "ROSTERD_DATABASE_URL",
        format!("sqlite://{}/none.db", files.path().display()),
    );
    let (_, findings, _) = doctor(empty);
    assert!(
        complaints(&findings)
            .iter()
            .any(|c| c.starts_with("warn database"))
    );
    assert!(!files.path().join("none.db").exists(), "it changes nothing");
}
