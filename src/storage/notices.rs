//! Rows of notices: what an admin ought to know, once for each thing it is about; and who is told.

use diesel::prelude::*;

use super::Tx;
use super::connection::AnyConnection;
use super::error::Result;
use super::schema::{notice_recipients, notices, tenants};
use super::scope::Scope;
use crate::domain::clock::Millis;

/// How a notice stands.
pub mod state {
    /// What it tells of lasts.
    pub const OPEN: &str = "open";
    /// It is over.
    pub const CLOSED: &str = "closed";
}

/// A stored notice.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = notices, primary_key(tenant, id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct NoticeRow {
    pub tenant: String,
    pub id: String,
    pub code: String,
    pub subject: String,
    pub person: Option<String>,
    pub params: String,
    pub state: String,
    pub seen: i64,
    pub told: i64,
    pub told_at: Option<i64>,
    pub tell_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub closed_at: Option<i64>,
}

/// Who is told by mail.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = notice_recipients)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct RecipientRow {
    pub tenant: String,
    pub address: String,
    pub language: String,
    pub created_at: i64,
}

/// Notices of all tenants that work of which somebody is to be told now.
pub fn list_to_tell(conn: &mut AnyConnection, now: Millis, limit: i64) -> Result<Vec<NoticeRow>> {
    let at_work = tenants::table
        .filter(tenants::state.eq("active"))
        .select(tenants::id);
    Ok(notices::table
        .filter(notices::tell_at.le(now.0))
        .filter(notices::tenant.eq_any(at_work))
        .order(notices::tell_at)
        .limit(limit)
        .load(conn)?)
}

impl Scope<'_> {
    /// The open notice of a code about a thing.
    pub fn find_open_notice(&mut self, code: &str, subject: &str) -> Result<Option<NoticeRow>> {
        let (conn, tenant) = self.parts();
        let about = notices::tenant
            .eq(tenant)
            .and(notices::code.eq(code))
            .and(notices::subject.eq(subject));
        Ok(notices::table
            .filter(about.and(notices::state.eq(state::OPEN)))
            .first(conn)
            .optional()?)
    }

    /// A notice.
    pub fn find_notice(&mut self, id: &str) -> Result<Option<NoticeRow>> {
        let (conn, tenant) = self.parts();
        Ok(notices::table
            .find((tenant, id))
            .get_result(conn)
            .optional()?)
    }

    /// Notices, the newest first: those before an id, if one is given, in one state, if one is given.
    pub fn list_notices(
        &mut self,
        before: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<NoticeRow>> {
        let (conn, tenant) = self.parts();
        let mut query = notices::table
            .filter(notices::tenant.eq(tenant))
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(notices::id.lt(before));
        }
        if let Some(state) = state {
            query = query.filter(notices::state.eq(state));
        }
        Ok(query.order(notices::id.desc()).limit(limit).load(conn)?)
    }

    /// Who is told by mail, by address.
    pub fn list_notice_recipients(&mut self) -> Result<Vec<RecipientRow>> {
        let (conn, tenant) = self.parts();
        Ok(notice_recipients::table
            .filter(notice_recipients::tenant.eq(tenant))
            .order(notice_recipients::address)
            .load(conn)?)
    }
}

impl Tx<'_> {
    /// Stores a new notice.
    pub fn create_notice(&mut self, row: &NoticeRow) -> Result<()> {
        diesel::insert_into(notices::table)
            .values(row.clone())
            .execute(self.scope.conn())?;
        Ok(())
    }

    /// Stores a notice that exists.
    pub fn update_notice(&mut self, row: &NoticeRow) -> Result<()> {
        let (conn, tenant) = self.scope.parts();
        diesel::update(notices::table.find((tenant, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Replaces those who are told by mail.
    pub fn put_notice_recipients(&mut self, rows: &[RecipientRow]) -> Result<()> {
        let (conn, tenant) = self.scope.parts();
        let all = notice_recipients::table.filter(notice_recipients::tenant.eq(tenant));
        diesel::delete(all).execute(conn)?;
        for row in rows {
            diesel::insert_into(notice_recipients::table)
                .values(row.clone())
                .execute(conn)?;
        }
        Ok(())
    }

    /// Deletes the notices about a person, at most `limit`; answers how many. For who erases her.
    pub fn delete_notices_about(&mut self, person: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.scope.parts();
        let ids: Vec<String> = notices::table
            .filter(notices::tenant.eq(tenant).and(notices::person.eq(person)))
            .select(notices::id)
            .limit(limit)
            .load(conn)?;
        let these = notices::tenant.eq(tenant).and(notices::id.eq_any(ids));
        Ok(diesel::delete(notices::table.filter(these)).execute(conn)?)
    }
}
