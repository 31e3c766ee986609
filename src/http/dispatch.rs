//! The one way through every SCIM route: request id, credentials, role, body, handler, log line, metrics.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::StreamExt;

use super::call::{Call, Reply};
use super::error::{self, SCIM_JSON};
use super::routes::Route;
use super::{Limits, State};
use crate::auth::{Presented, Refusal, RequestContext, Scheme};
use crate::domain::audit::{Actor, Cause};
use crate::domain::ids::fresh_text;
use crate::scim;
use crate::scim::etag;
use crate::scim::rules::Preset;
use crate::scim::schema::Registry;
use crate::service::Caller;
use crate::storage::Lane;

/// A request on its way: what its answer, its log line and its metrics carry.
pub(super) struct Passage<'r> {
    request: &'r HttpRequest,
    method: &'static str,
    route: &'static str,
    id: String,
    began: Instant,
}

impl<'r> Passage<'r> {
    pub(super) fn begin(
        state: &State,
        request: &'r HttpRequest,
        method: &'static str,
        route: &'static str,
    ) -> Self {
        let store = &state.service.store;
        Self {
            request,
            method,
            route,
            id: fresh_text(store.clock().now(), store.chance()),
            began: Instant::now(),
        }
    }

    /// Names the request.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn end(
        self,
        mut response: HttpResponse,
        context: Option<&RequestContext>,
        rules: &[&'static str],
    ) -> HttpResponse {
        if let Ok(value) = HeaderValue::from_str(&self.id) {
            response
                .headers_mut()
                .insert(HeaderName::from_static("x-request-id"), value);
        }
        let status = response.status().as_u16();
        let class = match status / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        metrics::histogram!("rosterd_http_request_seconds", "route" => self.route, "method" => self.method, "status" => class)
            .record(self.began.elapsed());
        if status == 401 {
            metrics::counter!("rosterd_auth_failures_total").increment(1);
        }
        let connection = context
            .and_then(|c| c.connection.as_ref())
            .map_or("", |c| c.id.as_str());
        tracing::info!(
            request.id = self.id,
            http.method = %self.request.method(),
            http.route = self.route,
            http.status = status,
            tenant.id = context.map_or("", |c| c.tenant.as_str()),
            connection.id = connection,
            duration_ms = self.began.elapsed().as_secs_f64() * 1e3,
            rules = rules.join(","),
            "request"
        );
        response
    }
}

/// Runs a route.
pub async fn dispatch(
    route: &'static Route,
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Payload,
) -> HttpResponse {
    let passage = Passage::begin(&state, &request, route.method, route.path);
    let (result, context) = run(route, &request, state, body, &passage.id).await;
    let (response, rules) = match result {
        Ok(reply) => respond(reply, SCIM_JSON),
        Err(error) => (error::respond(&error), Vec::new()),
    };
    passage.end(response, context.as_ref(), &rules)
}

/// The answer with a body of this media type, and the rules that the request used.
pub(super) fn respond(reply: Reply, media: &'static str) -> (HttpResponse, Vec<&'static str>) {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponseBuilder::new(status);
    if let Some(version) = reply.version {
        response.insert_header((ETAG, etag::weak(version)));
    }
    if let Some(location) = reply.location {
        response.insert_header((LOCATION, location));
    }
    if let Some(seconds) = reply.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    let response = match reply.body {
        _ if reply.lines.is_some() => {
            let lines = reply.lines.map(|lines| lines.0);
            let lines = lines.unwrap_or_else(|| Box::pin(futures_util::stream::empty()));
            response.insert_header((CONTENT_TYPE, "application/x-ndjson"));
            response.streaming(lines)
        }
        Some(body) => response.insert_header((CONTENT_TYPE, media)).body(body),
        None => response.finish(),
    };
    (response, reply.rules)
}

