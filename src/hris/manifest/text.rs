//! The texts of a connector, checked while they are read: templates by place, paths, patterns, labels in two languages.
//! Whatever cannot be used is an error at the line where it stands.

use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer};
use serde_json::Value;

use crate::hris::formats::json;
use crate::hris::template::{self, Place, Template};

/// Makes a type of a template for one place.
macro_rules! template_text {
    ($(#[$doc:meta])* $name:ident, $place:expr, $about:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            template: Template,
            source: String,
        }

        impl $name {
            /// Checks the text. Errors: as [`Template::compile`].
            pub fn parse(source: &str) -> Result<Self, template::Error> {
                Ok(Self {
                    template: Template::compile(source, $place)?,
                    source: source.to_owned(),
                })
            }

            /// Fills it in. Errors: as [`Template::render`].
            pub fn render(&self, values: &Value) -> Result<String, template::Error> {
                self.template.render(values)
            }

            /// As it was written.
            pub fn source(&self) -> &str {
                &self.source
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }

        schema_of_text!($name, $about);
    };
}

/// Says in the JSON Schema that a type is written as a text.
macro_rules! schema_of_text {
    ($name:ident, $about:literal) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($about))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

template_text!(
    /// A URL with holes; what is filled in is percent-encoded.
    UrlText,
    Place::Path,
    "A URL with holes (`{{ name }}`); what is filled in is percent-encoded, `/` too."
);
template_text!(
    /// A value with holes that stands as it is: of a header, or encoded afterwards as a whole (query, form).
    PlainText,
    Place::Plain,
    "A text with holes (`{{ name }}`). In a query or a form it is encoded as a whole; comes it out empty, it is not sent."
);
template_text!(
    /// A JSON body with holes; what is filled in is written as JSON.
    JsonText,
    Place::Json,
    "A JSON body with holes (`{{ name }}`); what is filled in is written as JSON, quotes included."
);
template_text!(
    /// An XML body with holes; what is filled in is escaped.
    XmlText,
    Place::Xml,
    "An XML body with holes (`{{ name }}`); what is filled in is escaped."
);

/// A path to a value: names joined by dots, numbers for places in lists, `$` for the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(json::Path);

impl Path {
    /// Reads a path. Errors: an empty name.
    pub fn parse(text: &str) -> Result<Self, String> {
        json::Path::parse(text).map(Self).map_err(|problem| {
            format!(
                "path `{text}`: {problem}; write names joined by dots, or `$` for the whole answer"
            )
        })
    }

    /// The value there; none where it is missing or null.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.find(value).filter(|found| !found.is_null())
    }

    /// A text, number or boolean there, as text; none where it is empty.
    pub fn text(&self, value: &Value) -> Option<String> {
        self.find(value).and_then(scalar)
    }

    /// A whole number there, also one that is written as text.
    pub fn number(&self, value: &Value) -> Option<u64> {
        match self.find(value)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// As the reader of formats wants it.
    pub fn inner(&self) -> &json::Path {
        &self.0
    }
}

/// A scalar as text; none for an empty one.
pub fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

schema_of_text!(
    Path,
    "Names joined by dots (`data.employees`), a number for a place in a list, `$` for the whole."
);

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(regex_lite::Regex);

impl Pattern {
    /// The expression.
    pub fn regex(&self) -> &regex_lite::Regex {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.starts_with('^') || !text.ends_with('$') {
            return Err(de::Error::custom(
                "a pattern fits the whole value: begin with `^` and end with `$`",
            ));
        }
        regex_lite::Regex::new(&text)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

schema_of_text!(
    Pattern,
    "A regular expression that fits the whole value: it begins with `^` and ends with `$`."
);

/// A text in the languages that Rosterd speaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    /// English.
    pub en: Sentence,
    /// French.
    pub fr: Sentence,
}

impl Localized {
    /// A word of the vendor's, which is the same in every language.
    pub fn word(text: &str) -> Self {
        let word = || Sentence(format!("`{text}`"));
        Self {
            en: word(),
            fr: word(),
        }
    }

    /// In this language; English where it is not spoken.
    pub fn get(&self, language: &str) -> &str {
        if language.starts_with("fr") {
            &self.fr.0
        } else {
            &self.en.0
        }
    }
}

/// A text for people; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence(String);

impl<'de> Deserialize<'de> for Sentence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim() {
            "" => Err(de::Error::custom(
                "this text is empty: write it in English and in French",
            )),
            text => Ok(Self(text.to_owned())),
        }
    }
}

schema_of_text!(Sentence, "A text for people; never empty.");
