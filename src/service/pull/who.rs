//! Whom a record is about, and what kind of step it is for her: somebody known, matched, merged, new, or nobody.

use super::draft::{Draft, HoldNow, earlier, term_in_force, term_of};
use super::matching::{Found, find};
use super::record::{Record, Scene};
use super::types::{Effect, Finding, Permit, Recognised, Stand, Step};
use crate::domain::access::{Access, reason};
use crate::domain::lifecycle::{Earlier, Phase};
use crate::scim::Doc;
use crate::service::error::Result;
use crate::service::undo::Kind;
use crate::service::users::access::is_adoptable;
use crate::service::users::identity::primary_key;
use crate::service::users::model::Model;
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;
use crate::storage::undo::HoldRow;

/// Drafts what a record wants; `Err` inside is the effect of a record of which nothing is made.
pub(super) fn draft(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    permit: Permit,
    fresh: &str,
) -> Result<std::result::Result<Box<Draft>, Effect>> {
    let connection = scene.source.source.id.as_str();
    let (link, hold) = scope.find_link_and_hold(connection, &record.person.source_id)?;
    let (frozen, hold) = match hold.map(|hold| holding(&hold, record, link.as_ref())) {
        None => (None, None),
        Some(Holding::All) => {
            let effect = nothing(record, None, Some(Finding::Undone));
            // What others lose that this record would have kept is for a human to say.
            let own = link.as_ref().map_or("", |l| l.user_id.as_str());
            let rivals = find(scope, scene, record, own)?.rivals(|_| false);
            return Ok(Err(Effect { rivals, ..effect }));
        }
        Some(Holding::Employment { is_news }) => (
            link.as_ref()
                .map(|link| record.employed_as(link, term_in_force(link))),
            is_news.then_some(HoldNow::InPart),
        ),
        Some(Holding::Nothing) => (None, Some(HoldNow::Over)),
    };
    let said = frozen.as_ref().unwrap_or(record);
    let is_over = matches!(said.phase(scene), Phase::Ended(_) | Phase::Unknown);
    // What nobody knows changes nothing: what was known goes on, a last day with it.
    let is_unsaid = frozen.is_none() && said.phase(scene) == Phase::Unknown;
    let unsaid = link.as_ref().filter(|_| is_unsaid);
    let unsaid = unsaid.map(|link| said.employed_as(link, term_of(link)));
    let record = unsaid.as_ref().unwrap_or(said);
    let linked = match &link {
        Some(link) => Model::load(scope, scene.registry, &link.user_id)?,
        None => None,
    };
    if !scene.may_bring && link.is_some() && !matches!(said.phase(scene), Phase::Ended(_)) {
        // Who leaves goes on leaving; nothing else is made of the record until the plan has room for its source again.
        return Ok(Err(nothing(
            record,
            linked.as_ref(),
            Some(Finding::NotEntitled),
        )));
    }
    let mut drafted = match linked {
        Some(model) if model.row.removed_at.is_some() && is_over => {
            return Ok(Err(nothing(record, Some(&model), None)));
        }
        Some(model) => match twin(scope, scene, record, &model, is_over)? {
            (Some((person, by)), rivals) => {
                let mut drafted = taken(scope, scene, record, person, by)?;
                drafted.merged = Some(model);
                drafted.link_before = link;
                drafted.rivals = rivals;
                drafted
            }
            (None, rivals) => Draft {
                rivals,
                ..known(scene, record, model, link)
            },
        },
        None => match unknown(scope, scene, record, is_over, fresh)? {
            Ok(drafted) => drafted,
            Err(effect) => return Ok(Err(effect)),
        },
    };
    drafted.permit(permit);
    let manager = find_manager(scope, scene, record, &mut drafted.findings)?;
    drafted.assert(scene, record.doc(manager.as_deref()), &record.person.unsaid)?;
    drafted.employ(scope, scene, Some(record.term))?;
    drafted.hold = hold;
    if frozen.is_some() || is_unsaid {
        // Her employment counts as not said.
        drafted.heard.phase = Phase::Unknown;
        drafted.content = said.content();
    }
    Ok(Ok(Box::new(drafted)))
}

/// What an undo still holds of a record that is there.
enum Holding {
    /// All of it: it says what it said then.
    All,
    /// Her employment: that is as it was then.
    Employment {
        /// The rest is not, for the first time.
        is_news: bool,
    },
    /// Nothing any more. That it is there ends the hold of its absence.
    Nothing,
}

