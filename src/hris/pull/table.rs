//! A pull of one file of rows: the same people, counts and proof as from an API. The file is read on a thread that may
//! block, a few batches ahead at most.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::evidence::Count;
use super::managers::Managers;
use super::{Progress, Sink, exhausted, gap, records};
use crate::domain::clock::Millis;
use crate::hris::error::{Error, Kind};
use crate::hris::files::mapping::{self, Field, Record, Settings, survey};
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
fn begin<R: Read + Seek>(
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

/// What a file is like, without anybody being pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Rows with a person.
    pub people: u64,
    /// Headers by field.
    pub columns: BTreeMap<String, String>,
    /// Delimiter.
    pub delimiter: char,
    /// Encoding.
    pub encoding: String,
    /// What an admin should see.
    pub warnings: Vec<Problem>,
    /// Shortest and longest id.
    pub id_length: Option<(usize, usize)>,
    /// How many rows are refused.
    pub refused: u64,
    /// The first of them, with their lines.
    pub rows: Vec<(u64, Problem)>,
}

/// Rows that are refused and shown.
const SHOWN: usize = 20;

/// Reads a file to its end and says what it is like. It blocks. Errors: as a pull of it.
pub fn inspect<R: Read + Seek>(
    file: R,
    options: &Options,
    settings: &Settings,
) -> Result<Inspected, Problem> {
    let (found, reader, _) = begin(file, options.clone(), settings)?;
    let dialect = reader.dialect();
    let header = |field: Field| {
        let at = found.column(field)?;
        Some((field.name().to_owned(), dialect.headers.get(at)?.clone()))
    };
    let mut told = Inspected {
        columns: found.fields().filter_map(header).collect(),
        delimiter: dialect.delimiter,
        encoding: dialect.encoding.to_owned(),
        warnings: found.warnings.clone(),
        id_length: found.id_length,
        ..Inspected::default()
    };
    for step in found.records(reader) {
        match step {
            Ok(_) => told.people += 1,
            Err(Refused::File(problem)) => return Err(problem),
            Err(Refused::Row { line, problem }) => {
                told.refused += 1;
                if told.rows.len() < SHOWN {
                    told.rows.push((line, problem));
                }
            }
        }
    }
    Ok(told)
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
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;
    use std::sync::Mutex;

    use serde_json::Value;

    use super::*;
    use crate::domain::employment::EmploymentState;
    use crate::hris::{ENTERPRISE, Person};

    #[derive(Default)]
    struct Kept(Vec<Mapped>);

    impl Sink for Kept {
        async fn accept(&mut self, batch: Vec<Mapped>) -> Result<(), Error> {
            self.0.extend(batch);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<&'static str>>);

    impl Progress for Heard {
        fn page(&self, _: u64, _: u64, _: Option<u64>) {}

        fn warn(&self, warning: &Gap) {
            self.0
                .lock()
                .map(|mut all| all.push(warning.code))
                .unwrap_or_default();
        }
    }

    struct Pulled {
        evidence: Result<Evidence, Error>,
        people: BTreeMap<String, Person>,
        refused: Vec<(Option<String>, u64, &'static str)>,
        warnings: Vec<&'static str>,
    }

    async fn pull(text: &str, changes_only: bool) -> Pulled {
        let settings = Settings {
            changes_only,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
            ..Settings::default()
        };
        let file = Cursor::new(text.as_bytes().to_vec());
        let (mut kept, heard) = (Kept::default(), Heard::default());
        let table = Table {
            file,
            as_of: Millis(7),
            options: Options::default(),
            settings,
        };
        let evidence = pull_table(table, &mut kept, &heard).await;
        let mut pulled = Pulled {
            evidence,
            people: BTreeMap::new(),
            refused: Vec::new(),
            warnings: heard.0.into_inner().unwrap_or_default(),
        };
        for mapped in kept.0 {
            match mapped {
                Mapped::Person(person) => {
                    drop(pulled.people.insert(person.source_id.clone(), *person))
                }
                Mapped::Rejected(r) => pulled.refused.push((r.source_id, r.place, r.code)),
            }
        }
        pulled
    }

    fn manager<'p>(pulled: &'p Pulled, id: &str) -> Option<&'p str> {
        pulled.people[id]
            .user
            .get(ENTERPRISE)?
            .get("manager")?
            .get("value")?
            .as_str()
    }

    #[tokio::test]
    async fn a_typical_export_gives_people_with_managers_and_dates() {
        let text = "Personalnummer;E-Mail (dienstlich);Vorname;Nachname;Position;Abteilung;Kostenstelle;Vorgesetzter Personalnummer;Eintritt;Austritt\r\n\
            1001;Marta.Quill@example.com;Marta;Quill;Leitung Support;Support;5100;1001;01.05.2019;\r\n\
            1044;deniz.aras@example.com;Deniz;Aras;Agent;Support;5110;1001;15.02.2024;31.12.9999\r\n\
            0930;olof.berg@example.com;Olof;Berg;Agent;Support;5110;marta.quill@example.com;01.01.2020;30.06.2026\r\n\
            0931;;Mats;Ek;Agent;Support;5110;4711;01.01.2027;\r\n";
        let pulled = pull(text, false).await;
        let evidence = pulled.evidence.clone().unwrap_or_default();
        assert!(evidence.is_complete(), "{evidence:?}");
        assert_eq!(
            (
                evidence.people,
                evidence.rejected,
                evidence.coverage["userName"]
            ),
            (4, 0, 3)
        );
        assert_eq!(evidence.bytes, text.len() as u64);
        let snapshot = evidence.snapshot.as_ref();
        let snapshot = snapshot.unwrap_or_else(|| panic!("a file was read"));
        assert_eq!(
            Some(&snapshot.sha256),
            sha256(text.as_bytes()).as_ref().ok()
        );
        assert_eq!(
            (snapshot.as_of, snapshot.id_length),
            (Millis(7), Some((4, 4)))
        );
        assert!(snapshot.fields.contains(&"cost_center".to_owned()));
        assert!(evidence.unsaid.contains("locale") && !evidence.unsaid.contains("title"));
        let states = pulled
            .people
            .values()
            .map(|p| p.employment)
            .collect::<Vec<_>>();
        use EmploymentState::{Employed, Left, Prehire};
        assert_eq!(states, [Left, Prehire, Employed, Employed]);
        assert_eq!(manager(&pulled, "1001"), None);
        assert_eq!(manager(&pulled, "1044"), Some("1001"));
        assert_eq!(manager(&pulled, "0930"), Some("1001"));
        assert_eq!(manager(&pulled, "0931"), None);
        assert_eq!(
            evidence.degraded.iter().map(|g| g.code).collect::<Vec<_>>(),
            ["managers_not_found"]
        );
        let user = Value::Object(pulled.people["1044"].user.clone());
        assert_eq!(
            user,
            json!({
                "externalId": "1044",
                "userName": "deniz.aras@example.com",
                "name": {"givenName": "Deniz", "familyName": "Aras"},
                "displayName": "Deniz Aras",
                "emails": [{"value": "deniz.aras@example.com", "type": "work", "primary": true}],
                "title": "Agent",
                ENTERPRISE: {"employeeNumber": "1044", "department": "Support", "costCenter": "5110", "manager": {"value": "1001"}},
            })
        );
        assert_eq!(pulled.people["1044"].end_date, None);
        assert_eq!(
            pulled.people["0930"]
                .end_date
                .map(|d| d.to_string())
                .as_deref(),
            Some("2026-06-30")
        );
    }

    #[tokio::test]
    async fn a_row_that_may_be_anybody_leaves_a_gap_and_one_with_an_id_does_not() {
        let rows: String = (0..300)
            .map(|n| format!("{n},n{n}@example.com,active\n"))
            .collect();
        let pulled = pull(
            &format!("id,email,status\nx,x@example.com,?\n{rows}"),
            false,
        )
        .await;
        assert_eq!(pulled.refused, [(Some("x".to_owned()), 2, "csv.status")]);
        assert!(pulled.evidence.is_ok_and(|e| e.is_complete()));
        assert_eq!(pulled.warnings, ["csv.status_unknown"]);
        for bad in ["x,x@example.com\n", ",x@example.com,active\n"] {
            let pulled = pull(&format!("id,email,status\n{bad}{rows}"), false).await;
            assert_eq!(pulled.refused.len(), 1);
            let evidence = pulled.evidence.unwrap_or_default();
            assert_eq!(
                evidence.gaps.iter().map(|g| g.code).collect::<Vec<_>>(),
                ["rows_without_id"]
            );
            assert_eq!(evidence.people, 300);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_refused_is_an_error_and_one_of_changes_proves_nothing() {
        for (text, wanted) in [
            ("", "csv.empty"),
            ("id,email\n", "csv.no_rows"),
            ("name,email\na,b@c.d\n", "csv.column_missing"),
            ("id,end_date\n1,2020-01-01\n", "csv.nobody_active"),
            ("id,start_date\n1,01/02/2020\n", "csv.date_ambiguous"),
            ("id,email\n1,\"a\n", "csv.quote_open"),
        ] {
            assert_eq!(
                pull(text, false).await.evidence.err().map(|e| e.code),
                Some(wanted),
                "{text}"
            );
        }
        let evidence = pull("id,email,status\n1,a@b.c,active\n", true)
            .await
            .evidence
            .unwrap_or_default();
        assert!(evidence.changes_only && evidence.is_complete());
    }

    #[tokio::test]
    async fn a_total_at_the_end_is_nobody() {
        let text =
            "Personalnummer;Nachname;Kostenstelle\n1;Quill;5100\n2;Aras;5110\nSumme:;;10210\n";
        let pulled = pull(text, false).await;
        assert_eq!(pulled.people.len(), 2);
        assert!(pulled.refused.is_empty() && pulled.evidence.is_ok_and(|e| e.is_complete()));
    }

    #[test]
    fn a_look_says_what_a_file_is_like() {
        let text = "Personalnummer;E-Mail (dienstlich);Status\n1;a@b.c;aktiv\n2;b@b.c;???\n3;c@b.c;aktiv\n";
        let look = |text: &str| {
            let file = Cursor::new(text.as_bytes().to_vec());
            inspect(file, &Options::default(), &Settings::default())
        };
        let told = look(text).unwrap_or_default();
        assert_eq!((told.people, told.refused, told.delimiter), (2, 1, ';'));
        assert_eq!(told.columns["work_email"], "E-Mail (dienstlich)");
        assert_eq!(told.rows[0].0, 3);
        assert_eq!(told.rows[0].1.code, "csv.status");
        assert_eq!(look("").err().map(|p| p.code), Some("csv.empty"));
    }
}
