//! Invents a company's people: facts, not records. A stand-in turns them into what its vendor would say.

use chrono::{Days, NaiveDate};

use super::dice::Dice;
use super::names::{DOMAIN, ENTITIES, Entity, SCRIPTS, SITES, Script, Site, UNITS, Unit};
use crate::domain::employment::EmploymentState;

/// Kind of employment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has a contract of employment.
    Employee,
    /// Works for the company, is not employed by it.
    Contractor,
}

/// An invented person as the HR department knows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Place in the company's list, from 1; every vendor's stable id is made from it.
    pub serial: u32,
    /// The number that HR gives; not everybody has one.
    pub number: Option<u32>,
    pub given: &'static str,
    pub middle: Option<&'static str>,
    pub family: &'static str,
    /// A given name that is used instead.
    pub preferred: Option<&'static str>,
    /// Work address, in the case in which somebody typed it.
    pub email: Option<String>,
    /// Never to be shown to anybody.
    pub private_email: String,
    pub title: &'static str,
    pub unit: &'static Unit,
    pub site: &'static Site,
    pub entity: &'static Entity,
    /// Serial of the person they report to.
    pub manager: Option<u32>,
    pub work_phone: Option<String>,
    pub mobile: Option<String>,
    pub kind: Kind,
    /// First day of the present employment.
    pub start: NaiveDate,
    /// Its last day of work, inclusive.
    pub end: Option<NaiveDate>,
    /// How many employments came before this one.
    pub stint: u32,
    /// First and last day of the one before.
    pub earlier: Option<(NaiveDate, NaiveDate)>,
    /// First and last day of a long absence.
    pub leave: Option<(NaiveDate, NaiveDate)>,
    /// When the record was last touched.
    pub changed: NaiveDate,
    /// Erased in the HR system: no record any more.
    pub is_deleted: bool,
}

impl Person {
    /// Employment on this day.
    pub fn state(&self, day: NaiveDate) -> EmploymentState {
        if self.start > day {
            EmploymentState::Prehire
        } else if self.end.is_some_and(|end| end < day) {
            EmploymentState::Left
        } else if self
            .leave
            .is_some_and(|(from, to)| from <= day && day <= to)
        {
            EmploymentState::OnLeave
        } else {
            EmploymentState::Employed
        }
    }

    /// `Given Family`, with the preferred given name.
    pub fn display(&self) -> String {
        format!("{} {}", self.preferred.unwrap_or(self.given), self.family)
    }
}

/// `days` later; earlier if negative.
pub fn shift(day: NaiveDate, days: i64) -> NaiveDate {
    let by = Days::new(days.unsigned_abs());
    let moved = if days < 0 {
        day.checked_sub_days(by)
    } else {
        day.checked_add_days(by)
    };
    moved.unwrap_or(day)
}

/// The people of a company on `day`: `count` of them, the same ones for the same seed and day.
///
/// Every company of 60 or more has each kind of trap: see [`trap`].
pub fn invent(seed: u64, count: u32, day: NaiveDate) -> Vec<Person> {
    (1..=count)
        .map(|serial| person(seed, serial, count, day))
        .collect()
}

/// Somebody new, without any trap.
pub fn person_without_traps(
    seed: u64,
    serial: u32,
    manager: Option<u32>,
    day: NaiveDate,
) -> Person {
    let mut dice = Dice::new(seed, &format!("person/{serial}"));
    let script: &Script = if dice.is_hit(82) {
        &SCRIPTS[0]
    } else {
        dice.one_of(SCRIPTS)
    };
    let given = dice.pick(script.given);
    let family = dice.pick(script.family);
    let unit: &'static Unit = dice.one_of(UNITS);
    let site: &'static Site = dice.one_of(SITES);
    let start = shift(day, -30 - i64::try_from(dice.below(3_000)).unwrap_or(0));
    Person {
        serial,
        number: Some(1_000 + serial),
        given: given.0,
        middle: dice.is_hit(10).then(|| dice.pick(script.given).0),
        family: family.0,
        preferred: dice.is_hit(8).then(|| dice.pick(script.given).0),
        email: Some(address(given.1, family.1, serial)),
        private_email: format!("{}{serial}@mail.test", given.1),
        title: dice.pick(unit.titles),
        unit,
        site,
        entity: dice.one_of(ENTITIES),
        manager,
        work_phone: dice
            .is_hit(70)
            .then(|| format!("{}{:03}", site.dial, serial % 1_000)),
        mobile: dice
            .is_hit(50)
            .then(|| format!("{}9{:02}", site.dial, serial % 100)),
        kind: Kind::Employee,
        start,
        end: None,
        stint: 0,
        earlier: None,
        leave: None,
        changed: shift(day, -1 - i64::try_from(dice.below(25)).unwrap_or(0)),
        is_deleted: false,
    }
}

/// The work address of this name.
pub fn address(given: &str, family: &str, serial: u32) -> String {
    format!("{given}.{family}{serial}@{DOMAIN}")
}

fn person(seed: u64, serial: u32, count: u32, day: NaiveDate) -> Person {
    // Nine people to a manager, whose serial is smaller than theirs: a tree.
    let manager = (serial > 1).then(|| (serial + 7) / 9);
    let mut person = person_without_traps(seed, serial, manager.filter(|m| *m != serial), day);
    trap(&mut person, count, day);
    person
}

/// What goes wrong in real data, at fixed places so that each company has some of each.
fn trap(person: &mut Person, count: u32, day: NaiveDate) {
    let n = person.serial;
    match n {
        // Two report to each other, three in a circle; the head of the company is above both.
        3 if count >= 4 => person.manager = Some(4),
        4 => person.manager = Some(3),
        12 if count >= 14 => person.manager = Some(13),
        13 if count >= 14 => person.manager = Some(14),
        14 => person.manager = Some(12),
        // The dates at which one day more or less shows.
        22 => person.end = Some(day),
        23 => person.end = Some(shift(day, -1)),
        24 => person.start = day,
        25 => person.start = shift(day, 1),
        // Her manager left.
        26 => person.manager = Some(7),
        _ => {}
    }
    if n > 30 && n % 23 == 11 {
        person.start = shift(day, 3 + i64::from(n % 60));
    }
    if n % 11 == 7 {
        person.end = Some(shift(day, -2 - i64::from(n % 400)));
        person.start = person.start.min(shift(day, -900));
    }
    if n > 30 && n % 29 == 13 {
        person.end = Some(shift(day, 5 + i64::from(n % 50)));
        person.start = person.start.min(shift(day, -10));
    }
    if n % 31 == 17 {
        person.email = None;
    }
    if n % 13 == 5 {
        person.email = person.email.as_deref().map(shout);
    }
    if n == 9 || (n > 30 && n % 401 == 9) {
        person.manager = Some(n);
    }
    if n % 17 == 6 {
        person.kind = Kind::Contractor;
        person.number = None;
    }
    if n > 30 && n % 37 == 19 {
        let start = person.start;
        person.stint = 1;
        person.earlier = Some((shift(start, -1_200), shift(start, -400)));
    }
    if n % 19 == 10 {
        person.leave = Some((shift(day, -40), shift(day, 60)));
    }
}

/// `Zoe.CELIK5@KESTREL.TEST`.
fn shout(address: &str) -> String {
    let mut parts = address.splitn(2, '.');
    let (first, rest) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut letters = first.chars();
    let first: String = letters
        .next()
        .map(|c| c.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect();
    format!("{first}.{}", rest.to_ascii_uppercase())
}
