//! Team sync over HTTP (SEMANTICS §8): a set-up that replaces teams, runs that move only those concerned, the way back; fed by
//! a pull (`story.rs`) and by a push (`push.rs`); cut off at any place (`cut_off.rs`).

mod cut_off;
mod large;
mod push;
mod shell;
mod story;
mod warning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ENTERPRISE, TestApp, USER, lines};

/// What is asked of team sync, by an admin.
pub struct Desk<'a> {
    app: &'a TestApp,
    admin: Client,
}

impl<'a> Desk<'a> {
    pub async fn of(app: &'a TestApp) -> Self {
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        Self { app, admin }
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        send(&self.admin, method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.send("GET", path, None).await.expect(200).body
    }

    /// Waits until nothing is under way.
    pub async fn settled(&self) -> Value {
        for _ in 0..500 {
            let status = self.get("/team-sync").await;
            if status["job"].is_null() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it goes on for ever");
    }

    pub async fn complete(&self, body: Value) -> Value {
        let begun = self
            .send("POST", "/team-sync/complete", Some(body))
            .await
            .expect(202);
        assert!(begun.body["connection"].is_string());
        let status = self.settled().await;
        assert_eq!(status["state"], "on", "{status}");
        // What follows the switch is done; so is the run that follows it.
        status
    }

    pub async fn teams(&self) -> Vec<Value> {
        let page = self.get("/teams?limit=1000").await;
        page["items"].as_array().unwrap().clone()
    }

    /// Members by the manager, all by ids.
    pub async fn by_manager(&self) -> BTreeMap<String, Team> {
        let mut found = BTreeMap::new();
        for team in self.teams().await {
            let id = text(&team["id"]);
            let whole = self.get(&format!("/teams/{id}")).await;
            let ids = |list: &Value| {
                list.as_array()
                    .unwrap()
                    .iter()
                    .map(|p| text(&p["id"]))
                    .collect()
            };
            let made = Team {
                id,
                name: text(&team["name"]),
                parent: team["parent"].as_str().map(str::to_owned),
                reviewers: ids(&whole["reviewers"]),
                members: ids(&whole["members"]),
            };
            found.insert(text(&team["manager"]["id"]), made);
        }
        found
    }

    /// Journal entries of an action: how many.
    pub fn entries(&self, action: &str) -> usize {
        let sql = format!("SELECT action AS line FROM journal WHERE action = '{action}'");
        lines(&mut self.app.database.connect(), &sql).len()
    }

    /// Everything that teams are made of, and the journal's length.
    pub fn rows(&self) -> Vec<String> {
        let sql = "SELECT 'j' || count(*) AS line FROM journal UNION ALL \
                   SELECT 'g' || id || ' ' || version || ' ' || display_name FROM \"groups\" UNION ALL \
                   SELECT 'm' || group_id || user_id FROM memberships UNION ALL SELECT 'r' || group_id || user_id FROM reviewers \
                   UNION ALL SELECT 'f' || code || subject FROM team_findings UNION ALL \
                   SELECT 's' || revision || ' ' || seen FROM team_syncs ORDER BY 1";
        lines(&mut self.app.database.connect(), sql)
    }

    /// The journal holds, and totals are what a walk finds.
    pub async fn check(&self) {
        let groups = self.admin.get("/Groups?count=1000").await.expect(200);
        let found = i64::try_from(groups.resources().len()).unwrap();
        assert_eq!(groups.total(), found);
        assert_eq!(self.app.verify().await.faults, []);
        let app = "SELECT CAST(managed_groups AS TEXT) AS line FROM connections WHERE id = 'app'";
        let counted =
            "SELECT CAST(count(*) AS TEXT) AS line FROM \"groups\" WHERE managed_by = 'app'";
        let mut conn = self.app.database.connect();
        if let Some(counts) = lines(&mut conn, app).first() {
            assert_eq!(counts, &lines(&mut conn, counted)[0]);
        }
        // Entries of memberships and reviewers tell what there is.
        let told = "SELECT g.id || ' ' || m.user_id AS line FROM \"groups\" g JOIN memberships m ON m.tenant = g.tenant \
                    AND m.group_id = g.id AND m.generation = g.generation WHERE g.kind = 'team' AND (SELECT \
                    sum(CASE j.action WHEN 'group.member_added' THEN 1 WHEN 'group.member_removed' THEN -1 ELSE 0 END) \
                    FROM journal j WHERE j.tenant = g.tenant AND j.subject_id = g.id AND j.object_id = m.user_id) <> 1";
        assert_eq!(
            lines(&mut conn, told),
            [""; 0],
            "members of whom no entry tells"
        );
    }
}

/// A team as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    pub reviewers: BTreeSet<String>,
    pub members: BTreeSet<String>,
}

pub async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let path = format!("/api/v1/tenants/default{path}");
    client.raw(method, &path, "application/json", body).await
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A tenant whose people are pushed, with a clock that stands still.
pub struct Scene {
    pub app: TestApp,
    pub clock: Arc<ManualClock>,
    /// The identity provider.
    pub idp: Client,
    pub connection: String,
}

impl Scene {
    pub async fn start() -> Self {
        let noon = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let idp = app.source(Preset::Entra).await;
        let sql = "SELECT id AS line FROM connections WHERE preset = 'entra'";
        let connection = lines(&mut app.database.connect(), sql)[0].clone();
        Self {
            app,
            clock,
            idp,
            connection,
        }
    }

