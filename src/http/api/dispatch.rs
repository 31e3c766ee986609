//! The one way through every route of the management API: as that of SCIM, but the path names the tenant, and errors are
//! problems.

use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::call::Call;
use super::files;
use super::problem::{
    FORBIDDEN, METHOD_NOT_ALLOWED, NOT_FOUND, NOT_NOW, Problem, Result, TOO_MANY_REQUESTS,
    UNSUPPORTED_MEDIA,
};
use super::routes::Route;
use crate::auth::{Presented, RequestContext, Scheme};
use crate::domain::ids::TenantId;
use crate::domain::roles::Role;
use crate::http::State;
use crate::http::call::Reply;
use crate::http::dispatch::{Passage, check_id, decode_query, note_use, read_body, respond};
use crate::http::error;
use crate::scim::error::quote;
use crate::service;
use crate::storage::tenants::{TenantRow, state};

/// Runs a route.
pub async fn dispatch(
    route: &'static Route,
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Payload,
) -> HttpResponse {
    let passage = Passage::begin(&state, &request, route.method, route.path);
    let mut context = None;
    let result = run(route, &request, state, body, passage.id(), &mut context).await;
    let response = match result {
        Ok(reply) => respond(reply, "application/json").0,
        Err(problem) => problem.respond(passage.id()),
    };
    passage.end(response, context.as_ref(), &[])
}

async fn run(
    route: &Route,
    request: &HttpRequest,
    state: web::Data<State>,
    body: web::Payload,
    id: &str,
    context: &mut Option<RequestContext>,
) -> Result<Reply> {
    state.limits.check_headers(request)?;
    if !route.roles.is_empty() {
        let header = request.headers().get(AUTHORIZATION);
        let shown = Presented::read(header.and_then(|v| v.to_str().ok()), None);
        // Here nobody has a reason to show a token in another way.
        let shown = shown.filter(|shown| shown.scheme == Scheme::Bearer);
        let found = state.auth.identify(shown.as_ref()).await;
        let found = found.map_err(|refused| error::refusal(&refused))?;
        let found = context.insert(found);
        admit(route, &state, found, id)?;
    }
    let part = |name: &str| unprotected(request.match_info().get(name).unwrap_or_default());
    for name in ["tenant", "id", "name"] {
        check_id(&part(name))?;
    }
    let tenant = match (route.path.contains("{tenant}"), context.as_mut()) {
        (true, Some(context)) => Some(enter(&state, context, &part("tenant"), id).await?),
        _ => None,
    };
    if let Some(row) = tenant.as_ref().filter(|row| row.is_deleted()) {
        check_rest(route, row)?;
    }
    let (body, file) = match route.media() {
        Some(media) => {
            files::check_headers(request, media)?;
            (web::Bytes::new(), Some(body))
        }
        None => (read_json(request, body, &state).await?, None),
    };
    let query = decode_query(request.query_string())?;
    check_query(route, &query)?;
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let call = Call {
        context: context.clone(),
        tenant,
        request: id.to_owned(),
        id: part("id"),
        name: part("name"),
        query,
        body,
        file,
        idempotency: header("idempotency-key"),
        languages: header("accept-language"),
        state,
    };
    (route.run)(call).await
}

/// The router leaves these three as they are written, since it looks for them itself.
fn unprotected(part: &str) -> String {
    let (mut rest, mut out) = (part, String::with_capacity(part.len()));
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let sign = match rest.get(..3).map(str::to_ascii_uppercase).as_deref() {
            Some("%25") => '%',
            Some("%2B") => '+',
            Some("%2F") => '/',
            _ => {
                out.push('%');
                rest = &rest[1..];
                continue;
            }
        };
        out.push(sign);
        rest = &rest[3..];
    }
    out + rest
}

async fn read_json(request: &HttpRequest, body: web::Payload, state: &State) -> Result<web::Bytes> {
    let read = read_body(request, body, &state.limits).await;
    read.map_err(|error| match Problem::from(error) {
        // What SCIM asks for is named otherwise.
        problem if problem.code == &UNSUPPORTED_MEDIA => Problem::new(
            &UNSUPPORTED_MEDIA,
            "the body is to be application/json without a content encoding",
        ),
        problem => problem,
    })
}

