//! What a tenant's plan allows, asked wherever somebody or something new would use it. A tenant without a plan has
//! everything. The rules of time are in [`crate::domain::entitlements`].

use serde_json::Value;

use super::connections::PULL;
use super::error::{Error, Result, corrupt};
use super::users::model::Model;
use super::{Caller, Service, Source};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::Error as ScimError;
use crate::storage::connections::ConnectionRow;
use crate::storage::{Outcome, Scope, Tx};

pub use crate::domain::entitlements::{Entitlements, Feature, Plan, Standing};

/// Longest name of a plan, in characters.
const NAME: usize = 100;
/// State of a connection that works.
const ACTIVE: &str = "active";

/// A tenant's plan with what of it is used.
#[derive(Debug, Clone)]
pub struct Entitled {
    /// The plan; `None`: everything.
    pub entitlements: Option<Entitlements>,
    /// People who are invited or granted.
    pub seats_taken: i64,
    /// The moment of both.
    pub now: Millis,
}

/// What a connection may do by the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Everything.
    All,
    /// Everything, until this moment.
    Until(Millis),
    /// Nothing but revoke those who leave.
    LeaversOnly,
}

impl May {
    /// The word that programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "included",
            Self::Until(_) => "ending",
            Self::LeaversOnly => "leavers-only",
        }
    }
}

/// A name that a plan may have.
pub(super) fn check_plan(plan: &Plan) -> Result<()> {
    let length = plan.name.chars().count();
    if (1..=NAME).contains(&length) && !plan.name.contains(char::is_control) {
        return Ok(());
    }
    let detail = format!("`name` of a plan takes one line of 1 to {NAME} characters; got {length}");
    Err(ScimError::invalid_value(detail).into())
}

pub(super) fn parse(tenant: &str, stored: Option<&str>) -> Result<Option<Entitlements>> {
    let parsed = stored.map(serde_json::from_str).transpose();
    parsed.map_err(|e| corrupt("tenants", tenant, e))
}

fn of(tx: &mut Tx<'_>) -> Result<Option<Entitlements>> {
    let id = tx.tenant().as_str().to_owned();
    parse(&id, tx.stored_entitlements())
}

/// How a feature stands in a plan.
pub fn standing(of: Option<&Entitlements>, feature: Feature, now: Millis) -> Standing {
    let everything = Standing {
        amount: None,
        included: None,
        effective_at: None,
    };
    of.map_or(everything, |e| e.standing(feature, now))
}

/// What a connection may do, among all of its tenant: of those that pull as many as the plan has, the oldest first.
pub fn may(
    of: Option<&Entitlements>,
    row: &ConnectionRow,
    all: &[ConnectionRow],
    now: Millis,
) -> May {
    let (feature, place) = match row.kind.as_str() {
        PULL => {
            let older = all.iter().filter(|c| c.kind == PULL && c.state == ACTIVE);
            let own = (row.created_at, &row.id);
            let older = older.filter(|c| (c.created_at, &c.id) < own);
            (Feature::Hris, older.count())
        }
        "scim" => (Feature::Push, 0),
        _ => return May::All,
    };
    let has_place = |amount: Option<u32>| amount.is_none_or(|n| place < n as usize);
    let standing = standing(of, feature, now);
    match (has_place(standing.amount), standing.effective_at) {
        (false, _) => May::LeaversOnly,
        (true, Some(at)) if !has_place(standing.included) => May::Until(at),
        (true, _) => May::All,
    }
}

/// Whether a pull source may bring people and change them; who leaves goes in any case.
pub(super) fn brings(scope: &mut Scope<'_>, connection: &str, now: Millis) -> Result<bool> {
    let id = scope.tenant().as_str().to_owned();
    let stored = scope.find_stored_entitlements()?;
    let parsed = parse(&id, stored.as_deref())?;
    pulls(scope, parsed.as_ref(), connection, now)
}

