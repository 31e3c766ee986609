//! A tenant with a connection that reads files, a clock, and whoever pulls it.

use std::path::Path;
use std::sync::Arc;

use rosterd::cli::bridge::Stored;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::pull::{PullChange, PullSettings};
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::service::connections::{ConnectionChange, NewPull};
use rosterd::service::runs::{RunRow, ScheduleRow};
use rosterd::sync::schedule::Scheduler;
use rosterd::sync::{Bridge, Kind, Report, Unwatched};

use crate::support::{Answer, Client, TestApp, lines};

pub const HOUR: i64 = 3_600_000;
pub const MINUTE: i64 = 60_000;

pub struct World {
    pub app: TestApp,
    pub connection: String,
    pub admin: Client,
    clock: Arc<ManualClock>,
    stored: Stored,
}

/// People `from..=to`, each with an address, a title and a manager.
pub fn csv(people: impl IntoIterator<Item = u32>) -> String {
    let mut text = "employee_id,work_email,first_name,last_name,job_title,manager_id\n".to_owned();
    for n in people {
        let manager = if n == 1 {
            String::new()
        } else {
            "1".to_owned()
        };
        text += &format!("{n:04},p{n}@example.com,Pat{n},Doe,Agent,{manager}\n");
    }
    text.replace(",1\n", ",0001\n")
}

impl World {
    pub async fn of(connector: &str, settings: &[(&str, &str)]) -> Self {
        Self::with(connector, settings, &[], |stored| stored).await
    }

    pub async fn with(
        connector: &str,
        settings: &[(&str, &str)],
        secrets: &[(&str, String)],
        placed: impl FnOnce(Stored) -> Stored,
    ) -> Self {
        let now = Millis::from_rfc3339("2026-11-26T08:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let connection = connect(&app, connector, settings, secrets).await;
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        let stored = placed(Stored::new(&app.service));
        Self {
            app,
            connection,
            admin,
            clock,
            stored,
        }
    }

    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    pub fn later(&self, ms: i64) {
        self.clock.set(Millis(self.now() + ms));
    }

    /// A process that pulls.
    pub fn scheduler(&self, holder: &str) -> Scheduler {
        let bridge = Bridge::new(self.app.service.clone());
        Scheduler::new(bridge, Arc::new(self.stored.clone()), holder.to_owned())
    }

    /// What is due is pulled; how many runs that took.
    pub async fn tick(&self) -> usize {
        self.later(1);
        self.scheduler("this process").tick().await.unwrap()
    }

    /// Somebody at the shell pulls, perhaps a file that she names.
    pub async fn pull(&self, kind: Kind, file: Option<&Path>) -> Option<Report> {
        self.later(1);
        let stored = self.stored.clone().reading(file.map(Path::to_owned));
        let bridge = Bridge::new(self.app.service.clone());
        let scheduler = Scheduler::new(bridge, Arc::new(stored), "the shell".to_owned());
        let actor = Actor {
            kind: "operator".to_owned(),
            id: String::new(),
        };
        let tenant = &self.app.tenant.tenant;
        let run = scheduler.pull(tenant, &self.connection, kind, actor, &Unwatched);
        run.await.unwrap()
    }

    pub fn path(&self, what: &str) -> String {
        format!(
            "/api/v1/tenants/default/connections/{}/{what}",
            self.connection
        )
    }

    pub async fn send(&self, client: &Client, file: impl Into<Vec<u8>>) -> Answer {
        client
            .raw("PUT", &self.path("file"), "text/csv", file.into())
            .await
    }

    /// Hands a file in and has it read.
    pub async fn upload(&self, text: &str) -> RunRow {
        self.send(&self.admin, text).await.expect(202);
        assert_eq!(self.tick().await, 1, "it is due at once");
        let run = self.last_run().await;
        assert_eq!(run.error, None);
        run
    }

    pub async fn post(&self, what: &str) -> Answer {
        let path = self.path(what);
        self.admin
            .raw("POST", &path, "application/json", Vec::new())
            .await
    }

    /// To anything of the tenant.
    pub async fn post_to(&self, what: &str) -> Answer {
        let path = format!("/api/v1/tenants/default/{what}");
        self.admin
            .raw("POST", &path, "application/json", Vec::new())
            .await
    }

    pub async fn state(&self) -> Answer {
        let path = self.path("file");
        self.admin
            .raw("GET", &path, "application/json", Vec::new())
            .await
    }

    pub async fn last_run(&self) -> RunRow {
        let (service, tenant) = (&self.app.service, &self.app.tenant.tenant);
        let runs = service.list_runs(tenant, None, None, 1).await.unwrap();
        runs.into_iter().next().expect("a run")
    }

    pub async fn runs(&self) -> usize {
        let (service, tenant) = (&self.app.service, &self.app.tenant.tenant);
        service
            .list_runs(tenant, None, None, 1_000)
            .await
            .unwrap()
            .len()
    }

    pub async fn schedule(&self) -> ScheduleRow {
        let (service, tenant) = (&self.app.service, &self.app.tenant.tenant);
        let found = service.find_schedule(tenant, &self.connection).await;
        found.unwrap().expect("a schedule")
    }

    pub async fn set(&self, settings: &[(&str, &str)]) {
        let pull = PullChange {
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                .collect(),
            ..PullChange::default()
        };
        let change = ConnectionChange {
            pull,
            ..ConnectionChange::default()
        };
        let (service, caller) = (&self.app.service, &self.app.tenant);
        let done = service.update_connection(caller, &self.connection, change);
        done.await.unwrap();
    }

    /// `id userName title access in|out`, in the order of the source's ids.
    pub fn people(&self) -> Vec<String> {
        let sql = format!(
            "SELECT l.source_id || ' ' || u.user_name || ' ' || u.access || ' ' || \
             CASE WHEN u.has_access THEN 'in' ELSE 'out' END AS line \
             FROM links l JOIN users u ON u.tenant = l.tenant AND u.id = l.user_id \
             WHERE l.connection_id = '{}' ORDER BY 1",
            self.connection
        );
        lines(&mut self.app.database.connect(), &sql)
    }

    /// Source ids of those with access.
    pub fn with_access(&self) -> Vec<String> {
        let people = self.people().into_iter().filter(|p| p.ends_with(" in"));
        people
            .map(|p| p.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// Everybody as the app reads her, by `userName`.
    pub async fn document(&self, name: &str) -> serde_json::Value {
        let app = self.app.role(&self.app.tenant, Role::App).await;
        let found = app
            .filter("/Users", &format!("userName eq \"{name}\""))
            .await;
        assert_eq!(found.total(), 1, "{name}: {}", found.text);
        found.resources()[0].clone()
    }

    /// Rows that hold files.
    pub fn resting(&self) -> usize {
        let sql = "SELECT upload_id AS line FROM file_chunks UNION ALL SELECT id FROM file_uploads";
        lines(&mut self.app.database.connect(), sql).len()
    }
}

pub async fn connect(
    app: &TestApp,
    connector: &str,
    settings: &[(&str, &str)],
    secrets: &[(&str, String)],
) -> String {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let new = NewPull {
        label: connector.to_owned(),
        connector: connector.to_owned(),
        policy: JoinerPolicy::Grant,
        settings: PullSettings {
            settings: settings.iter().map(own).collect(),
            ..PullSettings::default()
        },
        secrets: secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretText::new(value.as_str())))
            .collect(),
    };
    let made = app.service.create_pull_connection(&app.tenant, new).await;
    made.unwrap().as_str().to_owned()
}
