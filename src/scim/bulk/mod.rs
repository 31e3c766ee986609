//! Bulk requests (RFC 7644 §3.7): reading them, the references between their operations, and in which order these can
//! be carried out. What an operation does is not known here: its data stays unread, so that a fault in it is its own.

mod references;
mod schedule;

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::error::{Error, Result, quote};
use super::schema::ResourceKind;
use super::{etag, json};

pub use schedule::{Part, Prepared, Schedule, Step};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// A bulk request.
#[derive(Debug)]
pub struct BulkRequest<'b> {
    /// After so many errors no further operation is begun.
    pub fail_on_errors: Option<usize>,
    /// Operations as they were sent.
    pub operations: Vec<Operation<'b>>,
}

/// One operation: what its answer repeats, and what is to be done.
#[derive(Debug)]
pub struct Operation<'b> {
    /// `method`, in capitals, known or not.
    pub method: Option<String>,
    /// `bulkId`.
    pub bulk_id: Option<String>,
    /// What is to be done, or why that cannot be told.
    pub work: Result<Work<'b>>,
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work<'b> {
    /// POST, PUT, PATCH or DELETE.
    pub method: &'static str,
    /// First part of the path, such as `/Users`.
    pub endpoint: String,
    /// The resource; none where one is created.
    pub target: Option<Target>,
    /// `version`, which stands for `If-Match`.
    pub version: Option<String>,
    /// The body as JSON text; empty where there is none.
    pub data: &'b str,
    /// `bulkId`s to which the data refers.
    pub references: BTreeSet<String>,
}

/// The resource that a path names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// By its id, as it stands in the path.
    Id(String),
    /// By the `bulkId` of the operation that creates it.
    Made(String),
}

impl Operation<'_> {
    /// The `bulkId` of what this operation creates.
    fn makes(&self) -> Option<&str> {
        self.bulk_id
            .as_deref()
            .filter(|_| self.method.as_deref() == Some("POST"))
    }
}

/// Reads a body; `limit` is the most operations.
///
/// # Errors
/// `invalidSyntax` or `invalidValue` for what is wrong around the operations, 413 for too many of them. What is wrong
/// with one operation is in its [`Operation::work`].
pub fn parse(body: &[u8], limit: usize) -> Result<BulkRequest<'_>> {
    let members = json::members(body)?;
    check_schemas(get(&members, "schemas"))?;
    let fail_on_errors = get(&members, "failOnErrors")
        .map(fail_on_errors)
        .transpose()?
        .flatten();
    let none = || {
        Error::invalid_syntax(
            "`Operations` of a BulkRequest must be a list of at least one operation",
        )
    };
    let list = get(&members, "Operations").ok_or_else(none)?;
    let (items, count) = json::items(list, limit)?;
    if count > limit {
        return Err(Error::plain(
            413,
            format!(
                "the request has {count} operations and exceeds maxOperations ({limit}): send several requests"
            ),
        ));
    }
    if items.is_empty() {
        return Err(none());
    }
    let operations = items.into_iter().enumerate();
    let mut operations: Vec<Operation<'_>> =
        operations.map(|(i, text)| operation(i, text)).collect();
    check_bulk_ids(&mut operations);
    Ok(BulkRequest {
        fail_on_errors,
        operations,
    })
}

fn get<'b>(members: &[(String, &'b str)], name: &str) -> Option<&'b str> {
    let mut named = members.iter().filter(|(k, _)| k.eq_ignore_ascii_case(name));
    named.next().map(|(_, text)| *text)
}

fn check_schemas(text: Option<&str>) -> Result<()> {
    let urns = text.map(|t| json::parse(t.as_bytes())).transpose()?;
    let urns = urns.as_ref().and_then(Value::as_array);
    let mut urns = urns.into_iter().flatten().filter_map(Value::as_str);
    match urns.any(|urn| urn.eq_ignore_ascii_case(BULK_REQUEST)) {
        true => Ok(()),
        false => Err(Error::invalid_syntax(format!(
            "`schemas` must hold `{BULK_REQUEST}`"
        ))),
    }
}

fn fail_on_errors(text: &str) -> Result<Option<usize>> {
    let value = json::parse(text.as_bytes())?;
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_u64().filter(|n| *n > 0).ok_or_else(|| {
        Error::invalid_value(format!(
            "`failOnErrors` takes a whole number from 1; got `{}`",
            quote(text)
        ))
    })?;
    Ok(Some(usize::try_from(number).unwrap_or(usize::MAX)))
}

fn operation(i: usize, text: &str) -> Operation<'_> {
    let mut operation = Operation {
        method: None,
        bulk_id: None,
        work: Err(Error::invalid_syntax(format!(
            "`Operations[{i}]` cannot be read"
        ))),
    };
    operation.work = read(&mut operation, text).map_err(|error| Error {
        detail: format!("`Operations[{i}]`: {}", error.detail),
        ..error
    });
    operation
}

