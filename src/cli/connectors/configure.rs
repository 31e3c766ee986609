//! `connectors configure`: what the operator has registered at a vendor, entered once for all customers.

use serde_json::json;

use super::vendors::operator_fields;
use crate::cli::connections::secrets_of;
use crate::cli::output::{Output, shown};
use crate::cli::{Failure, open};
use crate::config::Config;
use crate::domain::sealed::SecretText;
use crate::hris::manifest::{GivenBy, Manifest};

/// Arguments of `configure`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Connector: a name of `connectors list`.
    pub(super) slug: String,
    /// A value that is no secret, such as a client id.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A value out of a file, without the line break at its end; FILE `-` is standard input.
    #[arg(long, value_name = "NAME=FILE")]
    secret_file: Vec<String>,
    /// A value that is asked for, or read from standard input, one a line.
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
    /// Take a value out.
    #[arg(long, value_name = "NAME")]
    delete: Vec<String>,
}

/// Stores what is given, and says what is there and what lacks.
pub(super) async fn run(
    config: &Config,
    manifest: &Manifest,
    args: &Args,
    output: Output,
) -> Result<(), Failure> {
    let mut values = secrets_of(&args.secret_file, &args.secret)?;
    for pair in &args.set {
        let (name, value) = pair.split_once('=').ok_or("--set: write NAME=VALUE")?;
        if manifest.fields().any(|f| f.id == name && f.secret) {
            let text =
                format!("`{name}` is a secret, and arguments are seen by others: --secret {name}");
            return Err(text.into());
        }
        values.push((name.to_owned(), SecretText::new(value)));
    }
    for name in values.iter().map(|(name, _)| name) {
        let mut fields = manifest.fields();
        if !fields.any(|f| f.id == *name && f.given_by == GivenBy::Operator) {
            return Err(unasked(manifest, name).into());
        }
    }
    let service = match values.is_empty() {
        true => open::service(config)?,
        false => open::sealing(config).await?,
    };
    if !values.is_empty() {
        service.set_operator_values(&manifest.slug, &values).await?;
    }
    for name in &args.delete {
        service.delete_operator_value(&manifest.slug, name).await?;
    }
    let set = service.list_operator_values(&manifest.slug).await?;
    let usable = set.iter().filter(|info| info.unusable.is_none());
    let usable: Vec<&str> = usable.map(|info| info.name.as_str()).collect();
    let mut lacks = operator_fields(manifest);
    lacks.retain(|name| !usable.contains(&name.as_str()));
    let value = json!({"connector": manifest.slug, "set": usable, "lacks": lacks});
    let text = match (lacks.is_empty(), usable.is_empty()) {
        (true, true) => format!("{} asks the operator for nothing", manifest.name),
        (true, false) => format!("{} is registered: {}", manifest.name, usable.join(", ")),
        (false, _) => format!("{} still lacks {}", manifest.name, lacks.join(", ")),
    };
    output.row(&value, &text)
}

fn unasked(manifest: &Manifest, name: &str) -> String {
    let asked = operator_fields(manifest);
    match asked.is_empty() {
        true => format!("{} asks the operator for nothing", manifest.name),
        false => format!(
            "{} does not ask the operator for `{}`, but for {}",
            manifest.name,
            shown(name),
            asked.join(", ")
        ),
    }
}
