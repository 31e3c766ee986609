//! `apply`: does what a plan says, some hundred people at a time, each chunk noted when it is done. A run that is killed
//! goes on behind its last chunk; what it did twice changes nothing the second time.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{is_to_come, passes};
use super::gather::{Gather, OUT_OF_SCOPE, UNLINK};
use super::guard::Verdict;
use super::report::Counts;
use super::run::{Bridge, DAYS};
use super::stored::{State, read_effect, read_person, write_effect};
use super::{Setup, Watch};
use crate::domain::access::reason;
use crate::domain::employment::EmploymentState;
use crate::service::pull::{Effect, Finding, Gone, Permit, PullPerson, Step};
use crate::service::runs::{Held, HeldRow, ItemRow, RunRow};
use crate::service::{Caller, Error, Result};

/// People applied together.
const CHUNK: i64 = 200;
/// So many people may wait for what the run itself brings.
const AGAIN: usize = 200_000;

/// Those who work come before those who left, so that somebody who has two records keeps what the other one gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Working,
    Leaving,
}

/// A plan that is being applied.
pub(super) struct Apply<'a> {
    bridge: &'a Bridge,
    caller: &'a Caller,
    setup: &'a Setup,
    run: RunRow,
    held: BTreeMap<String, HeldRow>,
    /// People whose manager was not known when they were applied, or who may be somebody else whom this run lets go.
    again: BTreeSet<i64>,
    /// People whom this run made.
    made: BTreeSet<i64>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(
        bridge: &'a Bridge,
        caller: &'a Caller,
        setup: &'a Setup,
        run: RunRow,
        held: Vec<HeldRow>,
    ) -> Self {
        Self {
            bridge,
            caller,
            setup,
            run,
            held: held.into_iter().map(|h| (h.source_id.clone(), h)).collect(),
            again: BTreeSet::new(),
            made: BTreeSet::new(),
        }
    }

    /// Marks the losses that do not pass, forgets those that are none any more, and lets the apply begin.
    pub(super) async fn permit(
        &mut self,
        gather: &Gather,
        verdict: &Verdict,
        over: Vec<Held>,
    ) -> Result<()> {
        let losses = &gather.tally.losses;
        let keep: Vec<i64> = losses
            .iter()
            .filter(|loss| loss.is_proved)
            .filter(|loss| !passes(self.held.get(&loss.source_id), loss, verdict))
            .map(|loss| loss.ordinal)
            .collect();
        self.mark(&keep, State::Keep).await?;
        self.begin(over).await
    }

    /// From here on a killed run is gone on with.
    pub(super) async fn begin(&mut self, held: Vec<Held>) -> Result<()> {
        "apply".clone_into(&mut self.run.stage);
        "running".clone_into(&mut self.run.state);
        self.settle(Vec::new(), held).await
    }

    pub(super) async fn mark(&self, ordinals: &[i64], state: State) -> Result<()> {
        self.bridge
            .service
            .mark_items(self.caller, &self.run.id, ordinals, state.as_str())
            .await
    }

    /// Does everything that is still to be done.
    pub(super) async fn finish(mut self, watch: &dyn Watch) -> Result<RunRow> {
        for pass in [Pass::Working, Pass::Leaving] {
            self.pass(pass, watch).await?;
        }
        self.again().await?;
        "done".clone_into(&mut self.run.state);
        "report".clone_into(&mut self.run.stage);
        self.run.finished_at = Some(self.bridge.service.store.clock().now().0);
        self.bridge
            .service
            .save_run(self.caller, self.run.clone())
            .await?;
        if self.run.kind == DAYS {
            // It says nothing about settings that changed since the last pull.
            return Ok(self.run);
        }
        if self.run.decided_at.is_none() && !self.has_seen_everybody() {
            // Nobody approved it, and who is gone since the settings or the database changed is known with the next pull.
            return Ok(self.run);
        }
        if self.setup.must_confirm {
            self.bridge
                .service
                .confirm_connection(self.caller, &self.run.connection_id)
                .await?;
        }
        let (connection, digest) = (&self.run.connection_id, self.run.settings_digest.clone());
        let version = self.run.connector_version;
        self.bridge
            .service
            .change_schedule(self.caller, connection, move |schedule| {
                schedule.settings_digest = Some(digest.clone());
                schedule.connector_version = version;
            })
            .await?;
        Ok(self.run)
    }

    /// The pull was complete, and missed nobody for the first time.
    fn has_seen_everybody(&self) -> bool {
        let counts = self.run.counts.as_deref();
        let counts = counts.and_then(|c| serde_json::from_str::<Counts>(c).ok());
        self.run.is_complete && counts.is_some_and(|c| c.missed == 0)
    }

    async fn pass(&mut self, pass: Pass, watch: &dyn Watch) -> Result<()> {
        let mut after = 0;
        loop {
            let items = self.items(after).await?;
            let Some(last) = items.last() else {
                return Ok(());
            };
            after = last.ordinal;
            let open = items.into_iter().filter_map(|item| {
                let work = Work::of(item)?;
                (work.pass() == pass).then_some(work)
            });
            self.chunk(open.collect()).await?;
            let (done, of) = (self.run.applied, self.run.planned);
            watch.applied(done.unsigned_abs(), of.unsigned_abs());
        }
    }

    async fn items(&self, after: i64) -> Result<Vec<ItemRow>> {
        self.bridge
            .service
            .list_items(&self.setup.tenant, &self.run.id, after, CHUNK)
            .await
    }

    async fn chunk(&mut self, work: Vec<Work>) -> Result<()> {
        if work.is_empty() {
            return Ok(());
        }
        let effects = self.carry_out(&work).await;
        let (mut items, mut held) = (Vec::new(), Vec::new());
        for (work, effect) in work.into_iter().zip(effects) {
            let effect = match effect {
                // The run goes on when the database does.
                Err(error @ Error::Storage(_)) => return Err(error),
                other => other,
            };
            let (item, answer) = self.outcome(work, effect);
            held.extend(answer);
            items.push(item);
        }
        self.run.applied += i64::try_from(items.len()).unwrap_or_default();
        self.settle(items, held).await
    }

    /// Everybody with a record at once, so that they share commits; the others one by one.
    async fn carry_out(&self, work: &[Work]) -> Vec<Result<Effect>> {
        let (service, source) = (&self.bridge.service, &self.setup.source);
        let people = work
            .iter()
            .filter_map(|w| Some((w.person.clone()?, w.permit)));
        let people = service
            .pull_people(self.caller, source, people.collect())
            .await;
        let mut people = people.into_iter();
        let mut effects = Vec::with_capacity(work.len());
        for work in work {
            let (source_id, permit) = (work.item.source_id.as_str(), work.permit);
            effects.push(match (&work.person, work.item.action.as_str()) {
                (Some(_), _) => people.next().unwrap_or_else(|| Err(missing(&work.item))),
                (None, "due") => {
                    service
                        .pull_due(self.caller, source, source_id, permit)
                        .await
                }
                (None, UNLINK) => service.pull_unlink(self.caller, source, source_id).await,
                (None, action) => {
                    let why = why_gone(action);
                    service
                        .pull_gone(self.caller, source, source_id, why, permit)
                        .await
                }
            });
        }
        effects
    }

    /// What became of an item, and of the loss that waited.
    fn outcome(&mut self, work: Work, effect: Result<Effect>) -> (ItemRow, Option<Held>) {
        let mut item = work.item;
        let planned = read_effect(item.effect.as_deref());
        let was_ahead = planned.is_ahead;
        let mut effect = match effect {
            Ok(effect) => effect,
            Err(error) => {
                State::Failed.as_str().clone_into(&mut item.state);
                let why = serde_json::json!({"step": item.action, "error": error.to_string()});
                item.effect = Some(why.to_string());
                return (item, None);
            }
        };
        if let Some(user) = &effect.user_id {
            item.subject.clone_from(user);
        }
        let waits_for_manager = |f: &Finding| matches!(f, Finding::ManagerUnknown { .. });
        let is_open = effect.conflict.is_some() || effect.findings.iter().any(waits_for_manager);
        if !planned.tells("manager-unknown") {
            // She came with this run, later.
            effect.findings.retain(|f| !waits_for_manager(f));
        }
        if is_open && self.again.len() < AGAIN {
            self.again.insert(item.ordinal);
        }
        if effect.step == Step::Create && self.made.len() < AGAIN {
            self.made.insert(item.ordinal);
        }
        let state = match effect.held {
            Some(_) => State::Held,
            None => State::Applied,
        };
        state.as_str().clone_into(&mut item.state);
        if effect.is_change || effect.held.is_some() {
            item.effect = Some(write_effect(&effect));
        }
        // Of a run that was killed before this was noted the loss is no news any more.
        let is_permitted = work.permit == Permit::Full && item.loses && effect.held.is_none();
        let was_taken = is_permitted && !was_ahead;
        if effect.takes_access() || was_taken {
            self.run.lost += 1;
        }
        let digest = work.person.map(|p| p.digest).unwrap_or_default();
        let answer = match effect.held {
            Some(reason) => {
                let day = effect.last_day.clone();
                Some(Held::Keep(Box::new(self.held_row(
                    &item,
                    (reason, day),
                    digest,
                ))))
            }
            None => {
                let held = self.held.get(&item.source_id);
                let is_over = held.is_some_and(|held| !is_to_come(held, &effect));
                is_over.then(|| Held::Forget(item.source_id.clone()))
            }
        };
        (item, answer)
    }

    /// The loss as it waits: since when, and what an admin said, stay as long as they speak of the same.
    fn held_row(
        &self,
        item: &ItemRow,
        (reason, day): (&str, Option<String>),
        digest: String,
    ) -> HeldRow {
        let fresh = HeldRow {
            tenant: item.tenant.clone(),
            connection_id: self.run.connection_id.clone(),
            source_id: item.source_id.clone(),
            subject: item.subject.clone(),
            reason: reason.to_owned(),
            why: self.run.why_held.clone().unwrap_or_default(),
            state: "waiting".to_owned(),
            digest,
            run_id: self.run.id.clone(),
            since: self.run.started_at,
            day,
        };
        match self.held.get(&item.source_id) {
            Some(old) if old.state == "discarded" && is_same(old, &fresh) => HeldRow {
                run_id: fresh.run_id,
                digest: fresh.digest,
                ..old.clone()
            },
            Some(old) if old.reason == fresh.reason || is_of_day(old, &fresh) => HeldRow {
                since: old.since,
                why: match fresh.why.is_empty() {
                    true => old.why.clone(),
                    false => fresh.why,
                },
                ..fresh
            },
            _ => fresh,
        }
    }

    async fn settle(&self, items: Vec<ItemRow>, held: Vec<Held>) -> Result<()> {
        self.bridge
            .service
            .settle_items(self.caller, self.run.clone(), items, held)
            .await
    }

    /// People whose manager came after them get the manager now; somebody whose old record ended in this very run goes on
    /// under the new one.
    async fn again(&mut self) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.again);
        if self.run.lost > 0 {
            waiting.append(&mut self.made);
        }
        let Some(first) = waiting.first() else {
            return Ok(());
        };
        let mut after = first - 1;
        loop {
            let items = self.items(after).await?;
            let Some(last) = items.last() else {
                return Ok(());
            };
            after = last.ordinal;
            let people = items.iter().filter(|i| waiting.contains(&i.ordinal));
            let people = people.filter_map(|i| read_person(i.person.as_deref()?));
            let people = people.map(|p| (p, Permit::KeepAccess)).collect();
            let service = &self.bridge.service;
            for done in service
                .pull_people(self.caller, &self.setup.source, people)
                .await
            {
                if let Err(error @ Error::Storage(_)) = done {
                    return Err(error);
                }
            }
        }
    }
}

