//! Configuration: file, then environment, then flags; read once into typed sections and handed down as values. Each
//! key is available in all three: `listen` in the file, `ROSTERD_LISTEN` in the environment, `--listen` as a flag.

mod args;
mod database;
pub mod keys;
mod limits;
mod mail;
mod secret;
mod server;
mod telemetry;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::keys::KEYS;
use self::values::{Given, Values};

pub use args::GlobalArgs;
pub use database::Database;
pub use limits::Limits;
pub use mail::{Mail, Security, Smtp};
pub use secret::Secret;
pub use server::Server;
pub use telemetry::{LogFormat, Telemetry};

/// A configuration that cannot be used: which input, which rule, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Result of reading configuration.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything, typed.
#[derive(Debug, Clone)]
pub struct Config {
    server: Server,
    limits: Limits,
    database: Database,
    telemetry: Telemetry,
    mail: Mail,
    bootstrap_scim_token: Option<Secret>,
    bootstrap_admin_token: Option<Secret>,
    in_use: Vec<InUse>,
}

/// A key as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Its name.
    pub key: &'static str,
    /// Its value; that of a secret is not shown. `None`: there is none.
    pub value: Option<String>,
    /// Where it comes from: `default`, or as the operator wrote it.
    pub origin: String,
}

impl Config {
    /// Reads the file, then the environment, then the flags.
    ///
    /// # Errors
    /// Names the key, the rule and the way out.
    pub fn load(args: &GlobalArgs, environment: &BTreeMap<String, String>) -> Result<Self> {
        let mut given = read_file(args, environment)?;
        for key in KEYS {
            // Compose and unit files hand in empty variables for "not set".
            let variable = environment.get(&key.variable()).filter(|v| !v.is_empty());
            if let Some(value) = variable {
                given.insert(
                    key.name,
                    Given {
                        value: value.clone(),
                        origin: key.variable(),
                        rank: 2,
                    },
                );
            }
            if let Some(value) = args.values.get(key.name) {
                given.insert(
                    key.name,
                    Given {
                        value: value.clone(),
                        origin: format!("--{}", key.flag()),
                        rank: 3,
                    },
                );
            }
        }
        let values = Values(given);
        let database = Database::read(&values)?;
        Ok(Self {
            server: Server::read(&values)?,
            limits: Limits::read(&values)?,
            telemetry: Telemetry::read(&values)?,
            mail: Mail::read(&values)?,
            bootstrap_scim_token: token(&values, "bootstrap_scim_token")?,
            bootstrap_admin_token: token(&values, "bootstrap_admin_token")?,
            in_use: in_use(&values, &database),
            database,
        })
    }

    /// Every key with its value and where that comes from; nothing secret.
    pub fn in_use(&self) -> &[InUse] {
        &self.in_use
    }

    /// Address to listen on.
    pub fn listen(&self) -> SocketAddr {
        self.server.listen
    }