async fn run(
    route: &Route,
    request: &HttpRequest,
    state: web::Data<State>,
    body: web::Payload,
    id: &str,
) -> (Result<Reply, scim::Error>, Option<RequestContext>) {
    let header = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let mut context = None;
    if let Err(error) = state.limits.check_headers(request) {
        return (Err(error), None);
    }
    if !route.roles.is_empty() {
        match authenticate(&state, &header).await {
            Ok(found) => context = Some(found),
            Err(refused) => return (Err(error::refusal(&refused)), None),
        }
    }
    if let Some(found) = &context {
        if let Err(seconds) = state.rate.count(&found.credential) {
            metrics::counter!("rosterd_rate_limited_total").increment(1);
            return (Ok(too_many(seconds)), context);
        }
        if !route.roles.contains(&found.role) {
            let detail = format!("the role `{}` may not do this", found.role.as_str());
            return (Err(scim::Error::plain(403, detail)), context);
        }
        note_use(&state, found, id);
    }
    let schemas = match schemas(&state, context.as_ref(), id).await {
        Ok(schemas) => schemas,
        Err(error) => return (Err(error), context),
    };
    let body = match read_body(request, body, &state.limits).await {
        Ok(body) => body,
        Err(error) => return (Err(error), context),
    };
    let query = match decode_query(request.query_string()) {
        Ok(query) => query,
        Err(error) => return (Err(error), context),
    };
    let named = request.match_info().get("id").unwrap_or_default();
    if let Err(error) = check_id(named) {
        return (Err(error), context);
    }
    let if_none_match = condition(request, IF_NONE_MATCH);
    let call = Call {
        schemas,
        context: context.clone(),
        request: id.to_owned(),
        id: named.to_owned(),
        query,
        body,
        if_match: condition(request, IF_MATCH),
        if_none_match: if_none_match.clone(),
        state,
    };
    let mut result = (route.run)(call).await;
    if route.method == "GET" {
        result = result.map(|reply| reply.unless_known(if_none_match.as_deref()));
    }
    (result, context)
}

/// Whom the token of a request stands for; a token that its client does not show in this way is none.
async fn authenticate<'r>(
    state: &State,
    header: &impl Fn(HeaderName) -> Option<&'r str>,
) -> Result<RequestContext, Refusal> {
    let key = header(HeaderName::from_static("x-api-key"));
    let presented = Presented::read(header(AUTHORIZATION), key);
    let named = header(HeaderName::from_static("rosterd-tenant"));
    let found = state.auth.check(presented.as_ref(), named).await?;
    match presented.is_some_and(|p| may_show(p.scheme, &found)) {
        true => Ok(found),
        false => Err(Refusal::Unauthorized),
    }
}

/// Whether whoever holds a token may show it so: everybody as a bearer token, otherwise those clients that have no other
/// way or whose administrator may choose it.
fn may_show(scheme: Scheme, context: &RequestContext) -> bool {
    let connection = context.connection.as_ref();
    let is_one_of = |presets: &[Preset]| {
        let preset = connection.and_then(|c| Preset::parse(&c.preset));
        preset.is_some_and(|p| presets.contains(&p))
    };
    match scheme {
        Scheme::Bearer => true,
        Scheme::Basic => is_one_of(&[
            Preset::Okta,
            Preset::Onelogin,
            Preset::Ping,
            Preset::Generic,
        ]),
        Scheme::ApiKey => is_one_of(&[Preset::Jumpcloud, Preset::Generic]),
    }
}

/// No id holds a character that cannot be stored, so that nobody needs to look for one.
///
/// # Errors
/// 404.
pub fn check_id(id: &str) -> Result<(), scim::Error> {
    match id.contains('\0') {
        true => Err(scim::Error::plain(
            404,
            "no resource has an id with the character U+0000",
        )),
        false => Ok(()),
    }
}

/// The answer to a token that asks too often.
fn too_many(seconds: u64) -> Reply {
    let detail =
        format!("this token sends too many requests: wait {seconds} seconds, or send fewer");
    Reply {
        status: 429,
        body: Some(scim::Error::plain(429, detail).to_body().to_string()),
        retry_after: Some(seconds),
        ..Reply::default()
    }
}

/// The schemas that the caller's tenant has.
async fn schemas(
    state: &State,
    context: Option<&RequestContext>,
    id: &str,
) -> Result<Arc<Registry>, scim::Error> {
    let service = &state.service;
    let Some(context) = context else {
        return Ok(Arc::clone(service.builtin()));
    };
    service.registry(&context.tenant).await.map_err(|error| {
        tracing::error!(request.id = id, error = %error, "a tenant's schemas cannot be read");
        error::to_scim(&error, id)
    })
}