/// Counts the request, and refuses a role that may not.
fn admit(
    route: &Route,
    state: &web::Data<State>,
    context: &RequestContext,
    id: &str,
) -> Result<()> {
    if let Err(seconds) = state.rate.count(&context.credential) {
        metrics::counter!("rosterd_rate_limited_total").increment(1);
        let detail = format!("wait {seconds} seconds, or send fewer requests");
        return Err(Problem {
            retry_after: Some(seconds),
            ..Problem::new(&TOO_MANY_REQUESTS, detail)
        });
    }
    if !route.roles.contains(&context.role) {
        let detail = format!("the role `{}` may not do this", context.role.as_str());
        return Err(Problem::new(&FORBIDDEN, detail));
    }
    note_use(state, context, id);
    Ok(())
}

/// The tenant that the path names, by id or name. One that the token does not belong to looks as one that is not there.
async fn enter(
    state: &State,
    context: &mut RequestContext,
    named: &str,
    id: &str,
) -> Result<TenantRow> {
    let nowhere = || {
        let detail = format!("there is no tenant `{}`", quote(named));
        Problem::new(&NOT_FOUND, detail)
    };
    let row = match state.service.find_tenant(named).await {
        // Of one that is on its way out there is nothing to be seen any more.
        Ok(row) if row.state == state::DELETING => return Err(nowhere()),
        Ok(row) => row,
        Err(service::Error::NotFound(_)) => return Err(nowhere()),
        Err(error) => return Err(Problem::of(error, id)),
    };
    if context.role != Role::Operator && row.id != context.home.as_str() {
        return Err(nowhere());
    }
    context.tenant = TenantId::new(row.id.clone());
    Ok(row)
}

/// A tenant that is deleted rests, for the operator's token too: it is read, restored or deleted sooner. Nobody is let in.
fn check_rest(route: &Route, row: &TenantRow) -> Result<()> {
    let rest = route.path.strip_prefix("/api/v1/tenants/{tenant}");
    let is_allowed = match rest {
        Some("" | "/restore") => true,
        Some("/access") => false,
        _ => route.method == "GET",
    };
    match is_allowed {
        true => Ok(()),
        false => {
            let detail = format!("the tenant {} is deleted: restore it first", row.id);
            Err(Problem::new(&NOT_NOW, detail))
        }
    }
}

fn check_query(route: &Route, query: &[(String, String)]) -> Result<()> {
    for (n, (name, _)) in query.iter().enumerate() {
        if !route.query.contains(&name.as_str()) {
            let detail = match route.query {
                [] => format!("there are no parameters here; got `{}`", quote(name)),
                names => format!(
                    "there is no parameter `{}`; known: {}",
                    quote(name),
                    names.join(", ")
                ),
            };
            return Err(Problem::invalid(detail));
        }
        if query[..n].iter().any(|(before, _)| before == name) {
            return Err(Problem::invalid(format!(
                "the parameter `{name}` is there twice"
            )));
        }
    }
    Ok(())
}

/// Answers a request that no route takes; `allow` lists the methods of a path that has some.
pub async fn refuse(
    request: HttpRequest,
    state: web::Data<State>,
    route: &'static str,
    allow: Option<String>,
) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "other", route);
    let problem = match allow {
        Some(_) => Problem::new(&METHOD_NOT_ALLOWED, "this address does not take the method"),
        None => Problem::new(
            &NOT_FOUND,
            "there is nothing here: /api/openapi.json lists what there is",
        ),
    };
    let mut response = problem.respond(passage.id());
    if let Some(value) = allow.and_then(|a| HeaderValue::from_str(&a).ok()) {
        response.headers_mut().insert(ALLOW, value);
    }
    passage.end(response, None, &[])
}

#[cfg(test)]
mod tests {
    use super::unprotected;

    #[test]
    fn what_the_router_leaves_is_read_once() {
        for (part, want) in [
            ("a%2Bb", "a+b"),
            ("a%2fb", "a/b"),
            ("100%25", "100%"),
            ("%252F", "%2F"),
            ("%", "%"),
            ("é%2", "é%2"),
        ] {
            assert_eq!(unprotected(part), want, "{part}");
        }
    }
}
