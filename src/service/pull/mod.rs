//! What a pull source does to people: the part of a run that writes (SEMANTICS §1-3, §7). A record is a write to the
//! source's own claim, as a push is; beside it stands a link with the id under which the source knows the person.
//!
//! A plan asks `preview_…`, an apply calls `pull_…`: both decide by the same code, the latter in the writer.

mod apply;
mod disconnect;
mod draft;
mod leave;
mod leavers;
mod matching;
pub mod parting;
mod record;
mod types;
mod who;

use futures_util::StreamExt;

pub use disconnect::KEPT_DAYS;
pub(in crate::service) use disconnect::{DISCONNECTED, DISCONNECTING};
pub(in crate::service) use draft::{tell_employment, tell_employment_at};
pub(in crate::service) use leavers::{is_believed, says_left};
pub use parting::{Parting, People};
pub use types::{
    AlsoBy, Effect, Finding, Gone, Permit, PullPerson, PullSource, Recognised, Stand, Step,
    unmanaged,
};

use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::service::entitlements;
use crate::service::error::Result;
use crate::service::{Caller, Service};
use crate::storage::links::Known;
use crate::storage::{Outcome, Scope, Tx};
use record::{Record, Scene};

/// Records that are on their way at once: they share commits.
const AT_ONCE: usize = 128;

impl Service {
    /// What applying these records would do, in their order; nothing is written. Some hundred at a time.
    ///
    /// # Errors
    /// Storage. A record that is refused is a result of its own.
    pub async fn preview_people(
        &self,
        tenant: &TenantId,
        source: &PullSource,
        people: Vec<PullPerson>,
    ) -> Result<Vec<Result<Effect>>> {
        let registry = self.registry(tenant).await?;
        let (source, now) = (source.clone(), self.store.clock().now());
        self.store
            .read(tenant, move |scope| {
                let scene = scene(scope, &registry, &source, now)?;
                let each = people.into_iter().map(|person| {
                    let record = Record::read(&registry, &source, person)?;
                    apply::preview(scope, &scene, &record)
                });
                Ok(each.collect())
            })
            .await
    }

    /// What it would do that these records are gone, in their order; nothing is written.
    ///
    /// # Errors
    /// Storage.
    pub async fn preview_gone(
        &self,
        tenant: &TenantId,
        source: &PullSource,
        source_ids: Vec<String>,
        gone: Gone,
    ) -> Result<Vec<Effect>> {
        let registry = self.registry(tenant).await?;
        let (source, now) = (source.clone(), self.store.clock().now());
        self.store
            .read(tenant, move |scope| {
                let scene = scene(scope, &registry, &source, now)?;
                let each = source_ids
                    .iter()
                    .map(|id| leave::preview_gone(scope, &scene, id, gone));
                each.collect()
            })
            .await
    }

    /// What the days that have come would do, in the order of the source ids; nothing is written.
    ///
    /// # Errors
    /// Storage.
    pub async fn preview_due(
        &self,
        tenant: &TenantId,
        source: &PullSource,
        source_ids: Vec<String>,
    ) -> Result<Vec<Effect>> {
        let registry = self.registry(tenant).await?;
        let (source, now) = (source.clone(), self.store.clock().now());
        self.store
            .read(tenant, move |scope| {
                let scene = scene(scope, &registry, &source, now)?;
                let each = source_ids
                    .iter()
                    .map(|id| leave::preview_due(scope, &scene, id));
                each.collect()
            })
            .await
    }

    /// Applies a record. Called again with the same, it writes nothing.
    ///
    /// # Errors
    /// `Invalid` for a document that is no SCIM User; storage.
    pub async fn pull_person(
        &self,
        caller: &Caller,
        source: &PullSource,
        person: PullPerson,
        permit: Permit,
    ) -> Result<Effect> {
        let registry = self.registry(&caller.tenant).await?;
        let record = Record::read(&registry, source, person)?;
        self.in_writer(caller, source, move |tx, scene| {
            apply::apply(tx, scene, &record, permit)
        })
        .await
    }

