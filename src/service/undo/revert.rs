//! One person as she was before a run, as far as nobody changed her since: drafted in memory, which is the preview, and
//! settled by the writer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::{Change, Claimed, Linked, Side, Since, Stood, since, taking};
use super::holds::Kind;
use super::undone::{Undone, kept, was};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{flatten, unflatten};
use crate::service::error::Result;
use crate::service::push_guard::SESSION;
use crate::service::users::model::{Claim, Model, user_name};
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::conflicts::ConflictRow;
use crate::storage::links::LinkRow;
use crate::storage::runs::RunRow;
use crate::storage::undo::{ChangeRow, HoldRow};

const KIND: ResourceKind = ResourceKind::User;

/// A person about to be put back.
pub(super) struct Revert<'a> {
    pub(super) registry: &'a Registry,
    pub(super) run: &'a RunRow,
    pub(super) change: Change,
    pub(super) before: Model,
    pub(super) model: Model,
    since: Vec<Since>,
    /// The first later run of the same connection that changed her.
    pub(super) later_run: Option<Since>,
    /// What records said in later runs that are undone.
    pub(super) newest: BTreeMap<String, Linked>,
    /// Links by source id, as they will be.
    pub(super) links: Vec<(String, Option<LinkRow>)>,
    pub(super) holds: Vec<HoldRow>,
    pub(super) conflicts: Vec<ConflictRow>,
    pub(super) outcome: Undone,
    /// The source goes on reading that she is gone, and she keeps her access: what it said.
    pub(super) drops: Option<&'static str>,
    names: Names,
    pub(super) now: Millis,
}

/// Whether a userName goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Names {
    /// As it was.
    Back,
    /// It stays as it is: somebody else has the former one.
    Stay,
}

/// What people are put back by.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) registry: &'a Registry,
    pub(super) run: &'a RunRow,
    pub(super) names: Names,
    pub(super) now: Millis,
}

/// What an undo does about a person; `Err` inside where she is there no more.
pub(super) fn draft<'a>(
    scope: &mut Scope<'_>,
    plan: &Plan<'a>,
    row: &ChangeRow,
) -> Result<std::result::Result<Revert<'a>, Undone>> {
    let Plan { registry, run, .. } = *plan;
    let change = Change::read(row)?;
    let mut outcome = Undone {
        person: row.subject.clone(),
        source_ids: change.links.keys().cloned().collect(),
        was: was(&change, &run.connection_id).to_owned(),
        back_to: change.before.as_ref().map(|b| b.access.clone()),
        ..Undone::default()
    };
    let Some(model) = Model::load(scope, registry, &row.subject)? else {
        outcome.kept.push(kept("person", "gone", None));
        return Ok(Err(outcome));
    };
    outcome.access = Some(model.row.access.clone());
    let (since, undone) = match model.row.version == change.version {
        true => (Vec::new(), Vec::new()),
        false => since(scope, &run.id, &row.subject, &change)?,
    };
    let newest = undone.into_iter().flat_map(|change| change.links);
    let mut later_run = None;
    for by in &since {
        let later = match by.cause_kind.as_str() {
            "run" => scope.find_run(&by.cause_id)?.map(|r| r.connection_id),
            SESSION => scope.find_session(&by.cause_id)?.map(|s| s.connection_id),
            _ => None,
        };
        if later.is_some_and(|connection| connection == run.connection_id) {
            later_run = Some(by.clone());
            break;
        }
    }
    let mut revert = Revert {
        registry,
        run,
        change,
        before: model.clone(),
        model,
        since,
        later_run,
        newest: newest.filter(|(_, link)| link.after.is_some()).collect(),
        links: Vec::new(),
        holds: Vec::new(),
        conflicts: Vec::new(),
        outcome,
        drops: None,
        names: plan.names,
        now: plan.now,
    };
    revert.all(scope)?;
    Ok(Ok(revert))
}

