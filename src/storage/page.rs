//! Pages of users and groups in a view, and their honest totals.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::dialect::Frag;
use super::error::Result;
use super::order::{Listed, Slice};
use super::scope::Scope;
use super::view::{
    GroupView, GroupViewSql, UserView, UserViewSql, View, from_groups, from_users, select_groups,
    select_users,
};

/// A condition in SQL, with the attribute look-up that drives it if there is one.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Follows `… AND `.
    pub condition: Frag,
}

impl Scope<'_> {
    /// A part of the users that match.
    pub fn list_users(
        &mut self,
        view: &View,
        filter: Option<&Condition>,
        slice: &Slice,
    ) -> Result<Listed<UserView>> {
        let query = users_page(view, self.tenant().as_str(), filter, slice);
        let read = match slice.limit {
            0 => Vec::new(),
            _ => query
                .query::<(UserViewSql, Nullable<Text>)>()
                .load(self.conn())?,
        };
        Ok(slice.listed(read, |user: &UserView| user.user_id.clone()))
    }

    /// How many users match.
    pub fn count_users(&mut self, view: &View, filter: Option<&Condition>) -> Result<i64> {
        let Some(filter) = filter else {
            return self.count_all_users(view);
        };
        let query = Frag::sql("SELECT count(*)")
            .frag(&from_users(view, self.tenant().as_str()))
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

    /// A part of the groups that match.
    pub fn list_groups(
        &mut self,
        view: &View,
        filter: Option<&Condition>,
        slice: &Slice,
    ) -> Result<Listed<GroupView>> {
        let query = groups_page(view, self.tenant().as_str(), filter, slice);
        let read = match slice.limit {
            0 => Vec::new(),
            _ => query
                .query::<(GroupViewSql, Nullable<Text>)>()
                .load(self.conn())?,
        };
        Ok(slice.listed(read, |group: &GroupView| group.id.clone()))
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
pub fn users_page(view: &View, tenant: &str, filter: Option<&Condition>, slice: &Slice) -> Frag {
    let query = select_users(view)
        .push(", ")
        .frag(&slice.order.key_text())
        .frag(&from_users(view, tenant));
    match (view, filter) {
        (View::Connection(connection), None) if slice.order.is_by_id() => query
            .push(" AND u.id IN (SELECT k.id FROM (")
            .frag(&visible_ids(tenant, connection, slice))
            .push(") k)")
            .frag(&slice.order.order_by()),
        _ => part(query, filter, slice),
    }
}

/// What remains after `… WHERE …`.
pub(super) fn part(mut query: Frag, filter: Option<&Condition>, slice: &Slice) -> Frag {
    if let Some(filter) = filter {
        query = query.push(" AND ").frag(&filter.condition);
    }
    query
        .frag(&slice.after())
        .frag(&slice.order.order_by())
        .frag(&slice.limits())
}

/// The ids of a page, merged from index ranges: public users without an ended claim, and the connection's own claims on
/// others, state by state. Documents are read for the page only.
fn visible_ids(tenant: &str, connection: &str, slice: &Slice) -> Frag {
    let public = Frag::sql("SELECT p.id AS id FROM users p WHERE p.tenant = ")
        .text(tenant)
        .push(" AND p.is_public")
        .frag(&slice.after_id("p.id"))
        .push(
            " AND NOT EXISTS (SELECT 1 FROM claims e WHERE e.tenant = p.tenant \
             AND e.user_id = p.id AND e.state = 'ended' AND e.connection_id = ",
        )
        .text(connection)
        .push(")");
    let own = |state: &str| {
        Frag::sql("SELECT o.user_id AS id FROM claims o WHERE o.tenant = ")
            .text(tenant)
            .push(" AND o.connection_id = ")
            .text(connection)
            .push(" AND o.user_public = ")
            .bool(false)
            .push(&format!(" AND o.state = '{state}'"))
            .frag(&slice.after_id("o.user_id"))
    };
    let ranges = [public, own("live"), own("pending"), own("parked")];
    let mut ids = Frag::default();
    for (i, range) in ranges.iter().enumerate() {
        let (before, after) = (if i == 0 { "" } else { " UNION ALL " }, format!(") r{i}"));
        ids = ids
            .push(before)
            .push("SELECT id FROM (")
            .frag(&slice.head_of(range.clone()))
            .push(&after);
    }
    ids.push(" ORDER BY id")
        .push(slice.order.direction())
        .frag(&slice.limits())
}

/// The statement of a page of groups.
pub fn groups_page(view: &View, tenant: &str, filter: Option<&Condition>, slice: &Slice) -> Frag {
    let query = select_groups(view)
        .push(", ")
        .frag(&slice.order.key_text())
        .frag(&from_groups(view, tenant));
    part(query, filter, slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::order::{Order, Rows, Start};

    #[test]
    fn only_pages_of_the_usual_size_are_kept_prepared() {
        for view in [View::Everybody, View::Connection("c".to_owned())] {
            for (limit, kept) in [(100, true), (99, false), (1_000, false)] {
                for start in [Start::Offset(0), Start::After(None)] {
                    let slice = |rows| Slice {
                        order: Order::by_id(rows, false),
                        start: start.clone(),
                        limit,
                    };
                    for page in [
                        users_page(&view, "t", None, &slice(Rows::Users)),
                        groups_page(&view, "t", None, &slice(Rows::Groups)),
                    ] {
                        assert_eq!(page != page.clone().free_shape(), kept, "{limit} {view:?}");
                    }
                }
            }
        }
    }
}
