//! NDJSON: one JSON record a line. Empty lines do not count; a line that cannot be read is an error of its own.

use serde_json::Value;

use super::{Problem, json};

/// Longest line.
pub const LONGEST_LINE: usize = 4 << 20;

/// The records with their line numbers, from 1. Errors per line: those of [`json::parse`], `ndjson.line_too_long`.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = (u64, Result<Value, Problem>)> + '_ {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes
        .split(|b| *b == b'\n')
        .zip(1..)
        .map(|(line, number)| (number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            let parsed = if line.len() > LONGEST_LINE {
                Err(Problem::new("ndjson.line_too_long").with("limit", LONGEST_LINE))
            } else {
                json::parse(line)
            };
            (number, parsed)
        })
}
