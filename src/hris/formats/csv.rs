//! CSV as people export it.

use std::collections::BTreeMap;
use std::io::Read;

use super::Problem;

/// What a source says about its files; everything else is detected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Delimiter; detected among comma, semicolon, tab and pipe.
    pub delimiter: Option<char>,
    /// Quote character; `"` unless said.
    pub quote: Option<char>,
    /// Encoding by its WHATWG label (`windows-1250`); detected among UTF-8, UTF-16 with BOM and Windows-1252.
    pub encoding: Option<String>,
    /// Columns, normalised, whose cells all empty mark a summary row at the end (`Total`): usually id and e-mail.
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
    pub encoding: String,
    /// Headers as in the file.
    pub headers: Vec<String>,
    /// Headers, normalised and made unique.
    pub columns: Vec<String>,
    /// What the admin should see: `csv.encoding_guessed`, `csv.header_repeated`, ….
    pub warnings: Vec<Problem>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// Cell by normalised header, trimmed; an empty cell is an empty text.
    pub cells: BTreeMap<String, String>,
}

/// Rows of one file, one by one, in constant memory.
pub struct Reader<R> {
    input: R,
    dialect: Dialect,
}

impl<R: Read> Reader<R> {
    /// Reads encoding, dialect and headers. Errors: `csv.empty`, `csv.no_rows`, `csv.encoding`, `csv.too_many_columns`.
    pub fn open(input: R, options: &Options) -> Result<Self, Problem> {
        let _ = (input, options);
        Err(Problem::new("csv.not_built"))
    }

    /// What was detected.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }
}

/// One step: a row, a row that is refused (with its line), or the end of the file's use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// This row only.
    Row {
        /// Its line.
        line: u64,
        /// Why.
        problem: Problem,
    },
    /// The whole file: nothing read from it counts.
    File(Problem),
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Row, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let _ = &mut self.input;
        None
    }
}
