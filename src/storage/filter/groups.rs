//! Groups: what is looked up by columns and by memberships.

use serde_json::Value;

use super::Table;
use super::driver::{Driver, Rank};
use super::leaf::{compare, compare_present, compare_time, millis, version};
use super::list::List;
use super::users::by_id;
use crate::scim::filter::{Filter, Literal, Op, Test, evaluate_element};
use crate::scim::schema::{AttrPath, ROSTERD_GROUP};
use crate::scim::sort::Compares;
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::order::Key;
use crate::storage::view::{MANAGED_BY, PARENT, View, known_id, members_of, nested_of};

pub(super) struct Groups<'a> {
    dialect: Dialect,
    tenant: &'a str,
    view: &'a View,
}

impl<'a> Groups<'a> {
    pub(super) fn new(dialect: Dialect, tenant: &'a str, view: &'a View) -> Self {
        Self {
            dialect,
            tenant,
            view,
        }
    }

    fn select(&self, condition: &str) -> Frag {
        Frag::sql("SELECT id FROM \"groups\" WHERE tenant = ")
            .text(self.tenant)
            .push(" AND ")
            .push(condition)
    }

    /// A part of one of the people who are members.
    fn of_person(&self, test: &Test) -> Frag {
        let (op, value) = (test.op, &test.value);
        match test.path.sub.as_deref() {
            Some("display") => compare(self.dialect, "u.display_name_key", op, value),
            Some("type") => compare_present(self.dialect, "'user'", op, value),
            Some("$ref") => compare_present(self.dialect, "m.user_id", op, value),
            _ => compare_present(self.dialect, known_id(self.view), op, value),
        }
    }

    /// A part of one of the groups that are members.
    fn of_nested(&self, test: &Test) -> Frag {
        let expression = match test.path.sub.as_deref() {
            Some("display") => "n.display_name_key",
            Some("type") => "'group'",
            _ => "m.user_id",
        };
        compare_present(self.dialect, expression, test.op, &test.value)
    }

    /// Members whose ids a filter names are looked up; no other member is read.
    fn only_named<'l>(list: List<'l>, filter: &Filter, by_id: &dyn Fn(&str) -> Driver) -> List<'l> {
        let named = Driver::of(filter, &|test| match (&test.value, test.op) {
            (Literal::Text(id), Op::Eq) if test.path.sub.as_deref() == Some("value") => {
                Some(by_id(id))
            }
            _ => None,
        });
        match named {
            Some(named) => list.only(&named.condition("m.user_id").push("1 = 1")),
            None => list,
        }
    }

    /// Groups with this member, by the id that the reader knows.
    fn by_member(&self, id: &str) -> Driver {
        let own = Frag::sql("SELECT m.group_id FROM memberships m WHERE m.tenant = ")
            .text(self.tenant)
            .push(" AND m.user_id");
        let found = Driver::key(Rank::Element, own, id);
        let View::Connection(connection) = self.view else {
            return found;
        };
        let known = Frag::sql(
            "SELECT m.group_id FROM claims o JOIN memberships m ON m.tenant = o.tenant AND m.user_id = o.user_id \
             WHERE o.tenant = ",
        )
        .text(self.tenant)
        .push(" AND o.connection_id = ")
        .text(connection.as_str())
        .push(" AND o.scim_id");
        found.or(Driver::key(Rank::Element, known, id))
    }
}

