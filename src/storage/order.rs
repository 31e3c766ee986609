//! In which order rows come and which part of them is wanted: by index, or after a place that a cursor names.

use super::dialect::{Dialect, Frag};
use super::error::Result;
use crate::scim::list::DEFAULT_COUNT;
use crate::scim::sort::Compares;

/// What the rows are, and with it which column tells any two of them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Users, as `u`.
    Users,
    /// Groups, as `g`.
    Groups,
    /// Entries of the journal, as `j`.
    Entries,
}

impl Rows {
    fn id(self) -> &'static str {
        match self {
            Self::Users => "u.id",
            Self::Groups => "g.id",
            Self::Entries => "j.sequence",
        }
    }

    fn bind(self, frag: Frag, id: &str) -> Frag {
        match self {
            Self::Users | Self::Groups => frag.text(id),
            Self::Entries => frag.int(id.parse().unwrap_or_default()),
        }
    }
}

/// An expression to sort by.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// With the collation, in parentheses.
    expression: Frag,
    compares: Compares,
    is_set: bool,
}

impl Key {
    /// What is compared, and how.
    pub(super) fn new(dialect: Dialect, expression: &Frag, compares: Compares) -> Self {
        let binary = (dialect, compares) == (Dialect::Postgres, Compares::Text);
        let collate = if binary { ") COLLATE \"C\")" } else { "))" };
        Self {
            expression: Frag::sql("((").frag(expression).push(collate),
            compares,
            is_set: false,
        }
    }

    /// It is never NULL: nothing stands around it that would keep an index from being used.
    pub(super) fn set(self) -> Self {
        Self {
            is_set: true,
            ..self
        }
    }

    /// `key sign value`, with a value as [`Order::key_text`] gave it.
    fn beyond(&self, sign: &str, value: &str) -> Frag {
        let frag = self.expression.clone().push(sign);
        match (self.compares, value.parse::<i64>()) {
            (Compares::Text, _) => frag.text(value),
            (Compares::Bool, _) => frag.bool(matches!(value, "1" | "true")),
            (Compares::Number, Ok(whole)) => frag.int(whole),
            (Compares::Number, Err(_)) => frag.real(value.parse().unwrap_or(f64::NAN)),
        }
    }
}

/// The place of a row in an order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// What the row is sorted by, as text; `None` also where the order is by id alone.
    pub key: Option<String>,
    /// Its own id.
    pub id: String,
}

/// In which order rows come: by a key and by id among equals, or by id alone. What has no key comes last, or first in
/// descending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    rows: Rows,
    key: Option<Key>,
    descending: bool,
}

impl Order {
    /// By id: the order that needs no sorting.
    pub fn by_id(rows: Rows, descending: bool) -> Self {
        Self {
            rows,
            key: None,
            descending,
        }
    }

    /// The same by a key first.
    pub(super) fn by(self, key: Key) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// By id alone.
    pub(super) fn is_by_id(&self) -> bool {
        self.key.is_none()
    }

    /// The column that a page is read with so that the place of its last row is known.
    pub(super) fn key_text(&self) -> Frag {
        match &self.key {
            None => Frag::sql("NULL"),
            Some(key) => Frag::sql("CAST(").frag(&key.expression).push(" AS TEXT)"),
        }
    }

    /// `ASC` or `DESC`.
    pub(super) fn direction(&self) -> &'static str {
        if self.descending { " DESC" } else { " ASC" }
    }

    /// ` ORDER BY …`.
    pub(super) fn order_by(&self) -> Frag {
        let mut frag = Frag::sql(" ORDER BY ");
        if let Some(key) = &self.key {
            frag = frag.frag(&key.expression).push(self.direction());
            frag = match (key.is_set, self.descending) {
                (true, _) => frag,
                (false, false) => frag.push(" NULLS LAST"),
                (false, true) => frag.push(" NULLS FIRST"),
            };
            // A text of its own for each attribute.
            frag = frag.push(", ").free_shape();
        }
        frag.push(self.rows.id()).push(self.direction())
    }

    fn sign(&self) -> &'static str {
        if self.descending { " < " } else { " > " }
    }

    fn after_id(&self, column: &str, mark: &Mark) -> Frag {
        let frag = Frag::sql(column).push(self.sign());
        self.rows.bind(frag, &mark.id)
    }

    fn after(&self, mark: &Mark) -> Frag {
        let id = self.after_id(self.rows.id(), mark);
        let Some(key) = &self.key else { return id };
        let absent = key.expression.clone().push(" IS NULL");
        let Some(value) = &mark.key else {
            let rest = absent.push(" AND ").frag(&id);
            return match self.descending {
                false => rest,
                true => Frag::sql("(")
                    .frag(&rest)
                    .push(" OR ")
                    .frag(&key.expression)
                    .push(" IS NOT NULL)"),
            };
        };
        let from = if self.descending { " <= " } else { " >= " };
        // The first half is what an index takes.
        let beyond = Frag::sql("(")
            .frag(&key.beyond(from, value))
            .push(" AND (")
            .frag(&key.beyond(self.sign(), value))
            .push(" OR ")
            .frag(&id)
            .push("))");
        match key.is_set || self.descending {
            true => beyond,
            false => Frag::sql("(")
                .frag(&beyond)
                .push(" OR ")
                .frag(&absent)
                .push(")"),
        }
    }
}

