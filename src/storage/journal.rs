//! Rows of the journal: appended by the writer at the end of a batch, read by whoever asks what happened.

mod verify;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::connection::AnyConnection;
use super::dialect::{Frag, insert_all};
use super::error::{Error, Result};
use super::heads::Head;
use super::order::{Listed, Slice};
use super::page::{Condition, part};
use super::schema::{journal, journal_values};
use super::scope::Scope;
use super::writer::JobMeta;
use crate::domain::audit::{self, Change, Committed, Entry, Link};
use crate::domain::clock::Millis;

pub use verify::{Fault, Verified};

/// Entries whose values one statement reads; both databases bound the number of values a statement may bind.
const CHUNK: usize = 200;

/// What one operation recorded.
#[derive(Debug)]
pub struct Batch {
    /// Who and why.
    pub meta: JobMeta,
    /// When.
    pub at: Millis,
    /// Seed of the salts.
    pub seed: [u8; 32],
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = journal, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct Row {
    pub tenant: String,
    pub sequence: i64,
    pub epoch: i64,
    pub at: i64,
    pub actor_kind: String,
    pub actor_id: String,
    pub cause_kind: String,
    pub cause_id: String,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub object_kind: Option<String>,
    pub object_id: Option<String>,
    pub reason: Option<String>,
    pub changes: String,
    pub hash: String,
}

/// A stored value behind a commitment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = journal_values, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct ValueRow {
    pub tenant: String,
    pub sequence: i64,
    pub ordinal: i64,
    pub side: String,
    pub subject: String,
    pub salt: String,
    pub value: String,
}

/// Chains and stores the entries of a batch and moves the head.
pub(super) fn append(conn: &mut AnyConnection, head: &mut Head, batches: &[Batch]) -> Result<()> {
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for batch in batches {
        let mut salts = 0;
        for entry in &batch.entries {
            head.sequence += 1;
            head.entries += 1;
            let committed = commit_all(head, batch, entry, &mut salts, &mut values);
            let row = row(head, batch, entry, &committed)?;
            head.hash.clone_from(&row.hash);
            rows.push(row);
        }
    }
    insert_all!(conn, journal::table, rows);
    insert_all!(conn, journal_values::table, values);
    Ok(())
}

fn commit_all(
    head: &Head,
    batch: &Batch,
    entry: &Entry,
    salts: &mut u64,
    values: &mut Vec<ValueRow>,
) -> Vec<Committed> {
    let mut committed = Vec::with_capacity(entry.changes.len());
    for (
        ordinal,
        Change {
            path,
            before,
            after,
        },
    ) in entry.changes.iter().enumerate()
    {
        let mut side = |name: &str, value: &Option<serde_json::Value>| {
            let Some(value) = value else {
                return String::new();
            };
            let salt = audit::salt(&batch.seed, *salts);
            *salts += 1;
            let text = audit::canonical(value);
            let commitment = audit::commit(&salt, &text);
            values.push(ValueRow {
                tenant: head.tenant.clone(),
                sequence: head.sequence,
                ordinal: i64::try_from(ordinal).unwrap_or(i64::MAX),
                side: name.to_owned(),
                subject: entry.subject.id.clone(),
                salt: audit::hex(&salt),
                value: text,
            });
            commitment
        };
        let before = side("before", before);
        let after = side("after", after);
        committed.push(Committed(path.clone(), before, after));
    }
    committed
}

fn row(head: &Head, batch: &Batch, entry: &Entry, committed: &[Committed]) -> Result<Row> {
    let object = entry.object.as_ref();
    let mut row = Row {
        tenant: head.tenant.clone(),
        sequence: head.sequence,
        epoch: head.epoch,
        at: batch.at.0,
        actor_kind: batch.meta.actor.kind.clone(),
        actor_id: batch.meta.actor.id.clone(),
        cause_kind: batch.meta.cause.kind.clone(),
        cause_id: batch.meta.cause.id.clone(),
        action: entry.action.to_owned(),
        subject_kind: entry.subject.kind.to_owned(),
        subject_id: entry.subject.id.clone(),
        object_kind: object.map(|o| o.kind.to_owned()),
        object_id: object.map(|o| o.id.clone()),
        reason: entry.reason.clone(),
        changes: serde_json::to_string(committed).map_err(|e| Error::Other(e.to_string()))?,
        hash: String::new(),
    };
    row.hash = hash_of(&head.hash, &row, committed);
    Ok(row)
}

