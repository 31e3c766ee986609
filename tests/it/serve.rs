//! The binary as an operator meets it: first start, rights of files, keys, revocation, stop.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::{Server, TOKEN, command, run};
use crate::support::{Client, Database, execute, http_client, lines, person};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Starts a server, waits for what it prints, and stops it by SIGTERM.
async fn printed_by_a_start(mut command: Command) -> String {
    let mut child = command.arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    terminate(child.id());
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    std::io::read_to_string(child.stdout.take().unwrap()).unwrap()
}

fn terminate(pid: u32) {
    let done = Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status();
    assert!(done.unwrap().success());
}

#[actix_web::test]
async fn what_is_made_is_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = parent.path().join("data");
    let mut start = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    start
        .env("ROSTERD_DATA_DIR", &data)
        .env("ROSTERD_LISTEN", "127.0.0.1:0")
        .env("ROSTERD_LOG", "error");
    let said = printed_by_a_start(start).await;
    assert_eq!(
        said.lines().filter(|l| l.contains("shown once")).count(),
        2,
        "{said}"
    );
    assert_eq!(mode(&data), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    // A directory that was there before is not ours to change.
    let elsewhere = parent.path().join("own.db");
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    migrate.env("ROSTERD_DATA_DIR", &data).env(
        "ROSTERD_DATABASE_URL",
        format!("sqlite://{}", elsewhere.display()),
    );
    assert!(run(migrate, &["migrate"]).status.success());
    assert_eq!((mode(&elsewhere), mode(parent.path())), (0o600, 0o755));
}

#[actix_web::test]
async fn tokens_are_shown_once_and_a_start_that_was_cut_off_is_finished() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let plain = || {
        let mut command = command(&database, files.path(), "127.0.0.1:0");
        command.env_remove("ROSTERD_BOOTSTRAP_SCIM_TOKEN");
        command.env_remove("ROSTERD_BOOTSTRAP_ADMIN_TOKEN");
        command
    };
    // A tenant made by hand before the first start is no reason to go without.
    assert!(
        run(plain(), &["tenant", "create", "default"])
            .status
            .success()
    );
    let said = printed_by_a_start(plain()).await;
    assert!(
        said.contains("SCIM token") && said.contains("Operator token"),
        "{said}"
    );
    let said = printed_by_a_start(plain()).await;
    assert!(!said.contains("token"), "{said}");
    execute(
        &mut database.connect(),
        "DELETE FROM credential_index; DELETE FROM credentials",
    );
    let said = printed_by_a_start(plain()).await;
    assert!(
        said.contains("SCIM token") && said.contains("Operator token"),
        "{said}"
    );
}

#[actix_web::test]
async fn replicas_may_start_together_on_an_empty_database() {
    let database = Database::fresh();
    if database.url.is_sqlite() {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let starts = (0..3).map(|_| Server::start(&database, files.path()));
    let servers = futures_util::future::join_all(starts).await;
    for server in &servers {
        Client::new(&server.base, TOKEN)
            .get("/Users")
            .await
            .expect(200);
    }
    let made = lines(
        &mut database.connect(),
        "SELECT name AS line FROM tenants ORDER BY name",
    );
    assert_eq!(made, ["default", "operator"]);
}

#[actix_web::test]
async fn a_start_with_another_key_is_refused_and_names_the_one_that_is_needed() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    Server::start(&database, files.path()).await.kill();
    let mut other = command(&database, files.path(), "127.0.0.1:0");
    other.env(
        "ROSTERD_SECRET_KEY",
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
    );
    let refused = run(other, &["serve"]);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("needs the secret key with the id"),
        "{said}"
    );
    assert!(!said.contains("BBBB"), "{said}");
    if database.url.is_sqlite() {
        let mut lost = command(&database, files.path(), "127.0.0.1:0");
        lost.env_remove("ROSTERD_SECRET_KEY");
        let said = text(&run(lost, &["serve"]).stderr);
        assert!(said.contains("but there is none"), "{said}");
        assert!(!files.path().join("secret.key").exists());
    }
    Server::start(&database, files.path()).await;
}

#[actix_web::test]
async fn no_message_shows_the_password_of_the_database() {
    let files = tempfile::tempdir().unwrap();
    for url in [
        "postgres://me:hun%ter2@127.0.0.1/r",
        "postgres://me:hunter2@127.0.0.1:9/r",
        "postgres://me:x@hunter2@127.0.0.1:hunter2/r",
        "postgres://me:hunter2@127.0.0.1/r?nonsense=hunter2",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
        command
            .env("ROSTERD_DATA_DIR", files.path())
            .env("ROSTERD_DATABASE_URL", url)
            .env(
                "ROSTERD_SECRET_KEY",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            );
        let refused = run(command, &["migrate"]);
        let said = text(&refused.stderr) + &text(&refused.stdout);
        assert!(!refused.status.success() && !said.is_empty());
        assert!(
            !said.contains("hunter2") && !said.contains("hun%ter2"),
            "{url}: {said}"
        );
    }
}

