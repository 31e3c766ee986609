//! One pull of one connector at the stand-in of its vendor, and all connectors one after another.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rosterd::cli::simulate::hris::{Setup, slugs};
use rosterd::domain::chance::SeededChance;
use rosterd::domain::clock::Clock;
use rosterd::domain::sealed::SecretText;
use rosterd::hris::auth::{Held, Keeper};
use rosterd::hris::catalogue::Catalogue;
use rosterd::hris::client::{Endpoint, Limits, Outside};
use rosterd::hris::manifest::{Manifest, Paging};
use rosterd::hris::values::Values;
use rosterd::hris::{self, Error, Evidence, Gap, Job, Person, Probe, Progress};
use serde_json::Value;

use super::super::Collected;
use crate::standins::client::{World, day};
use crate::support::variable;

/// A company at the vendor's stand-in.
pub struct Company {
    pub world: World,
    pub manifest: Manifest,
    today: NaiveDate,
    token: Token,
}

/// Keeps a credential that the vendor exchanges, for the next pull.
#[derive(Default)]
struct Token(Mutex<Option<String>>);

impl Keeper for Token {
    fn held<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Held, Error>> {
        let kept = self.0.lock().unwrap().clone();
        let held = kept.map_or(Held::AsGiven, |kept| Held::Token(SecretText::new(&kept)));
        ready(Ok(held)).boxed()
    }

    fn keep<'a>(&'a self, _: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        *self.0.lock().unwrap() = Some(value.to_owned());
        ready(Ok(())).boxed()
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}

/// How a stand-in is set up.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub people: u32,
    /// The vendor gives no more on a page.
    pub page_size: Option<usize>,
    pub vary: &'a str,
    pub fault: &'a str,
}

/// Enough for six pages of seven.
pub const FEW: Case<'static> = Case {
    people: 40,
    page_size: Some(7),
    vary: "",
    fault: "",
};

/// What came of a pull.
pub struct Pulled {
    pub outcome: Result<Evidence, Error>,
    pub people: Vec<Person>,
    /// Rows of each page of the main list.
    pub pages: Vec<u64>,
    /// Requests that the stand-in saw.
    pub seen: Vec<Value>,
}

/// Counts the rows of each page.
#[derive(Default)]
struct Rows(Mutex<Vec<u64>>);

impl Progress for Rows {
    fn page(&self, _: u64, rows: u64, _: Option<u64>) {
        self.0.lock().unwrap().push(rows);
    }

    fn warn(&self, _: &Gap) {}
}

impl Company {
    pub fn new(manifest: &Manifest, case: Case) -> Self {
        let slug = slugs().into_iter().find(|s| *s == manifest.slug).unwrap();
        let words = |text: &str| text.split(',').map(str::to_owned).collect();
        let setup = Setup {
            is_limited: false,
            page_size: case.page_size,
            vary: words(case.vary),
            faults: words(case.fault),
            ..Setup::new(slug, case.people, day())
        };
        Self {
            world: World::start(slug, setup),
            manifest: manifest.clone(),
            today: day(),
            token: Token::default(),
        }
    }

    /// It is another day now.
    pub async fn set_day(&mut self, today: NaiveDate) {
        self.world.set_day(&today.to_string()).await;
        self.today = today;
    }

    /// Each list is asked for in pages of this size.
    pub fn with_size(mut self, wanted: u64) -> Self {
        let manifest = &mut self.manifest;
        let lookups = manifest.lookups.values_mut().map(|l| &mut l.list);
        let joins = manifest.joins.values_mut().map(|j| &mut j.list);
        let parents = manifest.parents.values_mut();
        let others = parents.chain(lookups).chain(joins);
        for list in others.chain([&mut manifest.people]) {
            match &mut list.paging {
                Paging::None => {}
                Paging::Page { size, .. }
                | Paging::Offset { size, .. }
                | Paging::Cursor { size, .. }
                | Paging::NextUrl { size, .. }
                | Paging::LinkHeader { size }
                | Paging::Odata { size }
                | Paging::Scim { size } => *size = wanted,
            }
        }
        self
    }

    /// What the vendor's admin would paste; what the stand-in does not ask for is the example.
    pub fn keys(&self) -> BTreeMap<String, String> {
        let mut given = BTreeMap::new();
        for field in self.manifest.fields() {
            let example = field
                .example
                .clone()
                .filter(|_| field.default.is_none() && !field.optional);
            if let Some(value) = self.world.given(&field.id).or(example) {
                given.insert(field.id.clone(), value);
            }
        }
        given
    }

