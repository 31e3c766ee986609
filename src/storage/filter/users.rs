//! Users: what is looked up by columns and by other tables.

use serde_json::Value;

use super::Table;
use super::driver::{Driver, Rank};
use super::leaf::{compare, compare_present, compare_time, millis, version};
use super::list::List;
use crate::domain::app::APP;
use crate::scim::filter::{Filter, Literal, Op, Test, evaluate_element};
use crate::scim::fold::email_identity_key;
use crate::scim::schema::{AttrPath, ENTERPRISE, ROSTERD_USER};
use crate::scim::sort::Compares;
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::nesting::{groups_around, members_below};
use crate::storage::order::Key;
use crate::storage::view::View;

/// How far the time in an id may be from the moment of writing, in milliseconds.
const CLOCKS: i64 = 600_000;

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
            View::Everybody | View::App => format!("u.{user}"),
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
            (Some("employmentState"), ..) => "u.employment_state",
            (Some("startDate"), ..) => "u.start_date",
            (Some("endDate"), ..) => "u.end_date",
            (Some("appUserId"), ..) => &of_app("external_id"),
            (Some("entity"), ..) => &of_app("entity"),
            _ => "NULL",
        };
        Some(compare(self.dialect, column, test.op, &test.value))
    }

    fn select(&self, columns: &str) -> Frag {
        Frag::sql(format!("SELECT {columns} WHERE tenant = "))
            .text(self.tenant)
            .push(" AND ")
    }

    /// Users whose key is this, in the effective document or in the own view.
    fn by_key(&self, column: &str, key: &str) -> Driver {
        let effective = self.select("id FROM users").push(column);
        let found = Driver::key(Rank::Key, effective, key);
        match self.view {
            View::Connection(connection) => found.or(self.by_claim(connection, column, key)),
            View::Everybody | View::App => found,
        }
    }

    fn by_claim(&self, connection: &str, column: &str, key: &str) -> Driver {
        let own = self
            .select("user_id FROM claims")
            .push("connection_id = ")
            .text(connection)
            .push(" AND ")
            .push(column);
        Driver::key(Rank::Key, own, key)
    }

    /// Users with an address. Of two spellings of one address that differ in the domain's encoding only one has a row;
    /// the identity key finds it under either.
    fn by_email(&self, address: &str) -> Driver {
        let mut found = Driver::nothing();
        for view in [Some(""), self.view.connection()].into_iter().flatten() {
            let by = |column: &str, key: &str| {
                let select = self
                    .select("user_id FROM emails")
                    .push("until IS NULL AND view = ")
                    .text(view)
                    .push(" AND ")
                    .push(column);
                Driver::key(Rank::Element, select, key)
            };
            found = found
                .or(by("fold", address))
                .or(by("key", &email_identity_key(address)));
        }
        found
    }

    /// A part of one of the user's groups.
    fn of_group(&self, test: &Test) -> Frag {
        let expression = match test.path.sub.as_deref() {
            Some("display") => "r.name",
            Some("type") => "r.type",
            _ => "r.id",
        };
        compare_present(self.dialect, expression, test.op, &test.value)
    }

    /// Everybody who is in a group, directly or not.
    fn by_group(&self, group: &str) -> Driver {
        let below = members_below(self.view, self.tenant);
        Driver::key_within(Rank::Element, below, group)
    }

    fn schemas(&self, test: &Test) -> Frag {
        let doc = self.dialect.json_readable(&self.own("view_doc", "doc"));
        let list = List::in_json(self.dialect, &doc, &["schemas"]);
        match self.view {
            // A hidden manager takes the extension along if it has nothing else.
            View::Connection(connection) => {
                let lone = self
                    .dialect
                    .json_has_only(&self.document(), ENTERPRISE, "manager");
                let urn = self.dialect.element_text("e");
                let shown = Frag::sql(format!("NOT ({urn} = '{ENTERPRISE}' AND {lone} AND "))
                    .frag(&hidden_manager(self.dialect, &self.document(), connection))
                    .push(")");
                list.only(&shown).test(test)
            }
            // Rosterd's own extension is added to whatever is stored.
            View::Everybody | View::App => {
                let ours = Value::from(ROSTERD_USER);
                match evaluate_element(&Filter::Test(test.clone()), &ours) {
                    true => Frag::sql("(1 = 1)"),
                    false => list.test(test),
                }
            }
        }
    }
}

