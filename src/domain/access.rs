//! Access of a person to the app, and the pure rules by which a push source moves it (SEMANTICS §1).
//!
//! Two facts that are never mixed: *source active* (what a source says; it lives in the claim) and *access* (what the
//! app enforces). Reasons are codes; sentences are made where they are shown.

use super::clock::Millis;

/// `listed → invited → granted → revoked`, and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Known from a source, nobody let them in yet.
    Listed,
    /// An invitation is out.
    Invited,
    /// May use the app.
    Granted,
    /// Had access and lost it.
    Revoked,
}

impl Access {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Listed, Self::Invited, Self::Granted, Self::Revoked];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Invited => "invited",
            Self::Granted => "granted",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == text)
    }

    /// Invited, granted or revoked: visible to sources that do not claim the person.
    pub fn is_public(self) -> bool {
        self != Self::Listed
    }
}

/// What happens to people whom a source brings (`joinerPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinerPolicy {
    /// They are listed until somebody invites them (default of pull).
    List,
    /// They are invited.
    Invite,
    /// They get access (default of push).
    Grant,
}

impl JoinerPolicy {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Invite => "invite",
            Self::Grant => "grant",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::List, Self::Invite, Self::Grant]
            .into_iter()
            .find(|p| p.as_str() == text)
    }
}

/// Why access is what it is: a code, rendered in the reader's language at the edge.
pub mod reason {
    /// The connection's joiner policy granted it.
    pub const GRANTED_BY_POLICY: &str = "granted-by-policy";
    /// The source says active again within the time of return.
    pub const RETURNED: &str = "returned";
    /// Returned later than that: listed with her history.
    pub const RETURNED_LATE: &str = "returned-late";
    /// A source brought the person; nobody let them in yet.
    pub const LISTED_BY_SOURCE: &str = "listed-by-source";
    /// The source created the person inactive.
    pub const SOURCE_INACTIVE: &str = "source-inactive";
    /// The policy demands an invitation, and there is no address that it could go to.
    pub const INVITATION_DUE: &str = "invitation-due";
    /// The source deactivated the person.
    pub const DEACTIVATED_BY_SOURCE: &str = "deactivated-by-source";
    /// The source deleted the person, or the group.
    pub const DELETED_BY_SOURCE: &str = "deleted-by-source";
    /// The plan has no seat left for her.
    pub const NO_SEAT: &str = "no-seat";
    /// A human must first decide who this is.
    pub const CONFLICT: &str = "conflict";
    /// The address is outside the tenant's verified domains.
    pub const UNVERIFIED_DOMAIN: &str = "unverified-domain";
    /// The HR source says that the person has left.
    pub const LEFT: &str = "left";
    /// The last day that the HR source names is over.
    pub const LAST_DAY_PASSED: &str = "last-day-passed";
    /// A last day that lies ahead is news: access goes with it. Of a loss that waits, never of access.
    pub const LAST_DAY_AHEAD: &str = "last-day-ahead";
    /// The person is in no complete pull of the HR source any more.
    pub const ABSENT: &str = "absent-from-source";
    /// The person left the scope of a connection that revokes then.
    pub const OUT_OF_SCOPE: &str = "out-of-scope";
    /// Granted ahead of the first day: access begins with it.
    pub const NOT_STARTED: &str = "not-started";
    /// The connection that brought the person was disconnected, and nobody had let her in.
    pub const DISCONNECTED: &str = "disconnected";
    /// The run that brought the person was undone.
    pub const UNDONE: &str = "undone";
    /// A human said that she is somebody else, who has the source's record since.
    pub const MERGED: &str = "merged";
    /// A human said that a source's record is hers no more: she has it by herself.
    pub const UNLINKED: &str = "unlinked";
    /// A human removed the person; sources may still bring her.
    pub const REMOVED_BY_HUMAN: &str = "removed-by-human";
    /// A human took access away.
    pub const REVOKED_BY_HUMAN: &str = "revoked-by-human";
    /// The app's own user has access in the app.
    pub const HAS_ACCESS_IN_APP: &str = "has-access-in-app";
    /// The app's own user has no access in the app.
    pub const DISABLED_IN_APP: &str = "disabled-in-app";
    /// The person was removed in the app: no source grants access again until a human says so.
    pub const REMOVED_IN_APP: &str = "removed-in-app";
    /// She signed in, and the tenant lets in by that whoever is listed and works.
    pub const GRANTED_AT_SIGN_IN: &str = "granted-at-sign-in";
    /// A human lifted a human's decision: from now on the policy decides again.
    pub const REINSTATED: &str = "reinstated";
    /// A human invited the person, who has not answered yet.
    pub const INVITED: &str = "invited";
    /// The joiner policy invited the person, who has not answered yet.
    pub const INVITED_BY_POLICY: &str = "invited-by-policy";
    /// The person accepted an invitation.
    pub const INVITATION_ACCEPTED: &str = "invitation-accepted";
    /// The person declined an invitation.
    pub const INVITATION_DECLINED: &str = "invitation-declined";
    /// The person did not answer an invitation in time.
    pub const INVITATION_EXPIRED: &str = "invitation-expired";
    /// A human took an invitation back.
    pub const INVITATION_WITHDRAWN: &str = "invitation-withdrawn";

