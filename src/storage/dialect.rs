//! Everything that differs between PostgreSQL and SQLite, and nothing else.

pub mod catalog;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Bool, Double, HasSqlType, Nullable, SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};
use diesel::{Connection, RunQueryDsl};

use super::connection::{AnyConnection, MultiBackend, MultiRawValue};
use super::error::Result;

/// SQL type of documents: `jsonb` on PostgreSQL, text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(name = "jsonb"), sqlite_type(name = "Text"))]
pub struct JsonDoc;

/// A document's text. Two are equal when they mean the same: PostgreSQL does not keep the text as it was written.
#[derive(Debug, Clone, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonDoc)]
pub struct Json(pub String);

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        let parse = |json: &Self| serde_json::from_str::<serde_json::Value>(&json.0).ok();
        self.0 == other.0 || parse(self).is_some_and(|value| Some(value) == parse(other))
    }
}

impl ToSql<JsonDoc, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        use std::io::Write;
        // The wire form of jsonb: version 1, then the text.
        out.write_all(&[1])?;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<JsonDoc, Pg> for Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes().split_first() {
            Some((1, text)) => Ok(Self(std::str::from_utf8(text)?.to_owned())),
            _ => Err("jsonb of an unknown version".into()),
        }
    }
}

impl ToSql<JsonDoc, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

impl FromSql<JsonDoc, Sqlite> for Json {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}

impl HasSqlType<JsonDoc> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<JsonDoc>(lookup)
    }
}

impl ToSql<JsonDoc, MultiBackend> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((JsonDoc, self));
        Ok(IsNull::No)
    }
}

impl FromSql<JsonDoc, MultiBackend> for Json {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, JsonDoc>()
    }
}

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

/// One piece of SQL text or one bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Sql(String),
    /// A bound text.
    Text(String),
    /// A bound integer.
    Int(i64),
    /// A bound floating-point number.
    Real(f64),
    /// A bound boolean.
    Bool(bool),
}

/// SQL with bound values in order: how filters and pages are written once for both databases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frag {
    parts: Vec<Part>,
    free_shape: bool,
}

impl Frag {
    /// Starts with this text.
    pub fn sql(text: impl Into<String>) -> Self {
        Self {
            parts: vec![Part::Sql(text.into())],
            free_shape: false,
        }
    }

    /// Marks the text as depending on a client's filter: it is not kept in the (unbounded) statement cache.
    pub fn free_shape(mut self) -> Self {
        self.free_shape = true;
        self
    }

    /// Appends text.
    pub fn push(mut self, text: &str) -> Self {
        if let Some(Part::Sql(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(Part::Sql(text.to_owned()));
        }
        self
    }

    /// Appends a bound text.
    pub fn text(mut self, value: impl Into<String>) -> Self {
        self.parts.push(Part::Text(value.into()));
        self
    }

    /// Appends a bound integer.
    pub fn int(mut self, value: i64) -> Self {
        self.parts.push(Part::Int(value));
        self
    }

    /// Appends a bound number.
    pub fn real(mut self, value: f64) -> Self {
        self.parts.push(Part::Real(value));
        self
    }

    /// Appends a bound boolean.
    pub fn bool(mut self, value: bool) -> Self {
        self.parts.push(Part::Bool(value));
        self
    }

    /// Appends another fragment.
    pub fn frag(mut self, other: &Self) -> Self {
        self.free_shape |= other.free_shape;
        for part in &other.parts {
            match part {
                Part::Sql(text) => self = self.push(text),
                bound => self.parts.push(bound.clone()),
            }
        }
        self
    }

    /// The text with `?` in place of the bound values, for plans and messages.
    pub fn shape(&self) -> String {
        let each = self.parts.iter().map(|p| match p {
            Part::Sql(text) => text.as_str(),
            _ => "?",
        });
        each.collect()
    }

    /// A query that yields rows of this SQL type.
    pub fn query<ST>(self) -> RawQuery<ST> {
        RawQuery {
            frag: self,
            row: std::marker::PhantomData,
        }
    }

    /// Runs a statement that yields no rows; returns how many it touched.
    pub fn execute(self, conn: &mut AnyConnection) -> Result<usize> {
        Ok(self.query::<()>().execute(conn)?)
    }
}

impl QueryFragment<MultiBackend> for Frag {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if self.free_shape {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.parts {
            match part {
                Part::Sql(text) => out.push_sql(text),
                Part::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Part::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Part::Real(value) => out.push_bind_param::<Double, _>(value)?,
                Part::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
            }
        }
        Ok(())
    }
}

/// A [`Frag`] with the SQL type of its rows.
#[derive(Debug, Clone)]
pub struct RawQuery<ST> {
    frag: Frag,
    row: std::marker::PhantomData<ST>,
}

impl<ST> QueryFragment<MultiBackend> for RawQuery<ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.frag.walk_ast(out)
    }
}

impl<ST> QueryId for RawQuery<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for RawQuery<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<AnyConnection> for RawQuery<ST> {}

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
            "ANALYZE users, claims, emails, \"groups\", memberships, member_jobs, conflicts, journal, journal_values",
        )?;
    }
    Ok(())
}

/// The row lock that a read of the chain's head takes; SQLite's write lock already covers it.
pub fn for_update(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => " FOR UPDATE OF heads",
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
    const NAMES: [(&str, &str, &str); 6] = [
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
