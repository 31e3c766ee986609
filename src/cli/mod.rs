//! The shell: arguments in, exit code out. The only place that reads the environment and wires the parts together.

mod admin;
mod app;
mod audit;
mod backup;
mod bench;
pub mod bridge;
mod conflicts;
mod connections;
pub mod connectors;
mod disconnect;
mod disk;
mod doctor;
mod figures;
mod healthcheck;
mod invitations;
mod mail;
mod migrate;
mod notices;
mod open;
mod open_files;
mod outgoing;
mod output;
mod pairs;
mod parked;
mod person;
mod restore;
mod schema;
mod secrets;
mod serve;
mod sessions;
mod settings;
pub mod simulate;
mod switches;
pub mod team_warning;
mod teams;
mod tenants;
mod tls;
mod vitals;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::output::{Output, say, shown};
use crate::domain::clock::{Clock, SystemClock};

/// Rosterd keeps the roster: SCIM in from Okta and Entra, people in from HR systems.
#[derive(Debug, Parser)]
#[command(name = "rosterd", version)]
struct Args {
    #[command(flatten)]
    global: crate::config::GlobalArgs,
    /// Print results as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Here(Here),
    /// Play the other side of the wire, to try a server without a tenant at a vendor.
    Simulate(simulate::Args),
    /// Measure servers under load, side by side.
    Bench(bench::Args),
    /// What can be configured.
    #[command(subcommand)]
    Config(settings::Settings),
    /// Print what completes this program's commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Commands on this installation: they read its configuration.
#[derive(Debug, Subcommand)]
enum Here {
    /// Start the server.
    Serve,
    /// Bring the database's schema up to date.
    Migrate(migrate::Args),
    /// Copy the whole database into one file; servers may go on writing.
    Backup(backup::Args),
    /// Load a backup, from either database, into an empty one.
    Restore(restore::Args),
    /// Look for what is wrong with this installation, and say what to do; exit 1 if something is.
    Doctor,
    /// Print the configuration that would be used and where each value comes from, without secrets.
    CheckConfig,
    /// Ask a running server whether it is well; for containers.
    Healthcheck,
    /// Query, export or verify the journal.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Tenants.
    #[command(subcommand)]
    Tenant(admin::Tenant),
    /// Connections of a tenant.
    #[command(subcommand)]
    Connection(Box<connections::Connection>),
    /// Questions about who is who, and their answers.
    #[command(subcommand)]
    Conflicts(conflicts::Conflicts),
    /// People who may be one: whom only the app knows beside whom only a source knows.
    #[command(subcommand)]
    Pairs(pairs::Pairs),
    /// The app's own users: load, list.
    #[command(subcommand)]
    AppUsers(app::AppUsers),
    /// The app's teams: load.
    #[command(subcommand)]
    AppTeams(app::AppTeams),
    /// Teams from who reports to whom: preview, complete, stop, restore, show.
    #[command(subcommand)]
    Teams(teams::Teams),
    /// Invitations: list, send, send again, take back; and what people can be given.
    #[command(subcommand)]
    Invitations(Box<invitations::Invitations>),
    /// Pull a connection now.
    Sync(bridge::Sync),
    /// What pulls found and did, and what of them waits for a decision.
    #[command(subcommand)]
    Runs(bridge::Runs),
    /// One HR system takes the place of another.
    #[command(subcommand)]
    Switch(switches::Switch),
    /// What connections pushed, without a longer pause, and its undo.
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Losses of access that a connection pushed beyond its limit, and that wait for a decision.
    #[command(subcommand)]
    Parked(parked::Parked),
    /// Tokens of a tenant.
    #[command(subcommand)]
    Token(admin::Token),
    /// People of a tenant: why somebody has access or not, and decisions that no source lifts.
    #[command(subcommand)]
    Person(person::Person),
    /// Mails: what is sent, what became of it, how it looks.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// What admins ought to know, and who is told.
    #[command(subcommand)]
    Notices(notices::Notices),
    /// Keys that seal connections' credentials.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// HR systems: list them, look at one, pull from it without a database.
    Connectors(connectors::Args),
    /// Schemas that tenants add to the built-in ones.
    #[command(subcommand)]
    Schema(schema::Schema),
}

/// The environment, read once.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("ROSTERD_"))
        .collect()
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.to_string()),
    };
    let result = match args.command {
        Command::Here(command) => {
            let output = Output { json: args.json };
            run(&args.global, output, &runtime, command)
        }
        Command::Config(settings::Settings::Sample) => settings::sample().map(|()| 0),
        Command::Completions { shell } => {
            settings::completions(shell, &mut Args::command()).map(|()| 0)
        }
        Command::Simulate(args) => Ok(runtime.block_on(simulate::run(args, unix_seconds()))),
        Command::Bench(args) => runtime
            .block_on(bench::run(args, unix_seconds()))
            .map(|()| 0),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => complain(&error.to_string()),
    }
}

