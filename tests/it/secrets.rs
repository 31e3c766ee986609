//! Credentials at rest: what is stored, who opens it, what becomes of it when keys change, get lost or are wrong.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::chance::SystemChance;
use rosterd::domain::clock::SystemClock;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::{Keyring, SecretText, key_id};
use rosterd::scim::schema::Registry;
use rosterd::service::connections::NewPull;
use rosterd::service::secrets::{Opened, Unusable};
use rosterd::service::{Caller, Service};
use rosterd::storage::store::{Options, Store};
use serde_json::Value;

use crate::support::process::{command, run, said};
use crate::support::{Database, TestApp, dump, execute, lines};

const VALUE: &str = "hunter2-hunter2-hunter2";
/// The key that [`command`] gives, and others: in base64.
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The operations on a database, with these keys.
fn service(database: &Database, current: u8, previous: &[u8]) -> Service {
    let options = Options::new(database.url.clone());
    let store = Store::open(&options, Arc::new(SystemClock), Arc::new(SystemChance)).unwrap();
    let mut service = Service::new(Arc::new(store), Arc::new(Registry::builtin().unwrap()));
    let previous: Vec<[u8; 32]> = previous.iter().map(|byte| [*byte; 32]).collect();
    service.keys = Arc::new(Keyring::new(&[current; 32], &previous));
    service
}

async fn tenant(service: &Service, name: &str) -> Caller {
    let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    let id = service.create_tenant(&operator, name).await.unwrap();
    Caller::system(id, "test")
}

/// A pull connection with these secrets.
async fn connection(service: &Service, tenant: &Caller, secrets: &[(&str, &str)]) -> String {
    let new = NewPull {
        label: "HR".to_owned(),
        connector: "some-vendor".to_owned(),
        policy: JoinerPolicy::List,
        settings: PullSettings::default(),
        secrets: secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretText::new(*value)))
            .collect(),
    };
    let id = service.create_pull_connection(tenant, new).await.unwrap();
    id.as_str().to_owned()
}

fn value<'o>(opened: &'o Opened, name: &str) -> &'o str {
    opened.values[name].expose()
}

/// Whether the bytes of SQLite's files hold a text.
fn file_holds(database: &Database, text: &str) -> bool {
    let file = database.text.trim_start_matches("sqlite://");
    ["", "-wal", "-shm"].iter().any(|end| {
        let bytes = std::fs::read(format!("{file}{end}")).unwrap_or_default();
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    })
}

#[actix_web::test]
async fn a_secret_is_opened_for_a_pull_and_read_by_nobody_else() {
    let app = TestApp::start().await;
    let id = connection(&app.service, &app.tenant, &[("api_key", VALUE)]).await;
    let other = SecretText::new("another-hunter2");
    app.service
        .set_secret(&app.tenant, &id, "token", &other)
        .await
        .unwrap();
    let opened = app.service.open_secrets(&app.tenant, &id).await.unwrap();
    assert_eq!(value(&opened, "api_key"), VALUE);
    assert_eq!(value(&opened, "token"), "another-hunter2");
    assert!(opened.unusable.is_empty());
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let events = auditor.get("/AuditEvents?count=1000").await.expect(200);
    for text in ["connection.secret_set", "api_key", &id] {
        assert!(events.text.contains(text), "{text}: {}", events.text);
    }
    let infos = app.service.list_secrets(&app.tenant.tenant, &id).await;
    let seen = format!(
        "{opened:?} {infos:?} {} {}",
        events.text,
        dump(&app.database)
    );
    assert!(!seen.contains("hunter2"), "{seen}");
    if app.database.url.is_sqlite() {
        assert!(
            file_holds(&app.database, "api_key"),
            "the test looks where the data is"
        );
        assert!(!file_holds(&app.database, "hunter2"));
    }
    app.service
        .delete_secret(&app.tenant, &id, "token")
        .await
        .unwrap();
    let opened = app.service.open_secrets(&app.tenant, &id).await.unwrap();
    assert_eq!(opened.values.len(), 1);
    app.verify().await;
}

