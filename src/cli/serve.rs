//! `rosterd serve`: everything in one process, stopped gracefully.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, open, say};
use crate::auth::Authenticator;
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::audit::sha256_hex;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles::Role;
use crate::http::{self, State};
use crate::scim::rules::Preset;
use crate::service::connections::NewConnection;
use crate::service::credentials::NewToken;
use crate::service::{Caller, Service};
use crate::storage::credentials::find_by_hash;
use crate::telemetry;

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    let metrics = telemetry::start(&config)?;
    let service = open::service(&config)?;
    // Nothing is encrypted with it yet; it is made, or refused, at the first start rather than in the middle of a run.
    config.secret_key(|bytes| service.store.chance().fill(bytes))?;
    actix_web::rt::System::new().block_on(serve(config, service, metrics))
}

async fn serve(
    config: Config,
    service: Service,
    metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.listen()).map_err(|e| {
        format!(
            "cannot listen on {}: {e}; set ROSTERD_LISTEN to a free address",
            config.listen()
        )
    })?;
    let address = listener.local_addr()?;
    let public_url = config.public_url(address);
    let tokens = bootstrap(&config, &service).await?;
    let state = |open_metrics| {
        Arc::new(State {
            auth: Authenticator::new(Arc::clone(&service.store)),
            service: service.clone(),
            public_url: public_url.clone(),
            body_limit: config.body_limit(),
            metrics: metrics.clone(),
            open_metrics,
        })
    };
    let shared = state(false);
    let grace = config.shutdown_grace();
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(1, 8);
    let server = http::serve(Arc::clone(&shared), listener, workers, grace)?;
    let handle = server.handle();
    let extra = match config.metrics_listen() {
        None => None,
        Some(at) => {
            let server = http::serve(state(true), TcpListener::bind(at)?, 1, grace)?;
            let handle = server.handle();
            actix_web::rt::spawn(server);
            Some(handle)
        }
    };
    let poller = actix_web::rt::spawn(forget_revoked(shared));
    if let Some(handle) = metrics.clone() {
        actix_web::rt::spawn(telemetry::upkeep(handle));
    }
    announce(&public_url, &tokens)?;
    tracing::info!(listen = %address, database = if service.store.url().is_sqlite() { "sqlite" } else { "postgresql" }, "rosterd serves");
    let stopping = actix_web::rt::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping: requests under way are finished");
        if let Some(extra) = extra {
            extra.stop(true).await;
        }
        handle.stop(true).await;
    });
    server.await?;
    stopping.abort();
    poller.abort();
    service.store.stop();
    tracing::info!("stopped");
    Ok(())
}

/// Revocations by any process take effect within a second.
async fn forget_revoked(state: Arc<State>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        state.auth.forget_invalidated().await;
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without signals the process can only be killed, which is safe too.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

/// Secrets that were made now and are shown once.
#[derive(Default)]
struct Fresh {
    scim: Option<String>,
    operator: Option<String>,
}

/// Tenant `default`, a push connection and an operator's token, unless they exist.
async fn bootstrap(config: &Config, service: &Service) -> Result<Fresh, Failure> {
    let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "bootstrap");
    let mut fresh = Fresh::default();
    let is_new = service.list_tenants().await?.len() == 1;
    if is_new {
        service.create_tenant(&operator, "default").await?;
    }
    let wanted = config.bootstrap_scim_token();
    if (is_new || wanted.is_some()) && !is_known(service, wanted).await? {
        let tenant = open::caller(service, "default", "bootstrap").await?;
        let connection = match service
            .list_connections(&tenant)
            .await?
            .into_iter()
            .find(|c| c.label == "Default")
        {
            Some(row) => row.id,
            None => {
                let new = NewConnection {
                    label: "Default".to_owned(),
                    preset: Preset::Generic,
                    policy: JoinerPolicy::Grant,
                };
                service
                    .create_connection(&tenant, new)
                    .await?
                    .as_str()
                    .to_owned()
            }
        };
        let new = NewToken {
            role: Role::Connection,
            connection: Some(connection),
            label: "bootstrap".to_owned(),
            expires_at: None,
        };
        let (_, secret) = service
            .create_token(&tenant, new, wanted.map(str::to_owned))
            .await?;
        fresh.scim = wanted.is_none().then_some(secret);
    }
    let wanted = config.bootstrap_admin_token();
    if (is_new || wanted.is_some()) && !is_known(service, wanted).await? {
        let new = NewToken {
            role: Role::Operator,
            connection: None,
            label: "bootstrap".to_owned(),
            expires_at: None,
        };
        let (_, secret) = service
            .create_token(&operator, new, wanted.map(str::to_owned))
            .await?;
        fresh.operator = wanted.is_none().then_some(secret);
    }
    Ok(fresh)
}

async fn is_known(service: &Service, secret: Option<&str>) -> Result<bool, Failure> {
    let Some(secret) = secret else {
        return Ok(false);
    };
    let hash = sha256_hex(secret.as_bytes());
    let found = service
        .store
        .read_global(move |conn| find_by_hash(conn, &hash))
        .await?;
    Ok(found.is_some())
}

fn announce(public_url: &str, fresh: &Fresh) -> Result<(), Failure> {
    say(&format!("SCIM base URL   {public_url}/scim/v2"))?;
    if let Some(secret) = &fresh.scim {
        say(&format!("SCIM token      {secret}   (shown once)"))?;
    }
    if let Some(secret) = &fresh.operator {
        say(&format!("Operator token  {secret}   (shown once)"))?;
    }
    Ok(())
}
