//! `rosterd check-config`, `rosterd config sample`, `rosterd completions`: about the program's own settings.

use serde_json::json;

use super::{Failure, Output, output, say, shown, tls};
use crate::config::{Config, keys};

/// What can be configured.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Settings {
    /// Print a configuration file with every key, what it means and its default.
    Sample,
}

/// Prints every key with its value and where that comes from. What is wrong was said, and refused, on loading.
pub(super) fn check(config: &Config, output: Output) -> Result<(), Failure> {
    tls::certificates(config)?;
    for used in config.in_use() {
        let value = json!({"key": used.key, "value": used.value, "origin": used.origin});
        let text = used.value.as_deref().map_or("-".to_owned(), shown);
        output.row(
            &value,
            &format!("{:<22} {text:<28} {}", used.key, used.origin),
        )?;
    }
    Ok(())
}

/// Prints the sample.
pub(super) fn sample() -> Result<(), Failure> {
    say(keys::sample().trim_end())
}

/// Prints a shell's completions.
pub(super) fn completions(
    shell: clap_complete::Shell,
    command: &mut clap::Command,
) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "rosterd", &mut script);
    output::write(&script)
}
