//! Exchanging a credential that works once: a refresh token that rotates, or the code of a consent. Whoever exchanges it
//! holds the connection's lease, begins with what is stored at that moment, and ends with the new one on disk; only then
//! may what came with it be used (SEMANTICS §7).

use super::{entry, place, sealed, store};
use crate::domain::sealed::SecretText;
use crate::service::consent::Given;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::secrets::{SecretRow, state};
use crate::storage::{Outcome, Scope};

/// An exchange that was begun.
#[derive(Debug)]
pub struct Exchange {
    name: String,
    /// The secret as it was stored.
    seen: Option<SecretRow>,
    /// The same, opened.
    pub token: Option<SecretText>,
    /// A consent that has come and goes before the token.
    pub consent: Option<Given>,
}

impl Service {
    /// Begins to exchange a credential: what is stored now, and that it is this process's turn. `holder` is the name under
    /// which the connection's lease was taken; without one nobody else works here.
    ///
    /// # Errors
    /// `Conflict`: another process has the lease. `Forbidden`: there is no key, so that the new value could not be kept.
    pub async fn begin_exchange(
        &self,
        caller: &Caller,
        connection: &str,
        name: &str,
        holder: Option<&str>,
    ) -> Result<Exchange> {
        if self.keys.current().is_none() {
            let detail = "there is no secret key, so the new credential could not be kept: set ROSTERD_SECRET_KEY_FILE";
            return Err(Error::Forbidden(detail.to_owned()));
        }
        let now = self.store.clock().now();
        let (id, wanted) = (connection.to_owned(), name.to_owned());
        let holder = holder.map(str::to_owned);
        let (seen, consent) = self
            .store
            .read(&caller.tenant, move |scope| {
                if let Some(holder) = &holder {
                    check_lease(scope, &id, holder, now.0)?;
                }
                Ok::<_, Error>((scope.find_secret(&id, &wanted)?, scope.find_consent(&id)?))
            })
            .await?;
        let token = match &seen {
            Some(row) if row.state == state::HELD => self.keys.open(place(row), &sealed(row)).ok(),
            _ => None,
        };
        Ok(Exchange {
            name: name.to_owned(),
            seen,
            token,
            consent: consent.and_then(|row| self.open_consent(&row, now)),
        })
    }

    /// Ends an exchange: the new value is on disk when this returns. A value that somebody entered meanwhile stays.
    ///
    /// # Errors
    /// `Conflict` if somebody entered another one meanwhile; storage, after which it may be called again.
    pub async fn end_exchange(
        &self,
        caller: &Caller,
        connection: &str,
        exchange: &Exchange,
        value: &SecretText,
    ) -> Result<()> {
        let closing = self.seal(&caller.tenant, connection, &exchange.name, value)?;
        let (connection, name) = (connection.to_owned(), exchange.name.clone());
        let mut seen = exchange.seen.clone();
        loop {
            let (id, expected, closing) = (connection.clone(), seen.clone(), closing.clone());
            let consent = exchange.consent.as_ref().map(|given| given.ticket.clone());
            let found = self
                .store
                .write(caller.meta(), move |tx| {
                    crate::service::connections::find_pull(tx, &id)?;
                    let found = tx.find_secret(&id, &closing.name)?;
                    if found != expected {
                        return Ok(Outcome::Done(Some(found)));
                    }
                    store(tx, &id, &closing, "connection.secret_rotated")?;
                    if let Some(ticket) = &consent {
                        forget(tx, &id, ticket)?;
                    }
                    Ok::<_, Error>(Outcome::Done(None))
                })
                .await?;
            let Some(found) = found else { return Ok(()) };
            match self.is_still(found.as_ref(), exchange, value) {
                // It was only sealed anew.
                Still::Old => seen = found,
                // A commit of ours whose outcome was not known.
                Still::New => return Ok(()),
                Still::Other => {
                    return Err(Error::Conflict(format!(
                        "`{name}` was entered anew while the old one was exchanged: the new one stays"
                    )));
                }
            }
        }
    }

    /// The vendor refused a consent's code: it is of no use any more.
    ///
    /// # Errors
    /// Storage.
    pub async fn drop_consent(
        &self,
        caller: &Caller,
        connection: &str,
        exchange: &Exchange,
    ) -> Result<()> {
        let Some(ticket) = exchange.consent.as_ref().map(|given| given.ticket.clone()) else {
            return Ok(());
        };
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                if forget(tx, &connection, &ticket)? {
                    tx.record(entry("connection.consent_refused", &connection, "code"));
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    fn is_still(&self, row: Option<&SecretRow>, exchange: &Exchange, new: &SecretText) -> Still {
        let now = row.and_then(|row| self.keys.open(place(row), &sealed(row)).ok());
        match now {
            Some(now) if now == *new => Still::New,
            now if now.is_some() && now == exchange.token => Still::Old,
            _ => Still::Other,
        }
    }
}

/// What stands where the new value is to go.
enum Still {
    Old,
    New,
    Other,
}

/// Forgets a consent, if it is still this one.
fn forget(tx: &mut crate::storage::Tx<'_>, connection: &str, ticket: &str) -> Result<bool> {
    let found = tx.find_consent(connection)?;
    let is_it = found.is_some_and(|row| row.ticket == ticket);
    if is_it {
        tx.delete_consent(connection)?;
    }
    Ok(is_it)
}

fn check_lease(scope: &mut Scope<'_>, connection: &str, holder: &str, now: i64) -> Result<()> {
    let schedule = scope.find_schedule(connection)?;
    let is_ours = schedule.is_some_and(|s| {
        s.lease_holder.as_deref() == Some(holder) && s.lease_until.is_some_and(|until| until > now)
    });
    match is_ours {
        true => Ok(()),
        false => Err(Error::Conflict(
            "another process has taken over this connection".to_owned(),
        )),
    }
}