    /// Applies many records, some at a time; each has its own result, in their order. Those who work should come before
    /// those who left, and managers before their reports.
    pub async fn pull_people(
        &self,
        caller: &Caller,
        source: &PullSource,
        people: Vec<(PullPerson, Permit)>,
    ) -> Vec<Result<Effect>> {
        // Known before the first is queued, so that they are queued in their order.
        if let Err(error) = self.registry(&caller.tenant).await {
            tracing::warn!(error = %error, "no schemas to read records by");
        }
        let each = people
            .into_iter()
            .map(|(person, permit)| self.pull_person(caller, source, person, permit));
        futures_util::stream::iter(each)
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    /// Says that a complete pull, not yet confirmed, missed a record. Changes nothing but the link; with `None`, it is
    /// there again.
    ///
    /// # Errors
    /// Storage.
    pub async fn mark_absent(
        &self,
        caller: &Caller,
        source: &PullSource,
        source_ids: Vec<String>,
        since: Option<Millis>,
    ) -> Result<()> {
        // No operation changes more than 500 rows.
        for ids in source_ids.chunks(250) {
            let ids = ids.to_vec();
            self.in_writer(caller, source, move |tx, scene| {
                for id in &ids {
                    leave::mark(tx, scene, id, since.map(|at| at.0))?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// A record is gone: the claim ends, and access with it. Where the loss is not permitted only the link is marked.
    ///
    /// # Errors
    /// Storage.
    pub async fn pull_gone(
        &self,
        caller: &Caller,
        source: &PullSource,
        source_id: &str,
        gone: Gone,
        permit: Permit,
    ) -> Result<Effect> {
        let id = source_id.to_owned();
        self.in_writer(caller, source, move |tx, scene| {
            leave::apply_gone(tx, scene, &id, gone, permit)
        })
        .await
    }

    /// A day has come: what the record says takes effect. A loss that is not permitted stays due.
    ///
    /// # Errors
    /// Storage.
    pub async fn pull_due(
        &self,
        caller: &Caller,
        source: &PullSource,
        source_id: &str,
        permit: Permit,
    ) -> Result<Effect> {
        let id = source_id.to_owned();
        self.in_writer(caller, source, move |tx, scene| {
            leave::apply_due(tx, scene, &id, permit)
        })
        .await
    }

    /// An admin decided whether a last day counts: from now on it does, or it does not.
    ///
    /// # Errors
    /// Storage.
    pub async fn let_day_count(
        &self,
        caller: &Caller,
        connection: &str,
        source_id: &str,
        counts: bool,
    ) -> Result<()> {
        let (connection, id) = (connection.to_owned(), source_id.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                leave::let_count(tx, &connection, &id, counts).map(Outcome::Done)
            })
            .await
    }

    /// A record left the scope of the connection: the claim ends, access stays, the link is forgotten.
    ///
    /// # Errors
    /// Storage.
    pub async fn pull_unlink(
        &self,
        caller: &Caller,
        source: &PullSource,
        source_id: &str,
    ) -> Result<Effect> {
        let id = source_id.to_owned();
        self.in_writer(caller, source, move |tx, scene| {
            leave::unlink(tx, scene, &id)
        })
        .await
    }

    /// Runs an operation on the source's people.
    async fn in_writer<T: Send + 'static>(
        &self,
        caller: &Caller,
        source: &PullSource,
        mut op: impl FnMut(&mut Tx<'_>, &Scene<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        self.store
            .write(caller.meta(), move |tx| {
                let run = tx.cause().id.clone();
                let scene = Scene {
                    registry: &registry,
                    source: &source,
                    settings: tx.tenant_settings()?,
                    now: tx.now(),
                    run: &run,
                    may_bring: entitlements::brings_now(tx, &source.source.id)?,
                };
                op(tx, &scene).map(Outcome::Done)
            })
            .await
    }

    /// A connection's links after a source id, in the order of source ids: what a run compares its records with.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_links(
        &self,
        tenant: &TenantId,
        connection: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Known>> {
        let (connection, after) = (connection.to_owned(), after.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_links(&connection, after.as_deref(), limit)?)
            })
            .await
    }

    /// Source ids whose first or last day has come.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_due(
        &self,
        tenant: &TenantId,
        connection: &str,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<String>> {
        let connection = connection.to_owned();
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_due_links(&connection, now, limit)?)
            })
            .await
    }
}

/// What a preview knows; it belongs to no run yet.
fn scene<'a>(
    scope: &mut Scope<'_>,
    registry: &'a Registry,
    source: &'a PullSource,
    now: Millis,
) -> Result<Scene<'a>> {
    Ok(Scene {
        registry,
        source,
        settings: scope.find_tenant_settings()?,
        now,
        run: "",
        may_bring: entitlements::brings(scope, &source.source.id, now)?,
    })
}
