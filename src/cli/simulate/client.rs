//! The HTTP side: sends one request the way the provider does, times it, and hands back what came, unjudged.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCEPT_CHARSET, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use serde_json::Value;

use super::report::Kind;
use crate::cli::outgoing::{self, chain};

/// The headers a provider sends. `Accept-Encoding` is left out: this client reads plain bodies only.
#[derive(Debug, Clone, Copy)]
pub struct Flavour {
    user_agent: Option<&'static str>,
    accept: &'static str,
    accept_charset: Option<&'static str>,
    /// How a space is written in a query.
    space: &'static str,
}

impl Flavour {
    /// Okta's provisioning client.
    pub const OKTA: Flavour = Flavour {
        user_agent: Some("Okta SCIM Client 1.0.0"),
        accept: "application/scim+json",
        accept_charset: Some("utf-8"),
        space: "%20",
    };
    /// Entra's provisioning service: servers that insist on an `Accept` of their own have answered it with 406.
    pub const ENTRA: Flavour = Flavour {
        user_agent: None,
        accept: "*/*",
        accept_charset: None,
        space: "+",
    };
}

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The bearer token of the run.
    Token,
    /// An `Authorization` header without a scheme word: the specification test's way of being nobody.
    Nonsense,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The row of the table it counts in.
    pub kind: Kind,
    /// The verb.
    pub method: Method,
    /// Path and query below the base URL, already encoded.
    pub target: String,
    /// The JSON document, if there is one.
    pub body: Option<Value>,
    /// Send the body as `application/json`.
    pub plain_json: bool,
    /// Who is calling.
    pub credentials: Credentials,
}

impl Call {
    /// A request without a body.
    pub fn bare(kind: Kind, method: Method, target: String) -> Call {
        Call {
            kind,
            method,
            target,
            body: None,
            plain_json: false,
            credentials: Credentials::Token,
        }
    }

    /// A GET.
    pub fn get(kind: Kind, target: String) -> Call {
        Call::bare(kind, Method::GET, target)
    }

    /// A request with a document.
    pub fn with(kind: Kind, method: Method, target: String, body: Value) -> Call {
        Call {
            body: Some(body),
            ..Call::bare(kind, method, target)
        }
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The status; 0 when no answer came.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: String,
    /// The `Retry-After` header in seconds.
    pub retry_after: Option<u64>,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is empty or no JSON.
    pub body: Value,
    /// Why no answer came.
    pub failure: Option<String>,
    /// From sending to the last byte.
    pub took: Duration,
}

impl Reply {
    /// Status and body in one line, for a report.
    pub fn summary(&self) -> String {
        match &self.failure {
            Some(reason) => reason.clone(),
            None if self.text.is_empty() => format!("{} without a body", self.status),
            None => format!("{} {}", self.status, self.text),
        }
    }

    /// A string at the top level of the body.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }
}

/// The client of one play.
pub struct Http {
    client: reqwest::Client,
    base: String,
    token: HeaderValue,
    flavour: Flavour,
}

impl Http {
    /// Checks the base URL and the token; nothing is sent yet.
    pub fn new(base: &str, token: &str, flavour: Flavour) -> Result<Http, String> {
        let url = outgoing::base_url(base)?;
        let mut token = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token has characters that no header can carry".to_owned())?;
        token.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(flavour.accept));
        for (name, value) in [
            (ACCEPT_CHARSET, flavour.accept_charset),
            (USER_AGENT, flavour.user_agent),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        let client = outgoing::client(&url)
            .default_headers(headers)
            .http1_title_case_headers()
            .build()
            .map_err(|error| format!("HTTP client: {}", chain(&error)))?;
        // A flag that an admin wrote into the tenant URL does not travel with each request.
        let base = base
            .split(['?', '#'])
            .next()
            .unwrap_or(base)
            .trim_end_matches('/')
            .to_owned();
        Ok(Http {
            client,
            base,
            token,
            flavour,
        })
    }

    /// Encodes a query value the way this provider does.
    pub fn encode(&self, text: &str) -> String {
        encode(text, self.flavour.space)
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(&self, call: &Call) -> Reply {
        let started = Instant::now();
        let mut reply = match self.attempt(call).await {
            Ok(reply) => reply,
            Err(error) => Reply {
                failure: Some(format!("no answer: {}", chain(&error))),
                ..Reply::default()
            },
        };
        reply.took = started.elapsed();
        reply
    }

    async fn attempt(&self, call: &Call) -> Result<Reply, reqwest::Error> {
        let mut request = self
            .client
            .request(call.method.clone(), format!("{}{}", self.base, call.target));
        request = match call.credentials {
            Credentials::Token => request.header(AUTHORIZATION, self.token.clone()),
            Credentials::Nonsense => request.header(AUTHORIZATION, "non-token"),
        };
        if let Some(body) = &call.body {
            let kind = if call.plain_json {
                "application/json"
            } else {
                "application/scim+json; charset=utf-8"
            };
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        let answer = request.send().await?;
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let mut reply = Reply {
            status: answer.status().as_u16(),
            content_type: header("content-type").to_owned(),
            retry_after: header("retry-after").parse().ok(),
            ..Reply::default()
        };
        reply.text = answer.text().await?;
        reply.body = serde_json::from_str(&reply.text).unwrap_or(Value::Null);
        Ok(reply)
    }
}

/// Percent-encodes everything but unreserved characters; the space has a spelling of its own.
fn encode(text: &str, space: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push_str(space),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Flavour, encode};

    #[test]
    fn queries_are_spelled_as_the_providers_spell_them() {
        let filter = r#"userName eq "ann@x.test""#;
        assert_eq!(
            encode(filter, Flavour::OKTA.space),
            "userName%20eq%20%22ann%40x.test%22"
        );
        assert_eq!(
            encode(filter, Flavour::ENTRA.space),
            "userName+eq+%22ann%40x.test%22"
        );
        assert_eq!(encode("o'neil+é", "+"), "o%27neil%2B%C3%A9");
    }
}