#[actix_web::test]
async fn a_token_revoked_at_the_shell_is_refused_within_a_second() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    client.get("/Users").await.expect(200);
    let id = lines(
        &mut database.connect(),
        "SELECT id AS line FROM credentials WHERE role = 'connection'",
    )
    .remove(0);
    let revoked = run(
        command(&database, files.path(), "127.0.0.1:0"),
        &["token", "revoke", &id],
    );
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.get("/Users").await.expect(401);
}

#[actix_web::test]
async fn the_listener_for_metrics_offers_nothing_else() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = Server::start_as(|listen| {
        let mut command = command(&database, files.path(), listen);
        command.env("ROSTERD_METRICS_LISTEN", format!("127.0.0.1:{port}"));
        command
    })
    .await;
    Client::new(&server.base, TOKEN)
        .create_user("ann@x.test")
        .await;
    let base = format!("http://127.0.0.1:{port}");
    let metrics = http_client().get(format!("{base}/metrics")).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    for name in [
        "rosterd_writer_batch_size",
        "rosterd_writer_batch_seconds",
        "rosterd_writer_jobs_total",
        "rosterd_read_connections",
        "rosterd_http_request_seconds",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert!(!metrics.contains("ann@x.test"));
    Client::new(&base, TOKEN).get("/Users").await.expect(404);
}

#[actix_web::test]
async fn a_stopped_server_answers_what_it_began() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    let (sent, began) = (
        std::sync::Arc::new(std::sync::Mutex::new(Vec::new())),
        Instant::now(),
    );
    let workers: Vec<_> = (0..8)
        .map(|w| {
            let (client, sent) = (client.clone(), std::sync::Arc::clone(&sent));
            actix_web::rt::spawn(async move {
                for i in 0.. {
                    let name = format!("w{w}-{i}@x.test");
                    match client.attempt("POST", "/Users", &person(&name)).await {
                        Some(answer) if answer.status == 201 => sent.lock().unwrap().push(name),
                        Some(answer) => {
                            assert_eq!(answer.status, 503, "{}", answer.text);
                            return;
                        }
                        // A connection that was not taken any more; nothing was begun on it.
                        None => return,
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    terminate(server.pid());
    let stopped = server.wait().await;
    assert!(stopped.success(), "{stopped}");
    assert!(began.elapsed() < Duration::from_secs(20));
    for worker in workers {
        worker.await.unwrap();
    }
    let sent = sent.lock().unwrap().clone();
    let there: std::collections::BTreeSet<String> = lines(
        &mut database.connect(),
        "SELECT user_name AS line FROM users",
    )
    .into_iter()
    .collect();
    assert!(sent.len() > 20, "only {} were created", sent.len());
    for name in sent {
        assert!(there.contains(&name), "{name} was acknowledged and is gone");
    }
}

// checklist: 169
#[actix_web::test]
async fn a_lost_database_is_unavailable_and_comes_back() {
    let database = Database::fresh();
    if database.url.is_sqlite() {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    client.create_user("ann@x.test").await;
    execute(
        &mut database.connect(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let mut statuses = Vec::new();
    for i in 0..100 {
        let answer = client.post("/Users", person(&format!("n{i}@x.test"))).await;
        statuses.push(answer.status);
        if answer.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        statuses.iter().all(|s| [201, 503].contains(s)),
        "{statuses:?}"
    );
    assert_eq!(statuses.last(), Some(&201), "{statuses:?}");
}

#[actix_web::test]
async fn every_answer_says_that_it_is_for_the_client_alone() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let server = Server::start_as(|listen| {
        let mut command = command(&database, files.path(), listen);
        command.env("ROSTERD_PUBLIC_URL", "https://scim.example.com");
        command
    })
    .await;
    let client = Client::new(&server.base, TOKEN);
    let answers = [
        client.get("/Users").await.expect(200),
        client.anonymous().get("/Users").await.expect(401),
        client.get("/Users/none").await.expect(404),
        client.get("/Nothing").await.expect(404),
        client.get("/ServiceProviderConfig").await.expect(200),
        client
            .raw("GET", "/healthz", "", Vec::new())
            .await
            .expect(200),
        client
            .raw("GET", "/nothing", "", Vec::new())
            .await
            .expect(404),
        client
            .raw("TRACE", "/scim/v2/Users", "", Vec::new())
            .await
            .expect(405),
    ];
    for answer in answers {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        assert_eq!(answer.header("server"), None);
    }
    // Where clients reach it without TLS, they are not sent elsewhere.
    let plain = Server::start(&database, files.path()).await;
    let answer = Client::new(&plain.base, TOKEN).get("/Users").await;
    assert_eq!(answer.header("strict-transport-security"), None);
}
