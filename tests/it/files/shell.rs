//! Files at the shell, and the binary as a process that is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rosterd::hris::{ENTERPRISE, ROSTERD};
use serde_json::{Value, json};

use super::world::csv;
use crate::sftp::Server as Sftp;
use crate::standins::client::{DAY, World as Company};
use crate::support::process::{self, OPERATOR, Server, said};
use crate::support::{Client, Database, lines};

async fn run(database: &Database, files: &Path, args: &[&str]) -> Output {
    let command = process::command(database, files, "127.0.0.1:0");
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        process::run(command, &args)
    })
    .await
    .unwrap()
}

/// What every pull should give of a person: the units that a file can hold.
fn facts(user: &Value) -> Value {
    // Nobody is her own manager.
    let manager = &user[ENTERPRISE]["manager"]["value"];
    let manager = Some(manager).filter(|id| **id != user["externalId"]);
    json!({
        "id": user["externalId"], "userName": user["userName"], "name": user["name"], "title": user["title"],
        "active": user["active"], "ours": user[ROSTERD],
        "department": user[ENTERPRISE]["department"], "manager": manager,
    })
}

/// A cell in quotes where it needs them.
fn cell(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[actix_web::test]
async fn a_complete_pull_of_a_file_is_equal_to_the_truth() {
    let company = Company::of("bamboohr", 150, 7);
    let truth = company.truth().await;
    let mut text = "Personalnummer;E-Mail;Vorname;Nachname;Position;Abteilung;Vorgesetzter;Status;Eintritt;Austritt\r\n".to_owned();
    for user in &truth {
        let ours = &user[ROSTERD];
        let cells = [
            &user["externalId"],
            &user["userName"],
            &user["name"]["givenName"],
            &user["name"]["familyName"],
            &user["title"],
            &user[ENTERPRISE]["department"],
            &user[ENTERPRISE]["manager"]["value"],
            &ours["employmentState"],
            &ours["startDate"],
            &ours["endDate"],
        ];
        text += &(cells.map(cell).join(";") + "\r\n");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.csv");
    std::fs::write(&path, text).unwrap();
    let database = Database::sqlite();
    let path = path.to_str().unwrap();
    let args = ["connectors", "pull", "csv", "--file", path, "--as-of", DAY];
    let output = run(&database, dir.path(), &args).await;
    assert!(output.status.success(), "{}", said(&output));
    let pulled: BTreeMap<String, Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|user| {
            (
                user["externalId"].as_str().unwrap().to_owned(),
                facts(&user),
            )
        })
        .collect();
    assert_eq!(pulled.len(), truth.len());
    for user in &truth {
        let wanted = facts(user);
        assert_eq!(pulled[user["externalId"].as_str().unwrap()], wanted);
    }
}

#[actix_web::test]
async fn connectors_of_files_are_listed_shown_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::sqlite();
    let shell = async |args: &[&str]| run(&database, dir.path(), args).await;
    let listed = said(&shell(&["connectors", "list"]).await);
    for slug in ["csv ", "folder ", "sftp ", "bamboohr "] {
        assert!(listed.contains(&format!("\n{slug}")), "{listed}");
    }
    let shown = said(&shell(&["connectors", "show", "sftp", "--lang", "fr"]).await);
    assert!(
        shown.contains("Empreinte de la clé du serveur") && shown.contains("Clé privée"),
        "{shown}"
    );
    let server = Sftp::start();
    let port = format!("port={}", server.address.port());
    let mut args = vec![
        "connectors",
        "check",
        "sftp",
        "--pull-private",
        "yes",
        "--set",
        "host=127.0.0.1",
        "--set",
        &port,
    ];
    let told = said(&shell(&args).await);
    let keys = ["ed25519", "ecdsa", "rsa"].map(|kind| server.pin(kind).to_string());
    let key = keys.iter().find(|key| told.contains(*key)).expect(&told);
    args.retain(|a| !["--pull-private", "yes"].contains(a));
    assert!(said(&shell(&args).await).contains("address_private"));
    // Signed in with it, and pulled without a database.
    server.file("people.csv", &csv(1..=3));
    let user = String::from_utf8(
        std::process::Command::new("id")
            .arg("-un")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let (user, pin) = (format!("user={}", user.trim()), format!("host_key={key}"));
    let (folder, secret) = (
        format!("folder={}", server.at("files").display()),
        format!("private_key={}", server.at("client").display()),
    );
    let world = [
        "--pull-private",
        "yes",
        "--set",
        "host=127.0.0.1",
        "--set",
        &port,
        "--set",
        &user,
        "--set",
        &pin,
        "--set",
        &folder,
        "--set-file",
        &secret,
    ];
    let told = said(&shell(&[&["connectors", "check", "sftp"][..], &world].concat()).await);
    assert!(
        told.contains("signed in; 1 files, the newest that fits is people.csv"),
        "{told}"
    );
    let pulled = shell(&[&["connectors", "pull", "sftp"][..], &world].concat()).await;
    assert!(pulled.status.success(), "{}", said(&pulled));
    assert_eq!(String::from_utf8_lossy(&pulled.stdout).lines().count(), 3);
}

#[actix_web::test]
async fn the_shell_names_a_file_and_says_what_is_wrong_with_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::fresh();
    let shell = async |args: &[&str]| run(&database, dir.path(), args).await;
    let made = shell(&["migrate"]).await;
    assert!(made.status.success(), "{}", said(&made));
    shell(&["tenant", "create", "default"]).await;
    let made = shell(&[
        "connection",
        "add",
        "--label",
        "HR",
        "--connector",
        "csv",
        "--joiner-policy",
        "grant",
    ])
    .await;
    assert!(made.status.success(), "{}", said(&made));
    let id = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("people.csv", &csv(1..=5));
    let look = shell(&["sync", &id, "--file", &good, "--dry-run"]).await;
    assert!(
        look.status.success() && said(&look).contains("create 5"),
        "{}",
        said(&look)
    );
    let done = shell(&["sync", &id, "--file", &good]).await;
    assert!(done.status.success(), "{}", said(&done));
    let cut = file("cut.csv", "employee_id,work_email\n1,\"a");
    let refused = shell(&["sync", &id, "--file", &cut]).await;
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("a quote is never closed: the file may be cut off (line 2)"),
        "{}",
        said(&refused)
    );
    let missing = shell(&["sync", &id, "--file", "/nowhere/people.csv"]).await;
    assert!(
        said(&missing).contains("the file cannot be read"),
        "{}",
        said(&missing)
    );
    let nothing = shell(&["sync", &id]).await;
    assert!(
        said(&nothing).contains("no file has come"),
        "{}",
        said(&nothing)
    );
    let fewer = file("fewer.csv", &csv(1..=4));
    let missed = said(&shell(&["sync", &id, "--file", &fewer]).await);
    assert!(
        missed.contains("1 missed") && missed.contains("--confirm-absent"),
        "{missed}"
    );
    let confirmed = shell(&["sync", &id, "--confirm-absent"]).await;
    assert!(
        said(&confirmed).contains("lost access 1"),
        "{}",
        said(&confirmed)
    );
    let token = said(&shell(&["token", "create", "--role", "drop", "--connection", &id]).await);
    assert!(token.contains("curl --fail -T people.csv"), "{token}");
}

#[actix_web::test]
async fn a_server_that_is_killed_between_the_upload_and_the_run_reads_the_file_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::fresh();
    let server = Server::start(&database, dir.path()).await;
    let operator = Client::new(&server.base, OPERATOR);
    let tenant = "/api/v1/tenants/default/connections";
    let body = json!({"kind": "hris", "connector": "csv", "label": "HR", "policy": "grant"});
    let made = operator
        .raw("POST", tenant, "application/json", body.to_string().into())
        .await;
    let id = made.expect(201).id();
    let path = format!("{tenant}/{id}/file");
    operator
        .raw("PUT", &path, "text/csv", csv(1..=20).into())
        .await
        .expect(202);
    server.kill();
    let count = |sql: &str| lines(&mut database.connect(), sql).len();
    let people = "SELECT source_id AS line FROM links";
    assert_eq!(count(people), 0, "it was killed before it read anything");
    assert_eq!(count("SELECT id AS line FROM file_uploads"), 1);
    let _server = Server::start(&database, dir.path()).await;
    for _ in 0..600 {
        if count(people) == 20 && count("SELECT id AS line FROM file_uploads") == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the file was not read: {} people", count(people));
}
