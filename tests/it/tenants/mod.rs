//! Tenants for the app's sign-up code, over HTTP: made once, suspended, exported, deleted with a proof, and what their plans
//! let them do.

mod closing;
mod entitlements;
mod export;
mod features;
mod provision;
mod seats;
mod shell;

use std::sync::Arc;

use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::service::Caller;
use serde_json::{Value, json};

use crate::api::operator;
use crate::support::{Answer, Client, TestApp};

/// A server whose clock stands still, and the operator.
struct Scene {
    app: TestApp,
    clock: Arc<ManualClock>,
    operator: Client,
}

impl Scene {
    async fn start() -> Self {
        let noon = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let operator = operator(&app).await;
        Self {
            app,
            clock,
            operator,
        }
    }

    fn days_later(&self, days: i64) {
        self.clock.set(self.clock.now().plus_days(days));
    }

    /// A request of the operator.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        send(&self.operator, method, path, body).await
    }

    /// Makes a tenant; answers its id and who acts for it.
    async fn tenant(&self, body: Value) -> (String, Caller) {
        let made = self.send("POST", "/tenants", Some(body)).await.expect(201);
        let id = made.id();
        (id.clone(), Caller::system(TenantId::new(id), "test"))
    }

    /// So many users of the app, and a team for each twenty of them.
    async fn fill(&self, caller: &Caller, people: usize) {
        let app = self.app.role(caller, Role::App).await;
        let tenant = caller.tenant.as_str();
        let user = |n: usize| {
            json!({"appUserId": format!("u-{n}"), "email": format!("u{n}@{tenant}.test"), "name": format!("User {n}"), "hasAccess": true})
                .to_string()
        };
        let users: Vec<String> = (0..people).map(user).collect();
        import(&app, tenant, "app-users", users.join("\n")).await;
        let team = |n: usize| {
            let members: Vec<String> = (n * 20..(n + 1) * 20).map(|n| format!("u-{n}")).collect();
            json!({"appTeamId": format!("t-{n}"), "name": format!("Team {n}"), "members": members, "reviewers": [members[0]]})
                .to_string()
        };
        let teams: Vec<String> = (0..people / 20).map(team).collect();
        import(&app, tenant, "app-teams", teams.join("\n")).await;
    }

    /// Every row of a tenant, by table.
    async fn rows(&self, tenant: &str) -> Vec<(String, Vec<Vec<Value>>)> {
        let (store, tenant) = (&self.app.service.store, TenantId::new(tenant));
        let read = store.read(&tenant, |scope| {
            let mut all = Vec::new();
            for table in scope.list_tables()? {
                let (mut rows, mut after) = (Vec::new(), None);
                loop {
                    let page = scope.list_rows(&table, after.as_deref(), 300)?;
                    rows.extend(page.rows);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                all.push((table.name.clone(), rows));
            }
            Ok::<_, rosterd::storage::Error>(all)
        });
        read.await.unwrap()
    }

    /// The same, without when its tokens were last used.
    async fn stored(&self, tenant: &str) -> Vec<(String, Vec<Vec<Value>>)> {
        let mut rows = self.rows(tenant).await;
        rows.retain(|(table, _)| table != "credentials");
        rows
    }

    /// How many rows a tenant has.
    async fn count(&self, tenant: &str) -> usize {
        let rows = self.rows(tenant).await;
        rows.iter().map(|(_, rows)| rows.len()).sum()
    }

    async fn verify_operator(&self) {
        let home = TenantId::new(OPERATOR_TENANT);
        let store = &self.app.service.store;
        let done = store
            .read(&home, |scope| scope.verify_journal(|_| ()))
            .await;
        let done: rosterd::storage::journal::Verified = done
            .map_err(|e: rosterd::storage::Error| e.to_string())
            .unwrap();
        assert_eq!(done.faults, []);
    }
}

/// A request to the management API.
async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let path = format!("/api/v1{path}");
    client.raw(method, &path, "application/json", body).await
}

async fn import(app: &Client, tenant: &str, what: &str, lines: String) {
    let path = format!("/api/v1/tenants/{tenant}/{what}:import");
    let body = lines.into_bytes();
    let answer = app.raw("POST", &path, "application/x-ndjson", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// A plan with everything but what is named.
fn plan(name: &str, but: Value) -> Value {
    let mut plan =
        json!({"name": name, "hris": null, "push": true, "teamSync": true, "seats": null});
    for (feature, amount) in but.as_object().unwrap() {
        plan[feature] = amount.clone();
    }
    plan
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code)),
        "{}",
        answer.text
    );
}
