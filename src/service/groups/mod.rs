//! Groups as a push connection writes them (SEMANTICS §8): at most one connection manages a group, its creator or the
//! first to write an unmanaged one. Members are rows of their own; one in or out costs the same in any group, and a
//! change of any size is in force at once. A member may be a group, too.

mod jobs;
mod leave;
mod members;
mod nesting;
pub(super) mod teams;
mod write;

pub(in crate::service) use jobs::Halt;
pub use jobs::IDLE;
pub(in crate::service) use leave::{leave_groups, move_memberships};
pub use nesting::LEVELS;
use write::Deleted;
pub(in crate::service) use write::let_go;

use std::sync::Arc;

use crate::scim::document::Incoming;
use crate::scim::patch::PatchRequest;
use crate::scim::rules::Rules;
use crate::scim::schema::Registry;
use crate::service::app::{Done, make_connection};
use crate::service::error::Result;
use crate::service::limits::check_group;
use crate::service::teams::refuse_edit;
use crate::service::users::Target;
use crate::service::{Caller, Service, Source};
use crate::storage::view::GroupView;

/// Most rows that one operation changes.
pub const CHANGED_ROWS: usize = 500;

impl Service {
    /// POST.
    ///
    /// # Errors
    /// `Conflict` for a name that the connection sees already, `Invalid` for an unknown member or a group that contains
    /// this one, `Unavailable` for a large change that could not be prepared in time.
    pub async fn create_group(
        &self,
        caller: &Caller,
        source: &Source,
        incoming: Incoming,
    ) -> Result<GroupView> {
        check_group(&incoming.doc, incoming.external_id.as_deref())?;
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        let id = crate::domain::ids::fresh_text(self.store.clock().now(), self.store.chance());
        let (writer, group) = (source.clone(), id.clone());
        self.write_members(caller, &writer, &group, move |tx, ready| {
            write::create(tx, &registry, &source, &id, &incoming, ready)
        })
        .await
    }

    /// PUT. Members stay as they are when the body has none.
    ///
    /// # Errors
    /// As [`Self::create_group`], `NotFound`, `VersionMismatch`.
    pub async fn replace_group(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
        incoming: Incoming,
    ) -> Result<GroupView> {
        check_group(&incoming.doc, incoming.external_id.as_deref())?;
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        let (writer, group) = (source.clone(), target.id.clone());
        self.write_members(caller, &writer, &group, move |tx, ready| {
            write::replace(tx, &registry, &source, &target, &incoming, ready)
        })
        .await
    }

    /// PATCH. Also returns the rules that were used.
    ///
    /// # Errors
    /// As [`Self::replace_group`].
    pub async fn patch_group(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
        request: PatchRequest,
        rules: Rules,
    ) -> Result<(GroupView, Rules)> {
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        let (writer, group) = (source.clone(), target.id.clone());
        self.write_members(caller, &writer, &group, move |tx, ready| {
            let mut rules = rules.clone();
            let what = (&target, &request);
            let group = write::patch(tx, &registry, &source, what, &mut rules, ready)?;
            Ok((group, rules))
        })
        .await
    }

    /// Makes a team as the app says it, under this id if it is new; answers with its own id.
    ///
    /// # Errors
    /// As [`Self::create_group`].
    pub(in crate::service) async fn write_team(
        &self,
        caller: &Caller,
        registry: &Arc<Registry>,
        group: &str,
        team: teams::Team,
    ) -> Result<(Done, String)> {
        let (registry, id) = (Arc::clone(registry), group.to_owned());
        self.write_members(caller, &Source::app(), group, move |tx, ready| {
            refuse_edit(tx)?;
            make_connection(tx)?;
            // Somebody else may have made it meanwhile.
            let group = tx.find_app_team(&team.id)?.unwrap_or_else(|| id.clone());
            let done = teams::put(tx, &registry, &group, &team, ready)?;
            Ok((done, group))
        })
        .await
    }

    /// The app has a team no more.
    ///
    /// # Errors
    /// `NotFound`.
    pub(in crate::service) async fn delete_team(
        &self,
        caller: &Caller,
        group: &str,
        id: &str,
    ) -> Result<()> {
        loop {
            let (team, app_id) = (group.to_owned(), id.to_owned());
            let deleted = self
                .write_members(caller, &Source::app(), group, move |tx, _| {
                    refuse_edit(tx)?;
                    teams::delete(tx, &team, &app_id)
                })
                .await?;
            match deleted {
                Deleted::Partly => {}
                Deleted::Whole(None) => return Ok(()),
                Deleted::Whole(Some(job)) => {
                    self.follow(*job);
                    return Ok(());
                }
            }
        }
    }

    /// DELETE: removes a group that the connection created, also from the groups that it is in, and un-manages one that
    /// it adopted. Its own memberships follow in chunks, with their entries; nobody sees them once the group's row is gone.
    ///
    /// # Errors
    /// `NotFound`, `VersionMismatch`, `Forbidden` for a group that it neither created nor manages.
    pub async fn delete_group(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
    ) -> Result<()> {
        let (writer, group) = (source.clone(), target.id.clone());
        loop {
            let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
            let target = target.clone();
            let deleted = self
                .write_members(caller, &writer, &group, move |tx, _| {
                    write::delete(tx, &registry, &source, &target)
                })
                .await?;
            match deleted {
                Deleted::Partly => {}
                Deleted::Whole(None) => return Ok(()),
                Deleted::Whole(Some(job)) => {
                    self.follow(*job);
                    return Ok(());
                }
            }
        }
    }
}
