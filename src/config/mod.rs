//! Configuration: file, then environment, then flags; read once into typed sections and handed down as values. Each
//! key is available in all three: `listen` in the file, `ROSTERD_LISTEN` in the environment, `--listen` as a flag.

mod database;
mod secret;
mod server;
mod telemetry;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use database::Database;
pub use secret::Secret;
pub use server::Server;
pub use telemetry::{LogFormat, Telemetry};

/// A configuration that cannot be used: which input, which rule, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Result of reading configuration.
pub type Result<T> = std::result::Result<T, Error>;

/// Flags that every command takes; each wins over the environment and the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct GlobalArgs {
    /// Configuration file (TOML); `rosterd.toml` in the working directory if it exists.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where SQLite's file and the key are kept [default: ./rosterd-data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// sqlite://PATH or postgres://… [default: rosterd.db in the data directory].
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The URL under which clients reach the server.
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// What is logged, such as `info` or `rosterd=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// `text` or `json` [default: json].
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Address of a listener of its own for /metrics, open to other machines.
    #[arg(long, global = true, value_name = "ADDR")]
    pub metrics_listen: Option<String>,
    /// Largest request body in bytes [default: 4194304].
    #[arg(long, global = true, value_name = "BYTES")]
    pub body_limit: Option<String>,
    /// How long requests under way may take when the server stops [default: 10].
    #[arg(long, global = true, value_name = "SECONDS")]
    pub shutdown_seconds: Option<String>,
}

/// Keys of the file and, with the prefix `ROSTERD_` in capitals, of the environment.
const KEYS: [&str; 13] = [
    "listen",
    "data_dir",
    "database_url",
    "public_url",
    "log",
    "log_format",
    "metrics_listen",
    "body_limit",
    "shutdown_seconds",
    "secret_key",
    "secret_key_file",
    "bootstrap_scim_token",
    "bootstrap_admin_token",
];

/// Everything, typed.
#[derive(Debug, Clone)]
pub struct Config {
    server: Server,
    database: Database,
    telemetry: Telemetry,
    bootstrap_scim_token: Option<Secret>,
    bootstrap_admin_token: Option<Secret>,
}

/// Where each value comes from: flags win over the environment, which wins over the file.
struct Values(BTreeMap<&'static str, String>);

impl Values {
    fn take(&self, key: &'static str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// A value, or the content of the file that its `_file` twin names.
    fn secret(&self, key: &'static str, file_key: &'static str) -> Result<Option<Secret>> {
        match (self.take(key), self.take(file_key)) {
            (Some(_), Some(_)) => Err(Error(format!(
                "`{key}` and `{file_key}` are both set: keep one"
            ))),
            (Some(value), None) => Ok(Some(Secret::new(value))),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| Error(format!("`{file_key}`: cannot read {path}: {e}")))?;
                Ok(Some(Secret::new(text.trim())))
            }
            (None, None) => Ok(None),
        }
    }
}

