//! What time does to invitations: a reminder, and the end. Every process looks for what is due; each invitation is looked at
//! again in the operation that does something about it, so that several processes do it once.

use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::invitation::{Act, State};
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::mail::{self, Kind};
use crate::service::{Caller, Service};
use crate::storage::invitations::{InvitationRow, list_due};
use crate::storage::{Lane, Outcome, Tx};

use super::{close, find, state_of, write};

/// Invitations that are looked for at once.
const AT_ONCE: i64 = 200;

impl Service {
    /// Reminds of invitations, and ends those whose time is over, in all tenants. Answers how many it looked at.
    ///
    /// # Errors
    /// Storage.
    pub async fn tick_invitations(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let now = self.store.clock().now();
            let due = self
                .store
                .read_global(move |conn| Ok::<_, Error>(list_due(conn, now, AT_ONCE)?))
                .await?;
            let is_last = due.len() < usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
            let before = done;
            for (tenant, id) in due {
                let tenant = TenantId::new(tenant);
                match self.tick_invitation(&tenant, &id).await {
                    Ok(()) => done += 1,
                    // One that cannot be read, or whose tenant's writes wait, holds up no other.
                    Err(error) => {
                        tracing::warn!(tenant.id = tenant.as_str(), invitation.id = id, error = %error, "an invitation cannot be looked at now");
                    }
                }
            }
            if is_last || done == before {
                return Ok(done);
            }
        }
    }

    async fn tick_invitation(&self, tenant: &TenantId, id: &str) -> Result<()> {
        let registry = self.registry(tenant).await?;
        let mut caller = Caller::system(tenant.clone(), "invitations");
        caller.lane = Lane::Run;
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                carry_out(tx, &registry, &id)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

fn carry_out(tx: &mut Tx<'_>, registry: &Registry, id: &str) -> Result<()> {
    let mut row = find(tx, id)?;
    let now = tx.now();
    if row.due_at.is_none_or(|due| due > now.0) {
        return Ok(());
    }
    match Act::Expire.on(state_of(&row)) {
        Some(expired) if row.expires_at <= now.0 => {
            close(tx, registry, &mut row, Act::Expire, expired)
        }
        Some(_) => remind(tx, &mut row, now),
        None => {
            row.due_at = None;
            Ok(tx.update_invitation(&row)?)
        }
    }
}

/// Another link for the same invitation: the one in the first mail goes on working. Nobody is reminded by an address at which
/// the first mail did not arrive.
fn remind(tx: &mut Tx<'_>, row: &mut InvitationRow, now: Millis) -> Result<()> {
    let first = match &row.mail_id {
        Some(id) => mail::status(tx, id)?,
        None => None,
    };
    let waits = first.as_ref().is_some_and(|mail| mail.state == "queued");
    let is_lost = first.is_some_and(|mail| {
        mail.state == "failed" || ["bounced", "complained"].contains(&mail.delivery.as_str())
    });
    debug_assert_eq!(state_of(row), State::Pending);
    row.reminded_at = Some(now.0);
    row.due_at = Some(row.expires_at);
    if waits {
        // It says no less than the reminder, which goes in its place.
        write::cancel_mail(tx, row)?;
    }
    // A link that works goes to no address that is hers no more.
    if !is_lost && write::is_hers(tx, row)? {
        write::link(tx, row, Kind::Reminder)?;
        tx.record(write::entry("invitation.reminded", row));
    }
    Ok(tx.update_invitation(row)?)
}
