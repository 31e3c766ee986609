//! Whom a pull connection brings: a SCIM filter over the person as her HR system has her.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::access::reason;
use crate::domain::ids::TenantId;
use crate::scim::filter::{Filter, evaluate, parse};
use crate::scim::fold::match_document;
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::unflatten;
use crate::service::connections::PULL;
use crate::service::error::{Error, Result};
use crate::service::reorder::name_of;
use crate::service::users::model::Model;
use crate::service::{Caller, Service};
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;

const KIND: ResourceKind = ResourceKind::User;

/// A scope that is ready to be asked.
pub struct PullScope {
    registry: Arc<Registry>,
    filter: Filter,
}

impl PullScope {
    /// Whether the connection brings this person.
    pub fn takes(&self, user: &Map<String, Value>) -> bool {
        evaluate(&self.filter, &match_document(&self.registry, KIND, user))
    }
}

/// People read together.
const PAGE: i64 = 500;

/// What whoever sets a scope should know: codes.
pub mod warning {
    /// It takes nobody of those who are there.
    pub const NOBODY: &str = "nobody";
    /// It leaves out nobody of those who are there.
    pub const EVERYBODY: &str = "everybody";
    /// The last complete pull left out records of which nothing is kept: who of them would come in a dry run shows.
    pub const OTHERS_LEFT_OUT: &str = "others-left-out";
}

/// Runs that are looked at for the last complete one.
const RUNS: i64 = 50;

/// Claims of those whom a connection brings, and of those whom it brought once, as their index has them.
const RANGES: [(bool, ClaimState); 4] = [
    (true, ClaimState::Live),
    (false, ClaimState::Live),
    (true, ClaimState::Ended),
    (false, ClaimState::Ended),
];

/// What another scope would do with those whom a connection has, or had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeTest {
    /// Whom it would go on bringing.
    pub stays: u64,
    /// Who would drop out.
    pub drops: u64,
    /// Of those, they have access.
    pub drops_with_access: u64,
    /// Id and name of the first who would drop out, by id.
    pub first: Vec<(String, String)>,
    /// Who would come in, of those whom the scope that is set keeps out, by what the HR system last said of them.
    pub comes: u64,
    /// Id and name of the first of those, by id.
    pub comes_first: Vec<(String, String)>,
    /// Records that the last complete pull left out: of people who never came nothing else is known.
    pub left_out: u64,
}

impl ScopeTest {
    /// Codes of [`warning`].
    pub fn warnings(&self) -> Vec<&'static str> {
        let all = [
            (self.stays == 0, warning::NOBODY),
            (self.drops == 0, warning::EVERYBODY),
            (self.left_out > self.comes, warning::OTHERS_LEFT_OUT),
        ];
        let told = all.into_iter().filter(|(is, _)| *is);
        told.map(|(_, code)| code).collect()
    }

    fn count(&mut self, seen: Seen, limit: usize) {
        let first = match seen.what {
            What::Stays => {
                self.stays += 1;
                return;
            }
            What::Drops { has_access } => {
                self.drops += 1;
                self.drops_with_access += u64::from(has_access);
                &mut self.first
            }
            What::Comes => {
                self.comes += 1;
                &mut self.comes_first
            }
        };
        if first.len() < limit {
            first.push((seen.id, seen.name));
        }
    }
}

/// Somebody whom another scope is about.
struct Seen {
    id: String,
    name: String,
    what: What,
}

/// What it would do with her.
enum What {
    Stays,
    Drops { has_access: bool },
    Comes,
}

/// The scope that is tried, and the one that is set.
struct Scopes {
    connection: String,
    tried: PullScope,
    set: Option<PullScope>,
}

impl Scopes {
    /// What would become of somebody; `None`: nothing.
    fn look(&self, reads: &mut Scope<'_>, id: String, state: ClaimState) -> Result<Option<Seen>> {
        let model = Model::load(reads, &self.tried.registry, &id)?;
        let Some(model) = model.filter(|model| model.row.removed_at.is_none()) else {
            return Ok(None);
        };
        let claim = model.position(&self.connection);
        let claim = claim.map(|place| &model.claims[place]);
        let said = claim.and_then(|claim| claim.asserted.as_ref());
        let user = said.map_or_else(|| model.doc.clone(), unflatten);
        let is_taken = self.tried.takes(&user);
        let what = match (state, is_taken) {
            (ClaimState::Ended, true) if self.is_kept_out(reads, &model, &user)? => What::Comes,
            (ClaimState::Ended, _) => return Ok(None),
            (_, true) => What::Stays,
            (_, false) => What::Drops {
                has_access: model.row.has_access,
            },
        };
        let name = name_of(&model);
        Ok(Some(Seen { id, name, what }))
    }