fn read<'b>(operation: &mut Operation<'_>, text: &'b str) -> Result<Work<'b>> {
    let members = json::members(text.as_bytes())?;
    operation.bulk_id = word(&members, "bulkId")?;
    operation.method = word(&members, "method")?.map(|m| m.to_ascii_uppercase());
    let given = operation.method.as_deref().unwrap_or_default();
    let known = ["POST", "PUT", "PATCH", "DELETE"];
    let method = known.into_iter().find(|m| *m == given).ok_or_else(|| {
        Error::invalid_syntax(format!(
            "`method` must be POST, PUT, PATCH or DELETE; got `{}`",
            quote(given)
        ))
    })?;
    if method == "POST" && operation.bulk_id.is_none() {
        return Err(Error::invalid_syntax("a POST needs a `bulkId`"));
    }
    let path = word(&members, "path")?.ok_or_else(|| {
        Error::invalid_syntax("`path` is required, such as `/Users` or `/Users/{id}`")
    })?;
    let (endpoint, target) = split(&path);
    let data = match get(&members, "data").filter(|text| *text != "null") {
        _ if method == "DELETE" => "",
        Some(data) => data,
        None => return Err(Error::invalid_syntax(format!("a {method} needs `data`"))),
    };
    Ok(Work {
        method,
        endpoint,
        target,
        version: word(&members, "version")?,
        data,
        references: references::of(data),
    })
}

/// A text among the members; an empty one is none.
fn word(members: &[(String, &str)], name: &str) -> Result<Option<String>> {
    let Some(text) = get(members, name) else {
        return Ok(None);
    };
    match json::parse(text.as_bytes())? {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then_some(text)),
        _ => Err(Error::invalid_syntax(format!("`{name}` takes a text"))),
    }
}

/// Endpoint and resource of a path; a query behind it has no meaning here, since no resource is answered.
fn split(path: &str) -> (String, Option<Target>) {
    let path = path.trim_start_matches('/');
    let (endpoint, rest) = path.split_once('/').unwrap_or((path, ""));
    let target = match references::reference(rest) {
        Some(name) => Some(Target::Made(name.to_owned())),
        None => {
            let id = rest.split('?').next().unwrap_or_default();
            let id = id.trim_matches('/');
            (!id.is_empty()).then(|| Target::Id(id.to_owned()))
        }
    };
    let endpoint = endpoint.split('?').next().unwrap_or_default();
    (format!("/{endpoint}"), target)
}

