//! From a request's credentials to a [`RequestContext`]: which tenant, which role, which connection.

mod presented;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::access::JoinerPolicy;
use crate::domain::audit::sha256_hex;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles::Role;
use crate::storage::credentials::{CredentialRow, find_by_hash, list_invalidations_since};
use crate::storage::{Store, tenants};

pub use presented::{Presented, Scheme};

/// The connection behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Id.
    pub id: String,
    /// Word of its preset.
    pub preset: String,
    /// What it does with people whom it brings.
    pub policy: JoinerPolicy,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The tenant that the request is about.
    pub tenant: TenantId,
    /// What the token may.
    pub role: Role,
    /// Id of the token.
    pub credential: String,
    /// Tenant that the token belongs to (the operator's own for operators).
    pub home: TenantId,
    /// For role `connection`.
    pub connection: Option<ConnectionInfo>,
    /// The token's last use should be noted.
    pub stale_use: bool,
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No credentials, or none that mean anything; one answer for all cases, so that nothing can be learned.
    #[error("a valid token is required")]
    Unauthorized,
    /// The token is good for something else.
    #[error("{0}")]
    Forbidden(String),
    /// The database does not answer.
    #[error("credentials cannot be checked now")]
    Unavailable,
}

/// How long a token is remembered without asking the database again, in milliseconds.
const REMEMBER: i64 = 60_000;
/// How long between notes of a token's last use, in milliseconds.
const TOUCH: i64 = 3_600_000;
/// How much further back than the last look news is read, in milliseconds: the longest write and the worst clock.
const LOOK_BACK: i64 = 60_000;
/// Most tokens remembered.
const CAPACITY: usize = 10_000;

#[derive(Debug, Clone)]
struct Known {
    row: CredentialRow,
    connection: Option<ConnectionInfo>,
    since: i64,
    touched: bool,
}

/// Checks tokens, with a memory that revocations reach within a second.
pub struct Authenticator {
    store: Arc<Store>,
    known: RwLock<HashMap<String, Known>>,
    /// When revocations were last read.
    looked: AtomicI64,
}

