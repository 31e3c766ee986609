//! The database and the key that protects what is encrypted in it.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Result, Secret, Values};

/// Where the data is.
#[derive(Clone)]
pub struct Database {
    /// Data directory.
    pub data_dir: PathBuf,
    url: Option<String>,
    /// Key of 32 bytes, base64; on SQLite one is made in the data directory when first needed.
    pub secret_key: Option<Secret>,
}

impl Database {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let url = values.take("database_url").map(str::to_owned);
        let is_postgres = url
            .as_deref()
            .is_some_and(|u| u.starts_with("postgres://") || u.starts_with("postgresql://"));
        if let Some(url) = &url
            && !is_postgres
            && !url.starts_with("sqlite://")
        {
            return Err(Error(
                "`database_url` begins with sqlite:// or postgres://".to_owned(),
            ));
        }
        let secret_key = values.secret("secret_key", "secret_key_file")?;
        if let Some(key) = &secret_key {
            let bytes = STANDARD.decode(key.expose()).map(|b| b.len());
            if bytes != Ok(32) {
                return Err(Error("`secret_key` takes 32 bytes in base64: make one with `openssl rand -base64 32`".to_owned()));
            }
        } else if is_postgres {
            return Err(Error(
                "`secret_key` or `secret_key_file` is required with PostgreSQL, where several replicas share it: make one \
                 with `openssl rand -base64 32`"
                    .to_owned(),
            ));
        }
        Ok(Self {
            data_dir: PathBuf::from(values.take("data_dir").unwrap_or("rosterd-data")),
            url,
            secret_key,
        })
    }

    /// The URL, by default SQLite's file in the data directory.
    pub fn url(&self) -> String {
        self.url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("rosterd.db").display()))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url();
        // A password may stand between the scheme and the host.
        let shown = match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://(hidden)@{host}"),
            _ => url,
        };
        f.debug_struct("Database")
            .field("data_dir", &self.data_dir)
            .field("url", &shown)
            .field("secret_key", &self.secret_key)
            .finish()
    }
}
