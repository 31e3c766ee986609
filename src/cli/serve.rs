//! `rosterd serve`: everything in one process, stopped gracefully.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, bridge, mail, open, open_files, say, schema, tls, vitals};
use crate::auth::Authenticator;
use crate::config::Config;
use crate::domain::access::JoinerPolicy;
use crate::domain::audit::sha256_hex;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles::Role;
use crate::http::invite::{PER_MINUTE, Pages};
use crate::http::scim::cursor::Seal;
use crate::http::tls::Certificates;
use crate::http::{self, Limits, Listen, Offer, RateLimit, State};
use crate::mail::Mailer;
use crate::scim;
use crate::scim::rules::Preset;
use crate::service::connections::NewConnection;
use crate::service::credentials::NewToken;
use crate::service::groups::IDLE;
use crate::service::{self, Caller, Service, teams};
use crate::storage::credentials::find_by_hash;
use crate::sync::schedule::Scheduler;
use crate::telemetry;

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    let metrics = telemetry::start(&config)?;
    let certificates = tls::certificates(&config)?;
    open_files::allow(config.limits().connections);
    open::check_key(&config)?;
    // Made at the first start rather than in the middle of a run.
    let key = open::make_key(&config)?;
    let service = open::server(&config)?;
    actix_web::rt::System::new().block_on(serve(config, certificates, service, key, metrics))
}

async fn serve(
    config: Config,
    certificates: Option<Arc<Certificates>>,
    mut service: Service,
    key: [u8; 32],
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
    service.note_first_key().await?;
    if let Some(folder) = config.schemas_dir() {
        schema::add_folder(&service, folder).await?;
    }
    let exchanges = bridge::Exchanges::default();
    service.tries = Arc::new(bridge::tester(&config, &service, &exchanges));
    let replica = service.new_replica();
    service.beat(&replica).await?;
    let tokens = bootstrap(&config, &service).await?;
    let state = |open_metrics| {
        Arc::new(State {
            auth: Authenticator::new(Arc::clone(&service.store)),
            service: service.clone(),
            public_url: public_url.clone(),
            limits: limits(&config),
            rate: RateLimit::per_minute(config.limits().requests_per_minute),
            seal: Seal::new(&key),
            metrics: metrics.clone(),
            pages: Pages::new(config.app_accept_url().map(str::to_owned), PER_MINUTE),
            open_metrics,
        })
    };
    let shared = state(false);
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(1, 8);
    let most = config.limits();
    let listen = |listener, workers, tls| Listen {
        listener,
        workers,
        grace: config.shutdown_grace(),
        header_time: most.header_time,
        keep_alive: most.keep_alive,
        connections: most.connections,
        tls,
    };
    let secured = certificates.as_ref().map(|c| c.server()).transpose()?;
    let server = http::serve(
        Arc::clone(&shared),
        Offer::All,
        listen(listener, workers, secured),
    )?;
    let handle = server.handle();
    let extra = match config.metrics_listen() {
        None => None,
        Some(at) => {
            let listener =
                TcpListener::bind(at).map_err(|e| format!("cannot listen on {at}: {e}"))?;
            let server = http::serve(state(true), Offer::Operations, listen(listener, 1, None))?;
            let handle = server.handle();
            actix_web::rt::spawn(server);
            Some(handle)
        }
    };
    let poller = actix_web::rt::spawn(forget_revoked(shared));
    let heart = actix_web::rt::spawn(vitals::keep(service.clone(), replica.clone()));
    if let Some(certificates) = certificates {
        actix_web::rt::spawn(tls::keep_fresh(certificates));
    }
    let resumer = actix_web::rt::spawn(resume_jobs(service.clone()));
    let inviter = actix_web::rt::spawn(tick_invitations(service.clone()));
    let deleter = actix_web::rt::spawn(delete_tenants(service.clone()));
    let filler = actix_web::rt::spawn(fill_seats(service.clone()));
    let sweeper = actix_web::rt::spawn(forget_runs(service.clone(), config.runs_keep()));
    let mailer = mail::mailer(&config, &service, &public_url, &service.fresh_id())?;
    let sender = actix_web::rt::spawn(send(mailer.clone()));
    let caller = actix_web::rt::spawn(call(mailer, service.clone()));
    // Each under a name of its own: a slow vendor keeps one of them busy.
    let scheduler = || bridge::scheduler(&config, &service, &exchanges);
    let pullers: Vec<_> = (0..PULLERS)
        .map(|n| actix_web::rt::spawn(pull(scheduler(), n == 0)))
        .collect();
    if let Some(handle) = metrics.clone() {
        actix_web::rt::spawn(telemetry::upkeep(handle));
    }
    announce(&public_url, &tokens)?;
    tracing::info!(listen = %address, database = if service.store.url().is_sqlite() { "sqlite" } else { "postgresql" }, "rosterd serves");
    let stopping = actix_web::rt::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping: requests under way are finished");
        let metrics = async {
            if let Some(extra) = extra {
                extra.stop(true).await;
            }
        };
        futures_util::future::join(handle.stop(true), metrics).await;
    });
    server.await?;
    stopping.abort();
    poller.abort();
    heart.abort();
    // Others wait a little longer if this fails.
    let _ = service.end_replica(&replica).await;
    resumer.abort();
    inviter.abort();
    deleter.abort();
    filler.abort();
    sweeper.abort();
    sender.abort();
    caller.abort();
    exchanges.finish().await;
    pullers
        .iter()
        .for_each(actix_web::rt::task::JoinHandle::abort);
    service.store.stop();
    tracing::info!("stopped");
    Ok(())
}

