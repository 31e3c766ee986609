//! `POST /Bulk` (RFC 7644 §3.7): each operation goes through the route that its request would take by itself.

use std::borrow::Cow;
use std::collections::BTreeSet;

use actix_web::dev::Url;
use actix_web::http::Uri;
use actix_web::web;
use futures_util::future::join_all;

use crate::http::call::{Call, Reply};
use crate::http::dispatch::check_id;
use crate::http::routes::{ROUTES, Route};
use crate::scim;
use crate::scim::bulk::{self, Answer, Part, Prepared, Schedule, Step};
use crate::scim::error::{Result, quote};
use crate::scim::schema::ResourceKind;

/// How many operations of one request are under way at once, and share a commit; few enough that other requests of the
/// tenant find room in its lane, and wait for no long batch.
const AT_ONCE: usize = 32;

/// `POST /Bulk`.
pub async fn run(call: Call) -> Result<Reply> {
    let request = bulk::parse(&call.body, call.state.limits.scim.bulk_operations)?;
    let mut progress = Progress {
        answers: vec![None; request.operations.len()],
        errors: 0,
        rules: BTreeSet::new(),
    };
    let mut schedule = Schedule::new(&request.operations);
    let most = request.fail_on_errors.unwrap_or(usize::MAX);
    loop {
        let mut wave = schedule.next_wave();
        if wave.is_empty() {
            break;
        }
        // Should all of them fail, the last one is the last error that is accepted.
        let may_fail = most.saturating_sub(progress.errors).max(1);
        wave.truncate(may_fail.min(AT_ONCE));
        let requests = wave.iter().map(|step| {
            let request = schedule.prepare(*step);
            async { carry_out(&call, request?).await }
        });
        // Each is queued for the writer when it is polled first, which is in their order.
        let results = join_all(requests).await;
        for (step, result) in wave.into_iter().zip(results) {
            let named = location(&call, &schedule, step.operation);
            let made = progress.note(step, named, result);
            schedule.settle(step, made);
        }
        if progress.errors >= most {
            schedule.stop();
        }
    }
    let answers = request.operations.iter().zip(progress.answers);
    let carried_out = answers.filter_map(|(operation, answer)| Some((operation, answer?)));
    Ok(Reply {
        rules: progress.rules.into_iter().collect(),
        ..Reply::ok(bulk::response(carried_out).to_string())
    })
}

/// What is known of the operations that were carried out.
struct Progress {
    answers: Vec<Option<Answer>>,
    errors: usize,
    rules: BTreeSet<&'static str>,
}

impl Progress {
    /// Keeps the answer of a step, in place of that of the operation's first part; returns the id of what was made.
    /// `named` is the location of the resource that the operation's path names.
    fn note(&mut self, step: Step, named: Option<String>, result: Result<Reply>) -> Option<String> {
        let answer = &mut self.answers[step.operation];
        let before = answer.take().and_then(|first| first.location);
        let known = before.or(named);
        match result {
            Ok(reply) => {
                self.rules.extend(reply.rules);
                let location = reply.location.or(known);
                let made = location.as_deref().and_then(|l| l.rsplit('/').next());
                let made = made.map(str::to_owned);
                *answer = Some(Answer {
                    status: match step.part {
                        Part::Complete => 201,
                        _ => reply.status,
                    },
                    version: reply.version,
                    location,
                    error: None,
                });
                made
            }
            Err(error) => {
                self.errors += 1;
                *answer = Some(Answer {
                    status: error.status,
                    version: None,
                    location: known,
                    error: Some(error),
                });
                None
            }
        }
    }
}

/// Where the resource is that an operation's path names.
fn location(call: &Call, schedule: &Schedule<'_>, operation: usize) -> Option<String> {
    let (endpoint, id) = schedule.target_of(operation)?;
    Some(format!("{}{endpoint}/{id}", call.state.scim_base()))
}

/// Carries out one operation as its request by itself would be: same route, same rules, same cause in the journal. The
/// conditions of the bulk request are not the operation's.
async fn carry_out(call: &Call, request: Prepared<'_>) -> Result<Reply> {
    let route = route(&request)?;
    let role = call.context()?.role;
    if !route.roles.contains(&role) {
        let detail = format!("the role `{}` may not do this", role.as_str());
        return Err(scim::Error::plain(403, detail));
    }
    let id = request.id.as_deref().map(decode).transpose()?;
    let operation = Call {
        state: call.state.clone(),
        context: call.context.clone(),
        request: call.request.clone(),
        schemas: call.schemas.clone(),
        id: id.unwrap_or_default(),
        // Nobody is shown the resource, so nothing that costs something to fetch is wanted.
        query: vec![("attributes".to_owned(), "id".to_owned())],
        body: match request.body {
            Cow::Borrowed(text) => call.body.slice_ref(text.as_bytes()),
            Cow::Owned(text) => web::Bytes::from(text),
        },
        if_match: request.version.map(str::to_owned),
        if_none_match: None,
    };
    (route.run)(operation).await
}

/// The route of an operation, which is one of a resource type.
fn route(request: &Prepared<'_>) -> Result<&'static Route> {
    let endpoint = request.endpoint;
    let path = match &request.id {
        Some(_) => format!("{endpoint}/{{id}}"),
        None => endpoint.to_owned(),
    };
    let is_resource = ResourceKind::ALL.iter().any(|k| k.endpoint() == endpoint);
    let mut there = ROUTES.iter().filter(|r| is_resource && r.path == path);
    if there.clone().next().is_none() {
        let detail = format!(
            "`{}` is no endpoint of a resource type: use `/Users` or `/Groups`",
            quote(endpoint)
        );
        return Err(scim::Error::plain(404, detail));
    }
    there.find(|r| r.method == request.method).ok_or_else(|| {
        let (method, path) = (request.method, quote(&path));
        scim::Error::plain(405, format!("`{path}` does not take {method}"))
    })
}

/// The id in a path, decoded as the path of a request is.
fn decode(id: &str) -> Result<String> {
    let uri: Uri = format!("/{id}").parse().map_err(|_| {
        let id = quote(id);
        scim::Error::plain(404, format!("`{id}` cannot stand in a path"))
    })?;
    let decoded = Url::new(uri).path().trim_start_matches('/').to_owned();
    check_id(&decoded)?;
    Ok(decoded)
}
