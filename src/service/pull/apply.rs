//! Records: looked at (preview) and applied. Both draft alike; what differs is who settles.

use std::collections::BTreeMap;

use super::draft::{Draft, HoldNow};
use super::record::{Record, Scene};
use super::types::{Effect, Finding, Permit};
use super::who::draft;
use crate::domain::access::{Access, Decision, reason};
use crate::domain::audit::Entry;
use crate::service::entitlements::preview_seats;
use crate::service::error::Result;
use crate::service::undo::{Linked, Touched, remember};
use crate::service::users::access::{Says, decide};
use crate::service::users::conflicts::{Question, answered, ask, kind};
use crate::service::users::identity::primary_key;
use crate::service::users::in_force::recompute;
use crate::service::users::model::{Model, user_name};
use crate::service::users::names::namesake;
use crate::service::users::settle::{Act, settle, settle_access};
use crate::storage::claims::ClaimState;
use crate::storage::{Scope, Tx};

/// What a record would do.
pub(super) fn preview(scope: &mut Scope<'_>, scene: &Scene<'_>, record: &Record) -> Result<Effect> {
    let mut drafted = match draft(scope, scene, record, Permit::Full, "")? {
        Ok(drafted) => drafted,
        Err(effect) => return Ok(effect),
    };
    try_out(scope, scene, &mut drafted)?;
    drafted.close_link(scene, &record.person.digest);
    let is_change = is_change(&drafted);
    Ok(drafted.effect(scene, is_change))
}

/// Puts into force what was drafted, in memory only.
pub(super) fn try_out(scope: &mut Scope<'_>, scene: &Scene<'_>, drafted: &mut Draft) -> Result<()> {
    let model = &mut drafted.model;
    recompute(scope, scene.registry, &scene.settings.precedence, model)?;
    decide(
        scene.registry,
        drafted.before.as_ref(),
        model,
        &scene.source.source,
        Says::Employed(drafted.heard),
        &scene.settings,
        scene.now,
    );
    preview_seats(scope, drafted.before.as_ref(), model, scene.now)?;
    tell_no_seat(drafted);
    let model = &mut drafted.model;
    let Some(other) = namesake(scope, drafted.before.as_ref(), model)? else {
        return Ok(());
    };
    drafted.question = Some((kind::USER_NAME_TAKEN, vec![other]));
    match drafted.before.as_ref().filter(|b| b.row.is_public) {
        Some(before) => {
            let kept = user_name(&before.doc)?.to_owned();
            model.doc.insert("userName".to_owned(), kept.into());
        }
        None => model.decide(
            Decision {
                access: Access::Listed,
                reason: reason::CONFLICT,
            },
            scene.now,
        ),
    }
    Ok(())
}

fn is_change(drafted: &Draft) -> bool {
    drafted.before.as_ref() != Some(&drafted.model)
        || drafted.link_before.as_ref() != Some(&drafted.link)
        || drafted.merged.is_some()
        || drafted.hold.is_some()
}

/// Applies a record.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    record: &Record,
    permit: Permit,
) -> Result<Effect> {
    let fresh = tx.fresh_id();
    let mut drafted = match draft(tx, scene, record, permit, &fresh)? {
        Ok(drafted) => drafted,
        Err(effect) => return Ok(effect),
    };
    if let Some(twin) = drafted.merged.take() {
        merge(tx, scene, twin, &drafted.model.row.id)?;
    }
    let wrote = store(tx, scene, &mut drafted)?;
    drafted.close_link(scene, &record.person.digest);
    let linked = store_link(tx, &drafted)?;
    note(tx, scene, &drafted, wrote || linked)?;
    if let Some(question) = &drafted.question {
        ask_about(tx, scene, record, &drafted, question)?;
    } else if drafted.model.row.access_reason == reason::CONFLICT
        && drafted
            .before
            .as_ref()
            .is_none_or(|b| b.row.access_reason != reason::CONFLICT)
    {
        drafted.question = Some((kind::USER_NAME_TAKEN, Vec::new()));
    }
    Ok(drafted.effect(scene, wrote || linked))
}

/// Settles a draft.
pub(super) fn store(tx: &mut Tx<'_>, scene: &Scene<'_>, drafted: &mut Draft) -> Result<bool> {
    let act = Act {
        source: &scene.source.source,
        settings: &scene.settings,
        says: Some(Says::Employed(drafted.heard)),
        has_no_namesake: drafted.has_no_namesake,
    };
    let before = drafted.before.as_ref();
    let wrote = settle(tx, scene.registry, before, &mut drafted.model, &act)?;
    tell_no_seat(drafted);
    Ok(wrote)
}

