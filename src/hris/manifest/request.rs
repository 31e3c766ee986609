//! What a connector asks for: requests, lists with their paging, and what is joined to a record. A request is a GET, or
//! a POST that says why it only reads: there is no way to write.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use utoipa::ToSchema;

use super::Records;
use super::text::{JsonText, Path, PlainText, Sentence, UrlText, XmlText};

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// POST that reads, by the vendor's documentation: `reads` names it.
    Post,
}

/// One request.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Method.
    #[serde(default)]
    pub method: Method,
    /// Address; parameters stand under `query`.
    pub url: UrlText,
    /// Of a POST: what it reads, and where the vendor says so. Required there.
    #[serde(default)]
    pub reads: Option<Sentence>,
    /// Parameters; a list repeats the name. What comes out empty is not sent.
    #[serde(default)]
    pub query: BTreeMap<String, OneOrMany>,
    /// Headers; what comes out empty is not sent.
    #[serde(default)]
    pub headers: BTreeMap<String, PlainText>,
    /// Body of a POST.
    #[serde(default)]
    pub body: Option<Body>,
    /// Format of the answer.
    #[serde(default)]
    pub format: Format,
}

/// A value, or several under the same name.
#[derive(Debug, Clone)]
pub struct OneOrMany(Vec<PlainText>);

impl OneOrMany {
    /// All of them.
    pub fn all(&self) -> &[PlainText] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

/// Not `untagged`: that would hide what is wrong with a template, and the line.
struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        let text = PlainText::parse(text).map_err(E::custom)?;
        Ok(OneOrMany(vec![text]))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OneOrMany, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<OneOrMany, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = list.next_element()? {
            all.push(text);
        }
        Ok(OneOrMany(all))
    }
}

impl utoipa::PartialSchema for OneOrMany {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema as json;
        let scalar = json::ObjectBuilder::new().schema_type(json::SchemaType::from_iter([
            json::Type::String,
            json::Type::Integer,
            json::Type::Boolean,
        ]));
        let list = json::ArrayBuilder::new().items(PlainText::schema());
        json::OneOfBuilder::new().item(scalar).item(list).into()
    }
}

impl ToSchema for OneOrMany {
    fn name() -> std::borrow::Cow<'static, str> {
        "OneOrMany".into()
    }
}

/// Body of a request.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// JSON.
    Json(JsonText),
    /// `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, PlainText>),
    /// XML, sent as `text/xml`.
    Xml(XmlText),
}

/// Format of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// XML, turned into JSON by one fixed rule.
    Xml {
        /// Elements that are lists even where there is one of them.
        #[serde(default)]
        lists: Vec<String>,
    },
    /// A line of JSON for each record.
    Ndjson,
    /// CSV; a record is an object of texts by normalised header.
    Csv,
}

/// A list of records.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The request of each page; it may use `page`, `offset`, `cursor` and `size`.
    pub request: Request,
    /// Where the records lie in an answer; of several places the first that is there.
    pub records: Records,
    /// The records' key may be missing when there are none.
    #[serde(default)]
    pub records_may_be_missing: bool,
    /// The vendor gives pages without a record before the last one. Otherwise such a page shows that records are missing.
    #[serde(default)]
    pub pages_may_be_empty: bool,
    /// There is one record there, and no list of them.
    #[serde(default)]
    pub single: bool,
    /// Where a record's id lies; it shows pages that come twice, and joins.
    #[serde(default)]
    pub id: Option<Path>,
    /// Where an answer says how many records there are in all.
    #[serde(default)]
    pub total: Option<Path>,
    /// The header that says so, where the answer itself does not.
    #[serde(default)]
    pub total_header: Option<String>,
    /// How a record is unwrapped before anything else.
    #[serde(default)]
    pub unwrap: Unwrap,
    /// How the next page is found.
    #[serde(default)]
    pub paging: Paging,
    /// The list is read once for each of these, which is `parent`.
    #[serde(default)]
    pub each: Option<Each>,
}

/// What a list is read for, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Each {
    /// The records of this list under `parents`.
    Parent(String),
    /// These values: where a vendor keeps people in several lists of one form.
    Values(Vec<serde_json::Value>),
}

impl<'de> Deserialize<'de> for Each {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EachVisitor)
    }
}

/// Not `untagged`, for the same reason as above.
struct EachVisitor;

impl<'de> Visitor<'de> for EachVisitor {
    type Value = Each;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a list under `parents`, or a list of values")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Each, E> {
        Ok(Each::Parent(name.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Each, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = list.next_element()? {
            all.push(value);
        }
        match all.is_empty() {
            true => Err(de::Error::custom("`each` needs at least one value")),
            false => Ok(Each::Values(all)),
        }
    }
}

impl utoipa::PartialSchema for Each {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema as json;
        let name = json::ObjectBuilder::new().schema_type(json::Type::String);
        let values = json::ArrayBuilder::new().items(json::ObjectBuilder::new());
        json::OneOfBuilder::new().item(name).item(values).into()
    }
}

