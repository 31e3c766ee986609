//! JSON answers: where the records lie in a page, and how one record is unwrapped.
//!
//! **Records path**: names joined by dots (`data.employees`), a number for a place in a list, `$` for the answer itself;
//! a dot that is part of a name has a `\` before it (`@odata\.count`).
//! **Unwrapping**: `attributes` lifts the members of that object into the record; `{value, label}` wrappers become their
//! value.

use serde_json::Value;

use super::Problem;

/// Longest answer that is parsed.
pub const LONGEST: usize = 100 << 20;

/// A path to a value inside an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads `$`, `a.b.0`, `$.a.b`, `@odata\.count`. Errors: an empty name.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let rest = text
            .strip_prefix('$')
            .map_or(text, |r| r.strip_prefix('.').unwrap_or(r));
        if rest.is_empty() {
            return if text.is_empty() {
                Err(Problem::new("json.path_empty"))
            } else {
                Ok(Self::default())
            };
        }
        let names = split(rest);
        if names.iter().any(String::is_empty) {
            return Err(Problem::new("json.path_empty_name").with("path", text));
        }
        Ok(Self(names))
    }

    /// Its names, from the outside in.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The value there; none if any step is missing.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |at, name| match at {
            Value::Object(map) => map.get(name),
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Takes the value there out of the answer.
    pub fn take(&self, mut value: Value) -> Option<Value> {
        let mut at = &mut value;
        for name in &self.0 {
            at = match at {
                Value::Object(map) => map.get_mut(name)?,
                Value::Array(list) => list.get_mut(name.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(at.take())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            f.write_str("$")
        } else {
            let names: Vec<String> = self.0.iter().map(|n| n.replace('.', "\\.")).collect();
            f.write_str(&names.join("."))
        }
    }
}

/// Names between dots; a dot behind a `\` is part of its name.
fn split(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '.' {
            names.push(String::new());
            continue;
        }
        let is_escape = letter == '\\' && letters.peek() == Some(&'.');
        let letter = if is_escape {
            letters.next()
        } else {
            Some(letter)
        };
        if let (Some(name), Some(letter)) = (names.last_mut(), letter) {
            name.push(letter);
        }
    }
    names
}

/// How one record is unwrapped before it is mapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unwrap {
    /// Members of this object are lifted into the record (`attributes`); the record's own win.
    pub lift: Option<String>,
    /// Objects that hold all of these names (`["label", "value"]`), whatever else, become their `value` member, at any
    /// depth.
    pub wrapper: Vec<String>,
}

/// Parses an answer. Errors: `json.too_long`, `json.html`, `json.empty`, `json.invalid` with line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.len() > LONGEST {
        return Err(Problem::new("json.too_long").with("limit", LONGEST));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(Problem::new("json.empty")),
        Some(b'<') => return Err(Problem::new("json.html")),
        Some(_) => {}
    }
    serde_json::from_slice(bytes).map_err(|e| {
        Problem::new("json.invalid")
            .with("line", e.line())
            .with("column", e.column())
    })
}

/// The records at a path. Errors: `json.records_missing`, `json.records_not_a_list`.
pub fn records(answer: Value, path: &Path) -> Result<Vec<Value>, Problem> {
    match path.take(answer) {
        None => Err(Problem::new("json.records_missing").with("path", path)),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Problem::new("json.records_not_a_list").with("path", path)),
    }
}

impl Unwrap {
    /// Unwraps one record.
    pub fn apply(&self, record: Value) -> Value {
        let record = match &self.lift {
            Some(name) => lift(record, name),
            None => record,
        };
        if self.wrapper.is_empty() {
            record
        } else {
            self.unwrap_value(record)
        }
    }

    fn unwrap_value(&self, value: Value) -> Value {
        match value {
            Value::Object(mut map) => {
                // A vendor may add a member to its wrappers any day.
                if self.wrapper.iter().all(|name| map.contains_key(name))
                    && let Some(value) = map.remove("value")
                {
                    return self.unwrap_value(value);
                }
                Value::Object(
                    map.into_iter()
                        .map(|(k, v)| (k, self.unwrap_value(v)))
                        .collect(),
                )
            }
            Value::Array(list) => {
                Value::Array(list.into_iter().map(|v| self.unwrap_value(v)).collect())
            }
            other => other,
        }
    }
}

