//! Why a person is as she is (DESIGN, promise 2): of every value in force, which source gave it, which others said something
//! else and why that does not count, since when, and by which run, request or human; and the same of her access. Derived from
//! claims and journal; nothing is stored for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::{Error, Result};
use super::users::model::{Claim, Model};
use super::users::ranking::Ranking;
use crate::domain::claims::{Part, first};
use crate::domain::ids::TenantId;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::Service;
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::journal::Row;

/// Entries that are looked through.
const ENTRIES: i64 = 2_000;

/// The entry by which something came to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub sequence: i64,
    /// When, in milliseconds.
    pub at: i64,
    /// What happened.
    pub action: String,
    /// Who did it: kind and id.
    pub actor: (String, String),
    /// Why: kind (`run`, `request`, `command`, `setting`, `switch`, …) and id.
    pub cause: (String, String),
}

/// Why what a source says is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in force.
    InForce,
    /// Another source comes first there.
    Overruled,
    /// It takes no part: an address or name at adoption, or a name that is taken.
    Held,
    /// An undo holds it.
    Undone,
    /// The claim waits for a human, is parked, or rests.
    Waits,
}

impl Standing {
    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Overruled => "overruled",
            Self::Held => "held",
            Self::Undone => "undone",
            Self::Waits => "waits",
        }
    }
}

/// What a source says of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The connection.
    pub connection: String,
    /// Its value; null: it says that there is none.
    pub value: Value,
    /// Whether it counts, and why not.
    pub standing: Standing,
    /// Since when it says so; `None`: longer than the journal was looked through.
    pub since: Option<Mark>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its path.
    pub path: String,
    /// In force; `None`: nothing is.
    pub value: Option<Value>,
    /// Since when.
    pub since: Option<Mark>,
    /// What each source says of it, the one that counts first.
    pub said: Vec<Said>,
}

/// Why a person is as she is.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// Access word.
    pub access: String,
    /// Whether the app lets her in.
    pub has_access: bool,
    /// Reason code.
    pub reason: String,
    /// The reason's parameters, as JSON.
    pub parameters: Option<String>,
    /// A human decided: no source gives access.
    pub is_sticky: bool,
    /// The entry by which she came to stand so.
    pub since: Option<Mark>,
    /// Of each source, what it last said of her: `active`, or the state of employment that is in force.
    pub words: Vec<(String, Option<String>)>,
    /// Units, by path.
    pub values: Vec<Told>,
}

impl Service {
    /// Why a person is as she is; with a path, only of that unit and what is inside.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn why(&self, tenant: &TenantId, id: &str, path: Option<&str>) -> Result<Why> {
        let registry = self.registry(tenant).await?;
        let (id, path) = (id.to_owned(), path.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                let model = Model::load(scope, &registry, &id)?;
                let model = model.ok_or_else(|| Error::no_such("person", &id))?;
                let history = History::of(&scope.list_history_of(&id, ENTRIES)?);
                let mut why = about(scope, &registry, &model, &history)?;
                if let Some(path) = path {
                    let wanted = registry.resolve(ResourceKind::User, &path);
                    let wanted = wanted.map_or(path, |path| path.to_string());
                    let is_in = |unit: &str| {
                        let rest = unit.strip_prefix(wanted.as_str());
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
                    };
                    why.values.retain(|told| is_in(&told.path));
                }
                Ok(why)
            })
            .await
    }
}

/// The newest entry about each thing.
struct History {
    access: Option<Mark>,
    /// By path of a value in force.
    values: BTreeMap<String, Mark>,
    /// By connection and path, where a source said it of somebody who was hers alone.
    alone: BTreeMap<(String, String), Mark>,
    /// By connection and path of what it asserts; whether that was noted anew because a second source came.
    asserted: BTreeMap<(String, String), (Mark, bool)>,
}

impl History {
    /// From entries, newest first.
    fn of(rows: &[Row]) -> Self {
        let mut history = Self {
            access: None,
            values: BTreeMap::new(),
            alone: BTreeMap::new(),
            asserted: BTreeMap::new(),
        };
        for row in rows {
            let mark = || Mark {
                sequence: row.sequence,
                at: row.at,
                action: row.action.clone(),
                actor: (row.actor_kind.clone(), row.actor_id.clone()),
                cause: (row.cause_kind.clone(), row.cause_id.clone()),
            };
            if row.action.starts_with("access.") && history.access.is_none() {
                history.access = Some(mark());
            }
            let changes: Vec<(String, String, String)> =
                serde_json::from_str(&row.changes).unwrap_or_default();
            for (path, before, _) in changes {
                let connection = row.object_id.clone().unwrap_or_default();
                match path.strip_prefix("asserted/") {
                    Some(unit) => {
                        let key = (connection, unit.to_owned());
                        let is_anew = before.is_empty();
                        let entry = history.asserted.entry(key);
                        entry.or_insert_with(|| (mark(), is_anew));
                    }
                    None => {
                        let key = (connection, path.clone());
                        history.alone.entry(key).or_insert_with(mark);
                        history.values.entry(path).or_insert_with(mark);
                    }
                }
            }
        }
        history
    }
}

