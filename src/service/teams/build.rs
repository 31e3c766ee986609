//! What teams are, and what they are to be: the builder's input read from one state of the database, and the steps
//! from one to the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::types::{Chosen, finding_parts};
use crate::domain::access::Access;
use crate::domain::teams::{Finding, Manager, Person, Plan, Previous, Standing};
use crate::service::error::Result;
use crate::storage::Scope;
use crate::storage::team_people::FedPerson;
use crate::storage::teams::{FindingRow, SyncedTeamRow};

/// Most characters of a person's name in the name of a team.
const NAME: usize = 80;
/// Most people whom a finding is stored with.
const NAMED: usize = 100;

/// A team as it stands.
#[derive(Debug, Clone)]
pub(super) struct TeamNow {
    pub(super) row: SyncedTeamRow,
    pub(super) name: String,
    pub(super) members: BTreeSet<String>,
    pub(super) reviewers: BTreeSet<String>,
}

/// What a build is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Input {
    pub(super) people: Vec<Person>,
    /// People with access or an invitation whom the source does not bring: id and name.
    pub(super) others: Vec<(String, String)>,
    pub(super) now: BTreeMap<String, TeamNow>,
    pub(super) findings: Vec<FindingRow>,
    /// The journal's last entry that is in it.
    pub(super) head: i64,
}

/// Reads it.
pub(super) fn gather(scope: &mut Scope<'_>, chosen: &Chosen) -> Result<Input> {
    let head = scope.find_head()?.map_or(0, |head| head.sequence);
    let fed = scope.list_fed(&chosen.connection, chosen.names_departments())?;
    let known: HashSet<&str> = fed.iter().map(|p| p.id.as_str()).collect();
    let unknown: BTreeSet<&String> = fed
        .iter()
        .filter_map(|p| p.manager.as_ref())
        .filter(|id| !known.contains(id.as_str()))
        .collect();
    let unknown: Vec<String> = unknown.into_iter().cloned().collect();
    let gone = gone(scope, &chosen.connection, unknown)?;
    let mut people: Vec<Person> = fed.into_iter().map(|p| person(p, false)).collect();
    people.extend(gone.into_iter().map(|p| person(p, true)));
    Ok(Input {
        people,
        others: scope.list_unfed(&chosen.connection)?,
        now: now(scope)?,
        findings: scope.list_team_findings()?,
        head,
    })
}

/// Managers who left, with those above them as far as they left too.
fn gone(
    scope: &mut Scope<'_>,
    connection: &str,
    mut wanted: Vec<String>,
) -> Result<Vec<FedPerson>> {
    let mut found: Vec<FedPerson> = Vec::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    while !wanted.is_empty() {
        asked.extend(wanted.iter().cloned());
        let more = scope.list_gone(connection, &wanted)?;
        let above = more.iter().filter_map(|p| p.manager.clone());
        let above: BTreeSet<String> = above.filter(|id| !asked.contains(id)).collect();
        wanted = above.into_iter().collect();
        found.extend(more);
    }
    Ok(found)
}

fn person(fed: FedPerson, has_left: bool) -> Person {
    let standing = match Access::parse(&fed.access) {
        _ if has_left => Standing::Gone,
        Some(Access::Granted) if fed.has_access => Standing::Granted,
        // Her first day lies ahead: she will be a member, and reviews from then on.
        Some(Access::Granted | Access::Invited) => Standing::Invited,
        Some(Access::Listed) => Standing::Listed,
        Some(Access::Revoked) | None => Standing::Gone,
    };
    let manager = match fed.manager {
        _ if fed.is_managed_outside => Manager::Outside,
        Some(id) => Manager::Person(id),
        None => Manager::Nobody,
    };
    Person {
        id: fed.id,
        name: fed.name.chars().take(NAME).collect(),
        department: fed.department.map(|d| d.chars().take(NAME).collect()),
        manager,
        standing,
    }
}

fn now(scope: &mut Scope<'_>) -> Result<BTreeMap<String, TeamNow>> {
    let mut now: BTreeMap<String, TeamNow> = BTreeMap::new();
    for (row, name) in scope.list_synced_teams()? {
        let team = TeamNow {
            name,
            members: BTreeSet::new(),
            reviewers: BTreeSet::new(),
            row,
        };
        now.insert(team.row.group_id.clone(), team);
    }
    if now.is_empty() {
        return Ok(now);
    }
    for (team, user) in scope.list_synced_members()? {
        if let Some(team) = now.get_mut(&team) {
            team.members.insert(user);
        }
    }
    for (team, user) in scope.list_all_reviewers()? {
        if let Some(team) = now.get_mut(&team) {
            team.reviewers.insert(user);
        }
    }
    Ok(now)
}

