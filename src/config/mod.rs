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
        assert_eq!((config.listen().port(), config.limits().body), (2, 5000));
        args.values.insert("listen", "127.0.0.1:3".to_owned());
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
            ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "sh0rt"),
            ("ROSTERD_SECRET_KEY", "!"),
            ("ROSTERD_SECRET_KEY_PREVIOUS", "AAAA,!"),
        ] {
            let error = Config::load(&GlobalArgs::default(), &environment(&[(key, value)]))
                .expect_err(key)
                .to_string();
            assert!(error.contains(key), "{key}: {error}");
            assert!(!error.contains("sh0rt"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let env = environment(&[
            ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "s3cret-s3cret-s3cret"),
            (
                "ROSTERD_DATABASE_URL",
                "postgres://me:hunter2@127.0.0.1/r?sslmode=require&password=hunter2",
            ),
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
    fn an_empty_variable_is_not_set_and_a_broken_file_shows_no_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("r.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\n").expect("written");
        let args = GlobalArgs {
            config: Some(path.clone()),
            ..GlobalArgs::default()
        };
        let config = Config::load(&args, &environment(&[("ROSTERD_LISTEN", "")])).expect("valid");
        assert_eq!(config.listen().port(), 1);
        std::fs::write(&path, "log = \"info\"\nsecret_key = \"hunter2\n").expect("written");
        let error = Config::load(&args, &BTreeMap::new())
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("line 2") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_secret_and_its_file_exclude_each_other_in_one_place_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        std::fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").expect("written");
        let path = path.to_str().expect("text");
        let env = environment(&[
            ("ROSTERD_SECRET_KEY_FILE", path),
            ("ROSTERD_SECRET_KEY", "x"),
        ]);
        let error = Config::load(&GlobalArgs::default(), &env)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("ROSTERD_SECRET_KEY_FILE are both set"),
            "{error}"
        );
        let env = environment(&[("ROSTERD_SECRET_KEY", "x")]);
        let args = GlobalArgs {
            values: BTreeMap::from([("secret_key_file", path.to_owned())]),
            ..GlobalArgs::default()
        };
        let config = Config::load(&args, &env).expect("the flag wins");
        assert_eq!(config.secret_key().expect("readable"), Some([0; 32]));
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let args = GlobalArgs {
            values: BTreeMap::from([("data_dir", dir.path().display().to_string())]),
            ..GlobalArgs::default()
        };
        let config = Config::load(&args, &BTreeMap::new()).expect("valid");
        assert_eq!(config.secret_key().expect("no key yet"), None);
        let make = |byte| config.make_secret_key(move |b| b.fill(byte));
        assert_eq!(make(7).expect("made"), [7; 32]);
        assert_eq!(make(8).expect("read"), [7; 32]);
        assert_eq!(config.secret_key().expect("read"), Some([7; 32]));
        let mode = std::fs::metadata(dir.path().join("secret.key"))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(
            (
                mode & 0o777,
                std::fs::read_dir(dir.path()).expect("read").count()
            ),
            (0o600, 1)
        );
    }

    #[test]
    fn former_keys_come_from_a_value_or_the_lines_of_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys");
        let (zeros, ones) = (
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        );
        std::fs::write(&path, format!("{zeros}\n{ones}\n")).expect("written");
        let both = format!("{zeros},{ones}");
        for (key, value) in [
            ("ROSTERD_SECRET_KEY_PREVIOUS", both.as_str()),
            (
                "ROSTERD_SECRET_KEY_PREVIOUS_FILE",
                path.to_str().expect("text"),
            ),
        ] {
            let config = Config::load(&GlobalArgs::default(), &environment(&[(key, value)]));
            let config = config.expect("valid");
            assert_eq!(config.previous_keys(), [[0; 32], [1; 32]], "{key}");
            let printed = format!("{config:?} {:?}", config.in_use());
            assert!(!printed.contains("AQEB"), "{printed}");
        }
    }

    #[test]
    fn sizes_take_a_unit() {
        let size = |text| {
            Config::load(
                &GlobalArgs::default(),
                &environment(&[("ROSTERD_BODY_LIMIT", text)]),
            )
        };
        assert_eq!(size("4 MiB").expect("valid").limits().body, 4 << 20);
        assert_eq!(size("64KiB").expect("valid").limits().body, 64 << 10);
        assert!(size("4 apples").is_err() && size("99999999999999999999MiB").is_err());
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
