//! What the health of connections, and time, make of notices.

use serde_json::{Value, json};

use super::table::{
    COVERAGE_FELL, DISCONNECTED, FAILING, HELD, NEEDS_CREDENTIALS, NEW_CONFLICT, PARKED,
    SOURCE_SILENT, TEAM_FINDING, TOKEN_EXPIRES,
};
use super::{Raise, close, raise};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::roles::Role;
use crate::service::connections::ConnectionRow;
use crate::service::error::{Error, Result};
use crate::service::health::Health;
use crate::service::{Caller, Service};
use crate::storage::credentials::CredentialRow;
use crate::storage::schedules::{self, ScheduleRow};
use crate::storage::{Lane, Outcome, Tx};

/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600_000;
/// Days before its end at which a token is told of.
const BEFORE_END: [i64; 3] = [1, 7, 30];
/// The code of a plan that is held since fields did not come.
const COVERAGE: &str = "coverage";

/// The notices of how a connection is doing.
const OF_HEALTH: [&str; 5] = [
    NEEDS_CREDENTIALS,
    FAILING,
    HELD,
    COVERAGE_FELL,
    SOURCE_SILENT,
];

/// Somebody has pulled a connection, or tried: what its health is now is raised, and what it was is over. What is a fault of
/// ours is no news for its admins.
///
/// # Errors
/// Storage.
pub(in crate::service) fn of_health(tx: &mut Tx<'_>, schedule: &ScheduleRow) -> Result<()> {
    let Some(connection) = tx.find_connection(&schedule.connection_id)? else {
        return Ok(());
    };
    let health = Health::of(&connection, schedule, tx.now());
    let run = match schedule.health.as_str() {
        "waiting" => tx.list_runs(Some(&connection.id), None, 1)?.pop(),
        _ => None,
    };
    let why = run.as_ref().and_then(|run| run.why_held.as_deref());
    let code = code(&health, why);
    for other in OF_HEALTH.into_iter().filter(|other| Some(*other) != code) {
        close(tx, other, &connection.id)?;
    }
    let Some(code) = code else {
        return Ok(());
    };
    let held = match code {
        HELD => tx.list_held(&connection.id)?.len(),
        _ => 0,
    };
    let mut params = params(&connection, &health);
    params["held"] = json!(held);
    params["why"] = json!(why);
    params["run"] = json!(run.map(|run| run.id));
    let subject = &connection.id;
    raise(
        tx,
        &Raise {
            code,
            subject,
            person: None,
            params,
        },
    )
}

/// A connection was disconnected: that is news, and how it was doing matters no more.
///
/// # Errors
/// Storage.
pub(in crate::service) fn disconnected(tx: &mut Tx<'_>, connection: &ConnectionRow) -> Result<()> {
    for code in OF_HEALTH
        .into_iter()
        .chain([NEW_CONFLICT, PARKED, TEAM_FINDING])
    {
        close(tx, code, &connection.id)?;
    }
    // Connected again and disconnected again, it is news again.
    close(tx, DISCONNECTED, &connection.id)?;
    let params = json!({
        "connection": connection.id,
        "label": connection.label,
        "source": connection.preset,
        "by": tx.actor().kind,
    });
    raise(
        tx,
        &Raise {
            code: DISCONNECTED,
            subject: &connection.id,
            person: None,
            params,
        },
    )
}

/// Losses that a connection pushed begin to wait.
///
/// # Errors
/// Storage.
pub(in crate::service) fn parked(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let held = tx.count_waiting(connection)?;
    about(tx, PARKED, connection, json!({"held": held}))
}

/// The hierarchy of the connection that feeds teams has something new.
///
/// # Errors
/// Storage.
pub(in crate::service) fn team_finding(
    tx: &mut Tx<'_>,
    connection: &str,
    finding: &str,
) -> Result<()> {
    about(tx, TEAM_FINDING, connection, json!({"finding": finding}))
}

/// Raises a notice about a connection, with how it is called beside what else there is to tell.
fn about(tx: &mut Tx<'_>, code: &'static str, connection: &str, mut params: Value) -> Result<()> {
    let Some(row) = tx.find_connection(connection)? else {
        return Ok(());
    };
    params["connection"] = json!(row.id);
    params["label"] = json!(row.label);
    params["source"] = json!(row.preset);
    raise(
        tx,
        &Raise {
            code,
            subject: connection,
            person: None,
            params,
        },
    )
}

/// The notice for how a connection is doing.
fn code(health: &Health, why_held: Option<&str>) -> Option<&'static str> {
    match health.state.as_str() {
        _ if health.whose() == "ours" || is_our_key(health) => None,
        "needs-credentials" => Some(NEEDS_CREDENTIALS),
        "failing" => Some(FAILING),
        "waiting" if why_held == Some(COVERAGE) => Some(COVERAGE_FELL),
        "waiting" => Some(HELD),
        "silent" => Some(SOURCE_SILENT),
        _ => None,
    }
}

/// A credential does not open since the key that seals it is not here: the operator mends that, no customer.
fn is_our_key(health: &Health) -> bool {
    let why = health
        .reason
        .as_ref()
        .map(|reason| &reason["params"]["why"]);
    why.is_some_and(|why| why == "no-key")
}

fn params(connection: &ConnectionRow, health: &Health) -> Value {
    let reason = health.reason.as_ref();
    json!({
        "connection": connection.id,
        "label": connection.label,
        "source": connection.preset,
        "kind": reason.map(|r| r["kind"].clone()),
        "code": reason.map(|r| r["code"].clone()),
        "failures": health.failures,
        "lastSuccessAt": health.last_success_at,
    })
}

