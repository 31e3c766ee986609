//! What team sync takes and answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::teams::{Finding, Naming, Why};
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::error::{Error, Result, corrupt};
use crate::storage::teams::TeamSyncRow;

/// Languages that names of teams can be in, each with its template and the word for a department that is not known.
pub const LANGUAGES: [(&str, &str, &str); 2] = [
    ("en", "{manager}'s team", "No department"),
    ("fr", "Équipe de {manager}", "Sans service"),
];

/// Longest template.
const TEMPLATE: usize = 100;

/// Why somebody who has access or an invitation is in no team.
pub const UNASSIGNED: [&str; 7] = [
    "leads",
    "no-manager",
    "manager-outside",
    "self-managed",
    "in-circle",
    "not-in-source",
    "no-team",
];

/// What a build may find.
pub const FINDINGS: [&str; 6] = [
    "circle",
    "self-managed",
    "manager-outside",
    "manager-gone",
    "manager-without-access",
    "several-tops",
];

/// Why a set-up cannot be completed.
pub const REFUSALS: [&str; 4] = [
    "app-users-never-loaded",
    "nobody-in-a-team",
    "no-people",
    "source-disconnected",
];

/// How team sync stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was never set up.
    Off,
    /// A source is chosen; no team has changed yet.
    SetUp,
    /// Teams follow the managers of the source.
    On,
    /// Teams stay as they are, and can be edited.
    Stopped,
}

impl State {
    /// The stored word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::SetUp => "set-up",
            Self::On => "on",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn of(row: &TeamSyncRow) -> Self {
        match row.state.as_str() {
            "set-up" => Self::SetUp,
            "on" => Self::On,
            _ => Self::Stopped,
        }
    }
}

/// What an admin chooses; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"connection": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20", "language": "fr"}))]
pub struct Choice {
    /// Id of the connection whose managers make teams.
    pub connection: Option<String>,
    /// Language of the names: `en` or `fr`.
    pub language: Option<String>,
    /// Templates of the names, by language, with `{manager}` and `{department}`.
    pub templates: Option<BTreeMap<String, String>>,
}

/// What is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) connection: String,
    pub(super) language: String,
    pub(super) templates: BTreeMap<String, String>,
}

impl Chosen {
    /// The choice, over what is stored.
    pub(super) fn of(row: Option<&TeamSyncRow>, choice: &Choice) -> Result<Self> {
        let stored = row.map(Self::stored).transpose()?;
        let connection = choice.connection.clone();
        let connection = connection.or_else(|| stored.as_ref().map(|s| s.connection.clone()));
        let connection = connection.ok_or_else(|| {
            ScimError::invalid_value(
                "`connection` is wanted: the id of the connection whose managers make teams",
            )
        })?;
        let language = choice.language.clone();
        let language = language.or_else(|| stored.as_ref().map(|s| s.language.clone()));
        let mut templates = stored.map(|s| s.templates).unwrap_or_default();
        templates.extend(choice.templates.clone().unwrap_or_default());
        let chosen = Self {
            connection,
            language: language.unwrap_or_else(|| "en".to_owned()),
            templates,
        };
        chosen.check()?;
        Ok(chosen)
    }

    /// What is stored.
    pub(super) fn stored(row: &TeamSyncRow) -> Result<Self> {
        let templates = serde_json::from_str(&row.templates);
        Ok(Self {
            connection: row.connection_id.clone(),
            language: row.language.clone(),
            templates: templates.map_err(|e| corrupt("team_syncs", &row.tenant, e))?,
        })
    }

    fn check(&self) -> Result<()> {
        let known = LANGUAGES.map(|(language, ..)| language);
        let languages = self.templates.keys().chain([&self.language]);
        for language in languages {
            if !known.contains(&language.as_str()) {
                return Err(refused(format!(
                    "a language of team names is one of {}; got `{}`",
                    known.join(", "),
                    quote(language)
                )));
            }
        }
        self.templates
            .values()
            .try_for_each(|text| check_template(text))
    }

