//! Reading a copy: first all of it is checked, then it is loaded in one transaction.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};

use sha2::{Digest, Sha256};

use super::{Error, FORMAT, Footer, Header, Mark, Result, Table};
use crate::domain::audit::hex;
use crate::domain::clock::Millis;
use crate::storage::connection::AnyConnection;
use crate::storage::dialect::{self, catalog};
use crate::storage::{connections, heads, migrations, tenants};

/// Rows of one statement, and their size in bytes.
const CHUNK: (usize, usize) = (500, 1 << 20);

/// A file that is what was written.
#[derive(Debug)]
pub struct Archive {
    file: BufReader<File>,
    /// Its first line.
    pub header: Header,
    /// Its last line.
    pub footer: Footer,
}

impl Archive {
    /// Opens a file and reads all of it, to see whether it is whole.
    ///
    /// # Errors
    /// `Damaged`; `Refused` for a file of a newer form; the file.
    pub fn open(file: File) -> Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, file);
        let (mut line, mut held) = (Vec::new(), Vec::new());
        let mut header = None;
        let (mut hash, mut rows) = (Sha256::new(), 0);
        // Each line is held until the next one is there: the last is no part of what is hashed.
        while next(&mut file, &mut line)? {
            if header.is_none() {
                header = Some(first(&line)?);
            }
            if !held.is_empty() {
                hash.update(&held);
                hash.update(b"\n");
                rows += u64::from(held.first() == Some(&b'['));
            }
            std::mem::swap(&mut held, &mut line);
        }
        let header = header.ok_or_else(|| Error::Damaged("it is empty".to_owned()))?;
        let footer: Footer = serde_json::from_slice(&held)
            .map_err(|_| Error::Damaged("its last line is missing".to_owned()))?;
        if footer.sha256 != hex(&hash.finalize()) || footer.rows != rows {
            let why = "what it holds does not match its hash";
            return Err(Error::Damaged(why.to_owned()));
        }
        Ok(Self {
            file,
            header,
            footer,
        })
    }

    /// Hands out the tables' lines and the rows' lines, the last line excepted.
    fn lines(&mut self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.file.rewind()?;
        let mut line = Vec::new();
        next(&mut self.file, &mut line)?;
        while next(&mut self.file, &mut line)? && !line.starts_with(b"{\"end\"") {
            each(&line)?;
        }
        Ok(())
    }
}

/// Reads a line without its end.
fn next(file: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    let read = file.read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(read > 0)
}

fn first(line: &[u8]) -> Result<Header> {
    let header: Header = serde_json::from_slice(line)
        .map_err(|_| Error::Refused("this is no backup of Rosterd".to_owned()))?;
    if header.format != FORMAT {
        return Err(Error::Refused(format!(
            "this backup has the form {}, this program reads {FORMAT}: use Rosterd {} or later",
            header.format, header.version
        )));
    }
    Ok(header)
}

/// Loads a backup into a database without tables, all or nothing: its own schema, its rows, what the schema has got
/// since, and a new epoch of each journal, which begins at `at`. Returns where the journals stand now.
///
/// # Errors
/// `Refused` for a database that holds something, or a backup of a newer program; the file; the database.
pub fn restore(
    conn: &mut AnyConnection,
    archive: &mut Archive,
    at: Millis,
    seed: [u8; 32],
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Mark>> {
    let marks = all_or_nothing(conn, |conn| fill(conn, archive, at, seed, progress))?;
    dialect::analyze(conn)?;
    Ok(marks)
}

/// Starts new epochs in a database that went back in time by other means than [`restore`]. Servers may be running.
///
/// # Errors
/// The database.
pub fn acknowledge(conn: &mut AnyConnection, at: Millis, seed: [u8; 32]) -> Result<Vec<Mark>> {
    all_or_nothing(conn, |conn| {
        heads::start_epochs(conn, at, None, seed)?;
        connections::ask_before_pulls(conn, at)?;
        tenants::pause_outgoing(conn)?;
        super::write::marks(conn)
    })
}

fn all_or_nothing<T>(
    conn: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T>,
) -> Result<T> {
    dialect::begin_load(conn)?;
    match work(conn) {
        Ok(value) => {
            dialect::commit(conn)?;
            Ok(value)
        }
        Err(error) => {
            dialect::rollback(conn)?;
            Err(error)
        }
    }
}

fn fill(
    conn: &mut AnyConnection,
    archive: &mut Archive,
    at: Millis,
    seed: [u8; 32],
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Mark>> {
    if !catalog::tables(conn)?.is_empty() {
        let why = "the database is not empty: a backup is restored into one without tables";
        return Err(Error::Refused(why.to_owned()));
    }
    let wanted = archive.header.migrations.clone();
    migrations::apply(conn, &|version| wanted.iter().any(|w| w == version))?;
    let reached = migrations::state(conn)?;
    if let Some(lacks) = wanted.iter().find(|w| !reached.applied.contains(w)) {
        return Err(Error::Refused(format!(
            "this backup has the schema {lacks}, which this program does not know: restore it with Rosterd {} or later",
            archive.header.version
        )));
    }
    load(conn, archive, progress)?;
    migrations::apply(conn, &|_| true)?;
    heads::start_epochs(conn, at, Some(archive.header.taken_at), seed)?;
    connections::ask_before_pulls(conn, at)?;
    tenants::pause_outgoing(conn)?;
    super::write::marks(conn)
}

fn load(
    conn: &mut AnyConnection,
    archive: &mut Archive,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut loader = Loader {
        conn,
        target: None,
        chunk: String::new(),
        held: 0,
        rows: 0,
        progress,
    };
    archive.lines(|line| loader.line(line))?;
    loader.flush()
}

/// Gathers rows of one table and stores them together.
struct Loader<'a> {
    conn: &'a mut AnyConnection,
    target: Option<(String, Vec<catalog::Column>)>,
    /// A JSON array of rows, not closed yet.
    chunk: String,
    held: usize,
    rows: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Loader<'_> {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        if line.first() != Some(&b'[') {
            self.flush()?;
            self.target = Some(table(self.conn, line)?);
            return Ok(());
        }
        self.chunk
            .push(if self.chunk.is_empty() { '[' } else { ',' });
        self.chunk.push_str(text(line)?);
        self.held += 1;
        if self.held >= CHUNK.0 || self.chunk.len() >= CHUNK.1 {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.held == 0 {
            return Ok(());
        }
        let (table, columns) = self
            .target
            .as_ref()
            .ok_or_else(|| Error::Damaged("a row stands before its table".to_owned()))?;
        self.chunk.push(']');
        let stored = catalog::insert_json(self.conn, table, columns, &self.chunk)?;
        if stored != self.held {
            let why = format!("{} rows of {table} became {stored}", self.held);
            return Err(Error::Damaged(why));
        }
        self.rows += stored as u64;
        (self.progress)(self.rows);
        self.chunk.clear();
        self.held = 0;
        Ok(())
    }
}

fn text(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line).map_err(|_| Error::Damaged("a line is no text".to_owned()))
}

/// The table that a line announces, with the columns of this database in the order of the file.
fn table(conn: &mut AnyConnection, line: &[u8]) -> Result<(String, Vec<catalog::Column>)> {
    let Table { table, columns } = serde_json::from_slice(line)
        .map_err(|_| Error::Damaged("a line is neither a table nor a row".to_owned()))?;
    let there = catalog::columns(conn, &table)?;
    let column = |name: &String| {
        let found = there.iter().find(|c| c.name == *name).cloned();
        found.ok_or_else(|| Error::Damaged(format!("there is no column {table}.{name}")))
    };
    let columns = columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok((table, columns))
}
