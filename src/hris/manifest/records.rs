//! Where the records of a list lie in an answer.

use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::Path;

/// One place, or several of which the first counts that an answer has. Never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records(Vec<Path>);

impl Records {
    /// The place in this answer; the first of all where it has none.
    pub fn of(&self, answer: &Value) -> Path {
        let found = self.0.iter().find(|path| path.find(answer).is_some());
        found.or(self.0.first()).cloned().unwrap_or_default()
    }

    /// The place, where there is only one.
    pub fn only(&self) -> Option<&Path> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Paths)
    }
}

/// Not `untagged`: that would hide what is wrong with a path, and the line.
struct Paths;

impl<'de> Visitor<'de> for Paths {
    type Value = Records;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a path or a list of paths")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Records, E> {
        let path = Path::parse(text).map_err(E::custom)?;
        Ok(Records(vec![path]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Records, A::Error> {
        let mut all = Vec::new();
        while let Some(path) = list.next_element()? {
            all.push(path);
        }
        match all.is_empty() {
            true => Err(de::Error::custom("say where the records lie")),
            false => Ok(Records(all)),
        }
    }
}

impl utoipa::PartialSchema for Records {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema as json;
        let path = || json::Object::with_type(json::Type::String);
        json::OneOfBuilder::new()
            .item(path())
            .item(json::ArrayBuilder::new().items(path()).min_items(Some(1)))
            .description(Some(
                "A path, or several of which the first counts that an answer has.",
            ))
            .into()
    }
}

impl utoipa::ToSchema for Records {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Records")
    }
}
