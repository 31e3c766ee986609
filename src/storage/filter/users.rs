//! Users: what is looked up by columns and by other tables.

use super::Table;
use super::leaf::{compare, compare_time, millis};
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::scim::schema::{AttrPath, ROSTERD_USER};
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::view::View;

pub(super) struct Users<'a> {
    dialect: Dialect,
    tenant: &'a str,
    view: &'a View,
}

impl<'a> Users<'a> {
    pub(super) fn new(dialect: Dialect, tenant: &'a str, view: &'a View) -> Self {
        Self {
            dialect,
            tenant,
            view,
        }
    }

    /// A column of the own view, else of the user.
    fn own(&self, claim: &str, user: &str) -> String {
        match self.view {
            View::Connection(_) => format!("COALESCE(c.{claim}, u.{user})"),
            View::Everybody => format!("u.{user}"),
        }
    }

    fn rosterd(&self, test: &Test) -> Option<Frag> {
        if test.path.urn.as_deref() != Some(ROSTERD_USER) {
            return None;
        }
        let column = match (
            test.path.attr.as_deref(),
            test.path.sub.as_deref(),
            self.view,
        ) {
            (_, _, View::Connection(_)) => "NULL",
            (Some("access"), ..) => "u.access",
            (Some("hasAccess"), ..) => "u.has_access",
            (Some("accessReason"), Some("code") | None, _) => "u.access_reason",
            (Some("accessReason"), Some("parameters"), _) => "u.access_params",
            _ => "NULL",
        };
        Some(compare(self.dialect, column, test.op, &test.value))
    }

    fn select(&self, table: &str, id: &str) -> Frag {
        Frag::sql(format!("SELECT {id} FROM {table} WHERE tenant = ")).text(self.tenant)
    }

    /// Users with this key, in the effective document or in the own view.
    fn by_key(&self, column: &str, key: &str) -> Vec<Frag> {
        let mut found = vec![
            self.select("users", "id")
                .push(&format!(" AND {column} = "))
                .text(key),
        ];
        if let View::Connection(connection) = self.view {
            found.push(
                self.select("claims", "user_id")
                    .push(" AND connection_id = ")
                    .text(connection.as_str())
                    .push(&format!(" AND {column} = "))
                    .text(key),
            );
        }
        found
    }

    fn by_email(&self, fold: &str) -> Vec<Frag> {
        let views = [Some(""), self.view.connection()];
        let each = views.into_iter().flatten().map(|view| {
            self.select("emails", "user_id")
                .push(" AND view = ")
                .text(view)
                .push(" AND fold = ")
                .text(fold)
                .push(" AND until IS NULL")
        });
        each.collect()
    }

    fn by_id(&self, id: &str) -> Vec<Frag> {
        let mut found = vec![self.select("users", "id").push(" AND id = ").text(id)];
        if let View::Connection(connection) = self.view {
            found.push(
                self.select("claims", "user_id")
                    .push(" AND connection_id = ")
                    .text(connection.as_str())
                    .push(" AND scim_id = ")
                    .text(id),
            );
        }
        found
    }

    fn membership(&self, by: &str, value: &str) -> Frag {
        let frag = Frag::sql(format!(
            "EXISTS (SELECT 1 FROM memberships m JOIN \"groups\" g ON g.tenant = m.tenant AND g.id = m.group_id \
             AND g.generation = m.generation WHERE m.tenant = u.tenant AND m.user_id = u.id AND {by} = "
        ))
        .text(value);
        self.visible_groups(frag).push(")")
    }

    fn visible_groups(&self, frag: Frag) -> Frag {
        match self.view {
            View::Connection(connection) => frag
                .push(" AND g.kind = 'group' AND (g.managed_by IS NULL OR g.managed_by = ")
                .text(connection.as_str())
                .push(")"),
            View::Everybody => frag,
        }
    }

    fn groups(&self, test: &Test) -> Frag {
        let by = match test.path.sub.as_deref() {
            Some("display") => "g.display_name_key",
            Some("value") | None => "m.group_id",
            _ => return Frag::sql("(1 = 0)"),
        };
        match (test.op, &test.value) {
            (Op::Eq, Literal::Text(text)) => self.membership(by, text),
            (op, value) => {
                let start = "EXISTS (SELECT 1 FROM memberships m JOIN \"groups\" g ON g.tenant = m.tenant \
                     AND g.id = m.group_id AND g.generation = m.generation \
                     WHERE m.tenant = u.tenant AND m.user_id = u.id";
                let any = self.visible_groups(Frag::sql(start)).push(")");
                match (op, value) {
                    (Op::Pr, _) | (Op::Ne, Literal::Null) => any,
                    (Op::Eq, Literal::Null) => Frag::sql("(NOT ").frag(&any).push(")"),
                    _ => {
                        let some = self
                            .visible_groups(Frag::sql(format!("{start} AND ")).frag(&compare(
                                self.dialect,
                                by,
                                op,
                                value,
                            )))
                            .push(")");
                        if op == Op::Ne {
                            Frag::sql("(NOT ")
                                .frag(&any)
                                .push(" OR ")
                                .frag(&some)
                                .push(")")
                        } else {
                            some
                        }
                    }
                }
            }
        }
    }
}

