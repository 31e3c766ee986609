//! What the sender does with the outbox: it takes what is due under a claim, and notes how it went.
//!
//! Two replicas never send one mail twice while both live: the claim is taken in a transaction. A process that dies between
//! the mail server's answer and the note leaves a claim that runs out, and another sends the mail again, with the same
//! Message-ID, by which a duplicate is recognised: at least once.

use serde_json::{Value, json};

use super::{Kind, SECRET, place};
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::sealed::{Sealed, SecretText};
use crate::service::error::{Error, Result};
use crate::service::notices::{self, Raise};
use crate::service::{Caller, Service};
use crate::storage::outbox::{OutboxRow, list_due, secret_place, state};
use crate::storage::{Lane, Outcome, Tx};

/// How long a claim lasts, in milliseconds: longer than a mail may take.
pub const CLAIM: i64 = 5 * 60_000;
/// How often somebody tries: with these waits, for a day.
const TRIES: i64 = 28;
/// Waits after failures, in minutes; the last one from then on.
const WAITS: [i64; 5] = [1, 5, 15, 30, 60];

/// How an attempt went.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The next server took it.
    Taken,
    /// It was written into the local outbox.
    Filed,
    /// Not now: it is tried again, for a day. Code and parameters, without an address.
    Later(Value),
    /// Never.
    Refused(Value),
}

/// A row that is ours to send, with what its text needs.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The row.
    pub row: OutboxRow,
    /// Name of the person whom it is about, as the roster has it.
    pub name: Option<String>,
    /// Name of the tenant.
    pub tenant: String,
}

impl Service {
    /// Rows of a channel that are due, the longest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_due_outgoing(
        &self,
        channel: &'static str,
        limit: i64,
    ) -> Result<Vec<OutboxRow>> {
        let now = self.store.clock().now();
        self.store
            .read_global(move |conn| Ok(list_due(conn, channel, now, limit)?))
            .await
    }

    /// Takes a row for `holder`; `None`: somebody else has it, or it is due no more.
    ///
    /// # Errors
    /// Storage.
    pub async fn claim_outgoing(&self, row: &OutboxRow, holder: &str) -> Result<Option<Claimed>> {
        let (id, holder) = (row.id.clone(), holder.to_owned());
        self.store
            .write(sender(&row.tenant).meta(), move |tx| {
                let (now, found) = (tx.now(), tx.find_outgoing(&id)?);
                let is_due = |row: &OutboxRow| row.next_at.is_some_and(|at| at <= now.0);
                let tenant = tx.tenant().as_str().to_owned();
                // It may have been suspended or deleted since the row was found.
                let tenant = tx.find_tenant(&tenant)?.filter(|t| t.state == "active");
                let (Some(mut row), Some(tenant)) = (found.filter(is_due), tenant) else {
                    return Ok(Outcome::Done(None));
                };
                state::SENDING.clone_into(&mut row.state);
                row.attempts += 1;
                row.claim = Some(format!("{holder}/{}", row.attempts));
                row.next_at = Some(now.0 + CLAIM);
                row.updated_at = now.0;
                tx.update_outgoing(&row)?;
                let name = match &row.person {
                    Some(person) => tx.find_user(person)?.and_then(|user| user.display_name),
                    None => None,
                };
                let tenant = tenant.name;
                Ok::<_, Error>(Outcome::Done(Some(Claimed { row, name, tenant })))
            })
            .await
    }

    /// The secret of a mail; `None`: there is none, or it does not open.
    ///
    /// # Errors
    /// Storage.
    pub async fn open_mail_secret(&self, row: &OutboxRow) -> Result<Option<SecretText>> {
        let connection = secret_place(&row.id);
        let wanted = connection.clone();
        let found = self
            .store
            .point(&TenantId::new(row.tenant.as_str()), move |scope| {
                Ok::<_, Error>(scope.find_secret(&wanted, SECRET)?)
            })
            .await?;
        let opened = found.and_then(|secret| {
            let sealed = Sealed {
                key_id: secret.key_id,
                text: secret.sealed,
            };
            self.keys
                .open(place(&row.tenant, &connection), &sealed)
                .ok()
        });
        Ok(opened)
    }

    /// Notes how an attempt went, unless the claim ran out meanwhile and is somebody else's.
    ///
    /// # Errors
    /// Storage: the row stays claimed, and is sent again when the claim runs out.
    pub async fn end_outgoing(&self, claimed: &OutboxRow, sent: Sent) -> Result<()> {
        let (id, claim) = (claimed.id.clone(), claimed.claim.clone());
        self.store
            .write(sender(&claimed.tenant).meta(), move |tx| {
                if let Some(row) = tx.find_outgoing(&id)?
                    && row.claim == claim
                {
                    end(tx, row, &sent)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Tries a mail or call again that failed, was filed, or waits.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for one that is sent or withdrawn.
    pub async fn retry_outgoing(&self, caller: &Caller, id: &str) -> Result<OutboxRow> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_outgoing(&id)?;
                let mut row = found.ok_or_else(|| Error::no_such("mail", &id))?;
                match row.state.as_str() {
                    state::SENT | state::CANCELED | state::SENDING => {
                        return Err(Error::NotNow(format!("the mail is {}", row.state)));
                    }
                    _ => {}
                }
                let now = tx.now();
                state::QUEUED.clone_into(&mut row.state);
                // The day that it may take begins anew.
                row.attempts = 0;
                row.next_at = Some(now.0);
                row.claim = None;
                row.updated_at = now.0;
                tx.update_outgoing(&row)?;
                Ok(Outcome::Done(row))
            })
            .await
    }

    /// A tenant's mails and calls, the newest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_outgoing(
        &self,
        tenant: &TenantId,
        before: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<OutboxRow>> {
        let (before, state) = (before.map(str::to_owned), state.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_outgoing(before.as_deref(), state.as_deref(), limit)?)
            })
            .await
    }

    /// A mail or call.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_outgoing(&self, tenant: &TenantId, id: &str) -> Result<OutboxRow> {
        let id = id.to_owned();
        self.store
            .point(tenant, move |scope| {
                let found = scope.find_outgoing(&id)?;
                found.ok_or_else(|| Error::no_such("mail", &id))
            })
            .await
    }

    /// Why nothing leaves the house now; `None`: it does.
    ///
    /// # Errors
    /// Storage.
    pub async fn outgoing_paused(&self) -> Result<Option<String>> {
        let operator = TenantId::new(OPERATOR_TENANT);
        Ok(self.find_tenant_settings(&operator).await?.outgoing_paused)
    }

    /// Stops mails and webhooks, or lets them go on. What is queued meanwhile waits.
    ///
    /// # Errors
    /// Storage.
    pub async fn pause_outgoing(&self, caller: &Caller, why: Option<&str>) -> Result<()> {
        let why = why.map(str::to_owned);
        self.change_settings_of(caller, move |settings| {
            settings.outgoing_paused.clone_from(&why);
        })
        .await
    }

    /// Withdraws everything that waits; how much. For who goes on after a restore: it may have been sent long ago.
    ///
    /// # Errors
    /// Storage.
    pub async fn cancel_waiting(&self) -> Result<u64> {
        let mut canceled = 0;
        let tenants = self.list_tenants().await?;
        // Of one whose data is going the mails go with it.
        let going = crate::storage::tenants::state::DELETING;
        for tenant in tenants.into_iter().filter(|t| t.state != going) {
            let caller = Caller::operator(TenantId::new(tenant.id), "mail");
            loop {
                let waiting = self
                    .store
                    .write(caller.meta(), |tx| {
                        let mut all = tx.list_outgoing(None, Some(state::QUEUED), 200)?;
                        all.extend(tx.list_outgoing(None, Some(state::SENDING), 200)?);
                        for row in &all {
                            super::cancel(tx, &row.id)?;
                        }
                        Ok::<_, Error>(Outcome::Done(all.len()))
                    })
                    .await?;
                canceled += waiting as u64;
                if waiting == 0 {
                    break;
                }
            }
        }
        Ok(canceled)
    }
}

