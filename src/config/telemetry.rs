//! Logging.

use super::{Error, Result, Values};

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Filter, such as `info` or `rosterd=debug`.
    pub filter: String,
    /// Shape.
    pub format: LogFormat,
}

impl Telemetry {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let format = match values.take("log_format") {
            None => LogFormat::Auto,
            Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            Some(other) => {
                return Err(Error(format!(
                    "{} takes text or json; got `{other}`",
                    values.name("log_format")
                )));
            }
        };
        Ok(Self {
            filter: values.take("log").unwrap_or("info").to_owned(),
            format,
        })
    }
}
