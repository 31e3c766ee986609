//! What a tenant's plan includes: set by the operator, read by everybody who belongs to the tenant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::time;
use crate::domain::app::APP;
use crate::http::call::Reply;
use crate::service::connections::ConnectionRow;
use crate::service::entitlements::{self as service, Entitled, Feature, May, standing};
use crate::service::standing::Ground;

/// A plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Team", "hris": 1, "push": true, "teamSync": true, "seats": 50}))]
pub struct Plan {
    /// How it is called where a customer reads it: 1 to 100 characters.
    name: String,
    /// Active connections that pull from an HR system; null: any number. Beyond it the oldest go on.
    hris: Option<u32>,
    /// Connections that push over SCIM.
    push: bool,
    /// Team sync.
    team_sync: bool,
    /// People who are invited or granted; null: any number.
    seats: Option<u32>,
}

impl From<Plan> for service::Plan {
    fn from(plan: Plan) -> Self {
        Self {
            name: plan.name,
            hris: plan.hris,
            push: plan.push,
            team_sync: plan.team_sync,
            seats: plan.seats,
        }
    }
}

/// What a tenant may use.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entitlements {
    /// The plan; absent: there is none, and everything is included.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// Each feature: `hris`, `push`, `teamSync`, `seats`.
    features: Vec<FeatureState>,
    /// People who are invited or granted.
    seats_taken: i64,
    /// When the next of what the plan no longer includes ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    effective_at: Option<String>,
}

/// How a feature stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureState {
    /// `hris`, `push`, `teamSync` or `seats`.
    #[schema(example = "seats")]
    feature: &'static str,
    /// How much of it may be used now; absent: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<u32>,
    /// How much of it the plan includes, where that is something else: from `effectiveAt` on. Then nobody new comes by it,
    /// and who leaves goes on losing access.
    #[serde(skip_serializing_if = "Option::is_none")]
    included: Option<u32>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<String>,
}

/// What a connection may do by the tenant's plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
    /// `included`; `ending`: everything until `effectiveAt`; or `leavers-only`: nobody new comes, nobody changes, and who
    /// leaves goes on losing access.
    #[schema(example = "ending")]
    state: &'static str,
    /// What the plan is called.
    plan: String,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<String>,
}

impl Entitlement {
    /// Of a connection; none for the app's own users, and where there is no plan.
    pub(super) fn of(row: &ConnectionRow, ground: &Ground) -> Option<Self> {
        let plan = ground.plan().filter(|_| row.kind != APP)?.to_owned();
        let may = ground.may(row);
        Some(Self {
            state: may.as_str(),
            plan,
            effective_at: match may {
                May::Until(at) => Some(time(at.0)),
                May::All | May::LeaversOnly => None,
            },
        })
    }
}

fn show(entitled: Entitled) -> Entitlements {
    let (of, now) = (entitled.entitlements, entitled.now);
    let state = |feature: Feature| {
        let standing = standing(of.as_ref(), feature, now);
        FeatureState {
            feature: feature.as_str(),
            amount: standing.amount,
            included: standing
                .included
                .filter(|_| standing.effective_at.is_some()),
            effective_at: standing.effective_at.map(|at| time(at.0)),
        }
    };
    Entitlements {
        features: Feature::ALL.into_iter().map(state).collect(),
        seats_taken: entitled.seats_taken,
        effective_at: of
            .as_ref()
            .and_then(|e| e.effective_at(now))
            .map(|at| time(at.0)),
        plan: of.map(|e| Plan {
            name: e.plan.name,
            hris: e.plan.hris,
            push: e.plan.push,
            team_sync: e.plan.team_sync,
            seats: e.plan.seats,
        }),
    }
}

/// Show what a tenant's plan includes.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/entitlements", responses((status = 200, description = "What it may use.", body = Entitlements)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_entitlements(&caller.tenant).await;
    reply(200, &show(found.map_err(|e| call.explain(e))?))
}

/// Give a tenant a plan.
///
/// What the new plan has more of counts at once. What it has less of goes on unchanged for 30 days; then nobody new comes
/// by it, and who leaves goes on losing access, until the connection is disconnected or the plan has room for it again.
/// Nobody ever loses access because seats became fewer.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/entitlements", request_body = Plan, responses((status = 200, description = "What it may use now.", body = Entitlements)))]
pub async fn put(call: Call) -> Result<Reply> {
    let plan: Plan = call.read()?;
    set(call, Some(plan.into())).await
}

/// Take a tenant's plan away: everything is included again.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/entitlements", responses((status = 200, description = "What it may use now.", body = Entitlements)))]
pub async fn delete(call: Call) -> Result<Reply> {
    set(call, None).await
}

async fn set(call: Call, plan: Option<service::Plan>) -> Result<Reply> {
    let service = &call.state.service;
    let set = service.set_entitlements(&call.caller()?, plan).await;
    reply(200, &show(set.map_err(|e| call.explain(e))?))
}
