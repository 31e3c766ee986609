//! The push side's safety (SEMANTICS §7): what a connection may take access from in an hour, what is parked beyond that,
//! and the sessions into which its changes are gathered. Judged in the transaction of the write itself, under the lock of
//! the tenant's head: neither requests at once nor several processes get past the limit.

mod announced;
mod parked;
mod revoke_now;
mod sessions;

pub(in crate::service) use announced::announce;
pub(in crate::service) use parked::confirm;
pub use parked::{Parked, Which};
pub use revoke_now::RevokedNow;
pub(in crate::service) use sessions::{SESSION, as_run, gather, session_of};

pub use crate::storage::push::{ParkedRow, SessionRow};

use crate::domain::access::{Access, reason};
use crate::domain::audit::Entry;
use crate::domain::pull::Guard;
use crate::domain::push_guard::{PushSettings, Situation, Verdict, Word, judge, window};
use crate::service::announce::Announced;
use crate::service::connections::ConnectionRow;
use crate::service::error::{Result, corrupt};
use crate::service::pull::says_left;
use crate::service::users::access::Says;
use crate::service::users::model::{Claim, Model};
use crate::service::{Source, notices};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::push::GuardRow;
use crate::storage::push::parked::{APPROVED, DROPPED, SPARED, WAITING};

/// What becomes of a source's word about access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Weighed {
    /// The rules of access decide.
    Decide,
    /// Access stays: the loss is parked.
    Parked,
}

impl ConnectionRow {
    /// The settings of a connection that pushes.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn push_settings(&self) -> Result<PushSettings> {
        let text = self.settings.as_deref().unwrap_or("{}");
        serde_json::from_str(text).map_err(|e| corrupt("connections", &self.id, e))
    }
}

/// Weighs what a source says about access, before the rules decide. A loss beyond the limit is parked: the claim reads as
/// the connection wrote it, and nothing else happens.
pub(in crate::service) fn weigh(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &mut Model,
    source: &Source,
    says: Says,
) -> Result<Weighed> {
    match says {
        _ if source.is_app() => Ok(Weighed::Decide),
        Says::Employed(_) => Ok(Weighed::Decide),
        Says::Active => {
            withdraw(tx, before, model, source)?;
            Ok(Weighed::Decide)
        }
        Says::Inactive(because) if before.is_some_and(is_spared) => {
            note(tx, model, source, because)?;
            Ok(Weighed::Decide)
        }
        Says::Inactive(_) if before.is_none_or(|b| !can_lose(b)) => Ok(Weighed::Decide),
        Says::Inactive(because) => match verdict(tx, model, source)? {
            Verdict::Pass => {
                let now = tx.now();
                tx.put_push_loss(&source.id, &model.row.id, now)?;
                if let Some(session) = gather(tx, &source.id)? {
                    tx.count_in_session(&session, 1, 0)?;
                }
                Ok(Weighed::Decide)
            }
            Verdict::Park => {
                park(tx, model, source, because)?;
                Ok(Weighed::Parked)
            }
        },
    }
}

/// Whether the person's loss of access would be parked if the connection deleted her now.
pub(in crate::service) fn would_park(
    tx: &mut Tx<'_>,
    model: &Model,
    source: &Source,
) -> Result<bool> {
    Ok(!source.is_app() && can_lose(model) && verdict(tx, model, source)? == Verdict::Park)
}

/// Somebody has access that a push source can take.
fn can_lose(model: &Model) -> bool {
    is_in(model) && !model.row.break_glass
}

/// Somebody has access that no source takes.
fn is_spared(model: &Model) -> bool {
    is_in(model) && model.row.break_glass
}

fn is_in(model: &Model) -> bool {
    let row = &model.row;
    model.access() == Access::Granted && row.has_access && row.removed_at.is_none()
}

fn verdict(tx: &mut Tx<'_>, model: &Model, source: &Source) -> Result<Verdict> {
    let user = model.row.id.as_str();
    let word = match tx.find_parked(&source.id, user)? {
        _ if says_left(tx, user)? => Word::ConfirmedByHr,
        Some(_) => Word::Parked,
        None => Word::Alone,
    };
    let (situation, limits) = situation(tx, &source.id)?;
    Ok(judge(word, situation, limits))
}