/// Each created resource has a `bulkId` of its own, and every reference names one of these.
fn check_bulk_ids(operations: &mut [Operation<'_>]) {
    let mut made: HashMap<String, usize> = HashMap::new();
    for name in operations.iter().filter_map(Operation::makes) {
        *made.entry(name.to_owned()).or_default() += 1;
    }
    for (i, operation) in operations.iter_mut().enumerate() {
        let twice = operation.makes().filter(|name| made[*name] > 1).map(quote);
        let mut names = operation.work.iter().flat_map(Work::names);
        let unknown = names.find(|name| !made.contains_key(*name)).map(quote);
        drop(names);
        if let Some(name) = twice {
            operation.work = Err(Error::invalid_syntax(format!(
                "`Operations[{i}]`: the bulkId `{name}` stands in several operations: each POST needs one of its own"
            )));
        } else if let Some(name) = unknown {
            operation.work = Err(Error::invalid_value(format!(
                "`Operations[{i}]`: no POST of this request has the bulkId `{name}`"
            )));
        }
    }
}

/// A change that names more members than the store changes at once has more bytes than this: each takes at least `"a",`.
const NAMES_MANY: usize = 4 * 500;

impl Work<'_> {
    /// The resource that is changed.
    fn resource(&self) -> Option<(&str, &Target)> {
        Some((&self.endpoint, self.target.as_ref()?))
    }

    /// Whether the change may be more than one write: it names many members, or replaces or removes members without
    /// naming them all. Told from the text, on the safe side: whoever waits in vain only shares no commit.
    fn may_be_large(&self) -> bool {
        let text = self.data.to_ascii_lowercase();
        // A letter may be written as an escape.
        let has = |word: &str| text.contains(word) || text.contains("\\u");
        let is_change = ["PUT", "PATCH"].contains(&self.method)
            && self.endpoint == ResourceKind::Group.endpoint();
        let names_none = self.method == "PUT" || has("\"remove\"") || has("\"replace\"");
        is_change && has("members") && (text.len() > NAMES_MANY || names_none)
    }

    /// All `bulkId`s that must become ids.
    fn names(&self) -> impl Iterator<Item = &str> {
        let target = match &self.target {
            Some(Target::Made(name)) => Some(name.as_str()),
            _ => None,
        };
        target
            .into_iter()
            .chain(self.references.iter().map(String::as_str))
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Status, of an error too.
    pub status: u16,
    /// Version of the resource.
    pub version: Option<i64>,
    /// Where the resource is.
    pub location: Option<String>,
    /// What went wrong.
    pub error: Option<Error>,
}

/// The `BulkResponse` of the operations that were carried out.
pub fn response<'r>(answers: impl Iterator<Item = (&'r Operation<'r>, Answer)>) -> Value {
    let operations = answers.map(|(operation, answer)| {
        let mut one = json!({"status": answer.status.to_string()});
        let parts = [
            ("method", operation.method.clone()),
            ("bulkId", operation.bulk_id.clone()),
            ("version", answer.version.map(etag::weak)),
            ("location", answer.location),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                one[name] = Value::from(value);
            }
        }
        if let Some(error) = answer.error {
            one["response"] = error.to_body();
        }
        one
    });
    json!({"schemas": [BULK_RESPONSE], "Operations": operations.collect::<Value>()})
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::scim::ScimType;

    fn request(operations: &str) -> String {
        format!(r#"{{"schemas":["{BULK_REQUEST}"],"Operations":{operations}}}"#)
    }

    #[test]
    fn what_is_wrong_around_the_operations_is_the_requests_fault() {
        let one = r#"[{"method":"DELETE","path":"/Users/1"}]"#;
        let cases = [
            ("[]".to_owned(), 400),
            (format!(r#"{{"Operations":{one}}}"#), 400),
            (request("[]"), 400),
            (request("{}"), 400),
            (request("null"), 400),
            (request(one).replace("\"Op", "\"failOnErrors\":0,\"Op"), 400),
            (
                request(one).replace("\"Op", "\"failOnErrors\":\"x\",\"Op"),
                400,
            ),
            (request("[1,2,3]"), 413),
        ];
        for (body, status) in cases {
            let refused = parse(body.as_bytes(), 2).map(|_| ()).expect_err(&body);
            assert_eq!(refused.status, status, "{body}: {refused}");
        }
        let body = request(one).replace("\"Op", "\"FAILONERRORS\":2,\"op");
        let read = parse(body.as_bytes(), 2).expect("names count in any letter case");
        assert_eq!((read.fail_on_errors, read.operations.len()), (Some(2), 1));
    }

    #[test]
    fn what_is_wrong_with_an_operation_is_its_own_fault() {
        let cases = [
            ("7", ScimType::InvalidSyntax, "object"),
            (r#"{"path":"/Users"}"#, ScimType::InvalidSyntax, "method"),
            (
                r#"{"method":"GET","path":"/Users/1"}"#,
                ScimType::InvalidSyntax,
                "GET",
            ),
            (
                r#"{"method":"POST","path":"/Users","data":{}}"#,
                ScimType::InvalidSyntax,
                "bulkId",
            ),
            (
                r#"{"method":"PUT","data":{}}"#,
                ScimType::InvalidSyntax,
                "path",
            ),
            (
                r#"{"method":"PUT","path":"/Users/1"}"#,
                ScimType::InvalidSyntax,
                "data",
            ),
            (
                r#"{"method":"PUT","path":7,"data":{}}"#,
                ScimType::InvalidSyntax,
                "path",
            ),
            (
                r#"{"method":"PUT","path":"/U\u0000","data":{}}"#,
                ScimType::InvalidValue,
                "U+0000",
            ),
            (
                r#"{"method":"PUT","METHOD":"PUT"}"#,
                ScimType::InvalidSyntax,
                "twice",
            ),
            (
                r#"{"method":"DELETE","path":"/Users/bulkId:nobody"}"#,
                ScimType::InvalidValue,
                "nobody",
            ),
        ];
        let good = r#"{"method":"post","path":"/Users","bulkId":"a","data":{}}"#;
        for (text, kind, word) in cases {
            let body = request(&format!("[{text},{good}]"));
            let read = parse(body.as_bytes(), 9).expect(text);
            let fault = read.operations[0].work.as_ref().expect_err(text);
            assert_eq!(fault.scim_type, Some(kind), "{fault}");
            assert!(fault.detail.contains(word), "{fault}");
            assert!(fault.detail.starts_with("`Operations[0]`"), "{fault}");
            assert!(read.operations[1].work.is_ok());
        }
        let body = request(&format!("[{good},{good}]"));
        let read = parse(body.as_bytes(), 9).expect("readable");
        assert!(read.operations.iter().all(|o| o.work.is_err()));
    }

    #[test]
    fn a_path_names_an_endpoint_and_perhaps_a_resource() {
        let id = |text: &str| Some(Target::Id(text.to_owned()));
        for (path, endpoint, target) in [
            ("/Users", "/Users", None),
            ("Users/", "/Users", None),
            ("/Users?x=1", "/Users", None),
            ("//Users/7?x=1", "/Users", id("7")),
            ("/Users/7/8", "/Users", id("7/8")),
            (
                "/Users/bulkId:a b/c",
                "/Users",
                Some(Target::Made("a b/c".to_owned())),
            ),
            ("", "/", None),
        ] {
            assert_eq!(split(path), (endpoint.to_owned(), target), "{path}");
        }
    }
}
