//! `connectors`: what the program knows of HR systems, and pulls without any database: to look at a source, and to
//! write a connector for one.

mod check;
mod pull;
mod rotated;
mod show;
mod world;

use std::sync::Arc;

use clap::Subcommand;

use super::Failure;
use super::output::Output;
use crate::config::Config;
use crate::hris::catalogue::Catalogue;
use crate::hris::manifest::Manifest;

/// Arguments of `rosterd connectors`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// List the connectors and what each can tell.
    List,
    /// Say what a connector asks for, and how it is set up at the vendor.
    Show(show::Args),
    /// Check a connector; with values, try them with as few requests as can be.
    Check(check::Args),
    /// Pull everybody from a source: one SCIM User a line; exit 0 only if the pull was complete.
    Pull(pull::Args),
}

/// Runs the command.
pub(super) async fn run(config: &Config, args: Args, output: Output) -> Result<u8, Failure> {
    let directory = config.connectors_dir();
    match args.what {
        What::List => show::list(&Catalogue::load(directory)?, output).map(|()| 0),
        What::Show(args) => {
            let catalogue = Catalogue::load(directory)?;
            show::show(find(&catalogue, &args.slug)?.as_ref(), &args, output).map(|()| 0)
        }
        What::Check(args) => check::run(config, &args, output).await,
        What::Pull(args) => {
            let catalogue = Catalogue::load(directory)?;
            pull::run(config, find(&catalogue, &args.slug)?.as_ref(), &args).await
        }
    }
}

fn find(catalogue: &Catalogue, slug: &str) -> Result<Arc<Manifest>, Failure> {
    catalogue.find(slug).ok_or_else(|| {
        let known: Vec<&str> = catalogue.list().map(|c| c.slug.as_str()).collect();
        format!("no connector `{slug}`; there are {}", known.join(", ")).into()
    })
}