impl Table for Groups<'_> {
    fn column(&self, test: &Test) -> Option<Frag> {
        let plain =
            |expression: &str| Some(compare(self.dialect, expression, test.op, &test.value));
        let time = |expression: &str| Some(compare_time(expression, test.op, &test.value));
        if test.path.urn.as_deref() == Some(ROSTERD_GROUP) {
            return match (test.path.attr.as_deref(), self.view) {
                (Some("kind"), View::Everybody | View::App) => plain("g.kind"),
                (Some("managedBy"), View::Everybody | View::App) => plain(MANAGED_BY),
                (Some("parent"), View::Everybody | View::App) => plain(PARENT),
                _ => plain("NULL"),
            };
        }
        match (test.path.attr.as_deref()?, test.path.sub.as_deref()) {
            ("id", _) => plain("g.id"),
            ("displayName", _) => plain("g.display_name_key"),
            ("externalId", _) => match (self.view.names_by(), &test.value) {
                (None, _) => plain("NULL"),
                (Some(connection), value) => {
                    let bound = Frag::sql("(CASE WHEN g.managed_by = ")
                        .text(connection)
                        .push(" THEN ");
                    let absent = Frag::sql(" ELSE ")
                        .frag(&compare(self.dialect, "NULL", test.op, value))
                        .push(" END)");
                    Some(
                        bound
                            .frag(&compare(self.dialect, "g.external_id", test.op, value))
                            .frag(&absent),
                    )
                }
            },
            ("meta", Some("created")) => time("g.created_at"),
            ("meta", Some("lastModified")) => time("g.updated_at"),
            ("meta", Some("resourceType")) => plain("'Group'"),
            ("meta", Some("version")) => plain(&version("g.version")),
            ("meta", _) => plain("g.id"),
            ("schemas", _) => {
                // Rosterd's own extension is added to whatever is stored.
                let ours = Value::from(ROSTERD_GROUP);
                let added = self.view.connection().is_none()
                    && evaluate_element(&Filter::Test(test.clone()), &ours);
                Some(match added {
                    true => Frag::sql("(1 = 1)"),
                    false => List::in_json(
                        self.dialect,
                        &self.dialect.json_readable("g.doc"),
                        &["schemas"],
                    )
                    .test(test),
                })
            }
            _ => None,
        }
    }

    fn list(&self, path: &AttrPath, filter: &Filter) -> Option<List<'_>> {
        if !path.is_core("members") {
            return None;
        }
        let here = " AND m.tenant = g.tenant AND m.group_id = g.id AND m.generation = g.generation";
        let people = List::new(members_of(self.view).push(here), |t| self.of_person(t));
        let nested = List::new(nested_of(self.view).push(here), |t| self.of_nested(t));
        let people = Self::only_named(people, filter, &|id| {
            by_id(self.dialect, self.tenant, self.view, id)
        });
        let nested = Self::only_named(nested, filter, &|id| {
            Driver::key(Rank::Key, self.select("id"), id)
        });
        Some(people.and(nested))
    }

    fn shown(&self, _path: &AttrPath) -> Option<Frag> {
        None
    }

    fn hidden(&self, _path: &AttrPath) -> Option<Frag> {
        None
    }

    fn driver(&self, test: &Test) -> Option<Driver> {
        let Literal::Text(text) = &test.value else {
            return None;
        };
        if test.path.urn.is_some() {
            return None;
        }
        let by = |column: &str| Driver::key(Rank::Key, self.select(column), text);
        match (
            test.path.attr.as_deref()?,
            test.path.sub.as_deref(),
            test.op,
        ) {
            ("id", _, Op::Eq) => Some(by("id")),
            ("displayName", _, Op::Eq) => Some(by("display_name_key")),
            ("externalId", _, Op::Eq) => Some(match self.view.names_by() {
                Some(connection) => {
                    let own = self
                        .select("managed_by = ")
                        .text(connection)
                        .push(" AND external_id");
                    Driver::key(Rank::Key, own, text)
                }
                None => Driver::nothing(),
            }),
            ("members", Some("value"), Op::Eq) => Some(self.by_member(text)),
            ("meta", Some("lastModified"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(Driver::range(self.select("updated_at >= ").int(at)))
            }
            _ => None,
        }
    }

    fn sort_key(&self, path: &AttrPath) -> Option<Key> {
        let key = |expression: &Frag, compares| Key::new(self.dialect, expression, compares);
        let text = |expression: &str| Some(key(&Frag::sql(expression), Compares::Text));
        if path.urn.as_deref() == Some(ROSTERD_GROUP) {
            return match path.attr.as_deref()? {
                "kind" => text("g.kind").map(Key::set),
                "managedBy" => text("g.managed_by"),
                _ => None,
            };
        }
        let number = |column: &str| Some(key(&Frag::sql(column), Compares::Number).set());
        match (path.attr.as_deref()?, path.sub.as_deref()) {
            ("id", _) => text("g.id").map(Key::set),
            ("displayName", _) => text("g.display_name_key").map(Key::set),
            ("externalId", _) => {
                let own = self.view.names_by().map(|connection| {
                    Frag::sql("CASE WHEN g.managed_by = ")
                        .text(connection)
                        .push(" THEN g.external_id END")
                });
                let none = Frag::sql("CAST(NULL AS TEXT)");
                Some(key(&own.unwrap_or(none), Compares::Text))
            }
            ("meta", Some("created")) => number("g.created_at"),
            ("meta", Some("lastModified")) => number("g.updated_at"),
            ("meta", Some("resourceType")) => text("CAST(NULL AS TEXT)"),
            ("meta", _) => text(&version("g.version")),
            _ => None,
        }
    }

    fn document(&self) -> String {
        self.dialect.json_readable("g.match_doc")
    }

    fn id(&self) -> &'static str {
        "g.id"
    }
}