fn hash_of(previous: &str, row: &Row, committed: &[Committed]) -> String {
    audit::chain(
        previous,
        &Link {
            tenant: &row.tenant,
            epoch: row.epoch,
            sequence: row.sequence,
            at: Millis(row.at),
            actor: (&row.actor_kind, &row.actor_id),
            cause: (&row.cause_kind, &row.cause_id),
            action: &row.action,
            subject: (&row.subject_kind, &row.subject_id),
            object: (
                row.object_kind.as_deref().unwrap_or_default(),
                row.object_id.as_deref().unwrap_or_default(),
            ),
            reason: row.reason.as_deref().unwrap_or_default(),
            changes: committed,
        },
    )
}

impl Scope<'_> {
    /// The last entries about a person, newest first, without their values.
    pub fn list_history_of(&mut self, subject: &str, limit: i64) -> Result<Vec<Row>> {
        let (conn, tenant) = self.parts();
        Ok(journal::table
            .filter(
                journal::tenant
                    .eq(tenant)
                    .and(journal::subject_id.eq(subject)),
            )
            .order(journal::sequence.desc())
            .limit(limit)
            .load(conn)?)
    }

    /// Entries after a sequence number, oldest first, with their values.
    pub fn list_entries_after(
        &mut self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(Row, Vec<ValueRow>)>> {
        let (conn, tenant) = self.parts();
        let rows: Vec<Row> = journal::table
            .filter(journal::tenant.eq(tenant).and(journal::sequence.gt(after)))
            .order(journal::sequence.asc())
            .limit(limit)
            .load(conn)?;
        self.with_values(rows)
    }

    /// A part of the entries that satisfy a filter.
    pub fn list_entries(
        &mut self,
        filter: Option<&Condition>,
        slice: &Slice,
    ) -> Result<Listed<Row>> {
        let query = entries_page(self.tenant().as_str(), filter, slice);
        let read = match slice.limit {
            0 => Vec::new(),
            _ => query
                .query::<(journal::SqlType, Nullable<Text>)>()
                .load(self.conn())?,
        };
        Ok(slice.listed(read, |row: &Row| row.sequence.to_string()))
    }

    /// How many entries satisfy a filter.
    pub fn count_entries(&mut self, filter: Option<&Condition>) -> Result<i64> {
        let Some(filter) = filter else {
            return Ok(self.find_head()?.map_or(0, |h| h.entries));
        };
        let query = Frag::sql("SELECT count(*) FROM journal j WHERE j.tenant = ")
            .text(self.tenant().as_str())
            .push(" AND ")
            .frag(&filter.condition);
        Ok(query
            .query::<diesel::sql_types::BigInt>()
            .get_result(self.conn())?)
    }

    /// Joins entries (in any order) with their values.
    pub fn with_values(&mut self, rows: Vec<Row>) -> Result<Vec<(Row, Vec<ValueRow>)>> {
        let mut by_sequence: BTreeMap<i64, Vec<ValueRow>> = BTreeMap::new();
        for chunk in rows.chunks(CHUNK) {
            let numbers: Vec<i64> = chunk.iter().map(|r| r.sequence).collect();
            let first = numbers.iter().copied().min().unwrap_or_default();
            let last = numbers.iter().copied().max().unwrap_or_default();
            let (conn, tenant) = self.parts();
            let values: Vec<ValueRow> = journal_values::table
                .filter(journal_values::tenant.eq(tenant))
                .filter(journal_values::sequence.between(first, last))
                .filter(journal_values::sequence.eq_any(numbers))
                .order((
                    journal_values::sequence,
                    journal_values::ordinal,
                    journal_values::side,
                ))
                .load(conn)?;
            for value in values {
                by_sequence.entry(value.sequence).or_default().push(value);
            }
        }
        let joined = rows.into_iter().map(|row| {
            let values = by_sequence.remove(&row.sequence).unwrap_or_default();
            (row, values)
        });
        Ok(joined.collect())
    }
}

/// The statement of a page of entries: also what the plan tests look at.
pub fn entries_page(tenant: &str, filter: Option<&Condition>, slice: &Slice) -> Frag {
    let query = Frag::sql(
        "SELECT j.tenant, j.sequence, j.epoch, j.at, j.actor_kind, j.actor_id, j.cause_kind, j.cause_id, \
         j.action, j.subject_kind, j.subject_id, j.object_kind, j.object_id, j.reason, j.changes, j.hash, ",
    )
    .frag(&slice.order.key_text())
    .push(" FROM journal j WHERE j.tenant = ")
    .text(tenant);
    part(query, filter, slice)
}

diesel::allow_tables_to_appear_in_same_query!(journal, journal_values);
