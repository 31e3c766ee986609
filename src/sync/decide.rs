//! What an admin decides about a plan that waits, or about single losses of access (SEMANTICS §7): release all or some,
//! or discard. Nothing held ever applies itself.

use std::collections::BTreeSet;

use super::Watch;
use super::apply::{Apply, why_gone};
use super::gather::PlannedLoss;
use super::guard::Verdict;
use super::run::{Bridge, Order};
use super::stored::{State, read_effect, read_person};
use crate::domain::ids::TenantId;
use crate::service::pull::Permit;
use crate::service::runs::{Held, HeldRow, RunRow};
use crate::service::{Caller, Error, Result};

/// Whom a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Everybody in the plan.
    All,
    /// These records, by source id.
    Some(BTreeSet<String>),
}

impl Which {
    fn has(&self, source_id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(ids) => ids.contains(source_id),
        }
    }
}

/// Whether a loss may be carried out. What waits or was refused never applies itself, whatever becomes of its reason; an
/// approval is good while the reason is the same. The guard is asked about the others only.
pub(super) fn passes(held: Option<&HeldRow>, loss: &PlannedLoss, verdict: &Verdict) -> bool {
    match held {
        Some(held) => held.state == "approved" && held.reason == loss.reason,
        None => match verdict {
            Verdict::Pass => true,
            Verdict::HoldLosses { pass, .. } => pass.contains(&loss.source_id),
            Verdict::HoldPlan(_) => false,
        },
    }
}

impl Bridge {
    /// Applies a plan that waits as a whole; of its losses those of `which`, the others wait on.
    ///
    /// # Errors
    /// `Conflict` for a plan that does not wait, or that is stale: a newer run looked at the source, or settings changed.
    pub async fn approve(
        &self,
        order: &Order,
        run_id: &str,
        which: &Which,
        watch: &dyn Watch,
    ) -> Result<RunRow> {
        let mut run = self.waiting(order, run_id).await?;
        let caller = self.decider(order, run_id);
        let held = self
            .service
            .list_held(&order.setup.tenant, &run.connection_id)
            .await?;
        "running".clone_into(&mut run.state);
        self.service
            .decide_run(&caller, "run.approved", run.clone(), Vec::new())
            .await?;
        let keep = self.losses_but(order, run_id, which).await?;
        let mut apply = Apply::new(self, &caller, &order.setup, run, held);
        apply.mark(&keep, State::Keep).await?;
        apply.is_approved = true;
        apply.begin(Vec::new()).await?;
        apply.finish(watch).await
    }

    /// Gives a plan up that waits as a whole: its losses are refused, and asked about again when their records change.
    ///
    /// # Errors
    /// `Conflict` for a plan that does not wait.
    pub async fn discard(&self, order: &Order, run_id: &str) -> Result<RunRow> {
        let tenant = &order.setup.tenant;
        let mut run = self.service.find_run(tenant, run_id).await?;
        if run.state != "waiting" {
            return Err(Self::stale(&run, "does not wait for a decision"));
        }
        "discarded".clone_into(&mut run.state);
        let caller = self.decider(order, run_id);
        let refused = self.refused(&run).await?;
        self.service
            .decide_run(&caller, "run.discarded", run.clone(), refused)
            .await?;
        Ok(run)
    }

    /// The losses of a plan, each as refused.
    async fn refused(&self, run: &RunRow) -> Result<Vec<Held>> {
        let tenant = TenantId::new(run.tenant.as_str());
        let (mut after, mut refused) = (0, Vec::new());
        loop {
            let items = self
                .service
                .list_items(&tenant, &run.id, after, 1_000)
                .await?;
            let Some(last) = items.last() else {
                return Ok(refused);
            };
            after = last.ordinal;
            for item in items.into_iter().filter(|i| i.loses) {
                let after = read_effect(item.effect.as_deref())
                    .after
                    .unwrap_or_default();
                let person = item.person.as_deref().and_then(read_person);
                refused.push(Held::Keep(HeldRow {
                    tenant: item.tenant,
                    connection_id: run.connection_id.clone(),
                    source_id: item.source_id,
                    subject: item.subject,
                    reason: after.reason,
                    why: run.why_held.clone().unwrap_or_default(),
                    state: "discarded".to_owned(),
                    digest: person.map(|p| p.digest).unwrap_or_default(),
                    run_id: run.id.clone(),
                    since: run.started_at,
                }));
            }
        }
    }

