//! `pull` and `check` of connectors that read files.

use std::collections::BTreeSet;
use std::io::Cursor;

use serde_json::json;

use super::pull::{Args, Bar, Lines, report};
use super::world::World;
use crate::cli::Failure;
use crate::cli::bridge::files::at_hand;
use crate::cli::output::{Output, say, shown};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::hris::files::server::{self, Server, shown_key};
use crate::hris::files::{Arrival, FileConnector, Reading, newest};
use crate::hris::values::Values;
use crate::hris::{self, Table};
use crate::service::files::ReadSeek;

/// Pulls a file that is named, or the newest of a server. Exit 0 only if it was read whole.
pub(super) async fn pull(
    config: &Config,
    connector: &FileConnector,
    args: &Args,
) -> Result<u8, Failure> {
    // Who names a file needs no server.
    let given = args.world.given()?;
    let fields = connector.fields().filter(|field| {
        args.file.is_none()
            || field.optional
            || field.default.is_some()
            || given.contains_key(&field.id)
    });
    let values = Values::among(fields, given.clone())?;
    let reading = Reading::of(&values)?;
    let (file, as_of): (Box<dyn ReadSeek + Send>, _) = match (&args.file, connector.from) {
        (Some(path), _) => {
            let (file, as_of) = at_hand(path, SystemClock.now())?;
            (Box::new(file), as_of)
        }
        (None, Arrival::Sftp) => {
            let (session, found) = Server::of(&values, config.pull_private())?.open().await?;
            let file = newest(&found, &reading.pattern, &reading.complete);
            let file = file.ok_or("the folder has no file of that name")?;
            let as_of = file.as_of();
            (
                Box::new(Cursor::new(server::read(session, file).await?)),
                as_of,
            )
        }
        (None, _) => return Err("say which file: --file people.csv".into()),
    };
    let table = Table {
        file,
        as_of,
        options: reading.options.clone(),
        settings: reading.settings(args.world.day(), BTreeSet::new()),
    };
    let progress = Bar::new();
    let evidence = hris::pull_table(table, &mut Lines, &progress).await;
    progress.bar.finish_and_clear();
    Ok(report(&evidence?))
}

/// Tries a server: without a pinned key it shows the one there is, else it signs in and lists the folder.
pub(super) async fn check(
    config: &Config,
    connector: &FileConnector,
    world: &World,
    output: Output,
) -> Result<u8, Failure> {
    let given = world.given()?;
    if given.is_empty() {
        let text = format!("{}: the connector holds together", connector.slug);
        output.row(&json!({"slug": connector.slug, "ok": true}), &text)?;
        return Ok(0);
    }
    let is_server = connector.from == Arrival::Sftp;
    if let (true, Some(host), None) = (is_server, given.get("host"), given.get("host_key")) {
        let port = given.get("port").map_or("22", String::as_str);
        let key = shown_key(host, port, config.pull_private()).await?;
        let text = format!(
            "the server shows {key}\ncompare it with what its owner says, then set host_key to it"
        );
        output.row(&json!({"hostKey": key.to_string()}), &text)?;
        return Ok(0);
    }
    let values = Values::among(connector.fields(), given)?;
    let reading = Reading::of(&values)?;
    if !is_server {
        let text = format!("{}: the values can be used", connector.slug);
        output.row(&json!({"slug": connector.slug, "ok": true}), &text)?;
        return Ok(0);
    }
    let (_, found) = Server::of(&values, config.pull_private())?.open().await?;
    let next = newest(&found, &reading.pattern, &reading.complete);
    let name = next.as_ref().map(|f| f.name.as_str());
    if output.json {
        say(&json!({"ok": true, "files": found.len(), "newest": name}).to_string())?;
        return Ok(0);
    }
    let told = name.map_or("none of a name that fits".to_owned(), |n| {
        format!("the newest that fits is {}", shown(n))
    });
    say(&format!("signed in; {} files, {told}", found.len()))?;
    Ok(0)
}
