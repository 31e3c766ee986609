//! People who go on under another record of the same source: the vendor gave new ids, or hired somebody again. Whom a
//! record takes over is known when everybody was read; until then it is kept apart.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::gather::{CHUNK, Gather};
use super::stored::{State, read_person};
use crate::hris::Evidence;
use crate::service::pull::{Effect, PullPerson};
use crate::service::runs::ItemRow;
use crate::service::{Error, Result};

/// Action of an item: its record stops, and its person goes on under another one.
const SUPERSEDED: &str = "superseded";

/// A record that may be of somebody whom the source knows under others.
pub(super) struct Apart {
    /// As it is stored, since there may be as many as people.
    pub(super) person: String,
    /// Those others.
    pub(super) rivals: Vec<String>,
}

/// What became of another record in a pull; of several the last of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gone {
    /// In a complete pull it says that she left, or that her last day is over, or it is there no more.
    Surely,
    /// Without a complete pull nobody knows.
    Perhaps,
    /// It goes on.
    No,
}

impl Gather {
    /// Decides about the records that were kept apart. One alone that works takes over from others that are gone; nobody
    /// loses access then. Two with one address are a question, and what they would both take waits for an admin.
    pub(super) async fn settle_apart(&mut self, evidence: &Evidence) -> Result<()> {
        let apart = std::mem::take(&mut self.apart);
        if apart.is_empty() {
            return Ok(());
        }
        let ended = std::mem::take(&mut self.ended);
        let mut claims: HashMap<&str, u32> = HashMap::new();
        for rival in apart.iter().flat_map(|a| &a.rivals) {
            *claims.entry(rival).or_default() += 1;
        }
        let is_alone = |a: &Apart| a.rivals.iter().all(|r| claims.get(r.as_str()) == Some(&1));
        let mut people = Vec::with_capacity(CHUNK);
        for one in &apart {
            let Some(mut person) = read_person(&one.person) else {
                continue;
            };
            let each = one
                .rivals
                .iter()
                .map(|id| (id, self.gone_in(evidence, &ended, id)));
            let each: Vec<(&String, Gone)> = each.collect();
            let gone = each.iter().map(|(_, gone)| *gone).max().unwrap_or(Gone::No);
            if gone != Gone::No && is_alone(one) {
                person.former.clone_from(&one.rivals);
                person.unsaid.clone_from(&self.unsaid);
            } else {
                let gone = each.iter().filter(|(_, gone)| *gone == Gone::Surely);
                self.contested.extend(gone.map(|(id, _)| (*id).clone()));
            }
            people.push((person, gone));
            if people.len() == CHUNK {
                self.take_over(std::mem::take(&mut people)).await?;
            }
        }
        self.take_over(people).await?;
        self.stop_taken(&ended).await
    }

    fn gone_in(&self, evidence: &Evidence, ended: &HashSet<String>, id: &str) -> Gone {
        match self.known.get(id).is_some_and(|known| known.is_seen) {
            true if !ended.contains(id) => Gone::No,
            // Of changes alone nobody is missing.
            false if evidence.changes_only => Gone::No,
            _ if evidence.is_complete() => Gone::Surely,
            // Nor is it known that nobody else goes on with her.
            _ => Gone::Perhaps,
        }
    }

    /// Plans records that were kept apart; without a complete pull they are put off.
    async fn take_over(&mut self, people: Vec<(PullPerson, Gone)>) -> Result<()> {
        let records = people.iter().map(|(person, _)| person.clone()).collect();
        let (tenant, source) = (self.setup.tenant.clone(), self.setup.source.clone());
        let effects = self.service.preview_people(&tenant, &source, records);
        let mut items = Vec::new();
        for ((person, gone), effect) in people.into_iter().zip(effects.await?) {
            match effect {
                Ok(effect) => items.extend(self.take_over_one(&person, gone, effect)),
                Err(error @ Error::Storage(_)) => return Err(error),
                Err(error) => {
                    self.contested.extend(person.former);
                    items.push(self.refused(person.source_id, &error));
                }
            }
        }
        self.store(items).await
    }

    fn take_over_one(
        &mut self,
        person: &PullPerson,
        gone: Gone,
        effect: Effect,
    ) -> Option<ItemRow> {
        let is_taken =
            !person.former.is_empty() && person.former.iter().all(|id| effect.former.contains(id));
        if gone == Gone::Surely && !is_taken {
            // It is not known whether the old record is hers.
            self.contested.extend(person.former.iter().cloned());
        }
        let mut item = self.planned(person, effect)?;
        match gone {
            // Whoever it is, the next pull says so.
            Gone::Perhaps => {
                State::Unproved.as_str().clone_into(&mut item.state);
                self.planned.remove(&item.source_id);
                if item.loses {
                    self.tally.losses.retain(|l| l.ordinal != item.ordinal);
                }
            }
            Gone::Surely if is_taken => {
                for id in &person.former {
                    if let Some(known) = self.known.get_mut(id.as_str()) {
                        known.is_taken = true;
                    }
                }
            }
            Gone::Surely | Gone::No => {}
        }
        Some(item)
    }

    /// Whoever goes on under another record loses nothing with the old one.
    async fn stop_taken(&mut self, ended: &HashSet<String>) -> Result<()> {
        let known = &self.known;
        let is_taken = |id: &str| known.get(id).is_some_and(|k| k.is_taken);
        self.tally.turned.retain(|id| !is_taken(id));
        self.tally.dated.retain(|id| !is_taken(id));
        self.tally.losses.retain(|loss| !is_taken(&loss.source_id));
        let stopped: Vec<String> = ended.iter().filter(|id| is_taken(id)).cloned().collect();
        for loss in &mut self.tally.losses {
            loss.is_contested = self.contested.contains(&loss.source_id);
        }
        for chunk in stopped.chunks(CHUNK) {
            let mut items = Vec::new();
            for id in chunk {
                let found = self.service.find_item(&self.setup.tenant, &self.run, id);
                if let Some(item) = found.await? {
                    let counted = self.tally.by_action.iter_mut();
                    let counted = counted.filter(|(action, _)| **action == item.action);
                    counted.for_each(|(_, count)| *count = count.saturating_sub(1));
                    *self.tally.by_action.entry(SUPERSEDED).or_default() += 1;
                    items.push(superseded(item));
                }
            }
            self.service.change_items(&self.caller, items).await?;
        }
        self.tally.by_action.retain(|_, count| *count > 0);
        Ok(())
    }
}

/// Nothing is to be done about a record whose person goes on under another one.
fn superseded(item: ItemRow) -> ItemRow {
    let effect = json!({"step": "nothing", "findings": [{"code": SUPERSEDED, "params": {}}]});
    ItemRow {
        action: SUPERSEDED.to_owned(),
        state: State::Applied.as_str().to_owned(),
        loses: false,
        effect: Some(effect.to_string()),
        ..item
    }
}