impl Revert<'_> {
    pub(super) fn connection(&self) -> &str {
        &self.run.connection_id
    }

    /// What is undone was pushed: the source goes on reading what it wrote.
    pub(super) fn is_pushed(&self) -> bool {
        self.run.kind == SESSION
    }

    pub(super) fn keep(&mut self, what: &str) {
        let code = match self.later_run.is_some() {
            true => "later-run",
            false => "changed-since",
        };
        let by = self.later_run.as_ref().or(self.since.first()).cloned();
        if self.outcome.kept.iter().all(|k| k.what != what) {
            self.outcome.kept.push(kept(what, code, by));
        }
    }

    pub(super) fn own(&self) -> Option<&Claimed> {
        self.change.claims.get(self.connection())
    }

    /// Drafts everything.
    fn all(&mut self, scope: &mut Scope<'_>) -> Result<()> {
        if self.is_whole() && self.must_stay(scope)? {
            return Ok(());
        }
        if self.change.before.is_some() && self.left_since() {
            self.keep("person");
            return Ok(());
        }
        let before = self.change.before.clone();
        match &before {
            None if self.is_pushed() => self.unlist(),
            None => self.vanish(scope)?,
            Some(before) => self.person(scope, before)?,
        }
        for conflict in scope.list_conflicts_about(&self.model.row.id)? {
            let asked_at = match self.outcome.was.as_str() {
                // Nothing is asked about somebody who is gone.
                "created" => conflict.updated_at,
                _ => conflict.created_at,
            };
            let is_of_the_run =
                conflict.connection_id == self.connection() && asked_at >= self.run.started_at;
            let is_about_nobody = self.change.before.is_none();
            let state = conflict.state.as_str();
            if ((is_of_the_run || is_about_nobody) && state == "open")
                || (self.outcome.was == "merged" && state == "linked")
            {
                self.conflicts.push(conflict);
            }
        }
        self.outcome.is_undone |=
            !self.links.is_empty() || !self.holds.is_empty() || !self.conflicts.is_empty();
        Ok(())
    }

    /// The run brought her, or took her over: that is undone as a whole, or not at all.
    fn is_whole(&self) -> bool {
        let moved = |before: &Stood| before.removed_at != self.change.after.removed_at;
        let joined = |claim: &Claimed| !matches!(claim.before.as_deref(), Some("live" | "parked"));
        self.change.before.as_ref().is_none_or(moved) || self.own().is_some_and(joined)
    }

    fn must_stay(&mut self, scope: &mut Scope<'_>) -> Result<bool> {
        let is_moved = match &self.change.before {
            None => true,
            Some(before) => before.removed_at != self.change.after.removed_at,
        };
        let is_touched = match is_moved {
            true => {
                !self.since.is_empty() || self.model.row.removed_at != self.change.after.removed_at
            }
            false => self.later_run.is_some() || !self.is_own_claim_as_after(),
        };
        if is_touched {
            self.keep("person");
            return Ok(true);
        }
        let vanishes = self.change.before.is_none() && !self.is_pushed();
        if vanishes && scope.is_member(&self.model.row.id)? {
            let why = kept("person", "in-groups", None);
            self.outcome.kept.push(why);
            return Ok(true);
        }
        Ok(false)
    }

    /// Her source no longer claims her, and it was not the run that ended it: nothing of what it said then is in question.
    fn left_since(&self) -> bool {
        // A source that pushes has its own view; what is in force is another thing.
        if self.is_pushed() {
            return false;
        }
        let ended = ClaimState::Ended;
        let now = self.model.position(self.connection());
        now.is_some_and(|place| self.model.claims[place].is(ended))
            && self.own().is_none_or(|c| c.after != ended.as_str())
    }

    fn is_own_claim_as_after(&self) -> bool {
        let now = self.model.position(self.connection());
        let now = now.map(|place| self.model.claims[place].row.state.as_str());
        self.own()
            .is_none_or(|claim| now == Some(claim.after.as_str()))
    }

    /// She was not there before: nobody but the journal knows her any more.
    fn vanish(&mut self, scope: &mut Scope<'_>) -> Result<()> {
        self.outcome.is_undone = true;
        for place in 0..self.model.claims.len() {
            self.set_claim(place, None, None)?;
        }
        self.model.row.removed_at = Some(self.now.0);
        self.model.row.merged_into = None;
        let gone = Decision {
            access: Access::Listed,
            reason: reason::UNDONE,
        };
        self.model.decide(gone, self.now);
        let row = &mut self.model.row;
        (row.employment_state, row.start_date, row.end_date) = (None, None, None);
        for (source_id, link) in self.change.links.clone() {
            let now = scope.find_link(self.connection(), &source_id)?;
            if now.is_some_and(|row| row.user_id == self.model.row.id) {
                self.links.push((source_id.clone(), link.before.clone()));
            }
            self.hold(scope, Kind::Record, &source_id, &link)?;
        }
        Ok(())
    }

    fn person(&mut self, scope: &mut Scope<'_>, before: &Stood) -> Result<()> {
        // From now on what was asserted and what is in force are two things.
        self.model.materialise(self.registry);
        let stood = self.model.clone();
        match self.is_pushed() {
            true => self.claims_pushed(scope)?,
            false => self.claims()?,
        }
        self.units();
        let is_employment_as_after = self.link(scope, before)?;
        let after = self.change.after.clone();
        let now = Stood::of(&self.model);
        if before.removed_at != after.removed_at {
            let row = &mut self.model.row;
            row.removed_at = before.removed_at;
            row.merged_into.clone_from(&before.merged_into);
            let is_public = self.model.access().is_public() && before.removed_at.is_none();
            self.model.row.is_public = is_public;
        }
        if !before.has_access_of(&after) {
            match is_employment_as_after
                && now.has_access_of(&after)
                && !self.is_barred(before, &now)
            {
                true => self.stand(before),
                false => self.keep("access"),
            }
        }
        let row = &mut self.model.row;
        if is_employment_as_after && now.employment == after.employment {
            let [state, start, end] = before.employment.clone();
            (row.employment_state, row.start_date, row.end_date) = (state, start, end);
        }
        if self.model != stood {
            self.outcome.is_undone = true;
            // What the source says of her is to be looked at, though it says the same: a hold ends with another value.
            self.model.row.source_epoch += 1;
        }
        Ok(())
    }

    /// A break-glass admin loses nothing by an undo, and nobody gets access back of whom somebody else said since that she
    /// is gone.
    fn is_barred(&self, before: &Stood, now: &Stood) -> bool {
        if !before.has_access {
            return self.model.row.break_glass;
        }
        let left = Some(EmploymentState::Left.as_str());
        let has_left =
            now.employment != self.change.after.employment && now.employment[0].as_deref() == left;
        // The app's own claim follows what was decided here, and is no word of its own.
        let says_gone = |claim: &Claim| {
            claim.row.connection_id != self.connection()
                && !claim.is_of_app()
                && claim.takes_part()
                && claim.row.active == Some(false)
        };
        // What the source itself said after what is undone.
        let ended = ClaimState::Ended;
        let place = self.model.position(self.connection());
        let is_deleted = place.is_some_and(|place| self.model.claims[place].is(ended))
            && self.own().is_none_or(|claim| claim.after != ended.as_str());
        is_deleted
            || has_left
            || (!self.since.is_empty() && self.model.claims.iter().any(says_gone))
    }

    /// Access as it was.
    fn stand(&mut self, before: &Stood) {
        self.outcome.returns = before.has_access && !self.model.row.has_access;
        if self.outcome.returns && self.is_pushed() {
            self.drop_loss();
        }
        let row = &mut self.model.row;
        row.access.clone_from(&before.access);
        row.access_reason.clone_from(&before.reason);
        row.access_params.clone_from(&before.params);
        row.access_since = before.since;
        row.has_access = before.has_access;
        let is_public = self.model.access().is_public() && self.model.row.removed_at.is_none();
        self.model.row.is_public = is_public;
    }

    /// A claim that ended goes on, one that began is over.
    fn claims(&mut self) -> Result<()> {
        for (connection, claim) in self.change.claims.clone() {
            let Some(place) = self.model.position(&connection) else {
                continue;
            };
            let state = self.model.claims[place].row.state.clone();
            if state != claim.after || claim.before.as_ref() == Some(&state) {
                if connection == self.connection() && state != claim.after {
                    self.keep("person");
                }
                continue;
            }
            self.set_claim(place, claim.before.as_deref(), claim.ended_at)?;
            if claim.before.as_deref() == Some(ClaimState::Ended.as_str()) {
                let row = &mut self.model.claims[place].row;
                [row.external_id, row.asserted, row.held, row.undone] = claim.said;
                let row = row.clone();
                self.model.claims[place] = Claim::load(self.registry, row)?;
            }
        }
        Ok(())
    }

    fn set_claim(
        &mut self,
        place: usize,
        state: Option<&str>,
        ended_at: Option<i64>,
    ) -> Result<()> {
        let view = self.model.view_doc(self.registry, place);
        let claim = &mut self.model.claims[place];
        match state.filter(|s| *s != ClaimState::Ended.as_str()) {
            Some(state) => {
                state.clone_into(&mut claim.row.state);
                claim.row.ended_at = None;
                (claim.row.user_name, claim.row.user_name_key) = (None, None);
            }
            None if claim.is(ClaimState::Ended) => {}
            None => {
                claim.set_state(ClaimState::Ended);
                claim.row.ended_at = Some(ended_at.unwrap_or(self.now.0));
                claim.row.set_user_name(user_name(&view)?);
            }
        }
        Ok(())
    }

    /// Values go back: the source's own are held, so that what took part before takes part again; what passed to other
    /// sources goes back to whom it came from.
    fn units(&mut self) {
        let (own, mut stay) = (self.connection().to_owned(), BTreeSet::new());
        let ended = ClaimState::Ended.as_str();
        let goes_on = |claim: &Claimed| {
            claim
                .before
                .as_deref()
                .is_some_and(|before| before != ended)
                && claim.after != ended
        };
        let claims = self.change.claims.clone();
        for (connection, claim) in claims.into_iter().filter(|(_, claim)| goes_on(claim)) {
            let Some(place) = self.model.position(&connection) else {
                continue;
            };
            let now = taking(self.registry, &self.before, &self.model.claims[place]);
            for (text, (was, is)) in claim.units {
                let Some(path) = self.registry.resolve(KIND, &text) else {
                    continue;
                };
                if now.get(&path) != is.first() || self.is_kept_name(&text) {
                    stay.insert(text);
                    continue;
                }
                let claim = &mut self.model.claims[place];
                if connection == own {
                    claim.undone.insert(path.clone(), was.into_iter().next());
                    claim.held.insert(path);
                } else {
                    claim.held.remove(&path);
                    put(claim.asserted.get_or_insert_default(), path, was);
                }
            }
        }
        let mut doc = flatten(self.registry, KIND, &self.model.doc);
        for (text, (was, is)) in self.change.units.clone() {
            let Some(path) = self.registry.resolve(KIND, &text) else {
                continue;
            };
            if stay.contains(&text) || doc.get(&path) != is.first() {
                stay.insert(text);
                continue;
            }
            put(&mut doc, path, was);
            self.outcome.units.push(text);
        }
        self.model.doc = unflatten(&doc);
        for text in stay {
            match self.is_kept_name(&text) {
                true => {
                    let taken = kept(&text, "user-name-taken", None);
                    self.outcome.kept.push(taken);
                }
                false => self.keep(&text),
            }
        }
    }

    fn is_kept_name(&self, unit: &str) -> bool {
        self.names == Names::Stay && unit == "userName"
    }
}

fn put(units: &mut BTreeMap<AttrPath, Value>, path: AttrPath, value: Side) {
    match value.into_iter().next() {
        Some(value) => drop(units.insert(path, value)),
        None => drop(units.remove(&path)),
    }
}
