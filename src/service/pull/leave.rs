//! Records that are gone, days that have come, records that left the scope.

use super::apply::{note, store, store_link, try_out};
use super::disconnect;
use super::draft::{Draft, HoldNow, day_of, earlier, term_of};
use super::record::Scene;
use super::types::{Effect, Finding, Gone, Permit, Step};
use crate::domain::access::reason;
use crate::domain::lifecycle::{Earlier, Phase};
use crate::service::error::Result;
use crate::service::undo::Kind;
use crate::service::users::access::Heard;
use crate::service::users::model::Model;
use crate::storage::claims::ClaimState;
use crate::storage::links::{ABSENT, LinkRow};
use crate::storage::{Scope, Tx};

impl Gone {
    fn reason(self) -> &'static str {
        match self {
            Self::Absent => reason::ABSENT,
            Self::OutOfScope => reason::OUT_OF_SCOPE,
        }
    }
}

/// The person behind a link, about to be written; `Err` inside where there is nobody, or a tombstone.
pub(super) fn linked(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    phase: Phase,
    step: Step,
) -> Result<std::result::Result<Draft, Effect>> {
    let nobody = || nobody(source_id, None);
    let Some(link) = scope.find_link(&scene.source.source.id, source_id)? else {
        return Ok(Err(nobody()));
    };
    let term = term_of(&link);
    let model = Model::load(scope, scene.registry, &link.user_id)?;
    let Some(model) = model.filter(|m| m.row.removed_at.is_none()) else {
        return Ok(Err(nobody()));
    };
    Ok(Ok(Draft {
        before: Some(model.clone()),
        model,
        link_before: Some(link.clone()),
        superseded: Vec::new(),
        rivals: Vec::new(),
        merged: None,
        step,
        recognised: None,
        heard: Heard {
            phase,
            earlier: earlier(&link, scene.run),
            left_elsewhere: false,
            day: None,
            keeps_access: false,
        },
        link,
        question: None,
        has_no_namesake: false,
        findings: Vec::new(),
        term,
        content: String::new(),
        said: String::new(),
        hold: None,
        is_unlinked: false,
    }))
}

/// There is nobody of whom anything could be made.
fn nobody(source_id: &str, finding: Option<Finding>) -> Effect {
    Effect {
        source_id: source_id.to_owned(),
        user_id: None,
        step: Step::Nothing,
        recognised: None,
        units: Vec::new(),
        before: None,
        after: None,
        held: None,
        conflict: None,
        findings: finding.into_iter().collect(),
        last_day: None,
        is_ahead: false,
        former: Vec::new(),
        rivals: Vec::new(),
        is_change: false,
    }
}

/// What an undo holds of the record, if anything.
fn held(scope: &mut Scope<'_>, scene: &Scene<'_>, source_id: &str) -> Result<Option<Kind>> {
    let hold = scope.find_hold(&scene.source.source.id, source_id)?;
    Ok(hold.and_then(|hold| Kind::parse(&hold.kind)))
}

/// Ends the source's claim. What nobody else says about name and address passes to whoever is left.
pub(super) fn end_claim(scene: &Scene<'_>, model: &mut Model) -> Result<bool> {
    let Some(place) = model.position(&scene.source.source.id) else {
        return Ok(false);
    };
    if model.claims[place].is(ClaimState::Ended) {
        return Ok(false);
    }
    disconnect::end_claim(scene.registry, model, place, scene.now)?;
    Ok(true)
}

/// Drafts that a record is gone; in the writer it is stored too.
fn gone(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    gone: Gone,
    permit: Permit,
) -> Result<std::result::Result<Draft, Effect>> {
    let hold = held(scope, scene, source_id)?;
    if hold == Some(Kind::Gone) {
        return Ok(Err(nobody(source_id, Some(Finding::Undone))));
    }
    let phase = Phase::Ended(gone.reason());
    let mut drafted = match linked(scope, scene, source_id, phase, Step::Leave)? {
        Ok(drafted) => drafted,
        Err(effect) => return Ok(Err(effect)),
    };
    if drafted.heard.earlier == Earlier::Met {
        // Matched by this run, and gone in it: what was read contradicts itself.
        drafted.heard.earlier = Earlier::Matched;
    }
    drafted.permit(permit);
    let since = drafted.link.absent_since.unwrap_or(scene.now.0);
    drafted.link.absent_since = Some(since);
    if drafted.held().is_some() {
        // The claim stays with the access.
        drafted.step = Step::Nothing;
        drafted.link.digest = String::new();
        return Ok(Ok(drafted));
    }
    // That it is missing is another word than the one that is held.
    drafted.hold = hold.map(|_| HoldNow::Over);
    end_claim(scene, &mut drafted.model)?;
    drafted.employ(scope, scene, None)?;
    let link = &mut drafted.link;
    link.in_force = Some(ABSENT.to_owned());
    link.left_at = link.left_at.or(Some(scene.now.0));
    link.digest = String::new();
    link.due_at = None;
    link.held_day = None;
    Ok(Ok(drafted))
}

/// What it would do that a record is gone.
pub(super) fn preview_gone(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    why: Gone,
) -> Result<Effect> {
    match gone(scope, scene, source_id, why, Permit::Full)? {
        Err(effect) => Ok(effect),
        Ok(mut drafted) => {
            try_out(scope, scene, &mut drafted)?;
            let is_change = is_change(&drafted);
            Ok(drafted.effect(scene, is_change))
        }
    }
}

/// A record is gone.
pub(super) fn apply_gone(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    why: Gone,
    permit: Permit,
) -> Result<Effect> {
    match gone(tx, scene, source_id, why, permit)? {
        Err(effect) => Ok(effect),
        Ok(drafted) => write(tx, scene, drafted),
    }
}

