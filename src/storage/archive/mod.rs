//! A copy of the whole database in one file that both databases read and write: lines of JSON.
//!
//! ```text
//! {"rosterd":"backup","format":1,…}                    what it is, which schema, which key
//! {"table":"users","columns":["tenant","id",…]}        then its rows, until the next table
//! ["0190…","0191…",…]
//! {"end":true,"rows":…,"tenants":[…],"sha256":"…"}     hash of everything above this line
//! ```
//!
//! Tables and columns come from the database's own catalog, so that none can be forgotten.

mod read;
mod write;

pub use read::{Archive, acknowledge, restore};
pub use write::write;

use serde::{Deserialize, Serialize};

/// Version of the file's form.
pub const FORMAT: u32 = 1;

/// Tables that are no data: what the migrations fill, what tells of processes that run, and files that wait to be read,
/// which are not kept anywhere.
const NOT_DATA: [&str; 6] = [
    super::migrations::APPLIED,
    "schema_floor",
    "leases",
    "invalidations",
    "file_uploads",
    "file_chunks",
];

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Always `backup`.
    pub rosterd: String,
    /// Version of the form.
    pub format: u32,
    /// Program that wrote it.
    pub version: String,
    /// When, in milliseconds.
    pub taken_at: i64,
    /// Versions of the migrations of its schema.
    pub migrations: Vec<String>,
    /// Id of the key that protects the secrets inside; the key itself is never in a backup.
    pub key_id: Option<String>,
}

/// The line before the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// Always true.
    end: bool,
    /// Rows of all tables.
    pub rows: u64,
    /// Where each tenant's journal stands.
    pub tenants: Vec<Mark>,
    /// SHA-256 of everything before this line, in hex.
    sha256: String,
}

/// Where a tenant's journal stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Id of the tenant.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Epoch of its journal.
    pub epoch: i64,
    /// Number of its last entry.
    pub sequence: i64,
    /// Hash of its last entry.
    pub hash: String,
    /// Users without tombstones.
    pub users: i64,
}

/// What went wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("the backup's file: {0}")]
    Io(#[from] std::io::Error),
    /// It is not what was written.
    #[error("the backup is damaged or cut off: {0}; nothing was changed")]
    Damaged(String),
    /// This program or this database cannot take it.
    #[error("{0}")]
    Refused(String),
    /// The database.
    #[error(transparent)]
    Storage(#[from] super::Error),
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// Result of working with a backup.
pub type Result<T> = std::result::Result<T, Error>;