    /// Carries out losses of access that wait: those of `which`, each if its reason is still the same. Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn release(&self, order: &Order, which: &Which) -> Result<u64> {
        let (tenant, source) = (&order.setup.tenant, &order.setup.source);
        let held = self.service.list_held(tenant, &source.source.id).await?;
        let mut released = 0;
        for held in held.into_iter().filter(|h| which.has(&h.source_id)) {
            let caller = self.decider(order, &held.run_id);
            self.release_one(order, &caller, held).await?;
            released += 1;
        }
        match released {
            0 => Err(Error::NotFound(
                "no loss of access of these people waits".to_owned(),
            )),
            _ => Ok(released),
        }
    }

    async fn release_one(&self, order: &Order, caller: &Caller, mut held: HeldRow) -> Result<()> {
        let (tenant, source) = (&order.setup.tenant, &order.setup.source);
        let mut run = self.service.find_run(tenant, &held.run_id).await?;
        "approved".clone_into(&mut held.state);
        let note = vec![Held::Keep(held.clone())];
        self.service
            .decide_run(caller, "run.loss_approved", run.clone(), note)
            .await?;
        let item = self
            .service
            .find_item(tenant, &held.run_id, &held.source_id)
            .await?;
        let action = item.as_ref().map_or(String::new(), |i| i.action.clone());
        let person = item.and_then(|i| read_person(i.person.as_deref()?));
        let (id, full) = (held.source_id.as_str(), Permit::Full);
        let effect = match person {
            Some(person) => {
                self.service
                    .pull_person(caller, source, person, full)
                    .await?
            }
            None if action == "due" => self.service.pull_due(caller, source, id, full).await?,
            None => {
                self.service
                    .pull_gone(caller, source, id, why_gone(&action), full)
                    .await?
            }
        };
        run.lost += i64::from(effect.takes_access());
        // The window counts from here.
        run.finished_at = Some(self.service.store.clock().now().0);
        let done = vec![Held::Forget(held.source_id)];
        self.service
            .settle_items(caller, run, Vec::new(), done)
            .await
    }

    /// Decides that people keep their access: asked again only when their records change. Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn keep(&self, order: &Order, which: &Which) -> Result<u64> {
        let (tenant, connection) = (&order.setup.tenant, &order.setup.source.source.id);
        let held = self.service.list_held(tenant, connection).await?;
        let mut kept = 0;
        for mut held in held.into_iter().filter(|h| which.has(&h.source_id)) {
            let run = self.service.find_run(tenant, &held.run_id).await?;
            "discarded".clone_into(&mut held.state);
            let caller = self.decider(order, &held.run_id);
            let note = vec![Held::Keep(held)];
            self.service
                .decide_run(&caller, "run.loss_discarded", run, note)
                .await?;
            kept += 1;
        }
        match kept {
            0 => Err(Error::NotFound(
                "no loss of access of these people waits".to_owned(),
            )),
            _ => Ok(kept),
        }
    }

    fn decider(&self, order: &Order, run: &str) -> Caller {
        Caller::of_run(order.setup.tenant.clone(), order.actor.clone(), run)
    }

    async fn waiting(&self, order: &Order, run_id: &str) -> Result<RunRow> {
        let tenant = &order.setup.tenant;
        let run = self.service.find_run(tenant, run_id).await?;
        if run.state != "waiting" {
            return Err(Self::stale(&run, "does not wait for a decision"));
        }
        let newest = self
            .service
            .list_runs(tenant, Some(&run.connection_id), None, 20)
            .await?;
        let is_newer = |r: &&RunRow| r.id > run.id && r.kind != "dry" && r.state != "failed";
        if newest.iter().any(|r| is_newer(&r)) {
            return Err(Self::stale(
                &run,
                "is stale: a newer run has looked at the source; decide about that one",
            ));
        }
        if run.settings_digest != order.setup.settings_digest {
            return Err(Self::stale(
                &run,
                "is stale: the connection's settings have changed since; run it again",
            ));
        }
        Ok(run)
    }

    /// Places of the losses in a plan that are not among `which`.
    async fn losses_but(&self, order: &Order, run_id: &str, which: &Which) -> Result<Vec<i64>> {
        let (mut after, mut keep) = (0, Vec::new());
        loop {
            let items = self
                .service
                .list_items(&order.setup.tenant, run_id, after, 1_000)
                .await?;
            let Some(last) = items.last() else {
                return Ok(keep);
            };
            after = last.ordinal;
            let others = items.iter().filter(|i| i.loses && !which.has(&i.source_id));
            keep.extend(others.map(|i| i.ordinal));
        }
    }
}
