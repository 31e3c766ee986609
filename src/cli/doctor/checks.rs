//! What `doctor` looks at, from the outside in: configuration, files, database, schema, what is stored.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::{Failure, disk, mail as outgoing, migrate, open};
use super::Report;
use crate::config::Config;
use crate::domain::clock::{Clock, Millis, SystemClock};
use crate::mail::Out;
use crate::storage::connection::{AnyConnection, DatabaseUrl, Purpose, open as connect};
use crate::storage::dialect::catalog;
use crate::storage::{health, migrations, secrets};

const MIB: u64 = 1 << 20;
const DAY: i64 = 24 * 3_600 * 1_000;

/// Looks at everything that can be looked at.
pub(super) fn all(config: &Config, report: &mut Report) {
    settings(config, report);
    let url = match DatabaseUrl::parse(&config.database_url()) {
        Ok(url) => url,
        Err(error) => {
            return report.fail(
                "database",
                error.to_string(),
                "correct ROSTERD_DATABASE_URL",
            );
        }
    };
    if let Some((file, directory)) = disk::file_of(&url) {
        rights(config, file, report);
        space(file, &directory, report);
        if !Path::new(file).exists() {
            let next = "start the server, which makes it, or restore a backup";
            return report.warn("database", format!("there is no {file} yet"), next);
        }
    }
    let mut conn = match connect(&url, Purpose::Read) {
        Ok(conn) => conn,
        Err(error) => {
            let next = "see that the database runs and that ROSTERD_DATABASE_URL names it";
            return report.fail("database", error.to_string(), next);
        }
    };
    if let Err(error) = stored(config, &url, &mut conn, report) {
        let next = "see the log of the database; restore a backup if the file is damaged";
        report.fail("database", error.to_string(), next);
    }
}

fn settings(config: &Config, report: &mut Report) {
    let url = config.public_url(config.listen());
    match url.starts_with("https://") || config.listen().ip().is_loopback() {
        true => report.ok("config", format!("clients reach it at {url}")),
        false => report.warn(
            "config",
            format!("{url} is open to other machines without TLS"),
            "put a proxy with a certificate in front, and set ROSTERD_PUBLIC_URL to its https:// address",
        ),
    }
}

/// Whether others may look at what is the owner's.
fn rights(config: &Config, file: &str, report: &mut Report) {
    let key = config.data_dir().join("secret.key");
    let paths = [config.data_dir(), Path::new(file), &key];
    let open: Vec<String> = paths
        .iter()
        .filter(|path| std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0))
        .map(|path| path.display().to_string())
        .collect();
    match open.is_empty() {
        true => report.ok(
            "rights",
            "data directory, database and key are their owner's alone",
        ),
        false => report.warn(
            "rights",
            format!("other users may look at {}", open.join(", ")),
            "chmod 700 the directory, chmod 600 the files",
        ),
    }
}

fn space(file: &str, directory: &Path, report: &mut Report) {
    let size = disk::size(file);
    let Some((free, total)) = disk::room(directory) else {
        let detail = format!("the room in {} cannot be read", directory.display());
        return report.warn("disk", detail, "see that the directory is there");
    };
    let detail = format!("{} of {} MiB free", free / MIB, total / MIB);
    if free < 100 * MIB {
        let next =
            "make room now: when it is full, writes are refused with 503 until there is room again";
        report.fail("disk", detail, next);
    } else if free < 1_024 * MIB || free < 2 * size {
        let next = "make room: an upgrade backs the database up beside it first";
        report.warn("disk", detail, next);
    } else {
        report.ok("disk", detail);
    }
    let log = disk::size(&format!("{file}-wal"));
    let detail = format!("SQLite's log has {} MiB", log / MIB);
    match log > 512 * MIB {
        false => report.ok("log", detail),
        true => report.warn(
            "log",
            detail,
            "a long read keeps it from being folded in: see whether a backup or an export hangs; else restart the server",
        ),
    }
}

/// Whether mails can be sent.
pub(super) async fn mail(config: &Config, report: &mut Report) {
    let next = "see docs/MAIL.md, correct ROSTERD_SMTP_URL, then: rosterd mail test";
    match outgoing::out(config) {
        Err(error) => report.fail("mail", error.to_string(), next),
        Ok(Out::Files(files)) => {
            let folder = files.folder().display().to_string();
            let detail = format!("no mail server is set: mails become files in {folder}");
            // Trouble only where somebody waits for one of them.
            let is_used = std::fs::read_dir(&folder).is_ok_and(|mut all| all.next().is_some());
            match is_used {
                false => report.ok("mail", detail),
                true => report.warn(
                    "mail",
                    format!("{detail}, and there are some"),
                    "set ROSTERD_SMTP_URL and ROSTERD_SMTP_FROM, then: rosterd mail list --state filed, rosterd mail retry ID",
                ),
            }
        }
        Ok(Out::Smtp(smtp)) => match smtp.test().await {
            Ok(()) => report.ok("mail", "the mail server takes our connection and our login"),
            Err(error) => {
                let detail = format!("the mail server cannot be used: {error}");
                report.fail("mail", detail, next);
            }
        },
    }
}

