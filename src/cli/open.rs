//! Opening the database: directory, schema, store, the operator's own tenant.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use super::{Failure, migrate, shown};
use crate::config::Config;
use crate::domain::audit::sha256_hex;
use crate::domain::chance::SystemChance;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::schema::Registry;
use crate::service::{self, Caller, Service};
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use crate::storage::store::{Options, Store};
use crate::storage::tenants::{self, TenantRow};

/// The data directory: made for nobody but its owner. One that exists keeps its rights, for it may hold other things;
/// what is made inside it is the owner's alone.
fn ensure_directory(path: &Path) -> Result<(), Failure> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|e| format!("cannot make the directory {}: {e}", path.display()))?;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(directory = %path.display(), "other users may look into the data directory: chmod 700 it");
    }
    Ok(())
}

/// The database that the configuration names; on SQLite its directory is made.
pub(super) fn database(config: &Config) -> Result<DatabaseUrl, Failure> {
    let url = DatabaseUrl::parse(&config.database_url())?;
    if let DatabaseUrl::Sqlite(file) = &url {
        ensure_directory(config.data_dir())?;
        if let Some(parent) = Path::new(file)
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
        {
            ensure_directory(parent)?;
        }
    }
    Ok(url)
}

/// Names a key without telling anything about it.
pub(super) fn key_id(key: &[u8; 32]) -> String {
    let hash = sha256_hex(&[b"rosterd-key-id-1".as_slice(), key].concat());
    hash.chars().take(16).collect()
}

/// The id of the key that this database needs; `None` before the first start.
pub(super) fn needed_key(conn: &mut AnyConnection) -> Result<Option<String>, Failure> {
    // Before the first migration there is no table to ask.
    let Ok(Some(row)) = tenants::find(conn, OPERATOR_TENANT) else {
        return Ok(None);
    };
    Ok(row.settings()?.secret_key_id)
}

/// Refuses a start with another key than the one that protects what is in the database, before anything is changed.
pub(super) fn check_key(config: &Config) -> Result<(), Failure> {
    let url = database(config)?;
    match needed_key(&mut open(&url, Purpose::Write)?)? {
        Some(needed) => require_key(config, &needed),
        None => Ok(()),
    }
}

/// Refuses another key than the one with this id.
pub(super) fn require_key(config: &Config, needed: &str) -> Result<(), Failure> {
    let given = match config.secret_key()? {
        None => "there is none".to_owned(),
        Some(key) if key_id(&key) == needed => return Ok(()),
        Some(key) => format!("the given one has the id {}", key_id(&key)),
    };
    Err(format!(
        "this database needs the secret key with the id {needed}, but {given}: put the copy of secret.key that you keep \
         apart from the backups in place, or set ROSTERD_SECRET_KEY_FILE"
    )
    .into())
}

/// Opens everything for a server.
pub(super) fn server(config: &Config) -> Result<Service, Failure> {
    let url = database(config)?;
    migrate::before_serving(&url)?;
    wire(config, url)
}

/// Opens everything for a command.
pub(super) fn service(config: &Config) -> Result<Service, Failure> {
    let url = database(config)?;
    migrate::before_a_command(&url)?;
    wire(config, url)
}

fn wire(config: &Config, url: DatabaseUrl) -> Result<Service, Failure> {
    let clock = Arc::new(SystemClock);
    tenants::ensure_operator(
        &mut open(&url, Purpose::Write)?,
        OPERATOR_TENANT,
        clock.now().0,
    )?;
    let options = Options {
        write_queue: config.limits().write_queue,
        read_time: config.limits().read_time,
        ..Options::new(url)
    };
    let store = Store::open(&options, clock, Arc::new(SystemChance))?;
    let mut service = Service::new(Arc::new(store), Arc::new(Registry::builtin()?));
    service.member_write = config.limits().member_write;
    Ok(service)
}

/// The operator at the shell, acting for a tenant.
pub(super) async fn caller(
    service: &Service,
    tenant: &str,
    command: &str,
) -> Result<Caller, Failure> {
    let row = self::tenant(service, tenant).await?;
    Ok(Caller::operator(TenantId::new(row.id), command))
}

/// A tenant by name or id.
pub(super) async fn tenant(service: &Service, name: &str) -> Result<TenantRow, Failure> {
    service
        .find_tenant(name)
        .await
        .map_err(|error| match error {
            service::Error::NotFound(_) => format!(
                "no tenant has the name or id `{}`: `rosterd tenant list` shows all",
                shown(name)
            )
            .into(),
            other => other.into(),
        })
}
