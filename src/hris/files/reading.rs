//! How a connection's files are read: its values, as the readers of rows and of folders want them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::mapping::{Field, Settings};
use super::{Complete, Pattern};
use crate::domain::employment::EmploymentState;
use crate::hris::error::{Error, Kind};
use crate::hris::formats::csv;
use crate::hris::formats::dates::Format;
use crate::hris::values::Values;

/// How files are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Dialect, where it is said.
    pub options: csv::Options,
    /// Which names are looked at.
    pub pattern: Pattern,
    /// When a file is complete.
    pub complete: Complete,
    /// Hours in which a file is expected.
    pub expected_hours: u32,
    columns: BTreeMap<Field, String>,
    without: BTreeSet<Field>,
    formats: BTreeMap<Field, Format>,
    words: BTreeMap<String, EmploymentState>,
    several_rows: bool,
    changes_only: bool,
}

impl Reading {
    /// Reads the values. Errors (kind settings): `settings.pair`, `settings.choice` and `settings.pattern` with the field.
    pub fn of(values: &Values) -> Result<Self, Error> {
        let text = |name: &str| values.text(name).unwrap_or_default();
        let (mut columns, mut without) = (BTreeMap::new(), BTreeSet::new());
        for (name, header) in pairs("columns", text("columns"))? {
            let field = parse("columns", name)?;
            match header {
                "" => drop(without.insert(field)),
                header => drop(columns.insert(field, header.to_owned())),
            }
        }
        let mut words = BTreeMap::new();
        for (word, state) in pairs("status_words", text("status_words"))? {
            let state = EmploymentState::parse(state).ok_or_else(|| wrong("status_words"))?;
            words.insert(word.to_owned(), state);
        }
        let pattern = match text("pattern") {
            "" => "*",
            pattern => pattern,
        };
        Ok(Self {
            options: csv::Options {
                delimiter: delimiter(text("delimiter")),
                quote: (text("quote") == "single").then_some('\''),
                encoding: Some(text("encoding").to_owned()).filter(|e| !e.is_empty()),
                key_columns: Vec::new(),
            },
            pattern: Pattern::parse(pattern).map_err(|_| wrong("pattern"))?,
            complete: match text("marker") {
                "" => Complete::Unchanged,
                end => Complete::Marker(end.to_owned()),
            },
            expected_hours: text("expected_hours").parse().unwrap_or(24),
            columns,
            without,
            formats: formats(text("dates"))?,
            words,
            several_rows: text("several_rows") == "yes",
            changes_only: text("holds") == "changes",
        })
    }

    /// Files hold changes only: each of them counts.
    pub fn changes_only(&self) -> bool {
        self.changes_only
    }

    /// What is read as of a day; `had` are the fields whose columns the last file had.
    pub fn settings(&self, today: NaiveDate, had: BTreeSet<Field>) -> Settings {
        Settings {
            columns: self.columns.clone(),
            without: self.without.clone(),
            had,
            formats: self.formats.clone(),
            words: self.words.clone(),
            several_rows: self.several_rows,
            changes_only: self.changes_only,
            today,
        }
    }
}

fn wrong(field: &str) -> Error {
    Error::new(Kind::Settings, "settings.pair").with("field", field)
}

/// `a=b`, one a line or with `;` between them.
fn pairs<'t>(field: &str, text: &'t str) -> Result<Vec<(&'t str, &'t str)>, Error> {
    let parts = text.split(['\n', ';']).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong(field))?;
            Ok((name.trim(), value.trim()))
        })
        .collect()
}

/// A word that is one of a type's own.
fn parse<T: serde::de::DeserializeOwned>(field: &str, word: &str) -> Result<T, Error> {
    serde_json::from_value(word.into()).map_err(|_| wrong(field))
}

fn formats(text: &str) -> Result<BTreeMap<Field, Format>, Error> {
    let dates = || Field::ALL.into_iter().filter(|f| f.is_date());
    if !text.is_empty() && !text.contains('=') {
        let format: Format = parse("dates", text.trim())?;
        return Ok(dates().map(|field| (field, format)).collect());
    }
    let mut found = BTreeMap::new();
    for (name, format) in pairs("dates", text)? {
        let field: Field = parse("dates", name)?;
        if !field.is_date() {
            return Err(wrong("dates"));
        }
        found.insert(field, parse("dates", format)?);
    }
    Ok(found)
}

fn delimiter(word: &str) -> Option<char> {
    Some(match word {
        "comma" => ',',
        "semicolon" => ';',
        "tab" => '\t',
        "pipe" => '|',
        _ => return None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::hris::files::FileConnector;

    fn reading(given: &[(&str, &str)]) -> Result<Reading, Error> {
        let csv = &FileConnector::all().unwrap()[0];
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Reading::of(&Values::among(csv.fields(), given)?)
    }

    #[test]
    fn values_become_a_dialect_and_a_mapping() {
        let all = reading(&[
            (
                "columns",
                "employee_id=Pers-Nr;\n work_email = Mail (dienst)\nstatus=",
            ),
            ("dates", "start_date=iso; end_date=day_month_slashes"),
            ("status_words", "LOA=on_leave\nGONE=left"),
            ("holds", "changes"),
            ("delimiter", "tab"),
            ("quote", "single"),
            ("encoding", "windows-1250"),
        ])
        .unwrap();
        assert_eq!(all.options.delimiter, Some('\t'));
        assert_eq!(all.options.quote, Some('\''));
        assert_eq!(all.options.encoding.as_deref(), Some("windows-1250"));
        let settings = all.settings(NaiveDate::default(), BTreeSet::new());
        assert_eq!(settings.columns[&Field::WorkEmail], "Mail (dienst)");
        assert!(settings.without.contains(&Field::Status) && settings.changes_only);
        assert_eq!(settings.formats[&Field::EndDate], Format::DayMonthSlashes);
        assert_eq!(settings.words["GONE"], EmploymentState::Left);
        let one = reading(&[("dates", "serial")]).unwrap();
        assert_eq!(one.formats.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_names_its_setting() {
        for (name, value) in [
            ("columns", "employee_id"),
            ("columns", "nonsense=x"),
            ("dates", "tomorrow"),
            ("dates", "status=iso"),
            ("status_words", "GONE=vanished"),
            ("holds", "something"),
            ("several_rows", "maybe"),
            ("expected_hours", "0"),
        ] {
            let error = reading(&[(name, value)]).err().unwrap();
            assert_eq!(error.kind, Kind::Settings, "{name}={value}");
            assert_eq!(error.params["field"], name);
        }
        assert!(reading(&[]).is_ok());
    }
}