/// The teams as the builder wants to see them.
pub(super) fn previous(now: &BTreeMap<String, TeamNow>) -> Vec<Previous> {
    let each = now.values().map(|team| Previous {
        id: team.row.group_id.clone(),
        manager: team.row.manager_id.clone(),
        members: team.members.clone(),
        name: team.name.clone(),
        is_renamed: team.row.is_renamed,
    });
    each.collect()
}

/// A team as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) is_new: bool,
    pub(super) manager: String,
    pub(super) reviewer: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) members: BTreeSet<String>,
    pub(super) name: String,
}

/// The teams of a plan; new ones get ids.
pub(super) fn wanted(plan: &Plan, mut fresh: impl FnMut() -> String) -> Vec<Wanted> {
    let ids: HashMap<&str, (String, bool)> = plan
        .teams
        .iter()
        .map(|team| {
            let id = team
                .id
                .clone()
                .map_or_else(|| (fresh(), true), |id| (id, false));
            (team.manager.as_str(), id)
        })
        .collect();
    let each = plan.teams.iter().map(|team| {
        let (id, is_new) = ids.get(team.manager.as_str()).cloned().unwrap_or_default();
        let parent = team.parent.as_deref();
        Wanted {
            id,
            is_new,
            manager: team.manager.clone(),
            reviewer: team.reviewer.clone(),
            parent: parent
                .and_then(|manager| ids.get(manager))
                .map(|(id, _)| id.clone()),
            members: team.members.clone(),
            name: team.name.clone(),
        }
    });
    each.collect()
}

/// One change of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A team is new; its members and reviewers come with other steps.
    Create(Wanted),
    /// Somebody comes into a team, leaves one, or both.
    Move {
        person: String,
        from: Option<String>,
        to: Option<String>,
    },
    /// Others review a team.
    Review {
        team: String,
        stop: Vec<String>,
        start: Vec<String>,
    },
    /// A team has another name.
    Name { team: String, name: String },
    /// A team has another manager, or is part of another.
    Place {
        team: String,
        manager: String,
        parent: Option<String>,
    },
    /// A team ends.
    End(String),
    /// Something is found that was not.
    Found(FindingRow),
    /// Something is found no more.
    Over(FindingRow),
}

impl Step {
    /// Most rows that it changes, those of groups included.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Create(_) | Self::End(_) => 3,
            Self::Move { .. } => 4,
            Self::Review { stop, start, .. } => stop.len() + start.len() + 1,
            Self::Name { .. } | Self::Place { .. } => 2,
            Self::Found(_) | Self::Over(_) => 1,
        }
    }
}

/// From the teams that there are to those that are wanted: new ones first, so that nobody is without a team on the way,
/// and those that end last.
pub(super) fn steps(now: &BTreeMap<String, TeamNow>, wanted: Vec<Wanted>) -> Vec<Step> {
    let mut steps: Vec<Step> = wanted
        .iter()
        .filter(|team| team.is_new)
        .map(|team| {
            Step::Create(Wanted {
                members: BTreeSet::new(),
                ..team.clone()
            })
        })
        .collect();
    steps.extend(moves(now, &wanted));
    let stays: HashSet<&str> = wanted.iter().map(|team| team.id.as_str()).collect();
    for team in &wanted {
        let before = now.get(&team.id);
        let reviewers: BTreeSet<&String> = team.reviewer.iter().collect();
        let old: BTreeSet<&String> = before.iter().flat_map(|t| &t.reviewers).collect();
        if reviewers != old {
            let list = |ids: Vec<&&String>| ids.into_iter().map(|id| (*id).clone()).collect();
            steps.push(Step::Review {
                team: team.id.clone(),
                stop: list(old.difference(&reviewers).collect()),
                start: list(reviewers.difference(&old).collect()),
            });
        }
        let Some(before) = before else { continue };
        if before.name != team.name {
            steps.push(Step::Name {
                team: team.id.clone(),
                name: team.name.clone(),
            });
        }
        if before.row.manager_id != team.manager || before.row.parent_id != team.parent {
            steps.push(Step::Place {
                team: team.id.clone(),
                manager: team.manager.clone(),
                parent: team.parent.clone(),
            });
        }
    }
    let ends = now.keys().filter(|id| !stays.contains(id.as_str()));
    steps.extend(ends.cloned().map(Step::End));
    steps
}

