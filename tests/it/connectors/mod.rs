//! The engine that runs connectors, against small servers that answer what a test says: every kind of authentication
//! and paging, joins, and each fault that vendors have.

mod auth;
mod data;
mod ends;
mod faults;
mod joins;
mod pages;
mod paging;
mod rights;
pub mod server;
mod shell;
mod suite;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::NaiveDate;
use rosterd::domain::chance::SeededChance;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::hris::auth::Keeper;
use rosterd::hris::client::{Endpoint, Limits, Outside};
use rosterd::hris::manifest::Manifest;
use rosterd::hris::values::Values;
use rosterd::hris::{self, Error, Evidence, Gap, Job, Mapped, Person, Progress, Sink};

use server::Server;

/// A connector of these parts; `auth` and `people` are YAML, indented by two.
fn connector(auth: &str, people: &str, more: &str) -> Manifest {
    let text = format!(
        r#"
slug: made-up
name: Made Up
version: 1
capabilities: {{ leavers: true, future_hires: true, manager: [id], incremental: false }}
credentials:
  - id: key
    label: {{ en: Key, fr: Clé }}
    secret: true
    example: a-key
  - id: user
    label: {{ en: User, fr: Utilisateur }}
    default: someone
steps:
  - {{ en: Nothing, fr: Rien }}
auth:
{auth}
{more}
people:
{people}
employment:
  employed: [active]
  left: [gone]
mapping: |
  .record as $r | if $r.skip then empty else {{
    externalId: $r.id,
    userName: $r.email,
    emails: work_email($r.email),
    name: {{givenName: $r.first, familyName: $r.last}},
    (enterprise): {{department: ($r.department // .joined.role.department // .detail.job.department), manager: {{value: $r.manager}}}},
    (rosterd): {{employmentState: ($r.status // "active"), startDate: $r.start, endDate: $r.end}}
  }} end
"#
    );
    match Manifest::parse(&text, "made-up.yaml") {
        Ok(manifest) => manifest,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// One unpaged list of people.
const PLAIN: &str =
    "  request: { url: 'https://api.vendor.test/people' }\n  records: people\n  id: id";

/// No authentication.
const OPEN: &str = "  none";

/// A pull against a server.
struct Pulled {
    outcome: Result<Evidence, Error>,
    people: Vec<Person>,
    rejected: Vec<(u64, &'static str)>,
    warnings: Vec<Gap>,
}

impl Pulled {
    fn ids(&self) -> Vec<&str> {
        self.people
            .iter()
            .map(|person| person.source_id.as_str())
            .collect()
    }

    fn evidence(&self) -> &Evidence {
        self.outcome.as_ref().unwrap()
    }

    fn error(&self) -> &Error {
        self.outcome.as_ref().unwrap_err()
    }

    fn gaps(&self) -> Vec<&'static str> {
        self.evidence().gaps.iter().map(|gap| gap.code).collect()
    }
}

#[derive(Default)]
struct Collected {
    people: Vec<Person>,
    rejected: Vec<(u64, &'static str)>,
}

impl Sink for Collected {
    async fn accept(&mut self, batch: Vec<Mapped>) -> Result<(), Error> {
        for mapped in batch {
            match mapped {
                Mapped::Person(person) => self.people.push(*person),
                Mapped::Rejected(rejected) => self.rejected.push((rejected.place, rejected.code)),
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<Gap>>);

impl Progress for Told {
    fn page(&self, _: u64, _: u64, _: Option<u64>) {}

    fn warn(&self, warning: &Gap) {
        self.0.lock().unwrap().push(warning.clone());
    }
}

/// How a pull is run.
struct Setting<'a> {
    given: Vec<(&'a str, &'a str)>,
    clock: Arc<dyn Clock>,
    keeper: Option<&'a dyn Keeper>,
    limits: Limits,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        let now = Millis::from_rfc3339("2026-11-26T10:00:00Z").unwrap();
        Self {
            given: vec![("key", "s3cret-key")],
            clock: Arc::new(ManualClock::at(now)),
            keeper: None,
            limits: Limits {
                timeout: Duration::from_secs(2),
                attempts: 3,
                backoff: Duration::from_millis(5),
                longest_wait: Duration::from_secs(5),
                body: 1 << 20,
                pages: 50,
                is_paced: true,
            },
        }
    }
}

async fn pull(manifest: &Manifest, server: &Server) -> Pulled {
    pull_with(manifest, server, Setting::default()).await
}

/// What `connectors check` does.
async fn probe(manifest: &Manifest, server: &Server) -> Result<hris::Probe, Error> {
    with_job(
        manifest,
        server,
        Setting::default(),
        async |job: &Job<'_>| hris::probe(job).await,
    )
    .await
}

async fn pull_with(manifest: &Manifest, server: &Server, setting: Setting<'_>) -> Pulled {
    let mut sink = Collected::default();
    let told = Told::default();
    let outcome = with_job(manifest, server, setting, async |job: &Job<'_>| {
        hris::pull(job, &mut sink, &told).await
    })
    .await;
    Pulled {
        outcome,
        people: sink.people,
        rejected: sink.rejected,
        warnings: told.0.into_inner().unwrap(),
    }
}

async fn with_job<T>(
    manifest: &Manifest,
    server: &Server,
    setting: Setting<'_>,
    run: impl AsyncFnOnce(&Job<'_>) -> T,
) -> T {
    let given: BTreeMap<String, String> = setting
        .given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let values = Values::check(manifest, given).unwrap();
    let outside = Outside {
        endpoint: Some(Endpoint::parse(&server.url).unwrap()),
        allow_private: false,
        limits: setting.limits,
    };
    let job = Job {
        manifest,
        values: &values,
        as_of: NaiveDate::from_ymd_opt(2026, 11, 26).unwrap(),
        outside: &outside,
        clock: setting.clock,
        chance: Arc::new(SeededChance::new(1)),
        keeper: setting.keeper,
    };
    run(&job).await
}
