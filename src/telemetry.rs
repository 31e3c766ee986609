//! Logging and metrics. Log lines read alone and carry fields; they never hold tokens, bodies, names or addresses.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Metrics with their meaning; seconds and counts.
pub const METRICS: [(&str, &str); 19] = [
    (
        "rosterd_writer_queue_depth",
        "Writes that wait for a place in a batch",
    ),
    ("rosterd_writer_batch_size", "Writes of one transaction"),
    (
        "rosterd_writer_batch_seconds",
        "Time of one transaction with its commit",
    ),
    ("rosterd_writer_jobs_total", "Writes by outcome"),
    ("rosterd_read_connections", "Open read connections"),
    (
        "rosterd_http_request_seconds",
        "Time of requests by route, method and class of status",
    ),
    (
        "rosterd_auth_failures_total",
        "Requests without valid credentials",
    ),
    (
        "rosterd_rate_limited_total",
        "Requests refused because their token sends too many",
    ),
    (
        "rosterd_invalidations_total",
        "Remembered tokens that this process forgot because they were revoked or changed",
    ),
    (
        "rosterd_heartbeat_time",
        "When this server last wrote that it is running, in seconds since 1970: a write that was committed",
    ),
    ("rosterd_replicas", "Servers that run on this database"),
    (
        "rosterd_connections",
        "Pull connections of all tenants by how they are doing and whose trouble it is",
    ),
    ("rosterd_pulls_total", "Pulls by how they ended"),
    (
        "rosterd_outgoing_total",
        "Attempts at mails and webhooks by channel and how they went",
    ),
    ("rosterd_tokens_expiring", "Tokens that end within 7 days"),
    (
        "rosterd_disk_free_bytes",
        "Free space where SQLite's file is",
    ),
    (
        "rosterd_wal_bytes",
        "SQLite's log beside its file; it grows while a long read keeps it from being folded in",
    ),
    (
        "rosterd_unreadable_rows_total",
        "Stored rows that could not be read back and were left out of a list",
    ),
    ("rosterd_build_info", "Version of the running program"),
];

/// Starts logging to standard error, and the metrics.
///
/// # Errors
/// The log filter cannot be read.
pub fn start(config: &Config) -> Result<Option<PrometheusHandle>, String> {
    let wanted = config.telemetry();
    let filter = EnvFilter::try_new(&wanted.filter)
        .map_err(|e| format!("`log` cannot be read: {e}; try `info` or `rosterd=debug`"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = match wanted.format {
        LogFormat::Auto if std::io::stderr().is_terminal() => builder.try_init(),
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Auto | LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    };
    Ok(start_metrics())
}

/// Installs the recorder; `None` if one is installed already.
fn start_metrics() -> Option<PrometheusHandle> {
    let seconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &sizes))
        .ok()?;
    let handle = builder.install_recorder().ok()?;
    for (name, help) in METRICS {
        match name {
            name if name.ends_with("_total") => metrics::describe_counter!(name, help),
            name if name.ends_with("_seconds") || name.ends_with("_size") => {
                metrics::describe_histogram!(name, help)
            }
            name => metrics::describe_gauge!(name, help),
        }
    }
    metrics::gauge!("rosterd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Some(handle)
}

/// Folds recorded values into their buckets now and then; without it they pile up while nobody reads the metrics.
/// Runs until dropped.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut beat = tokio::time::interval(Duration::from_secs(5));
    loop {
        beat.tick().await;
        handle.run_upkeep();
    }
}
