//! A JSON answer that holds everybody at once, taken apart in its text: the values of a hundred thousand people take six
//! times the room of their text, those of a thousand at a time next to none.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::value::RawValue;

use super::json::Path;

/// Shorter answers are parsed as a whole.
pub const LONG: usize = 4 << 20;

/// Where the records are in a long answer, in order; none where the answer is short, no JSON, or has no list there.
pub fn places(bytes: &[u8], path: &Path) -> Option<Vec<Range<usize>>> {
    if bytes.len() < LONG {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut at: &RawValue = serde_json::from_str(text).ok()?;
    for name in path.names() {
        let members: HashMap<String, &RawValue> = serde_json::from_str(at.get()).ok()?;
        at = members.get(name).copied()?;
    }
    let records: Vec<&RawValue> = serde_json::from_str(at.get()).ok()?;
    let start = text.as_ptr().addr();
    let place = |record: &&RawValue| {
        let from = record.get().as_ptr().addr().saturating_sub(start);
        from..from + record.get().len()
    };
    Some(records.iter().map(place).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn each_record_is_where_its_text_is() {
        let people: Vec<Value> = (0..40_000)
            .map(|n| json!({"id": n, "name": format!("\u{141}ukasz \"]}},{{\" {n}"), "tags": [[], {}], "x": "y".repeat(60)}))
            .collect();
        let text = json!({"data": {"next": null, "employees": people}, "more": [1, 2]});
        let text = format!(" {text}");
        assert!(text.len() > LONG, "{}", text.len());
        let found = places(text.as_bytes(), &Path::parse("data.employees").unwrap()).unwrap();
        let read: Vec<Value> = found
            .into_iter()
            .map(|place| serde_json::from_str(&text[place]).unwrap())
            .collect();
        assert_eq!(read, people);
        let none = |text: &str, path| places(text.as_bytes(), &Path::parse(path).unwrap());
        assert_eq!(none(&text, "data.nobody"), None);
        assert_eq!(none(&text, "data.next"), None);
        assert_eq!(none(&text[..text.len() - 1], "data.employees"), None);
        assert_eq!(none("{\"employees\": []}", "employees"), None);
    }
}
