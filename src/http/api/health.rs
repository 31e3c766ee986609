//! How a connection is doing, as the API tells it.

use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::service::health;

/// How a connection is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `new`, `healthy`, `degraded` (the last pull was not complete, or failed once), `failing`, `needs-credentials`,
    /// `waiting` (a plan or a part of one waits for an admin), `silent` (nothing complete has come for three intervals, and
    /// at least 26 hours), `leavers-only` (the plan does not include it any more), `paused`, `disconnecting` or `disconnected`.
    #[schema(example = "needs-credentials")]
    state: String,
    /// Why: `kind`, `code`, `params` and `retryHelps`. The code `operator.missing` means that the operator has not
    /// registered with the vendor yet, `consent.missing` that nobody has consented yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    reason: Option<serde_json::Value>,
    /// Last attempt to pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    last_attempt_at: Option<String>,
    /// Last complete pull: how old what it knows of people is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    last_success_at: Option<String>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T05:00:00.000Z")]
    next_at: Option<String>,
    /// Pulls that failed in a row.
    failures: i64,
}

impl Health {
    pub(super) fn of(health: health::Health) -> Self {
        Self {
            state: health.state,
            reason: health.reason,
            last_attempt_at: health.last_attempt_at.map(time),
            last_success_at: health.last_success_at.map(time),
            next_at: health.next_at.map(time),
            failures: health.failures,
        }
    }
}
