//! Connections: sources of people, pushed (`scim`) or pulled (`hris`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::announcements::Announced;
use super::call::{Call, reply};
use super::entitlements::Entitlement;
use super::health::Health;
use super::new_connection::{ConnectionToCreate, Kind, Wanted};
use super::problem::{KEY_REUSED, Problem, Result};
use super::pull::{Guard, Matching, Pull, Schedule, Scope, nullable};
use super::{Page, time};
use crate::domain::access::JoinerPolicy;
use crate::domain::ids::ConnectionId;
use crate::domain::pull::PullChange;
use crate::http::call::Reply;
use crate::service;
use crate::service::app::Loaded;
use crate::service::connections::{ConnectionChange, ConnectionRow, PULL, PUSH};
use crate::service::providers::Beside;
use crate::service::standing::Standing;

/// A source of people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Id.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// `scim` (it pushes), `hris` (it is pulled) or `app` (the app's own users).
    #[schema(example = "hris")]
    kind: String,
    /// How it is shown.
    #[schema(example = "HR")]
    label: String,
    /// `active`, `paused`, `disconnecting` or `disconnected`.
    #[schema(example = "active")]
    state: String,
    /// What happens to people whom it brings: `list`, `invite` or `grant`.
    #[schema(example = "list")]
    policy: String,
    /// When it was made.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// Of one that pushes: the rules for its client.
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<String>,
    /// Of one that is pulled: the connector's slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme-hr")]
    connector: Option<String>,
    /// Of one that is pulled: what the connector asks for and is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<BTreeMap<String, String>>,
    /// Of one that is pulled: when.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Schedule>,
    /// Beyond which losses of access a plan waits for an admin or, of one that pushes, further ones are parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<Guard>,
    /// Of one that is pulled: whom it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// Of one that is pulled: by what its records are taken for people who are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    matching: Option<Matching>,
    /// Of one that is pulled: time zone of days of records that name none; absent: the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Paris")]
    zone: Option<String>,
    /// Leavers that an admin announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    announced: Option<Announced>,
    /// Of one that is pulled: which version of its connector it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    connector_version: Option<ConnectorVersion>,
    /// Of one that is pulled: how it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    /// What it may do by the tenant's plan; absent: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement: Option<Entitlement>,
    /// Of one that pushes: how many losses of access are parked and wait for an admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<u64>,
    /// What to see to first: `app-users-never-loaded` until the app's users are loaded, or somebody says that it has none
    /// yet. Before that nobody can be matched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["app-users-never-loaded"]))]
    warnings: Vec<&'static str>,
}

/// Which version of its connector a connection runs on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorVersion {
    /// Under which a plan was last applied; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<i64>,
    /// That is there now; absent if the connector is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    shipped: Option<u32>,
    /// They differ: the next pull tries the one that is there, and waits for an admin if that changes who somebody is.
    is_tried_next: bool,
}

/// What happens to people whom a connection brings.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They are listed until somebody invites them.
    List,
    /// They are invited.
    Invite,
    /// They get access.
    Grant,
}

impl From<Policy> for JoinerPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::List => Self::List,
            Policy::Invite => Self::Invite,
            Policy::Grant => Self::Grant,
        }
    }
}

/// What changes about a connection; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"guard": {"maxLeavers": 20}, "settings": {"region": null}}))]
pub struct ConnectionPatch {
    /// How it is shown.
    label: Option<String>,
    /// What happens to people whom it brings from now on.
    policy: Option<Policy>,
    /// Only of `hris`: values to set, and with null to take out.
    settings: Option<BTreeMap<String, Option<String>>>,
    /// Only of `hris`.
    schedule: Option<Schedule>,
    /// Limits of losses of access.
    guard: Option<Guard>,
    /// Only of `hris`.
    scope: Option<Scope>,
    /// Only of `hris`.
    matching: Option<Matching>,
    /// Only of `hris`: a time zone of the IANA list; null: the tenant's.
    #[serde(default, deserialize_with = "nullable")]
    zone: Option<String>,
}

