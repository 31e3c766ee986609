//! What employment means for access: the truth table of a pull source (SEMANTICS §1, §3, §7; printed in
//! `docs/LIFECYCLE.md`). A source never says `active`; it says a state and two days, and this is what follows.

use chrono::NaiveDate;

use super::access::{Access, Decision, JoinerPolicy, Standing, arrival, listed, on_active, reason};
use super::calendar::{day_begins, day_ends};
use super::clock::Millis;
use super::employment::EmploymentState;

/// What a source asserts about somebody's employment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// State, as of the day of the pull.
    pub state: EmploymentState,
    /// When the first day begins.
    pub starts: Option<Millis>,
    /// When the last day is over.
    pub ends: Option<Millis>,
}

/// Where somebody is in it at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nobody knows.
    Unknown,
    /// The first day lies ahead.
    NotStarted,
    /// Employed, be she there or on leave.
    Working,
    /// It is over; with the reason code.
    Ended(&'static str),
}

impl Term {
    /// From days in a zone. An end before the start is that of an earlier employment, and counts for nothing.
    pub fn new(
        state: EmploymentState,
        start: Option<NaiveDate>,
        end: Option<NaiveDate>,
        zone: Option<&str>,
    ) -> Self {
        let end = end.filter(|end| start.is_none_or(|start| start <= *end));
        Self {
            state,
            starts: start.and_then(|day| day_begins(day, zone)),
            ends: end.and_then(|day| day_ends(day, zone)),
        }
    }

    /// The phase at a moment. A word that says *left* counts at once, whatever the last day is.
    pub fn phase(self, now: Millis) -> Phase {
        match self.state {
            EmploymentState::Unknown => Phase::Unknown,
            EmploymentState::Left => Phase::Ended(reason::LEFT),
            _ if self.ends.is_some_and(|ends| ends <= now) => Phase::Ended(reason::LAST_DAY_PASSED),
            _ if self.starts.is_some_and(|starts| starts > now) => Phase::NotStarted,
            EmploymentState::Prehire if self.starts.is_none() => Phase::NotStarted,
            _ => Phase::Working,
        }
    }

    /// The state as of a moment: a prehire whose first day has come is employed.
    pub fn as_of(self, now: Millis) -> EmploymentState {
        match self.phase(now) {
            Phase::Unknown => EmploymentState::Unknown,
            Phase::NotStarted => EmploymentState::Prehire,
            Phase::Ended(_) => EmploymentState::Left,
            Phase::Working if self.state == EmploymentState::OnLeave => EmploymentState::OnLeave,
            Phase::Working => EmploymentState::Employed,
        }
    }

    /// When the phase changes by itself.
    pub fn due(self, now: Millis) -> Option<Millis> {
        match self.phase(now) {
            Phase::NotStarted => self.starts,
            Phase::Working => self.ends,
            Phase::Unknown | Phase::Ended(_) => None,
        }
    }
}

/// What of this source's word about the person is in force already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Earlier {
    /// Nothing: it meets her in this very run.
    Met,
    /// Nothing, though it was matched to her in an earlier run.
    Matched,
    /// That she has not started.
    NotStarted,
    /// That she works.
    Working,
    /// That she has left, or is no longer in it.
    Ended,
}

impl Earlier {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Met,
        Self::Matched,
        Self::NotStarted,
        Self::Working,
        Self::Ended,
    ];
}

/// What a pull source says of somebody makes of her access. `None`: nothing changes.
///
/// Access goes when the source's word changes to an end, not as long as it says so: what a human decides afterwards
/// stands. It comes back likewise. Only the joiner policy is asked each time, and only about those who are listed.
pub fn on_employment(
    who: Standing,
    phase: Phase,
    earlier: Earlier,
    policy: JoinerPolicy,
    now: Millis,
    return_days: i64,
) -> Option<Decision> {
    match phase {
        Phase::Unknown => None,
        Phase::Ended(because) => on_end(who, earlier, because),
        Phase::Working | Phase::NotStarted => {
            let has_started = phase == Phase::Working;
            let decision = match who.access {
                None | Some(Access::Listed) => on_active(who, policy, now, return_days),
                Some(_) if who.sticky || who.inactive_elsewhere => None,
                Some(Access::Granted) if !who.has_access && has_started => Some(Decision {
                    access: Access::Granted,
                    reason: reason::GRANTED_BY_POLICY,
                }),
                Some(Access::Granted | Access::Invited) => None,
                Some(Access::Revoked) => {
                    let is_late = now > who.since.plus_days(return_days);
                    on_return(has_started, earlier, policy, is_late)
                }
            };
            decision.map(|decision| match decision.access {
                Access::Granted if !has_started => Decision {
                    reason: reason::NOT_STARTED,
                    ..decision
                },
                _ => decision,
            })
        }
    }
}

/// Somebody revoked is, or will be, employed. She returns if the source said that she was gone; one that never said so
/// brings back only whom its policy lets in.
fn on_return(
    has_started: bool,
    earlier: Earlier,
    policy: JoinerPolicy,
    is_late: bool,
) -> Option<Decision> {
    let returns = match earlier {
        Earlier::Ended => true,
        Earlier::NotStarted => has_started,
        Earlier::Met | Earlier::Matched => policy == JoinerPolicy::Grant,
        Earlier::Working => false,
    };
    match (returns, is_late) {
        (false, _) => None,
        (true, true) => Some(listed(reason::RETURNED_LATE)),
        (true, false) => has_started.then_some(Decision {
            access: Access::Granted,
            reason: reason::RETURNED,
        }),
    }
}

/// Employment is over. Whom the source meets in this very run it takes nothing from: an old record may be somebody
/// else's with the same address. Who never had access is not revoked (docs/decisions/0002).
fn on_end(who: Standing, earlier: Earlier, because: &'static str) -> Option<Decision> {
    let is_news = !matches!(earlier, Earlier::Met | Earlier::Ended);
    match who.access {
        None => Some(arrival(who, listed(because))),
        Some(_) if !is_news => None,
        Some(Access::Granted) if who.has_access => Some(Decision {
            access: Access::Revoked,
            reason: because,
        }),
        Some(Access::Granted | Access::Invited) => Some(listed(because)),
        Some(Access::Listed | Access::Revoked) => None,
    }
}

#[cfg(test)]
mod tests;
