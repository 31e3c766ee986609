//! `rosterd healthcheck`: for a container's HEALTHCHECK, without another program in the image.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Failure, say};
use crate::config::Config;

/// Asks the configured address for `/healthz`.
pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let address = config
        .listen()
        .to_string()
        .replace("0.0.0.0", "127.0.0.1")
        .replace("[::]", "[::1]");
    let answer = tokio::time::timeout(Duration::from_secs(3), ask(&address))
        .await
        .map_err(|_| format!("{address} did not answer within 3 seconds"))??;
    match answer.starts_with("HTTP/1.1 200") {
        true => say("ok"),
        false => Err(format!(
            "{address} answered: {}",
            answer.lines().next().unwrap_or("nothing")
        )
        .into()),
    }
}

async fn ask(address: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|e| format!("{address}: {e}"))?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
