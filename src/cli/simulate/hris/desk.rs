//! Where one request is answered: the people as they are, the request, the credentials and the faults of the moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::call::Call;
use super::company::Company;
use super::dice::Dice;
use super::fault::{Fault, Faults};
use super::people::Person;
use super::standin::Standin;
use super::truth::Field;
use super::vary::Variations;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

/// Everything that the answer to one request may depend on.
pub struct Desk<'a> {
    /// The vendor.
    pub standin: &'a Standin,
    /// Its people.
    pub company: &'a Company,
    /// The request.
    pub call: &'a Call,
    /// The present moment, for tokens and limits; the day of employment is [`Company::day`].
    pub now: Millis,
    /// People on a page, if the vendor may choose.
    pub page_size: usize,
    pub(super) keys: &'a BTreeMap<&'static str, String>,
    pub(super) faults: &'a Mutex<Faults>,
    pub(super) vary: &'a Variations,
    pub(super) tokens: &'a Mutex<Tokens>,
    pub(super) index: &'a Mutex<HashMap<String, u32>>,
}

/// What a list shows, after what the faults took away: people, or their employments.
#[derive(Debug)]
pub struct Roster<T> {
    /// In order; a row may be there twice.
    pub people: Vec<T>,
    /// How many there are, as the vendor counts.
    pub total: usize,
}

impl<T> Roster<T> {
    /// `limit` of them from `offset` on.
    pub fn page(&self, offset: usize, limit: usize) -> &[T] {
        let from = offset.min(self.people.len());
        let to = from.saturating_add(limit).min(self.people.len());
        &self.people[from..to]
    }
}

impl<'a> Desk<'a> {
    /// A credential's value.
    pub fn key(&self, term: &str) -> &str {
        self.keys.get(term).map_or("", String::as_str)
    }

    /// The stable id of this person.
    pub fn id(&self, person: &Person) -> String {
        (self.standin.id)(self.company.seed, person)
    }

    /// The person with this stable id.
    pub fn find(&self, id: &str) -> Option<&'a Person> {
        let mut index = lock(self.index);
        let is_it = |p: &&Person| self.id(p) == id;
        if index.is_empty() {
            let all = self.company.everybody();
            index.extend(all.map(|p| (self.id(p), p.serial)));
        }
        // Somebody who came since, or whose id is new: looked for once.
        let serial = match index.get(id) {
            Some(serial) => *serial,
            None => {
                let serial = self.company.people().find(is_it)?.serial;
                index.insert(id.to_owned(), serial);
                serial
            }
        };
        self.company.find(serial).filter(is_it)
    }

    /// What the vendor's status says today.
    pub fn state(&self, person: &Person) -> EmploymentState {
        if self.is_on(Fault::BrokenStatus) {
            return EmploymentState::Left;
        }
        person.state(self.company.day)
    }

    /// Whether the credentials may read more than a connection needs, such as salaries: [`Fault::WideScope`].
    pub fn reads_more(&self) -> bool {
        self.is_on(Fault::WideScope)
    }

    /// Whether the credentials may read this of people; without [`Fault::ReducedScope`] they may read everything.
    pub fn may_read(&self, field: Field) -> bool {
        !(self.is_on(Fault::ReducedScope) && self.standin.hides.contains(&field))
    }

    /// Who of the people is on the list, in pages of `size`.
    pub fn roster(&self, size: usize, is_on_it: impl Fn(&Person) -> bool) -> Roster<&'a Person> {
        let people = self.company.people().filter(|p| is_on_it(p));
        self.rows(people.collect(), size)
    }

    /// These rows as a list in pages of `size`: the faults on lists happen to pages, and another order is another one
    /// here.
    pub fn rows<T: Clone>(&self, mut people: Vec<T>, size: usize) -> Roster<T> {
        self.vary.order(&mut people, self.company.seed);
        let mut total = people.len();
        let size = size.max(1);
        let pages = total.div_ceil(size);
        let mut dice = Dice::new(self.company.seed, "page");
        if self.is_on(Fault::EmptyList) {
            people.clear();
            total = 0;
        } else if self.is_on(Fault::LostPage) {
            let from = dice.below(pages) * size;
            people.drain(from..(from + size).min(total));
        } else if self.is_on(Fault::RepeatedPage) && pages > 1 {
            let from = dice.below(pages - 1) * size;
            for at in from + size..(from + 2 * size).min(total) {
                people[at] = people[at - size].clone();
            }
        }
        Roster { people, total }
    }

    /// People on a page: as asked, at most `most`, less if the stand-in was told to be small.
    pub fn page_size(&self, asked: Option<usize>, usual: usize, most: usize) -> usize {
        asked.unwrap_or(usual).min(most).min(self.page_size).max(1)
    }

    /// Whether this fault is set.
    pub fn is_on(&self, fault: Fault) -> bool {
        lock(self.faults).is_on(fault)
    }

    /// A token that is good for so many seconds. A `stable` one is given again as long as it is good.
    pub fn issue(&self, begin: &str, seconds: i64, is_stable: bool) -> (String, i64) {
        let mut tokens = lock(self.tokens);
        if is_stable
            && let Some(token) = tokens.last.clone()
            && let Some(until) = tokens.good.get(&token)
            && *until > self.now
        {
            return (token, (until.0 - self.now.0) / 1_000);
        }
        tokens.issued += 1;
        let mut dice = Dice::new(self.company.seed, &format!("token/{}", tokens.issued));
        let token = format!("{begin}{}", dice.word(40));
        let until = Millis(self.now.0 + seconds * 1_000);
        tokens.good.retain(|_, until| *until > self.now);
        tokens.good.insert(token.clone(), until);
        tokens.last = Some(token.clone());
        (token, seconds)
    }

    /// Whether this token was issued and is still good.
    pub fn is_good(&self, token: &str) -> bool {
        let mut tokens = lock(self.tokens);
        let is_good = tokens
            .good
            .get(token)
            .is_some_and(|until| *until > self.now);
        if is_good && lock(self.faults).take(Fault::ExpiredToken) {
            tokens.good.remove(token);
            return false;
        }
        is_good
    }

    /// What the stand-in wrote down under this name.
    pub fn note(&self, name: &str) -> Option<String> {
        lock(self.tokens).notes.get(name).cloned()
    }

    /// Writes something down; nothing takes the note away.
    pub fn set_note(&self, name: &str, text: Option<String>) {
        let notes = &mut lock(self.tokens).notes;
        match text {
            Some(text) => notes.insert(name.to_owned(), text),
            None => notes.remove(name),
        };
    }

    /// Counts a wrong credential; answers how many came one after another, this one included.
    pub fn wrong(&self) -> u32 {
        let mut tokens = lock(self.tokens);
        tokens.wrong += 1;
        tokens.wrong
    }

    /// A right credential came.
    pub fn right(&self) {
        lock(self.tokens).wrong = 0;
    }
}

/// Tokens that were issued, and how many credentials were wrong.
#[derive(Debug, Default)]
pub struct Tokens {
    good: BTreeMap<String, Millis>,
    last: Option<String>,
    notes: BTreeMap<String, String>,
    issued: u32,
    wrong: u32,
}

/// Takes a lock, whatever happened to who had it.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
