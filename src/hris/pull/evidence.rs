//! Counts while a pull runs, and what they prove.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash as _, Hasher as _};

use serde_json::{Map, Value};

use super::gap;
use crate::domain::employment::EmploymentState;
use crate::hris::mapping::{self, Fault};
use crate::hris::{Evidence, Gap, Mapped, Person};

/// Unknown words that are named; a column of free text has no end of them.
const MOST_WORDS: usize = 20;

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) pages: u64,
    pub(super) rows: u64,
    pub(super) skipped: u64,
    people: u64,
    rejected: u64,
    announced: Option<u64>,
    coverage: BTreeMap<String, u64>,
    unknown_words: BTreeMap<String, u64>,
    gaps: Vec<Gap>,
    /// The list in which each id came first.
    ids: HashMap<u64, u64>,
    /// Lists that are behind us.
    lists: u64,
    repeated: u64,
    /// Room for the name of a unit: there are some twenty to a person.
    path: String,
}

impl Count {
    /// A page was read.
    pub(super) fn page(&mut self, rows: usize) {
        self.pages += 1;
        self.rows += rows as u64;
    }

    /// How many records are announced, those of lists that are behind us included.
    pub(super) fn announced(&self, this: Option<u64>) -> Option<u64> {
        match (self.announced, this) {
            (None, None) => None,
            (before, this) => Some(before.unwrap_or_default() + this.unwrap_or_default()),
        }
    }

    /// A list was read to its end.
    pub(super) fn list(&mut self, total: Option<u64>, gaps: Vec<Gap>) {
        self.lists += 1;
        self.announced = self.announced(total);
        self.gaps.extend(gaps);
    }

    /// Whether an id was not there yet. One that comes again in its list means that the list moved while it was read, and
    /// then somebody else may have been missed. In another list it is the same person once more, and the first list counts.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        match self.ids.entry(hasher.finish()) {
            Entry::Vacant(free) => {
                free.insert(self.lists);
                true
            }
            Entry::Occupied(first) => {
                self.repeated += u64::from(*first.get() == self.lists);
                false
            }
        }
    }

    /// A word that the connector does not know. Words are the vendor's, not a person's; long ones are cut.
    pub(super) fn unknown_word(&mut self, word: &str) {
        let word: String = word.chars().take(40).collect();
        if self.unknown_words.len() < MOST_WORDS || self.unknown_words.contains_key(&word) {
            *self.unknown_words.entry(word).or_default() += 1;
        }
    }

    /// A record that is refused.
    pub(super) fn refuse(&mut self, id: Option<String>, place: u64, fault: Fault) -> Mapped {
        self.rejected += 1;
        Mapped::Rejected(mapping::rejected(id, place, fault))
    }

    /// A person that is handed on.
    pub(super) fn person(&mut self, person: &Person) {
        self.people += 1;
        let mut path = std::mem::take(&mut self.path);
        self.cover_map(&mut path, &person.user);
        self.path = path;
        if person.employment != EmploymentState::Unknown {
            self.cover("employment");
        }
        if person.start_date.is_some() {
            self.cover("start_date");
        }
        if person.end_date.is_some() {
            self.cover("end_date");
        }
    }

    /// Units as SEMANTICS §1 cuts them: `title`, `name.givenName`, `emails`, `urn:…:User:department`.
    fn cover_map(&mut self, path: &mut String, map: &Map<String, Value>) {
        let prefix = path.len();
        for (name, value) in map {
            path.truncate(prefix);
            path.push_str(name);
            match value {
                Value::Object(inner) if prefix == 0 && name.starts_with("urn:") => {
                    path.push(':');
                    self.cover_map(path, inner);
                }
                Value::Object(inner) => {
                    path.push('.');
                    let whole = path.len();
                    for sub in inner.keys() {
                        path.truncate(whole);
                        path.push_str(sub);
                        self.cover(path);
                    }
                }
                _ => self.cover(path),
            }
        }
        path.truncate(prefix);
    }

    fn cover(&mut self, unit: &str) {
        match self.coverage.get_mut(unit) {
            Some(count) => *count += 1,
            None => drop(self.coverage.insert(unit.to_owned(), 1)),
        }
    }

    /// What was proved.
    pub(super) fn evidence(mut self, mut degraded: Vec<Gap>, unresolved: u64) -> Evidence {
        if self.repeated > 0 {
            let times = self.repeated.to_string();
            self.gaps.push(gap("ids_repeated", &[("records", &times)]));
        }
        if self.people == 0 {
            self.gaps.push(gap("empty", &[]));
        }
        if unresolved > 0 {
            let people = unresolved.to_string();
            degraded.push(gap("managers_not_found", &[("people", &people)]));
        }
        Evidence {
            people: self.people,
            rejected: self.rejected,
            rows: self.rows,
            skipped: self.skipped,
            announced: self.announced,
            pages: self.pages,
            requests: 0,
            bytes: 0,
            coverage: self.coverage,
            unknown_words: self.unknown_words,
            degraded,
            gaps: self.gaps,
            ..Evidence::default()
        }
    }
}
