//! Shows how far a play is: a bar on a terminal, one line per phase elsewhere, nothing when the caller wants silence.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report;

/// Where a play stands.
pub struct Progress {
    play: &'static str,
    bar: ProgressBar,
    has_lines: bool,
}

impl Progress {
    /// Starts at nothing. Without `is_shown` nothing is ever written.
    pub fn new(is_shown: bool, play: &'static str) -> Progress {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_shown && is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:<14} {msg:<18} [{bar:30}] {pos}/{len} {elapsed}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(play);
        Progress {
            play,
            bar,
            has_lines: is_shown && !is_terminal,
        }
    }

    /// A new phase with so many steps.
    pub fn phase(&self, name: &'static str, steps: usize) {
        self.bar.set_position(0);
        self.bar
            .set_length(u64::try_from(steps).unwrap_or(u64::MAX));
        self.bar.set_message(name);
        if self.has_lines {
            // Progress is a courtesy: a closed stderr must not stop the play.
            let _ = report::write_phase(&mut std::io::stderr(), self.play, name, steps);
        }
    }

    /// One step done.
    pub fn tick(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
