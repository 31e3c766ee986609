//! A company whose records the test writes itself, and a clock that it sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::employment::EmploymentState::{self, Employed, Left};
use rosterd::domain::pull::Scope;
use rosterd::hris::error::{Error as PullError, Kind as PullErrorKind};
use rosterd::hris::{Evidence, Gap, Mapped, Person, Rejected, Sink};
use rosterd::scim::rules::Preset;
use rosterd::service::Source;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::PullSource;
use rosterd::service::runs::RunRow;
use rosterd::sync::guard::Limits;
use rosterd::sync::{Bridge, Feed, Gather, Kind, Order, Report, Setup, Unwatched, Watch, Which};
use serde_json::json;

use crate::support::{TestApp, execute, lines};

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A company whose records are a list, and a connection that reads it.
pub struct Firm {
    pub app: TestApp,
    pub clock: Arc<ManualClock>,
    pub bridge: Bridge,
    pub setup: Mutex<Setup>,
    pub records: Mutex<Vec<Mapped>>,
    /// Why the next pull is not complete.
    pub gap: Mutex<Option<&'static str>>,
    pub is_down: Mutex<bool>,
}

pub fn person(id: &str, state: EmploymentState) -> Person {
    let email = format!("{id}@x.test");
    let user = json!({
        "userName": email, "title": "Clerk", "name": {"givenName": id, "familyName": "Lee"},
        "emails": [{"value": email, "type": "work", "primary": true}],
    });
    Person {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: state,
        start_date: None,
        end_date: None,
        digest: [0; 32],
    }
}

pub fn id(n: usize) -> String {
    format!("p{n:03}")
}

pub fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

/// The digest that a mapping would give.
pub fn digested(mut person: Person) -> Person {
    use sha2::{Digest, Sha256};
    person.digest = [0; 32];
    person.digest = Sha256::digest(format!("{person:?}")).into();
    person
}

impl Feed for &Firm {
    fn read<'a>(
        &'a self,
        _: NaiveDate,
        people: &'a mut Gather,
        _: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        let records = self.records.lock().unwrap().clone();
        let (gap, is_down) = (*self.gap.lock().unwrap(), *self.is_down.lock().unwrap());
        async move {
            if is_down {
                return Err(PullError::new(PullErrorKind::Unavailable, "down"));
            }
            let count = records.len() as u64;
            let has_one =
                |r: &&Mapped| matches!(r, Mapped::Person(p) if p.user.contains_key("nickName"));
            let named = records.iter().filter(has_one).count() as u64;
            people.accept(records).await?;
            let gaps = gap.map(|code| Gap {
                code,
                params: BTreeMap::new(),
            });
            Ok(Evidence {
                people: count,
                gaps: gaps.into_iter().collect(),
                coverage: BTreeMap::from([("nickName".to_owned(), named)]),
                ..Evidence::default()
            })
        }
        .boxed()
    }
}

impl Firm {
    /// So many people, pulled twice; all have access under `grant`.
    pub async fn of(people: usize, policy: JoinerPolicy) -> Self {
        let at = Millis::from_rfc3339("2026-06-15T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(at));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        let new = NewConnection {
            label: "HR".to_owned(),
            preset: Preset::Generic,
            policy,
        };
        let made = app.service.create_connection(&app.tenant, new).await;
        let connection = made.unwrap().as_str().to_owned();
        execute(
            &mut app.database.connect(),
            &format!("UPDATE connections SET kind = 'hris' WHERE id = '{connection}'"),
        );
        let setup = Setup {
            version: 1,
            applied_version: None,
            tenant: app.tenant.tenant.clone(),
            source: PullSource {
                source: Source {
                    id: connection,
                    policy,
                },
                also_by: None,
                zone: None,
            },
            limits: Limits::default(),
            settings_digest: "s1".to_owned(),
            scope: Scope::default(),
            every_ms: 3 * HOUR,
            confirm_ms: 5 * MINUTE,
            must_confirm: false,
        };
        let records = (0..people).map(|n| person(&id(n), Employed));
        let records = records.map(|p| Mapped::Person(Box::new(digested(p))));
        let firm = Self {
            bridge: Bridge::new(app.service.clone()),
            app,
            clock,
            setup: Mutex::new(setup),
            records: Mutex::new(records.collect()),
            gap: Mutex::new(None),
            is_down: Mutex::new(false),
        };
        if people > 0 {
            firm.pull().await;
            firm.pull().await;
        }
        firm
    }

    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    pub fn later(&self, ms: i64) {
        self.clock.set(Millis(self.now() + ms));
    }

