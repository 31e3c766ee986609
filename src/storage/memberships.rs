//! Memberships: a table of their own, so that one member in or out costs the same at 10 and at 100,000 members.
//! Every read joins on the group's current generation.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::dialect::Frag;
use super::error::Result;
use super::groups::GroupRow;
use super::member_jobs::state;
use super::schema::{groups, member_jobs, memberships};
use super::scope::Scope;

/// What a member of a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A person.
    User,
    /// Another group.
    Group,
}

impl MemberKind {
    /// The word of SCIM, which is also stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    fn stored(word: &str) -> Self {
        match word {
            "Group" => Self::Group,
            _ => Self::User,
        }
    }
}

/// A member: its own id, and what it is.
pub type Member = (String, MemberKind);

fn members(rows: Vec<(String, String)>) -> Vec<Member> {
    let each = rows.into_iter();
    each.map(|(id, word)| (id, MemberKind::stored(&word)))
        .collect()
}

impl Scope<'_> {
    /// Adds a member; false when it was one already.
    pub fn create_membership(
        &mut self,
        group: &str,
        generation: i64,
        (member, kind): (&str, MemberKind),
    ) -> Result<bool> {
        let tenant = self.tenant().as_str().to_owned();
        let touched =
            add_statement(&tenant, group, generation, member, kind).execute(self.conn())?;
        Ok(touched == 1)
    }

    /// Removes a member; returns what it was, `None` when it was none.
    pub fn delete_membership(
        &mut self,
        group: &str,
        generation: i64,
        member: &str,
    ) -> Result<Option<MemberKind>> {
        let query = delete_statement(self.tenant().as_str(), group, generation, member);
        let word: Option<String> = query.query::<Text>().get_result(self.conn()).optional()?;
        Ok(word.as_deref().map(MemberKind::stored))
    }

    /// Adds members, at most some hundred; those who are in stay.
    pub fn create_memberships(
        &mut self,
        group: &str,
        generation: i64,
        members: &[Member],
    ) -> Result<()> {
        if members.is_empty() {
            return Ok(());
        }
        let tenant = self.tenant().as_str().to_owned();
        let mut insert = Frag::sql(
            "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) VALUES ",
        );
        for (i, (member, kind)) in members.iter().enumerate() {
            insert = insert
                .push(if i == 0 { "(" } else { ", (" })
                .text(&tenant)
                .push(", ")
                .text(group)
                .push(", ")
                .int(generation)
                .push(", ")
                .text(member)
                .push(&format!(", '{}')", kind.as_str()));
        }
        insert
            .push(" ON CONFLICT DO NOTHING")
            .free_shape()
            .execute(self.conn())?;
        Ok(())
    }

    /// Removes members, at most some hundred.
    pub fn delete_memberships(
        &mut self,
        group: &str,
        generation: i64,
        members: &[String],
    ) -> Result<()> {
        let (conn, tenant) = self.parts();
        let of_group = memberships::tenant
            .eq(tenant)
            .and(memberships::group_id.eq(group));
        let these = memberships::generation
            .eq(generation)
            .and(memberships::user_id.eq_any(members));
        diesel::delete(memberships::table.filter(of_group).filter(these)).execute(conn)?;
        Ok(())
    }

    /// Removes a person or group from generations that a connection is preparing, or anybody.
    pub fn delete_prepared_memberships(
        &mut self,
        (member, kind): &Member,
        prepared_by: Option<&str>,
    ) -> Result<()> {
        let (conn, tenant) = self.parts();
        let job = member_jobs::tenant
            .eq(memberships::tenant)
            .and(member_jobs::group_id.eq(memberships::group_id))
            .and(member_jobs::generation.eq(memberships::generation));
        let all = memberships::table
            .inner_join(member_jobs::table.on(job))
            .filter(memberships::tenant.eq(tenant))
            .filter(memberships::user_id.eq(member))
            .filter(memberships::member_type.eq(kind.as_str()))
            .filter(member_jobs::state.eq(state::PREPARING))
            .select((memberships::group_id, memberships::generation));
        let prepared: Vec<(String, i64)> = match prepared_by {
            Some(connection) => all
                .filter(member_jobs::connection_id.eq(connection))
                .load(conn)?,
            None => all.load(conn)?,
        };
        for (group, generation) in prepared {
            self.delete_membership(&group, generation, member)?;
        }
        Ok(())
    }

    /// Those who are in one generation and not in another, after an id, at most `limit`, in order.
    pub fn list_only_in(
        &mut self,
        group: &str,
        (generation, other): (i64, i64),
        after: &str,
        limit: i64,
    ) -> Result<Vec<Member>> {
        let query = only_in_query(
            self.tenant().as_str(),
            group,
            (generation, other),
            after,
            limit,
        );
        Ok(members(query.query::<(Text, Text)>().load(self.conn())?))
    }

    /// The members, whoever sees them, at most `limit`, in order of their ids.
    pub fn list_all_members(
        &mut self,
        group: &str,
        generation: i64,
        limit: i64,
    ) -> Result<Vec<Member>> {
        let (conn, tenant) = self.parts();
        let rows = memberships::table
            .filter(
                memberships::tenant
                    .eq(tenant)
                    .and(memberships::group_id.eq(group)),
            )
            .filter(memberships::generation.eq(generation))
            .select((memberships::user_id, memberships::member_type))
            .order(memberships::user_id)
            .limit(limit)
            .load(conn)?;
        Ok(members(rows))
    }

    /// Groups that a person or group is in directly, at most `limit`; with `managed_by` only those of this connection.
    pub fn list_group_rows_of(
        &mut self,
        (member, kind): &Member,
        managed_by: Option<&str>,
        limit: i64,
    ) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        let is_current = groups::tenant
            .eq(memberships::tenant)
            .and(groups::id.eq(memberships::group_id))
            .and(groups::generation.eq(memberships::generation));
        let all = memberships::table
            .inner_join(groups::table.on(is_current))
            .filter(memberships::tenant.eq(tenant))
            .filter(memberships::user_id.eq(member))
            .filter(memberships::member_type.eq(kind.as_str()))
            .select(groups::all_columns)
            .order(memberships::group_id)
            .limit(limit);
        let rows = match managed_by {
            Some(connection) => all.filter(groups::managed_by.eq(connection)).load(conn)?,
            None => all.load(conn)?,
        };
        Ok(rows)
    }
}

