//! What was seen: requests, latencies, mismatches; and the only place that writes them out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::figures::percentile_ms;

/// How much of a wrong answer is kept.
const CUT: usize = 200;

/// The rows of the table: what a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Connection,
    UserLookUp,
    UserCreate,
    UserRead,
    UserPatch,
    UserPut,
    UserDelete,
    Reference,
    GroupLookUp,
    GroupCreate,
    GroupRead,
    GroupPatch,
    GroupPut,
    GroupDelete,
    Refusal,
    Import,
    CleanUp,
}

impl Kind {
    /// Its name in the table.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Connection => "connection test",
            Kind::UserLookUp => "user look-up",
            Kind::UserCreate => "user create",
            Kind::UserRead => "user read",
            Kind::UserPatch => "user PATCH",
            Kind::UserPut => "user PUT",
            Kind::UserDelete => "user delete",
            Kind::Reference => "reference check",
            Kind::GroupLookUp => "group look-up",
            Kind::GroupCreate => "group create",
            Kind::GroupRead => "group read",
            Kind::GroupPatch => "group PATCH",
            Kind::GroupPut => "group PUT",
            Kind::GroupDelete => "group delete",
            Kind::Refusal => "must be refused",
            Kind::Import => "import page",
            Kind::CleanUp => "clean-up",
        }
    }
}

/// One difference between the server and the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The play, such as `okta-oin`.
    pub play: &'static str,
    /// The step of the life cycle.
    pub step: &'static str,
    /// What the request was for, as in the table.
    pub kind: &'static str,
    /// The invented person or group, or what else it was about.
    pub subject: String,
    /// What should have come.
    pub expected: String,
    /// What came, cut to 200 characters.
    pub got: String,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct KindRow {
    /// The play.
    pub play: &'static str,
    /// What the requests were for.
    pub kind: &'static str,
    /// How many were sent.
    pub requests: usize,
    /// How many mismatches they showed.
    pub mismatches: usize,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// The slowest in milliseconds.
    pub max_ms: f64,
}

#[derive(Debug, Default)]
struct Tally {
    took: Vec<Duration>,
    mismatches: usize,
}

/// Everything that was seen in a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The server that was tried.
    pub base: String,
    /// The marker in every address and group name of the run.
    pub marker: String,
    /// The seed of the invented people.
    pub seed: u64,
    /// Every mismatch, in the order of the steps.
    pub mismatches: Vec<Mismatch>,
    /// Worth knowing, but neither right nor wrong.
    pub remarks: Vec<String>,
    /// Set when the server could not be reached at all.
    pub unreachable: Option<String>,
    tallies: BTreeMap<(usize, Kind), Tally>,
    plays: Vec<&'static str>,
}

impl Report {
    pub(super) fn new(base: &str, marker: &str, seed: u64) -> Report {
        Report {
            base: base.to_owned(),
            marker: marker.to_owned(),
            seed,
            ..Report::default()
        }
    }

    pub(super) fn begin(&mut self, play: &'static str) {
        self.plays.push(play);
    }

    pub(super) fn count(&mut self, kind: Kind, took: Duration) {
        self.tally(kind).took.push(took);
    }

    pub(super) fn mismatch(
        &mut self,
        kind: Kind,
        step: &'static str,
        subject: &str,
        expected: &str,
        got: &str,
    ) {
        self.tally(kind).mismatches += 1;
        let play = self.plays.last().copied().unwrap_or_default();
        self.mismatches.push(Mismatch {
            play,
            step,
            kind: kind.label(),
            subject: subject.to_owned(),
            expected: cut(expected),
            got: cut(got),
        });
    }

    fn tally(&mut self, kind: Kind) -> &mut Tally {
        self.tallies
            .entry((self.plays.len().saturating_sub(1), kind))
            .or_default()
    }

    /// How many mismatches there are.
    pub fn mismatch_count(&self) -> usize {
        self.mismatches.len()
    }

    /// How many requests were sent.
    pub fn request_count(&self) -> usize {
        self.tallies.values().map(|tally| tally.took.len()).sum()
    }

    /// 0 when all was as modelled, 1 on a mismatch, 2 when the server could not be reached.
    pub fn exit_code(&self) -> u8 {
        match (&self.unreachable, self.mismatches.len()) {
            (Some(_), _) => 2,
            (None, 0) => 0,
            (None, _) => 1,
        }
    }

    /// The table, row by row, in the order of the plays.
    pub fn rows(&self) -> Vec<KindRow> {
        let row = |((play, kind), tally): (&(usize, Kind), &Tally)| {
            let mut took = tally.took.clone();
            took.sort_unstable();
            KindRow {
                play: self.plays.get(*play).copied().unwrap_or_default(),
                kind: kind.label(),
                requests: took.len(),
                mismatches: tally.mismatches,
                p50_ms: percentile_ms(&took, 50),
                p99_ms: percentile_ms(&took, 99),
                max_ms: percentile_ms(&took, 100),
            }
        };
        self.tallies.iter().map(row).collect()
    }

    /// Writes the mismatches, then the table.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        for m in &self.mismatches {
            writeln!(
                out,
                "MISMATCH {} / {} / {} / {}",
                m.play, m.step, m.kind, m.subject
            )?;
            writeln!(out, "  expected {}", m.expected)?;
            writeln!(out, "  got      {}", m.got)?;
        }
        for remark in &self.remarks {
            writeln!(out, "note: {remark}")?;
        }
        if let Some(reason) = &self.unreachable {
            return writeln!(out, "{} cannot be used: {reason}", self.base);
        }
        writeln!(
            out,
            "{:<14} {:<16} {:>8} {:>10} {:>9} {:>9} {:>9}",
            "play", "kind", "requests", "mismatches", "p50 ms", "p99 ms", "max ms"
        )?;
        for r in self.rows() {
            writeln!(
                out,
                "{:<14} {:<16} {:>8} {:>10} {:>9.1} {:>9.1} {:>9.1}",
                r.play, r.kind, r.requests, r.mismatches, r.p50_ms, r.p99_ms, r.max_ms
            )?;
        }
        writeln!(
            out,
            "{:<14} {:<16} {:>8} {:>10}",
            "all",
            "",
            self.request_count(),
            self.mismatch_count()
        )?;
        writeln!(out, "run marker {}, seed {}", self.marker, self.seed)
    }

    /// Writes the same as one JSON document.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mismatch = |m: &Mismatch| json!({"play": m.play, "step": m.step, "kind": m.kind, "subject": m.subject, "expected": m.expected, "got": m.got});
        let row = |r: KindRow| {
            json!({"play": r.play, "kind": r.kind, "requests": r.requests, "mismatches": r.mismatches,
                "p50_ms": r.p50_ms, "p99_ms": r.p99_ms, "max_ms": r.max_ms})
        };
        let document = json!({
            "base": self.base,
            "marker": self.marker,
            "seed": self.seed,
            "unreachable": self.unreachable,
            "requests": self.request_count(),
            "mismatches": self.mismatches.iter().map(mismatch).collect::<Vec<Value>>(),
            "remarks": self.remarks,
            "kinds": self.rows().into_iter().map(row).collect::<Vec<Value>>(),
        });
        writeln!(out, "{document:#}")
    }
}

/// One line per phase, for a stderr that is no terminal.
pub(super) fn write_phase(
    out: &mut dyn Write,
    play: &str,
    phase: &str,
    steps: usize,
) -> io::Result<()> {
    writeln!(out, "{play}: {phase} ({steps})")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CUT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
