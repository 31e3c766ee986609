//! Listening.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Error, Result, Values};

/// authentik cuts its changes of groups by this number, and one request changes at most 500 members.
const BULK_OPERATIONS: u64 = 500;

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address.
    pub listen: SocketAddr,
    /// URL under which clients reach it.
    pub public_url: Option<String>,
    /// Listener of the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Most operations of a bulk request.
    pub bulk_operations: usize,
    /// Time for requests under way when it stops.
    pub shutdown: Duration,
}

impl Server {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let address = |key: &'static str| -> Result<Option<SocketAddr>> {
            let parsed = values.take(key).map(|text| {
                text.parse().map_err(|_| {
                    Error(format!(
                        "{} takes an address such as 127.0.0.1:8080; got `{text}`",
                        values.name(key)
                    ))
                })
            });
            parsed.transpose()
        };
        let number = |key: &'static str, default: u64| -> Result<u64> {
            let parsed = values.take(key).map(|text| {
                text.parse().map_err(|_| {
                    Error(format!(
                        "{} takes a whole number; got `{text}`",
                        values.name(key)
                    ))
                })
            });
            Ok(parsed.transpose()?.unwrap_or(default))
        };
        let size = |key: &'static str, default: usize| -> Result<usize> {
            let Some(text) = values.take(key) else {
                return Ok(default);
            };
            let split = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            let factor = match text[split..].trim() {
                "" => Some(1),
                "KiB" => Some(1 << 10),
                "MiB" => Some(1 << 20),
                _ => None,
            };
            let bytes = factor
                .zip(text[..split].parse::<usize>().ok())
                .and_then(|(f, n)| n.checked_mul(f));
            bytes.ok_or_else(|| {
                Error(format!(
                    "{} takes bytes, or a number with KiB or MiB such as 4MiB; got `{text}`",
                    values.name(key)
                ))
            })
        };
        let public_url = match values.take("public_url") {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                return Err(Error(format!(
                    "{} begins with http:// or https://; got `{url}`",
                    values.name("public_url")
                )));
            }
            url => url.map(|u| u.trim_end_matches('/').to_owned()),
        };
        let bulk_operations = match number("bulk_operations", BULK_OPERATIONS)? {
            // A client that reads 0 may take it for no limit at all.
            0 => {
                return Err(Error(format!(
                    "{} must be at least 1",
                    values.name("bulk_operations")
                )));
            }
            count => usize::try_from(count).unwrap_or(usize::MAX),
        };
        Ok(Self {
            listen: address("listen")?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url,
            metrics_listen: address("metrics_listen")?,
            body_limit: size("body_limit", 4 << 20)?,
            bulk_operations,
            shutdown: Duration::from_secs(number("shutdown_seconds", 10)?),
        })
    }
}