    pub fn set(&self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup.lock().unwrap());
    }

    pub fn order(&self) -> Order {
        Order {
            setup: self.setup.lock().unwrap().clone(),
            kind: Kind::Manual,
            actor: Actor {
                kind: "operator".to_owned(),
                id: String::new(),
            },
            as_of: DateTime::from_timestamp_millis(self.now())
                .unwrap()
                .date_naive(),
        }
    }

    pub async fn run(&self) -> Report {
        self.later(1);
        self.bridge
            .run(&self.order(), &self, &Unwatched)
            .await
            .unwrap()
    }

    pub async fn pull(&self) -> Report {
        let report = self.run().await;
        assert!(report.is_ok() && report.run.is_complete, "{report:?}");
        report
    }

    pub async fn days(&self) -> Option<Report> {
        self.later(1);
        self.bridge.run_days(&self.order()).await.unwrap()
    }

    /// Writes a record: a new one, or in the place of the one with this id.
    pub fn write(&self, person: Person) {
        let mut records = self.records.lock().unwrap();
        let mapped = Mapped::Person(Box::new(digested(person.clone())));
        let is_it = |m: &Mapped| matches!(m, Mapped::Person(p) if p.source_id == person.source_id);
        match records.iter().position(is_it) {
            Some(place) => records[place] = mapped,
            None => records.push(mapped),
        }
    }

    pub fn edit(&self, id: &str, change: impl FnOnce(&mut Person)) {
        let mut records = self.records.lock().unwrap();
        for mapped in records.iter_mut() {
            if let Mapped::Person(person) = mapped
                && person.source_id == id
            {
                change(person);
                **person = digested((**person).clone());
                return;
            }
        }
        panic!("no record {id}");
    }

    pub fn delete(&self, id: &str) {
        let mut records = self.records.lock().unwrap();
        records.retain(|m| match m {
            Mapped::Person(p) => p.source_id != id,
            Mapped::Rejected(r) => r.source_id.as_deref() != Some(id),
        });
    }

    pub fn reject(&self, id: &str) {
        self.delete(id);
        let rejected = Rejected {
            source_id: Some(id.to_owned()),
            place: 1,
            code: "person.bad_date",
            params: BTreeMap::new(),
        };
        self.records
            .lock()
            .unwrap()
            .push(Mapped::Rejected(rejected));
    }

    pub fn leave(&self, ids: impl IntoIterator<Item = usize>) {
        for n in ids {
            self.edit(&id(n), |p| p.employment = Left);
        }
    }

    pub fn lines(&self, sql: &str) -> Vec<String> {
        lines(&mut self.app.database.connect(), sql)
    }

    pub fn sql(&self, sql: &str) {
        execute(&mut self.app.database.connect(), sql);
    }

    pub fn user(&self, source_id: &str) -> String {
        let sql = format!("SELECT user_id AS line FROM links WHERE source_id = '{source_id}'");
        self.lines(&sql).pop().unwrap()
    }

    /// `access/reason` of a user.
    pub fn access(&self, user: &str) -> String {
        let sql =
            format!("SELECT access || '/' || access_reason AS line FROM users WHERE id = '{user}'");
        self.lines(&sql).pop().unwrap()
    }

    /// Names of those whom the app lets in.
    pub fn inside(&self) -> BTreeSet<String> {
        let sql = "SELECT user_name AS line FROM users WHERE has_access AND removed_at IS NULL";
        self.lines(sql).into_iter().collect()
    }

    pub fn held(&self) -> Vec<String> {
        self.lines(
            "SELECT source_id || ' ' || state || ' ' || reason AS line FROM held_losses ORDER BY 1",
        )
    }

    pub fn grant(&self, user: &str) {
        self.sql(&format!(
            "UPDATE users SET access = 'granted', access_reason = 'x', has_access = true, is_public = true WHERE id = '{user}'; \
             UPDATE claims SET user_public = true WHERE user_id = '{user}'"
        ));
    }

    pub async fn approve(&self, run: &RunRow, which: Which) -> rosterd::service::Result<RunRow> {
        self.later(1);
        self.bridge
            .approve(&self.order(), &run.id, &which, &Unwatched)
            .await
    }

    pub async fn keep(&self, which: Which) {
        self.bridge.keep(&self.order(), &which).await.unwrap();
    }
}

pub fn some(ids: &[usize]) -> Which {
    Which::Some(ids.iter().map(|n| id(*n)).collect())
}

/// A hundred people of whom ten have left, so that the window is full, and p050 left and waits.
pub async fn waiting() -> Firm {
    let firm = Firm::of(100, JoinerPolicy::Grant).await;
    firm.leave(0..10);
    assert_eq!(firm.pull().await.run.lost, 10);
    firm.later(HOUR);
    firm.leave([50]);
    firm.pull().await;
    assert_eq!(firm.held(), ["p050 waiting left"]);
    firm
}