/// The same in the writer.
pub(super) fn brings_now(tx: &mut Tx<'_>, connection: &str) -> Result<bool> {
    let (parsed, now) = (of(tx)?, tx.now());
    pulls(tx, parsed.as_ref(), connection, now)
}

fn pulls(
    scope: &mut Scope<'_>,
    of: Option<&Entitlements>,
    connection: &str,
    now: Millis,
) -> Result<bool> {
    if standing(of, Feature::Hris, now).amount.is_none() {
        return Ok(true);
    }
    let all = scope.list_connections()?;
    let own = all.iter().find(|c| c.id == connection);
    Ok(own.is_none_or(|row| may(of, row, &all, now) != May::LeaversOnly))
}

/// Refuses what the plan does not include: an operation that begins to use it asks first, and changes nothing then.
///
/// # Errors
/// `NotEntitled` with the name of the plan.
pub(in crate::service) fn require(tx: &mut Tx<'_>, feature: Feature) -> Result<()> {
    let (of, now) = (of(tx)?, tx.now());
    let Some(amount) = standing(of.as_ref(), feature, now).amount else {
        return Ok(());
    };
    let used = match feature {
        Feature::Seats => tx.seats()?,
        Feature::Hris => {
            let all = tx.list_connections()?;
            let at_work = all.iter().filter(|c| c.kind == PULL && c.state == ACTIVE);
            i64::try_from(at_work.count()).unwrap_or(i64::MAX)
        }
        Feature::Push | Feature::TeamSync => 0,
    };
    if used < i64::from(amount) {
        return Ok(());
    }
    let name = of.map(|e| e.plan.name).unwrap_or_default();
    Err(Error::NotEntitled(told(&name, feature, amount)))
}

fn told(plan: &str, feature: Feature, amount: u32) -> String {
    let what = match feature {
        Feature::Hris => "connections to HR systems",
        Feature::Push => "connections that push over SCIM",
        Feature::TeamSync => "team sync",
        Feature::Seats => "seats",
    };
    match amount {
        0 => format!("the plan `{plan}` includes no {what}"),
        n => format!("the plan `{plan}` includes {n} {what}, and all are taken"),
    }
}

/// Refuses a write of a push source that the plan does not include, unless it takes somebody's access away.
pub(in crate::service) fn require_push(
    tx: &mut Tx<'_>,
    source: &Source,
    is_leaving: bool,
) -> Result<()> {
    match source.is_app() || is_leaving {
        true => Ok(()),
        false => require(tx, Feature::Push),
    }
}

fn takes_seat(model: Option<&Model>) -> bool {
    let access = model.filter(|m| m.row.removed_at.is_none());
    access.is_some_and(|m| matches!(m.access(), Access::Invited | Access::Granted))
}

/// How many seats more are taken.
pub(super) fn seats_moved(before: Option<&Model>, model: &Model) -> i64 {
    i64::from(takes_seat(Some(model))) - i64::from(takes_seat(before))
}

/// A human lets somebody in: refused where there is no seat.
///
/// # Errors
/// `NotEntitled` with the name of the plan.
pub(in crate::service) fn need_seat(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &Model,
) -> Result<()> {
    match seats_moved(before, model) > 0 {
        true => require(tx, Feature::Seats),
        false => Ok(()),
    }
}

/// What is noted of somebody who waits for a seat and had access before: it is hers again, whatever the policy.
const RETURNS: &str = r#"{"returns":true}"#;

/// She waits for a seat, and had access before.
pub(super) fn did_return(model: &Model) -> bool {
    model.row.access_params.as_deref() == Some(RETURNS)
}

