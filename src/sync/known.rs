//! What a run keeps of the records that it compares: those that were there before, the losses that the plan would bring,
//! and what the plan comes to.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::guard::{Changes, LossEvidence};
use crate::hris::ENTERPRISE;

/// A record that was there before; there are as many in memory as people.
pub(super) struct Known {
    pub(super) digest: Short,
    pub(super) is_settled: bool,
    pub(super) absent_since: Option<i64>,
    pub(super) has_left: bool,
    pub(super) has_access: bool,
    /// Her last day, if it counts.
    pub(super) last_day: Option<NaiveDate>,
    /// When that was learned and let count.
    pub(super) told_at: Option<i64>,
    pub(super) is_seen: bool,
    /// She goes on under another record.
    pub(super) is_taken: bool,
    /// Her record could not be read: nothing is known of her but that she is there.
    pub(super) is_unread: bool,
}

/// A digest, short enough for memory and too long to be met twice.
pub(super) type Short = [u8; 16];

/// The manager's source id.
pub(super) fn manager(user: &Map<String, Value>) -> Option<&str> {
    user.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str()
}

pub(super) fn short(digest: &str) -> Short {
    let mut short = Short::default();
    let hash = Sha256::digest(digest.as_bytes());
    short.copy_from_slice(&hash[..16]);
    short
}

/// A loss of access that the plan would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedLoss {
    pub(super) ordinal: i64,
    pub(super) source_id: String,
    pub(super) subject: String,
    pub(super) evidence: LossEvidence,
    /// Reason code.
    pub(super) reason: String,
    /// The last day that the source names.
    pub(super) day: Option<String>,
    /// Digest of the record; empty for who is absent.
    pub(super) digest: String,
    /// Another record of the source has her address, and works: it may be she.
    pub(super) is_contested: bool,
    /// The pull that says so is complete, or it was known before.
    pub(super) is_proved: bool,
}

/// A manager of whom nothing is known yet.
#[derive(Debug, Clone)]
pub(super) struct Manager {
    /// Her source id.
    pub(super) source_id: Box<str>,
    /// Whose manager she is.
    pub(super) of: Box<str>,
    /// The report's item, if there is one.
    pub(super) ordinal: Option<i64>,
}

/// What a plan comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Items by action.
    pub(super) by_action: BTreeMap<&'static str, u64>,
    /// Records that are as they were.
    pub(super) unchanged: u64,
    /// What there is to tell about records, by code.
    pub(super) findings: BTreeMap<&'static str, u64>,
    /// People with access whom the plan meets for the first time.
    pub(super) met: u64,
    /// Managers who had not come yet when a report of theirs did.
    pub(super) managers: Vec<Manager>,
    /// Access given.
    pub(super) gives: u64,
    pub(super) losses: Vec<PlannedLoss>,
    /// Source ids of those known as working whose record says that they left.
    pub(super) turned: Vec<String>,
    /// Source ids of those known as working whose record names a last day ahead that is news.
    pub(super) dated: Vec<String>,
    pub(super) changes: Changes,
}
