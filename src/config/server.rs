//! Listening.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, Result, Secret, Values};

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address.
    pub listen: SocketAddr,
    /// URL under which clients reach it.
    pub public_url: Option<String>,
    /// Where people go on, in the app, who have accepted an invitation.
    pub app_accept_url: Option<String>,
    /// Listener of the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Folder with schemas for all tenants.
    pub schemas_dir: Option<PathBuf>,
    /// Folder with connectors beside those in the program.
    pub connectors_dir: Option<PathBuf>,
    /// Root of watched folders.
    pub files_dir: Option<PathBuf>,
    /// Whether HR systems may be in private networks.
    pub pull_private: bool,
    /// What admins are told of reviewers whom team sync removes.
    pub teams_warning: Option<String>,
    /// Address of the app that says it, and the secret of these calls.
    pub teams_hook: Option<(String, Secret)>,
    /// How long runs of pulls are kept.
    pub runs_keep: Duration,
    /// Files of the certificate and its key, if it speaks TLS itself.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Time for requests under way when it stops.
    pub shutdown: Duration,
}

impl Server {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let public_url = match values.take("public_url") {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                return Err(Error(format!(
                    "{} begins with http:// or https://; got `{url}`",
                    values.name("public_url")
                )));
            }
            url => url.map(|u| u.trim_end_matches('/').to_owned()),
        };
        let (certificate, key) = ("tls_certificate_file", "tls_key_file");
        let tls = match (values.take(certificate), values.take(key)) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (given, _) => {
                let (set, lacks) = match given {
                    Some(_) => (certificate, key),
                    None => (key, certificate),
                };
                return Err(Error(format!(
                    "{} needs `{lacks}` beside it",
                    values.name(set)
                )));
            }
        };
        let teams_hook = match (
            values.take("teams_hook_url"),
            values.secret("teams_hook_secret", "teams_hook_secret_file")?,
        ) {
            (None, _) => None,
            (Some(url), Some(secret)) => Some((url.to_owned(), secret)),
            (Some(_), None) => {
                let name = values.name("teams_hook_url");
                return Err(Error(format!("{name} needs `teams_hook_secret` beside it")));
            }
        };
        let listen = values.address("listen")?;
        Ok(Self {
            listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url,
            app_accept_url: accept_url(values)?,
            tls,
            metrics_listen: values.address("metrics_listen")?,
            schemas_dir: values.take("schemas_dir").map(PathBuf::from),
            connectors_dir: values.take("connectors_dir").map(PathBuf::from),
            files_dir: values.take("files_dir").map(PathBuf::from),
            pull_private: yes_or_no(values, "pull_private")?,
            teams_warning: values.take("teams_warning").map(str::to_owned),
            teams_hook,
            runs_keep: values.days("runs_keep_days", 7..=36_500)?,
            shutdown: values.seconds("shutdown_seconds", 0..=3_600)?,
        })
    }
}

/// An address to which a query can be added.
fn accept_url(values: &Values) -> Result<Option<String>> {
    let key = "app_accept_url";
    let Some(url) = values.take(key) else {
        return Ok(None);
    };
    let is_web = ["http://", "https://"].iter().any(|s| url.starts_with(s));
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'#' && b != b'"' && b != b';' && b != b',';
    match is_web && url.bytes().all(is_plain) {
        true => Ok(Some(url.to_owned())),
        false => Err(Error(format!(
            "{} takes an address such as https://app.example.com/welcome, without a fragment; got `{url}`",
            values.name(key)
        ))),
    }
}

pub(super) fn yes_or_no(values: &Values, key: &'static str) -> Result<bool> {
    match values.take(key) {
        Some("yes") => Ok(true),
        Some("no") | None => Ok(false),
        Some(other) => Err(Error(format!(
            "{} takes `yes` or `no`; got `{other}`",
            values.name(key)
        ))),
    }
}
