//! The heartbeat of a running server, and the metrics that nobody's request would bring up to date.

use std::time::Duration;

use super::disk;
use crate::service::Service;
use crate::storage::health;
use crate::storage::leases::{self, Lease};

/// A token that ends within these many milliseconds is worth a word to whoever uses it.
const SOON: i64 = 7 * 24 * 3_600 * 1_000;

/// Beats every few seconds, until it is dropped.
pub(super) async fn keep(service: Service, replica: Lease) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
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
