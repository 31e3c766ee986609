//! Disconnecting a source, pulled or pushed (SEMANTICS §3): whom only it listed goes, everybody else stays as she is, its
//! groups stay and nobody manages them. It is a job: the connection says at once that it is disconnecting and is neither
//! pulled nor let in any more; then its people part from it, each in an operation of her own, and whoever finds it half
//! done goes on. Links and answers stay for [`KEPT_DAYS`], so that connecting again finds the same people.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::AT_ONCE;
use super::draft::tell_employment;
use super::parting::{Fate, Parting};
use crate::domain::access::{Access, Decision, reason};
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::flatten;
use crate::service::connections::{ConnectionRow, PULL, turn};
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, leave_groups, let_go};
use crate::service::switch::state::{CUTTING, RETURNING};
use crate::service::teams::part_from;
use crate::service::users::model::{Claim, Model, user_name};
use crate::service::users::settle::{Act, settle};
use crate::service::users::source_of;
use crate::service::{Caller, Service, notices};
use crate::storage::claims::ClaimState;
use crate::storage::connections::{list_forgettable, list_unfinished};
use crate::storage::links::LinkRow;
use crate::storage::memberships::MemberKind;
use crate::storage::{Outcome, Tx};

/// State while people part from the source.
pub(in crate::service) const DISCONNECTING: &str = "disconnecting";
/// State afterwards.
pub(in crate::service) const DISCONNECTED: &str = "disconnected";
/// How long links and answers are kept for a reconnect.
pub const KEPT_DAYS: i64 = 90;
/// A job that nobody touched for so long is gone on with.
const IDLE_MS: i64 = 30_000;
/// People read together.
const PAGE: i64 = 500;
/// Rows that one operation forgets.
const FORGOTTEN: i64 = 400;
/// Groups let go in one operation: a row and an entry each.
const GROUPS_AT_ONCE: i64 = 100;

impl Service {
    /// Disconnects a source and waits until it is done. Called again after it was cut off, it goes on; the counts are those
    /// of this call.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for the app's own users; `Conflict` while a run or the step of a switch is under way; storage.
    pub async fn disconnect(&self, caller: &Caller, connection: &str) -> Result<Parting> {
        self.begin_disconnect(caller, connection).await?;
        self.finish_disconnect(caller, connection).await
    }

    /// Says that a connection is disconnected; people part from it meanwhile, in this process or, if it dies, in another.
    ///
    /// # Errors
    /// As [`Self::disconnect`].
    pub async fn start_disconnect(&self, caller: &Caller, connection: &str) -> Result<()> {
        self.begin_disconnect(caller, connection).await?;
        let (service, caller, id) = (self.clone(), caller.clone(), connection.to_owned());
        tokio::spawn(async move {
            if let Err(error) = service.finish_disconnect(&caller, &id).await {
                tracing::warn!(connection.id = id, error = %error, "a disconnect was cut off and is gone on with");
            }
        });
        Ok(())
    }

