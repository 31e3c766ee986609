//! Disconnecting a source: what it would do, and doing it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::connections::{Connection, answer};
use super::problem::Result;
use crate::http::call::Reply;
use crate::service::pull;

/// How many people of a kind are named.
const NAMED: i64 = 20;

/// People of a kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parted {
    /// How many.
    count: u64,
    /// The first of them, by id.
    first: Vec<Named>,
}

/// A person by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Named {
    /// Id.
    id: String,
    /// Display name, else userName.
    name: String,
}

/// What disconnecting does.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parting {
    /// Listed, and known to no other source: removed.
    removed: Parted,
    /// Granted or revoked, or known to another source: they stay as they are.
    kept: Parted,
    /// Invited: their invitation stays, unless it is withdrawn.
    invited: Parted,
    /// Groups that it manages: they stay, and nobody manages them.
    groups: u64,
    /// Teams that team sync keeps by it: they stay as they are, and are edited by hand.
    teams: u64,
    /// `team-sync-stops`: it feeds team sync, which stops first. `teams-being-made`: its teams are being made or restored
    /// right now, and until that is done it is not disconnected.
    #[schema(example = json!(["team-sync-stops"]))]
    warnings: Vec<&'static str>,
}

impl From<pull::Parting> for Parting {
    fn from(parting: pull::Parting) -> Self {
        let people = |people: pull::People| Parted {
            count: people.count,
            first: people
                .first
                .into_iter()
                .map(|(id, name)| Named { id, name })
                .collect(),
        };
        Self {
            removed: people(parting.removed),
            kept: people(parting.kept),
            invited: people(parting.invited),
            groups: parting.groups,
            teams: parting.teams,
            warnings: parting.warnings,
        }
    }
}

/// Show what disconnecting would do.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/connections/{id}/disconnect", responses((status = 200, description = "Who would stay and who would go, and what stops with it.", body = Parting)))]
pub async fn preview(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let parting = service
        .preview_disconnect(&caller.tenant, &call.id, NAMED)
        .await;
    let parting = parting.map_err(|e| call.explain(e))?;
    reply(200, &Parting::from(parting))
}

/// How a source is disconnected.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"withdrawInvited": true}))]
pub struct Disconnecting {
    /// Take the invitations of those back who would stay invited: whom nobody else claims is then removed.
    #[serde(default)]
    withdraw_invited: bool,
}

/// Disconnect a source.
///
/// It is pulled from no more, its tokens are refused, its credentials are deleted; then its people part from it, which
/// `state` tells: `disconnecting`, then `disconnected`. Exactly those are removed who are listed and known to no other
/// source. Links and answers are kept for 90 days, in which it can be resumed.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/disconnect", request_body = Option<Disconnecting>, responses((status = 202, description = "It is being disconnected.", body = Connection)))]
pub async fn start(call: Call) -> Result<Reply> {
    let wanted: Disconnecting = match call.body.is_empty() {
        true => Disconnecting::default(),
        false => call.read()?,
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    if wanted.withdraw_invited {
        let withdrawn = service.withdraw_invited_by(&caller, &call.id).await;
        withdrawn.map_err(|e| call.explain(e))?;
    }
    service
        .start_disconnect(&caller, &call.id)
        .await
        .map_err(|e| call.explain(e))?;
    answer(&call, 202, service.find_connection(&caller, &call.id).await).await
}
