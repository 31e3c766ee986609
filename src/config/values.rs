//! Where each value comes from: flags win over the environment, which wins over the file, which wins over the default.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::keys;
use super::{Error, Result, Secret};

/// A value, the place it comes from as it is called in messages, and the rank of that place.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) value: String,
    pub(super) origin: String,
    pub(super) rank: u8,
}

/// What was given, by key.
#[derive(Clone)]
pub(super) struct Values(pub(super) BTreeMap<&'static str, Given>);

impl Values {
    /// The value that was given, else the default.
    pub(super) fn take(&self, key: &'static str) -> Option<&str> {
        let given = self.0.get(key).map(|g| g.value.as_str());
        given.or_else(|| keys::find(key).and_then(|k| k.default))
    }

    /// What to call a key in a message: as the operator wrote it.
    pub(super) fn name(&self, key: &'static str) -> String {
        self.0
            .get(key)
            .map_or_else(|| format!("`{key}`"), |g| g.origin.clone())
    }

    /// Where the value comes from.
    pub(super) fn origin(&self, key: &'static str) -> &str {
        self.0.get(key).map_or("default", |g| g.origin.as_str())
    }

    pub(super) fn rank(&self, key: &'static str) -> u8 {
        self.0.get(key).map_or(0, |g| g.rank)
    }

    /// A value, or the content of the file that its `_file` twin names.
    pub(super) fn secret(
        &self,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Option<Secret>> {
        let (value, path) = match self.rank(key).cmp(&self.rank(file_key)) {
            Ordering::Greater => (self.take(key), None),
            Ordering::Less => (None, self.take(file_key)),
            Ordering::Equal => (self.take(key), self.take(file_key)),
        };
        match (value, path) {
            (Some(_), Some(_)) => Err(Error(format!(
                "{} and {} are both set: keep one",
                self.name(key),
                self.name(file_key)
            ))),
            (Some(value), None) => Ok(Some(Secret::new(value))),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    Error(format!("{}: cannot read {path}: {e}", self.name(file_key)))
                })?;
                Ok(Some(Secret::new(text.trim())))
            }
            (None, None) => Ok(None),
        }
    }

    /// An address and port.
    pub(super) fn address(&self, key: &'static str) -> Result<Option<SocketAddr>> {
        let parsed = self.take(key).map(|text| {
            text.parse().map_err(|_| {
                Error(format!(
                    "{} takes an address such as 127.0.0.1:8080; got `{text}`",
                    self.name(key)
                ))
            })
        });
        parsed.transpose()
    }

    /// A whole number of a key that has a default.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<usize>) -> Result<usize> {
        let text = self.take(key).unwrap_or_default();
        self.within(key, text.parse().ok(), range, "a whole number")
    }

    /// Whole seconds.
    pub(super) fn seconds(
        &self,
        key: &'static str,
        range: RangeInclusive<usize>,
    ) -> Result<Duration> {
        let seconds = self.number(key, range)?;
        Ok(Duration::from_secs(seconds as u64))
    }

    /// Whole days.
    pub(super) fn days(&self, key: &'static str, range: RangeInclusive<usize>) -> Result<Duration> {
        let days = self.number(key, range)?;
        Ok(Duration::from_secs(86_400 * days as u64))
    }

    /// Bytes, with or without a unit.
    pub(super) fn bytes(&self, key: &'static str, range: RangeInclusive<usize>) -> Result<usize> {
        let text = self.take(key).unwrap_or_default();
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
        let takes = "bytes, or a number with KiB or MiB such as 4MiB";
        self.within(key, bytes, range, takes)
    }

    fn within(
        &self,
        key: &'static str,
        number: Option<usize>,
        range: RangeInclusive<usize>,
        takes: &str,
    ) -> Result<usize> {
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            Error(format!(
                "{} takes {takes} from {} to {}; got `{}`",
                self.name(key),
                range.start(),
                range.end(),
                self.take(key).unwrap_or_default()
            ))
        })
    }
}