/// SQL of what the app's claim says of a user.
fn of_app(column: &str) -> String {
    format!(
        "(SELECT ac.{column} FROM claims ac WHERE ac.tenant = u.tenant AND ac.user_id = u.id \
         AND ac.connection_id = '{APP}' AND ac.state <> 'ended')"
    )
}

/// Users by the id that the reader knows.
pub(super) fn by_id(dialect: Dialect, tenant: &str, view: &View, id: &str) -> Driver {
    let users = Users::new(dialect, tenant, view);
    let found = Driver::key(Rank::Key, users.select("id FROM users").push("id"), id);
    match view {
        View::Connection(connection) => found.or(users.by_claim(connection, "scim_id", id)),
        View::Everybody | View::App => found,
    }
}

/// The manager's id as the connection knows her.
fn known_manager(dialect: Dialect, document: &str, connection: &str) -> Frag {
    let manager = dialect.json_text(document, &[ENTERPRISE, "manager", "value"]);
    Frag::sql(format!(
        "COALESCE((SELECT mk.scim_id FROM claims mk WHERE mk.tenant = u.tenant AND mk.user_id = {manager} \
         AND mk.state <> 'ended' AND mk.connection_id = "
    ))
    .text(connection)
    .push(&format!("), {manager})"))
}

/// The manager is somebody whom the connection cannot see (`Scope::list_other_ids` says the same of a page).
fn hidden_manager(dialect: Dialect, document: &str, connection: &str) -> Frag {
    let manager = dialect.json_text(document, &[ENTERPRISE, "manager", "value"]);
    Frag::sql(format!(
        "(u.manager_id IS NOT NULL AND COALESCE({manager} = u.manager_id, 1 = 0) AND EXISTS (SELECT 1 FROM users h \
         LEFT JOIN claims hc ON hc.tenant = h.tenant AND hc.user_id = h.id AND hc.connection_id = "
    ))
    .text(connection)
    .push(
        " WHERE h.tenant = u.tenant AND h.id = u.manager_id AND (hc.state = 'ended' \
         OR (hc.state IS NULL AND NOT h.is_public))) AND NOT EXISTS (SELECT 1 FROM claims hs \
         WHERE hs.tenant = u.tenant AND hs.state <> 'ended' AND hs.scim_id = u.manager_id AND hs.connection_id = ",
    )
    .text(connection)
    .push("))")
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
                View::App => plain(&of_app("external_id")),
            },
            ("active", _) => plain(&self.own("active", "has_access")),
            ("meta", Some("created")) => time("u.created_at"),
            ("meta", Some("lastModified")) => match self.view {
                View::Connection(_) => time("COALESCE(c.updated_at, u.doc_updated_at)"),
                View::Everybody | View::App => time("u.updated_at"),
            },
            ("meta", Some("resourceType")) => plain("'User'"),
            ("meta", Some("version")) => plain(&version(match self.view {
                View::Connection(_) => "COALESCE(c.version, u.doc_version)",
                View::Everybody | View::App => "u.version",
            })),
            ("meta", _) => plain("u.id"),
            ("schemas", _) => Some(self.schemas(test)),
            // Whoever is in one group is found from the group, not by asking each user.
            ("groups", Some("value")) => match (&test.value, test.op) {
                (Literal::Text(group), Op::Eq) => {
                    let is_in = self.by_group(group).condition("u.id").push("1 = 1");
                    Some(Frag::sql("((").frag(&is_in).push(") OR 1 = 0)"))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn list(&self, path: &AttrPath, _filter: &Filter) -> Option<List<'_>> {
        if !path.is_core("groups") {
            return None;
        }
        let own = Frag::sql("m.tenant = u.tenant AND m.user_id = u.id");
        let groups = groups_around(self.view, "display_name_key", &own);
        let from = Frag::sql(" FROM (").frag(&groups).push(") r WHERE 1 = 1");
        Some(List::new(from, |test| self.of_group(test)))
    }

    fn shown(&self, path: &AttrPath) -> Option<Frag> {
        let is_id = path.urn.as_deref() == Some(ENTERPRISE)
            && path.attr.as_deref() == Some("manager")
            && path.sub.as_deref() == Some("value");
        let connection = self.view.connection().filter(|_| is_id)?;
        Some(known_manager(self.dialect, &self.document(), connection))
    }

    fn hidden(&self, path: &AttrPath) -> Option<Frag> {
        let is_manager =
            path.urn.as_deref() == Some(ENTERPRISE) && path.attr.as_deref() == Some("manager");
        let connection = self.view.connection().filter(|_| is_manager)?;
        Some(hidden_manager(self.dialect, &self.document(), connection))
    }

    fn driver(&self, test: &Test) -> Option<Driver> {
        let Literal::Text(text) = &test.value else {
            return None;
        };
        if test.path.urn.is_some() {
            return None;
        }
        let attr = test.path.attr.as_deref()?;
        let range = |condition: &str| self.select("id FROM users").push(condition);
        match (attr, test.path.sub.as_deref(), test.op) {
            ("id", _, Op::Eq) => Some(by_id(self.dialect, self.tenant, self.view, text)),
            ("userName", _, Op::Eq) => Some(self.by_key("user_name_key", text)),
            ("displayName", _, Op::Eq) => Some(self.by_key("display_name_key", text)),
            ("emails", Some("value"), Op::Eq) => Some(self.by_email(text)),
            ("externalId", _, Op::Eq) => Some(match self.view {
                View::Connection(connection) => self.by_claim(connection, "external_id", text),
                View::Everybody => Driver::nothing(),
                View::App => self.by_claim(APP, "external_id", text),
            }),
            ("groups", Some("value"), Op::Eq) => Some(self.by_group(text)),
            // Every view's own time is at most the row's, so this index yields all of them.
            ("meta", Some("lastModified"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(Driver::range(range("updated_at >= ").int(at)))
            }
            ("meta", Some("created"), Op::Gt | Op::Ge | Op::Eq) => {
                let (at, _) = millis(text)?;
                Some(Driver::range(range("id >= ").text(first_id(at - CLOCKS))))
            }
            ("meta", Some("created"), Op::Lt | Op::Le) => {
                let (at, _) = millis(text)?;
                Some(Driver::range(range("id <= ").text(first_id(at + CLOCKS))))
            }
            _ => None,
        }
    }

    fn sort_key(&self, path: &AttrPath) -> Option<Key> {
        let key =
            |expression: &str, compares| Key::new(self.dialect, &Frag::sql(expression), compares);
        let text = |expression: &str| Some(key(expression, Compares::Text));
        let is_source = self.view.connection().is_some();
        if path.urn.as_deref() == Some(ROSTERD_USER) {
            return match (path.attr.as_deref()?, path.sub.as_deref()) {
                ("access", _) => text("u.access"),
                ("hasAccess", _) => Some(key("u.has_access", Compares::Bool)),
                ("accessReason", Some("code")) => text("u.access_reason"),
                ("accessReason", _) => text("u.access_params"),
                ("employmentState", _) => text("u.employment_state"),
                ("startDate", _) => text("u.start_date"),
                ("endDate", _) => text("u.end_date"),
                ("appUserId", _) => text(&of_app("external_id")),
                ("entity", _) => text(&of_app("entity")),
                _ => None,
            };
        }
        if path.urn.is_some() {
            return None;
        }
        match (path.attr.as_deref()?, path.sub.as_deref()) {
            ("id", _) => text(&self.own("scim_id", "id")),
            ("userName", _) if is_source => text(&self.own("user_name_key", "user_name_key")),
            ("userName", _) => text("u.user_name_key").map(Key::set),
            // Not `COALESCE`: a source with an own view reads no name that it does not assert.
            ("displayName", _) if is_source => text(
                "CASE WHEN c.view_doc IS NULL THEN u.display_name_key ELSE c.display_name_key END",
            ),
            ("displayName", _) => text("u.display_name_key"),
            ("externalId", _) if is_source => text("c.external_id"),
            ("externalId", _) if self.view == &View::App => text(&of_app("external_id")),
            ("externalId", _) | ("meta", Some("resourceType")) => text("CAST(NULL AS TEXT)"),
            ("active", _) => Some(key(&self.own("active", "has_access"), Compares::Bool)),
            ("meta", Some("created")) => Some(key("u.created_at", Compares::Number)),
            ("meta", Some("lastModified")) => Some(match self.view {
                View::Connection(_) => {
                    key("COALESCE(c.updated_at, u.doc_updated_at)", Compares::Number)
                }
                View::Everybody | View::App => key("u.updated_at", Compares::Number).set(),
            }),
            ("meta", _) => text(&version(match self.view {
                View::Connection(_) => "COALESCE(c.version, u.doc_version)",
                View::Everybody | View::App => "u.version",
            })),
            _ => None,
        }
    }

    fn document(&self) -> String {
        self.dialect.json_readable(match self.view {
            View::Connection(_) => "COALESCE(c.view_match, u.match_doc)",
            View::Everybody | View::App => "u.match_doc",
        })
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
