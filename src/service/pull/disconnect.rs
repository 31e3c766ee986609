//! Disconnecting a pull source (SEMANTICS §3): whom only it listed goes, everybody else stays as she is. Links stay for
//! a while, so that connecting again finds the same people.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::apply::store;
use super::leave::{end_claim, linked};
use super::record::Scene;
use super::types::{PullSource, Step};
use super::{AT_ONCE, hris_entitled};
use crate::domain::access::{Access, Decision, JoinerPolicy, reason};
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::domain::lifecycle::Phase;
use crate::service::error::{Error, Result};
use crate::service::groups::{Halt, leave_groups};
use crate::service::users::model::Model;
use crate::service::{Caller, Service, Source};
use crate::storage::claims::ClaimState;
use crate::storage::connections::ConnectionRow;
use crate::storage::links::LinkRow;
use crate::storage::memberships::MemberKind;
use crate::storage::{Outcome, Tx};

/// Who stays and who goes when a connection is disconnected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parting {
    /// Listed, and claimed by nobody else: removed.
    pub removed: People,
    /// Granted or revoked, or claimed by others: as they are.
    pub kept: People,
    /// Invited: their invitation stays, unless an admin withdraws it.
    pub invited: People,
}

/// How many they are, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// All of them.
    pub count: u64,
    /// User id and display name (else userName) of the first ones, by id.
    pub first: Vec<(String, String)>,
}

/// What becomes of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
    Invited,
    /// Nothing was left to do.
    Gone,
}

impl Parting {
    fn of(&mut self, fate: &str) -> &mut People {
        match fate {
            "removed" => &mut self.removed,
            "invited" => &mut self.invited,
            _ => &mut self.kept,
        }
    }

    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Removed => self.removed.count += 1,
            Fate::Kept => self.kept.count += 1,
            Fate::Invited => self.invited.count += 1,
            Fate::Gone => {}
        }
    }
}

impl Service {
    /// Who would stay and who would go; at most `names` of each are named.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a connection that does not pull.
    pub async fn preview_disconnect(
        &self,
        tenant: &TenantId,
        connection: &str,
        names: i64,
    ) -> Result<Parting> {
        self.pulling(tenant, connection).await?;
        let connection = connection.to_owned();
        self.store
            .read(tenant, move |scope| {
                let mut parting = Parting::default();
                for (fate, count) in scope.count_fates(&connection)? {
                    let people = parting.of(&fate);
                    people.count = u64::try_from(count).unwrap_or_default();
                    people.first = scope.list_fated(&connection, &fate, names)?;
                }
                Ok(parting)
            })
            .await
    }

    /// Disconnects a pull source: it is pulled from no more, then its people part from it, each in an operation of her
    /// own. Called again after it was cut off, it goes on; the counts are those of this call.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a connection that does not pull; storage.
    pub async fn disconnect(&self, caller: &Caller, connection: &str) -> Result<Parting> {
        let row = self.pulling(&caller.tenant, connection).await?;
        let source = PullSource {
            source: Source {
                id: row.id.clone(),
                policy: JoinerPolicy::List,
            },
            also_by: None,
            zone: None,
        };
        let id = row.id.clone();
        self.store
            .write(caller.meta(), move |tx| close(tx, &id).map(Outcome::Done))
            .await?;
        let mut parting = Parting::default();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .list_links(&caller.tenant, connection, after.as_deref(), 500)
                .await?;
            let Some(last) = page.last() else {
                return Ok(parting);
            };
            after = Some(last.source_id.clone());
            let each = page
                .iter()
                .map(|link| self.part(caller, &source, &link.source_id));
            let fates: Vec<Fate> = futures_util::stream::iter(each)
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            fates.into_iter().for_each(|fate| parting.count(fate));
        }
    }

    /// The connection, if it is one that pulls.
    async fn pulling(&self, tenant: &TenantId, connection: &str) -> Result<ConnectionRow> {
        let id = connection.to_owned();
        let found = self
            .store
            .point(tenant, move |scope| scope.find_connection(&id))
            .await
            .map_err(Error::from)?;
        let row = found.ok_or_else(|| Error::no_such("connection", connection))?;
        match row.kind.as_str() {
            "hris" => Ok(row),
            kind => Err(Error::Forbidden(format!(
                "connection `{}` is of kind `{kind}`: only one of kind `hris` is disconnected this way",
                row.id
            ))),
        }
    }

    /// One person parts from the source.
    async fn part(&self, caller: &Caller, source: &PullSource, source_id: &str) -> Result<Fate> {
        loop {
            let registry = self.registry(&caller.tenant).await?;
            let (source, id) = (source.clone(), source_id.to_owned());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    let run = tx.cause().id.clone();
                    let scene = Scene {
                        registry: &registry,
                        source: &source,
                        settings: tx.tenant_settings()?,
                        now: tx.now(),
                        run: &run,
                        may_bring: hris_entitled(tx.tenant()),
                    };
                    part(tx, &scene, &id).map(Outcome::Done)
                })
                .await;
            match done {
                Ok(Some(fate)) => return Ok(fate),
                Ok(None) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(job)) => self.write_entries(&job).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }
}

/// Nothing is pulled any more.
fn close(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let row = tx
        .find_connection(connection)?
        .ok_or_else(|| Error::no_such("connection", connection))?;
    if row.state != "disconnected" {
        let mut closed = row.clone();
        "disconnected".clone_into(&mut closed.state);
        tx.update_connection(&closed)?;
        let entry = Entry::new("connection.disconnected", "connection", connection);
        let (before, after) = (Value::from(row.state), Value::from("disconnected"));
        tx.record(entry.change("state", Some(before), Some(after)));
    }
    Ok(())
}

/// `None`: she is in more groups than one operation may change; it is to be called again.
fn part(tx: &mut Tx<'_>, scene: &Scene<'_>, source_id: &str) -> Result<Option<Fate>, Halt> {
    let Ok(mut drafted) = linked(tx, scene, source_id, Phase::Unknown, Step::Leave)? else {
        return Ok(Some(Fate::Gone));
    };
    let fate = fate(&drafted.model, &scene.source.source.id);
    let member = (drafted.model.row.id.clone(), MemberKind::User);
    if fate == Fate::Removed && !leave_groups(tx, &member, None, reason::DISCONNECTED)? {
        return Ok(None);
    }
    if !end_claim(scene, &mut drafted.model)? {
        return Ok(Some(Fate::Gone));
    }
    drafted.employ(tx, scene, None)?;
    if fate == Fate::Removed {
        drafted.model.row.removed_at = Some(scene.now.0);
        let decision = Decision {
            access: Access::Listed,
            reason: reason::DISCONNECTED,
        };
        drafted.model.decide(decision, scene.now);
    }
    store(tx, scene, &mut drafted)?;
    if fate == Fate::Removed {
        tx.record(Entry::new("user.deleted", "user", member.0).reason(reason::DISCONNECTED));
    }
    if drafted.link.due_at.is_some() {
        tx.update_link(&LinkRow {
            due_at: None,
            updated_at: scene.now.0,
            ..drafted.link
        })?;
    }
    Ok(Some(fate))
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
