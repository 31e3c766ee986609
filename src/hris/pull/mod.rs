//! One pull: look-ups and second lists, then the main list page by page, each record mapped and handed on at once. In
//! memory are one page, the look-ups, a hash per person, and, where managers are not named by id, those who wait for
//! theirs.

mod evidence;
mod inspect;
pub(super) mod joins;
mod managers;
mod records;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use self::evidence::Count;
pub use self::inspect::{Inspected, inspect};
use self::joins::Joined;
use self::managers::Managers;
pub use self::table::{Table, pull_table};
use super::auth::{Keeper, Session};
use super::client::{Client, Outside};
use super::error::{Error, Kind};
use super::jq::{Limits, Runner, Variables};
use super::manifest::Manifest;
use super::pages::{Last, Pages, Source};
use super::values::Values;
use super::{Evidence, Gap, Mapped};
use crate::domain::chance::Chance;
use crate::domain::clock::Clock;

/// What is pulled, as whom, and in which world.
pub struct Job<'a> {
    /// The connector.
    pub manifest: &'a Manifest,
    /// The connection's values.
    pub values: &'a Values,
    /// The day on which somebody is employed or not.
    pub as_of: NaiveDate,
    /// The world outside.
    pub outside: &'a Outside,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// Who keeps credentials that the vendor exchanges.
    pub keeper: Option<&'a dyn Keeper>,
}

/// Takes the people, in batches of a page.
pub trait Sink: Send {
    /// Is told, before the first batch, about which units the source says nothing: it has no field for them.
    fn unsaid(&mut self, _units: &BTreeSet<String>) {}

    /// Takes a batch. An error ends the pull. What was taken counts only if the pull ends well.
    fn accept(&mut self, batch: Vec<Mapped>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Is told how far a pull is.
pub trait Progress: Send + Sync {
    /// A page of the main list was read: pages and records so far, and how many records are announced.
    fn page(&self, pages: u64, rows: u64, announced: Option<u64>);
    /// Something went wrong that does not end the pull.
    fn warn(&self, warning: &Gap);
}

/// Runs a pull. Its people go to the sink; what it proves is answered. An error means that nothing is proved.
pub async fn pull<S: Sink>(
    job: &Job<'_>,
    sink: &mut S,
    progress: &dyn Progress,
) -> Result<Evidence, Error> {
    let client = Client::new(
        job.manifest,
        job.outside,
        job.values.redactor(),
        Arc::clone(&job.clock),
        Arc::clone(&job.chance),
    )?;
    let session = Session::new(
        &job.manifest.auth,
        job.values,
        &client,
        job.clock.as_ref(),
        job.chance.as_ref(),
        job.keeper,
    );
    let mut values = job.values.all().clone();
    values.insert("today".to_owned(), json!(job.as_of.to_string()));
    let source = Source {
        manifest: job.manifest,
        client: &client,
        session: &session,
        values: &values,
        last: Last::default(),
    };
    let beside = joins::read(&source, job.as_of, progress).await?;
    let mut run = Run::new(job, &source, beside);
    run.people(sink, progress).await?;
    run.finish(sink).await
}

/// What is read before the main list.
struct Beside {
    parents: BTreeMap<String, Vec<Value>>,
    lookups: Map<String, Value>,
    joins: BTreeMap<String, Joined>,
    degraded: Vec<Gap>,
}

/// A pull under way.
struct Run<'a> {
    job: &'a Job<'a>,
    source: &'a Source<'a>,
    runner: Runner,
    beside: Beside,
    count: Count,
    managers: Managers,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job<'a>, source: &'a Source<'a>, mut beside: Beside) -> Self {
        let variables = Variables {
            today: job.as_of,
            settings: Value::Object(job.values.open().clone()),
            lookups: Value::Object(std::mem::take(&mut beside.lookups)),
        };
        let program = job.manifest.mapping.program();
        Self {
            runner: Runner::new(program, &variables, Limits::default()),
            managers: Managers::new(&job.manifest.capabilities.manager),
            count: Count::default(),
            job,
            source,
            beside,
        }
    }

    async fn people<S: Sink>(
        &mut self,
        sink: &mut S,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let (source, list) = (self.source, &self.job.manifest.people);
        for parent in joins::parents(&self.beside, list) {
            let mut pages = Pages::new(source, list, parent.as_ref());
            let mut page = pages.next().await?;
            while let Some(read) = page {
                self.count.page(read.records.len());
                let announced = self.count.announced(read.total);
                progress.page(self.count.pages, self.count.rows, announced);
                // The next page is on its way while this one is mapped.
                let (done, next) = tokio::join!(
                    self.hand_on(read.records, parent.as_ref(), sink, progress),
                    pages.next()
                );
                done?;
                page = next?;
            }
            self.count
                .list(pages.total, std::mem::take(&mut pages.gaps));
        }
        Ok(())
    }

    async fn hand_on<S: Sink>(
        &mut self,
        records: Vec<Value>,
        parent: Option<&Value>,
        sink: &mut S,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let batch = self.map(records, parent, progress).await?;
        match batch.is_empty() {
            true => Ok(()),
            false => sink.accept(batch).await,
        }
    }

    async fn finish<S: Sink>(mut self, sink: &mut S) -> Result<Evidence, Error> {
        let mut unresolved = 0;
        while let Some((draft, is_found)) = self.managers.next_waiting() {
            unresolved += u64::from(!is_found);
            self.count.person(&draft.person);
            sink.accept(vec![Mapped::Person(Box::new(draft.person))])
                .await?;
        }
        let mut evidence = self.count.evidence(self.beside.degraded, unresolved);
        evidence.requests = self.source.client.requests();
        evidence.bytes = self.source.client.bytes();
        Ok(evidence)
    }
}

/// A gap with its parameters.
fn gap(code: &'static str, params: &[(&str, &str)]) -> Gap {
    Gap {
        code,
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Too many mapping workers hang.
fn exhausted(_: super::jq::Exhausted) -> Error {
    Error::new(Kind::Limit, "mapping.exhausted")
}
