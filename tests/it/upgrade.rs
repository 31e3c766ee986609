//! From one schema to the next with data in it, and back; releases beside each other.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rosterd::storage::connection::AnyConnection;
use rosterd::storage::migrations;
use serde_json::json;

use crate::support::process::{OPERATOR, Server, TOKEN, command, run, said};
use crate::support::{Client, Database, columns, execute, http_client, lines};

/// What a server of the first release stored.
pub const FIRST: &str = include_str!("../fixtures/upgrade/0001.sql");

/// A database as the first release left it.
pub fn of_the_first_release() -> Database {
    let database = Database::fresh();
    let mut conn = database.connect();
    migrations::apply(&mut conn, &|version| version == "0001").unwrap();
    execute(&mut conn, FIRST);
    database
}

/// Tables, columns, keys and indexes, and what SQLite's planner is told.
fn shape(conn: &mut AnyConnection) -> Vec<String> {
    let sql = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk || ' ' || COALESCE(c.dflt_value, '') AS line \
               FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
             UNION ALL SELECT COALESCE(sql, name) FROM sqlite_master WHERE type <> 'table' \
             UNION ALL SELECT tbl || ' ' || idx || ' ' || stat FROM sqlite_stat1 ORDER BY 1"
        }
        AnyConnection::Postgresql(_) => {
            "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') \
               || ' ' || COALESCE(collation_name, '') AS line FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        }
    };
    lines(conn, sql)
}

/// The rows of these columns, whatever columns have come since.
fn rows(conn: &mut AnyConnection, of: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut all = Vec::new();
    for (table, columns) in of {
        let values: Vec<String> = columns
            .iter()
            .map(|c| format!("COALESCE(CAST(\"{c}\" AS TEXT), '-')"))
            .collect();
        let sql = format!(
            "SELECT {} AS line FROM \"{table}\" ORDER BY 1",
            values.join(" || '|' || ")
        );
        all.extend(
            lines(conn, &sql)
                .into_iter()
                .map(|l| format!("{table}: {l}")),
        );
    }
    all
}

fn data_columns(conn: &mut AnyConnection) -> BTreeMap<String, Vec<String>> {
    columns(conn)
        .into_iter()
        .filter(|(table, _)| table != migrations::APPLIED && table != "schema_floor")
        .map(|(table, columns)| (table, columns.into_iter().collect()))
        .collect()
}

#[test]
fn every_migration_keeps_the_data_and_can_be_taken_back() {
    let database = of_the_first_release();
    let mut conn = database.connect();
    let mut tried = 0;
    loop {
        let state = migrations::state(&mut conn).unwrap();
        let Some(next) = state.pending.first() else {
            break;
        };
        let version = next.split('_').next().unwrap().to_owned();
        let (before, of) = (shape(&mut conn), data_columns(&mut conn));
        let data = rows(&mut conn, &of);
        let applied = migrations::apply(&mut conn, &|v| v == version).unwrap();
        assert_eq!(applied, [next.clone()]);
        assert_eq!(rows(&mut conn, &of), data, "{next} changed the data");
        assert_eq!(migrations::revert_last(&mut conn).unwrap(), version);
        assert_eq!(shape(&mut conn), before, "down.sql of {next}");
        assert_eq!(rows(&mut conn, &of), data, "down.sql of {next}");
        migrations::apply(&mut conn, &|v| v == version).unwrap();
        tried += 1;
    }
    assert!(tried > 0);
}

/// Backups that lie beside SQLite's file.
fn backups(database: &Database) -> Vec<PathBuf> {
    let file = database.text.trim_start_matches("sqlite://");
    let directory = Path::new(file).parent().unwrap();
    let names = std::fs::read_dir(directory).into_iter().flatten();
    names
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "backup"))
        .collect()
}