fn show(
    row: &ConnectionRow,
    standing: Option<Standing>,
) -> std::result::Result<Connection, service::Error> {
    let stored = match row.kind == PULL {
        true => Some(row.pull_settings()?),
        false => None,
    };
    let is_push = row.kind == PUSH;
    let pull = stored.as_ref().map(Pull::of).unwrap_or_default();
    let version = standing.as_ref().map(|standing| ConnectorVersion {
        used: standing.version_used,
        shipped: standing.version_shipped,
        is_tried_next: standing.is_new_version(),
    });
    Ok(Connection {
        id: row.id.clone(),
        kind: row.kind.clone(),
        label: row.label.clone(),
        state: row.state.clone(),
        policy: row.joiner_policy.clone(),
        created_at: time(row.created_at),
        preset: is_push.then(|| row.preset.clone()),
        connector: stored.is_some().then(|| row.preset.clone()),
        settings: stored.map(|stored| stored.settings),
        schedule: pull.schedule,
        guard: match is_push {
            true => Some(Guard::of(row.push_settings()?.guard)),
            false => pull.guard,
        },
        scope: pull.scope,
        matching: pull.matching,
        zone: pull.zone,
        announced: standing
            .as_ref()
            .and_then(|standing| standing.announced)
            .map(Announced::of),
        connector_version: version,
        health: standing.map(|standing| Health::of(standing.health)),
        entitlement: None,
        parked: None,
        warnings: Vec::new(),
    })
}

/// List a tenant's connections.
///
/// Oldest first: the order of precedence.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/connections", responses((status = 200, description = "A page of them.", body = Page<Connection>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let rows = service.list_connections(&caller).await;
    let rows = rows.map_err(|e| call.explain(e))?;
    let schedules = service.list_schedules_of(&caller.tenant).await;
    let schedules = schedules.map_err(|e| call.explain(e))?;
    let ground = service.ground(&caller).await;
    let ground = ground.map_err(|e| call.explain(e))?;
    let shown = |row: ConnectionRow| {
        let schedule = schedules.get(&row.id);
        let standing = schedule.map(|schedule| ground.of(&row, schedule));
        let shown = show(&row, standing).map_err(|e| call.explain(e))?;
        Ok(Connection {
            entitlement: Entitlement::of(&row, &ground),
            ..shown
        })
    };
    reply(200, &Page::of(&call, rows, |row| &row.id, shown)?)
}

/// Show a connection.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/connections/{id}", responses((status = 200, description = "The connection.", body = Connection)))]
pub async fn get(call: Call) -> Result<Reply> {
    let row = call
        .state
        .service
        .find_connection(&call.caller()?, &call.id)
        .await;
    answer(&call, 200, row).await
}

/// A connection as it is now.
pub(super) async fn answer(
    call: &Call,
    status: u16,
    row: std::result::Result<ConnectionRow, service::Error>,
) -> Result<Reply> {
    let row = row.map_err(|e| call.explain(e))?;
    let caller = call.caller()?;
    let standing = call.state.service.find_standing(&caller, &row).await;
    let shown = standing.and_then(|standing| show(&row, standing));
    let mut shown = shown.map_err(|e| call.explain(e))?;
    if row.kind == PUSH {
        let service = &call.state.service;
        let parked = service.count_parked(&caller.tenant, &row.id).await;
        shown.parked = Some(parked.map_err(|e| call.explain(e))?);
        let announced = service.find_push_announced(&caller.tenant, &row.id).await;
        let announced = announced.map_err(|e| call.explain(e))?;
        shown.announced = announced.map(Announced::of);
    }
    let ground = call.state.service.ground(&caller).await;
    shown.entitlement = Entitlement::of(&row, &ground.map_err(|e| call.explain(e))?);
    if row.kind == PULL {
        let loaded = call.state.service.app_users_loaded(&caller.tenant).await;
        if loaded.map_err(|e| call.explain(e))? == Loaded::Never {
            shown.warnings.push("app-users-never-loaded");
        }
    }
    reply(status, &shown)
}

/// Create a connection.
///
/// With the header `Idempotency-Key` the same request may be sent again: it creates nothing more, and is answered with
/// 200 and what the first one created.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections", request_body = ConnectionToCreate,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, new for each connection.")),
    responses((status = 201, description = "Created.", body = Connection), (status = 200, description = "Created before, with the same Idempotency-Key.", body = Connection)))]
