//! Counts requests against the vendor's limits, in fixed windows that begin with the first request.

use std::collections::BTreeMap;

use super::standin::Limit;
use crate::domain::clock::Millis;

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many there are in a window.
    pub count: u32,
    /// How many are left of it.
    pub left: u32,
    /// When the next window begins.
    pub reset: Millis,
}

/// Requests of the present windows.
#[derive(Debug, Default)]
pub struct Meter(BTreeMap<usize, (Millis, u32)>);

impl Meter {
    /// Counts a request; answers the tightest of the limits that count it, and how many seconds to wait if one of them
    /// is used up. A request that is refused does not count.
    pub fn count(
        &mut self,
        limits: &[Limit],
        path: &str,
        now: Millis,
    ) -> (Option<Budget>, Option<i64>) {
        let mut tightest: Option<Budget> = None;
        let mut wait = None;
        let met = limits.iter().enumerate();
        for (at, limit) in met.filter(|(_, l)| l.path.is_empty() || l.path == path) {
            let window = self.0.entry(at).or_insert((now, 0));
            let end = |began: Millis| Millis(began.0 + limit.seconds * 1_000);
            if now >= end(window.0) {
                *window = (now, 0);
            }
            let reset = end(window.0);
            if window.1 >= limit.count {
                let seconds = (reset.0 - now.0 + 999) / 1_000;
                wait = Some(wait.unwrap_or(0).max(seconds));
            } else {
                window.1 += 1;
            }
            let budget = Budget {
                count: limit.count,
                left: limit.count - window.1,
                reset,
            };
            tightest = match tightest {
                Some(before) if before.left <= budget.left => Some(before),
                _ => Some(budget),
            };
        }
        (tightest, wait)
    }
}
