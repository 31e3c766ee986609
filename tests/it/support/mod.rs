//! A world for a test: a database of its own, a server on loopback, clients with a role each.

pub mod bulk;
pub mod log;
pub mod process;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rosterd::auth::Authenticator;
use rosterd::cli::bridge::{Stored, Tester};
use rosterd::cli::connectors::Connectors;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::chance::SystemChance;
use rosterd::domain::clock::{Clock, Millis, SystemClock};
use rosterd::domain::connector::Card;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::Keyring;
use rosterd::http::scim::cursor::Seal;
use rosterd::http::{self, State};
use rosterd::scim::rules::Preset;
use rosterd::scim::schema::Registry;
use rosterd::service::connections::NewConnection;
use rosterd::service::consent::{Question, Vendors};
use rosterd::service::credentials::NewToken;
use rosterd::service::{Caller, Service};
use rosterd::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use rosterd::storage::store::{Options, Store};
use rosterd::storage::{migrations, tenants};
use serde_json::{Value, json};

/// URN of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Full counts instead of those of the gate.
pub fn is_soak() -> bool {
    variable("ROSTERD_TEST_SOAK").is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suite is steered by the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A fresh, empty database; gone with the value on SQLite, with the throw-away server on PostgreSQL.
pub struct Database {
    pub url: DatabaseUrl,
    pub text: String,
    _dir: tempfile::TempDir,
}

impl Database {
    pub fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = match variable("ROSTERD_TEST_DATABASE").as_deref() {
            Some("postgres") => {
                let server = variable("TEST_POSTGRES_URL")
                    .expect("TEST_POSTGRES_URL names a server for the tests");
                let name = format!(
                    "t{}",
                    rosterd::domain::ids::fresh_text(SystemClock.now(), &SystemChance)
                        .replace('-', "")
                );
                let admin = DatabaseUrl::parse(&format!("{server}/postgres")).unwrap();
                execute(
                    &mut open(&admin, Purpose::Write).unwrap(),
                    &format!("CREATE DATABASE {name}"),
                );
                format!("{server}/{name}")
            }
            _ => return Self::sqlite(),
        };
        Self {
            url: DatabaseUrl::parse(&text).unwrap(),
            text,
            _dir: dir,
        }
    }

    /// The same on SQLite, whatever the suite runs on.
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("sqlite://{}", dir.path().join("rosterd.db").display());
        Self {
            url: DatabaseUrl::parse(&text).unwrap(),
            text,
            _dir: dir,
        }
    }

    pub fn migrated() -> Self {
        let database = Self::fresh();
        migrations::run(&database.url).unwrap();
        let mut conn = database.connect();
        tenants::ensure_operator(&mut conn, OPERATOR_TENANT, SystemClock.now().0).unwrap();
        database
    }

    /// A connection of one's own, to look at or to damage what is stored.
    pub fn connect(&self) -> AnyConnection {
        open(&self.url, Purpose::Write).unwrap()
    }
}

