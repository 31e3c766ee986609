//! Everything that differs between PostgreSQL and SQLite, and nothing else.

pub mod catalog;
mod frag;
mod json;

use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::sql_types::{Nullable, Text};

pub use frag::{Frag, Part, RawQuery};
pub use json::{Json, JsonDoc};

use super::connection::AnyConnection;
use super::error::Result;

/// Which database a piece of SQL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 14 or later.
    Postgres,
    /// The SQLite compiled in.
    Sqlite,
}

impl Dialect {
    /// The dialect of a connection.
    pub fn of(conn: &AnyConnection) -> Self {
        match conn {
            AnyConnection::Postgresql(_) => Self::Postgres,
            AnyConnection::Sqlite(_) => Self::Sqlite,
        }
    }

    /// Text of a scalar inside a JSON expression; SQL NULL where it is missing.
    pub fn json_text(self, doc: &str, path: &[&str]) -> String {
        match self {
            Self::Postgres => format!("({doc} #>> {})", pg_path(path)),
            Self::Sqlite => format!("({doc} ->> {})", sqlite_path(path)),
        }
    }

    /// The JSON value at a path, as JSON.
    pub fn json_value(self, doc: &str, path: &[&str]) -> String {
        match self {
            Self::Postgres => format!("({doc} #> {})", pg_path(path)),
            Self::Sqlite => format!("({doc} -> {})", sqlite_path(path)),
        }
    }

    /// A number inside a JSON expression.
    pub fn json_number(self, doc: &str, path: &[&str]) -> String {
        match self {
            Self::Postgres => typed(&self.json_value(doc, path), "number", "numeric"),
            Self::Sqlite => self.json_text(doc, path),
        }
    }

    /// A boolean inside a JSON expression, as SQL boolean.
    pub fn json_bool(self, doc: &str, path: &[&str]) -> String {
        match self {
            Self::Postgres => typed(&self.json_value(doc, path), "boolean", "boolean"),
            Self::Sqlite => self.json_text(doc, path),
        }
    }

    /// `FROM` item that yields the elements of an array as `alias.value` in their order; no rows where there is no array.
    pub fn json_elements(self, doc: &str, path: &[&str], alias: &str) -> String {
        match self {
            Self::Postgres => {
                let at = self.json_value(doc, path);
                format!(
                    "jsonb_array_elements(CASE jsonb_typeof{at} WHEN 'array' THEN {at} ELSE '[]' END) \
                     WITH ORDINALITY AS {alias}(value, number)"
                )
            }
            Self::Sqlite => format!("json_each({doc}, {}) AS {alias}", sqlite_path(path)),
        }
    }

    /// The primary element of an array, or else its first, or a part of it; SQL NULL where there is none.
    pub fn json_chosen(self, doc: &str, path: &[&str], part: impl Fn(&str) -> String) -> String {
        let from = self.json_elements(doc, path, "e");
        let chosen = part("e.value");
        let primary = self.json_bool("e.value", &["primary"]);
        let place = match self {
            Self::Postgres => "e.number",
            Self::Sqlite => "e.key",
        };
        format!("(SELECT {chosen} FROM {from} ORDER BY {primary} DESC NULLS LAST, {place} LIMIT 1)")
    }

    /// A JSON expression that is NULL, rather than the statement's failure, where what is stored is no JSON.
    pub fn json_readable(self, doc: &str) -> String {
        match self {
            Self::Postgres => doc.to_owned(),
            Self::Sqlite => format!("(CASE WHEN json_valid({doc}) THEN {doc} END)"),
        }
    }

    /// Whether the object under a name has no member but this one.
    pub fn json_has_only(self, doc: &str, name: &str, member: &str) -> String {
        let object = self.json_value(doc, &[name]);
        match self {
            Self::Postgres => format!("(({object} - '{member}') = '{{}}')"),
            Self::Sqlite => format!(
                "(json_remove({object}, {}) = '{{}}')",
                sqlite_path(&[member])
            ),
        }
    }