/// What needs the database.
fn stored(
    config: &Config,
    url: &DatabaseUrl,
    conn: &mut AnyConnection,
    report: &mut Report,
) -> Result<(), Failure> {
    let damage = catalog::damage(conn)?;
    match damage.first() {
        None => report.ok(
            "database",
            if url.is_sqlite() {
                "SQLite, undamaged"
            } else {
                "PostgreSQL answers"
            },
        ),
        Some(first) => report.fail(
            "database",
            format!("{} faults in the file, such as: {first}", damage.len()),
            "stop the server, keep a copy of the file, and restore the last backup",
        ),
    }
    if !schema(conn, report)? {
        return Ok(());
    }
    key(config, conn, report)?;
    replicas(conn, report)?;
    let (tails, totals) = health::snapshot(conn, |conn| {
        Ok((
            health::list_wrong_tails(conn)?,
            health::list_wrong_totals(conn)?,
        ))
    })?;
    if tails.is_empty() {
        report.ok("journal", "every head fits its last entry");
    }
    for tail in tails {
        let detail = format!(
            "{}: the head stands at {}, the last entry at {}, or they do not fit",
            tail.tenant, tail.head, tail.last
        );
        let next = "rosterd audit verify names each place; somebody changed rows by hand, or a disk lost them: restore a backup";
        report.fail("journal", detail, next);
    }
    if totals.is_empty() {
        report.ok("totals", "every total is what is counted");
    }
    for total in totals {
        let detail = format!(
            "{}: {} {} kept, {} counted",
            total.of, total.kept, total.name, total.counted
        );
        let next =
            "lists page wrongly: keep a copy of the database and report it as a fault of Rosterd";
        report.fail("totals", detail, next);
    }
    tokens(conn, report)?;
    clock(conn, report)
}

/// Whether there is a schema that this program runs on.
fn schema(conn: &mut AnyConnection, report: &mut Report) -> Result<bool, Failure> {
    let state = migrations::state(conn)?;
    if state.is_empty() {
        let next = "start the server, which makes the schema, or restore a backup";
        report.warn("schema", "the database is empty", next);
        return Ok(false);
    }
    if state.is_beyond_us() {
        let detail = "the schema needs a newer version of Rosterd";
        report.fail("schema", detail, "run the newer version");
        return Ok(false);
    }
    if !state.pending.is_empty() {
        let detail = format!("it lacks {}", state.pending.join(", "));
        report.fail("schema", detail, "rosterd migrate");
        return Ok(false);
    }
    let detail = format!("{}, nothing pending", state.applied.join(", "));
    match state.unknown.is_empty() {
        true => report.ok("schema", detail),
        false => report.warn(
            "schema",
            format!("{detail}; {} by a newer version", state.unknown.join(", ")),
            "finish the upgrade, or go on with this version: it runs on this schema",
        ),
    }
    Ok(true)
}

fn key(config: &Config, conn: &mut AnyConnection, report: &mut Report) -> Result<(), Failure> {
    let needed = open::needed_keys(conn)?;
    if needed.is_empty() {
        report.ok("key", "none is needed before the first start");
        return Ok(());
    }
    match needed
        .iter()
        .try_for_each(|id| open::require_key(config, id))
    {
        Ok(()) => report.ok(
            "key",
            format!(
                "all that this database needs are here: {}",
                needed.join(", ")
            ),
        ),
        Err(error) => report.fail("key", error.to_string(), "docs/OPERATIONS.md, A lost key"),
    }
    let unusable = secrets::list_unusable(conn)?;
    if let Some(first) = unusable.first() {
        let detail = format!(
            "{} cannot be used, such as `{}` of connection {}",
            unusable.len(),
            first.name,
            first.connection_id
        );
        let next = "rosterd secrets status names all; set them anew: rosterd connection set";
        report.warn("secrets", detail, next);
    }
    Ok(())
}

fn replicas(conn: &mut AnyConnection, report: &mut Report) -> Result<(), Failure> {
    let running = migrate::running(conn)?;
    let mut versions: Vec<&str> = running.iter().map(|lease| lease.holder.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let detail = format!(
        "{} running, versions: {}",
        running.len(),
        versions.join(", ")
    );
    match versions.len() {
        0 => report.ok("servers", "none is running"),
        1 => report.ok("servers", detail),
        _ => report.warn("servers", detail, "finish the upgrade"),
    }
    Ok(())
}

fn tokens(conn: &mut AnyConnection, report: &mut Report) -> Result<(), Failure> {
    let now = SystemClock.now().0;
    let next =
        "make a new one (rosterd token create), enter it where it is used, revoke the old one";
    let ending = health::list_ending_tokens(conn, i64::MIN, now + 30 * DAY)?;
    for token in &ending {
        let verb = if token.at <= now { "ended" } else { "ends" };
        let detail = format!(
            "{}: token {} ({}) {verb} {}",
            token.tenant,
            token.id,
            token.role,
            Millis(token.at).to_rfc3339()
        );
        report.warn("tokens", detail, next);
    }
    if ending.is_empty() {
        report.ok("tokens", "none ends within 30 days");
    }
    Ok(())
}

/// Clocks that disagree make times in the journal run backwards and leases run out early.
fn clock(conn: &mut AnyConnection, report: &mut Report) -> Result<(), Failure> {
    let now = SystemClock.now().0;
    let ahead = health::find_newest_entry(conn)?.map_or(0, |at| at - now);
    let apart = catalog::clock(conn)?.map_or(0, |theirs| (theirs - now).abs());
    let next = "let this machine and the database's keep time by NTP";
    if ahead > 5_000 {
        let detail = format!(
            "the newest entry is {} seconds ahead of this clock",
            ahead / 1_000
        );
        report.fail("clock", detail, next);
    } else if apart > 5_000 {
        let detail = format!("PostgreSQL's clock is {} seconds apart", apart / 1_000);
        report.warn("clock", detail, next);
    } else {
        report.ok("clock", "it agrees with what is stored");
    }
    Ok(())
}
