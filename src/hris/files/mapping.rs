//! From the rows of a file to records with known names, values in one spelling and one record for each person: the input
//! of the CSV connector's mapping, which then is as short as that of an API.
//!
//! A file is read several times, in constant memory: [`survey`] finds columns, formats of dates and people who are there
//! twice; [`Table::records`] then hands over record by record. Each record has the [`Field`]s whose column the file has,
//! under their names, null where the cell is empty, and every other column under its own name:
//!
//! - dates are `YYYY-MM-DD`, null also for "no end"; which way they are written is found for each column, and asked for
//!   where day and month could be either;
//! - `employment_state` is what the status word means; `employed` where there is no such column. A word that is not known
//!   is an error of its row, never "left";
//! - e-mail addresses are cleaned, null if they are none; a `manager_id` that is an address becomes `manager_email`, one
//!   that is nobody's id `manager_known_as`;
//! - identifiers are kept letter by letter; one that a spreadsheet damaged is an error of its row.
//!
//! **Twice.** Several rows with one id are one person with several employments if [`Settings::several_rows`] says so: the
//! row in force today counts. Otherwise equal rows count once and different ones are all refused. One address with two
//! ids: who is employed, else who started last; if that decides nothing, none of them. Who is refused keeps the id in
//! [`Refused::Row`]'s parameters, so that nobody is taken for absent.

mod fields;
mod twice;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Seek};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::domain::employment::EmploymentState;
use crate::hris::formats::csv::{self, Reader, Refused, Row};
use crate::hris::formats::dates::{Cell, Detected, Detector, Format};
use crate::hris::formats::status::Words;
use crate::hris::formats::{Problem, dates, text};

pub use fields::Field;

/// Most status words that are listed as unknown.
const MOST_WORDS: usize = 20;

/// What a connection says about its files.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Headers by field, where they are not found by name.
    pub columns: BTreeMap<Field, String>,
    /// Fields that the file has no column for, and is not to have.
    pub without: BTreeSet<Field>,
    /// Fields that the last file had columns for: one that decides who is employed, or by what people are recognised, and
    /// is not there any more refuses the file.
    pub had: BTreeSet<Field>,
    /// Formats of date columns, where they are not found.
    pub formats: BTreeMap<Field, Format>,
    /// Status words besides the usual ones.
    pub words: BTreeMap<String, EmploymentState>,
    /// A person may have several rows, one for each employment.
    pub several_rows: bool,
    /// The file holds changes only. Nobody is absent then, so it must say who left.
    pub changes_only: bool,
    /// The day that counts.
    pub today: NaiveDate,
}

/// What a file is like.
#[derive(Debug)]
pub struct Table {
    columns: BTreeMap<Field, usize>,
    formats: BTreeMap<Field, Format>,
    words: Words,
    today: NaiveDate,
    verdicts: HashMap<u64, Verdict>,
    seen: twice::Seen,
    /// What the admin should see: `csv.no_email_column`, `csv.status_unknown` with the word, `csv.rows_equal`.
    pub warnings: Vec<Problem>,
    /// Shortest and longest id: ids that are suddenly shorter have lost their zeros in a spreadsheet.
    pub id_length: Option<(usize, usize)>,
}

/// What is decided about a row whose person is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Another row counts.
    Skip,
    /// Refused, with this code.
    Refuse(&'static str),
}

/// A row for the mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its line.
    pub line: u64,
    /// Its fields.
    pub value: Value,
}

/// Looks through a file. Gives back the input, to be opened again for [`Table::records`]. Errors: those of the file,
/// `csv.column_missing`, `csv.column_unknown`, `csv.column_gone`, `csv.date_ambiguous` and `csv.date_format` with the field,
/// `csv.changes_need_status`.
pub fn survey<R: Read + Seek>(
    mut reader: Reader<R>,
    options: &csv::Options,
    settings: &Settings,
) -> Result<(Table, R), Problem> {
    let columns = fields::assign(&reader.dialect().columns, settings)?;
    let says_who_left =
        columns.contains_key(&Field::Status) || columns.contains_key(&Field::EndDate);
    if settings.changes_only && !says_who_left {
        return Err(Problem::new("csv.changes_need_status"));
    }
    let mut words = Words::usual();
    for (word, state) in &settings.words {
        words = words.with(word, *state);
    }
    let mut table = Table {
        columns,
        formats: settings.formats.clone(),
        words,
        today: settings.today,
        verdicts: HashMap::new(),
        seen: twice::Seen::default(),
        warnings: Vec::new(),
        id_length: None,
    };
    for field in fields::gone(&table.columns, settings)? {
        let gone = Problem::new("csv.column_gone").with("field", field.name());
        table.warnings.push(gone);
    }
    let mut seen = twice::Seen::default();
    table.look(&mut reader, &mut seen)?;
    if !table.columns.contains_key(&Field::WorkEmail) {
        table.warnings.push(Problem::new("csv.no_email_column"));
    }
    let mut input = reader.into_inner();
    if seen.has_doubles() {
        let mut reader = Reader::open(input, options)?;
        let rows = rows(&mut reader);
        let (verdicts, equal) = twice::judge(&table, &seen, rows, settings.several_rows)?;
        if equal > 0 {
            table
                .warnings
                .push(Problem::new("csv.rows_equal").with("rows", equal));
        }
        table.verdicts = verdicts;
        input = reader.into_inner();
    }
    table.seen = seen;
    Ok((table, input))
}