impl History {
    /// Since when a source says what it says of a unit.
    fn said(&self, key: &(String, String)) -> Option<Mark> {
        let alone = self.alone.get(key);
        let found = match self.asserted.get(key) {
            // It had said so before, of somebody who was hers alone.
            Some((mark, true)) => alone.filter(|a| a.sequence < mark.sequence).or(Some(mark)),
            Some((mark, false)) => Some(mark),
            None => alone,
        };
        found.cloned()
    }
}

fn about(
    scope: &mut Scope<'_>,
    registry: &Registry,
    model: &Model,
    history: &History,
) -> Result<Why> {
    let row = &model.row;
    let links = scope.list_links_of(&row.id)?;
    let word = |claim: &Claim| {
        let mut links = links.iter();
        let link = links.find(|l| l.connection_id == claim.row.connection_id);
        match (claim.row.active, link) {
            (Some(active), _) => Some(format!("active {active}")),
            (None, Some(link)) => link.in_force.clone().or_else(|| Some(link.state.clone())),
            (None, None) => None,
        }
    };
    let words = model.claims.iter().map(|claim| {
        let said = match claim.is(ClaimState::Ended) {
            true => Some("gone".to_owned()),
            false => word(claim),
        };
        (claim.row.connection_id.clone(), said)
    });
    Ok(Why {
        access: row.access.clone(),
        has_access: row.has_access,
        reason: row.access_reason.clone(),
        parameters: row.access_params.clone(),
        is_sticky: row.sticky,
        since: history.access.clone(),
        words: words.collect(),
        values: values(scope, registry, model, history)?,
    })
}

fn values(
    scope: &mut Scope<'_>,
    registry: &Registry,
    model: &Model,
    history: &History,
) -> Result<Vec<Told>> {
    let ranking = Ranking::load(scope)?;
    let in_force = flatten(registry, ResourceKind::User, &model.doc);
    let mut claims: Vec<&Claim> = model
        .claims
        .iter()
        .filter(|c| !c.is(ClaimState::Ended))
        .collect();
    claims.sort_by_key(|c| ranking.age(&c.row.connection_id));
    // A sole writer stores nothing of its own: what is in force is what it says.
    let said: Vec<&Units> = claims
        .iter()
        .map(|c| c.asserted.as_ref().unwrap_or(&in_force))
        .collect();
    let live: Vec<usize> = (0..claims.len())
        .filter(|n| claims[*n].is(ClaimState::Live))
        .collect();
    let parts: Vec<Part<'_, AttrPath>> = live
        .iter()
        .map(|n| Part {
            asserted: said[*n],
            ..claims[*n].part(&in_force)
        })
        .collect();
    let mut units: BTreeSet<&AttrPath> = in_force.keys().collect();
    said.iter().for_each(|said| units.extend(said.keys()));
    let told = units.into_iter().map(|unit| {
        let path = unit.to_string();
        let rank = |unit: &AttrPath, place: usize| {
            let claim = live.get(place).map(|n| &claims[*n].row.connection_id);
            claim.map_or(usize::MAX, |connection| ranking.rank(unit, connection))
        };
        let winner = first(&parts, unit, rank).map(|(place, _)| live[place]);
        let mut all: Vec<Said> = (0..claims.len())
            .filter_map(|n| {
                let value = said[n].get(unit)?.clone();
                let connection = claims[n].row.connection_id.clone();
                let key = (connection.clone(), path.clone());
                Some(Said {
                    standing: standing(claims[n], unit, winner == Some(n)),
                    since: history.said(&key),
                    connection,
                    value,
                })
            })
            .collect();
        all.sort_by_key(|s| s.standing != Standing::InForce);
        Told {
            value: in_force.get(unit).cloned(),
            since: history.values.get(&path).cloned(),
            said: all,
            path,
        }
    });
    Ok(told.collect())
}

fn standing(claim: &Claim, unit: &AttrPath, is_first: bool) -> Standing {
    let is_held = claim.held.contains(unit);
    match claim.is(ClaimState::Live) {
        false => Standing::Waits,
        true if is_held && claim.undone.contains_key(unit) => Standing::Undone,
        true if is_held => Standing::Held,
        true if is_first => Standing::InForce,
        true => Standing::Overruled,
    }
}
