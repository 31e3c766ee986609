//! Teams of the app.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::types::{AppTeam, Done, check_id, check_word, refuse};
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::groups::teams::{self, Team};
use crate::service::{Caller, Service};
use crate::storage::Scope;

/// Most reviewers of a team.
const REVIEWERS: usize = 100;
/// Most members of a team.
const MEMBERS: usize = 20_000;

/// A team of the app, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppTeamView {
    /// What the app calls it.
    #[schema(example = "t-3")]
    pub app_team_id: String,
    /// Id of the group of kind `team`.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    pub group_id: String,
    /// Name.
    #[schema(example = "Sales")]
    pub name: String,
    /// Members: by the app's ids, else the person's own. Only where one team is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// Who reviews it, likewise.
    pub reviewers: Vec<String>,
}

impl AppTeam {
    fn check(&self, id: &str) -> Result<()> {
        check_id(id)?;
        check_word("name", &self.name)?;
        refuse(self.reviewers.len() <= REVIEWERS, || {
            format!("`reviewers` takes at most {REVIEWERS}")
        })?;
        refuse(self.members.len() <= MEMBERS, || {
            format!("`members` takes at most {MEMBERS}")
        })
    }
}

impl Service {
    /// Takes what the app says of one of its teams; answers with the team's own id too.
    ///
    /// # Errors
    /// `Invalid`, also for members and reviewers who are no users of the app.
    pub async fn put_app_team(
        &self,
        caller: &Caller,
        id: &str,
        new: AppTeam,
    ) -> Result<(Done, String)> {
        new.check(id)?;
        let registry = self.registry(&caller.tenant).await?;
        let doc = teams::document(&registry, &new.name, id)?;
        let (app_id, fresh) = (id.to_owned(), self.fresh_id());
        let (group, team) = self
            .store
            .read(&caller.tenant, move |scope| {
                let members = teams::people(scope, "members", &new.members)?;
                let reviewers = teams::people(scope, "reviewers", &new.reviewers)?;
                let group = scope.find_app_team(&app_id)?.unwrap_or(fresh);
                let reviewers = reviewers.into_iter().map(|(user, _)| user);
                let members: BTreeSet<String> =
                    members.into_iter().map(|(_, known)| known).collect();
                let team = Team {
                    id: app_id,
                    doc,
                    members: members.into_iter().collect(),
                    reviewers: reviewers.collect(),
                };
                Ok::<_, Error>((group, team))
            })
            .await?;
        self.write_team(caller, &registry, &group, team).await
    }

    /// The app has the team no more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_app_team(&self, caller: &Caller, id: &str) -> Result<()> {
        let wanted = id.to_owned();
        let group = self
            .store
            .point(&caller.tenant, move |scope| {
                let found = scope.find_app_team(&wanted)?;
                found.ok_or_else(|| Error::no_such("app team", &wanted))
            })
            .await?;
        self.delete_team(caller, &group, id).await
    }

    /// A team of the app.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_app_team(&self, tenant: &TenantId, id: &str) -> Result<AppTeamView> {
        let id = id.to_owned();
        self.store
            .read(tenant, move |scope| {
                let group = scope.find_app_team(&id)?;
                let group = group.ok_or_else(|| Error::no_such("app team", &id))?;
                view(scope, id, group, true)
            })
            .await
    }

    /// Teams of the app after an id of the app's, in the order of these.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_app_teams(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<AppTeamView>> {
        let (after, limit) = (after.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.store
            .read(tenant, move |scope| {
                let teams = scope.list_app_teams(&after, limit)?;
                let each = teams.into_iter();
                each.map(|(id, group)| view(scope, id, group, false))
                    .collect()
            })
            .await
    }
}

fn view(
    scope: &mut Scope<'_>,
    app_team_id: String,
    group_id: String,
    has_members: bool,
) -> Result<AppTeamView> {
    let row = scope.find_group(&group_id)?;
    let row = row.ok_or_else(|| Error::no_such("app team", &app_team_id))?;
    let members = match has_members {
        false => None,
        true => {
            let all = scope.list_all_members(&group_id, row.generation, i64::MAX)?;
            let ids = all.into_iter().map(|(id, _)| id).collect();
            Some(named(scope, ids)?)
        }
    };
    let reviewers = scope.list_reviewers(&group_id)?;
    Ok(AppTeamView {
        app_team_id,
        name: row.display_name,
        members,
        reviewers: named(scope, reviewers)?,
        group_id,
    })
}

/// People by the app's ids, where it has one for them.
fn named(scope: &mut Scope<'_>, people: Vec<String>) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(people.len());
    for id in people {
        let name = scope.find_app_user_id(&id)?;
        names.push(name.unwrap_or(id));
    }
    names.sort_unstable();
    Ok(names)
}
