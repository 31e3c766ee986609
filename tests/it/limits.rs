//! What a client may do at most: each limit as it is configured, hostile clients, and the pages that name the limits.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rosterd::config::keys;
use rosterd::domain::clock::SystemClock;
use rosterd::scim::rules::Preset;
use rosterd::storage::store::Options;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::bulk::fill;
use crate::support::process::{Server, TOKEN, command};
use crate::support::{Answer, Client, Database, GROUP, TestApp, person};

/// A server with these settings.
struct Limited {
    server: Server,
    database: Database,
    files: tempfile::TempDir,
}

impl Limited {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
        let server = Server::start_as(|listen| {
            let mut command = command(&database, files.path(), listen);
            for (key, value) in settings {
                command.env(keys::find(key).unwrap().variable(), value);
            }
            command
        })
        .await;
        Self {
            server,
            database,
            files,
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.server.base, TOKEN)
    }

    async fn connect(&self) -> TcpStream {
        let address = self.server.base.strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    /// A client with a token of its own.
    fn another(&self) -> Client {
        let made = command(&self.database, self.files.path(), "127.0.0.1:0")
            .args(["token", "create", "--role", "auditor", "--json"])
            .stdout(std::process::Stdio::piped())
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        Client::new(&self.server.base, made["token"].as_str().unwrap())
    }
}

/// Sends what is given, then a byte now and then until the other side hangs up; what it said, and how long it took.
async fn trickle(mut stream: TcpStream, first: &str) -> (String, Duration) {
    let began = Instant::now();
    stream.write_all(first.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut said = Vec::new();
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if write.write_all(b"a").await.is_err() {
                return;
            }
        }
    };
    let listen = read.read_to_end(&mut said);
    let both = async {
        tokio::select! {
            _ = drip => {}
            _ = listen => {}
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), both).await;
    assert!(ended.is_ok(), "the connection is still open");
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

