//! HTTP: one list of routes (`routes.rs`), one way through them (`dispatch.rs`), a file per resource below `scim/`; the
//! management API below `api/` has its own list and the same way.

pub mod api;
pub mod call;
mod connections;
mod consent;
pub mod dispatch;
pub mod error;
pub mod invite;
pub mod limits;
pub mod operations;
pub mod routes;
pub mod scim;
pub mod tls;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Service as _;
use actix_web::http::header::{CACHE_CONTROL, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{DefaultHeaders, NormalizePath};
use actix_web::{App, HttpServer, web};

use self::connections::{Connections, UnderWay};
pub use self::limits::{Limits, RateLimit};
use self::scim::cursor::Seal;
use crate::auth::Authenticator;
use crate::service::Service;

/// What every request needs.
pub struct State {
    /// Operations.
    pub service: Service,
    /// Tokens.
    pub auth: Authenticator,
    /// Public URL without a slash at the end.
    pub public_url: String,
    /// What a client may do at most.
    pub limits: Limits,
    /// Requests of each token.
    pub rate: RateLimit,
    /// Seals cursors.
    pub seal: Seal,
    /// Renders the metrics.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
    /// Pages of invitations.
    pub pages: invite::Pages,
    /// Metrics are served to other machines too: they have a listener of their own.
    pub open_metrics: bool,
}

impl State {
    /// Base URL of SCIM.
    pub fn scim_base(&self) -> String {
        format!("{}/scim/v2", self.public_url)
    }

    /// Forgets what any process revoked or changed since the last look; called twice a second.
    pub async fn forget_invalidated(&self) {
        let news = self.auth.forget_invalidated().await;
        self.service.schemas.forget(news.as_deref());
    }
}

/// What a listener offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Everything.
    All,
    /// Health and metrics.
    Operations,
}

/// Where and how a server listens.
pub struct Listen {
    /// Bound.
    pub listener: TcpListener,
    /// Threads.
    pub workers: usize,
    /// Time for requests under way when it stops.
    pub grace: Duration,
    /// Time for the headers of a connection's first request.
    pub header_time: Duration,
    /// Time between two requests of a connection.
    pub keep_alive: Duration,
    /// Most connections at once.
    pub connections: usize,
    /// Speaks TLS.
    pub tls: Option<rustls::ServerConfig>,
}

impl Listen {
    /// On this listener, as is usual.
    pub fn on(listener: TcpListener) -> Self {
        Self {
            listener,
            workers: 2,
            grace: Duration::from_secs(1),
            header_time: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            connections: 4_096,
            tls: None,
        }
    }
}

/// Headers of every answer: what is in it is for the client alone, is what it says it is, and once over TLS always so.
fn headers(state: &State) -> DefaultHeaders {
    let headers = DefaultHeaders::new()
        .add((CACHE_CONTROL, "no-store"))
        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    match state.public_url.starts_with("https://") {
        true => headers.add((STRICT_TRANSPORT_SECURITY, "max-age=31536000")),
        false => headers,
    }
}

/// Starts a server; the caller awaits or stops it.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(
    state: Arc<State>,
    offer: Offer,
    listen: Listen,
) -> std::io::Result<actix_web::dev::Server> {
    let state = web::Data::from(state);
    let open = Connections::watched(listen.keep_alive + listen.header_time);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap_fn(|request, inner| {
                let under_way = UnderWay::begin(&request);
                let answer = inner.call(request);
                async move {
                    let answer = answer.await;
                    drop(under_way);
                    answer
                }
            })
            .wrap(NormalizePath::trim())
            .wrap(headers(&state))
            .configure(match offer {
                Offer::All => routes::configure,
                Offer::Operations => routes::configure_operations,
            })
    })
    .on_connect(move |io, data| open.opened(io, data))
    .workers(listen.workers)
    .max_connections(listen.connections.div_ceil(listen.workers))
    .shutdown_timeout(listen.grace.as_secs())
    .client_request_timeout(listen.header_time)
    .keep_alive(listen.keep_alive)
    .disable_signals();
    let server = match listen.tls {
        None => server.listen(listen.listener)?,
        Some(tls) => server.listen_rustls_0_23(listen.listener, tls)?,
    };
    Ok(server.run())
}