    /// The text of an element that is itself a scalar.
    pub fn element_text(self, alias: &str) -> String {
        match self {
            Self::Postgres => format!("({alias}.value #>> '{{}}')"),
            Self::Sqlite => format!("{alias}.value"),
        }
    }

    /// The number that an element is.
    pub fn element_number(self, alias: &str) -> String {
        match self {
            Self::Postgres => typed(&format!("{alias}.value"), "number", "numeric"),
            Self::Sqlite => self.element_text(alias),
        }
    }

    /// The boolean that an element is.
    pub fn element_bool(self, alias: &str) -> String {
        match self {
            Self::Postgres => typed(&format!("{alias}.value"), "boolean", "boolean"),
            Self::Sqlite => self.element_text(alias),
        }
    }

    /// `haystack` contains the bound text that follows: returns the parts around the bind.
    pub fn contains(self, haystack: &str) -> (String, &'static str) {
        match self {
            Self::Postgres => (format!("(strpos({haystack}, "), ") > 0)"),
            Self::Sqlite => (format!("(instr({haystack}, "), ") > 0)"),
        }
    }
}

/// A JSON value as an SQL type, NULL where it is of another: in another tenant the same name may have another type, and
/// PostgreSQL is free to look at the value before it looks at the tenant.
fn typed(value: &str, json: &str, sql: &str) -> String {
    format!("(CASE jsonb_typeof({value}) WHEN '{json}' THEN ({value} #>> '{{}}')::{sql} END)")
}

/// A PostgreSQL text array literal as a path; quoted twice.
fn pg_path(path: &[&str]) -> String {
    let items: Vec<String> = path
        .iter()
        .map(|p| format!("\"{}\"", p.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("'{{{}}}'", items.join(",").replace('\'', "''"))
}

/// A SQLite JSON path with quoted labels.
fn sqlite_path(path: &[&str]) -> String {
    let items: String = path
        .iter()
        .map(|p| format!(".\"{}\"", p.replace('"', "")))
        .collect();
    format!("'${}'", items.replace('\'', "''"))
}

/// A nullable text in a row type.
pub type MaybeText = Nullable<Text>;

/// Begins a transaction that is going to write: on SQLite the write lock is taken at once, since a later upgrade would
/// fail when somebody else wrote meanwhile.
pub fn begin_write(conn: &mut AnyConnection) -> Result<()> {
    match conn {
        AnyConnection::Postgresql(c) => AnsiTransactionManager::begin_transaction(c)?,
        AnyConnection::Sqlite(c) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?;
        }
    }
    Ok(())
}

/// Begins a transaction that only reads, and sees one state of the database however long it takes.
pub fn begin_snapshot(conn: &mut AnyConnection) -> Result<()> {
    match conn {
        AnyConnection::Postgresql(c) => {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            AnsiTransactionManager::begin_transaction_sql(c, begin)?;
        }
        AnyConnection::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
    }
    Ok(())
}

/// Begins the transaction in which a whole database is loaded: it takes as long as it takes.
pub fn begin_load(conn: &mut AnyConnection) -> Result<()> {
    begin_write(conn)?;
    without_timeout(conn)
}

/// Lets the statements of the open transaction take as long as they need.
pub fn without_timeout(conn: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Postgresql(c) = conn {
        c.batch_execute("SET LOCAL statement_timeout = 0")?;
    }
    Ok(())
}

/// Opens a savepoint inside the transaction.
pub fn savepoint(conn: &mut AnyConnection) -> Result<()> {
    Ok(<AnyConnection as Connection>::TransactionManager::begin_transaction(conn)?)
}

/// Commits the innermost transaction or savepoint.
pub fn commit(conn: &mut AnyConnection) -> Result<()> {
    Ok(<AnyConnection as Connection>::TransactionManager::commit_transaction(conn)?)
}

/// Rolls back the innermost transaction or savepoint.
pub fn rollback(conn: &mut AnyConnection) -> Result<()> {
    Ok(<AnyConnection as Connection>::TransactionManager::rollback_transaction(conn)?)
}

/// How deep the transaction is: 1 outside any savepoint; `None` when it is broken.
pub fn depth(conn: &mut AnyConnection) -> Option<u32> {
    let state = match conn {
        AnyConnection::Postgresql(c) => AnsiTransactionManager::transaction_manager_status_mut(c),
        AnyConnection::Sqlite(c) => AnsiTransactionManager::transaction_manager_status_mut(c),
    };
    state
        .transaction_depth()
        .ok()
        .map(|d| d.map_or(0, std::num::NonZeroU32::get))
}

/// Tells PostgreSQL's planner what the tables hold. Without statistics it takes the first column of a key, the tenant, for
/// a good restriction, and a plan that was made while a table was empty is kept while it grows; its own analysis comes a
/// minute later. SQLite plans by the numbers of its migration.
pub fn analyze(conn: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Postgresql(c) = conn {
        c.batch_execute(
            "ANALYZE users, claims, emails, \"groups\", memberships, member_jobs, conflicts, links, pair_keys, pairs, synced_teams, journal, \
             journal_values",
        )?;
    }
    Ok(())
}

/// The row lock that a read of the chain's head takes; SQLite's write lock already covers it.
pub fn for_update(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => " FOR UPDATE OF heads, tenants",
        Dialect::Sqlite => "",
    }
}