#[actix_web::test]
async fn a_server_brings_the_last_release_up_to_date_and_goes_on_with_its_data() {
    let database = of_the_first_release();
    let files = tempfile::tempdir().unwrap();
    let users = lines(
        &mut database.connect(),
        "SELECT CAST(count(*) AS TEXT) AS line FROM users",
    );
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    let found = client
        .filter("/Users", "userName eq \"ann@example.test\"")
        .await
        .expect(200);
    let id = found.ids().remove(0);
    assert_eq!(found.resources()[0]["displayName"], "Señorita ann \"Ö\"");
    let leave = json!([{"op": "replace", "path": "active", "value": false}]);
    client
        .patch(&format!("/Users/{id}"), leave)
        .await
        .expect(200);
    client.create_user("new@example.test").await;
    let verified = run(
        command(&database, files.path(), "127.0.0.1:0"),
        &["audit", "verify"],
    );
    assert!(verified.status.success(), "{}", said(&verified));
    if database.url.is_sqlite() {
        let made = backups(&database);
        assert_eq!(made.len(), 1, "{made:?}");
        let name = made[0].to_str().unwrap();
        assert!(name.contains("schema-0001-"), "{name}");
        let mode = std::fs::metadata(&made[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&made[0]).unwrap();
        let held = text
            .lines()
            .filter(|l| l.contains("\\\"userName\\\""))
            .count();
        assert!(
            held >= users[0].parse::<usize>().unwrap(),
            "{held} of {users:?}"
        );
    }
}

#[test]
fn migrate_says_what_is_pending_and_backs_up_before_it_applies() {
    let database = of_the_first_release();
    let files = tempfile::tempdir().unwrap();
    let migrate = |args: &[&str]| {
        let all: Vec<&str> = std::iter::once("migrate")
            .chain(args.iter().copied())
            .collect();
        run(command(&database, files.path(), "127.0.0.1:0"), &all)
    };
    let pending = migrate(&["--check"]);
    assert_eq!(pending.status.code(), Some(2), "{}", said(&pending));
    assert!(
        said(&pending).contains("0002_operations"),
        "{}",
        said(&pending)
    );
    assert_eq!(backups(&database), Vec::<PathBuf>::new());
    let other = run(
        command(&database, files.path(), "127.0.0.1:0"),
        &["tenant", "list"],
    );
    assert!(
        !other.status.success() && said(&other).contains("rosterd migrate"),
        "{}",
        said(&other)
    );
    let applied = migrate(&[]);
    assert!(
        applied.status.success() && said(&applied).contains("0002_operations"),
        "{}",
        said(&applied)
    );
    assert_eq!(
        backups(&database).len(),
        usize::from(database.url.is_sqlite())
    );
    let done = migrate(&["--check"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
}

async fn readiness(server: &Server) -> (u16, String) {
    let answer = http_client()
        .get(format!("{}/readyz", server.base))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What a program sees of a release after it: a migration it does not know.
fn upgrade_beyond_us(database: &Database) {
    execute(
        &mut database.connect(),
        &format!(
            "ALTER TABLE users ADD COLUMN later TEXT; CREATE TABLE later (id TEXT PRIMARY KEY); \
             INSERT INTO {} (version) VALUES ('9000')",
            migrations::APPLIED
        ),
    );
}

#[actix_web::test]
async fn the_release_before_runs_on_a_newer_schema_unless_that_breaks_with_it() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let old = Server::start(&database, files.path()).await;
    upgrade_beyond_us(&database);
    // Side by side: it was running, and it may be started again.
    let client = Client::new(&old.base, TOKEN);
    client.create_user("ann@x.test").await;
    assert_eq!(readiness(&old).await.0, 200);
    let again = Server::start(&database, files.path()).await;
    client.create_user("bob@x.test").await;
    drop(again);
    execute(
        &mut database.connect(),
        "INSERT INTO schema_floor (version) VALUES ('9000')",
    );
    let (code, why) = readiness(&old).await;
    assert!(code == 503 && why.contains("too new"), "{code} {why}");
    for verb in ["serve", "migrate"] {
        let refused = run(command(&database, files.path(), "127.0.0.1:0"), &[verb]);
        assert!(
            !refused.status.success() && said(&refused).contains("needs a newer Rosterd"),
            "{}",
            said(&refused)
        );
    }
}

/// Takes the newest migration out of the list of those that were applied.
fn forget_the_newest(database: &Database) {
    execute(
        &mut database.connect(),
        &format!(
            "DELETE FROM {0} WHERE version = (SELECT max(version) FROM {0})",
            migrations::APPLIED
        ),
    );
}

#[actix_web::test]
async fn a_schema_that_is_too_old_is_not_ready() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    assert_eq!(readiness(&server).await.0, 200);
    forget_the_newest(&database);
    let (code, why) = readiness(&server).await;
    assert!(code == 503 && why.contains("too old"), "{code} {why}");
}

#[actix_web::test]
async fn a_start_changes_no_schema_beside_another_server() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    forget_the_newest(&database);
    let other = command(&database, files.path(), "127.0.0.1:0");
    let refused = tokio::task::spawn_blocking(move || run(other, &["serve"]))
        .await
        .unwrap();
    assert!(
        !refused.status.success() && said(&refused).contains("other server(s) run"),
        "{}",
        said(&refused)
    );
    Client::new(&server.base, OPERATOR)
        .header("rosterd-tenant", "default")
        .get("/Users")
        .await
        .expect(200);
}
