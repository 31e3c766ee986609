//! Losses of access that are parked: listed, released, dropped. Nothing parked ever applies itself, but for who has left by
//! the word of the HR source too.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use serde_json::Value;

use super::{code, count, waits_no_more};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::audit::{Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, leave_groups};
use crate::service::users::model::Model;
use crate::service::users::settle::settle_access;
use crate::service::{Caller, Service};
use crate::storage::memberships::MemberKind;
use crate::storage::push::parked::{APPROVED, DROPPED, WAITING};
use crate::storage::push::{ParkedRow, list_approved};
use crate::storage::{Lane, Outcome, Tx};

/// A decision without a step for so many milliseconds belongs to nobody any more.
pub(super) const IDLE_MS: i64 = 10_000;
/// Rows that one operation decides about.
const AT_ONCE: i64 = 200;
/// People who lose access at once: they share commits.
const TOGETHER: usize = 64;

/// Whom a decision is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Only losses by this connection.
    pub connection: Option<String>,
    /// Only these people.
    pub people: Option<BTreeSet<String>>,
}

impl Which {
    fn has(&self, row: &ParkedRow) -> bool {
        let people = self.people.as_ref();
        row.state == WAITING && people.is_none_or(|people| people.contains(&row.user_id))
    }
}

/// A parked loss with what she is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// What is stored of it.
    pub row: ParkedRow,
    /// Her userName.
    pub user_name: String,
    /// Whether the app lets her in.
    pub has_access: bool,
}

impl Service {
    /// Parked losses after a connection and a person, in their order.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_parked(
        &self,
        tenant: &TenantId,
        connection: Option<&str>,
        state: Option<&str>,
        after: (&str, &str),
        limit: i64,
    ) -> Result<Vec<Parked>> {
        let (connection, state) = (connection.map(str::to_owned), state.map(str::to_owned));
        let after = (after.0.to_owned(), after.1.to_owned());
        self.store
            .read(tenant, move |scope| {
                let after = (after.0.as_str(), after.1.as_str());
                let rows =
                    scope.list_parked(connection.as_deref(), state.as_deref(), after, limit)?;
                let mut parked = Vec::with_capacity(rows.len());
                for row in rows {
                    let user = scope.find_user(&row.user_id)?;
                    parked.push(Parked {
                        user_name: user
                            .as_ref()
                            .map_or_else(String::new, |u| u.user_name.clone()),
                        has_access: user.is_some_and(|u| u.has_access),
                        row,
                    });
                }
                Ok::<_, Error>(parked)
            })
            .await
    }

    /// How many losses of a connection wait.
    ///
    /// # Errors
    /// Storage.
    pub async fn count_parked(&self, tenant: &TenantId, connection: &str) -> Result<u64> {
        let connection = connection.to_owned();
        let waiting = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.count_waiting(&connection)?)
            })
            .await?;
        Ok(count(waiting))
    }

    /// Carries out parked losses; each that still waits for the same reason. From here on a killed release is gone on with.
    /// Returns how many.
    ///
    /// # Errors
    /// `NotFound` if none of them waits.
    pub async fn release_parked(&self, caller: &Caller, which: &Which) -> Result<u64> {
        let decided = self.decide_parked(caller, which, APPROVED).await?;
        let number = u64::try_from(decided.len()).unwrap_or_default();
        let each = decided.into_iter().map(|row| self.carry_out(caller, row));
        let mut each = futures_util::stream::iter(each).buffer_unordered(TOGETHER);
        while let Some(done) = each.next().await {
            done?;
        }
        Ok(number)
    }

    /// Lets people keep their access whose loss is parked, until the connection says something else of them. Returns how
    /// many.
    ///
    /// # Errors
    /// `NotFound` if no loss of theirs waits.
    pub async fn drop_parked(&self, caller: &Caller, which: &Which) -> Result<u64> {
        let decided = self.decide_parked(caller, which, DROPPED).await?;
        Ok(u64::try_from(decided.len()).unwrap_or_default())
    }

    async fn decide_parked(
        &self,
        caller: &Caller,
        which: &Which,
        state: &'static str,
    ) -> Result<Vec<ParkedRow>> {
        let (mut after, mut decided) = ((String::new(), String::new()), Vec::new());
        loop {
            let (which, from) = (which.clone(), after.clone());
            let (seen, rows) = self
                .store
                .write(caller.meta(), move |tx| {
                    let from = (from.0.as_str(), from.1.as_str());
                    let connection = which.connection.as_deref();
                    let seen = tx.list_parked(connection, Some(WAITING), from, AT_ONCE)?;
                    let wanted = seen.iter().filter(|row| which.has(row)).cloned().collect();
                    let rows = decide(tx, wanted, state)?;
                    Ok::<_, Error>(Outcome::Done((seen, rows)))
                })
                .await?;
            decided.extend(rows);
            let Some(last) = seen.last() else { break };
            after = (last.connection_id.clone(), last.user_id.clone());
        }
        match decided.is_empty() {
            true => Err(Error::NotFound(
                "no loss of access of these people is parked and waits".to_owned(),
            )),
            false => Ok(decided),
        }
    }

    /// One person loses access as her source wanted it.
    async fn carry_out(&self, caller: &Caller, row: ParkedRow) -> Result<()> {
        loop {
            let (registry, row) = (self.registry(&caller.tenant).await?, row.clone());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    let found = tx.find_parked(&row.connection_id, &row.user_id)?;
                    match found.filter(|found| found.state == APPROVED) {
                        Some(found) => apply(tx, &registry, &found).map(Outcome::Done),
                        None => Ok(Outcome::Done(true)),
                    }
                })
                .await;
            match done {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    /// Carries out what was released and a killed process, or a client that went away, left half done.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume_parked(&self) -> Result<()> {
        let before = Millis(self.store.clock().now().0 - IDLE_MS);
        let rows = self
            .store
            .read_global(move |conn| list_approved(conn, before, AT_ONCE))
            .await?;
        for row in rows {
            let caller = Caller {
                tenant: TenantId::new(row.tenant.as_str()),
                actor: Actor {
                    kind: row.decider_kind.clone().unwrap_or_default(),
                    id: row.decider_id.clone().unwrap_or_default(),
                },
                cause: Cause {
                    kind: "command".to_owned(),
                    id: "parked release".to_owned(),
                },
                lane: Lane::Run,
            };
            self.carry_out(&caller, row).await?;
        }
        Ok(())
    }
}

