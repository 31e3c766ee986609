//! What an admin decides about plans, and about losses of access that wait (SEMANTICS §7). A decision is noted here; a
//! process that pulls carries it out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::access::reason;
use crate::domain::audit::Entry;
use crate::service::error::{Error, Result};
use crate::service::runs::{Held, HeldRow, ItemRow, RunRow, ScheduleRow};
use crate::service::{Caller, Service};
use crate::storage::runs::list_wanted;
use crate::storage::{Outcome, Scope, Tx};

/// State of a plan that an admin approved and that is still to be applied.
pub const APPROVED: &str = "approved";

/// Losses that are looked at together.
const AT_ONCE: i64 = 500;

impl Service {
    /// Approves a plan that waits: from here on it is applied, by this process or another. Of its losses those of `only`
    /// (without: all), by source id; the others wait on.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for a plan that does not wait; `Stale` for one that is not what would be done now.
    pub async fn approve_run(
        &self,
        caller: &Caller,
        id: &str,
        only: Option<BTreeSet<String>>,
    ) -> Result<RunRow> {
        let wanted = id.to_owned();
        let run = self
            .store
            .read(&caller.tenant, move |scope| approvable(scope, &wanted))
            .await?;
        let (mut after, mut days) = (0, Vec::new());
        loop {
            let items = self.list_losses(&caller.tenant, id, after, AT_ONCE).await?;
            let Some(last) = items.last() else { break };
            after = last.ordinal;
            let losses = items.iter().filter(|i| is_proved(i));
            let passes = |i: &&ItemRow| only.as_ref().is_none_or(|o| o.contains(&i.source_id));
            let (pass, wait): (Vec<_>, Vec<_>) = losses.partition(passes);
            let ordinals = |of: &[&ItemRow]| of.iter().map(|i| i.ordinal).collect::<Vec<_>>();
            self.mark_items(caller, id, &ordinals(&pass), "planned")
                .await?;
            self.mark_items(caller, id, &ordinals(&wait), "keep")
                .await?;
            days.extend(days_of(&run, pass));
        }
        let wanted = id.to_owned();
        let run = self
            .store
            .write(caller.meta(), move |tx| {
                let run = approvable(tx, &wanted)?;
                decided(tx, run, "run.approved", APPROVED).map(Outcome::Done)
            })
            .await?;
        // Nobody is asked again when these days come.
        self.keep_held(caller, days).await?;
        Ok(run)
    }

    /// Gives up a plan that waits as a whole. Its losses are refused, and asked about again when their records change;
    /// the next run plans the rest anew.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for a plan that does not wait.
    pub async fn discard_run(&self, caller: &Caller, id: &str) -> Result<RunRow> {
        let wanted = id.to_owned();
        let run = self
            .store
            .write(caller.meta(), move |tx| {
                let run = waiting(tx, &wanted)?;
                decided(tx, run, "run.discarded", "discarded").map(Outcome::Done)
            })
            .await?;
        // Nobody changes it any more. Losses that a crash keeps from being noted are asked about once more.
        let mut after = 0;
        loop {
            let items = self.list_losses(&caller.tenant, id, after, AT_ONCE).await?;
            let Some(last) = items.last() else {
                return Ok(run);
            };
            after = last.ordinal;
            let losses = items.into_iter().filter(is_proved);
            let refused: Vec<Held> = losses
                .map(|item| Held::Keep(Box::new(decision(&run, item, "discarded"))))
                .collect();
            self.settle_items(caller, run.clone(), Vec::new(), refused)
                .await?;
        }
    }

