//! What commands print: lines for people, or one JSON object a line for programs.

use std::io::Write;

use serde_json::Value;

use super::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// As JSON.
    pub(super) json: bool,
}

impl Output {
    /// Prints one result.
    pub(super) fn row(self, value: &Value, text: &str) -> Result<(), Failure> {
        match self.json {
            true => say(&value.to_string()),
            false => say(text),
        }
    }
}

/// Prints a line on standard output.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    write(format!("{line}\n").as_bytes())
}

/// Prints on standard output. A reader that went away is no reason to fail; a full disk is.
pub(super) fn write(bytes: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A text that others chose, as it may go to a terminal: a name must not move the cursor or begin a line.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
