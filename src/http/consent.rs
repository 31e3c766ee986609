//! What an administrator's browser does to let a connection in: it opens the link, is sent to the vendor, and comes back
//! with a code. There is no token here; the link's ticket is the proof, and it stays in the browser that opened the link,
//! in a cookie. The pages are fixed texts: nothing that came with the request is in them.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, COOKIE, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::State;
use super::dispatch::{Passage, decode_query};
use crate::service::Error;

/// How long the cookie is kept, in seconds: as long as a consent may take.
const LIFE: u32 = 600;
/// The link.
const START: &str = "/oauth/start/{slug}";
/// Where the vendor sends the browser back to.
const CALLBACK: &str = "/oauth/callback/{slug}";

/// Registers both addresses.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.route(START, web::get().to(start));
    config.route(CALLBACK, web::get().to(callback));
}

/// What a page says, in English and in French.
#[derive(Clone, Copy)]
struct Page {
    status: u16,
    en: (&'static str, &'static str),
    fr: (&'static str, &'static str),
}

const GIVEN: Page = Page {
    status: 200,
    en: (
        "Thank you",
        "The HR system is being connected now. You can close this window.",
    ),
    fr: (
        "Merci",
        "Le système RH est en cours de connexion. Vous pouvez fermer cette fenêtre.",
    ),
};
const REFUSED: Page = Page {
    status: 200,
    en: (
        "Not connected",
        "The HR system was not let in. Nothing has changed; to try again, ask for a new link.",
    ),
    fr: (
        "Non connecté",
        "L'accès au système RH n'a pas été accordé. Rien n'a changé ; pour réessayer, demandez un nouveau lien.",
    ),
};
const GONE: Page = Page {
    status: 410,
    en: (
        "This link does not work any more",
        "It has been used, is older than 10 minutes, or was opened in another browser. Ask for a new link, and open it in the browser in which you sign in to the HR system.",
    ),
    fr: (
        "Ce lien ne fonctionne plus",
        "Il a déjà servi, date de plus de 10 minutes ou a été ouvert dans un autre navigateur. Demandez un nouveau lien et ouvrez-le dans le navigateur où vous vous connectez au système RH.",
    ),
};
const NOT_READY: Page = Page {
    status: 409,
    en: (
        "Not ready to connect",
        "Something is missing on this side. Whoever sent you the link can see what it is when asking for a new one.",
    ),
    fr: (
        "Pas encore prêt",
        "Il manque quelque chose de notre côté. La personne qui vous a envoyé le lien verra quoi en demandant un nouveau.",
    ),
};
const FAILED: Page = Page {
    status: 503,
    en: (
        "Something went wrong here",
        "Please go back and try again in a minute.",
    ),
    fr: (
        "Une erreur s'est produite",
        "Veuillez revenir en arrière et réessayer dans une minute.",
    ),
};

/// Sends the browser to the vendor. Opening the link uses nothing up: programs that look at links do so too.
async fn start(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "GET", START);
    let response = match parameters(&state, &request) {
        None => page(&request, GONE),
        Some(pairs) => {
            let ticket = value(&pairs, "ticket");
            let slug = request.match_info().get("slug").unwrap_or_default();
            match state.service.start_consent(slug, ticket).await {
                Ok(address) => {
                    let mut response = blank(StatusCode::FOUND);
                    response.insert_header((LOCATION, address));
                    response.insert_header((SET_COOKIE, cookie(&state, ticket, LIFE)));
                    response.finish()
                }
                Err(error) => failed(&request, passage.id(), &error),
            }
        }
    };
    passage.end(response, None, &[])
}

/// Takes what the vendor sent back with the browser.
async fn callback(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "GET", CALLBACK);
    let brought = parameters(&state, &request).zip(kept(&state, &request));
    let mut response = match brought {
        None => page(&request, GONE),
        Some((pairs, ticket)) => {
            let slug = request.match_info().get("slug").unwrap_or_default();
            let (ticket, brought) = (ticket.as_str(), value(&pairs, "state"));
            let (service, id) = (&state.service, passage.id());
            let code = value(&pairs, "code");
            let (done, said) = match pairs.iter().any(|(name, _)| name == "error") {
                true => {
                    let refused = service.refuse_consent(slug, ticket, brought, id);
                    (refused.await, REFUSED)
                }
                false => {
                    let given = service.give_consent(slug, ticket, brought, code, id);
                    (given.await, GIVEN)
                }
            };
            match done {
                Ok(()) => page(&request, said),
                Err(error) => failed(&request, id, &error),
            }
        }
    };
    // It is of no use any more, unless the browser is to try again.
    if response.status() != StatusCode::SERVICE_UNAVAILABLE
        && let Ok(gone) = HeaderValue::from_str(&cookie(&state, "", 0))
    {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    passage.end(response, None, &[])
}

fn failed(request: &HttpRequest, id: &str, error: &Error) -> HttpResponse {
    match error {
        Error::NotFound(_) => page(request, GONE),
        Error::Storage(error) => {
            tracing::error!(request.id = id, error = %error, "a consent could not be handled");
            page(request, FAILED)
        }
        error => {
            tracing::warn!(request.id = id, error = %error, "a consent cannot be asked for");
            page(request, NOT_READY)
        }
    }
}

/// The parameters of a query within the limits; each counts once only.
fn parameters(state: &State, request: &HttpRequest) -> Option<Vec<(String, String)>> {
    state.limits.check_headers(request).ok()?;
    let pairs = decode_query(request.query_string()).ok()?;
    let is_single = |name: &str| pairs.iter().filter(|(n, _)| n == name).count() <= 1;
    ["ticket", "state", "code"]
        .into_iter()
        .all(is_single)
        .then_some(pairs)
}

fn value<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    let found = pairs.iter().find(|(n, _)| n == name);
    found.map_or("", |(_, value)| value.as_str())
}

/// Name of the cookie; with that prefix a browser takes it from this host alone, and over TLS.
fn name(state: &State) -> &'static str {
    match state.public_url.starts_with("https://") {
        true => "__Host-rosterd-consent",
        false => "rosterd-consent",
    }
}

/// It comes along when the vendor sends the browser back, which is a top-level GET, and with nothing else from elsewhere.
fn cookie(state: &State, ticket: &str, seconds: u32) -> String {
    let name = name(state);
    let secure = match name.starts_with("__Host-") {
        true => "; Secure",
        false => "",
    };
    format!("{name}={ticket}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The ticket that this browser keeps; none if there are two, of which one is somebody else's.
fn kept(state: &State, request: &HttpRequest) -> Option<String> {
    let name = name(state);
    let lines = request.headers().get_all(COOKIE);
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let all = lines.iter().flat_map(|line| line.split(';'));
    let mut found = all
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name);
    let (_, ticket) = found.next()?;
    found.next().is_none().then(|| ticket.to_owned())
}

/// An answer that shows nothing to other sites: its address holds the ticket or the code.
fn blank(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ] {
        response.insert_header((
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        ));
    }
    response
}

fn page(request: &HttpRequest, page: Page) -> HttpResponse {
    let wanted = request.headers().get(ACCEPT_LANGUAGE);
    let wanted = wanted.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_french = wanted.trim_start().to_ascii_lowercase().starts_with("fr");
    let (language, (title, text)) = match is_french {
        true => ("fr", page.fr),
        false => ("en", page.en),
    };
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    blank(status)
        .content_type("text/html; charset=utf-8")
        .body(html)
}
