//! Leavers that an admin announces: more than the guard's limits would let pass.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::time;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::announce;

/// Leavers that are announced.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    /// How many: whoever loses access by a run since then counts against it.
    #[schema(example = 40)]
    people: u64,
    /// The last day, in the tenant's time zone.
    #[schema(example = "2027-03-31")]
    until: String,
    /// When it was announced.
    #[schema(example = "2027-03-01T09:00:00.000Z")]
    since: String,
    /// The moment at which it ends.
    #[schema(example = "2027-03-31T22:00:00.000Z")]
    ends_at: String,
}

impl Announced {
    pub(super) fn of((announced, last): (announce::Announced, NaiveDate)) -> Self {
        Self {
            people: announced.people,
            until: last.to_string(),
            since: time(announced.since.0),
            ends_at: time(announced.until.0),
        }
    }
}

/// Leavers to be announced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"people": 40, "until": "2027-03-31"}))]
pub struct Announcement {
    /// How many: 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1_000_000)]
    people: u32,
    /// The last day, in the tenant's time zone: from today to 90 days ahead.
    until: String,
}

/// Announce leavers of a connection.
///
/// Up to so many more than the guard's limits lose access without waiting for an admin, until the end of a day. It takes
/// the place of what was announced before. What always waits, such as a plan that takes access from more than half, waits
/// all the same.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/connections/{id}/announcement", request_body = Announcement, responses((status = 200, description = "It is announced.", body = Announced)))]
pub async fn put(call: Call) -> Result<Reply> {
    let wanted: Announcement = call.read()?;
    let until = wanted.until.parse::<NaiveDate>().map_err(|_| {
        let got = quote(&wanted.until);
        Problem::invalid(format!(
            "`until` takes a day such as 2027-03-31; got `{got}`"
        ))
    })?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let made = service.announce_leavers(&caller, &call.id, wanted.people, until);
    let made = made.await.map_err(|e| call.explain(e))?;
    reply(200, &Announced::of((made, until)))
}

/// Withdraw what was announced.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/connections/{id}/announcement", responses((status = 204, description = "The guard's limits hold alone again.")))]
pub async fn withdraw(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.withdraw_announcement(&caller, &call.id).await;
    done.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}
