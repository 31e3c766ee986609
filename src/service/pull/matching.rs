//! Who a record may mean: by source id, by the id that others know the person under if the tenant says so, by the
//! verified primary address (SEMANTICS §2). A userName means nobody: it is what companies give twice.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Record, Scene};
use super::types::Recognised;
use crate::domain::lifecycle::Phase;
use crate::scim::fold::user_name_key;
use crate::service::error::Result;
use crate::service::users::conflicts::kind;
use crate::service::users::identity::is_verified;
use crate::service::users::model::user_name;
use crate::storage::Scope;
use crate::storage::known::{By, Marks};

/// Who may be meant, by user ids.
#[derive(Default)]
pub(super) struct Found {
    /// Something that identifies a person speaks for these.
    strong: BTreeMap<String, Recognised>,
    /// Their primary address is equal under wider folding only.
    similar: BTreeSet<String>,
    /// Somebody invited, granted or revoked has the userName.
    pub(super) has_namesake: bool,
}

impl Found {
    /// Exactly one: the person who is meant.
    pub(super) fn only(&self) -> Option<(&str, Recognised)> {
        let (id, by) = self.strong.first_key_value()?;
        (self.strong.len() == 1).then_some((id.as_str(), *by))
    }

    /// What a human is asked where nobody was taken.
    pub(super) fn question(self) -> Option<(&'static str, Vec<String>)> {
        let strong: Vec<String> = self.strong.into_keys().collect();
        match strong.len() {
            0 if self.similar.is_empty() => None,
            0 => Some((kind::SIMILAR_ADDRESS, self.similar.into_iter().collect())),
            1 => Some((kind::NOT_ADOPTABLE, strong)),
            _ => Some((kind::SEVERAL, strong)),
        }
    }
}

/// Looks for whom a record means that has no link, or one to `except` only.
pub(super) fn find(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    except: &str,
) -> Result<Found> {
    let connection = scene.source.source.id.as_str();
    let domains = &scene.settings.verified_domains;
    let doc = record.doc(None);
    let key = user_name_key(user_name(&doc)?);
    let marks = Marks {
        user_name: &key,
        external_id: Some(&record.person.source_id),
        email: record
            .primary
            .as_ref()
            .filter(|a| is_verified(&a.key, domains)),
    };
    let mut found = Found::default();
    for known in scope.list_known(connection, &marks)? {
        let by = match known.by {
            By::UserName => {
                found.has_namesake |= known.is_public;
                continue;
            }
            By::ViewName => continue,
            By::AlikeEmail if known.is_free() => {
                found.similar.insert(known.user_id);
                continue;
            }
            By::ExternalId if known.has_ended() => Recognised::SourceId,
            By::Email if known.is_free() => Recognised::Email,
            // Somebody who left comes back under a new id of the same source.
            By::Email if is_back(scope, scene, record, &known.user_id)? => Recognised::Email,
            _ => continue,
        };
        if known.user_id != except {
            found.strong.entry(known.user_id).or_insert(by);
        }
    }
    if let Some(also) = &record.also {
        for user in scope.list_users_known_as(connection, also)? {
            if user != except {
                found.strong.entry(user).or_insert(Recognised::ExternalId);
            }
        }
    }
    // A human said that they are two.
    if !found.strong.is_empty() || !found.similar.is_empty() {
        let apart = scope.list_kept_apart(connection, &record.person.source_id)?;
        found.strong.retain(|user, _| !apart.contains(user));
        found.similar.retain(|user| !apart.contains(user));
    }
    Ok(found)
}

/// The record works, and whatever this source knew the person under has left.
fn is_back(scope: &mut Scope<'_>, scene: &Scene<'_>, record: &Record, user: &str) -> Result<bool> {
    if matches!(record.phase(scene), Phase::Ended(_) | Phase::Unknown) {
        return Ok(false);
    }
    let links = scope.list_links_of(user)?;
    let mut own = links
        .iter()
        .filter(|l| l.connection_id == scene.source.source.id)
        .peekable();
    Ok(own.peek().is_some() && own.all(|l| l.has_ended()))
}
