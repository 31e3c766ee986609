//! Opening the database for a command: directory, migrations, store, the operator's own tenant.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use super::Failure;
use crate::config::Config;
use crate::domain::chance::SystemChance;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::schema::Registry;
use crate::service::{Caller, Service};
use crate::storage::connection::{DatabaseUrl, Purpose, open};
use crate::storage::store::{Options, Store};
use crate::storage::{migrations, tenants};

/// The data directory, for nobody but its owner.
fn ensure_directory(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
    }
    let mut rights = std::fs::metadata(path)?.permissions();
    if rights.mode() & 0o777 != 0o700 {
        rights.set_mode(0o700);
        std::fs::set_permissions(path, rights)?;
    }
    Ok(())
}

/// The database that the configuration names; on SQLite its directory is made.
fn database(config: &Config) -> Result<DatabaseUrl, Failure> {
    let url = DatabaseUrl::parse(&config.database_url())?;
    if url.is_sqlite() {
        ensure_directory(config.data_dir())?;
    }
    Ok(url)
}

/// Applies what is missing.
pub(super) fn migrate(config: &Config) -> Result<Vec<String>, Failure> {
    Ok(migrations::run(&database(config)?)?)
}

/// What `migrate` says.
pub(super) fn migrated(applied: &[String]) -> String {
    match applied {
        [] => "the schema is up to date".to_owned(),
        names => format!("applied: {}", names.join(", ")),
    }
}

/// Opens everything.
pub(super) fn service(config: &Config) -> Result<Service, Failure> {
    let url = database(config)?;
    migrations::run(&url)?;
    let clock = Arc::new(SystemClock);
    tenants::ensure_operator(
        &mut open(&url, Purpose::Write)?,
        OPERATOR_TENANT,
        clock.now().0,
    )?;
    let store = Store::open(&Options::new(url), clock, Arc::new(SystemChance))?;
    Ok(Service::new(
        Arc::new(store),
        Arc::new(Registry::builtin()?),
    ))
}

/// The operator at the shell, acting for a tenant.
pub(super) async fn caller(
    service: &Service,
    tenant: &str,
    command: &str,
) -> Result<Caller, Failure> {
    let row = service.find_tenant(tenant).await?;
    Ok(Caller::system(TenantId::new(row.id), command))
}
