//! Connections and their credentials at the shell; and that neither there nor in a server's log a credential is seen.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::process::{OPERATOR, Server, command, run, said};
use crate::support::{Client, Database, dump};

/// Runs a command with something on standard input.
fn run_with(mut command: Command, args: &[&str], input: &str) -> Output {
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A command that logs whatever there is to log.
fn loud(database: &Database, files: &Path) -> Command {
    let mut command = command(database, files, "127.0.0.1:0");
    command
        .env("ROSTERD_LOG", "trace")
        .env("ROSTERD_CONNECTORS_DIR", connectors(files));
    command
}

/// Connectors that ask for what the tests enter.
fn connectors(files: &Path) -> PathBuf {
    let directory = files.join("connectors");
    std::fs::create_dir_all(&directory).unwrap();
    let asks = "  - id: region\n    label: { en: Region, fr: Région }\n    default: eu\n";
    let made_up = include_str!("connectors/made-up.yaml");
    assert!(made_up.contains(asks));
    let fields = |names: &[&str], is_secret: bool| -> String {
        let each = names.iter().map(|name| {
            let rest = "label: { en: X, fr: X }, example: x, optional: true";
            format!("  - {{ id: {name}, secret: {is_secret}, {rest} }}\n")
        });
        each.collect()
    };
    let secrets = [
        "private_key",
        "client_id",
        "client_secret",
        "refresh_token",
        "password",
    ];
    for slug in ["x", "personio"] {
        let text = made_up
            .replace("slug: made-up", &format!("slug: {slug}"))
            .replace(
                "settings:\n",
                &format!(
                    "{}settings:\n{}",
                    fields(&secrets, true),
                    fields(&["subdomain"], false)
                ),
            );
        std::fs::write(directory.join(format!("{slug}.yaml")), text).unwrap();
    }
    directory
}

#[track_caller]
fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

#[test]
fn a_pull_connection_is_added_changed_and_shown_without_its_credentials() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| run(loud(&database, files.path()), args);
    printed(&shell(&["tenant", "create", "acme", "--json"]));
    let key = files.path().join("key.pem");
    std::fs::write(&key, "-----hunter2-line-1\nhunter2-line-2\n").unwrap();
    let from_file = format!("private_key={}", key.display());
    let add = [
        "connection",
        "add",
        "--json",
        "--tenant",
        "acme",
        "--label",
        "HR",
        "--connector",
        "personio",
        "--set",
        "subdomain=acme",
        "--every",
        "60",
        "--secret-file",
        &from_file,
        "--secret",
        "client_id",
        "--secret",
        "client_secret",
    ];
    let input = "hunter2-id\nhunter2-secret\n";
    let made = run_with(loud(&database, files.path()), &add, input);
    assert_eq!(
        printed(&made)["warnings"],
        json!(["app-users-never-loaded"])
    );
    assert!(said(&made).contains("rosterd app-users none-yet"));
    let id = printed(&made)["id"].as_str().unwrap().to_owned();
    let show = || {
        printed(&shell(&[
            "connection",
            "show",
            "--json",
            "--tenant",
            "acme",
            &id,
        ]))
    };
    let shown = show();
    assert_eq!(
        shown["schedule"],
        json!({"everyMinutes": 60, "confirmMinutes": 5})
    );
    assert_eq!(shown["settings"], json!({"subdomain": "acme"}));
    assert_eq!(shown["joinerPolicy"], "list");
    let names = |shown: &Value| -> Vec<String> {
        let secrets = shown["secrets"].as_array().unwrap().iter();
        secrets
            .map(|s| s["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&shown), ["client_id", "client_secret", "private_key"]);
    let set = [
        "connection",
        "set",
        "--json",
        "--tenant",
        "acme",
        &id,
        "--unset",
        "subdomain",
        "--set",
        "region=eu",
        "--max-leavers",
        "20",
        "--max-percent",
        "15",
        "--scope",
        "userType eq \"Employee\"",
        "--leaving",
        "revoke",
        "--delete-secret",
        "client_id",
        "--secret-file",
        "refresh_token=-",
    ];
    let changed = run_with(loud(&database, files.path()), &set, "hunter2-refresh\n");
    let value = printed(&changed);
    assert_eq!(value["guard"], json!({"maxLeavers": 20, "maxPercent": 15}));
    assert_eq!(value["settings"], json!({"region": "eu"}));
    assert_eq!(value["scope"]["leaving"], "revoke");
    assert_eq!(
        names(&show()),
        ["client_secret", "private_key", "refresh_token"]
    );
    for (verb, state) in [("pause", "paused"), ("resume", "active")] {
        let turned = shell(&["connection", verb, "--json", "--tenant", "acme", &id]);
        assert_eq!(printed(&turned)["state"], state);
    }
    let listed = shell(&["connection", "list", "--tenant", "acme"]);
    let everything = [&made, &changed, &listed].map(said).concat();
    assert!(!everything.contains("hunter2"), "{everything}");
    assert!(!dump(&database).contains("hunter2"));
}

#[test]
fn what_is_wrong_is_named_and_no_credential_with_it() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| run(loud(&database, files.path()), args);
    printed(&shell(&["tenant", "create", "default", "--json"]));
    let add = ["connection", "add", "--label", "HR"];
    for (args, says) in [
        (&["--secret", "x"][..], "--connector"),
        (&["--every", "60"], "--connector"),
        (
            &["--connector", "x", "--every", "4"],
            "schedule.everyMinutes",
        ),
        (&["--connector", "x", "--set", "novalue"], "KEY=VALUE"),
        (
            &["--connector", "x", "--secret-file", "hunter2"],
            "NAME=FILE",
        ),
        (
            &["--connector", "x", "--secret-file", "key=/nowhere/at/all"],
            "cannot read",
        ),
        (
            &["--connector", "x", "--secret", "key"],
            "nothing was entered",
        ),
        (
            &["--connector", "x", "--leaving", "drop"],
            "takes one of keep, revoke",
        ),
        (&["--connector", "x", "--scope", "("], "scope.filter"),
        (&["--connector", "X y"], "slug"),
        (
            &["--connector", "y"],
            "there is no connector `y`; there are afas, bamboohr",
        ),
        (
            &["--connector", "x", "--set", "regoin=eu"],
            "no setting `regoin`; it takes subdomain, region",
        ),
        (
            &["--connector", "x", "--set", "password=hunter2"],
            "`password` of the connector x is a credential",
        ),
        (&["--preset", "windows"], "--preset"),
    ] {
        let all: Vec<&str> = add.iter().chain(args).copied().collect();
        let refused = run_with(loud(&database, files.path()), &all, "");
        let told = said(&refused);
        assert!(
            !refused.status.success() && told.contains(says),
            "{args:?}: {told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
    let nobody = shell(&["connection", "pause", "nobody"]);
    assert!(
        !nobody.status.success() && said(&nobody).contains("connection list"),
        "{}",
        said(&nobody)
    );
    // Another key than the database's seals nothing.
    let made = run_with(
        loud(&database, files.path()),
        &[
            "connection",
            "add",
            "--json",
            "--label",
            "HR",
            "--connector",
            "x",
            "--secret",
            "key",
        ],
        "first\n",
    );
    let id = printed(&made)["id"].as_str().unwrap().to_owned();
    let mut other = loud(&database, files.path());
    other.env(
        "ROSTERD_SECRET_KEY",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    );
    let refused = run_with(
        other,
        &["connection", "set", &id, "--secret", "key"],
        "second\n",
    );
    assert!(
        !refused.status.success() && said(&refused).contains("needs the secret key"),
        "{}",
        said(&refused)
    );
}

#[test]
fn a_tenant_is_renamed_suspended_and_resumed() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| run(command(&database, files.path(), "127.0.0.1:0"), args);
    printed(&shell(&["tenant", "create", "acme", "--json"]));
    printed(&shell(&["tenant", "rename", "acme", "acme-2", "--json"]));
    let gone = shell(&["tenant", "suspend", "acme"]);
    assert!(!gone.status.success());
    for (verb, state) in [("suspend", "suspended"), ("resume", "active")] {
        assert_eq!(
            printed(&shell(&["tenant", verb, "acme-2", "--json"]))["state"],
            state
        );
    }
    let own = shell(&["tenant", "suspend", "operator"]);
    assert!(!own.status.success(), "{}", said(&own));
}

#[actix_web::test]
async fn a_servers_log_shows_no_credential_whatever_it_logs() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let log = files.path().join("log");
    let out = File::create(&log).unwrap();
    let server = Server::start_as(|listen| {
        let mut command = command(&database, files.path(), listen);
        command
            .env("ROSTERD_LOG", "trace")
            .env("ROSTERD_CONNECTORS_DIR", connectors(files.path()))
            .stdout(out.try_clone().unwrap())
            .stderr(out.try_clone().unwrap());
        command
    })
    .await;
    let client = Client::new(&server.base, OPERATOR);
    let all = "/api/v1/tenants/default/connections";
    let send = async |method: &str, path: &str, body: Value| {
        let body = body.to_string().into_bytes();
        client.raw(method, path, "application/json", body).await
    };
    let body =
        json!({"kind": "hris", "connector": "x", "label": "HR", "secrets": {"key": "hunter2-a"}});
    let id = send("POST", all, body).await.expect(201).id();
    let secret = format!("{all}/{id}/secrets/password");
    send("PUT", &secret, json!({"value": "hunter2-b"}))
        .await
        .expect(204);
    for (method, path, body) in [
        ("PUT", secret.as_str(), json!({"valve": "hunter2-c"})),
        ("PUT", &secret, json!({"value": ["hunter2-d"]})),
        ("PUT", &secret, json!({"value": "hunter2-e\u{0}"})),
        (
            "PUT",
            &format!("{all}/{id}/secrets/Bad"),
            json!({"value": "hunter2-f"}),
        ),
        (
            "PUT",
            &format!("{all}/nobody/secrets/key"),
            json!({"value": "hunter2-g"}),
        ),
        (
            "POST",
            all,
            json!({"kind": "hris", "secrets": {"key": "hunter2-h"}}),
        ),
    ] {
        let refused = send(method, path, body).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text);
        assert!(!refused.text.contains("hunter2"), "{}", refused.text);
    }
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(
        logged.contains("/secrets/{name}"),
        "the requests are in the log"
    );
    let leak = logged.lines().find(|line| line.contains("hunter2"));
    assert_eq!(leak, None);
    server.kill();
}

#[test]
fn a_plan_shows_who_loses_access_first() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| run(command(&database, files.path(), "127.0.0.1:0"), args);
    let tenant = printed(&shell(&["tenant", "create", "default", "--json"]))["id"].clone();
    let tenant = tenant.as_str().unwrap();
    let mut sql = format!(
        "INSERT INTO runs (tenant, id, connection_id, kind, state, stage, actor_kind, actor_id, as_of, started_at, planned, applied, \
         lost, is_complete, settings_digest) VALUES ('{tenant}', 'r', 'c', 'dry', 'done', 'plan', 'operator', '', '2027-01-31', 1, \
         900, 0, 0, TRUE, '');"
    );
    // More than are read at once, and the losses among the last.
    for n in 1..=900 {
        let loses = if n % 300 == 0 { "TRUE" } else { "FALSE" };
        sql += &format!(
            "INSERT INTO run_items (tenant, run_id, ordinal, source_id, subject, action, state, loses) \
             VALUES ('{tenant}', 'r', {n}, '{n}', '', 'update', 'planned', {loses});"
        );
    }
    crate::support::execute(&mut database.connect(), &sql);
    let show = |more: &[&str]| -> Vec<i64> {
        let output = shell(&[&["runs", "show", "r", "--json"], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = text
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["ordinal"].as_i64().unwrap()).collect()
    };
    assert_eq!(show(&["--limit", "5"]), [300, 600, 900, 1, 2]);
    assert_eq!(show(&["--limit", "2"]), [300, 600]);
    assert_eq!(show(&["--losses"]), [300, 600, 900]);
    let all = show(&["--limit", "1000"]);
    assert_eq!((all.len(), all[3], all[899]), (900, 1, 899));
}
