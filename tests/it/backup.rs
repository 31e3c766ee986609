//! A copy while the server is at work, and what comes of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::process::{Server, TOKEN, command, run, said};
use crate::support::{Client, Database, execute, person};
use crate::upgrade::of_the_first_release;

/// The key of [`command`].
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn rosterd(database: &Database, files: &Path) -> Command {
    command(database, files, "127.0.0.1:0")
}

fn backup(database: &Database, to: &Path) -> Output {
    let to = to.to_str().unwrap();
    run(rosterd(database, Path::new(".")), &["backup", "--to", to])
}

fn restore(database: &Database, from: &Path, more: &[&str]) -> Output {
    let args = [&["restore", "--from", from.to_str().unwrap()], more].concat();
    run(rosterd(database, Path::new(".")), &args)
}

#[track_caller]
fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[track_caller]
fn refused(output: Output, why: &str) {
    let said = said(&output);
    assert!(!output.status.success() && said.contains(why), "{said}");
}

/// The lines of a backup as JSON, by table; documents are texts, whose spelling does not matter.
fn held(file: &Path) -> BTreeMap<String, Vec<Value>> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        match &value {
            Value::Array(cells) => {
                let plain = |cell: &Value| match cell.as_str() {
                    Some(text) if text.starts_with('{') => serde_json::from_str(text).unwrap(),
                    _ => cell.clone(),
                };
                let row = cells.iter().map(plain).collect();
                tables.get_mut(&table).unwrap().push(row);
            }
            _ => {
                if let Some(name) = value["table"].as_str() {
                    table = name.to_owned();
                    tables.insert(table.clone(), Vec::new());
                }
            }
        }
    }
    for rows in tables.values_mut() {
        rows.sort_by_key(Value::to_string);
    }
    tables
}

