//! What a pull source does to people: the part of a run that writes (SEMANTICS §1-3, §7). A record is a write to the
//! source's own claim, as a push is; beside it stands a link with the id under which the source knows the person.
//!
//! A plan asks `preview_…`, an apply calls `pull_…`: both decide by the same code, the latter in the writer.

mod types;

pub use types::{
    AlsoBy, Effect, Finding, Gone, Permit, PullPerson, PullSource, Recognised, Stand, Step,
};

use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::links::Known;

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
        let _ = (tenant, source, people);
        Err(later())
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
        let _ = (tenant, source, source_ids, gone);
        Err(later())
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
        let _ = (tenant, source, source_ids);
        Err(later())
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
        let _ = (caller, source, person, permit);
        Err(later())
    }

    /// Applies many records, some at a time; each has its own result, in their order. Those who work should come before
    /// those who left, and managers before their reports.
    pub async fn pull_people(
        &self,
        caller: &Caller,
        source: &PullSource,
        people: Vec<(PullPerson, Permit)>,
    ) -> Vec<Result<Effect>> {
        let mut done = Vec::with_capacity(people.len());
        for (person, permit) in people {
            done.push(self.pull_person(caller, source, person, permit).await);
        }
        done
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
        let _ = (caller, source, source_ids, since);
        Err(later())
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
        let _ = (caller, source, source_id, gone, permit);
        Err(later())
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
        let _ = (caller, source, source_id, permit);
        Err(later())
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
        let _ = (caller, source, source_id);
        Err(later())
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

    /// Who would stay and who would go; at most `names` of each are named.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn preview_disconnect(
        &self,
        tenant: &TenantId,
        connection: &str,
        names: usize,
    ) -> Result<Parting> {
        let _ = (tenant, connection, names);
        Err(later())
    }

    /// Disconnects a pull source. Called again after it was cut off, it goes on.
    ///
    /// # Errors
    /// `NotFound`; storage.
    pub async fn disconnect(&self, caller: &Caller, connection: &str) -> Result<Parting> {
        let _ = (caller, connection);
        Err(later())
    }
}

/// The body comes with the next commit.
fn later() -> Error {
    Error::Storage(crate::storage::Error::Other("not there yet".to_owned()))
}
