//! Two and more sources: whose value is in force, what both together mean for access, the switch from one HR system to
//! another, access by signing in, and why somebody is as she is (SEMANTICS §1, §2, §9).

mod precedence;
mod sign_in;
mod stories;
mod switch;
mod table;
mod why;

use std::cell::Cell;
use std::sync::Arc;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::{Effect, Gone, Permit, PullPerson, PullSource};
use rosterd::service::{Caller, Source};
use serde_json::{Value, json};

use crate::sources::{World, world_at};
use crate::support::{Answer, Client, ENTERPRISE, lines};

const NOON: &str = "2026-06-15T12:00:00Z";

/// A tenant with two identity providers, whose clock stands still, and an admin.
struct Desk {
    w: World,
    clock: Arc<ManualClock>,
    admin: Client,
    run: Cell<u32>,
}

async fn desk() -> Desk {
    let clock = Arc::new(ManualClock::at(Millis::from_rfc3339(NOON).unwrap()));
    let w = world_at(Arc::<ManualClock>::clone(&clock)).await;
    let admin = w.app.role(&w.app.tenant, Role::TenantAdmin).await;
    Desk {
        w,
        clock,
        admin,
        run: Cell::new(0),
    }
}

/// Somebody employed, in a department.
fn employee(id: &str, email: &str, department: &str) -> PullPerson {
    let user = json!({
        "userName": email, "title": "Clerk", "name": {"givenName": id, "familyName": "Lee"},
        "emails": [{"value": email, "type": "work", "primary": true}],
        ENTERPRISE: {"department": department},
    });
    let mut person = PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: EmploymentState::Employed,
        start_date: None,
        end_date: None,
        digest: String::new(),
        former: Vec::new(),
        unsaid: Default::default(),
    };
    seal(&mut person);
    person
}

/// As a mapping would: the digest is of all that is said.
fn seal(person: &mut PullPerson) {
    person.digest.clear();
    person.digest = format!(
        "d{:?}",
        (&person.user, person.employment, person.start_date)
    );
}

fn in_state(person: &PullPerson, employment: EmploymentState) -> PullPerson {
    let mut person = PullPerson {
        employment,
        ..person.clone()
    };
    seal(&mut person);
    person
}

impl Desk {
    fn caller(&self) -> Caller {
        let actor = Actor {
            kind: "system".to_owned(),
            id: String::new(),
        };
        let run = format!("run-{}", self.run.get());
        Caller::of_run(self.w.app.tenant.tenant.clone(), actor, &run)
    }

    /// A pull connection, the youngest of all.
    async fn hr(&self, label: &str, policy: JoinerPolicy) -> PullSource {
        let new = NewConnection {
            label: label.to_owned(),
            preset: Preset::Generic,
            policy,
        };
        let service = &self.w.app.service;
        let made = service.create_connection(&self.w.app.tenant, new).await;
        let id = made.unwrap().as_str().to_owned();
        // The clock stands still, and age decides.
        self.w.sql(&format!(
            "UPDATE connections SET kind = 'hris', created_at = created_at + (SELECT count(*) FROM connections) \
             WHERE id = '{id}'"
        ));
        PullSource {
            source: Source { id, policy },
            also_by: None,
            zone: None,
        }
    }

    /// A run of these records.
    async fn pull(&self, hr: &PullSource, people: &[PullPerson]) -> Vec<Effect> {
        self.run.set(self.run.get() + 1);
        let people = people.iter().map(|p| (p.clone(), Permit::Full)).collect();
        let service = &self.w.app.service;
        let done = service.pull_people(&self.caller(), hr, people).await;
        done.into_iter().map(Result::unwrap).collect()
    }

    async fn gone(&self, hr: &PullSource, id: &str) {
        self.run.set(self.run.get() + 1);
        let (service, caller) = (&self.w.app.service, self.caller());
        let done = service.pull_gone(&caller, hr, id, Gone::Absent, Permit::Full);
        done.await.unwrap();
    }

    async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/tenants/default/{path}");
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        self.admin
            .raw(method, &path, "application/json", body)
            .await
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        lines(&mut self.w.app.database.connect(), sql)
    }

    fn count(&self, from: &str) -> usize {
        let sql = format!("SELECT CAST(count(*) AS TEXT) AS line FROM {from}");
        self.lines(&sql)[0].parse().unwrap()
    }

    /// Id of the connection of this preset.
    fn connection(&self, preset: &str) -> String {
        let sql = format!(
            "SELECT id AS line FROM connections WHERE preset = '{preset}' AND kind = 'scim'"
        );
        self.lines(&sql)[0].clone()
    }

    /// Whom a source knows by an id of its own.
    fn person(&self, hr: &PullSource, source_id: &str) -> String {
        let connection = &hr.source.id;
        let sql = format!(
            "SELECT user_id AS line FROM links WHERE connection_id = '{connection}' AND source_id = '{source_id}'"
        );
        self.lines(&sql)[0].clone()
    }

    /// Changes how somebody stands, as a human or a past did.
    fn stand(&self, id: &str, access: &str) {
        let (has, public) = (access == "granted", access != "listed");
        let now = self.clock.now().0;
        self.w.sql(&format!(
            "UPDATE users SET access = '{access}', access_reason = 'x', has_access = {has}, is_public = {public}, \
             access_since = {now} WHERE id = '{id}'; UPDATE claims SET user_public = {public} WHERE user_id = '{id}'"
        ));
    }

    async fn set_precedence(&self, rules: Value) -> Answer {
        let body = json!({"precedence": rules});
        let answer = self.api("PATCH", "settings", Some(body)).await;
        if answer.status == 200 {
            let tenant = &self.w.app.tenant.tenant;
            let service = &self.w.app.service;
            service.finish_recompute(tenant).await.unwrap();
        }
        answer
    }
}
