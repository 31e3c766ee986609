//! jq programs that turn one vendor record into a SCIM User, in a sandbox.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::Value;

/// Why a program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Error {
    /// Line in the program, from 1.
    pub line: u32,
    /// Column, in characters, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub what: String,
}

/// A program that was checked.
#[derive(Debug)]
pub struct Program {
    source: String,
}

impl Program {
    /// Checks a program. Errors: syntax; a filter or variable that does not exist or is not allowed; modules.
    pub fn compile(source: &str) -> Result<Self, Error> {
        Ok(Self {
            source: source.to_owned(),
        })
    }
}

/// What a program sees besides the record.
#[derive(Debug, Clone)]
pub struct Variables {
    /// `$today`, as `YYYY-MM-DD`.
    pub today: NaiveDate,
    /// `$settings`
    pub settings: Value,
    /// `$lookups`
    pub lookups: Value,
}

/// What one record may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Size of any value that the program makes, in bytes.
    pub size: usize,
    /// Results per record.
    pub results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            size: 4 << 20,
            results: 16,
        }
    }
}

/// Why a record could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It took longer than it may.
    Time,
    /// It made more or larger values than it may, or more results.
    Size,
    /// It went deeper than it may.
    Depth,
    /// The program raised an error; the text never holds a value of the record.
    Raised(String),
}

impl Failure {
    /// The code under which it is reported.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Time => "mapping.time",
            Self::Size => "mapping.size",
            Self::Depth => "mapping.depth",
            Self::Raised(_) => "mapping.raised",
        }
    }
}

/// Too many workers of the process hang in a record: the pull must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("too many mapping workers hang; correct the connector's jq program")]
pub struct Exhausted;

/// Runs one program over the pages of one pull, on a worker thread of its own.
#[derive(Debug)]
pub struct Runner {
    program: Arc<Program>,
}

impl Runner {
    /// A runner. It ends its thread when dropped.
    pub fn new(program: Arc<Program>, variables: Variables, limits: Limits) -> Self {
        let _ = (variables, limits);
        Self { program }
    }

    /// Maps a page: for each record, in order, the program's results (usually one) or why there is none.
    pub async fn map(
        &mut self,
        page: Arc<Vec<Value>>,
    ) -> Result<Vec<Result<Vec<Value>, Failure>>, Exhausted> {
        let _ = (page, &self.program.source);
        Err(Exhausted)
    }
}
