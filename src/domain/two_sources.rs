//! What two sources together mean for access: an HR system that is pulled and an identity provider that pushes, each with
//! its joiner policy at first (`list`, `grant`). Composed of the rules of each (`lifecycle`, `access`); printed in
//! `docs/TWO-SOURCES.md` and held against the real service, cell by cell.

use super::access::{
    Access, Decision, JoinerPolicy, RETURN_DAYS, Standing, on_active, on_inactive, reason,
};
use super::clock::Millis;
use super::lifecycle::{Earlier, Phase, on_employment};

/// What the HR system says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hr {
    /// It does not have her, or no longer.
    Absent,
    /// She works.
    Present,
    /// She is on leave.
    Inactive,
    /// She has left.
    Ended,
    /// Her first day lies ahead.
    NotStarted,
}

/// What the identity provider says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Push {
    /// It never had her.
    Absent,
    /// She is active.
    Present,
    /// It made her active and deactivated her.
    Inactive,
    /// It deleted her.
    Ended,
    /// It made her inactive from the start.
    NotStarted,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The HR system is connected and pulled twice.
    HrConnects,
    /// The identity provider is connected and brings her.
    PushConnects,
    /// The HR system is disconnected.
    HrDisconnects,
    /// The identity provider is disconnected.
    PushDisconnects,
    /// Either of them is paused.
    Pause,
}

/// What becomes of her.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// She stands as before.
    Stays,
    /// Other access.
    Becomes(Decision),
    /// She goes: nobody let her in, and nobody has her any more.
    Removed,
}

impl Hr {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Absent,
        Self::Present,
        Self::Inactive,
        Self::Ended,
        Self::NotStarted,
    ];

    fn phase(self) -> Phase {
        match self {
            Self::Absent => Phase::Unknown,
            Self::Present | Self::Inactive => Phase::Working,
            Self::Ended => Phase::Ended(reason::LEFT),
            Self::NotStarted => Phase::NotStarted,
        }
    }
}

impl Push {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Absent,
        Self::Present,
        Self::Inactive,
        Self::Ended,
        Self::NotStarted,
    ];

    /// It has a claim on her.
    fn is_live(self) -> bool {
        matches!(self, Self::Present | Self::Inactive | Self::NotStarted)
    }

    fn says_inactive(self) -> bool {
        matches!(self, Self::Inactive | Self::NotStarted)
    }
}

/// What an event makes of somebody who stands so, where each source says so.
pub fn outcome(hr: Hr, push: Push, access: Access, event: Event) -> Outcome {
    let is_listed = access == Access::Listed;
    match event {
        Event::Pause => Outcome::Stays,
        Event::HrDisconnects if hr != Hr::Absent && is_listed && !push.is_live() => {
            Outcome::Removed
        }
        Event::PushDisconnects if push.is_live() && is_listed && hr == Hr::Absent => {
            Outcome::Removed
        }
        Event::HrDisconnects | Event::PushDisconnects => Outcome::Stays,
        Event::HrConnects => {
            let mut she = She::of(access);
            she.is_inactive = push.says_inactive();
            she.is_pulled(hr);
            she.outcome()
        }
        Event::PushConnects => {
            let mut she = She::of(access);
            she.is_inactive = hr == Hr::Ended;
            she.is_pushed(hr, push);
            she.outcome()
        }
    }
}

/// Somebody on her way through the words of one source.
struct She {
    access: Access,
    has_access: bool,
    /// The other source says that she is gone.
    is_inactive: bool,
    decided: Option<Decision>,
}

impl She {
    fn of(access: Access) -> Self {
        Self {
            access,
            has_access: access == Access::Granted,
            is_inactive: false,
            decided: None,
        }
    }

    fn standing(&self) -> Standing {
        Standing {
            access: Some(self.access),
            has_access: self.has_access,
            since: Millis(0),
            sticky: false,
            waits: None,
            inactive_elsewhere: self.is_inactive,
        }
    }

    fn take(&mut self, decision: Option<Decision>) {
        if let Some(decision) = decision {
            self.access = decision.access;
            self.has_access = decision.has_access();
            self.decided = Some(decision);
        }
    }

    /// Two pulls: the first one meets her.
    fn is_pulled(&mut self, hr: Hr) {
        let has_something = matches!(self.access, Access::Granted | Access::Invited);
        if hr == Hr::Absent || (hr == Hr::Ended && !has_something) {
            // Nobody is taken over by an old record who has nothing to lose.
            return;
        }
        let second = match hr {
            Hr::Ended => Earlier::Matched,
            Hr::NotStarted => Earlier::NotStarted,
            _ => Earlier::Working,
        };
        for earlier in [Earlier::Met, second] {
            let (who, phase) = (self.standing(), hr.phase());
            let now = Millis(0);
            self.take(on_employment(
                who,
                phase,
                earlier,
                JoinerPolicy::List,
                now,
                RETURN_DAYS,
            ));
        }
    }

    fn is_pushed(&mut self, hr: Hr, push: Push) {
        if matches!(push, Push::Present | Push::Inactive | Push::Ended) {
            let active = on_active(self.standing(), JoinerPolicy::Grant, Millis(0), RETURN_DAYS);
            self.take(active.map(|decision| begins(decision, hr == Hr::NotStarted)));
        }
        let because = match push {
            Push::Absent | Push::Present => return,
            Push::Inactive | Push::NotStarted => reason::DEACTIVATED_BY_SOURCE,
            Push::Ended => reason::DELETED_BY_SOURCE,
        };
        self.take(on_inactive(self.standing(), because));
    }

    fn outcome(self) -> Outcome {
        self.decided.map_or(Outcome::Stays, Outcome::Becomes)
    }
}

/// Whoever lets somebody in whose first day lies ahead lets her in from that day on.
pub fn begins(decision: Decision, is_ahead: bool) -> Decision {
    match decision.access {
        Access::Granted if is_ahead => Decision {
            reason: reason::NOT_STARTED,
            ..decision
        },
        _ => decision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_in_either_source_revokes_and_nothing_gives_access_that_one_of_them_denies() {
        for hr in Hr::ALL {
            for push in Push::ALL {
                for access in Access::ALL {
                    for event in [Event::HrConnects, Event::PushConnects] {
                        let Outcome::Becomes(decision) = outcome(hr, push, access, event) else {
                            continue;
                        };
                        let denies = hr == Hr::Ended || push.says_inactive();
                        assert!(
                            !denies || !decision.has_access(),
                            "{hr:?} {push:?} {access:?} {event:?}"
                        );
                    }
                }
            }
        }
        let left = outcome(Hr::Ended, Push::Present, Access::Granted, Event::HrConnects);
        assert!(matches!(left, Outcome::Becomes(d) if d.access == Access::Revoked));
    }

    #[test]
    fn no_disconnect_and_no_pause_takes_access() {
        for hr in Hr::ALL {
            for push in Push::ALL {
                for access in [Access::Granted, Access::Invited, Access::Revoked] {
                    for event in [Event::HrDisconnects, Event::PushDisconnects, Event::Pause] {
                        assert_eq!(outcome(hr, push, access, event), Outcome::Stays);
                    }
                }
            }
        }
    }
}
