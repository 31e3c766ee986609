//! HTTP: one list of routes (`routes.rs`), one way through them (`dispatch.rs`), a file per resource below `scim/`.

pub mod call;
pub mod dispatch;
pub mod error;
pub mod operations;
pub mod routes;
pub mod scim;

use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::NormalizePath;
use actix_web::{App, HttpServer, web};

use crate::auth::Authenticator;
use crate::scim::bulk::Limits;
use crate::service::Service;

/// What every request needs.
pub struct State {
    /// Operations.
    pub service: Service,
    /// Tokens.
    pub auth: Authenticator,
    /// Public URL without a slash at the end.
    pub public_url: String,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Most operations of a bulk request.
    pub bulk_operations: usize,
    /// Renders the metrics.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
    /// Metrics are served to other machines too: they have a listener of their own.
    pub open_metrics: bool,
}

impl State {
    /// Base URL of SCIM.
    pub fn scim_base(&self) -> String {
        format!("{}/scim/v2", self.public_url)
    }

    /// What a bulk request may hold.
    pub fn bulk_limits(&self) -> Limits {
        Limits {
            operations: self.bulk_operations,
            payload: self.body_limit,
        }
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

/// Starts a server on a bound listener; the caller awaits or stops it.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(
    state: Arc<State>,
    offer: Offer,
    listener: std::net::TcpListener,
    workers: usize,
    grace: Duration,
) -> std::io::Result<actix_web::dev::Server> {
    let state = web::Data::from(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(NormalizePath::trim())
            .configure(match offer {
                Offer::All => routes::configure,
                Offer::Operations => routes::configure_operations,
            })
    })
    .workers(workers)
    .shutdown_timeout(grace.as_secs())
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}
