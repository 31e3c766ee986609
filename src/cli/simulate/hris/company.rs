//! A company: its people, its present day, and what happens to them. Scenarios choose by seed, so that a test that
//! plays the same ones meets the same people.

use chrono::NaiveDate;
use serde::Serialize;

use super::dice::Dice;
use super::names::{SCRIPTS, UNITS};
use super::people::{Person, address, invent, person_without_traps, shift};
use crate::domain::employment::EmploymentState;

/// Everybody whom the HR system has ever known.
#[derive(Debug, Clone)]
pub struct Company {
    /// What everything is made from.
    pub seed: u64,
    /// Today.
    pub day: NaiveDate,
    people: Vec<Person>,
    played: u64,
}

/// What may happen to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Somebody starts.
    Joiner,
    /// Another department, title and manager.
    Mover,
    /// Somebody's last day.
    Leaver,
    /// Another family name and with it another address.
    Rename,
    /// Another manager, nothing else.
    Manager,
    /// Somebody who left starts again, under the same record.
    Rehire,
    /// The record is erased.
    Delete,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Joiner,
        Self::Mover,
        Self::Leaver,
        Self::Rename,
        Self::Manager,
        Self::Rehire,
        Self::Delete,
    ];

    /// Its word in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Mover => "mover",
            Self::Leaver => "leaver",
            Self::Rename => "rename",
            Self::Manager => "manager",
            Self::Rehire => "rehire",
            Self::Delete => "delete",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// One fact of one person that a scenario changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose.
    #[serde(skip)]
    pub serial: u32,
    /// Which fact.
    pub fact: &'static str,
    /// Before; empty if there was none.
    pub before: String,
    /// After; empty if there is none.
    pub after: String,
}

impl Company {
    /// A company of `count` people.
    pub fn new(seed: u64, count: u32, day: NaiveDate) -> Self {
        Self {
            seed,
            day,
            people: invent(seed, count, day),
            played: 0,
        }
    }

