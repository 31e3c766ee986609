//! Drivers: from the comparisons that an index answers, the ids of every row that can satisfy a filter.

use crate::scim::filter::{Filter, Test};
use crate::storage::dialect::Frag;

/// Most sub-queries of a driver; SQLite joins at most 500 by `UNION ALL`.
const PARTS: usize = 400;

/// How much a driver leaves over; the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// One row, or the few that share a name.
    Key,
    /// Those who share an element of a list: an address, a group.
    Element,
    /// Everything from some place on.
    Range,
}

/// One sub-query.
#[derive(Debug, Clone, PartialEq)]
struct LookUp {
    /// `SELECT id FROM … WHERE …`, up to the column that is looked up by `keys`; without keys the whole of it.
    select: Frag,
    keys: Vec<String>,
}

/// Look-ups that together yield the id of every row that can satisfy a filter, and others; without any look-up no row
/// can.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Driver {
    rank: Rank,
    look_ups: Vec<LookUp>,
}

impl Driver {
    /// Nothing can satisfy the filter.
    pub(super) fn nothing() -> Self {
        Self {
            rank: Rank::Key,
            look_ups: Vec::new(),
        }
    }

    /// Rows whose column, the last word of `select`, is this key.
    pub(super) fn key(rank: Rank, select: Frag, key: &str) -> Self {
        Self {
            rank,
            look_ups: vec![LookUp {
                select,
                keys: vec![key.to_owned()],
            }],
        }
    }

    /// Rows that this query yields.
    pub(super) fn range(select: Frag) -> Self {
        Self {
            rank: Rank::Range,
            look_ups: vec![LookUp {
                select,
                keys: Vec::new(),
            }],
        }
    }

    /// The driver of a filter; `None` where an index cannot name all rows. Of operands joined by `and` the one that
    /// leaves least drives.
    pub(super) fn of(filter: &Filter, leaf: &dyn Fn(&Test) -> Option<Self>) -> Option<Self> {
        match filter {
            Filter::And(items) => items
                .iter()
                .filter_map(|item| Self::of(item, leaf))
                .min_by_key(|driver| driver.rank),
            Filter::Or(items) => items.iter().try_fold(Self::nothing(), |all, item| {
                Some(all.or(Self::of(item, leaf)?))
            }),
            Filter::Not(_) => None,
            Filter::Test(test) => leaf(test),
            // An element that satisfies a comparison also makes the whole attribute satisfy it.
            Filter::Elements(_, inner) => Self::of(inner, leaf),
        }
    }

    /// The rows of both. Keys of the same column become one look-up.
    pub(super) fn or(mut self, other: Self) -> Self {
        self.rank = self.rank.max(other.rank);
        for look_up in other.look_ups {
            let same = self
                .look_ups
                .iter_mut()
                .find(|own| own.select == look_up.select);
            match same {
                Some(own) => own.keys.extend(look_up.keys),
                None => self.look_ups.push(look_up),
            }
        }
        self
    }

    /// `id IN (…) AND `, to stand before the condition proper.
    pub(super) fn condition(&self, id: &str) -> Frag {
        if self.look_ups.is_empty() {
            return Frag::sql("1 = 0 AND ");
        }
        if self.look_ups.len() > PARTS {
            return Frag::default();
        }
        let mut frag = Frag::sql(format!("{id} IN ("));
        for (i, look_up) in self.look_ups.iter().enumerate() {
            frag = frag
                .push(if i == 0 { "" } else { " UNION ALL " })
                .frag(&look_up.select);
            if !look_up.keys.is_empty() {
                frag = frag.push(" IN (").frag(&list_of(&look_up.keys)).push(")");
            }
        }
        frag.push(") AND ")
    }
}

fn list_of(keys: &[String]) -> Frag {
    let mut frag = Frag::default();
    for (i, key) in keys.iter().enumerate() {
        frag = frag.push(if i == 0 { "" } else { ", " }).text(key.as_str());
    }
    frag
}
