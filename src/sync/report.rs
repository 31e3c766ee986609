//! What a run leaves behind for its readers: counts, what the pull proved, and the health of its connection.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::gather::Tally;
use super::guard::LossEvidence;
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::hris::{Evidence, Gap};

/// How a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Never pulled.
    New,
    /// The last pull was complete.
    Healthy,
    /// The last pull was not complete, or failed once.
    Degraded,
    /// Two pulls or more failed in a row.
    Failing,
    /// The vendor refuses the credentials.
    NeedsCredentials,
    /// A plan or a part of one waits for an admin.
    Waiting,
    /// Nothing came for a long time.
    Silent,
}

impl Health {
    const ALL: [Self; 7] = [
        Self::New,
        Self::Healthy,
        Self::Degraded,
        Self::Failing,
        Self::NeedsCredentials,
        Self::Waiting,
        Self::Silent,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::NeedsCredentials => "needs-credentials",
            Self::Waiting => "waiting",
            Self::Silent => "silent",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|h| h.as_str() == text)
    }

    /// After a pull that ended: something waits, or it was not complete.
    pub(super) fn after_pull(is_complete: bool, waits: bool) -> Self {
        match (waits, is_complete) {
            (true, _) => Self::Waiting,
            (false, true) => Self::Healthy,
            (false, false) => Self::Degraded,
        }
    }

    /// After so many failures in a row, of which this is the last.
    pub(super) fn after_failure(error: &PullError, failures: i64) -> Self {
        match error.kind {
            PullErrorKind::Credentials | PullErrorKind::Rights => Self::NeedsCredentials,
            _ if failures >= 2 => Self::Failing,
            _ => Self::Degraded,
        }
    }
}

/// How many of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Items by action: `create`, `adopt`, `return`, `update`, `leave`, `absent`, `due`, `superseded`, `reject`, `nothing`.
    pub by_action: BTreeMap<String, u64>,
    /// Records that are as they were.
    pub unchanged: u64,
    /// What there is to tell about records, by code: `manager-unknown`, `not-brought`, `not-entitled`,
    /// `left-and-has-access`.
    pub findings: BTreeMap<String, u64>,
    /// People who get access.
    pub gives: u64,
    /// People who would lose access, those who wait included.
    pub losses: u64,
    /// Of these, who lose it on a last day that lies ahead.
    pub ahead: u64,
    /// Of these, who wait for an admin.
    pub held: u64,
    /// Of these, who keep it because the pull is not complete; the next one decides.
    pub unproved: u64,
    /// People missed for the first time.
    pub missed: u64,
}

impl Counts {
    pub(super) fn of(tally: &Tally, held: u64, missed: u64) -> Self {
        let words = |counted: &BTreeMap<&'static str, u64>| {
            let counted = counted.iter();
            counted.map(|(a, n)| ((*a).to_owned(), *n)).collect()
        };
        Self {
            by_action: words(&tally.by_action),
            findings: words(&tally.findings),
            unchanged: tally.unchanged,
            gives: tally.gives,
            losses: tally.losses.len() as u64,
            ahead: tally
                .losses
                .iter()
                .filter(|l| l.evidence == LossEvidence::Ahead)
                .count() as u64,
            held,
            unproved: tally.losses.iter().filter(|l| !l.is_proved).count() as u64,
            missed,
        }
    }

    /// Items in all.
    pub fn items(&self) -> u64 {
        self.by_action.values().sum()
    }
}

/// What a pull proved, as JSON.
pub fn describe_evidence(evidence: &Evidence) -> Value {
    let gaps: Vec<Value> = evidence.gaps.iter().map(gap).collect();
    let warnings: Vec<Value> = evidence.warnings.iter().map(gap).collect();
    json!({
        "people": evidence.people,
        "rejected": evidence.rejected,
        "announced": evidence.announced,
        "pages": evidence.pages,
        "requests": evidence.requests,
        "bytes": evidence.bytes,
        "coverage": evidence.coverage,
        "gaps": gaps,
        "warnings": warnings,
        "sha256": evidence.snapshot.as_ref().map(|s| &s.sha256),
    })
}

fn gap(gap: &Gap) -> Value {
    json!({"code": gap.code, "params": gap.params})
}

/// The numbers of a pull that a later one is compared with.
pub(super) fn read_evidence(text: &str) -> Option<Evidence> {
    let value: Value = serde_json::from_str(text).ok()?;
    let coverage = value.get("coverage")?.as_object()?;
    Some(Evidence {
        people: value.get("people")?.as_u64()?,
        coverage: coverage
            .iter()
            .filter_map(|(unit, count)| Some((unit.clone(), count.as_u64()?)))
            .collect(),
        ..Evidence::default()
    })
}

/// A failed pull, as JSON.
pub(super) fn describe_error(error: &PullError) -> Value {
    json!({
        "kind": error.kind.as_str(),
        "code": error.code,
        "params": error.params,
        "retryHelps": error.retry_helps(),
    })
}
