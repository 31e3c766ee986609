//! The use cases, and the only writers: one operation is one closure in the writer's transaction, with its change,
//! versions, totals and journal entries. Here `domain`, `scim` and `storage` meet.

pub mod access;
pub mod announce;
pub mod app;
pub mod closing;
pub mod connections;
pub mod consent;
pub mod credentials;
pub mod decisions;
pub mod entitlements;
pub mod error;
pub mod export;
pub mod files;
pub mod groups;
pub mod health;
pub mod invitations;
mod limits;
pub mod looks;
pub mod mail;
pub mod notices;
pub mod pairs;
pub mod providers;
pub mod pull;
pub mod push_guard;
pub mod reorder;
pub mod replicas;
mod retention;
pub mod runs;
pub mod schemas;
pub mod scope;
mod seats;
pub mod secrets;
pub mod standing;
pub mod switch;
pub mod teams;
pub mod tenants;
pub mod undo;
pub mod users;
pub mod why;

use std::sync::Arc;
use std::time::Duration;

pub use error::{Error, Result};

use crate::domain::access::JoinerPolicy;
use crate::domain::app::APP;
use crate::domain::audit::{Actor, Cause};
use crate::domain::ids::TenantId;
use crate::domain::sealed::Keyring;
use crate::scim::schema::Registry;
use crate::service::schemas::Schemas;
use crate::storage::{JobMeta, Lane, Store};

/// The connection that writes, as far as the rules of access need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// What it does with people whom it brings.
    pub policy: JoinerPolicy,
}

impl Source {
    /// The app's own users.
    pub fn app() -> Self {
        Self {
            id: APP.to_owned(),
            policy: JoinerPolicy::Grant,
        }
    }

    /// Whether it is the app.
    pub fn is_app(&self) -> bool {
        self.id == APP
    }
}

/// Who calls an operation, for which tenant, and why.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Tenant.
    pub tenant: TenantId,
    /// Actor of the journal entries.
    pub actor: Actor,
    /// Cause of the journal entries.
    pub cause: Cause,
    /// How urgent it is.
    pub lane: Lane,
}

impl Caller {
    /// What the writer wants to know.
    pub(crate) fn meta(&self) -> JobMeta {
        JobMeta {
            tenant: self.tenant.clone(),
            lane: self.lane,
            actor: self.actor.clone(),
            cause: self.cause.clone(),
        }
    }

    /// The program itself, for set-up.
    pub fn system(tenant: TenantId, cause: &str) -> Self {
        Self::of_command(tenant, "system", cause)
    }

    /// A run of a pull source, started by somebody or by the schedule.
    pub fn of_run(tenant: TenantId, actor: Actor, run: &str) -> Self {
        Self {
            tenant,
            actor,
            cause: Cause {
                kind: "run".to_owned(),
                id: run.to_owned(),
            },
            lane: Lane::Run,
        }
    }

    /// The undo of a run, which somebody wants.
    pub fn of_undo(tenant: TenantId, actor: Actor, run: &str) -> Self {
        Self {
            cause: Cause {
                kind: "undo".to_owned(),
                id: run.to_owned(),
            },
            ..Self::of_run(tenant, actor, run)
        }
    }

    /// The operator at the shell.
    pub fn operator(tenant: TenantId, command: &str) -> Self {
        Self::of_command(tenant, "operator", command)
    }

    fn of_command(tenant: TenantId, kind: &str, command: &str) -> Self {
        Self {
            tenant,
            actor: Actor {
                kind: kind.to_owned(),
                id: String::new(),
            },
            cause: Cause {
                kind: "command".to_owned(),
                id: command.to_owned(),
            },
            lane: Lane::Interactive,
        }
    }
}

/// The operations, on a store with schemas.
#[derive(Clone)]
pub struct Service {
    /// Storage.
    pub store: Arc<Store>,
    /// Schemas.
    pub schemas: Arc<Schemas>,
    /// Keys of secrets at rest; without any, nothing can be sealed or opened.
    pub keys: Arc<Keyring>,
    /// What connectors ask for.
    pub vendors: Arc<dyn consent::Vendors>,
    /// How long a large change of members may take to prepare.
    pub member_write: Duration,
    /// Who looks through files that are handed in.
    pub files: Arc<dyn files::Inspect>,
    /// Who tries connections.
    pub tries: Arc<dyn looks::Try>,
    /// Who says what ends with reviewers who are removed.
    pub warning: Arc<dyn teams::Warn>,
}

impl Service {
    /// The operations on this store, with these schemas built in.
    pub fn new(store: Arc<Store>, builtin: Arc<Registry>) -> Self {
        let schemas = Arc::new(Schemas::new(builtin));
        Self {
            store,
            schemas,
            keys: Arc::default(),
            vendors: Arc::new(consent::NoVendors),
            member_write: Duration::from_secs(60),
            files: Arc::new(files::NoFiles),
            tries: Arc::new(looks::NoTries),
            warning: Arc::new(teams::NoWarning),
        }
    }

    /// Seals and opens with these keys, inside operations too.
    pub fn set_keys(&mut self, keys: Arc<Keyring>) {
        self.store.set_keys(Arc::clone(&keys));
        self.keys = keys;
    }
}
