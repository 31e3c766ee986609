//! What a caller of an operation can act on.

use crate::scim;
use crate::storage;
use crate::storage::writer::JobError;

/// A refused or failed operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing does not exist for this caller.
    #[error("{0}")]
    NotFound(String),
    /// A value is taken.
    #[error("{0}")]
    Conflict(String),
    /// Not in the state that a thing is in now.
    #[error("{0}")]
    NotNow(String),
    /// A plan is not what it was: people, settings or runs changed since it was made.
    #[error("{0}")]
    Stale(String),
    /// The resource changed since the caller read it.
    #[error("{0}")]
    VersionMismatch(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The tenant's plan does not include it; nothing was changed.
    #[error("{0}")]
    NotEntitled(String),
    /// The input breaks a rule of SCIM.
    #[error("{}", .0.detail)]
    Invalid(scim::Error),
    /// The database failed or is not there.
    #[error(transparent)]
    Storage(storage::Error),
}

/// Result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// No such resource.
    pub fn no_such(kind: &str, id: &str) -> Self {
        let short: String = id.chars().take(100).collect();
        Self::NotFound(format!("no {kind} has the id `{short}`"))
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Unique(what) => Self::Conflict(format!("this {what} is taken")),
            other => Self::Storage(other),
        }
    }
}

impl From<scim::Error> for Error {
    fn from(error: scim::Error) -> Self {
        Self::Invalid(error)
    }
}

impl JobError for Error {
    fn storage(&self) -> Option<&storage::Error> {
        match self {
            Self::Storage(error) => Some(error),
            _ => None,
        }
    }
}

/// A stored JSON column that does not parse.
pub(crate) fn corrupt(table: &'static str, id: &str, why: impl ToString) -> Error {
    Error::Storage(storage::Error::Corrupt {
        table,
        id: id.to_owned(),
        why: why.to_string(),
    })
}
