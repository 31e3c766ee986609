//! Groups as members of groups (RFC 7643 §4.1.2, §4.2). Whoever is in a group is in each group around it, too. Both
//! directions are one recursive query each; `UNION` keeps a row once, so that it ends whatever is stored. What a step
//! finds next is looked up by the rows of the last one, the tenant included, and `CROSS JOIN` fixes the order: either
//! planner would otherwise begin with all memberships of the tenant.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::dialect::Frag;
use super::error::Result;
use super::scope::Scope;
use super::view::{View, sees_group};

/// `m` is a membership in force of `g`.
const IN_FORCE: &str =
    "\"groups\" g ON g.tenant = m.tenant AND g.id = m.group_id AND g.generation = m.generation";

/// A list of bound values in brackets.
fn list(ids: &[String]) -> Frag {
    let mut frag = Frag::sql("(");
    for (i, id) in ids.iter().enumerate() {
        frag = frag.push(if i == 0 { "" } else { ", " }).text(id.as_str());
    }
    frag.push(")")
}

/// Groups around those whom `of` names, a condition on memberships `m`: rows of member, id, name and `direct` or
/// `indirect`, each group once; who is in it directly, too, is in it directly. Only groups that the reader sees are
/// passed on the way. `name` is the column of groups that is wanted.
pub(super) fn groups_around(view: &View, name: &str, of: &Frag) -> Frag {
    let seen = sees_group(view, "g");
    Frag::sql(format!(
        "WITH RECURSIVE a(tenant, member, id, name, direct) AS (SELECT m.tenant, m.user_id, g.id, g.{name}, 1 \
         FROM memberships m JOIN {IN_FORCE} WHERE "
    ))
    .frag(of)
    .push(" AND ")
    .frag(&seen)
    .push(&format!(
        " UNION SELECT a.tenant, a.member, g.id, g.{name}, 0 FROM a CROSS JOIN memberships m JOIN {IN_FORCE} \
         WHERE m.tenant = a.tenant AND m.user_id = a.id AND m.member_type = 'Group' AND "
    ))
    .frag(&seen)
    .push(
        ") SELECT member, id, name, CASE max(direct) WHEN 1 THEN 'direct' ELSE 'indirect' END AS type FROM a \
         GROUP BY member, id, name",
    )
}

/// Ids of all who are in a group, directly or by way of groups that the reader sees. Between the two parts stands which
/// groups these are, as a comparison of their ids.
pub(super) fn members_below(view: &View, tenant: &str) -> (Frag, Frag) {
    let seen = sees_group(view, "g");
    let before = Frag::sql(
        "SELECT x.id FROM (WITH RECURSIVE b(tenant, id, generation) AS (SELECT g.tenant, g.id, g.generation \
         FROM \"groups\" g WHERE ",
    )
    .frag(&seen)
    .push(" AND g.tenant = ")
    .text(tenant)
    .push(" AND g.id");
    let is_in = "m.tenant = b.tenant AND m.group_id = b.id AND m.generation = b.generation";
    let after = Frag::sql(format!(
        " UNION SELECT g.tenant, g.id, g.generation FROM b CROSS JOIN memberships m JOIN \"groups\" g \
         ON g.tenant = m.tenant AND g.id = m.user_id WHERE {is_in} AND m.member_type = 'Group' AND "
    ))
    .frag(&seen)
    .push(&format!(
        ") SELECT m.user_id AS id FROM b CROSS JOIN memberships m WHERE {is_in}) x"
    ));
    (before, after)
}

/// The statement that follows a group upward: also what the plan tests look at.
pub fn around_query(tenant: &str, group: &str, levels: i64) -> Frag {
    Frag::sql(format!(
        "WITH RECURSIVE a(tenant, id, level) AS (SELECT m.tenant, g.id, CAST(1 AS BIGINT) FROM memberships m \
         JOIN {IN_FORCE} WHERE m.member_type = 'Group' AND m.tenant = "
    ))
    .text(tenant)
    .push(" AND m.user_id = ")
    .text(group)
    .push(&format!(
        " UNION SELECT m.tenant, g.id, a.level + 1 FROM a CROSS JOIN memberships m JOIN {IN_FORCE} \
         WHERE m.member_type = 'Group' AND m.tenant = a.tenant AND m.user_id = a.id AND a.level < "
    ))
    .int(levels)
    .push(") SELECT id, max(level) FROM a GROUP BY id")
}

/// The statement that follows groups downward.
pub fn levels_query(tenant: &str, groups: &[String], levels: i64) -> Frag {
    let nested = format!("JOIN {IN_FORCE} WHERE m.member_type = 'Group' AND m.tenant = ");
    Frag::sql(format!(
        "WITH RECURSIVE b(tenant, id, level) AS (SELECT m.tenant, m.user_id, CAST(1 AS BIGINT) \
         FROM memberships m {nested}"
    ))
    .text(tenant)
    .push(" AND m.group_id IN ")
    .frag(&list(groups))
    .push(&format!(
        " UNION SELECT m.tenant, m.user_id, b.level + 1 FROM b CROSS JOIN memberships m {nested}b.tenant \
         AND m.group_id = b.id AND b.level < "
    ))
    .int(levels)
    .push(") SELECT COALESCE(max(level), 0) FROM b")
    .free_shape()
}

impl Scope<'_> {
    /// Groups that a group is in, each with the longest way to it: 1 where it is in it directly. No way is followed
    /// further than so many levels.
    pub fn list_groups_around(
        &mut self,
        group: &str,
        levels: i64,
    ) -> Result<BTreeMap<String, i64>> {
        let query = around_query(self.tenant().as_str(), group, levels);
        let rows: Vec<(String, i64)> = query.query::<(Text, BigInt)>().load(self.conn())?;
        Ok(rows.into_iter().collect())
    }

    /// How many levels of groups are in these groups, as far as they are followed.
    pub fn count_levels_below(&mut self, groups: &[String], levels: i64) -> Result<i64> {
        let mut deepest = 0;
        for chunk in groups.chunks(200) {
            let query = levels_query(self.tenant().as_str(), chunk, levels);
            deepest = deepest.max(query.query::<BigInt>().get_result(self.conn())?);
        }
        Ok(deepest)
    }

    /// Which of these ids are groups that a connection sees.
    pub fn list_visible_groups(&mut self, connection: &str, ids: &[String]) -> Result<Vec<String>> {
        let seen = sees_group(&View::Connection(connection.to_owned()), "g");
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let query = Frag::sql("SELECT g.id FROM \"groups\" g WHERE g.tenant = ")
                .text(self.tenant().as_str())
                .push(" AND ")
                .frag(&seen)
                .push(" AND g.id IN ")
                .frag(&list(chunk))
                .free_shape();
            let rows: Vec<String> = query.query::<Text>().load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Groups that are in one generation of a group and not in another.
    pub fn list_groups_only_in(
        &mut self,
        group: &str,
        (generation, other): (i64, i64),
    ) -> Result<Vec<String>> {
        let query = Frag::sql(
            "SELECT m.user_id FROM memberships m WHERE m.member_type = 'Group' AND m.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND m.group_id = ")
        .text(group)
        .push(" AND m.generation = ")
        .int(generation)
        .push(
            " AND (SELECT count(*) FROM memberships o WHERE o.tenant = m.tenant \
                 AND o.group_id = m.group_id AND o.user_id = m.user_id AND o.generation = ",
        )
        .int(other)
        .push(") = 0 ORDER BY m.user_id");
        Ok(query.query::<Text>().load(self.conn())?)
    }
}
