//! Opens connections for the bridge: what is set, the credentials, and the connector that reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::addresses::Addressed;
use super::files::{FileFeed, Origin};
use super::kept::{Exchanges, Kept};
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::audit::hex;
use crate::domain::ids::TenantId;
use crate::domain::pull::{AddressUse, MatchBy, PullSettings};
use crate::domain::sealed::SecretText;
use crate::hris::catalogue::Catalogue;
use crate::hris::client::{Endpoint, Limits as RequestLimits, Outside};
use crate::hris::files::{FileConnector, Reading};
use crate::hris::manifest::Manifest;
use crate::hris::values::Values;
use crate::hris::{self, Error as PullError, Evidence, Gap, Job, Kind};
use crate::service::connections::{ConnectionRow, PULL};
use crate::service::pull::{AlsoBy, PullSource};
use crate::service::{self, Caller, Service, Source};
use crate::sync::guard::Limits;
use crate::sync::schedule::{Opened, Sources};
use crate::sync::{Feed, Gather, Setup, Watch};

/// Opened secrets by name.
type Secrets = BTreeMap<String, SecretText>;

/// Connections as the database has them.
#[derive(Clone)]
pub struct Stored {
    service: Service,
    connectors: Option<PathBuf>,
    outside: Outside,
    /// The name under which leases are taken.
    holder: Option<String>,
    exchanges: Exchanges,
    /// Root of watched folders.
    folders: Option<PathBuf>,
    /// Read instead of what a connection of files would read.
    file: Option<PathBuf>,
}

