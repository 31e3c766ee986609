//! Invitations over HTTP: making them, answering them, what time and other decisions do to them, and the way into the app.

mod acts;
mod attributes;
pub mod example;
mod handoff;
mod leavers;
mod pages;
mod policies;
mod shell;
mod undone;

use std::sync::Arc;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::roles::Role;
use rosterd::http::invite::Pages;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::sources::OURS;
use crate::support::{Answer, Client, TestApp, execute, lines};

/// A tenant with a push source that only lists people, its admin and its app, and a clock that stands still.
struct Scene {
    app: TestApp,
    clock: Arc<ManualClock>,
    okta: Client,
    admin: Client,
    me: Client,
}

impl Scene {
    async fn start() -> Self {
        Self::of(JoinerPolicy::List).await
    }

    async fn of(policy: JoinerPolicy) -> Self {
        let noon = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let okta = app.source_of(&app.tenant, Preset::Okta, policy).await;
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        let me = app.role(&app.tenant, Role::App).await;
        Self {
            app,
            clock,
            okta,
            admin,
            me,
        }
    }

    async fn send(&self, client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        let path = match path.starts_with("/api") {
            true => path.to_owned(),
            false => format!("/api/v1/tenants/default{path}"),
        };
        client.raw(method, &path, "application/json", body).await
    }