    /// Says that the app has no users yet.
    pub async fn no_users(&self, desk: &Desk<'_>) {
        desk.send("POST", "/app-users:none-yet", None)
            .await
            .expect(200);
    }

    /// Pushes somebody who reports to somebody.
    pub async fn hire(&self, name: &str, manager: Option<&str>) -> String {
        let mut body = json!({"schemas": [USER, ENTERPRISE], "userName": format!("{name}@x.test"), "displayName": name,
            "active": true, "emails": [{"value": format!("{name}@x.test"), "type": "work", "primary": true}]});
        if let Some(manager) = manager {
            body[ENTERPRISE] = json!({"manager": {"value": manager}});
        }
        self.idp.post("/Users", body).await.expect(201).id()
    }

    pub async fn manage(&self, person: &str, manager: &str) {
        let path = format!("{ENTERPRISE}:manager");
        let operations = json!([{"op": "replace", "path": path, "value": {"value": manager}}]);
        self.idp
            .patch(&format!("/Users/{person}"), operations)
            .await
            .expect(200);
    }

    pub async fn set_active(&self, person: &str, is_active: bool) {
        let operations = json!([{"op": "replace", "path": "active", "value": is_active}]);
        self.idp
            .patch(&format!("/Users/{person}"), operations)
            .await
            .expect(200);
    }

    /// Time passes, and whoever looks for changes looks.
    pub async fn later(&self) -> usize {
        self.clock.set(Millis(self.clock.now().0 + 3_000));
        self.app.service.tick_teams().await.unwrap()
    }

    /// A company: boss over ann and bob, ann over two, bob over one.
    pub async fn company(&self) -> BTreeMap<&'static str, String> {
        let mut ids: BTreeMap<&'static str, String> = BTreeMap::new();
        for (name, manager) in [
            ("boss", None),
            ("ann", Some("boss")),
            ("bob", Some("boss")),
            ("cleo", Some("ann")),
            ("dan", Some("ann")),
            ("eve", Some("bob")),
        ] {
            let manager: Option<String> = manager.map(|name: &str| ids[name].clone());
            let id = self.hire(name, manager.as_deref()).await;
            ids.insert(name, id.clone());
        }
        ids
    }
}

/// The set of these people's ids.
pub fn set(ids: &BTreeMap<&'static str, String>, names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| ids[name].clone()).collect()
}
