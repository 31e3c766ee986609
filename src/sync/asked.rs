//! What the guard asks about the records of a pull: how many people there are, who lost what already, what waits no more.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::gather::Gather;
use crate::service::runs::HeldRow;

impl Gather {
    /// Nobody was known before.
    pub(super) fn is_first(&self) -> bool {
        self.known.is_empty()
    }

    /// How many people have access: of the known, and of those whom the plan meets.
    pub(super) fn with_access(&self) -> u64 {
        let known = self.known.values().filter(|k| k.has_access).count() as u64;
        known + self.tally.met
    }

    /// Whether the plan does anything about this record, or about its person by another one.
    pub(super) fn is_planned(&self, source_id: &str) -> bool {
        self.planned.contains(source_id) || self.is_taken(source_id)
    }

    /// Whether the person of this record goes on under another one.
    fn is_taken(&self, source_id: &str) -> bool {
        self.known.get(source_id).is_some_and(|k| k.is_taken)
    }

    /// There is something to do.
    pub(super) fn has_changes(&self) -> bool {
        !self.planned.is_empty()
    }

    /// How many items the plan has.
    pub(super) fn items(&self) -> i64 {
        self.next
    }

    /// Losses that waited and are none any more: the pull brought the record, and it takes nothing.
    pub(super) fn over(&self, held: &[HeldRow]) -> HashSet<String> {
        let lost: HashSet<&str> = self
            .tally
            .losses
            .iter()
            .map(|l| l.source_id.as_str())
            .collect();
        // A last day that was approved waits for nothing but itself.
        let comes = |h: &HeldRow| {
            let named = self
                .days
                .get(h.source_id.as_str())
                .map(NaiveDate::to_string);
            h.is_for_its_day() && h.day == named
        };
        let held = held.iter().filter(|h| !comes(h)).map(|h| &h.source_id);
        held.filter(|id| (self.was_read(id) || self.is_taken(id)) && !lost.contains(id.as_str()))
            .cloned()
            .collect()
    }

    /// How many have access whose last day was learned after a moment; whom the plan itself names excepted.
    pub(super) fn told_since(&self, since: i64) -> u64 {
        let planned: HashSet<&str> = self
            .tally
            .losses
            .iter()
            .map(|l| l.source_id.as_str())
            .collect();
        let told = self.known.iter().filter(|(id, known)| {
            let is_lately = known.told_at.is_some_and(|at| at > since);
            is_lately && known.has_access && !known.has_left && !planned.contains(id.as_ref())
        });
        told.count() as u64
    }

    /// Whether the pull brought this record, and it could be read.
    pub(super) fn was_read(&self, source_id: &str) -> bool {
        self.fresh.contains(source_id)
            || self
                .known
                .get(source_id)
                .is_some_and(|k| k.is_seen && !k.is_unread)
    }

    /// How many of the known had not left.
    pub(super) fn working(&self) -> u64 {
        self.known.values().filter(|k| !k.has_left).count() as u64
    }

    /// How many of them have left by now, and how many were given a last day; those about whom an admin was asked already,
    /// or said it with the undo of a run, excepted.
    pub(super) fn turned(&self, held: &[HeldRow]) -> (u64, u64) {
        let held: HashSet<&str> = held.iter().map(|h| h.source_id.as_str()).collect();
        // Of whom an undo holds what is said of her employment, it is no news.
        let is_asked = |id: &String| held.contains(id.as_str()) || self.undone.contains(id);
        let unasked = |ids: &[String]| ids.iter().filter(|id| !is_asked(id)).count() as u64;
        (unasked(&self.tally.turned), unasked(&self.tally.dated))
    }
}
