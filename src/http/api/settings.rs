//! Settings of a tenant, and what another order of its sources would change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{NOT_FOUND, Problem, Result};
use super::pull::nullable;
use super::time;
use crate::domain::access::RETURN_DAYS;
use crate::domain::precedence::{Precedence, Rules};
use crate::http::call::Reply;
use crate::service::reorder::{self, RecomputeRow};
use crate::service::tenants::SettingsChange;
use crate::storage::tenants::TenantSettings;

/// Settings of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Domains whose addresses count as verified: only by these a source takes somebody over who is there. None: all do.
    #[schema(example = json!(["example.com"]))]
    verified_domains: Vec<String>,
    /// Days within which somebody revoked by a source who returns gets back what she had, without elevated roles.
    #[schema(example = 30)]
    return_days: i64,
    /// Time zone of days that name none: first and last days of people, unless the connection or the record names another,
    /// and the last day of what is announced.
    #[schema(example = "Europe/Paris")]
    time_zone: String,
    /// Whose value is in force where several sources assert one: by attribute, sub-attribute, extension or `*` the sources
    /// that come first, as `hris`, `scim`, `app` or the id of a connection; the others follow by age, the app last.
    #[schema(value_type = Object, example = json!({"title": ["hris"], "userName": ["scim"]}))]
    precedence: Rules,
    /// Whether somebody listed who works is let in when she signs in.
    just_in_time: bool,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"timeZone": "Europe/Paris", "returnDays": 14}))]
pub struct SettingsPatch {
    /// All of them, at most 500.
    verified_domains: Option<Vec<String>>,
    /// 0 to 3650.
    #[schema(minimum = 0, maximum = 3650)]
    return_days: Option<i64>,
    /// A zone of the IANA list; null: UTC.
    #[serde(default, deserialize_with = "nullable")]
    time_zone: Option<String>,
    /// All rules, at most 200; a path that is not named goes by the rule that it had at first. Everybody is recomputed:
    /// `recompute` tells how far that is, and `precedence:dry-run` whom it would change.
    #[schema(value_type = Option<Object>)]
    precedence: Option<Rules>,
    /// Whether somebody listed who works, whose address is verified and about whom no question is open is let in when she
    /// signs in.
    just_in_time: Option<bool>,
}

fn show(settings: TenantSettings) -> Settings {
    Settings {
        verified_domains: settings.verified_domains,
        return_days: settings.return_days.unwrap_or(RETURN_DAYS),
        time_zone: settings.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        precedence: Precedence::new(&settings.precedence).rules().clone(),
        just_in_time: settings.just_in_time,
    }
}

/// Show a tenant's settings.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/settings", responses((status = 200, description = "The settings.", body = Settings)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_tenant_settings(&caller.tenant).await;
    reply(200, &show(found.map_err(|e| call.explain(e))?))
}

/// Change a tenant's settings.
#[utoipa::path(patch, path = "/api/v1/tenants/{tenant}/settings", request_body = SettingsPatch, responses((status = 200, description = "As they are then.", body = Settings)))]
pub async fn update(call: Call) -> Result<Reply> {
    let patch: SettingsPatch = call.read()?;
    let change = SettingsChange {
        verified_domains: patch.verified_domains,
        return_days: patch.return_days,
        time_zone: patch.time_zone,
        precedence: patch.precedence,
        just_in_time: patch.just_in_time,
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    let settings = service.change_tenant_settings(&caller, change).await;
    reply(200, &show(settings.map_err(|e| call.explain(e))?))
}

/// How many people a dry run names.
const NAMED: usize = 50;

/// Rules to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"precedence": {"name": ["hris"]}}))]
pub struct RulesToTry {
    /// As in the settings.
    #[schema(value_type = Object)]
    precedence: Rules,
}

/// What other rules would change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reordering {
    /// People about whom several sources speak.
    examined: u64,
    /// Of whom something would change.
    changed: u64,
    /// How many of them, by path.
    #[schema(value_type = Object, example = json!({"title": 12}))]
    by_path: BTreeMap<String, u64>,
    /// The first 50 of them, by id.
    first: Vec<Affected>,
}

/// Somebody of whom something would change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Affected {
    /// Id.
    id: String,
    /// Display name, else userName.
    name: String,
    /// What would change.
    values: Vec<Differing>,
}

/// A value that would change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Differing {
    /// Path of the attribute.
    #[schema(example = "title")]
    path: String,
    /// In force now; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// In force then; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl Affected {
    /// As it is shown.
    pub(super) fn of(person: reorder::Affected) -> Self {
        Self {
            id: person.id,
            name: person.name,
            values: person.values.into_iter().map(Differing::of).collect(),
        }
    }
}

impl Differing {
    /// As it is shown.
    pub(super) fn of(value: reorder::Differing) -> Self {
        Self {
            path: value.path,
            before: value.before,
            after: value.after,
        }
    }
}

/// See whom another order of sources would change.
///
/// Nothing is written.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/precedence:dry-run", request_body = RulesToTry, responses((status = 200, description = "What it would change.", body = Reordering)))]
pub async fn dry_run(call: Call) -> Result<Reply> {
    let given: RulesToTry = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service
        .preview_precedence(&caller.tenant, given.precedence, NAMED)
        .await;
    let found = found.map_err(|e| call.explain(e))?;
    let shown = Reordering {
        examined: found.examined,
        changed: found.changed,
        by_path: found.by_path,
        first: found.first.into_iter().map(Affected::of).collect(),
    };
    reply(200, &shown)
}

/// A recomputation of everybody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recompute {
    /// `running` or `done`.
    #[schema(example = "done")]
    state: String,
    /// People about whom several sources speak, so far.
    examined: i64,
    /// Of whom something changed.
    changed: i64,
    /// When the order of sources changed.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    started_at: String,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    finished_at: Option<String>,
}

/// Show how far the last recomputation is.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/recompute", responses((status = 200, description = "How far it is.", body = Recompute)))]
pub async fn recompute(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let found = service.find_recompute(&caller.tenant).await;
    let found: Option<RecomputeRow> = found.map_err(|e| call.explain(e))?;
    let nothing = || {
        let detail = "the order of this tenant's sources never changed";
        Problem::new(&NOT_FOUND, detail)
    };
    let row = found.ok_or_else(nothing)?;
    let shown = Recompute {
        state: row.state,
        examined: row.examined,
        changed: row.changed,
        started_at: time(row.started_at),
        finished_at: row.finished_at.map(time),
    };
    reply(200, &shown)
}
