//! What is undone of a push: the source goes on reading what it wrote, and only what is in force goes back.

use super::change::Stood;
use super::revert::Revert;
use crate::domain::access::{Access, Decision, reason};
use crate::service::error::Result;
use crate::service::push_guard::code;
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::push::parked::{SPARED, WAITING};

impl Revert<'_> {
    /// The source goes on reading that she is gone.
    pub(super) fn drop_loss(&mut self) {
        let Some(place) = self.model.position(self.connection()) else {
            return;
        };
        let claim = &mut self.model.claims[place];
        if claim.is(ClaimState::Ended) {
            self.drops = Some(reason::DELETED_BY_SOURCE);
        } else if claim.row.active == Some(false) {
            claim.set_state(ClaimState::Parked);
            self.drops = Some(reason::DEACTIVATED_BY_SOURCE);
        }
    }

    /// She was not there before: the source goes on reading what it wrote, and nobody has let her in.
    pub(super) fn unlist(&mut self) {
        let now = Stood::of(&self.model);
        if !now.has_access_of(&self.change.after) {
            self.keep("access");
            return;
        }
        let listed = Decision {
            access: Access::Listed,
            reason: reason::UNDONE,
        };
        self.outcome.is_undone = true;
        self.model.decide(listed, self.now);
    }

    /// Claims of a source that pushes stay as it wrote them. Where one took somebody over or brought her back, nothing of
    /// it is in force any more; a loss of access that waits by this session is dropped.
    pub(super) fn claims_pushed(&mut self, scope: &mut Scope<'_>) -> Result<()> {
        if let Some(row) = scope.find_parked(self.connection(), &self.model.row.id)?
            && [WAITING, SPARED].contains(&row.state.as_str())
            && row.session_id == self.run.id
        {
            self.outcome.is_undone = true;
            self.drops = Some(code(&row.reason));
        }
        let Some(claim) = self.own().cloned() else {
            return Ok(());
        };
        let Some(place) = self.model.position(self.connection()) else {
            return Ok(());
        };
        if self.model.claims[place].row.state != claim.after {
            self.keep("person");
            return Ok(());
        }
        let was_over = claim
            .before
            .as_deref()
            .is_none_or(|was| was == ClaimState::Ended.as_str());
        if was_over && self.model.claims[place].takes_part() {
            self.model.claims[place].set_state(ClaimState::Pending);
        }
        Ok(())
    }
}