impl Table for Users<'_> {
    fn column(&self, test: &Test) -> Option<Frag> {
        if let Some(frag) = self.rosterd(test) {
            return Some(frag);
        }
        if test.path.urn.is_some() {
            return None;
        }
        let plain =
            |expression: &str| Some(compare(self.dialect, expression, test.op, &test.value));
        let time = |expression: &str| Some(compare_time(expression, test.op, &test.value));
        match (test.path.attr.as_deref()?, test.path.sub.as_deref()) {
            ("id", _) => plain(&self.own("scim_id", "id")),
            ("userName", _) => plain(&self.own("user_name_key", "user_name_key")),
            ("externalId", _) => match self.view {
                View::Connection(_) => plain("c.external_id"),
                View::Everybody => plain("NULL"),
            },
            ("active", _) => plain(&self.own("active", "has_access")),
            ("meta", Some("created")) => time("u.created_at"),
            ("meta", Some("lastModified")) => match self.view {
                View::Connection(_) => time("COALESCE(c.updated_at, u.doc_updated_at)"),
                View::Everybody => time("u.updated_at"),
            },
            ("meta", Some("resourceType")) => plain("'User'"),
            ("meta", None) => Some(Frag::sql(if test.op == Op::Pr {
                "(1 = 1)"
            } else {
                "(1 = 0)"
            })),
            ("meta", _) => plain("NULL"),
            ("schemas", _) => {
                let doc = self.own("view_doc", "doc");
                let from = self.dialect.json_elements(&doc, &["schemas"], "e");
                Some(super::leaf::any_element(self.dialect, &from, None, test))
            }
            ("groups", _) => Some(self.groups(test)),
            _ => None,
        }
    }

    fn elements(&self, path: &AttrPath, inner: &Filter) -> Option<Frag> {
        // `groups[value eq "x"]`: one test at most makes sense there.
        match inner {
            Filter::Test(test) if path.is_core("groups") => Some(self.groups(test)),
            _ if path.is_core("groups") => Some(Frag::sql("(1 = 0)")),
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
        let attr = test.path.attr.as_deref()?;
        match (attr, test.path.sub.as_deref(), test.op) {
            ("id", _, Op::Eq) => Some(self.by_id(text)),
            ("userName", _, Op::Eq) => Some(self.by_key("user_name_key", text)),
            ("displayName", _, Op::Eq) => Some(self.by_key("display_name_key", text)),
            ("emails", Some("value"), Op::Eq) => Some(self.by_email(text)),
            ("externalId", _, Op::Eq) => match self.view {
                View::Connection(connection) => Some(vec![
                    self.select("claims", "user_id")
                        .push(" AND connection_id = ")
                        .text(connection.as_str())
                        .push(" AND external_id = ")
                        .text(text.as_str()),
                ]),
                View::Everybody => None,
            },
            ("groups", Some("value"), Op::Eq) => Some(vec![
                self.select("memberships", "user_id")
                    .push(" AND group_id = ")
                    .text(text.as_str()),
            ]),
            // Every view's own time is at most the row's, so this index yields all of them.
            ("meta", Some("lastModified"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(vec![
                    self.select("users", "id")
                        .push(" AND updated_at >= ")
                        .int(at),
                ])
            }
            ("meta", Some("created"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(vec![
                    self.select("users", "id")
                        .push(" AND id >= ")
                        .text(first_id(at - 600_000)),
                ])
            }
            ("meta", Some("created"), Op::Lt | Op::Le) => {
                let (at, _) = millis(text)?;
                Some(vec![
                    self.select("users", "id")
                        .push(" AND id <= ")
                        .text(first_id(at + 600_000)),
                ])
            }
            _ => None,
        }
    }

    fn element_driver(&self, path: &AttrPath, inner: &Filter) -> Option<Vec<Frag>> {
        if !path.is_core("emails") {
            return None;
        }
        match inner {
            Filter::And(items) => items
                .iter()
                .find_map(|item| self.element_driver(path, item)),
            Filter::Test(test) => self.driver(test),
            _ => None,
        }
    }

    fn document(&self) -> &str {
        match self.view {
            View::Connection(_) => "COALESCE(c.view_match, u.match_doc)",
            View::Everybody => "u.match_doc",
        }
    }

    fn id(&self) -> &'static str {
        "u.id"
    }
}

/// The least UUIDv7 of a moment: ids begin with the time they were made at, give or take the way to the writer.
fn first_id(millis: i64) -> String {
    let hex = format!(
        "{:012x}",
        u64::try_from(millis.max(0)).unwrap_or(0) & 0xffff_ffff_ffff
    );
    format!("{}-{}", &hex[..8], &hex[8..])
}
