//! Groups: what is looked up by columns and by memberships.

use super::Table;
use super::leaf::{compare, compare_time, millis};
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::scim::schema::{AttrPath, ROSTERD_GROUP};
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::view::View;

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

    fn select(&self, table: &str, id: &str) -> Frag {
        Frag::sql(format!("SELECT {id} FROM {table} WHERE tenant = ")).text(self.tenant)
    }

    fn members(&self, test: &Test) -> Frag {
        let by = match test.path.sub.as_deref() {
            Some("value") | None => "m.user_id",
            Some("type") => "lower(m.member_type)",
            _ => "NULL",
        };
        let start = "EXISTS (SELECT 1 FROM memberships m WHERE m.tenant = g.tenant AND m.group_id = g.id \
             AND m.generation = g.generation";
        let any = format!("{start})");
        match (test.op, &test.value) {
            (Op::Pr, _) | (Op::Ne, Literal::Null) => Frag::sql(any),
            (Op::Eq, Literal::Null) => Frag::sql(format!("(NOT {any})")),
            (op, value) => {
                // A plain comparison, so that the index of memberships is used.
                let some = match (op, value) {
                    (Op::Eq, Literal::Text(text)) => {
                        Frag::sql(format!("{start} AND {by} = ")).text(text.as_str())
                    }
                    _ => Frag::sql(format!("{start} AND ")).frag(&compare(
                        self.dialect,
                        by,
                        op,
                        value,
                    )),
                };
                let some = some.push(")");
                if op == Op::Ne {
                    Frag::sql(format!("(NOT {any} OR ")).frag(&some).push(")")
                } else {
                    some
                }
            }
        }
    }
}

impl Table for Groups<'_> {
    fn column(&self, test: &Test) -> Option<Frag> {
        let plain =
            |expression: &str| Some(compare(self.dialect, expression, test.op, &test.value));
        let time = |expression: &str| Some(compare_time(expression, test.op, &test.value));
        if test.path.urn.as_deref() == Some(ROSTERD_GROUP) {
            return match (test.path.attr.as_deref(), self.view) {
                (Some("kind"), View::Everybody) => plain("g.kind"),
                (Some("managedBy"), View::Everybody) => plain("g.managed_by"),
                _ => plain("NULL"),
            };
        }
        match (test.path.attr.as_deref()?, test.path.sub.as_deref()) {
            ("id", _) => plain("g.id"),
            ("displayName", _) => plain("g.display_name_key"),
            ("externalId", _) => match (self.view, &test.value) {
                (View::Everybody, _) => plain("NULL"),
                (View::Connection(connection), value) => {
                    let bound = Frag::sql("(CASE WHEN g.managed_by = ")
                        .text(connection.as_str())
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
            ("meta", None) => Some(Frag::sql(if test.op == Op::Pr {
                "(1 = 1)"
            } else {
                "(1 = 0)"
            })),
            ("meta", _) => plain("NULL"),
            ("schemas", _) => {
                let from = self.dialect.json_elements("g.doc", &["schemas"], "e");
                Some(super::leaf::any_element(self.dialect, &from, None, test))
            }
            ("members", _) => Some(self.members(test)),
            _ => None,
        }
    }

    fn elements(&self, path: &AttrPath, inner: &Filter) -> Option<Frag> {
        match inner {
            Filter::Test(test) if path.is_core("members") => Some(self.members(test)),
            _ if path.is_core("members") => Some(Frag::sql("(1 = 0)")),
            _ => None,
        }
    }

    fn driver(&self, test: &Test) -> Option<Vec<Frag>> {
        let Literal::Text(text) = &test.value else {
            return None;
        };
        if test.path.urn.is_some() {
            return None;
        }
        let groups = || self.select("\"groups\"", "id");
        match (
            test.path.attr.as_deref()?,
            test.path.sub.as_deref(),
            test.op,
        ) {
            ("id", _, Op::Eq) => Some(vec![groups().push(" AND id = ").text(text.as_str())]),
            ("displayName", _, Op::Eq) => Some(vec![
                groups()
                    .push(" AND display_name_key = ")
                    .text(text.as_str()),
            ]),
            ("externalId", _, Op::Eq) => self.view.connection().map(|connection| {
                vec![
                    groups()
                        .push(" AND managed_by = ")
                        .text(connection)
                        .push(" AND external_id = ")
                        .text(text.as_str()),
                ]
            }),
            ("members", Some("value"), Op::Eq) => Some(vec![
                self.select("memberships", "group_id")
                    .push(" AND user_id = ")
                    .text(text.as_str()),
            ]),
            ("meta", Some("lastModified"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(vec![groups().push(" AND updated_at >= ").int(at)])
            }
            _ => None,
        }
    }

    fn element_driver(&self, path: &AttrPath, inner: &Filter) -> Option<Vec<Frag>> {
        match inner {
            Filter::Test(test) if path.is_core("members") => self.driver(test),
            _ => None,
        }
    }

    fn document(&self) -> &str {
        "g.match_doc"
    }

    fn id(&self) -> &'static str {
        "g.id"
    }
}