/// Runs a statement as it is.
pub fn execute(conn: &mut AnyConnection, sql: &str) {
    use diesel::connection::SimpleConnection;
    conn.batch_execute(sql)
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// The real connectors, which take whatever a test gives them; what they ask for is held at the shell.
struct AnyForm(Connectors);

impl Vendors for AnyForm {
    fn consent_address(&self, asked: &Question<'_>) -> Result<String, String> {
        self.0.consent_address(asked)
    }

    fn cards(&self, lang: &str) -> Result<Vec<Card>, String> {
        self.0.cards(lang)
    }
}

/// A running server with tenant `default`.
pub struct TestApp {
    pub service: Service,
    pub state: Arc<State>,
    pub base: String,
    pub database: Database,
    pub tenant: Caller,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(Arc::new(SystemClock)).await
    }

    pub async fn start_with(clock: Arc<dyn Clock>) -> Self {
        Self::start_as(clock, |options| options).await
    }

    /// With another kind of store.
    pub async fn start_as(clock: Arc<dyn Clock>, tuned: impl FnOnce(Options) -> Options) -> Self {
        Self::start_of(clock, tuned, None).await
    }

    /// One that knows the connectors of a directory too.
    pub async fn start_knowing(clock: Arc<dyn Clock>, connectors: std::path::PathBuf) -> Self {
        Self::start_of(clock, |options| options, Some(connectors)).await
    }

    async fn start_of(
        clock: Arc<dyn Clock>,
        tuned: impl FnOnce(Options) -> Options,
        connectors: Option<std::path::PathBuf>,
    ) -> Self {
        let database = Database::migrated();
        let options = tuned(Options::new(database.url.clone()));
        let store = Store::open(&options, clock, Arc::new(SystemChance)).unwrap();
        let mut service = Service::new(Arc::new(store), Arc::new(Registry::builtin().unwrap()));
        service.set_keys(Arc::new(Keyring::new(&[7; 32], &[])));
        let stored = Stored::new(&service);
        let stored = match &connectors {
            Some(directory) => stored.with_connectors(directory.clone()),
            None => stored,
        };
        service.tries = Arc::new(Tester::new(&service, stored));
        service.vendors = Arc::new(AnyForm(Connectors::new(connectors)));
        service.files = Arc::new(rosterd::cli::bridge::Inspector::new().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(state(&service, &base, None));
        let server = http::serve(
            Arc::clone(&state),
            http::Offer::All,
            http::Listen::on(listener),
        )
        .unwrap();
        actix_web::rt::spawn(server);
        let tenant = new_tenant(&service, "default").await;
        Self {
            service,
            state,
            base,
            database,
            tenant,
        }
    }

    /// What another server of the same installation needs, whose pages lead to an address of the app.
    pub fn state_with(&self, base: &str, accept_url: Option<&str>) -> State {
        state(&self.service, base, accept_url)
    }

    /// Another tenant.
    pub async fn tenant(&self, name: &str) -> Caller {
        new_tenant(&self.service, name).await
    }

    /// A push connection of the default tenant, and its client.
    pub async fn source(&self, preset: Preset) -> Client {
        self.source_of(&self.tenant, preset, JoinerPolicy::Grant)
            .await
    }

    pub async fn source_of(&self, tenant: &Caller, preset: Preset, policy: JoinerPolicy) -> Client {
        let new = NewConnection {
            label: preset.as_str().to_owned(),
            preset,
            policy,
        };
        let id = self.service.create_connection(tenant, new).await.unwrap();
        let new = NewToken {
            role: Role::Connection,
            connection: Some(id.as_str().to_owned()),
            label: String::new(),
            expires_at: None,
        };
        let (_, secret) = self.service.create_token(tenant, new, None).await.unwrap();
        self.client(&secret)
    }

    /// A client with a token of this role in a tenant.
    pub async fn role(&self, tenant: &Caller, role: Role) -> Client {
        let (_, secret) = self.token(tenant, role, None).await;
        self.client(&secret)
    }

    /// Id and secret of a new token.
    pub async fn token(
        &self,
        tenant: &Caller,
        role: Role,
        expires_at: Option<Millis>,
    ) -> (String, String) {
        let new = NewToken {
            role,
            connection: None,
            label: String::new(),
            expires_at,
        };
        let (id, secret) = self.service.create_token(tenant, new, None).await.unwrap();
        (id.as_str().to_owned(), secret)
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.base, token)
    }

    /// Recomputes the journal of the default tenant and of the operator.
    pub async fn verify(&self) -> rosterd::storage::journal::Verified {
        let done = self
            .service
            .store
            .read(&self.tenant.tenant, |scope| scope.verify_journal(|_| ()))
            .await;
        done.map_err(|e: rosterd::storage::Error| e.to_string())
            .unwrap()
    }
}

/// A tenant's tokens are let in, or not.
pub fn turned(is_active: bool) -> rosterd::service::tenants::TenantChange {
    rosterd::service::tenants::TenantChange {
        is_active: Some(is_active),
        ..Default::default()
    }
}

fn state(service: &Service, base: &str, accept_url: Option<&str>) -> State {
    State {
        auth: Authenticator::new(Arc::clone(&service.store)),
        service: service.clone(),
        public_url: base.to_owned(),
        limits: http::Limits::default(),
        rate: http::RateLimit::per_minute(0),
        seal: Seal::new(&[7; 32]),
        metrics: None,
        pages: http::invite::Pages::new(accept_url.map(str::to_owned), 0),
        open_metrics: false,
    }
}

async fn new_tenant(service: &Service, name: &str) -> Caller {
    let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    let id = service.create_tenant(&operator, name).await.unwrap();
    Caller::system(id, "test")
}