    /// Goes on with disconnects that a killed process left half done. Returns how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume_disconnects(&self) -> Result<usize> {
        let before = Millis(self.store.clock().now().0 - IDLE_MS);
        let rows = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_unfinished(conn, before)?))
            .await?;
        let mut done = 0;
        for (tenant, connection) in &rows {
            let caller = Caller::system(TenantId::new(tenant.as_str()), "disconnect");
            match self.finish_disconnect(&caller, connection).await {
                Ok(_) => done += 1,
                // One tenant's trouble holds up no other.
                Err(error) => {
                    tracing::warn!(tenant.id = tenant, connection.id = connection, error = %error, "a disconnect cannot be gone on with now");
                }
            }
        }
        Ok(done)
    }

    /// Forgets links and answers of connections that were disconnected long ago. Returns of how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn forget_disconnected(&self) -> Result<usize> {
        let before = self.store.clock().now().plus_days(-KEPT_DAYS);
        let rows = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_forgettable(conn, before)?))
            .await?;
        for (tenant, connection) in &rows {
            let caller = Caller::system(TenantId::new(tenant.as_str()), "disconnect");
            loop {
                let id = connection.clone();
                let is_done = self
                    .store
                    .write(caller.meta(), move |tx| forget(tx, &id).map(Outcome::Done))
                    .await?;
                if is_done {
                    break;
                }
            }
        }
        Ok(rows.len())
    }

    async fn begin_disconnect(&self, caller: &Caller, connection: &str) -> Result<()> {
        let row = self.source_row(&caller.tenant, connection).await?;
        self.store
            .write(caller.meta(), move |tx| {
                close(tx, &row.id).map(Outcome::Done)
            })
            .await
    }

    async fn finish_disconnect(&self, caller: &Caller, connection: &str) -> Result<Parting> {
        let row = self.source_row(&caller.tenant, connection).await?;
        let mut parting = Parting::default();
        if row.state != DISCONNECTING {
            return Ok(parting);
        }
        for range in RANGES {
            let mut after = String::new();
            loop {
                let page = self.claimants(caller, &row.id, range, after).await?;
                let Some(last) = page.last() else { break };
                after = last.clone();
                let each = page.into_iter().map(|user| self.part(caller, &row, user));
                let fates: Vec<Fate> = futures_util::stream::iter(each)
                    .buffered(AT_ONCE)
                    .try_collect()
                    .await?;
                fates.into_iter().for_each(|fate| parting.count(fate));
            }
        }
        loop {
            let let_go = self.release_groups(caller, &row).await?;
            parting.groups += let_go;
            if let_go == 0 {
                break;
            }
        }
        // What opens the source is of no use any more; whoever connects again enters it again.
        for secret in self.list_secrets(&caller.tenant, &row.id).await? {
            self.delete_secret(caller, &row.id, &secret.name).await?;
        }
        self.drop_files(caller, &row.id).await?;
        let id = row.id;
        self.store
            .write(caller.meta(), move |tx| end(tx, &id).map(Outcome::Done))
            .await?;
        Ok(parting)
    }

    /// The connection, if it is a source that can be taken off.
    pub(super) async fn source_row(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<ConnectionRow> {
        let id = connection.to_owned();
        let found = self
            .store
            .point(tenant, move |scope| scope.find_connection(&id))
            .await
            .map_err(Error::from)?;
        let row = found.ok_or_else(|| Error::no_such("connection", connection))?;
        match row.kind.as_str() {
            "app" => Err(Error::Forbidden(
                "this is the app itself: its users are loaded and removed, not disconnected"
                    .to_owned(),
            )),
            _ => Ok(row),
        }
    }

    /// Some of those whom the source claims, in one range of its index; says that the job is alive, too.
    async fn claimants(
        &self,
        caller: &Caller,
        connection: &str,
        (is_public, state): (bool, ClaimState),
        after: String,
    ) -> Result<Vec<String>> {
        let id = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let now = tx.now();
                tx.set_disconnected(&id, Some(now))?;
                let page = tx.list_claimants(&id, is_public, state, &after, PAGE)?;
                Ok::<_, Error>(Outcome::Done(page))
            })
            .await
    }

    async fn release_groups(&self, caller: &Caller, row: &ConnectionRow) -> Result<u64> {
        loop {
            let (registry, source) = (self.registry(&caller.tenant).await?, source_of(row));
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    let count = let_go(tx, &registry, &source, GROUPS_AT_ONCE)?;
                    Ok::<_, Halt>(Outcome::Done(Some(count)))
                })
                .await;
            if let Some(count) = self.settle_halt(done).await? {
                return Ok(count);
            }
        }
    }

    /// One person parts from the source.
    async fn part(&self, caller: &Caller, row: &ConnectionRow, user: String) -> Result<Fate> {
        loop {
            let registry = self.registry(&caller.tenant).await?;
            let (row, user) = (row.clone(), user.clone());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    part(tx, &registry, &row, &user).map(Outcome::Done)
                })
                .await;
            if let Some(fate) = self.settle_halt(done).await? {
                return Ok(fate);
            }
        }
    }
}

/// The parts of a source's claims that have not ended, as their index has them.
const RANGES: [(bool, ClaimState); 8] = [
    (true, ClaimState::Live),
    (true, ClaimState::Pending),
    (true, ClaimState::Parked),
    (true, ClaimState::Resting),
    (false, ClaimState::Live),
    (false, ClaimState::Pending),
    (false, ClaimState::Parked),
    (false, ClaimState::Resting),
];

/// Nothing is pulled any more, and nobody is let in.
fn close(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let row = tx
        .find_connection(connection)?
        .ok_or_else(|| Error::no_such("connection", connection))?;
    if [DISCONNECTING, DISCONNECTED].contains(&row.state.as_str()) {
        return Ok(());
    }
    let now = tx.now();
    if row.kind == PULL
        && let Some(schedule) = tx.find_schedule(connection)?
        && schedule.is_leased("", now)
    {
        return Err(Error::Conflict(
            "a run of this connection is under way: try again when it has ended".to_owned(),
        ));
    }
    check_switches(tx, connection)?;
    part_from(tx, connection)?;
    turn(tx, &row, DISCONNECTING)?;
    tx.set_disconnected(connection, Some(now))?;
    let entry = Entry::new("connection.disconnected", "connection", connection);
    let (before, after) = (Value::from(row.state), Value::from(DISCONNECTED));
    tx.record(entry.change("state", Some(before), Some(after)));
    Ok(())
}

