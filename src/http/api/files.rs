//! Files of people that are handed in, by an admin or by an HR system's own job, and what is known of the last one.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use futures_util::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{BAD_FILE, NOT_FOUND, Problem, Result, TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA};
use super::time;
use crate::domain::clock::Millis;
use crate::domain::roles::Role;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::credentials::NewToken;
use crate::service::files::{Arriving, LARGEST, Look, Told};
use crate::service::{self, Caller};

/// The whole file arrives in this time.
const WHOLE: Duration = Duration::from_secs(30 * 60);
/// Media types of files of rows; without one it is taken for CSV.
pub(super) const MEDIA: [&str; 5] = [
    "text/csv",
    "text/tab-separated-values",
    "text/plain",
    "application/csv",
    "application/octet-stream",
];

/// Something about a file or a row.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// What programs look at.
    #[schema(example = "csv.status")]
    code: String,
    /// What it means and what to do next.
    text: String,
    /// Which field or column; never a value of a person.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, String>,
    /// Line of the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

/// A file that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// SHA-256 of its bytes, in hexadecimal.
    sha256: String,
    /// The same bytes as the last file: a sign of life, and no proof of who is absent.
    is_same: bool,
    /// People in it.
    people: u64,
    /// Headers by the field that they were taken for.
    columns: BTreeMap<String, String>,
    /// Delimiter that was found.
    #[schema(example = ";")]
    delimiter: String,
    /// Encoding that was found.
    #[schema(example = "UTF-8")]
    encoding: String,
    /// What an admin should see.
    warnings: Vec<Note>,
    /// Rows that are refused. Nobody of them is taken for absent.
    refused: u64,
    /// The first twenty of them.
    rows: Vec<Note>,
}

/// What is known of a connection's files.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileState {
    /// Whether a file waits to be read.
    is_waiting: bool,
    /// SHA-256 of the last file that was read whole; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// When those bytes were first read.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_read_at: Option<String>,
    /// When a file last came.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// Fields that it has columns for.
    fields: Vec<String>,
    /// People whom it missed, and who keep access until another file, or an admin, confirms it.
    missed: u64,
}

/// How an HR system's job hands files in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drop {
    /// Where files go.
    url: String,
    /// Id of the token; it is listed and revoked with the others.
    token_id: String,
    /// The token: this once, and never again. It hands in files of this connection, and can do nothing else.
    token: String,
    /// The line for the job.
    #[schema(
        example = "curl --fail -T people.csv -H 'Authorization: Bearer rst_…' https://…/file"
    )]
    curl: String,
}

/// How many people are taken for gone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
    /// People whom the last file missed.
    missed: u64,
}

fn note(told: Told) -> Note {
    Note {
        code: told.code,
        text: told.text,
        params: told.params,
        line: told.line,
    }
}

fn received(look: Look) -> Received {
    Received {
        sha256: look.sha256,
        is_same: look.is_same,
        people: look.people,
        columns: look.columns,
        delimiter: look.delimiter,
        encoding: look.encoding,
        warnings: look.warnings.into_iter().map(note).collect(),
        refused: look.refused,
        rows: look.rows.into_iter().map(note).collect(),
    }
}

/// Hand in a file.
///
/// CSV in any dialect, at most 100 MB, as it is (`curl -T people.csv`). It is looked through to its last row before it is
/// taken: one that cannot be read is refused whole, with the line. It is sealed while it waits, read within seconds, and
/// not kept. The newest file counts, since each holds everybody, unless the connection says that files hold changes only.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/connections/{id}/file",
    request_body(content = String, content_type = "text/csv", description = "The file."),
    responses((status = 202, description = "It was taken, and is read within seconds.", body = Received)))]
