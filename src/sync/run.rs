//! A run from its beginning to its end.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::apply::Apply;
use super::decide::{is_refused, passes};
use super::gather::Gather;
use super::guard::{Loss, Situation, Verdict, Why, judge};
use super::known::PlannedLoss;
use super::report::{Counts, describe_error, describe_evidence};
use super::stored::{State, read_person, step_word};
use super::{Feed, Setup, Watch};
use crate::domain::audit::{Actor, hex};
use crate::domain::clock::Millis;
use crate::domain::ids::fresh_text;
use crate::hris::error::Error as PullError;
use crate::service::pull::Step;
use crate::service::runs::{Held, HeldRow, RunRow};
use crate::service::{Caller, Result, Service};

/// The window in which losses are counted.
const WINDOW_MS: i64 = 24 * 3_600_000;
/// Kind of a run that only carries out days that have come.
pub(super) const DAYS: &str = "days";
/// Kind of a run that only takes an admin's word about who was missed.
pub(super) const ABSENCES: &str = "absences";
/// Dates looked at in one run.
pub(super) const DUE: i64 = 100_000;

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It was due.
    Scheduled,
    /// Somebody wants it now.
    Manual,
    /// Somebody wants to see the plan; nothing is done.
    Dry,
}

impl Kind {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
            Self::Dry => "dry",
        }
    }
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The connection.
    pub setup: Setup,
    /// Why.
    pub kind: Kind,
    /// Who wants it.
    pub actor: Actor,
    /// The day on which somebody is employed or not.
    pub as_of: NaiveDate,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run as it is stored.
    pub run: RunRow,
    /// How many of each.
    pub counts: Counts,
    /// Why the pull failed, if it did.
    pub error: Option<PullError>,
    /// Somebody was missed for the first time: another pull has to confirm it.
    pub must_confirm_absence: bool,
}

impl Report {
    /// The run went through, whether or not a part of it waits.
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    /// The plan or a part of it waits for an admin.
    pub fn waits(&self) -> bool {
        self.run.state == "waiting" || (self.run.kind != "dry" && self.counts.held > 0)
    }
}

/// The bridge: runs pulls with the service.
#[derive(Clone)]
pub struct Bridge {
    pub(super) service: Service,
}

/// SHA-256 of the parts, each preceded by its length, in hex.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

impl Bridge {
    /// On a service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Runs a pull to its end: everything that may be applied by itself is applied.
    ///
    /// # Errors
    /// Storage. A pull that fails is a report with an error; nothing was changed then.
    pub async fn run(&self, order: &Order, feed: &dyn Feed, watch: &dyn Watch) -> Result<Report> {
        let now = self.now();
        let mut run = new_run(order, fresh_text(now, self.service.store.chance()), now);
        let caller = self.caller(order, &run.id);
        if let Some(before) = run.version_before {
            let (tenant, now) = (run.tenant.as_str(), order.setup.version);
            tracing::info!(
                tenant.id = tenant,
                connection.id = run.connection_id,
                run.id = run.id,
                before,
                now,
                "a new version of the connector is tried: a plan that changes who somebody is waits for an admin"
            );
        }
        self.service.begin_run(&caller, run.clone()).await?;
        let mut gather = Gather::new(&self.service, &caller, &order.setup, &run).await?;
        let mut evidence = match feed.read(order.as_of, &mut gather, watch).await {
            Ok(evidence) => evidence,
            Err(error) => {
                if let Some(failure) = gather.failure() {
                    self.fail(&caller, &mut run, None).await?;
                    return Err(failure);
                }
                let report = self.fail(&caller, &mut run, Some(error)).await?;
                return Ok(report);
            }
        };
        gather.finish().await?;
        self.weigh(order, &mut gather, &mut evidence).await?;
        run.is_complete = evidence.is_complete();
        run.evidence = Some(describe_evidence(&evidence).to_string());
        gather.settle_apart(&evidence).await?;
        gather.tell_managers().await?;
        let missed = self
            .complete(order, &caller, &mut gather, &evidence)
            .await?;
        if !run.is_complete {
            let put_off = gather.put_off();
            self.service
                .mark_items(&caller, &run.id, &put_off, State::Unproved.as_str())
                .await?;
        }
        self.conclude(order, &caller, run, gather, missed, watch)
            .await
    }

    pub(super) fn now(&self) -> Millis {
        self.service.store.clock().now()
    }

