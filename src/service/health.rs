//! How pull connections are doing, as people and programs are told. A pull notes how it ended; what only time or an admin
//! makes of that, *silent* and *paused*, is found when somebody looks, so that it is true while nobody pulls.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connections::{ConnectionRow, PULL};
use super::error::Result;
use super::{Caller, Service};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::storage::Scope;
use crate::storage::links::LinkRow;
use crate::storage::schedules::{self, ScheduleRow};

/// A source is silent when nothing complete has come for so many intervals …
const INTERVALS: i64 = 3;
/// … and at least for so long, in milliseconds: a file that comes each night is not silent in the evening.
const QUIET_MS: i64 = 26 * 3_600_000;

/// How a connection is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// `new`, `healthy`, `degraded`, `failing`, `needs-credentials`, `waiting`, `silent`, `paused`, `disconnecting` or `disconnected`.
    pub state: String,
    /// Why: kind, code, parameters, whether trying again helps.
    pub reason: Option<Value>,
    /// When somebody last tried to pull.
    pub last_attempt_at: Option<i64>,
    /// When a pull was last complete.
    pub last_success_at: Option<i64>,
    /// When it is due.
    pub next_at: Option<i64>,
    /// Pulls that failed in a row.
    pub failures: i64,
}

impl Health {
    /// Of a connection with its schedule.
    pub fn of(row: &ConnectionRow, schedule: &ScheduleRow, now: Millis) -> Self {
        let is_active = row.state == "active";
        let state = match schedule.health.as_str() {
            _ if !is_active => row.state.as_str(),
            "new" | "healthy" | "degraded" if is_silent(row, schedule, now) => "silent",
            noted => noted,
        };
        let reason = schedule.health_params.as_deref();
        Self {
            state: state.to_owned(),
            reason: reason.and_then(|text| serde_json::from_str(text).ok()),
            last_attempt_at: schedule.last_attempt_at,
            last_success_at: schedule.last_success_at,
            next_at: is_active.then_some(schedule.next_at),
            failures: schedule.failures,
        }
    }

    /// Whose trouble it is: `nobody`, `ours`, `a-customer` or `a-vendor`.
    pub fn whose(&self) -> &'static str {
        let kind = self
            .reason
            .as_ref()
            .and_then(|reason| reason["kind"].as_str());
        let code = self
            .reason
            .as_ref()
            .and_then(|reason| reason["code"].as_str());
        match (self.state.as_str(), kind) {
            ("new" | "healthy" | "paused" | "disconnecting" | "disconnected", _) => "nobody",
            (_, _) if code == Some("operator.missing") => "ours",
            ("waiting" | "silent" | "needs-credentials", _) => "a-customer",
            (_, Some("limit" | "stopped")) => "ours",
            (_, Some("settings" | "credentials" | "rights")) => "a-customer",
            _ => "a-vendor",
        }
    }
}

/// Nothing complete has come for long, although somebody looked, or nobody has looked for as long.
fn is_silent(row: &ConnectionRow, schedule: &ScheduleRow, now: Millis) -> bool {
    let minutes = row
        .pull_settings()
        .map_or(0, |s| i64::from(s.schedule.every_minutes));
    let long = (INTERVALS * minutes * 60_000).max(QUIET_MS);
    let since = schedule.last_success_at.unwrap_or(row.created_at);
    let has_tried = schedule.last_attempt_at.is_some_and(|at| at > since);
    now.0 - since > long && (has_tried || now.0 - schedule.next_at > long)
}

/// How old what pull sources say of a person is.
///
/// It is derived and written nowhere: a link that no complete pull has missed was seen by the last one, so the time is the
/// connection's own. A run thus writes no row for each person whom it finds unchanged. Of one who is missed only the first
/// pull that missed her is known, and what the source says of her is older than that.
pub struct Ages {
    links: Vec<LinkRow>,
    schedules: BTreeMap<String, ScheduleRow>,
}

impl Ages {
    /// Of a person.
    ///
    /// # Errors
    /// Storage.
    pub fn of(scope: &mut Scope<'_>, person: &str) -> Result<Self> {
        let links = scope.list_links_of(person)?;
        let mut schedules = BTreeMap::new();
        for link in &links {
            if let Some(row) = scope.find_schedule(&link.connection_id)? {
                schedules.insert(link.connection_id.clone(), row);
            }
        }
        Ok(Self { links, schedules })
    }

    fn links(&self, connection: &str) -> impl Iterator<Item = &LinkRow> {
        self.links
            .iter()
            .filter(move |link| link.connection_id == connection)
    }

    /// The time of the last complete pull of this connection that saw her.
    pub fn data_at(&self, connection: &str) -> Option<i64> {
        self.links(connection)
            .find(|link| link.absent_since.is_none())?;
        self.schedules.get(connection)?.last_success_at
    }