/// A condition header, its lines joined. A tag that is no text stays in, as one that names no version: left out, it
/// would make the request unconditional.
fn condition(request: &HttpRequest, name: HeaderName) -> Option<String> {
    let lines: Vec<_> = request
        .headers()
        .get_all(name)
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The last use of a token is noted in the background, once an hour.
pub(super) fn note_use(state: &web::Data<State>, context: &RequestContext, request: &str) {
    if !context.stale_use {
        return;
    }
    let caller = Caller {
        tenant: context.home.clone(),
        actor: Actor {
            kind: "token".to_owned(),
            id: context.credential.clone(),
        },
        cause: Cause {
            kind: "request".to_owned(),
            id: request.to_owned(),
        },
        lane: Lane::Run,
    };
    let (service, id) = (state.service.clone(), context.credential.clone());
    actix_web::rt::spawn(async move {
        if let Err(error) = service.touch_token(&caller, &id).await {
            tracing::warn!(error = %error, "the last use of a token was not noted");
        }
    });
}

/// Reads the body within its limits.
pub(super) async fn read_body(
    request: &HttpRequest,
    body: web::Payload,
    limits: &Limits,
) -> Result<web::Bytes, scim::Error> {
    if !["POST", "PUT", "PATCH"].contains(&request.method().as_str()) {
        return Ok(web::Bytes::new());
    }
    check_media(request)?;
    match tokio::time::timeout(limits.body_time, collect(request, body, limits.body)).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = limits.body_time.as_secs();
            let detail = format!("the body did not arrive within {seconds} seconds");
            Err(scim::Error::plain(408, detail))
        }
    }
}

/// JSON as it is, by whichever of its two names.
fn check_media(request: &HttpRequest) -> Result<(), scim::Error> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .map(|v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase())
    };
    let refuse = |what: &str, got: &str| {
        let got = scim::error::quote(got);
        Err(scim::Error::plain(415, format!("send {what}; got `{got}`")))
    };
    if let Some(kind) = header(CONTENT_TYPE) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !["application/scim+json", "application/json"].contains(&kind) {
            return refuse("application/scim+json", kind);
        }
    }
    match header(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            refuse("a body without a content encoding", &encoding)
        }
        _ => Ok(()),
    }
}

async fn collect(
    request: &HttpRequest,
    mut body: web::Payload,
    limit: usize,
) -> Result<web::Bytes, scim::Error> {
    let too_large = || {
        let detail = format!("the body exceeds maxPayloadSize ({limit} bytes)");
        scim::Error::plain(413, detail)
    };
    let announced = request.headers().get(CONTENT_LENGTH);
    if announced
        .and_then(|l| l.to_str().ok()?.parse::<usize>().ok())
        .is_some_and(|l| l > limit)
    {
        return Err(too_large());
    }
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk =
            chunk.map_err(|e| scim::Error::invalid_syntax(format!("the body was cut off: {e}")))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Decodes `a=b&c=d`, `+` as a blank. Refused are a NUL character, and U+FFFD, which is what became of bytes that are
/// no UTF-8.
pub(super) fn decode_query(text: &str) -> Result<Vec<(String, String)>, scim::Error> {
    let pairs: Vec<(String, String)> = web::Query::<Vec<(String, String)>>::from_query(text)
        .map(web::Query::into_inner)
        .map_err(|e| scim::Error::invalid_syntax(format!("the query cannot be read: {e}")))?;
    let holds = |c: char| {
        pairs
            .iter()
            .any(|(name, value)| name.contains(c) || value.contains(c))
    };
    if holds(char::REPLACEMENT_CHARACTER) {
        return Err(scim::Error::invalid_syntax("the query is not UTF-8"));
    }
    if holds('\0') {
        return Err(scim::Error::invalid_value(
            "a query parameter holds the character U+0000",
        ));
    }
    Ok(pairs)
}

/// Answers a request that no route takes; `allow` lists the methods of a path that has some.
pub async fn refuse(
    request: HttpRequest,
    state: web::Data<State>,
    route: &'static str,
    allow: Option<String>,
) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "other", route);
    let error = match (&allow, version(request.path())) {
        (Some(_), _) => scim::Error::plain(405, "this resource does not take the method"),
        (None, Some(version)) if version != "v2" => scim::Error::invalid_vers(format!(
            "this server speaks version v2 of SCIM; got `{}`",
            scim::error::quote(version)
        )),
        _ => scim::Error::plain(404, "there is nothing here"),
    };
    let mut response = error::respond(&error);
    if let Some(value) = allow.and_then(|a| HeaderValue::from_str(&a).ok()) {
        response.headers_mut().insert(ALLOW, value);
    }
    passage.end(response, None, &[])
}

/// The version of the protocol that a path names (RFC 7644 §3.13).
fn version(path: &str) -> Option<&str> {
    let word = path.strip_prefix("/scim/")?.split('/').next()?;
    let number = word.strip_prefix('v')?;
    (number.starts_with(|c: char| c.is_ascii_digit())).then_some(word)
}
