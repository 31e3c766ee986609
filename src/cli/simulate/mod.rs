//! `simulate`: plays the other side of the wire, so that a server can be tried without a tenant at a vendor.
//!
//! `simulate idp okta|entra` goes through an identity provider's whole life cycle against any SCIM 2.0 server: the
//! requests are the ones the provider really sends, every step is read back and compared with the simulator's own
//! model, and whatever differs is a mismatch. Nothing here knows the server of this crate: the module talks HTTP only.
//!
//! `simulate hris <slug>` stands in for an HR system, so that a connector can be tried.

mod check;
mod client;
mod entra;
mod entra_groups;
pub mod hris;
mod model;
mod okta;
mod okta_groups;
mod people;
mod progress;
mod report;
mod session;

mod verify;

use std::io::Write;

use clap::{Subcommand, ValueEnum};

pub use report::{KindRow, Mismatch, Report};

use client::{Flavour, Http};
use progress::Progress;
use session::Session;

/// Arguments of `rosterd simulate`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Play an identity provider's life cycle against a SCIM server
    Idp(IdpArgs),
    /// Serve an HR system's API with invented people, as strict as the vendor's
    Hris(hris::Args),
}

#[derive(Debug, Clone, clap::Args)]
struct IdpArgs {
    #[command(subcommand)]
    provider: ProviderArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum ProviderArgs {
    /// Okta: catalogue apps (PATCH and PUT) and wizard apps (PUT only)
    Okta {
        #[command(flatten)]
        common: Common,
        /// Play one family only [default: both, one after the other]
        #[arg(long, value_enum)]
        family: Option<Family>,
    },
    /// Microsoft Entra ID: the default PATCH dialect and the one of the 2020 flag
    Entra {
        #[command(flatten)]
        common: Common,
        /// Play one dialect only [default: both, one after the other]
        #[arg(long, value_enum)]
        dialect: Option<Dialect>,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Base URL of the SCIM service, such as http://127.0.0.1:8080/scim/v2
    #[arg(long, value_name = "URL")]
    base: String,
    /// Bearer token
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SIMULATE_TOKEN",
        hide_env_values = true
    )]
    token: String,
    /// How many people join in each play
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(5..=20_000))]
    people: u32,
    /// Seed of the invented people
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Marker of this run, part of every address and group name [default: from the time]
    #[arg(long, value_parser = marker)]
    prefix: Option<String>,
    /// Leave what was created on the server
    #[arg(long)]
    keep: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The two kinds of Okta application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// An app of the catalogue: profiles by PUT, everything else by PATCH.
    Oin,
    /// A custom app made in the wizard: everything by PUT.
    Aiw,
}

/// The two PATCH dialects of Entra.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Capitalised operations, booleans as text, members removed by a value array.
    #[value(name = "default")]
    Classic,
    /// What the flag `aadOptscim062020` asks for.
    #[value(name = "2020")]
    Flag2020,
}

/// One pass through a provider's life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// Okta, in one of its families.
    Okta(Family),
    /// Entra, in one of its dialects.
    Entra(Dialect),
}

impl Play {
    /// Its name in the report; also part of every address of the play, so that two plays never share a person.
    pub fn name(self) -> &'static str {
        match self {
            Play::Okta(Family::Oin) => "okta-oin",
            Play::Okta(Family::Aiw) => "okta-aiw",
            Play::Entra(Dialect::Classic) => "entra-default",
            Play::Entra(Dialect::Flag2020) => "entra-2020",
        }
    }
}

/// What to play, against whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base URL of the SCIM service, with or without a trailing slash.
    pub base: String,
    /// Bearer token.
    pub token: String,
    /// The plays, in order.
    pub plays: Vec<Play>,
    /// How many people join in each play; at least 5.
    pub people: usize,
    /// Seed of the invented people.
    pub seed: u64,
    /// Marker of the run: lower-case letters, digits and hyphens. Two runs with different markers do not collide.
    pub marker: String,
    /// Leave what was created on the server.
    pub keep: bool,
    /// Show progress on stderr.
    pub progress: bool,
}

/// Runs the command and returns its exit code: 0 when all was as modelled, 1 on a mismatch, 2 when the arguments are
/// unusable or the server cannot be reached. `unix_seconds` is the time now; the default marker comes from it.
pub async fn run(args: Args, unix_seconds: u64) -> u8 {
    let IdpArgs { provider } = match args.what {
        What::Idp(args) => args,
        What::Hris(args) => return hris::run(args).await,
    };
    let (common, plays) = match provider {
        ProviderArgs::Okta { common, family } => (
            common,
            family
                .map_or(vec![Family::Oin, Family::Aiw], |one| vec![one])
                .into_iter()
                .map(Play::Okta)
                .collect(),
        ),
        ProviderArgs::Entra { common, dialect } => (
            common,
            dialect
                .map_or(vec![Dialect::Classic, Dialect::Flag2020], |one| vec![one])
                .into_iter()
                .map(Play::Entra)
                .collect(),
        ),
    };
    let json = common.json;
    let report = play(common.into_options(plays, unix_seconds)).await;
    let mut out = std::io::stdout().lock();
    let printed = if json {
        report.write_json(&mut out)
    } else {
        report.write_table(&mut out)
    };
    // A closed pipe behind `| head` is no failure of the server that was tried.
    let _ = printed.and_then(|()| out.flush());
    report.exit_code()
}

impl Common {
    fn into_options(self, plays: Vec<Play>, unix_seconds: u64) -> Options {
        Options {
            base: self.base,
            token: self.token,
            plays,
            people: usize::try_from(self.people).unwrap_or(usize::MAX),
            seed: self.seed,
            marker: self.prefix.unwrap_or_else(|| format!("r{unix_seconds:x}")),
            keep: self.keep,
            progress: true,
        }
    }
}

/// Plays every life cycle asked for and returns what was seen.
pub async fn play(options: Options) -> Report {
    let mut report = Report::new(&options.base, &options.marker, options.seed);
    for play in &options.plays {
        let flavour = match play {
            Play::Okta(_) => Flavour::OKTA,
            Play::Entra(_) => Flavour::ENTRA,
        };
        let http = match Http::new(&options.base, &options.token, flavour) {
            Ok(http) => http,
            Err(reason) => {
                report.unreachable = Some(reason);
                break;
            }
        };
        let people = people::invent(
            options.seed,
            &options.marker,
            play.name(),
            options.people.max(5),
        );
        let progress = Progress::new(options.progress, play.name());
        let mut session = Session::new(
            http,
            &mut report,
            progress,
            play.name(),
            &options.marker,
            people,
        );
        match play {
            Play::Okta(family) => okta::play(&mut session, *family, options.keep).await,
            Play::Entra(dialect) => entra::play(&mut session, *dialect, options.keep).await,
        }
        session.finish();
        if report.unreachable.is_some() {
            break;
        }
    }
    report
}

fn marker(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
    if text.len() <= 40
        && text.chars().all(usable)
        && edge(text.chars().next())
        && edge(text.chars().last())
    {
        Ok(text.to_owned())
    } else {
        Err("1 to 40 lower-case letters, digits and inner hyphens".to_owned())
    }
}
