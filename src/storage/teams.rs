//! Rows of team sync: what a tenant's is like, the teams that it made, those that it replaced, what it found.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::error::Result;
use super::groups::GroupRow;
use super::schema::{groups, kept_people, kept_teams, synced_teams, team_findings, team_syncs};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use super::view::in_force;
use crate::domain::clock::Millis;

/// Team sync of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = team_syncs, primary_key(tenant), treat_none_as_null = true)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct TeamSyncRow {
    pub tenant: String,
    pub connection_id: String,
    pub state: String,
    pub language: String,
    pub templates: String,
    pub team_set: i64,
    pub revision: i64,
    pub job: Option<String>,
    /// Of the job; where none is under way: why the last one was given up.
    pub stage: Option<String>,
    pub member_cursor: Option<String>,
    pub actor_kind: Option<String>,
    pub actor_id: Option<String>,
    pub cause_kind: Option<String>,
    pub cause_id: Option<String>,
    pub touched_at: i64,
    pub seen: i64,
    pub counts: Option<String>,
    pub completed_at: Option<i64>,
    pub completed_by_kind: Option<String>,
    pub completed_by_id: Option<String>,
    pub stopped_at: Option<i64>,
    pub kept_at: Option<i64>,
}

/// A team that team sync made.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = synced_teams, primary_key(tenant, group_id), treat_none_as_null = true)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct SyncedTeamRow {
    pub tenant: String,
    pub group_id: String,
    pub manager_id: String,
    pub parent_id: Option<String>,
    pub is_renamed: bool,
}

/// A team that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = kept_teams)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct KeptTeamRow {
    pub tenant: String,
    pub group_id: String,
    pub name: String,
    pub managed_by: Option<String>,
    pub created_by: Option<String>,
    pub external_id: Option<String>,
    pub created_at: i64,
}

/// A person whom a finding names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Queryable, Insertable)]
#[diesel(table_name = team_findings)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct FindingRow {
    pub tenant: String,
    pub code: String,
    pub key: String,
    pub ordinal: i64,
    pub subject: String,
    pub since: i64,
}

/// A team with what team sync knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct TeamRow {
    pub id: String,
    pub name: String,
    pub managed_by: Option<String>,
    pub external_id: Option<String>,
    pub generation: i64,
    pub version: i64,
    pub manager_id: Option<String>,
    pub parent_id: Option<String>,
    pub is_renamed: Option<bool>,
    pub members: i64,
}

type TeamSql = (
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Bool>,
    BigInt,
);

const TEAM: &str = "SELECT g.id, g.display_name, g.managed_by, g.external_id, g.generation, g.version, s.manager_id, s.parent_id, \
     s.is_renamed, (SELECT count(*) FROM memberships m WHERE m.tenant = g.tenant AND m.group_id = g.id \
     AND m.generation = g.generation) FROM \"groups\" g LEFT JOIN synced_teams s ON s.tenant = g.tenant AND s.group_id = g.id \
     WHERE g.kind = 'team' AND ";

/// Tenants whose team sync is on, with how far it has seen the journal and how far that goes.
pub fn list_feeding(conn: &mut AnyConnection) -> Result<Vec<(String, i64, i64)>> {
    let query = Frag::sql(
        "SELECT t.tenant, t.seen, h.sequence FROM team_syncs t JOIN heads h ON h.tenant = t.tenant \
         WHERE t.state = 'on' AND t.job IS NULL AND h.sequence > t.seen \
         AND t.tenant NOT IN (SELECT id FROM tenants WHERE state IN ('deleted', 'deleting'))",
    );
    Ok(query.query::<(Text, BigInt, BigInt)>().load(conn)?)
}

/// Tenants whose job had no step since this moment.
pub fn list_team_jobs(conn: &mut AnyConnection, before: Millis) -> Result<Vec<TeamSyncRow>> {
    Ok(team_syncs::table
        .filter(
            team_syncs::job
                .is_not_null()
                .and(team_syncs::touched_at.lt(before.0)),
        )
        .filter(of_open_tenants())
        .order(team_syncs::touched_at)
        .load(conn)?)
}

