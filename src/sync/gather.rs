//! `match`: takes the people of a pull as they come, leaves those who are as they were, asks the service about the
//! others and stores what it says. In memory are a line per person and the losses of access.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Setup;
use super::guard::LossEvidence;
use super::known::{Known, manager, short};
pub(super) use super::known::{PlannedLoss, Tally};
use super::run::Kind;
use super::stored::{State, finding_word, step_word, write_effect, write_person};
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::pull::Leaving;
use crate::hris::Sink;
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::hris::{Gap, Mapped, Person, Rejected};
use crate::service::pull::{Effect, Gone, PullPerson, Step, unmanaged};
use crate::service::runs::{HeldRow, ItemRow, RunRow};
use crate::service::scope::PullScope;
use crate::service::{Caller, Error, Result, Service};

/// Records looked at together.
const CHUNK: usize = 200;
/// Links read together.
const PAGE: i64 = 5_000;

/// Action of an item: the record left the scope, and access with it.
pub(super) const OUT_OF_SCOPE: &str = "out-of-scope";
/// Action of an item: the record left the scope, access stays.
pub(super) const UNLINK: &str = "unlink";

/// Takes the people of a pull.
pub struct Gather {
    service: Service,
    caller: Caller,
    setup: Setup,
    run: String,
    /// Nothing will be applied.
    is_look: bool,
    known: HashMap<Box<str>, Known>,
    fresh: HashSet<Box<str>>,
    /// Whom the connection brings; `None`: everybody.
    scope: Option<PullScope>,
    /// Records that came and that it does not bring.
    outside: Vec<String>,
    /// Records that the plan does something about.
    planned: HashSet<String>,
    waiting: Vec<PullPerson>,
    /// Units about which the source says nothing.
    unsaid: BTreeSet<String>,
    next: i64,
    back: Vec<String>,
    unidentified: u64,
    repeated: u64,
    pub(super) tally: Tally,
    failure: Option<Error>,
}

