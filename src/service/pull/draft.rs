//! A person as she is about to be, with her link: what a preview looks at, and an apply settles.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::record::{Record, Scene};
use super::types::{Effect, Finding, Permit, Recognised, Stand, Step, unmanaged};
use crate::domain::access::reason;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::lifecycle::{Earlier, Phase, Term};
use crate::scim::Doc;
use crate::scim::immutable;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::Result;
use crate::service::users::access::Heard;
use crate::service::users::model::Model;
use crate::service::users::write::{Asserts, assert_units};
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;
use crate::storage::{Scope, Tx};

/// What becomes of an undo's hold of a record that says something else than when it was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HoldNow {
    /// Nothing of it is held any more.
    Over,
    /// Her employment still is.
    InPart,
}

/// A person about to be written.
pub(super) struct Draft {
    pub(super) before: Option<Model>,
    pub(super) model: Model,
    pub(super) link_before: Option<LinkRow>,
    pub(super) link: LinkRow,
    /// Links by which this source knew her, and no longer does.
    pub(super) superseded: Vec<LinkRow>,
    /// Records that stand between this one and the person whom it would mean.
    pub(super) rivals: Vec<String>,
    /// Somebody only this source knew, who turns out to be her.
    pub(super) merged: Option<Model>,
    pub(super) step: Step,
    pub(super) recognised: Option<Recognised>,
    pub(super) heard: Heard,
    pub(super) question: Option<(&'static str, Vec<String>)>,
    pub(super) has_no_namesake: bool,
    pub(super) findings: Vec<Finding>,
    /// What the record says of her employment, or what an undo holds in its place.
    pub(super) term: Term,
    /// What the record says, hashed; empty without one.
    pub(super) content: String,
    /// Digest of the record with all that decides what is made of it; empty without one.
    pub(super) said: String,
    /// What becomes of an undo's hold of the record.
    pub(super) hold: Option<HoldNow>,
    /// The link is forgotten.
    pub(super) is_unlinked: bool,
}

/// What of a link's word is in force.
pub(super) fn earlier(link: &LinkRow, run: &str) -> Earlier {
    let state = link.in_force.as_deref().and_then(EmploymentState::parse);
    match state {
        _ if link.has_ended() => Earlier::Ended,
        Some(EmploymentState::Prehire) => Earlier::NotStarted,
        Some(_) => Earlier::Working,
        None if link.adopted_by.as_deref() == Some(run) => Earlier::Met,
        None => Earlier::Matched,
    }
}

impl Stand {
    pub(super) fn of(model: &Model) -> Self {
        Self {
            access: model.access(),
            has_access: model.row.has_access,
            reason: model.row.access_reason.clone(),
        }
    }
}

impl Draft {
    /// A draft that changes nothing yet.
    pub(super) fn of(
        scene: &Scene<'_>,
        record: &Record,
        before: Option<Model>,
        model: Model,
        step: Step,
    ) -> Self {
        let mut link = LinkRow {
            tenant: model.row.tenant.clone(),
            connection_id: scene.source.source.id.clone(),
            source_id: record.person.source_id.clone(),
            user_id: model.row.id.clone(),
            digest: String::new(),
            source_epoch: 0,
            state: String::new(),
            in_force: None,
            start_date: None,
            end_date: None,
            zone: None,
            due_at: None,
            adopted_by: None,
            absent_since: None,
            left_at: None,
            updated_at: scene.now.0,
            held_day: None,
            told_at: None,
        };
        record.write_to(&mut link);
        let phase = record.phase(scene);
        let day = day_of(&link, phase);
        Self {
            before,
            model,
            link_before: None,
            link,
            superseded: Vec::new(),
            rivals: Vec::new(),
            merged: None,
            step,
            recognised: None,
            heard: Heard {
                phase,
                earlier: Earlier::Met,
                left_elsewhere: false,
                day,
                keeps_access: false,
            },
            question: None,
            has_no_namesake: false,
            findings: Vec::new(),
            term: record.term,
            content: record.content(),
            said: record.person.digest.clone(),
            hold: None,
            is_unlinked: false,
        }
    }