pub async fn create(call: Call) -> Result<Reply> {
    let wanted: ConnectionToCreate = call.read()?;
    let (kind, word) = match wanted.kind {
        Kind::Scim => (
            PUSH,
            wanted
                .preset
                .clone()
                .unwrap_or_else(|| "generic".to_owned()),
        ),
        Kind::Hris => (PULL, wanted.connector.clone().unwrap_or_default()),
    };
    let label = wanted.label.clone();
    let beside = Beside::of(wanted.beside_push.unwrap_or_default());
    let (service, caller) = (&call.state.service, call.caller()?);
    let chosen = call.id_to_create("connection")?;
    let create = Wanted::of(wanted)?;
    if let Some(id) = &chosen
        && let Ok(row) = service.find_connection(&caller, id).await
    {
        return again(&call, row, kind, &word, &label).await;
    }
    let id = chosen.clone().unwrap_or_else(|| service.fresh_id());
    let made = match create {
        Wanted::Push(new, limits) => {
            let made = service.create_connection_as(&caller, id, new, beside).await;
            limited(service, &caller, made, limits).await
        }
        Wanted::Pull(new) => {
            let made = service.create_pull_connection_as(&caller, id, new, beside);
            made.await
        }
    };
    match (made, chosen) {
        (Ok(id), _) => {
            let row = service.find_connection(&caller, id.as_str()).await;
            answer(&call, 201, row).await
        }
        // The same request at the same time was faster.
        (Err(service::Error::Conflict(_)), Some(id)) => {
            let row = service.find_connection(&caller, &id).await;
            again(
                &call,
                row.map_err(|e| call.explain(e))?,
                kind,
                &word,
                &label,
            )
            .await
        }
        (Err(error), _) => Err(call.explain(error)),
    }
}

/// A push connection that was just made, with its limits.
async fn limited(
    service: &service::Service,
    caller: &service::Caller,
    made: std::result::Result<ConnectionId, service::Error>,
    limits: PullChange,
) -> std::result::Result<ConnectionId, service::Error> {
    let id = made?;
    if !limits.is_empty() {
        let change = ConnectionChange {
            pull: limits,
            ..ConnectionChange::default()
        };
        service
            .update_connection(caller, id.as_str(), change)
            .await?;
    }
    Ok(id)
}

/// The answer to a request that came before, if it is the same.
async fn again(
    call: &Call,
    row: ConnectionRow,
    kind: &str,
    word: &str,
    label: &str,
) -> Result<Reply> {
    if (row.kind.as_str(), row.preset.as_str(), row.label.as_str()) != (kind, word, label) {
        let detail = format!(
            "this key created the connection {}, which is another",
            row.id
        );
        return Err(Problem::new(&KEY_REUSED, detail));
    }
    answer(call, 200, Ok(row)).await
}

/// Change a connection.
#[utoipa::path(patch, path = "/api/v1/tenants/{tenant}/connections/{id}", request_body = ConnectionPatch, responses((status = 200, description = "As it is then.", body = Connection)))]
pub async fn update(call: Call) -> Result<Reply> {
    let patch: ConnectionPatch = call.read()?;
    let settings = patch.settings.unwrap_or_default();
    let given = Pull {
        schedule: patch.schedule,
        guard: patch.guard,
        scope: patch.scope,
        matching: patch.matching,
        zone: patch.zone,
    };
    let wanted = ConnectionChange {
        label: patch.label,
        policy: patch.policy.map(JoinerPolicy::from),
        is_active: None,
        pull: given.change(settings),
    };
    put(&call, wanted).await
}

async fn put(call: &Call, change: ConnectionChange) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let row = service.update_connection(&caller, &call.id, change).await;
    answer(call, 200, row).await
}

/// Pause a connection.
///
/// One that is pulled is left alone; the tokens of one that pushes are refused within a second. Nobody loses access by it.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/pause", responses((status = 200, description = "It is paused.", body = Connection)))]
pub async fn pause(call: Call) -> Result<Reply> {
    turn(&call, false).await
}

/// Resume a paused connection.
///
/// Within 90 days a disconnected one too: who its people were is still known, credentials are to be set again, and its
/// first plan is looked at as that of a new one.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/resume", responses((status = 200, description = "It is active.", body = Connection)))]
pub async fn resume(call: Call) -> Result<Reply> {
    turn(&call, true).await
}

async fn turn(call: &Call, is_active: bool) -> Result<Reply> {
    let change = ConnectionChange {
        is_active: Some(is_active),
        ..ConnectionChange::default()
    };
    put(call, change).await
}
