//! Looking through a file before it is taken: who reads files says what it is like, so that whoever sends a bad one hears it
//! at once, with the lines.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::domain::clock::Millis;
use crate::service::connections::ConnectionRow;
use crate::storage::files::MarkRow;

/// A file.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Something about a file or a row: code, parameters, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Code.
    pub code: String,
    /// What it means and what to do next, in English.
    pub text: String,
    /// Parameters; never a value of a person.
    pub params: BTreeMap<String, String>,
    /// Line, from 1.
    pub line: Option<u64>,
}

/// What a file is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The same bytes as the last file that was read: a sign of life, and no proof of who is absent.
    pub is_same: bool,
    /// People in it.
    pub people: u64,
    /// Headers by field.
    pub columns: BTreeMap<String, String>,
    /// Delimiter.
    pub delimiter: String,
    /// Encoding.
    pub encoding: String,
    /// What an admin should see.
    pub warnings: Vec<Told>,
    /// How many rows are refused.
    pub refused: u64,
    /// The first of them.
    pub rows: Vec<Told>,
}

/// Who reads files.
pub trait Inspect: Send + Sync {
    /// Whether a connection takes files that are handed in.
    fn takes_files(&self, connection: &ConnectionRow) -> bool;

    /// Looks through a file as of a moment. It blocks. Errors: why the file is refused as a whole.
    fn inspect(
        &self,
        connection: &ConnectionRow,
        mark: Option<&MarkRow>,
        now: Millis,
        file: &mut dyn ReadSeek,
    ) -> Result<Look, Told>;
}

/// Nobody reads files here.
pub struct NoFiles;

impl Inspect for NoFiles {
    fn takes_files(&self, _: &ConnectionRow) -> bool {
        false
    }

    fn inspect(
        &self,
        _: &ConnectionRow,
        _: Option<&MarkRow>,
        _: Millis,
        _: &mut dyn ReadSeek,
    ) -> Result<Look, Told> {
        Err(Told::default())
    }
}
