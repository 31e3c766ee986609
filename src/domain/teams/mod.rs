//! Teams built from who reports to whom (SEMANTICS §8): one team per manager, whose members are the direct reports; teams
//! nest as managers do. Pure: the same people, edges and previous teams give the same teams, in whatever order they come.

mod hierarchy;
mod identity;
mod names;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeSet;

pub use hierarchy::Finding;
pub use names::Naming;

/// Whom a source says that somebody reports to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// Nobody is named.
    Nobody,
    /// A person, by id.
    Person(String),
    /// Somebody whom the source does not bring.
    Outside,
}

/// How somebody stands, as far as teams go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Has access: is a member, and can review.
    Granted,
    /// Is invited: is a member, and reviews once she has accepted.
    Invited,
    /// Is only listed: counts where everybody is looked at.
    Listed,
    /// Has left, or lost access: is no member, and passes reviewing on.
    Gone,
}

/// Somebody of the source that feeds teams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Id.
    pub id: String,
    /// As she is called in a team's name.
    pub name: String,
    /// For names of teams.
    pub department: Option<String>,
    /// Whom she reports to.
    pub manager: Manager,
    /// How she stands.
    pub standing: Standing,
}

/// A team as it was built last time, or as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Id, which outlives manager and members.
    pub id: String,
    /// Who led it.
    pub manager: String,
    /// Its members.
    pub members: BTreeSet<String>,
    /// Its name.
    pub name: String,
    /// An admin gave it that name, so that it stays.
    pub is_renamed: bool,
}

/// Who is a member: today's view, or the one that the preview shows beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Those with access and those invited.
    Invited,
    /// Those who are only listed too: when everyone is invited.
    Everyone,
}

/// A team as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The previous team that it goes on as; `None` for a new one.
    pub id: Option<String>,
    /// Who leads it.
    pub manager: String,
    /// Who reviews: the manager, or the next above with access; `None` where nobody above has.
    pub reviewer: Option<String>,
    /// Manager of the team that it is part of.
    pub parent: Option<String>,
    /// Direct reports who count.
    pub members: BTreeSet<String>,
    /// Unique among teams.
    pub name: String,
}

/// Why somebody who counts is a member of no team.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// She leads the team of these reports, and reports to nobody.
    Leads,
    /// No manager is named.
    NoManager,
    /// Her manager is nobody whom the source brings.
    ManagerOutside,
    /// She is her own manager.
    SelfManaged,
    /// She is in a circle of managers, which is cut at her.
    InCircle,
}

/// What teams are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By manager's id.
    pub teams: Vec<Team>,
    /// Previous teams that end.
    pub gone: Vec<String>,
    /// Members of no team, by id.
    pub unassigned: Vec<(String, Why)>,
    /// What an admin should hear of the hierarchy.
    pub findings: Vec<Finding>,
}

/// Builds the teams.
pub fn build(
    people: &[Person],
    previous: &[Previous],
    counting: Counting,
    naming: &Naming,
) -> Plan {
    let tree = hierarchy::Tree::new(people, counting);
    let mut teams = tree.teams();
    let gone = identity::keep(&mut teams, previous);
    names::give(&mut teams, &tree, previous, naming);
    Plan {
        teams,
        gone,
        unassigned: tree.unassigned(),
        findings: tree.findings(),
    }
}