fn lift(record: Value, name: &str) -> Value {
    let Value::Object(mut map) = record else {
        return record;
    };
    match map.remove(name) {
        Some(Value::Object(inner)) => {
            for (key, value) in inner {
                map.entry(key).or_insert(value);
            }
        }
        Some(other) => drop(map.insert(name.to_owned(), other)),
        None => {}
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap_or_default()
    }

    #[test]
    fn paths_lead_to_records() {
        let answer = json!({"data": {"items": [{"id": 1}], "n": 2}, "$": 1});
        for (text, wanted) in [
            ("data.items", Ok(vec![json!({"id": 1})])),
            ("$.data.items", Ok(vec![json!({"id": 1})])),
            ("data.n", Err("json.records_not_a_list")),
            ("data.none", Err("json.records_missing")),
            ("data.items.7", Err("json.records_missing")),
            ("$", Err("json.records_not_a_list")),
        ] {
            let found = records(answer.clone(), &path(text)).map_err(|p| p.code);
            assert_eq!(found, wanted, "{text}");
        }
        assert_eq!(
            records(json!([1, 2]), &path("$")),
            Ok(vec![json!(1), json!(2)])
        );
        assert_eq!(path("data.items.0.id").find(&answer), Some(&json!(1)));
        assert_eq!(path("a.b").to_string(), "a.b");
        assert_eq!(path("$").to_string(), "$");
        let odata = json!({"@odata.count": 3, "a": {"b.c": [7]}});
        assert_eq!(path("@odata\\.count").find(&odata), Some(&json!(3)));
        assert_eq!(path("a.b\\.c.0").find(&odata), Some(&json!(7)));
        assert_eq!(path("@odata.count").find(&odata), None);
        assert_eq!(path("@odata\\.count").to_string(), "@odata\\.count");
        for bad in ["", "a..b", ".a", "a.", "$.", "$a..b"] {
            assert!(Path::parse(bad).is_err() || bad == "$.", "{bad}");
        }
    }

    #[test]
    fn records_are_unwrapped() {
        let lift = Unwrap {
            lift: Some("attributes".to_owned()),
            ..Unwrap::default()
        };
        let record = json!({"type": "Employee", "id": 1, "attributes": {"id": 9, "name": "x"}});
        assert_eq!(
            lift.apply(record),
            json!({"type": "Employee", "id": 1, "name": "x"})
        );
        assert_eq!(lift.apply(json!({"id": 1})), json!({"id": 1}));
        assert_eq!(
            lift.apply(json!({"attributes": [1]})),
            json!({"attributes": [1]})
        );
        let wrapper = Unwrap {
            wrapper: ["label", "value"].map(str::to_owned).to_vec(),
            ..Unwrap::default()
        };
        let record = json!({"a": {"label": "A", "value": 1, "new": 2}, "b": {"label": "B", "value": {"x": [{"label": "C", "value": 2}]}},
            "c": {"value": 3, "unit": "h"}, "d": {"label": "D"}});
        assert_eq!(
            wrapper.apply(record),
            json!({"a": 1, "b": {"x": [2]}, "c": {"value": 3, "unit": "h"}, "d": {"label": "D"}})
        );
    }

    #[test]
    fn what_is_no_json_says_so() {
        for (bytes, wanted) in [
            (&b""[..], "json.empty"),
            (b" \n", "json.empty"),
            (b"\xef\xbb\xbf", "json.empty"),
            (b"<html>Log in</html>", "json.html"),
            (b" \n<!DOCTYPE html>", "json.html"),
            (b"{\"a\": [1, 2", "json.invalid"),
            (b"{} {}", "json.invalid"),
            (b"\xff", "json.invalid"),
        ] {
            assert_eq!(
                parse(bytes).err().map(|p| p.code),
                Some(wanted),
                "{bytes:?}"
            );
        }
        assert_eq!(parse(b"\xef\xbb\xbf[1]"), Ok(json!([1])));
        let deep = "[".repeat(100_000);
        assert_eq!(
            parse(deep.as_bytes()).err().map(|p| p.code),
            Some("json.invalid")
        );
        let place = parse(b"{\n\"a\": x}").err().map(|p| p.params);
        assert_eq!(
            place.and_then(|p| p.get("line").cloned()).as_deref(),
            Some("2")
        );
    }
}
