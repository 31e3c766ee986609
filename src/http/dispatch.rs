//! The one way through every SCIM route: request id, credentials, role, body, handler, log line, metrics.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH,
    IF_NONE_MATCH, LOCATION,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::StreamExt;
use serde_json::Value;

use super::State;
use super::error::{self, SCIM_JSON};
use super::routes::Route;
use crate::auth::RequestContext;
use crate::domain::audit::{Actor, Cause};
use crate::domain::ids::{TenantId, fresh_text};
use crate::domain::roles::Role;
use crate::scim;
use crate::scim::discovery::Sight;
use crate::scim::etag;
use crate::scim::list::ListQuery;
use crate::scim::project::Projection;
use crate::scim::rules::{Preset, Rules};
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::users::Target;
use crate::service::{Caller, Source};
use crate::storage::Lane;
use crate::storage::view::View;

/// A handler: a request that was let in, and its answer.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply, scim::Error>>>>;

/// A request that was let in.
pub struct Call {
    /// Shared state.
    pub state: web::Data<State>,
    /// Who calls; `None` only on routes that need no token.
    pub context: Option<RequestContext>,
    /// Names the request in log and journal.
    pub request: String,
    /// `{id}`.
    pub id: String,
    /// Decoded query.
    pub query: Vec<(String, String)>,
    /// Body.
    pub body: web::Bytes,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// What a handler answers.
#[derive(Debug, Default)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Body, JSON.
    pub body: Option<String>,
    /// Version of the resource.
    pub version: Option<i64>,
    /// Where the resource is.
    pub location: Option<String>,
    /// Rules that the request needed.
    pub rules: Vec<&'static str>,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: String) -> Self {
        Self {
            status: 200,
            body: Some(body),
            ..Self::default()
        }
    }

    /// 204.
    pub fn empty() -> Self {
        Self {
            status: 204,
            ..Self::default()
        }
    }

    /// 304 without a body, if the reader says that she has this version.
    fn unless_known(self, if_none_match: Option<&str>) -> Self {
        let known = self
            .version
            .zip(if_none_match)
            .is_some_and(|(version, header)| etag::names(header, version));
        if !known {
            return self;
        }
        Self {
            status: 304,
            body: None,
            ..self
        }
    }
}

impl Call {
    /// Who calls.
    ///
    /// # Errors
    /// Never on a route that needs a token.
    pub fn context(&self) -> Result<&RequestContext, scim::Error> {
        self.context
            .as_ref()
            .ok_or_else(|| error::refusal(&crate::auth::Refusal::Unauthorized))
    }

    /// The tenant.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn tenant(&self) -> Result<TenantId, scim::Error> {
        Ok(self.context()?.tenant.clone())
    }

    /// Whose eyes.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn view(&self) -> Result<View, scim::Error> {
        Ok(match &self.context()?.connection {
            Some(connection) => View::Connection(connection.id.clone()),
            None => View::Everybody,
        })
    }

    /// What the token may see of the schemas.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn sight(&self) -> Result<Sight, scim::Error> {
        let role = self.context()?.role;
        Ok(Sight {
            rosterd: role != Role::Connection,
            audit: role.reads_audit(),
        })
    }

    /// The schemas as the caller knows them: whom Rosterd's extensions are not for, cannot name their attributes.
    pub fn registry(&self) -> &Registry {
        let registry = &self.state.service.registry;
        match &self.context {
            Some(context) if context.role != Role::Connection => registry,
            _ => registry.of_sources(),
        }
    }

    /// The rules of the caller's preset.
    pub fn rules(&self) -> Rules {
        let connection = self.context.as_ref().and_then(|c| c.connection.as_ref());
        Rules::new(
            connection
                .and_then(|c| Preset::parse(&c.preset))
                .unwrap_or_default(),
        )
    }

    /// The caller as operations want it.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn caller(&self) -> Result<Caller, scim::Error> {
        let context = self.context()?;
        Ok(Caller {
            tenant: context.tenant.clone(),
            actor: Actor {
                kind: "token".to_owned(),
                id: context.credential.clone(),
            },
            cause: Cause {
                kind: "request".to_owned(),
                id: self.request.clone(),
            },
            lane: Lane::Scim,
        })
    }

    /// The connection that writes.
    ///
    /// # Errors
    /// 403 for a token that is not a connection's.
    pub fn source(&self) -> Result<Source, scim::Error> {
        let connection = self.context()?.connection.as_ref();
        let connection =
            connection.ok_or_else(|| scim::Error::plain(403, "only a connection writes here"))?;
        Ok(Source {
            id: connection.id.clone(),
            policy: connection.policy,
        })
    }

    /// What a write is aimed at.
    pub fn target(&self) -> Target {
        Target {
            id: self.id.clone(),
            if_match: self.if_match.clone(),
            if_none_match: self.if_none_match.clone(),
        }
    }

    /// The body as strict JSON.
    ///
    /// # Errors
    /// `invalidSyntax`, `invalidValue`.
    pub fn json(&self) -> Result<Value, scim::Error> {
        scim::json::parse(&self.body)
    }

    /// Which parts of a single resource are wanted; what only lists know is passed over.
    ///
    /// # Errors
    /// `attributes` and `excludedAttributes` are both given.
    pub fn projection(
        &self,
        kind: ResourceKind,
        rules: &mut Rules,
    ) -> Result<Projection, scim::Error> {
        let named = |name: &str| {
            let mut values = self.query.iter().filter(|(_, v)| !v.trim().is_empty());
            values
                .find(|(k, _)| k.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.as_str())
        };
        let (wanted, unwanted) = (named("attributes"), named("excludedAttributes"));
        Projection::parse(self.registry(), kind, wanted, unwanted, rules)
    }

    /// Parameters of a list.
    ///
    /// # Errors
    /// A number that is none.
    pub fn list_query(&self) -> Result<ListQuery, scim::Error> {
        ListQuery::parse(self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// An operation's error as the client is told it; the log gets the rest.
    pub fn explain(&self, error: impl Into<crate::service::Error>) -> scim::Error {
        let error = error.into();
        let told = error::to_scim(&error, &self.request);
        if told.status >= 500 {
            tracing::error!(request.id = %self.request, error = %error, "a request failed");
        }
        told
    }
}

/// A request on its way: what its answer, its log line and its metrics carry.
struct Passage<'r> {
    request: &'r HttpRequest,
    method: &'static str,
    route: &'static str,
    id: String,
    began: Instant,
}

