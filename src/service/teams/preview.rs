//! What a set-up would do, before it does it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::build::{Input, previous};
use super::types::{
    Choice, Chosen, DeletedTeam, Found, Named, Part, PlannedTeam, Preview, Totals, Unassigned,
    Warning, finding_parts, why_word,
};
use crate::domain::ids::TenantId;
use crate::domain::teams::{Counting, Plan, Why, build};
use crate::scim::Error as ScimError;
use crate::service::Service;
use crate::service::app::Loaded;
use crate::service::error::{Error, Result};
use crate::storage::Scope;

/// Most people that a finding of a preview names.
const NAMED: usize = 100;

/// What an admin confirms when she completes the set-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// So many people will be in no team.
    pub unassigned: Option<usize>,
}

/// The teams that a set-up deletes, for whoever can say what ends with their reviewers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Replaced {
    /// Tenant.
    pub tenant: String,
    /// Teams that somebody reviews.
    pub teams: Vec<ReplacedTeam>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacedTeam {
    /// Id of the group.
    pub id: String,
    /// What the app calls it.
    pub app_team_id: Option<String>,
    /// People's ids.
    pub reviewers: Vec<String>,
}

/// Says what ends with reviewers who are removed: the app, or the operator for it.
pub trait Warn: Send + Sync {
    /// The words in this language, and whose they are: `app` or `operator`. `None`: nobody has any.
    fn warn<'a>(
        &'a self,
        about: &'a Replaced,
        language: &'a str,
    ) -> BoxFuture<'a, Option<(String, &'static str)>>;
}

/// Nobody has words of his own.
pub struct NoWarning;

impl Warn for NoWarning {
    fn warn<'a>(
        &'a self,
        _: &'a Replaced,
        _: &'a str,
    ) -> BoxFuture<'a, Option<(String, &'static str)>> {
        ready(None).boxed()
    }
}

/// What would be.
pub(super) struct Prospect {
    pub(super) chosen: Chosen,
    pub(super) input: Input,
    pub(super) plan: Plan,
    everyone: Plan,
    is_on: bool,
    loaded: Loaded,
    is_connected: bool,
}

impl Prospect {
    pub(super) fn of(
        chosen: Chosen,
        input: Input,
        is_on: bool,
        (loaded, is_connected): (Loaded, bool),
    ) -> Self {
        // A set-up makes all teams anew.
        let old = if is_on {
            previous(&input.now)
        } else {
            Vec::new()
        };
        let naming = chosen.naming();
        Self {
            plan: build(&input.people, &old, Counting::Invited, &naming),
            everyone: build(&input.people, &old, Counting::Everyone, &naming),
            chosen,
            input,
            is_on,
            loaded,
            is_connected,
        }
    }

    fn today(&self) -> Totals {
        totals(&self.plan, self.input.others.len())
    }

    /// Why it cannot be completed.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        let today = self.today();
        let people = today.members + today.unassigned + today.leads;
        match today {
            _ if !self.is_connected => Some("source-disconnected"),
            _ if self.loaded == Loaded::Never => Some("app-users-never-loaded"),
            _ if people == 0 => Some("no-people"),
            _ if today.members == 0 => Some("nobody-in-a-team"),
            _ => None,
        }
    }

    /// The number that is to be confirmed: of people in no team, where they are more than one in five.
    fn to_confirm(&self) -> Option<usize> {
        let today = self.today();
        let people = today.members + today.unassigned + today.leads;
        (today.unassigned * 5 > people).then_some(today.unassigned)
    }

    /// Whether it may be completed.
    pub(super) fn check(&self, confirmed: Confirmed) -> Result<()> {
        if let Some(code) = self.refusal() {
            return Err(Error::NotNow(refusal_words(code).to_owned()));
        }
        match self.to_confirm() {
            Some(number) if confirmed.unassigned != Some(number) => {
                Err(ScimError::invalid_value(format!(
                    "{number} people would be in no team, more than one in five: look at them in the preview, and confirm \
                     with `confirmUnassigned`: {number}"
                ))
                .into())
            }
            _ => Ok(()),
        }
    }

    /// Who is in no team.
    fn unassigned(&self, names: &HashMap<&str, &str>) -> Vec<Unassigned> {
        let leads: HashMap<&str, &str> = self
            .plan
            .teams
            .iter()
            .map(|team| (team.manager.as_str(), team.name.as_str()))
            .collect();
        let named = |id: &str, reason: &'static str| Unassigned {
            id: id.to_owned(),
            name: name_of(names, id).name,
            reason,
            leads: leads.get(id).map(|name| (*name).to_owned()),
        };
        let built = self
            .plan
            .unassigned
            .iter()
            .map(|(id, why)| named(id, why_word(why)));
        let mut all: Vec<Unassigned> = built.collect();
        all.extend(
            self.input
                .others
                .iter()
                .map(|(id, _)| named(id, "not-in-source")),
        );
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn planned(&self, names: &HashMap<&str, &str>) -> Vec<PlannedTeam> {
        let by_manager: HashMap<&str, &str> = self
            .plan
            .teams
            .iter()
            .map(|team| (team.manager.as_str(), team.name.as_str()))
            .collect();
        let each = self.plan.teams.iter().map(|team| PlannedTeam {
            name: team.name.clone(),
            manager: name_of(names, &team.manager),
            reviewer: team.reviewer.as_ref().map(|id| name_of(names, id)),
            parent: team
                .parent
                .as_deref()
                .and_then(|manager| by_manager.get(manager))
                .map(|name| (*name).to_owned()),
            members: team.members.len(),
        });
        each.collect()
    }
}