    /// The code of a listed person about whom a human must decide first: no source talks its way past it.
    pub fn waiting(code: &str) -> Option<&'static str> {
        [CONFLICT, UNVERIFIED_DOMAIN, RETURNED_LATE]
            .into_iter()
            .chain(INVITED_IN_VAIN)
            .find(|waiting| *waiting == code)
    }

    /// An invitation came to nothing: only a human invites her again, and only the app's own word goes past that.
    pub const INVITED_IN_VAIN: [&str; 3] = [
        INVITATION_DECLINED,
        INVITATION_EXPIRED,
        INVITATION_WITHDRAWN,
    ];
}

/// What the rules need to know about the person before the change.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Access now; `None` for somebody who arrives: new, or back from a tombstone.
    pub access: Option<Access>,
    /// The app lets the person in; false for somebody granted whose first day lies ahead.
    pub has_access: bool,
    /// When it became so.
    pub since: Millis,
    /// A human revoked or removed the person.
    pub sticky: bool,
    /// What a human must decide before a policy lets the person in.
    pub waits: Option<&'static str>,
    /// Another live claim says inactive.
    pub inactive_elsewhere: bool,
}

/// New access with its reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Access from now on.
    pub access: Access,
    /// Why.
    pub reason: &'static str,
}

impl Decision {
    /// The app lets the person in: granted, and started.
    pub fn has_access(self) -> bool {
        self.access == Access::Granted && self.reason != reason::NOT_STARTED
    }
}

/// How long a person revoked by a source may come back without a new decision, in days (a tenant's setting).
pub const RETURN_DAYS: i64 = 30;

pub(super) fn listed(reason: &'static str) -> Decision {
    Decision {
        access: Access::Listed,
        reason,
    }
}

/// A push source says `active: true` (POST, PUT or PATCH). `None`: nothing changes.
pub fn on_active(
    who: Standing,
    policy: JoinerPolicy,
    now: Millis,
    return_days: i64,
) -> Option<Decision> {
    match who.access {
        None if who.inactive_elsewhere => Some(arrival(who, listed(reason::SOURCE_INACTIVE))),
        None => Some(arrival(who, joiner(policy))),
        Some(_) if who.sticky || who.inactive_elsewhere => None,
        Some(Access::Granted | Access::Invited) => None,
        Some(Access::Revoked) if now <= who.since.plus_days(return_days) => Some(Decision {
            access: Access::Granted,
            reason: reason::RETURNED,
        }),
        Some(Access::Revoked) => Some(listed(reason::RETURNED_LATE)),
        Some(Access::Listed) => match who.waits {
            Some(waits) => Some(listed(waits)),
            None => Some(joiner(policy)).filter(|d| d.access != Access::Listed),
        },
    }
}

/// Somebody who arrives always gets a decision; a human's decisions, made or outstanding, come before any other.
pub(super) fn arrival(who: Standing, otherwise: Decision) -> Decision {
    if who.sticky {
        listed(reason::REMOVED_BY_HUMAN)
    } else {
        who.waits.map_or(otherwise, listed)
    }
}

