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
use crate::scim::list::DEFAULT_COUNT;

/// Which part of a list: `offset` rows are passed over, at most `limit` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows before the page.
    pub offset: i64,
    /// Rows of the page.
    pub limit: i64,
}

impl Window {
    /// ` LIMIT … OFFSET …`. The limit is text, since SQLite prepares a statement anew each time it is bound; any but
    /// the usual one keeps the statement out of the cache, which would hold one for each.
    pub(super) fn frag(self) -> Frag {
        let frag = Frag::sql(format!(" LIMIT {} OFFSET ", self.limit)).int(self.offset);
        match self.limit {
            DEFAULT_COUNT => frag,
            _ => frag.free_shape(),
        }
    }
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
    if let (View::Connection(connection), None) = (view, filter) {
        return unfiltered(view, tenant, connection, window);
    }
    let mut query = users_in(view, tenant);
    if let Some(filter) = filter {
        query = query.push(" AND ").frag(&filter.condition);
    }
    query.push(" ORDER BY u.id").frag(&window.frag())
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
        .push(" AND o.state <> 'ended' ORDER BY id")
        .frag(&window.frag());
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
    query.push(" ORDER BY g.id").frag(&window.frag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_usual_size_are_kept_prepared() {
        for view in [View::Everybody, View::Connection("c".to_owned())] {
            for (limit, kept) in [(100, true), (99, false), (1_000, false)] {
                let window = Window { offset: 0, limit };
                for page in [users_page, groups_page] {
                    let page = page(&view, "t", None, window);
                    assert_eq!(page != page.clone().free_shape(), kept, "{limit} {view:?}");
                }
            }
        }
    }
}
