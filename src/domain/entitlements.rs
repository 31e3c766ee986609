//! What a tenant's plan includes, and what becomes of it when the plan gets smaller (SEMANTICS §9): for
//! [`NOTICE_DAYS`] everything goes on unchanged; then nobody new comes by what is not included any more, and who leaves goes
//! on losing access. Pure: the moment is an argument.

use serde::{Deserialize, Serialize};

use super::clock::Millis;

/// How long what a plan no longer includes goes on.
pub const NOTICE_DAYS: i64 = 30;

/// What a plan may or may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    /// Connections that pull from an HR system.
    Hris,
    /// Connections that push over SCIM.
    Push,
    /// Teams made from the hierarchy of managers.
    TeamSync,
    /// People who are invited or granted.
    Seats,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hris, Self::Push, Self::TeamSync, Self::Seats];

    /// The word that programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hris => "hris",
            Self::Push => "push",
            Self::TeamSync => "teamSync",
            Self::Seats => "seats",
        }
    }
}

/// How many; `None`: any number.
pub type Amount = Option<u32>;

/// A plan as the operator sells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// How it is called where a customer reads it.
    pub name: String,
    /// Connections that pull from an HR system.
    #[serde(default)]
    pub hris: Amount,
    /// Connections that push.
    pub push: bool,
    /// Team sync.
    pub team_sync: bool,
    /// People who are invited or granted.
    #[serde(default)]
    pub seats: Amount,
}

impl Plan {
    /// How much of a feature it includes.
    pub fn amount(&self, feature: Feature) -> Amount {
        let of = |has: bool| if has { None } else { Some(0) };
        match feature {
            Feature::Hris => self.hris,
            Feature::Push => of(self.push),
            Feature::TeamSync => of(self.team_sync),
            Feature::Seats => self.seats,
        }
    }
}

/// What goes on for a while although the plan no longer includes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Of what.
    pub feature: Feature,
    /// How much of it.
    pub amount: Amount,
    /// Until when, in milliseconds.
    pub until: i64,
}

/// A tenant's plan, and what of the plans before still goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// The plan.
    pub plan: Plan,
    /// What ends.
    #[serde(default)]
    pub ending: Vec<Ending>,
}

/// How a feature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How much of it may be used now.
    pub amount: Amount,
    /// How much of it the plan includes.
    pub included: Amount,
    /// When the one becomes the other, where they differ.
    pub effective_at: Option<Millis>,
}

impl Entitlements {
    /// The first plan of a tenant that is new: nothing is in use that could end.
    pub fn first(plan: Plan) -> Self {
        Self {
            plan,
            ending: Vec::new(),
        }
    }

    /// Another plan from now on. What it has less of goes on for a while; what was ending already ends when it was to.
    pub fn then(before: Option<&Self>, plan: Plan, now: Millis) -> Self {
        let ending = Feature::ALL.into_iter().filter_map(|feature| {
            let held = before.and_then(|b| b.standing(feature, now).amount);
            if !is_less(plan.amount(feature), held) {
                return None;
            }
            let running = before.and_then(|b| b.running(feature, now));
            let until = running.map_or_else(|| now.plus_days(NOTICE_DAYS).0, |e| e.until);
            Some(Ending {
                feature,
                amount: held,
                until,
            })
        });
        Self {
            ending: ending.collect(),
            plan,
        }
    }

    fn running(&self, feature: Feature, now: Millis) -> Option<&Ending> {
        let mut all = self.ending.iter();
        all.find(|e| e.feature == feature && now.0 < e.until)
    }

    /// How a feature stands at a moment.
    pub fn standing(&self, feature: Feature, now: Millis) -> Standing {
        let included = self.plan.amount(feature);
        match self.running(feature, now) {
            Some(ending) => Standing {
                amount: ending.amount,
                included,
                effective_at: Some(Millis(ending.until)),
            },
            None => Standing {
                amount: included,
                included,
                effective_at: None,
            },
        }
    }

    /// When the next of what ends does.
    pub fn effective_at(&self, now: Millis) -> Option<Millis> {
        let to_come = self.ending.iter().map(|e| e.until).filter(|at| now.0 < *at);
        to_come.min().map(Millis)
    }
}

/// Fewer than the other; any number is the most.
fn is_less(one: Amount, other: Amount) -> bool {
    match (one, other) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(one), Some(other)) => one < other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(hris: Amount, push: bool, seats: Amount) -> Plan {
        Plan {
            name: "Small".to_owned(),
            hris,
            push,
            team_sync: true,
            seats,
        }
    }

    fn day(n: i64) -> Millis {
        Millis(0).plus_days(n)
    }

    #[test]
    fn a_smaller_plan_takes_effect_after_thirty_days_and_a_larger_one_at_once() {
        let small = Entitlements::then(None, plan(Some(0), false, Some(10)), day(0));
        for (at, push, hris, seats) in [
            (0, None, None, None),
            (29, None, None, None),
            (30, Some(0), Some(0), Some(10)),
            (400, Some(0), Some(0), Some(10)),
        ] {
            let amount = |feature| small.standing(feature, day(at)).amount;
            assert_eq!(amount(Feature::Push), push, "{at}");
            assert_eq!(amount(Feature::Hris), hris, "{at}");
            assert_eq!(amount(Feature::Seats), seats, "{at}");
            assert_eq!(amount(Feature::TeamSync), None, "{at}");
        }
        assert_eq!(small.effective_at(day(29)), Some(day(30)));
        assert_eq!(small.effective_at(day(30)), None);
        let back = Entitlements::then(Some(&small), plan(None, true, None), day(40));
        assert_eq!(back.ending, Vec::new());
    }

    #[test]
    fn what_is_ending_ends_when_it_was_to_whatever_plan_comes_meanwhile() {
        let first = Entitlements::first(plan(Some(3), true, Some(100)));
        let second = Entitlements::then(Some(&first), plan(Some(3), false, Some(50)), day(0));
        let third = Entitlements::then(Some(&second), plan(Some(1), false, Some(40)), day(10));
        let amounts = |at| {
            let of = |feature| third.standing(feature, day(at)).amount;
            (of(Feature::Hris), of(Feature::Push), of(Feature::Seats))
        };
        assert_eq!(amounts(29), (Some(3), None, Some(100)));
        assert_eq!(amounts(30), (Some(3), Some(0), Some(40)));
        assert_eq!(amounts(40), (Some(1), Some(0), Some(40)));
    }

    #[test]
    fn a_first_plan_waits_for_nothing() {
        let first = Entitlements::first(plan(Some(0), false, Some(0)));
        let standing = first.standing(Feature::Push, day(0));
        assert_eq!((standing.amount, standing.effective_at), (Some(0), None));
    }
}