    /// Everybody who has a record, in the order of serials.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|p| !p.is_deleted)
    }

    /// Those whose record was erased too.
    pub fn everybody(&self) -> impl Iterator<Item = &Person> {
        self.people.iter()
    }

    /// The person with this serial, if they have a record.
    pub fn find(&self, serial: u32) -> Option<&Person> {
        let at = usize::try_from(serial).ok()?.checked_sub(1)?;
        self.people.get(at).filter(|p| !p.is_deleted)
    }

    /// The manager, if their record exists.
    pub fn manager_of(&self, person: &Person) -> Option<&Person> {
        self.find(person.manager?)
    }

    /// Lets it happen to `count` people; `days` from today is the first day of who starts, the last of who leaves.
    ///
    /// # Errors
    /// Nobody is left to whom it could happen.
    pub fn play(
        &mut self,
        scenario: Scenario,
        count: u32,
        days: Option<i64>,
    ) -> Result<Vec<Change>, String> {
        let mut changes = Vec::new();
        for _ in 0..count {
            self.played += 1;
            let purpose = format!("{}/{}", scenario.as_str(), self.played);
            let mut dice = Dice::new(self.seed, &purpose);
            let done = self.play_once(scenario, days, &mut dice);
            changes.extend(done.ok_or_else(|| {
                format!("nobody is left for the scenario `{}`", scenario.as_str())
            })?);
        }
        Ok(changes)
    }

    fn play_once(
        &mut self,
        scenario: Scenario,
        days: Option<i64>,
        dice: &mut Dice,
    ) -> Option<Vec<Change>> {
        if scenario == Scenario::Joiner {
            return Some(self.join(days.unwrap_or(0), dice));
        }
        let day = self.day;
        let wanted = match scenario {
            Scenario::Rehire => EmploymentState::Left,
            _ => EmploymentState::Employed,
        };
        // Nobody's last day lies before the first.
        let there_since = match scenario {
            Scenario::Leaver => shift(day, days.unwrap_or(-1)).min(day),
            _ => day,
        };
        let at = self.choose(wanted, there_since, dice)?;
        let boss = self.choose(EmploymentState::Employed, day, dice);
        let boss = boss.filter(|b| *b != at).map(|b| self.people[b].serial);
        let person = &mut self.people[at];
        let before = person.clone();
        match scenario {
            Scenario::Leaver => person.end = Some(shift(day, days.unwrap_or(-1))),
            Scenario::Mover => {
                let others: Vec<_> = UNITS.iter().filter(|u| *u != person.unit).collect();
                person.unit = dice.pick(&others);
                person.title = dice.pick(person.unit.titles);
                person.manager = boss;
            }
            Scenario::Manager => person.manager = boss,
            Scenario::Rename => rename(person, dice),
            Scenario::Rehire => {
                person.earlier = person.end.map(|end| (person.start, end));
                person.stint += 1;
                person.start = shift(day, days.unwrap_or(0));
                person.end = None;
                person.leave = None;
            }
            Scenario::Delete => person.is_deleted = true,
            Scenario::Joiner => {}
        }
        person.changed = day;
        let changes = differences(&before, person);
        if scenario == Scenario::Delete {
            self.close_ranks(&before);
        }
        Some(changes)
    }

    /// Who reported to somebody whose record is gone reports to that person's manager.
    fn close_ranks(&mut self, gone: &Person) {
        let above = gone.manager.filter(|m| *m != gone.serial);
        for person in &mut self.people {
            if person.manager == Some(gone.serial) {
                person.manager = above.filter(|m| *m != person.serial);
            }
        }
    }

    fn join(&mut self, days: i64, dice: &mut Dice) -> Vec<Change> {
        let serial = u32::try_from(self.people.len() + 1).unwrap_or(u32::MAX);
        let boss = self.choose(EmploymentState::Employed, self.day, dice);
        let boss = boss.map(|b| self.people[b].serial);
        let mut person = person_without_traps(self.seed, serial, boss, self.day);
        person.start = shift(self.day, days);
        person.changed = self.day;
        let change = Change {
            serial,
            fact: "start",
            before: String::new(),
            after: person.start.to_string(),
        };
        self.people.push(person);
        vec![change]
    }

    /// Somebody plain in this state: with an address, without a last day ahead, never the head of the company.
    fn choose(
        &self,
        state: EmploymentState,
        there_since: NaiveDate,
        dice: &mut Dice,
    ) -> Option<usize> {
        let is_fit = |p: &Person| {
            !p.is_deleted
                && p.serial > 1
                && p.email.is_some()
                && p.state(self.day) == state
                && p.start <= there_since
                && (p.end.is_none() || state == EmploymentState::Left)
        };
        let fit: Vec<usize> = (0..self.people.len())
            .filter(|at| is_fit(&self.people[*at]))
            .collect();
        (!fit.is_empty()).then(|| dice.pick(&fit))
    }
}

fn rename(person: &mut Person, dice: &mut Dice) {
    let others: Vec<_> = SCRIPTS[0]
        .family
        .iter()
        .filter(|f| f.0 != person.family)
        .collect();
    let family = dice.pick(&others);
    let old = person.email.clone().unwrap_or_default().to_lowercase();
    let given = old.split('.').next().unwrap_or_default();
    person.family = family.0;
    person.email = Some(address(given, family.1, person.serial));
}

/// What changed, fact by fact.
fn differences(before: &Person, after: &Person) -> Vec<Change> {
    let text = |value: Option<String>| value.unwrap_or_default();
    let facts = |p: &Person| {
        [
            ("family", p.family.to_owned()),
            ("email", text(p.email.clone())),
            ("title", p.title.to_owned()),
            ("department", p.unit.name.to_owned()),
            ("manager", text(p.manager.map(|m| m.to_string()))),
            ("start", p.start.to_string()),
            ("end", text(p.end.map(|d| d.to_string()))),
            (
                "record",
                if p.is_deleted { "" } else { "exists" }.to_owned(),
            ),
        ]
    };
    facts(before)
        .into_iter()
        .zip(facts(after))
        .filter(|(b, a)| b.1 != a.1)
        .map(|((fact, was), (_, is))| Change {
            serial: after.serial,
            fact,
            before: was,
            after: is,
        })
        .collect()
}
