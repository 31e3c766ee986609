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
    /// Whom the record would mean without these records of the source.
    rivals: BTreeMap<String, Vec<String>>,
    /// Somebody invited, granted or revoked has the userName.
    pub(super) has_namesake: bool,
}

impl Found {
    /// Adds somebody whom the source claims already.
    fn add(
        &mut self,
        scope: &mut Scope<'_>,
        scene: &Scene<'_>,
        record: &Record,
        (user, by): (String, Recognised),
    ) -> Result<()> {
        match between(scope, scene, record, &user)? {
            Between::Nothing => drop(self.strong.entry(user).or_insert(by)),
            Between::Records(records) => drop(self.rivals.insert(user, records)),
            Between::Everything => {}
        }
        Ok(())
    }

    /// Exactly one: the person who is meant.
    pub(super) fn only(&self) -> Option<(&str, Recognised)> {
        let (id, by) = self.strong.first_key_value()?;
        (self.strong.len() == 1).then_some((id.as_str(), *by))
    }

    /// Nobody may be meant, whatever becomes of other records.
    pub(super) fn is_nobody(&self) -> bool {
        self.strong.is_empty() && self.rivals.is_empty()
    }

    /// Records of the source without which somebody else would be meant, or she too; but for those of some people.
    pub(super) fn rivals(&self, is_apart: impl Fn(&str) -> bool) -> Vec<String> {
        let others = self.rivals.iter().filter(|(user, _)| !is_apart(user));
        others.flat_map(|(_, records)| records).cloned().collect()
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
        if known.user_id == except && known.by != By::UserName {
            continue;
        }
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
            // Somebody who left comes back, or goes on, under a new id of the same source.
            By::Email => {
                found.add(scope, scene, record, (known.user_id, Recognised::Email))?;
                continue;
            }
            _ => continue,
        };
        found.strong.entry(known.user_id).or_insert(by);
    }
    if let Some(also) = &record.also {
        for (user, is_free) in scope.list_users_known_as(connection, also)? {
            let by = Recognised::ExternalId;
            match is_free {
                _ if user == except => {}
                true => drop(found.strong.entry(user).or_insert(by)),
                false => found.add(scope, scene, record, (user, by))?,
            }
        }
    }

    // A human said that they are two.
    if !found.strong.is_empty() || !found.similar.is_empty() || !found.rivals.is_empty() {
        let apart = scope.list_kept_apart(connection, &record.person.source_id)?;
        found.strong.retain(|user, _| !apart.contains(user));
        found.rivals.retain(|user, _| !apart.contains(user));
        found.similar.retain(|user| !apart.contains(user));
    }
    Ok(found)
}

/// What stands between a record and somebody whom the source knows under other ids.
enum Between {
    /// Nothing: all of those have ended, or are gone in the same pull.
    Nothing,
    /// These, and they go on as far as is known.
    Records(Vec<String>),
    /// The record is none of somebody who comes back.
    Everything,
}

/// Whether the record works, and whatever else this source knew the person under has left, or leaves with this very pull.
/// Who is yet to start takes over only what has ended.
fn between(
    scope: &mut Scope<'_>,
    scene: &Scene<'_>,
    record: &Record,
    user: &str,
) -> Result<Between> {
    let phase = record.phase(scene);
    if matches!(phase, Phase::Ended(_) | Phase::Unknown) {
        return Ok(Between::Everything);
    }
    let mut own = scope.list_links_of(user)?;
    own.retain(|l| l.connection_id == scene.source.source.id);
    if own.is_empty() {
        return Ok(Between::Everything);
    }
    own.retain(|l| !l.has_ended());
    let (former, connection) = (&record.person.former, &scene.source.source.id);
    for place in (0..own.len()).rev() {
        // What an undo holds of a record goes on, whatever the record says.
        let id = &own[place].source_id;
        if former.contains(id) && scope.find_hold(connection, id)?.is_none() {
            own.remove(place);
        }
    }
    let rivals: Vec<String> = own.into_iter().map(|l| l.source_id).collect();
    Ok(match rivals.is_empty() {
        true => Between::Nothing,
        false if phase == Phase::Working => Between::Records(rivals),
        false => Between::Everything,
    })
}
