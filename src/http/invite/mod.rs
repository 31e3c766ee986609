//! The pages behind the link of an invitation. Looking at one changes nothing; accepting, declining and asking for a new link
//! are POSTs of the page's own form, from the browser that opened it: its cookie and the form's proof belong together. They
//! work without scripts, say the same about a link that was used, taken back or never made, and are kept by nobody.

mod words;

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    SET_COOKIE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use self::words::{Words, fill};
use super::dispatch::{Passage, decode_query};
use super::{RateLimit, State};
use crate::domain::language::Language;
use crate::service::Error;
use crate::service::invitations::{Accepted, Opened, Shown};

/// The page.
const ROUTE: &str = "/invite/{token}";
/// Requests of one network address in a minute, as is usual.
pub const PER_MINUTE: usize = 120;
/// How long the cookie is kept, in seconds.
const LIFE: u32 = 3_600;
/// Largest form.
const FORM: usize = 4 << 10;
/// The look of all pages.
const STYLE: &str = include_str!("../../../templates/invite.css");

/// Its hash, by which browsers let it in.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// What the pages need to know.
pub struct Pages {
    /// Where somebody who has accepted goes on, in the app; `None`: a page says that she is in.
    pub accept_url: Option<String>,
    rate: RateLimit,
}

impl Pages {
    /// Pages that lead to this address of the app; so many requests of one network address in a minute, 0: any number.
    pub fn new(accept_url: Option<String>, per_minute: usize) -> Self {
        Self {
            accept_url,
            rate: RateLimit::per_minute(per_minute),
        }
    }

    /// Where a form may lead: this server, from there the app, and where that leads on: browsers hold this against the
    /// whole way.
    fn form_targets(&self) -> String {
        let origin = self.accept_url.as_deref().and_then(origin);
        origin.map_or_else(
            || "'self'".to_owned(),
            |origin| format!("'self' {origin} https:"),
        )
    }
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    Some(&url[..end])
}

/// Registers the page.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::resource(ROUTE)
            .route(web::get().to(show))
            .route(web::head().to(show))
            .route(web::post().to(answer)),
    );
}

/// A button of a form.
struct Button {
    act: &'static str,
    label: &'static str,
    class: &'static str,
}

/// A form, with what proves that it is this browser's.
struct Form {
    proof: String,
    buttons: Vec<Button>,
}

#[derive(Template)]
#[template(path = "invite.html")]
struct Page<'a> {
    words: Words,
    product: &'a str,
    title: String,
    lines: Vec<String>,
    message: Option<&'a str>,
    inviter: Option<&'a str>,
    form: Option<Form>,
    notes: Vec<&'a str>,
    style: &'static str,
}

impl<'a> Page<'a> {
    fn plain(words: Words, product: &'a str, title: &str, lines: &[&str]) -> Self {
        let fill = |text: &str| fill(text, &[("product", product)]);
        Self {
            words,
            product,
            title: fill(title),
            lines: lines.iter().map(|line| fill(line)).collect(),
            message: None,
            inviter: None,
            form: None,
            notes: Vec::new(),
            style: STYLE,
        }
    }
}

/// A request for a page: its link, the browser's secret, the language.
struct Visit<'r> {
    state: &'r State,
    request: &'r HttpRequest,
    token: &'r str,
    /// What this browser keeps; a fresh one if it kept none.
    secret: String,
    is_new: bool,
}

