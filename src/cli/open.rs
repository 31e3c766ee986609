//! Opening the database: directory, schema, store, the operator's own tenant.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use super::bridge::Inspector;
use super::connectors::Connectors;
use super::team_warning::warning;
use super::{Failure, migrate, shown};
use crate::config::Config;
use crate::domain::chance::{Chance, SystemChance};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::sealed::{Keyring, key_id};
use crate::scim::schema::Registry;
use crate::service::{self, Caller, Service};
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open};
use crate::storage::dialect::catalog;
use crate::storage::secrets;
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

/// Whether there is a database: SQLite's file, or the name of a PostgreSQL server's. Nothing is made.
pub(super) fn is_there(config: &Config) -> Result<bool, Failure> {
    Ok(match DatabaseUrl::parse(&config.database_url())? {
        DatabaseUrl::Sqlite(file) => Path::new(&file).exists(),
        DatabaseUrl::Postgres(_) => true,
    })
}

/// Ids of the keys that this database needs: the one that it belongs with, and those of its secrets; none before the
/// first start.
pub(super) fn needed_keys(conn: &mut AnyConnection) -> Result<Vec<String>, Failure> {
    // Before the first migration there is no table to ask.
    let Ok(Some(settings)) = tenants::find_operators_settings(conn) else {
        return Ok(Vec::new());
    };
    let mut needed: Vec<String> = settings.secret_key_id.into_iter().collect();
    if catalog::tables(conn)?.iter().any(|t| t == secrets::TABLE) {
        let held = secrets::tally(conn)?.into_iter();
        let held = held.filter(|t| t.state == secrets::state::HELD);
        needed.extend(held.map(|t| t.key_id));
    }
    needed.sort_unstable();
    needed.dedup();
    Ok(needed)
}

/// Refuses a start without the keys that protect what is in the database, before anything is changed.
pub(super) fn check_key(config: &Config) -> Result<(), Failure> {
    let url = database(config)?;
    let needed = needed_keys(&mut open(&url, Purpose::Write)?)?;
    needed.iter().try_for_each(|id| require_key(config, id))
}

/// Refuses keys among which there is none with this id.
pub(super) fn require_key(config: &Config, needed: &str) -> Result<(), Failure> {
    let current = config.secret_key()?;
    let all = current.into_iter().chain(config.previous_keys());
    let ids: Vec<String> = all.map(|key| key_id(&key)).collect();
    let given = match ids.as_slice() {
        ids if ids.iter().any(|id| id == needed) => return Ok(()),
        [] => "there is none".to_owned(),
        [one] => format!("the given one has the id {one}"),
        many => format!("the given ones have the ids {}", many.join(", ")),
    };
    Err(format!(
        "this database needs the secret key with the id {needed}, but {given}: put the copy of secret.key that you keep \
         apart from the backups in place, or set ROSTERD_SECRET_KEY_FILE (a former key: \
         ROSTERD_SECRET_KEY_PREVIOUS_FILE); if nobody has it any more, `rosterd secrets abandon {needed}`"
    )
    .into())
}

/// The keys of the configuration; without a current one there is none.
fn keyring(config: &Config) -> Result<Keyring, Failure> {
    Ok(match config.secret_key()? {
        Some(current) => Keyring::new(&current, &config.previous_keys()),
        None => Keyring::default(),
    })
}

/// The secret key; on SQLite one is made where there is none.
pub(super) fn make_key(config: &Config) -> Result<[u8; 32], Failure> {
    Ok(config.make_secret_key(|bytes| SystemChance.fill(bytes))?)
}

/// Opens everything for a command that seals: with the keys that the database needs, and with one of its own.
pub(super) async fn sealing(config: &Config) -> Result<Service, Failure> {
    check_key(config)?;
    make_key(config)?;
    let service = service(config)?;
    service.note_first_key().await?;
    Ok(service)
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
    service.set_keys(Arc::new(keyring(config)?));
    service.vendors = Arc::new(Connectors::of(config));
    service.files = Arc::new(Inspector::new()?);
    service.warning = warning(config)?;
    Ok(service)
}

/// The operator at the shell, acting for a tenant.
pub(super) async fn caller(
    service: &Service,
    tenant: &str,
    command: &str,
) -> Result<Caller, Failure> {
    let row = self::tenant(service, tenant).await?;
    if row.is_deleted() {
        let name = shown(tenant);
        return Err(format!(
            "the tenant `{name}` is deleted: nothing is changed in it; `rosterd tenant restore {name}` brings it back"
        )
        .into());
    }
    Ok(Caller::operator(TenantId::new(row.id), command))
}

/// The same, to read: also of a deleted tenant.
pub(super) async fn reader(
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
