//! Settings of a tenant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::Result;
use super::pull::nullable;
use crate::domain::access::RETURN_DAYS;
use crate::http::call::Reply;
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
}

fn show(settings: TenantSettings) -> Settings {
    Settings {
        verified_domains: settings.verified_domains,
        return_days: settings.return_days.unwrap_or(RETURN_DAYS),
        time_zone: settings.time_zone.unwrap_or_else(|| "UTC".to_owned()),
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
    };
    let (service, caller) = (&call.state.service, call.caller()?);
    let settings = service.change_tenant_settings(&caller, change).await;
    reply(200, &show(settings.map_err(|e| call.explain(e))?))
}
