//! What a restore brings back: the teams that the set-up replaced, with those who are still here.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::fills::{Fill, members_of};
use crate::domain::app::APP;
use crate::scim::schema::Registry;
use crate::service::error::Result;
use crate::service::groups::teams as groups;
use crate::storage::Scope;

/// The teams of before, for this set. One that the app has made again since is the app's as it is now.
///
/// All of it is read at once: what takes long here is taken over by another process.
pub(super) fn kept_fills(
    scope: &mut Scope<'_>,
    registry: &Registry,
    (tenant, now, set): (&str, i64, i64),
) -> Result<Vec<Fill>> {
    let made_since = scope.list_app_teams("", i64::MAX)?;
    let made_since: HashSet<String> = made_since.into_iter().map(|(id, _)| id).collect();
    let mut people: HashMap<(String, bool), Vec<String>> = HashMap::new();
    for (team, is_reviewer, user) in scope.list_kept_people()? {
        people.entry((team, is_reviewer)).or_default().push(user);
    }
    let mut fills = Vec::new();
    for kept in scope.list_kept_teams("", i64::MAX)? {
        let is_of_app = kept.managed_by.as_deref() == Some(APP);
        let app_team = kept.external_id.as_ref().filter(|_| is_of_app);
        if app_team.is_some_and(|id| made_since.contains(id)) {
            continue;
        }
        let mut row = groups::row(registry, tenant, (&kept.group_id, &kept.name), now)?;
        row.team_set = Some(set);
        // A version that it never had: whoever holds one of before is told that it is another.
        row.version = now;
        row.created_at = kept.created_at;
        row.managed_by = kept.managed_by;
        row.created_by = kept.created_by;
        row.external_id = kept.external_id;
        let id = row.id.clone();
        let mut of = |is_reviewer| {
            people
                .remove(&(id.clone(), is_reviewer))
                .unwrap_or_default()
        };
        let (reviewers, members): (BTreeSet<String>, _) =
            (of(true).into_iter().collect(), of(false));
        fills.push(Fill::Team(Box::new(row), None, reviewers));
        fills.extend(members_of(&id, members));
    }
    Ok(fills)
}
