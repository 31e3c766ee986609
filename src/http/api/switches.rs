//! Switches from one HR system to another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::settings::Differing;
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service;
use crate::service::switch::{self, Kind, SwitchRow};

/// A switch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    /// Id.
    id: String,
    /// The connection that goes.
    from: String,
    /// The connection that takes its place.
    to: String,
    /// `comparing`, `cutting`, `cut`, `returning`, `given-up` or `ended`.
    #[schema(example = "comparing")]
    state: String,
    /// While it is cut: until when there is a way back. Then the old connection is disconnected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    until: Option<String>,
    /// When it was started.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// Last step.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
    /// Who differs; only where one switch is asked for, while both connections work.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
}

/// How many people differ.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Both connections have them.
    both: u64,
    /// Of those, values in force would change.
    differing: u64,
    /// Only the connection that goes has them: they stay as they are.
    only_from: u64,
    /// Of those, they have access, and nobody would say when they leave.
    only_from_with_access: u64,
    /// Only the connection that comes has them.
    only_to: u64,
}

/// Somebody who differs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Difference {
    /// Id.
    id: String,
    /// Display name, else userName.
    name: String,
    /// `listed`, `invited`, `granted` or `revoked`.
    access: String,
    /// `differs`, `only-from` or `only-to`.
    #[schema(example = "differs")]
    kind: String,
    /// Values in force that would change.
    values: Vec<Differing>,
}

/// A switch to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20", "to": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e21"}))]
pub struct NewSwitch {
    /// The connection that goes.
    from: String,
    /// The connection that takes its place.
    to: String,
}

fn show(row: SwitchRow) -> Switch {
    Switch {
        id: row.id,
        from: row.from_id,
        to: row.to_id,
        until: row.until.map(time),
        state: row.state,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        compared: None,
    }
}

fn shown(call: &Call, status: u16, done: service::Result<SwitchRow>) -> Result<Reply> {
    reply(status, &show(done.map_err(|e| call.explain(e))?))
}

/// Start a switch.
///
/// Both connections go on; nothing changes until it is cut over.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/switches", request_body = NewSwitch, responses((status = 201, description = "Both are compared.", body = Switch)))]
pub async fn start(call: Call) -> Result<Reply> {
    let new: NewSwitch = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.start_switch(&caller, &new.from, &new.to).await;
    shown(&call, 201, done)
}

/// List switches, oldest first.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/switches", responses((status = 200, description = "A page of them.", body = Page<Switch>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let rows = service.list_switches(&caller.tenant).await;
    let rows = rows.map_err(|e| call.explain(e))?;
    reply(
        200,
        &Page::of(&call, rows, |row| &row.id, |row| Ok(show(row)))?,
    )
}

/// Show a switch, with how many people differ.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/switches/{id}", responses((status = 200, description = "The switch.", body = Switch)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let row = service.find_switch(&caller.tenant, &call.id).await;
    let row = row.map_err(|e| call.explain(e))?;
    let compared = service.compare_switch(&caller.tenant, &call.id).await;
    let compared = compared.map_err(|e| call.explain(e))?;
    let shown = Switch {
        compared: compared.map(|c| Compared {
            both: c.both,
            differing: c.differing,
            only_from: c.only_from,
            only_from_with_access: c.only_from_with_access,
            only_to: c.only_to,
        }),
        ..show(row)
    };
    reply(200, &shown)
}

/// List who differs between the two connections, by id.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/switches/{id}/differences", params(("kind" = Option<String>, Query, description = "Only `differs`, `only-from` or `only-to`.")), responses((status = 200, description = "A page of them.", body = Page<Difference>)))]
pub async fn differences(call: Call) -> Result<Reply> {
    let kind = call.parameter("kind").map(|word| {
        let got = quote(word);
        let detail = format!("`kind` takes differs, only-from or only-to; got `{got}`");
        Kind::parse(word).ok_or_else(|| Problem::invalid(detail))
    });
    let kind = kind.transpose()?;
    let (service, caller, limit) = (&call.state.service, call.caller()?, call.limit()?);
    let after = call.parameter("after");
    let found = service
        .list_differences(&caller.tenant, &call.id, kind, after, limit + 1)
        .await;
    let found = found.map_err(|e| call.explain(e))?.into_iter();
    let shown = found.map(|person: switch::Difference| {
        let difference = Difference {
            kind: person.kind.map_or("", Kind::as_str).to_owned(),
            id: person.id.clone(),
            name: person.name,
            access: person.access,
            values: person.values.into_iter().map(Differing::of).collect(),
        };
        (person.id, difference)
    });
    reply(200, &Page::first(shown, limit))
}

/// Give the new connection the old one's place.
///
/// The old one is paused, and what it said takes no part any more. Nobody gains or loses access by it, nobody is invited;
/// ids, groups, history and links stay. For 14 days there is a way back; then the old connection is disconnected.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/switches/{id}/cut-over", responses((status = 202, description = "People follow.", body = Switch)))]
pub async fn cut_over(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.start_cut_over(&caller, &call.id).await;
    shown(&call, 202, done)
}

/// Give the old connection its place back.
///
/// It works again, and what it said takes part as before; both are compared as before the cut-over.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/switches/{id}/back", responses((status = 202, description = "People follow.", body = Switch)))]
pub async fn back(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.start_return(&caller, &call.id).await;
    shown(&call, 202, done)
}

/// Give a switch up while both connections work.
///
/// They go on side by side.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/switches/{id}", responses((status = 200, description = "It is given up.", body = Switch)))]
pub async fn give_up(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.give_up_switch(&caller, &call.id).await;
    shown(&call, 200, done)
}
