//! A request and an answer, as a stand-in sees them.

use actix_web::web;
use serde_json::{Map, Value, json};

/// A request.
#[derive(Debug, Default)]
pub struct Call {
    /// In capitals.
    pub method: String,
    /// Without the query and without the stand-in's own prefix.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As sent.
    pub body: Vec<u8>,
    /// What stands in the places of the route's path that are named.
    pub places: Vec<String>,
}

impl Call {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the query.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let read = |text: &str| {
            text.parse()
                .map_err(|_| Refusal::Bad(format!("`{name}` must be a number")))
        };
        self.param(name).map(read).transpose()
    }

    /// What stands at this named place of the path.
    pub fn place(&self, at: usize) -> &str {
        self.places.get(at).map_or("", String::as_str)
    }

    /// User name and password of HTTP Basic.
    pub fn basic(&self) -> Option<(String, String)> {
        let sent = self.header("authorization")?.strip_prefix("Basic ")?;
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, sent).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (name, password) = text.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The bearer token.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Whether `Accept` names this type; `*/*` does not.
    pub fn accepts(&self, kind: &str) -> bool {
        let accept = self.header("accept").unwrap_or_default();
        let mut named = accept.split(',').filter_map(|t| t.split(';').next());
        named.any(|t| t.trim().eq_ignore_ascii_case(kind))
    }

    /// Whether the body is said to be of this type.
    pub fn is_of(&self, kind: &str) -> bool {
        let sent = self.header("content-type").unwrap_or_default();
        let sent = sent.split(';').next().unwrap_or_default();
        sent.trim().eq_ignore_ascii_case(kind)
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// It is none, or is not said to be one.
    pub fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if !self.is_of("application/json") {
            return Err(Refusal::Bad("Content-Type must be application/json".into()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::Bad("the body must be a JSON object".into()))
    }

    /// The body as a form.
    ///
    /// # Errors
    /// It is none, or is not said to be one.
    pub fn form(&self) -> Result<Vec<(String, String)>, Refusal> {
        if !self.is_of("application/x-www-form-urlencoded") {
            let wanted = "Content-Type must be application/x-www-form-urlencoded";
            return Err(Refusal::Bad(wanted.into()));
        }
        let text = String::from_utf8_lossy(&self.body);
        pairs(&text).ok_or_else(|| Refusal::Bad("the body must be a form".into()))
    }
}

/// Names and values of a query or form.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let read = web::Query::<Vec<(String, String)>>::from_query(text).ok()?;
    Some(read.into_inner())
}

/// Why a request is not answered as asked; each vendor has its own words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No or wrong credentials.
    Unauthorized,
    /// The credentials do not reach so far.
    Forbidden,
    /// No such path, or nobody with this id.
    NotFound,
    /// The path exists, not with this method.
    WrongMethod,
    /// The request is not understood: why.
    Bad(String),
    /// Well-formed, but not to be done: why.
    Invalid(String),
    /// Too many requests; try again in so many seconds.
    TooMany(i64),
    /// The vendor's own failure.
    Broken,
    /// An answer of this vendor alone.
    Special(Box<Reply>),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers beside the type.
    pub headers: Vec<(&'static str, String)>,
    /// Content type.
    pub kind: &'static str,
    /// Body.
    pub body: Vec<u8>,
    /// The connection ends after this many bytes of the body.
    pub cut: Option<usize>,
}

impl Reply {
    /// An answer with this body.
    pub fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            kind,
            body: body.into(),
            cut: None,
        }
    }

    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    /// An error as RFC 9457 has it.
    pub fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body =
            json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        Self::new(status, "application/problem+json", body.to_string())
    }

    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