/// A switch that is under way moves people between its connections: it needs both.
fn check_switches(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let switches = tx.list_switches()?.into_iter();
    let mut own = switches.filter(|s| [&*s.from_id, &*s.to_id].contains(&connection));
    match own.find(|s| [CUTTING, RETURNING].contains(&&*s.state)) {
        None => Ok(()),
        Some(switch) => Err(Error::Conflict(format!(
            "people follow the switch {}, which is {}: wait until it is cut or comparing again, and disconnect then",
            switch.id, switch.state
        ))),
    }
}

/// Everybody has parted: what waited for a decision waits no more.
fn end(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let Some(row) = tx
        .find_connection(connection)?
        .filter(|row| row.state == DISCONNECTING)
    else {
        return Ok(());
    };
    turn(tx, &row, DISCONNECTED)?;
    let now = tx.now();
    tx.set_disconnected(connection, Some(now))?;
    tx.delete_consent(connection)?;
    tx.delete_all_parked(connection)?;
    tx.delete_all_held(connection)?;
    notices::disconnected(tx, &row)
}

/// Forgets some of what was kept; true when nothing is left.
fn forget(tx: &mut Tx<'_>, connection: &str) -> Result<bool> {
    let rows = tx.delete_links_of(connection, FORGOTTEN)?
        + tx.delete_conflicts_of(connection, FORGOTTEN)?
        + tx.delete_pairs_of(connection, FORGOTTEN)?;
    if rows > 0 {
        return Ok(false);
    }
    let entry = Entry::new("connection.forgotten", "connection", connection);
    tx.record(entry);
    tx.set_disconnected(connection, None)?;
    Ok(true)
}

/// `None`: she is in more groups than one operation may change; it is to be called again.
fn part(
    tx: &mut Tx<'_>,
    registry: &Registry,
    connection: &ConnectionRow,
    user: &str,
) -> Result<Option<Fate>, Halt> {
    let before = Model::load(tx, registry, user)?;
    let Some(before) = before.filter(|m| m.row.removed_at.is_none()) else {
        return Ok(Some(Fate::Gone));
    };
    let place = before
        .position(&connection.id)
        .filter(|place| !before.claims[*place].is(ClaimState::Ended));
    let Some(place) = place else {
        return Ok(Some(Fate::Gone));
    };
    let fate = fate(&before, &connection.id);
    let member = (user.to_owned(), MemberKind::User);
    if fate == Fate::Removed && !leave_groups(tx, &member, None, reason::DISCONNECTED)? {
        return Ok(None);
    }
    let (mut model, now) = (before.clone(), tx.now());
    end_claim(registry, &mut model, place, now)?;
    tell_employment(tx, &mut model, &connection.id)?;
    if fate == Fate::Removed {
        model.row.removed_at = Some(now.0);
        let decision = Decision {
            access: Access::Listed,
            reason: reason::DISCONNECTED,
        };
        model.decide(decision, now);
    }
    let source = source_of(connection);
    let act = Act {
        source: &source,
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    if fate == Fate::Removed {
        tx.record(Entry::new("user.deleted", "user", user).reason(reason::DISCONNECTED));
    }
    let links = tx.list_links_of(user)?.into_iter();
    for link in links.filter(|l| l.connection_id == connection.id && l.due_at.is_some()) {
        tx.update_link(&LinkRow {
            due_at: None,
            updated_at: now.0,
            ..link
        })?;
    }
    Ok(Some(fate))
}

/// Ends the claim at a place. What nobody else says about name and address passes to whoever is left.
pub(super) fn end_claim(
    registry: &Registry,
    model: &mut Model,
    place: usize,
    now: Millis,
) -> Result<()> {
    let view = model.view_doc(registry, place);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Ended);
    claim.row.ended_at = Some(now.0);
    // By this name the source knew the person, whatever it is in force.
    claim.row.set_user_name(user_name(&view)?);
    if let Some(heir) = model.claims.iter().position(Claim::takes_part) {
        let effective = flatten(registry, ResourceKind::User, &model.doc);
        model.inherit(heir, &effective);
    }
    Ok(())
}

/// Whom nobody let in and nobody else claims has no reason to stay.
fn fate(model: &Model, connection: &str) -> Fate {
    let is_claimed = model
        .claims
        .iter()
        .any(|c| c.row.connection_id != connection && !c.is(ClaimState::Ended));
    match model.access() {
        Access::Invited => Fate::Invited,
        Access::Listed if !is_claimed && !model.row.break_glass => Fate::Removed,
        _ => Fate::Kept,
    }
}
