//! `connectors`: what the program knows of HR systems, what the operator has registered at them, and pulls without any
//! database: to look at a source, and to write a connector for one.

mod check;
mod configure;
pub(in crate::cli) mod consent;
mod describe;
mod files;
pub mod pages;
mod pull;
mod rotated;
mod show;
mod vendors;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Subcommand;

pub(in crate::cli) use self::check::report as report_probe;
pub use self::vendors::Connectors;

use super::output::Output;
use super::{Failure, open};
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
    /// Enter what you have registered at the vendor, such as a client id: once for all customers, sealed.
    Configure(configure::Args),
    /// Check a connector; with values, try them with as few requests as can be.
    Check(check::Args),
    /// Pull everybody from a source: one SCIM User a line; exit 0 only if the pull was complete.
    Pull(pull::Args),
}

/// Runs the command.
pub(super) async fn run(config: &Config, args: Args, output: Output) -> Result<u8, Failure> {
    let directory = config.connectors_dir();
    match args.what {
        What::List => {
            let catalogue = Catalogue::load(directory)?;
            let lacking = lacking(config, &catalogue).await?;
            show::list(&catalogue, &lacking, output).map(|()| 0)
        }
        What::Show(args) => {
            let catalogue = Catalogue::load(directory)?;
            let mut cards = catalogue.cards().into_iter();
            let card = cards.find(|card| card.slug == args.slug);
            let card = card.ok_or_else(|| unknown(&catalogue, &args.slug))?;
            let api = catalogue.find(card.slug);
            show::show(&card, api.as_deref(), &args, output).map(|()| 0)
        }
        What::Configure(args) => {
            let catalogue = Catalogue::load(directory)?;
            let manifest = find(&catalogue, &args.slug)?;
            configure::run(config, &manifest, &args, output)
                .await
                .map(|()| 0)
        }
        What::Check(args) => check::run(config, &args, output).await,
        What::Pull(args) => {
            let catalogue = Catalogue::load(directory)?;
            match catalogue.find_file(&args.slug) {
                Some(connector) => files::pull(config, &connector, &args).await,
                None => pull::run(config, find(&catalogue, &args.slug)?.as_ref(), &args).await,
            }
        }
    }
}

/// What the operator has not entered yet, by connector. Without a database nothing is entered; none is made for that.
async fn lacking(
    config: &Config,
    catalogue: &Catalogue,
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let asking = catalogue.list().filter_map(|manifest| {
        let fields = vendors::operator_fields(manifest);
        (!fields.is_empty()).then(|| (manifest.slug.clone(), fields))
    });
    let mut lacking: BTreeMap<String, Vec<String>> = asking.collect();
    if lacking.is_empty() || !open::is_there(config)? {
        return Ok(lacking);
    }
    // The list is of use without the database too.
    let Ok(service) = open::service(config) else {
        return Ok(lacking);
    };
    for (slug, fields) in &mut lacking {
        let set = service.list_operator_values(slug).await?;
        let is_set = |name: &String| set.iter().any(|s| s.name == *name && s.unusable.is_none());
        fields.retain(|name| !is_set(name));
    }
    lacking.retain(|_, fields| !fields.is_empty());
    Ok(lacking)
}

fn find(catalogue: &Catalogue, slug: &str) -> Result<Arc<Manifest>, Failure> {
    catalogue.find(slug).ok_or_else(|| unknown(catalogue, slug))
}

fn unknown(catalogue: &Catalogue, slug: &str) -> Failure {
    let known: Vec<&str> = catalogue.cards().iter().map(|c| c.slug).collect();
    format!("no connector `{slug}`; there are {}", known.join(", ")).into()
}
