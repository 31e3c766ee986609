//! Filters as SQL: the tree of `scim::filter` over columns, look-up tables and the match document. Each leaf is
//! two-valued, so that `not` means the contrary, and the result equals `scim::filter::evaluate` (a property test holds
//! the two together).
//!
//! Beside the condition stands a *driver* where the filter has an attribute that is looked up by an index: a list of
//! sub-queries that yield candidates, so that no filter on such an attribute walks the table.

mod driver;
mod groups;
mod journal;
mod leaf;
mod list;
mod sort;
mod tree;
mod users;

use super::deadline::IN_TIME;
use super::dialect::{Dialect, Frag};
use super::order::Key;
use super::page::Condition;
use super::scope::Scope;
use super::view::View;
use crate::scim::filter::{Filter, Test, evaluate_element};
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use driver::Driver;
use list::List;
use serde_json::Value;

pub use journal::entries;
pub use sort::{entries_order, groups_order, users_order};

/// How a resource type's attributes are reached.
trait Table {
    /// A comparison that columns answer.
    fn column(&self, test: &Test) -> Option<Frag>;
    /// A multi-valued attribute whose elements stand in other tables. `filter` is what one of them must satisfy.
    fn list(&self, path: &AttrPath, filter: &Filter) -> Option<List<'_>>;
    /// A comparison whose rows an index names.
    fn driver(&self, test: &Test) -> Option<Driver>;
    /// The value of an attribute as this reader sees it, where the match document has another.
    fn shown(&self, path: &AttrPath) -> Option<Frag>;
    /// Where it holds, the reader does not see the attribute that the match document has.
    fn hidden(&self, path: &AttrPath) -> Option<Frag>;
    /// An attribute that columns sort by.
    fn sort_key(&self, path: &AttrPath) -> Option<Key>;
    /// SQL of the match document; NULL where it is no JSON, so that one row that cannot be read fails no list.
    fn document(&self) -> String;
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
    let driver = Driver::of(filter, &|test| table.driver(test));
    let driver = driver.map(|d| d.condition(table.id())).unwrap_or_default();
    let whole = tree::tree(filter, &|leaf| translator.leaf(leaf));
    let limit = match dialect {
        Dialect::Postgres => String::new(),
        // Before all else, so that no row is passed over without it.
        Dialect::Sqlite => format!("{IN_TIME} AND "),
    };
    Condition {
        condition: Frag::sql(limit).free_shape().frag(&driver).frag(&whole),
    }
}

impl<T: Table> Translator<'_, T> {
    fn leaf(&self, filter: &Filter) -> Frag {
        let found = match filter {
            Filter::Test(test) => self.table.column(test).or_else(|| {
                let list = self.list(&test.path, filter);
                Some(list.map_or_else(|| self.in_document(filter, test), |list| list.test(test)))
            }),
            Filter::Elements(path, inner) => {
                self.list(path, inner).map(|list| list.elements(inner))
            }
            _ => None,
        };
        found.unwrap_or_else(|| Frag::sql("(1 = 0)"))
    }

    /// The elements of an attribute if it is multi-valued.
    fn list(&self, path: &AttrPath, filter: &Filter) -> Option<List<'_>> {
        if let Some(list) = self.table.list(path, filter) {
            return Some(list);
        }
        let (attribute, _) = self.registry.definition(self.kind, path)?;
        if !attribute.multi_valued {
            return None;
        }
        let home = segments(path.urn.as_deref(), path.attr.as_deref(), None);
        Some(List::in_json(self.dialect, &self.table.document(), &home))
    }

    fn in_document(&self, filter: &Filter, test: &Test) -> Frag {
        let AttrPath { urn, attr, sub } = &test.path;
        let path = segments(urn.as_deref(), attr.as_deref(), sub.as_deref());
        let holds = match self.table.shown(&test.path) {
            Some(value) => leaf::of_text(self.dialect, &value, test),
            None => leaf::in_json(self.dialect, &self.table.document(), &path, test),
        };
        let Some(hidden) = self.table.hidden(&test.path) else {
            return holds;
        };
        let (word, not) = match evaluate_element(filter, &Value::Null) {
            true => (" OR ", ""),
            false => (" AND ", "NOT "),
        };
        Frag::sql("(")
            .frag(&holds)
            .push(word)
            .push(not)
            .frag(&hidden)
            .push(")")
    }
}

/// The names on the way through a document.
fn segments<'p>(urn: Option<&'p str>, attr: Option<&'p str>, sub: Option<&'p str>) -> Vec<&'p str> {
    [urn, attr, sub].into_iter().flatten().collect()
}