impl<'r> Visit<'r> {
    fn begin(state: &'r State, request: &'r HttpRequest) -> Self {
        let kept = kept(state, request);
        let is_new = kept.is_none();
        let secret = kept.unwrap_or_else(|| {
            let mut bytes = [0; 32];
            state.service.store.chance().fill(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        });
        Self {
            state,
            request,
            token: request.match_info().get("token").unwrap_or_default(),
            secret,
            is_new,
        }
    }

    /// What the form of this page must bring: only who has both the link and the cookie knows it.
    fn proof(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"rosterd-invite-1");
        for part in [self.token, &self.secret] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    fn words(&self, of_invitation: Option<Language>) -> Words {
        let asked = decode_query(self.request.query_string()).ok();
        let asked = asked.and_then(|pairs| {
            let (_, value) = pairs.into_iter().find(|(name, _)| name == "lang")?;
            Language::parse(&value)
        });
        let wanted = self.request.headers().get(ACCEPT_LANGUAGE);
        let wanted = wanted.and_then(|v| v.to_str().ok());
        let wanted = wanted.and_then(|text| {
            let first = text.split([',', ';']).next()?.trim();
            (!first.is_empty()).then(|| Language::of_tag(first))
        });
        let language = asked.or(of_invitation).or(wanted);
        Words::of(language.unwrap_or_default())
    }

    /// Refuses whoever asks too often.
    fn refused(&self) -> Option<HttpResponse> {
        let peer = self.request.peer_addr();
        let peer = peer.map_or_else(String::new, |a| a.ip().to_string());
        let seconds = self.state.pages.rate.count(&peer).err()?;
        metrics::counter!("rosterd_rate_limited_total").increment(1);
        let words = self.words(None);
        let page = Page::plain(words, "", words.slow, &[words.slow_lead]);
        let mut response = self.respond(StatusCode::TOO_MANY_REQUESTS, &page);
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
        Some(response)
    }

    fn respond(&self, status: StatusCode, page: &Page<'_>) -> HttpResponse {
        match page.render() {
            Ok(html) => {
                let mut response = self.blank(status);
                response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
                response.body(html)
            }
            Err(error) => {
                tracing::error!(error = %error, "a page of an invitation cannot be rendered");
                self.blank(StatusCode::INTERNAL_SERVER_ERROR).finish()
            }
        }
    }

    /// An answer that tells other sites nothing: its address is the proof.
    fn blank(&self, status: StatusCode) -> HttpResponseBuilder {
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; form-action {}; frame-ancestors 'none'; base-uri 'none'",
            *STYLE_HASH,
            self.state.pages.form_targets()
        );
        let mut response = HttpResponse::build(status);
        for (name, value) in [
            ("content-security-policy", policy.as_str()),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-robots-tag", "noindex, nofollow"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.insert_header((HeaderName::from_static(name), value));
            }
        }
        if self.is_new {
            response.insert_header((SET_COOKIE, cookie(self.state, &self.secret)));
        }
        response
    }

    fn failed(&self, id: &str, error: &Error) -> HttpResponse {
        tracing::error!(request.id = id, error = %error, "an invitation could not be handled");
        let words = self.words(None);
        let page = Page::plain(words, "", words.failed, &[words.failed_lead]);
        self.respond(StatusCode::SERVICE_UNAVAILABLE, &page)
    }

    fn gone(&self) -> HttpResponse {
        let words = self.words(None);
        let page = Page::plain(words, "", words.gone, &[words.gone_in, words.gone_out]);
        self.respond(StatusCode::GONE, &page)
    }

    fn pending(&self, status: StatusCode, shown: &Shown, warning: bool) -> HttpResponse {
        let words = self.words(Some(shown.language));
        let inviter = shown.inviter.as_deref();
        let date = words.day(shown.expires_at);
        let values = [
            ("product", shown.product.as_str()),
            ("inviter", inviter.unwrap_or_default()),
            ("email", &shown.email),
            ("date", &date),
        ];
        let title = match inviter {
            _ if warning => words.again,
            Some(_) => words.invited_by,
            None => words.invited,
        };
        let mut lines = vec![fill(words.invited_lead, &values)];
        if warning {
            lines.insert(0, words.again_lead.to_owned());
        }
        let meant = [words.meant_for, words.until].map(|text| fill(text, &values));
        lines.push(meant.join(" "));
        let page = Page {
            title: fill(title, &values),
            lines,
            message: shown.message.as_deref(),
            inviter,
            form: Some(Form {
                proof: self.proof(),
                buttons: vec![
                    Button {
                        act: "accept",
                        label: words.accept,
                        class: "first",
                    },
                    Button {
                        act: "decline",
                        label: words.decline,
                        class: "second",
                    },
                ],
            }),
            notes: vec![words.mistaken],
            ..Page::plain(words, &shown.product, "", &[])
        };
        self.respond(status, &page)
    }

    fn expired(&self, status: StatusCode, shown: &Shown) -> HttpResponse {
        let words = self.words(Some(shown.language));
        let page = Page {
            form: Some(Form {
                proof: self.proof(),
                buttons: vec![Button {
                    act: "renew",
                    label: words.renew,
                    class: "first",
                }],
            }),
            ..Page::plain(words, &shown.product, words.expired, &[words.expired_lead])
        };
        self.respond(status, &page)
    }

    /// The page of the link, without having done anything.
    async fn look(&self, id: &str, is_retry: bool) -> HttpResponse {
        let status = match is_retry {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::OK,
        };
        match self.state.service.open_invitation(self.token).await {
            Ok(Opened::Pending(shown)) => self.pending(status, &shown, is_retry),
            Ok(Opened::Expired(shown)) => self.expired(status, &shown),
            Ok(Opened::Gone) => self.gone(),
            Err(error) => self.failed(id, &error),
        }
    }

    /// Whether a form is this browser's own.
    fn is_own(&self, form: &[(String, String)]) -> bool {
        let site = self.request.headers().get("sec-fetch-site");
        let site = site.and_then(|v| v.to_str().ok());
        let is_from_here = site.is_none_or(|site| site == "same-origin");
        let brought = form.iter().find(|(name, _)| name == "proof");
        !self.is_new && is_from_here && brought.is_some_and(|(_, value)| *value == self.proof())
    }

    async fn accept(&self, id: &str) -> HttpResponse {
        let service = &self.state.service;
        let (shown, code) = match service.accept_invitation(self.token, id).await {
            Ok(Accepted::In { shown, code }) => (shown, code),
            Ok(Accepted::Expired(shown)) => return self.expired(StatusCode::OK, &shown),
            Ok(Accepted::Gone) => return self.gone(),
            Err(error) => return self.failed(id, &error),
        };
        let words = self.words(Some(shown.language));
        match (code, &self.state.pages.accept_url) {
            (Some(code), Some(url)) => {
                let sign = if url.contains('?') { '&' } else { '?' };
                let (code, tenant) = (code.expose(), shown.tenant.as_str());
                let mut response = self.blank(StatusCode::SEE_OTHER);
                let address = format!("{url}{sign}code={code}&tenant={tenant}");
                response.insert_header((LOCATION, address));
                response.finish()
            }
            (code, _) => {
                let (title, lead) = match code {
                    Some(_) => (words.inside, words.inside_lead),
                    None => (words.later, words.later_lead),
                };
                let page = Page::plain(words, &shown.product, title, &[lead]);
                self.respond(StatusCode::OK, &page)
            }
        }
    }

    async fn decline(&self, id: &str) -> HttpResponse {
        let words = self.words(None);
        match self.state.service.decline_invitation(self.token, id).await {
            Ok(true) => {
                let page = Page::plain(words, "", words.declined, &[words.declined_lead]);
                self.respond(StatusCode::OK, &page)
            }
            Ok(false) => self.look(id, false).await,
            Err(error) => self.failed(id, &error),
        }
    }

    async fn renew(&self, id: &str) -> HttpResponse {
        match self.state.service.renew_invitation(self.token, id).await {
            Ok(Some(shown)) => {
                let words = self.words(Some(shown.language));
                let lead = [words.renewed_lead];
                let page = Page::plain(words, &shown.product, words.renewed, &lead);
                self.respond(StatusCode::OK, &page)
            }
            Ok(None) => self.look(id, false).await,
            Err(error) => self.failed(id, &error),
        }
    }
}