fn name_of(names: &HashMap<&str, &str>, id: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: names.get(id).copied().unwrap_or_default().to_owned(),
    }
}

/// What is wrong where a set-up cannot be completed.
fn refusal_words(code: &str) -> &'static str {
    match code {
        "source-disconnected" => {
            "the connection is disconnected: connect it again, or choose another"
        }
        "app-users-never-loaded" => {
            "the app's users were never loaded: load them, or say that there are none yet (app-users:none-yet)"
        }
        "no-people" => "nobody has access or an invitation: invite people first",
        _ => {
            "nobody would be in a team: the connection names no managers of those who have access or an invitation"
        }
    }
}

/// What a plan comes to, with so many people whom the source does not bring.
pub(super) fn totals(plan: &Plan, others: usize) -> Totals {
    let leads = plan.unassigned.iter().filter(|(_, why)| *why == Why::Leads);
    let leads = leads.count();
    Totals {
        teams: plan.teams.len(),
        members: plan.teams.iter().map(|team| team.members.len()).sum(),
        unassigned: plan.unassigned.len() - leads + others,
        leads,
    }
}

impl Service {
    /// What completing the set-up would do, or the next run where it is on: of each list so many after so many. Nothing is
    /// written.
    ///
    /// # Errors
    /// `Invalid` where no source is chosen; `NotFound` for one that is not there.
    pub async fn preview_teams(
        &self,
        tenant: &TenantId,
        choice: &Choice,
        slice: (usize, usize),
    ) -> Result<Preview> {
        let prospect = self.prospect_of(tenant, choice).await?;
        let ends: BTreeSet<String> = prospect.plan.gone.iter().cloned().collect();
        let is_on = prospect.is_on;
        let deleted = self
            .store
            .read(tenant, move |scope| deleted(scope, is_on, &ends))
            .await?;
        let warning = self.warn(tenant, &deleted, &prospect.chosen.language).await;
        let mut names: HashMap<&str, &str> = prospect
            .input
            .people
            .iter()
            .map(|p| (p.id.as_str(), p.name.as_str()))
            .collect();
        let others = prospect.input.others.iter();
        names.extend(others.map(|(id, name)| (id.as_str(), name.as_str())));
        let found = prospect.plan.findings.iter().map(|finding| {
            let (code, people) = finding_parts(finding);
            Found {
                code: code.to_owned(),
                people: people
                    .iter()
                    .take(NAMED)
                    .map(|id| name_of(&names, id))
                    .collect(),
                since: None,
            }
        });
        Ok(Preview {
            connection: prospect.chosen.connection.clone(),
            language: prospect.chosen.language.clone(),
            template: prospect.chosen.template(),
            today: prospect.today(),
            everyone: totals(&prospect.everyone, prospect.input.others.len()),
            teams: Part::of(prospect.planned(&names), slice),
            deleted: Part::of(deleted, slice),
            unassigned: Part::of(prospect.unassigned(&names), slice),
            findings: Part::of(found.collect(), slice),
            warning,
            confirm_unassigned: prospect.to_confirm(),
            refused: prospect.refusal(),
        })
    }

    /// What is said of reviewers who are removed, if there are any.
    async fn warn(
        &self,
        tenant: &TenantId,
        deleted: &[DeletedTeam],
        language: &str,
    ) -> Option<Warning> {
        let reviewed = deleted.iter().filter(|team| !team.reviewers.is_empty());
        let teams: Vec<ReplacedTeam> = reviewed
            .map(|team| ReplacedTeam {
                id: team.id.clone(),
                app_team_id: team.app_team_id.clone(),
                reviewers: team.reviewers.iter().map(|r| r.id.clone()).collect(),
            })
            .collect();
        let reviewers = teams.iter().map(|team| team.reviewers.len()).sum();
        if reviewers == 0 {
            return None;
        }
        let about = Replaced {
            tenant: tenant.as_str().to_owned(),
            teams,
        };
        let words = self.warning.warn(&about, language).await;
        let (text, by) = match words {
            Some((text, by)) => (Some(text), by),
            None => (None, "rosterd"),
        };
        Some(Warning {
            code: "reviewers-removed",
            reviewers,
            text,
            by,
        })
    }
}

/// Teams that would be deleted: where it is on those that end, otherwise all.
fn deleted(
    scope: &mut Scope<'_>,
    is_on: bool,
    ends: &BTreeSet<String>,
) -> Result<Vec<DeletedTeam>> {
    let mut teams = scope.list_teams("", i64::MAX)?;
    teams.retain(|team| !is_on || ends.contains(&team.id));
    let mut reviewers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (team, user) in scope.list_all_reviewers()? {
        reviewers.entry(team).or_default().push(user);
    }
    let of = |id: &str| reviewers.get(id).cloned().unwrap_or_default();
    let people: BTreeSet<String> = teams.iter().flat_map(|team| of(&team.id)).collect();
    let people: Vec<String> = people.into_iter().collect();
    let names: HashMap<String, String> = scope.list_names(&people)?.into_iter().collect();
    let each = teams.into_iter().map(|team| DeletedTeam {
        reviewers: of(&team.id)
            .into_iter()
            .map(|id| Named {
                name: names.get(&id).cloned().unwrap_or_default(),
                id,
            })
            .collect(),
        app_team_id: team
            .external_id
            .filter(|_| team.managed_by.as_deref() == Some("app")),
        id: team.id,
        name: team.name,
        members: team.members,
    });
    Ok(each.collect())
}
