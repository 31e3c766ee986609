//! The story of the product from beginning to end, told over HTTP, mail and the shell against a server of its own: a company
//! whose people use the app already connects its HR system, invites, loses somebody, and disconnects.

use std::collections::BTreeSet;
use std::time::Duration;

use rosterd::cli::simulate::hris::Setup;
use rosterd::domain::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::invitations::Visit;
use crate::invitations::example::Running;
use crate::mail::reader::read;
use crate::mail::server::Server as Mail;
use crate::sources::OURS;
use crate::standins::client::World as Company;
use crate::support::process::{OPERATOR, Server, command, run, said};
use crate::support::{Answer, Client, Database, http_client};

const TENANT: &str = "/api/v1/tenants/default";
/// People whom the HR system brings.
const BROUGHT: usize = 300;
/// Of these, who use the app already.
const SHARED: usize = 80;

/// A company from which so many people come.
async fn company() -> Company {
    let today = SystemClock.now().to_rfc3339()[..10].parse().unwrap();
    for people in BROUGHT..BROUGHT + 60 {
        let setup = Setup {
            is_limited: false,
            ..Setup::new("bamboohr", u32::try_from(people).unwrap(), today)
        };
        let company = Company::start("bamboohr", setup);
        let is_there = |user: &&Value| user[OURS]["employmentState"] != "left";
        if company.truth().await.iter().filter(is_there).count() == BROUGHT {
            return company;
        }
    }
    panic!("no company has {BROUGHT} people who work there");
}

/// Waits for something.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not come about");
}

struct Story {
    admin: Client,
    app: Client,
    hr: String,
}

