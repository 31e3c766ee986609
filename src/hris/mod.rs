//! The engine that runs a connector: authentication, paging, formats, joins and the mapping of one vendor's record to
//! a SCIM User. A connector is data (`connectors/<slug>.yaml`); no vendor is named here. It can only read.

pub mod auth;
pub mod catalogue;
pub mod client;
pub mod error;
pub mod files;
pub mod formats;
pub mod jq;
pub mod manifest;
mod mapping;
mod pages;
mod paging;
mod probe;
mod pull;
pub mod template;
pub mod values;

pub use self::error::{Error, Kind};
pub use self::mapping::{ENTERPRISE, ROSTERD, address};
pub use self::probe::{Probe, Reach, probe};
pub use self::pull::{Inspected, Job, Progress, Sink, Table, inspect, pull, pull_table};

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

/// One employee, as a connector's mapping made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The vendor's stable id, as text (`externalId`).
    pub source_id: String,
    /// SCIM User without `active` and without our extension; enterprise `manager.value` is the manager's source id.
    pub user: Map<String, Value>,
    /// Employment as of the day of the pull.
    pub employment: EmploymentState,
    /// First day.
    pub start_date: Option<NaiveDate>,
    /// Last day of work, inclusive.
    pub end_date: Option<NaiveDate>,
    /// SHA-256 over all of the above in canonical form: equal when nothing changed.
    pub digest: [u8; 32],
}

/// A record that cannot be mapped. It never fails a run, and never makes anybody a leaver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The record's id, where it could be read.
    pub source_id: Option<String>,
    /// Its place: count from 1, or the line of a file.
    pub place: u64,
    /// What is wrong, as a code.
    pub code: &'static str,
    /// The code's parameters: the field and the rule, never the value of a person's field.
    pub params: BTreeMap<String, String>,
}

/// What comes out of a pull, one by one.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapped {
    /// An employee.
    Person(Box<Person>),
    /// A record that could not be mapped.
    Rejected(Rejected),
}

/// Why a pull proves nothing about who is absent: a code and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Code.
    pub code: &'static str,
    /// Parameters.
    pub params: BTreeMap<String, String>,
}

/// The file of which a pull read the people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The time that it stands for; an older one is refused from now on.
    pub as_of: Millis,
    /// Names of the fields that it has columns for.
    pub fields: Vec<String>,
    /// Shortest and longest id.
    pub id_length: Option<(usize, usize)>,
}

/// What a pull can prove. Without gaps it was complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Employees handed over.
    pub people: u64,
    /// Records that could not be mapped.
    pub rejected: u64,
    /// Records read of the main list, those that are nobody's included.
    pub rows: u64,
    /// Records that are nobody's, by the mapping.
    pub skipped: u64,
    /// How many records the vendor announced, if it does.
    pub announced: Option<u64>,
    /// Pages read of the main list.
    pub pages: u64,
    /// Requests sent, those of tokens and look-ups included.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// For each unit (`name.givenName`, `employment`, `end_date`, …): how many of the people have it.
    pub coverage: BTreeMap<String, u64>,
    /// Status words that the connector does not know, with how many people have them.
    pub unknown_words: BTreeMap<String, u64>,
    /// What could not be read beside the main list: nobody is missing, but what it would have filled in is empty.
    pub degraded: Vec<Gap>,
    /// Why it is not complete.
    pub gaps: Vec<Gap>,
    /// What an admin should see, and what harms nothing.
    pub warnings: Vec<Gap>,
    /// Units about which the source says nothing: that nobody has them proves nothing.
    pub unsaid: BTreeSet<String>,
    /// Only those are there who changed: it is complete, and nobody is absent.
    pub changes_only: bool,
    /// The file, if it was one: who is absent is confirmed by another one, not by the same once more.
    pub snapshot: Option<Snapshot>,
}

impl Evidence {
    /// Everything was read: who is not there is absent.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }
}