    /// By what was last said of her it is the scope that is set that keeps her out. Where that scope would take her, her record
    /// has changed since, and nobody here knows how; who left the company left more than the scope.
    fn is_kept_out(
        &self,
        reads: &mut Scope<'_>,
        model: &Model,
        user: &Map<String, Value>,
    ) -> Result<bool> {
        if self.set.as_ref().is_none_or(|set| set.takes(user)) {
            return Ok(false);
        }
        let is_by_scope = model.row.access_reason == reason::OUT_OF_SCOPE;
        let links = reads.list_links_of(&model.row.id)?;
        let mut own = links.iter().filter(|l| l.connection_id == self.connection);
        Ok(is_by_scope || !own.any(LinkRow::has_ended))
    }
}

impl Service {
    /// What this scope would do with those whom a pull connection has, and with those whom the scope that is set keeps out, by
    /// what the HR system last said of them; at most `limit` of each are named. Nothing is written. Of people who never came
    /// only the HR system knows: a dry run tells.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for what is no filter, or a connection that is not pulled; storage.
    pub async fn test_scope(
        &self,
        caller: &Caller,
        connection: &str,
        filter: &str,
        limit: usize,
    ) -> Result<ScopeTest> {
        let row = self.find_connection(caller, connection).await?;
        if row.kind != PULL {
            let detail = "only a connection that is pulled has a scope: what pushes is scoped at its provider";
            return Err(crate::scim::Error::invalid_value(detail).into());
        }
        let set = match row.pull_settings()?.scope.filter {
            Some(set) => Some(self.pull_scope(&caller.tenant, &set).await?),
            None => None,
        };
        let mut found = ScopeTest::default();
        if set.is_some() {
            found.left_out = self.left_out(&caller.tenant, &row.id).await?;
        }
        let scopes = Arc::new(Scopes {
            tried: self.pull_scope(&caller.tenant, filter).await?,
            connection: row.id,
            set,
        });
        for (is_public, state) in RANGES {
            let mut after = String::new();
            loop {
                let (scopes, from) = (Arc::clone(&scopes), after);
                let (last, seen) = self
                    .store
                    .read(&caller.tenant, move |reads| {
                        let connection = &scopes.connection;
                        let ids =
                            reads.list_claimants(connection, is_public, state, &from, PAGE)?;
                        let last = ids.last().cloned();
                        let mut seen = Vec::new();
                        for id in ids {
                            seen.extend(scopes.look(reads, id, state)?);
                        }
                        Ok::<_, Error>((last, seen))
                    })
                    .await?;
                for seen in seen {
                    found.count(seen, limit);
                }
                let Some(last) = last else { break };
                after = last;
            }
        }
        Ok(found)
    }

    /// Records that the last complete pull of a connection left out.
    async fn left_out(&self, tenant: &TenantId, connection: &str) -> Result<u64> {
        let runs = self.list_runs(tenant, Some(connection), None, RUNS).await?;
        let mut complete = runs.iter().filter(|run| run.is_complete);
        let counts = complete.find_map(|run| run.counts.as_deref());
        let counts = counts.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let left_out = counts.and_then(|counts| counts["findings"]["out-of-scope"].as_u64());
        Ok(left_out.unwrap_or_default())
    }

    /// Reads the filter of a scope with the tenant's schemas.
    ///
    /// # Errors
    /// `Invalid` for what is no filter; storage.
    pub async fn pull_scope(&self, tenant: &TenantId, filter: &str) -> Result<PullScope> {
        let registry = self.registry(tenant).await?;
        let filter = parse(&registry, KIND, filter, &mut Rules::default())?;
        Ok(PullScope { registry, filter })
    }
}