/// The limits as requests meet them.
fn limits(config: &Config) -> Limits {
    let most = config.limits();
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Limits {
        body: most.body,
        body_time: most.body_time,
        headers: most.headers,
        header_count: most.header_count,
        scim: scim::limits::Limits {
            page_default: number(most.page_default),
            page_max: number(most.page_max),
            filter: most.filter,
            filter_terms: most.filter_terms,
            filter_depth: most.filter_depth,
            members: most.members,
            patch_operations: most.patch_operations,
            bulk_operations: most.bulk_operations,
        },
    }
}

/// What any process revokes or changes takes effect within a second.
async fn forget_revoked(state: Arc<State>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        state.forget_invalidated().await;
    }
}

/// Connections that a process pulls at once.
const PULLERS: usize = 4;

/// Pulls connections when they are due; one of the pullers looks every half minute for first and last days that have come,
/// and every hour for files that nobody read.
async fn pull(scheduler: Scheduler, looks_for_days: bool) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ticks = 0_u64;
    loop {
        tick.tick().await;
        if let Err(error) = scheduler.tick_decided().await {
            tracing::warn!(error = %error, "decisions about runs cannot be looked for");
        }
        if let Err(error) = bridge::tick_looks(&scheduler).await {
            tracing::warn!(error = %error, "dry runs that are asked for cannot be looked for");
        }
        if let Err(error) = scheduler.tick().await {
            tracing::warn!(error = %error, "connections that are due cannot be looked for");
        }
        if looks_for_days
            && ticks.is_multiple_of(6)
            && let Err(error) = scheduler.tick_days().await
        {
            tracing::warn!(error = %error, "days that have come cannot be carried out");
        }
        if looks_for_days
            && ticks.is_multiple_of(720)
            && let Err(error) = scheduler.bridge().service().sweep_files().await
        {
            tracing::warn!(error = %error, "files that nobody read cannot be thrown away");
        }
        ticks += 1;
    }
}

/// Tells of notices and sends mails.
async fn send(mailer: Mailer) {
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = mailer.tick().await {
            tracing::warn!(error = %error, "mails that are due cannot be looked for");
        }
    }
}

/// Calls the operator's webhook; and every quarter of an hour looks for what time alone makes a notice of.
async fn call(mailer: Mailer, service: Service) {
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ticks = 0_u64;
    loop {
        tick.tick().await;
        if let Err(error) = mailer.tick_webhooks().await {
            tracing::warn!(error = %error, "calls that are due cannot be looked for");
        }
        if ticks.is_multiple_of(450)
            && let Err(error) = service.raise_by_time().await
        {
            tracing::warn!(error = %error, "silent sources and tokens that end cannot be looked for");
        }
        ticks += 1;
    }
}

/// Rounds of looking for what was left half done, in an hour.
const HOURLY: u64 = 1_200;

/// What a killed process or a client that went away left half done is finished within some seconds.
async fn resume_jobs(service: Service) {
    let mut tick = tokio::time::interval(Duration::from_secs(3));
    let mut ticks = 0_u64;
    loop {
        tick.tick().await;
        if let Err(error) = service.resume_member_jobs(IDLE).await {
            tracing::warn!(error = %error, "large changes of members cannot be looked for");
        }
        if let Err(error) = service.resume_disconnects().await {
            tracing::warn!(error = %error, "a disconnect cannot be gone on with");
        }
        if let Err(error) = service.resume_recomputes().await {
            tracing::warn!(error = %error, "a recomputation cannot be gone on with");
        }
        if let Err(error) = service.resume_switches().await {
            tracing::warn!(error = %error, "a switch of connections cannot be gone on with");
        }
        if let Err(error) = service.resume_parked().await {
            tracing::warn!(error = %error, "released losses of access cannot be looked for");
        }
        if let Err(error) = service.resume_sessions().await {
            tracing::warn!(error = %error, "sessions that are being undone cannot be looked for");
        }
        if let Err(error) = service.resume_team_jobs(teams::IDLE).await {
            tracing::warn!(error = %error, "teams that are being replaced cannot be looked for");
        }
        if let Err(error) = service.tick_teams().await {
            tracing::warn!(error = %error, "tenants whose people changed cannot be looked for");
        }
        if ticks.is_multiple_of(HOURLY)
            && let Err(error) = service.forget_disconnected().await
        {
            tracing::warn!(error = %error, "what was kept of disconnected connections cannot be forgotten");
        }
        ticks += 1;
    }
}

