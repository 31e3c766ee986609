//! Rows of files of people: what is known of the last one of each connection, and those that wait to be read, in sealed
//! pieces; who holds the key opens them in `service`.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::error::Result;
use super::schema::{file_chunks, file_marks, file_uploads, links};
use super::scope::Scope;
use super::tenants::of_open_tenants;
use crate::domain::clock::Millis;

/// How an upload is.
pub mod state {
    /// Its bytes are coming in, or stopped coming.
    pub const ARRIVING: &str = "arriving";
    /// It is whole and waits to be read.
    pub const READY: &str = "ready";
}

/// What is known of the last file of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = file_marks, primary_key(tenant, connection_id), treat_none_as_null = true, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct MarkRow {
    pub tenant: String,
    pub connection_id: String,
    pub sha256: String,
    pub first_read_at: i64,
    pub as_of: i64,
    pub fields: String,
    pub id_shortest: Option<i64>,
    pub delivered_at: i64,
    pub seen: Option<String>,
    pub confirmed_at: Option<i64>,
}

impl MarkRow {
    /// Of a connection that read no file yet.
    pub fn new(tenant: &str, connection: &str, now: Millis) -> Self {
        Self {
            tenant: tenant.to_owned(),
            connection_id: connection.to_owned(),
            sha256: String::new(),
            first_read_at: 0,
            as_of: i64::MIN,
            fields: "[]".to_owned(),
            id_shortest: None,
            delivered_at: now.0,
            seen: None,
            confirmed_at: None,
        }
    }

    /// A file was read whole before.
    pub fn has_read(&self) -> bool {
        !self.sha256.is_empty()
    }
}

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = file_uploads, primary_key(tenant, connection_id, id))]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct UploadRow {
    pub tenant: String,
    pub connection_id: String,
    pub id: String,
    pub state: String,
    pub bytes: i64,
    pub chunks: i64,
    pub as_of: i64,
    pub created_at: i64,
}

/// A sealed piece of one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = file_chunks)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ChunkRow {
    pub tenant: String,
    pub upload_id: String,
    pub ordinal: i64,
    pub key_id: String,
    pub sealed: String,
}

/// Files of all tenants that came before a moment.
pub fn list_uploads_before(
    conn: &mut AnyConnection,
    before: Millis,
    limit: i64,
) -> Result<Vec<UploadRow>> {
    Ok(file_uploads::table
        .filter(file_uploads::created_at.lt(before.0))
        .filter(of_open_tenants())
        .order(file_uploads::created_at)
        .limit(limit)
        .load(conn)?)
}

/// How many files of all tenants each key seals pieces of.
pub fn tally_by_key(conn: &mut AnyConnection) -> Result<Vec<(String, i64)>> {
    let query = Frag::sql(
        "SELECT c.key_id, count(DISTINCT c.upload_id) FROM file_chunks c JOIN file_uploads u ON u.tenant = c.tenant \
         AND u.id = c.upload_id GROUP BY c.key_id ORDER BY c.key_id",
    );
    Ok(query
        .query::<(diesel::sql_types::Text, diesel::sql_types::BigInt)>()
        .load(conn)?)
}

/// Some pieces of files of all tenants that a key seals, each with its connection.
pub fn list_chunks_by_key(
    conn: &mut AnyConnection,
    key: &str,
    limit: i64,
) -> Result<Vec<(ChunkRow, String)>> {
    Ok(file_chunks::table
        .inner_join(
            file_uploads::table.on(file_uploads::tenant
                .eq(file_chunks::tenant)
                .and(file_uploads::id.eq(file_chunks::upload_id))),
        )
        .filter(file_chunks::key_id.eq(key))
        .order((
            file_chunks::tenant,
            file_chunks::upload_id,
            file_chunks::ordinal,
        ))
        .limit(limit)
        .select((file_chunks::all_columns, file_uploads::connection_id))
        .load(conn)?)
}

impl Scope<'_> {
    /// What is known of a connection's last file.
    pub fn find_file_mark(&mut self, connection: &str) -> Result<Option<MarkRow>> {
        let (conn, tenant) = self.parts();
        Ok(file_marks::table
            .find((tenant, connection))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a new mark.
    pub fn create_file_mark(&mut self, row: &MarkRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(file_marks::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a mark that exists.
    pub fn update_file_mark(&mut self, row: &MarkRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(file_marks::table.find((tenant, &row.connection_id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// A connection's uploads, the newest first.
    pub fn list_uploads(&mut self, connection: &str) -> Result<Vec<UploadRow>> {
        let (conn, tenant) = self.parts();
        Ok(file_uploads::table
            .filter(file_uploads::tenant.eq(tenant))
            .filter(file_uploads::connection_id.eq(connection))
            .order(file_uploads::id.desc())
            .load(conn)?)
    }

    /// An upload.
    pub fn find_upload(&mut self, connection: &str, id: &str) -> Result<Option<UploadRow>> {
        let (conn, tenant) = self.parts();
        Ok(file_uploads::table
            .find((tenant, connection, id))
            .get_result(conn)
            .optional()?)
    }

    /// Stores a new upload.
    pub fn create_upload(&mut self, row: &UploadRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(file_uploads::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores an upload that exists.
    pub fn update_upload(&mut self, row: &UploadRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(file_uploads::table.find((tenant, &row.connection_id, &row.id)))
            .set(row)
            .execute(conn)?;
        Ok(())
    }

    /// Removes an upload with its pieces.
    pub fn delete_upload(&mut self, connection: &str, id: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(
            file_chunks::table
                .filter(file_chunks::tenant.eq(tenant))
                .filter(file_chunks::upload_id.eq(id)),
        )
        .execute(conn)?;
        diesel::delete(file_uploads::table.find((tenant, connection, id))).execute(conn)?;
        Ok(())
    }

    /// Stores a piece.
    pub fn create_chunk(&mut self, row: &ChunkRow) -> Result<()> {
        let (conn, _) = self.parts();
        diesel::insert_into(file_chunks::table)
            .values(row.clone())
            .execute(conn)?;
        Ok(())
    }

    /// Stores a piece that exists.
    pub fn update_chunk(&mut self, row: &ChunkRow) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(file_chunks::table.find((tenant, &row.upload_id, row.ordinal)))
            .set((
                file_chunks::key_id.eq(&row.key_id),
                file_chunks::sealed.eq(&row.sealed),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// A piece.
    pub fn find_chunk(&mut self, upload: &str, ordinal: i64) -> Result<Option<ChunkRow>> {
        let (conn, tenant) = self.parts();
        Ok(file_chunks::table
            .find((tenant, upload, ordinal))
            .get_result(conn)
            .optional()?)
    }

    /// How many people of a connection are missed and not gone yet.
    pub fn count_missed(&mut self, connection: &str) -> Result<i64> {
        let (conn, tenant) = self.parts();
        Ok(links::table
            .filter(links::tenant.eq(tenant))
            .filter(links::connection_id.eq(connection))
            .filter(links::absent_since.is_not_null())
            .filter(links::left_at.is_null())
            .count()
            .get_result(conn)?)
    }
}
