//! Connections that have nothing to read, or more than they had: files come when they like.

use super::{Scheduler, give_back};
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::service::{Caller, Result};
use crate::sync::report::describe_error;
use crate::sync::{Feed, Health, Look};

impl Scheduler {
    /// Notes that there was nothing to read, and when to look again.
    pub(super) async fn note_look(
        &self,
        caller: &Caller,
        connection: &str,
        every_ms: i64,
        look: Look,
    ) -> Result<()> {
        let (holder, now) = (self.holder.clone(), self.now().0);
        self.bridge
            .service()
            .change_schedule(caller, connection, move |row| {
                row.last_attempt_at = Some(now);
                let (code, wait) = match look {
                    Look::NotYet(wait) => ("file.not_yet", wait.min(every_ms)),
                    _ => ("file.none", every_ms),
                };
                if look == (Look::Nothing { is_silent: true }) {
                    Health::Silent.as_str().clone_into(&mut row.health);
                }
                let error = PullError::new(PullErrorKind::Unavailable, code);
                row.health_params = Some(describe_error(&error).to_string());
                row.next_at = now + wait;
                give_back(row, &holder);
            })
            .await
            .map(|_| ())
    }

    /// Something came while we were at it: the connection is due at once. What comes after this look finds the time that
    /// was noted before it, and puts it forward itself.
    pub(super) async fn go_on(
        &self,
        caller: &Caller,
        connection: &str,
        feed: &dyn Feed,
    ) -> Result<()> {
        if !feed.has_more().await? {
            return Ok(());
        }
        let now = self.now().0;
        self.bridge
            .service()
            .change_schedule(caller, connection, move |row| {
                row.next_at = row.next_at.min(now);
            })
            .await
            .map(|_| ())
    }
}