fn moves(now: &BTreeMap<String, TeamNow>, wanted: &[Wanted]) -> Vec<Step> {
    let mut to: BTreeMap<&str, &str> = BTreeMap::new();
    for team in wanted {
        to.extend(team.members.iter().map(|m| (m.as_str(), team.id.as_str())));
    }
    // Who is where she is wanted; then who has been given a way there.
    let mut settled: HashSet<&str> = HashSet::new();
    for (id, team) in now {
        let stay = team
            .members
            .iter()
            .filter(|m| to.get(m.as_str()) == Some(&id.as_str()));
        settled.extend(stay.map(String::as_str));
    }
    let mut moves = Vec::new();
    for (id, team) in now {
        for person in &team.members {
            let goal = to.get(person.as_str()).copied();
            if goal == Some(id) {
                continue;
            }
            let goal = goal.filter(|_| settled.insert(person));
            moves.push(Step::Move {
                person: person.clone(),
                from: Some(id.clone()),
                to: goal.map(str::to_owned),
            });
        }
    }
    let comers = to.iter().filter(|(person, _)| !settled.contains(**person));
    moves.extend(comers.map(|(person, team)| Step::Move {
        person: (*person).to_owned(),
        from: None,
        to: Some((*team).to_owned()),
    }));
    moves
}

/// What changes of what was found.
pub(super) fn news(stored: &[FindingRow], found: &[Finding], tenant: &str, now: i64) -> Vec<Step> {
    let mut rows: BTreeMap<(String, String, i64, String), FindingRow> = BTreeMap::new();
    for finding in found {
        let (code, people) = finding_parts(finding);
        let key = people.first().cloned().unwrap_or_default();
        for (ordinal, subject) in (0..).zip(people.into_iter().take(NAMED)) {
            let row = FindingRow {
                tenant: tenant.to_owned(),
                code: code.to_owned(),
                key: key.clone(),
                ordinal,
                subject: subject.clone(),
                since: now,
            };
            rows.insert((code.to_owned(), key.clone(), ordinal, subject), row);
        }
    }
    let mut steps = Vec::new();
    for old in stored {
        let key = (
            old.code.clone(),
            old.key.clone(),
            old.ordinal,
            old.subject.clone(),
        );
        if rows.remove(&key).is_none() {
            steps.push(Step::Over(old.clone()));
        }
    }
    steps.extend(rows.into_values().map(Step::Found));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn team(id: &str, manager: &str, members: &[&str]) -> TeamNow {
        TeamNow {
            row: SyncedTeamRow {
                tenant: "t".to_owned(),
                group_id: id.to_owned(),
                manager_id: manager.to_owned(),
                parent_id: None,
                is_renamed: false,
            },
            name: id.to_owned(),
            members: set(members),
            reviewers: set(&[manager]),
        }
    }

    fn want(id: &str, manager: &str, members: &[&str], is_new: bool) -> Wanted {
        Wanted {
            id: id.to_owned(),
            is_new,
            manager: manager.to_owned(),
            reviewer: Some(manager.to_owned()),
            parent: None,
            members: set(members),
            name: id.to_owned(),
        }
    }

    #[test]
    fn what_is_as_it_should_be_takes_no_step() {
        let now = BTreeMap::from([("1".to_owned(), team("1", "a", &["b", "c"]))]);
        assert_eq!(steps(&now, vec![want("1", "a", &["b", "c"], false)]), []);
        let found = [Finding::SelfManaged("a".to_owned())];
        let rows: Vec<FindingRow> = news(&[], &found, "t", 5)
            .into_iter()
            .map(|step| match step {
                Step::Found(row) => row,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(news(&rows, &found, "t", 9), []);
        assert_eq!(news(&rows, &[], "t", 9), [Step::Over(rows[0].clone())]);
    }

    #[test]
    fn somebody_in_two_teams_ends_in_the_one_where_she_is_wanted() {
        let now = BTreeMap::from([
            ("1".to_owned(), team("1", "a", &["b"])),
            ("2".to_owned(), team("2", "c", &["b", "d"])),
        ]);
        let steps = steps(
            &now,
            vec![want("2", "c", &["b"], false), want("3", "e", &["d"], true)],
        );
        let is_move = |step: &&Step| matches!(step, Step::Move { .. });
        let moves: Vec<Step> = steps.iter().filter(is_move).cloned().collect();
        let step = |person: &str, from: &str, to: Option<&str>| Step::Move {
            person: person.to_owned(),
            from: Some(from.to_owned()),
            to: to.map(str::to_owned),
        };
        assert_eq!(moves, [step("b", "1", None), step("d", "2", Some("3"))]);
        assert!(matches!(&steps[0], Step::Create(team) if team.id == "3"));
        assert_eq!(steps.last(), Some(&Step::End("1".to_owned())));
    }
}