/// How a connection stands in its window.
fn situation(tx: &mut Tx<'_>, connection: &str) -> Result<(Situation, Guard)> {
    let now = tx.now();
    let limits = match tx.find_connection(connection)? {
        Some(row) => row.push_settings()?.guard,
        None => Guard::default(),
    };
    let from = window(now);
    let lost = tx.count_push_losses(connection, from)?;
    let known = tx.find_push_guard(connection)?;
    let guard = match known {
        Some(guard) if guard.counted_at > from.0 && guard.counted_at <= now.0 => guard,
        // Who was lost within the window had access when it began.
        stale => {
            let guard = GuardRow {
                counted_at: now.0,
                granted: tx.count_granted(connection)? + lost,
                ..stale.unwrap_or_else(|| blank(tx, connection))
            };
            tx.put_push_guard(&guard)?;
            guard
        }
    };
    let announced = match Announced::of_push(&guard, now) {
        None => 0,
        Some(announced) => {
            let all = tx.count_push_losses(connection, announced.since)?;
            let since = from.max(announced.since);
            let lately = tx.count_push_losses(connection, since)?;
            announced.people.saturating_sub(count(all - lately))
        }
    };
    let situation = Situation {
        granted: count(guard.granted),
        lost: count(lost),
        announced,
    };
    Ok((situation, limits))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A guard that remembers nothing.
fn blank(tx: &Tx<'_>, connection: &str) -> GuardRow {
    GuardRow {
        tenant: tx.tenant().as_str().to_owned(),
        connection_id: connection.to_owned(),
        counted_at: 0,
        granted: 0,
        announced: 0,
        announced_at: None,
        announced_until: None,
    }
}

/// The connection has its way in its own view, and nowhere else.
fn park(tx: &mut Tx<'_>, model: &mut Model, source: &Source, because: &'static str) -> Result<()> {
    let (user, connection) = (model.row.id.clone(), source.id.as_str());
    if let Some(place) = model.position(connection)
        && !model.claims[place].is(ClaimState::Ended)
    {
        model.claims[place].set_state(ClaimState::Parked);
    }
    let session = gather(tx, connection)?;
    let known = tx.find_parked(connection, &user)?;
    if known.as_ref().is_some_and(|row| row.reason == because) {
        // It says what it said: what was decided about that stands.
        return Ok(());
    }
    let is_first = !tx.has_waiting(connection)?;
    let waited = known.filter(|row| [WAITING, APPROVED].contains(&row.state.as_str()));
    let row = ParkedRow {
        session_id: session.clone().unwrap_or_default(),
        since: waited.map_or(tx.now().0, |row| row.since),
        ..loss(tx, (connection, &user), because)
    };
    tx.put_parked(&row)?;
    if let Some(session) = session {
        tx.count_in_session(&session, 0, 1)?;
    }
    let entry = Entry::new("loss.parked", "user", user).object("connection", connection);
    tx.record(entry.reason(because));
    if is_first {
        tripped(tx, connection)?;
    }
    Ok(())
}

/// What a connection says of somebody, for an admin to decide.
fn loss(tx: &Tx<'_>, (connection, user): (&str, &str), because: &'static str) -> ParkedRow {
    ParkedRow {
        tenant: tx.tenant().as_str().to_owned(),
        connection_id: connection.to_owned(),
        user_id: user.to_owned(),
        state: WAITING.to_owned(),
        reason: because.to_owned(),
        session_id: String::new(),
        since: tx.now().0,
        decided_at: None,
        decider_kind: None,
        decider_id: None,
    }
}

/// What a connection says against a break-glass admin takes no access, and is not forgotten: it counts once she is none.
fn note(tx: &mut Tx<'_>, model: &Model, source: &Source, because: &'static str) -> Result<()> {
    let (user, connection) = (model.row.id.as_str(), source.id.as_str());
    let known = tx.find_parked(connection, user)?;
    if known.is_some_and(|row| row.reason == because) {
        // It says what it said: what was decided about that stands.
        return Ok(());
    }
    let row = ParkedRow {
        state: SPARED.to_owned(),
        session_id: gather(tx, connection)?.unwrap_or_default(),
        ..loss(tx, (connection, user), because)
    };
    tx.put_parked(&row)?;
    let entry = Entry::new("loss.spared", "user", user).object("connection", connection);
    tx.record(entry.reason(because));
    Ok(())
}

/// What was said against somebody while no source could take her access.
pub(in crate::service) fn said_meanwhile(
    tx: &mut Tx<'_>,
    user: &str,
) -> Result<Option<&'static str>> {
    let rows = tx.list_parked_of(user)?;
    let said = rows.iter().find(|row| row.state == SPARED);
    Ok(said.map(|row| code(&row.reason)))
}