/// Shows an invitation.
async fn show(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "GET", ROUTE);
    let visit = Visit::begin(&state, &request);
    let response = match (visit.refused(), state.limits.check_headers(&request)) {
        (Some(refused), _) => refused,
        (None, Err(_)) => visit.gone(),
        (None, Ok(())) => visit.look(passage.id(), false).await,
    };
    passage.end(response, None, &[])
}

/// Takes the answer.
async fn answer(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let passage = Passage::begin(&state, &request, "POST", ROUTE);
    let visit = Visit::begin(&state, &request);
    if let Some(refused) = visit.refused() {
        return passage.end(refused, None, &[]);
    }
    let id = passage.id();
    let text = std::str::from_utf8(&body).ok().filter(|t| t.len() <= FORM);
    let form = text.and_then(|text| decode_query(text).ok());
    let form = form.unwrap_or_default();
    let act = form.iter().find(|(name, _)| name == "do");
    let act = act.map_or("", |(_, value)| value.as_str());
    let response = match (visit.is_own(&form), act) {
        (true, "accept") => visit.accept(id).await,
        (true, "decline") => visit.decline(id).await,
        (true, "renew") => visit.renew(id).await,
        _ => visit.look(id, true).await,
    };
    passage.end(response, None, &[])
}

/// Name of the cookie; with that prefix a browser takes it from this host alone, and over TLS.
fn name(state: &State) -> &'static str {
    match state.public_url.starts_with("https://") {
        true => "__Host-rosterd-invite",
        false => "rosterd-invite",
    }
}

/// It comes along with forms of this site alone.
fn cookie(state: &State, secret: &str) -> String {
    let name = name(state);
    let secure = match name.starts_with("__Host-") {
        true => "; Secure",
        false => "",
    };
    format!("{name}={secret}; Path=/; Max-Age={LIFE}; HttpOnly; SameSite=Strict{secure}")
}

/// What this browser keeps; none if there are two, of which one is somebody else's, or if it is not of our making.
fn kept(state: &State, request: &HttpRequest) -> Option<String> {
    let name = name(state);
    let lines = request.headers().get_all(COOKIE);
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let all = lines.iter().flat_map(|line| line.split(';'));
    let mut found = all
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name);
    let (_, secret) = found.next()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_ours = secret.len() == 43 && secret.bytes().all(is_plain);
    (is_ours && found.next().is_none()).then(|| secret.to_owned())
}
