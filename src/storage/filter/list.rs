//! Multi-valued attributes, wherever their elements stand: an array of a document, memberships, changes of an entry.

use super::leaf::in_element;
use super::tree::tree;
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::storage::dialect::{Dialect, Frag};

/// The elements of a multi-valued attribute of one row.
pub(super) struct List<'a> {
    /// ` FROM … WHERE …`.
    from: Frag,
    /// A comparison of one element, or of a part of it, that is true or false also where the part is absent.
    element: Box<dyn Fn(&Test) -> Frag + 'a>,
}

impl<'a> List<'a> {
    pub(super) fn new(from: Frag, element: impl Fn(&Test) -> Frag + 'a) -> Self {
        Self {
            from,
            element: Box::new(element),
        }
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
        self.from = self.from.push(" AND ").frag(condition);
        self
    }

    /// Asked of each row by itself: without the `OR` PostgreSQL would make a join of it, and planning the joins of a
    /// filter with hundreds of these takes minutes.
    fn some(&self, condition: &Frag) -> Frag {
        Frag::sql("(EXISTS (SELECT 1")
            .frag(&self.from)
            .push(" AND ")
            .frag(condition)
            .push(") OR 1 = 0)")
    }

    /// `attr op value`: some element satisfies it; without any value the attribute is absent.
    pub(super) fn test(&self, test: &Test) -> Frag {
        let present = || {
            let present = Test {
                path: test.path.clone(),
                op: Op::Pr,
                value: Literal::Null,
            };
            (self.element)(&present)
        };
        match (test.op, &test.value) {
            (Op::Pr, _) | (Op::Ne, Literal::Null) => self.some(&present()),
            (Op::Eq, Literal::Null) => Frag::sql("(NOT ").frag(&self.some(&present())).push(")"),
            (Op::Ne, _) => {
                let other = present().push(" AND ").frag(&(self.element)(test));
                Frag::sql("(NOT ")
                    .frag(&self.some(&present()))
                    .push(" OR ")
                    .frag(&self.some(&other))
                    .push(")")
            }
            _ => self.some(&(self.element)(test)),
        }
    }

    /// `attr[…]`: one element satisfies all of it.
    pub(super) fn elements(&self, inner: &Filter) -> Frag {
        self.some(&tree(inner, &|leaf| match leaf {
            Filter::Test(test) => (self.element)(test),
            // The grammar has no `[…]` inside `[…]`.
            _ => Frag::sql("(1 = 0)"),
        }))
    }
}
