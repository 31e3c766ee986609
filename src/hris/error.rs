//! Why a pull failed: a kind that says what can be done, a code with parameters, and whether trying again helps.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The vendor does not accept the credentials: new ones are needed.
    Credentials,
    /// The credentials are accepted and may not read something.
    Rights,
    /// The vendor wants to be asked less often.
    RateLimited,
    /// The vendor or the way there is down.
    Unavailable,
    /// The answer is not what the connector expects.
    NotUnderstood,
    /// A value that was set cannot be used.
    Settings,
    /// A limit of ours was reached.
    Limit,
    /// Whoever takes the people said stop.
    Stopped,
}

impl Kind {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Rights => "rights",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::NotUnderstood => "not_understood",
            Self::Settings => "settings",
            Self::Limit => "limit",
            Self::Stopped => "stopped",
        }
    }

    /// Whether the same pull may succeed later without anybody doing anything.
    pub fn retry_helps(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }
}

/// Why a pull failed. Never holds a secret or a value of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What can be done.
    pub kind: Kind,
    /// What happened.
    pub code: &'static str,
    /// The code's parameters.
    pub params: BTreeMap<String, String>,
    /// Not before this has passed, where the vendor says so.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error without parameters.
    pub fn new(kind: Kind, code: &'static str) -> Self {
        Self {
            kind,
            code,
            params: BTreeMap::new(),
            retry_after: None,
        }
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }

    /// Whether the same pull may succeed later without anybody doing anything.
    pub fn retry_helps(&self) -> bool {
        self.kind.retry_helps()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Of files there is more to say than of answers of a vendor.
        match super::files::sentence(self.code, &self.params) {
            Some(text) => return write!(f, "{text} [{}]", self.code),
            None => f.write_str(sentence(self.kind))?,
        }
        write!(f, " [{}", self.code)?;
        for (name, value) in &self.params {
            write!(f, " {name}={value}")?;
        }
        f.write_str("]")?;
        match (self.retry_after, self.retry_helps()) {
            (Some(wait), _) => write!(f, "; try again in {} s", wait.as_secs().max(1)),
            (None, true) => f.write_str("; trying again later may help"),
            (None, false) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What each kind means, for the shell.
fn sentence(kind: Kind) -> &'static str {
    match kind {
        Kind::Credentials => "the vendor does not accept the credentials: enter new ones",
        Kind::Rights => "the credentials lack a right: grant it at the vendor",
        Kind::RateLimited => "the vendor wants to be asked less often",
        Kind::Unavailable => "the vendor cannot be reached",
        Kind::NotUnderstood => "the vendor's answer is not what the connector expects",
        Kind::Settings => "a value that was set cannot be used",
        Kind::Limit => "a limit was reached",
        Kind::Stopped => "the pull was stopped",
    }
}

impl From<super::formats::Problem> for Error {
    fn from(problem: super::formats::Problem) -> Self {
        Self {
            kind: Kind::NotUnderstood,
            code: problem.code,
            params: problem.params,
            retry_after: None,
        }
    }
}