/// What the joiner policy makes of somebody who arrives or is listed.
fn joiner(policy: JoinerPolicy) -> Decision {
    match policy {
        JoinerPolicy::Grant => Decision {
            access: Access::Granted,
            reason: reason::GRANTED_BY_POLICY,
        },
        JoinerPolicy::Invite => Decision {
            access: Access::Invited,
            reason: reason::INVITED_BY_POLICY,
        },
        JoinerPolicy::List => listed(reason::LISTED_BY_SOURCE),
    }
}

/// A push source deactivates (`active: false` in any verb, DELETE). `None`: nothing changes.
///
/// An invited person falls back to `listed`: a pending invitation dies with the leaver. So does somebody granted whose
/// first day had not come. Somebody listed stays so, with the reason that she was listed for (docs/decisions/0002).
pub fn on_inactive(who: Standing, because: &'static str) -> Option<Decision> {
    match who.access {
        None => Some(arrival(who, listed(reason::SOURCE_INACTIVE))),
        Some(Access::Granted) if who.has_access => Some(Decision {
            access: Access::Revoked,
            reason: because,
        }),
        Some(Access::Granted | Access::Invited) => Some(listed(because)),
        Some(Access::Listed | Access::Revoked) => None,
    }
}

/// Somebody listed signs in, and the tenant lets in by that whoever works (SEMANTICS §9). `None`: she stays listed; nobody
/// talks her way past a human's decision, one that is outstanding, or a source that says she is gone.
pub fn on_sign_in(who: Standing, works: bool) -> Option<Decision> {
    let is_free = !who.sticky && who.waits.is_none() && !who.inactive_elsewhere;
    (who.access == Some(Access::Listed) && works && is_free).then_some(Decision {
        access: Access::Granted,
        reason: reason::GRANTED_AT_SIGN_IN,
    })
}

/// A human takes access away. `None`: there is none to take (docs/decisions/0002).
pub fn on_revoke(access: Access) -> Option<Decision> {
    match access {
        Access::Granted | Access::Revoked => Some(Decision {
            access: Access::Revoked,
            reason: reason::REVOKED_BY_HUMAN,
        }),
        Access::Invited => Some(listed(reason::REVOKED_BY_HUMAN)),
        Access::Listed => None,
    }
}

/// A human removes the person. Where a source still claims her she stays, listed; otherwise she becomes a tombstone,
/// which remembers whether she ever had access.
pub fn on_remove(access: Access, is_claimed: bool) -> Decision {
    let access = match access {
        Access::Granted | Access::Revoked if !is_claimed => Access::Revoked,
        _ => Access::Listed,
    };
    Decision {
        access,
        reason: reason::REMOVED_BY_HUMAN,
    }
}