impl Story {
    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let path = format!("{TENANT}{path}");
        self.admin
            .raw(method, &path, "application/json", body)
            .await
    }

    async fn import(&self, what: &str, lines: Vec<Value>) {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let path = format!("{TENANT}/{what}:import");
        let kind = "application/x-ndjson";
        let done = self.app.raw("POST", &path, kind, lines.into_bytes()).await;
        let done = done.expect(200);
        let results = done.body["results"].as_array().unwrap();
        assert!(
            results.iter().all(|r| r["result"] == "created"),
            "{}",
            done.text
        );
    }

    /// Pulls the HR system now, and waits for the end.
    async fn sync(&self) -> Value {
        let path = format!("/runs?connection={}", self.hr);
        let newest = async || {
            let runs = self.send("GET", &path, Value::Null).await.expect(200).body;
            runs["items"][0].clone()
        };
        let before = newest().await["id"].clone();
        let sync = format!("/connections/{}/sync", self.hr);
        self.send("POST", &sync, Value::Null).await.expect(202);
        until("the pull", async || {
            let run = newest().await;
            (run["id"] != before && run["state"] == "done").then_some(run)
        })
        .await
    }

    /// How many people the app sees that satisfy a filter.
    async fn count(&self, filter: &str) -> i64 {
        let found = self.app.filter("/Users", filter).await;
        found.expect(200).total()
    }

    /// Ids of those who were added via this source, as everybody reads.
    async fn labelled(&self, label: &str) -> BTreeSet<String> {
        let all = self.app.get("/Users?count=1000").await.expect(200);
        let via = all
            .resources()
            .iter()
            .filter(|u| u[OURS]["addedVia"] == label);
        via.map(|u| u["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Ids of those who have access.
    async fn with_access(&self) -> BTreeSet<String> {
        let path = format!("/Users?count=1000&filter={OURS}:hasAccess%20eq%20true&attributes=id");
        let all = self.app.get(&path).await.expect(200);
        all.ids().into_iter().collect()
    }
}

#[actix_web::test]
async fn a_company_connects_invites_loses_somebody_and_disconnects() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let (mail, company) = (Mail::start(), company().await);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app_address = free.local_addr().unwrap().to_string();
    drop(free);
    let program = |listen: &str| {
        let mut command = command(&database, files.path(), listen);
        command
            .env("ROSTERD_PUBLIC_URL", format!("http://{listen}"))
            .env("ROSTERD_SMTP_URL", mail.url())
            .env("ROSTERD_SMTP_FROM", "Acme <no-reply@acme.test>")
            .env("ROSTERD_PULL_PRIVATE", "yes")
            .env(
                "ROSTERD_APP_ACCEPT_URL",
                format!("http://{app_address}/welcome"),
            );
        command
    };
    let server = Server::start_as(program).await;
    let admin = Client::new(&server.base, OPERATOR);
    let path = format!("{TENANT}/tokens");
    let role = json!({"role": "app"}).to_string().into_bytes();
    let token = admin.raw("POST", &path, "application/json", role).await;
    let token = token.expect(201).body["token"].as_str().unwrap().to_owned();
    let app = Client::new(&server.base, &token);
    let running = Running::start_on(&app_address, &server.base, &token);

    // A hundred use the app already, in eight teams; eighty of them under the addresses that HR has.
    let truth = company.truth().await;
    let works = truth
        .iter()
        .filter(|u| u[OURS]["employmentState"] == "employed");
    let addresses: Vec<&str> = works
        .filter_map(|u| u["emails"][0]["value"].as_str())
        .filter(|address| *address == address.to_lowercase())
        .take(SHARED)
        .collect();
    assert_eq!(addresses.len(), SHARED);
    let mut story = Story {
        admin,
        app,
        hr: String::new(),
    };
    let user = |n: usize| match addresses.get(n) {
        Some(address) => json!({"appUserId": format!("u-{n}"), "email": address}),
        None => json!({"appUserId": format!("u-{n}"), "email": format!("guest{n}@partner.test")}),
    };
    story
        .import("app-users", (0..100).map(user).collect())
        .await;
    let team = |n: usize| {
        let members: Vec<String> = (0..100)
            .filter(|u| u % 8 == n)
            .map(|u| format!("u-{u}"))
            .collect();
        json!({"appTeamId": format!("t-{n}"), "name": format!("Team {n}"), "members": members, "reviewers": [format!("u-{n}")]})
    };
    story.import("app-teams", (0..8).map(team).collect()).await;
    assert_eq!(story.with_access().await.len(), 100);

    // The HR system is connected and pulled: nobody new has access, and nobody gets a mail.
    let key = files.path().join("key");
    std::fs::write(&key, company.key("api_key")).unwrap();
    let set = format!("company={}", company.given("company").unwrap());
    let secret = format!("api_key={}", key.display());
    let add = [
        "connection",
        "add",
        "--label",
        "HR",
        "--connector",
        "bamboohr",
        "--set",
        &set,
        "--secret-file",
        &secret,
        "--endpoint",
        &company.base,
    ];
    let made = run(program("127.0.0.1:0"), &add);
    assert!(made.status.success(), "{}", said(&made));
    assert!(
        !said(&made).contains("app-users-never-loaded"),
        "they are loaded"
    );
    story.hr = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let first = story.sync().await;
    assert_eq!(first["lostAccess"], 0, "{first}");
    let by = &first["counts"]["byAction"];
    assert_eq!(
        (&by["adopt"], &by["create"]),
        (&json!(SHARED), &json!(BROUGHT - SHARED)),
        "{first}"
    );
    assert_eq!(
        story.count(&format!("{OURS}:access eq \"listed\"")).await,
        220
    );
    assert_eq!(story.with_access().await.len(), 100);
    let labelled = story.labelled("HR").await;
    assert_eq!(
        labelled.intersection(&story.with_access().await).count(),
        SHARED
    );
    assert_eq!(mail.taken().len(), 0);

    // Three are invited; two accept and land in the app, signed in.
    let path = format!(
        "/Users?count=20&filter={OURS}:access%20eq%20%22listed%22%20and%20emails%20pr%20and%20{OURS}:employmentState%20eq%20%22employed%22"
    );
    let listed: Vec<String> = story.app.get(&path).await.expect(200).ids();
    let invite = json!({"people": &listed[..3], "message": "Welcome!"});
    let invited = story.send("POST", "/invitations", invite).await.expect(200);
    let results = invited.body["results"].as_array().unwrap().clone();
    assert!(
        results.iter().all(|r| r["result"] == "invited"),
        "{}",
        invited.text
    );
    let mails = until("three mails", async || {
        let mails = mail.taken();
        (mails.len() == 3).then_some(mails)
    })
    .await;
    let mut cookies = Vec::new();
    for letter in &mails[..2] {
        let letter = read(&letter.data);
        assert!(letter.text.contains("Welcome!"), "{}", letter.text);
        let token = letter.text.split_once("/invite/").unwrap().1;
        let token = token.split_whitespace().next().unwrap();
        let browser = Client::new(&server.base, "").anonymous();
        let accepted = Visit::open_as(&browser, token).await.press("accept").await;
        let to = accepted.expect(303).header("location").unwrap().to_owned();
        assert!(to.starts_with(&running.url), "{to}");
        let landed = http_client().get(&to).send().await.unwrap();
        assert_eq!(landed.status().as_u16(), 303);
        let cookie = landed.headers()["set-cookie"].to_str().unwrap();
        cookies.push(cookie.split(';').next().unwrap().to_owned());
    }
    let home = async |cookie: &str| {
        let request = http_client().get(format!("{}/", running.url));
        let answer = request.header("cookie", cookie).send().await.unwrap();
        answer.status().as_u16()
    };
    for cookie in &cookies {
        assert_eq!(home(cookie).await, 200);
    }
    let inside = story.with_access().await;
    assert_eq!(inside.len(), 102);

    // Somebody who has access leaves the company.
    let mut gone = BTreeSet::new();
    for _ in 0..40 {
        company.play("leaver", "?count=1").await;
        story.sync().await;
        let now = story.with_access().await;
        gone = inside.difference(&now).cloned().collect();
        if !gone.is_empty() {
            break;
        }
    }
    assert_eq!(gone.len(), 1, "one who left, and nobody else");
    let path = format!("/Users/{}", gone.first().unwrap());
    let leaver = story.app.get(&path).await.expect(200).body;
    assert_eq!(leaver[OURS]["access"], "revoked");
    let why = &leaver[OURS]["accessReason"]["code"];
    assert!(
        ["left", "last-day-passed"].contains(&why.as_str().unwrap()),
        "{why}"
    );

    // Disconnected: whoever has access keeps it, whoever was only listed is gone, the third invitation is out still.
    let path = format!("/connections/{}/disconnect", story.hr);
    let plan = story.send("GET", &path, Value::Null).await.expect(200).body;
    assert_eq!(plan["invited"]["count"], 1, "{plan}");
    let only_listed = story.count(&format!("{OURS}:access eq \"listed\"")).await;
    assert_eq!(plan["removed"]["count"], only_listed, "{plan}");
    story.send("POST", &path, Value::Null).await.expect(202);
    let connection = format!("/connections/{}", story.hr);
    until("the disconnect", async || {
        let row = story
            .send("GET", &connection, Value::Null)
            .await
            .expect(200);
        (row.body["state"] == "disconnected").then_some(())
    })
    .await;
    let now = story.with_access().await;
    assert_eq!(now.len(), 101);
    assert!(now.is_subset(&inside));
    assert_eq!(
        story.count(&format!("{OURS}:access eq \"listed\"")).await,
        0
    );
    assert_eq!(
        story.count(&format!("{OURS}:access eq \"invited\"")).await,
        1
    );
    assert_eq!(mail.taken().len(), 3);
    for cookie in &cookies {
        assert!([200, 403].contains(&home(cookie).await));
    }
    drop(server);
    let verified = run(program("127.0.0.1:0"), &["audit", "verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}
