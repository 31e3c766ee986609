//! `connection consent`: the link at which an administrator of the vendor lets a connection in.

use serde_json::json;

use crate::cli::output::Output;
use crate::cli::{Failure, open};
use crate::config::Config;

/// Prints the link.
pub(in crate::cli) async fn run(
    config: &Config,
    output: Output,
    tenant: &str,
    connection: &str,
) -> Result<(), Failure> {
    let service = open::sealing(config).await?;
    let caller = open::caller(&service, tenant, "connection consent").await?;
    let public_url = config.public_url(config.listen());
    let asked = service
        .ask_consent(&caller, connection, &public_url)
        .await?;
    let until = asked.expires_at.to_rfc3339();
    let text = format!(
        "open this once, before {until}, and sign in as an administrator of the vendor:\n{}",
        asked.link
    );
    output.row(&json!({"url": asked.link, "expiresAt": until}), &text)
}
