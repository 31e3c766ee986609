//! `simulate hris <slug>`: a strict stand-in of an HR vendor's API with invented people, written from the vendor's
//! documentation. It shares nothing with the engine that reads such APIs: if both agree, they agree on the vendor.

mod call;
mod company;
mod control;
mod desk;
mod dice;
mod fault;
mod keys;
mod meter;
mod names;
mod people;
mod registry;
mod server;
mod stage;
mod standin;
mod truth;
mod vary;
mod xml;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use chrono::NaiveDate;

use crate::domain::clock::{Clock, SystemClock};
use company::Company;
use fault::Faults;
use stage::Stage;
use vary::Variations;

/// Arguments of `rosterd simulate hris`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The system; a wrong one is answered with the list
    #[arg(value_name = "SYSTEM")]
    slug: String,
    /// How many people the company has
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: u32,
    /// Seed of the people and the credentials
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to listen
    // A text, since the program's own configuration has a flag of this name.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    listen: String,
    /// What goes wrong: words such as lost-page, slow or 500=3 (three times), with commas between them
    #[arg(long, value_delimiter = ',', value_name = "FAULTS")]
    faults: Vec<String>,
    /// Answers that say the same in another form: words such as text-ids, with commas between them; a wrong one is
    /// answered with the list
    #[arg(long, value_delimiter = ',', value_name = "VARIATIONS")]
    vary: Vec<String>,
    /// Also serve below this path [default: / and the system]
    #[arg(long, value_name = "PATH")]
    endpoint_prefix: Option<String>,
    /// People on a page, where the vendor tells the client how many there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
    /// The day on which the company is [default: today]
    #[arg(long, value_name = "DATE")]
    day: Option<NaiveDate>,
    /// Do not count requests against the vendor's limits
    #[arg(long)]
    no_limits: bool,
    /// What the fault `slow` costs each request
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    slow_ms: u64,
    /// Write the expected SCIM Users to this file, one a line, before serving
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

/// A stand-in to be.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The system.
    pub slug: String,
    /// How many people.
    pub people: u32,
    /// Seed of people and credentials.
    pub seed: u64,
    /// The company's day.
    pub day: NaiveDate,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Faults, as words.
    pub faults: Vec<String>,
    /// Variations, as words.
    pub vary: Vec<String>,
    /// Path under which it is served beside `/`; none: the slug.
    pub prefix: Option<String>,
    /// People on a page, where the vendor tells the client.
    pub page_size: Option<usize>,
    /// Requests count against the vendor's limits.
    pub is_limited: bool,
    /// What the fault `slow` costs.
    pub delay: Duration,
}

impl Setup {
    /// So many people of seed 1 on this day, on a free port of this machine.
    pub fn new(slug: &str, people: u32, day: NaiveDate) -> Self {
        Self {
            slug: slug.to_owned(),
            people,
            seed: 1,
            day,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            faults: Vec::new(),
            vary: Vec::new(),
            prefix: None,
            page_size: None,
            is_limited: true,
            delay: Duration::from_secs(2),
        }
    }
}

/// A stand-in that listens.
pub struct Served {
    /// To be awaited or spawned.
    pub server: actix_web::dev::Server,
    /// Scheme, host and port.
    pub origin: String,
    /// The path under which it is served too, with its slash.
    pub prefix: String,
    /// What the vendor's administrator would paste: the vendor's words and their values.
    pub keys: BTreeMap<&'static str, String>,
    stage: Arc<Stage>,
}

impl Served {
    /// What a connector must make of the people, as of this day: one SCIM User a line.
    pub fn truth(&self, day: NaiveDate) -> String {
        truth::truth(&self.stage.company(), self.stage.standin, day)
    }
}