    /// Files of the certificate and its key, if the server speaks TLS itself.
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        let (certificate, key) = self.server.tls.as_ref()?;
        Some((certificate, key))
    }

    /// What the server speaks where it listens: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.server.tls.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// What a client may do at most.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Public URL without a slash at the end; by default that of the bound address.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("{}://{bound}", self.scheme()))
    }

    /// Where people go on, in the app, who have accepted an invitation.
    pub fn app_accept_url(&self) -> Option<&str> {
        self.server.app_accept_url.as_deref()
    }

    /// How mails and webhooks leave.
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// Listener of the metrics.
    pub fn metrics_listen(&self) -> Option<SocketAddr> {
        self.server.metrics_listen
    }

    /// Folder with schemas for all tenants.
    pub fn schemas_dir(&self) -> Option<&Path> {
        self.server.schemas_dir.as_deref()
    }

    /// Folder with connectors beside those in the program.
    pub fn connectors_dir(&self) -> Option<&Path> {
        self.server.connectors_dir.as_deref()
    }

    /// Root of watched folders.
    pub fn files_dir(&self) -> Option<&Path> {
        self.server.files_dir.as_deref()
    }

    /// Whether HR systems may be in private networks.
    pub fn pull_private(&self) -> bool {
        self.server.pull_private
    }

    /// What admins are told of reviewers whom team sync removes, and where the app is asked for it.
    pub fn team_warning(&self) -> (Option<&str>, Option<(&str, &Secret)>) {
        let hook = self.server.teams_hook.as_ref();
        let hook = hook.map(|(url, secret)| (url.as_str(), secret));
        (self.server.teams_warning.as_deref(), hook)
    }

    /// How long runs of pulls are kept.
    pub fn runs_keep(&self) -> Duration {
        self.server.runs_keep
    }

    /// How long requests under way may take when the server stops.
    pub fn shutdown_grace(&self) -> Duration {
        self.server.shutdown
    }

    /// Data directory.
    pub fn data_dir(&self) -> &Path {
        &self.database.data_dir
    }

    /// The secret key, if there is one already.
    ///
    /// # Errors
    /// The key's file cannot be read.
    pub fn secret_key(&self) -> Result<Option<[u8; 32]>> {
        self.database.key(None::<fn(&mut [u8])>)
    }

    /// Former secret keys, which open what they sealed.
    pub fn previous_keys(&self) -> Vec<[u8; 32]> {
        self.database.previous()
    }

    /// The secret key; on SQLite it is made in the data directory if there is none. `fill` gives random bytes.
    ///
    /// # Errors
    /// The key's file cannot be read or made.
    pub fn make_secret_key(&self, fill: impl FnOnce(&mut [u8])) -> Result<[u8; 32]> {
        self.database
            .key(Some(fill))?
            .ok_or_else(|| Error("there is no secret key".to_owned()))
    }

    /// Database.
    pub fn database_url(&self) -> String {
        self.database.url()
    }

    /// Logging.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Secret of the connection that automated set-up makes.
    pub fn bootstrap_scim_token(&self) -> Option<&str> {
        self.bootstrap_scim_token.as_ref().map(Secret::expose)
    }

    /// Secret of the operator's token that automated set-up makes.
    pub fn bootstrap_admin_token(&self) -> Option<&str> {
        self.bootstrap_admin_token.as_ref().map(Secret::expose)
    }
}

/// What is used, for `check-config`.
fn in_use(values: &Values, database: &Database) -> Vec<InUse> {
    let each = KEYS.iter().map(|key| {
        let value = values.take(key.name);
        let value = match (key.name, value) {
            (_, Some(_)) if key.is_secret => Some("(hidden)".to_owned()),
            ("database_url", _) => Some(database.shown_url()),
            (_, value) => value.map(str::to_owned),
        };
        InUse {
            key: key.name,
            value,
            origin: values.origin(key.name).to_owned(),
        }
    });
    each.collect()
}

fn token(values: &Values, key: &'static str) -> Result<Option<Secret>> {
    match values.take(key) {
        Some(value) if value.len() < 16 || value.contains(char::is_whitespace) => {
            Err(Error(format!(
                "{} must have at least 16 characters and no blanks: it is all that protects the tenant",
                values.name(key)
            )))
        }
        value => Ok(value.map(Secret::new)),
    }
}

fn read_file(
    args: &GlobalArgs,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<&'static str, Given>> {
    let named = args.config.clone().or_else(|| {
        environment
            .get("ROSTERD_CONFIG")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    });
    let path = match named {
        Some(path) => path,
        None if Path::new("rosterd.toml").exists() => PathBuf::from("rosterd.toml"),
        None => return Ok(BTreeMap::new()),
    };
    let shown = path.display();
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Error(format!("cannot read the configuration {shown}: {e}")))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        // The whole message would show the line, and with it perhaps a secret.
        let line = e.span().map_or(1, |s| {
            text.get(..s.start)
                .unwrap_or_default()
                .lines()
                .count()
                .max(1)
        });
        Error(format!(
            "{shown}: line {line} is not TOML: {}; write lines such as listen = \"127.0.0.1:8080\"",
            e.message()
        ))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let known = keys::find(&key).ok_or_else(|| {
            let all: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
            Error(format!(
                "{shown}: unknown key `{key}`; known are {}",
                all.join(", ")
            ))
        })?;
        let known = known.name;
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            _ => {
                return Err(Error(format!(
                    "{shown}: `{key}` takes a text or a whole number"
                )));
            }
        };
        values.insert(
            known,
            Given {
                value,
                origin: format!("`{known}` in {shown}"),
                rank: 1,
            },
        );
    }
    Ok(values)
}