    /// The first complete pull of this connection that missed her, if none of her records was seen since.
    pub fn missed_since(&self, connection: &str) -> Option<i64> {
        let all: Option<Vec<i64>> = self
            .links(connection)
            .map(|link| link.absent_since)
            .collect();
        all?.into_iter().max()
    }
}

impl Service {
    /// How a connection is doing; none for one that pushes.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_health(
        &self,
        caller: &Caller,
        row: &ConnectionRow,
    ) -> Result<Option<Health>> {
        if row.kind != PULL {
            return Ok(None);
        }
        let schedule = self.find_schedule(&caller.tenant, &row.id).await?;
        let now = self.store.clock().now();
        Ok(schedule.map(|schedule| Health::of(row, &schedule, now)))
    }

    /// The schedules of a tenant, by connection.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_schedules_of(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<String, ScheduleRow>> {
        let rows = self.store.read(tenant, |scope| {
            Ok::<_, super::Error>(scope.list_schedules()?)
        });
        let by_id = |row: ScheduleRow| (row.connection_id.clone(), row);
        Ok(rows.await?.into_iter().map(by_id).collect())
    }

    /// How many connections of all tenants are doing how, and whose trouble it is.
    ///
    /// # Errors
    /// Storage.
    pub async fn tally_health(&self) -> Result<BTreeMap<(String, &'static str), u64>> {
        let now = self.store.clock().now();
        let all = self.store.read_global(schedules::list_with_connections);
        let mut tally = BTreeMap::new();
        for (row, schedule) in all.await.map_err(super::Error::from)? {
            let health = Health::of(&row, &schedule, now);
            let whose = health.whose();
            *tally.entry((health.state, whose)).or_default() += 1;
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn connection(state: &str) -> ConnectionRow {
        ConnectionRow {
            tenant: "t".to_owned(),
            id: "c".to_owned(),
            kind: PULL.to_owned(),
            preset: "x".to_owned(),
            label: String::new(),
            joiner_policy: "list".to_owned(),
            state: state.to_owned(),
            created_at: 0,
            only_users: 0,
            hidden_users: 0,
            managed_groups: 0,
            settings: None,
            confirm_since: None,
            disconnected_at: None,
            rank_at: None,
        }
    }

    fn schedule(health: &str) -> ScheduleRow {
        ScheduleRow {
            health: health.to_owned(),
            ..ScheduleRow::new("t", "c", Millis(3 * HOUR))
        }
    }

    #[test]
    fn what_a_pull_noted_is_told_until_time_or_an_admin_makes_something_else_of_it() {
        let seen = |health: &str, tried: i64, succeeded: i64| ScheduleRow {
            last_attempt_at: Some(tried * HOUR),
            last_success_at: Some(succeeded * HOUR),
            next_at: (tried + 3) * HOUR,
            ..schedule(health)
        };
        for (state, row, hours, told) in [
            ("active", schedule("new"), 1, "new"),
            ("active", seen("healthy", 3, 3), 4, "healthy"),
            // It is tried, and nothing comes.
            ("active", seen("degraded", 29, 3), 29, "degraded"),
            ("active", seen("degraded", 30, 3), 30, "silent"),
            ("active", seen("healthy", 30, 3), 30, "silent"),
            // Nobody tries: the servers are away, or it has just been resumed.
            ("active", seen("healthy", 3, 3), 31, "healthy"),
            ("active", seen("healthy", 3, 3), 33, "silent"),
            // What somebody has to do something about is said first.
            (
                "active",
                seen("needs-credentials", 90, 3),
                90,
                "needs-credentials",
            ),
            ("active", seen("failing", 90, 3), 90, "failing"),
            ("active", seen("waiting", 90, 3), 90, "waiting"),
            ("paused", seen("failing", 90, 3), 90, "paused"),
            ("paused", seen("healthy", 3, 3), 900, "paused"),
        ] {
            let health = Health::of(&connection(state), &row, Millis(hours * HOUR));
            assert_eq!(health.state, told, "{row:?} {hours}");
        }
    }

    #[test]
    fn whose_trouble_it_is_decides_who_is_woken() {
        for (state, kind, code, whose) in [
            ("healthy", "", "", "nobody"),
            ("waiting", "", "", "a-customer"),
            (
                "needs-credentials",
                "credentials",
                "auth.refused",
                "a-customer",
            ),
            (
                "needs-credentials",
                "credentials",
                "operator.missing",
                "ours",
            ),
            ("failing", "unavailable", "timeout", "a-vendor"),
            ("degraded", "not_understood", "json", "a-vendor"),
            ("failing", "settings", "template", "a-customer"),
            ("failing", "limit", "body_too_large", "ours"),
        ] {
            let health = Health {
                state: state.to_owned(),
                reason: Some(serde_json::json!({"kind": kind, "code": code})),
                ..Health::default()
            };
            assert_eq!(health.whose(), whose, "{state} {kind} {code}");
        }
    }
}
