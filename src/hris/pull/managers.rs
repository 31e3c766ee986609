//! Managers that records name otherwise than by id: by an address or another name. Everybody has to be read before such
//! a name has one meaning, so these people wait, written small.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};

use crate::hris::manifest::{ManagerBy, scalar};
use crate::hris::mapping::Draft;

/// Names of people, and who waits.
#[derive(Debug, Default)]
pub(super) struct Managers {
    is_needed: bool,
    names: HashMap<String, Known>,
    waiting: Vec<Waiting>,
}

/// Whom a name means.
#[derive(Debug)]
struct Known {
    id: Box<str>,
    is_active: bool,
    /// Two people of the same standing have it: it means nobody.
    is_ambiguous: bool,
}

/// Somebody who waits; the document as text takes a fraction of the memory.
#[derive(Debug)]
struct Waiting {
    draft: Draft,
    user: Box<str>,
}

impl Managers {
    pub(super) fn new(by: &[ManagerBy]) -> Self {
        Self {
            is_needed: by.iter().any(|by| *by != ManagerBy::Id),
            ..Self::default()
        }
    }

    /// Remembers under which names a person goes.
    pub(super) fn know(&mut self, draft: &Draft) {
        if !self.is_needed {
            return;
        }
        let user = &draft.person.user;
        let emails = user.get("emails").and_then(Value::as_array);
        let addresses = emails
            .into_iter()
            .flatten()
            .filter_map(|email| scalar(email.get("value")?));
        let user_name = user.get("userName").and_then(scalar);
        let all = draft
            .known_as
            .iter()
            .cloned()
            .chain(addresses)
            .chain(user_name);
        let mut own: Vec<String> = all.map(|name| folded(&name)).collect();
        own.sort();
        own.dedup();
        for name in own {
            self.remember(
                name,
                &draft.person.source_id,
                draft.person.employment.is_active(),
            );
        }
    }

    /// Of two people with one name the one who is employed is meant.
    fn remember(&mut self, name: String, id: &str, is_active: bool) {
        let new = Known {
            id: id.into(),
            is_active,
            is_ambiguous: false,
        };
        match self.names.entry(name) {
            Entry::Vacant(empty) => drop(empty.insert(new)),
            Entry::Occupied(mut known) if known.get().is_active == is_active => {
                known.get_mut().is_ambiguous = true;
            }
            Entry::Occupied(mut known) if is_active => drop(known.insert(new)),
            Entry::Occupied(_) => {}
        }
    }

    /// Keeps somebody whose manager is named otherwise than by id; anybody else is given back.
    pub(super) fn keep_if_waiting(&mut self, mut draft: Draft) -> Option<Draft> {
        if draft.manager_known_as.is_none() {
            return Some(draft);
        }
        let user = Value::Object(std::mem::take(&mut draft.person.user)).to_string();
        draft.known_as = Vec::new();
        self.waiting.push(Waiting {
            draft,
            user: user.into_boxed_str(),
        });
        None
    }

    /// The next of those who waited, and whether the manager was found.
    pub(super) fn next_waiting(&mut self) -> Option<(Draft, bool)> {
        let Waiting { mut draft, user } = self.waiting.pop()?;
        draft.person.user = match serde_json::from_str(&user) {
            Ok(Value::Object(user)) => user,
            _ => Map::new(),
        };
        let name = draft.manager_known_as.take().unwrap_or_default();
        let manager = self
            .names
            .get(&folded(&name))
            .filter(|known| !known.is_ambiguous);
        if let Some(known) = manager {
            let id = known.id.clone();
            draft.set_manager(&id);
        }
        Some((draft, manager.is_some()))
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}
