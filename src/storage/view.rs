//! What a reader sees: a connection its own view, everybody else what is in force (SEMANTICS §1, §2).

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::dialect::{Frag, Json, JsonDoc};
use super::error::Result;
use super::nesting::groups_around;
use super::scope::Scope;
use crate::domain::app::APP;

/// Whose eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// A connection: what it asserted, else what is in force; only people it sees.
    Connection(String),
    /// Auditor, admin: everybody but tombstones, as in force.
    Everybody,
    /// The app: the same, with its own ids of people and teams as `externalId`.
    App,
}

impl View {
    /// The connection, if it is one.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Connection(id) => Some(id),
            Self::Everybody | Self::App => None,
        }
    }

    /// The connection whose own ids are this reader's `externalId`.
    pub fn names_by(&self) -> Option<&str> {
        match self {
            Self::Connection(id) => Some(id),
            Self::App => Some(APP),
            Self::Everybody => None,
        }
    }
}

/// A user as a view has it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct UserView {
    /// The id under which the reader knows the user.
    pub id: String,
    /// The user's own id.
    pub user_id: String,
    /// Document.
    pub doc: Json,
    /// SCIM `active`.
    pub active: bool,
    /// `externalId`.
    pub external_id: Option<String>,
    /// Version.
    pub version: i64,
    /// Created.
    pub created_at: i64,
    /// Last change in this view.
    pub updated_at: i64,
    /// Access word.
    pub access: String,
    /// Reason code.
    pub access_reason: String,
    /// Parameters of the reason, JSON.
    pub access_params: Option<String>,
    /// Whether the app lets the person in.
    pub has_access: bool,
    /// Employment as of now, as an HR source says.
    pub employment_state: Option<String>,
    /// First day.
    pub start_date: Option<String>,
    /// Last day.
    pub end_date: Option<String>,
    /// Label of the connection that brought the person.
    pub added_via: Option<String>,
    /// What the app calls her.
    pub app_user_id: Option<String>,
    /// The entity that the app has for her.
    pub entity: Option<String>,
    /// Manager in this view by id, to leave out one that the reader cannot see.
    pub manager_id: Option<String>,
}

/// SQL type of a [`UserView`].
pub type UserViewSql = (
    Text,
    Text,
    JsonDoc,
    Bool,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    Text,
    Text,
    Nullable<Text>,
    Bool,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
);

/// A group as a view has it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct GroupView {
    /// Id.
    pub id: String,
    /// Document.
    pub doc: Json,
    /// `externalId`.
    pub external_id: Option<String>,
    /// Version.
    pub version: i64,
    /// Created.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
    /// `group` or `team`.
    pub kind: String,
    /// Connection that manages it.
    pub managed_by: Option<String>,
    /// Of its memberships.
    pub generation: i64,
    /// Of a team that team sync made: the one that it is part of.
    pub parent: Option<String>,
}

/// SQL type of a [`GroupView`].
pub type GroupViewSql = (
    Text,
    JsonDoc,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    Text,
    Nullable<Text>,
    BigInt,
    Nullable<Text>,
);

/// A member of a group, or a group of a user: id, display name, type.
pub type Reference = (String, Option<String>, String);

type ReferenceSql = (Text, Nullable<Text>, Text);

/// `SELECT … FROM users u …` for a view, up to and including the conditions of visibility.
pub(super) fn users_in(view: &View, tenant: &str) -> Frag {
    select_users(view).frag(&from_users(view, tenant))
}

/// The columns of a [`UserView`].
pub(super) fn select_users(view: &View) -> Frag {
    let of_app = |column: &str| {
        format!(
            "(SELECT a.{column} FROM claims a WHERE a.tenant = u.tenant AND a.user_id = u.id \
             AND a.connection_id = 'app' AND a.state <> 'ended')"
        )
    };
    let external_id = match view {
        View::App => of_app("external_id"),
        _ => "NULL".to_owned(),
    };
    match view {
        View::Connection(_) => Frag::sql(
            "SELECT COALESCE(c.scim_id, u.id), u.id, COALESCE(c.view_doc, u.doc), \
             COALESCE(c.active, u.has_access), c.external_id, COALESCE(c.version, u.doc_version), \
             u.created_at, COALESCE(c.updated_at, u.doc_updated_at), u.access, u.access_reason, \
             u.access_params, u.has_access, NULL, NULL, NULL, NULL, NULL, NULL, \
             CASE WHEN c.view_doc IS NULL THEN u.manager_id ELSE c.manager_id END",
        ),
        View::Everybody | View::App => Frag::sql(format!(
            "SELECT u.id, u.id, u.doc, u.has_access, {external_id}, u.version, u.created_at, u.updated_at, \
             u.access, u.access_reason, u.access_params, u.has_access, u.employment_state, u.start_date, \
             u.end_date, (SELECT k.label FROM connections k WHERE k.tenant = u.tenant AND k.id = u.added_via), \
             {}, {}, u.manager_id",
            of_app("external_id"),
            of_app("entity"),
        )),
    }
}

