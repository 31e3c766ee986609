//! `and`, `or` and `not`, whatever the comparisons are about.

use crate::scim::filter::Filter;
use crate::storage::dialect::Frag;

/// A filter whose leaves (comparisons and `attr[…]`) are translated by `leaf`.
pub(super) fn tree(filter: &Filter, leaf: &dyn Fn(&Filter) -> Frag) -> Frag {
    match filter {
        Filter::And(items) => join(items, " AND ", "(1 = 1)", leaf),
        Filter::Or(items) => join(items, " OR ", "(1 = 0)", leaf),
        Filter::Not(inner) => Frag::sql("(NOT ").frag(&tree(inner, leaf)).push(")"),
        Filter::Test(_) | Filter::Elements(..) => leaf(filter),
    }
}

/// A balanced tree of parentheses: a plain chain of 1,024 operands is deeper than SQLite lets an expression be.
fn join(items: &[Filter], word: &str, empty: &str, leaf: &dyn Fn(&Filter) -> Frag) -> Frag {
    match items {
        [] => Frag::sql(empty),
        [one] => tree(one, leaf),
        _ => {
            let (left, right) = items.split_at(items.len() / 2);
            Frag::sql("(")
                .frag(&join(left, word, empty, leaf))
                .push(word)
                .frag(&join(right, word, empty, leaf))
                .push(")")
        }
    }
}
