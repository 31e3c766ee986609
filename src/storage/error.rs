//! What can go wrong below the service: the database's failures, told apart by what a caller can do.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// A storage failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index refused the row; the name is ours (see `dialect::constraint`).
    #[error("the value is taken: {0}")]
    Unique(&'static str),
    /// Another transaction got in between; the same work may succeed when run again.
    #[error("the database asked to run the transaction again: {0}")]
    Retry(String),
    /// The connection is gone; nothing of the open transaction is stored.
    #[error("the connection to the database was lost: {0}")]
    Lost(String),
    /// The database cannot be reached, or every place in the queue is taken.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A read took longer than it may; nothing is wrong with the database.
    #[error("a read took longer than it may")]
    TooLong,
    /// A row cannot be read back.
    #[error("row {id} of table {table} cannot be read: {why}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else.
    #[error("the database failed: {0}")]
    Other(String),
}

/// Result of a storage function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => Self::Unique(
                super::dialect::constraint(info.constraint_name(), info.message()),
            ),
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, info) => {
                Self::Retry(info.message().to_owned())
            }
            Diesel::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                info,
            ) => Self::Lost(info.message().to_owned()),
            Diesel::DatabaseError(_, info) if is_lost(info.message()) => {
                Self::Lost(info.message().to_owned())
            }
            Diesel::DatabaseError(_, info) if wants_retry(info.message()) => {
                Self::Retry(info.message().to_owned())
            }
            Diesel::DatabaseError(_, info) if super::deadline::has_ended(info.message()) => {
                Self::TooLong
            }
            Diesel::BrokenTransactionManager => Self::Lost("broken transaction".to_owned()),
            other => Self::Other(other.to_string()),
        }
    }
}

/// PostgreSQL went away, or is going.
fn is_lost(message: &str) -> bool {
    [
        "no connection to the server",
        "server closed the connection",
        "terminating connection",
        "the database system is",
    ]
    .iter()
    .any(|m| message.contains(m))
}

/// SQLSTATE is not to be had through diesel, so the message decides.
fn wants_retry(message: &str) -> bool {
    [
        "deadlock detected",
        "could not serialize",
        "database is locked",
        "database table is locked",
    ]
    .iter()
    .any(|m| message.contains(m))
}
