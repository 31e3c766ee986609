//! SQL whose text is put together while the program runs, with its bound values in order.

use diesel::RunQueryDsl;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Double, Text};

use crate::storage::connection::{AnyConnection, MultiBackend};
use crate::storage::error::Result;

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