    /// Puts the document into the source's claim, as a write of a push source would. About the `unsaid` units the source
    /// has no field: they stay as it said before.
    pub(super) fn assert(
        &mut self,
        scene: &Scene<'_>,
        mut view: Doc,
        unsaid: &BTreeSet<String>,
    ) -> Result<()> {
        let (registry, connection) = (scene.registry, scene.source.source.id.as_str());
        let model = &mut self.model;
        if let Some(place) = model
            .position(connection)
            .filter(|_| self.step == Step::Update)
        {
            let before = model.view_doc(registry, place);
            if !unsaid.is_empty() {
                let asserted = model.claims[place].asserted.clone();
                let said =
                    asserted.unwrap_or_else(|| flatten(registry, ResourceKind::User, &before));
                view = with_unsaid(registry, &view, said, unsaid);
            }
            immutable::keep(registry, ResourceKind::User, &before, &mut view);
            immutable::hold(registry, ResourceKind::User, &before, &mut view)?;
        }
        let asserts = Asserts {
            view,
            touched: None,
            external_id: Some(self.link.source_id.clone()),
            active: None,
        };
        let place = match self.step {
            Step::Adopt | Step::Return => {
                if model.row.removed_at.take().is_some() {
                    // Back from a tombstone: the same id, no roles.
                    model.doc.remove("roles");
                }
                let place = model
                    .position(connection)
                    .unwrap_or_else(|| model.add_claim(connection, scene.now));
                model.materialise(registry);
                let effective = flatten(registry, ResourceKind::User, &model.doc);
                let claim = &mut model.claims[place];
                claim.set_state(ClaimState::Live);
                claim.row.ended_at = None;
                claim.held.clear();
                claim.undone.clear();
                claim.asserted = Some(Units::new());
                assert_units(registry, model, place, &asserts, Some(&effective));
                place
            }
            _ => {
                let place = model.position(connection).unwrap_or_default();
                if model.is_sole() {
                    model.doc.clone_from(&asserts.view);
                } else {
                    model.materialise(registry);
                    assert_units(registry, model, place, &asserts, None);
                }
                place
            }
        };
        let row = &mut model.claims[place].row;
        row.external_id = asserts.external_id;
        row.active = None;
        Ok(())
    }

    /// What readers see of her employment: by the first HR source that says anything. `term` is this source's word,
    /// `None` if it no longer has one.
    pub(super) fn employ(
        &mut self,
        scope: &mut Scope<'_>,
        scene: &Scene<'_>,
        term: Option<Term>,
    ) -> Result<()> {
        let own = scene.source.source.id.clone();
        let mut words: Vec<Word> = Vec::new();
        if let Some(term) = term {
            let (start, end) = (self.link.start_date.clone(), self.link.end_date.clone());
            words.push((own.clone(), term, start, end));
        }
        if self.model.claims.len() > 1 {
            for word in words_of(scope, &self.model, &own)? {
                self.heard.left_elsewhere |= matches!(word.1.phase(scene.now), Phase::Ended(_));
                words.push(word);
            }
        }
        tell(scope, &mut self.model, words, scene.now)
    }

    /// She had access, and has it.
    fn stays_in(&self) -> bool {
        self.before.as_ref().is_some_and(|b| b.row.has_access) && self.model.row.has_access
    }

    /// A last day that lies ahead is news, or earlier than it was: access will go with it.
    pub(super) fn is_ahead(&self) -> bool {
        let works = matches!(self.heard.phase, Phase::Working | Phase::NotStarted);
        if !works || self.term.ends.is_none() || !self.stays_in() {
            return false;
        }
        let counted = self.link_before.iter().chain(&self.superseded);
        let counted = counted.filter(|l| !l.has_ended() && term_of(l).ends.is_some());
        let earliest = counted.filter_map(|l| day(&l.end_date)).min();
        day(&self.link.end_date).is_some_and(|day| earliest.is_none_or(|was| day < was))
    }

    /// What may be done to her access. Nothing is held of a break-glass admin: no source takes it, and what one says counts
    /// when she is none any more.
    pub(super) fn permit(&mut self, permit: Permit) {
        self.heard.keeps_access = permit == Permit::KeepAccess && !self.model.row.break_glass;
    }

