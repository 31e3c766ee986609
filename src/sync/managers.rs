//! Managers who are in no record of a pull. One whose own record comes later is none of them.

use super::gather::{CHUNK, Gather};
use super::known::Manager;
use super::stored::{State, add_finding, finding_word};
use crate::service::Result;
use crate::service::pull::Finding;
use crate::service::runs::ItemRow;

impl Gather {
    /// When everybody has come: tells whose manager has not.
    pub(super) async fn tell_managers(&mut self) -> Result<()> {
        let mut unknown = std::mem::take(&mut self.tally.managers);
        unknown.retain(|manager| !self.has_come(&manager.source_id));
        for chunk in unknown.chunks(CHUNK) {
            let (mut new, mut changed) = (Vec::new(), Vec::new());
            for manager in chunk {
                let finding = Finding::ManagerUnknown {
                    source_id: manager.source_id.to_string(),
                };
                let counted = self.tally.findings.entry(finding_word(&finding));
                *counted.or_default() += 1;
                match self.item_of(manager).await? {
                    Some(item) => changed.push(ItemRow {
                        effect: Some(add_finding(item.effect.as_deref(), &finding)),
                        ..item
                    }),
                    None if self.is_look => new.push(ItemRow {
                        state: State::Applied.as_str().to_owned(),
                        effect: Some(add_finding(None, &finding)),
                        ..self.item(manager.of.to_string(), "nothing")
                    }),
                    None => {}
                }
            }
            self.store(new).await?;
            if !changed.is_empty() {
                self.service.change_items(&self.caller, changed).await?;
            }
        }
        Ok(())
    }

    async fn item_of(&self, manager: &Manager) -> Result<Option<ItemRow>> {
        match manager.ordinal {
            None => Ok(None),
            Some(_) => {
                let (tenant, run) = (&self.setup.tenant, self.run.as_str());
                self.service.find_item(tenant, run, &manager.of).await
            }
        }
    }

    fn has_come(&self, source_id: &str) -> bool {
        let known = self.known.get(source_id);
        known.is_some_and(|k| k.is_seen) || self.fresh.contains(source_id)
    }
}