/// A set of losses begins to wait: whoever is to know is told, in the transaction of its first loss.
fn tripped(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    tx.record(Entry::new("push_guard.tripped", "connection", connection));
    notices::parked(tx, connection)
}

/// A loss waits no more; with the last one there is nothing left to tell anybody.
pub(in crate::service) fn waits_no_more(tx: &mut Tx<'_>, row: &ParkedRow) -> Result<()> {
    if row.state == WAITING && !tx.has_waiting(&row.connection_id)? {
        let connection = row.connection_id.clone();
        tx.record(Entry::new("push_guard.quiet", "connection", connection));
        notices::close(tx, notices::PARKED, &row.connection_id)?;
    }
    Ok(())
}

/// The connection says `active` again: what it said before is no more.
fn withdraw(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &mut Model,
    source: &Source,
) -> Result<()> {
    let connection = source.id.as_str();
    let was = before.and_then(|b| Some(&b.claims[b.position(connection)?]));
    let could_wait = |claim: &Claim| !claim.is(ClaimState::Live) || claim.row.active == Some(false);
    if !was.is_some_and(could_wait) {
        return Ok(());
    }
    if let Some(place) = model.position(connection)
        && model.claims[place].is(ClaimState::Parked)
    {
        model.claims[place].set_state(ClaimState::Live);
    }
    let user = model.row.id.clone();
    if let Some(row) = tx.find_parked(connection, &user)? {
        tx.delete_parked(connection, &user)?;
        let entry = Entry::new("loss.withdrawn", "user", user).object("connection", connection);
        tx.record(entry.reason(row.reason.clone()));
        waits_no_more(tx, &row)?;
    }
    Ok(())
}

/// Whoever has lost access has nothing left that could wait: what her sources say is in force.
pub(in crate::service) fn clear(
    tx: &mut Tx<'_>,
    before: Option<&Model>,
    model: &mut Model,
) -> Result<()> {
    let had = before.is_some_and(|b| b.row.has_access);
    if !had || model.row.has_access {
        return Ok(());
    }
    for claim in &mut model.claims {
        if claim.is(ClaimState::Parked) {
            claim.set_state(ClaimState::Live);
        }
    }
    for row in tx.list_parked_of(&model.row.id)? {
        forget(tx, &row.connection_id, &row.user_id)?;
    }
    Ok(())
}

/// Whom no source removes from now on has nothing that waits for a decision: it counts once she is no break-glass admin any
/// more. What was decided for her stands.
pub(in crate::service) fn spare(tx: &mut Tx<'_>, model: &mut Model) -> Result<()> {
    let rows = tx.list_parked_of(&model.row.id)?;
    for row in rows.iter().filter(|row| row.state != DROPPED) {
        if let Some(place) = model.position(&row.connection_id)
            && model.claims[place].is(ClaimState::Parked)
        {
            model.claims[place].set_state(ClaimState::Live);
        }
        tx.put_parked(&ParkedRow {
            state: SPARED.to_owned(),
            ..row.clone()
        })?;
        waits_no_more(tx, row)?;
    }
    Ok(())
}

/// Forgets the parked loss of somebody by one connection, if there is one.
pub(in crate::service) fn forget(tx: &mut Tx<'_>, connection: &str, user: &str) -> Result<()> {
    let Some(row) = tx.find_parked(connection, user)? else {
        return Ok(());
    };
    tx.delete_parked(connection, user)?;
    waits_no_more(tx, &row)
}

/// The stored code of what a connection said, as the rules of access know it.
pub(in crate::service) fn code(stored: &str) -> &'static str {
    match stored == reason::DELETED_BY_SOURCE {
        true => reason::DELETED_BY_SOURCE,
        false => reason::DEACTIVATED_BY_SOURCE,
    }
}
