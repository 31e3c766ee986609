//! Cuts characters into rows and cells.

use std::io::Read;

use super::LONGEST_CELL;
use super::source::Source;
use crate::hris::formats::{Problem, text};

/// A row as it was cut.
pub(super) struct Raw {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
    /// Code of what is wrong with it.
    pub(super) fault: Option<&'static str>,
}

impl Raw {
    /// Nothing in any cell.
    pub(super) fn is_empty(&self) -> bool {
        self.fault.is_none() && self.cells.iter().all(String::is_empty)
    }
}

/// The rows of a file.
pub(super) struct Records<R> {
    source: Source<R>,
    pub(super) delimiter: char,
    quote: char,
    /// The line that the next character is on.
    line: u64,
}

/// What ended a cell.
#[derive(PartialEq)]
enum End {
    Cell,
    Row,
    File,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: Source<R>, quote: char) -> Self {
        Self {
            source,
            delimiter: ',',
            quote,
            line: 1,
        }
    }

    pub(super) fn into_inner(self) -> R {
        self.source.into_inner()
    }

    pub(super) fn quote(&self) -> char {
        self.quote
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Takes a character; every line end comes as `\n`.
    pub(super) fn take(&mut self) -> Result<Option<char>, Problem> {
        let c = self.source.next()?;
        let c = match c {
            Some('\r') => {
                if self.source.peek()? == Some('\n') {
                    self.source.next()?;
                }
                Some('\n')
            }
            other => other,
        };
        if c == Some('\n') {
            self.line += 1;
        }
        if c == Some('\0') {
            return Err(Problem::new("csv.not_text").with("line", self.line));
        }
        Ok(c)
    }

    /// The next row; none at the end. Errors are those of the whole file.
    pub(super) fn next(&mut self) -> Result<Option<Raw>, Problem> {
        if self.source.peek()?.is_none() {
            return Ok(None);
        }
        let mut raw = Raw {
            line: self.line,
            cells: Vec::new(),
            fault: None,
        };
        loop {
            let mut cell = String::new();
            let end = self.cell(&mut cell, &mut raw)?;
            if raw.fault.is_none() {
                raw.cells.push(text::trim(&cell).to_owned());
            }
            if end != End::Cell {
                return Ok(Some(raw));
            }
        }
    }

    fn cell(&mut self, cell: &mut String, raw: &mut Raw) -> Result<End, Problem> {
        loop {
            match self.take()? {
                None => return Ok(End::File),
                Some('\n') => return Ok(End::Row),
                Some(c) if c == self.delimiter => return Ok(End::Cell),
                Some(c) if c == self.quote => {
                    if text::trim(cell).is_empty() && raw.fault.is_none() {
                        cell.clear();
                        return self.quoted(cell, raw);
                    }
                    raw.fault = raw.fault.or(Some("csv.quote"));
                }
                Some(c) => keep(cell, c, raw),
            }
        }
    }

    /// From behind the opening quote to what ends the cell.
    fn quoted(&mut self, cell: &mut String, raw: &mut Raw) -> Result<End, Problem> {
        let opened = self.line;
        loop {
            match self.take()? {
                None => return Err(Problem::new("csv.quote_open").with("line", opened)),
                Some(c) if c == self.quote => {
                    if self.source.peek()? != Some(self.quote) {
                        break;
                    }
                    self.source.next()?;
                    keep(cell, c, raw);
                }
                Some(c) => keep(cell, c, raw),
            }
        }
        // Only blanks may follow.
        loop {
            match self.take()? {
                None => return Ok(End::File),
                Some('\n') => return Ok(End::Row),
                Some(c) if c == self.delimiter => return Ok(End::Cell),
                Some(c) if text::trim(c.encode_utf8(&mut [0; 4])).is_empty() => {}
                Some(_) => raw.fault = raw.fault.or(Some("csv.quote")),
            }
        }
    }
}

fn keep(cell: &mut String, c: char, raw: &mut Raw) {
    if cell.len() + c.len_utf8() > LONGEST_CELL {
        raw.fault = raw.fault.or(Some("csv.cell_too_long"));
    } else {
        cell.push(c);
    }
}
