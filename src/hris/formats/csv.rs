//! CSV as people and spreadsheets export it, read strictly and in constant memory.
//!
//! Detected: the encoding (BOM; UTF-8 if all of it is; else Windows-1252, with a warning), the delimiter (comma,
//! semicolon, tab or pipe in the header line; a first line `sep=;` says it). Line ends are LF, CRLF or CR, also inside
//! quotes. Headers are normalised: without BOM and blanks at the ends, NFKC, lower case, runs of other characters than
//! letters and digits as `_`; a repeated one gets `_2`, one without a name `column_5`.
//!
//! Strict: a quote in the wrong place and a row with too few or too many cells are errors of that row, with its line.
//! The csv crate reads such rows without a word, which is why the reading is done here. More than 1 % bad rows (and more
//! than one), a quote that is never closed, or no row at all refuse the file: **nothing read from it counts until the
//! iterator has ended without [`Refused::File`]**. Empty rows do not count; rows at the end that hold a total and no
//! person are left out.
//!
//! Every cell is a text, trimmed: leading zeros stay, a formula is not run. Limits: 100 MB, 500,000 rows, 500 columns,
//! 64 KiB a cell.

mod excel;
mod header;
mod records;
mod source;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{Read, Seek};
use std::sync::Arc;

use serde_json::Value;

use super::{Problem, text};
use records::{Raw, Records};
use source::Source;

pub use excel::{damage, report_cell};
pub use header::normalise;

/// Largest file, in bytes.
pub const LARGEST: u64 = 100 << 20;
/// Most rows.
pub const MOST_ROWS: u64 = 500_000;
/// Most columns.
pub const MOST_COLUMNS: usize = 500;
/// Longest cell, in bytes.
pub const LONGEST_CELL: usize = 64 << 10;
/// Most rows at the end that may be totals.
const MOST_TOTALS: usize = 5;

/// What a source says about its files; everything else is detected.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Delimiter.
    pub delimiter: Option<char>,
    /// Quote character; `"` unless said.
    pub quote: Option<char>,
    /// Encoding by its WHATWG label (`windows-1250`); a BOM wins.
    pub encoding: Option<String>,
    /// Columns, normalised, that say who a row is about (id, e-mail, names): a row at the end that has none of them, or
    /// only `Total` there, is no person.
    pub key_columns: Vec<String>,
}

/// What was detected, for the preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dialect {
    /// Delimiter.
    pub delimiter: char,
    /// Quote character.
    pub quote: char,
    /// Encoding.
    pub encoding: &'static str,
    /// Headers as in the file.
    pub headers: Vec<String>,
    /// Headers, normalised and made unique.
    pub columns: Arc<Vec<String>>,
    /// What the admin should see: `csv.encoding_guessed`, `csv.encoding_mixed`, `csv.header_repeated`,
    /// `csv.header_empty`, `csv.one_column`.
    pub warnings: Vec<Problem>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    columns: Arc<Vec<String>>,
    cells: Vec<String>,
}

impl Row {
    /// The cell of a column by its normalised header; none if the file has no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|c| c == column)?;
        self.cells.get(at).map(String::as_str)
    }

    /// The cells in the order of the columns.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// The record that a mapping sees: each column with its text, null where the cell is empty.
    pub fn to_json(&self) -> Value {
        let cell = |c: &String| {
            if c.is_empty() {
                Value::Null
            } else {
                Value::String(c.clone())
            }
        };
        let members = self
            .columns
            .iter()
            .zip(&self.cells)
            .map(|(name, c)| (name.clone(), cell(c)));
        Value::Object(members.collect())
    }
}

/// What is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// This row only: `csv.quote`, `csv.cells`, `csv.cell_too_long`.
    Row {
        /// Its line.
        line: u64,
        /// Why.
        problem: Problem,
    },
    /// The whole file: nothing read from it counts.
    File(Problem),
}

