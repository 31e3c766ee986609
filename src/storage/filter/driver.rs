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
    /// What follows the keys.
    rest: Frag,
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
                rest: Frag::default(),
            }],
        }
    }

    /// The same where the query goes on after the key.
    pub(super) fn key_within(rank: Rank, (select, rest): (Frag, Frag), key: &str) -> Self {
        let keys = vec![key.to_owned()];
        Self {
            rank,
            look_ups: vec![LookUp { select, keys, rest }],
        }
    }

    /// Rows that this query yields.
    pub(super) fn range(select: Frag) -> Self {
        Self {
            rank: Rank::Range,
            look_ups: vec![LookUp {
                select,
                keys: Vec::new(),
                rest: Frag::default(),
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
                .find(|own| own.select == look_up.select && own.rest == look_up.rest);
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
                frag = frag.frag(&look_up.rest);
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

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::scim::filter::{Literal, Op, parse};
    use crate::scim::rules::Rules;
    use crate::scim::schema::{Registry, ResourceKind};

    fn leaf(test: &Test) -> Option<Driver> {
        let Literal::Text(text) = &test.value else {
            return None;
        };
        let select = Frag::sql(test.path.attr.clone()?);
        match (test.path.attr.as_deref()?, test.op) {
            ("userName", Op::Eq) => Some(Driver::key(Rank::Key, select, text)),
            ("emails", Op::Eq) => Some(Driver::key(Rank::Element, select, text)),
            ("meta", Op::Gt) => Some(Driver::range(Frag::sql(text.as_str()))),
            ("externalId", Op::Eq) => Some(Driver::nothing()),
            _ => None,
        }
    }

    /// The condition of a filter's driver with `?` for what is bound; empty where none drives.
    fn driven(text: &str) -> String {
        let registry = Registry::builtin().expect("built-in schemas");
        let filter = parse(&registry, ResourceKind::User, text, &mut Rules::default());
        let driver = Driver::of(&filter.expect(text), &leaf);
        driver.map_or_else(String::new, |d| d.condition("id").shape())
    }

    #[test]
    fn the_operand_that_leaves_least_drives() {
        let since = r#"meta.created gt "2000-01-01T00:00:00Z""#;
        for (text, want) in [
            (
                format!(r#"{since} and userName eq "a""#),
                "id IN (userName IN (?)) AND ",
            ),
            (
                format!(r#"{since} and title pr and emails eq "a""#),
                "id IN (emails IN (?)) AND ",
            ),
            (
                r#"emails eq "a" and userName eq "b""#.to_owned(),
                "id IN (userName IN (?)) AND ",
            ),
            (
                format!(r#"emails eq "a" and (userName eq "b" or {since})"#),
                "id IN (emails IN (?)) AND ",
            ),
            (
                r#"emails[value eq "a" and type eq "b"]"#.to_owned(),
                "id IN (emails IN (?)) AND ",
            ),
            (r#"userName eq "a" or title pr"#.to_owned(), ""),
            (r#"not (userName eq "a")"#.to_owned(), ""),
            (r#"externalId eq "a""#.to_owned(), "1 = 0 AND "),
            (
                r#"externalId eq "a" or userName eq "b""#.to_owned(),
                "id IN (userName IN (?)) AND ",
            ),
        ] {
            assert_eq!(driven(&text), want, "{text}");
        }
    }

    #[test]
    fn look_ups_of_one_column_are_one_and_too_many_others_are_none() {
        let join = |n: usize, one: &dyn Fn(usize) -> String| {
            let each: Vec<String> = (0..n).map(one).collect();
            each.join(" or ")
        };
        let names = join(3, &|i| format!(r#"userName eq "{i}" or emails eq "{i}""#));
        assert_eq!(
            driven(&names),
            "id IN (userName IN (?, ?, ?) UNION ALL emails IN (?, ?, ?)) AND "
        );
        let since = |i| format!(r#"meta.created gt "2000-01-01T00:00:00.{i}Z""#);
        assert_ne!(driven(&join(PARTS / 2, &since)), "");
        // A filter of more bytes than a client may send.
        let test = |i| {
            Filter::Test(Test {
                path: crate::scim::schema::AttrPath::core("meta"),
                op: Op::Gt,
                value: Literal::Text(format!("{i}")),
            })
        };
        let many = Filter::Or((0..=PARTS).map(test).collect());
        let driver = Driver::of(&many, &leaf).expect("ranges drive");
        assert_eq!(driver.condition("id"), Frag::default());
    }
}
