//! What a client may do at most, on the way to a handler.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;

use crate::scim;

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest body in bytes.
    pub body: usize,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// Most bytes of all headers.
    pub headers: usize,
    /// Most headers.
    pub header_count: usize,
    /// Those of the protocol.
    pub scim: scim::limits::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 4 << 20,
            body_time: Duration::from_secs(30),
            headers: 32 << 10,
            header_count: 64,
            scim: scim::limits::Limits::default(),
        }
    }
}

impl Limits {
    /// Refuses a request with more headers than any client of ours sends.
    ///
    /// # Errors
    /// 431.
    pub fn check_headers(&self, request: &HttpRequest) -> Result<(), scim::Error> {
        let (mut count, mut bytes) = (0, 0);
        for (name, value) in request.headers() {
            count += 1;
            bytes += name.as_str().len() + value.len();
        }
        let refuse = |most: usize, what: &str, got: usize| {
            let detail = format!("a request has at most {most} {what}; got {got}");
            Err(scim::Error::plain(431, detail))
        };
        if count > self.header_count {
            return refuse(self.header_count, "headers", count);
        }
        if bytes > self.headers {
            return refuse(self.headers, "bytes of headers", bytes);
        }
        Ok(())
    }
}

/// Most tokens that are counted at a time; whoever is forgotten begins with a full minute.
const COUNTED: usize = 10_000;

/// Requests of each token in a minute: a minute's worth at once, and then as they become free again (the generic cell
/// rate algorithm: one number a token). In memory of this process.
#[derive(Debug)]
pub struct RateLimit {
    /// Time that a request takes from the minute; zero: any number of requests.
    share: Duration,
    began: Instant,
    /// When each token will have its whole minute again, since `began`.
    free_at: Mutex<HashMap<String, Duration>>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl RateLimit {
    /// This many requests of a token in a minute; 0: any number.
    pub fn per_minute(requests: usize) -> Self {
        let share = MINUTE.checked_div(u32::try_from(requests).unwrap_or(u32::MAX));
        Self {
            share: share.unwrap_or_default(),
            began: Instant::now(),
            free_at: Mutex::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The whole seconds after which there is room for another one.
    pub fn count(&self, token: &str) -> Result<(), u64> {
        if self.share.is_zero() {
            return Ok(());
        }
        self.count_at(token, self.began.elapsed())
    }

    fn count_at(&self, token: &str, now: Duration) -> Result<(), u64> {
        let mut all = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let free_at = all.get(token).map_or(now, |at| (*at).max(now)) + self.share;
        let late = (free_at - now).saturating_sub(MINUTE);
        if !late.is_zero() {
            return Err(late.as_millis().div_ceil(1_000).max(1) as u64);
        }
        if let Some(at) = all.get_mut(token) {
            *at = free_at;
            return Ok(());
        }
        if all.len() >= COUNTED {
            // Whoever has the whole minute again is as good as unknown.
            all.retain(|_, at| *at > now);
            if all.len() >= COUNTED {
                all.clear();
            }
        }
        all.insert(token.to_owned(), free_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_is_taken_at_once_and_comes_back_bit_by_bit() {
        let limit = RateLimit::per_minute(60);
        let at = |seconds, token| limit.count_at(token, Duration::from_millis(seconds));
        for _ in 0..60 {
            assert_eq!(at(0, "a"), Ok(()));
        }
        assert_eq!(at(0, "a"), Err(1));
        assert_eq!(at(0, "b"), Ok(()), "each token has its own");
        assert_eq!(at(999, "a"), Err(1));
        assert_eq!(at(1_000, "a"), Ok(()));
        assert_eq!(at(1_000, "a"), Err(1));
        for _ in 0..60 {
            assert_eq!(
                at(3_600_000, "a"),
                Ok(()),
                "no more than a minute is saved up"
            );
        }
        assert_eq!(at(3_600_000, "a"), Err(1));
        let slow = RateLimit::per_minute(2);
        let at = |seconds| slow.count_at("a", Duration::from_secs(seconds));
        assert_eq!(
            (at(0), at(0), at(10), at(30)),
            (Ok(()), Ok(()), Err(20), Ok(()))
        );
    }

    #[test]
    fn no_number_is_no_limit_and_memory_is_bounded() {
        let none = RateLimit::per_minute(0);
        assert!((0..1_000).all(|_| none.count("a").is_ok()));
        let limit = RateLimit::per_minute(10);
        for i in 0..3 * COUNTED {
            assert_eq!(limit.count_at(&format!("t{i}"), Duration::ZERO), Ok(()));
        }
        let kept = limit.free_at.lock().map(|all| all.len());
        assert!(kept.is_ok_and(|n| n <= COUNTED));
    }
}
