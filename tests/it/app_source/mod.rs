//! The app as a source, over HTTP: its users and teams, what they mean for access, and its login path.

mod access;
mod import;
mod shell;
mod table;
mod teams;
mod users;

use std::sync::Arc;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::Source;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::{Permit, PullPerson, PullSource};
use serde_json::{Value, json};

use crate::sources::OURS;
use crate::support::{Answer, Client, TestApp, execute, lines};

/// A tenant with the app's token, and a clock that stands still.
struct Scene {
    app: TestApp,
    clock: Arc<ManualClock>,
    /// The app.
    me: Client,
    admin: Client,
}

impl Scene {
    async fn start() -> Self {
        let noon = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let me = app.role(&app.tenant, Role::App).await;
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        Self {
            app,
            clock,
            me,
            admin,
        }
    }

    fn days_later(&self, days: i64) {
        self.clock.set(self.clock.now().plus_days(days));
    }

    async fn send(&self, client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        let path = format!("/api/v1/tenants/default{path}");
        client.raw(method, &path, "application/json", body).await
    }

    /// The app says how its user is.
    async fn put(&self, id: &str, body: Value) -> Answer {
        let path = format!("/app-users/{id}");
        self.send(&self.me, "PUT", &path, Some(body)).await
    }

    async fn user(&self, id: &str) -> Answer {
        self.send(&self.me, "GET", &format!("/app-users/{id}"), None)
            .await
    }

    async fn delete(&self, id: &str) -> Answer {
        self.send(&self.me, "DELETE", &format!("/app-users/{id}"), None)
            .await
    }

    /// How the app's user stands: `granted/has-access-in-app`.
    async fn stands(&self, id: &str) -> String {
        let user = self.user(id).await.expect(200).body;
        let word = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", word("access"), word("accessReason"))
    }

    /// How a person stands.
    async fn person(&self, id: &str) -> String {
        let user = self.me.get(&format!("/Users/{id}")).await.expect(200).body;
        let ours = &user[OURS];
        let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        assert_eq!(user["active"], ours["hasAccess"], "{user}");
        format!(
            "{}/{}",
            word(&ours["access"]),
            word(&ours["accessReason"]["code"])
        )
    }

    /// Lines of NDJSON.
    async fn import(&self, what: &str, query: &str, lines: &str) -> Answer {
        let path = format!("/api/v1/tenants/default/{what}:import{query}");
        let body = lines.as_bytes().to_vec();
        self.me
            .raw("POST", &path, "application/x-ndjson", body)
            .await
    }

    /// A pull source of the tenant.
    async fn hr(&self, policy: JoinerPolicy) -> PullSource {
        let new = NewConnection {
            label: "HR".to_owned(),
            preset: Preset::Generic,
            policy,
        };
        let service = &self.app.service;
        let made = service.create_connection(&self.app.tenant, new).await;
        let id = made.unwrap().as_str().to_owned();
        self.sql(&format!(
            "UPDATE connections SET kind = 'hris' WHERE id = '{id}'"
        ));
        PullSource {
            source: Source { id, policy },
            also_by: None,
            zone: None,
        }
    }

    /// Pulls a record; answers whose it is.
    async fn pull(&self, hr: &PullSource, person: PullPerson) -> Option<String> {
        let service = &self.app.service;
        let done = service.pull_person(&self.app.tenant, hr, person, Permit::Full);
        done.await.unwrap().user_id
    }

    fn sql(&self, statement: &str) {
        execute(&mut self.app.database.connect(), statement);
    }

    fn entries(&self) -> Vec<String> {
        let sql = "SELECT action AS line FROM journal ORDER BY tenant, sequence";
        lines(&mut self.app.database.connect(), sql)
    }

    /// The journal holds, and totals are what a walk finds.
    async fn check(&self) {
        let (mut found, mut total) = (0, 1);
        while found < total {
            let path = format!("/Users?count=1000&startIndex={}", found + 1);
            let page = self.me.get(&path).await.expect(200);
            let rows = i64::try_from(page.resources().len()).unwrap();
            (found, total) = (found + rows, page.total());
            assert!(rows > 0 || total == 0, "{found} of {total}");
        }
        assert_eq!(found, total);
        let groups = self.me.get("/Groups?count=1000").await.expect(200);
        let found = i64::try_from(groups.resources().len()).unwrap();
        assert_eq!(groups.total(), found);
        assert_eq!(self.app.verify().await.faults, []);
        let sql = "SELECT u.id AS line FROM users u WHERE u.version > (SELECT count(*) FROM journal j WHERE \
                   j.tenant = u.tenant AND j.subject_id = u.id AND j.action NOT LIKE 'conflict.%')";
        let silent = lines(&mut self.app.database.connect(), sql);
        assert_eq!(silent, [""; 0], "a version without an entry");
    }
}

/// A record of somebody employed.
fn employee(id: &str, email: &str) -> PullPerson {
    let user = json!({
        "userName": email, "title": "Clerk", "displayName": format!("HR {id}"),
        "emails": [{"value": email, "type": "work", "primary": true}],
    });
    PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: EmploymentState::Employed,
        start_date: None,
        end_date: None,
        digest: "d1".to_owned(),
        unsaid: Default::default(),
        former: Vec::new(),
    }
}

fn in_state(person: &PullPerson, employment: EmploymentState) -> PullPerson {
    PullPerson {
        employment,
        digest: format!("{}/{}", person.digest, employment.as_str()),
        ..person.clone()
    }
}

fn ann() -> Value {
    json!({
        "email": "ann@x.test", "name": "Ann Lee", "roles": ["editor"], "entity": "Acme Ltd", "hasAccess": true,
    })
}
