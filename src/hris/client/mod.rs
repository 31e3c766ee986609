//! What stands around every request, from outside: time limit, retries with backoff and jitter, what the vendor says
//! about its limits, our own rate limit, size limit, no redirect to another host, no private address, errors without
//! secrets. It knows requests and answers, and nothing of connectors' lists or of authentication.

mod build;
mod call;
pub(in crate::hris) mod classify;
mod endpoint;
mod guard;
mod limits;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

pub use self::call::{Call, encode, filled};
pub use self::endpoint::Endpoint;
pub use self::guard::addresses;
use self::limits::Pace;
use super::error::{Error, Kind};
use super::manifest::{ErrorRule, Manifest, Method};
use super::values::Redactor;
use crate::domain::chance::Chance;
use crate::domain::clock::Clock;

/// Times our own wait, where a vendor counts requests and does not say until when: 8 seconds, 16, 32, 64.
const SILENT: u32 = 8;

/// Bounds of a pull.
#[derive(Debug, Clone)]
pub struct Limits {
    /// One request, the reading of its answer included.
    pub timeout: Duration,
    /// Tries of one request.
    pub attempts: u32,
    /// Wait before the second try; doubles with each.
    pub backoff: Duration,
    /// Longest wait that a vendor can ask for inside a pull.
    pub longest_wait: Duration,
    /// Bytes of one answer.
    pub body: usize,
    /// Pages of one list.
    pub pages: u64,
    /// Requests are sent no faster than the connector says.
    pub is_paced: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            attempts: 5,
            backoff: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            body: 256 << 20,
            pages: 100_000,
            is_paced: true,
        }
    }
}

/// The world outside, as the operator set it.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Where bytes are sent instead of the vendor's hosts.
    pub endpoint: Option<Endpoint>,
    /// Whether addresses of private networks may be asked.
    pub allow_private: bool,
    /// Bounds.
    pub limits: Limits,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; shared, since some hold everybody.
    pub body: Arc<Vec<u8>>,
    /// The vendor's address that was asked.
    pub url: Url,
}

