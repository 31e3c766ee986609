//! A pull of one file of rows: the same people, counts and proof as from an API. The file is read on a thread that may
//! block, a few batches ahead at most.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::evidence::Count;
use super::managers::Managers;
use super::{Progress, Sink, exhausted, gap, records};
use crate::domain::clock::Millis;
use crate::hris::error::{Error, Kind};
use crate::hris::files::mapping::{self, Record, Settings, survey};
use crate::hris::files::{pull_error, sha256};
use crate::hris::formats::Problem;
use crate::hris::formats::csv::{Options, Reader, Refused};
use crate::hris::jq::{Limits, Runner, Variables};
use crate::hris::manifest::{Employment, ManagerBy, Mapping};
use crate::hris::{Evidence, Gap, Mapped, Snapshot};

/// Rows that are mapped together.
const BATCH: usize = 500;
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// A file and how to read it.
pub struct Table<R> {
    /// The file.
    pub file: R,
    /// The time that it stands for.
    pub as_of: Millis,
    /// Its dialect, where it is not detected.
    pub options: Options,
    /// What its columns mean.
    pub settings: Settings,
}

/// A row for the mapping, or the line and fault of one that is refused.
type Row = Result<Record, (u64, Problem)>;

/// What reading hands over.
enum Step {
    /// The columns are known: what they say nothing about.
    Begin(BTreeSet<String>),
    /// Rows.
    Rows(Vec<Row>),
}

/// What reading tells beside the rows.
struct Told {
    bytes: u64,
    snapshot: Snapshot,
    warnings: Vec<Problem>,
}

/// Runs a pull of a file. Its people go to the sink; what it proves is answered. An error, of which `file` and `csv` codes
/// are the file's, means that nothing is proved and nothing that the sink took counts.
pub async fn pull_table<R, S>(
    table: Table<R>,
    sink: &mut S,
    progress: &dyn Progress,
) -> Result<Evidence, Error>
where
    R: Read + Seek + Send + 'static,
    S: Sink,
{
    let mut run = Run::new(&table.settings)?;
    let changes_only = table.settings.changes_only;
    let mut without = BTreeSet::new();
    let (to, mut steps) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(table, &to));
    while let Some(step) = steps.recv().await {
        let rows = match step {
            Step::Rows(rows) => rows,
            Step::Begin(units) => {
                sink.unsaid(&units);
                without = units;
                continue;
            }
        };
        let batch = run.map(rows).await?;
        progress.page(run.count.pages, run.count.rows, None);
        if !batch.is_empty() {
            sink.accept(batch).await?;
        }
    }
    let told = reading
        .await
        .map_err(|_| Error::new(Kind::Unavailable, "file.broken"))?;
    let told = told.map_err(pull_error)?;
    let warnings: Vec<Gap> = told.warnings.into_iter().map(warning).collect();
    warnings.iter().for_each(|warning| progress.warn(warning));
    let evidence = run.finish(sink).await?;
    Ok(Evidence {
        warnings,
        bytes: told.bytes,
        snapshot: Some(told.snapshot),
        unsaid: without,
        changes_only,
        ..evidence
    })
}

fn warning(problem: Problem) -> Gap {
    Gap {
        code: problem.code,
        params: problem.params,
    }
}

/// Looks through the file: its columns, and what is wrong with it as a whole. Gives back the file and its dialect.
pub(super) fn begin<R: Read + Seek>(
    mut file: R,
    mut options: Options,
    settings: &Settings,
) -> Result<(mapping::Table, Reader<R>, u64), Problem> {
    let io = |e: std::io::Error| Problem::new("file.io").with("kind", e.kind());
    let bytes = file.seek(SeekFrom::End(0)).map_err(io)?;
    let reader = Reader::open(file, &options)?;
    options.key_columns = mapping::key_columns(&reader.dialect().columns, settings)?;
    let reader = Reader::open(reader.into_inner(), &options)?;
    let dialect = reader.dialect().warnings.clone();
    let (mut found, file) = survey(reader, &options, settings)?;
    found.warnings.splice(0..0, dialect);
    Ok((found, Reader::open(file, &options)?, bytes))
}