pub async fn put(mut call: Call) -> Result<Reply> {
    own(&call)?;
    let (service, caller) = (call.state.service.clone(), call.caller()?);
    let as_of = match call.parameter("asOf") {
        None => None,
        Some(text) => Some(Millis::from_rfc3339(text).ok_or_else(|| {
            Problem::invalid(format!(
                "`asOf` takes a time such as 2027-01-31T02:00:00Z; got `{}`",
                quote(text)
            ))
        })?),
    };
    let begun = service.begin_upload(&caller, &call.id, as_of).await;
    let mut arriving = begun.map_err(|e| call.explain(e))?;
    if let Err(problem) = stream(&mut call, &caller, &mut arriving).await {
        let cut = service.cut_upload(&caller, arriving).await;
        cut.map_err(|e| call.explain(e))?;
        return Err(problem);
    }
    let ended = service.end_upload(&caller, arriving).await;
    match ended.map_err(|e| call.explain(e))? {
        Ok(look) => reply(202, &received(look)),
        Err(told) => Err(refused(&told)),
    }
}

/// Look through a file without taking it.
///
/// As handing it in would: the columns that are found and what they are taken for, how many people there are, which rows are
/// refused and why, with their lines. Nothing of it is kept, and nobody is changed.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/file/preview",
    request_body(content = String, content_type = "text/csv", description = "The file."),
    responses((status = 200, description = "What it is like.", body = Received)))]
pub async fn preview(mut call: Call) -> Result<Reply> {
    own(&call)?;
    let (service, caller) = (call.state.service.clone(), call.caller()?);
    let begun = service.begin_upload(&caller, &call.id, None).await;
    let mut arriving = begun.map_err(|e| call.explain(e))?;
    if let Err(problem) = stream(&mut call, &caller, &mut arriving).await {
        let cut = service.cut_upload(&caller, arriving).await;
        cut.map_err(|e| call.explain(e))?;
        return Err(problem);
    }
    let looked = service.preview_upload(&caller, arriving).await;
    match looked.map_err(|e| call.explain(e))? {
        Ok(look) => reply(200, &received(look)),
        Err(told) => Err(refused(&told)),
    }
}

/// A file that is refused as a whole.
fn refused(told: &Told) -> Problem {
    let line = told.line.map(|l| format!("line {l}: ")).unwrap_or_default();
    let detail = format!("{line}{} [{}]", told.text, told.code);
    Problem::new(&BAD_FILE, detail)
}

/// A job's token is for the files of its own connection.
fn own(call: &Call) -> Result<()> {
    let context = call.context.as_ref();
    let is_own = context.is_none_or(|c| {
        c.role != Role::Drop || c.connection.as_ref().is_some_and(|own| own.id == call.id)
    });
    match is_own {
        true => Ok(()),
        false => {
            let error = service::Error::no_such("connection", &call.id);
            Err(Problem::new(&NOT_FOUND, error.to_string()))
        }
    }
}

/// Takes the bytes as they come.
async fn stream(call: &mut Call, caller: &Caller, arriving: &mut Arriving) -> Result<()> {
    let too_large = || Problem::new(&TOO_LARGE, format!("a file has at most {LARGEST} bytes"));
    let Some(mut file) = call.file.take() else {
        return Ok(());
    };
    let (mut length, patience) = (0_u64, call.state.limits.body_time);
    let late = |_| {
        let seconds = patience.as_secs();
        let detail =
            format!("nothing arrived for {seconds} seconds, or not the whole file in half an hour");
        Problem::new(&TIMEOUT, detail)
    };
    let all = async {
        while let Some(chunk) = tokio::time::timeout(patience, file.next())
            .await
            .map_err(late)?
        {
            let chunk =
                chunk.map_err(|e| Problem::invalid(format!("the file was cut off: {e}")))?;
            length += chunk.len() as u64;
            if length > LARGEST {
                return Err(too_large());
            }
            let taken = call
                .state
                .service
                .take_bytes(caller, arriving, &chunk)
                .await;
            taken.map_err(|e| call.explain(e))?;
        }
        Ok(())
    };
    tokio::time::timeout(WHOLE, all).await.map_err(late)?
}

