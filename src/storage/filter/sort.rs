//! What rows are sorted by: columns, bound values where a reader's own are meant, and the match document.

use super::groups::Groups;
use super::users::Users;
use super::{Table, segments};
use crate::scim::sort::{Compares, Sort, SortKey};
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::order::{Key, Order, Rows};
use crate::storage::scope::Scope;
use crate::storage::view::View;

/// The order of users.
pub fn users_order(scope: &Scope<'_>, view: &View, sort: &Sort) -> Order {
    let table = Users::new(scope.dialect(), scope.tenant().as_str(), view);
    of_table(&table, scope.dialect(), Rows::Users, sort)
}

/// The order of groups.
pub fn groups_order(scope: &Scope<'_>, view: &View, sort: &Sort) -> Order {
    let table = Groups::new(scope.dialect(), scope.tenant().as_str(), view);
    of_table(&table, scope.dialect(), Rows::Groups, sort)
}

fn of_table<T: Table>(table: &T, dialect: Dialect, rows: Rows, sort: &Sort) -> Order {
    let order = Order::by_id(rows, sort.descending);
    let Some(by) = &sort.by else { return order };
    let key = table.sort_key(&by.path);
    order.by(key.unwrap_or_else(|| in_document(table, dialect, by)))
}

fn in_document<T: Table>(table: &T, dialect: Dialect, by: &SortKey) -> Key {
    let (urn, attr) = (by.path.urn.as_deref(), by.path.attr.as_deref());
    let value = |doc: &str, path: &[&str]| match by.compares {
        Compares::Text => dialect.json_text(doc, path),
        Compares::Bool => dialect.json_bool(doc, path),
        Compares::Number => dialect.json_number(doc, path),
    };
    let (doc, sub) = (table.document(), by.path.sub.as_deref());
    let expression = match by.multi_valued {
        true => dialect.json_chosen(&doc, &segments(urn, attr, None), |element| {
            value(element, &segments(None, None, sub))
        }),
        false => value(&doc, &segments(urn, attr, sub)),
    };
    let value = table
        .shown(&by.path)
        .unwrap_or_else(|| Frag::sql(expression));
    let shown = match table.hidden(&by.path) {
        None => value,
        Some(hidden) => Frag::sql("CASE WHEN ")
            .frag(&hidden)
            .push(" THEN NULL ELSE ")
            .frag(&value)
            .push(" END"),
    };
    Key::new(dialect, &shown, by.compares)
}

/// The order of entries of the journal. Their ids are numbers, and sorted as such.
pub fn entries_order(scope: &Scope<'_>, sort: &Sort) -> Order {
    let order = Order::by_id(Rows::Entries, sort.descending);
    let Some(by) = &sort.by else { return order };
    let text = |column: &str| Key::new(scope.dialect(), &Frag::sql(column), Compares::Text);
    let path = (by.path.attr.as_deref(), by.path.sub.as_deref());
    let key = match path {
        (Some("id" | "sequence"), _) => return order,
        (Some("time"), _) | (Some("meta"), Some("created" | "lastModified")) => {
            Key::new(scope.dialect(), &Frag::sql("j.at"), Compares::Number).set()
        }
        (Some("actor"), Some("kind")) => text("j.actor_kind").set(),
        (Some("actor"), _) => text("j.actor_id").set(),
        (Some("cause"), Some("kind")) => text("j.cause_kind").set(),
        (Some("cause"), _) => text("j.cause_id").set(),
        (Some("action"), _) => text("j.action").set(),
        (Some("subject"), Some("kind")) => text("j.subject_kind").set(),
        (Some("subject"), _) => text("j.subject_id").set(),
        (Some("object"), Some("kind")) => text("j.object_kind"),
        (Some("object"), _) => text("j.object_id"),
        (Some("reason"), _) => text("j.reason"),
        (Some("hash"), _) => text("j.hash").set(),
        // All alike, or absent everywhere.
        _ => return order,
    };
    order.by(key)
}
