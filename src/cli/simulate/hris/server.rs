//! HTTP for a stand-in: actix on one side, [`Call`] and [`Reply`] on the other.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;

use super::call::{Call, Reply, pairs};
use super::control;
use super::desk::lock;
use super::fault::Fault;
use super::stage::Stage;

/// Largest body of a request.
const LARGEST: usize = 4 << 20;

/// Serves until the server is stopped.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(stage: Arc<Stage>, listener: TcpListener) -> std::io::Result<actix_web::dev::Server> {
    let stage = web::Data::from(stage);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(stage.clone())
            .app_data(web::PayloadConfig::new(LARGEST))
            .default_service(web::to(handle))
    });
    let server = server.workers(2).shutdown_timeout(1).disable_signals();
    Ok(server.listen(listener)?.run())
}

async fn handle(stage: web::Data<Stage>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let Some(call) = read(&stage, &request, &body) else {
        return HttpResponse::BadRequest().body("the query cannot be read");
    };
    if let Some(reply) = control::answer(&stage, &call) {
        return write(reply);
    }
    let reply = stage.answer(call);
    let is_slow = lock(&stage.faults).take(Fault::Slow);
    if is_slow {
        actix_web::rt::time::sleep(stage.delay).await;
    }
    write(reply)
}

fn read(stage: &Stage, request: &HttpRequest, body: &web::Bytes) -> Option<Call> {
    let path = vendors_path(stage, request.path());
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Some(Call {
        method: request.method().as_str().to_owned(),
        path: path.to_owned(),
        query: pairs(request.query_string())?,
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect(),
        body: body.to_vec(),
        places: Vec::new(),
    })
}

/// The path without the stand-in's own prefix. Where the vendor's paths begin with the same word, as `/acme/rest` of `acme`
/// does, it is the stand-in's own only if it stands there twice.
fn vendors_path<'p>(stage: &Stage, path: &'p str) -> &'p str {
    let rest = |path: &'p str| {
        let rest = path.strip_prefix(stage.prefix.as_str());
        rest.filter(|rest| rest.starts_with('/'))
    };
    let Some(below) = rest(path) else {
        return path;
    };
    let mut own = stage.standin.routes.iter().map(|route| route.path);
    let is_vendors = own.any(|own| rest(own).is_some());
    if is_vendors && rest(below).is_none() && !below.starts_with("/_") {
        path
    } else {
        below
    }
}

fn write(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, reply.kind));
    for (name, value) in reply.headers {
        response.append_header((name, value));
    }
    match reply.cut {
        None => response.body(reply.body),
        Some(at) => {
            let mut begin = reply.body;
            begin.truncate(at);
            let broken = std::io::Error::other("cut as asked");
            let parts = [Ok(web::Bytes::from(begin)), Err(broken)];
            response.streaming(stream::iter(parts))
        }
    }
}
