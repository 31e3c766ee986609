//! What `check` and `pull` have in common: values from the command line, and the world outside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::cli::Failure;
use crate::config::Config;
use crate::domain::chance::{Chance, SystemChance};
use crate::domain::clock::{Clock, SystemClock};
use crate::hris::Job;
use crate::hris::auth::Keeper;
use crate::hris::client::{Endpoint, Outside};
use crate::hris::manifest::Manifest;
use crate::hris::values::Values;

/// Where and as whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct World {
    /// A value that the connector asks for; `connectors show` lists them.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(super) set: Vec<String>,
    /// The same, read from a file: for secrets, which have no place in a list of processes.
    #[arg(long = "set-file", value_name = "NAME=FILE")]
    pub(super) set_file: Vec<String>,
    /// Send every request here instead of the vendor's hosts; paths are kept behind it.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Day on which somebody is employed or not [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
}

impl World {
    /// The values, checked.
    pub(super) fn values(&self, manifest: &Manifest) -> Result<Values, Failure> {
        Ok(Values::check(manifest, self.given()?)?)
    }

    /// The values as they were given.
    pub(super) fn given(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut given = BTreeMap::new();
        for pair in &self.set {
            let (name, value) = split(pair, "--set")?;
            given.insert(name.to_owned(), value.to_owned());
        }
        for pair in &self.set_file {
            let (name, file) = split(pair, "--set-file")?;
            let path = PathBuf::from(file);
            let value = std::fs::read_to_string(&path)
                .map_err(|error| format!("{name}: {}: {error}", path.display()))?;
            given.insert(name.to_owned(), value);
        }
        Ok(given)
    }

    /// The day on which somebody is employed or not.
    pub(super) fn day(&self) -> NaiveDate {
        let now = chrono::DateTime::from_timestamp_millis(SystemClock.now().0);
        self.as_of
            .unwrap_or_else(|| now.unwrap_or_default().date_naive())
    }

    /// The world outside, as the operator set it.
    pub(super) fn outside(&self, config: &Config) -> Result<Outside, Failure> {
        Ok(Outside {
            endpoint: self.endpoint.as_deref().map(Endpoint::parse).transpose()?,
            allow_private: config.pull_private(),
            ..Outside::default()
        })
    }

    /// The pull that these arguments mean.
    pub(super) fn job<'a>(
        &self,
        manifest: &'a Manifest,
        values: &'a Values,
        outside: &'a Outside,
        keeper: Option<&'a dyn Keeper>,
    ) -> Job<'a> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance: Arc<dyn Chance> = Arc::new(SystemChance);
        Job {
            manifest,
            values,
            as_of: self.day(),
            outside,
            clock,
            chance,
            keeper,
        }
    }
}

fn split<'p>(pair: &'p str, flag: &str) -> Result<(&'p str, &'p str), Failure> {
    pair.split_once('=')
        // Never the text: it may be a secret whose name was forgotten.
        .ok_or_else(|| format!("{flag}: write NAME=VALUE").into())
}
