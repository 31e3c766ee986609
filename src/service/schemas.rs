//! Schemas that tenants add (RFC 7643 §3.3): each tenant's registry, kept at hand, and the one way to add a schema.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim;
use crate::scim::extension::{self, Extension};
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result, corrupt};
use crate::service::{Caller, Service};
use crate::storage::tenant_schemas::TenantSchemaRow;
use crate::storage::{Outcome, Tx};

/// How long a registry is used without asking the database again, in milliseconds: news of changes comes sooner.
const REMEMBER: i64 = 60_000;
/// Most registries kept.
const CAPACITY: usize = 10_000;
/// Most schemas that a tenant adds.
const SCHEMAS: usize = 20;
/// The word under which changes are told to other processes.
const NEWS: &str = "schema";

/// The built-in schemas, and what tenants make of them.
pub struct Schemas {
    builtin: Arc<Registry>,
    known: RwLock<HashMap<TenantId, (Arc<Registry>, i64)>>,
}

impl Schemas {
    /// On the built-in schemas.
    pub fn new(builtin: Arc<Registry>) -> Self {
        Self {
            builtin,
            known: RwLock::default(),
        }
    }

    /// Forgets the tenants that the news, kind and key each, is about; without any to be had, all of them. News stays
    /// in sight for a while and is taken over each time: what was being read while it changed is forgotten a moment
    /// later.
    pub fn forget(&self, news: Option<&[(String, String)]>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(news) = news else {
            known.clear();
            return;
        };
        for (_, tenant) in news.iter().filter(|(kind, _)| kind == NEWS) {
            if tenant == OPERATOR_TENANT {
                known.clear();
            }
            known.remove(&TenantId::new(tenant.as_str()));
        }
    }

    fn find(&self, tenant: &TenantId, now: i64) -> Option<Arc<Registry>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (registry, since) = known.get(tenant)?;
        (0..REMEMBER)
            .contains(&(now - since))
            .then(|| Arc::clone(registry))
    }

    fn keep(&self, tenant: &TenantId, registry: &Arc<Registry>, now: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(tenant.clone(), (Arc::clone(registry), now));
    }
}

/// What became of a schema that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It took the place of an earlier version.
    Changed,
    /// It was there, the same.
    Same,
}

impl Service {
    /// The schemas that are built in.
    pub fn builtin(&self) -> &Arc<Registry> {
        &self.schemas.builtin
    }

    /// The schemas of a tenant: built-in ones, those for all tenants, its own.
    ///
    /// # Errors
    /// Storage.
    pub async fn registry(&self, tenant: &TenantId) -> Result<Arc<Registry>> {
        let now = self.store.clock().now().0;
        if let Some(registry) = self.schemas.find(tenant, now) {
            return Ok(registry);
        }
        let mut rows = self.rows(&TenantId::new(OPERATOR_TENANT)).await?;
        if tenant.as_str() != OPERATOR_TENANT {
            rows.extend(self.rows(tenant).await?);
        }
        let registry = match rows.is_empty() {
            true => Arc::clone(self.builtin()),
            false => {
                let documents: Result<Vec<Value>> = rows.iter().map(document).collect();
                let whole = self.builtin().with_extensions(documents?);
                Arc::new(whole.map_err(|e| corrupt("tenant_schemas", tenant.as_str(), e))?)
            }
        };
        self.schemas.keep(tenant, &registry, now);
        Ok(registry)
    }

    async fn rows(&self, tenant: &TenantId) -> Result<Vec<TenantSchemaRow>> {
        self.store
            .point(tenant, |scope| Ok(scope.list_schemas()?))
            .await
    }

    /// The schemas that a tenant added itself, in the order of their URNs.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_schemas(&self, caller: &Caller) -> Result<Vec<TenantSchemaRow>> {
        self.rows(&caller.tenant).await
    }

    /// Checks a schema without adding it.
    ///
    /// # Errors
    /// `Invalid`, a line for each thing that is wrong.
    pub fn check_schema(&self, document: &Value) -> Result<Extension> {
        extension::read(self.builtin(), document).map_err(invalid)
    }

    /// Adds a schema to a tenant, or a compatible version of one that it has; for all tenants if the caller is the
    /// operator's own. Used at once here, within a second by other processes.
    ///
    /// # Errors
    /// `Invalid` for a schema that breaks a rule or what is stored by an earlier version, `Conflict` for a URN that
    /// reaches the tenant from elsewhere.
    pub async fn add_schema(&self, caller: &Caller, document: &Value) -> Result<Added> {
        let extension = self.check_schema(document)?;
        let tenant = caller.tenant.as_str().to_owned();
        let added = self
            .store
            .write(caller.meta(), move |tx| {
                add(tx, &extension).map(Outcome::Done)
            })
            .await?;
        self.schemas.forget(Some(&[(NEWS.to_owned(), tenant)]));
        Ok(added)
    }
}

fn invalid(problems: Vec<String>) -> Error {
    scim::Error::invalid_value(problems.join("\n")).into()
}

fn document(row: &TenantSchemaRow) -> Result<Value> {
    serde_json::from_str(&row.document).map_err(|e| corrupt("tenant_schemas", &row.urn, e))
}

/// Adds a schema that was checked, in the tenant of the transaction.
pub(super) fn add(tx: &mut Tx<'_>, extension: &Extension) -> Result<Added> {
    let Extension { urn, document: new } = extension;
    let key = urn.to_ascii_lowercase();
    let (now, tenant) = (tx.now().0, tx.tenant().as_str().to_owned());
    let before = tx.find_schema(&key)?;
    if before.is_none() && tx.has_schema_elsewhere(&key)? {
        return Err(Error::Conflict(format!(
            "`{urn}` is there already, for all tenants or in one of them: a URN has one definition"
        )));
    }
    let mut row = TenantSchemaRow {
        tenant,
        urn: key,
        document: new.to_string(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let old = before.as_ref().map(document).transpose()?;
    let entry = match (&before, &old) {
        (Some(_), Some(old)) if old == new => return Ok(Added::Same),
        (Some(before), Some(old)) => {
            extension::compatible(old, new).map_err(invalid)?;
            row.version = before.version + 1;
            tx.update_schema(&row)?;
            Entry::new("schema.changed", "schema", urn.clone())
        }
        _ => {
            if tx.list_schemas()?.len() >= SCHEMAS {
                return Err(invalid(vec![format!(
                    "a tenant adds at most {SCHEMAS} schemas"
                )]));
            }
            tx.create_schema(&row)?;
            Entry::new("schema.added", "schema", urn.clone())
        }
    };
    tx.record(entry.change("document", old, Some(new.clone())));
    let news = tx.fresh_id();
    tx.create_invalidation(&news, NEWS, &row.tenant, now)?;
    Ok(match before {
        None => Added::New,
        Some(_) => Added::Changed,
    })
}