impl Gather {
    /// Reads what was known.
    pub(super) async fn new(
        service: &Service,
        caller: &Caller,
        setup: &Setup,
        run: &RunRow,
    ) -> Result<Self> {
        let scope = match &setup.scope.filter {
            Some(filter) => Some(service.pull_scope(&setup.tenant, filter).await?),
            None => None,
        };
        let mut known = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let connection = &setup.source.source.id;
            let page = service
                .list_links(&setup.tenant, connection, after.as_deref(), PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.source_id.clone());
            known.extend(page.into_iter().map(|link| {
                let known = Known {
                    digest: short(&link.digest),
                    is_settled: link.is_settled,
                    absent_since: link.absent_since,
                    has_left: link.has_left,
                    has_access: link.has_access,
                    is_seen: false,
                    is_unread: false,
                };
                (link.source_id.into_boxed_str(), known)
            }));
        }
        Ok(Self {
            service: service.clone(),
            caller: caller.clone(),
            setup: setup.clone(),
            run: run.id.clone(),
            is_look: run.kind == Kind::Dry.as_str(),
            known,
            fresh: HashSet::new(),
            scope,
            outside: Vec::new(),
            planned: HashSet::new(),
            waiting: Vec::new(),
            unsaid: BTreeSet::new(),
            next: 0,
            back: Vec::new(),
            unidentified: 0,
            repeated: 0,
            tally: Tally::default(),
            failure: None,
        })
    }

    /// Nobody was known before.
    pub(super) fn is_first(&self) -> bool {
        self.known.is_empty()
    }

    /// How many of the known have access.
    pub(super) fn with_access(&self) -> u64 {
        self.known.values().filter(|k| k.has_access).count() as u64
    }

    /// Whether the plan does anything about this record.
    pub(super) fn is_planned(&self, source_id: &str) -> bool {
        self.planned.contains(source_id)
    }

    /// There is something to do.
    pub(super) fn has_changes(&self) -> bool {
        !self.planned.is_empty()
    }

    /// How many items the plan has.
    pub(super) fn items(&self) -> i64 {
        self.next
    }

    /// Losses that waited and are none any more: the pull brought the record, and it takes nothing.
    pub(super) fn over(&self, held: &[HeldRow]) -> HashSet<String> {
        let lost: HashSet<&str> = self
            .tally
            .losses
            .iter()
            .map(|l| l.source_id.as_str())
            .collect();
        let held = held.iter().map(|h| &h.source_id);
        held.filter(|id| self.was_read(id) && !lost.contains(id.as_str()))
            .cloned()
            .collect()
    }

    /// Whether the pull brought this record, and it could be read.
    fn was_read(&self, source_id: &str) -> bool {
        self.fresh.contains(source_id)
            || self
                .known
                .get(source_id)
                .is_some_and(|k| k.is_seen && !k.is_unread)
    }

    /// How many of the known had not left.
    pub(super) fn working(&self) -> u64 {
        self.known.values().filter(|k| !k.has_left).count() as u64
    }

    /// How many of them have left by now, those about whom an admin was asked already excepted.
    pub(super) fn turned(&self, held: &[HeldRow]) -> u64 {
        let held: HashSet<&str> = held.iter().map(|h| h.source_id.as_str()).collect();
        let turned = self.tally.turned.iter();
        turned.filter(|id| !held.contains(id.as_str())).count() as u64
    }

    /// The failure of ours that ended the pull, if it was one.
    pub(super) fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// What the records themselves say against taking an absence for a fact.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |code, count: u64| Gap {
            code,
            params: BTreeMap::from([("records".to_owned(), count.to_string())]),
        };
        let mut gaps = Vec::new();
        if self.unidentified > 0 {
            gaps.push(gap("records-without-id", self.unidentified));
        }
        if self.repeated > 0 {
            gaps.push(gap("records-repeated", self.repeated));
        }
        gaps
    }

    /// Whether the record is new in this pull; notes that it is there.
    fn see(&mut self, source_id: &str) -> bool {
        match self.known.get_mut(source_id) {
            Some(known) => !std::mem::replace(&mut known.is_seen, true),
            None => self.fresh.insert(source_id.into()),
        }
    }

    async fn person(&mut self, person: Person) -> Result<()> {
        if !self.see(&person.source_id) {
            self.repeated += 1;
            return Ok(());
        }
        // Who left the company left more than the scope.
        let known = self.known.get(person.source_id.as_str());
        let has_left_now =
            person.employment == EmploymentState::Left && known.is_some_and(|k| !k.has_left);
        if has_left_now {
            self.tally.turned.push(person.source_id.clone());
        } else if self.scope.as_ref().is_some_and(|s| !s.takes(&person.user)) {
            self.is_outside(person.source_id);
            return Ok(());
        }
        let person = self.pull_person(person);
        if let Some(known) = self.known.get(person.source_id.as_str()) {
            if known.absent_since.is_some() && !known.has_left {
                self.back.push(person.source_id.clone());
            }
            if known.is_settled && known.digest == short(&person.digest) {
                self.tally.unchanged += 1;
                return Ok(());
            }
            if known.is_settled && known.digest == short(&unmanaged(&person.digest)) {
                let manager = manager(&person.user);
                if !manager.is_some_and(|id| self.known.contains_key(id)) {
                    *self.tally.findings.entry("manager-unknown").or_default() += 1;
                    self.tally.unchanged += 1;
                    return Ok(());
                }
            }
        }
        self.waiting.push(person);
        if self.waiting.len() >= CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    /// Somebody whom the connection does not bring: if it did, she leaves it, which is not leaving the company.
    fn is_outside(&mut self, source_id: String) {
        *self.tally.findings.entry("out-of-scope").or_default() += 1;
        if self
            .known
            .get(source_id.as_str())
            .is_some_and(|k| !k.has_left)
        {
            self.outside.push(source_id);
        }
    }

    /// Those who left the scope are unlinked, or lose access, as is set.
    async fn leave_scope(&mut self) -> Result<()> {
        let mut outside = std::mem::take(&mut self.outside);
        if !outside.is_empty() {
            let (tenant, source) = (&self.setup.tenant, &self.setup.source.source);
            let held = self.service.list_held_as_gone(tenant, &source.id).await?;
            outside.retain(|source_id| !held.contains(source_id));
        }
        for chunk in outside.chunks(CHUNK) {
            match self.setup.scope.leaving {
                Leaving::Revoke => self.gone(chunk.to_vec(), Gone::OutOfScope).await?,
                Leaving::Keep => {
                    let mut items = Vec::with_capacity(chunk.len());
                    for source_id in chunk {
                        self.planned.insert(source_id.clone());
                        items.push(self.item(source_id.clone(), UNLINK));
                    }
                    self.store(items).await?;
                }
            }
        }
        Ok(())
    }

    /// The record with the digest of everything that decides what is done with it.
    fn pull_person(&self, person: Person) -> PullPerson {
        let unsaid: Vec<&str> = self.unsaid.iter().map(String::as_str).collect();
        let unsaid = unsaid.join(" ");
        let mut parts: Vec<&[u8]> = vec![&person.digest, self.setup.settings_digest.as_bytes()];
        if !unsaid.is_empty() {
            parts.push(unsaid.as_bytes());
        }
        // Of somebody new nothing was said before.
        let was_there = self.known.contains_key(person.source_id.as_str());
        PullPerson {
            digest: super::run::digest(&parts),
            unsaid: match was_there {
                true => self.unsaid.clone(),
                false => BTreeSet::new(),
            },
            source_id: person.source_id,
            user: person.user,
            employment: person.employment,
            start_date: person.start_date,
            end_date: person.end_date,
        }
    }

    async fn rejected(&mut self, rejected: Rejected) -> Result<()> {
        let source_id = rejected.source_id.unwrap_or_default();
        if source_id.is_empty() {
            self.unidentified += 1;
        } else {
            // She is there, whatever is wrong with the record.
            self.see(&source_id);
            self.unread(&source_id);
        }
        let effect = serde_json::json!({
            "step": "reject", "error": rejected.code,
            "findings": [{"code": rejected.code, "params": rejected.params, "place": rejected.place}],
        });
        let item = ItemRow {
            state: State::Failed.as_str().to_owned(),
            effect: Some(effect.to_string()),
            ..self.item(source_id, "reject")
        };
        self.service.add_items(&self.caller, vec![item]).await
    }

    /// A record that is there and cannot be read.
    fn unread(&mut self, source_id: &str) {
        if let Some(known) = self.known.get_mut(source_id) {
            known.is_unread = true;
            if known.absent_since.is_some() && !known.has_left {
                self.back.push(source_id.to_owned());
            }
        }
    }

    fn item(&mut self, source_id: String, action: &'static str) -> ItemRow {
        self.next += 1;
        *self.tally.by_action.entry(action).or_default() += 1;
        ItemRow {
            tenant: self.setup.tenant.as_str().to_owned(),
            run_id: self.run.clone(),
            ordinal: self.next,
            source_id,
            subject: String::new(),
            action: action.to_owned(),
            state: State::Planned.as_str().to_owned(),
            loses: false,
            person: None,
            effect: None,
        }
    }

    /// Asks about those who wait and stores what is to be done.
    async fn flush(&mut self) -> Result<()> {
        let people = std::mem::take(&mut self.waiting);
        if people.is_empty() {
            return Ok(());
        }
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        let effects = self
            .service
            .preview_people(&tenant, &source, people.clone())
            .await?;
        let mut items = Vec::new();
        for (person, effect) in people.into_iter().zip(effects) {
            match effect {
                Ok(effect) => items.extend(self.planned(&person, &effect)),
                Err(error @ Error::Storage(_)) => return Err(error),
                Err(error) => {
                    self.unread(&person.source_id);
                    let effect = serde_json::json!({"step": "reject", "error": error.to_string()});
                    items.push(ItemRow {
                        state: State::Failed.as_str().to_owned(),
                        effect: Some(effect.to_string()),
                        ..self.item(person.source_id.clone(), "reject")
                    });
                }
            }
        }
        self.store(items).await
    }

    async fn store(&self, items: Vec<ItemRow>) -> Result<()> {
        match items.is_empty() {
            true => Ok(()),
            false => self.service.add_items(&self.caller, items).await,
        }
    }

    /// The item for a record, if there is anything to do or to tell.
    fn planned(&mut self, person: &PullPerson, effect: &Effect) -> Option<ItemRow> {
        for finding in &effect.findings {
            *self
                .tally
                .findings
                .entry(finding_word(finding))
                .or_default() += 1;
        }
        // A look tells what there is to tell; a run that has nothing to do writes nothing.
        if !effect.is_change && (effect.findings.is_empty() || !self.is_look) {
            self.tally.unchanged += 1;
            return None;
        }
        let evidence = match person.end_date {
            Some(_) => LossEvidence::Dated,
            None => LossEvidence::Stated,
        };
        let mut item =
            self.planned_effect(effect, step_word(effect.step), evidence, &person.digest);
        item.person = Some(write_person(person));
        if !effect.is_change {
            // Told, and nothing to do.
            State::Applied.as_str().clone_into(&mut item.state);
        }
        Some(item)
    }

    fn planned_effect(
        &mut self,
        effect: &Effect,
        action: &'static str,
        evidence: LossEvidence,
        digest: &str,
    ) -> ItemRow {
        let mut item = self.item(effect.source_id.clone(), action);
        if effect.is_change {
            self.planned.insert(effect.source_id.clone());
        }
        item.subject = effect.user_id.clone().unwrap_or_default();
        item.loses = effect.takes_access();
        item.effect = Some(write_effect(effect));
        self.tally.gives += u64::from(effect.gives_access());
        if item.loses {
            self.tally.losses.push(PlannedLoss {
                ordinal: item.ordinal,
                source_id: item.source_id.clone(),
                subject: item.subject.clone(),
                evidence,
                reason: effect
                    .after
                    .as_ref()
                    .map(|a| a.reason.clone())
                    .unwrap_or_default(),
                digest: digest.to_owned(),
                is_proved: true,
            });
        }
        let is_there = effect.before.is_some() && effect.step != Step::Adopt;
        let names_her = |unit: &String| unit == "userName" || unit.starts_with("emails");
        if is_there && (item.loses || effect.gives_access() || effect.units.iter().any(names_her)) {
            self.tally.changes.touches_identity = true;
        }
        item
    }

    /// The last of the records, and word of those who were missed and are there again.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        self.leave_scope().await?;
        let back = std::mem::take(&mut self.back);
        for chunk in back.chunks(CHUNK) {
            self.service
                .mark_absent(&self.caller, &self.setup.source, chunk.to_vec(), None)
                .await?;
        }
        Ok(())
    }

    /// After a complete pull: who was missed before a moment is gone, who is missed for the first time is marked. Returns
    /// how many still wait for another pull, or another file, to confirm it.
    pub(super) async fn absences(&mut self, now: Millis, before: Millis) -> Result<u64> {
        let (mut gone, mut first, mut early) = (Vec::new(), Vec::new(), 0);
        for (source_id, since) in self.missed() {
            match since {
                None => first.push(source_id),
                Some(since) if since < before.0 => gone.push(source_id),
                Some(_) => early += 1,
            }
        }
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        for chunk in first.chunks(CHUNK) {
            self.service
                .mark_absent(&self.caller, &self.setup.source, chunk.to_vec(), Some(now))
                .await?;
        }
        Ok(first.len() as u64 + early)
    }

    /// Without a complete pull nobody is a leaver, whatever a record says: these losses are put off. Places of their
    /// items.
    pub(super) fn put_off(&mut self) -> Vec<i64> {
        let of_this_pull = self.tally.losses.iter_mut();
        let of_this_pull = of_this_pull.filter(|loss| loss.evidence != LossEvidence::Due);
        let put_off = of_this_pull.map(|loss| {
            loss.is_proved = false;
            loss.ordinal
        });
        put_off.collect()
    }

    /// Who was missed before a moment is gone, without anything having been read: an admin said so.
    pub(super) async fn confirmed(&mut self, before: Millis) -> Result<()> {
        let missed = self.missed().into_iter();
        let gone = missed.filter(|(_, since)| since.is_some_and(|at| at < before.0));
        let gone: Vec<String> = gone.map(|(source_id, _)| source_id).collect();
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        Ok(())
    }

    /// What it would mean that everybody whom a complete pull missed is gone; nobody is marked.
    pub(super) async fn show_absences(&mut self) -> Result<u64> {
        let gone: Vec<String> = self.missed().into_iter().map(|(id, _)| id).collect();
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        Ok(gone.len() as u64)
    }

    /// Known records that did not come, with when they were first missed, in the order of their ids.
    fn missed(&self) -> Vec<(String, Option<i64>)> {
        let known = self.known.iter();
        let mut missed: Vec<(String, Option<i64>)> = known
            .filter(|(_, known)| !known.is_seen && !known.has_left)
            .map(|(source_id, known)| (source_id.to_string(), known.absent_since))
            .collect();
        missed.sort_unstable();
        missed
    }

    async fn gone(&mut self, source_ids: Vec<String>, why: Gone) -> Result<()> {
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        let effects = self
            .service
            .preview_gone(&tenant, &source, source_ids, why)
            .await?;
        let mut items = Vec::new();
        for effect in effects.iter().filter(|e| e.is_change) {
            let (action, evidence) = match why {
                Gone::Absent => ("absent", LossEvidence::Absent),
                Gone::OutOfScope => (OUT_OF_SCOPE, LossEvidence::Stated),
            };
            items.push(self.planned_effect(effect, action, evidence, ""));
        }
        self.store(items).await
    }

    /// Those whose first or last day has come, and whose record says nothing new.
    pub(super) async fn due(&mut self, source_ids: Vec<String>) -> Result<()> {
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        for chunk in source_ids.chunks(CHUNK) {
            let effects = self
                .service
                .preview_due(&tenant, &source, chunk.to_vec())
                .await?;
            let mut items = Vec::new();
            for effect in effects.iter().filter(|e| e.is_change) {
                items.push(self.planned_effect(effect, "due", LossEvidence::Due, ""));
            }
            self.store(items).await?;
        }
        Ok(())
    }
}

impl Sink for Gather {
    fn unsaid(&mut self, units: &BTreeSet<String>) {
        self.unsaid.clone_from(units);
    }

    async fn accept(&mut self, batch: Vec<Mapped>) -> std::result::Result<(), PullError> {
        for mapped in batch {
            let done = match mapped {
                Mapped::Person(person) => self.person(*person).await,
                Mapped::Rejected(rejected) => self.rejected(rejected).await,
            };
            if let Err(error) = done {
                self.failure = Some(error);
                return Err(PullError::new(PullErrorKind::Stopped, "storage"));
            }
        }
        Ok(())
    }
}
