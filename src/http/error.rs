//! The one place where errors become answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::auth::Refusal;
use crate::scim;
use crate::service;
use crate::storage;

/// Media type of every SCIM answer.
pub const SCIM_JSON: &str = "application/scim+json";

/// Turns an operation's error into what the client is told; `request` names the line in the log.
pub fn to_scim(error: &service::Error, request: &str) -> scim::Error {
    use service::Error as E;
    match error {
        E::NotFound(detail) => scim::Error::plain(404, detail.clone()),
        E::Conflict(detail) => scim::Error::uniqueness(detail.clone()),
        E::NotNow(detail) | E::Stale(detail) => scim::Error::plain(409, detail.clone()),
        E::VersionMismatch(detail) => scim::Error::plain(412, detail.clone()),
        E::Forbidden(detail) | E::NotEntitled(detail) => scim::Error::plain(403, detail.clone()),
        E::Invalid(error) => error.clone(),
        E::Storage(
            storage::Error::Unavailable(_) | storage::Error::Retry(_) | storage::Error::Lost(_),
        ) => scim::Error::plain(
            503,
            format!("the service cannot do this now; try again (request {request})"),
        ),
        E::Storage(storage::Error::TooLong) => scim::Error::too_many(
            "the query takes longer than a read may take here (read_seconds): narrow the filter by an attribute that is \
             looked up by an index, such as `userName`, `externalId`, `emails.value` or `displayName`",
        ),
        E::Storage(_) => scim::Error::plain(
            500,
            format!("the service failed; tell its operator the request id {request}"),
        ),
    }
}

/// Turns a refused credential into what the client is told.
pub fn refusal(refusal: &Refusal) -> scim::Error {
    let status = match refusal {
        Refusal::Unauthorized => 401,
        Refusal::Forbidden(_) => 403,
        Refusal::Unavailable => 503,
    };
    scim::Error::plain(status, refusal.to_string())
}

/// The answer for an error.
pub fn respond(error: &scim::Error) -> HttpResponse {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((CONTENT_TYPE, SCIM_JSON));
    if status == StatusCode::UNAUTHORIZED {
        response.append_header((WWW_AUTHENTICATE, "Bearer realm=\"rosterd\""));
        response.append_header((
            WWW_AUTHENTICATE,
            "Basic realm=\"rosterd\", charset=\"UTF-8\"",
        ));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response.body(error.to_body().to_string())
}