/// Where a part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After this many rows.
    Offset(i64),
    /// After a place, or with the first row; the next place is wanted too.
    After(Option<Mark>),
}

/// Which part of a list is wanted, in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Order.
    pub order: Order,
    /// Where it begins.
    pub start: Start,
    /// Most rows.
    pub limit: i64,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// The place of its last row, if rows follow it and places are asked for.
    pub next: Option<Mark>,
}

impl Slice {
    /// ` AND …` of what comes after the place, by the row's own id.
    pub(super) fn after(&self) -> Frag {
        match &self.start {
            Start::After(Some(mark)) => Frag::sql(" AND ").frag(&self.order.after(mark)),
            _ => self.after_id(self.order.rows.id()),
        }
    }

    /// The same by the id in another column, for rows that come by id alone. No id is empty, so that the first page is
    /// a range like the others.
    pub(super) fn after_id(&self, column: &str) -> Frag {
        let first = Mark::default();
        let mark = match &self.start {
            Start::Offset(_) => None,
            Start::After(Some(mark)) => Some(mark),
            Start::After(None) => {
                (self.order.is_by_id() && !self.order.descending).then_some(&first)
            }
        };
        mark.map_or_else(Frag::default, |mark| {
            Frag::sql(" AND ").frag(&self.order.after_id(column, mark))
        })
    }

    /// ` LIMIT … OFFSET …`. The limit is text, since SQLite prepares a statement anew each time it is bound; any but
    /// the usual one keeps the statement out of the cache, which would hold one for each. After a place one row more is
    /// read, to know whether the list goes on.
    pub(super) fn limits(&self) -> Frag {
        let frag = match self.start {
            Start::Offset(offset) => {
                Frag::sql(format!(" LIMIT {} OFFSET ", self.limit)).int(offset)
            }
            Start::After(_) => Frag::sql(format!(" LIMIT {}", self.limit + 1)),
        };
        match self.limit {
            DEFAULT_COUNT => frag,
            _ => frag.free_shape(),
        }
    }

    /// As much of a range of ids as a page after a place can take. PostgreSQL plans a range by itself and reads all of
    /// it unless it is told here where to stop; by index nobody knows that.
    pub(super) fn head_of(&self, range: Frag) -> Frag {
        match self.start {
            Start::Offset(_) => range,
            Start::After(_) => range
                .push(" ORDER BY id")
                .push(self.order.direction())
                .frag(&self.limits()),
        }
    }

    /// The part out of the rows that were read, each with [`Order::key_text`].
    pub(super) fn listed<T>(
        &self,
        read: Vec<(T, Option<String>)>,
        id: impl Fn(&T) -> String,
    ) -> Listed<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let goes_on = read.len() > limit;
        let last = read.get(limit.wrapping_sub(1)).filter(|_| goes_on);
        let next = last.map(|(row, key)| Mark {
            key: key.clone(),
            id: id(row),
        });
        let rows = read.into_iter().take(limit).map(|(row, _)| row).collect();
        Listed { rows, next }
    }

    /// How many rows there are in all, as far as it costs nothing or is asked for: the total of a view is kept, a list
    /// that fits into its first page is counted already, and only pages by index have to say it in any case.
    ///
    /// # Errors
    /// The count's.
    pub fn total<T>(
        &self,
        is_filtered: bool,
        listed: &Listed<T>,
        count: impl FnOnce() -> Result<i64>,
    ) -> Result<Option<i64>> {
        let got = i64::try_from(listed.rows.len()).unwrap_or(i64::MAX);
        match &self.start {
            _ if !is_filtered || self.limit == 0 => count().map(Some),
            Start::Offset(0) if got < self.limit => Ok(Some(got)),
            Start::Offset(_) => count().map(Some),
            Start::After(None) if listed.next.is_none() => Ok(Some(got)),
            Start::After(_) => Ok(None),
        }
    }
}