impl Config {
    /// Reads the file, then the environment, then the flags.
    ///
    /// # Errors
    /// Names the key, the rule and the way out.
    pub fn load(args: &GlobalArgs, environment: &BTreeMap<String, String>) -> Result<Self> {
        let mut values = read_file(args, environment)?;
        for key in KEYS {
            if let Some(value) = environment.get(&format!("ROSTERD_{}", key.to_uppercase())) {
                values.insert(key, value.clone());
            }
        }
        let flags = [
            ("listen", &args.listen),
            ("data_dir", &args.data_dir),
            ("database_url", &args.database_url),
            ("public_url", &args.public_url),
            ("log", &args.log),
            ("log_format", &args.log_format),
            ("metrics_listen", &args.metrics_listen),
            ("body_limit", &args.body_limit),
            ("shutdown_seconds", &args.shutdown_seconds),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                values.insert(key, value.clone());
            }
        }
        let values = Values(values);
        Ok(Self {
            server: Server::read(&values)?,
            database: Database::read(&values)?,
            telemetry: Telemetry::read(&values)?,
            bootstrap_scim_token: token(&values, "bootstrap_scim_token")?,
            bootstrap_admin_token: token(&values, "bootstrap_admin_token")?,
        })
    }

    /// Address to listen on.
    pub fn listen(&self) -> SocketAddr {
        self.server.listen
    }

    /// Public URL without a slash at the end; by default that of the bound address.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{bound}"))
    }

    /// Listener of the metrics.
    pub fn metrics_listen(&self) -> Option<SocketAddr> {
        self.server.metrics_listen
    }

    /// Largest body.
    pub fn body_limit(&self) -> usize {
        self.server.body_limit
    }

    /// How long requests under way may take when the server stops.
    pub fn shutdown_grace(&self) -> Duration {
        self.server.shutdown
    }

    /// Data directory.
    pub fn data_dir(&self) -> &Path {
        &self.database.data_dir
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

fn token(values: &Values, key: &'static str) -> Result<Option<Secret>> {
    match values.take(key) {
        Some(value) if value.len() < 16 || value.contains(char::is_whitespace) => {
            Err(Error(format!(
                "`{key}` must have at least 16 characters and no blanks: it is all that protects the tenant"
            )))
        }
        value => Ok(value.map(Secret::new)),
    }
}

fn read_file(
    args: &GlobalArgs,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<&'static str, String>> {
    let named = args
        .config
        .clone()
        .or_else(|| environment.get("ROSTERD_CONFIG").map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None if Path::new("rosterd.toml").exists() => PathBuf::from("rosterd.toml"),
        None => return Ok(BTreeMap::new()),
    };
    let shown = path.display();
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Error(format!("cannot read the configuration {shown}: {e}")))?;
    let table: toml::Table = text.parse().map_err(|e| Error(format!("{shown}: {e}")))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let known = KEYS.into_iter().find(|k| *k == key);
        let known = known.ok_or_else(|| {
            Error(format!(
                "{shown}: unknown key `{key}`; known are {}",
                KEYS.join(", ")
            ))
        })?;
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            _ => {
                return Err(Error(format!(
                    "{shown}: `{key}` takes a text or a whole number"
                )));
            }
        };
        values.insert(known, value);
    }
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("r.toml");
        std::fs::write(
            &path,
            "listen = \"127.0.0.1:1\"\nlog = \"debug\"\nbody_limit = 5000\n",
        )
        .expect("written");
        let mut args = GlobalArgs {
            config: Some(path),
            ..GlobalArgs::default()
        };
        let env = environment(&[("ROSTERD_LISTEN", "127.0.0.1:2")]);
        let config = Config::load(&args, &env).expect("valid");
        assert_eq!((config.listen().port(), config.body_limit()), (2, 5000));
        args.listen = Some("127.0.0.1:3".to_owned());
        assert_eq!(Config::load(&args, &env).expect("valid").listen().port(), 3);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("r.toml");
        std::fs::write(&path, "lisen = \"x\"").expect("written");
        let typo = GlobalArgs {
            config: Some(path),
            ..GlobalArgs::default()
        };
        let error = Config::load(&typo, &BTreeMap::new())
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("lisen") && error.contains("listen"),
            "{error}"
        );
        for (key, value) in [
            ("ROSTERD_LISTEN", "here"),
            ("ROSTERD_DATABASE_URL", "mysql://x"),
            ("ROSTERD_PUBLIC_URL", "rosterd.example"),
            ("ROSTERD_LOG_FORMAT", "xml"),
            ("ROSTERD_BODY_LIMIT", "lots"),
            ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "short"),
            ("ROSTERD_SECRET_KEY", "!"),
        ] {
            let error = Config::load(&GlobalArgs::default(), &environment(&[(key, value)]))
                .expect_err(key)
                .to_string();
            assert!(
                error.contains(&key["ROSTERD_".len()..].to_lowercase()),
                "{key}: {error}"
            );
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let env = environment(&[
            ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "s3cret-s3cret-s3cret"),
            ("ROSTERD_DATABASE_URL", "postgres://me:hunter2@127.0.0.1/r"),
            (
                "ROSTERD_SECRET_KEY",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
        ]);
        let printed = format!(
            "{:?}",
            Config::load(&GlobalArgs::default(), &env).expect("valid")
        );
        for secret in ["s3cret", "hunter2", "AAAA"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn postgresql_demands_a_key() {
        let env = environment(&[("ROSTERD_DATABASE_URL", "postgres://127.0.0.1/r")]);
        let error = Config::load(&GlobalArgs::default(), &env)
            .expect_err("refused")
            .to_string();
        assert!(error.contains("secret_key"), "{error}");
    }
}
