//! Rows of the app's imports, and of who reviews its teams.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::dialect::{Frag, each};
use super::error::Result;
use super::schema::{app_imports, app_seen, reviewers};
use super::scope::Scope;
use super::view::in_force;

/// How far an import came.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = app_imports, primary_key(tenant, id))]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ImportRow {
    pub tenant: String,
    pub id: String,
    pub kind: String,
    pub mode: String,
    pub state: String,
    pub lines: i64,
    pub failed: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl Scope<'_> {
    /// The import with this id.
    pub fn find_import(&mut self, id: &str) -> Result<Option<ImportRow>> {
        let (conn, tenant) = self.parts();
        Ok(app_imports::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// All imports that are kept.
    pub fn list_imports(&mut self) -> Result<Vec<ImportRow>> {
        let (conn, tenant) = self.parts();
        Ok(app_imports::table
            .filter(app_imports::tenant.eq(tenant))
            .order((app_imports::created_at, app_imports::id))
            .load(conn)?)
    }

    /// Stores an import in the place of what was known of it.
    pub fn put_import(&mut self, row: &ImportRow) -> Result<()> {
        self.delete_import(&row.id)?;
        let (conn, _) = self.parts();
        diesel::insert_into(app_imports::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Forgets an import.
    pub fn delete_import(&mut self, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(app_imports::table.find((tenant, id))).execute(conn)?;
        Ok(())
    }

    /// Which of these an import has named, and on which line; at most some hundred.
    pub fn list_seen(&mut self, import: &str, items: &[String]) -> Result<Vec<(String, i64)>> {
        let (conn, tenant) = self.parts();
        Ok(app_seen::table
            .filter(
                app_seen::tenant
                    .eq(tenant)
                    .and(app_seen::import_id.eq(import)),
            )
            .filter(app_seen::item.eq_any(items))
            .select((app_seen::item, app_seen::line))
            .load(conn)?)
    }

    /// Notes that an import has named somebody.
    pub fn create_seen(&mut self, import: &str, item: &str, line: i64) -> Result<()> {
        let tenant = self.tenant().as_str().to_owned();
        Frag::sql("INSERT INTO app_seen (tenant, import_id, item, line) VALUES (")
            .text(tenant)
            .push(", ")
            .text(import)
            .push(", ")
            .text(item)
            .push(", ")
            .int(line)
            .push(") ON CONFLICT DO NOTHING")
            .execute(self.conn())?;
        Ok(())
    }

    /// Forgets some of those whom an import has named; how many.
    pub fn delete_seen(&mut self, import: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let some: Vec<String> = app_seen::table
            .filter(
                app_seen::tenant
                    .eq(tenant)
                    .and(app_seen::import_id.eq(import)),
            )
            .select(app_seen::item)
            .limit(limit)
            .load(conn)?;
        let these = app_seen::tenant
            .eq(tenant)
            .and(app_seen::import_id.eq(import))
            .and(app_seen::item.eq_any(&some));
        Ok(diesel::delete(app_seen::table.filter(these)).execute(conn)?)
    }

    /// The app's users whom an import has not named, after an id of the app's.
    pub fn list_unseen_users(
        &mut self,
        import: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let of =
            "FROM claims o WHERE o.connection_id = 'app' AND o.state <> 'ended' AND o.tenant = ";
        self.list_unseen(
            Frag::sql(format!("SELECT o.external_id {of}")),
            import,
            after,
            limit,
        )
    }

    /// The app's teams that an import has not named, after an id of the app's.
    pub fn list_unseen_teams(
        &mut self,
        import: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let of = "SELECT o.external_id FROM \"groups\" o WHERE o.managed_by = 'app' AND ";
        let of = Frag::sql(of).frag(&in_force("o")).push(" AND o.tenant = ");
        self.list_unseen(of, import, after, limit)
    }

    fn list_unseen(
        &mut self,
        of: Frag,
        import: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let query = of
            .text(self.tenant().as_str())
            .push(" AND o.external_id > ")
            .text(after)
            .push(" AND NOT EXISTS (SELECT 1 FROM app_seen s WHERE s.tenant = o.tenant AND s.item = o.external_id AND s.import_id = ")
            .text(import)
            .push(") ORDER BY o.external_id LIMIT ")
            .int(limit);
        Ok(query.query::<Text>().load(self.conn())?)
    }

    /// Who reviews a team, by ids.
    pub fn list_reviewers(&mut self, team: &str) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(each!(conn, c => reviewers::table
            .filter(reviewers::tenant.eq(tenant).and(reviewers::group_id.eq(team)))
            .order(reviewers::user_id)
            .select(reviewers::user_id)
            .load(c))?)
    }

    /// Teams that somebody reviews, by ids.
    pub fn list_reviewed(&mut self, user: &str) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(reviewers::table
            .filter(
                reviewers::tenant
                    .eq(tenant)
                    .and(reviewers::user_id.eq(user)),
            )
            .order(reviewers::group_id)
            .select(reviewers::group_id)
            .load(conn)?)
    }

    /// Somebody reviews a team from now on.
    pub fn create_reviewer(&mut self, team: &str, user: &str) -> Result<()> {
        let tenant = self.tenant().as_str().to_owned();
        let row = (
            reviewers::tenant.eq(tenant),
            reviewers::group_id.eq(team.to_owned()),
            reviewers::user_id.eq(user.to_owned()),
        );
        diesel::insert_into(reviewers::table)
            .values(row)
            .execute(self.conn())?;
        Ok(())
    }

    /// Somebody reviews a team no more.
    pub fn delete_reviewer(&mut self, team: &str, user: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(reviewers::table.find((tenant, team, user))).execute(conn)?;
        Ok(())
    }

    /// A group of the app, by the app's id.
    pub fn find_app_team(&mut self, id: &str) -> Result<Option<String>> {
        let query = Frag::sql("SELECT g.id FROM \"groups\" g WHERE g.managed_by = 'app' AND ")
            .frag(&in_force("g"))
            .push(" AND g.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND g.external_id = ")
            .text(id);
        Ok(query.query::<Text>().get_result(self.conn()).optional()?)
    }

    /// Groups of the app after an id of the app's, in the order of these: the app's id and its own.
    pub fn list_app_teams(&mut self, after: &str, limit: i64) -> Result<Vec<(String, String)>> {
        let query = Frag::sql(
            "SELECT g.external_id, g.id FROM \"groups\" g WHERE g.managed_by = 'app' AND ",
        )
        .frag(&in_force("g"))
        .push(" AND g.tenant = ")
        .text(self.tenant().as_str())
        .push(" AND g.external_id > ")
        .text(after)
        .push(" ORDER BY g.external_id LIMIT ")
        .int(limit);
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }
}