/// Tenants whose time is over go, beside everything else, since that may take minutes.
async fn delete_tenants(service: Service) {
    let mut tick = tokio::time::interval(Duration::from_secs(3));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = service.delete_due_tenants().await {
            tracing::warn!(error = %error, "tenants that are to be deleted cannot be looked for");
        }
    }
}

/// Each minute seats that became free are given to those who wait.
async fn fill_seats(service: Service) {
    let mut tick = tokio::time::interval(Duration::from_secs(60));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = service.fill_seats().await {
            tracing::warn!(error = %error, "tenants in which somebody waits for a seat cannot be looked for");
        }
    }
}

/// Reminders and ends of invitations, each half minute.
async fn tick_invitations(service: Service) {
    let mut tick = tokio::time::interval(Duration::from_secs(30));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = service.tick_invitations().await {
            tracing::warn!(error = %error, "invitations cannot be looked after");
        }
    }
}

/// Once an hour: a day more or less does not matter, a server that is restarted each day does.
async fn forget_runs(service: Service, age: Duration) {
    let mut tick = tokio::time::interval(Duration::from_secs(3_600));
    loop {
        tick.tick().await;
        match service.forget_runs(age).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old runs of pulls are forgotten"),
            Err(error) => tracing::warn!(error = %error, "old runs of pulls cannot be forgotten"),
        }
        if let Err(error) = service.forget_outgoing(age).await {
            tracing::warn!(error = %error, "old mails cannot be forgotten");
        }
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

/// Tenant `default`, a push connection and an operator's token: each is made when it is not there, so that a start that
/// was cut off is finished by the next one.
async fn bootstrap(config: &Config, service: &Service) -> Result<Fresh, Failure> {
    let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "bootstrap");
    let mut fresh = Fresh::default();
    let wanted = config.bootstrap_scim_token();
    let is_first = service.list_tenants().await?.len() == 1;
    if is_first || wanted.is_some() {
        ensure_default(service, &operator).await?;
    }
    if let Ok(row) = service.find_tenant("default").await {
        let tenant = Caller::system(TenantId::new(row.id), "bootstrap");
        let connection = ensure_connection(service, &tenant, is_first || wanted.is_some()).await?;
        if let Some(connection) = connection {
            let new = NewToken {
                role: Role::Connection,
                connection: Some(connection),
                label: "bootstrap".to_owned(),
                expires_at: None,
            };
            fresh.scim = ensure_token(service, &tenant, new, wanted).await?;
        }
    }
    let new = NewToken {
        role: Role::Operator,
        connection: None,
        label: "bootstrap".to_owned(),
        expires_at: None,
    };
    fresh.operator = ensure_token(service, &operator, new, config.bootstrap_admin_token()).await?;
    Ok(fresh)
}

async fn ensure_default(service: &Service, operator: &Caller) -> Result<(), Failure> {
    match service.create_tenant(operator, "default").await {
        // It exists, or another replica was faster.
        Ok(_) | Err(service::Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The connection that set-up makes; `None` when an operator has arranged things otherwise.
async fn ensure_connection(
    service: &Service,
    tenant: &Caller,
    is_wanted: bool,
) -> Result<Option<String>, Failure> {
    let all = service.list_connections(tenant).await?;
    if let Some(row) = all.iter().find(|c| c.label == "Default") {
        return Ok(Some(row.id.clone()));
    }
    if !is_wanted && !all.is_empty() {
        return Ok(None);
    }
    let new = NewConnection {
        label: "Default".to_owned(),
        preset: Preset::Generic,
        policy: JoinerPolicy::Grant,
    };
    let id = service.create_connection(tenant, new).await?;
    Ok(Some(id.as_str().to_owned()))
}

/// Makes the token that is wanted, or one at random where set-up never made any; returns a secret that nobody knows yet.
async fn ensure_token(
    service: &Service,
    caller: &Caller,
    new: NewToken,
    wanted: Option<&str>,
) -> Result<Option<String>, Failure> {
    let label = new.label.clone();
    let is_there = match wanted {
        Some(_) => is_known(service, wanted).await?,
        None => {
            let tokens = service.list_tokens(caller).await?;
            tokens.iter().any(|token| token.label == label)
        }
    };
    if is_there {
        return Ok(None);
    }
    match service
        .create_token(caller, new, wanted.map(str::to_owned))
        .await
    {
        Ok((_, secret)) => Ok(wanted.is_none().then_some(secret)),
        Err(service::Error::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
