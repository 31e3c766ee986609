//! Who differs between two connections of which one is to take the other's place: what the switch would change in force,
//! whom only the old one has, whom only the new one brings.

use std::collections::BTreeSet;

use serde_json::Value;

use super::carry::put_to_rest;
use super::state;
use crate::domain::ids::TenantId;
use crate::scim::schema::{ROSTERD_USER, Registry};
use crate::service::Service;
use crate::service::error::{Error, Result};
use crate::service::pull::tell_employment_at;
use crate::service::reorder::{Differing, differing, name_of};
use crate::service::users::in_force::in_force;
use crate::service::users::model::Model;
use crate::service::users::ranking::Ranking;
use crate::storage::Scope;
use crate::storage::claims::ClaimState;

/// People looked at together.
const PAGE: usize = 250;

/// How somebody differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Both have her, and values in force would change.
    Differs,
    /// Only the connection that goes has her: she would be left as she is, and nobody would say when she leaves.
    OnlyFrom,
    /// Only the connection that comes has her.
    OnlyTo,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Differs, Self::OnlyFrom, Self::OnlyTo];

    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::OnlyFrom => "only-from",
            Self::OnlyTo => "only-to",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Somebody who differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
    /// Access word.
    pub access: String,
    /// How; `None`: she is in both, and nothing would change.
    pub kind: Option<Kind>,
    /// Values in force that would change.
    pub values: Vec<Differing>,
}

/// How many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Both have them.
    pub both: u64,
    /// Of those, values in force would change.
    pub differing: u64,
    /// Only the connection that goes has them.
    pub only_from: u64,
    /// Of those, they have access, and nobody would say when they leave.
    pub only_from_with_access: u64,
    /// Only the connection that comes has them.
    pub only_to: u64,
}

impl Service {
    /// Who differs, of one kind or of any, after an id, by ids, at most `limit`.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` unless both connections work.
    pub async fn list_differences(
        &self,
        tenant: &TenantId,
        id: &str,
        kind: Option<Kind>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        let mut after = after.unwrap_or_default().to_owned();
        while found.len() < limit {
            let page = self.compare_some(tenant, id, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            let wanted = page.into_iter().filter(|d| match (d.kind, kind) {
                (None, _) => false,
                (Some(is), wanted) => wanted.is_none_or(|wanted| wanted == is),
            });
            found.extend(wanted.take(limit - found.len()));
        }
        Ok(found)
    }

    /// How many differ; `None` unless both connections work.
    ///
    /// # Errors
    /// `NotFound`; storage.
    pub async fn compare_switch(&self, tenant: &TenantId, id: &str) -> Result<Option<Compared>> {
        if self.find_switch(tenant, id).await?.state != state::COMPARING {
            return Ok(None);
        }
        let (mut counted, mut after) = (Compared::default(), String::new());
        loop {
            let page = self.compare_some(tenant, id, &after).await?;
            let Some(last) = page.last() else {
                return Ok(Some(counted));
            };
            after.clone_from(&last.id);
            for person in &page {
                counted.count(person);
            }
        }
    }

    async fn compare_some(
        &self,
        tenant: &TenantId,
        id: &str,
        after: &str,
    ) -> Result<Vec<Difference>> {
        let row = self.find_switch(tenant, id).await?;
        super::expect(&row, state::COMPARING)?;
        let (registry, after) = (self.registry(tenant).await?, after.to_owned());
        let now = self.store.clock().now();
        self.store
            .read(tenant, move |scope| {
                let ranking = Ranking::load(scope)?.replacing(&row.from_id, &row.to_id);
                let both = [row.from_id.as_str(), row.to_id.as_str()];
                let mut found = Vec::new();
                for user in claimed(scope, both, &after)? {
                    if let Some(model) = Model::load(scope, &registry, &user)? {
                        let mut then = model.clone();
                        if let Some(place) = live(&model, &row.from_id) {
                            put_to_rest(&registry, &mut then, place);
                            in_force(&registry, Some(&ranking), &mut then);
                            tell_employment_at(scope, &mut then, "", now)?;
                        }
                        found.push(difference(&registry, both, &model, &then));
                    }
                }
                Ok::<_, Error>(found)
            })
            .await
    }
}

impl Compared {
    fn count(&mut self, person: &Difference) {
        match person.kind {
            None => self.both += 1,
            Some(Kind::Differs) => {
                self.both += 1;
                self.differing += 1;
            }
            Some(Kind::OnlyFrom) => {
                self.only_from += 1;
                self.only_from_with_access += u64::from(person.access == "granted");
            }
            Some(Kind::OnlyTo) => self.only_to += 1,
        }
    }
}

fn live(model: &Model, connection: &str) -> Option<usize> {
    let place = model.position(connection);
    place.filter(|place| model.claims[*place].is(ClaimState::Live))
}

/// Whom either connection claims, after an id, by ids.
fn claimed(scope: &mut Scope<'_>, both: [&str; 2], after: &str) -> Result<BTreeSet<String>> {
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let mut users = BTreeSet::new();
    for connection in both {
        for is_public in [true, false] {
            let some = scope.list_claimants(connection, is_public, ClaimState::Live, after, limit);
            users.extend(some?);
        }
    }
    Ok(users.into_iter().take(PAGE).collect())
}

fn difference(
    registry: &Registry,
    [from, to]: [&str; 2],
    model: &Model,
    then: &Model,
) -> Difference {
    let has = |connection| live(model, connection).is_some();
    let mut values = Vec::new();
    let kind = match (has(from), has(to)) {
        (true, false) => Some(Kind::OnlyFrom),
        (false, _) => Some(Kind::OnlyTo),
        (true, true) => {
            values = differing(registry, model, then);
            values.extend(employment(model, then));
            Some(Kind::Differs).filter(|_| !values.is_empty())
        }
    };
    Difference {
        id: model.row.id.clone(),
        name: name_of(model),
        access: model.row.access.clone(),
        kind,
        values,
    }
}

/// What readers would see otherwise of her employment.
fn employment(before: &Model, after: &Model) -> Vec<Differing> {
    let said = |model: &Model| {
        let row = &model.row;
        [
            row.employment_state.clone(),
            row.start_date.clone(),
            row.end_date.clone(),
        ]
    };
    let names = ["employmentState", "startDate", "endDate"];
    let each = names.iter().zip(said(before)).zip(said(after));
    each.filter(|((_, was), is)| was != is)
        .map(|((name, was), is)| Differing {
            path: format!("{ROSTERD_USER}:{name}"),
            before: was.map(Value::from),
            after: is.map(Value::from),
        })
        .collect()
}
