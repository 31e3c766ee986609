//! `connectors check`: does the file hold together, do the credentials work, which fields come.

use std::path::PathBuf;

use serde_json::json;

use super::world::World;
use crate::cli::Failure;
use crate::cli::output::{Output, say, shown};
use crate::config::Config;
use crate::hris::catalogue::Catalogue;
use crate::hris::manifest::{Localized, Manifest};
use crate::hris::{self, Probe, Reach};

/// Arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Connector: a name of `connectors list`.
    #[arg(required_unless_present = "file")]
    slug: Option<String>,
    /// A file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "slug")]
    file: Option<PathBuf>,
    /// Allow using up a credential that works once.
    #[arg(long)]
    discard_rotated: bool,
    #[command(flatten)]
    world: World,
}

/// Checks a connector, and tries it if there are values.
pub(super) async fn run(config: &Config, args: &Args, output: Output) -> Result<u8, Failure> {
    if let (None, Some(slug)) = (&args.file, &args.slug) {
        let catalogue = Catalogue::load(config.connectors_dir())?;
        if let Some(connector) = catalogue.find_file(slug) {
            return super::files::check(config, &connector, &args.world, output).await;
        }
    }
    let manifest = match (&args.file, &args.slug) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            std::sync::Arc::new(Manifest::parse(&text, &file.display().to_string())?)
        }
        (None, slug) => super::find(
            &Catalogue::load(config.connectors_dir())?,
            slug.as_deref().unwrap_or_default(),
        )?,
    };
    if args.world.set.is_empty() && args.world.set_file.is_empty() {
        output.row(
            &json!({"slug": manifest.slug, "ok": true}),
            &format!("{}: the connector holds together", manifest.slug),
        )?;
        return Ok(0);
    }
    if let Some(credential) = manifest.auth.rotating()
        && !args.discard_rotated
    {
        return Err(
            format!("trying uses `{credential}` up: give --discard-rotated to do so").into(),
        );
    }
    let values = args.world.values(&manifest)?;
    let outside = args.world.outside(config)?;
    let probe = hris::probe(&args.world.job(&manifest, &values, &outside, None)).await?;
    report(&probe, output)?;
    Ok(0)
}

/// Says what a try showed.
pub(in crate::cli) fn report(probe: &Probe, output: Output) -> Result<(), Failure> {
    if output.json {
        let fields: serde_json::Map<String, serde_json::Value> = probe
            .fields
            .iter()
            .map(|(path, (kinds, count))| (path.clone(), json!({"kinds": kinds, "filled": count})))
            .collect();
        let unread: serde_json::Map<String, serde_json::Value> = probe
            .unread
            .iter()
            .map(|(name, error)| (name.clone(), json!(error.to_string())))
            .collect();
        let reach = &probe.reach;
        return say(&json!({
            "ok": true, "records": probe.records, "announced": probe.announced, "requests": probe.requests,
            "fields": fields, "unread": unread, "missingRights": texts(&reach.missing),
            "excessRights": texts(&reach.excess), "unseen": reach.unseen.as_ref().map(|text| text.get("en")),
        }).to_string());
    }
    let announced = probe
        .announced
        .map(|all| format!(" of {all}"))
        .unwrap_or_default();
    say(&format!(
        "the credentials work; {}{announced} records on the first page, {} requests",
        probe.records, probe.requests
    ))?;
    for (name, error) in &probe.unread {
        say(&format!("  cannot read {name}: {error}"))?;
    }
    rights(&probe.reach)?;
    for (path, (kinds, count)) in &probe.fields {
        say(&format!("  {:<48} {kinds:<16} {count} filled", shown(path)))?;
    }
    Ok(())
}

/// Says which rights are missing, and which are too much.
fn rights(reach: &Reach) -> Result<(), Failure> {
    for right in texts(&reach.missing) {
        say(&format!(
            "  a right seems to be missing: {}; nobody here has what it shows",
            shown(right)
        ))?;
    }
    for right in texts(&reach.excess) {
        say(&format!(
            "  warning: the credentials can do more than is needed: {}; take it away at the vendor",
            shown(right)
        ))?;
    }
    if let Some(text) = &reach.unseen {
        say(&format!("  cannot be seen from here: {}", text.get("en")))?;
    }
    Ok(())
}

fn texts(rights: &[Localized]) -> Vec<&str> {
    rights.iter().map(|right| right.get("en")).collect()
}