/// Sends requests.
pub struct Client {
    http: reqwest::Client,
    outside: Outside,
    pace: Pace,
    rules: Vec<ErrorRule>,
    error_header: Option<String>,
    chance: Arc<dyn Chance>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Client {
    /// A client for one connection. Errors (kind limit): the TLS library cannot be set up.
    pub fn new(
        manifest: &Manifest,
        outside: &Outside,
        redactor: Redactor,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, Error> {
        let mut outside = outside.clone();
        let asked = manifest.timeout_seconds.map(u64::from);
        outside.limits.timeout = asked.map_or(outside.limits.timeout, Duration::from_secs);
        Ok(Self {
            http: build::http(&outside)?,
            pace: Pace::new(manifest.rate, outside.limits.is_paced),
            rules: manifest.errors.clone(),
            error_header: manifest.error_header.clone(),
            outside,
            chance,
            clock,
            redactor,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Bounds.
    pub fn limits(&self) -> &Limits {
        &self.outside.limits
    }

    /// How the vendor's errors are to be read.
    pub(in crate::hris) fn rules(&self) -> &[ErrorRule] {
        &self.rules
    }

    /// What is hidden in errors.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sends a request and reads its answer, again and again while that may help.
    pub async fn fetch<T>(
        &self,
        call: &Call,
        read: impl Fn(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.fetch_up_to(call, self.outside.limits.attempts, read)
            .await
    }

    /// The same with a bound of its own on the tries.
    pub async fn fetch_up_to<T>(
        &self,
        call: &Call,
        attempts: u32,
        read: impl Fn(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            let error = match self.once(call).await.and_then(|answer| read(&answer)) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = self.wait(attempt, &error);
            if !error.retry_helps() || attempt >= attempts || wait > self.limits().longest_wait {
                return Err(self.redactor.clean_error(error));
            }
            tracing::debug!(
                error.code,
                attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "asking the vendor again"
            );
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Doubles with each try, half to one and a half times that by chance, and never less than the vendor asks for. One that
    /// wants to be asked less often and does not say when has a window, mostly a minute.
    fn wait(&self, attempt: u32, error: &Error) -> Duration {
        let mut bytes = [0u8; 2];
        self.chance.fill(&mut bytes);
        let share = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
        let doubled = self
            .limits()
            .backoff
            .saturating_mul(1 << (attempt - 1).min(10));
        let own = doubled.mul_f64(0.5 + share);
        match error.retry_after {
            Some(asked) => asked.max(own),
            None if error.kind == Kind::RateLimited => own.saturating_mul(SILENT),
            None => own,
        }
    }

    async fn once(&self, call: &Call) -> Result<Answer, Error> {
        let mut url = call.url.clone();
        for _ in 0..4 {
            let answer = self.exchange(call, &url).await?;
            if !(300..400).contains(&answer.status) || answer.status == 304 {
                let error = classify::error(&answer, &self.rules, self.error_header.as_deref());
                return match error {
                    Some(error) => Err(self.pace.timed(error, &answer.headers, self.clock.now())),
                    None => Ok(answer),
                };
            }
            url = self.redirected(call, &answer)?;
        }
        Err(Error::new(Kind::NotUnderstood, "redirects"))
    }

    /// A redirect is followed inside the same origin, and only for a GET.
    fn redirected(&self, call: &Call, answer: &Answer) -> Result<Url, Error> {
        let refused =
            || Error::new(Kind::NotUnderstood, "redirect_refused").with("status", answer.status);
        let target = answer
            .headers
            .get(reqwest::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(refused)?;
        let url = self.link(&answer.url, target).map_err(|_| refused())?;
        match call.method {
            Method::Get => Ok(url),
            Method::Post => Err(refused()),
        }
    }

    /// The vendor's address that a link in an answer means: relative, on the vendor's own origin, or on the endpoint's.
    /// Errors (kind not understood): `link_refused`.
    pub fn link(&self, from: &Url, link: &str) -> Result<Url, Error> {
        let refused =
            |host: &str| Error::new(Kind::NotUnderstood, "link_refused").with("host", host);
        let endpoint = self.outside.endpoint.as_ref();
        let url = match (Url::parse(link), endpoint) {
            (Ok(url), _) => url,
            (Err(_), Some(endpoint)) => endpoint.join(from, link).ok_or_else(|| refused("?"))?,
            (Err(_), None) => from.join(link).map_err(|_| refused("?"))?,
        };
        if url.origin() == from.origin() {
            return Ok(url);
        }
        endpoint
            .and_then(|endpoint| endpoint.unmap(&url, from))
            .ok_or_else(|| refused(url.host_str().unwrap_or("?")))
    }

    async fn exchange(&self, call: &Call, url: &Url) -> Result<Answer, Error> {
        let target = match &self.outside.endpoint {
            Some(endpoint) => endpoint.map(url)?,
            None => url.clone(),
        };
        if !self.may_be_private() {
            guard::literal(&target)?;
        }
        self.pace.ready().await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let exchange = async {
            let request = call.request(&self.http, target)?;
            let response = request
                .send()
                .await
                .map_err(|error| guard::transport(&error))?;
            self.answer(response, url).await
        };
        match tokio::time::timeout(self.limits().timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(Kind::Unavailable, "timeout")
                .with("seconds", self.limits().timeout.as_secs())),
        }
    }

    fn may_be_private(&self) -> bool {
        self.outside.allow_private
            || self
                .outside
                .endpoint
                .as_ref()
                .is_some_and(Endpoint::is_loopback)
    }

    async fn answer(&self, mut response: reqwest::Response, url: &Url) -> Result<Answer, Error> {
        let limit = self.limits().body;
        let too_large = || Error::new(Kind::Limit, "body_too_large").with("limit", limit);
        let announced = response.content_length().unwrap_or_default();
        if usize::try_from(announced).unwrap_or(usize::MAX) > limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or_default());
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| guard::transport(&error))?
        {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            body.extend_from_slice(&chunk);
        }
        self.pace.note(
            response.headers(),
            self.clock.now(),
            self.limits().longest_wait,
        );
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Arc::new(body),
            url: url.clone(),
        })
    }
}