    /// A loss of access, now or ahead, that was not permitted: its reason.
    pub(super) fn held(&self) -> Option<&'static str> {
        if !self.heard.keeps_access {
            return None;
        }
        let Phase::Ended(because) = self.heard.phase else {
            return self.is_ahead().then_some(reason::LAST_DAY_AHEAD);
        };
        let is_news = !matches!(self.heard.earlier, Earlier::Met | Earlier::Ended);
        (is_news && self.stays_in()).then_some(because)
    }

    /// Brings the link in step with what was decided. Without a digest the record comes up again in the next run.
    pub(super) fn close_link(&mut self, scene: &Scene<'_>, digest: &str) {
        let term = self.term;
        let (held, is_ahead) = (self.held().is_some(), self.is_ahead());
        let met_leaver = matches!(self.heard.phase, Phase::Ended(_))
            && self.heard.earlier == Earlier::Met
            && self.step != Step::Create;
        let lacks_manager = self
            .findings
            .iter()
            .any(|f| matches!(f, Finding::ManagerUnknown { .. }));
        let link = &mut self.link;
        link.digest = match (held || met_leaver, lacks_manager) {
            (true, _) => String::new(),
            (false, true) => unmanaged(digest),
            (false, false) => digest.to_owned(),
        };
        link.source_epoch = self.model.row.source_epoch;
        link.due_at = term.due(scene.now).map(|at| at.0);
        if self.heard.phase == Phase::Unknown && term.starts.or(term.ends).is_some() {
            // A day that was known comes, though it is past by now.
            let was = self.link_before.as_ref().and_then(|l| l.due_at);
            link.due_at = link.due_at.or(was);
        }
        keep_day(link, self.heard.phase, is_ahead, held, scene.now);
        if held && is_ahead {
            // Only the first day comes by itself.
            link.due_at = term.starts.filter(|at| *at > scene.now).map(|at| at.0);
        } else if held {
            // The day has come and goes on being due, unless it never counted.
            let ends = term.ends.filter(|ends| *ends <= scene.now);
            link.due_at = ends.filter(|_| link.held_day.is_none()).map(|at| at.0);
        }
        if (!held || is_ahead) && !met_leaver && self.heard.phase != Phase::Unknown {
            link.in_force = Some(term.as_of(scene.now).as_str().to_owned());
        }
        link.left_at = match link.has_ended() {
            true => link.left_at.or(Some(scene.now.0)),
            false => None,
        };
        let was = self.link_before.as_ref();
        link.updated_at = scene.now.0;
        if let Some(was) = was {
            let same = LinkRow {
                updated_at: was.updated_at,
                ..link.clone()
            };
            if same == *was {
                link.updated_at = was.updated_at;
            }
        }
    }

    /// What is, or was, done.
    pub(super) fn effect(self, scene: &Scene<'_>, is_change: bool) -> Effect {
        let units = |doc: &Doc| flatten(scene.registry, ResourceKind::User, doc);
        let old = self
            .before
            .as_ref()
            .map(|b| units(&b.doc))
            .unwrap_or_default();
        let new = units(&self.model.doc);
        let changed = old
            .keys()
            .chain(new.keys().filter(|k| !old.contains_key(*k)));
        let changed = changed.filter(|path| old.get(*path) != new.get(*path));
        let step = match self.step {
            Step::Update if !is_change => Step::Nothing,
            step => step,
        };
        let is_ahead = self.is_ahead();
        Effect {
            units: changed.map(ToString::to_string).collect(),
            held: self.held(),
            source_id: self.link.source_id,
            user_id: Some(self.model.row.id.clone()).filter(|id| !id.is_empty()),
            step,
            recognised: self.recognised,
            before: self.before.as_ref().map(Stand::of),
            after: Some(Stand::of(&self.model)),
            conflict: self.question,
            findings: self.findings,
            last_day: self.link.end_date,
            is_ahead,
            former: self.superseded.into_iter().map(|l| l.source_id).collect(),
            rivals: self.rivals,
            is_change,
        }
    }
}