    /// Gives up a plan that was approved and turns out to be stale when it is to be applied.
    ///
    /// # Errors
    /// Storage.
    pub async fn refuse_run(&self, caller: &Caller, id: &str, why: &'static str) -> Result<RunRow> {
        let wanted = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_run(&wanted)?;
                let mut run = found.ok_or_else(|| Error::no_such("run", &wanted))?;
                run.error = Some(json!({"kind": "stale", "code": why}).to_string());
                decided(tx, run, "run.discarded", "discarded").map(Outcome::Done)
            })
            .await
    }

    /// Decides about losses of access of a connection that wait: approved, the next pull carries them out, each if
    /// its reason is still the same; else people keep their access until their records change. Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn decide_losses(
        &self,
        caller: &Caller,
        connection: &str,
        only: Option<&BTreeSet<String>>,
        is_approved: bool,
    ) -> Result<u64> {
        let (action, state) = match is_approved {
            true => ("run.loss_approved", "approved"),
            false => ("run.loss_discarded", "discarded"),
        };
        let (mut held, mut decided) = (self.list_held(&caller.tenant, connection).await?, 0);
        held.retain(|h| only.is_none_or(|o| o.contains(&h.source_id)));
        held.retain(|h| !(is_approved && h.is_decided()));
        for mut held in held {
            let run = self.find_run(&caller.tenant, &held.run_id).await?;
            state.clone_into(&mut held.state);
            let day = (held.source_id.clone(), held.day.clone());
            self.decide_run(caller, action, run, vec![Held::Keep(Box::new(held))])
                .await?;
            if let (source_id, Some(_)) = day {
                self.let_day_count(caller, connection, &source_id, is_approved)
                    .await?;
            }
            decided += 1;
        }
        match decided {
            0 => Err(Error::NotFound(
                "no loss of access of these people waits".to_owned(),
            )),
            _ => Ok(decided),
        }
    }

    /// Runs of all tenants about which something is decided that nobody has carried out yet: plans to be applied, and
    /// runs to be undone. After one of them, by tenant and id.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_wanted_runs(
        &self,
        after: Option<(String, String)>,
        limit: i64,
    ) -> Result<Vec<RunRow>> {
        self.store
            .read_global(move |conn| Ok(list_wanted(conn, after.as_ref(), limit)?))
            .await
    }

    /// Says that a connection is to be pulled now: whoever looks next does it.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for a connection that does not pull, or not at present.
    pub async fn ask_for_pull(&self, caller: &Caller, connection: &str) -> Result<ScheduleRow> {
        self.find_working_pull(caller, connection).await?;
        let now = self.store.clock().now().0;
        self.change_schedule(caller, connection, move |row| {
            row.next_at = row.next_at.min(now);
        })
        .await
    }
}

/// The plan, if it waits.
fn waiting(scope: &mut Scope<'_>, id: &str) -> Result<RunRow> {
    let run = scope
        .find_run(id)?
        .ok_or_else(|| Error::no_such("run", id))?;
    match run.state.as_str() {
        "waiting" => Ok(run),
        state => Err(Error::NotNow(format!(
            "the run {id} is {state}: it does not wait for a decision"
        ))),
    }
}

/// The plan, if it waits and says what would be done now, as far as the database knows.
fn approvable(scope: &mut Scope<'_>, id: &str) -> Result<RunRow> {
    let run = waiting(scope, id)?;
    let stale = |why: String| Err(Error::Stale(format!("the run {id} is stale: {why}")));
    if scope.has_newer_run(&run.connection_id, id)? {
        return stale("a newer run has looked at the source; decide about that one".to_owned());
    }
    if scope.has_undo_since(&run.connection_id, run.started_at)? {
        return stale("an earlier run was undone since; run it again".to_owned());
    }
    match scope.count_changed_since(id, run.started_at)? {
        0 => Ok(run),
        people => stale(format!(
            "{people} of its people changed since; run it again"
        )),
    }
}

/// A loss that an incomplete pull speaks of is none: nobody approves or refuses it.
fn is_proved(item: &ItemRow) -> bool {
    item.state != "unproved"
}

/// Of approved losses those whose last day lies ahead: approved until it comes.
fn days_of(run: &RunRow, losses: Vec<&ItemRow>) -> Vec<HeldRow> {
    let rows = losses
        .into_iter()
        .map(|item| decision(run, item.clone(), "approved"));
    let is_ahead = |row: &HeldRow| row.reason == reason::LAST_DAY_AHEAD;
    rows.filter(is_ahead).collect()
}

/// What an admin decided about a loss that a plan names.
fn decision(run: &RunRow, item: ItemRow, state: &str) -> HeldRow {
    let parsed = |text: Option<&str>| text.and_then(|t| serde_json::from_str::<Value>(t).ok());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let effect = parsed(item.effect.as_deref()).unwrap_or_default();
    let person = parsed(item.person.as_deref()).unwrap_or_default();
    HeldRow {
        connection_id: run.connection_id.clone(),
        reason: match effect["isAhead"] == true {
            true => reason::LAST_DAY_AHEAD.to_owned(),
            false => word(&effect["after"]["reason"]),
        },
        day: effect["lastDay"].as_str().map(str::to_owned),
        why: run.why_held.clone().unwrap_or_default(),
        state: state.to_owned(),
        digest: word(&person["digest"]),
        run_id: run.id.clone(),
        since: run.started_at,
        tenant: item.tenant,
        source_id: item.source_id,
        subject: item.subject,
    }
}

/// Stores a decision about a run, with its entry.
fn decided(
    tx: &mut Tx<'_>,
    mut run: RunRow,
    action: &'static str,
    state: &'static str,
) -> Result<RunRow> {
    let entry = Entry::new(action, "run", run.id.clone())
        .object("connection", run.connection_id.clone())
        .change(
            "state",
            Some(Value::from(run.state.as_str())),
            Some(Value::from(state)),
        );
    state.clone_into(&mut run.state);
    run.decided_at = Some(tx.now().0);
    run.decider_kind = Some(tx.actor().kind.clone());
    run.decider_id = Some(tx.actor().id.clone());
    tx.update_run(&run)?;
    tx.record(entry);
    Ok(run)
}
