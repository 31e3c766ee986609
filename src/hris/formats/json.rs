//! JSON answers: where the records lie in a page, and how one record is unwrapped.
//!
//! **Records path**: names joined by dots (`data.employees`), a number for a place in a list, `$` for the answer itself.
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
    /// Reads `$`, `a.b.0`, `$.a.b`. Errors: an empty name.
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
        let names: Vec<String> = rest.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(Problem::new("json.path_empty_name").with("path", text));
        }
        Ok(Self(names))
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
            f.write_str(&self.0.join("."))
        }
    }
}

/// How one record is unwrapped before it is mapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unwrap {
    /// Members of this object are lifted into the record (`attributes`); the record's own win.
    pub lift: Option<String>,
    /// Objects that hold nothing but these names (`["label", "value"]`) become their `value` member, at any depth.
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
                let is_wrapper =
                    map.contains_key("value") && map.keys().all(|k| self.wrapper.contains(k));
                if is_wrapper {
                    return self.unwrap_value(map.remove("value").unwrap_or_default());
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