/// The statement that adds one member: also what the plan tests look at.
pub fn add_statement(
    tenant: &str,
    group: &str,
    generation: i64,
    member: &str,
    kind: MemberKind,
) -> Frag {
    Frag::sql(
        "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) VALUES (",
    )
    .text(tenant)
    .push(", ")
    .text(group)
    .push(", ")
    .int(generation)
    .push(", ")
    .text(member)
    .push(", ")
    .text(kind.as_str())
    .push(") ON CONFLICT DO NOTHING")
}

fn delete_statement(tenant: &str, group: &str, generation: i64, member: &str) -> Frag {
    Frag::sql("DELETE FROM memberships WHERE tenant = ")
        .text(tenant)
        .push(" AND group_id = ")
        .text(group)
        .push(" AND generation = ")
        .int(generation)
        .push(" AND user_id = ")
        .text(member)
        .push(" RETURNING member_type")
}

/// The statement that compares two generations: also what the plan tests look at.
pub fn only_in_query(
    tenant: &str,
    group: &str,
    (generation, other): (i64, i64),
    after: &str,
    limit: i64,
) -> Frag {
    Frag::sql("SELECT m.user_id, m.member_type FROM memberships m WHERE m.tenant = ")
        .text(tenant)
        .push(" AND m.group_id = ")
        .text(group)
        .push(" AND m.generation = ")
        .int(generation)
        .push(" AND m.user_id > ")
        .text(after)
        // A look-up for each, by the whole key. As NOT EXISTS, PostgreSQL, which has no statistics of a generation so
        // young, takes it for a join of one row with one and compares everybody with everybody.
        .push(
            " AND (SELECT count(*) FROM memberships o WHERE o.tenant = m.tenant \
             AND o.group_id = m.group_id AND o.user_id = m.user_id AND o.generation = ",
        )
        .int(other)
        .push(&format!(") = 0 ORDER BY m.user_id LIMIT {limit}"))
}
