//! The database and the key that protects what is encrypted in it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
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
    /// Former keys, each the same, apart by commas or white space.
    previous_keys: Option<Secret>,
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
            return Err(Error(format!(
                "{} begins with sqlite:// or postgres://",
                values.name("database_url")
            )));
        }
        let secret_key = values.secret("secret_key", "secret_key_file")?;
        let previous = "secret_key_previous";
        let previous_keys = values.secret(previous, "secret_key_previous_file")?;
        for key in previous_keys.iter().flat_map(several) {
            if decode(key).is_none() {
                return Err(Error(format!(
                    "{} takes keys of 32 bytes in base64, apart by commas or lines",
                    given(values, previous, "secret_key_previous_file")
                )));
            }
        }
        if let Some(key) = &secret_key {
            if decode(key.expose()).is_none() {
                return Err(Error(format!(
                    "{} takes 32 bytes in base64: make one with `openssl rand -base64 32`",
                    given(values, "secret_key", "secret_key_file")
                )));
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
            previous_keys,
        })
    }

    /// Former keys.
    pub(super) fn previous(&self) -> Vec<[u8; 32]> {
        let texts = self.previous_keys.iter().flat_map(several);
        texts.filter_map(decode).collect()
    }

    /// The key that was given, or the data directory's own; where there is none, one is made with `fill`.
    pub(super) fn key(&self, fill: Option<impl FnOnce(&mut [u8])>) -> Result<Option<[u8; 32]>> {
        if let Some(given) = &self.secret_key {
            return decode(given.expose())
                .map(Some)
                .ok_or_else(|| Error("the secret key is not 32 bytes in base64".to_owned()));
        }
        let path = self.data_dir.join("secret.key");
        let broken = |e: &dyn fmt::Display| {
            Error(format!(
                "cannot use {}: {e}; check its rights, or set ROSTERD_SECRET_KEY_FILE",
                path.display()
            ))
        };
        if !path.exists() {
            let Some(fill) = fill else { return Ok(None) };
            let mut key = [0; 32];
            fill(&mut key);
            // Written beside its place and linked there: whoever comes second reads the first one's.
            let draft = self
                .data_dir
                .join(format!("secret.key.{}", std::process::id()));
            let written = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft);
            let written = written.and_then(|mut file| {
                writeln!(file, "{}", STANDARD.encode(key))?;
                file.sync_all()
            });
            let linked = written.and_then(|()| std::fs::hard_link(&draft, &path));
            let _ = std::fs::remove_file(&draft);
            match linked {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(broken(&e)),
                // The name must outlive a power cut: nothing can be decrypted without it.
                _ => File::open(&self.data_dir)
                    .and_then(|d| d.sync_all())
                    .map_err(|e| broken(&e))?,
            }
        }
        let text = std::fs::read_to_string(&path).map_err(|e| broken(&e))?;
        decode(text.trim())
            .map(Some)
            .ok_or_else(|| broken(&"it does not hold 32 bytes in base64; restore it from a backup"))
    }

    /// The URL, by default SQLite's file in the data directory.
    pub fn url(&self) -> String {
        self.url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("rosterd.db").display()))
    }

    /// The URL without what may be secret in it.
    pub(super) fn shown_url(&self) -> String {
        let url = self.url();
        // A password may stand between the scheme and the host, or among the parameters.
        let (plain, parameters) = match url.split_once('?') {
            Some((plain, _)) if !url.starts_with("sqlite://") => (plain, "?(hidden)"),
            _ => (url.as_str(), ""),
        };
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) if scheme != "sqlite" => {
                format!(
                    "{scheme}://(hidden)@{}{parameters}",
                    host.split('?').next().unwrap_or_default()
                )
            }
            _ => format!("{plain}{parameters}"),
        }
    }
}

/// Texts apart by commas or white space.
fn several(secret: &Secret) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c == ',' || c.is_whitespace();
    secret.expose().split(is_between).filter(|t| !t.is_empty())
}

/// What the operator wrote: a value, or the file that holds it.
fn given(values: &Values, key: &'static str, file: &'static str) -> String {
    let is_value = values.rank(key) > values.rank(file);
    values.name(if is_value { key } else { file })
}

fn decode(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("data_dir", &self.data_dir)
            .field("url", &self.shown_url())
            .field("secret_key", &self.secret_key)
            .field("previous_keys", &self.previous_keys)
            .finish()
    }
}