/// Makes what a run creates differ from what the last one created.
fn unix_seconds() -> u64 {
    SystemClock.now().0.unsigned_abs() / 1_000
}

fn run(
    args: &crate::config::GlobalArgs,
    output: Output,
    runtime: &tokio::runtime::Runtime,
    command: Here,
) -> Result<u8, Failure> {
    let config = crate::config::Config::load(args, &environment())?;
    match command {
        Here::Serve => serve::run(config),
        Here::Healthcheck => runtime.block_on(healthcheck::run(&config)),
        Here::CheckConfig => settings::check(&config, output),
        Here::Connectors(args) => {
            return runtime.block_on(connectors::run(&config, args, output));
        }
        Here::Migrate(args) => return migrate::run(&config, output, &args),
        Here::Doctor => return doctor::run(&config, output, runtime),
        Here::Backup(args) => backup::run(&config, output, &args),
        Here::Restore(args) => restore::run(&config, output, &args),
        Here::Audit(command) => runtime.block_on(audit::run(&config, output, command)),
        Here::Tenant(command) => runtime.block_on(admin::tenant(&config, output, command)),
        Here::Connection(command) => runtime.block_on(connections::run(&config, output, *command)),
        Here::Conflicts(command) => runtime.block_on(conflicts::run(&config, output, command)),
        Here::Pairs(command) => runtime.block_on(pairs::run(&config, output, command)),
        Here::AppUsers(command) => return runtime.block_on(app::users(&config, output, command)),
        Here::AppTeams(command) => return runtime.block_on(app::teams(&config, output, command)),
        Here::Teams(command) => runtime.block_on(teams::run(&config, output, command)),
        Here::Invitations(command) => {
            return runtime.block_on(invitations::run(&config, output, *command));
        }
        Here::Sync(args) => return runtime.block_on(bridge::sync(&config, output, args)),
        Here::Runs(command) => runtime.block_on(bridge::runs(&config, output, command)),
        Here::Switch(command) => runtime.block_on(switches::run(&config, output, command)),
        Here::Sessions(command) => runtime.block_on(sessions::run(&config, output, command)),
        Here::Parked(command) => runtime.block_on(parked::run(&config, output, command)),
        Here::Token(command) => runtime.block_on(admin::token(&config, output, command)),
        Here::Mail(command) => runtime.block_on(mail::run(&config, output, command)),
        Here::Notices(command) => runtime.block_on(notices::run(&config, output, command)),
        Here::Secrets(command) => runtime.block_on(secrets::run(&config, output, command)),
        Here::Schema(command) => runtime.block_on(schema::run(&config, output, command)),
        Here::Person(command) => runtime.block_on(person::run(&config, output, command)),
    }?;
    Ok(0)
}

/// What a command fails with: printed as it is.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn complain(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "rosterd: {message}");
    ExitCode::FAILURE
}
