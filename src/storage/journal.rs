//! Rows of the journal: appended by the writer at the end of a batch, verified entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::connection::AnyConnection;
use super::dialect::{Frag, insert_all, without_timeout};
use super::error::{Error, Result};
use super::heads::Head;
use super::order::{Listed, Slice};
use super::page::{Condition, part};
use super::schema::{journal, journal_values};
use super::scope::Scope;
use super::writer::JobMeta;
use crate::domain::audit::{self, Change, Committed, Entry, GENESIS, Link};
use crate::domain::clock::Millis;

/// Entries whose values one statement reads; both databases bound the number of values a statement may bind.
const CHUNK: usize = 200;

/// Most faults that a verification lists; more are only counted.
const LISTED: usize = 1_000;

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

/// What verification found: nothing, or the first place where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were checked.
    pub entries: i64,
    /// Values that were opened.
    pub values: u64,
    /// Values that an erasure removed.
    pub erased: u64,
    /// Faults, in the order of their place, at most a thousand; empty when the journal holds.
    pub faults: Vec<Fault>,
    /// Faults beyond those that are listed.
    pub unlisted: u64,
}

/// A place where the journal does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Sequence number of the place.
    pub sequence: i64,
    /// Code: `missing`, `inserted`, `altered`, `epoch`, `value-altered`, `value-missing`, `value-moved`, `value-unknown`,
    /// `tail-missing`, `tail-extra`, `head-missing`, `unreadable`.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Scope<'_> {
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

    /// People that an erasure named, with the number of the last entry that did.
    fn erased(&mut self) -> Result<BTreeMap<String, i64>> {
        let (conn, tenant) = self.parts();
        let rows: Vec<(String, i64)> = journal::table
            .filter(
                journal::tenant
                    .eq(tenant)
                    .and(journal::action.eq("person.erased")),
            )
            .order(journal::sequence.asc())
            .select((journal::subject_id, journal::sequence))
            .load(conn)?;
        Ok(rows.into_iter().collect())
    }

    /// Recomputes the whole chain and opens every commitment, in one snapshot: a server may go on writing meanwhile.
    /// `progress` is told how many entries are done.
    pub fn verify_journal(&mut self, mut progress: impl FnMut(i64)) -> Result<Verified> {
        self.snapshot(|scope| {
            without_timeout(scope.conn())?;
            let erased = scope.erased()?;
            let mut check = Check::new(&erased);
            let mut after = i64::MIN;
            loop {
                let page = scope.list_entries_after(after, 500)?;
                let Some((last, _)) = page.last() else { break };
                after = last.sequence;
                for (row, values) in &page {
                    check.entry(row, values);
                }
                progress(check.done.entries);
            }
            let orphans = scope.orphan_values()?;
            let head = scope.find_head()?;
            Ok(check.finish(head.as_ref(), &orphans))
        })
    }

    /// Sequence numbers that have values but no entry, as many as are listed at most.
    fn orphan_values(&mut self) -> Result<Vec<i64>> {
        let (conn, tenant) = self.parts();
        Ok(journal_values::table
            .left_join(
                journal::table.on(journal::tenant
                    .eq(journal_values::tenant)
                    .and(journal::sequence.eq(journal_values::sequence))),
            )
            .filter(
                journal_values::tenant
                    .eq(tenant)
                    .and(journal::hash.nullable().is_null()),
            )
            .select(journal_values::sequence)
            .distinct()
            .order(journal_values::sequence)
            .limit(LISTED as i64)
            .load(conn)?)
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

/// A verification under way.
struct Check<'a> {
    erased: &'a BTreeMap<String, i64>,
    expected: i64,
    epoch: i64,
    previous: String,
    done: Verified,
}

impl<'a> Check<'a> {
    fn new(erased: &'a BTreeMap<String, i64>) -> Self {
        let done = Verified {
            entries: 0,
            values: 0,
            erased: 0,
            faults: Vec::new(),
            unlisted: 0,
        };
        Self {
            erased,
            expected: 1,
            epoch: 1,
            previous: GENESIS.to_owned(),
            done,
        }
    }

    fn fault(&mut self, sequence: i64, code: &'static str, detail: String) {
        if self.done.faults.len() >= LISTED {
            self.done.unlisted += 1;
            return;
        }
        self.done.faults.push(Fault {
            sequence,
            code,
            detail,
        });
    }