/// A caller over HTTP.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    extra: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    pub fn id(&self) -> String {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id in {self:?}"))
            .to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    pub fn scim_type(&self) -> &str {
        self.body["scimType"].as_str().unwrap_or_default()
    }

    pub fn total(&self) -> i64 {
        self.body["totalResults"]
            .as_i64()
            .unwrap_or_else(|| panic!("no total in {self:?}"))
    }

    pub fn resources(&self) -> &[Value] {
        self.body["Resources"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn ids(&self) -> Vec<String> {
        self.resources()
            .iter()
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A client with a bound on its patience.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the suite that builds a client"
)]
pub fn http_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
}

/// The same as it is.
pub fn http_client() -> reqwest::Client {
    http_builder().build().unwrap()
}

impl Client {
    pub fn new(base: &str, token: &str) -> Self {
        let http = http_client();
        Self {
            http,
            base: base.to_owned(),
            token: Some(token.to_owned()),
            extra: Vec::new(),
        }
    }

    pub fn anonymous(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The secret that it sends.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.extra.push((name.to_owned(), value.to_owned()));
        client
    }

    pub async fn raw(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.extra {
            request = request.header(name, value);
        }
        if !body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method) {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request
            .send()
            .await
            .unwrap_or_else(|e| panic!("{method} {path}: {e:?}"));
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned()))
            .collect();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            body,
            text,
        }
    }

    /// A request to a server that may go away: `None` when no whole answer came.
    pub async fn attempt(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let mut request = self.http.request(
            method.parse().unwrap(),
            format!("{}/scim/v2{path}", self.base),
        );
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let request = request
            .header("content-type", "application/scim+json")
            .body(body.to_string());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer {
            status,
            headers: Vec::new(),
            body,
            text,
        })
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        self.raw(
            method,
            &format!("/scim/v2{path}"),
            "application/scim+json",
            body,
        )
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    /// PATCH with these operations.
    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        self.send("PATCH", path, Some(body)).await
    }

    /// Users or groups that satisfy a filter.
    pub async fn filter(&self, path: &str, filter: &str) -> Answer {
        let encoded: String = filter.bytes().map(|b| format!("%{b:02X}")).collect();
        self.get(&format!("{path}?filter={encoded}")).await
    }

    /// Creates a user with an address as name; uses the API.
    pub async fn create_user(&self, name: &str) -> Answer {
        self.post("/Users", person(name)).await.expect(201)
    }
}

/// A user as Okta would send her.
pub fn person(name: &str) -> Value {
    json!({
        "schemas": [USER], "userName": name, "externalId": format!("ext-{name}"), "active": true,
        "displayName": format!("Display {name}"), "emails": [{"value": name, "type": "work", "primary": true}],
    })
}

/// A row of texts.
#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// The first column of a query, named `line`, as texts.
pub fn lines(conn: &mut AnyConnection, sql: &str) -> Vec<String> {
    use diesel::RunQueryDsl;
    let rows: Vec<Line> = match conn {
        AnyConnection::Sqlite(c) => diesel::sql_query(sql).load(c),
        AnyConnection::Postgresql(c) => diesel::sql_query(sql).load(c),
    }
    .unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.into_iter().map(|r| r.line).collect()
}

/// What a PRAGMA says.
pub fn number(conn: &mut AnyConnection, pragma: &str) -> i64 {
    let name = pragma.trim_start_matches("PRAGMA ");
    lines(
        conn,
        &format!("SELECT CAST({name} AS TEXT) AS line FROM pragma_{name}"),
    )[0]
    .parse()
    .unwrap()
}

/// Tables with their columns, as the database has them.
pub fn columns(
    conn: &mut AnyConnection,
) -> std::collections::BTreeMap<String, std::collections::BTreeSet<String>> {
    let sql = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT m.name || '/' || c.name AS line FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
        }
        AnyConnection::Postgresql(_) => {
            "SELECT table_name || '/' || column_name AS line FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let mut tables: std::collections::BTreeMap<String, std::collections::BTreeSet<String>> =
        Default::default();
    for line in lines(conn, sql) {
        let (table, column) = line.split_once('/').unwrap();
        tables
            .entry(table.to_owned())
            .or_default()
            .insert(column.to_owned());
    }
    tables
}

/// Every text that is stored.
pub fn dump(database: &Database) -> String {
    let mut conn = database.connect();
    let mut text = String::new();
    for (table, columns) in columns(&mut conn) {
        for column in columns {
            let sql =
                format!("SELECT COALESCE(CAST(\"{column}\" AS TEXT), '') AS line FROM \"{table}\"");
            for line in lines(&mut conn, &sql) {
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    text
}
