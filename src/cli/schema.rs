//! `rosterd schema`: schemas that tenants add to the built-in ones, one by one or from a folder at the start.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::output::Output;
use super::{Failure, open};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::extension;
use crate::scim::schema::Registry;
use crate::service::schemas::Added;
use crate::service::{Caller, Error, Service};

/// Schemas that tenants add.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Schema {
    /// Add schemas, or compatible versions of some: used at once.
    Add {
        #[command(flatten)]
        of: Whose,
        /// JSON files, each a schema.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the schemas that were added.
    List {
        #[command(flatten)]
        of: Whose,
    },
    /// Say what is wrong with schemas, without adding them.
    Check {
        /// JSON files, each a schema.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Whose schemas.
#[derive(Debug, clap::Args)]
pub(super) struct Whose {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// All tenants, those to come too.
    #[arg(long, conflicts_with = "tenant")]
    all_tenants: bool,
}

impl Whose {
    async fn caller(&self, service: &Service, command: &str) -> Result<Caller, Failure> {
        if self.all_tenants {
            return Ok(everybody(command));
        }
        open::caller(service, &self.tenant, command).await
    }
}

/// What is the operator's own is for all.
fn everybody(command: &str) -> Caller {
    Caller::system(TenantId::new(OPERATOR_TENANT), command)
}

/// `rosterd schema`.
pub(super) async fn run(config: &Config, output: Output, command: Schema) -> Result<(), Failure> {
    match command {
        Schema::Add { of, files } => {
            let service = open::service(config)?;
            let caller = of.caller(&service, "schema add").await?;
            for file in &files {
                let document = read(file)?;
                let added = service.add_schema(&caller, &document).await;
                let word = match added.map_err(|e| in_file(file, &e.to_string()))? {
                    Added::New => "added",
                    Added::Changed => "changed",
                    Added::Same => "unchanged",
                };
                let urn = document["id"].as_str().unwrap_or_default();
                output.row(
                    &json!({"schema": urn, "result": word}),
                    &format!("{word}  {urn}"),
                )?;
            }
            Ok(())
        }
        Schema::List { of } => {
            let service = open::service(config)?;
            let caller = of.caller(&service, "schema list").await?;
            for row in service.list_schemas(&caller).await? {
                let document: Value = serde_json::from_str(&row.document)?;
                let urn = document["id"].as_str().unwrap_or_default();
                let at = Millis(row.updated_at).to_rfc3339();
                output.row(
                    &json!({"schema": urn, "version": row.version, "updatedAt": at}),
                    &format!("{urn}  version {}  {at}", row.version),
                )?;
            }
            Ok(())
        }
        Schema::Check { files } => {
            let builtin = Registry::builtin()?;
            for file in &files {
                let found = extension::read(&builtin, &read(file)?);
                let extension = found.map_err(|problems| in_file(file, &problems.join("\n")))?;
                let urn = &extension.urn;
                output.row(
                    &json!({"schema": urn, "result": "good"}),
                    &format!("good  {urn}"),
                )?;
            }
            Ok(())
        }
    }
}

/// Adds the schemas of a folder for all tenants. One that is wrong stops the start. One that breaks what is stored does
/// not, since an older release may be started again: the stored version stays.
pub(super) async fn add_folder(service: &Service, folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder)
        .map_err(|e| format!("`schemas_dir`: cannot read the folder {shown}: {e}"))?;
    let files: Result<Vec<PathBuf>, _> = entries.map(|e| e.map(|e| e.path())).collect();
    let mut files = files?;
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));
    files.sort();
    for file in &files {
        let document = read(file)?;
        service
            .check_schema(&document)
            .map_err(|e| in_file(file, &e.to_string()))?;
        match service.add_schema(&everybody("serve"), &document).await {
            Ok(_) => {}
            Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => {
                let file = file.display();
                tracing::error!(file = %file, error = %error, "a schema was not added; what is stored stays");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    crate::scim::json::parse(&text).map_err(|e| in_file(file, &e.detail).into())
}

/// Each line with the file that it is about.
fn in_file(file: &Path, lines: &str) -> String {
    let lines = lines
        .lines()
        .map(|line| format!("{}: {line}", file.display()));
    lines.collect::<Vec<_>>().join("\n")
}
