//! Filters (RFC 7644 §3.4.2.2): a tree over resolved paths with folded operands. The grammar is the crate `scim_v2`'s;
//! `storage` turns the tree into SQL, [`evaluate`] applies it to one document, and both give the same answer.

mod evaluate;
mod parse;
mod prepass;

pub use evaluate::{evaluate, evaluate_element};
pub use parse::{element_filter, parse, parse_among};
pub(in crate::scim) use parse::{is_made_address, real_name, rewrite_path};

use super::schema::AttrPath;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// The contrary.
    Not(Box<Filter>),
    /// One comparison.
    Test(Test),
    /// Some element of a multi-valued attribute satisfies a filter of its own.
    Elements(AttrPath, Box<Filter>),
}

impl Filter {
    /// What every resource satisfies.
    fn always() -> Self {
        Self::And(Vec::new())
    }

    /// What none does.
    fn never() -> Self {
        Self::Or(Vec::new())
    }

    /// Whether no resource can satisfy it, as far as the filter alone tells.
    pub fn is_never(&self) -> bool {
        *self == Self::never()
    }

    /// Whether a comparison in it looks at this part of an element.
    pub(super) fn looks_at(&self, part: &str) -> bool {
        match self {
            Self::And(items) | Self::Or(items) => items.iter().any(|item| item.looks_at(part)),
            Self::Not(inner) | Self::Elements(_, inner) => inner.looks_at(part),
            Self::Test(test) => test.path.sub.as_deref() == Some(part),
        }
    }

    /// The same without what is always or never so inside another filter: an index serves the rest.
    fn simplified(self) -> Self {
        let (always, never) = (Self::always(), Self::never());
        match self {
            Self::And(items) if items.contains(&never) => never,
            Self::And(mut items) => {
                items.retain(|item| *item != always);
                Self::And(items)
            }
            Self::Or(items) if items.contains(&always) => always,
            Self::Or(mut items) => {
                items.retain(|item| *item != never);
                Self::Or(items)
            }
            Self::Not(inner) if *inner == always => never,
            Self::Not(inner) if *inner == never => always,
            other => other,
        }
    }
}

/// A comparison of an attribute with an operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Attribute. Inside [`Filter::Elements`] its `sub` names the part of the element; without `sub` the element.
    pub path: AttrPath,
    /// Operator.
    pub op: Op,
    /// Operand, folded as the attribute compares; [`Literal::Null`] for `pr`.
    pub value: Literal,
}

/// Operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Pr,
    Gt,
    Ge,
    Lt,
    Le,
}

/// An operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text, folded; a time in its fixed-width form.
    Text(String),
}

/// Whether a comparison of two values holds; the operator is not `pr`.
pub(super) fn holds(op: Op, order: std::cmp::Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Co | Op::Sw | Op::Ew | Op::Pr => false,
    }
}