#[actix_web::test]
async fn a_token_that_rotates_is_on_disk_before_it_is_used() {
    let app = TestApp::start().await;
    let id = connection(&app.service, &app.tenant, &[("refresh_token", "first")]).await;
    for n in 0..20 {
        let next = format!("token-{n}");
        let new = SecretText::new(&next);
        let begun = app
            .service
            .begin_exchange(&app.tenant, &id, "refresh_token", None);
        let begun = begun.await.unwrap();
        let done = app.service.end_exchange(&app.tenant, &id, &begun, &new);
        done.await.unwrap();
        // Another process, as after a kill.
        let reader = service(&app.database, 7, &[]);
        let opened = reader.open_secrets(&app.tenant, &id).await.unwrap();
        assert_eq!(value(&opened, "refresh_token"), next);
    }
}

#[actix_web::test]
async fn what_breaks_a_rule_is_refused_without_showing_it() {
    let app = TestApp::start().await;
    let push = app.source(rosterd::scim::rules::Preset::Okta).await;
    assert!(!push.token().is_empty());
    let push = app.service.list_connections(&app.tenant).await.unwrap()[0]
        .id
        .clone();
    let id = connection(&app.service, &app.tenant, &[]).await;
    let large = format!("hunter2{}", "x".repeat(16 << 10));
    for (connection, name, value, says) in [
        (id.as_str(), "", "hunter2", "1 to 64"),
        (&id, "Api-Key", "hunter2", "a-z"),
        (&id, "key", "", "empty"),
        (&id, "key", "hunter2\0", "U+0000"),
        (&id, "key", &large, "16 KiB"),
        (&push, "key", "hunter2", "pull connection"),
        ("nobody", "key", "hunter2", "nobody"),
    ] {
        let error = app
            .service
            .set_secret(&app.tenant, connection, name, &SecretText::new(value))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(says) && !error.contains("hunter2"),
            "{error}"
        );
    }
    // Another tenant's connection is nobody's.
    let other = app.tenant("other").await;
    let error = app
        .service
        .set_secret(&other, &id, "key", &SecretText::new("hunter2"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, rosterd::service::Error::NotFound(_)),
        "{error}"
    );
}

#[actix_web::test]
async fn a_row_that_somebody_moved_or_changed_is_a_state_until_it_is_set_anew() {
    let app = TestApp::start().await;
    let secrets = [("a", "secret-a"), ("b", "secret-b"), ("c", "secret-c")];
    let id = connection(&app.service, &app.tenant, &secrets).await;
    let table = "connection_secrets";
    execute(
        &mut app.database.connect(),
        &format!(
            "UPDATE {table} SET sealed = (SELECT s.sealed FROM {table} s WHERE s.name = 'b') WHERE name = 'a'; \
             UPDATE {table} SET sealed = 'nonsense' WHERE name = 'c'"
        ),
    );
    for _ in 0..2 {
        let opened = app.service.open_secrets(&app.tenant, &id).await.unwrap();
        assert_eq!(opened.values.keys().collect::<Vec<_>>(), ["b"]);
        let why: Vec<_> = opened
            .unusable
            .iter()
            .map(|info| (info.name.as_str(), info.unusable))
            .collect();
        let damaged = Some(Unusable::Damaged);
        assert_eq!(why, [("a", damaged), ("c", damaged)]);
    }
    let said = app.role(&app.tenant, Role::Auditor).await;
    let told = said
        .filter("/AuditEvents", "action eq \"connection.secret_unusable\"")
        .await;
    assert_eq!(told.total(), 2, "once each");
    let anew = SecretText::new("secret-a");
    app.service
        .set_secret(&app.tenant, &id, "a", &anew)
        .await
        .unwrap();
    let opened = app.service.open_secrets(&app.tenant, &id).await.unwrap();
    assert_eq!((opened.values.len(), opened.unusable.len()), (2, 1));
}

/// 240 secrets of two tenants, sealed with key 0.
async fn many(database: &Database) -> Vec<(Caller, String)> {
    let service = service(database, 0, &[]);
    service.note_first_key().await.unwrap();
    let mut all = Vec::new();
    for name in ["one", "two"] {
        let tenant = tenant(&service, name).await;
        for _ in 0..4 {
            let id = connection(&service, &tenant, &[]).await;
            for n in 0..30 {
                let name = format!("s{n}");
                let value = SecretText::new(format!("{id} {name}"));
                service
                    .set_secret(&tenant, &id, &name, &value)
                    .await
                    .unwrap();
            }
            all.push((tenant.clone(), id));
        }
    }
    all
}

