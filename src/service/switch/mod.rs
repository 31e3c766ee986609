//! Changing the HR system (SEMANTICS §1, §2): the new connection is set up beside the old one and matches people as any
//! second source does; who differs is listed; then it takes the old one's place. The old one is paused, and its claims rest:
//! they keep what they said and take no part. For [`BACK_DAYS`] there is a way back; then the old one is disconnected.
//!
//! Nobody gains or loses access by either step, and nobody is somebody else afterwards: ids, groups, history and links stay.
//! Both steps are jobs of one small operation a person; a killed one is gone on with.

mod carry;
mod compare;
mod steps;

pub use compare::{Compared, Difference, Kind};

use futures_util::{StreamExt, TryStreamExt};

use self::steps::{begin_cut_over, begin_return, change_rules, expect, find, finish, start, step};
use super::error::{Error, Result};
use super::{Caller, Service};
use crate::domain::audit::{Actor, Cause};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::precedence::inherit_place;
use crate::storage::claims::ClaimState;
use crate::storage::switches::{list_idle, list_over};
use crate::storage::{Lane, Outcome};

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

    /// Goes on with switches that a killed process left half done, and ends those whose way back is over. Returns how many;
    /// one that fails is logged, and keeps none of the others back.
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
        let mut done = 0;
        let log = |tenant: &str, id: &str, error: Error| {
            tracing::warn!(tenant.id = tenant, switch.id = id, error = %error, "a switch of connections cannot be gone on with");
        };
        for (tenant, id) in &idle {
            match self
                .resume_switch(&TenantId::new(tenant.as_str()), id)
                .await
            {
                Ok(()) => done += 1,
                Err(error) => log(tenant, id, error),
            }
        }
        for (tenant, id) in &over {
            match self.end_switch(&TenantId::new(tenant.as_str()), id).await {
                Ok(()) => done += 1,
                Err(error) => log(tenant, id, error),
            }
        }
        Ok(done)
    }

    async fn resume_switch(&self, tenant: &TenantId, id: &str) -> Result<()> {
        let row = self.find_switch(tenant, id).await?;
        self.finish_switch(&caller(&row), id).await.map(drop)
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
        let row = self
            .store
            .write(caller.meta(), move |tx| finish(tx, &id).map(Outcome::Done))
            .await?;
        self.finish_recompute(&caller.tenant).await?;
        Ok(row)
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
                    change_rules(tx, &row, inherit_place)?;
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
