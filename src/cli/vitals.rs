//! The heartbeat of a running server, and the metrics that nobody's request would bring up to date.

use std::time::Duration;

use super::disk;
use crate::service::Service;
use crate::storage::health;
use crate::storage::leases::{self, Lease};
use crate::sync::schedule::OUTCOMES;

/// A token that ends within these many milliseconds is worth a word to whoever uses it.
const SOON: i64 = 7 * 24 * 3_600 * 1_000;

/// How connections may be doing.
const STATES: [&str; 10] = [
    "new",
    "healthy",
    "degraded",
    "failing",
    "needs-credentials",
    "waiting",
    "silent",
    "paused",
    "disconnecting",
    "disconnected",
];
/// Whose trouble it may be.
const WHOSE: [&str; 4] = ["nobody", "ours", "a-customer", "a-vendor"];

/// Beats every few seconds, until it is dropped.
pub(super) async fn keep(service: Service, replica: Lease) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    let mut ticks = 0_u64;
    for outcome in OUTCOMES {
        // There from the beginning, so that the first one is a rise.
        metrics::counter!("rosterd_pulls_total", "outcome" => outcome).increment(0);
    }
    loop {
        tick.tick().await;
        if ticks.is_multiple_of(6) {
            measure_connections(&service).await;
        }
        ticks += 1;
        match service.beat(&replica).await {
            Ok(()) => {
                let now = service.store.clock().now().0 / 1_000;
                metrics::gauge!("rosterd_heartbeat_time").set(now as f64);
            }
            Err(error) => tracing::warn!(error = %error, "the heartbeat could not be written"),
        }
        measure(&service).await;
    }
}

/// Connections are counted now and then: how they are doing changes with their pulls.
async fn measure_connections(service: &Service) {
    match service.tally_health().await {
        Ok(tally) => {
            for state in STATES {
                for whose in WHOSE {
                    let count = tally.get(&(state.to_owned(), whose)).copied();
                    metrics::gauge!("rosterd_connections", "health" => state, "whose" => whose)
                        .set(count.unwrap_or_default() as f64);
                }
            }
        }
        Err(error) => tracing::warn!(error = %error, "connections could not be counted"),
    }
}

async fn measure(service: &Service) {
    if let Some((file, directory)) = disk::file_of(service.store.url()) {
        metrics::gauge!("rosterd_wal_bytes").set(disk::size(&format!("{file}-wal")) as f64);
        if let Some((free, _)) = disk::room(&directory) {
            metrics::gauge!("rosterd_disk_free_bytes").set(free as f64);
        }
    }
    let now = service.store.clock().now().0;
    let counted = service
        .store
        .read_global(move |conn| {
            let ending = health::list_ending_tokens(conn, now, now + SOON)?.len();
            Ok::<_, crate::storage::Error>((ending, leases::list_replicas(conn, now)?.len()))
        })
        .await;
    if let Ok((ending, replicas)) = counted {
        metrics::gauge!("rosterd_tokens_expiring").set(ending as f64);
        metrics::gauge!("rosterd_replicas").set(replicas as f64);
    }
}
