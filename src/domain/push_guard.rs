//! The breaker of a connection that pushes (SEMANTICS §7): how many people it may take access from in an hour, and what
//! becomes of who is beyond that. Pure: it is told what was lost lately, and says whether one more loss passes.

use serde::{Deserialize, Serialize};

use super::clock::Millis;
use super::pull::Guard;

/// The window, in milliseconds: an hour.
pub const WINDOW_MS: i64 = 3_600_000;
/// A session ends with a pause of so many milliseconds: ten minutes.
pub const PAUSE_MS: i64 = 600_000;
/// Most changes of a session.
pub const CHANGES: i64 = 1_000;

/// What an admin settles about a connection that pushes; whatever is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PushSettings {
    /// Beyond which losses of access within an hour further ones are parked.
    pub guard: Guard,
}

/// Where the window begins that ends now.
pub fn window(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(WINDOW_MS))
}

/// What the breaker looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// People of the connection who had access when the window began.
    pub granted: u64,
    /// Of these, who lost it by the connection since.
    pub lost: u64,
    /// Leavers that are announced and may still come.
    pub announced: u64,
}

impl Situation {
    /// How many people may lose access within the window: a limit trips when it is more than the number and more than
    /// the share. What is announced comes on top.
    pub fn allowed(self, limits: Guard) -> u64 {
        let share = self.granted.saturating_mul(limits.max_percent.into()) / 100;
        let most = share.max(limits.max_leavers.into());
        most.saturating_add(self.announced)
    }
}

/// What speaks about the person herself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The connection alone.
    Alone,
    /// The HR source says that she has left, too.
    ConfirmedByHr,
    /// A loss of hers waits, or was dropped: it never applies itself.
    Parked,
}

/// What becomes of a loss of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is in force at once.
    Pass,
    /// The connection reads back what it wrote; access stays until an admin decides.
    Park,
}

/// Judges one more loss of access.
pub fn judge(word: Word, situation: Situation, limits: Guard) -> Verdict {
    match word {
        Word::ConfirmedByHr => Verdict::Pass,
        Word::Parked => Verdict::Park,
        Word::Alone if situation.lost < situation.allowed(limits) => Verdict::Pass,
        Word::Alone => Verdict::Park,
    }
}

/// Whether a session goes on that had so many changes, the last of them at a moment.
pub fn goes_on(changes: i64, last_at: Millis, now: Millis) -> bool {
    changes < CHANGES && now.0.saturating_sub(last_at.0) < PAUSE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(granted: u64, lost: u64) -> Situation {
        Situation {
            granted,
            lost,
            announced: 0,
        }
    }

    /// How many of very many pass.
    fn passing(granted: u64, announced: u64, limits: Guard) -> u64 {
        let mut lost = 0;
        while lost < 10_000 {
            let situation = Situation {
                announced,
                ..among(granted, lost)
            };
            if judge(Word::Alone, situation, limits) == Verdict::Park {
                break;
            }
            lost += 1;
        }
        lost
    }

    #[test]
    fn it_trips_beyond_five_people_and_beyond_ten_percent() {
        let cases = [
            (0, 5),
            (5, 5),
            (49, 5),
            (50, 5),
            (59, 5),
            (60, 6),
            (1_000, 100),
            (1_009, 100),
        ];
        for (granted, want) in cases {
            assert_eq!(passing(granted, 0, Guard::default()), want, "of {granted}");
        }
    }

    #[test]
    fn limits_are_the_connections_own() {
        let of = |max_leavers, max_percent| Guard {
            max_leavers,
            max_percent,
        };
        for (limits, want) in [
            (of(0, 0), 0),
            (of(20, 0), 20),
            (of(0, 50), 100),
            (of(300, 50), 300),
        ] {
            assert_eq!(passing(200, 0, limits), want, "{limits:?}");
        }
    }

    #[test]
    fn announced_leavers_come_on_top() {
        assert_eq!(passing(1_000, 40, Guard::default()), 140);
        assert_eq!(passing(10, 1, Guard::default()), 6);
    }

    #[test]
    fn who_left_by_the_word_of_hr_passes_whatever_was_lost() {
        let tripped = among(10, 1_000);
        let verdict = |word| judge(word, tripped, Guard::default());
        assert_eq!(verdict(Word::ConfirmedByHr), Verdict::Pass);
        assert_eq!(verdict(Word::Alone), Verdict::Park);
    }

    #[test]
    fn what_is_parked_never_applies_itself_though_there_is_room() {
        let quiet = among(1_000, 0);
        let verdict = |word| judge(word, quiet, Guard::default());
        assert_eq!(verdict(Word::Parked), Verdict::Park);
        assert_eq!(verdict(Word::Alone), Verdict::Pass);
    }

    #[test]
    fn a_session_ends_with_a_pause_or_a_thousand_changes() {
        let at = |changes, now| goes_on(changes, Millis(0), Millis(now));
        assert!(at(1, PAUSE_MS - 1));
        assert!(!at(1, PAUSE_MS));
        assert!(at(CHANGES - 1, 1));
        assert!(!at(CHANGES, 1));
        // A clock that goes back ends none.
        assert!(goes_on(1, Millis(10), Millis(0)));
    }

    #[test]
    fn the_window_is_an_hour() {
        assert_eq!(window(Millis(WINDOW_MS + 7)), Millis(7));
    }
}
