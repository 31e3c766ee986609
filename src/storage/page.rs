//! Pages of users and groups in a view, and their honest totals.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::dialect::Frag;
use super::error::Result;
use super::scope::Scope;
use super::view::{
    GroupView, GroupViewSql, UserView, UserViewSql, View, from_groups, from_users, groups_in,
    users_in,
};

/// Which part of a list: `offset` rows are passed over, at most `limit` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows before the page.
    pub offset: i64,
    /// Rows of the page.
    pub limit: i64,
}

/// A condition in SQL, with the attribute look-up that drives it if there is one.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Follows `… AND `.
    pub condition: Frag,
}

impl Scope<'_> {
    /// Users in order of their ids.
    pub fn list_users(
        &mut self,
        view: &View,
        filter: Option<&Condition>,
        window: Window,
    ) -> Result<Vec<UserView>> {
        let query = users_page(view, self.tenant().as_str(), filter, window);
        Ok(query.query::<UserViewSql>().load(self.conn())?)
    }

    /// How many users match.
    pub fn count_users(&mut self, view: &View, filter: Option<&Condition>) -> Result<i64> {
        let Some(filter) = filter else {
            return self.count_all_users(view);
        };
        let connection = view.connection().unwrap_or_default();
        let query = Frag::sql("SELECT count(*)")
            .frag(&from_users(view, self.tenant().as_str(), connection))
            .push(" AND ")
            .frag(&filter.condition);
        Ok(query.query::<BigInt>().get_result(self.conn())?)
    }

    /// The kept total of a view: no row is read but the head's and the connection's.
    fn count_all_users(&mut self, view: &View) -> Result<i64> {
        let Some(head) = self.find_head()? else {
            return Ok(0);
        };
        let Some(connection) = view.connection() else {
            return Ok(head.users);
        };
        let counted = self.find_connection(connection)?;
        Ok(counted.map_or(0, |c| head.public_users - c.hidden_users + c.only_users))
    }

    /// Groups in order of their ids.
    pub fn list_groups(
        &mut self,
        view: &View,
        filter: Option<&Condition>,
        window: Window,
    ) -> Result<Vec<GroupView>> {
        let query = groups_page(view, self.tenant().as_str(), filter, window);
        Ok(query.query::<GroupViewSql>().load(self.conn())?)
    }

    /// How many groups match.
    pub fn count_groups(&mut self, view: &View, filter: Option<&Condition>) -> Result<i64> {
        if let Some(filter) = filter {
            let query = Frag::sql("SELECT count(*)")
                .frag(&from_groups(view, self.tenant().as_str()))
                .push(" AND ")
                .frag(&filter.condition);
            return Ok(query.query::<BigInt>().get_result(self.conn())?);
        }
        let Some(head) = self.find_head()? else {
            return Ok(0);
        };
        let Some(connection) = view.connection() else {
            return Ok(head.groups);
        };
        let counted = self.find_connection(connection)?;
        Ok(counted.map_or(0, |c| head.unmanaged_groups + c.managed_groups))
    }
}

/// The statement of a page of users: also what the plan tests look at.
pub fn users_page(view: &View, tenant: &str, filter: Option<&Condition>, window: Window) -> Frag {
    match (view, filter) {
        (_, Some(filter)) => users_in(view, tenant)
            .push(" AND ")
            .frag(&filter.condition)
            .push(&format!(" ORDER BY u.id LIMIT {}", window.limit))
            .push(" OFFSET ")
            .int(window.offset),
        (View::Everybody, None) => users_in(view, tenant)
            .push(&format!(" ORDER BY u.id LIMIT {}", window.limit))
            .push(" OFFSET ")
            .int(window.offset),
        (View::Connection(connection), None) => unfiltered(view, tenant, connection, window),
    }
}

/// The page's ids come from two index ranges, public users without an ended claim and the connection's own claims on
/// others; documents are read for the page only.
fn unfiltered(view: &View, tenant: &str, connection: &str, window: Window) -> Frag {
    let ids = Frag::sql("SELECT p.id AS id FROM users p WHERE p.tenant = ")
        .text(tenant)
        .push(
            " AND p.is_public AND NOT EXISTS (SELECT 1 FROM claims e WHERE e.tenant = p.tenant \
             AND e.user_id = p.id AND e.state = 'ended' AND e.connection_id = ",
        )
        .text(connection)
        .push(") UNION ALL SELECT o.user_id FROM claims o WHERE o.tenant = ")
        .text(tenant)
        .push(" AND o.connection_id = ")
        .text(connection)
        .push(" AND o.user_public = ")
        .bool(false)
        .push(&format!(
            " AND o.state <> 'ended' ORDER BY id LIMIT {} OFFSET ",
            window.limit
        ))
        .int(window.offset);
    users_in(view, tenant)
        .push(" AND u.id IN (SELECT k.id FROM (")
        .frag(&ids)
        .push(") k) ORDER BY u.id")
}

/// The statement of a page of groups.
pub fn groups_page(view: &View, tenant: &str, filter: Option<&Condition>, window: Window) -> Frag {
    let mut query = groups_in(view, tenant);
    if let Some(filter) = filter {
        query = query.push(" AND ").frag(&filter.condition);
    }
    query
        .push(&format!(" ORDER BY g.id LIMIT {} OFFSET ", window.limit))
        .int(window.offset)
}
