//! Changing the HR system (SEMANTICS §1, §2): the new connection is set up beside the old one and matches people as any
//! second source does; who differs is listed; then it takes the old one's place. The old one is paused, and its claims rest:
//! they keep what they said and take no part. For [`BACK_DAYS`] there is a way back; then the old one is disconnected.
//!
//! Nobody gains or loses access by either step, and nobody is somebody else afterwards: ids, groups, history and links stay.
//! Both steps are jobs of one small operation a person; a killed one is gone on with.

mod carry;
mod compare;

pub use compare::{Compared, Difference, Kind};

use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::connections::{ConnectionRow, PULL, turn};
use super::error::{Error, Result};
use super::{Caller, Service};
use crate::domain::audit::{Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::precedence::Rules;
use crate::service::pull::{DISCONNECTED, DISCONNECTING};
use crate::storage::claims::ClaimState;
use crate::storage::switches::{list_idle, list_over};
use crate::storage::{Lane, Outcome, Tx};

pub use crate::storage::switches::SwitchRow;

/// Days within which the old connection can have its place back.
pub const BACK_DAYS: i64 = 14;
/// People read together.
const PAGE: i64 = 500;
/// People on their way at once.
const AT_ONCE: usize = 64;
/// A job that nobody touched for so long is gone on with.
const IDLE_MS: i64 = 30_000;

/// Where a switch stands.
pub mod state {
    /// Both connections work, the old one first.
    pub const COMPARING: &str = "comparing";
    /// The new one is taking the place.
    pub const CUTTING: &str = "cutting";
    /// It has the place; there is a way back.
    pub const CUT: &str = "cut";
    /// The old one is getting its place back.
    pub const RETURNING: &str = "returning";
    /// An admin gave it up while both worked.
    pub const GIVEN_UP: &str = "given-up";
    /// The old connection was disconnected.
    pub const ENDED: &str = "ended";
}

impl Service {
    /// Says that one pull connection is to take the place of another.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for connections that are not pulled, or the same one; `Conflict` while one of them is part of
    /// another switch.
    pub async fn start_switch(&self, caller: &Caller, from: &str, to: &str) -> Result<SwitchRow> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                start(tx, &from, &to).map(Outcome::Done)
            })
            .await
    }

    /// All switches of a tenant, oldest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_switches(&self, tenant: &TenantId) -> Result<Vec<SwitchRow>> {
        self.store
            .read(tenant, |scope| Ok(scope.list_switches()?))
            .await
    }

    /// A switch.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_switch(&self, tenant: &TenantId, id: &str) -> Result<SwitchRow> {
        let wanted = id.to_owned();
        let found = self
            .store
            .point(tenant, move |scope| {
                Ok::<_, Error>(scope.find_switch(&wanted)?)
            })
            .await?;
        found.ok_or_else(|| Error::no_such("switch", id))
    }

    /// Gives a switch up while both connections work; they go on side by side.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` once the new one has the place.
    pub async fn give_up_switch(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let row = find(tx, &id)?;
                if row.state == state::GIVEN_UP {
                    return Ok(Outcome::Done(row));
                }
                expect(&row, state::COMPARING)?;
                let row = step(tx, row, state::GIVEN_UP, None)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }

    /// Gives the new connection the old one's place; people follow meanwhile, in this process or, if it dies, in another.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` unless both connections are compared and the new one has brought somebody; `Conflict` while one
    /// of them is pulled.
    pub async fn start_cut_over(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let row = self.begin_cut_over(caller, id).await?;
        self.go_on_with(caller, &row);
        Ok(row)
    }

    /// Gives the old connection its place back, as [`Self::start_cut_over`].
    ///
    /// # Errors
    /// `NotFound`; `NotNow` when there is no way back, or no longer.
    pub async fn start_return(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let row = self.begin_return(caller, id).await?;
        self.go_on_with(caller, &row);
        Ok(row)
    }

    /// The new connection gets the place, and everybody follows. Called again after it was cut off, it goes on.
    ///
    /// # Errors
    /// As [`Self::start_cut_over`].
    pub async fn cut_over(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        self.begin_cut_over(caller, id).await?;
        self.finish_switch(caller, id).await
    }

    /// The old connection gets its place back, and everybody follows.
    ///
    /// # Errors
    /// As [`Self::start_return`].
    pub async fn return_switch(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        self.begin_return(caller, id).await?;
        self.finish_switch(caller, id).await
    }

    /// Goes on with switches that a killed process left half done, and ends those whose way back is over. Returns how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume_switches(&self) -> Result<usize> {
        let now = self.store.clock().now();
        let (idle, over) = self
            .store
            .read_global(move |conn| {
                let under_way = [state::CUTTING, state::RETURNING];
                let idle = list_idle(conn, &under_way, Millis(now.0 - IDLE_MS))?;
                Ok::<_, Error>((idle, list_over(conn, state::CUT, now)?))
            })
            .await?;
        for (tenant, id) in &idle {
            let tenant = TenantId::new(tenant.as_str());
            let row = self.find_switch(&tenant, id).await?;
            self.finish_switch(&caller(&row), id).await?;
        }
        for (tenant, id) in &over {
            self.end_switch(&TenantId::new(tenant.as_str()), id).await?;
        }
        Ok(idle.len() + over.len())
    }

    fn go_on_with(&self, caller: &Caller, row: &SwitchRow) {
        let (service, caller, id) = (self.clone(), caller.clone(), row.id.clone());
        tokio::spawn(async move {
            if let Err(error) = service.finish_switch(&caller, &id).await {
                tracing::warn!(switch.id = id, error = %error, "a switch of connections was cut off and is gone on with");
            }
        });
    }

    async fn begin_cut_over(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                begin_cut_over(tx, &id).map(Outcome::Done)
            })
            .await
    }

    async fn begin_return(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                begin_return(tx, &id).map(Outcome::Done)
            })
            .await
    }

    /// Everybody whom the old connection claims follows, one at a time.
    async fn finish_switch(&self, caller: &Caller, id: &str) -> Result<SwitchRow> {
        let row = self.find_switch(&caller.tenant, id).await?;
        let (of, is_return) = match row.state.as_str() {
            state::CUTTING => (ClaimState::Live, false),
            state::RETURNING => (ClaimState::Resting, true),
            _ => return Ok(row),
        };
        for is_public in [true, false] {
            let mut after = String::new();
            loop {
                let page = self.switching(caller, &row, (is_public, of), after).await?;
                let Some(last) = page.last() else { break };
                after = last.clone();
                let each = page.into_iter().map(|user| {
                    let (from, caller) = (row.from_id.clone(), caller.clone());
                    self.carry(caller, from, user, is_return)
                });
                futures_util::stream::iter(each)
                    .buffered(AT_ONCE)
                    .try_collect::<()>()
                    .await?;
            }
        }
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| finish(tx, &id).map(Outcome::Done))
            .await
    }

    /// Some of those who are to follow; says that the job is alive, too.
    async fn switching(
        &self,
        caller: &Caller,
        row: &SwitchRow,
        (is_public, of): (bool, ClaimState),
        after: String,
    ) -> Result<Vec<String>> {
        let (id, from) = (row.id.clone(), row.from_id.clone());
        self.store
            .write(caller.meta(), move |tx| {
                let row = find(tx, &id)?;
                let touched_at = tx.now().0;
                tx.update_switch(&SwitchRow { touched_at, ..row })?;
                let page = tx.list_claimants(&from, is_public, of, &after, PAGE)?;
                Ok::<_, Error>(Outcome::Done(page))
            })
            .await
    }

    async fn carry(
        &self,
        caller: Caller,
        from: String,
        user: String,
        is_return: bool,
    ) -> Result<()> {
        let registry = self.registry(&caller.tenant).await?;
        self.store
            .write(caller.meta(), move |tx| {
                let done = match is_return {
                    false => carry::rest(tx, &registry, &from, &user),
                    true => carry::wake(tx, &registry, &from, &user),
                };
                done.map(Outcome::Done)
            })
            .await
    }

    /// There is no way back any more: the old connection is disconnected.
    async fn end_switch(&self, tenant: &TenantId, id: &str) -> Result<()> {
        let row = self.find_switch(tenant, id).await?;
        let caller = Caller::system(tenant.clone(), "switch");
        self.disconnect(&caller, &row.from_id).await?;
        let id = id.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let row = find(tx, &id)?;
                if row.state == state::CUT {
                    step(tx, row, state::ENDED, None)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

/// Whoever decided also carries it out.
fn caller(row: &SwitchRow) -> Caller {
    Caller {
        tenant: TenantId::new(row.tenant.as_str()),
        actor: Actor {
            kind: row.actor_kind.clone(),
            id: row.actor_id.clone(),
        },
        cause: Cause {
            kind: "switch".to_owned(),
            id: row.id.clone(),
        },
        lane: Lane::Run,
    }
}

fn find(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let found = tx.find_switch(id)?;
    found.ok_or_else(|| Error::no_such("switch", id))
}

fn expect(row: &SwitchRow, wanted: &str) -> Result<()> {
    match row.state == wanted {
        true => Ok(()),
        false => Err(Error::NotNow(format!(
            "the switch is {}: this is possible while it is {wanted}",
            row.state
        ))),
    }
}

/// Puts a switch into a state, with its entry.
fn step(tx: &mut Tx<'_>, row: SwitchRow, to: &str, until: Option<i64>) -> Result<SwitchRow> {
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let entry = Entry::new("switch.changed", "switch", row.id.clone())
        .object("connection", row.to_id.clone())
        .change("state", Some(row.state.clone().into()), Some(to.into()));
    tx.record(entry);
    let row = SwitchRow {
        state: to.to_owned(),
        until,
        actor_kind: actor.kind,
        actor_id: actor.id,
        updated_at: now,
        touched_at: now,
        ..row
    };
    tx.update_switch(&row)?;
    Ok(row)
}

/// A pull connection that may be part of a switch.
fn pulled(tx: &mut Tx<'_>, id: &str) -> Result<ConnectionRow> {
    let found = tx.find_connection(id)?;
    let row = found.ok_or_else(|| Error::no_such("connection", id))?;
    if row.kind != PULL {
        let detail = "only a connection that is pulled is switched: what pushes is replaced by giving the new provider a token";
        return Err(crate::scim::Error::invalid_value(detail).into());
    }
    if [DISCONNECTING, DISCONNECTED].contains(&row.state.as_str()) {
        let detail = format!("the connection {id} is {}: resume it first", row.state);
        return Err(Error::NotNow(detail));
    }
    Ok(row)
}

fn start(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<SwitchRow> {
    pulled(tx, from)?;
    pulled(tx, to)?;
    if from == to {
        let detail = "`from` and `to` are the same connection";
        return Err(crate::scim::Error::invalid_value(detail).into());
    }
    let over = [state::GIVEN_UP, state::ENDED];
    for row in tx.list_switches()? {
        let both = [row.from_id.as_str(), row.to_id.as_str()];
        if over.contains(&row.state.as_str()) || !both.iter().any(|id| [from, to].contains(id)) {
            continue;
        }
        let detail = match both == [from, to] {
            true => format!("this switch is under way already: {}", row.id),
            false => format!(
                "one of the connections is part of the switch {}, which is {}",
                row.id, row.state
            ),
        };
        return Err(Error::Conflict(detail));
    }
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let row = SwitchRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        from_id: from.to_owned(),
        to_id: to.to_owned(),
        state: state::COMPARING.to_owned(),
        until: None,
        actor_kind: actor.kind,
        actor_id: actor.id,
        created_at: now,
        updated_at: now,
        touched_at: now,
    };
    tx.create_switch(&row)?;
    let text = |text: &str| Some(Value::from(text));
    let entry = Entry::new("switch.started", "switch", row.id.clone()).object("connection", to);
    tx.record(
        entry
            .change("from", None, text(from))
            .change("to", None, text(to)),
    );
    Ok(row)
}

/// Nobody pulls a connection right now.
fn check_quiet(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let now = tx.now();
    let schedule = tx.find_schedule(connection)?;
    match schedule.is_some_and(|schedule| schedule.is_leased("", now)) {
        false => Ok(()),
        true => Err(Error::Conflict(format!(
            "a run of the connection {connection} is under way: try again when it has ended"
        ))),
    }
}

fn begin_cut_over(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    if row.state == state::CUTTING {
        return Ok(row);
    }
    expect(&row, state::COMPARING)?;
    let (from, to) = (pulled(tx, &row.from_id)?, pulled(tx, &row.to_id)?);
    check_quiet(tx, &from.id)?;
    check_quiet(tx, &to.id)?;
    let mut brought = 0;
    for is_public in [true, false] {
        let first = tx.list_claimants(&to.id, is_public, ClaimState::Live, "", 1)?;
        brought += first.len();
    }
    if brought == 0 || to.state != "active" {
        return Err(Error::NotNow(
            "the new connection has brought nobody yet, or is paused: pull it first, and look at who differs".to_owned(),
        ));
    }
    turn(tx, &from, "paused")?;
    tx.set_connection_rank(&to.id, Some(from.rank_at.unwrap_or(from.created_at)))?;
    rename_in_rules(tx, |order| {
        let is_new = !order.contains(&to.id);
        match order.iter().position(|name| *name == from.id) {
            Some(place) if is_new => order[place].clone_from(&to.id),
            Some(place) => drop(order.remove(place)),
            None => {}
        }
    })?;
    let until = tx.now().plus_days(BACK_DAYS).0;
    step(tx, row, state::CUTTING, Some(until))
}

fn begin_return(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    if row.state == state::RETURNING {
        return Ok(row);
    }
    expect(&row, state::CUT)?;
    if row.until.is_none_or(|until| until <= tx.now().0) {
        let detail = format!("the way back is open for {BACK_DAYS} days, and they are over");
        return Err(Error::NotNow(detail));
    }
    let (from, to) = (pulled(tx, &row.from_id)?, pulled(tx, &row.to_id)?);
    check_quiet(tx, &to.id)?;
    tx.set_connection_rank(&to.id, None)?;
    rename_in_rules(tx, |order| {
        let place = order.iter().position(|name| *name == to.id);
        if let Some(place) = place.filter(|_| !order.contains(&from.id)) {
            order.insert(place, from.id.clone());
        }
    })?;
    step(tx, row, state::RETURNING, None)
}

/// Changes the rules that name a connection. Whom that concerns is recomputed by the job itself.
fn rename_in_rules(tx: &mut Tx<'_>, change: impl Fn(&mut Vec<String>)) -> Result<()> {
    let before = tx.tenant_settings()?;
    let mut rules: Rules = before.precedence.clone();
    rules.values_mut().for_each(change);
    let settings = crate::storage::tenants::TenantSettings {
        precedence: rules,
        ..before
    };
    super::tenants::put_settings(tx, &settings)
}

/// Everybody has followed.
fn finish(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    match row.state.as_str() {
        state::CUTTING => {
            let until = row.until;
            step(tx, row, state::CUT, until)
        }
        state::RETURNING => {
            let from = pulled(tx, &row.from_id)?;
            turn(tx, &from, "active")?;
            step(tx, row, state::COMPARING, None)
        }
        _ => Ok(row),
    }
}