    pub(super) fn caller(&self, order: &Order, run: &str) -> Caller {
        Caller::of_run(order.setup.tenant.clone(), order.actor.clone(), run)
    }

    /// A pull that failed leaves no more than word of it.
    async fn fail(
        &self,
        caller: &Caller,
        run: &mut RunRow,
        error: Option<PullError>,
    ) -> Result<Report> {
        "failed".clone_into(&mut run.state);
        run.finished_at = Some(self.now().0);
        run.error = error.as_ref().map(|e| describe_error(e).to_string());
        self.service.save_run(caller, run.clone()).await?;
        Ok(Report {
            run: run.clone(),
            counts: Counts::default(),
            error,
            must_confirm_absence: false,
        })
    }

    /// `guard`, then `apply` as far as it lets, then `report`.
    pub(super) async fn conclude(
        &self,
        order: &Order,
        caller: &Caller,
        mut run: RunRow,
        gather: Gather,
        missed: u64,
        watch: &dyn Watch,
    ) -> Result<Report> {
        let mut held = self
            .service
            .list_held(&order.setup.tenant, &run.connection_id)
            .await?;
        let over = gather.over(&held);
        held.retain(|h| !over.contains(&h.source_id));
        let is_days = run.kind == DAYS;
        let verdict = match self.guard(order, &gather, &held, is_days).await? {
            // Days come by themselves: a plan of them waits person by person, so that it is asked about once.
            Verdict::HoldPlan(why) if is_days => Verdict::HoldLosses {
                why,
                pass: Vec::new(),
            },
            verdict => verdict,
        };
        let of: HashMap<&str, &HeldRow> = held.iter().map(|h| (h.source_id.as_str(), h)).collect();
        let waits = gather.tally.losses.iter().filter(|loss| {
            let held = of.get(loss.source_id.as_str()).copied();
            loss.is_proved
                && !passes(held, loss, &verdict)
                && !held.is_some_and(|h| is_refused(h, loss))
        });
        let counts = Counts::of(&gather.tally, waits.count() as u64, missed);
        run.planned = gather.items();
        run.counts = serde_json::to_string(&counts).ok();
        if let Verdict::HoldPlan(why) | Verdict::HoldLosses { why, .. } = &verdict {
            run.why_held = Some(why.as_str().to_owned());
        }
        let is_contested =
            |l: &&PlannedLoss| l.is_contested && !of.contains_key(l.source_id.as_str());
        if run.why_held.is_none() && gather.tally.losses.iter().any(|l| is_contested(&l)) {
            run.why_held = Some(Why::SameAddress.as_str().to_owned());
        }
        let hold_plan = matches!(verdict, Verdict::HoldPlan(_));
        if order.kind == Kind::Dry || hold_plan {
            let state = if hold_plan && order.kind != Kind::Dry {
                "waiting"
            } else {
                "done"
            };
            state.clone_into(&mut run.state);
            "plan".clone_into(&mut run.stage);
            run.finished_at = Some(self.now().0);
            let over = match order.kind {
                Kind::Dry => Vec::new(),
                _ => over.into_iter().map(Held::Forget).collect(),
            };
            self.service
                .settle_items(caller, run.clone(), Vec::new(), over)
                .await?;
            if let Err(error) = self.pairs_of_plan(caller, &run).await {
                tracing::warn!(run.id = run.id, error = %error, "pairs of a plan cannot be looked for");
            }
        } else {
            let mut apply = Apply::new(self, caller, &order.setup, run, held);
            let over = over.into_iter().map(Held::Forget).collect();
            apply.permit(&gather, &verdict, over).await?;
            run = apply.finish(watch).await?;
            self.propose_pairs(caller, &run.connection_id).await;
            self.sync_teams(caller, &run.connection_id).await;
        }
        Ok(Report {
            run,
            counts,
            error: None,
            must_confirm_absence: missed > 0,
        })
    }

    /// Brings the teams that the connection feeds in step with what was applied; what goes wrong is tried again soon.
    pub(super) async fn sync_teams(&self, caller: &Caller, connection: &str) {
        if let Err(error) = self.service.sync_teams_of(caller, connection).await {
            tracing::warn!(connection.id = connection, error = %error, "teams are not in step with a pull");
        }
    }

    /// Proposes people who may be one. What was applied is applied, whether or not anybody is found.
    pub(super) async fn propose_pairs(&self, caller: &Caller, connection: &str) {
        if let Err(error) = self.service.find_pairs(caller, connection).await {
            tracing::warn!(connection.id = connection, error = %error, "pairs cannot be looked for");
        }
    }