/// Drafts that a day has come.
fn due(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    permit: Permit,
) -> Result<std::result::Result<Draft, Effect>> {
    let mut drafted = match linked(scope, scene, source_id, Phase::Unknown, Step::Update)? {
        Ok(drafted) => drafted,
        Err(effect) => return Ok(Err(effect)),
    };
    let term = term_of(&drafted.link);
    let claim = drafted.model.position(&scene.source.source.id);
    if claim.is_none_or(|place| !drafted.model.claims[place].is(ClaimState::Live)) {
        // Nobody claims her any more: the day means nothing.
        drafted.link.due_at = None;
        return Ok(Ok(drafted));
    }
    drafted.heard.phase = term.phase(scene.now);
    drafted.permit(permit);
    drafted.heard.day = day_of(&drafted.link, drafted.heard.phase);
    drafted.employ(scope, scene, Some(term))?;
    Ok(Ok(drafted))
}

/// What a day that has come would do.
pub(super) fn preview_due(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    source_id: &str,
) -> Result<Effect> {
    match due(scope, scene, source_id, Permit::Full)? {
        Err(effect) => Ok(effect),
        Ok(mut drafted) => {
            try_out(scope, scene, &mut drafted)?;
            close_due(scene, &mut drafted);
            let is_change = is_change(&drafted);
            Ok(drafted.effect(scene, is_change))
        }
    }
}

/// A day has come.
pub(super) fn apply_due(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    permit: Permit,
) -> Result<Effect> {
    match due(tx, scene, source_id, permit)? {
        Err(effect) => Ok(effect),
        Ok(mut drafted) => {
            let wrote = store(tx, scene, &mut drafted)?;
            close_due(scene, &mut drafted);
            let linked = store_link(tx, &drafted)?;
            note(tx, scene, &drafted, wrote || linked)?;
            Ok(drafted.effect(scene, wrote || linked))
        }
    }
}

/// The link after a day has come; what the record said stays as it is.
fn close_due(scene: &Scene<'_>, drafted: &mut Draft) {
    if drafted.heard.phase == Phase::Unknown {
        return;
    }
    let digest = drafted.link.digest.clone();
    drafted.close_link(scene, &digest);
}

/// An admin decided whether a last day counts, and it needs no pull to do so. One that does not is looked at again in the
/// next one.
pub(super) fn let_count(
    tx: &mut Tx<'_>,
    connection: &str,
    source_id: &str,
    counts: bool,
) -> Result<()> {
    let now = tx.now();
    let Some(link) = tx.find_link(connection, source_id)? else {
        return Ok(());
    };
    let is_held = link.held_day.is_some() && link.held_day == link.end_date;
    if link.end_date.is_none() || is_held != counts {
        return Ok(());
    }
    let mut link = LinkRow {
        held_day: link.end_date.clone().filter(|_| !counts),
        told_at: counts.then_some(now.0),
        updated_at: now.0,
        ..link
    };
    if counts {
        // The first day comes before it.
        link.due_at = link.due_at.or(term_of(&link).ends.map(|at| at.0));
    } else {
        link.digest = String::new();
        link.due_at = term_of(&link).due(now).map(|at| at.0);
    }
    Ok(tx.update_link(&link)?)
}

/// A record left the scope: the claim ends, access stays, the link is forgotten.
pub(super) fn unlink(tx: &mut Tx<'_>, scene: &Scene<'_>, source_id: &str) -> Result<Effect> {
    if held(tx, scene, source_id)? == Some(Kind::Gone) {
        return Ok(nobody(source_id, Some(Finding::Undone)));
    }
    let mut drafted = match linked(tx, scene, source_id, Phase::Unknown, Step::Leave)? {
        Ok(drafted) => drafted,
        Err(effect) => return Ok(effect),
    };
    end_claim(scene, &mut drafted.model)?;
    drafted.employ(tx, scene, None)?;
    store(tx, scene, &mut drafted)?;
    tx.delete_link(&scene.source.source.id, source_id)?;
    drafted.is_unlinked = true;
    note(tx, scene, &drafted, true)?;
    Ok(drafted.effect(scene, true))
}

fn write(tx: &mut Tx<'_>, scene: &Scene<'_>, mut drafted: Draft) -> Result<Effect> {
    let wrote = store(tx, scene, &mut drafted)?;
    touch(scene, &mut drafted);
    let linked = store_link(tx, &drafted)?;
    note(tx, scene, &drafted, wrote || linked)?;
    Ok(drafted.effect(scene, wrote || linked))
}

fn touch(scene: &Scene<'_>, drafted: &mut Draft) {
    if drafted.link_before.as_ref() != Some(&drafted.link) {
        drafted.link.updated_at = scene.now.0;
    }
}

fn is_change(drafted: &Draft) -> bool {
    drafted.before.as_ref() != Some(&drafted.model)
        || drafted.link_before.as_ref() != Some(&drafted.link)
}

/// Says that a complete pull missed a record, or that it is there again; returns whether that is news.
pub(super) fn mark(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    source_id: &str,
    since: Option<i64>,
) -> Result<bool> {
    let Some(link) = tx.find_link(&scene.source.source.id, source_id)? else {
        return Ok(false);
    };
    // What was applied is undone by the record itself.
    let is_applied = link.in_force.as_deref() == Some(ABSENT);
    let absent_since = since.map(|since| link.absent_since.unwrap_or(since));
    if link.absent_since == absent_since || (since.is_none() && is_applied) {
        return Ok(false);
    }
    tx.update_link(&LinkRow {
        absent_since,
        updated_at: scene.now.0,
        ..link
    })?;
    Ok(true)
}
