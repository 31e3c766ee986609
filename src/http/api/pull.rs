//! What an admin settles about a pull connection, as the API reads and tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::pull::{self, AddressUse, Leaving, MatchBy, PullChange, PullSettings};

/// When a connection pulls.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// Minutes from one pull to the next: 5 to 1440, at first 180.
    #[schema(example = 180, minimum = 5, maximum = 1440)]
    every_minutes: Option<u32>,
    /// Minutes after a complete pull that misses somebody until another confirms that she is gone: 1 to 1440, at first 5.
    /// Of a connection that reads files another file confirms it instead.
    #[schema(example = 5, minimum = 1, maximum = 1440)]
    confirm_minutes: Option<u32>,
}

/// A plan beyond both limits waits for an admin; what is pushed beyond both is parked.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guard {
    /// Most people who lose access within 24 hours, by a connection that pushes within one hour; at first 5.
    #[schema(example = 5, maximum = 1_000_000)]
    max_leavers: Option<u32>,
    /// The same as a percentage of the connection's people; at first 10.
    #[schema(example = 10, maximum = 100)]
    max_percent: Option<u32>,
}

impl Guard {
    pub(super) fn of(guard: pull::Guard) -> Self {
        Self {
            max_leavers: Some(guard.max_leavers),
            max_percent: Some(guard.max_percent),
        }
    }
}

/// Whom a connection brings.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// SCIM filter over the mapped person; absent, or set to null: everybody.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(example = "userType eq \"Employee\"")]
    filter: Option<String>,
    /// What happens to who leaves the scope but not the company: `keep` (at first) or `revoke`.
    #[schema(value_type = Option<String>, example = "keep")]
    leaving: Option<Leaving>,
}

/// By what records are taken for people who are there, beside their links and verified addresses.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matching {
    /// What is compared with the `externalId` under which other sources, and the app, know people: `none` (at first),
    /// `source-id` or `employee-number`.
    #[schema(value_type = Option<String>, example = "employee-number")]
    also_by: Option<MatchBy>,
    /// Which addresses of a record count: `work` (at first), or `work-then-private`, where the source has private ones and a
    /// person has none at work.
    #[schema(value_type = Option<String>, example = "work")]
    addresses: Option<AddressUse>,
}

/// Everything of it, as it is given or told.
#[derive(Debug, Default)]
pub(super) struct Pull {
    pub(super) schedule: Option<Schedule>,
    pub(super) guard: Option<Guard>,
    pub(super) scope: Option<Scope>,
    pub(super) matching: Option<Matching>,
    pub(super) zone: Option<String>,
}

impl Pull {
    pub(super) fn of(settings: &PullSettings) -> Self {
        Self {
            schedule: Some(Schedule {
                every_minutes: Some(settings.schedule.every_minutes),
                confirm_minutes: Some(settings.schedule.confirm_minutes),
            }),
            guard: Some(Guard::of(settings.guard)),
            scope: Some(Scope {
                filter: settings.scope.filter.clone(),
                leaving: Some(settings.scope.leaving),
            }),
            matching: Some(Matching {
                also_by: Some(settings.matching.also_by),
                addresses: Some(settings.matching.addresses),
            }),
            zone: settings.zone.clone(),
        }
    }

    /// The change that it makes, with values of the connector.
    pub(super) fn change(self, settings: BTreeMap<String, Option<String>>) -> PullChange {
        let (schedule, guard) = (
            self.schedule.unwrap_or_default(),
            self.guard.unwrap_or_default(),
        );
        let (scope, matching) = (
            self.scope.unwrap_or_default(),
            self.matching.unwrap_or_default(),
        );
        PullChange {
            settings,
            every_minutes: schedule.every_minutes,
            confirm_minutes: schedule.confirm_minutes,
            max_leavers: guard.max_leavers,
            max_percent: guard.max_percent,
            filter: scope.filter,
            leaving: scope.leaving,
            also_by: matching.also_by,
            addresses: matching.addresses,
            zone: self.zone,
            // Who decides where credentials are sent is the operator, at the shell.
            endpoint: None,
        }
    }
}

/// A text that null takes out: null is read as an empty one.
pub(super) fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Some(
        Option::<String>::deserialize(from)?.unwrap_or_default(),
    ))
}
