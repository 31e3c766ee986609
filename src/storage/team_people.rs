//! Who is in teams, and who might be: people of the connection that feeds them, and those who are in none.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::dialect::Frag;
use super::error::Result;
use super::scope::Scope;
use super::view::in_force;
use crate::scim::schema::ENTERPRISE;

/// Somebody as the feeding connection brings her.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct FedPerson {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
    /// Department, where it was asked for.
    pub department: Option<String>,
    /// Whom the connection names as her manager.
    pub manager: Option<String>,
    /// It names somebody whom it does not bring.
    pub is_managed_outside: bool,
    /// Access word.
    pub access: String,
    /// The app lets her in.
    pub has_access: bool,
}

type FedSql = (Text, Text, Nullable<Text>, Nullable<Text>, Bool, Text, Bool);

/// The name of somebody.
const NAME: &str = "COALESCE(u.display_name, u.user_name)";
/// In the source, as far as teams go.
const LIVE: &str = "c.state IN ('live', 'parked')";

impl Scope<'_> {
    fn fed(&mut self, connection: &str, with_department: bool) -> Frag {
        let department = match with_department {
            true => self
                .dialect()
                .json_text("u.doc", &[ENTERPRISE, "department"]),
            false => "NULL".to_owned(),
        };
        // A source that says nothing of managers has none for her, whatever others say.
        Frag::sql(format!(
            "SELECT u.id, {NAME}, {department}, CASE WHEN c.asserted IS NULL OR c.asserted LIKE '%:User:manager%' \
             THEN CASE WHEN c.view_doc IS NULL THEN u.manager_id ELSE c.manager_id END END, \
             EXISTS (SELECT 1 FROM links l WHERE l.tenant = c.tenant AND l.user_id = c.user_id \
             AND l.connection_id = c.connection_id AND l.digest LIKE '% unmanaged'), u.access, u.has_access \
             FROM claims c JOIN users u ON u.tenant = c.tenant AND u.id = c.user_id WHERE u.removed_at IS NULL AND c.tenant = "
        ))
        .text(self.tenant().as_str())
        .push(" AND c.connection_id = ")
        .text(connection)
    }

    /// Everybody whom a connection brings.
    pub fn list_fed(&mut self, connection: &str, with_department: bool) -> Result<Vec<FedPerson>> {
        let query = self
            .fed(connection, with_department)
            .push(&format!(" AND {LIVE}"));
        Ok(query.query::<FedSql>().load(self.conn())?)
    }

    /// Those of these people whom a connection brought once and brings no more.
    pub fn list_gone(&mut self, connection: &str, ids: &[String]) -> Result<Vec<FedPerson>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let mut query = self
                .fed(connection, false)
                .push(" AND c.state = 'ended' AND c.user_id IN (");
            for (i, id) in chunk.iter().enumerate() {
                query = query.push(if i == 0 { "" } else { ", " }).text(id.as_str());
            }
            let rows: Vec<FedPerson> = query
                .push(")")
                .free_shape()
                .query::<FedSql>()
                .load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// People with access or an invitation whom a connection does not bring: id and name, by ids.
    pub fn list_unfed(&mut self, connection: &str) -> Result<Vec<(String, String)>> {
        let query = Frag::sql(format!("SELECT u.id, {NAME} FROM users u WHERE u.tenant = "))
            .text(self.tenant().as_str())
            .push(
                " AND u.removed_at IS NULL AND u.access IN ('granted', 'invited') AND NOT EXISTS (SELECT 1 FROM claims c \
                 WHERE c.tenant = u.tenant AND c.user_id = u.id AND c.connection_id = ",
            )
            .text(connection)
            .push(&format!(" AND {LIVE}) ORDER BY u.id"));
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }

    /// People with access or an invitation who are in no team, after an id: id and name.
    pub fn list_teamless(&mut self, after: &str, limit: i64) -> Result<Vec<(String, String)>> {
        let query = teamless_query(self.tenant().as_str(), &format!("u.id, {NAME}"))
            .push(" AND u.id > ")
            .text(after)
            .push(" ORDER BY u.id LIMIT ")
            .int(limit);
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }

    /// Those of these people whom a connection brings.
    pub fn list_fed_among(&mut self, connection: &str, ids: &[String]) -> Result<Vec<FedPerson>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let mut query = self
                .fed(connection, false)
                .push(&format!(" AND {LIVE} AND c.user_id IN ("));
            for (i, id) in chunk.iter().enumerate() {
                query = query.push(if i == 0 { "" } else { ", " }).text(id.as_str());
            }
            let rows: Vec<FedPerson> = query
                .push(")")
                .free_shape()
                .query::<FedSql>()
                .load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Those of these people who lead a team in force, with its name.
    pub fn list_led_teams(&mut self, ids: &[String]) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let mut query = Frag::sql(
                "SELECT s.manager_id, g.display_name FROM synced_teams s JOIN \"groups\" g ON g.tenant = s.tenant \
                 AND g.id = s.group_id WHERE ",
            )
            .frag(&in_force("g"))
            .push(" AND s.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND s.manager_id IN (");
            for (i, id) in chunk.iter().enumerate() {
                query = query.push(if i == 0 { "" } else { ", " }).text(id.as_str());
            }
            let rows: Vec<(String, String)> = query
                .push(")")
                .free_shape()
                .query::<(Text, Text)>()
                .load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Names of people, by ids.
    pub fn list_names(&mut self, ids: &[String]) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let mut query = Frag::sql(format!(
                "SELECT u.id, {NAME} FROM users u WHERE u.tenant = "
            ))
            .text(self.tenant().as_str())
            .push(" AND u.id IN (");
            for (i, id) in chunk.iter().enumerate() {
                query = query.push(if i == 0 { "" } else { ", " }).text(id.as_str());
            }
            let rows: Vec<(String, String)> = query
                .push(")")
                .free_shape()
                .query::<(Text, Text)>()
                .load(self.conn())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// When people changed first and last after an entry of the journal.
    pub fn find_news_of_people(&mut self, after: i64) -> Result<Option<(i64, i64)>> {
        let query = Frag::sql("SELECT min(at), max(at) FROM journal WHERE tenant = ")
            .text(self.tenant().as_str())
            .push(" AND sequence > ")
            .int(after)
            .push(" AND subject_kind = 'user'");
        let (first, last): (Option<i64>, Option<i64>) = query
            .query::<(Nullable<BigInt>, Nullable<BigInt>)>()
            .get_result(self.conn())?;
        Ok(first.zip(last))
    }
}

/// The statement of who is in no team.
pub fn teamless_query(tenant: &str, columns: &str) -> Frag {
    Frag::sql(format!("SELECT {columns} FROM users u WHERE u.tenant = "))
        .text(tenant)
        .push(
            " AND u.removed_at IS NULL AND u.access IN ('granted', 'invited') AND NOT EXISTS (SELECT 1 FROM memberships m \
             JOIN \"groups\" g ON g.tenant = m.tenant AND g.id = m.group_id AND g.generation = m.generation \
             WHERE m.tenant = u.tenant AND m.user_id = u.id AND g.kind = 'team' AND ",
        )
        .frag(&in_force("g"))
        .push(")")
}
