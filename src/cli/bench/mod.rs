//! `bench`: the load program. It measures servers over HTTP, side by side: in each round every server is measured with
//! one client and with many, in turn, so that a machine that gets slower meanwhile slows all of them.

mod load;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;

use super::figures::Spread;
use super::{Failure, say};
use load::{Sample, Target};

/// Arguments of `rosterd bench`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Create users: with one client, then with many at once
    Creates(Creates),
}

#[derive(Debug, Clone, clap::Args)]
struct Creates {
    /// Base URL of a SCIM service; several times to compare several
    #[arg(long, value_name = "URL", required = true)]
    base: Vec<String>,
    /// Bearer token for each base URL, in their order
    #[arg(long, value_name = "TOKEN", required = true)]
    token: Vec<String>,
    /// Clients at once
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=500))]
    clients: u16,
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// A directory on the database's disk: fsyncs a second are measured there in each round
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
}

/// All rounds of one server with one number of clients.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    batches: Vec<f64>,
}

impl Row {
    fn add(&mut self, sample: &Sample) {
        self.rates.push(sample.rate());
        self.p50.push(sample.percentile(50));
        self.p99.push(sample.percentile(99));
        self.batches.extend(sample.mean_batch);
    }
}

/// Runs the command.
pub(super) async fn run(args: Args, unix_seconds: u64) -> Result<(), Failure> {
    let What::Creates(args) = args.what;
    if args.base.len() != args.token.len() {
        let (bases, tokens) = (args.base.len(), args.token.len());
        return Err(format!(
            "{bases} base URLs but {tokens} tokens: give one --token for each --base"
        )
        .into());
    }
    if !(0.1..=600.0).contains(&args.seconds) {
        return Err(format!("--seconds takes 0.1 to 600; got {}", args.seconds).into());
    }
    let targets: Result<Vec<Target>, String> = args
        .base
        .iter()
        .zip(&args.token)
        .map(|(base, token)| Target::new(base, token))
        .collect();
    creates(&args, &targets?, unix_seconds).await
}

async fn creates(args: &Creates, targets: &[Target], unix_seconds: u64) -> Result<(), Failure> {
    let span = Duration::from_secs_f64(args.seconds);
    let counts = [1, usize::from(args.clients)];
    let mut rows: Vec<Row> = (0..targets.len() * counts.len())
        .map(|_| Row::default())
        .collect();
    let mut fsyncs = Vec::new();
    for round in 0..args.rounds {
        if let Some(directory) = &args.disk {
            fsyncs.push(fsyncs_per_second(directory)?);
        }
        for (t, target) in targets.iter().enumerate() {
            for (c, clients) in counts.into_iter().enumerate() {
                let _ = writeln!(
                    std::io::stderr(),
                    "round {} of {}: {} with {clients} client(s)",
                    round + 1,
                    args.rounds,
                    target.base
                );
                let marker = format!("b{unix_seconds:x}-{round}-{t}-{clients}");
                rows[t * counts.len() + c].add(&target.create(clients, span, &marker).await?);
            }
        }
    }
    print(args, targets, &counts, &rows, &fsyncs)
}

fn print(
    args: &Creates,
    targets: &[Target],
    counts: &[usize],
    rows: &[Row],
    fsyncs: &[f64],
) -> Result<(), Failure> {
    say(&format!(
        "users created a second, {} rounds of {} s",
        args.rounds, args.seconds
    ))?;
    say(&format!(
        "{:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6}  server",
        "clients", "min", "median", "max", "p50 ms", "p99 ms", "batch"
    ))?;
    for (t, target) in targets.iter().enumerate() {
        for (c, clients) in counts.iter().enumerate() {
            let row = &rows[t * counts.len() + c];
            let rate = Spread::of(&row.rates);
            let batch = match row.batches.as_slice() {
                [] => "-".to_owned(),
                all => format!("{:.1}", Spread::of(all).median),
            };
            say(&format!(
                "{clients:>7} {:>9.0} {:>9.0} {:>9.0} {:>8.2} {:>8.2} {batch:>6}  {}",
                rate.min,
                rate.median,
                rate.max,
                Spread::of(&row.p50).median,
                Spread::of(&row.p99).median,
                target.base
            ))?;
        }
        let (one, many) = (&rows[t * counts.len()], &rows[t * counts.len() + 1]);
        let ratios: Vec<f64> = one
            .rates
            .iter()
            .zip(&many.rates)
            .map(|(one, many)| many / one)
            .collect();
        let ratio = Spread::of(&ratios);
        say(&format!(
            "{} clients against one, round by round: median {:.2}, {:.2} to {:.2}",
            args.clients, ratio.median, ratio.min, ratio.max
        ))?;
    }
    if !fsyncs.is_empty() {
        let spread = Spread::of(fsyncs);
        say(&format!(
            "fsyncs a second in the same run: median {:.0}, {:.0} to {:.0}",
            spread.median, spread.min, spread.max
        ))?;
    }
    Ok(())
}

/// How many appends of a page, each with an fsync of its own, the disk does in a second.
fn fsyncs_per_second(directory: &std::path::Path) -> Result<f64, Failure> {
    let path = directory.join(".rosterd-bench");
    let mut file = std::fs::File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let began = Instant::now();
    let mut done = 0u32;
    while began.elapsed() < Duration::from_millis(500) {
        file.write_all(&[0u8; 4096])?;
        file.sync_data()?;
        done += 1;
    }
    let rate = f64::from(done) / began.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}
