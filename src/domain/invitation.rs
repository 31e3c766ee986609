//! Invitations (SEMANTICS §1, §9): what states one goes through, who may be invited, and what follows for access. Pure.

use super::access::{Access, Decision, listed, reason};
use super::clock::Millis;

/// Days for which the link of an invitation works.
pub const VALID_DAYS: i64 = 14;
/// Days after which whoever has not answered is reminded, once.
pub const REMINDER_DAYS: i64 = 5;

/// Where an invitation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is out, and waits for an answer.
    Pending,
    /// She said yes.
    Accepted,
    /// She said no.
    Declined,
    /// An admin took it back.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
    /// Something else decided about her access meanwhile: she left, was revoked or removed, or the app let her in.
    Superseded,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Accepted,
        Self::Declined,
        Self::Withdrawn,
        Self::Expired,
        Self::Superseded,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What is done with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// She accepts.
    Accept,
    /// She declines.
    Decline,
    /// An admin takes it back.
    Withdraw,
    /// An admin sends it again, under a new link.
    Resend,
    /// She asks for a new link, since hers is too old.
    Renew,
    /// Its time is over.
    Expire,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accept,
        Self::Decline,
        Self::Withdraw,
        Self::Resend,
        Self::Renew,
        Self::Expire,
    ];

    /// The state that follows; `None`: it is not for an invitation in this state. An invitation that is over stays so:
    /// sending it again makes another one.
    pub fn on(self, state: State) -> Option<State> {
        match (state, self) {
            (State::Pending, Self::Accept) => Some(State::Accepted),
            (State::Pending, Self::Decline) => Some(State::Declined),
            (State::Pending, Self::Withdraw) => Some(State::Withdrawn),
            (State::Pending, Self::Expire) => Some(State::Expired),
            (State::Pending, Self::Resend) => Some(State::Pending),
            // Who declined or was given up may be asked again by a human; an old link asks for itself only.
            (State::Expired | State::Declined | State::Withdrawn, Self::Resend)
            | (State::Expired, Self::Renew) => Some(state),
            _ => None,
        }
    }

    /// What it means for access; `None`: nothing.
    pub fn decision(self, has_started: bool) -> Option<Decision> {
        match self {
            Self::Accept if has_started => Some(Decision {
                access: Access::Granted,
                reason: reason::INVITATION_ACCEPTED,
            }),
            Self::Accept => Some(Decision {
                access: Access::Granted,
                reason: reason::NOT_STARTED,
            }),
            Self::Decline => Some(listed(reason::INVITATION_DECLINED)),
            Self::Withdraw => Some(listed(reason::INVITATION_WITHDRAWN)),
            Self::Expire => Some(listed(reason::INVITATION_EXPIRED)),
            Self::Resend | Self::Renew => None,
        }
    }
}

/// Why somebody is not invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is nobody with this id, or she was removed.
    NoSuchPerson,
    /// She has access already, or will have it from her first day on.
    HasAccess,
    /// An invitation is out already.
    AlreadyInvited,
    /// She has no address that mail could go to.
    NoAddress,
    /// A human revoked or removed her: that is lifted first.
    ReinstateFirst,
    /// A question about who she is waits for an answer.
    Conflict,
    /// She is the account by which the tenant is reached when nothing else works.
    BreakGlass,
    /// A source says that she has left. Who invites may say that this is known.
    Left,
    /// A source says that she is inactive. Who invites may say that this is known.
    SourceInactive,
    /// The tenant's plan has no seat left.
    NoSeat,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoSuchPerson,
        Self::HasAccess,
        Self::AlreadyInvited,
        Self::NoAddress,
        Self::ReinstateFirst,
        Self::Conflict,
        Self::BreakGlass,
        Self::Left,
        Self::SourceInactive,
        Self::NoSeat,
    ];

    /// The code that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchPerson => "no-such-person",
            Self::HasAccess => "has-access",
            Self::AlreadyInvited => "already-invited",
            Self::NoAddress => "no-address",
            Self::ReinstateFirst => "reinstate-first",
            Self::Conflict => "conflict",
            Self::BreakGlass => "break-glass",
            Self::Left => "left",
            Self::SourceInactive => "source-inactive",
            Self::NoSeat => "no-seat",
        }
    }
}

/// What the rules need to know of somebody who is to be invited.
#[derive(Debug, Clone, Copy)]
pub struct Invitee<'a> {
    /// Access now.
    pub access: Access,
    /// Code of why.
    pub reason: &'a str,
    /// No source lifts how she stands.
    pub sticky: bool,
    /// She has an address that mail can go to.
    pub has_address: bool,
    /// The break-glass admin.
    pub is_break_glass: bool,
    /// An HR source says that she has left.
    pub has_left: bool,
    /// Some source says that she is inactive.
    pub is_inactive: bool,
}

/// Whether a human may invite somebody. That her address is outside the verified domains, that she came back late, and
/// that she declined before or did not answer are decided by inviting her: these wait for a human and for nothing else.
/// `in_spite`: the human knows that she has left or is inactive.
///
/// # Errors
/// Why not; of several reasons the one that nothing else can help.
pub fn may_invite(who: Invitee<'_>, in_spite: bool) -> Result<Decision, Refusal> {
    let refusal = match who.access {
        Access::Granted => Some(Refusal::HasAccess),
        Access::Invited => Some(Refusal::AlreadyInvited),
        Access::Listed | Access::Revoked => None,
    };
    // Whom the app removed an admin lets in again by inviting her.
    let is_held = who.sticky && who.reason != reason::REMOVED_IN_APP;
    let refusal = refusal
        .or(who.is_break_glass.then_some(Refusal::BreakGlass))
        .or(is_held.then_some(Refusal::ReinstateFirst))
        .or((who.reason == reason::CONFLICT).then_some(Refusal::Conflict))
        .or((!who.has_address).then_some(Refusal::NoAddress))
        .or((who.has_left && !in_spite).then_some(Refusal::Left))
        .or((who.is_inactive && !in_spite).then_some(Refusal::SourceInactive));
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Decision {
            access: Access::Invited,
            reason: reason::INVITED,
        }),
    }
}

