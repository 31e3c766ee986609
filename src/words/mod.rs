//! Codes in words: what is stored is a code with parameters, and here it becomes a sentence in the reader's language. Pure.
//! Whoever invents a code writes its words here; a test looks for codes without.

mod conflicts;
pub mod connectors;
mod files;
mod findings;
mod health;
mod held;
pub mod mail;
pub mod notices;
mod pairs;
mod previews;
mod problems;
mod reasons;
mod refusals;
#[cfg(test)]
mod tests;
pub mod text;

use serde_json::Value;

use crate::domain::language::Language;

/// A text in English and in French.
pub type Two = [&'static str; 2];

/// A code with its words.
pub type Row = (&'static str, Two);

/// What kind of code it is: the same word may mean something else elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// Why access is what it is.
    Reasons,
    /// Why a plan, or a loss of access, waits.
    Held,
    /// How a connection is doing.
    Health,
    /// Of which kind the failure of a pull is.
    Pulls,
    /// What is wrong with a file of people.
    Files,
    /// What there is to tell of the hierarchy of managers, and why somebody is in no team.
    Teams,
    /// What there is to tell of a run.
    Runs,
    /// What somebody is asked about who is who.
    Conflicts,
    /// What speaks for two people being one.
    Pairs,
    /// Why somebody cannot be invited.
    Invitations,
    /// Why a set-up of team sync cannot be completed.
    TeamSync,
    /// What the management API answers: what it means.
    Problems,
    /// What the management API answers: what to do next.
    ProblemsNext,
    /// Parts of a person that an HR system may tell.
    Parts,
    /// Why a connector does not bring one.
    Lacks,
    /// How a connector signs in.
    SignIn,
    /// How a record names somebody's manager.
    ManagerBy,
    /// What there is to know before a source is disconnected, or another scope is set.
    Previews,
}

impl Book {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Reasons,
        Self::Held,
        Self::Health,
        Self::Pulls,
        Self::Files,
        Self::Teams,
        Self::Runs,
        Self::Conflicts,
        Self::Pairs,
        Self::Invitations,
        Self::TeamSync,
        Self::Problems,
        Self::ProblemsNext,
        Self::Parts,
        Self::Lacks,
        Self::SignIn,
        Self::ManagerBy,
        Self::Previews,
    ];

    /// Its codes.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Reasons => reasons::ROWS,
            Self::Held => held::ROWS,
            Self::Health => health::STATES,
            Self::Pulls => health::KINDS,
            Self::Files => files::ROWS,
            Self::Teams => findings::TEAMS,
            Self::Runs => findings::RUNS,
            Self::Conflicts => conflicts::ROWS,
            Self::Pairs => pairs::ROWS,
            Self::Invitations => refusals::INVITATIONS,
            Self::TeamSync => refusals::TEAM_SYNC,
            Self::Problems => problems::MEANING,
            Self::ProblemsNext => problems::NEXT,
            Self::Parts => connectors::PARTS,
            Self::Lacks => connectors::LACKS,
            Self::SignIn => connectors::SIGN_IN,
            Self::ManagerBy => connectors::MANAGER_BY,
            Self::Previews => previews::ROWS,
        }
    }
}

/// The text of one of the two languages.
pub fn of(two: Two, language: Language) -> &'static str {
    match language {
        Language::En => two[0],
        Language::Fr => two[1],
    }
}

/// A code in words; `None` for one that the book does not have.
pub fn say(book: Book, code: &str, params: &Value, language: Language) -> Option<String> {
    let (_, two) = book.rows().iter().find(|(known, _)| *known == code)?;
    Some(fill(of(*two, language), params))
}

/// A text with its `{parameters}` put in. One that is missing reads `–`: a sentence with a gap is better than none.
pub fn fill(text: &str, params: &Value) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else {
            break;
        };
        filled.push_str(before);
        match &params[name] {
            Value::String(text) if !text.is_empty() => filled.push_str(text),
            Value::Number(number) => filled.push_str(&number.to_string()),
            _ => filled.push('–'),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}