/// Columns that say who a row is about. Errors: as [`survey`], for the columns.
pub fn key_columns(columns: &[String], settings: &Settings) -> Result<Vec<String>, Problem> {
    let found = fields::assign(columns, settings)?;
    let keys = found.iter().filter(|(field, _)| field.is_key());
    Ok(keys
        .filter_map(|(_, at)| columns.get(*at).cloned())
        .collect())
}

/// Rows that were read; a refused file ends them with its problem.
fn rows<R: Read + Seek>(reader: &mut Reader<R>) -> impl Iterator<Item = Result<Row, Problem>> {
    reader.by_ref().filter_map(|step| match step {
        Ok(row) => Some(Ok(row)),
        Err(Refused::File(problem)) => Some(Err(problem)),
        Err(Refused::Row { .. }) => None,
    })
}

impl Table {
    /// First reading: formats of dates, words, who is there twice.
    fn look<R: Read + Seek>(
        &mut self,
        reader: &mut Reader<R>,
        seen: &mut twice::Seen,
    ) -> Result<(), Problem> {
        let mut detectors: BTreeMap<Field, Detector> = self
            .columns
            .keys()
            .filter(|f| f.is_date() && !self.formats.contains_key(f))
            .map(|f| (*f, Detector::default()))
            .collect();
        let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows(reader) {
            let row = row?;
            for (field, detector) in &mut detectors {
                detector.add(self.cell(&row, *field).unwrap_or_default());
            }
            if let Some(word) = self.cell(&row, Field::Status)
                && self.words.find(word).is_none()
                && (unknown.len() < MOST_WORDS || unknown.contains_key(word))
            {
                *unknown.entry(word.to_owned()).or_default() += 1;
            }
            let id = self.cell(&row, Field::EmployeeId).unwrap_or_default();
            if !id.is_empty() {
                let length = id.chars().count();
                let (least, most) = self.id_length.unwrap_or((length, length));
                self.id_length = Some((least.min(length), most.max(length)));
            }
            seen.add(id, self.email(&row, Field::WorkEmail).as_deref());
        }
        for (word, rows) in unknown {
            self.warnings.push(
                Problem::new("csv.status_unknown")
                    .with("word", word)
                    .with("rows", rows),
            );
        }
        for (field, detector) in detectors {
            let code = match detector.finish() {
                Detected::Format(format) => {
                    self.formats.insert(field, format);
                    continue;
                }
                Detected::Empty => continue,
                Detected::Ambiguous => "csv.date_ambiguous",
                Detected::None => "csv.date_format",
            };
            return Err(Problem::new(code).with("field", field.name()));
        }
        Ok(())
    }

    /// The way in which a date column is written, where it was found or set.
    pub fn format(&self, field: Field) -> Option<Format> {
        self.formats.get(&field).copied()
    }