/// Reads the file and hands over its rows, until nobody takes them any more.
fn read<R: Read + Seek>(table: Table<R>, to: &mpsc::Sender<Step>) -> Result<Told, Problem> {
    let Table {
        mut file,
        as_of,
        options,
        settings,
    } = table;
    let sha256 = whole(&mut file)?;
    let (found, reader, bytes) = begin(file, options, &settings)?;
    let snapshot = Snapshot {
        sha256,
        as_of,
        fields: found.fields().map(|f| f.name().to_owned()).collect(),
        id_length: found.id_length,
    };
    let told = Told {
        bytes,
        snapshot,
        warnings: found.warnings.clone(),
    };
    // Nobody takes it if the pull has ended; then nobody asks what was told either.
    let mut is_wanted = to.blocking_send(Step::Begin(found.unsaid())).is_ok();
    let mut batch = Vec::with_capacity(BATCH);
    for step in found.records(reader) {
        batch.push(match step {
            Ok(record) => Ok(record),
            Err(Refused::Row { line, problem }) => Err((line, problem)),
            Err(Refused::File(problem)) => return Err(problem),
        });
        if batch.len() == BATCH {
            is_wanted = to
                .blocking_send(Step::Rows(std::mem::take(&mut batch)))
                .is_ok();
        }
        if !is_wanted {
            return Ok(told);
        }
    }
    let _ = to.blocking_send(Step::Rows(batch));
    Ok(told)
}

/// The hash of the whole file, which is at its start again then.
fn whole(file: &mut (impl Read + Seek)) -> Result<String, Problem> {
    let io = |e: std::io::Error| Problem::new("file.io").with("kind", e.kind());
    file.rewind().map_err(io)?;
    let hash = sha256(&mut *file)?;
    file.rewind().map_err(io)?;
    Ok(hash)
}

struct Run {
    runner: Runner,
    count: Count,
    managers: Managers,
    words: Employment,
    today: chrono::NaiveDate,
    /// Refused rows of which nobody knows whose they are.
    without_id: u64,
}

impl Run {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let program = Mapping::parse(include_str!("table.jq"))
            .map_err(|e| Error::new(Kind::Settings, "mapping.program").with("line", e.line))?;
        let variables = Variables {
            today: settings.today,
            settings: json!({}),
            lookups: json!({}),
        };
        Ok(Self {
            runner: Runner::new(program.program(), &variables, Limits::default()),
            count: Count::default(),
            managers: Managers::new(&[ManagerBy::Id, ManagerBy::Email, ManagerBy::Alias]),
            words: Employment::default(),
            today: settings.today,
            without_id: 0,
        })
    }

    async fn map(&mut self, rows: Vec<Row>) -> Result<Vec<Mapped>, Error> {
        self.count.page(rows.len());
        let mut batch = Vec::with_capacity(rows.len());
        let mut places = Vec::with_capacity(rows.len());
        let mut inputs = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(Record { line, value }) => {
                    let id = value["employee_id"].as_str().map(str::to_owned);
                    places.push((id, line));
                    inputs.push(json!({ "record": value }));
                }
                Err((line, mut problem)) => {
                    let id = problem.params.remove("id");
                    self.without_id += u64::from(id.is_none());
                    batch.push(self.count.refuse(id, line, (problem.code, problem.params)));
                }
            }
        }
        let results = self.runner.map(Arc::new(inputs)).await.map_err(exhausted)?;
        for ((id, line), result) in places.into_iter().zip(results) {
            batch.extend(self.sort(id, line, result));
        }
        Ok(batch)
    }

    fn sort(
        &mut self,
        id: Option<String>,
        line: u64,
        result: crate::hris::jq::Outcome,
    ) -> Option<Mapped> {
        match records::draft(result, &self.words, self.today) {
            Ok(None) => {
                self.count.skipped += 1;
                None
            }
            Ok(Some(draft)) => {
                self.managers.know(&draft);
                let draft = self.managers.keep_if_waiting(draft)?;
                self.count.person(&draft.person);
                Some(Mapped::Person(Box::new(draft.person)))
            }
            Err(fault) => Some(self.count.refuse(id, line, fault)),
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
        let mut gaps = Vec::new();
        if self.without_id > 0 {
            let rows = self.without_id.to_string();
            gaps.push(gap("rows_without_id", &[("rows", &rows)]));
        }
        self.count.list(None, gaps);
        Ok(self.count.evidence(Vec::new(), unresolved))
    }
}

#[cfg(test)]
mod tests;
