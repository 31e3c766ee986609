//! Users as a push connection writes them: create, replace, patch, delete (SEMANTICS §1, §2); and what a human decides
//! about them (§3).

pub(super) mod access;
mod answers;
mod break_glass;
pub(super) mod conflicts;
mod create;
mod human;
pub(super) mod identity;
pub(super) mod in_force;
pub(super) mod join;
pub(super) mod model;
pub(super) mod names;
pub(super) mod of_app;
pub(super) mod ranking;
mod record;
pub(super) mod settle;
mod versions;
pub(super) mod write;

pub(super) use answers::source_of;
pub use answers::{Answer, Answered, Conflict, Side};
pub use human::Decided;
pub(super) use identity::addresses;
pub(super) use model::{manager, text};

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::scim::document::Incoming;
use crate::scim::patch::PatchRequest;
use crate::scim::rules::Rules;
use crate::scim::schema::AttrPath;
use crate::service::error::{Error, Result};
use crate::service::groups::Halt;
use crate::service::limits::check_user;
use crate::service::{Caller, Service, Source};
use crate::storage::known::Marks;
use crate::storage::view::UserView;
use crate::storage::{Outcome, Tx};

impl Service {
    /// POST: creates a user, or adopts the one that this source means.
    ///
    /// # Errors
    /// `Conflict` when the userName is taken among those the connection sees.
    pub async fn create_user(
        &self,
        caller: &Caller,
        source: &Source,
        incoming: Incoming,
    ) -> Result<UserView> {
        check_user(&incoming.doc, incoming.external_id.as_deref())?;
        let id = crate::domain::ids::fresh_text(self.store.clock().now(), self.store.chance());
        let incoming = Arc::new(incoming);
        loop {
            let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
            let (id, incoming) = (id.clone(), Arc::clone(&incoming));
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    create::create(tx, &registry, &source, &id, &incoming).map(Outcome::Done)
                })
                .await;
            match done {
                Ok(Some(user)) => return Ok(user),
                Ok(None) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    /// PUT: what is given replaces what the connection asserts.
    ///
    /// # Errors
    /// `NotFound`, `VersionMismatch`, `Conflict`, `Invalid`.
    pub async fn replace_user(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
        incoming: Incoming,
    ) -> Result<UserView> {
        check_user(&incoming.doc, incoming.external_id.as_deref())?;
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        self.store
            .write(caller.meta(), move |tx| {
                write::replace(tx, &registry, &source, &target, &incoming).map(Outcome::Done)
            })
            .await
    }

    /// PATCH: operations on the connection's own view.
    ///
    /// # Errors
    /// `NotFound`, `VersionMismatch`, `Conflict`, `Invalid`.
    pub async fn patch_user(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
        request: PatchRequest,
        rules: Rules,
    ) -> Result<Changed> {
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        self.store
            .write(caller.meta(), move |tx| {
                let mut rules = rules.clone();
                let (user, touched) =
                    write::patch(tx, &registry, &source, &target, &request, &mut rules)?;
                Ok(Outcome::Done(Changed {
                    user,
                    touched,
                    rules,
                }))
            })
            .await
    }

    /// DELETE: the connection's claim ends.
    ///
    /// # Errors
    /// `NotFound`, `VersionMismatch`.
    pub async fn delete_user(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
    ) -> Result<()> {
        loop {
            let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
            let target = target.clone();
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    write::delete(tx, &registry, &source, &target).map(Outcome::Done)
                })
                .await;
            match done {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }
}

/// What came of a PATCH.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The user as the connection reads her.
    pub user: UserView,
    /// Units that an operation wrote, changed or not.
    pub touched: BTreeSet<AttrPath>,
    /// Rules, with those that were used.
    pub rules: Rules,
}

/// What a write is aimed at.
#[derive(Debug, Clone)]
pub struct Target {
    /// The id that the connection knows.
    pub id: String,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

impl Target {
    /// Refuses the write when a condition of the caller does not hold for the resource's version.
    pub(super) fn check(&self, version: i64) -> Result<()> {
        let names = |header: &Option<String>| {
            header
                .as_deref()
                .map(|h| crate::scim::etag::names(h, version))
        };
        if names(&self.if_match) == Some(false) || names(&self.if_none_match) == Some(true) {
            let now = crate::scim::etag::weak(version);
            return Err(Error::VersionMismatch(format!(
                "the resource is in version {now}, which the request's condition rules out: read it again"
            )));
        }
        Ok(())
    }
}

/// Whether a userName is taken among the people a connection sees, `except` aside.
fn taken_in_view(tx: &mut Tx<'_>, connection: &str, key: &str, except: &str) -> Result<bool> {
    let known = tx.list_known(connection, &Marks::user_name(key))?;
    Ok(known
        .iter()
        .any(|k| k.user_id != except && k.is_seen_by_name()))
}

/// The refusal of a userName that is taken.
fn user_name_taken(name: &str) -> Error {
    let short: String = name.chars().take(100).collect();
    Error::Conflict(format!(
        "the userName `{short}` is taken: look it up to find the user"
    ))
}