/// The part from `FROM` on, for counting too.
pub(super) fn from_users(view: &View, tenant: &str) -> Frag {
    match view {
        View::Connection(connection) => Frag::sql(
            " FROM users u LEFT JOIN claims c ON c.tenant = u.tenant AND c.user_id = u.id \
             AND c.connection_id = ",
        )
        .text(connection.as_str())
        .push(" WHERE u.tenant = ")
        .text(tenant)
        .push(" AND ((c.state IS NULL AND u.is_public) OR c.state <> 'ended')"),
        View::Everybody | View::App => Frag::sql(" FROM users u WHERE u.tenant = ")
            .text(tenant)
            .push(" AND u.removed_at IS NULL"),
    }
}

/// `SELECT … FROM groups g …` for a view, up to and including the conditions of visibility.
pub(super) fn groups_in(view: &View, tenant: &str) -> Frag {
    select_groups(view).frag(&from_groups(view, tenant))
}

/// SQL of who manages a group: of a team that team sync keeps, the connection that feeds it.
pub(super) const MANAGED_BY: &str = "COALESCE(g.managed_by, CASE WHEN g.kind = 'team' THEN (SELECT team_syncs.connection_id \
     FROM synced_teams s JOIN team_syncs ON team_syncs.tenant = s.tenant AND team_syncs.state = 'on' \
     WHERE s.tenant = g.tenant AND s.group_id = g.id) END)";
/// SQL of the team that a team is part of.
pub(super) const PARENT: &str = "CASE WHEN g.kind = 'team' THEN (SELECT s.parent_id FROM synced_teams s \
     WHERE s.tenant = g.tenant AND s.group_id = g.id) END";

/// The columns of a [`GroupView`].
pub(super) fn select_groups(view: &View) -> Frag {
    let external = match view.names_by() {
        Some(connection) => Frag::sql("SELECT g.id, g.doc, CASE WHEN g.managed_by = ")
            .text(connection)
            .push(" THEN g.external_id END"),
        None => Frag::sql("SELECT g.id, g.doc, NULL"),
    };
    let (managed_by, parent) = match view {
        // A connection sees no teams.
        View::Connection(_) => ("g.managed_by", "NULL"),
        View::Everybody | View::App => (MANAGED_BY, PARENT),
    };
    external.push(&format!(
        ", g.version, g.created_at, g.updated_at, g.kind, {managed_by}, g.generation, {parent}"
    ))
}

/// The part from `FROM` on, for counting too.
pub(super) fn from_groups(view: &View, tenant: &str) -> Frag {
    Frag::sql(" FROM \"groups\" g WHERE g.tenant = ")
        .text(tenant)
        .push(" AND ")
        .frag(&sees_group(view, "g"))
}

/// SQL of whether the reader sees a group: its own and unmanaged ones of kind `group` (SEMANTICS §8), or any.
pub(super) fn sees_group(view: &View, alias: &str) -> Frag {
    match view {
        View::Connection(connection) => Frag::sql(format!(
            "{alias}.kind = 'group' AND ({alias}.managed_by IS NULL OR {alias}.managed_by = "
        ))
        .text(connection.as_str())
        .push(")"),
        View::Everybody | View::App => in_force(alias),
    }
}

/// SQL of whether a group is in force: teams of a set that is being prepared are not yet, those that another replaced are
/// no more (see the column `team_set`).
pub(super) fn in_force(alias: &str) -> Frag {
    Frag::sql(format!(
        "({alias}.team_set IS NULL OR EXISTS (SELECT 1 FROM team_syncs WHERE team_syncs.tenant = {alias}.tenant AND \
         ({alias}.team_set BETWEEN 1 AND team_syncs.team_set OR -{alias}.team_set > team_syncs.team_set)))"
    ))
}

impl Scope<'_> {
    /// A user by the id that the reader knows.
    pub fn find_user_view(&mut self, view: &View, id: &str) -> Result<Option<UserView>> {
        let by_id = users_in(view, self.tenant().as_str())
            .push(" AND u.id = ")
            .text(id);
        let by_id = match view {
            View::Connection(_) => by_id.push(" AND c.scim_id IS NULL"),
            View::Everybody | View::App => by_id,
        };
        let found = by_id
            .query::<UserViewSql>()
            .get_result(self.conn())
            .optional()?;
        match (found, view) {
            (None, View::Connection(_)) => {
                let query = users_in(view, self.tenant().as_str())
                    .push(" AND c.scim_id = ")
                    .text(id);
                Ok(query
                    .query::<UserViewSql>()
                    .get_result(self.conn())
                    .optional()?)
            }
            (found, _) => Ok(found),
        }
    }

    /// A group that the reader sees.
    pub fn find_group_view(&mut self, view: &View, id: &str) -> Result<Option<GroupView>> {
        let query = groups_in(view, self.tenant().as_str())
            .push(" AND g.id = ")
            .text(id);
        Ok(query
            .query::<GroupViewSql>()
            .get_result(self.conn())
            .optional()?)
    }

    /// Members of a group that the reader sees, by the ids it knows.
    pub fn list_members(
        &mut self,
        view: &View,
        group: &str,
        generation: i64,
    ) -> Result<Vec<Reference>> {
        let query = members_query(view, self.tenant().as_str(), group, generation);
        let rows: Vec<(Reference, String)> =
            query.query::<(ReferenceSql, Text)>().load(self.conn())?;
        Ok(rows.into_iter().map(|(member, _)| member).collect())
    }

    /// Groups of a user that the reader sees, also those that she is in by way of others.
    pub fn list_groups_of(&mut self, view: &View, user: &str) -> Result<Vec<Reference>> {
        let query = groups_of_query(view, self.tenant().as_str(), user);
        let rows: Vec<(String, Reference)> =
            query.query::<(Text, ReferenceSql)>().load(self.conn())?;
        Ok(rows.into_iter().map(|(_, group)| group).collect())
    }
}