    fn entry(&mut self, row: &Row, values: &[ValueRow]) {
        self.done.entries += 1;
        if row.sequence > self.expected {
            let (from, to) = (self.expected, row.sequence - 1);
            self.fault(
                from,
                "missing",
                format!("entries {from} to {to} are not there"),
            );
        } else if row.sequence < self.expected {
            self.fault(
                row.sequence,
                "inserted",
                "an entry stands where none belongs".to_owned(),
            );
        }
        self.expected = row.sequence + 1;
        if row.epoch != self.epoch && (row.action != "epoch.started" || row.epoch < self.epoch) {
            let detail = format!(
                "epoch {} follows {} without a restore",
                row.epoch, self.epoch
            );
            self.fault(row.sequence, "epoch", detail);
        }
        self.epoch = row.epoch;
        match serde_json::from_str::<Vec<Committed>>(&row.changes) {
            Err(e) => self.fault(
                row.sequence,
                "unreadable",
                format!("the list of changes: {e}"),
            ),
            Ok(committed) => {
                if hash_of(&self.previous, row, &committed) != row.hash {
                    let detail = "the entry or the one before it is not what was written";
                    self.fault(row.sequence, "altered", detail.to_owned());
                }
                self.values(row, &committed, values);
            }
        }
        // Going on from the stored hash names each place once.
        self.previous.clone_from(&row.hash);
    }

    fn values(&mut self, row: &Row, committed: &[Committed], values: &[ValueRow]) {
        let mut open: BTreeSet<(i64, &str)> = BTreeSet::new();
        for (i, Committed(_, before, after)) in committed.iter().enumerate() {
            let ordinal = i64::try_from(i).unwrap_or(i64::MAX);
            for (side, commitment) in [("before", before), ("after", after)] {
                if !commitment.is_empty() {
                    open.insert((ordinal, side));
                }
            }
        }
        for value in values {
            if !open.remove(&(value.ordinal, value.side.as_str())) {
                self.fault(
                    row.sequence,
                    "value-unknown",
                    "a value nothing commits to".to_owned(),
                );
                continue;
            }
            self.done.values += 1;
            if value.subject != row.subject_id {
                let path = path_of(committed, value.ordinal);
                let detail = format!("the value of `{path}` stands under another subject");
                self.fault(row.sequence, "value-moved", detail);
            }
            if !opens(committed, value) {
                let path = path_of(committed, value.ordinal);
                self.fault(
                    row.sequence,
                    "value-altered",
                    format!("the value of `{path}`"),
                );
            }
        }
        for (ordinal, side) in open {
            let erased = self
                .erased
                .get(&row.subject_id)
                .is_some_and(|sequence| *sequence > row.sequence);
            if erased {
                self.done.erased += 1;
            } else {
                let path = path_of(committed, ordinal);
                self.fault(
                    row.sequence,
                    "value-missing",
                    format!("the {side} value of `{path}`"),
                );
            }
        }
    }

    fn finish(mut self, head: Option<&Head>, orphans: &[i64]) -> Verified {
        for sequence in orphans {
            self.fault(
                *sequence,
                "missing",
                "values without their entry".to_owned(),
            );
        }
        if head.is_none() {
            let detail = "the head of the chain is not there: a cut tail would not show";
            self.fault(self.expected, "head-missing", detail.to_owned());
        }
        if let Some(head) = head {
            let last = self.expected - 1;
            if head.sequence > last {
                let detail = format!(
                    "the head stands at {}, the last entry at {last}",
                    head.sequence
                );
                self.fault(last + 1, "tail-missing", detail);
            } else if head.sequence < last {
                let detail = format!(
                    "the head stands at {}, the last entry at {last}",
                    head.sequence
                );
                self.fault(head.sequence + 1, "tail-extra", detail);
            } else if head.hash != self.previous {
                self.fault(
                    last,
                    "altered",
                    "the last hash is not the head's".to_owned(),
                );
            } else if head.epoch != self.epoch {
                let detail = format!(
                    "the head has the epoch {}, the last entry {}",
                    head.epoch, self.epoch
                );
                self.fault(last, "epoch", detail);
            } else if head.entries != self.done.entries {
                let detail = format!("{} counted, {} recorded", self.done.entries, head.entries);
                self.fault(last, "missing", detail);
            }
        }
        self.done.faults.sort_by_key(|f| f.sequence);
        self.done
    }
}

fn opens(committed: &[Committed], value: &ValueRow) -> bool {
    let change = usize::try_from(value.ordinal)
        .ok()
        .and_then(|i| committed.get(i));
    let Some(Committed(_, before, after)) = change else {
        return false;
    };
    let want = if value.side == "before" {
        before
    } else {
        after
    };
    audit::unhex32(&value.salt).is_some_and(|salt| audit::commit(&salt, &value.value) == *want)
}

fn path_of(committed: &[Committed], ordinal: i64) -> &str {
    let change = usize::try_from(ordinal).ok().and_then(|i| committed.get(i));
    change.map_or("?", |Committed(path, _, _)| path)
}