impl Service {
    /// Raises what only time brings: sources that went silent, tokens that end soon. Called now and then.
    ///
    /// # Errors
    /// Storage.
    pub async fn raise_by_time(&self) -> Result<()> {
        let now = self.store.clock().now();
        let all = self
            .store
            .read_global(|conn| Ok::<_, Error>(schedules::list_with_connections(conn)?))
            .await?;
        for (connection, schedule) in all {
            if Health::of(&connection, &schedule, now).state == "silent" {
                self.raise_silent(connection.tenant, connection.id).await?;
            }
        }
        let tenants = self.list_tenants().await?;
        for tenant in tenants.into_iter().filter(|t| !t.is_deleted()) {
            let caller = in_time(TenantId::new(tenant.id));
            for token in self.list_tokens(&caller).await? {
                if let Some(days) = ends_within(&token, now) {
                    self.raise_expiry(&caller, token, days).await?;
                }
            }
        }
        Ok(())
    }

    async fn raise_silent(&self, tenant: String, connection: String) -> Result<()> {
        self.store
            .write(in_time(TenantId::new(tenant)).meta(), move |tx| {
                let is_told = tx.find_open_notice(SOURCE_SILENT, &connection)?.is_some();
                if let Some(schedule) = tx.find_schedule(&connection)?.filter(|_| !is_told) {
                    of_health(tx, &schedule)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    async fn raise_expiry(&self, caller: &Caller, token: CredentialRow, days: i64) -> Result<()> {
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_open_notice(TOKEN_EXPIRES, &token.id)?;
                let params = json!({
                    "token": token.id,
                    "label": token.label,
                    "role": token.role,
                    "connection": token.connection_id,
                    "days": days,
                    "expiresAt": token.expires_at,
                });
                let text = params.to_string();
                if found.is_none_or(|row| row.params != text) {
                    raise(
                        tx,
                        &Raise {
                            code: TOKEN_EXPIRES,
                            subject: &token.id,
                            person: None,
                            params,
                        },
                    )?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

fn in_time(tenant: TenantId) -> Caller {
    let mut caller = Caller::system(tenant, "time");
    caller.lane = Lane::Run;
    caller
}

/// The step of the end of a token: 30, 7 or 1 days; `None`: it is not near, over, or the token is revoked. Tokens of people
/// who look themselves are among them, those of the operator too.
fn ends_within(token: &CredentialRow, now: Millis) -> Option<i64> {
    let ends = token.expires_at.filter(|_| token.revoked_at.is_none())?;
    Role::parse(&token.role)?;
    let left = ends - now.0;
    let steps = BEFORE_END.into_iter();
    let mut near = steps.filter(|days| left > 0 && left <= days * DAY);
    // A token that was made for less time than that is nobody's surprise.
    near.next()
        .filter(|days| ends - token.created_at > days * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_of_thirty_seven_and_one_days_before_its_end() {
        let token = |lives: i64| CredentialRow {
            tenant: "t".to_owned(),
            id: "1".to_owned(),
            hash: String::new(),
            role: "app".to_owned(),
            connection_id: None,
            label: String::new(),
            created_at: 0,
            expires_at: Some(lives * DAY),
            revoked_at: None,
            last_used_at: None,
        };
        let year = token(365);
        for (day, step) in [
            (334, None),
            (335, Some(30)),
            (357, Some(30)),
            (358, Some(7)),
            (363, Some(7)),
            (364, Some(1)),
            (365, None),
        ] {
            assert_eq!(ends_within(&year, Millis(day * DAY)), step, "{day}");
        }
        assert_eq!(ends_within(&token(20), Millis(0)), None);
        assert_eq!(ends_within(&token(20), Millis(13 * DAY)), Some(7));
        let revoked = CredentialRow {
            revoked_at: Some(1),
            ..year
        };
        assert_eq!(ends_within(&revoked, Millis(364 * DAY)), None);
    }

    #[test]
    fn what_is_our_fault_is_no_news_for_a_customer() {
        let health = |state: &str, kind: &str, code: &str| Health {
            state: state.to_owned(),
            reason: Some(json!({"kind": kind, "code": code})),
            ..Health::default()
        };
        for (health, why, told) in [
            (health("healthy", "", ""), None, None),
            (health("degraded", "unavailable", "down"), None, None),
            (
                health("failing", "unavailable", "down"),
                None,
                Some(FAILING),
            ),
            (health("failing", "limit", "disk"), None, None),
            (health("failing", "stopped", "storage"), None, None),
            (
                health("needs-credentials", "credentials", "refused"),
                None,
                Some(NEEDS_CREDENTIALS),
            ),
            (
                health("needs-credentials", "settings", "operator.missing"),
                None,
                None,
            ),
            (
                Health {
                    reason: Some(
                        json!({"kind": "credentials", "code": "secret.unusable", "params": {"why": "no-key"}}),
                    ),
                    ..health("needs-credentials", "", "")
                },
                None,
                None,
            ),
            (health("waiting", "", ""), Some("limit"), Some(HELD)),
            (
                health("waiting", "", ""),
                Some("coverage"),
                Some(COVERAGE_FELL),
            ),
            (health("silent", "", ""), None, Some(SOURCE_SILENT)),
            (health("paused", "", ""), None, None),
        ] {
            assert_eq!(code(&health, why), told, "{health:?}");
        }
    }
}
