//! What is done about a record, before it is done: the person as she will be, and her link. A preview looks at it; an
//! apply settles it.

use chrono::NaiveDate;

use super::matching::{Found, find};
use super::record::{Record, Scene};
use super::types::{Effect, Finding, Permit, Recognised, Stand, Step};
use crate::domain::access::{Access, reason};
use crate::domain::employment::EmploymentState;
use crate::domain::lifecycle::{Earlier, Phase, Term};
use crate::scim::Doc;
use crate::scim::immutable;
use crate::scim::schema::ResourceKind;
use crate::scim::units::{Units, flatten};
use crate::service::error::Result;
use crate::service::users::access::{Heard, is_adoptable};
use crate::service::users::identity::primary_key;
use crate::service::users::model::Model;
use crate::service::users::write::{Asserts, assert_units};
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;

/// A person about to be written.
pub(super) struct Draft {
    pub(super) before: Option<Model>,
    pub(super) model: Model,
    pub(super) link_before: Option<LinkRow>,
    pub(super) link: LinkRow,
    /// Source ids under which this source knew her, and no longer does.
    pub(super) superseded: Vec<String>,
    /// Somebody only this source knew, who turns out to be her.
    pub(super) merged: Option<Model>,
    pub(super) step: Step,
    pub(super) recognised: Option<Recognised>,
    pub(super) heard: Heard,
    pub(super) question: Option<(&'static str, Vec<String>)>,
    pub(super) has_no_namesake: bool,
    pub(super) findings: Vec<Finding>,
}

/// Drafts what a record wants; `Err` inside is the effect of a record of which nothing is made.
pub(super) fn draft(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    permit: Permit,
    fresh: &str,
) -> Result<std::result::Result<Box<Draft>, Effect>> {
    let connection = scene.source.source.id.as_str();
    let link = scope.find_link(connection, &record.person.source_id)?;
    let is_over = matches!(record.phase(scene), Phase::Ended(_) | Phase::Unknown);
    let linked = match &link {
        Some(link) => Model::load(scope, scene.registry, &link.user_id)?,
        None => None,
    };
    let mut drafted = match linked {
        Some(model) if model.row.removed_at.is_some() && is_over => {
            return Ok(Err(nothing(record, Some(&model), None)));
        }
        Some(model) => match twin(scope, scene, record, &model, is_over)? {
            Some((person, by)) => {
                let mut drafted = taken(scope, scene, record, person, by)?;
                drafted.merged = Some(model);
                drafted.link_before = link;
                drafted
            }
            None => known(scene, record, model, link),
        },
        None => match unknown(scope, scene, record, is_over, fresh)? {
            Ok(drafted) => drafted,
            Err(effect) => return Ok(Err(effect)),
        },
    };
    drafted.heard.keeps_access = permit == Permit::KeepAccess;
    let manager = find_manager(scope, scene, record, &mut drafted.findings)?;
    drafted.assert(scene, record.doc(manager.as_deref()))?;
    drafted.employ(scope, scene, Some(record.term))?;
    Ok(Ok(Box::new(drafted)))
}

/// Somebody only this source knows, and not let in yet, has the address of somebody else by now: the app's address was
/// corrected, or the source's.
fn twin(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    model: &Model,
    is_over: bool,
) -> Result<Option<(Model, Recognised)>> {
    let is_free = model.access() == Access::Listed
        && model.row.removed_at.is_none()
        && !model.row.sticky
        && model
            .claims
            .iter()
            .filter(|c| !c.is(ClaimState::Ended))
            .count()
            == 1
        && !is_over;
    if !is_free {
        return Ok(None);
    }
    let found = find(scope, scene, record, &model.row.id)?;
    let Some(found) = adoptable(scope, scene, &found)? else {
        return Ok(None);
    };
    // A human said that they are two.
    let answers = scope.list_conflicts_about(&model.row.id)?;
    let is_apart = answers
        .iter()
        .any(|c| c.state == "kept-apart" && c.candidates.contains(found.0.row.id.as_str()));
    Ok(Some(found).filter(|(other, _)| !is_apart && other.row.removed_at.is_none()))
}

/// The one who is meant, if a source may take her over without a human's word.
fn adoptable(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    found: &Found,
) -> Result<Option<(Model, Recognised)>> {
    let Some((id, by)) = found.only() else {
        return Ok(None);
    };
    let model = Model::load(scope, scene.registry, id)?;
    Ok(model.map(|m| (m, by)).filter(|(m, _)| {
        let primary = primary_key(&m.doc);
        is_adoptable(&m.row, primary.as_deref(), &scene.settings.verified_domains)
    }))
}

/// A record without a link.
fn unknown(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    is_over: bool,
    fresh: &str,
) -> Result<std::result::Result<Draft, Effect>> {
    if !scene.may_bring {
        return Ok(Err(nothing(record, None, Some(Finding::NotEntitled))));
    }
    let found = find(scope, scene, record, "")?;
    let meant = adoptable(scope, scene, &found)?;
    if is_over {
        // Old records are many, and an address is given again: one of them is somebody only if it matters.
        let is_unknown = record.phase(scene) == Phase::Unknown;
        let has_something = |m: &Model| m.row.has_access || m.access() == Access::Invited;
        return match meant {
            Some((model, by))
                if model.row.removed_at.is_none() && (is_unknown || has_something(&model)) =>
            {
                taken(scope, scene, record, model, by).map(Ok)
            }
            _ => Ok(Err(nothing(record, None, Some(Finding::NotBrought)))),
        };
    }
    if let Some((model, by)) = meant {
        return taken(scope, scene, record, model, by).map(Ok);
    }
    let has_no_namesake = !found.has_namesake;
    let question = found.question();
    let mut model = Model::fresh(
        scope.tenant().as_str(),
        fresh.to_owned(),
        Doc::new(),
        scene.now,
    );
    let place = model.add_claim(&scene.source.source.id, scene.now);
    model.claims[place].row.active = None;
    if question.is_some() {
        // Access waits for the answer from the start.
        reason::CONFLICT.clone_into(&mut model.row.access_reason);
    }
    let mut drafted = Draft::of(scene, record, None, model, Step::Create);
    drafted.question = question;
    drafted.has_no_namesake = has_no_namesake;
    Ok(Ok(drafted))
}

/// Somebody whom this source does not claim, or no longer.
fn taken(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    model: Model,
    by: Recognised,
) -> Result<Draft> {
    let connection = scene.source.source.id.as_str();
    let has_access = model.row.has_access;
    let links = scope.list_links_of(&model.row.id)?;
    let own: Vec<LinkRow> = links
        .into_iter()
        .filter(|l| l.connection_id == connection && l.source_id != record.person.source_id)
        .collect();
    let is_back = !own.is_empty() || model.row.removed_at.is_some();
    let step = if is_back { Step::Return } else { Step::Adopt };
    let mut drafted = Draft::of(scene, record, Some(model.clone()), model, step);
    if own.iter().any(LinkRow::has_ended) {
        drafted.heard.earlier = Earlier::Ended;
    }
    drafted.superseded = own.into_iter().map(|l| l.source_id).collect();
    drafted.recognised = Some(by);
    drafted.link.adopted_by = Some(scene.run.to_owned());
    let is_over = matches!(record.phase(scene), Phase::Ended(_));
    if is_over && has_access {
        drafted.findings.push(Finding::LeftAndHasAccess);
    }
    Ok(drafted)
}

/// Somebody whom the source knows under this id.
fn known(scene: &Scene<'_>, record: &Record, model: Model, link: Option<LinkRow>) -> Draft {
    let claim = model.position(&scene.source.source.id);
    let is_live = claim.is_some_and(|place| !model.claims[place].is(ClaimState::Ended));
    let step = match is_live && model.row.removed_at.is_none() {
        true => Step::Update,
        false => Step::Return,
    };
    let mut drafted = Draft::of(scene, record, Some(model.clone()), model, step);
    drafted.recognised = Some(Recognised::SourceId);
    if let Some(link) = link {
        drafted.heard.earlier = earlier(&link, scene.run);
        drafted.link = LinkRow {
            absent_since: None,
            ..link.clone()
        };
        record.write_to(&mut drafted.link);
        drafted.link_before = Some(link);
    }
    drafted
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

/// The manager's user id.
fn find_manager(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    findings: &mut Vec<Finding>,
) -> Result<Option<String>> {
    let Some(source_id) = &record.manager else {
        return Ok(None);
    };
    let link = scope.find_link(&scene.source.source.id, source_id)?;
    if link.is_none() {
        findings.push(Finding::ManagerUnknown {
            source_id: source_id.clone(),
        });
    }
    Ok(link.map(|l| l.user_id))
}

/// Nothing is made of a record.
pub(super) fn nothing(record: &Record, model: Option<&Model>, finding: Option<Finding>) -> Effect {
    let stand = model.map(Stand::of);
    Effect {
        source_id: record.person.source_id.clone(),
        user_id: model.map(|m| m.row.id.clone()),
        step: Step::Nothing,
        recognised: None,
        units: Vec::new(),
        before: stand.clone(),
        after: stand,
        held: None,
        conflict: None,
        findings: finding.into_iter().collect(),
        is_change: false,
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
    fn of(
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
        }
    }

    /// Puts the document into the source's claim, as a write of a push source would.
    fn assert(&mut self, scene: &Scene<'_>, mut view: Doc) -> Result<()> {
        let (registry, connection) = (scene.registry, scene.source.source.id.as_str());
        let model = &mut self.model;
        if let Some(place) = model
            .position(connection)
            .filter(|_| self.step == Step::Update)
        {
            let before = model.view_doc(registry, place);
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
        let mut words: Vec<(String, Term, Option<String>, Option<String>)> = Vec::new();
        if let Some(term) = term {
            let (start, end) = (self.link.start_date.clone(), self.link.end_date.clone());
            words.push((own.clone(), term, start, end));
        }
        if self.model.claims.len() > 1 {
            for link in scope.list_links_of(&self.model.row.id)? {
                let claim = self.model.position(&link.connection_id);
                let is_live =
                    claim.is_some_and(|place| self.model.claims[place].is(ClaimState::Live));
                if is_live && link.connection_id != own {
                    let term = term_of(&link);
                    self.heard.left_elsewhere |= matches!(term.phase(scene.now), Phase::Ended(_));
                    words.push((link.connection_id, term, link.start_date, link.end_date));
                }
            }
        }
        if words.len() > 1 {
            let connections = scope.list_connections()?;
            words.sort_by_key(|word| connections.iter().position(|c| c.id == word.0));
        }
        let row = &mut self.model.row;
        (row.employment_state, row.start_date, row.end_date) = match words.into_iter().next() {
            None => (None, None, None),
            Some((_, term, start, end)) => {
                let state = term.as_of(scene.now).as_str().to_owned();
                (Some(state), start, end)
            }
        };
        Ok(())
    }

    /// A loss of access that was not permitted: its reason.
    pub(super) fn held(&self) -> Option<&'static str> {
        let Phase::Ended(because) = self.heard.phase else {
            return None;
        };
        let is_news = !matches!(self.heard.earlier, Earlier::Met | Earlier::Ended);
        let kept = self.before.as_ref().is_some_and(|b| b.row.has_access)
            && self.model.row.has_access
            && self.heard.keeps_access;
        (is_news && kept).then_some(because)
    }

    /// Brings the link in step with what was decided. Without a digest the record comes up again in the next run.
    pub(super) fn close_link(&mut self, scene: &Scene<'_>, term: Term, digest: &str) {
        let held = self.held().is_some();
        let met_leaver = matches!(self.heard.phase, Phase::Ended(_))
            && self.heard.earlier == Earlier::Met
            && self.step != Step::Create;
        let lacks_manager = self
            .findings
            .iter()
            .any(|f| matches!(f, Finding::ManagerUnknown { .. }));
        let is_done = !held && !met_leaver && !lacks_manager;
        let link = &mut self.link;
        link.digest = if is_done {
            digest.to_owned()
        } else {
            String::new()
        };
        link.source_epoch = self.model.row.source_epoch;
        link.due_at = term.due(scene.now).map(|at| at.0);
        if held {
            // The day has come and goes on being due.
            link.due_at = term.ends.filter(|ends| *ends <= scene.now).map(|at| at.0);
        } else if !met_leaver && self.heard.phase != Phase::Unknown {
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
            is_change,
        }
    }
}

/// The day from which a phase follows.
pub(super) fn day_of(link: &LinkRow, phase: Phase) -> Option<NaiveDate> {
    match phase {
        Phase::NotStarted => day(&link.start_date),
        Phase::Ended(_) => day(&link.end_date),
        Phase::Unknown | Phase::Working => None,
    }
}

fn day(text: &Option<String>) -> Option<NaiveDate> {
    text.as_deref()?.parse().ok()
}

/// What a link says.
pub(super) fn term_of(link: &LinkRow) -> Term {
    let state = EmploymentState::parse(&link.state).unwrap_or(EmploymentState::Unknown);
    let (start, end) = (day(&link.start_date), day(&link.end_date));
    Term::new(state, start, end, link.zone.as_deref())
}
