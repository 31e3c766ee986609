//! What a source's word about a person means for access, and whom a source may take over without asking.

use chrono::NaiveDate;
use serde_json::json;

use super::identity::{is_verified, primary_key};
use super::model::Model;
use crate::domain::access::{
    Access, Decision, RETURN_DAYS, Standing, on_active, on_inactive, reason,
};
use crate::domain::app::{self, APP, Word, on_app};
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::lifecycle::{Earlier, Phase, on_employment};
use crate::domain::two_sources::begins;
use crate::scim::Doc;
use crate::scim::schema::Registry;
use crate::service::Source;
use crate::service::invitations::address_of;
use crate::storage::claims::ClaimState;
use crate::storage::tenants::TenantSettings;
use crate::storage::users::UserRow;

/// What a source says that access may follow from.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) enum Says {
    /// Push: `active: true`.
    Active,
    /// Push: `active: false`, or that she is gone; with the reason, where this revokes.
    Inactive(&'static str),
    /// Pull: where she is in her employment.
    Employed(Heard),
}

/// What a pull source says.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Heard {
    /// Now.
    pub(in crate::service) phase: Phase,
    /// Before.
    pub(in crate::service) earlier: Earlier,
    /// Another pull source says that she has left.
    pub(in crate::service) left_elsewhere: bool,
    /// The day that the phase follows from.
    pub(in crate::service) day: Option<NaiveDate>,
    /// A loss of access is not permitted now.
    pub(in crate::service) keeps_access: bool,
}

impl Says {
    /// By POST, PUT or PATCH.
    pub(in crate::service) fn active(active: bool) -> Self {
        match active {
            true => Self::Active,
            false => Self::Inactive(reason::DEACTIVATED_BY_SOURCE),
        }
    }

    /// By DELETE.
    pub(in crate::service) fn deleted() -> Self {
        Self::Inactive(reason::DELETED_BY_SOURCE)
    }
}

/// Whether a source may take a person over without a human's word. Never: the break-glass admin, an admin, and
/// somebody whose primary address is outside the verified domains.
pub(in crate::service) fn is_adoptable(
    row: &UserRow,
    primary: Option<&str>,
    domains: &[String],
) -> bool {
    !row.break_glass
        && row.admin_role.is_none()
        && primary.is_none_or(|key| is_verified(key, domains))
}

/// Moves access as the rules want it; `doc` of the model is what is in force after the write.
pub(in crate::service) fn decide(
    registry: &Registry,
    before: Option<&Model>,
    model: &mut Model,
    source: &Source,
    says: Says,
    settings: &TenantSettings,
    now: Millis,
) {
    let days = settings.return_days.unwrap_or(RETURN_DAYS);
    let arrives = before.is_none_or(|b| b.row.removed_at.is_some());
    let is_disabled = model.row.access_reason == reason::DISABLED_IN_APP;
    let who = Standing {
        access: (!arrives).then(|| model.access()),
        has_access: model.row.has_access,
        since: Millis(model.row.access_since),
        sticky: model.row.sticky,
        waits: waits(registry, model, source, settings).or_else(|| {
            let late = before.is_some_and(|b| b.access() != Access::Listed)
                && arrives
                && now > Millis(model.row.access_since).plus_days(days);
            late.then_some(reason::RETURNED_LATE)
        }),
        inactive_elsewhere: model.claims.iter().any(|c| {
            c.row.connection_id != source.id
                && c.is(ClaimState::Live)
                && c.row.active == Some(false)
                && (!c.is_of_app() || is_disabled)
        }) || match says {
            Says::Employed(heard) => heard.left_elsewhere,
            _ => model.row.employment_state.as_deref() == Some(EmploymentState::Left.as_str()),
        },
    };
    let (decision, keeps) = match says {
        _ if source.is_app() => {
            let claim = before.and_then(|b| b.claims.get(b.position(APP)?));
            let said = claim.filter(|c| c.is(ClaimState::Live));
            let said = said.and_then(|c| c.row.active);
            let decision = on_app(who, word(says), app::Before { said, is_disabled });
            (decision, false)
        }
        Says::Active if repeats_undone(before, source) => (None, false),
        Says::Active => {
            // Her first day, of which an HR source knows, comes by itself.
            let prehire = EmploymentState::Prehire.as_str();
            let is_ahead = model.row.employment_state.as_deref() == Some(prehire);
            let decision = on_active(who, source.policy, now, days);
            (decision.map(|decision| begins(decision, is_ahead)), false)
        }
        Says::Inactive(because) => (on_inactive(who, because), false),
        Says::Employed(heard) => {
            let (phase, earlier) = (heard.phase, heard.earlier);
            let decision = on_employment(who, phase, earlier, source.policy, now, days);
            (decision, heard.keeps_access && who.has_access)
        }
    };
    // No source removes the break-glass admin.
    let keeps = keeps || model.row.break_glass;
    if let Some(decision) = decision.filter(|d| !keeps || d.has_access()) {
        let decision = match decision.access {
            // Nobody is invited whom no mail reaches.
            Access::Invited if address_of(&model.doc).is_none() => Decision {
                access: Access::Listed,
                reason: reason::INVITATION_DUE,
            },
            _ => decision,
        };
        model.row.sticky |= decision.reason == reason::REMOVED_IN_APP;
        model.decide(decision, now);
    }
    if let Says::Employed(heard) = says {
        tell_day(model, heard);
    }
}