/// What is next to be done about a pending invitation, and when: the reminder, then its end.
pub fn due(sent_at: Millis, expires_at: Millis, is_reminded: bool) -> Millis {
    let reminder = sent_at.plus_days(REMINDER_DAYS);
    match is_reminded || reminder >= expires_at {
        true => expires_at,
        false => reminder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_act_has_its_cell() {
        use State::{Accepted, Declined, Expired, Pending, Superseded, Withdrawn};
        #[rustfmt::skip]
        let table: [(State, [Option<State>; 6]); 6] = [
            //            accept          decline         withdraw         resend           renew          expire
            (Pending,    [Some(Accepted), Some(Declined), Some(Withdrawn), Some(Pending),   None,          Some(Expired)]),
            (Accepted,   [None,           None,           None,            None,            None,          None]),
            (Declined,   [None,           None,           None,            Some(Declined),  None,          None]),
            (Withdrawn,  [None,           None,           None,            Some(Withdrawn), None,          None]),
            (Expired,    [None,           None,           None,            Some(Expired),   Some(Expired), None]),
            (Superseded, [None,           None,           None,            None,            None,          None]),
        ];
        for (state, row) in table {
            for (act, want) in Act::ALL.into_iter().zip(row) {
                assert_eq!(act.on(state), want, "{act:?} on {state:?}");
            }
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("lost"), None);
    }

    #[test]
    fn only_an_acceptance_grants_and_nobody_before_her_first_day() {
        for act in Act::ALL {
            for has_started in [true, false] {
                let got = act.decision(has_started);
                let has_access = got.is_some_and(Decision::has_access);
                assert_eq!(has_access, act == Act::Accept && has_started, "{act:?}");
                let is_granted = got.is_some_and(|d| d.access == Access::Granted);
                assert_eq!(is_granted, act == Act::Accept, "{act:?}");
            }
        }
    }

    fn who(access: Access, reason: &str) -> Invitee<'_> {
        Invitee {
            access,
            reason,
            sticky: false,
            has_address: true,
            is_break_glass: false,
            has_left: false,
            is_inactive: false,
        }
    }

    #[test]
    fn a_human_invites_whom_nothing_but_a_human_keeps_out() {
        for (access, code) in [
            (Access::Listed, reason::LISTED_BY_SOURCE),
            (Access::Listed, reason::UNVERIFIED_DOMAIN),
            (Access::Listed, reason::RETURNED_LATE),
            (Access::Listed, reason::INVITATION_DUE),
            (Access::Listed, reason::INVITATION_DECLINED),
            (Access::Listed, reason::INVITATION_EXPIRED),
            (Access::Listed, reason::INVITATION_WITHDRAWN),
            (Access::Listed, reason::REINSTATED),
            (Access::Revoked, reason::ABSENT),
        ] {
            let got = may_invite(who(access, code), false);
            assert_eq!(got.map(|d| d.access), Ok(Access::Invited), "{code}");
        }
        let removed = Invitee {
            sticky: true,
            ..who(Access::Revoked, reason::REMOVED_IN_APP)
        };
        assert!(may_invite(removed, false).is_ok());
    }

    #[test]
    fn every_refusal_has_its_cell() {
        let listed = who(Access::Listed, reason::LISTED_BY_SOURCE);
        let cases = [
            (who(Access::Granted, ""), Refusal::HasAccess),
            (who(Access::Invited, ""), Refusal::AlreadyInvited),
            (
                who(Access::Granted, reason::NOT_STARTED),
                Refusal::HasAccess,
            ),
            (who(Access::Listed, reason::CONFLICT), Refusal::Conflict),
            (
                Invitee {
                    has_address: false,
                    ..listed
                },
                Refusal::NoAddress,
            ),
            (
                Invitee {
                    sticky: true,
                    ..who(Access::Revoked, reason::REVOKED_BY_HUMAN)
                },
                Refusal::ReinstateFirst,
            ),
            (
                Invitee {
                    sticky: true,
                    ..who(Access::Listed, reason::REMOVED_BY_HUMAN)
                },
                Refusal::ReinstateFirst,
            ),
            (
                Invitee {
                    is_break_glass: true,
                    ..listed
                },
                Refusal::BreakGlass,
            ),
        ];
        for (who, want) in cases {
            for in_spite in [false, true] {
                assert_eq!(may_invite(who, in_spite), Err(want), "{who:?}");
            }
        }
        for (who, want) in [
            (
                Invitee {
                    has_left: true,
                    ..listed
                },
                Refusal::Left,
            ),
            (
                Invitee {
                    is_inactive: true,
                    ..listed
                },
                Refusal::SourceInactive,
            ),
        ] {
            assert_eq!(may_invite(who, false), Err(want));
            assert!(may_invite(who, true).is_ok(), "who invites knows");
        }
    }

    #[test]
    fn a_reminder_comes_once_and_then_the_end() {
        let sent = Millis(0);
        let ends = sent.plus_days(VALID_DAYS);
        assert_eq!(due(sent, ends, false), sent.plus_days(5));
        assert_eq!(due(sent, ends, true), ends);
        assert_eq!(
            due(sent, sent.plus_days(3), false),
            sent.plus_days(3),
            "no reminder after the end"
        );
    }
}
