//! What the database says about itself: its tables and columns, rows as JSON and back. A backup is made and read by
//! these, so that a table which a migration adds tomorrow is in it without anybody thinking of it.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};

use super::Frag;
use crate::storage::connection::AnyConnection;
use crate::storage::error::{Error, Result};

/// A column as far as copying it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
}

/// Kinds of columns that both databases have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; on SQLite documents too.
    Text,
    /// A document on PostgreSQL.
    Document,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
}

/// Names of all tables, ascending; those of the database itself excepted.
pub fn tables(conn: &mut AnyConnection) -> Result<Vec<String>> {
    let sql = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
        }
        AnyConnection::Postgresql(_) => {
            "SELECT tablename::text COLLATE \"C\" FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        }
    };
    Ok(Frag::sql(sql).query::<Text>().load(conn)?)
}

/// The columns of a table in their order.
///
/// # Errors
/// A column of a kind that the other database may not have.
pub fn columns(conn: &mut AnyConnection, table: &str) -> Result<Vec<Column>> {
    let (select, end) = match conn {
        AnyConnection::Sqlite(_) => (
            "SELECT name, lower(type) FROM pragma_table_info(",
            ") ORDER BY cid",
        ),
        AnyConnection::Postgresql(_) => (
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = ",
            " ORDER BY ordinal_position",
        ),
    };
    let rows: Vec<(String, String)> = Frag::sql(select)
        .text(table)
        .push(end)
        .query::<(Text, Text)>()
        .load(conn)?;
    let column = |(name, declared): (String, String)| {
        let kind = match declared.as_str() {
            "text" | "character varying" => Kind::Text,
            "jsonb" => Kind::Document,
            "bigint" | "integer" => Kind::Int,
            "boolean" => Kind::Bool,
            other => {
                return Err(Error::Other(format!(
                    "column {table}.{name} is a {other}, which cannot be copied between databases"
                )));
            }
        };
        Ok(Column { name, kind })
    };
    rows.into_iter().map(column).collect()
}

/// The columns of a table's primary key in their order.
pub fn key(conn: &mut AnyConnection, table: &str) -> Result<Vec<String>> {
    let (select, end) = match conn {
        AnyConnection::Sqlite(_) => (
            "SELECT name FROM pragma_table_info(",
            ") WHERE pk > 0 ORDER BY pk",
        ),
        AnyConnection::Postgresql(_) => (
            "SELECT u.column_name::text FROM information_schema.table_constraints c \
             JOIN information_schema.key_column_usage u USING (constraint_schema, constraint_name) \
             WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = current_schema() AND c.table_name = ",
            " ORDER BY u.ordinal_position",
        ),
    };
    let query = Frag::sql(select).text(table).push(end);
    Ok(query.query::<Text>().load(conn)?)
}

/// What SQLite finds damaged in its file; PostgreSQL looks after itself.
pub fn damage(conn: &mut AnyConnection) -> Result<Vec<String>> {
    if let AnyConnection::Postgresql(_) = conn {
        return Ok(Vec::new());
    }
    let sql = "SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok' \
               UNION ALL SELECT 'a row of ' || \"table\" || ' points at nothing' FROM pragma_foreign_key_check";
    Ok(Frag::sql(sql).query::<Text>().load(conn)?)
}

/// What PostgreSQL's clock says, in milliseconds; SQLite has none of its own.
pub fn clock(conn: &mut AnyConnection) -> Result<Option<i64>> {
    if let AnyConnection::Sqlite(_) = conn {
        return Ok(None);
    }
    let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    let now = Frag::sql(sql).query::<BigInt>().get_result(conn)?;
    Ok(Some(now))
}

/// A row as a JSON array of its columns' values.
pub(in crate::storage) fn row_as_json(conn: &AnyConnection, columns: &[Column]) -> String {
    let sqlite = matches!(conn, AnyConnection::Sqlite(_));
    let values: Vec<String> = columns
        .iter()
        .map(|Column { name, kind }| match (kind, sqlite) {
            (Kind::Bool, true) => {
                format!(
                    "json(CASE \"{name}\" WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"
                )
            }
            (Kind::Document, _) => format!("\"{name}\"::text"),
            _ => format!("\"{name}\""),
        })
        .collect();
    let function = match sqlite {
        true => "json_array",
        false => "json_build_array",
    };
    format!("CAST({function}({}) AS TEXT)", values.join(", "))
}

/// Hands each row of a table to `each`, as a JSON array of its columns' values, holding one in memory at a time.
/// Documents are texts in it, so that both databases write alike.
pub fn rows_as_json<E: From<Error>>(
    conn: &mut AnyConnection,
    table: &str,
    columns: &[Column],
    mut each: impl FnMut(&str) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    // `line` so that both databases give the column a name.
    let sql = format!(
        "SELECT {} AS line FROM \"{table}\"",
        row_as_json(conn, columns)
    );
    let query = diesel::sql_query(sql);
    let failed = |e: diesel::result::Error| E::from(Error::from(e));
    match conn {
        AnyConnection::Sqlite(c) => {
            let rows = query.load_iter::<Line, diesel::connection::DefaultLoadingMode>(c);
            for row in rows.map_err(failed)? {
                each(&row.map_err(failed)?.line)?;
            }
        }
        AnyConnection::Postgresql(c) => {
            let rows = query.load_iter::<Line, diesel::pg::PgRowByRowLoadingMode>(c);
            for row in rows.map_err(failed)? {
                each(&row.map_err(failed)?.line)?;
            }
        }
    }
    Ok(())
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Stores rows that [`rows_as_json`] gave, on either database: a JSON array of them. The columns are those of this
/// database, in the order of the values.
pub fn insert_json(
    conn: &mut AnyConnection,
    table: &str,
    columns: &[Column],
    rows: &str,
) -> Result<usize> {
    let sqlite = matches!(conn, AnyConnection::Sqlite(_));
    let names: Vec<String> = columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
    let values: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, Column { kind, .. })| match (kind, sqlite) {
            (_, true) => format!("value ->> {at}"),
            (Kind::Text, false) => format!("value ->> {at}"),
            (Kind::Document, false) => format!("(value ->> {at})::jsonb"),
            (Kind::Int, false) => format!("(value ->> {at})::bigint"),
            (Kind::Bool, false) => format!("(value ->> {at})::boolean"),
        })
        .collect();
    let (from, end) = match sqlite {
        true => ("json_each(", ")"),
        false => ("json_array_elements(", "::json) AS rows(value)"),
    };
    Frag::sql(format!(
        "INSERT INTO \"{table}\" ({}) SELECT {} FROM {from}",
        names.join(", "),
        values.join(", ")
    ))
    .text(rows)
    .push(end)
    .execute(conn)
}