    /// The template in force.
    pub(super) fn template(&self) -> String {
        let own = self.templates.get(&self.language).cloned();
        own.unwrap_or_else(|| self.words().1.to_owned())
    }

    fn words(&self) -> (&'static str, &'static str, &'static str) {
        let mut all = LANGUAGES.into_iter();
        all.find(|(language, ..)| *language == self.language)
            .unwrap_or(LANGUAGES[0])
    }

    pub(super) fn naming(&self) -> Naming {
        Naming {
            template: self.template(),
            no_department: self.words().2.to_owned(),
            taken: BTreeSet::new(),
        }
    }

    pub(super) fn names_departments(&self) -> bool {
        self.template().contains("{department}")
    }
}

fn refused(detail: String) -> Error {
    ScimError::invalid_value(detail).into()
}

fn check_template(text: &str) -> Result<()> {
    let rest = text
        .replacen("{manager}", "", 1)
        .replacen("{department}", "", 1);
    let is_good = rest.len() < text.len()
        && text.len() <= TEMPLATE
        && !rest.contains(['{', '}'])
        && !text.chars().any(char::is_control);
    match is_good {
        true => Ok(()),
        false => Err(refused(format!(
            "a template of team names has `{{manager}}`, `{{department}}` or both, each once, in at most {TEMPLATE} bytes; \
             got `{}`",
            quote(text)
        ))),
    }
}

/// A person by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Named {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
}

/// Part of a list, and how long all of it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part<T: ToSchema> {
    /// All of them.
    pub count: usize,
    /// Those that were asked for.
    pub items: Vec<T>,
}

impl<T: ToSchema> Part<T> {
    pub(super) fn of(all: Vec<T>, (after, limit): (usize, usize)) -> Self {
        Self {
            count: all.len(),
            items: all.into_iter().skip(after).take(limit).collect(),
        }
    }
}

/// A way of counting who is a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Teams.
    pub teams: usize,
    /// People who are in a team.
    pub members: usize,
    /// People who are in none, but for those at the top who lead one.
    pub unassigned: usize,
    /// People at the top who lead a team.
    pub leads: usize,
}

/// A team that there would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlannedTeam {
    /// Name.
    pub name: String,
    /// Who leads it.
    pub manager: Named,
    /// Who reviews it; absent where nobody above has access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<Named>,
    /// Name of the team that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many are in it.
    pub members: usize,
}

/// A team that is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedTeam {
    /// Id.
    pub id: String,
    /// What the app calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_team_id: Option<String>,
    /// Name.
    pub name: String,
    /// How many are in it.
    pub members: i64,
    /// Who reviews it, and no more then.
    pub reviewers: Vec<Named>,
}

/// Somebody with access or an invitation who is in no team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unassigned {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
    /// Why: `leads`, `no-manager`, `manager-outside`, `self-managed`, `in-circle`, `not-in-source`, `no-team`.
    #[schema(example = "no-manager")]
    pub reason: &'static str,
    /// Name of the team that she leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads: Option<String>,
}

/// What an admin should hear of the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// `circle`, `self-managed`, `manager-outside`, `manager-gone`, `manager-without-access`, `several-tops`.
    #[schema(example = "circle")]
    pub code: String,
    /// Whom it is about. Of a manager without access: who reviews instead comes second.
    pub people: Vec<Named>,
    /// Found since; absent in a preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What is said of reviewers who are removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// `reviewers-removed`.
    pub code: &'static str,
    /// How many reviews of a team end.
    pub reviewers: usize,
    /// What the app answered or the operator wrote; absent: what they reviewed is no longer reviewed, unless the app has
    /// other rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whose words these are: `app`, `operator`, `rosterd`.
    pub by: &'static str,
}