/// A human lifts what a human decided: by whatever path, the person returns only as listed.
pub fn on_reinstate() -> Decision {
    listed(reason::REINSTATED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(access: Option<Access>) -> Standing {
        Standing {
            access,
            has_access: access == Some(Access::Granted),
            since: Millis(0),
            sticky: false,
            waits: None,
            inactive_elsewhere: false,
        }
    }

    #[test]
    fn active_true_applies_the_joiner_policy() {
        let cases = [
            (None, JoinerPolicy::Grant, Some(Access::Granted)),
            (None, JoinerPolicy::List, Some(Access::Listed)),
            (None, JoinerPolicy::Invite, Some(Access::Invited)),
            (
                Some(Access::Listed),
                JoinerPolicy::Invite,
                Some(Access::Invited),
            ),
            (
                Some(Access::Listed),
                JoinerPolicy::Grant,
                Some(Access::Granted),
            ),
            (Some(Access::Listed), JoinerPolicy::List, None),
            (Some(Access::Invited), JoinerPolicy::Grant, None),
            (Some(Access::Granted), JoinerPolicy::List, None),
        ];
        for (before, policy, after) in cases {
            let got = on_active(who(before), policy, Millis(1), RETURN_DAYS).map(|d| d.access);
            assert_eq!(got, after, "{before:?} under {policy:?}");
        }
    }

    #[test]
    fn a_return_within_thirty_days_gives_back_what_she_had_and_later_lists_her() {
        let revoked = who(Some(Access::Revoked));
        let at = |now| on_active(revoked, JoinerPolicy::Grant, now, RETURN_DAYS).map(|d| d.access);
        assert_eq!(at(Millis(0).plus_days(30)), Some(Access::Granted));
        assert_eq!(at(Millis(1).plus_days(30)), Some(Access::Listed));
    }

    #[test]
    fn no_source_lifts_what_a_human_revoked() {
        let sticky = Standing {
            sticky: true,
            ..who(Some(Access::Revoked))
        };
        assert_eq!(
            on_active(sticky, JoinerPolicy::Grant, Millis(1), RETURN_DAYS),
            None
        );
    }

    #[test]
    fn no_policy_grants_what_waits_for_a_human() {
        for access in [None, Some(Access::Listed)] {
            for waits in [
                reason::CONFLICT,
                reason::UNVERIFIED_DOMAIN,
                reason::RETURNED_LATE,
                reason::INVITATION_DECLINED,
                reason::INVITATION_EXPIRED,
                reason::INVITATION_WITHDRAWN,
            ] {
                let who = Standing {
                    waits: Some(waits),
                    ..who(access)
                };
                let got = on_active(who, JoinerPolicy::Grant, Millis(1), RETURN_DAYS);
                assert_eq!(got, Some(listed(waits)), "{access:?}");
                assert_eq!(reason::waiting(waits), Some(waits));
            }
        }
    }

    #[test]
    fn somebody_removed_by_a_human_arrives_as_listed_only() {
        let removed = Standing {
            sticky: true,
            ..who(None)
        };
        let want = Some(listed(reason::REMOVED_BY_HUMAN));
        let active = on_active(removed, JoinerPolicy::Grant, Millis(1), RETURN_DAYS);
        assert_eq!(active, want);
        assert_eq!(on_inactive(removed, reason::DEACTIVATED_BY_SOURCE), want);
    }

    #[test]
    fn a_human_revokes_access_that_there_is_and_removes_anybody() {
        let revoked = |a| on_revoke(a).map(|d| d.access);
        assert_eq!(revoked(Access::Granted), Some(Access::Revoked));
        assert_eq!(revoked(Access::Revoked), Some(Access::Revoked));
        assert_eq!(revoked(Access::Invited), Some(Access::Listed));
        assert_eq!(revoked(Access::Listed), None);
        for access in Access::ALL {
            assert_eq!(on_remove(access, true).access, Access::Listed);
            assert!(!matches!(
                on_remove(access, false).access,
                Access::Granted | Access::Invited
            ));
        }
    }

    #[test]
    fn signing_in_lets_in_only_who_is_listed_and_works_and_about_whom_nothing_is_open() {
        let listed = who(Some(Access::Listed));
        let granted = on_sign_in(listed, true).map(|d| d.access);
        assert_eq!(granted, Some(Access::Granted));
        assert_eq!(on_sign_in(listed, false), None);
        for access in [Access::Invited, Access::Granted, Access::Revoked] {
            assert_eq!(on_sign_in(who(Some(access)), true), None, "{access:?}");
        }
        let sticky = Standing {
            sticky: true,
            ..listed
        };
        let waits = Standing {
            waits: Some(reason::CONFLICT),
            ..listed
        };
        let gone = Standing {
            inactive_elsewhere: true,
            ..listed
        };
        for barred in [sticky, waits, gone, who(None)] {
            assert_eq!(on_sign_in(barred, true), None, "{barred:?}");
        }
    }

    #[test]
    fn inactive_revokes_only_those_who_have_something() {
        let after = |a| on_inactive(who(a), reason::DEACTIVATED_BY_SOURCE).map(|d| d.access);
        assert_eq!(after(None), Some(Access::Listed));
        assert_eq!(after(Some(Access::Granted)), Some(Access::Revoked));
        assert_eq!(after(Some(Access::Invited)), Some(Access::Listed));
        assert_eq!(after(Some(Access::Listed)), None);
        assert_eq!(after(Some(Access::Revoked)), None);
    }
}
