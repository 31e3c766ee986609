//! All that there is of a tenant, table by table, as the database's own catalog names them: read for an export, deleted with
//! the tenant. A table that a migration adds tomorrow is deleted without anybody thinking of it.

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use serde_json::Value;

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::dialect::catalog::{self, Column, Kind};
use super::error::{Error, Result};
use super::migrations;
use super::scope::Scope;
use super::writer::Tx;

/// The column that says whose a row is.
const TENANT: &str = "tenant";
/// What every batch of a tenant locks: it goes last, so that whoever waits for it finds the tenant on its way out.
const HEADS: &str = "heads";

/// A table with rows of tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// All columns.
    pub columns: Vec<Column>,
    /// The primary key, without the tenant.
    pub key: Vec<Column>,
}

/// Tables whose rows belong to tenants, by name; the heads of the journals are last.
pub fn tables(conn: &mut AnyConnection) -> Result<Vec<Table>> {
    let mut all = Vec::new();
    for name in catalog::tables(conn)? {
        if name == migrations::APPLIED {
            // The migrations' own, of another kind of columns.
            continue;
        }
        let columns = catalog::columns(conn, &name)?;
        if !columns.iter().any(|c| c.name == TENANT) {
            continue;
        }
        let mut key = Vec::new();
        for part in catalog::key(conn, &name)? {
            key.extend(
                columns
                    .iter()
                    .find(|c| c.name == part && part != TENANT)
                    .cloned(),
            );
        }
        all.push(Table { name, columns, key });
    }
    all.sort_by_key(|table| table.name == HEADS);
    Ok(all)
}

/// A page of rows, each with the values of all its columns, and where the next page begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Values in the order of the columns; documents are texts.
    pub rows: Vec<Vec<Value>>,
    /// Values of the last row's key; `None`: there is no other page.
    pub next: Option<Vec<Value>>,
}

impl Table {
    /// Names of the key's columns, quoted.
    fn quoted_key(&self) -> Vec<String> {
        let quoted = |column: &Column| format!("\"{}\"", column.name);
        self.key.iter().map(quoted).collect()
    }
}

impl Scope<'_> {
    /// Tables whose rows belong to tenants.
    pub fn list_tables(&mut self) -> Result<Vec<Table>> {
        tables(self.conn())
    }

    /// The tenant's rows of a table after a place, in the order of its key.
    pub fn list_rows(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Rows> {
        let (conn, tenant) = self.parts();
        let line = catalog::row_as_json(conn, &table.columns);
        let name = &table.name;
        let key = table.quoted_key();
        let mut query = Frag::sql(format!(
            "SELECT {line} AS line FROM \"{name}\" WHERE \"{TENANT}\" = "
        ))
        .text(tenant);
        if let Some(after) = after {
            query = query.push(&format!(" AND ({}) > (", key.join(", ")));
            query = bind(query, &table.key, after).push(")");
        }
        if !key.is_empty() {
            query = query.push(&format!(" ORDER BY {}", key.join(", ")));
        }
        let query = query
            .push(" LIMIT ")
            .int(i64::try_from(limit).unwrap_or(i64::MAX));
        let lines: Vec<String> = query.query::<Text>().load(conn)?;
        let rows: Vec<Vec<Value>> = lines
            .iter()
            .map(|line| serde_json::from_str(line))
            .collect::<Result<_, _>>()
            .map_err(|e| Error::Other(format!("a row of {name} is no JSON: {e}")))?;
        let last = rows
            .last()
            .filter(|_| rows.len() == limit && !key.is_empty());
        let next = last.map(|row| {
            let value = |part: &Column| {
                let at = table.columns.iter().position(|c| c == part);
                at.and_then(|at| row.get(at)).cloned().unwrap_or_default()
            };
            table.key.iter().map(value).collect()
        });
        Ok(Rows { rows, next })
    }
}

/// Values as they are bound, with commas between.
fn bind(mut query: Frag, key: &[Column], values: &[Value]) -> Frag {
    for (at, (column, value)) in key.iter().zip(values).enumerate() {
        if at > 0 {
            query = query.push(", ");
        }
        query = match column.kind {
            Kind::Int => query.int(value.as_i64().unwrap_or_default()),
            Kind::Bool => query.bool(value.as_bool().unwrap_or_default()),
            Kind::Text | Kind::Document => query.text(value.as_str().unwrap_or_default()),
        };
    }
    query
}

impl Tx<'_> {
    /// Takes the head of another tenant, as its own batches do: whoever writes for it has finished, or sees what this
    /// transaction stores. Only the operator's transaction may, whose head comes before every other.
    pub fn lock_tenant(&mut self, tenant: &str) -> Result<Option<super::heads::Head>> {
        let id = crate::domain::ids::TenantId::new(tenant);
        let held = super::heads::lock(self.scope.conn(), &id)?;
        Ok(held.map(|held| held.head))
    }

    /// Deletes some rows of another tenant; answers how many there were. Only the operator's transaction may.
    pub fn delete_rows(&mut self, table: &Table, tenant: &str, limit: i64) -> Result<usize> {
        let name = &table.name;
        let key = table.quoted_key();
        if key.is_empty() {
            // One row a tenant.
            let all = Frag::sql(format!("DELETE FROM \"{name}\" WHERE \"{TENANT}\" = "));
            return all.text(tenant).execute(self.scope.conn());
        }
        let key = key.join(", ");
        Frag::sql(format!("DELETE FROM \"{name}\" WHERE \"{TENANT}\" = "))
            .text(tenant)
            .push(&format!(
                " AND ({key}) IN (SELECT {key} FROM \"{name}\" WHERE \"{TENANT}\" = "
            ))
            .text(tenant)
            .push(" LIMIT ")
            .int(limit)
            .push(")")
            .execute(self.scope.conn())
    }
}
