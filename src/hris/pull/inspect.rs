//! What a file of rows is like, without anybody being pulled.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::table::begin;
use crate::hris::files::mapping::{Field, Settings};
use crate::hris::formats::Problem;
use crate::hris::formats::csv::{Options, Refused};

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
