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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_line_is_read_for_itself() {
        let found: Vec<_> = records(b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"a\":\n[2]").collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found.first(), Some(&(1, Ok(json!({"a": 1})))));
        assert_eq!(
            found
                .get(1)
                .map(|(n, r)| (*n, r.as_ref().err().map(|p| p.code))),
            Some((4, Some("json.invalid")))
        );
        assert_eq!(found.get(2), Some(&(5, Ok(json!([2])))));
        let long = vec![b'1'; LONGEST_LINE + 1];
        let code = records(&long)
            .next()
            .and_then(|(_, r)| r.err())
            .map(|p| p.code);
        assert_eq!(code, Some("ndjson.line_too_long"));
    }
}