/// Four writers, until they are stopped; what each was told is noted.
struct Load {
    writers: Vec<actix_web::rt::task::JoinHandle<()>>,
    told: Arc<Mutex<Vec<String>>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writers = (0..4)
            .map(|w| {
                let (client, told, stop) = (client.clone(), Arc::clone(&told), Arc::clone(&stop));
                actix_web::rt::spawn(async move {
                    for n in 0.. {
                        if stop.load(std::sync::atomic::Ordering::Relaxed) {
                            return;
                        }
                        let name = format!("load{w}-{n}@x.test");
                        client.create_user(&name).await;
                        told.lock().unwrap().push(name);
                    }
                })
            })
            .collect();
        Self {
            writers,
            told,
            stop,
        }
    }

    /// Waits until so many writes were acknowledged; returns what they were.
    async fn reaches(&self, count: usize) -> Vec<String> {
        loop {
            let told = self.told.lock().unwrap().clone();
            if told.len() >= count {
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for writer in self.writers {
            writer.await.unwrap();
        }
        self.told.lock().unwrap().clone()
    }
}

/// Takes a backup away from the thread that serves the test's clients.
async fn backup_meanwhile(database: &Arc<Database>, to: &Path) -> Output {
    let (database, to) = (Arc::clone(database), to.to_owned());
    let taken = tokio::task::spawn_blocking(move || backup(&database, &to));
    taken.await.unwrap()
}

#[actix_web::test]
async fn a_copy_under_load_is_one_moment_and_says_what_it_holds() {
    let database = Arc::new(Database::fresh());
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    let load = Load::start(&client);
    let before = load.reaches(40).await;
    let file = files.path().join("copy.backup");
    let printed = good(backup_meanwhile(&database, &file).await);
    let after = load.reaches(before.len() + 80).await;
    load.stop().await;
    server.kill();
    assert!(printed.contains("default  epoch 1, sequence "), "{printed}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(KEY) && !text.contains(TOKEN));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = std::fs::read_dir(files.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it: {names:?}");
    refused(backup(&database, &file), "overwrites nothing");

    let new = Database::fresh();
    let told = good(restore(&new, &file, &[]));
    assert!(told.contains("each journal has a new epoch"), "{told}");
    good(run(rosterd(&new, files.path()), &["audit", "verify"]));
    let server = Server::start(&new, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    for name in &before {
        let filter = format!("userName eq \"{name}\"");
        let found = client.filter("/Users", &filter).await;
        assert_eq!(found.total(), 1, "{name} was there before the copy");
    }
    // Of one moment: what the totals say is what the rows are.
    let all = client.get("/Users?count=1000").await.expect(200);
    let counted = client.filter("/Users", "userName pr").await;
    assert_eq!(all.total(), counted.total());
    assert!(
        all.total() < i64::try_from(after.len()).unwrap(),
        "it ran while others wrote"
    );
    client.create_user("new@x.test").await;
}

/// An app that keeps a copy: it follows the journal, reads who changed, and takes the list again when the journal is no
/// longer the one that it knows.
struct App {
    journal: Client,
    people: Client,
    last: String,
    copy: BTreeMap<String, Value>,
    snapshots: usize,
}

impl App {
    fn new(base: &str, auditor: &str, app: &str) -> Self {
        Self {
            journal: Client::new(base, auditor),
            people: Client::new(base, app),
            last: String::new(),
            copy: BTreeMap::new(),
            snapshots: 0,
        }
    }

    /// As the docs say: `docs/JOURNAL.md`, Epochs.
    async fn follow(&mut self) {
        if self.last.is_empty() {
            return self.take_all().await;
        }
        loop {
            let (_, sequence) = self.last.split_once('-').unwrap();
            let after =
                format!("/AuditEvents?count=100&sortBy=sequence&filter=sequence+ge+{sequence}");
            let page = self.journal.get(&after).await.expect(200);
            let entries = page.resources();
            let known = entries
                .first()
                .is_some_and(|e| e["id"] == self.last.as_str());
            if !known {
                return self.take_all().await;
            }
            let is_last = entries.len() == 1;
            for entry in &entries[1..] {
                if entry["subject"]["kind"] == "user" {
                    self.read(entry["subject"]["id"].as_str().unwrap()).await;
                }
                self.last = entry["id"].as_str().unwrap().to_owned();
            }
            if is_last {
                return;
            }
        }
    }

    async fn read(&mut self, id: &str) {
        let found = self.people.get(&format!("/Users/{id}")).await;
        match found.status {
            200 => drop(self.copy.insert(id.to_owned(), essence(&found.body))),
            _ => drop(self.copy.remove(id)),
        }
    }

    /// The place in the journal first: what changes while the list is read is read again.
    async fn take_all(&mut self) {
        self.snapshots += 1;
        let newest = self
            .journal
            .get("/AuditEvents?count=1&sortBy=sequence&sortOrder=descending")
            .await
            .expect(200);
        self.last = newest.ids().remove(0);
        self.copy = everybody(&self.people).await;
    }
}

fn essence(user: &Value) -> Value {
    json!([
        user["userName"],
        user["active"],
        user["displayName"],
        user["title"]
    ])
}

async fn everybody(people: &Client) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    loop {
        let page = people
            .get(&format!("/Users?count=200&startIndex={}", all.len() + 1))
            .await
            .expect(200);
        if page.resources().is_empty() {
            return all;
        }
        for user in page.resources() {
            all.insert(user["id"].as_str().unwrap().to_owned(), essence(user));
        }
    }
}

fn token(database: &Database, files: &Path, role: &str) -> String {
    let made = good(run(
        rosterd(database, files),
        &["token", "create", "--role", role],
    ));
    let secret = made.lines().find(|l| l.contains("shown once")).unwrap();
    secret.split(' ').next().unwrap().to_owned()
}

/// 200 changes: 95 join, 100 get a title, 5 leave.
async fn changes(client: &Client) {
    let mut ids = Vec::new();
    for n in 0..95 {
        ids.push(client.create_user(&format!("late{n}@x.test")).await.id());
    }
    for n in 0..100 {
        let title = json!([{"op": "replace", "path": "title", "value": format!("T{n}")}]);
        let id = &ids[n % ids.len()];
        client
            .patch(&format!("/Users/{id}"), title)
            .await
            .expect(200);
    }
    for name in 0..5 {
        let early = format!("userName eq \"early{name}@x.test\"");
        let id = client.filter("/Users", &early).await.ids().remove(0);
        let leave = json!([{"op": "replace", "path": "active", "value": false}]);
        client
            .patch(&format!("/Users/{id}"), leave)
            .await
            .expect(200);
    }
}

#[actix_web::test]
async fn after_a_restore_an_app_that_follows_ends_equal_to_the_server() {
    let database = Arc::new(Database::fresh());
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let (auditor, reader) = (
        token(&database, files.path(), "auditor"),
        token(&database, files.path(), "app"),
    );
    let client = Client::new(&server.base, TOKEN);
    for n in 0..5 {
        client.create_user(&format!("early{n}@x.test")).await;
    }
    let mut app = App::new(&server.base, &auditor, &reader);
    app.follow().await;
    let load = Load::start(&client);
    load.reaches(20).await;
    let file = files.path().join("copy.backup");
    good(backup_meanwhile(&database, &file).await);
    load.stop().await;
    changes(&client).await;
    app.follow().await;
    assert_eq!(app.copy, everybody(&app.people).await, "it follows");
    assert_eq!(app.snapshots, 1);
    let epoch = |id: &str| id.split_once('-').unwrap().0.parse::<i64>().unwrap();
    let (old_epoch, before) = (epoch(&app.last), app.copy.clone());
    server.kill();

    // In place on SQLite once the server is gone; PostgreSQL takes a new database.
    let restored = match database.url.is_sqlite() {
        true => {
            // Or one waits until the killed server's lease has run out.
            execute(&mut database.connect(), "DELETE FROM leases");
            refused(restore(&database, &file, &[]), "it holds a database");
            good(restore(&database, &file, &["--force"]));
            Arc::clone(&database)
        }
        false => {
            let new = Database::fresh();
            good(restore(&new, &file, &[]));
            Arc::new(new)
        }
    };
    let server = Server::start(&restored, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    // The numbers that were lost are given again, past the place where the app stood.
    for n in 0..250 {
        client.create_user(&format!("again{n}@x.test")).await;
    }
    app.journal = Client::new(&server.base, &auditor);
    app.people = Client::new(&server.base, &reader);
    app.follow().await;
    client.create_user("last@x.test").await;
    app.follow().await;
    assert_eq!(app.snapshots, 2, "it noticed once");
    assert!(epoch(&app.last) > old_epoch, "{}", app.last);
    assert_ne!(app.copy, before);
    assert_eq!(app.copy, everybody(&app.people).await);
    let leavers = app.copy.values().filter(|u| u[1] == false).count();
    assert_eq!(leavers, 0, "the leavers left after the copy");
    good(run(rosterd(&restored, files.path()), &["audit", "verify"]));
}

#[actix_web::test]
async fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    Client::new(&server.base, TOKEN)
        .post("/Users", person("ann@x.test"))
        .await
        .expect(201);
    let file = files.path().join("copy.backup");
    good(backup(&database, &file));
    if database.url.is_sqlite() {
        refused(
            restore(&database, &file, &["--force"]),
            "a server is running",
        );
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let new = Database::fresh();
    let damaged = files.path().join("damaged");
    for damage in [
        text.replace("ann@x.test", "bob@x.test"),
        text[..text.len() - 10].to_owned(),
        text.lines().take(9).collect::<Vec<_>>().join("\n"),
        format!("{text}[]\n"),
        text.replacen("\n[", "\n[ ", 1),
        String::new(),
    ] {
        std::fs::write(&damaged, damage).unwrap();
        refused(restore(&new, &damaged, &[]), "damaged or cut off");
    }
    std::fs::write(&damaged, "hello\n").unwrap();
    refused(restore(&new, &damaged, &[]), "no backup of Rosterd");
    let mut other = rosterd(&new, files.path());
    other.env(
        "ROSTERD_SECRET_KEY",
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
    );
    let args = ["restore", "--from", file.to_str().unwrap()];
    refused(run(other, &args), "needs the secret key with the id");
    // None of this made a table.
    good(restore(&new, &file, &[]));
    let again = match new.url.is_sqlite() {
        true => "it holds a database",
        false => "is not empty",
    };
    refused(restore(&new, &file, &[]), again);
    execute(
        &mut database.connect(),
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('9000')",
    );
    let newer = files.path().join("newer.backup");
    good(backup(&database, &newer));
    refused(restore(&Database::fresh(), &newer, &[]), "schema 9000");
}

#[actix_web::test]
async fn a_database_that_went_back_by_other_means_gets_a_new_epoch_while_servers_run() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    let auditor = Client::new(&server.base, &token(&database, files.path(), "auditor"));
    let mut epochs = Vec::new();
    for name in ["ann@x.test", "bob@x.test"] {
        client.create_user(name).await;
        let newest = auditor
            .get("/AuditEvents?count=1&sortBy=sequence&sortOrder=descending")
            .await
            .ids()
            .remove(0);
        epochs.push(newest.split_once('-').unwrap().0.parse::<i64>().unwrap());
        good(run(
            rosterd(&database, files.path()),
            &["restore", "--in-place"],
        ));
    }
    assert!(epochs[0] == 1 && epochs[1] > 1, "{epochs:?}");
    let started = auditor
        .filter("/AuditEvents", "action eq \"epoch.started\"")
        .await;
    assert_eq!(started.total(), 2);
    good(run(rosterd(&database, files.path()), &["audit", "verify"]));
}

#[test]
fn programs_read_what_was_copied_changed_and_put_back() {
    let database = of_the_first_release();
    let files = tempfile::tempdir().unwrap();
    let ask = |database: &Database, args: &[&str]| -> Value {
        let output = run(
            rosterd(database, files.path()),
            &[&["--json"], args].concat(),
        );
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", said(&output)))
    };
    let pending = ask(&database, &["migrate", "--check"]);
    assert!(
        pending["applied"] == json!([]) && pending["pending"][0] == json!("0002_operations"),
        "{pending}"
    );
    let applied = ask(&database, &["migrate"]);
    assert_eq!(
        (&applied["applied"], &applied["pending"]),
        (&pending["pending"], &json!([]))
    );
    assert_eq!(applied["backup"].is_string(), database.url.is_sqlite());
    assert_eq!(ask(&database, &["migrate"])["applied"], json!([]));
    let file = files.path().join("copy");
    let copy = ask(&database, &["backup", "--to", file.to_str().unwrap()]);
    assert_eq!(copy["file"], json!(file));
    assert_eq!(
        copy["bytes"],
        json!(std::fs::metadata(&file).unwrap().len())
    );
    assert!(
        copy["rows"].as_u64() > Some(100) && copy["schema"].is_string(),
        "{copy}"
    );
    let restored = Database::fresh();
    let back = ask(&restored, &["restore", "--from", file.to_str().unwrap()]);
    let marks = |value: &Value, name: &str| -> Vec<Value> {
        value["tenants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t[name].clone())
            .collect()
    };
    assert!(
        back["takenAt"].is_string() && back["movedAside"].is_null(),
        "{back}"
    );
    for name in ["tenant", "name", "users"] {
        assert_eq!(marks(&back, name), marks(&copy, name));
    }
    assert_ne!(marks(&back, "epoch"), marks(&copy, "epoch"));
    let again = ask(&restored, &["restore", "--in-place"]);
    assert!(marks(&again, "epoch").iter().all(Value::is_i64));
    if restored.url.is_sqlite() {
        let over = ask(
            &restored,
            &["restore", "--force", "--from", file.to_str().unwrap()],
        );
        assert!(Path::new(over["movedAside"].as_str().unwrap()).exists());
    }
}

#[test]
fn a_copy_of_the_last_release_comes_back_with_the_schema_of_today() {
    let database = of_the_first_release();
    let files = tempfile::tempdir().unwrap();
    let old = files.path().join("old.backup");
    good(backup(&database, &old));
    let new = Database::fresh();
    good(restore(&new, &old, &[]));
    good(run(rosterd(&new, files.path()), &["audit", "verify"]));
    let export = run(
        rosterd(&new, files.path()),
        &["audit", "export", "--tenant", "acme"],
    );
    let exported = files.path().join("export");
    std::fs::write(&exported, &export.stdout).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check_journal.py");
    let mut checked = Command::new("python3");
    checked.stdin(std::fs::File::open(&exported).unwrap());
    assert!(good(run(checked, &[script])).contains("the chain holds"));
}

#[test]
fn either_database_reads_what_the_other_wrote() {
    // On PostgreSQL there and back again; on SQLite alone at least through the file.
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| -> PathBuf { files.path().join(name) };
    let first = Database::sqlite();
    let mut conn = first.connect();
    rosterd::storage::migrations::apply(&mut conn, &|version| version == "0001").unwrap();
    execute(&mut conn, crate::upgrade::FIRST);
    good(run(rosterd(&first, files.path()), &["migrate"]));
    good(backup(&first, &file("first")));
    let second = Database::fresh();
    good(restore(&second, &file("first"), &[]));
    good(backup(&second, &file("second")));
    let third = Database::sqlite();
    good(restore(&third, &file("second"), &[]));
    good(backup(&third, &file("third")));
    let (mut a, mut b) = (held(&file("first")), held(&file("third")));
    assert!(a["users"].len() > 10 && a["journal_values"].len() > 100);
    // A restore stops what leaves the house: in the operator's own row.
    for all in [&mut a, &mut b] {
        let tenants = all.get_mut("tenants").unwrap();
        tenants.retain(|row| !row.to_string().contains("\"operator\""));
    }
    // Else it adds to the journal, and to it alone.
    for table in ["heads", "journal", "journal_values"] {
        assert!(a.remove(table).unwrap().len() <= b.remove(table).unwrap().len());
    }
    assert_eq!(a, b);
}
