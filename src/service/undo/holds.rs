//! What an undo holds of a record beside the units of the claim, and how a hold ends.

use std::collections::BTreeSet;

use serde_json::json;

use crate::domain::access::JoinerPolicy;
use crate::domain::audit::{Entry, canonical, sha256_hex};
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::users::model::Model;
use crate::service::users::settle::{Act, settle};
use crate::service::{Caller, Service, Source};
use crate::storage::links::LinkRow;
use crate::storage::{Outcome, Tx};

/// What of a record is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::service) enum Kind {
    /// All of it: nothing is made of it while it says the same.
    Record,
    /// Values of it, by her claim; and all of it while it says the same.
    Values,
    /// Her employment: access and dates stay while its state and days are the same.
    Employment,
    /// That it is missing, or out of scope, until it is there again.
    Gone,
}

impl Kind {
    pub(in crate::service) fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Values => "values",
            Self::Employment => "employment",
            Self::Gone => "gone",
        }
    }

    pub(in crate::service) fn parse(text: &str) -> Option<Self> {
        [Self::Record, Self::Values, Self::Employment, Self::Gone]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Hash of what a record says of somebody's employment.
pub(in crate::service) fn employment_digest(
    state: &str,
    start: Option<&str>,
    end: Option<&str>,
) -> String {
    sha256_hex(canonical(&json!([state, start, end])).as_bytes())
}

/// What was let in again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifted {
    /// Paths whose value is the source's again.
    pub units: Vec<String>,
    /// Records that the next pull looks at again: connection and source id.
    pub records: Vec<(String, String)>,
}

impl Service {
    /// Records of a connection whose being gone an undo holds, by source id.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_held_as_gone(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<BTreeSet<String>> {
        self.list_held_as(tenant, connection, &[Kind::Gone]).await
    }

    /// Records of a connection of which an undo holds what they say of somebody's employment, by source id.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_held_employments(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<BTreeSet<String>> {
        let kinds = [Kind::Record, Kind::Employment];
        self.list_held_as(tenant, connection, &kinds).await
    }

    async fn list_held_as(
        &self,
        tenant: &TenantId,
        connection: &str,
        kinds: &[Kind],
    ) -> Result<BTreeSet<String>> {
        let connection = connection.to_owned();
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        self.store
            .read(tenant, move |scope| {
                let held = scope.list_held_as(&connection, &kinds)?;
                Ok(held.into_iter().collect())
            })
            .await
    }

    /// Ends everything that undoing runs holds of a person: values that sources assert count at once, records from the
    /// next pull on.
    ///
    /// # Errors
    /// `NotFound` for nobody, and where nothing is held.
    pub async fn lift_holds(&self, caller: &Caller, person: &str) -> Result<Lifted> {
        let (registry, id) = (self.registry(&caller.tenant).await?, person.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                lift(tx, &registry, &id).map(Outcome::Done)
            })
            .await
    }
}

fn lift(tx: &mut Tx<'_>, registry: &Registry, id: &str) -> Result<Lifted> {
    let mut model = Model::load(tx, registry, id)?.ok_or_else(|| Error::no_such("person", id))?;
    let (before, mut lifted) = (model.clone(), Lifted::default());
    for claim in &mut model.claims {
        for (unit, _) in std::mem::take(&mut claim.undone) {
            claim.held.remove(&unit);
            if claim.takes_part() {
                lifted.units.push(unit.to_string());
            }
        }
    }
    let holds = tx.list_holds_of(id)?;
    if model == before && holds.is_empty() {
        return Err(Error::NotFound(
            "nothing is held of this person: an undo holds only what a source still says"
                .to_owned(),
        ));
    }
    let source = Source {
        id: model
            .claims
            .first()
            .map_or_else(String::new, |c| c.row.connection_id.clone()),
        policy: JoinerPolicy::List,
    };
    let act = Act {
        source: &source,
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    if model != before {
        settle(tx, registry, Some(&before), &mut model, &act)?;
    }
    for hold in holds {
        tx.delete_hold(&hold.connection_id, &hold.source_id)?;
        if let Some(link) = tx.find_link(&hold.connection_id, &hold.source_id)? {
            // Something of it is still to do.
            let (digest, updated_at) = (String::new(), tx.now().0);
            tx.update_link(&LinkRow {
                digest,
                updated_at,
                ..link
            })?;
        }
        if hold.kind == Kind::Values.as_str() {
            // Its values are in force already.
            continue;
        }
        let entry = Entry::new("hold.lifted", "user", id).reason(hold.kind);
        tx.record(entry.object("connection", hold.connection_id.clone()));
        lifted.records.push((hold.connection_id, hold.source_id));
    }
    Ok(lifted)
}
