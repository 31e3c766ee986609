//! What is undone of a push: the source goes on reading what it wrote, and only what is in force goes back.

use super::change::Stood;
use super::revert::Revert;
use crate::domain::access::{Access, Decision, reason};
use crate::storage::claims::ClaimState;

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
    /// it is in force any more; where it took access away, that is dropped.
    pub(super) fn claims_pushed(&mut self) {
        let Some(claim) = self.own().cloned() else {
            return;
        };
        let Some(place) = self.model.position(self.connection()) else {
            return;
        };
        if self.model.claims[place].row.state != claim.after {
            self.keep("person");
            return;
        }
        let was_over = claim
            .before
            .as_deref()
            .is_none_or(|was| was == ClaimState::Ended.as_str());
        if was_over && self.model.claims[place].takes_part() {
            self.model.claims[place].set_state(ClaimState::Pending);
        }
        if claim.after == ClaimState::Parked.as_str() {
            self.outcome.is_undone = true;
            self.drops = Some(reason::DEACTIVATED_BY_SOURCE);
        }
    }
}
