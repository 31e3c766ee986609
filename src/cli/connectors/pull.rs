//! `connectors pull`: people on stdout, everything else on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::rotated::IntoFile;
use super::world::World;
use crate::cli::Failure;
use crate::cli::output;
use crate::config::Config;
use crate::hris::auth::Keeper;
use crate::hris::manifest::Manifest;
use crate::hris::{
    self, ENTERPRISE, Error, Evidence, Gap, Kind, Mapped, Person, ROSTERD, Rejected,
};

/// Arguments of `pull`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Connector: a name of `connectors list`.
    pub(super) slug: String,
    #[command(flatten)]
    pub(super) world: World,
    /// Of a connector that reads files: this one.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Write credentials that the vendor exchanges for new ones here (JSON, readable by its owner only).
    #[arg(long, value_name = "FILE")]
    credentials_out: Option<PathBuf>,
    /// Throw them away; the old ones will not work again.
    #[arg(long, conflicts_with = "credentials_out")]
    discard_rotated: bool,
}

/// Pulls. Exit 0 only if everybody was read and everything beside them too.
pub(super) async fn run(config: &Config, manifest: &Manifest, args: &Args) -> Result<u8, Failure> {
    if args.file.is_some() {
        return Err("--file is for a connector that reads files: csv, folder or sftp".into());
    }
    let keeper = args.credentials_out.as_deref().map(IntoFile::new);
    if let Some(credential) = manifest.auth.rotating()
        && keeper.is_none()
        && !args.discard_rotated
    {
        return Err(format!(
            "{} exchanges `{credential}` for a new one at each use: give --credentials-out FILE to keep it, or \
             --discard-rotated if you will ask for another",
            manifest.name
        )
        .into());
    }
    let values = args.world.values(manifest)?;
    let outside = args.world.outside(config)?;
    let keeper = keeper.as_ref().map(|keeper| keeper as &dyn Keeper);
    let job = args.world.job(manifest, &values, &outside, keeper);
    let progress = Bar::new();
    let evidence = hris::pull(&job, &mut Lines, &progress).await;
    progress.bar.finish_and_clear();
    Ok(report(&evidence?))
}

/// Prints people, and says what was refused.
pub(super) struct Lines;

impl hris::Sink for Lines {
    async fn accept(&mut self, batch: Vec<Mapped>) -> Result<(), Error> {
        let mut lines = Vec::new();
        for mapped in batch {
            match mapped {
                Mapped::Person(person) => {
                    // Writing into memory does not fail.
                    let _ = writeln!(lines, "{}", user(*person));
                }
                Mapped::Rejected(rejected) => say(&refused(&rejected)),
            }
        }
        output::write(&lines)
            .map_err(|error| Error::new(Kind::Stopped, "output").with("what", error))
    }
}

/// The SCIM User of a person.
fn user(person: Person) -> Value {
    let mut user = person.user;
    let mut schemas = vec!["urn:ietf:params:scim:schemas:core:2.0:User"];
    if user.contains_key(ENTERPRISE) {
        schemas.push(ENTERPRISE);
    }
    schemas.push(ROSTERD);
    let mut ours = json!({"employmentState": person.employment.as_str()});
    for (name, day) in [
        ("startDate", person.start_date),
        ("endDate", person.end_date),
    ] {
        if let Some(day) = day {
            ours[name] = json!(day.to_string());
        }
    }
    user.insert("schemas".to_owned(), json!(schemas));
    user.insert("active".to_owned(), json!(person.employment.is_active()));
    user.insert(ROSTERD.to_owned(), ours);
    Value::Object(user)
}

fn refused(rejected: &Rejected) -> String {
    let id = rejected.source_id.as_deref().unwrap_or("?");
    let mut line = format!("record {} (id {id}): {}", rejected.place, rejected.code);
    for (name, value) in &rejected.params {
        line.push_str(&format!(" {name}={value}"));
    }
    line
}

fn gap(gap: &Gap) -> String {
    let mut line = gap.code.to_owned();
    for (name, value) in &gap.params {
        line.push_str(&format!(" {name}={value}"));
    }
    line
}

/// Says what the pull proved; the exit code.
pub(super) fn report(evidence: &Evidence) -> u8 {
    let announced = evidence
        .announced
        .map(|announced| format!(", {announced} announced"))
        .unwrap_or_default();
    say(&format!(
        "{} people, {} refused, {} nobody's; {} records{announced}, {} pages, {} requests, {} bytes",
        evidence.people,
        evidence.rejected,
        evidence.skipped,
        evidence.rows,
        evidence.pages,
        evidence.requests,
        evidence.bytes
    ));
    for (word, people) in &evidence.unknown_words {
        say(&format!(
            "warning: employment state `{word}` is not known ({people} people); it changes nothing"
        ));
    }
    for missing in &evidence.degraded {
        say(&format!("warning: {}", gap(missing)));
    }
    for missing in &evidence.gaps {
        say(&format!("not complete: {}", gap(missing)));
    }
    let is_broken = evidence
        .degraded
        .iter()
        .any(|gap| gap.code != "managers_not_found");
    u8::from(!evidence.is_complete() || is_broken)
}

/// A bar on a terminal, and now and then a line elsewhere.
pub(super) struct Bar {
    pub(super) bar: ProgressBar,
    has_lines: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::no_length();
        let style = "{spinner} {msg} {pos} of {len} records, {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            has_lines: !std::io::stderr().is_terminal(),
        }
    }
}

impl hris::Progress for Bar {
    fn page(&self, pages: u64, rows: u64, announced: Option<u64>) {
        if let Some(announced) = announced {
            self.bar.set_length(announced);
        }
        self.bar.set_position(rows);
        self.bar.set_message(format!("page {pages}:"));
        if self.has_lines && (pages == 1 || pages.is_multiple_of(10)) {
            let of = announced
                .map(|all| format!(" of {all}"))
                .unwrap_or_default();
            say(&format!("page {pages}: {rows}{of} records"));
        }
    }

    fn warn(&self, warning: &Gap) {
        self.bar
            .suspend(|| say(&format!("warning: {}", gap(warning))));
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", output::shown(line));
}