impl Authenticator {
    /// On a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            known: RwLock::default(),
            looked: AtomicI64::new(0),
        }
    }

    /// Checks the token that a request shows; `named` is the tenant that an operator's request names.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn check(
        &self,
        presented: Option<&Presented>,
        named: Option<&str>,
    ) -> Result<RequestContext, Refusal> {
        let mut context = self.identify(presented).await?;
        context.tenant = self.tenant_of(context.role, &context.home, named).await?;
        Ok(context)
    }

    /// Checks the token that a request shows; until somebody says otherwise the tenant is the token's own.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn identify(&self, presented: Option<&Presented>) -> Result<RequestContext, Refusal> {
        let secret = &presented.ok_or(Refusal::Unauthorized)?.secret;
        // No comparison in constant time is needed: what is compared, in memory and in the database's index, are SHA-256
        // hashes. How far a guess's hash agrees with a stored one tells nothing about the secret, of which there are 2^256
        // (a token given to a first start is the operator's to choose well), and no other guess comes closer by it.
        let hash = sha256_hex(secret.as_bytes());
        let known = self.find(&hash).await?;
        let now = self.store.clock().now().0;
        if known.row.revoked_at.is_some() || known.row.expires_at.is_some_and(|at| at <= now) {
            return Err(Refusal::Unauthorized);
        }
        let role = Role::parse(&known.row.role).ok_or(Refusal::Unauthorized)?;
        let home = TenantId::new(known.row.tenant.clone());
        let last = known.row.last_used_at.unwrap_or(0);
        let stale_use = !known.touched && now - last > TOUCH;
        if stale_use {
            self.note_touch(&hash);
        }
        Ok(RequestContext {
            tenant: home.clone(),
            role,
            credential: known.row.id,
            home,
            connection: known.connection,
            stale_use,
        })
    }

    async fn find(&self, hash: &str) -> Result<Known, Refusal> {
        let now = self.store.clock().now().0;
        let remembered = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known
                .get(hash)
                .filter(|k| (0..REMEMBER).contains(&(now - k.since)))
                .cloned()
        };
        if let Some(known) = remembered {
            return Ok(known);
        }
        let known = self.load(hash, now).await?;
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAPACITY {
            all.clear();
        }
        all.insert(hash.to_owned(), known.clone());
        Ok(known)
    }

    async fn load(&self, hash: &str, now: i64) -> Result<Known, Refusal> {
        let unavailable = |error: crate::storage::Error| {
            tracing::error!(error = %error, "credentials cannot be checked");
            Refusal::Unavailable
        };
        let wanted = hash.to_owned();
        let found = self
            .store
            .point_global(move |conn| find_by_hash(conn, &wanted))
            .await;
        let (row, state) = found.map_err(unavailable)?.ok_or(Refusal::Unauthorized)?;
        if state != "active" {
            return Err(Refusal::Unauthorized);
        }
        let connection = match row.connection_id.clone() {
            None => None,
            Some(id) => {
                let tenant = TenantId::new(row.tenant.clone());
                let row = self
                    .store
                    .point(&tenant, move |scope| scope.find_connection(&id))
                    .await;
                let row = row.map_err(unavailable)?.ok_or(Refusal::Unauthorized)?;
                if row.state != "active" {
                    return Err(Refusal::Unauthorized);
                }
                let policy = JoinerPolicy::parse(&row.joiner_policy).unwrap_or(JoinerPolicy::List);
                Some(ConnectionInfo {
                    id: row.id,
                    preset: row.preset,
                    policy,
                })
            }
        };
        Ok(Known {
            row,
            connection,
            since: now,
            touched: false,
        })
    }

    async fn tenant_of(
        &self,
        role: Role,
        home: &TenantId,
        named: Option<&str>,
    ) -> Result<TenantId, Refusal> {
        let Some(named) = named else {
            if role == Role::Operator {
                let detail = "an operator's token names the tenant with the header Rosterd-Tenant";
                return Err(Refusal::Forbidden(detail.to_owned()));
            }
            return Ok(home.clone());
        };
        if role != Role::Operator {
            return match named == home.as_str() {
                true => Ok(home.clone()),
                false => Err(Refusal::Forbidden(
                    "this token belongs to another tenant".to_owned(),
                )),
            };
        }
        let wanted = named.to_owned();
        let found =
            self.store
                .point_global(move |conn| match tenants::find_by_name(conn, &wanted)? {
                    Some(row) => Ok(Some(row)),
                    None => tenants::find(conn, &wanted),
                });
        match found.await {
            Ok(Some(row)) if row.id != OPERATOR_TENANT && !row.is_deleted() => {
                Ok(TenantId::new(row.id))
            }
            Ok(_) => Err(Refusal::Forbidden("no such tenant".to_owned())),
            Err(crate::storage::Error::Unavailable(_)) => Err(Refusal::Unavailable),
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    fn note_touch(&self, hash: &str) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(hash) {
            known.touched = true;
        }
    }

    /// Forgets what was revoked or changed since the last look, by whatever process; called twice a second.
    ///
    /// The look goes back a minute further than the last good one: a change carries the time at which it was queued, by
    /// the clock of the process that queued it.
    ///
    /// Returns the news, kind and key each, for those who remember other things; `None` if there is none to be had.
    pub async fn forget_invalidated(&self) -> Option<Vec<(String, String)>> {
        let now = self.store.clock().now().0;
        let last = match self.looked.load(Ordering::Relaxed) {
            0 => now,
            last => last.min(now),
        };
        let read = self
            .store
            .point_global(move |conn| list_invalidations_since(conn, last - LOOK_BACK))
            .await;
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let news = match read {
            Ok(news) => news,
            Err(error) => {
                // Better to ask the database each time than to trust what may be revoked.
                tracing::warn!(error = %error, "revocations cannot be read");
                all.clear();
                return None;
            }
        };
        // News stays in sight for a while and is taken over each time: a token that was being read from the database
        // while it was revoked is remembered a moment later.
        for (kind, key) in &news {
            let forgotten = match kind.as_str() {
                "credential" => usize::from(all.remove(key).is_some()),
                // No part of what is remembered here.
                "schema" => 0,
                _ => all.drain().count(),
            };
            metrics::counter!("rosterd_invalidations_total").increment(forgotten as u64);
        }
        self.looked.store(now, Ordering::Relaxed);
        Some(news)
    }
}
