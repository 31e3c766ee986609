//! `rosterd app-users` and `rosterd app-teams`: the app's own users and teams, loaded from a file.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::service::app::{AT_ONCE, AppUserView, Ended, LINE, LineResult, Missing, Mode, What};
use crate::service::{Caller, Service};

/// Users read at once for a list.
const PAGE: usize = 500;

/// The app's own users.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AppUsers {
    /// Load users from a file of one JSON object a line: appUserId, email, name, roles, entity, hasAccess.
    Import(ImportArgs),
    /// List them in the order of the app's ids.
    List(Where),
    /// Say that the app has no users yet, so that nobody is asked for them before a source is connected.
    NoneYet(Where),
}

/// The app's teams.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AppTeams {
    /// Load teams from a file of one JSON object a line: appTeamId, name, members, reviewers.
    Import(ImportArgs),
}

/// Of which tenant.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// What is imported, and how.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The file holds all of them: say who is not in it.
    #[arg(long)]
    reconcile: bool,
    /// Remove who is not in it, unless a line is refused: access is revoked, and no source gives it back.
    #[arg(long, requires = "reconcile")]
    remove_missing: bool,
    /// Remove nobody if more are missing; otherwise 5, or a tenth.
    #[arg(long, requires = "remove_missing")]
    remove_at_most: Option<u64>,
}

/// Runs the command; exit code 1 where a line was refused, or somebody was kept who was to be removed.
pub(super) async fn users(
    config: &Config,
    output: Output,
    command: AppUsers,
) -> Result<u8, Failure> {
    match command {
        AppUsers::Import(args) => import(config, output, args, What::Users).await,
        AppUsers::List(place) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &place.tenant, "app-users list").await?;
            list(&service, &caller, output).await.map(|()| 0)
        }
        AppUsers::NoneYet(place) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &place.tenant, "app-users none-yet").await?;
            let loaded = service.say_no_app_users(&caller).await?.as_str();
            output.row(&json!({"appUsers": loaded}), loaded).map(|()| 0)
        }
    }
}

/// Runs the command; exit code as of [`users`].
pub(super) async fn teams(
    config: &Config,
    output: Output,
    command: AppTeams,
) -> Result<u8, Failure> {
    let AppTeams::Import(args) = command;
    import(config, output, args, What::Teams).await
}

async fn list(service: &Service, caller: &Caller, output: Output) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let page = service.list_app_users(&caller.tenant, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after.clone_from(&last.app_user_id);
        for user in &page {
            output.row(&serde_json::to_value(user)?, &line(user))?;
        }
    }
}

fn line(user: &AppUserView) -> String {
    format!(
        "{:<20} {}  {:<8} {:<24} {}",
        shown(&user.app_user_id),
        user.person_id,
        user.access,
        user.access_reason,
        shown(user.email.as_deref().unwrap_or_default()),
    )
}

async fn import(
    config: &Config,
    output: Output,
    args: ImportArgs,
    what: What,
) -> Result<u8, Failure> {
    let (mut reader, bar) = open_file(&args.file)?;
    let service = open::service(config)?;
    let caller = open::caller(&service, &args.tenant, "app import").await?;
    let mode = match args.reconcile {
        true => Mode::Reconcile,
        false => Mode::Upsert,
    };
    let mut import = service.begin_import(&caller, None, what, mode, 1).await?;
    let (mut next, mut tally) = (1, Tally::default());
    loop {
        let lines = read_lines(&mut reader, &bar)?;
        if lines.is_empty() {
            break;
        }
        let results = service.import_lines(&mut import, next, &lines).await?;
        next += lines.len() as u64;
        for result in &results {
            tally.count(result);
            // People want to know what went wrong, programs everything.
            if output.json || result.result == "failed" {
                bar.suspend(|| show(output, result))?;
            }
        }
    }
    let missing = match args.remove_missing {
        true => Missing::Remove(args.remove_at_most),
        false => Missing::Report,
    };
    let ended = service.end_import(&mut import, missing).await?;
    bar.finish_and_clear();
    for result in &ended.first {
        show(output, result)?;
    }
    output.row(&tally.value(&ended), &tally.page(&ended))?;
    Ok(u8::from(tally.failed > 0 || ended.kept.is_some()))
}

type Reader = Box<dyn BufRead>;

fn open_file(path: &Path) -> Result<(Reader, ProgressBar), Failure> {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = |length| {
        let bar = ProgressBar::with_draw_target(length, target);
        let style = "[{bar:30}] {bytes}/{total_bytes} {elapsed}";
        match ProgressStyle::with_template(style) {
            Ok(style) => bar.with_style(style.progress_chars("=> ")),
            Err(_) => bar,
        }
    };
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), bar(None)));
    }
    let shown = path.display();
    let file = File::open(path).map_err(|e| format!("cannot open {shown}: {e}"))?;
    let length = file.metadata()?.len();
    Ok((Box::new(BufReader::new(file)), bar(Some(length))))
}

/// The next lines, at most as many as are taken at once.
fn read_lines(reader: &mut Reader, bar: &ProgressBar) -> Result<Vec<Vec<u8>>, Failure> {
    let mut lines = Vec::new();
    while lines.len() < AT_ONCE {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        bar.inc(line.len() as u64);
        if line.ends_with(b"\n") {
            line.pop();
        }
        line.truncate(LINE + 1);
        lines.push(line);
    }
    Ok(lines)
}

fn show(output: Output, result: &LineResult) -> Result<(), Failure> {
    let place = result
        .line
        .map(|l| format!("line {l}: "))
        .unwrap_or_default();
    let id = result.id.as_deref().map(shown).unwrap_or_default();
    let detail = result.detail.as_deref().map(shown).unwrap_or_default();
    let text = format!("{place}{} {id} {detail}", result.result);
    output.row(&serde_json::to_value(result)?, text.trim_end())
}

/// How many lines came to what.
#[derive(Default)]
struct Tally {
    created: u64,
    matched: u64,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

impl Tally {
    fn count(&mut self, result: &LineResult) {
        *match result.result.as_str() {
            "created" => &mut self.created,
            "matched" => &mut self.matched,
            "updated" => &mut self.updated,
            "unchanged" => &mut self.unchanged,
            _ => &mut self.failed,
        } += 1;
    }

    fn value(&self, ended: &Ended) -> Value {
        json!({
            "created": self.created, "matched": self.matched, "updated": self.updated, "unchanged": self.unchanged,
            "failed": self.failed, "missing": ended.missing, "removed": ended.removed, "kept": ended.kept,
        })
    }

    fn page(&self, ended: &Ended) -> String {
        let mut text = format!(
            "{} created, {} matched, {} updated, {} unchanged, {} failed; {} missing, {} removed",
            self.created,
            self.matched,
            self.updated,
            self.unchanged,
            self.failed,
            ended.missing,
            ended.removed
        );
        if let Some(kept) = &ended.kept {
            text.push_str(&format!("\nnobody was removed: {kept}"));
        }
        text
    }
}