impl Scope<'_> {
    /// Team sync, if it was ever set up.
    pub fn find_team_sync(&mut self) -> Result<Option<TeamSyncRow>> {
        let (conn, tenant) = self.parts();
        Ok(team_syncs::table.find(tenant).get_result(conn).optional()?)
    }

    /// Stores team sync in the place of what was known of it.
    pub fn put_team_sync(&mut self, row: &TeamSyncRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let touched = diesel::update(team_syncs::table.find(tenant))
            .set(row)
            .execute(conn)?;
        if touched == 0 {
            diesel::insert_into(team_syncs::table)
                .values(row.clone())
                .execute(conn)?;
        }
        Ok(())
    }

    /// A team that team sync made.
    pub fn find_synced_team(&mut self, id: &str) -> Result<Option<SyncedTeamRow>> {
        let (conn, tenant) = self.parts();
        Ok(synced_teams::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// Teams in force that team sync made, with their names, by ids.
    pub fn list_synced_teams(&mut self) -> Result<Vec<(SyncedTeamRow, String)>> {
        let query = Frag::sql(
            "SELECT s.tenant, s.group_id, s.manager_id, s.parent_id, s.is_renamed, g.display_name FROM synced_teams s \
             JOIN \"groups\" g ON g.tenant = s.tenant AND g.id = s.group_id WHERE s.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND ")
        .frag(&in_force("g"))
        .push(" ORDER BY s.group_id");
        let rows: Vec<(String, String, String, Option<String>, bool, String)> = query
            .query::<(Text, Text, Text, Nullable<Text>, Bool, Text)>()
            .load(self.conn())?;
        let each = rows.into_iter().map(|row| {
            let (tenant, group_id, manager_id, parent_id, is_renamed, name) = row;
            let team = SyncedTeamRow {
                tenant,
                group_id,
                manager_id,
                parent_id,
                is_renamed,
            };
            (team, name)
        });
        Ok(each.collect())
    }

    /// Team and member of all teams in force that team sync made.
    pub fn list_synced_members(&mut self) -> Result<Vec<(String, String)>> {
        let query = Frag::sql(
            "SELECT s.group_id, m.user_id FROM synced_teams s \
             JOIN \"groups\" g ON g.tenant = s.tenant AND g.id = s.group_id \
             JOIN memberships m ON m.tenant = g.tenant AND m.group_id = g.id AND m.generation = g.generation \
             WHERE s.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND ")
        .frag(&in_force("g"));
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }

    /// Stores a team of team sync.
    pub fn put_synced_team(&mut self, row: &SyncedTeamRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let touched = diesel::update(synced_teams::table.find((tenant, &row.group_id)))
            .set(row)
            .execute(conn)?;
        if touched == 0 {
            diesel::insert_into(synced_teams::table)
                .values(row.clone())
                .execute(conn)?;
        }
        Ok(())
    }

    /// A team is none of team sync any more.
    pub fn delete_synced_team(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(synced_teams::table.find((tenant, id))).execute(conn)?;
        Ok(())
    }

    /// Teams of one set, by ids, at most `limit`.
    pub fn list_teams_of_set(&mut self, set: i64, limit: i64) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        Ok(groups::table
            .filter(groups::tenant.eq(tenant).and(groups::kind.eq("team")))
            .filter(groups::team_set.eq(set))
            .order(groups::id)
            .limit(limit)
            .load(conn)?)
    }

    /// Teams in force that end with no set, at most `limit`: all, or those that team sync made.
    pub fn list_unmarked_teams(&mut self, only_synced: bool, limit: i64) -> Result<Vec<GroupRow>> {
        let (conn, tenant) = self.parts();
        let teams = groups::table
            .filter(groups::tenant.eq(tenant).and(groups::kind.eq("team")))
            .filter(groups::team_set.is_null())
            .order(groups::id)
            .limit(limit);
        let made = synced_teams::table
            .filter(synced_teams::tenant.eq(groups::tenant))
            .filter(synced_teams::group_id.eq(groups::id));
        Ok(match only_synced {
            true => teams.filter(diesel::dsl::exists(made)).load(conn)?,
            false => teams.load(conn)?,
        })
    }

    /// Members of a group after an id, at most `limit`, in order of their ids.
    pub fn list_members_after(
        &mut self,
        group: &str,
        generation: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let query = Frag::sql("SELECT m.user_id FROM memberships m WHERE m.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND m.group_id = ")
            .text(group)
            .push(" AND m.generation = ")
            .int(generation)
            .push(" AND m.user_id > ")
            .text(after)
            .push(" ORDER BY m.user_id LIMIT ")
            .int(limit);
        Ok(query.query::<Text>().load(self.conn())?)
    }

    /// How many teams are of a set, and how many of those the app manages.
    pub fn count_teams_of_set(&mut self, set: i64) -> Result<(i64, i64)> {
        let query = Frag::sql(
            "SELECT count(*), count(CASE WHEN g.managed_by = 'app' THEN 1 END) FROM \"groups\" g WHERE g.kind = 'team' \
             AND g.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND g.team_set = ")
        .int(set);
        Ok(query.query::<(BigInt, BigInt)>().get_result(self.conn())?)
    }

    /// Teams in force after an id, by ids.
    pub fn list_teams(&mut self, after: &str, limit: i64) -> Result<Vec<TeamRow>> {
        let query = Frag::sql(TEAM)
            .frag(&in_force("g"))
            .push(" AND g.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND g.id > ")
            .text(after)
            .push(" ORDER BY g.id LIMIT ")
            .int(limit);
        Ok(query.query::<TeamSql>().load(self.conn())?)
    }

    /// A team in force.
    pub fn find_team(&mut self, id: &str) -> Result<Option<TeamRow>> {
        let query = Frag::sql(TEAM)
            .frag(&in_force("g"))
            .push(" AND g.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND g.id = ")
            .text(id);
        Ok(query
            .query::<TeamSql>()
            .get_result(self.conn())
            .optional()?)
    }

    /// Teams in force that somebody is in.
    pub fn list_teams_of(&mut self, user: &str) -> Result<Vec<TeamRow>> {
        let query = Frag::sql(TEAM)
            .frag(&in_force("g"))
            .push(
                " AND EXISTS (SELECT 1 FROM memberships m WHERE m.tenant = g.tenant AND m.group_id = g.id \
                 AND m.generation = g.generation AND m.user_id = ",
            )
            .text(user)
            .push(") AND g.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND g.id IN (SELECT m.group_id FROM memberships m WHERE m.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND m.user_id = ")
            .text(user)
            .push(") ORDER BY g.id");
        Ok(query.query::<TeamSql>().load(self.conn())?)
    }

    /// Team and reviewer of all teams.
    pub fn list_all_reviewers(&mut self) -> Result<Vec<(String, String)>> {
        let query = Frag::sql("SELECT r.group_id, r.user_id FROM reviewers r WHERE r.tenant = ")
            .text(self.tenant().as_str())
            .push(" ORDER BY r.group_id, r.user_id");
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }
}

