//! What an admin decides about a plan that waits, or about single losses of access (SEMANTICS §7): release all or some,
//! or discard. Nothing held ever applies itself.

use std::collections::BTreeSet;

use super::Watch;
use super::apply::why_gone;
use super::gather::PlannedLoss;
use super::guard::Verdict;
use super::run::{Bridge, Order};
use super::stored::read_person;
use super::undo::stale_settings;
use crate::domain::access::reason;
use crate::domain::audit::Cause;
use crate::service::pull::{Effect, Permit};
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

/// Whether an admin refused this loss, and its record is as it was then: nobody is asked again.
pub(super) fn is_refused(held: &HeldRow, loss: &PlannedLoss) -> bool {
    held.state == "discarded" && held.digest == loss.digest
}

/// Whether a loss may be carried out. What waits or was refused never applies itself, whatever becomes of its reason; an
/// approval is good while the reason is the same. The guard is asked about the others only.
pub(super) fn passes(held: Option<&HeldRow>, loss: &PlannedLoss, verdict: &Verdict) -> bool {
    match held {
        _ if !loss.is_proved => false,
        None if loss.is_contested => false,
        Some(held) => held.state == "approved" && is_same(held, loss),
        None => match verdict {
            Verdict::Pass => true,
            Verdict::HoldLosses { pass, .. } => pass.contains(&loss.source_id),
            Verdict::HoldPlan(_) => false,
        },
    }
}

/// The loss rests on what was decided about. A last day that is the same is the same reason, be it ahead, over, or told as
/// a word by now; another day is another reason.
fn is_same(held: &HeldRow, loss: &PlannedLoss) -> bool {
    let days = [reason::LAST_DAY_AHEAD, reason::LAST_DAY_PASSED];
    let can_be_day = loss.reason == reason::LEFT || days.contains(&loss.reason.as_str());
    match held.is_of_day() {
        true => can_be_day && held.day == loss.day,
        false => held.reason == loss.reason,
    }
}

/// An approved last day is still to come: the approval stays until then.
pub(super) fn is_to_come(held: &HeldRow, effect: &Effect) -> bool {
    let stays_in = effect.after.as_ref().is_some_and(|a| a.has_access);
    held.is_for_its_day() && held.day == effect.last_day && stays_in
}

impl Bridge {
    /// Applies a plan that waits as a whole; of its losses those of `which`, the others wait on.
    ///
    /// # Errors
    /// `NotNow` for a plan that does not wait; `Stale` for one that is not what would be done now: a newer run looked at
    /// the source, a run was undone, people or settings changed.
    pub async fn approve(
        &self,
        order: &Order,
        run_id: &str,
        which: &Which,
        watch: &dyn Watch,
    ) -> Result<RunRow> {
        let run = self.service.find_run(&order.setup.tenant, run_id).await?;
        if run.state == "waiting" && run.settings_digest != order.setup.settings_digest {
            return Err(stale_settings(&run));
        }
        let caller = self.decider(order, run_id);
        let only = match which {
            Which::All => None,
            Which::Some(ids) => Some(ids.clone()),
        };
        let run = self.service.approve_run(&caller, run_id, only).await?;
        self.carry_out(order, run, watch).await
    }

    /// Gives a plan up that waits as a whole: its losses are refused, and asked about again when their records change.
    ///
    /// # Errors
    /// `NotNow` for a plan that does not wait.
    pub async fn discard(&self, order: &Order, run_id: &str) -> Result<RunRow> {
        let caller = self.decider(order, run_id);
        self.service.discard_run(&caller, run_id).await
    }

    /// Carries out losses of access that wait: those of `which`, each if its reason is still the same. Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn release(&self, order: &Order, which: &Which) -> Result<u64> {
        let (tenant, source) = (&order.setup.tenant, &order.setup.source);
        let held = self.service.list_held(tenant, &source.source.id).await?;
        let mut released = 0;
        let waits = held
            .into_iter()
            .filter(|h| which.has(&h.source_id) && !h.is_decided());
        for held in waits {
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
        let note = vec![Held::Keep(Box::new(held.clone()))];
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
        let done = match is_to_come(&held, &effect) {
            true => Vec::new(),
            false => vec![Held::Forget(held.source_id)],
        };
        self.service
            .settle_items(caller, run, Vec::new(), done)
            .await
    }

    /// Decides that people keep their access: asked again only when their records change. Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn keep(&self, order: &Order, which: &Which) -> Result<u64> {
        let caller = Caller {
            cause: Cause {
                kind: "command".to_owned(),
                id: "runs discard".to_owned(),
            },
            ..self.decider(order, "")
        };
        let only = match which {
            Which::All => None,
            Which::Some(ids) => Some(ids),
        };
        let connection = &order.setup.source.source.id;
        self.service
            .decide_losses(&caller, connection, only, false)
            .await
    }

    fn decider(&self, order: &Order, run: &str) -> Caller {
        Caller::of_run(order.setup.tenant.clone(), order.actor.clone(), run)
    }
}