/// Every secret is what it was.
async fn check_all(service: &Service, all: &[(Caller, String)]) {
    for (tenant, id) in all {
        let opened = service.open_secrets(tenant, id).await.unwrap();
        assert_eq!((opened.values.len(), opened.unusable.len()), (30, 0));
        for (name, secret) in opened.values {
            assert_eq!(secret.expose(), format!("{id} {name}"));
        }
    }
}

/// How many secrets each key holds, the old one (0) first.
fn held(database: &Database) -> [usize; 2] {
    let rows = lines(
        &mut database.connect(),
        "SELECT key_id AS line FROM connection_secrets WHERE state = 'held'",
    );
    [0, 1].map(|byte| rows.iter().filter(|id| **id == key_id(&[byte; 32])).count())
}

#[actix_web::test]
async fn sealing_anew_goes_on_where_it_was_cut_off_and_loses_nothing() {
    let database = Database::migrated();
    let all = many(&database).await;
    let both = service(&database, 1, &[0]);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let cut = both.reseal_secrets(|_| assert!(tell.send(()).is_ok()));
    tokio::select! {
        _ = cut => panic!("it was to be cut off"),
        _ = told.recv() => {}
    }
    let [old, new] = held(&database);
    assert!(old > 0 && new > 0, "{old} {new}");
    check_all(&both, &all).await;
    // Somebody sets one meanwhile.
    let (tenant, id) = &all[7];
    let meanwhile = SecretText::new(format!("{id} s29"));
    both.set_secret(tenant, id, "s29", &meanwhile)
        .await
        .unwrap();
    let mut reported = 0;
    let done = both.reseal_secrets(|n| reported = n).await.unwrap();
    assert_eq!(done.resealed, reported);
    assert!(done.missing.is_empty() && done.damaged == 0, "{done:?}");
    assert_eq!(held(&database), [0, 240]);
    let only_new = service(&database, 1, &[]);
    check_all(&only_new, &all).await;
    let again = only_new.reseal_secrets(|_| ()).await.unwrap();
    assert_eq!(again.resealed, 0);
    let journal = only_new
        .store
        .read(&all[0].0.tenant, |scope| scope.verify_journal(|_| ()))
        .await;
    journal
        .map_err(|e: rosterd::storage::Error| e.to_string())
        .unwrap();
}

#[actix_web::test]
async fn without_a_former_key_its_secrets_stay_as_they_are() {
    let database = Database::migrated();
    let all = many(&database).await;
    let new = service(&database, 1, &[]);
    let done = new.reseal_secrets(|_| ()).await.unwrap();
    assert_eq!(done.missing, [key_id(&[0; 32])]);
    assert_eq!(held(&database), [240, 0]);
    let (tenant, id) = &all[0];
    let opened = new.open_secrets(tenant, id).await.unwrap();
    assert!(opened.values.is_empty());
    let info = &opened.unusable[0];
    assert_eq!(
        (info.unusable, info.key_id.as_str()),
        (Some(Unusable::NoKey), key_id(&[0; 32]).as_str())
    );
    check_all(&service(&database, 0, &[]), &all).await;
}