fn holding(hold: &HoldRow, record: &Record, link: Option<&LinkRow>) -> Holding {
    let is_same = hold.said.as_ref() == Some(&record.person.digest);
    match Kind::parse(&hold.kind) {
        Some(Kind::Record) if hold.digest == record.content() => Holding::All,
        Some(Kind::Employment | Kind::Values) if is_same => Holding::All,
        Some(Kind::Employment) if link.is_some() && hold.digest == record.employment() => {
            Holding::Employment {
                is_news: hold.said.is_some(),
            }
        }
        _ => Holding::Nothing,
    }
}

/// Who is meant, and by what she was recognised.
type Meant = (Model, Recognised);

/// Somebody only this source knows, and not let in yet, has the address of somebody else by now: the app's address was
/// corrected, or the source's. And the records without which somebody else would be meant.
fn twin(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    model: &Model,
    is_over: bool,
) -> Result<(Option<Meant>, Vec<String>)> {
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
        return Ok((None, Vec::new()));
    }
    let found = find(scope, scene, record, &model.row.id)?;
    if found.is_nobody() {
        return Ok((None, Vec::new()));
    }
    // A human said that they are two.
    let answers = scope.list_conflicts_about(&model.row.id)?;
    let is_apart = |other: &str| {
        let mut answers = answers.iter();
        answers.any(|c| c.state == "kept-apart" && c.candidates.contains(other))
    };
    let mut rivals = found.rivals(is_apart);
    let mut meant = adoptable(scope, scene, record, &found)?
        .filter(|(other, _)| other.row.removed_at.is_none() && !is_apart(&other.row.id));
    let links = match &meant {
        Some((other, _)) => scope.list_links_of(&other.row.id)?,
        None => Vec::new(),
    };
    // Whom the source knew as somebody else is not meant by an address that came later.
    let mut own = links.iter().map(|l| &l.connection_id);
    let is_known = own.any(|id| *id == scene.source.source.id);
    if is_known || !rivals.is_empty() {
        let is_new = primary_key(&model.doc) != record.primary.as_ref().map(|a| a.key.clone());
        if is_new || scope.had_another_address(&model.row.id)? {
            meant = meant.filter(|_| !is_known);
            rivals.clear();
        }
    }
    Ok((meant, rivals))
}

/// The one who is meant, if a source may take her over without a human's word.
fn adoptable(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    found: &Found,
) -> Result<Option<Meant>> {
    let Some((id, by)) = found.only() else {
        return Ok(None);
    };
    let model = Model::load(scope, scene.registry, id)?;
    // Whom an undo took from one record, or let be gone, no other record of the source takes over by itself.
    let is_held = |hold: &HoldRow| {
        hold.connection_id == scene.source.source.id
            && hold.kind != Kind::Values.as_str()
            && hold.source_id != record.person.source_id
    };
    if model.as_ref().is_some_and(|m| m.row.removed_at.is_none())
        && scope.list_holds_of(id)?.iter().any(is_held)
    {
        return Ok(None);
    }
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
    let meant = adoptable(scope, scene, record, &found)?;
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
    let rivals = found.rivals(|_| false);
    if let Some((model, by)) = meant {
        let drafted = taken(scope, scene, record, model, by)?;
        return Ok(Ok(Draft { rivals, ..drafted }));
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
    drafted.rivals = rivals;
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
    let is_live = model
        .position(connection)
        .is_some_and(|place| model.claims[place].is(ClaimState::Live));
    // She goes on where the other record stops.
    let goes_on = own.iter().find(|l| !l.has_ended()).filter(|_| is_live);
    let step = match (goes_on, is_back) {
        (Some(_), _) => Step::Update,
        (None, true) => Step::Return,
        (None, false) => Step::Adopt,
    };
    let mut drafted = Draft::of(scene, record, Some(model.clone()), model, step);
    if let Some(link) = goes_on {
        drafted.heard.earlier = earlier(link, scene.run);
        drafted.link.told_at = link.told_at;
    } else if own.iter().any(LinkRow::has_ended) {
        drafted.heard.earlier = Earlier::Ended;
    }
    drafted.superseded = own;
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
fn nothing(record: &Record, model: Option<&Model>, finding: Option<Finding>) -> Effect {
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
        last_day: None,
        is_ahead: false,
        former: Vec::new(),
        rivals: Vec::new(),
        is_change: false,
    }
}