/// Listens; nothing is answered before the server is awaited or spawned.
///
/// # Errors
/// There is no such system, fault or variation, or the address cannot be used.
pub fn listen(setup: Setup, clock: Arc<dyn Clock>) -> Result<Served, String> {
    let (slug, standin) = registry::find(&setup.slug)?;
    let words = setup.faults.iter().map(String::as_str);
    let faults = Faults::parse(words, standin)?;
    let vary = Variations::parse(setup.vary.iter().map(String::as_str))?;
    let keys: BTreeMap<_, _> = standin
        .credentials
        .iter()
        .map(|c| (c.term, c.value(slug, setup.seed)))
        .collect();
    let prefix = setup.prefix.as_deref().unwrap_or(slug);
    let prefix = format!("/{}", prefix.trim_matches('/'));
    let stage = Arc::new(Stage {
        slug,
        standin,
        prefix: prefix.clone(),
        keys: keys.clone(),
        company: RwLock::new(Arc::new(Company::new(setup.seed, setup.people, setup.day))),
        faults: Mutex::new(faults),
        vary,
        tokens: Mutex::default(),
        index: Mutex::default(),
        meter: Mutex::default(),
        seen: Mutex::default(),
        clock,
        page_size: setup.page_size.unwrap_or(usize::MAX),
        is_limited: setup.is_limited,
        delay: setup.delay,
    });
    let fails = |e: std::io::Error| {
        let at = setup.listen;
        format!("cannot listen on {at}: {e}; choose another address with --listen")
    };
    let listener = TcpListener::bind(setup.listen).map_err(fails)?;
    let origin = format!("http://{}", listener.local_addr().map_err(fails)?);
    let server = server::serve(Arc::clone(&stage), listener).map_err(fails)?;
    Ok(Served {
        server,
        origin,
        prefix,
        keys,
        stage,
    })
}

/// The systems that have a stand-in.
pub fn slugs() -> Vec<&'static str> {
    registry::STANDINS.iter().map(|(slug, _)| *slug).collect()
}

/// Serves until it is interrupted; answers the exit code: 2 if it cannot begin, 1 if it fails.
pub async fn run(args: Args) -> u8 {
    let Ok(address) = args.listen.parse() else {
        let why = format!(
            "--listen takes an address such as 127.0.0.1:9000; got `{}`",
            args.listen
        );
        return complain(&why, 2);
    };
    let clock = Arc::new(SystemClock);
    let today = chrono::DateTime::from_timestamp_millis(clock.now().0).unwrap_or_default();
    let setup = Setup {
        slug: args.slug,
        people: args.people,
        seed: args.seed,
        day: args.day.unwrap_or(today.date_naive()),
        listen: address,
        faults: args.faults,
        vary: args.vary,
        prefix: args.endpoint_prefix,
        page_size: args.page_size.and_then(|n| usize::try_from(n).ok()),
        is_limited: !args.no_limits,
        delay: Duration::from_millis(args.slow_ms),
    };
    let served = match listen(setup, clock) {
        Ok(served) => served,
        Err(why) => return complain(&why, 2),
    };
    if let Some(file) = &args.truth {
        let written = std::fs::write(file, served.truth(served.stage.company().day));
        if let Err(error) = written {
            return complain(&format!("cannot write {}: {error}", file.display()), 2);
        }
    }
    let _ = announce(&served, &mut std::io::stdout().lock());
    let handle = served.server.handle();
    let stopping = tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        handle.stop(true).await;
    });
    let ended = served.server.await;
    stopping.abort();
    match ended {
        Ok(()) => 0,
        Err(error) => complain(&error.to_string(), 1),
    }
}

/// Says where it is, what to paste, and what to try.
fn announce(served: &Served, out: &mut dyn Write) -> std::io::Result<()> {
    let (origin, prefix) = (&served.origin, &served.prefix);
    let company = served.stage.company();
    let name = served.stage.standin.name;
    writeln!(
        out,
        "{name} with {} people, seed {}, on {}",
        company.people().count(),
        company.seed,
        company.day
    )?;
    writeln!(out, "  endpoint     {origin}{prefix}   (and {origin})")?;
    writeln!(out, "  credentials, in the vendor's words:")?;
    for (term, value) in &served.keys {
        writeln!(out, "    --set {term}='{value}'")?;
    }
    writeln!(out, "  truth        GET {origin}/_truth?as-of=DATE")?;
    writeln!(
        out,
        "  scenarios    POST {origin}/_scenario/joiner|mover|leaver|rename|manager|rehire|delete?count=N&days=N"
    )?;
    writeln!(
        out,
        "  faults       POST {origin}/_faults {{\"faults\": [\"lost-page\"]}}   (which: GET {origin}/_about)"
    )?;
    writeln!(
        out,
        "  the rest     POST {origin}/_day {{\"day\": DATE}}, GET and DELETE {origin}/_requests"
    )?;
    out.flush()
}

fn complain(why: &str, code: u8) -> u8 {
    let _ = writeln!(std::io::stderr(), "rosterd: {why}");
    code
}
