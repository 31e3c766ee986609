//! `rosterd healthcheck`: for a container's HEALTHCHECK, without another program in the image.

use std::time::Duration;

use super::{Failure, outgoing, say};
use crate::config::Config;

/// Asks the configured address for `/healthz`.
pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let address = config
        .listen()
        .to_string()
        .replace("0.0.0.0", "127.0.0.1")
        .replace("[::]", "[::1]");
    let url = outgoing::base_url(&format!("{}://{address}/healthz", config.scheme()))?;
    // The certificate is for the public name, not for this address; nothing secret is said, and the answer is one word.
    let client = outgoing::client(&url)
        .danger_accept_invalid_certs(true)
        .no_proxy()
        .timeout(Duration::from_secs(3))
        .build()?;
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|e| format!("{address}: {}", outgoing::chain(&e)))?;
    match answer.status().as_u16() {
        200 => say("ok"),
        status => Err(format!("{address} answered {status}").into()),
    }
}