impl Scope<'_> {
    /// Groups of several users that the reader sees, by the users' own ids.
    pub fn list_groups_of_users(
        &mut self,
        view: &View,
        users: &[String],
    ) -> Result<BTreeMap<String, Vec<Reference>>> {
        let mut found: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
        if let [user] = users {
            let groups = self.list_groups_of(view, user)?;
            return Ok(BTreeMap::from([(user.clone(), groups)]));
        }
        for chunk in users.chunks(100) {
            let tenant = self.tenant().as_str();
            let mut of = Frag::sql("m.tenant = ")
                .text(tenant)
                .push(" AND m.user_id IN (");
            for (i, user) in chunk.iter().enumerate() {
                of = of.push(if i == 0 { "" } else { ", " }).text(user.as_str());
            }
            let query = groups_around(view, "display_name", &of.push(")"))
                .push(" ORDER BY member, id")
                .free_shape();
            let rows: Vec<(String, Reference)> =
                query.query::<(Text, ReferenceSql)>().load(self.conn())?;
            for (user, group) in rows {
                found.entry(user).or_default().push(group);
            }
        }
        Ok(found)
    }

    /// Which of these ids a connection is not to be shown: those of people whom it cannot see, and with another id in their
    /// place those of people whom it knows under that. Text that names nobody is not among them.
    pub fn list_other_ids(
        &mut self,
        connection: &str,
        ids: Vec<String>,
    ) -> Result<BTreeMap<String, Option<String>>> {
        let visible: BTreeSet<String> = self
            .list_visible_ids(Some(connection), &ids)?
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let unseen: Vec<String> = ids.into_iter().filter(|id| !visible.contains(id)).collect();
        let mut other = BTreeMap::new();
        for id in unseen {
            if self.find_user(&id)?.is_some() {
                let known = self.find_known_id(connection, &id)?;
                other.insert(id, known);
            }
        }
        Ok(other)
    }
}

/// SQL of the id under which the reader knows `u`.
pub(super) fn known_id(view: &View) -> &'static str {
    match view {
        View::Connection(_) => "COALESCE(c.scim_id, u.id)",
        View::Everybody | View::App => "u.id",
    }
}

/// ` FROM memberships m … WHERE …`: members whom the reader sees, as `u` and `c`. Which group is left open.
pub(super) fn members_of(view: &View) -> Frag {
    let from = " FROM memberships m JOIN users u ON u.tenant = m.tenant AND u.id = m.user_id";
    match view {
        View::Connection(connection) => Frag::sql(from)
            .push(
                " LEFT JOIN claims c ON c.tenant = u.tenant AND c.user_id = u.id AND c.connection_id = ",
            )
            .text(connection.as_str())
            .push(" WHERE ((c.state IS NULL AND u.is_public) OR c.state <> 'ended')"),
        View::Everybody | View::App => Frag::sql(from).push(" WHERE u.removed_at IS NULL"),
    }
}

/// ` FROM memberships m … WHERE …`: groups among the members that the reader sees, as `n`. Which group is left open.
pub(super) fn nested_of(view: &View) -> Frag {
    Frag::sql(
        " FROM memberships m JOIN \"groups\" n ON n.tenant = m.tenant AND n.id = m.user_id \
         WHERE m.member_type = 'Group' AND ",
    )
    .frag(&sees_group(view, "n"))
}

/// The statement that lists a group's members: also what the plan tests look at.
pub fn members_query(view: &View, tenant: &str, group: &str, generation: i64) -> Frag {
    let of_group = Frag::sql(" AND m.tenant = ")
        .text(tenant)
        .push(" AND m.group_id = ")
        .text(group)
        .push(" AND m.generation = ")
        .int(generation);
    let id = known_id(view);
    Frag::sql(format!(
        "SELECT {id}, u.display_name, 'User', m.user_id AS place"
    ))
    .frag(&members_of(view))
    .frag(&of_group)
    .push(" UNION ALL SELECT n.id, n.display_name, 'Group', m.user_id AS place")
    .frag(&nested_of(view))
    .frag(&of_group)
    .push(" ORDER BY place")
}

/// The statement that lists a user's groups.
pub fn groups_of_query(view: &View, tenant: &str, user: &str) -> Frag {
    let of = Frag::sql("m.tenant = ")
        .text(tenant)
        .push(" AND m.user_id = ")
        .text(user);
    groups_around(view, "display_name", &of).push(" ORDER BY id")
}