/// What completing the set-up would do; once it is on, what the next run would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Id of the connection whose managers make teams.
    pub connection: String,
    /// Language of the names.
    pub language: String,
    /// Template of the names.
    pub template: String,
    /// With those who have access or are invited today.
    pub today: Totals,
    /// When everyone is invited.
    pub everyone: Totals,
    /// The teams that there would be.
    pub teams: Part<PlannedTeam>,
    /// The teams that would be deleted.
    pub deleted: Part<DeletedTeam>,
    /// Who would be in none.
    pub unassigned: Part<Unassigned>,
    /// What is wrong with the hierarchy.
    pub findings: Part<Found>,
    /// Where reviewers are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
    /// So many would be in no team, more than one in five: completing it asks for this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_unassigned: Option<usize>,
    /// Why it cannot be completed: `app-users-never-loaded`, `nobody-in-a-team`, `no-people`, `source-disconnected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
}

/// How team sync of a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// State.
    pub state: State,
    /// What is under way: `complete` or `restore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Id of the connection whose managers make teams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Language of the names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Template of the names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What the last build found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<serde_json::Value>,
    /// When the set-up was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// By whom: kind and id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<String>,
    /// When it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// How many teams of before can be restored.
    pub kept_teams: i64,
}

/// What a run changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamRun {
    /// Teams that are new.
    pub created: usize,
    /// Teams that ended.
    pub ended: usize,
    /// People who came into a team, left one, or changed it.
    pub moved: usize,
    /// Teams with another reviewer.
    pub reviewers: usize,
    /// Teams with another name.
    pub renamed: usize,
}

impl TeamRun {
    /// Whether anything is other than before.
    pub fn is_change(&self) -> bool {
        *self != Self::default()
    }
}

/// A team as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamView {
    /// Id of the group of kind `team`.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whose it is: `team-sync` keeps it, `app` has it under an id of its own, `people` edit it.
    pub kept_by: &'static str,
    /// What the app calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_team_id: Option<String>,
    /// Who leads it, of a team that team sync made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Named>,
    /// Id of the team that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Who reviews it.
    pub reviewers: Vec<Named>,
    /// An admin named it, so that no run renames it.
    pub is_renamed: bool,
    /// How many are in it.
    pub size: i64,
    /// Who is in it. Only where one team is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Named>>,
}

/// Why somebody is unassigned, as a word.
pub(super) fn why_word(why: &Why) -> &'static str {
    match why {
        Why::Leads => "leads",
        Why::NoManager => "no-manager",
        Why::ManagerOutside => "manager-outside",
        Why::SelfManaged => "self-managed",
        Why::InCircle => "in-circle",
    }
}

/// A finding as a word, with whom it names.
pub(super) fn finding_parts(finding: &Finding) -> (&'static str, Vec<String>) {
    match finding {
        Finding::Circle(people) => ("circle", people.clone()),
        Finding::SelfManaged(id) => ("self-managed", vec![id.clone()]),
        Finding::ManagerOutside(id) => ("manager-outside", vec![id.clone()]),
        Finding::ManagerGone(id, heir) => (
            "manager-gone",
            [id.clone()].into_iter().chain(heir.clone()).collect(),
        ),
        Finding::ManagerWithoutAccess(id, heir) => (
            "manager-without-access",
            [id.clone()].into_iter().chain(heir.clone()).collect(),
        ),
        Finding::SeveralTops(people) => ("several-tops", people.clone()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_somebody_and_nothing_unknown() {
        for good in ["{manager}", "{department}: {manager}", "L'équipe {manager}"] {
            assert!(check_template(good).is_ok(), "{good}");
        }
        let long = format!("{{manager}}{}", "x".repeat(100));
        for bad in [
            "",
            "Team",
            "{manager} {managr}",
            "{manager}{manager}",
            "{manager}\0",
            &long,
        ] {
            assert!(check_template(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_choice_goes_over_what_is_stored() {
        let choice = Choice {
            connection: Some("c".to_owned()),
            language: Some("fr".to_owned()),
            templates: None,
        };
        let chosen = Chosen::of(None, &choice).unwrap();
        assert_eq!(chosen.template(), "Équipe de {manager}");
        assert!(Chosen::of(None, &Choice::default()).is_err(), "no source");
        let other = Choice {
            language: Some("tlh".to_owned()),
            ..choice
        };
        assert!(Chosen::of(None, &other).is_err());
    }
}