/// Refuses by its headers a file that would be refused anyway.
///
/// # Errors
/// `unsupported-media`, `too-large`.
pub fn check_headers(request: &HttpRequest, media: &[&str]) -> Result<()> {
    let header = |name: HeaderName| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
    };
    if let Some(kind) = header(CONTENT_TYPE) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !media.contains(&kind) {
            let (wanted, got) = (media.first().unwrap_or(&"text/csv"), quote(kind));
            let detail = format!("send the file as it is, as {wanted}; got `{got}`");
            return Err(Problem::new(&UNSUPPORTED_MEDIA, detail));
        }
    }
    if header(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "send the file without a content encoding";
        return Err(Problem::new(&UNSUPPORTED_MEDIA, detail));
    }
    let length = header(CONTENT_LENGTH).and_then(|l| l.parse::<u64>().ok());
    match length.is_some_and(|l| l > LARGEST) {
        true => {
            let detail = format!("a file has at most {LARGEST} bytes");
            Err(Problem::new(&TOO_LARGE, detail))
        }
        false => Ok(()),
    }
}

/// Show what is known of a connection's files.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/connections/{id}/file", responses((status = 200, description = "The last file, and whether one waits.", body = FileState)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let tenant = &caller.tenant;
    let explain = |e| call.explain(e);
    let row = service.find_connection(&caller, &call.id).await;
    let id = row.map_err(explain)?.id;
    let mark = service.find_file_mark(tenant, &id).await.map_err(explain)?;
    let waiting = service.find_waiting_file(tenant, &id, false).await;
    let missed = service.count_missed(tenant, &id).await.map_err(explain)?;
    let read = mark.as_ref().filter(|m| m.has_read());
    reply(
        200,
        &FileState {
            is_waiting: waiting.map_err(explain)?.is_some(),
            sha256: read.map(|m| m.sha256.clone()),
            first_read_at: read.map(|m| time(m.first_read_at)),
            delivered_at: mark.as_ref().map(|m| time(m.delivered_at)),
            fields: read.map(|m| m.fields()).unwrap_or_default(),
            missed,
        },
    )
}

/// Make the token with which an HR system's job hands in files.
///
/// A connection has one: a new one takes the place of the former, which is refused everywhere within a second. The answer
/// has the line for the job; the token is in it this once.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/drop", responses((status = 201, description = "It was made; the former ones are revoked.", body = Drop)))]
pub async fn rotate(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let explain = |e| call.explain(e);
    let row = service.takes_files(&caller, &call.id).await;
    let id = row.map_err(explain)?.id;
    let former = service.list_tokens(&caller).await.map_err(explain)?;
    let new = NewToken {
        role: Role::Drop,
        connection: Some(id.clone()),
        label: "drop".to_owned(),
        expires_at: None,
    };
    let made = service.create_token(&caller, new, None).await;
    let (token_id, token) = made.map_err(explain)?;
    let is_former = |t: &&_| is_drop_of(t, &id);
    for old in former.iter().filter(is_former) {
        let done = service.revoke_token(&caller, &old.id).await;
        done.map_err(explain)?;
    }
    let (public, tenant) = (&call.state.public_url, call.tenant()?.id.as_str());
    let url = format!("{public}/api/v1/tenants/{tenant}/connections/{id}/file");
    let curl = service::files::curl_line(&url, &token);
    reply(
        201,
        &Drop {
            url,
            token_id: token_id.as_str().to_owned(),
            token,
            curl,
        },
    )
}

fn is_drop_of(token: &service::credentials::CredentialRow, connection: &str) -> bool {
    token.role == Role::Drop.as_str()
        && token.connection_id.as_deref() == Some(connection)
        && token.revoked_at.is_none()
}

/// Confirm that who was missed in the last file is gone.
///
/// Otherwise the next file does that, if its bytes are others. Access is revoked within the limits of the guard, within
/// seconds.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/absences/confirm", responses((status = 202, description = "It is carried out within seconds.", body = Confirmed)))]
pub async fn confirm(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let missed = service.confirm_absences(&caller, &call.id).await;
    let missed = missed.map_err(|e| call.explain(e))?;
    reply(202, &Confirmed { missed })
}