    /// What came of inviting one person.
    async fn invite_with(&self, person: &str, more: Value) -> Value {
        let mut body = json!({"people": [person]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self
            .send(&self.admin, "POST", "/invitations", Some(body))
            .await;
        answer.expect(200).body["results"][0].clone()
    }

    async fn invite(&self, person: &str) -> Value {
        self.invite_with(person, json!({})).await
    }

    /// Id of the invitation and its link's token, told to an app that writes itself.
    async fn link_for(&self, person: &str) -> (String, String) {
        let result = self.invite_with(person, json!({"delivery": "app"})).await;
        assert_eq!(result["result"], "invited", "{result}");
        let id = result["invitation"]["id"].as_str().unwrap().to_owned();
        (id, token_of(&result))
    }

    async fn act(&self, id: &str, act: &str) -> Answer {
        let path = format!("/invitations/{id}/{act}");
        self.send(&self.admin, "POST", &path, None).await
    }

    async fn invitation(&self, id: &str) -> Value {
        let path = format!("/invitations/{id}");
        let found = self.send(&self.admin, "GET", &path, None).await;
        found.expect(200).body
    }

    async fn state(&self, id: &str) -> String {
        self.invitation(id).await["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// How a person stands: `invited/invited`.
    async fn access(&self, id: &str) -> String {
        let user = self.me.get(&format!("/Users/{id}")).await.expect(200).body;
        let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let ours = &user[OURS];
        assert_eq!(user["active"], ours["hasAccess"], "{user}");
        format!(
            "{}/{}",
            word(&ours["access"]),
            word(&ours["accessReason"]["code"])
        )
    }

    /// Somebody whom the source lists.
    async fn listed(&self, name: &str) -> String {
        self.okta.create_user(name).await.id()
    }

    fn days_later(&self, days: i64) {
        self.clock.set(self.clock.now().plus_days(days));
    }

    async fn tick(&self) -> usize {
        self.app.service.tick_invitations().await.unwrap()
    }

    fn sql(&self, statement: &str) {
        execute(&mut self.app.database.connect(), statement);
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        lines(&mut self.app.database.connect(), sql)
    }

    /// Kinds of mails about a person, with their states, oldest first.
    fn mails(&self, person: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT kind || ' ' || state AS line FROM outbox WHERE person = '{person}' ORDER BY created_at, kind, state"
        ))
    }

    fn entries(&self, action: &str) -> usize {
        let sql = format!("SELECT action AS line FROM journal WHERE action = '{action}'");
        self.rows(&sql).len()
    }

    /// The token of the newest mail to a person, as the sender will read it.
    fn mailed(&self, person: &str) -> String {
        mailed(&self.app, person)
    }

    async fn page(&self, token: &str) -> Visit {
        Visit::open(&self.app.base, token).await
    }

    /// Another server on the same database, whose pages lead to this address of the app; answers its own address.
    fn serve_leading_to(&self, url: &str) -> String {
        self.serve_with(Some(url), 0)
    }

    /// The same, with so many requests of one address in a minute.
    fn serve_with(&self, url: Option<&str>, per_minute: usize) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut state = self.app.state_with(&base, url);
        state.pages = Pages::new(url.map(str::to_owned), per_minute);
        let server = rosterd::http::serve(
            Arc::new(state),
            rosterd::http::Offer::All,
            rosterd::http::Listen::on(listener),
        );
        actix_web::rt::spawn(server.unwrap());
        base
    }

    /// Opens the link and presses a button.
    async fn press(&self, token: &str, act: &str) -> Answer {
        self.page(token).await.press(act).await
    }

    /// The journal holds, nobody is invited without an invitation, and no invitation without somebody invited.
    async fn check(&self) {
        assert_eq!(self.app.verify().await.faults, []);
        let without = "SELECT u.id AS line FROM users u WHERE u.access = 'invited' AND u.removed_at IS NULL AND NOT EXISTS \
                       (SELECT 1 FROM invitations i WHERE i.tenant = u.tenant AND i.user_id = u.id AND i.state = 'pending')";
        assert_eq!(self.rows(without), [""; 0]);
        let with = "SELECT i.id AS line FROM invitations i JOIN users u ON u.tenant = i.tenant AND u.id = i.user_id \
                    WHERE i.state = 'pending' AND (u.access <> 'invited' OR u.removed_at IS NOT NULL)";
        assert_eq!(self.rows(with), [""; 0]);
        let due =
            "SELECT id AS line FROM invitations WHERE (state = 'pending') <> (due_at IS NOT NULL)";
        assert_eq!(self.rows(due), [""; 0]);
    }
}

/// The token of the newest mail to a person, as the sender will read it.
fn mailed(app: &TestApp, person: &str) -> String {
    use rosterd::domain::sealed::{Keyring, Place, Sealed};
    let sql = format!(
        "SELECT s.connection_id || ' ' || s.name || ' ' || s.key_id || ' ' || s.sealed AS line FROM connection_secrets s \
         JOIN outbox o ON o.tenant = s.tenant AND s.connection_id LIKE '%' || o.id WHERE o.person = '{person}' ORDER BY o.created_at"
    );
    let rows = lines(&mut app.database.connect(), &sql);
    let last = rows.last().expect("a mail with a secret");
    let parts: Vec<&str> = last.split(' ').collect();
    let [connection, name, key_id, sealed] = parts[..] else {
        panic!("{last}");
    };
    let place = Place {
        tenant: app.tenant.tenant.as_str(),
        connection,
        name,
    };
    let sealed = Sealed {
        key_id: key_id.to_owned(),
        text: sealed.to_owned(),
    };
    let ring = Keyring::new(&[7; 32], &[]);
    ring.open(place, &sealed).unwrap().expose().to_owned()
}

fn token_of(result: &Value) -> String {
    let link = result["link"]
        .as_str()
        .unwrap_or_else(|| panic!("{result}"));
    link.rsplit('/').next().unwrap().to_owned()
}

/// A browser that has opened a link.
pub struct Visit {
    client: Client,
    path: String,
    /// What came.
    answer: Answer,
    cookie: Option<String>,
}

impl Visit {
    async fn open(base: &str, token: &str) -> Self {
        Self::open_as(&Client::new(base, "").anonymous(), token).await
    }

    pub async fn open_as(client: &Client, token: &str) -> Self {
        let path = format!("/invite/{token}");
        let answer = client.raw("GET", &path, "", Vec::new()).await;
        let cookie = answer.header("set-cookie").map(|line| {
            let (pair, attributes) = line.split_once(';').unwrap();
            assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Strict"));
            pair.to_owned()
        });
        Self {
            client: client.clone(),
            path,
            answer,
            cookie,
        }
    }

    fn proof(&self) -> String {
        let text = &self.answer.text;
        let rest = text
            .split_once("name=\"proof\" value=\"")
            .map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once('"'))
            .map(|(proof, _)| proof.to_owned())
            .unwrap_or_default()
    }

    async fn post(&self, form: &str, cookie: Option<&str>) -> Answer {
        let mut client = self.client.clone();
        if let Some(cookie) = cookie {
            client = client.header("cookie", cookie);
        }
        let kind = "application/x-www-form-urlencoded";
        client
            .raw("POST", &self.path, kind, form.as_bytes().to_vec())
            .await
    }

    pub async fn press(&self, act: &str) -> Answer {
        let form = format!("proof={}&do={act}", self.proof());
        self.post(&form, self.cookie.as_deref()).await
    }
}