/// Notes whether the last day counts: one that is news from now on, unless it is held.
fn keep_day(link: &mut LinkRow, phase: Phase, is_ahead: bool, held: bool, now: Millis) {
    match (is_ahead, held) {
        (true, true) => (link.held_day, link.told_at) = (link.end_date.clone(), None),
        (true, false) => (link.held_day, link.told_at) = (None, Some(now.0)),
        (false, false) if matches!(phase, Phase::Ended(_)) => link.held_day = None,
        // What is held stays so while the source goes on saying it.
        _ if phase == Phase::Unknown || (link.held_day == link.end_date) => {}
        _ => link.held_day = None,
    }
    if link.end_date.is_none() {
        link.told_at = None;
    }
}

/// The document with what the source said before about units of which it says nothing now.
fn with_unsaid(registry: &Registry, view: &Doc, said: Units, unsaid: &BTreeSet<String>) -> Doc {
    let mut units = flatten(registry, ResourceKind::User, view);
    for (path, value) in said {
        if unsaid.contains(&path.to_string()) {
            units.insert(path, value);
        }
    }
    unflatten(&units)
}

/// The day from which a phase follows.
pub(super) fn day_of(link: &LinkRow, phase: Phase) -> Option<NaiveDate> {
    match phase {
        Phase::NotStarted => day(&link.start_date),
        Phase::Ended(_) => day(&link.end_date),
        Phase::Unknown | Phase::Working => None,
    }
}

pub(super) fn day(text: &Option<String>) -> Option<NaiveDate> {
    text.as_deref()?.parse().ok()
}

/// What a link says. A last day that is held is none.
pub(super) fn term_of(link: &LinkRow) -> Term {
    let state = EmploymentState::parse(&link.state).unwrap_or(EmploymentState::Unknown);
    let end = link.last_day().and_then(|end| end.parse().ok());
    Term::new(state, day(&link.start_date), end, link.zone.as_deref())
}

/// What of a link's word is in force, as an undo holds it: whatever day it is, none changes it.
pub(super) fn term_in_force(link: &LinkRow) -> Term {
    match link.in_force.as_deref().and_then(EmploymentState::parse) {
        Some(state) => Term::new(state, None, None, None),
        None => term_of(link),
    }
}

/// A connection's word about an employment, with its first and last day.
type Word = (String, Term, Option<String>, Option<String>);

/// What pull sources with a live claim say of a person; `except` is left out.
fn words_of(scope: &mut Scope<'_>, model: &Model, except: &str) -> Result<Vec<Word>> {
    let mut words = Vec::new();
    for link in scope.list_links_of(&model.row.id)? {
        let claim = model.position(&link.connection_id);
        let is_live = claim.is_some_and(|place| model.claims[place].is(ClaimState::Live));
        if is_live && link.connection_id != except {
            let term = term_of(&link);
            words.push((link.connection_id, term, link.start_date, link.end_date));
        }
    }
    Ok(words)
}

/// The first word counts, by the age of the connections.
fn tell(scope: &mut Scope<'_>, model: &mut Model, mut words: Vec<Word>, now: Millis) -> Result<()> {
    if words.len() > 1 {
        let connections = scope.list_connections()?;
        words.sort_by_key(|word| connections.iter().position(|c| c.id == word.0));
    }
    let row = &mut model.row;
    (row.employment_state, row.start_date, row.end_date) = match words.into_iter().next() {
        None => (None, None, None),
        Some((_, term, start, end)) => {
            let state = term.as_of(now).as_str().to_owned();
            (Some(state), start, end)
        }
    };
    Ok(())
}

/// Brings what readers see of a person's employment in step with the links as they are stored.
pub(in crate::service) fn tell_employment(
    tx: &mut Tx<'_>,
    model: &mut Model,
    except: &str,
) -> Result<()> {
    let now = tx.now();
    tell_employment_at(tx, model, except, now)
}

/// The same as of a moment.
pub(in crate::service) fn tell_employment_at(
    scope: &mut Scope<'_>,
    model: &mut Model,
    except: &str,
    now: Millis,
) -> Result<()> {
    let words = words_of(scope, model, except)?;
    tell(scope, model, words, now)
}