/// Notes what an admin decided, with one entry for each person.
fn decide(tx: &mut Tx<'_>, rows: Vec<ParkedRow>, state: &'static str) -> Result<Vec<ParkedRow>> {
    let action = match state {
        APPROVED => "loss.released",
        _ => "loss.dropped",
    };
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let mut decided: Vec<ParkedRow> = Vec::with_capacity(rows.len());
    for row in rows {
        let waited = row.clone();
        let row = ParkedRow {
            state: state.to_owned(),
            decided_at: Some(now),
            decider_kind: Some(actor.kind.clone()),
            decider_id: Some(actor.id.clone()),
            ..row
        };
        tx.put_parked(&row)?;
        let entry = Entry::new(action, "user", row.user_id.clone())
            .object("connection", row.connection_id.clone())
            .reason(row.reason.clone())
            .change(
                "state",
                Some(Value::from(WAITING)),
                Some(Value::from(state)),
            );
        tx.record(entry);
        waits_no_more(tx, &waited)?;
        decided.push(row);
    }
    Ok(decided)
}

/// Carries a loss out. False: she is in more groups than one operation may change; it is to be called again.
fn apply(tx: &mut Tx<'_>, registry: &Registry, row: &ParkedRow) -> Result<bool, Halt> {
    let because = code(&row.reason);
    let found = Model::load(tx, registry, &row.user_id)?;
    let Some(before) = found.filter(|m| m.row.removed_at.is_none() && m.row.has_access) else {
        tx.delete_parked(&row.connection_id, &row.user_id)?;
        return Ok(true);
    };
    if before.row.break_glass {
        // No source removes her.
        tx.delete_parked(&row.connection_id, &row.user_id)?;
        return Ok(true);
    }
    let member = (row.user_id.clone(), MemberKind::User);
    let is_deleted = because == reason::DELETED_BY_SOURCE;
    if is_deleted && !leave_groups(tx, &member, Some(&row.connection_id), because)? {
        return Ok(false);
    }
    let mut model = before.clone();
    let (now, revoked) = (
        tx.now(),
        Decision {
            access: Access::Revoked,
            reason: because,
        },
    );
    model.decide(revoked, now);
    // With the access goes what waited.
    settle_access(tx, &before, &mut model)?;
    Ok(true)
}

/// The HR source says of somebody that she has left, and its own guard believes that but for the number: a loss of hers
/// that another source wanted waits no more. One whose groups are busy waits for the next pull.
pub(in crate::service) fn confirm(tx: &mut Tx<'_>, registry: &Registry, user: &str) -> Result<()> {
    let rows = tx.list_parked_of(user)?;
    let Some(row) = rows.iter().find(|row| row.state == WAITING) else {
        return Ok(());
    };
    match apply(tx, registry, row) {
        Ok(_) | Err(Halt::Behind(_) | Halt::Plan(_)) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
    }
}