/// A command with these keys.
fn with_keys(database: &Database, files: &Path, current: &str, previous: &str) -> Command {
    let mut command = command(database, files, "127.0.0.1:0");
    command
        .env("ROSTERD_SECRET_KEY", current)
        .env("ROSTERD_SECRET_KEY_PREVIOUS", previous);
    command
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

#[actix_web::test]
async fn a_start_with_a_wrong_key_is_refused_and_rotation_makes_the_new_one_right() {
    let database = Database::migrated();
    let files = tempfile::tempdir().unwrap();
    let all = many(&database).await;
    let (old, new) = (key_id(&[0; 32]), key_id(&[1; 32]));
    let wrong = run(with_keys(&database, files.path(), ONES, ""), &["serve"]);
    assert!(!wrong.status.success(), "{}", said(&wrong));
    assert!(
        said(&wrong).contains(&old) && said(&wrong).contains(&new),
        "{}",
        said(&wrong)
    );
    let rotate = |current, previous| {
        run(
            with_keys(&database, files.path(), current, previous),
            &["secrets", "rotate"],
        )
    };
    let refused = rotate(ONES, "");
    assert!(!refused.status.success() && said(&refused).contains(&old));
    // Killed at some moments, then done.
    for wait in [20, 45, 60, 90] {
        let mut cut = with_keys(&database, files.path(), ONES, ZEROS)
            .args(["secrets", "rotate"])
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        cut.kill().unwrap();
        cut.wait().unwrap();
        check_all(&service(&database, 1, &[0]), &all).await;
    }
    // Half-way both keys are needed.
    let (tenant, id) = &all[0];
    let behind = SecretText::new(format!("{id} s0"));
    let late = service(&database, 0, &[]);
    late.set_secret(tenant, id, "s0", &behind).await.unwrap();
    succeeds(&rotate(ONES, ZEROS));
    assert_eq!(held(&database), [0, 240]);
    let status = run(
        with_keys(&database, files.path(), ONES, ""),
        &["secrets", "status", "--json"],
    );
    let status: Value = serde_json::from_str(succeeds(&status).trim()).unwrap();
    assert_eq!(
        (&status["key"], &status["held"]),
        (&new.into(), &240.into())
    );
    let former = run(with_keys(&database, files.path(), ZEROS, ""), &["serve"]);
    assert!(!former.status.success() && said(&former).contains(&key_id(&[1; 32])));
    check_all(&service(&database, 1, &[]), &all).await;
}

#[actix_web::test]
async fn a_lost_key_is_given_up_and_its_connections_need_new_credentials() {
    let database = Database::migrated();
    let files = tempfile::tempdir().unwrap();
    let all = many(&database).await;
    let old = key_id(&[0; 32]);
    let with_new = |args: &[&str]| run(with_keys(&database, files.path(), ONES, ""), args);
    let unknown = with_new(&["secrets", "abandon", "0123456789abcdef"]);
    assert!(!unknown.status.success(), "{}", said(&unknown));
    let here = run(
        with_keys(&database, files.path(), ONES, ZEROS),
        &["secrets", "abandon", &old],
    );
    assert!(
        !here.status.success() && said(&here).contains("rotate"),
        "{}",
        said(&here)
    );
    assert_eq!(held(&database), [240, 0]);
    let given_up = succeeds(&with_new(&["secrets", "abandon", &old]));
    assert!(given_up.contains("240"), "{given_up}");
    succeeds(&with_new(&["tenant", "list"]));
    let status = succeeds(&with_new(&["secrets", "status"]));
    assert!(status.contains("lost: secret `s0`"), "{status}");
    let new = service(&database, 1, &[]);
    let (tenant, id) = &all[0];
    let opened = new.open_secrets(tenant, id).await.unwrap();
    assert!(opened.values.is_empty());
    assert!(
        opened
            .unusable
            .iter()
            .all(|i| i.unusable == Some(Unusable::Lost))
    );
    new.set_secret(tenant, id, "s0", &SecretText::new("anew"))
        .await
        .unwrap();
    let opened = new.open_secrets(tenant, id).await.unwrap();
    assert_eq!(value(&opened, "s0"), "anew");
    let sealed =
        "SELECT sealed AS line FROM connection_secrets WHERE state = 'lost' AND sealed <> ''";
    assert_eq!(lines(&mut database.connect(), sealed), Vec::<String>::new());
}

#[actix_web::test]
async fn a_backup_holds_sealed_texts_and_a_restore_keeps_them() {
    let database = Database::migrated();
    let files = tempfile::tempdir().unwrap();
    let origin = service(&database, 0, &[]);
    origin.note_first_key().await.unwrap();
    let tenant = tenant(&origin, "one").await;
    let id = connection(&origin, &tenant, &[("api_key", VALUE)]).await;
    let file = files.path().join("copy.backup");
    let path = file.to_str().unwrap();
    succeeds(&run(
        with_keys(&database, files.path(), ZEROS, ""),
        &["backup", "--to", path],
    ));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("api_key") && !text.contains("hunter2"));
    let target = Database::fresh();
    let wrong = run(
        with_keys(&target, files.path(), ONES, ""),
        &["restore", "--from", path],
    );
    assert!(!wrong.status.success() && said(&wrong).contains(&key_id(&[0; 32])));
    succeeds(&run(
        with_keys(&target, files.path(), ONES, ZEROS),
        &["restore", "--from", path],
    ));
    let opened = service(&target, 0, &[]).open_secrets(&tenant, &id).await;
    assert_eq!(value(&opened.unwrap(), "api_key"), VALUE);
}
