//! A firm whose people are in memory, a server that pulls them, and everything that an undo must put back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::ids::TenantId;
use rosterd::domain::pull::{Leaving, Scope};
use rosterd::hris::error::Error as PullError;
use rosterd::hris::{Evidence, Mapped, Person, Sink};
use rosterd::scim::rules::Preset;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::PullSource;
use rosterd::service::runs::RunRow;
use rosterd::service::undo::Undone;
use rosterd::service::{Result, Source};
use rosterd::sync::guard::Limits;
use rosterd::sync::schedule::{Opened, Scheduler, Sources};
use rosterd::sync::{Bridge, Feed, Gather, Kind, Report, Setup, Unwatched, Watch, Which};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sources::{World, world_at};
use crate::support::{execute, lines};

/// A record of the firm.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub email: String,
    pub title: Option<String>,
    pub name: String,
    pub manager: Option<String>,
    pub state: EmploymentState,
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
}

impl Record {
    pub fn of(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            title: Some("Clerk".to_owned()),
            name: email.split('@').next().unwrap().to_owned(),
            manager: None,
            state: EmploymentState::Employed,
            start: None,
            end: None,
        }
    }

    fn person(&self, id: &str) -> Person {
        let mut user = json!({
            "userName": self.email, "name": {"givenName": self.name, "familyName": "Lee"},
            "emails": [{"value": self.email, "type": "work", "primary": true}],
        });
        if let Some(title) = &self.title {
            user["title"] = json!(title);
        }
        if let Some(manager) = &self.manager {
            user[crate::support::ENTERPRISE] = json!({"manager": {"value": manager}});
        }
        let digest = Sha256::digest(format!(
            "{user}{:?}{:?}{:?}",
            self.state, self.start, self.end
        ));
        Person {
            source_id: id.to_owned(),
            user: user.as_object().unwrap().clone(),
            employment: self.state,
            start_date: self.start,
            end_date: self.end,
            digest: digest.into(),
        }
    }
}

/// What is set about the firm's connection, and whom it has.
pub struct Firm {
    pub people: Mutex<BTreeMap<String, Record>>,
    pub setup: Mutex<Setup>,
}

struct Desk(Arc<Firm>);

impl Feed for Desk {
    fn read<'a>(
        &'a self,
        _: NaiveDate,
        people: &'a mut Gather,
        _: &'a dyn Watch,
    ) -> BoxFuture<'a, std::result::Result<Evidence, PullError>> {
        let all = self.0.people.lock().unwrap().clone();
        async move {
            let mapped = all
                .iter()
                .map(|(id, r)| Mapped::Person(Box::new(r.person(id))));
            let mapped: Vec<Mapped> = mapped.collect();
            people.accept(mapped).await?;
            Ok(Evidence {
                people: all.len() as u64,
                rows: all.len() as u64,
                ..Evidence::default()
            })
        }
        .boxed()
    }
}

struct Desks(Arc<Firm>);

impl Sources for Desks {
    fn open<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<std::result::Result<Opened, PullError>>>> {
        let opened = Opened {
            setup: self.0.setup.lock().unwrap().clone(),
            feed: Box::new(Desk(Arc::clone(&self.0))),
        };
        async move { Ok(Some(Ok(opened))) }.boxed()
    }
}

/// A server that pulls a firm, beside two identity providers.
pub struct Hr {
    pub w: World,
    pub firm: Arc<Firm>,
    pub clock: Arc<ManualClock>,
    pub connection: String,
    pub scheduler: Scheduler,
}

pub fn operator() -> Actor {
    Actor {
        kind: "operator".to_owned(),
        id: String::new(),
    }
}

impl Hr {
    pub async fn with(policy: JoinerPolicy) -> Self {
        let noon = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let w = world_at(Arc::<ManualClock>::clone(&clock)).await;
        let new = NewConnection {
            label: "Firm".to_owned(),
            preset: Preset::Generic,
            policy,
        };
        let made = w.app.service.create_connection(&w.app.tenant, new).await;
        let connection = made.unwrap().as_str().to_owned();
        let sql = format!(
            "UPDATE connections SET kind = 'hris', created_at = created_at + \
             (SELECT count(*) FROM connections) WHERE id = '{connection}'"
        );
        execute(&mut w.app.database.connect(), &sql);
        let setup = Setup {
            version: 1,
            applied_version: None,
            tenant: w.app.tenant.tenant.clone(),
            source: PullSource {
                source: Source {
                    id: connection.clone(),
                    policy,
                },
                also_by: None,
                zone: None,
            },
            limits: Limits {
                people: 10_000,
                percent: 100,
                announced: 0,
            },
            settings_digest: "settings".to_owned(),
            scope: Scope::default(),
            every_ms: 3_600_000,
            confirm_ms: 0,
            must_confirm: false,
        };
        let firm = Arc::new(Firm {
            people: Mutex::default(),
            setup: Mutex::new(setup),
        });
        let sources: Arc<dyn Sources> = Arc::new(Desks(Arc::clone(&firm)));
        let bridge = Bridge::new(w.app.service.clone());
        let scheduler = Scheduler::new(bridge, sources, "this process".to_owned());
        Self {
            w,
            firm,
            clock,
            connection,
            scheduler,
        }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.w.app.tenant.tenant
    }

    pub fn later(&self, ms: i64) {
        self.clock.set(Millis(self.clock.now().0 + ms));
    }

    pub fn put(&self, id: &str, record: Record) {
        self.firm
            .people
            .lock()
            .unwrap()
            .insert(id.to_owned(), record);
    }

