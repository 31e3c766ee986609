//! Records that end: who left the scope, who is missed or gone, whose day has come.

use super::gather::{CHUNK, Gather, OUT_OF_SCOPE, UNLINK};
use super::guard::LossEvidence;
use crate::domain::clock::Millis;
use crate::domain::pull::Leaving;
use crate::service::Result;
use crate::service::pull::Gone;

impl Gather {
    /// Those who left the scope are unlinked, or lose access, as is set.
    pub(super) async fn leave_scope(&mut self) -> Result<()> {
        let mut outside = std::mem::take(&mut self.outside);
        if !outside.is_empty() {
            let (tenant, source) = (&self.setup.tenant, &self.setup.source.source);
            let held = self.service.list_held_as_gone(tenant, &source.id).await?;
            outside.retain(|source_id| !held.contains(source_id));
        }
        for chunk in outside.chunks(CHUNK) {
            match self.setup.scope.leaving {
                Leaving::Revoke => self.gone(chunk.to_vec(), Gone::OutOfScope).await?,
                Leaving::Keep => {
                    let mut items = Vec::with_capacity(chunk.len());
                    for source_id in chunk {
                        self.planned.insert(source_id.clone());
                        items.push(self.item(source_id.clone(), UNLINK));
                    }
                    self.store(items).await?;
                }
            }
        }
        Ok(())
    }

    /// After a complete pull: who was missed before a moment is gone, who is missed for the first time is marked. Returns
    /// how many still wait for another pull, or another file, to confirm it.
    pub(super) async fn absences(&mut self, now: Millis, before: Millis) -> Result<u64> {
        let (mut gone, mut first, mut early) = (Vec::new(), Vec::new(), 0);
        for (source_id, since) in self.missed() {
            match since {
                None => first.push(source_id),
                Some(since) if since < before.0 => gone.push(source_id),
                Some(_) => early += 1,
            }
        }
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        for chunk in first.chunks(CHUNK) {
            self.service
                .mark_absent(&self.caller, &self.setup.source, chunk.to_vec(), Some(now))
                .await?;
        }
        Ok(first.len() as u64 + early)
    }

    /// Without a complete pull nobody is a leaver, whatever a record says: these losses are put off. Places of their
    /// items.
    pub(super) fn put_off(&mut self) -> Vec<i64> {
        let of_this_pull = self.tally.losses.iter_mut();
        let of_this_pull = of_this_pull.filter(|loss| loss.evidence != LossEvidence::Due);
        let put_off = of_this_pull.map(|loss| {
            loss.is_proved = false;
            loss.ordinal
        });
        put_off.collect()
    }

    /// Who was missed before a moment is gone, without anything having been read: an admin said so.
    pub(super) async fn confirmed(&mut self, before: Millis) -> Result<()> {
        let missed = self.missed().into_iter();
        let gone = missed.filter(|(_, since)| since.is_some_and(|at| at < before.0));
        let gone: Vec<String> = gone.map(|(source_id, _)| source_id).collect();
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        Ok(())
    }

    /// What it would mean that everybody whom a complete pull missed is gone; nobody is marked.
    pub(super) async fn show_absences(&mut self) -> Result<u64> {
        let gone: Vec<String> = self.missed().into_iter().map(|(id, _)| id).collect();
        for chunk in gone.chunks(CHUNK) {
            self.gone(chunk.to_vec(), Gone::Absent).await?;
        }
        Ok(gone.len() as u64)
    }

    /// Known records that did not come, with when they were first missed, in the order of their ids.
    fn missed(&self) -> Vec<(String, Option<i64>)> {
        let known = self.known.iter();
        let mut missed: Vec<(String, Option<i64>)> = known
            .filter(|(_, known)| !known.is_seen && !known.has_left && !known.is_taken)
            .map(|(source_id, known)| (source_id.to_string(), known.absent_since))
            .collect();
        missed.sort_unstable();
        missed
    }

    async fn gone(&mut self, source_ids: Vec<String>, why: Gone) -> Result<()> {
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        let effects = self
            .service
            .preview_gone(&tenant, &source, source_ids, why)
            .await?;
        let mut items = Vec::new();
        for effect in effects.iter().filter(|e| e.is_change) {
            let (action, evidence) = match why {
                Gone::Absent => ("absent", LossEvidence::Absent),
                Gone::OutOfScope => (OUT_OF_SCOPE, LossEvidence::Stated),
            };
            items.push(self.planned_effect(effect, action, evidence, ""));
        }
        self.store(items).await
    }

    /// Those whose first or last day has come, and whose record says nothing new.
    pub(super) async fn due(&mut self, source_ids: Vec<String>) -> Result<()> {
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        for chunk in source_ids.chunks(CHUNK) {
            let effects = self
                .service
                .preview_due(&tenant, &source, chunk.to_vec())
                .await?;
            let mut items = Vec::new();
            for effect in effects.iter().filter(|e| e.is_change) {
                items.push(self.planned_effect(effect, "due", LossEvidence::Due, ""));
            }
            self.store(items).await?;
        }
        Ok(())
    }
}
