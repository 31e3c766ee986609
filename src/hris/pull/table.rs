//! A pull of one file of rows: the same people, counts and proof as from an API. The file is read on a thread that may
//! block, a few batches ahead at most.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::evidence::Count;
use super::managers::Managers;
use super::{Progress, Sink, exhausted, gap, records};
use crate::hris::error::{Error, Kind};
use crate::hris::files::mapping::{Record, Settings, survey};
use crate::hris::formats::Problem;
use crate::hris::formats::csv::{Options, Reader, Refused};
use crate::hris::jq::{Limits, Runner, Variables};
use crate::hris::manifest::{Employment, ManagerBy, Mapping};
use crate::hris::{Evidence, Gap, Mapped};

/// Rows that are mapped together.
const BATCH: usize = 500;
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// A file and how to read it.
pub struct Table<R> {
    /// The file.
    pub file: R,
    /// Its dialect, where it is not detected.
    pub options: Options,
    /// What its columns mean.
    pub settings: Settings,
}

/// A row for the mapping, or the line and fault of one that is refused.
type Row = Result<Record, (u64, Problem)>;

/// What reading tells beside the rows.
struct Told {
    bytes: u64,
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
    let (to, mut batches) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(table, &to));
    while let Some(rows) = batches.recv().await {
        let batch = run.map(rows).await?;
        progress.page(run.count.pages, run.count.rows, None);
        if !batch.is_empty() {
            sink.accept(batch).await?;
        }
    }
    let told = reading
        .await
        .map_err(|_| Error::new(Kind::Unavailable, "file.broken"))?;
    let told = told.map_err(refused)?;
    for warning in told.warnings {
        progress.warn(&Gap {
            code: warning.code,
            params: warning.params,
        });
    }
    let mut evidence = run.finish(sink, changes_only).await?;
    evidence.bytes = told.bytes;
    Ok(evidence)
}

fn refused(problem: Problem) -> Error {
    Error {
        params: problem.params,
        ..Error::new(Kind::NotUnderstood, problem.code)
    }
}

/// Reads the file and hands over its rows, until nobody takes them any more.
fn read<R: Read + Seek>(table: Table<R>, to: &mpsc::Sender<Vec<Row>>) -> Result<Told, Problem> {
    let Table {
        mut file,
        options,
        settings,
    } = table;
    let bytes = file
        .seek(SeekFrom::End(0))
        .map_err(|e| Problem::new("file.io").with("kind", e.kind()))?;
    let reader = Reader::open(file, &options)?;
    let mut warnings = reader.dialect().warnings.clone();
    let (found, file) = survey(reader, &options, &settings)?;
    warnings.extend(found.warnings.iter().cloned());
    let mut batch = Vec::with_capacity(BATCH);
    for step in found.records(Reader::open(file, &options)?) {
        batch.push(match step {
            Ok(record) => Ok(record),
            Err(Refused::Row { line, problem }) => Err((line, problem)),
            Err(Refused::File(problem)) => return Err(problem),
        });
        if batch.len() == BATCH && to.blocking_send(std::mem::take(&mut batch)).is_err() {
            break;
        }
    }
    // Nobody takes it if the pull has ended; then nobody asks what was told either.
    let _ = to.blocking_send(batch);
    Ok(Told { bytes, warnings })
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

    async fn finish<S: Sink>(
        mut self,
        sink: &mut S,
        changes_only: bool,
    ) -> Result<Evidence, Error> {
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
        if changes_only {
            gaps.push(gap("changes_only", &[]));
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
            columns: BTreeMap::new(),
            formats: BTreeMap::new(),
            words: BTreeMap::new(),
            several_rows: false,
            changes_only,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
        };
        let file = Cursor::new(text.as_bytes().to_vec());
        let (mut kept, heard) = (Kept::default(), Heard::default());
        let table = Table {
            file,
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
        assert_eq!(
            evidence.gaps.iter().map(|g| g.code).collect::<Vec<_>>(),
            ["changes_only"]
        );
    }
}
