//! Looks through a file that is handed in, with the readers of pulls: what is refused there is refused here, with its line.

use std::sync::Arc;

use super::files::{had, shorter};
use crate::domain::clock::Millis;
use crate::hris::files::{Arrival, FileConnector, News, Reading, explain, sha256};
use crate::hris::formats::Problem;
use crate::hris::manifest::LoadError;
use crate::hris::values::Values;
use crate::hris::{self, Error as PullError};
use crate::service::connections::ConnectionRow;
use crate::service::files::{Inspect, Look, MarkRow, ReadSeek, Told};

/// The connectors of files.
pub struct Inspector(Vec<Arc<FileConnector>>);

impl Inspector {
    /// Those of the program.
    ///
    /// # Errors
    /// None; a test holds that.
    pub fn new() -> Result<Self, LoadError> {
        FileConnector::all().map(Self)
    }

    fn connector(&self, row: &ConnectionRow) -> Option<&Arc<FileConnector>> {
        let mut uploads = self.0.iter().filter(|c| c.from == Arrival::Upload);
        uploads.find(|c| c.slug == row.preset)
    }

    fn look(
        &self,
        row: &ConnectionRow,
        mark: Option<&MarkRow>,
        now: Millis,
        mut file: &mut dyn ReadSeek,
    ) -> Result<Look, Told> {
        let reading = self.reading(row).map_err(|e| Told {
            code: e.code.to_owned(),
            text: e.to_string(),
            params: e.params,
            line: None,
        })?;
        let today = chrono::DateTime::from_timestamp_millis(now.0).unwrap_or_default();
        let settings = reading.settings(today.date_naive(), had(mark));
        let hash = sha256(&mut file).map_err(|p| told(&p, None))?;
        let known = mark.filter(|m| m.has_read());
        let news = hris::files::news(&hash, known.map(|m| m.sha256.as_str()));
        let seen = hris::inspect(file, &reading.options, &settings).map_err(|p| {
            let line = p.params.get("line").and_then(|l| l.parse().ok());
            told(&p, line)
        })?;
        let mut warnings: Vec<Told> = seen.warnings.iter().map(|p| told(p, None)).collect();
        if let Some((code, params)) = shorter(known, seen.id_length) {
            warnings.push(told(&Problem { code, params }, None));
        }
        Ok(Look {
            sha256: hash,
            is_same: news == News::Identical,
            people: seen.people,
            columns: seen.columns,
            delimiter: seen.delimiter.to_string(),
            encoding: seen.encoding,
            warnings,
            refused: seen.refused,
            rows: seen.rows.iter().map(|(l, p)| told(p, Some(*l))).collect(),
        })
    }

    fn reading(&self, row: &ConnectionRow) -> Result<Reading, PullError> {
        let unknown = || PullError::new(hris::Kind::Settings, "file.not_taken");
        let connector = self.connector(row).ok_or_else(unknown)?;
        let settings = row.pull_settings().map_err(|_| unknown())?.settings;
        Reading::of(&Values::among(connector.fields(), settings)?)
    }
}

impl Inspect for Inspector {
    fn takes_files(&self, connection: &ConnectionRow) -> bool {
        self.connector(connection).is_some()
    }

    fn inspect(
        &self,
        connection: &ConnectionRow,
        mark: Option<&MarkRow>,
        now: Millis,
        file: &mut dyn ReadSeek,
    ) -> Result<Look, Told> {
        self.look(connection, mark, now, file)
    }
}

/// A problem for who reads it. The id of a row's person stays out: the line says which one it is.
fn told(problem: &Problem, line: Option<u64>) -> Told {
    let mut params = problem.params.clone();
    params.remove("id");
    Told {
        code: problem.code.to_owned(),
        text: explain(problem.code, &params),
        params,
        line,
    }
}
