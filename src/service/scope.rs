//! Whom a pull connection brings: a SCIM filter over the person as her HR system has her.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::ids::TenantId;
use crate::scim::filter::{Filter, evaluate, parse};
use crate::scim::fold::match_document;
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::Service;
use crate::service::error::Result;

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

impl Service {
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