impl Scope<'_> {
    /// Keeps a team that is replaced; once is enough.
    pub fn create_kept_team(&mut self, row: &KeptTeamRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let known: i64 = kept_teams::table
            .find((tenant, &row.group_id))
            .count()
            .get_result(conn)?;
        if known == 0 {
            diesel::insert_into(kept_teams::table)
                .values(row.clone())
                .execute(conn)?;
        }
        Ok(())
    }

    /// Keeps who was in a team, or reviewed it; at most some hundred.
    pub fn create_kept_people(
        &mut self,
        team: &str,
        is_reviewer: bool,
        users: &[String],
    ) -> Result<()> {
        let tenant = self.tenant().as_str().to_owned();
        for user in users {
            Frag::sql("INSERT INTO kept_people (tenant, group_id, is_reviewer, user_id) VALUES (")
                .text(tenant.as_str())
                .push(", ")
                .text(team)
                .push(", ")
                .bool(is_reviewer)
                .push(", ")
                .text(user.as_str())
                .push(") ON CONFLICT DO NOTHING")
                .execute(self.conn())?;
        }
        Ok(())
    }

    /// Teams that are kept, after an id.
    pub fn list_kept_teams(&mut self, after: &str, limit: i64) -> Result<Vec<KeptTeamRow>> {
        let (conn, tenant) = self.parts();
        Ok(kept_teams::table
            .filter(
                kept_teams::tenant
                    .eq(tenant)
                    .and(kept_teams::group_id.gt(after)),
            )
            .order(kept_teams::group_id)
            .limit(limit)
            .load(conn)?)
    }

    /// How many teams are kept.
    pub fn count_kept_teams(&mut self) -> Result<i64> {
        let (conn, tenant) = self.parts();
        Ok(kept_teams::table
            .filter(kept_teams::tenant.eq(tenant))
            .count()
            .get_result(conn)?)
    }

    /// Who was in teams that are kept, or reviewed them: team, whether she reviewed it, and who she is now, of those who
    /// have access or an invitation still.
    pub fn list_kept_people(&mut self) -> Result<Vec<(String, bool, String)>> {
        let query = Frag::sql(
            "SELECT DISTINCT k.group_id, k.is_reviewer, u.id FROM kept_people k \
             JOIN users o ON o.tenant = k.tenant AND o.id = k.user_id \
             JOIN users u ON u.tenant = k.tenant AND u.id = COALESCE(o.merged_into, o.id) WHERE k.tenant = ",
        )
        .text(self.tenant().as_str())
        .push(" AND u.removed_at IS NULL AND u.access IN ('granted', 'invited') ORDER BY k.group_id, k.is_reviewer, u.id");
        Ok(query.query::<(Text, Bool, Text)>().load(self.conn())?)
    }

    /// Forgets some of what is kept; how many rows.
    pub fn delete_kept(&mut self, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let people: Vec<(String, bool, String)> = kept_people::table
            .filter(kept_people::tenant.eq(tenant))
            .select((
                kept_people::group_id,
                kept_people::is_reviewer,
                kept_people::user_id,
            ))
            .limit(limit)
            .load(conn)?;
        for (group, is_reviewer, user) in &people {
            diesel::delete(kept_people::table.find((tenant, group, *is_reviewer, user)))
                .execute(conn)?;
        }
        if !people.is_empty() {
            return Ok(people.len());
        }
        let teams: Vec<String> = kept_teams::table
            .filter(kept_teams::tenant.eq(tenant))
            .select(kept_teams::group_id)
            .limit(limit)
            .load(conn)?;
        let these = kept_teams::tenant
            .eq(tenant)
            .and(kept_teams::group_id.eq_any(&teams));
        Ok(diesel::delete(kept_teams::table.filter(these)).execute(conn)?)
    }

    /// What the last build found, in the order of codes.
    pub fn list_team_findings(&mut self) -> Result<Vec<FindingRow>> {
        let (conn, tenant) = self.parts();
        Ok(team_findings::table
            .filter(team_findings::tenant.eq(tenant))
            .order((
                team_findings::code,
                team_findings::key,
                team_findings::ordinal,
            ))
            .load(conn)?)
    }

    /// The same of at most so many findings after one of them, each with everybody whom it names.
    pub fn list_team_findings_after(
        &mut self,
        (code, key): (&str, &str),
        limit: i64,
    ) -> Result<Vec<FindingRow>> {
        let (conn, tenant) = self.parts();
        let later = team_findings::code
            .gt(code)
            .or(team_findings::code.eq(code).and(team_findings::key.gt(key)));
        let rows = team_findings::table.filter(team_findings::tenant.eq(tenant));
        let page: Vec<(String, String)> = rows
            .filter(later)
            .select((team_findings::code, team_findings::key))
            .distinct()
            .order((team_findings::code, team_findings::key))
            .limit(limit)
            .load(conn)?;
        let Some((code, key)) = page.last() else {
            return Ok(Vec::new());
        };
        let not_behind = team_findings::code
            .lt(code)
            .or(team_findings::code.eq(code).and(team_findings::key.le(key)));
        Ok(rows
            .filter(later)
            .filter(not_behind)
            .order((
                team_findings::code,
                team_findings::key,
                team_findings::ordinal,
            ))
            .load(conn)?)
    }

    /// How many teams team sync keeps.
    pub fn count_synced_teams(&mut self) -> Result<i64> {
        let (conn, tenant) = self.parts();
        Ok(synced_teams::table
            .filter(synced_teams::tenant.eq(tenant))
            .count()
            .get_result(conn)?)
    }

    /// Stores what was found.
    pub fn create_team_finding(&mut self, row: &FindingRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(team_findings::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Forgets what is found no more.
    pub fn delete_team_finding(&mut self, row: &FindingRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        let key = (tenant, &row.code, &row.key, row.ordinal);
        diesel::delete(team_findings::table.find(key)).execute(conn)?;
        Ok(())
    }
}
