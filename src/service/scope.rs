//! Whom a pull connection brings: a SCIM filter over the person as her HR system has her.

use std::sync::Arc;

use serde_json::{Map, Value};

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
use crate::storage::claims::ClaimState;

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

/// What another scope would do with those whom a connection has.
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
}

impl ScopeTest {
    /// It takes nobody of those who are there.
    pub fn is_nobody(&self) -> bool {
        self.stays == 0
    }

    /// It leaves out nobody of those who are there.
    pub fn is_everybody(&self) -> bool {
        self.drops == 0
    }
}

impl Service {
    /// What this scope would do with those whom a pull connection has, by what it last said of them; at most `limit` who would
    /// drop out are named. Nothing is written. Who would come in only the HR system knows: a dry run tells.
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
        let scope = Arc::new(self.pull_scope(&caller.tenant, filter).await?);
        let mut found = ScopeTest::default();
        for is_public in [true, false] {
            let mut after = String::new();
            loop {
                let (connection, scope, from) = (row.id.clone(), Arc::clone(&scope), after);
                let page = self
                    .store
                    .read(&caller.tenant, move |reads| {
                        let live = ClaimState::Live;
                        let ids =
                            reads.list_claimants(&connection, is_public, live, &from, PAGE)?;
                        let mut people = Vec::new();
                        for id in ids {
                            let Some(model) = Model::load(reads, &scope.registry, &id)? else {
                                continue;
                            };
                            let claim = model.position(&connection).map(|at| &model.claims[at]);
                            let said = claim.and_then(|claim| claim.asserted.as_ref());
                            let user = said.map_or_else(|| model.doc.clone(), unflatten);
                            let (name, has_access) = (name_of(&model), model.row.has_access);
                            people.push((id, name, has_access, scope.takes(&user)));
                        }
                        Ok::<_, Error>(people)
                    })
                    .await?;
                let Some((last, ..)) = page.last() else { break };
                after = last.clone();
                for (id, name, has_access, is_taken) in page {
                    if is_taken {
                        found.stays += 1;
                        continue;
                    }
                    found.drops += 1;
                    found.drops_with_access += u64::from(has_access);
                    if found.first.len() < limit {
                        found.first.push((id, name));
                    }
                }
            }
        }
        Ok(found)
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
