//! The first row: delimiter and names of the columns.

use std::collections::BTreeSet;
use std::io::Read;

use icu_normalizer::ComposingNormalizer;

use super::records::Records;
use super::{LONGEST_CELL, MOST_COLUMNS};
use crate::hris::formats::{Problem, text};

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Longest header line.
const LONGEST: usize = MOST_COLUMNS * 1_024;

/// A header as it is matched: `E-Mail (dienstlich)` is `e_mail_dienstlich`.
pub fn normalise(header: &str) -> String {
    let plain = ComposingNormalizer::new_nfkc()
        .normalize(text::trim(header))
        .to_lowercase();
    let mut name = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

/// Reads the headers and sets the delimiter.
pub(super) fn read<R: Read>(
    records: &mut Records<R>,
    delimiter: Option<char>,
) -> Result<Vec<String>, Problem> {
    let mut said = None;
    let line = loop {
        let line = raw_line(records)?.ok_or_else(|| Problem::new("csv.empty"))?;
        if let Some(hint) = sep_hint(&line) {
            said = Some(hint);
        } else if !text::trim(&line).is_empty() {
            break line;
        }
    };
    records.delimiter = delimiter
        .or(said)
        .unwrap_or_else(|| detect(&line, records.quote()));
    let headers = split(&line, records.delimiter, records.quote())?;
    if headers.len() > MOST_COLUMNS {
        return Err(Problem::new("csv.too_many_columns")
            .with("limit", MOST_COLUMNS)
            .with("found", headers.len()));
    }
    Ok(headers)
}

/// One line, line ends inside quotes included.
fn raw_line<R: Read>(records: &mut Records<R>) -> Result<Option<String>, Problem> {
    let mut line = String::new();
    let mut is_quoted = false;
    let opened = records.line();
    loop {
        match records.take()? {
            None if is_quoted => return Err(Problem::new("csv.quote_open").with("line", opened)),
            None => return Ok((!line.is_empty()).then_some(line)),
            Some('\n') if !is_quoted => return Ok(Some(line)),
            Some(c) => {
                is_quoted ^= c == records.quote();
                line.push(c);
            }
        }
        if line.len() > LONGEST {
            return Err(Problem::new("csv.header_too_long").with("limit", LONGEST));
        }
    }
}

/// The delimiter of a first line `sep=;`.
fn sep_hint(line: &str) -> Option<char> {
    let line = line.trim_matches(['"', '\u{feff}', ' ']);
    let start = line.get(..4)?;
    let mut rest = line.get(4..)?.chars();
    let hint = rest.next()?;
    (start.eq_ignore_ascii_case("sep=") && rest.next().is_none()).then_some(hint)
}

/// The delimiter that is there most, outside quotes; the first of the list if none is.
fn detect(line: &str, quote: char) -> char {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for c in line.chars() {
        is_quoted ^= c == quote;
        if let Some(at) = DELIMITERS
            .iter()
            .position(|d| *d == c)
            .filter(|_| !is_quoted)
        {
            counts[at] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let best = DELIMITERS.iter().zip(counts).find(|(_, n)| *n == most);
    best.map_or(',', |(d, _)| *d)
}

/// Cells of the header line.
fn split(line: &str, delimiter: char, quote: char) -> Result<Vec<String>, Problem> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        if c == quote {
            is_quoted = !is_quoted;
        }
        match cells.last_mut() {
            Some(_) if c == delimiter && !is_quoted => cells.push(String::new()),
            Some(cell) if cell.len() < LONGEST_CELL => cell.push(c),
            _ => {}
        }
    }
    let doubled: String = [quote, quote].iter().collect();
    let bare = |cell: &String| {
        let cell = text::trim(cell);
        let inner = match cell.strip_prefix(quote).and_then(|c| c.strip_suffix(quote)) {
            Some(inner) => inner.replace(&doubled, "\u{0}"),
            None => cell.to_owned(),
        };
        if inner.contains(quote) {
            return Err(Problem::new("csv.header_quote").with("line", 1));
        }
        Ok(text::trim(&inner.replace('\0', &quote.to_string())).to_owned())
    };
    cells.iter().map(bare).collect()
}

/// Names of the columns, each once, with what was changed.
pub(super) fn unique(headers: &[String]) -> (Vec<String>, Vec<Problem>) {
    let mut warnings = Vec::new();
    let mut taken = BTreeSet::new();
    let names: Vec<String> = headers.iter().map(|h| normalise(h)).collect();
    let given: BTreeSet<&String> = names.iter().collect();
    let mut columns = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let wanted = if name.is_empty() {
            warnings.push(Problem::new("csv.header_empty").with("column", at + 1));
            format!("column_{}", at + 1)
        } else {
            name.clone()
        };
        let mut column = wanted.clone();
        let mut n = 2;
        while taken.contains(&column) || (column != *name && given.contains(&column)) {
            column = format!("{wanted}_{n}");
            n += 1;
        }
        if column != wanted {
            warnings.push(
                Problem::new("csv.header_repeated")
                    .with("header", &wanted)
                    .with("column", &column),
            );
        }
        taken.insert(column.clone());
        columns.push(column);
    }
    (columns, warnings)
}
