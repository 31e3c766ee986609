//! Shows how far a run is: a bar on a terminal, nothing elsewhere; warnings always.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::sync::Watch;

/// A bar on standard error.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Nothing is shown where nobody looks.
    pub(super) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says something beside it.
    pub(super) fn say(&self, line: &str) {
        self.0.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Takes it away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn page(&self, pages: u64, rows: u64, announced: Option<u64>) {
        self.0.set_message(format!("page {pages}"));
        self.0.set_length(announced.unwrap_or(rows).max(rows));
        self.0.set_position(rows);
    }

    fn warn(&self, code: &str, params: &str) {
        self.say(&format!("warning: {code} {params}"));
    }

    fn applied(&self, done: u64, of: u64) {
        self.0.set_message("applying");
        self.0.set_length(of);
        self.0.set_position(done);
    }
}