impl<'r> Passage<'r> {
    fn begin(
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

    fn end(
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
        Ok(reply) => respond(reply),
        Err(error) => (error::respond(&error), Vec::new()),
    };
    passage.end(response, context.as_ref(), &rules)
}

fn respond(reply: Reply) -> (HttpResponse, Vec<&'static str>) {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponseBuilder::new(status);
    if let Some(version) = reply.version {
        response.insert_header((ETAG, etag::weak(version)));
    }
    if let Some(location) = reply.location {
        response.insert_header((LOCATION, location));
    }
    let response = match reply.body {
        Some(body) => response.insert_header((CONTENT_TYPE, SCIM_JSON)).body(body),
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
    if !route.roles.is_empty() {
        let named = header(HeaderName::from_static("rosterd-tenant"));
        match state.auth.check(header(AUTHORIZATION), named).await {
            Ok(found) => context = Some(found),
            Err(refused) => return (Err(error::refusal(&refused)), None),
        }
    }
    if let Some(found) = &context {
        if !route.roles.contains(&found.role) {
            let detail = format!("the role `{}` may not do this", found.role.as_str());
            return (Err(scim::Error::plain(403, detail)), context);
        }
        note_use(&state, found, id);
    }
    let body = match read_body(request, body, state.body_limit).await {
        Ok(body) => body,
        Err(error) => return (Err(error), context),
    };
    let query = match decode_query(request.query_string()) {
        Ok(query) => query,
        Err(error) => return (Err(error), context),
    };
    let named = request.match_info().get("id").unwrap_or_default();
    if named.contains('\0') {
        let detail = "no resource has an id with the character U+0000";
        return (Err(scim::Error::plain(404, detail)), context);
    }
    let if_none_match = condition(request, IF_NONE_MATCH);
    let call = Call {
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
fn note_use(state: &web::Data<State>, context: &RequestContext, request: &str) {
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

async fn read_body(
    request: &HttpRequest,
    mut body: web::Payload,
    limit: usize,
) -> Result<web::Bytes, scim::Error> {
    let writes = ["POST", "PUT", "PATCH"].contains(&request.method().as_str());
    if !writes {
        return Ok(web::Bytes::new());
    }
    let too_large = || scim::Error::plain(413, format!("a body has at most {limit} bytes"));
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    if let Some(kind) = header(CONTENT_TYPE) {
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if !["application/scim+json", "application/json"].contains(&kind.as_str()) {
            let detail = format!(
                "send application/scim+json; got `{}`",
                scim::error::quote(&kind)
            );
            return Err(scim::Error::plain(415, detail));
        }
    }
    if header(CONTENT_LENGTH)
        .and_then(|l| l.parse::<usize>().ok())
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
fn decode_query(text: &str) -> Result<Vec<(String, String)>, scim::Error> {
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
