//! The flags that every command takes: one for each key, made from the table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, FromArgMatches};

use super::keys::KEYS;

/// Flags that every command takes; each wins over the environment and the file.
#[derive(Clone, Default)]
pub struct GlobalArgs {
    /// Configuration file.
    pub config: Option<PathBuf>,
    /// Values by key.
    pub values: BTreeMap<&'static str, String>,
}

impl fmt::Debug for GlobalArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may be secrets.
        let given: Vec<_> = self.values.keys().collect();
        f.debug_struct("GlobalArgs")
            .field("config", &self.config)
            .field("given", &given)
            .finish()
    }
}

impl clap::Args for GlobalArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(
                "Configuration file (TOML); `rosterd.toml` in the working directory if it exists",
            );
        let keys = KEYS.iter().map(|key| {
            let default = key.default.map(|d| format!(" [default: {d}]"));
            Arg::new(key.name)
                .long(key.flag())
                .value_name(key.takes)
                .help(format!("{}{}", key.about, default.unwrap_or_default()))
                // `-h` shows what a command does; `--help` all of this too.
                .hide_short_help(true)
        });
        std::iter::once(file)
            .chain(keys)
            .fold(command, |command, arg| {
                command.arg(arg.global(true).help_heading("Configuration"))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GlobalArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(path) = matches.get_one::<PathBuf>("config") {
            self.config = Some(path.clone());
        }
        for key in KEYS {
            if let Some(value) = matches.get_one::<String>(key.name) {
                self.values.insert(key.name, value.clone());
            }
        }
        Ok(())
    }
}
