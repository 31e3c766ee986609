//! How fast a vendor may be asked: our own rate per connection, and what the vendor's headers say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::domain::clock::Millis;
use crate::hris::error::{Error, Kind};
use crate::hris::manifest::{Rate, ResetUnit};

/// Headers that say how many requests are left.
const REMAINING: [&str; 3] = [
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
];

/// Headers that say when there are more again.
const RESET: [&str; 3] = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];

/// Paces the requests of one connection.
pub(super) struct Pace {
    own: Option<DefaultDirectRateLimiter>,
    unit: ResetUnit,
    /// The vendor said that nothing is left until then.
    not_before: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>, is_paced: bool) -> Self {
        Self {
            own: rate.filter(|_| is_paced).map(|rate| {
                RateLimiter::direct(Quota::per_minute(rate.per_minute).allow_burst(rate.burst))
            }),
            unit: rate.map(|rate| rate.reset).unwrap_or_default(),
            not_before: Mutex::new(None),
        }
    }

    /// Waits until a request may be sent.
    pub(super) async fn ready(&self) {
        if let Some(own) = &self.own {
            own.until_ready().await;
        }
        let until = *self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Remembers that nothing is left, if the headers say so.
    pub(super) fn note(&self, headers: &HeaderMap, now: Millis, longest: Duration) {
        let is_used_up = REMAINING
            .iter()
            .any(|name| number(headers, name) == Some(0.0));
        if let Some(wait) = is_used_up.then(|| self.reset(headers, now)).flatten() {
            let until = Instant::now() + wait.min(longest);
            *self
                .not_before
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
    }

    /// The error with the wait that its headers ask for.
    pub(super) fn timed(&self, mut error: Error, headers: &HeaderMap, now: Millis) -> Error {
        if error.retry_helps() {
            // A vendor that is down resets nothing.
            let is_limit = error.kind == Kind::RateLimited;
            let reset = || is_limit.then(|| self.reset(headers, now)).flatten();
            error.retry_after = retry_after(headers, now).or_else(reset);
        }
        error
    }

    fn reset(&self, headers: &HeaderMap, now: Millis) -> Option<Duration> {
        let value = RESET.iter().find_map(|name| number(headers, name))?;
        let now = Duration::from_millis(now.0.unsigned_abs()).as_secs_f64();
        let seconds = match self.unit {
            ResetUnit::Milliseconds => value / 1_000.0,
            ResetUnit::Auto if value > 1e12 => value / 1_000.0 - now,
            ResetUnit::Auto if value > 1e9 => value - now,
            ResetUnit::Auto => value,
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).ok()
    }
}

/// `Retry-After`: seconds or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers
        .get(reqwest::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let wait = at.timestamp_millis().saturating_sub(now.0).max(0);
    Some(Duration::from_millis(wait.unsigned_abs()))
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Millis::from_rfc3339("2026-11-24T09:30:00Z").unwrap();
        let wait = |text| retry_after(&headers(&[("retry-after", text)]), now);
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Tue, 24 Nov 2026 09:30:12 GMT"),
            Some(Duration::from_secs(12))
        );
        assert_eq!(wait("Tue, 24 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_reset_is_told_apart_by_size() {
        let now = Millis(1_790_000_000_000);
        let reset = |unit, text| {
            let pace = Pace {
                own: None,
                unit,
                not_before: Mutex::new(None),
            };
            pace.reset(&headers(&[("x-ratelimit-reset", text)]), now)
                .map(|wait| wait.as_secs())
        };
        assert_eq!(reset(ResetUnit::Auto, "30"), Some(30));
        assert_eq!(reset(ResetUnit::Auto, "1790000020"), Some(20));
        assert_eq!(reset(ResetUnit::Auto, "1790000021000"), Some(21));
        assert_eq!(reset(ResetUnit::Auto, "1780000000"), Some(0));
        assert_eq!(reset(ResetUnit::Milliseconds, "45000"), Some(45));
    }

    #[test]
    fn each_spelling_of_the_headers_is_read() {
        let now = Millis(1_790_000_000_000);
        for (remaining, reset) in REMAINING.into_iter().zip(RESET) {
            let pace = Pace::new(None, false);
            let left = |count| headers(&[(remaining, count), (reset, "9")]);
            pace.note(&left("1"), now, Duration::from_secs(60));
            assert!(pace.not_before.lock().unwrap().is_none(), "{remaining}");
            pace.note(&left("0"), now, Duration::from_secs(60));
            assert!(pace.not_before.lock().unwrap().is_some(), "{remaining}");
        }
    }
}
