//! Strict reading of JSON bodies: what `serde_json` would let pass is refused here, before anything looks at it.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::error::{Error, Result, quote};

/// SCIM needs four levels; more than this is an attack.
const DEPTH: usize = 32;

/// Reads a body: UTF-8 JSON without keys that are the same in any letter case, NUL characters or deep nesting.
///
/// # Errors
/// `invalidSyntax`, or `invalidValue` for a NUL character; the detail names the place.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    let text = text_of(bytes)?;
    if depth(text) > DEPTH {
        return Err(Error::invalid_syntax(format!(
            "the body is nested deeper than {DEPTH} levels"
        )));
    }
    read(text, Strict)
}

/// The members of an object, their values unread: a fault inside one of them is found when that one is read.
///
/// # Errors
/// As [`parse`], for what is outside the values.
pub fn members(bytes: &[u8]) -> Result<Vec<(String, &str)>> {
    read(text_of(bytes)?, Members)
}

/// The first items of a list, at most `most` of them and unread, and how many it has.
///
/// # Errors
/// As [`parse`], for what is outside the items.
pub fn items(text: &str, most: usize) -> Result<(Vec<&str>, usize)> {
    read(text, Items { most })
}

fn text_of(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|e| Error::invalid_syntax(format!("the body is not UTF-8: {e}")))
}

fn read<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|e| {
        let message = e.to_string();
        if message.contains("U+0000") {
            Error::invalid_value(message)
        } else {
            Error::invalid_syntax(format!("the body is not valid JSON: {message}"))
        }
    })
}

/// Deepest nesting, without recursion, so that ten million brackets do no harm.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Reads the values of an object, each under a key of its own.
fn keyed<'de, A: MapAccess<'de>, V>(
    mut map: A,
    mut value: impl FnMut(&mut A) -> std::result::Result<V, A::Error>,
    mut keep: impl FnMut(String, V),
) -> std::result::Result<(), A::Error> {
    let mut seen = HashSet::new();
    while let Some(key) = map.next_key::<String>()? {
        let key = text::<A::Error>(&key)?;
        let value = value(&mut map)?;
        // No name in SCIM differs from another by letter case only: which of two would count?
        if !seen.insert(key.to_ascii_lowercase()) {
            let message = format!("the key `{}` stands twice in one object", quote(&key));
            return Err(serde::de::Error::custom(message));
        }
        keep(key, value);
    }
    Ok(())
}

struct Members;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<(String, &'de str)>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        let value = |map: &mut A| map.next_value::<&'de RawValue>().map(RawValue::get);
        keyed(map, value, |key, value| members.push((key, value)))?;
        Ok(members)
    }
}

struct Items {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Items {
    type Value = (Vec<&'de str>, usize);

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = (Vec<&'de str>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut seq: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.most {
            match seq.next_element::<&'de RawValue>()? {
                Some(item) => items.push(item.get()),
                None => break,
            }
        }
        let mut count = items.len();
        if count == self.most {
            while seq.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
        }
        Ok((items, count))
    }
}

fn text<E: serde::de::Error>(text: &str) -> std::result::Result<String, E> {
    if text.contains('\0') {
        return Err(E::custom(
            "a text holds the character U+0000, which cannot be stored",
        ));
    }
    Ok(text.to_owned())
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<Value, E> {
        text(value).map(Value::String)
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Value, A::Error> {
        let mut object = Map::new();
        let value = |map: &mut A| map.next_value_seed(Self);
        keyed(map, value, |key, value| drop(object.insert(key, value)))?;
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::ScimType;

    #[test]
    fn bodies_that_nobody_means_are_refused() {
        let deep = "[".repeat(10_000_000);
        let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let cases: [(&[u8], ScimType); 9] = [
            (b"{", ScimType::InvalidSyntax),
            (b"", ScimType::InvalidSyntax),
            (b"\xff\xfe", ScimType::InvalidSyntax),
            (br#"{"a":1,"a":2}"#, ScimType::InvalidSyntax),
            (
                br#"{"active":false,"Active":true}"#,
                ScimType::InvalidSyntax,
            ),
            (br#"{"a":1} x"#, ScimType::InvalidSyntax),
            (br#"{"a":"b\u0000c"}"#, ScimType::InvalidValue),
            (deep.as_bytes(), ScimType::InvalidSyntax),
            (nested.as_bytes(), ScimType::InvalidSyntax),
        ];
        for (body, kind) in cases {
            let start = &body[..body.len().min(20)];
            assert_eq!(
                parse(body).map_err(|e| e.scim_type),
                Err(Some(kind)),
                "{start:?}"
            );
        }
    }

    #[test]
    fn brackets_inside_strings_do_not_count() {
        let body = format!(r#"{{"a":"{}\"{{"}}"#, "[".repeat(100));
        assert!(parse(body.as_bytes()).is_ok());
    }

    #[test]
    fn a_fault_in_a_value_is_not_one_of_what_is_around_it() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = format!(r#"{{"list": [{{"a":1,"a":2}}, {deep}, "\u0000", 4], "more": {{}}}}"#);
        let got = members(text.as_bytes()).map(|m| (m[0].0.clone(), m[1].1, items(m[0].1, 2)));
        let first = r#"{"a":1,"a":2}"#;
        assert_eq!(
            got,
            Ok(("list".to_owned(), "{}", Ok((vec![first, &deep], 4))))
        );
        assert_eq!(items("[1, 2]", 2), Ok((vec!["1", "2"], 2)));
        for refused in ["[]", r#"{"a":1,"A":2}"#, r#"{"a":[}"#, r#"{"a\u0000":1}"#] {
            assert!(members(refused.as_bytes()).is_err(), "{refused}");
        }
        assert!(items("{}", 2).is_err() && items("[1,]", 1).is_err());
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