    /// Runs something with a job of these values.
    async fn with_job<T>(
        &self,
        keys: BTreeMap<String, String>,
        run: impl AsyncFnOnce(&Job<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let values = Values::check(&self.manifest, keys)?;
        let outside = Outside {
            endpoint: Some(Endpoint::parse(&self.world.base)?),
            allow_private: false,
            limits: Limits {
                backoff: Duration::from_millis(2),
                is_paced: false,
                ..Limits::default()
            },
        };
        let job = Job {
            manifest: &self.manifest,
            values: &values,
            as_of: self.today,
            outside: &outside,
            clock: Arc::<rosterd::domain::clock::ManualClock>::clone(&self.world.clock)
                as Arc<dyn Clock>,
            chance: Arc::new(SeededChance::new(1)),
            keeper: Some(&self.token),
        };
        run(&job).await
    }

    pub async fn pull(&self) -> Pulled {
        self.pull_without(&[]).await
    }

    /// The same where some of the values were not pasted.
    pub async fn pull_without(&self, without: &[&str]) -> Pulled {
        let mut keys = self.keys();
        keys.retain(|id, _| !without.contains(&id.as_str()));
        let (mut sink, rows) = (Collected::default(), Rows::default());
        let pull = async |job: &Job<'_>| hris::pull(job, &mut sink, &rows).await;
        let outcome = self.with_job(keys, pull).await;
        let mut before = 0;
        let rows = rows.0.into_inner().unwrap().into_iter();
        let pages = rows.map(|all| all - std::mem::replace(&mut before, all));
        Pulled {
            outcome,
            people: sink.people,
            pages: pages.collect(),
            seen: self.seen().await,
        }
    }

    /// What `connectors check` does.
    pub async fn check(&self, keys: BTreeMap<String, String>) -> Result<Probe, Error> {
        self.with_job(keys, async |job: &Job<'_>| hris::probe(job).await)
            .await
    }

    pub async fn seen(&self) -> Vec<Value> {
        let heard = self.world.control("GET", "requests", Value::Null).await;
        heard.json().as_array().unwrap().clone()
    }

    /// How often a variation changed something.
    pub async fn varied(&self) -> BTreeMap<String, u64> {
        let about = self.world.about().await;
        let counts = about["varied"].as_object().unwrap().iter();
        counts
            .map(|(word, count)| (word.clone(), count.as_u64().unwrap()))
            .collect()
    }
}

/// Connectors that are tried at the same time; most of the time one waits for the other side.
const AT_ONCE: usize = 4;

/// The connectors that are tried, and what is wrong before they are: one without a stand-in is not tried, and a stand-in
/// without a connector tries nothing.
fn chosen() -> (Vec<Arc<Manifest>>, Vec<String>) {
    let catalogue = Catalogue::load(None).unwrap();
    let all: BTreeSet<String> = catalogue.list().map(|m| m.slug.clone()).collect();
    let standins: BTreeSet<String> = slugs().into_iter().map(str::to_owned).collect();
    let alone = all.symmetric_difference(&standins);
    let alone = alone.map(|slug| format!("{slug}: connector and stand-in belong together"));
    let only = variable("ROSTERD_ONLY_CONNECTOR");
    let is_chosen = |slug: &String| {
        let mut only = only.as_deref().into_iter().flat_map(|only| only.split(','));
        only.clone().next().is_none() || only.any(|o| o == slug)
    };
    let chosen = standins.iter().filter(|slug| is_chosen(slug));
    let chosen = chosen.filter_map(|slug| catalogue.find(slug));
    (chosen.collect(), alone.collect())
}

/// Tries each connector; `rule` answers what is wrong with it. Fails with all of that.
pub fn each<T: Future<Output = Vec<String>>>(rule: impl Fn(Arc<Manifest>) -> T + Sync) {
    let (chosen, faults) = chosen();
    let (many, began) = (chosen.len(), Instant::now());
    let (left, faults) = (Mutex::new(chosen), Mutex::new(faults));
    let next = || left.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                actix_web::rt::System::new().block_on(async {
                    while let Some(manifest) = next() {
                        let slug = manifest.slug.clone();
                        let wrong = rule(manifest).await;
                        let wrong = wrong.iter().map(|what| format!("{slug}: {what}"));
                        faults.lock().unwrap().extend(wrong);
                    }
                });
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    let rule = std::thread::current().name().unwrap_or_default().to_owned();
    let mut err = std::io::stderr();
    writeln!(err, "{rule}: {many} connectors in {:?}", began.elapsed()).unwrap();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
