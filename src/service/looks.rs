//! Dry runs and tests of connections that somebody asks for over HTTP. A dry run is noted here and made by a process that
//! pulls; a test is made at once, by whoever can call vendors.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::connections::{ConnectionRow, PULL};
use super::error::{Error, Result};
use super::{Caller, Service};
use crate::domain::audit::Actor;
use crate::domain::clock::Millis;
use crate::storage::Outcome;
use crate::storage::schedules::{ScheduleRow, list_looks};

/// What a test of a connection showed: shapes of records, never a value of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Records on the first page.
    pub records: u64,
    /// How many the vendor announces in all.
    pub announced: Option<u64>,
    /// Requests sent.
    pub requests: u64,
    /// For each path of a record: which kinds of values it has, and in how many records.
    pub fields: BTreeMap<String, (String, u64)>,
    /// What the credentials cannot read beside the main list, and why.
    pub unread: BTreeMap<String, Failed>,
    /// Rights that are missing, or seem to be.
    pub missing: Vec<Told>,
    /// What can be read, or done, and is not needed.
    pub excess: Vec<Told>,
    /// What more could be read without anything that shows it.
    pub unseen: Option<Told>,
}

/// A text of a connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// In English.
    pub en: String,
    /// In French.
    pub fr: String,
}

/// Why a test of a connection failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// What can be done about it: `credentials`, `rights`, `settings`, …
    pub kind: String,
    /// Code.
    pub code: String,
    /// Parameters; never a credential, never a value of a person.
    pub params: BTreeMap<String, String>,
    /// What it means, in English.
    pub text: String,
    /// Whether trying again later may help.
    pub retry_helps: bool,
}

/// Who tries connections.
pub trait Try: Send + Sync {
    /// Tries a connection with what is stored of it. Errors: `Conflict` while a run of it is under way.
    fn try_connection<'a>(
        &'a self,
        caller: &'a Caller,
        connection: &'a ConnectionRow,
    ) -> BoxFuture<'a, Result<std::result::Result<Tried, Failed>>>;
}

/// Nobody tries connections here.
pub struct NoTries;

impl Try for NoTries {
    fn try_connection<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a ConnectionRow,
    ) -> BoxFuture<'a, Result<std::result::Result<Tried, Failed>>> {
        let nobody = Error::NotNow("this process calls no vendor".to_owned());
        ready(Err(nobody)).boxed()
    }
}

impl Service {
    /// A pull connection that works now.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for one that is pushed, paused or disconnected.
    pub async fn find_working_pull(
        &self,
        caller: &Caller,
        connection: &str,
    ) -> Result<ConnectionRow> {
        let row = self.find_connection(caller, connection).await?;
        match (row.kind.as_str(), row.state.as_str()) {
            (PULL, "active") => Ok(row),
            (PULL, state) => Err(Error::NotNow(format!(
                "the connection is {state}: resume it first"
            ))),
            _ => Err(Error::NotNow(
                "this connection is pushed by its identity provider; there is nothing to pull"
                    .to_owned(),
            )),
        }
    }

    /// Asks for a dry run, which a process that pulls makes within seconds; nothing is applied by it. Answers since when
    /// one is asked for.
    ///
    /// # Errors
    /// As [`Self::find_working_pull`].
    pub async fn ask_for_look(&self, caller: &Caller, connection: &str) -> Result<Millis> {
        let row = self.find_working_pull(caller, connection).await?;
        let (actor, now) = (caller.actor.clone(), self.store.clock().now());
        let schedule = self.change_schedule(caller, &row.id, move |schedule| {
            if schedule.look_at.is_none() {
                schedule.look_at = Some(now.0);
                schedule.look_actor_kind = Some(actor.kind.clone());
                schedule.look_actor_id = Some(actor.id.clone());
            }
        });
        Ok(Millis(schedule.await?.look_at.unwrap_or(now.0)))
    }

    /// Connections of all tenants for which somebody waits for a dry run and that nobody works on.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_looks(&self, limit: i64) -> Result<Vec<ScheduleRow>> {
        let now = self.store.clock().now();
        self.store
            .read_global(move |conn| Ok(list_looks(conn, now, limit)?))
            .await
    }

    /// Takes a dry run that was asked for, so that no other process makes it; who asked for it.
    ///
    /// # Errors
    /// Storage.
    pub async fn take_look(&self, caller: &Caller, connection: &str) -> Result<Option<Actor>> {
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_schedule(&connection)?;
                let Some(mut row) = found.filter(|row| row.look_at.is_some()) else {
                    return Ok(Outcome::Done(None));
                };
                row.look_at = None;
                let actor = Actor {
                    kind: row.look_actor_kind.take().unwrap_or_default(),
                    id: row.look_actor_id.take().unwrap_or_default(),
                };
                tx.update_schedule(&row)?;
                Ok::<_, Error>(Outcome::Done(Some(actor)))
            })
            .await
    }
}
