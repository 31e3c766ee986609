//! Names of teams: by a template, unique by a number, and as steady as the template's words.

use std::collections::{BTreeSet, HashMap};

use super::hierarchy::Tree;
use super::{Previous, Team};

/// How a team is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// With `{manager}` and `{department}`, such as `Team {manager}`.
    pub template: String,
    /// In the place of a department that is not known.
    pub no_department: String,
    /// Names that something else has.
    pub taken: BTreeSet<String>,
}

/// Names the teams. One that an admin named keeps that; one whose words are as before keeps its number too, so that a
/// namesake who goes renames nobody else's team.
pub(super) fn give(teams: &mut [Team], tree: &Tree<'_>, previous: &[Previous], naming: &Naming) {
    let people = tree.by_id();
    let olds: HashMap<&str, &Previous> = previous.iter().map(|p| (p.id.as_str(), p)).collect();
    let mut taken: BTreeSet<String> = naming.taken.iter().map(|n| n.to_lowercase()).collect();
    let words: Vec<String> = teams
        .iter()
        .map(|team| match people.get(team.manager.as_str()) {
            None => team.manager.clone(),
            Some(manager) => {
                let department = manager.department.as_deref();
                naming.render(&manager.name, department)
            }
        })
        .collect();
    for (team, words) in teams.iter_mut().zip(&words) {
        let old = team.id.as_deref().and_then(|id| olds.get(id));
        let keeps = |old: &&&Previous| old.is_renamed || is_of(&old.name, words);
        if let Some(old) = old.filter(keeps)
            && taken.insert(old.name.to_lowercase())
        {
            team.name.clone_from(&old.name);
        }
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    for (team, words) in teams.iter_mut().zip(&words) {
        if team.name.is_empty() {
            let number = numbers.entry(words).or_insert(1);
            team.name = free(words, number, &mut taken);
        }
    }
}

impl Naming {
    fn render(&self, manager: &str, department: Option<&str>) -> String {
        let department = department.unwrap_or(&self.no_department);
        // What stands in the place of the first is not looked at again.
        let parts = self.template.split("{manager}");
        let parts: Vec<String> = parts
            .map(|p| p.replace("{department}", department))
            .collect();
        parts.join(manager).trim().to_owned()
    }
}

/// Whether a name is these words, with or without a number.
fn is_of(name: &str, words: &str) -> bool {
    let rest = name.strip_prefix(words);
    let number = |rest: &str| {
        let inner = rest.strip_prefix(" (").and_then(|r| r.strip_suffix(')'));
        inner.is_some_and(|n| n.parse::<u32>().is_ok())
    };
    rest.is_some_and(|rest| rest.is_empty() || number(rest))
}

/// The words with the first number, from this one on, that makes them unique.
fn free(words: &str, number: &mut u32, taken: &mut BTreeSet<String>) -> String {
    loop {
        let name = match *number {
            1 => words.to_owned(),
            number => format!("{words} ({number})"),
        };
        *number += 1;
        if taken.insert(name.to_lowercase()) {
            return name;
        }
    }
}