/// Moves SQLite's log into the file, as far as no reader needs it; nothing to do on PostgreSQL.
pub fn checkpoint(conn: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Sqlite(c) = conn {
        c.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}

/// Moves all of SQLite's log into the file, which then is whole by itself; nothing to do on PostgreSQL.
pub fn fold_log(conn: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Sqlite(c) = conn {
        c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// Our name for the unique index that refused a row: PostgreSQL gives the constraint, SQLite columns or index name.
pub fn constraint(name: Option<&str>, message: &str) -> &'static str {
    const NAMES: [(&str, &str, &str); 7] = [
        (
            "users_public_user_name",
            "users.tenant, users.user_name_key",
            "userName",
        ),
        ("users_pkey", "users.tenant, users.id", "id"),
        (
            "claims_scim_id",
            "claims.tenant, claims.connection_id, claims.scim_id",
            "scim_id",
        ),
        ("tenants_name_key", "tenants.name", "tenant name"),
        ("tenants_account", "tenants.account_id", "account id"),
        (
            "credential_index_pkey",
            "credential_index.hash",
            "credential",
        ),
        (
            "conflicts_key",
            "conflicts.tenant, conflicts.connection_id, conflicts.key",
            "conflict",
        ),
    ];
    NAMES
        .iter()
        .find(|(pg, lite, _)| name == Some(*pg) || message.contains(lite))
        .map_or("a unique value", |(_, _, ours)| ours)
}

/// Runs a query on whichever database the connection is: for what the enum itself cannot do, and for what every
/// write does. On the enum a statement's text is made anew each time to find it in the cache; here its type finds it.
macro_rules! each {
    ($conn:expr, $c:ident => $query:expr) => {
        match $conn {
            $crate::storage::connection::AnyConnection::Postgresql($c) => $query,
            $crate::storage::connection::AnyConnection::Sqlite($c) => $query,
        }
    };
}
pub(super) use each;

/// Inserts rows by statements of a few fixed sizes, which stay prepared: parsing a long text costs more than its rows,
/// and one row at a time costs a round trip each.
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {
        match $conn {
            $crate::storage::connection::AnyConnection::Postgresql(c) => {
                $crate::storage::dialect::insert_all!(@on c, $table, $rows)
            }
            $crate::storage::connection::AnyConnection::Sqlite(c) => {
                $crate::storage::dialect::insert_all!(@on c, $table, $rows)
            }
        }
    };
    (@on $c:ident, $table:expr, $rows:expr) => {{
        let (many, rest) = $rows.as_chunks::<64>();
        for rows in many {
            diesel::insert_into($table).values(rows).execute($c)?;
        }
        let (some, rest) = rest.as_chunks::<8>();
        for rows in some {
            diesel::insert_into($table).values(rows).execute($c)?;
        }
        for row in rest {
            diesel::insert_into($table).values(row).execute($c)?;
        }
    }};
}
pub(super) use insert_all;
