//! How a pull ended, and what follows for the connection: its health, and when the next pull is due.

use super::{BACKOFF_MS, JITTER, Report, Setup};
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::service::runs::ScheduleRow;
use crate::sync::Health;
use crate::sync::report::describe_error;

/// How a pull ended, as far as the schedule is concerned.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) every_ms: i64,
    /// Another pull has to confirm an absence, so soon.
    pub(super) confirm_ms: Option<i64>,
    pub(super) is_complete: bool,
    pub(super) waits: bool,
    /// What was read is old: nothing came for too long.
    pub(super) is_old: bool,
    pub(super) error: Option<PullError>,
}

impl Outcome {
    pub(super) fn of(report: &Report, setup: &Setup) -> Self {
        Self {
            every_ms: setup.every_ms,
            confirm_ms: report.must_confirm_absence.then_some(setup.confirm_ms),
            is_complete: report.run.is_complete,
            waits: report.waits(),
            is_old: false,
            error: report.error.clone(),
        }
    }

    pub(super) fn failed(error: PullError, every_ms: i64) -> Self {
        Self {
            every_ms,
            confirm_ms: None,
            is_complete: false,
            waits: false,
            is_old: false,
            error: Some(error),
        }
    }

    /// The word for the metrics: how it ended, or of which kind the failure is.
    pub(super) fn word(&self) -> &'static str {
        match (&self.error, self.waits, self.is_complete) {
            (Some(error), _, _) => error.kind.as_str(),
            (None, true, _) => "waiting",
            (None, false, true) => "complete",
            (None, false, false) => "incomplete",
        }
    }

    /// `jitter` is any number below 65,536.
    pub(super) fn apply(&self, row: &mut ScheduleRow, now: i64, jitter: i64) {
        row.last_attempt_at = Some(now);
        let health = match &self.error {
            None => {
                row.failures = 0;
                if self.is_complete {
                    row.last_success_at = Some(now);
                }
                match Health::after_pull(self.is_complete, self.waits) {
                    Health::Healthy if self.is_old => Health::Silent,
                    health => health,
                }
            }
            Some(error) => {
                row.failures += 1;
                Health::after_failure(error, row.failures)
            }
        };
        health.as_str().clone_into(&mut row.health);
        row.health_params = self.error.as_ref().map(|e| describe_error(e).to_string());
        row.next_at = now + self.wait(row.failures, jitter);
    }

    /// Until the next pull, in milliseconds.
    pub(super) fn wait(&self, failures: i64, jitter: i64) -> i64 {
        let spread = self.every_ms / JITTER;
        let usual = self.every_ms - spread + 2 * spread * jitter / 65_536;
        match (&self.error, self.confirm_ms) {
            (None, Some(confirm)) => confirm.min(usual),
            (None, None) => usual,
            // What stopped a pull on our side passes too.
            (Some(error), _) if error.retry_helps() || error.kind == PullErrorKind::Stopped => {
                let doubled = BACKOFF_MS << failures.clamp(1, 6).saturating_sub(1);
                let asked = error
                    .retry_after
                    .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
                doubled.min(usual).max(asked.min(24 * 3_600_000))
            }
            (Some(_), _) => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Millis;

    const HOUR: i64 = 3_600_000;

    fn good() -> Outcome {
        Outcome {
            every_ms: 3 * HOUR,
            confirm_ms: None,
            is_complete: true,
            waits: false,
            is_old: false,
            error: None,
        }
    }

    #[test]
    fn a_pull_is_due_three_hours_later_give_or_take_a_tenth() {
        for jitter in [0, 1, 32_768, 65_535] {
            let wait = good().wait(0, jitter);
            assert!((wait - 3 * HOUR).abs() <= 3 * HOUR / 10, "{wait}");
        }
        assert_ne!(good().wait(0, 0), good().wait(0, 65_535));
    }

    #[test]
    fn an_absence_is_confirmed_soon_and_a_failure_tried_again_later_and_later() {
        let missed = Outcome {
            confirm_ms: Some(300_000),
            ..good()
        };
        assert_eq!(missed.wait(0, 0), 300_000);
        let down = Outcome::failed(PullError::new(PullErrorKind::Unavailable, "down"), 3 * HOUR);
        let waits: Vec<i64> = (1..5).map(|n| down.wait(n, 0) / 60_000).collect();
        assert_eq!(waits, [5, 10, 20, 40]);
        assert!(down.wait(60, 0) <= 3 * HOUR);
        let refused = PullError::new(PullErrorKind::Credentials, "refused");
        assert!(Outcome::failed(refused, 3 * HOUR).wait(1, 0) > 2 * HOUR);
    }

    #[test]
    fn attempt_and_success_are_told_apart() {
        let mut row = ScheduleRow::new("t", "c", Millis(0));
        good().apply(&mut row, 10, 0);
        assert_eq!(
            (row.last_attempt_at, row.last_success_at),
            (Some(10), Some(10))
        );
        assert_eq!(row.health, "healthy");
        let down = PullError::new(PullErrorKind::Unavailable, "down");
        for (now, health) in [(20, "degraded"), (30, "failing")] {
            Outcome::failed(down.clone(), HOUR).apply(&mut row, now, 0);
            assert_eq!(row.health, health);
        }
        assert_eq!(
            (row.last_attempt_at, row.last_success_at),
            (Some(30), Some(10))
        );
        let refused = PullError::new(PullErrorKind::Credentials, "refused");
        Outcome::failed(refused, HOUR).apply(&mut row, 40, 0);
        assert_eq!(row.health, "needs-credentials");
    }
}
