//! `rosterd secrets`: the keys that seal connections' credentials. Values are never shown.

use serde_json::json;

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::service::secrets::{KeyStatus, Status};

/// Keys and credentials.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Secrets {
    /// Show which keys seal how many credentials, and which credentials must be entered anew.
    Status,
    /// Seal everything with the current key that a former one sealed; servers may run.
    Rotate,
    /// Give a lost key up: what it sealed is gone, and is to be entered anew.
    Abandon {
        /// Id of the key, as `secrets status` and a refused start show it.
        key: String,
    },
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Secrets) -> Result<(), Failure> {
    match command {
        Secrets::Status => status(config, output).await,
        Secrets::Rotate => rotate(config, output).await,
        Secrets::Abandon { key } => abandon(config, output, &key).await,
    }
}

async fn status(config: &Config, output: Output) -> Result<(), Failure> {
    let service = open::service(config)?;
    let Status { keys, unusable } = service.secret_status().await?;
    for key in &keys {
        let value = json!({
            "key": key.id, "current": key.is_current, "here": key.is_here, "held": key.held, "damaged": key.damaged,
            "lost": key.lost, "files": key.files,
        });
        output.row(&value, &line(key))?;
    }
    for (tenant, connection, name, state) in &unusable {
        let value =
            json!({"tenant": tenant, "connection": connection, "secret": name, "state": state});
        let text = format!(
            "{state}: secret `{}` of connection {connection} of tenant {tenant}: set it anew",
            shown(name)
        );
        output.row(&value, &text)?;
    }
    Ok(())
}

fn line(key: &KeyStatus) -> String {
    let what = match (key.is_current, key.is_here) {
        (true, _) => "current",
        (false, true) => "former",
        (false, false) => "not here",
    };
    let mut text = format!("{}  {what:<8}  {} credentials", key.id, key.held);
    for (count, word) in [(key.damaged, "damaged"), (key.lost, "lost")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    if key.files > 0 {
        text.push_str(&format!(", {} files that wait to be read", key.files));
    }
    match (key.is_current, key.is_here, key.held + key.files) {
        (false, true, 1..) => text.push_str(": rosterd secrets rotate"),
        (false, false, 1..) => text.push_str(": set ROSTERD_SECRET_KEY_PREVIOUS_FILE"),
        _ => {}
    }
    text
}

async fn rotate(config: &Config, output: Output) -> Result<(), Failure> {
    let service = open::sealing(config).await?;
    let bar = indicatif::ProgressBar::new_spinner().with_style(
        indicatif::ProgressStyle::with_template("{spinner} {human_pos} sealed, {elapsed}")?,
    );
    let done = service.reseal_secrets(|n| bar.set_position(n)).await;
    bar.finish_and_clear();
    let done = done?;
    let current = service.keys.current().unwrap_or_default().to_owned();
    let value = json!({
        "key": current, "resealed": done.resealed, "pieces": done.pieces, "damaged": done.damaged, "missing": done.missing,
    });
    let mut text = format!(
        "{} credentials are sealed with {current} now",
        done.resealed
    );
    if done.pieces > 0 {
        let pieces = done.pieces;
        text.push_str(&format!(
            ", and {pieces} pieces of files that wait to be read"
        ));
    }
    if done.damaged > 0 {
        text.push_str(&format!(
            "; {} do not open: rosterd secrets status",
            done.damaged
        ));
    }
    output.row(&value, &text)
}

async fn abandon(config: &Config, output: Output, key: &str) -> Result<(), Failure> {
    open::database(config)?;
    open::make_key(config)?;
    let service = open::service(config)?;
    let lost = service.abandon_key(key).await?;
    let text = format!(
        "{lost} credentials are lost and are to be entered anew: `rosterd secrets status` names them"
    );
    output.row(&json!({"key": key, "lost": lost}), &text)
}
