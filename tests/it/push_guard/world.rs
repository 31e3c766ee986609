//! An identity provider that pushes to a tenant beside an HR system, and a clock for both.

use futures_util::StreamExt;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::Employed;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::leaving::firm::{Firm, HOUR, id, person};
use crate::support::{Answer, Client, ENTERPRISE, USER};

const API: &str = "/api/v1/tenants/default";

/// What an identity provider does about somebody who is unassigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Entra: reads her, then one operation with the boolean as text.
    Entra,
    /// Entra with the flag of 2020.
    Entra2020,
    /// An app of Okta's catalogue: PATCH without a path.
    OktaOin,
    /// An app of Okta's wizard: reads her, then PUT of everything.
    OktaAiw,
    /// DELETE.
    Delete,
}

pub struct World {
    pub firm: Firm,
    pub idp: Client,
    pub admin: Client,
    pub connection: String,
    /// Ids as the provider knows them, by number.
    pub ids: Vec<String>,
}

impl World {
    /// So many people whom the provider brought, two hours ago; HR knows the last twenty of them.
    pub async fn of(people: usize, preset: Preset) -> Self {
        let firm = Firm::of(0, JoinerPolicy::List).await;
        let idp = firm.app.source(preset).await;
        let posts = (0..people).map(|n| {
            let idp = idp.clone();
            async move { idp.post("/Users", document(n, true)).await.expect(201).id() }
        });
        let ids: Vec<String> = futures_util::stream::iter(posts)
            .buffered(16)
            .collect()
            .await;
        for n in people.saturating_sub(20)..people {
            firm.write(person(&id(n), Employed));
        }
        firm.pull().await;
        firm.pull().await;
        firm.later(2 * HOUR);
        let admin = firm.app.role(&firm.app.tenant, Role::TenantAdmin).await;
        let sql = "SELECT id AS line FROM connections WHERE kind = 'scim'";
        let connection = firm.lines(sql).pop().unwrap();
        Self {
            firm,
            idp,
            admin,
            connection,
            ids,
        }
    }

    /// What the provider sends, in its order, for each of these people; the answers to its last request.
    pub async fn unassign(&self, way: Way, people: impl IntoIterator<Item = usize>) -> Vec<Answer> {
        let mut answers = Vec::new();
        for n in people {
            answers.push(unassign(&self.idp, way, &self.ids[n], n).await);
        }
        answers
    }

    /// The same, many at a time.
    pub async fn unassign_at_once(&self, way: Way, people: std::ops::Range<usize>) {
        let each = people.map(|n| {
            let (idp, id) = (self.idp.clone(), self.ids[n].clone());
            async move { unassign(&idp, way, &id, n).await }
        });
        let done: Vec<Answer> = futures_util::stream::iter(each)
            .buffer_unordered(20)
            .collect()
            .await;
        for answer in done {
            assert!(answer.status < 300, "{}", answer.text);
        }
    }

    pub async fn set_active(&self, n: usize, active: bool) -> Answer {
        let path = format!("/Users/{}", self.ids[n]);
        let op = json!([{"op": "replace", "path": "active", "value": active}]);
        self.idp.patch(&path, op).await
    }

    pub fn inside(&self) -> usize {
        self.firm.inside().len()
    }

    /// `access/reason` of somebody by number.
    pub fn access(&self, n: usize) -> String {
        self.firm.access(&self.ids[n])
    }

    /// `state reason` of what is parked of somebody.
    pub fn parked_of(&self, n: usize) -> Vec<String> {
        self.firm.lines(&format!(
            "SELECT state || ' ' || reason AS line FROM parked_losses WHERE user_id = '{}'",
            self.ids[n]
        ))
    }

    pub fn claim_of(&self, n: usize) -> String {
        let sql = format!(
            "SELECT state AS line FROM claims WHERE user_id = '{}' AND connection_id = '{}'",
            self.ids[n], self.connection
        );
        self.firm.lines(&sql).pop().unwrap()
    }

    /// How many wait.
    pub async fn waiting(&self) -> usize {
        let mut found = 0;
        let mut after = String::new();
        loop {
            let path = format!("/parked?state=waiting&limit=200{after}");
            let page = self.api("GET", &path, None).await.expect(200).body;
            found += page["items"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else {
                return found;
            };
            after = format!("&after={next}");
        }
    }

    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        send(&self.admin, method, path, body).await
    }

    /// The sessions, the newest first.
    pub async fn sessions(&self) -> Vec<Value> {
        let page = self.api("GET", "/sessions", None).await.expect(200).body;
        page["items"].as_array().unwrap().clone()
    }

    pub async fn is_proved(&self) {
        assert_eq!(self.firm.app.verify().await.faults, []);
    }
}

pub async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let path = format!("{API}{path}");
    client.raw(method, &path, "application/json", body).await
}

/// Somebody as the provider knows her.
pub fn document(n: usize, active: bool) -> Value {
    let name = format!("{}@x.test", id(n));
    json!({
        "schemas": [USER, ENTERPRISE], "userName": name, "externalId": format!("ext-{n}"), "active": active,
        "displayName": format!("Person {n}"), "emails": [{"value": name, "type": "work", "primary": true}],
        ENTERPRISE: {"department": "Sales"},
    })
}

async fn unassign(idp: &Client, way: Way, id: &str, n: usize) -> Answer {
    let path = format!("/Users/{id}");
    match way {
        Way::Entra | Way::Entra2020 => {
            let read = idp.get(&path).await.expect(200);
            assert_eq!(read.body["active"], json!(true), "{id}");
            let op = match way {
                Way::Entra => json!([{"op": "Replace", "path": "active", "value": "False"}]),
                _ => json!([{"op": "replace", "path": "active", "value": false}]),
            };
            idp.patch(&path, op).await
        }
        Way::OktaOin => {
            let op = json!([{"op": "replace", "value": {"active": false}}]);
            idp.patch(&path, op).await
        }
        Way::OktaAiw => {
            let read = idp.get(&path).await.expect(200);
            let mut body = document(n, false);
            body["id"] = json!(id);
            body["groups"] = json!([]);
            body["meta"] = read.body["meta"].clone();
            idp.put(&path, body).await
        }
        Way::Delete => idp.delete(&path).await,
    }
}
