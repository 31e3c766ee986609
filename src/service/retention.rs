//! Lets go of what is kept for a while only. Nothing of it is the truth about a person, and the journal keeps what was done.

use std::time::Duration;

use super::{Caller, Error, Result, Service};
use crate::domain::clock::Millis;
use crate::domain::ids::{TenantId, first_text};
use crate::storage::{Lane, Outcome};

/// Rows that one operation deletes.
const AT_ONCE: i64 = 500;
/// As long as losses of access by pushes are counted: an announcement looks back at most 90 days.
const LOSSES_MS: i64 = 92 * 86_400_000;

impl Service {
    /// Deletes runs of pulls, and sessions of pushes, that are over and began so long ago, in all tenants; answers how many.
    /// Several processes may do so at once.
    ///
    /// # Errors
    /// Storage.
    pub async fn forget_runs(&self, age: Duration) -> Result<u64> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let floor = first_text(Millis(self.store.clock().now().0.saturating_sub(age)));
        let mut forgotten = 0;
        let tenants = self.list_tenants().await?;
        // Nothing happens by itself in a deleted one, and nothing can be written while its data is going.
        for tenant in tenants.into_iter().filter(|t| !t.is_deleted()) {
            let mut caller = Caller::system(TenantId::new(tenant.id), "retention");
            caller.lane = Lane::Run;
            loop {
                let before = floor.clone();
                let runs = self
                    .store
                    .read(&caller.tenant, move |scope| {
                        Ok::<_, Error>(scope.list_runs_over(&before, AT_ONCE)?)
                    })
                    .await?;
                for run in &runs {
                    self.forget_run(&caller, run).await?;
                    forgotten += 1;
                }
                if runs.is_empty() {
                    break;
                }
            }
            forgotten += self.forget_sessions(&caller, &floor).await?;
        }
        Ok(forgotten)
    }

    /// The same of what was pushed: sessions, and losses that no announcement asks for any more.
    async fn forget_sessions(&self, caller: &Caller, floor: &str) -> Result<u64> {
        let now = self.store.clock().now();
        let old = Millis(now.0 - LOSSES_MS);
        let before = floor.to_owned();
        let sessions = self
            .store
            .write(caller.meta(), move |tx| {
                tx.delete_push_losses(old)?;
                let over = tx.list_sessions_over(&before, AT_ONCE)?;
                Ok::<_, Error>(Outcome::Done(over))
            })
            .await?;
        for session in &sessions {
            let mut is_gone = false;
            while !is_gone {
                let id = session.clone();
                is_gone = self
                    .store
                    .write(caller.meta(), move |tx| {
                        let is_last = tx.delete_changes(&id, AT_ONCE)? == 0;
                        if is_last {
                            tx.delete_session(&id)?;
                        }
                        Ok::<_, Error>(Outcome::Done(is_last))
                    })
                    .await?;
            }
        }
        Ok(sessions.len() as u64)
    }

    /// Deletes mails and calls that are over and were queued so long ago, in all tenants; answers how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn forget_outgoing(&self, age: Duration) -> Result<u64> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let floor = first_text(Millis(self.store.clock().now().0.saturating_sub(age)));
        let mut forgotten = 0;
        let tenants = self.list_tenants().await?;
        // Nothing happens by itself in a deleted one, and nothing can be written while its data is going.
        for tenant in tenants.into_iter().filter(|t| !t.is_deleted()) {
            let mut caller = Caller::system(TenantId::new(tenant.id), "retention");
            caller.lane = Lane::Run;
            loop {
                let before = floor.clone();
                let gone = self
                    .store
                    .write(caller.meta(), move |tx| {
                        // Each has a row of its secret beside it.
                        let gone = tx.delete_outgoing_before(&before, AT_ONCE / 2)?;
                        Ok::<_, Error>(Outcome::Done(gone))
                    })
                    .await?;
                forgotten += gone as u64;
                if gone == 0 {
                    break;
                }
            }
        }
        Ok(forgotten)
    }

    async fn forget_run(&self, caller: &Caller, run: &str) -> Result<()> {
        loop {
            let run = run.to_owned();
            let is_gone = self
                .store
                .write(caller.meta(), move |tx| {
                    let is_last = tx.delete_items(&run, AT_ONCE)? == 0
                        && tx.delete_changes(&run, AT_ONCE)? == 0;
                    if is_last {
                        tx.delete_run(&run)?;
                    }
                    Ok::<_, Error>(Outcome::Done(is_last))
                })
                .await?;
            if is_gone {
                return Ok(());
            }
        }
    }
}