/// Who writes for the sender.
fn sender(tenant: &str) -> Caller {
    let mut caller = Caller::system(TenantId::new(tenant), "outbox");
    caller.lane = Lane::Run;
    caller
}

fn end(tx: &mut Tx<'_>, mut row: OutboxRow, sent: &Sent) -> Result<()> {
    let now = tx.now();
    row.claim = None;
    row.updated_at = now.0;
    row.next_at = None;
    row.error = None;
    match sent {
        Sent::Taken => {
            row.sent_at = Some(now.0);
            state::SENT.clone_into(&mut row.state);
        }
        Sent::Filed => state::FILED.clone_into(&mut row.state),
        Sent::Later(error) => {
            row.error = Some(error.to_string());
            match wait(row.attempts, now) {
                Some(at) => {
                    row.next_at = Some(at.0);
                    state::QUEUED.clone_into(&mut row.state);
                }
                None => state::FAILED.clone_into(&mut row.state),
            }
        }
        Sent::Refused(error) => {
            row.error = Some(error.to_string());
            state::FAILED.clone_into(&mut row.state);
        }
    }
    tx.update_outgoing(&row)?;
    match row.state == state::FAILED {
        true => lament(tx, &row),
        false => Ok(()),
    }
}

/// When it is tried next; `None`: its day is over. The day is one of attempts: while mails are paused, or no server runs, it
/// does not go by.
fn wait(attempts: i64, now: Millis) -> Option<Millis> {
    let nth = usize::try_from(attempts.max(1) - 1).unwrap_or(0);
    let minutes = WAITS[nth.min(WAITS.len() - 1)];
    (attempts < TRIES).then_some(Millis(now.0 + minutes * 60_000))
}

/// An invitation that did not arrive is something that an admin ought to know. Of a notice that did not, no notice tells.
pub(super) fn lament(tx: &mut Tx<'_>, row: &OutboxRow) -> Result<()> {
    if row.kind == Kind::Notice.as_str() {
        return Ok(());
    }
    let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
    let invitation = params["invitation"].as_str().unwrap_or_default();
    let failure: Value = row
        .error
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| json!({"code": row.delivery}));
    let raise = Raise {
        code: notices::INVITATION_FAILED,
        subject: if invitation.is_empty() {
            &row.id
        } else {
            invitation
        },
        person: row.person.as_deref(),
        params: json!({"invitation": invitation, "mail": row.id, "why": failure["code"], "status": failure["status"]}),
    };
    notices::raise(tx, &raise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_tries_for_a_day_and_less_and_less_often() {
        let (mut now, mut waits) = (Millis(0), Vec::new());
        for attempt in 1.. {
            let Some(next) = wait(attempt, now) else {
                break;
            };
            waits.push((next.0 - now.0) / 60_000);
            now = next;
        }
        assert!(waits.starts_with(&[1, 5, 15, 30, 60, 60]), "{waits:?}");
        assert!((23 * 60..=24 * 60).contains(&(now.0 / 60_000)), "{now:?}");
    }
}