/// Rows of one file, one by one.
pub struct Reader<R> {
    records: Records<R>,
    dialect: Dialect,
    keys: Vec<usize>,
    ready: VecDeque<Row>,
    totals: Vec<Row>,
    rows: u64,
    bad: u64,
    has_ended: bool,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the whole input once for its size and encoding, then again from its start up to the headers. Errors:
    /// `csv.empty`, `csv.too_long`, `csv.encoding`, `csv.not_text` (a workbook, say), `csv.html`, `csv.quote_open`,
    /// `csv.header_quote`, `csv.too_many_columns`, `csv.io`.
    pub fn open(input: R, options: &Options) -> Result<Self, Problem> {
        let (source, mut warnings) = Source::open(input, options.encoding.as_deref())?;
        let encoding = source.encoding();
        let quote = options.quote.unwrap_or('"');
        let mut records = Records::new(source, quote);
        let headers = header::read(&mut records, options.delimiter)?;
        let (columns, repeated) = header::unique(&headers);
        warnings.extend(repeated);
        if columns.len() == 1 {
            warnings.push(Problem::new("csv.one_column"));
        }
        let at = |key: &String| columns.iter().position(|c| c == key);
        let keys = options.key_columns.iter().filter_map(at).collect();
        let dialect = Dialect {
            delimiter: records.delimiter,
            quote,
            encoding,
            headers,
            columns: Arc::new(columns),
            warnings,
        };
        Ok(Self {
            records,
            dialect,
            keys,
            ready: VecDeque::new(),
            totals: Vec::new(),
            rows: 0,
            bad: 0,
            has_ended: false,
        })
    }

    /// What was detected.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The input, to be read once more from its start.
    pub fn into_inner(self) -> R {
        self.records.into_inner()
    }

    /// The next step; none if there is nothing to hand over yet.
    fn step(&mut self) -> Result<Option<Row>, Refused> {
        if let Some(row) = self.ready.pop_front() {
            return Ok(Some(row));
        }
        let Some(raw) = self.records.next().map_err(Refused::File)? else {
            return self.end().map(|()| None);
        };
        if raw.is_empty() {
            return Ok(None);
        }
        self.rows += 1;
        if self.rows > MOST_ROWS {
            return Err(Refused::File(
                Problem::new("csv.too_many_rows").with("limit", MOST_ROWS),
            ));
        }
        let row = self.check(raw)?;
        if self.is_total(&row) && self.totals.len() < MOST_TOTALS {
            self.totals.push(row);
            return Ok(None);
        }
        // They were not at the end after all.
        self.ready.extend(self.totals.drain(..));
        self.ready.push_back(row);
        Ok(self.ready.pop_front())
    }

    fn check(&mut self, raw: Raw) -> Result<Row, Refused> {
        let Raw { line, cells, fault } = raw;
        let wanted = self.dialect.columns.len();
        let problem = match fault {
            Some(code) => Some(Problem::new(code)),
            None if cells.len() == wanted => None,
            None => Some(
                Problem::new("csv.cells")
                    .with("expected", wanted)
                    .with("found", cells.len()),
            ),
        };
        match problem {
            None => Ok(Row {
                line,
                columns: Arc::clone(&self.dialect.columns),
                cells,
            }),
            Some(problem) => {
                self.bad += 1;
                Err(Refused::Row { line, problem })
            }
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.has_ended = true;
        let people = self.rows - u64::try_from(self.totals.len()).unwrap_or(0);
        if people == 0 {
            return Err(Refused::File(Problem::new("csv.no_rows")));
        }
        if self.bad > 1 && self.bad * 100 > people {
            let problem = Problem::new("csv.too_many_bad")
                .with("bad", self.bad)
                .with("rows", people);
            return Err(Refused::File(problem));
        }
        Ok(())
    }

    /// No key cell says who it is about.
    fn is_total(&self, row: &Row) -> bool {
        const WORDS: &[&str] = &[
            "total",
            "grand total",
            "subtotal",
            "sum",
            "summe",
            "gesamt",
            "totaal",
            "totale",
            "totalt",
            "razem",
            "count",
            "anzahl",
        ];
        let says_nobody = |cell: &str| {
            let word = text::fold(cell);
            let word = word.trim_end_matches([':', '.']);
            word.is_empty() || WORDS.contains(&word)
        };
        !self.keys.is_empty()
            && self
                .keys
                .iter()
                .all(|k| row.cells.get(*k).is_none_or(|c| says_nobody(c)))
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<Row, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.step() {
                Ok(None) => {}
                Ok(Some(row)) => return Some(Ok(row)),
                Err(refused) => {
                    self.has_ended |= matches!(refused, Refused::File(_));
                    return Some(Err(refused));
                }
            }
        }
        None
    }
}
