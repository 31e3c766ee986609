//! One request, ready to be sent, and how it is made of a connector's templates.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::Url;
use serde_json::Value;

use crate::hris::error::{Error, Kind};
use crate::hris::manifest::{Body, Method, PlainText, Request, UrlText};
use crate::hris::template;

/// One request to an address of the vendor.
#[derive(Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Address.
    pub url: Url,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body and its type.
    pub body: Option<(Vec<u8>, &'static str)>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Query, headers and body may hold secrets.
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A POST to a token call.
    pub fn post(url: &UrlText, values: &Value) -> Result<Self, Error> {
        Ok(Self {
            method: Method::Post,
            url: address(url, values)?,
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: None,
        })
    }

    /// Fills in a request. `common` are headers of every request; the request's own win.
    pub fn build(
        request: &Request,
        common: &BTreeMap<String, PlainText>,
        values: &Value,
    ) -> Result<Self, Error> {
        let mut call = Self {
            method: request.method,
            url: address(&request.url, values)?,
            headers: Vec::new(),
            body: None,
        };
        for (name, all) in &request.query {
            for text in all.all() {
                call.add_query(name, &filled(text.render(values))?);
            }
        }
        for (name, text) in common.iter().chain(&request.headers) {
            call.set_header(name, &filled(text.render(values))?);
        }
        if let Some(body) = &request.body {
            call.fill(body, values)?;
        }
        Ok(call)
    }

    /// Fills in the body.
    pub fn fill(&mut self, body: &Body, values: &Value) -> Result<(), Error> {
        self.body = Some(match body {
            Body::Json(text) => (
                filled(text.render(values))?.into_bytes(),
                "application/json",
            ),
            Body::Xml(text) => (
                filled(text.render(values))?.into_bytes(),
                "text/xml; charset=utf-8",
            ),
            Body::Form(form) => {
                let mut pairs = Vec::new();
                for (name, text) in form {
                    pairs.push((name.clone(), filled(text.render(values))?));
                }
                return self.set_form(&pairs);
            }
        });
        Ok(())
    }

    /// Sets a form as the body; what is empty is not sent.
    pub fn set_form(&mut self, pairs: &[(String, String)]) -> Result<(), Error> {
        let sent = pairs.iter().filter(|(_, value)| !value.is_empty());
        let text: Vec<String> = sent
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        self.body = Some((
            text.join("&").into_bytes(),
            "application/x-www-form-urlencoded",
        ));
        Ok(())
    }

    /// Adds a parameter; an empty one is not sent.
    pub fn add_query(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let pair = format!("{}={}", encode(name), encode(value));
        let query = match self.url.query() {
            Some(query) => format!("{query}&{pair}"),
            None => pair,
        };
        self.url.set_query(Some(&query));
    }

    /// Sets a header; an empty one is not sent.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The request for the HTTP client, to where it is really sent.
    pub(super) fn request(
        &self,
        http: &reqwest::Client,
        target: Url,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let mut request = match self.method {
            Method::Get => http.get(target),
            Method::Post => http.post(target),
        };
        for (name, value) in &self.headers {
            // Never the value: it may be a secret.
            let value = reqwest::header::HeaderValue::from_str(value)
                .map_err(|_| Error::new(Kind::Settings, "header_value").with("header", name))?;
            request = request.header(name, value);
        }
        if let Some((body, kind)) = &self.body {
            if !self
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                request = request.header("Content-Type", *kind);
            }
            request = request.body(body.clone());
        }
        Ok(request)
    }
}

fn address(text: &UrlText, values: &Value) -> Result<Url, Error> {
    let filled = filled(text.render(values))?;
    Url::parse(&filled).map_err(|error| {
        Error::new(Kind::Settings, "address")
            .with("template", text.source())
            .with("what", error)
    })
}

/// What a template gave. Errors (kind settings): `template`.
pub fn filled(result: Result<String, template::Error>) -> Result<String, Error> {
    result.map_err(|error| Error::new(Kind::Settings, "template").with("what", error))
}

/// Percent-encodes everything but what RFC 3986 calls unreserved.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