    /// Proposes people whom only the app knows for records that the plan would make people of.
    async fn pairs_of_plan(&self, caller: &Caller, run: &RunRow) -> Result<()> {
        if !self.service.has_app_only(caller).await? {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let page = self
                .service
                .list_items(&caller.tenant, &run.id, after, 500)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.ordinal;
            let new = page
                .iter()
                .filter(|item| item.action == step_word(Step::Create));
            let records = new.filter_map(|item| {
                let person = read_person(item.person.as_deref()?)?;
                Some((person.source_id, person.user))
            });
            let records: Vec<_> = records.collect();
            self.service
                .find_pairs_of_plan(caller, &run.connection_id, &run.id, &records)
                .await?;
        }
    }

    async fn guard(
        &self,
        order: &Order,
        gather: &Gather,
        held: &[HeldRow],
        is_days: bool,
    ) -> Result<Verdict> {
        let tenant = &order.setup.tenant;
        let connection = order.setup.source.source.id.as_str();
        let since = Millis(self.now().0 - WINDOW_MS);
        let lost_lately = self
            .service
            .count_lost_since(tenant, connection, since)
            .await?;
        let schedule = self.service.find_schedule(tenant, connection).await?;
        let applied = schedule.as_ref().and_then(|s| s.settings_digest.as_deref());
        let mut limits = order.setup.limits;
        if let Some(schedule) = &schedule {
            let left = self.service.count_announced_left(tenant, schedule, since);
            limits.announced = left.await?;
        }
        let (turned, dated) = gather.turned(held);
        let mut situation = Situation {
            with_access: gather.with_access() + lost_lately,
            lost_lately,
            told_lately: gather.told_since(since.0),
            is_first: applied.is_none(),
            is_restored: order.setup.must_confirm && gather.has_changes(),
            changes: gather.tally.changes,
            people: gather.working(),
            turned,
            dated,
        };
        situation.changes.coverage &= gather.has_changes();
        // A day that has come does not follow from settings.
        situation.changes.settings =
            !is_days && applied.is_some_and(|a| a != order.setup.settings_digest.as_str());
        let losses = gather.tally.losses.iter();
        let losses = losses.filter(|loss| loss.is_proved && !loss.is_contested);
        let held: HashSet<&str> = held.iter().map(|h| h.source_id.as_str()).collect();
        let undecided = losses.filter(|loss| !held.contains(loss.source_id.as_str()));
        let undecided = undecided.map(|loss| Loss {
            source_id: loss.source_id.clone(),
            evidence: loss.evidence,
        });
        Ok(judge(undecided.collect(), &situation, limits))
    }

    /// Goes on with a run that was cut off: an apply behind its last chunk; anything before that is given up, since
    /// nothing was changed yet.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume(&self, order: &Order, run: RunRow, watch: &dyn Watch) -> Result<RunRow> {
        let caller = self.caller(order, &run.id);
        if run.stage != "apply" {
            let mut run = run;
            self.fail(&caller, &mut run, None).await?;
            return Ok(run);
        }
        let held = self
            .service
            .list_held(&order.setup.tenant, &run.connection_id)
            .await?;
        let run = Apply::new(self, &caller, &order.setup, run, held)
            .finish(watch)
            .await?;
        self.sync_teams(&caller, &run.connection_id).await;
        Ok(run)
    }
}

pub(super) fn new_run(order: &Order, id: String, now: Millis) -> RunRow {
    RunRow {
        tenant: order.setup.tenant.as_str().to_owned(),
        id,
        connection_id: order.setup.source.source.id.clone(),
        kind: order.kind.as_str().to_owned(),
        state: "running".to_owned(),
        stage: "fetch".to_owned(),
        actor_kind: order.actor.kind.clone(),
        actor_id: order.actor.id.clone(),
        as_of: order.as_of.to_string(),
        started_at: now.0,
        finished_at: None,
        planned: 0,
        applied: 0,
        lost: 0,
        is_complete: false,
        evidence: None,
        counts: None,
        why_held: None,
        error: None,
        settings_digest: order.setup.settings_digest.clone(),
        decided_at: None,
        decider_kind: None,
        decider_id: None,
        connector_version: Some(order.setup.version.into()),
        version_before: order
            .setup
            .applied_version
            .filter(|before| *before != i64::from(order.setup.version)),
    }
}