/// Whether the source says what it said when the loss was refused. A day that came by itself was of no pull: the next one
/// shows the record that named it.
fn is_same(old: &HeldRow, now: &HeldRow) -> bool {
    old.digest == now.digest || (old.digest.is_empty() && old.reason == reason::LAST_DAY_PASSED)
}

/// Both rest on the same last day.
fn is_of_day(old: &HeldRow, now: &HeldRow) -> bool {
    old.day.is_some() && old.day == now.day
}

/// An item that is still to be done.
struct Work {
    item: ItemRow,
    person: Option<PullPerson>,
    permit: Permit,
}

impl Work {
    fn of(item: ItemRow) -> Option<Self> {
        let permit = match State::parse(&item.state)? {
            // A loss that the plan did not name was not judged.
            State::Planned if item.loses => Permit::Full,
            State::Planned | State::Keep => Permit::KeepAccess,
            State::Applied | State::Held | State::Failed | State::Unproved => return None,
        };
        Some(Self {
            person: item.person.as_deref().and_then(read_person),
            permit,
            item,
        })
    }

    fn pass(&self) -> Pass {
        match &self.person {
            Some(person) if person.employment != EmploymentState::Left && !self.item.loses => {
                Pass::Working
            }
            _ => Pass::Leaving,
        }
    }
}

/// Why the source no longer has somebody, by the item's action.
pub(super) fn why_gone(action: &str) -> Gone {
    match action {
        OUT_OF_SCOPE => Gone::OutOfScope,
        _ => Gone::Absent,
    }
}

/// An answer is missing for a record.
fn missing(item: &ItemRow) -> Error {
    Error::NotFound(format!("nothing was done about item {}", item.ordinal))
}
