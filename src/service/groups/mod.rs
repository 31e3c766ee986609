//! Groups as a push connection writes them (SEMANTICS §8): at most one connection manages a group, its creator or the
//! first to write an unmanaged one. Members are rows of their own; one in or out costs the same in any group.

mod members;
mod write;

use crate::scim::document::Incoming;
use crate::scim::patch::PatchRequest;
use crate::scim::rules::Rules;
use crate::service::error::Result;
use crate::service::limits::check_group;
use crate::service::users::Target;
use crate::service::{Caller, Service, Source};
use crate::storage::view::GroupView;
use crate::storage::{Lane, Outcome};

/// Most rows that one operation changes.
pub const CHANGED_ROWS: usize = 500;

impl Service {
    /// POST.
    ///
    /// # Errors
    /// `Conflict` for a name that the connection sees already, `Invalid` for an unknown member, `TooLarge`.
    pub async fn create_group(
        &self,
        caller: &Caller,
        source: &Source,
        incoming: Incoming,
    ) -> Result<GroupView> {
        check_group(&incoming.doc, incoming.external_id.as_deref())?;
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        let id = crate::domain::ids::fresh_text(self.store.clock().now(), self.store.chance());
        self.store
            .write(caller.meta(), move |tx| {
                write::create(tx, &registry, &source, &id, &incoming).map(Outcome::Done)
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
        self.store
            .write(caller.meta(), move |tx| {
                write::replace(tx, &registry, &source, &target, &incoming).map(Outcome::Done)
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
        self.store
            .write(caller.meta(), move |tx| {
                let mut rules = rules.clone();
                let group = write::patch(tx, &registry, &source, &target, &request, &mut rules)?;
                Ok(Outcome::Done((group, rules)))
            })
            .await
    }

    /// DELETE: removes a group that the connection created, un-manages one that it adopted. Memberships follow in
    /// chunks; nobody sees them once the group's row is gone.
    ///
    /// # Errors
    /// `NotFound`, `VersionMismatch`, `Forbidden` for a group that it neither created nor manages.
    pub async fn delete_group(
        &self,
        caller: &Caller,
        source: &Source,
        target: Target,
    ) -> Result<()> {
        let (registry, source) = (self.registry(&caller.tenant).await?, source.clone());
        let gone = self
            .store
            .write(caller.meta(), move |tx| {
                write::delete(tx, &registry, &source, &target).map(Outcome::Done)
            })
            .await?;
        if let Some((id, generation)) = gone {
            let (service, mut caller) = (self.clone(), caller.clone());
            caller.lane = Lane::Run;
            tokio::spawn(async move {
                if let Err(error) = service.sweep_memberships(&caller, id, generation).await {
                    tracing::warn!(error = %error, "memberships of a deleted group remain; they are invisible");
                }
            });
        }
        Ok(())
    }

    async fn sweep_memberships(
        &self,
        caller: &Caller,
        group: String,
        generation: i64,
    ) -> Result<()> {
        loop {
            let group = group.clone();
            let swept: usize = self
                .store
                .write(caller.meta(), move |tx| {
                    let ids = tx.list_member_ids(&group, generation, 500)?;
                    for id in &ids {
                        tx.delete_membership(&group, generation, id)?;
                    }
                    Ok::<_, crate::service::Error>(Outcome::Done(ids.len()))
                })
                .await?;
            if swept == 0 {
                return Ok(());
            }
        }
    }
}
