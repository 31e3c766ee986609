//! `match`: takes the people of a pull as they come, leaves those who are as they were, asks the service about the
//! others and stores what it says. In memory are a line per person and the losses of access.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use super::Setup;
use super::guard::LossEvidence;
use super::known::{Known, Manager, manager, short};
pub(super) use super::known::{PlannedLoss, Tally};
use super::rekeyed::Apart;
use super::run::Kind;
use super::stored::{State, finding_word, step_word, write_effect, write_person};
use crate::domain::access::reason;
use crate::domain::employment::EmploymentState;
use crate::hris::Sink;
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::hris::{Gap, Mapped, Person, Rejected};
use crate::service::pull::{Effect, Finding, PullPerson, Step, unmanaged};
use crate::service::runs::{ItemRow, RunRow};
use crate::service::scope::PullScope;
use crate::service::{Caller, Error, Result, Service};

/// Records looked at together.
pub(super) const CHUNK: usize = 200;
/// Links read together.
const PAGE: i64 = 5_000;

/// Action of an item: the record left the scope, and access with it.
pub(super) const OUT_OF_SCOPE: &str = "out-of-scope";
/// Action of an item: the record left the scope, access stays.
pub(super) const UNLINK: &str = "unlink";

/// Takes the people of a pull.
pub struct Gather {
    pub(super) service: Service,
    pub(super) caller: Caller,
    pub(super) setup: Setup,
    pub(super) run: String,
    /// Nothing will be applied.
    pub(super) is_look: bool,
    pub(super) known: HashMap<Box<str>, Known>,
    pub(super) fresh: HashSet<Box<str>>,
    /// Whom the connection brings; `None`: everybody.
    scope: Option<PullScope>,
    /// Records that came and that it does not bring.
    pub(super) outside: Vec<String>,
    /// Records that the plan does something about.
    pub(super) planned: HashSet<String>,
    waiting: Vec<PullPerson>,
    /// Records that may be of somebody whom the source knows under others, as they are stored.
    pub(super) apart: Vec<Apart>,
    /// Records of people who may be somebody who works under another record.
    pub(super) contested: HashSet<String>,
    /// Units about which the source says nothing.
    pub(super) unsaid: BTreeSet<String>,
    pub(super) next: i64,
    pub(super) back: Vec<String>,
    /// The day for which the records are read.
    as_of: NaiveDate,
    /// Last days that the records name and that are not over everywhere.
    pub(super) days: HashMap<Box<str>, NaiveDate>,
    /// Records of those known as working that say now that she left, or that her last day is over.
    pub(super) ended: HashSet<String>,
    /// Records of which an undo holds what they say of somebody's employment.
    pub(super) undone: BTreeSet<String>,
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
        let connection = &setup.source.source.id;
        let undone = service.list_held_employments(&setup.tenant, connection);
        let undone = undone.await?;
        let mut known = HashMap::new();
        let mut after: Option<String> = None;
        loop {
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
                    last_day: link.last_day.and_then(|day| day.parse().ok()),
                    told_at: link.told_at,
                    is_seen: false,
                    is_taken: false,
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
            apart: Vec::new(),
            contested: HashSet::new(),
            unsaid: BTreeSet::new(),
            next: 0,
            back: Vec::new(),
            as_of: run.as_of.parse().unwrap_or_default(),
            days: HashMap::new(),
            ended: HashSet::new(),
            undone,
            unidentified: 0,
            repeated: 0,
            tally: Tally::default(),
            failure: None,
        })
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
        self.note_day(&person);
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
                let is_known = |id: &str| self.known.contains_key(id);
                if let Some(id) = manager.filter(|id| !is_known(id)) {
                    self.tally.managers.push(Manager {
                        source_id: id.into(),
                        of: person.source_id.as_str().into(),
                        ordinal: None,
                    });
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

    /// Notes a last day that lies ahead, and whether it is news; or that the record has ended.
    fn note_day(&mut self, person: &Person) {
        let known = self.known.get(person.source_id.as_str());
        let known = known.filter(|k| !k.has_left);
        let day = match person.employment {
            EmploymentState::Unknown => return,
            EmploymentState::Left => None,
            // An end before the start is that of an earlier employment.
            _ => match person.end_date {
                Some(end) if person.start_date.is_none_or(|start| start <= end) => Some(end),
                _ => return,
            },
        };
        // West of us it is still the day before.
        if let Some(day) = day.filter(|day| day.succ_opt().is_some_and(|next| next >= self.as_of)) {
            self.days.insert(person.source_id.as_str().into(), day);
        }
        match day.filter(|day| *day >= self.as_of) {
            Some(day) if known.is_some_and(|k| k.last_day.is_none_or(|was| day < was)) => {
                self.tally.dated.push(person.source_id.clone());
            }
            None if known.is_some() => drop(self.ended.insert(person.source_id.clone())),
            _ => {}
        }
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
            former: Vec::new(),
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

    pub(super) fn item(&mut self, source_id: String, action: &'static str) -> ItemRow {
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
                Ok(effect) if !effect.rivals.is_empty() => self.apart.push(Apart {
                    person: write_person(&person),
                    rivals: effect.rivals,
                }),
                Ok(effect) => items.extend(self.planned(&person, effect)),
                Err(error @ Error::Storage(_)) => return Err(error),
                Err(error) => items.push(self.refused(person.source_id, &error)),
            }
        }
        self.store(items).await
    }

    /// The item of a record that the service refuses.
    pub(super) fn refused(&mut self, source_id: String, error: &Error) -> ItemRow {
        self.unread(&source_id);
        let effect = serde_json::json!({"step": "reject", "error": error.to_string()});
        ItemRow {
            state: State::Failed.as_str().to_owned(),
            effect: Some(effect.to_string()),
            ..self.item(source_id, "reject")
        }
    }

    pub(super) async fn store(&self, items: Vec<ItemRow>) -> Result<()> {
        match items.is_empty() {
            true => Ok(()),
            false => self.service.add_items(&self.caller, items).await,
        }
    }

    /// The item for a record, if there is anything to do or to tell.
    pub(super) fn planned(&mut self, person: &PullPerson, mut effect: Effect) -> Option<ItemRow> {
        let mut managers = Vec::new();
        effect.findings.retain(|finding| match finding {
            Finding::ManagerUnknown { source_id } => {
                managers.push(source_id.clone());
                false
            }
            _ => true,
        });
        for finding in &effect.findings {
            let counted = self.tally.findings.entry(finding_word(finding));
            *counted.or_default() += 1;
        }
        // A look tells what there is to tell; a run that has nothing to do writes nothing.
        let is_item = effect.is_change || (!effect.findings.is_empty() && self.is_look);
        for source_id in managers {
            // She may come yet.
            self.tally.managers.push(Manager {
                source_id: source_id.into_boxed_str(),
                of: person.source_id.as_str().into(),
                ordinal: is_item.then_some(self.next + 1),
            });
        }
        if !is_item {
            self.tally.unchanged += 1;
            return None;
        }
        let evidence = match person.end_date {
            Some(_) => LossEvidence::Dated,
            None => LossEvidence::Stated,
        };
        let mut item =
            self.planned_effect(&effect, step_word(effect.step), evidence, &person.digest);
        item.person = Some(write_person(person));
        if !effect.is_change {
            // Told, and nothing to do.
            State::Applied.as_str().clone_into(&mut item.state);
        }
        Some(item)
    }

    pub(super) fn planned_effect(
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
        item.loses = effect.takes_access() || effect.is_ahead;
        item.effect = Some(write_effect(effect));
        self.tally.gives += u64::from(effect.gives_access());
        let had_access = effect.before.as_ref().is_some_and(|b| b.has_access);
        self.tally.met += u64::from(effect.step == Step::Adopt && had_access);
        if item.loses {
            let after = effect.after.as_ref().map(|a| a.reason.clone());
            self.tally.losses.push(PlannedLoss {
                ordinal: item.ordinal,
                source_id: item.source_id.clone(),
                subject: item.subject.clone(),
                evidence: match effect.is_ahead {
                    true => LossEvidence::Ahead,
                    false => evidence,
                },
                reason: match effect.is_ahead {
                    true => reason::LAST_DAY_AHEAD.to_owned(),
                    false => after.unwrap_or_default(),
                },
                day: effect.last_day.clone(),
                digest: digest.to_owned(),
                is_contested: self.contested.contains(&item.source_id),
                is_proved: true,
            });
        }
        let is_there = effect.before.is_some() && effect.step != Step::Adopt;
        let names_her = |unit: &String| unit == "userName" || unit.starts_with("emails");
        let is_other = !effect.former.is_empty();
        if is_there
            && (is_other
                || item.loses
                || effect.gives_access()
                || effect.units.iter().any(names_her))
        {
            self.tally.changes.touches_identity = true;
        }
        item
    }

    /// The last of the records, and word of those who were missed and are there again.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        self.leave_scope().await?;
        let back = std::mem::take(&mut self.back);
        // A look changes nothing.
        let back = back.chunks(CHUNK).filter(|_| !self.is_look);
        for chunk in back {
            self.service
                .mark_absent(&self.caller, &self.setup.source, chunk.to_vec(), None)
                .await?;
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
