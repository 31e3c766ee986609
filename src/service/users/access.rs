//! What a source's word about a person means for access, and whom a source may take over without asking.

use super::identity::{is_verified, primary_key};
use super::model::Model;
use crate::domain::access::{Access, RETURN_DAYS, Standing, on_active, on_inactive, reason};
use crate::domain::clock::Millis;
use crate::scim::Doc;
use crate::scim::schema::Registry;
use crate::service::Source;
use crate::storage::claims::ClaimState;
use crate::storage::tenants::TenantSettings;
use crate::storage::users::UserRow;

/// What a source says about `active`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says {
    pub(super) active: bool,
    /// The reason, where this revokes.
    pub(super) because: &'static str,
}

impl Says {
    /// By POST, PUT or PATCH.
    pub(super) fn active(active: bool) -> Self {
        Self {
            active,
            because: reason::DEACTIVATED_BY_SOURCE,
        }
    }

    /// By DELETE.
    pub(super) fn deleted() -> Self {
        Self {
            active: false,
            because: reason::DELETED_BY_SOURCE,
        }
    }
}

/// Whether a source may take a person over without a human's word. Never: the break-glass admin, an admin, and
/// somebody whose primary address is outside the verified domains.
pub(super) fn is_adoptable(row: &UserRow, primary: Option<&str>, domains: &[String]) -> bool {
    !row.break_glass
        && row.admin_role.is_none()
        && primary.is_none_or(|key| is_verified(key, domains))
}

/// Moves access as the rules want it; `doc` of the model is what is in force after the write.
pub(super) fn decide(
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
    let who = Standing {
        access: (!arrives).then(|| model.access()),
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
        }),
    };
    let decision = if says.active {
        on_active(who, source.policy, now, days)
    } else {
        on_inactive(who, says.because)
    };
    if let Some(decision) = decision {
        model.decide(decision, now);
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
