//! Verification: the whole chain is computed again, and every commitment opened.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::{Row, ValueRow, hash_of};
use crate::domain::audit::{self, Committed, GENESIS};
use crate::storage::dialect::without_timeout;
use crate::storage::error::Result;
use crate::storage::heads::Head;
use crate::storage::schema::{journal, journal_values};
use crate::storage::scope::Scope;

/// Most faults that a verification lists; more are only counted.
const LISTED: usize = 1_000;

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
