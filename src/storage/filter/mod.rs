//! Filters as SQL: the tree of `scim::filter` over columns, look-up tables and the match document. Each leaf is
//! two-valued, so that `not` means the contrary, and the result equals `scim::filter::evaluate` (a property test holds
//! the two together).
//!
//! Beside the condition stands a *driver* where the filter has an attribute that is looked up by an index: a list of
//! sub-queries that yield candidates, so that no filter on such an attribute walks the table.

mod groups;
mod journal;
mod leaf;
mod users;

use super::dialect::{Dialect, Frag};
use super::page::Condition;
use super::scope::Scope;
use super::view::View;
use crate::scim::filter::{Filter, Test};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};

pub use journal::entries;

/// How a resource type's attributes are reached.
trait Table {
    /// A comparison, if columns or other tables answer it; else the match document does.
    fn column(&self, test: &Test) -> Option<Frag>;
    /// Elements of an attribute that is not in the document.
    fn elements(&self, path: &AttrPath, inner: &Filter) -> Option<Frag>;
    /// Sub-queries that yield the ids of all rows that can satisfy the test.
    fn driver(&self, test: &Test) -> Option<Vec<Frag>>;
    /// The same for elements.
    fn element_driver(&self, path: &AttrPath, inner: &Filter) -> Option<Vec<Frag>>;
    /// SQL of the match document.
    fn document(&self) -> &str;
    /// SQL of the id.
    fn id(&self) -> &'static str;
}

struct Translator<'a, T: Table> {
    table: &'a T,
    dialect: Dialect,
    registry: &'a Registry,
    kind: ResourceKind,
}

/// The condition of a filter on users.
pub fn users(scope: &Scope<'_>, registry: &Registry, view: &View, filter: &Filter) -> Condition {
    let table = users::Users::new(scope.dialect(), scope.tenant().as_str(), view);
    condition(
        &table,
        scope.dialect(),
        registry,
        ResourceKind::User,
        filter,
    )
}

/// The condition of a filter on groups.
pub fn groups(scope: &Scope<'_>, registry: &Registry, view: &View, filter: &Filter) -> Condition {
    let table = groups::Groups::new(scope.dialect(), scope.tenant().as_str(), view);
    condition(
        &table,
        scope.dialect(),
        registry,
        ResourceKind::Group,
        filter,
    )
}

fn condition<T: Table>(
    table: &T,
    dialect: Dialect,
    registry: &Registry,
    kind: ResourceKind,
    filter: &Filter,
) -> Condition {
    let translator = Translator {
        table,
        dialect,
        registry,
        kind,
    };
    let mut condition = Frag::default().free_shape();
    if let Some(drivers) = translator.driver(filter) {
        condition = condition.push(table.id()).push(" IN (");
        for (i, driver) in drivers.iter().enumerate() {
            condition = condition
                .push(if i == 0 { "" } else { " UNION ALL " })
                .frag(driver);
        }
        condition = condition.push(") AND ");
    }
    Condition {
        condition: condition.frag(&translator.filter(filter)),
    }
}

impl<T: Table> Translator<'_, T> {
    fn filter(&self, filter: &Filter) -> Frag {
        match filter {
            Filter::And(items) => self.join(items, " AND ", "1 = 1"),
            Filter::Or(items) => self.join(items, " OR ", "1 = 0"),
            Filter::Not(inner) => Frag::sql("(NOT ").frag(&self.filter(inner)).push(")"),
            Filter::Test(test) => self
                .table
                .column(test)
                .unwrap_or_else(|| self.in_document(test)),
            Filter::Elements(path, inner) => self
                .table
                .elements(path, inner)
                .unwrap_or_else(|| self.in_elements(path, inner)),
        }
    }

    fn join(&self, items: &[Filter], word: &str, empty: &str) -> Frag {
        if items.is_empty() {
            return Frag::sql(format!("({empty})"));
        }
        let mut frag = Frag::sql("(");
        for (i, item) in items.iter().enumerate() {
            frag = frag
                .push(if i == 0 { "" } else { word })
                .frag(&self.filter(item));
        }
        frag.push(")")
    }

    fn in_document(&self, test: &Test) -> Frag {
        let path = segments(&test.path);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let definition = self.registry.definition(self.kind, &test.path);
        let multi = definition.is_some_and(|(attribute, _)| attribute.multi_valued);
        if !multi {
            return leaf::in_json(self.dialect, self.table.document(), &path, test);
        }
        let sub = test.path.sub.as_deref();
        let home = if sub.is_some() {
            &path[..path.len() - 1]
        } else {
            &path[..]
        };
        let from = self.dialect.json_elements(self.table.document(), home, "e");
        leaf::any_element(self.dialect, &from, sub, test)
    }

    fn in_elements(&self, path: &AttrPath, inner: &Filter) -> Frag {
        let home = segments(path);
        let home: Vec<&str> = home.iter().map(String::as_str).collect();
        let from = self
            .dialect
            .json_elements(self.table.document(), &home, "e");
        Frag::sql(format!("EXISTS (SELECT 1 FROM {from} WHERE "))
            .frag(&self.element(inner))
            .push(")")
    }

    /// A filter on one element.
    fn element(&self, filter: &Filter) -> Frag {
        let join = |items: &[Filter], word: &str, empty: &str| {
            if items.is_empty() {
                return Frag::sql(format!("({empty})"));
            }
            let mut frag = Frag::sql("(");
            for (i, item) in items.iter().enumerate() {
                frag = frag
                    .push(if i == 0 { "" } else { word })
                    .frag(&self.element(item));
            }
            frag.push(")")
        };
        match filter {
            Filter::And(items) => join(items, " AND ", "1 = 1"),
            Filter::Or(items) => join(items, " OR ", "1 = 0"),
            Filter::Not(inner) => Frag::sql("(NOT ").frag(&self.element(inner)).push(")"),
            Filter::Test(test) => leaf::in_element(self.dialect, test),
            Filter::Elements(..) => Frag::sql("(1 = 0)"),
        }
    }

    /// Sub-queries that together yield every row that can satisfy the filter; `None` when an index cannot.
    fn driver(&self, filter: &Filter) -> Option<Vec<Frag>> {
        match filter {
            Filter::And(items) => items.iter().find_map(|item| self.driver(item)),
            Filter::Or(items) => {
                let each: Option<Vec<Vec<Frag>>> =
                    items.iter().map(|item| self.driver(item)).collect();
                each.map(|lists| lists.into_iter().flatten().collect())
            }
            Filter::Not(_) => None,
            Filter::Test(test) => self.table.driver(test),
            Filter::Elements(path, inner) => self.table.element_driver(path, inner),
        }
    }
}

/// The names on the way through a document.
fn segments(path: &AttrPath) -> Vec<String> {
    [&path.urn, &path.attr, &path.sub]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
}
