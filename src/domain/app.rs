//! The app's own users as a source (SEMANTICS §1): what the app's word means for access. The app says whether its user has
//! access, and that she is gone. It repeats itself and echoes what it was told, so only a change of its word counts: a
//! nightly load that still says *yes* brings no leaver back, and a *no* that follows a revoke is nobody's decision.

use super::access::{Access, Decision, Standing, arrival, listed, reason};

/// Id of the connection that stands for the app's own users: there is one in each tenant, so its name is the same in all.
pub const APP: &str = "app";

/// What the app says of one of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// She has access.
    HasAccess,
    /// She is one of its users, and has no access.
    HasNone,
    /// She was removed from it.
    Removed,
}

/// What the rules need to know beside how she stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// What the app said of her access before; `None`: nothing.
    pub said: Option<bool>,
    /// That she has no access is the app's decision.
    pub is_disabled: bool,
}

/// What the app's word makes of access. `None`: nothing changes.
pub fn on_app(who: Standing, word: Word, before: Before) -> Option<Decision> {
    match word {
        Word::HasAccess => on_yes(who, before.said),
        Word::HasNone => on_no(who, before.said),
        Word::Removed => on_removal(who, before.is_disabled),
    }
}

fn decision(access: Access, reason: &'static str) -> Decision {
    Decision { access, reason }
}

/// Somebody listed is let in whenever the app says that she has access: it is a fact about the app, not a policy. An
/// invitation and a revoke stand until the app changes its word, and what a human or another source says stands above it.
fn on_yes(who: Standing, said: Option<bool>) -> Option<Decision> {
    let granted = decision(Access::Granted, reason::HAS_ACCESS_IN_APP);
    match who.access {
        None if who.inactive_elsewhere => Some(arrival(who, listed(reason::SOURCE_INACTIVE))),
        None => Some(arrival(who, granted)),
        Some(_) if who.sticky || who.inactive_elsewhere => None,
        Some(Access::Listed) => Some(who.waits.map_or(granted, listed)),
        Some(Access::Invited) => (said != Some(true)).then_some(granted),
        Some(Access::Revoked) => (said == Some(false)).then_some(granted),
        Some(Access::Granted) => None,
    }
}

fn on_no(who: Standing, said: Option<bool>) -> Option<Decision> {
    let is_news = said != Some(false);
    match who.access {
        None => Some(arrival(who, listed(reason::DISABLED_IN_APP))),
        Some(_) if !is_news => None,
        Some(Access::Granted) if who.has_access => {
            Some(decision(Access::Revoked, reason::DISABLED_IN_APP))
        }
        Some(Access::Granted | Access::Invited) => Some(listed(reason::DISABLED_IN_APP)),
        Some(Access::Listed) if !who.sticky && who.waits.is_none() => {
            Some(listed(reason::DISABLED_IN_APP))
        }
        Some(Access::Listed | Access::Revoked) => None,
    }
}

/// The removal of somebody who has access, an invitation, or none by the app's own decision is that decision; no source
/// lifts it. Of anybody else the app only tidies up after a decision that was made elsewhere.
fn on_removal(who: Standing, is_disabled: bool) -> Option<Decision> {
    match who.access {
        None => None,
        Some(Access::Granted) if who.has_access => {
            Some(decision(Access::Revoked, reason::REMOVED_IN_APP))
        }
        Some(Access::Granted | Access::Invited) => Some(listed(reason::REMOVED_IN_APP)),
        Some(access) if is_disabled => Some(decision(access, reason::REMOVED_IN_APP)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Millis;
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

    fn after(who: Standing, word: Word, said: Option<bool>) -> Option<Access> {
        let before = Before {
            said,
            is_disabled: false,
        };
        on_app(who, word, before).map(|d| d.access)
    }

    #[test]
    fn a_yes_that_is_repeated_brings_nobody_back() {
        let revoked = who(Some(Access::Revoked));
        assert_eq!(after(revoked, Word::HasAccess, Some(true)), None);
        assert_eq!(after(revoked, Word::HasAccess, None), None);
        let again = after(revoked, Word::HasAccess, Some(false));
        assert_eq!(again, Some(Access::Granted));
        let invited = who(Some(Access::Invited));
        assert_eq!(after(invited, Word::HasAccess, Some(true)), None);
    }

    #[test]
    fn a_yes_is_no_word_against_a_human_or_another_source() {
        for access in Access::ALL {
            for (sticky, inactive_elsewhere) in [(true, false), (false, true)] {
                let who = Standing {
                    sticky,
                    inactive_elsewhere,
                    ..who(Some(access))
                };
                assert_eq!(after(who, Word::HasAccess, Some(false)), None, "{access:?}");
            }
        }
    }

    #[test]
    fn a_question_comes_before_the_apps_word() {
        let who = Standing {
            waits: Some(reason::CONFLICT),
            ..who(Some(Access::Listed))
        };
        let got = on_app(who, Word::HasAccess, Before::default());
        assert_eq!(got, Some(listed(reason::CONFLICT)));
    }

    #[test]
    fn a_no_takes_access_once_and_an_echo_takes_nothing() {
        let granted = who(Some(Access::Granted));
        for said in [None, Some(true)] {
            let got = after(granted, Word::HasNone, said);
            assert_eq!(got, Some(Access::Revoked));
        }
        assert_eq!(after(granted, Word::HasNone, Some(false)), None);
        let revoked = who(Some(Access::Revoked));
        assert_eq!(after(revoked, Word::HasNone, Some(true)), None);
    }

    #[test]
    fn tidying_up_after_somebody_elses_decision_is_no_decision() {
        let revoked = who(Some(Access::Revoked));
        assert_eq!(after(revoked, Word::Removed, Some(false)), None);
        let before = Before {
            said: Some(false),
            is_disabled: true,
        };
        let got = on_app(revoked, Word::Removed, before).map(|d| d.reason);
        assert_eq!(got, Some(reason::REMOVED_IN_APP));
    }
}
