//! What disconnecting a source would do, and what it has done: who stays, who goes, and what stops with it.

use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::error::Result;
use crate::service::teams::{Feeds, feeds};

/// What whoever disconnects a source should know beside the people: codes.
pub mod warning {
    /// Team sync stops; its teams stay, and are edited by hand.
    pub const TEAM_SYNC_STOPS: &str = "team-sync-stops";
    /// Teams are being made of it: until that is done it is not disconnected.
    pub const TEAMS_BEING_MADE: &str = "teams-being-made";
}

/// Who stays and who goes when a connection is disconnected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parting {
    /// Listed, and claimed by nobody else: removed.
    pub removed: People,
    /// Granted or revoked, or claimed by others: as they are.
    pub kept: People,
    /// Invited: their invitation stays, unless an admin withdraws it.
    pub invited: People,
    /// Groups that it manages: they stay, and nobody manages them.
    pub groups: u64,
    /// Teams that team sync keeps by it: they stay, and nothing keeps them any more.
    pub teams: u64,
    /// Codes of [`warning`]. Only before it is disconnected.
    pub warnings: Vec<&'static str>,
}

/// How many they are, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// All of them.
    pub count: u64,
    /// User id and display name (else userName) of the first ones, by id.
    pub first: Vec<(String, String)>,
}

/// What becomes of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Removed,
    Kept,
    Invited,
    /// Nothing was left to do.
    Gone,
}

impl Parting {
    fn of(&mut self, fate: &str) -> &mut People {
        match fate {
            "removed" => &mut self.removed,
            "invited" => &mut self.invited,
            _ => &mut self.kept,
        }
    }

    pub(super) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Removed => self.removed.count += 1,
            Fate::Kept => self.kept.count += 1,
            Fate::Invited => self.invited.count += 1,
            Fate::Gone => {}
        }
    }
}

impl Service {
    /// Who would stay and who would go; at most `names` of each are named.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for the app's own users.
    pub async fn preview_disconnect(
        &self,
        tenant: &TenantId,
        connection: &str,
        names: i64,
    ) -> Result<Parting> {
        let row = self.source_row(tenant, connection).await?;
        self.store
            .read(tenant, move |scope| {
                let mut parting = Parting {
                    groups: u64::try_from(row.managed_groups).unwrap_or_default(),
                    ..Parting::default()
                };
                for (fate, count) in scope.count_fates(&row.id)? {
                    let people = parting.of(&fate);
                    people.count = u64::try_from(count).unwrap_or_default();
                    people.first = scope.list_fated(&row.id, &fate, names)?;
                }
                let (teams, warning) = match feeds(scope, &row.id)? {
                    Feeds::Nothing => (0, None),
                    Feeds::Teams(teams) => (teams, Some(warning::TEAM_SYNC_STOPS)),
                    Feeds::Job => (0, Some(warning::TEAMS_BEING_MADE)),
                };
                parting.teams = teams;
                parting.warnings.extend(warning);
                Ok(parting)
            })
            .await
    }
}
