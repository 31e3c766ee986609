//! For the operator's machines: is it alive, may it get traffic, how is it doing.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::State;

/// The process runs.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The database answers, and its schema is one that this program runs on: not older; newer only as far as nothing in it
/// breaks with the past.
pub async fn readyz(state: web::Data<State>) -> HttpResponse {
    let (code, said) = match state.service.store.schema().await {
        Ok(schema) if !schema.pending.is_empty() => {
            tracing::warn!(lacks = schema.pending.join(", "), "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database's schema is too old: rosterd migrate\n",
            )
        }
        Ok(schema) if schema.is_beyond_us() => {
            tracing::warn!(floor = schema.floor, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database's schema is too new for this version\n",
            )
        }
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(error = %error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
        }
    };
    HttpResponse::build(code)
        .content_type("text/plain")
        .body(said)
}

/// Prometheus metrics, to this machine only unless they have a listener of their own.
pub async fn metrics(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let local = request
        .peer_addr()
        .is_some_and(|peer| peer.ip().is_loopback());
    // A proxy on this machine makes every client look local; each of these shows one.
    let direct = local
        && !["forwarded", "x-forwarded-for", "x-real-ip", "via"]
            .iter()
            .any(|name| request.headers().contains_key(*name));
    let Some(handle) = state
        .metrics
        .as_ref()
        .filter(|_| direct || state.open_metrics)
    else {
        return HttpResponse::NotFound().finish();
    };
    let (waiting, connections) = state.service.store.load();
    metrics::gauge!("rosterd_writer_queue_depth").set(waiting as f64);
    metrics::gauge!("rosterd_read_connections").set(f64::from(connections));
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(handle.render())
}
