//! Errors of the management API: one table of codes, from which answers (RFC 9457), the OpenAPI document and
//! `docs/ERRORS.md` are made.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use crate::http::error;
use crate::scim;
use crate::scim::error::ScimType;
use crate::service;

/// Media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What can go wrong, and what to do next.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The code: what programs look at.
    pub code: &'static str,
    /// Status.
    pub status: u16,
    /// What it means, whatever the request.
    pub title: &'static str,
    /// What to do next.
    pub next: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal $next:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code { code: $code, status: $status, title: $title, next: $next };)*
        /// All codes, by status.
        pub const CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    INVALID_JSON "invalid-json" 400 "The body cannot be read"
        "Send one JSON object in UTF-8; `detail` names the place.";
    INVALID_VALUE "invalid-value" 400 "A value breaks a rule"
        "Correct what `detail` names; `/api/openapi.json` has every field and parameter.";
    BAD_FILE "bad-file" 400 "The file is refused, all of it"
        "Mend what `detail` names, with its line, and send the file again; nobody was changed.";
    UNAUTHORIZED "unauthorized" 401 "There is no valid token"
        "Send `Authorization: Bearer …` with a token that has not ended and was not revoked, of a tenant that is not suspended.";
    FORBIDDEN "forbidden" 403 "This token may not do it, or not now"
        "Use a token of a role that `/api/openapi.json` names for the route, or first do what `detail` says.";
    NOT_ENTITLED "not-entitled" 403 "The tenant's plan does not include it"
        "Nothing was changed. Choose a plan that includes what `detail` names, or free what is taken.";
    NOT_FOUND "not-found" 404 "There is no such thing here"
        "Look it up in its list. What belongs to another tenant looks the same as what does not exist.";
    METHOD_NOT_ALLOWED "method-not-allowed" 405 "The address does not take the method"
        "Use a method that the header `Allow` names.";
    TIMEOUT "timeout" 408 "The body did not arrive in time"
        "Send it again, faster; the operator sets the time (`body_seconds`).";
    CONFLICT "conflict" 409 "A value is taken"
        "Choose another value, or go on with the thing that has it.";
    KEY_REUSED "key-reused" 409 "The Idempotency-Key was used for another request"
        "Take a new key for each thing that is to be created, and repeat a request with its own key only.";
    NOT_NOW "not-now" 409 "It is not in a state in which that is possible"
        "Look at its state; `detail` names it, and what can be done now.";
    STALE_PLAN "stale-plan" 409 "The plan is not what would be done now"
        "Discard it, and pull the connection again: `detail` says what changed since it was made.";
    TOO_LARGE "too-large" 413 "The request is too large"
        "Send less at once; the operator sets the limits (docs/LIMITS.md).";
    UNSUPPORTED_MEDIA "unsupported-media" 415 "The body is in a form that is not taken"
        "Send `Content-Type: application/json` (a file: `text/csv`), without a content encoding.";
    TOO_MANY_REQUESTS "too-many-requests" 429 "This token sends too many requests"
        "Wait for the seconds that `Retry-After` names, or send fewer.";
    HEADERS_TOO_LARGE "headers-too-large" 431 "The headers are too many or too large"
        "Send fewer or shorter headers.";
    FAILED "failed" 500 "The service failed"
        "Tell its operator the `request`. Trying again may help, and does no harm.";
    UNAVAILABLE "unavailable" 503 "The service cannot do this now"
        "Try again after the seconds that `Retry-After` names. A write may have taken place: read first, or repeat it with the same Idempotency-Key.";
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem {
    /// What it is.
    pub code: &'static Code,
    /// What exactly: which input, which rule.
    pub detail: String,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u64>,
}

/// Result of a handler.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// Without a time to wait.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A value that breaks a rule.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(&INVALID_VALUE, detail)
    }

    /// An operation's error; the log gets what the client is not told.
    pub fn of(error: impl Into<service::Error>, request: &str) -> Self {
        let error = error.into();
        match error {
            service::Error::NotNow(detail) => return Self::new(&NOT_NOW, detail),
            service::Error::NotEntitled(detail) => return Self::new(&NOT_ENTITLED, detail),
            service::Error::Stale(detail) => return Self::new(&STALE_PLAN, detail),
            _ => {}
        }
        let told = error::to_scim(&error, request);
        if told.status >= 500 {
            tracing::error!(request.id = %request, error = %error, "a request failed");
        }
        Self::from(told)
    }

    /// The answer.
    pub fn respond(&self, request: &str) -> HttpResponse {
        let Code {
            code,
            status,
            title,
            next,
        } = self.code;
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"rosterd\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || self.retry_after.is_some() {
            response.insert_header((RETRY_AFTER, self.retry_after.unwrap_or(1)));
        }
        let body = json!({
            "type": format!("urn:rosterd:problem:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
            "code": code,
            "next": next,
            "request": request,
        });
        response.body(body.to_string())
    }
}

impl From<scim::Error> for Problem {
    fn from(error: scim::Error) -> Self {
        let is_syntax = error.scim_type == Some(ScimType::InvalidSyntax);
        let code = match error.status {
            400 if is_syntax => &INVALID_JSON,
            400 => &INVALID_VALUE,
            401 => &UNAUTHORIZED,
            403 => &FORBIDDEN,
            404 => &NOT_FOUND,
            405 => &METHOD_NOT_ALLOWED,
            408 => &TIMEOUT,
            409 => &CONFLICT,
            413 => &TOO_LARGE,
            415 => &UNSUPPORTED_MEDIA,
            429 => &TOO_MANY_REQUESTS,
            431 => &HEADERS_TOO_LARGE,
            503 => &UNAVAILABLE,
            _ => &FAILED,
        };
        Self::new(code, error.detail)
    }
}

/// The codes as a table in Markdown.
pub fn table() -> String {
    let mut text =
        "| status | code | meaning | what to do next |\n| --- | --- | --- | --- |\n".to_owned();
    for code in CODES {
        text.push_str(&format!(
            "| {} | `{}` | {} | {} |\n",
            code.status, code.code, code.title, code.next
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_has_what_to_do() {
        for (n, code) in CODES.iter().enumerate() {
            assert!(CODES[n + 1..].iter().all(|other| other.code != code.code));
            assert!((400..600).contains(&code.status) && code.next.ends_with('.'));
        }
        assert!(CODES.is_sorted_by_key(|code| code.status));
    }

    #[test]
    fn every_status_of_the_protocol_has_its_code() {
        for status in [
            400, 401, 403, 404, 405, 408, 409, 413, 415, 429, 431, 500, 503,
        ] {
            let problem = Problem::from(scim::Error::plain(status, "x"));
            assert_eq!(problem.code.status, status);
        }
        let syntax = Problem::from(scim::Error::invalid_syntax("x"));
        assert_eq!(syntax.code, &INVALID_JSON);
    }
}