    /// The fields that the file has columns for.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.columns.keys().copied()
    }

    /// The place of a field's column.
    pub fn column(&self, field: Field) -> Option<usize> {
        self.columns.get(&field).copied()
    }

    /// Units of a person about which the file says nothing, since it has no column for them. An empty cell says that
    /// there is no value; a missing column leaves what was said before.
    pub fn unsaid(&self) -> BTreeSet<String> {
        let is_there = |field: &Field| self.columns.contains_key(field);
        let units = fields::UNITS.iter();
        units
            .filter(|(_, from)| !from.iter().any(is_there))
            .map(|(unit, _)| (*unit).to_owned())
            .collect()
    }

    /// The records, from the start of the file. The last step is a refused file if nobody in it is employed
    /// (`csv.nobody_active`).
    pub fn records<R: Read + Seek>(&self, reader: Reader<R>) -> Records<'_, R> {
        Records {
            table: self,
            columns: reader.dialect().columns.to_vec(),
            reader,
            active: 0,
            has_ended: false,
        }
    }

    fn cell<'r>(&self, row: &'r Row, field: Field) -> Option<&'r str> {
        let at = self.columns.get(&field)?;
        row.cells().get(*at).map(String::as_str)
    }

    fn email(&self, row: &Row, field: Field) -> Option<String> {
        self.cell(row, field).and_then(text::email)
    }

    /// A date; none for no date.
    fn date(&self, row: &Row, field: Field) -> Result<Option<NaiveDate>, Problem> {
        let cell = self.cell(row, field).unwrap_or_default();
        let format = self.formats.get(&field).copied().unwrap_or(Format::Iso);
        match dates::read(cell, format, field == Field::EndDate) {
            Cell::Open => Ok(None),
            Cell::Date(date) => Ok(Some(date)),
            Cell::Unreadable => Err(Problem::new("csv.date").with("field", field.name())),
        }
    }

    /// What the status word means.
    fn said(&self, row: &Row) -> Result<EmploymentState, Problem> {
        match self.cell(row, Field::Status) {
            None => Ok(EmploymentState::Employed),
            Some(word) => {
                let unknown = || Problem::new("csv.status").with("field", Field::Status.name());
                self.words.find(word).ok_or_else(unknown)
            }
        }
    }

    /// Employment as of today: the word, and the dates around it; the last day is a day of work.
    fn state(&self, row: &Row) -> Result<EmploymentState, Problem> {
        let (start, end) = (
            self.date(row, Field::StartDate)?,
            self.date(row, Field::EndDate)?,
        );
        Ok(match self.said(row)? {
            EmploymentState::Left => EmploymentState::Left,
            _ if end.is_some_and(|d| d < self.today) => EmploymentState::Left,
            _ if start.is_some_and(|d| d > self.today) => EmploymentState::Prehire,
            other => other,
        })
    }

    /// A row as the mapping sees it.
    fn value(&self, row: &Row, columns: &[String]) -> Result<Value, Problem> {
        let mut all = Map::new();
        for (column, cell) in columns.iter().zip(row.cells()) {
            all.insert(column.clone(), kept(cell));
        }
        for (field, at) in &self.columns {
            let cell = row.cells().get(*at).map_or("", String::as_str);
            if field.is_identifier()
                && let Some(code) = csv::damage(cell)
            {
                return Err(Problem::new(code).with("field", field.name()));
            }
            let value = match field {
                Field::StartDate | Field::EndDate => self
                    .date(row, *field)?
                    .map_or(Value::Null, |d| Value::String(d.to_string())),
                Field::WorkEmail | Field::PrivateEmail | Field::ManagerEmail => {
                    text::email(cell).map_or(Value::Null, Value::String)
                }
                Field::ManagerId if cell.contains('@') => {
                    let address = text::email(cell).map_or(Value::Null, Value::String);
                    all.entry(Field::ManagerEmail.name()).or_insert(address);
                    Value::Null
                }
                Field::ManagerId if !cell.is_empty() && !self.seen.has_id(cell) => {
                    all.insert("manager_known_as".to_owned(), kept(cell));
                    Value::Null
                }
                _ => kept(cell),
            };
            all.insert(field.name().to_owned(), value);
        }
        let said = self.said(row)?;
        all.insert("employment_state".to_owned(), said.as_str().into());
        Ok(Value::Object(all))
    }
}

/// A cell's text, composed; null if there is none.
fn kept(cell: &str) -> Value {
    if cell.is_empty() {
        Value::Null
    } else {
        Value::String(text::nfc(cell))
    }
}

/// The records of a file, one by one.
pub struct Records<'t, R> {
    table: &'t Table,
    columns: Vec<String>,
    reader: Reader<R>,
    active: u64,
    has_ended: bool,
}

impl<R: Read + Seek> Records<'_, R> {
    fn record(&mut self, row: &Row) -> Option<Result<Record, Refused>> {
        let verdict = self.table.verdicts.get(&row.line);
        let id = self.table.cell(row, Field::EmployeeId).unwrap_or_default();
        let made = match verdict {
            Some(Verdict::Skip) => return None,
            Some(Verdict::Refuse(code)) => Err(Problem::new(code)),
            None if id.is_empty() => {
                Err(Problem::new("csv.no_id").with("field", Field::EmployeeId.name()))
            }
            None => self.table.value(row, &self.columns),
        };
        // Whoever is refused does not make the file look as if nobody were left.
        let is_active = self
            .table
            .state(row)
            .map_or(true, EmploymentState::is_active);
        self.active += u64::from(is_active);
        Some(match made {
            Ok(value) => Ok(Record {
                line: row.line,
                value,
            }),
            Err(problem) => {
                let problem = if id.is_empty() {
                    problem
                } else {
                    problem.with("id", id)
                };
                Err(Refused::Row {
                    line: row.line,
                    problem,
                })
            }
        })
    }
}

impl<R: Read + Seek> Iterator for Records<'_, R> {
    type Item = Result<Record, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.reader.next() {
                Some(Ok(row)) => {
                    if let Some(record) = self.record(&row) {
                        return Some(record);
                    }
                }
                Some(Err(refused)) => {
                    self.has_ended = matches!(refused, Refused::File(_));
                    return Some(Err(refused));
                }
                None => {
                    self.has_ended = true;
                    let nobody = Refused::File(Problem::new("csv.nobody_active"));
                    return (self.active == 0).then_some(Err(nobody));
                }
            }
        }
        None
    }
}