impl Stored {
    /// On a service, with the connectors of the program.
    pub fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            connectors: None,
            outside: Outside::default(),
            holder: None,
            exchanges: Exchanges::default(),
            folders: None,
            file: None,
        }
    }

    /// As the operator configured it.
    pub(in crate::cli) fn configured(config: &Config, service: &Service) -> Self {
        let mut stored = Self::new(service);
        stored.connectors = config.connectors_dir().map(PathBuf::from);
        stored.outside.allow_private = config.pull_private();
        stored.folders = config.files_dir().map(PathBuf::from);
        stored
    }

    /// For a scheduler of this name: credentials are exchanged while it has the lease, and told to `exchanges`.
    #[must_use]
    pub fn held_by(mut self, holder: &str, exchanges: &Exchanges) -> Self {
        self.holder = Some(holder.to_owned());
        self.exchanges = exchanges.clone();
        self
    }

    /// The exchanges that it tells of.
    pub(super) fn exchanges(&self) -> Exchanges {
        self.exchanges.clone()
    }

    /// With the connectors of a directory too.
    #[must_use]
    pub fn with_connectors(mut self, directory: PathBuf) -> Self {
        self.connectors = Some(directory);
        self
    }

    /// With a root of watched folders.
    #[must_use]
    pub fn watching(mut self, root: &Path) -> Self {
        self.folders = Some(root.to_owned());
        self
    }

    /// Sources may be in private networks.
    #[must_use]
    pub fn allowing_private(mut self) -> Self {
        self.outside.allow_private = true;
        self
    }

    /// Connections of files read this one.
    #[must_use]
    pub fn reading(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    /// With other bounds of a pull.
    #[must_use]
    pub fn bounded(mut self, limits: RequestLimits) -> Self {
        self.outside.limits = limits;
        self
    }

    async fn open(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> service::Result<Option<Result<Opened, PullError>>> {
        let caller = Caller::system(tenant.clone(), "pull");
        let Some(stored) = self.active(&caller, connection).await? else {
            return Ok(None);
        };
        let secrets = self.service.open_secrets(&caller, connection).await?;
        let of_operator = self
            .service
            .open_operator_values(&stored.row.preset)
            .await?;
        let mut unusable = secrets.unusable.iter().chain(&of_operator.unusable);
        if let Some(closed) = unusable.next() {
            let why = closed.unusable.map_or("", |u| u.as_str());
            let error = PullError::new(Kind::Credentials, "secret.unusable")
                .with("name", &closed.name)
                .with("why", why)
                .with("key", &closed.key_id);
            return Ok(Some(Err(error)));
        }
        let values = (secrets.values, of_operator.values);
        Ok(Some(self.connect(caller, &stored, values)))
    }

    /// The connection, if it is pulled at present.
    async fn active(&self, caller: &Caller, connection: &str) -> service::Result<Option<Row>> {
        let row = match self.service.find_connection(caller, connection).await {
            Ok(row) => row,
            Err(service::Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let tenant = self.service.find_tenant(caller.tenant.as_str()).await?;
        if row.kind != PULL || row.state != "active" || tenant.state != "active" {
            return Ok(None);
        }
        let schedule = self.service.find_schedule(&caller.tenant, connection);
        Ok(Some(Row {
            settings: row.pull_settings()?,
            zone: tenant.settings()?.time_zone,
            applied_version: schedule.await?.and_then(|s| s.connector_version),
            row,
        }))
    }

    /// What is set, of a connection that perhaps cannot be opened: its connector may be gone too.
    async fn set(&self, tenant: &TenantId, connection: &str) -> service::Result<Option<Setup>> {
        let caller = Caller::system(tenant.clone(), "pull");
        let Some(stored) = self.active(&caller, connection).await? else {
            return Ok(None);
        };
        let catalogue = Catalogue::load(self.connectors.as_deref()).unwrap_or_default();
        let preset = stored.row.preset.as_str();
        Ok(Some(match catalogue.find(preset) {
            Some(api) => stored.setup(api.version, &api.digest),
            None => stored.setup(catalogue.find_file(preset).map_or(0, |f| f.version), ""),
        }))
    }

    fn connect(
        &self,
        caller: Caller,
        stored: &Row,
        (secrets, of_operator): (Secrets, Secrets),
    ) -> Result<Opened, PullError> {
        let (row, settings) = (&stored.row, &stored.settings);
        let catalogue = Catalogue::load(self.connectors.as_deref())
            .map_err(|e| PullError::new(Kind::Settings, "connector.unreadable").with("why", e))?;
        let plain = |(name, value): (String, SecretText)| (name, value.expose().to_owned());
        let mut given = settings.settings.clone();
        given.extend(secrets.into_iter().map(plain));
        if let Some(connector) = catalogue.find_file(&row.preset) {
            return self.connect_files(caller, stored, &connector, given);
        }
        if self.file.is_some() {
            return Err(PullError::new(Kind::Settings, "file.not_taken"));
        }
        let manifest = catalogue.find(&row.preset).ok_or_else(|| {
            PullError::new(Kind::Settings, "connector.unknown").with("connector", &row.preset)
        })?;
        let values = Values::of(&manifest, given, of_operator.into_iter().map(plain))?;
        let endpoint = settings
            .endpoint
            .as_deref()
            .map(Endpoint::parse)
            .transpose()?;
        let setup = stored.setup(manifest.version, &manifest.digest);
        let feed = Pulled {
            addresses: settings.matching.addresses,
            manifest,
            values,
            outside: Outside {
                endpoint,
                ..self.outside.clone()
            },
            keeper: Kept::new(
                &self.service,
                caller,
                &row.id,
                self.holder.as_deref(),
                &self.exchanges,
            ),
        };
        Ok(Opened {
            setup,
            feed: Box::new(feed),
        })
    }

    fn connect_files(
        &self,
        caller: Caller,
        stored: &Row,
        connector: &FileConnector,
        given: BTreeMap<String, String>,
    ) -> Result<Opened, PullError> {
        let row = &stored.row;
        let values = Values::among(connector.fields(), given)?;
        let reading = Reading::of(&values)?;
        let origin = match &self.file {
            Some(file) => Origin::Here(file.clone()),
            None => {
                let (root, open) = (self.folders.as_deref(), self.outside.allow_private);
                Origin::of(connector, row, &values, root, open)?
            }
        };
        let every = stored.setup(connector.version, "");
        let setup = Setup {
            // Another file confirms an absence, however soon it comes; the same once more does not.
            confirm_ms: every.every_ms,
            ..every
        };
        let addresses = stored.settings.matching.addresses;
        let feed = FileFeed::new(&self.service, caller, row, reading, origin, addresses);
        Ok(Opened {
            setup,
            feed: Box::new(feed),
        })
    }
}

/// A connection as it is stored.
struct Row {
    row: ConnectionRow,
    settings: PullSettings,
    /// The tenant's time zone.
    zone: Option<String>,
    applied_version: Option<i64>,
}

impl Row {
    /// With the version of the connector and the hash of what it says.
    fn setup(&self, version: u32, connector: &str) -> Setup {
        let (row, settings) = (&self.row, &self.settings);
        Setup {
            tenant: TenantId::new(row.tenant.as_str()),
            source: PullSource {
                source: Source {
                    id: row.id.clone(),
                    policy: JoinerPolicy::parse(&row.joiner_policy).unwrap_or(JoinerPolicy::List),
                },
                also_by: match settings.matching.also_by {
                    MatchBy::None => None,
                    MatchBy::SourceId => Some(AlsoBy::SourceId),
                    MatchBy::EmployeeNumber => Some(AlsoBy::EmployeeNumber),
                },
                zone: self.zone().map(str::to_owned),
            },
            limits: Limits {
                people: settings.guard.max_leavers.into(),
                percent: settings.guard.max_percent.into(),
                announced: 0,
            },
            settings_digest: self.digest(version, connector),
            version,
            applied_version: self.applied_version,
            scope: settings.scope.clone(),
            every_ms: i64::from(settings.schedule.every_minutes) * 60_000,
            confirm_ms: i64::from(settings.schedule.confirm_minutes) * 60_000,
            must_confirm: row.confirm_since.is_some(),
        }
    }

    fn zone(&self) -> Option<&str> {
        self.settings.zone.as_deref().or(self.zone.as_deref())
    }

    /// What decides, beside the records, what is done with them. The schedule and the guard do not: they may change
    /// without every record being looked at again.
    fn digest(&self, version: u32, connector: &str) -> String {
        let (row, settings) = (&self.row, &self.settings);
        let mut hash = Sha256::new();
        let version = version.to_string();
        let connector = format!("{version} {connector}");
        for part in [&row.preset, &connector, &row.joiner_policy] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let decisive = serde_json::json!([settings.settings, settings.scope]);
        hash.update(decisive.to_string());
        // Where nothing of it is set the digest is that of programs that did not know it: nobody is looked at again.
        if self.zone().is_some() || !settings.matching.is_usual() {
            let more = serde_json::json!([settings.matching, self.zone()]);
            hash.update(more.to_string());
        }
        hex(&hash.finalize())
    }
}

impl Sources for Stored {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, service::Result<Option<Result<Opened, PullError>>>> {
        Self::open(self, tenant, connection).boxed()
    }

    fn setup<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, service::Result<Option<Setup>>> {
        self.set(tenant, connection).boxed()
    }
}

/// A connection's people, read by its connector.
struct Pulled {
    addresses: AddressUse,
    manifest: Arc<Manifest>,
    values: Values,
    outside: Outside,
    keeper: Kept,
}

impl Feed for Pulled {
    fn read<'a>(
        &'a self,
        day: NaiveDate,
        people: &'a mut Gather,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        let store = self.keeper.store();
        async move {
            let job = Job {
                manifest: &self.manifest,
                values: &self.values,
                as_of: day,
                outside: &self.outside,
                clock: store.shared_clock(),
                chance: store.shared_chance(),
                keeper: Some(&self.keeper),
            };
            let mut people = Addressed::new(people, self.addresses);
            hris::pull(&job, &mut people, &Told(watch)).await
        }
        .boxed()
    }

    fn probe(&self, day: NaiveDate) -> BoxFuture<'_, Result<hris::Probe, PullError>> {
        let store = self.keeper.store();
        async move {
            let job = Job {
                manifest: &self.manifest,
                values: &self.values,
                as_of: day,
                outside: &self.outside,
                clock: store.shared_clock(),
                chance: store.shared_chance(),
                keeper: Some(&self.keeper),
            };
            hris::probe(&job).await
        }
        .boxed()
    }
}

/// Hands the engine's progress on.
pub(super) struct Told<'a>(pub(super) &'a dyn Watch);

impl hris::Progress for Told<'_> {
    fn page(&self, pages: u64, rows: u64, announced: Option<u64>) {
        self.0.page(pages, rows, announced);
    }

    fn warn(&self, warning: &Gap) {
        let params: Vec<String> = warning
            .params
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.0.warn(warning.code, &params.join(" "));
    }
}
