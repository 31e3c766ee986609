//! People who are in a file more than once. Hashes of ids and addresses are kept of all rows; the rows themselves only of
//! those whose hash is there twice.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use chrono::NaiveDate;

use super::{Field, Table, Verdict};
use crate::domain::employment::EmploymentState;
use crate::hris::formats::Problem;
use crate::hris::formats::csv::Row;

/// Ids and addresses of a file.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    ids: HashSet<u64>,
    emails: HashSet<u64>,
    twice_ids: HashSet<u64>,
    twice_emails: HashSet<u64>,
}

impl Seen {
    pub(super) fn add(&mut self, id: &str, email: Option<&str>) {
        let id_hash = self.hasher.hash_one(id);
        if !id.is_empty() && !self.ids.insert(id_hash) {
            self.twice_ids.insert(id_hash);
        }
        if let Some(email) = email {
            let hash = self.hasher.hash_one(email);
            if !self.emails.insert(hash) {
                self.twice_emails.insert(hash);
            }
        }
    }

    pub(super) fn has_doubles(&self) -> bool {
        !self.twice_ids.is_empty() || !self.twice_emails.is_empty()
    }

    /// Whether somebody in the file has this id.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.ids.contains(&self.hasher.hash_one(id))
    }

    fn is_double(&self, id: &str, email: Option<&str>) -> bool {
        self.twice_ids.contains(&self.hasher.hash_one(id))
            || email.is_some_and(|e| self.twice_emails.contains(&self.hasher.hash_one(e)))
    }
}

/// A row of somebody who may be there twice.
struct Double {
    row: Row,
    id: String,
    email: Option<String>,
    /// Higher is more in force today; none if the row cannot be read.
    rank: Option<(u8, Option<NaiveDate>)>,
}

/// What counts more: who is employed, who will be, who was; then who started last.
fn rank(table: &Table, row: &Row) -> Option<(u8, Option<NaiveDate>)> {
    let force = match table.state(row).ok()? {
        EmploymentState::Employed | EmploymentState::OnLeave => 3,
        EmploymentState::Prehire => 2,
        EmploymentState::Unknown => 1,
        EmploymentState::Left => 0,
    };
    Some((force, table.date(row, Field::StartDate).ok()?))
}

/// What is decided, by line, and how many equal rows were left out.
pub(super) fn judge(
    table: &Table,
    seen: &Seen,
    rows: impl Iterator<Item = Result<Row, Problem>>,
    several_rows: bool,
) -> Result<(HashMap<u64, Verdict>, u64), Problem> {
    let mut doubles = Vec::new();
    for row in rows {
        let row = row?;
        let id = table
            .cell(&row, Field::EmployeeId)
            .unwrap_or_default()
            .to_owned();
        let email = table.email(&row, Field::WorkEmail);
        if seen.is_double(&id, email.as_deref()) {
            let rank = rank(table, &row);
            doubles.push(Double {
                row,
                id,
                email,
                rank,
            });
        }
    }
    let mut verdicts = HashMap::new();
    let equal = same_id(&doubles, several_rows, &mut verdicts);
    same_email(&doubles, &mut verdicts);
    Ok((verdicts, equal))
}

fn same_id(doubles: &[Double], several_rows: bool, verdicts: &mut HashMap<u64, Verdict>) -> u64 {
    let mut groups: BTreeMap<&str, Vec<&Double>> = BTreeMap::new();
    for double in doubles.iter().filter(|d| !d.id.is_empty()) {
        groups.entry(&double.id).or_default().push(double);
    }
    let mut equal = 0;
    for group in groups.into_values() {
        let Some((first, others)) = group.split_first().filter(|(_, others)| !others.is_empty())
        else {
            continue;
        };
        if others.iter().all(|d| d.row.cells() == first.row.cells()) {
            verdicts.extend(others.iter().map(|d| (d.row.line, Verdict::Skip)));
            equal += u64::try_from(others.len()).unwrap_or(0);
            continue;
        }
        let best = best(&group).filter(|_| several_rows);
        for double in &group {
            let verdict = match best {
                Some(line) if line == double.row.line => continue,
                Some(_) => Verdict::Skip,
                None => Verdict::Refuse("csv.id_repeated"),
            };
            verdicts.insert(double.row.line, verdict);
        }
    }
    equal
}

fn same_email(doubles: &[Double], verdicts: &mut HashMap<u64, Verdict>) {
    let mut groups: BTreeMap<&str, Vec<&Double>> = BTreeMap::new();
    for double in doubles
        .iter()
        .filter(|d| !verdicts.contains_key(&d.row.line))
    {
        if let Some(email) = &double.email {
            groups.entry(email).or_default().push(double);
        }
    }
    for group in groups.into_values().filter(|g| g.len() > 1) {
        let best = best(&group);
        let losers = group.iter().filter(|d| best != Some(d.row.line));
        verdicts.extend(losers.map(|d| (d.row.line, Verdict::Refuse("csv.email_shared"))));
    }
}

/// The line of the one row that counts more than all others; none if a row cannot be read or two are equal.
fn best(group: &[&Double]) -> Option<u64> {
    let ranks: Option<Vec<_>> = group
        .iter()
        .map(|d| d.rank.map(|r| (r, d.row.line)))
        .collect();
    let mut ranks = ranks?;
    ranks.sort_unstable();
    match ranks.as_slice() {
        [.., (second, _), (first, line)] if first > second => Some(*line),
        _ => None,
    }
}