/// Says once that somebody is listed for want of a seat.
fn tell_no_seat(drafted: &mut Draft) {
    let had_none = |m: &Model| m.row.access_reason == reason::NO_SEAT;
    if had_none(&drafted.model) && !drafted.before.as_ref().is_some_and(had_none) {
        drafted.findings.push(Finding::NoSeat);
    }
}

/// Stores the link as it is now; false where it was so.
pub(super) fn store_link(tx: &mut Tx<'_>, drafted: &Draft) -> Result<bool> {
    for link in &drafted.superseded {
        tx.delete_link(&link.connection_id, &link.source_id)?;
    }
    let record = (&drafted.link.connection_id, &drafted.link.source_id);
    match drafted.hold {
        Some(HoldNow::Over) => tx.delete_hold(record.0, record.1)?,
        Some(HoldNow::InPart) => tx.forget_said(record.0, record.1)?,
        None => {}
    }
    match &drafted.link_before {
        None => tx.create_link(&drafted.link)?,
        Some(before) if *before != drafted.link => tx.update_link(&drafted.link)?,
        Some(_) => return Ok(drafted.hold.is_some() || !drafted.superseded.is_empty()),
    }
    Ok(true)
}

/// Notes what was changed, so that it can be undone.
pub(super) fn note(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    drafted: &Draft,
    is_change: bool,
) -> Result<()> {
    if !is_change {
        return Ok(());
    }
    let own = Linked {
        before: drafted.link_before.clone(),
        after: Some(drafted.link.clone()).filter(|_| !drafted.is_unlinked),
        content: drafted.content.clone(),
        said: drafted.said.clone(),
    };
    let gone = drafted.superseded.iter().map(|link| {
        let linked = Linked {
            before: Some(link.clone()),
            after: None,
            content: String::new(),
            said: String::new(),
        };
        (link.source_id.clone(), linked)
    });
    let touched = Touched {
        before: drafted.before.as_ref(),
        model: &drafted.model,
        links: gone
            .chain([(drafted.link.source_id.clone(), own)])
            .collect(),
    };
    remember(tx, scene.registry, touched)
}

fn ask_about(
    tx: &mut Tx<'_>,
    scene: &Scene<'_>,
    record: &Record,
    drafted: &Draft,
    (kind, candidates): &(&'static str, Vec<String>),
) -> Result<()> {
    let email = primary_key(&drafted.model.doc).unwrap_or_default();
    let asserted = [
        ("sourceId", record.person.source_id.as_str()),
        ("email", email.as_str()),
    ];
    let question = Question {
        kind,
        asserted: &asserted,
        subject: &drafted.model.row.id,
        candidates,
    };
    ask(tx, &scene.source.source.id, &question)
}

/// Somebody only this source knew turns out to be somebody else: nobody is left behind but a mark of who she became.
fn merge(tx: &mut Tx<'_>, scene: &Scene<'_>, twin: Model, into: &str) -> Result<()> {
    let before = twin.clone();
    let (mut twin, now) = (twin, scene.now);
    for place in 0..twin.claims.len() {
        if twin.claims[place].is(ClaimState::Ended) {
            continue;
        }
        let view = twin.view_doc(scene.registry, place);
        let claim = &mut twin.claims[place];
        claim.set_state(ClaimState::Ended);
        claim.row.ended_at = Some(now.0);
        claim.row.set_user_name(user_name(&view)?);
        // The record is found under the other one from now on.
        claim.row.external_id = None;
    }
    twin.row.removed_at = Some(now.0);
    twin.row.merged_into = Some(into.to_owned());
    twin.row.is_public = false;
    let id = twin.row.id.clone();
    settle_access(tx, &before, &mut twin)?;
    // Her address is found under the other one from now on.
    tx.update_emails(&id, "", &[], now)?;
    answered(tx, &id)?;
    let connection = scene.source.source.id.as_str();
    tx.record(Entry::new("claim.ended", "user", id.clone()).object("connection", connection));
    tx.record(Entry::new("user.merged", "user", id).object("user", into));
    let touched = Touched {
        before: Some(&before),
        model: &twin,
        links: BTreeMap::new(),
    };
    remember(tx, scene.registry, touched)
}