#[actix_web::test]
async fn who_sends_headers_or_a_body_drop_by_drop_is_cut_off_and_hinders_nobody() {
    let app = Limited::start(&[("header_seconds", "1"), ("body_seconds", "1")]).await;
    let head = "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let body = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: 100000\r\n\r\n{{"
    );
    let mut hostile = Vec::new();
    for _ in 0..20 {
        for first in [head, body.as_str()] {
            hostile.push(trickle(app.connect().await, first));
        }
    }
    let honest = async {
        for i in 0..20 {
            let began = Instant::now();
            app.client().create_user(&format!("n{i}@x.test")).await;
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    };
    let (ended, ()) =
        futures_util::future::join(futures_util::future::join_all(hostile), honest).await;
    for (said, took) in ended {
        assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[actix_web::test]
async fn who_talks_properly_once_and_then_drop_by_drop_is_cut_off_too() {
    let app = Limited::start(&[("header_seconds", "1"), ("keep_alive_seconds", "1")]).await;
    let again =
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let (said, took) = trickle(app.connect().await, again).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[actix_web::test]
async fn a_request_may_take_longer_than_a_connection_may_be_idle() {
    let app = Limited::start(&[("header_seconds", "1"), ("keep_alive_seconds", "1")]).await;
    let body = person("slow@x.test").to_string();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = app.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 201"), "{said}");
}

// checklist: 93
#[actix_web::test]
async fn a_filter_that_takes_too_long_is_ended_and_harms_nobody() {
    let limit = Duration::from_millis(200);
    let app = TestApp::start_as(Arc::new(SystemClock), |options| Options {
        read_time: limit,
        ..options
    })
    .await;
    let okta = app.source(Preset::Okta).await;
    fill(&app.database, app.tenant.tenant.as_str(), 20_000, 10);
    let long = |i: usize| format!("not (nickName co \"a{i}\" or title co \"b{i}\")");
    let long = (0..300).map(long).collect::<Vec<_>>().join(" and ");
    let search = |filter: &str| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter, "count": 1});
    for path in ["/Users/.search", "/.search"] {
        let began = Instant::now();
        let answer = okta.post(path, search(&long)).await;
        let (status, word) = (answer.status, answer.scim_type());
        assert_eq!((status, word), (400, "tooMany"), "{path}: {}", answer.text);
        assert!(answer.text.contains("read_seconds"), "{}", answer.text);
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
    // The connections are as good as new, and what an index answers is answered.
    for i in 1..20 {
        let found = okta
            .filter("/Users", &format!("userName eq \"u{i}\""))
            .await;
        assert_eq!(found.expect(200).total(), 1);
    }
    okta.create_user("ann@x.test").await;
}

// checklist: 170
#[actix_web::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back_and_slows_no_other() {
    let app = Limited::start(&[("requests_per_minute", "60")]).await;
    let (flood, quiet) = (app.client(), app.another());
    let began = Instant::now();
    let many = (0..200).map(|_| flood.get("/Users?count=1"));
    let (answers, other) =
        futures_util::future::join(futures_util::future::join_all(many), async {
            let began = Instant::now();
            quiet.get("/Users?count=1").await.expect(200);
            began.elapsed()
        })
        .await;
    assert!(other < Duration::from_secs(5), "{other:?}");
    let good = answers.iter().filter(|a| a.status == 200).count();
    let most = 61 + usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((60..=most).contains(&good), "{good} of 200");
    let refused: Vec<&Answer> = answers.iter().filter(|a| a.status != 200).collect();
    for answer in &refused {
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (429, &json!("429"))
        );
        assert_eq!(
            answer.body["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
        );
    }
    // However the token is shown, it is the same one.
    let pair = STANDARD.encode(format!(":{}", flood.token()));
    let basic = flood.anonymous();
    let basic = basic.header("authorization", &format!("Basic {pair}"));
    let key = flood.anonymous().header("x-api-key", flood.token());
    let mut told = Vec::new();
    for client in [&basic, &key, &flood, &basic, &key] {
        told.push(client.get("/Users?count=1").await.status);
    }
    assert!(
        told.iter().all(|status| [200, 429].contains(status)),
        "{told:?}"
    );
    assert!(
        told.iter().filter(|status| **status == 429).count() >= 3,
        "{told:?}"
    );
    let wait = refused[0].header("retry-after").unwrap().parse().unwrap();
    assert_eq!(wait, 1);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    flood.get("/Users?count=1").await.expect(200);
}

#[actix_web::test]
async fn more_connections_than_configured_wait_for_one_to_end() {
    // One for each of at most eight threads.
    let app = Limited::start(&[("connections", "1"), ("keep_alive_seconds", "3600")]).await;
    let mut all = Vec::new();
    for _ in 0..12 {
        let mut stream = app.connect().await;
        let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        all.push(stream);
    }
    let (mut answered, mut waiting) = (Vec::new(), Vec::new());
    for mut stream in all {
        let mut said = [0; 16];
        let read = stream.read(&mut said);
        match tokio::time::timeout(Duration::from_millis(300), read).await {
            Ok(read) => {
                assert!(read.unwrap() > 0);
                answered.push(stream);
            }
            Err(_) => waiting.push(stream),
        }
    }
    assert!((1..=8).contains(&answered.len()), "{}", answered.len());
    drop(answered);
    let mut said = [0; 16];
    let read = waiting[0].read(&mut said);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    assert!(read.unwrap().unwrap() > 0);
}

#[actix_web::test]
async fn each_limit_is_what_the_configuration_says() {
    let app = Limited::start(&[
        ("body_limit", "4KiB"),
        ("header_limit", "2KiB"),
        ("header_count", "12"),
        ("page_default", "2"),
        ("page_max", "3"),
        ("filter_limit", "100"),
        ("filter_terms", "2"),
        ("filter_depth", "2"),
        ("members_limit", "2"),
        ("patch_operations", "2"),
    ])
    .await;
    let client = app.client();
    let mut ids = Vec::new();
    for i in 0..4 {
        ids.push(client.create_user(&format!("n{i}@x.test")).await.id());
    }
    assert_eq!(client.get("/Users").await.ids().len(), 2);
    assert_eq!(client.get("/Users?count=50").await.ids().len(), 3);
    let offers = client.get("/ServiceProviderConfig").await.body;
    assert_eq!(offers["filter"]["maxResults"], json!(3));
    for (filter, good) in [
        ("title pr or id pr", true),
        ("title pr or id pr or id pr", false),
        ("((title pr))", true),
        ("not (((title pr)))", false),
    ] {
        let answer = client.filter("/Users", filter).await;
        assert_eq!(answer.status == 200, good, "{filter}: {}", answer.text);
        assert!(
            good || answer.scim_type() == "invalidFilter",
            "{}",
            answer.text
        );
    }
    let long = format!("title eq \"{}\"", "x".repeat(100));
    assert_eq!(
        client.filter("/Users", &long).await.scim_type(),
        "invalidFilter"
    );
    let members = |n: usize| {
        ids[..n]
            .iter()
            .map(|id| json!({"value": id}))
            .collect::<Value>()
    };
    let group = |n| json!({"schemas": [GROUP], "displayName": "g", "members": members(n)});
    client.post("/Groups", group(3)).await.expect(413);
    client.post("/Groups", group(2)).await.expect(201);
    let write = json!({"op": "replace", "path": "title", "value": "x"});
    let path = format!("/Users/{}", ids[0]);
    client.patch(&path, json!([write, write])).await.expect(200);
    let refused = client.patch(&path, json!([write, write, write])).await;
    assert_eq!((refused.status, refused.scim_type()), (400, "tooMany"));
    let mut large = person("large@x.test");
    large["title"] = json!("x".repeat(5_000));
    client.post("/Users", large).await.expect(413);
    let long = client.header("x-long", &"x".repeat(3_000));
    let refused = long.get("/Users").await.expect(431);
    assert_eq!(refused.body["status"], json!("431"));
    let mut many = client.clone();
    for i in 0..12 {
        many = many.header(&format!("x-{i}"), "y");
    }
    many.get("/Users").await.expect(431);
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_pages_name_every_key() {
    let hint = "write it anew: `rosterd config sample > docs/config.sample.toml`";
    assert_eq!(file("docs/config.sample.toml"), keys::sample(), "{hint}");
    let table = keys::limits_table();
    assert!(
        file("docs/LIMITS.md").contains(&table),
        "docs/LIMITS.md lacks this table:\n{table}"
    );
    let readme = file("README.md");
    for key in keys::KEYS.iter().filter(|key| !key.is_limit) {
        let name = format!("`{}`", key.name);
        assert!(readme.contains(&name), "README.md lacks {name}");
    }
}
