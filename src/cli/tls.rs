//! The server's certificate: read at the start, and again when its files change.

use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::config::Config;
use crate::http::tls::{Certificates, Refreshed};

/// How long after a change of the files new connections get the new certificate, at most.
const LOOK: Duration = Duration::from_secs(2);

/// Reads the files that the configuration names; `None` without TLS.
pub(super) fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, Failure> {
    let Some((certificate, key)) = config.tls() else {
        return Ok(None);
    };
    Ok(Some(Arc::new(Certificates::load(certificate, key)?)))
}

/// Looks at the files now and then, and at once on SIGHUP. Runs until dropped.
pub(super) async fn keep_fresh(certificates: Arc<Certificates>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::hangup()).ok();
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            Some(_) = async { asked.as_mut()?.recv().await } => {}
        }
        let files = Arc::clone(&certificates);
        match tokio::task::spawn_blocking(move || files.refresh()).await {
            Ok(Refreshed::Changed) => tracing::info!("a new certificate is in use"),
            Ok(Refreshed::Kept(broken)) => {
                tracing::error!(error = %broken, "the old certificate stays in use");
            }
            Ok(Refreshed::Same) | Err(_) => {}
        }
    }
}
