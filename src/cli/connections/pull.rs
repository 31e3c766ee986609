//! What only a pull connection has: its settings, and its credentials, which are never arguments: `ps` shows those.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read};

use crate::cli::{Failure, shown};
use crate::domain::pull::{AddressUse, Leaving, MatchBy, PullChange};
use crate::domain::sealed::SecretText;

/// What only a connection has that is pulled.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Pull {
    /// A setting of the connector that is no secret.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A credential out of a file, without the line break at its end; FILE `-` is standard input.
    #[arg(long, value_name = "NAME=FILE")]
    secret_file: Vec<String>,
    /// A credential that is asked for, or read from standard input, one a line.
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
    /// Minutes from one pull to the next: 5 to 1440; at first 180.
    #[arg(long, value_name = "MINUTES")]
    every: Option<u32>,
    /// Minutes after a complete pull that misses somebody until another confirms that she is gone: 1 to 1440; at first 5.
    #[arg(long, value_name = "MINUTES")]
    confirm_after: Option<u32>,
    /// Most people who lose access within 24 hours before a plan waits for an admin, or by a connection that pushes within
    /// one hour before further ones are parked; at first 5.
    #[arg(long, value_name = "NUMBER")]
    max_leavers: Option<u32>,
    /// The same as a percentage; what is beyond both waits. At first 10.
    #[arg(long, value_name = "PERCENT")]
    max_percent: Option<u32>,
    /// Only people whom this SCIM filter takes; an empty one: everybody.
    #[arg(long, value_name = "FILTER")]
    scope: Option<String>,
    /// What happens to who leaves the scope but not the company: keep or revoke.
    #[arg(long, value_name = "WORD")]
    leaving: Option<String>,
    /// What is compared with the externalId under which other sources, and the app, know people: none, source-id or
    /// employee-number; at first none.
    #[arg(long, value_name = "WORD")]
    match_by: Option<String>,
    /// Which addresses of a record count: work, or work-then-private; at first work.
    #[arg(long, value_name = "WORD")]
    addresses: Option<String>,
    /// Time zone of days of records that name none, such as Europe/Paris; an empty one: the tenant's.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Send every request here instead of the vendor's hosts, credentials included; an empty one: to the vendor.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

impl Pull {
    /// What would change about the settings.
    pub(super) fn change(&self, unset: Vec<String>) -> Result<PullChange, Failure> {
        let mut settings: BTreeMap<String, Option<String>> =
            unset.into_iter().map(|key| (key, None)).collect();
        for text in &self.set {
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| format!("--set takes KEY=VALUE; got `{}`", shown(text)))?;
            settings.insert(key.to_owned(), Some(value.to_owned()));
        }
        Ok(PullChange {
            settings,
            every_minutes: self.every,
            confirm_minutes: self.confirm_after,
            max_leavers: self.max_leavers,
            max_percent: self.max_percent,
            filter: self.scope.clone(),
            leaving: word("--leaving", &self.leaving, Leaving::parse, Leaving::WORDS)?,
            also_by: word("--match-by", &self.match_by, MatchBy::parse, MatchBy::WORDS)?,
            addresses: word(
                "--addresses",
                &self.addresses,
                AddressUse::parse,
                AddressUse::WORDS,
            )?,
            zone: self.time_zone.clone(),
            endpoint: self.endpoint.clone(),
        })
    }

    /// The credentials: from files, then those that are asked for.
    pub(super) fn secrets(&self) -> Result<Vec<(String, SecretText)>, Failure> {
        secrets_of(&self.secret_file, &self.secret)
    }

    pub(super) fn is_given(&self) -> bool {
        !self.set.is_empty() || !self.secret.is_empty() || !self.secret_file.is_empty()
    }
}

/// One of a setting's words.
fn word<T>(
    flag: &str,
    given: &Option<String>,
    parse: fn(&str) -> Option<T>,
    words: &[&str],
) -> Result<Option<T>, Failure> {
    let Some(text) = given else { return Ok(None) };
    let known = words.join(", ");
    let found = parse(text);
    found
        .map(Some)
        .ok_or_else(|| format!("{flag} takes one of {known}; got `{}`", shown(text)).into())
}

/// Credentials out of files, then those that are asked for.
pub(in crate::cli) fn secrets_of(
    files: &[String],
    names: &[String],
) -> Result<Vec<(String, SecretText)>, Failure> {
    let mut all = Vec::new();
    for text in files {
        // What stands there may be the credential itself: it is not shown.
        let (name, file) = text.split_once('=').ok_or(
            "--secret-file takes NAME=FILE: the name of the credential and a file that holds it",
        )?;
        let value = match file {
            "-" => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text)?;
                text
            }
            file => std::fs::read_to_string(file).map_err(|e| {
                format!(
                    "--secret-file: cannot read the file of `{}`: {e}",
                    shown(name)
                )
            })?,
        };
        let value = SecretText::new(value.trim_end_matches(['\r', '\n']));
        all.push((name.to_owned(), value));
    }
    for name in names {
        all.push((name.clone(), ask(name)?));
    }
    Ok(all)
}

/// Asks for a credential without showing it, or reads it where nobody sits.
fn ask(name: &str) -> Result<SecretText, Failure> {
    let text = match std::io::stdin().is_terminal() {
        true => {
            let terminal = console::Term::stderr();
            terminal.write_str(&format!("{}: ", shown(name)))?;
            terminal.read_secure_line()?
        }
        false => {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line
        }
    };
    let text = text.trim_end_matches(['\r', '\n']);
    match text.is_empty() {
        false => Ok(SecretText::new(text)),
        true => Err(format!("--secret {}: nothing was entered", shown(name)).into()),
    }
}
