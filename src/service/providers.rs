//! What the connectors of this installation say about themselves, where connections must know it: the version that is
//! shipped, and the provider that both pushes and is pulled. One tenant has both only after an admin said so, since every
//! person then comes twice; the push claim wins (SEMANTICS §1).

use std::collections::BTreeMap;

use super::Service;
use super::connections::{ConnectionRow, PULL, PUSH};
use super::error::{Error, Result};
use crate::domain::connector::Card;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::pull::DISCONNECTED;

/// Whether somebody confirmed that a provider pushes and is pulled at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nobody did.
    Refused,
    /// An admin did.
    Confirmed,
}

impl Beside {
    /// From an admin's yes or no.
    pub fn of(is_confirmed: bool) -> Self {
        match is_confirmed {
            true => Self::Confirmed,
            false => Self::Refused,
        }
    }
}

/// Version and provider by slug.
#[derive(Debug, Clone, Default)]
pub struct Shipped(BTreeMap<String, (u32, Option<String>)>);

impl Shipped {
    /// Version of a connector; `None` for one that there is not.
    pub fn version(&self, connector: &str) -> Option<u32> {
        self.0.get(connector).map(|(version, _)| *version)
    }

    /// The provider that a connection is of, in the words of presets.
    fn provider<'a>(&'a self, row: &'a ConnectionRow) -> Option<&'a str> {
        match row.kind.as_str() {
            PUSH => Some(&row.preset),
            PULL => self.0.get(&row.preset)?.1.as_deref(),
            _ => None,
        }
    }

    /// Refuses a connection whose provider comes into the tenant the other way already.
    pub(super) fn check_alone(&self, new: &ConnectionRow, all: &[ConnectionRow]) -> Result<()> {
        let Some(provider) = self.provider(new) else {
            return Ok(());
        };
        let other = all.iter().find(|row| {
            row.kind != new.kind
                && row.state != DISCONNECTED
                && self.provider(row) == Some(provider)
        });
        let Some(other) = other else {
            return Ok(());
        };
        let (way, verb) = match new.kind.as_str() {
            PULL => ("pushes to", "pull"),
            _ => ("is pulled by", "push"),
        };
        Err(Error::NotNow(format!(
            "`{provider}` {way} this tenant already, by the connection {} ({}): each person would come twice, and what is \
             pushed wins; to {verb} it as well, confirm that with `besidePush` (at the shell --beside-push)",
            other.id,
            quote(&other.label)
        )))
    }
}

impl Service {
    /// What the connectors of this installation say.
    ///
    /// # Errors
    /// `Invalid`: a connector of the operator's directory cannot be read.
    pub fn shipped(&self) -> Result<Shipped> {
        let cards = self.list_connectors("en")?.into_iter();
        let all = cards.map(|card| (card.slug, (card.version, card.provider)));
        Ok(Shipped(all.collect()))
    }

    /// What people see of all connectors, in this language where it is spoken.
    ///
    /// # Errors
    /// As [`Self::shipped`].
    pub fn list_connectors(&self, lang: &str) -> Result<Vec<Card>> {
        let cards = self.vendors.cards(lang);
        cards.map_err(|why| ScimError::invalid_value(why).into())
    }

    /// What the operator has yet to enter for a connector, by name.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_lacking(&self, card: &Card) -> Result<Vec<String>> {
        let fields = card.credentials.iter().chain(&card.settings);
        let mut lacking: Vec<String> = fields
            .filter(|field| field.is_of_operator())
            .map(|field| field.name.clone())
            .collect();
        if !lacking.is_empty() {
            let set = self.list_operator_values(&card.slug).await?;
            let is_set = |name: &String| {
                let mut set = set.iter();
                set.any(|info| info.name == *name && info.unusable.is_none())
            };
            lacking.retain(|name| !is_set(name));
        }
        Ok(lacking)
    }
}
