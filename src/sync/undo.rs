//! What an admin decided and a process carries out: plans that are approved, runs that are undone. Each step is noted, so
//! that a killed process's work is gone on with by the next.

use super::apply::Apply;
use super::run::{Bridge, Order};
use super::{Unwatched, Watch};
use crate::domain::audit::Actor;
use crate::domain::ids::TenantId;
use crate::service::decisions::APPROVED;
use crate::service::runs::RunRow;
use crate::service::undo::{Part, UNDOING};
use crate::service::{Caller, Error, Result};

/// People put back between two looks.
const CHUNK: i64 = 200;

/// Who decided about a run.
fn decider(run: &RunRow) -> Actor {
    Actor {
        kind: run
            .decider_kind
            .clone()
            .unwrap_or_else(|| "system".to_owned()),
        id: run.decider_id.clone().unwrap_or_default(),
    }
}

impl Bridge {
    /// Undoes a run, or goes on with it.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for a run that cannot be undone; storage.
    pub async fn undo(
        &self,
        tenant: &TenantId,
        actor: Actor,
        run_id: &str,
        watch: &dyn Watch,
    ) -> Result<RunRow> {
        let caller = Caller::of_undo(tenant.clone(), actor, run_id);
        let run = self.service.begin_undo(&caller, run_id).await?;
        self.finish_undo(&run, watch).await
    }

    /// Puts everybody back who is still to be put back, in the name of whom the undo was decided by.
    pub(super) async fn finish_undo(&self, run: &RunRow, watch: &dyn Watch) -> Result<RunRow> {
        let tenant = TenantId::new(run.tenant.as_str());
        let caller = Caller::of_undo(tenant.clone(), decider(run), &run.id);
        let progress = self.service.undo_progress(&tenant, &run.id).await?;
        let (mut done, of) = (progress.all() - progress.open, progress.all());
        watch.applied(done, of);
        let mut is_last_resort = false;
        loop {
            let (mut part, mut waiting, before) = (Part::default(), 0, done);
            part.is_last_resort = is_last_resort;
            while let Some(step) = self.service.undo_some(&caller, run, &part, CHUNK).await? {
                done += step.done;
                waiting += step.waiting;
                part.after = step.last;
                watch.applied(done, of);
            }
            if waiting == 0 {
                break;
            }
            // As long as some go back, the names that others wait for become free.
            is_last_resort = done == before;
        }
        self.service.end_undo(&caller, &run.id).await
    }

    /// Applies a plan that is approved. One made under other settings is given up.
    ///
    /// # Errors
    /// `Stale`; storage.
    pub(super) async fn carry_out(
        &self,
        order: &Order,
        run: RunRow,
        watch: &dyn Watch,
    ) -> Result<RunRow> {
        let tenant = &order.setup.tenant;
        let caller = Caller::of_run(tenant.clone(), decider(&run), &run.id);
        if run.settings_digest != order.setup.settings_digest {
            let why = "settings-changed";
            self.service.refuse_run(&caller, &run.id, why).await?;
            return Err(stale_settings(&run));
        }
        let held = self.service.list_held(tenant, &run.connection_id).await?;
        let mut apply = Apply::new(self, &caller, &order.setup, run, held);
        apply.begin(Vec::new()).await?;
        let run = apply.finish(watch).await?;
        self.propose_pairs(&caller, &run.connection_id).await;
        self.sync_teams(&caller, &run.connection_id).await;
        Ok(run)
    }

    /// Carries out what is decided about a connection's run; without an order only what needs none.
    pub(super) async fn carry_out_decided(&self, order: Option<&Order>, run: RunRow) -> Result<()> {
        match (run.state.as_str(), order) {
            (UNDOING, _) => self.finish_undo(&run, &Unwatched).await.map(|_| ()),
            (APPROVED, Some(order)) => match self.carry_out(order, run, &Unwatched).await {
                Err(Error::Stale(_)) => Ok(()),
                done => done.map(|_| ()),
            },
            _ => Ok(()),
        }
    }
}

/// The refusal of a plan that was made under other settings.
pub(super) fn stale_settings(run: &RunRow) -> Error {
    Error::Stale(format!(
        "the run {} is stale: the connection's settings have changed since; run it again",
        run.id
    ))
}