impl ToSchema for Each {
    fn name() -> std::borrow::Cow<'static, str> {
        "Each".into()
    }
}

/// How a record is unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unwrap {
    /// Members of this object are lifted into the record (`attributes`).
    #[serde(default)]
    pub lift: Option<String>,
    /// Objects that hold all of these names (`[label, value]`), whatever else, become their `value`.
    #[serde(default)]
    pub wrapper: Vec<String>,
}

/// How the next page is found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// One answer holds everything.
    #[default]
    None,
    /// By number (`page`).
    Page {
        /// Number of the first page.
        #[serde(default = "one")]
        first: u64,
        /// Records per page (`size`).
        size: u64,
        /// When it ends.
        until: Until,
    },
    /// By the number of records before it (`offset`).
    Offset {
        /// Records per page (`size`).
        size: u64,
        /// When it ends.
        until: Until,
    },
    /// By a cursor (`cursor`) that each answer gives; it ends when none is given, or the flag says so.
    Cursor {
        /// Where the answer holds it.
        from: CursorPlace,
        /// Where the answer says whether there is more, if the last page gives a cursor too.
        #[serde(default)]
        more: Option<Path>,
        /// Records per page (`size`).
        size: u64,
    },
    /// By an address in the answer, absolute or relative; it ends when none is given.
    NextUrl {
        /// Where the answer holds it.
        from: Path,
        /// Records per page (`size`).
        size: u64,
    },
    /// By the header `Link` with `rel="next"` (RFC 8288).
    LinkHeader {
        /// Records per page (`size`).
        size: u64,
    },
    /// By OData's next link: `@odata.nextLink`, `odata.nextLink`, or `d.__next`.
    Odata {
        /// Records per page (`size`).
        size: u64,
    },
    /// As SCIM pages (RFC 7644 §3.4.2.4): `offset` is `startIndex`, from 1; `itemsPerPage` and `totalResults` end it.
    Scim {
        /// Records per page (`size`).
        size: u64,
    },
}

impl Paging {
    /// Records per page that are asked for.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Page { size, .. }
            | Self::Offset { size, .. }
            | Self::Cursor { size, .. }
            | Self::NextUrl { size, .. }
            | Self::LinkHeader { size }
            | Self::Odata { size }
            | Self::Scim { size } => Some(*size),
        }
    }
}

/// When a numbered list ends. An empty page always ends it, and alone where an answer does not say what it is to say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Until {
    /// As many records are read as the list's `total` says.
    Total,
    /// As many pages are read as the answer says here.
    Pages(Path),
    /// The answer says here that there is no more.
    More(Path),
    /// A page is empty. A page that is not full may be one that the vendor keeps short.
    Empty,
}

/// Where an answer holds a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CursorPlace {
    /// In the body.
    Body(Path),
    /// In a header.
    Header(String),
}

/// A list that gives names for ids: `$lookups.<name>["<id>"]` in the mapping.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The list.
    pub list: List,
    /// Where the id lies in its records.
    pub key: Path,
    /// Where the value lies in its records; the whole record unless said.
    #[serde(default)]
    pub value: Path,
    /// Without it nothing is pulled; otherwise a failure is a warning, and what it names stays empty.
    #[serde(default)]
    pub required: bool,
}

/// A second list, joined by person: `.joined.<name>` in the mapping.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The list.
    pub list: List,
    /// Where the person's id lies in its rows.
    pub person: Path,
    /// Where a person's rows lie in each record; the record is the row unless said.
    #[serde(default)]
    pub rows: Path,
    /// Id of a value: the list is read only where it is filled in.
    #[serde(default)]
    pub only_if: Option<String>,
    /// Only the row that is in force; all rows, as a list, unless said.
    #[serde(default)]
    pub in_force: Option<InForce>,
    /// Without it nothing is pulled.
    #[serde(default)]
    pub required: bool,
}

/// The row that is in force: the latest that began by today and has not ended; before the first one, the earliest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InForce {
    /// Where a row's first day lies.
    pub from: Path,
    /// Where its last day lies.
    #[serde(default)]
    pub to: Option<Path>,
}

/// A call for each record: `.detail.<name>` in the mapping. It may use `id` and `record`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// The request.
    pub request: Request,
    /// Where the detail lies in the answer.
    #[serde(default)]
    pub value: Path,
    /// Where `.record` or `.parent` says `true` when there is none: nobody asks then, and the detail is null.
    #[serde(default)]
    pub unless: Option<Path>,
    /// Id of a value: nobody asks unless it is filled in, and the detail is null.
    #[serde(default)]
    pub only_if: Option<String>,
    /// Calls at the same time.
    #[serde(default = "four")]
    pub concurrency: u8,
    /// A record without it is refused; otherwise the detail is null.
    #[serde(default)]
    pub required: bool,
}

fn one() -> u64 {
    1
}

fn four() -> u8 {
    4
}
