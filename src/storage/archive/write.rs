//! Writing a copy while servers go on writing: everything is read in one snapshot, a row in memory at a time.

use std::io::Write;

use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Error, FORMAT, Footer, Header, Mark, NOT_DATA, Result, Table};
use crate::domain::audit::hex;
use crate::storage::connection::AnyConnection;
use crate::storage::dialect::{self, catalog};
use crate::storage::schema::{heads, tenants};
use crate::storage::{migrations, tenants as rows};

/// Rows between two calls of `progress`.
const STEP: u64 = 1_000;

/// Writes everything and returns the first and the last line. `progress` is told how many rows are written.
///
/// # Errors
/// `Refused` for a database without a schema; the file; the database.
pub fn write(
    conn: &mut AnyConnection,
    taken_at: i64,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Footer)> {
    dialect::begin_snapshot(conn)?;
    dialect::without_timeout(conn)?;
    let written = write_snapshot(conn, taken_at, out, progress);
    let ended = dialect::rollback(conn);
    let written = written?;
    ended?;
    Ok(written)
}

fn write_snapshot(
    conn: &mut AnyConnection,
    taken_at: i64,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Footer)> {
    let schema = migrations::state(conn)?;
    if schema.is_empty() {
        let why = "this database is empty: there is nothing to back up";
        return Err(Error::Refused(why.to_owned()));
    }
    let mut out = Hashing {
        out,
        hash: Sha256::new(),
    };
    let settings = rows::find_operators_settings(conn)?;
    let header = Header {
        rosterd: "backup".to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at,
        migrations: schema.applied,
        key_id: settings.and_then(|s| s.secret_key_id),
    };
    out.json(&header)?;
    let mut rows = 0;
    for table in catalog::tables(conn)? {
        if NOT_DATA.contains(&table.as_str()) {
            continue;
        }
        let columns = catalog::columns(conn, &table)?;
        out.json(&Table {
            table: table.clone(),
            columns: columns.iter().map(|c| c.name.clone()).collect(),
        })?;
        catalog::rows_as_json(conn, &table, &columns, |line| {
            out.line(line.as_bytes())?;
            rows += 1;
            if rows % STEP == 0 {
                progress(rows);
            }
            Ok::<_, Error>(())
        })?;
    }
    let footer = Footer {
        end: true,
        rows,
        tenants: marks(conn)?,
        sha256: hex(&out.hash.clone().finalize()),
    };
    out.json(&footer)?;
    progress(rows);
    Ok((header, footer))
}

/// Where each tenant's journal stands, by age.
pub(super) fn marks(conn: &mut AnyConnection) -> Result<Vec<Mark>> {
    type Columns = (String, String, i64, i64, String, i64);
    let found: Vec<Columns> = heads::table
        .inner_join(tenants::table.on(tenants::id.eq(heads::tenant)))
        .order((tenants::created_at, tenants::id))
        .select((
            heads::tenant,
            tenants::name,
            heads::epoch,
            heads::sequence,
            heads::hash,
            heads::users,
        ))
        .load(conn)?;
    let mark = |(tenant, name, epoch, sequence, hash, users): Columns| Mark {
        tenant,
        name,
        epoch,
        sequence,
        hash,
        users,
    };
    Ok(found.into_iter().map(mark).collect())
}

/// Hashes what passes.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
}

impl Hashing<'_> {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        for bytes in [line, b"\n"] {
            self.hash.update(bytes);
            self.out.write_all(bytes)?;
        }
        Ok(())
    }

    fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(std::io::Error::from)?;
        self.line(&text)
    }
}