    pub fn change(&self, id: &str, change: impl FnOnce(&mut Record)) {
        change(self.firm.people.lock().unwrap().get_mut(id).unwrap());
    }

    pub fn drop(&self, id: &str) {
        self.firm.people.lock().unwrap().remove(id);
    }

    pub fn leaves_scope_by(&self, filter: &str, leaving: Leaving) {
        self.firm.setup.lock().unwrap().scope = Scope {
            filter: Some(filter.to_owned()),
            leaving,
        };
    }

    pub async fn report(&self, kind: Kind) -> Report {
        self.later(1);
        let pulled = self.scheduler.pull(
            self.tenant(),
            &self.connection,
            kind,
            operator(),
            &Unwatched,
        );
        let report = pulled.await.unwrap().expect("nobody else pulls");
        self.later(1);
        report
    }

    /// A pull whose plan is approved if it waits.
    pub async fn pull(&self) -> RunRow {
        let report = self.report(Kind::Manual).await;
        match report.run.state.as_str() {
            "waiting" => self.approve(&report.run.id).await.unwrap(),
            _ => report.run,
        }
    }

    pub async fn approve(&self, run: &str) -> Result<RunRow> {
        let setup = self.firm.setup.lock().unwrap().clone();
        let order = self.scheduler.order(setup, Kind::Manual, operator());
        let bridge = self.scheduler.bridge();
        let work = bridge.approve(&order, run, &Which::All, &Unwatched);
        let done = self.scheduler.decide(self.tenant(), &self.connection, work);
        let done = done.await;
        self.later(1);
        done
    }

    pub async fn undo(&self, run: &str) -> Result<RunRow> {
        self.later(1);
        let bridge = self.scheduler.bridge();
        let work = bridge.undo(self.tenant(), operator(), run, &Unwatched);
        let done = self.scheduler.decide(self.tenant(), &self.connection, work);
        let done = done.await;
        self.later(1);
        done
    }

    /// What the undo of a run would do, or has done.
    pub async fn undone(&self, run: &str) -> Vec<Undone> {
        let service = &self.w.app.service;
        let listed = service.list_undone(self.tenant(), run, "", 1_000).await;
        listed.unwrap()
    }

    /// User ids by record.
    pub fn ids(&self) -> BTreeMap<String, String> {
        let sql = "SELECT source_id || ' ' || user_id AS line FROM links ORDER BY 1";
        let rows = lines(&mut self.w.app.database.connect(), sql);
        let pairs = rows.iter().filter_map(|l| l.split_once(' '));
        pairs.map(|(s, u)| (s.to_owned(), u.to_owned())).collect()
    }

    pub fn rows(&self, sql: &str) -> Vec<String> {
        lines(&mut self.w.app.database.connect(), sql)
    }

    /// Documents, addresses, access and memberships of everybody who is there.
    pub fn people(&self) -> BTreeSet<String> {
        let sql =
            "SELECT id || ' ' || CAST(doc AS TEXT) AS line FROM users WHERE removed_at IS NULL";
        let docs = self.rows(sql).into_iter().map(|line| {
            let (id, doc) = line.split_once(' ').unwrap();
            let doc: Value = serde_json::from_str(doc).unwrap();
            format!("{id} {}", sorted(&doc))
        });
        let access = "SELECT id || ' access ' || access || ' ' || access_reason || ' ' || coalesce(access_params, '') || ' ' \
             || access_since || ' ' || has_access || sticky || is_public || ' ' || coalesce(employment_state, '') || ' ' \
             || coalesce(start_date, '') || ' ' || coalesce(end_date, '') || ' ' || coalesce(manager_id, '') || ' ' \
             || user_name_key AS line FROM users WHERE removed_at IS NULL";
        let emails = "SELECT e.user_id || ' ' || e.key || e.type || e.is_primary AS line FROM emails e JOIN users u \
             ON u.tenant = e.tenant AND u.id = e.user_id AND u.removed_at IS NULL WHERE e.view = '' AND e.until IS NULL";
        let members = "SELECT g.id || ' has ' || m.user_id AS line FROM memberships m JOIN \"groups\" g \
             ON g.tenant = m.tenant AND g.id = m.group_id AND g.generation = m.generation";
        let totals = "SELECT users || ' users, public ' || public_users AS line FROM heads";
        let conflicts = "SELECT 'about nobody: ' || c.id AS line FROM conflicts c JOIN users u ON u.tenant = c.tenant \
             AND u.id = c.subject AND u.removed_at IS NOT NULL AND u.access_reason = 'undone' WHERE c.state = 'open'";
        let rest = [access, emails, members, totals, conflicts];
        docs.chain(rest.iter().flat_map(|sql| self.rows(sql)))
            .collect()
    }

    /// Links, but for when they were written, what is past due, and since when pulls have missed a record: what they saw
    /// is no change.
    pub fn links(&self) -> BTreeSet<String> {
        let now = self.clock.now().0;
        let sql = format!(
            "SELECT source_id || ' ' || user_id || ' ' || digest || ' ' || state || ' ' || coalesce(in_force, '') || ' ' \
             || coalesce(start_date, '') || ' ' || coalesce(end_date, '') || ' ' || coalesce(zone, '') || ' ' \
             || coalesce(adopted_by, '') || ' ' || coalesce(left_at, 0) || ' ' \
             || CASE WHEN due_at > {now} THEN due_at ELSE 0 END AS line FROM links"
        );
        self.rows(&sql).into_iter().collect()
    }
}

/// A value as text, whatever the order of its names.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<&String, String> = map.iter().map(|(k, v)| (k, sorted(v))).collect();
            format!("{map:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}