/// A source would let somebody in: she is listed where there is no seat. Whom the app itself has let in is in, and counts,
/// as is whom an undo gives back what she had; nobody is ever put out because seats have become fewer.
pub(in crate::service) fn keep_to_seats(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &mut Model,
    is_hers: bool,
) -> Result<()> {
    if is_hers {
        return Ok(());
    }
    match need_seat(tx, before, model) {
        Err(Error::NotEntitled(_)) => {
            let now = tx.now();
            model.decide(NO_SEAT, now);
            let returns = |b: &Model| {
                b.row.removed_at.is_none() && (b.access() == Access::Revoked || did_return(b))
            };
            if before.is_some_and(returns) {
                model.row.access_params = Some(RETURNS.to_owned());
            }
            Ok(())
        }
        other => other,
    }
}

/// What [`keep_to_seats`] makes of somebody, while nothing is written: as if she were the only one.
pub(in crate::service) fn preview_seats(
    scope: &mut Scope<'_>,
    before: Option<&Model>,
    model: &mut Model,
    now: Millis,
) -> Result<()> {
    if seats_moved(before, model) <= 0 {
        return Ok(());
    }
    let id = scope.tenant().as_str().to_owned();
    let stored = scope.find_stored_entitlements()?;
    let parsed = parse(&id, stored.as_deref())?;
    if let Some(amount) = standing(parsed.as_ref(), Feature::Seats, now).amount
        && scope.count_seats()? >= i64::from(amount)
    {
        model.decide(NO_SEAT, now);
    }
    Ok(())
}

const NO_SEAT: Decision = Decision {
    access: Access::Listed,
    reason: reason::NO_SEAT,
};

impl Service {
    /// What a tenant's plan includes, and what of it is used.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_entitlements(&self, tenant: &TenantId) -> Result<Entitled> {
        let now = self.store.clock().now();
        self.store
            .read(tenant, move |scope| {
                let stored = scope.find_stored_entitlements()?;
                Ok(Entitled {
                    entitlements: parse(scope.tenant().as_str(), stored.as_deref())?,
                    seats_taken: scope.count_seats()?,
                    now,
                })
            })
            .await
    }

    /// Gives a tenant a plan; `None`: everything. What the new one has less of goes on for 30 days.
    ///
    /// # Errors
    /// `Invalid` for a name that breaks its rule; `Forbidden` for the operator's own tenant.
    pub async fn set_entitlements(&self, caller: &Caller, plan: Option<Plan>) -> Result<Entitled> {
        if caller.tenant.as_str() == OPERATOR_TENANT {
            let detail = "the operator's own tenant has no people, and so no plan";
            return Err(Error::Forbidden(detail.to_owned()));
        }
        if let Some(plan) = &plan {
            check_plan(plan)?;
        }
        self.store
            .write(caller.meta(), move |tx| {
                let (before, now) = (of(tx)?, tx.now());
                let after = match (&plan, &before) {
                    (None, _) => None,
                    // The same plan again moves no day.
                    (Some(plan), Some(b)) if b.plan == *plan => before.clone(),
                    (Some(plan), _) => Some(Entitlements::then(before.as_ref(), plan.clone(), now)),
                };
                if before != after {
                    put(tx, before.as_ref(), after.as_ref())?;
                }
                let entitlements = after;
                Ok::<_, Error>(Outcome::Done(Entitled {
                    entitlements,
                    seats_taken: tx.seats()?,
                    now,
                }))
            })
            .await
    }
}

fn put(tx: &mut Tx<'_>, before: Option<&Entitlements>, after: Option<&Entitlements>) -> Result<()> {
    let value = |of: Option<&Entitlements>| of.and_then(|e| serde_json::to_value(e).ok());
    let tenant = tx.tenant().as_str().to_owned();
    tx.update_entitlements(value(after).map(|v| v.to_string()))?;
    let now = tx.now();
    let effective = after.and_then(|e| e.effective_at(now));
    let effective = effective.map(|at| Value::from(at.to_rfc3339()));
    let entry = Entry::new("tenant.entitlements_changed", "tenant", tenant)
        .change("entitlements", value(before), value(after))
        .change("reason/effectiveAt", None, effective);
    tx.record(entry);
    Ok(())
}
