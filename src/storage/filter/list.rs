//! Multi-valued attributes, wherever their elements stand: an array of a document, memberships, changes of an entry.

use super::leaf::in_element;
use super::tree::tree;
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::storage::dialect::{Dialect, Frag};

/// Elements that stand in one place.
struct Source<'a> {
    /// ` FROM … WHERE …`.
    from: Frag,
    /// A comparison of one element, or of a part of it, that is true or false also where the part is absent.
    element: Box<dyn Fn(&Test) -> Frag + 'a>,
}

/// The elements of a multi-valued attribute of one row, wherever they stand.
pub(super) struct List<'a> {
    sources: Vec<Source<'a>>,
}

impl<'a> List<'a> {
    pub(super) fn new(from: Frag, element: impl Fn(&Test) -> Frag + 'a) -> Self {
        let element = Box::new(element);
        Self {
            sources: vec![Source { from, element }],
        }
    }

    /// With the elements of another list.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.sources.extend(other.sources);
        self
    }

    /// An array inside a document.
    pub(super) fn in_json(dialect: Dialect, doc: &str, path: &[&str]) -> Self {
        let elements = dialect.json_elements(doc, path, "e");
        Self::new(
            Frag::sql(format!(" FROM {elements} WHERE 1 = 1")),
            move |test| in_element(dialect, test),
        )
    }

    /// Only the elements that also satisfy this.
    pub(super) fn only(mut self, condition: &Frag) -> Self {
        for source in &mut self.sources {
            let from = std::mem::take(&mut source.from);
            source.from = from.push(" AND ").frag(condition);
        }
        self
    }

    /// Asked of each row by itself: without the last `OR` PostgreSQL would make a join of it, and planning the joins of
    /// a filter with hundreds of these takes minutes.
    fn some(&self, condition: impl Fn(&dyn Fn(&Test) -> Frag) -> Frag) -> Frag {
        let mut frag = Frag::sql("(");
        for source in &self.sources {
            frag = frag
                .push("EXISTS (SELECT 1")
                .frag(&source.from)
                .push(" AND ")
                .frag(&condition(&source.element))
                .push(") OR ");
        }
        frag.push("1 = 0)")
    }

    /// `attr op value`: some element satisfies it; without any value the attribute is absent.
    pub(super) fn test(&self, test: &Test) -> Frag {
        let present = Test {
            path: test.path.clone(),
            op: Op::Pr,
            value: Literal::Null,
        };
        match (test.op, &test.value) {
            (Op::Pr, _) | (Op::Ne, Literal::Null) => self.some(|element| element(&present)),
            (Op::Eq, Literal::Null) => Frag::sql("(NOT ")
                .frag(&self.some(|element| element(&present)))
                .push(")"),
            (Op::Ne, _) => Frag::sql("(NOT ")
                .frag(&self.some(|element| element(&present)))
                .push(" OR ")
                .frag(&self.some(|element| element(&present).push(" AND ").frag(&element(test))))
                .push(")"),
            _ => self.some(|element| element(test)),
        }
    }

    /// `attr[…]`: one element satisfies all of it.
    pub(super) fn elements(&self, inner: &Filter) -> Frag {
        self.some(|element| {
            tree(inner, &|leaf| match leaf {
                Filter::Test(test) => element(test),
                // The grammar has no `[…]` inside `[…]`.
                _ => Frag::sql("(1 = 0)"),
            })
        })
    }
}
