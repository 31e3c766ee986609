//! What a run hands in about a person, and what it gets back.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::domain::access::Access;
use crate::domain::employment::EmploymentState;
use crate::service::Source;

/// A pull connection, as far as its people are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSource {
    /// Connection and joiner policy.
    pub source: Source,
    /// By what people are recognised besides the source id and the verified address.
    pub also_by: Option<AlsoBy>,
    /// Zone of people whose record names none (`Europe/Paris`); UTC if there is none either.
    pub zone: Option<String>,
}

/// What is compared with the `externalId` under which other sources, and the app, know people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlsoBy {
    /// The vendor's stable id.
    SourceId,
    /// The enterprise extension's `employeeNumber`.
    EmployeeNumber,
}

/// A record as the source has it now.
#[derive(Debug, Clone, PartialEq)]
pub struct PullPerson {
    /// The vendor's stable id.
    pub source_id: String,
    /// SCIM User without `active` and without Rosterd's extension; enterprise `manager.value` is the manager's source
    /// id.
    pub user: Map<String, Value>,
    /// Employment as of the day of the pull.
    pub employment: EmploymentState,
    /// First day.
    pub start_date: Option<NaiveDate>,
    /// Last day of work, inclusive.
    pub end_date: Option<NaiveDate>,
    /// Hash of everything that decides what is done with the record: itself, mapping, settings, scope, policy. A record
    /// with the digest of its link is done with, if the link is settled. Never empty.
    pub digest: String,
    /// Other records of the source that are gone in the same pull: whom it knew by them goes on under this one, if it means
    /// her.
    pub former: Vec<String>,
    /// Paths of units about which the source says nothing, since it has no field for them: they stay as it said before.
    pub unsaid: BTreeSet<String>,
}

/// The digest of a link whose record is done with but for a manager whom nobody knows yet: it is looked at again when
/// the manager has a link.
pub fn unmanaged(digest: &str) -> String {
    format!("{digest} unmanaged")
}

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permit {
    /// Everything.
    Full,
    /// Everything but a loss of access, which the guard holds.
    KeepAccess,
}

/// Why a source no longer has somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gone {
    /// Not in a confirmed complete pull.
    Absent,
    /// Left the scope of a connection that revokes then (by default they are unlinked instead).
    OutOfScope,
}

/// What is done with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Somebody nobody knew.
    Create,
    /// Somebody whom this source did not claim.
    Adopt,
    /// Somebody who was gone for this source, or for everybody, is back.
    Return,
    /// Somebody whom it claims.
    Update,
    /// She is gone for the source.
    Leave,
    /// Nothing.
    Nothing,
}

/// By what a record was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recognised {
    /// Its link.
    SourceId,
    /// See [`AlsoBy`].
    ExternalId,
    /// The verified primary address.
    Email,
}

/// How a person stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Access.
    pub access: Access,
    /// Whether the app lets her in.
    pub has_access: bool,
    /// Reason code.
    pub reason: String,
}

/// What a human should hear about a record; nothing is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nobody is known under the manager's source id: she is left without one. Worth a second pass.
    ManagerUnknown {
        /// The manager's source id.
        source_id: String,
    },
    /// The record is of somebody nobody knows who has left, or whose state is unknown: nobody is made of it.
    NotBrought,
    /// The tenant's plan lets the source bring nobody new.
    NotEntitled,
    /// The plan has no seat left for whom the policy would let in: she is listed.
    NoSeat,
    /// Somebody who has left was matched: her access ends with the next run at the earliest.
    LeftAndHasAccess,
    /// An undo holds the record, and it says what it said then: nothing is made of it.
    Undone,
}

/// What is done about a record: as planned, or as it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The record.
    pub source_id: String,
    /// The person; `None` where nobody is there, or not yet.
    pub user_id: Option<String>,
    /// What is done.
    pub step: Step,
    /// By what she was recognised.
    pub recognised: Option<Recognised>,
    /// Paths of the effective document that change.
    pub units: Vec<String>,
    /// How she stood; `None` for somebody new.
    pub before: Option<Stand>,
    /// How she stands then; `None` where nobody is made of the record.
    pub after: Option<Stand>,
    /// A loss of access that was not permitted: its reason.
    pub held: Option<&'static str>,
    /// A question for a human: its kind, and who the person may be instead.
    pub conflict: Option<(&'static str, Vec<String>)>,
    /// What else there is to tell.
    pub findings: Vec<Finding>,
    /// The last day that the source names.
    pub last_day: Option<String>,
    /// That day lies ahead and is news, or earlier than it was: access will go with it.
    pub is_ahead: bool,
    /// Records by which the source knew her, and no longer does: she goes on under this one.
    pub former: Vec<String>,
    /// Records by which the source knows the person whom this one would mean without them: hers, if they are gone.
    pub rivals: Vec<String>,
    /// Something was, or would be, written.
    pub is_change: bool,
}

impl Effect {
    /// The app no longer lets in somebody whom it let in.
    pub fn takes_access(&self) -> bool {
        self.before.as_ref().is_some_and(|b| b.has_access)
            && self.after.as_ref().is_some_and(|a| !a.has_access)
    }

    /// The app lets in somebody whom it did not let in.
    pub fn gives_access(&self) -> bool {
        !self.before.as_ref().is_some_and(|b| b.has_access)
            && self.after.as_ref().is_some_and(|a| a.has_access)
    }
}