/// What an undo took back does not happen again because the source says the same again: it is to say something else first.
fn repeats_undone(before: Option<&Model>, source: &Source) -> bool {
    let is_undone = |before: &&Model| {
        before.access() == Access::Listed
            && before.row.access_reason == reason::UNDONE
            && before.row.removed_at.is_none()
    };
    let claim = before
        .filter(is_undone)
        .and_then(|before| before.claims.get(before.position(&source.id)?));
    claim.is_some_and(|claim| claim.takes_part() && claim.row.active == Some(true))
}

/// What the app says, by whichever verb.
fn word(says: Says) -> Word {
    match says {
        Says::Active | Says::Employed(_) => Word::HasAccess,
        Says::Inactive(reason::DELETED_BY_SOURCE) => Word::Removed,
        Says::Inactive(_) => Word::HasNone,
    }
}

/// Puts the day beside the reason that speaks of it; a first day may move while she waits for it.
fn tell_day(model: &mut Model, heard: Heard) {
    let name = match (heard.phase, model.row.access_reason.as_str()) {
        (Phase::NotStarted, reason::NOT_STARTED) => "firstDay",
        (Phase::Ended(_), reason::LAST_DAY_PASSED) => "lastDay",
        _ => return,
    };
    if let Some(day) = heard.day {
        model.row.access_params = Some(json!({name: day.to_string()}).to_string());
    }
}

/// What a human must decide before a policy lets the person in: an open question, or an address outside the verified
/// domains, be it the one in force or the one that the source itself asserts.
fn waits(
    registry: &Registry,
    model: &Model,
    source: &Source,
    settings: &TenantSettings,
) -> Option<&'static str> {
    let open =
        reason::waiting(&model.row.access_reason).filter(|_| model.access() == Access::Listed);
    let domains = &settings.verified_domains;
    if source.is_app() {
        // Whom the app has let in already is in, whatever her address: it only finds nobody by it.
        return open.filter(|code| {
            *code != reason::UNVERIFIED_DOMAIN && !reason::INVITED_IN_VAIN.contains(code)
        });
    }
    if open.is_some() || domains.is_empty() {
        return open;
    }
    let outside = |doc: &Doc| primary_key(doc).is_some_and(|key| !is_verified(&key, domains));
    let own = model
        .position(&source.id)
        .map(|place| model.view_doc(registry, place));
    let is_outside = outside(&model.doc) || own.as_ref().is_some_and(outside);
    is_outside.then_some(reason::UNVERIFIED_DOMAIN)
}
