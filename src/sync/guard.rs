//! The guard (SEMANTICS §7): how much of a plan applies by itself, and what waits for an admin.
//!
//! Pure: it is told what a plan would take away and what was taken away lately, and says which losses pass. Joiners and
//! other changes pass unless the whole plan is held.

/// A loss of access in a plan, as far as the guard is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Who, by the source's id.
    pub source_id: String,
    /// What it rests on.
    pub evidence: LossEvidence,
}

/// What a loss rests on, the surest first: in this order losses pass up to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossEvidence {
    /// A last day that an earlier pull told has come.
    Due,
    /// The source gives the last day, and it is over.
    Dated,
    /// The source gives a last day that lies ahead; access goes then.
    Ahead,
    /// The source says that the person left.
    Stated,
    /// Two complete pulls did not bring the person.
    Absent,
}

/// When a plan waits for an admin (a connection's settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many people may lose access in 24 hours, whatever the share.
    pub people: u64,
    /// So many percent of those with access may.
    pub percent: u64,
    /// So many leavers more that an admin has announced.
    pub announced: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            people: 5,
            percent: 10,
            announced: 0,
        }
    }
}

impl Limits {
    /// How many of `among` people may lose access within the window: a limit trips when it is more than `people` and
    /// more than `percent`.
    pub fn allowed(&self, among: u64) -> u64 {
        let share = among.saturating_mul(self.percent) / 100;
        self.people.max(share).saturating_add(self.announced)
    }
}

/// What differs from the settings under which the last plan was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Scope, mapping, connector version, key or report fields changed.
    pub settings: bool,
    /// The plan would change access, userName, primary address or source id of somebody who is there.
    pub touches_identity: bool,
    /// Fields that many had are missing: what the plan changes may be what was not read.
    pub coverage: bool,
}

/// What the guard looks at.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// People of this connection who had access when the window began.
    pub with_access: u64,
    /// Of these, who lost it within the window.
    pub lost_lately: u64,
    /// Of those who still have it, whose last day was learned within the window and is not in the plan.
    pub told_lately: u64,
    /// No plan of this connection was ever applied.
    pub is_first: bool,
    /// There is something to do, and the database is a restored copy: an admin looks first.
    pub is_restored: bool,
    /// What changed since.
    pub changes: Changes,
    /// People of whom the last plans did not say that they left.
    pub people: u64,
    /// Of these, whose record says now that they left, with access or without.
    pub turned: u64,
    /// Of these, whose record names a last day now that lies ahead, or an earlier one, with access or without.
    pub dated: u64,
}

/// What the guard says about a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything applies.
    Pass,
    /// Everything applies but these losses, which wait for an admin.
    HoldLosses {
        /// Why, as a code.
        why: Why,
        /// The losses that pass.
        pass: Vec<String>,
    },
    /// Nothing applies before an admin says so.
    HoldPlan(Why),
}

/// Why a plan or a part of it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Fields that many people had before did not come.
    Coverage,
    /// The first plan of a connection takes access from somebody.
    First,
    /// The database is a restored copy.
    Restored,
    /// Settings changed, and the plan touches who somebody is.
    SettingsChanged,
    /// More than half of those with access would lose it.
    Half,
    /// More losses within the window than the limit allows.
    Limit,
    /// So many people turned to "left", or were given a last day, at once that the column is not believed.
    StatusColumn,
    /// Another record of the source has the person's address: it may be she.
    SameAddress,
    /// So many records are missing at once that it is not believed, though two pulls say so.
    ManyMissing,
}

impl Why {
    /// The code that is stored and rendered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coverage => "coverage",
            Self::First => "first-plan",
            Self::Restored => "restored",
            Self::SettingsChanged => "settings-changed",
            Self::Half => "more-than-half",
            Self::Limit => "limit",
            Self::StatusColumn => "status-column",
            Self::ManyMissing => "many-missing",
            Self::SameAddress => "same-address",
        }
    }

    /// Reads the stored code.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Coverage,
            Self::First,
            Self::Restored,
            Self::SettingsChanged,
            Self::Half,
            Self::Limit,
            Self::StatusColumn,
            Self::ManyMissing,
            Self::SameAddress,
        ]
        .into_iter()
        .find(|w| w.as_str() == text)
    }
}

/// Judges a plan's losses.
pub fn judge(mut losses: Vec<Loss>, situation: &Situation, limits: Limits) -> Verdict {
    let count = losses.len() as u64;
    if situation.changes.coverage {
        return Verdict::HoldPlan(Why::Coverage);
    }
    if situation.is_restored {
        return Verdict::HoldPlan(Why::Restored);
    }
    let by = |kinds: &[LossEvidence]| {
        let fit = losses.iter().filter(|l| kinds.contains(&l.evidence));
        fit.count() as u64
    };
    if situation.is_first && count > by(&[LossEvidence::Ahead]) {
        return Verdict::HoldPlan(Why::First);
    }
    if situation.changes.settings && (count > 0 || situation.changes.touches_identity) {
        return Verdict::HoldPlan(Why::SettingsChanged);
    }
    let still = situation.with_access.saturating_sub(situation.lost_lately);
    if count >= 2 && count.saturating_mul(2) > still {
        return Verdict::HoldPlan(Why::Half);
    }
    let allowed = limits.allowed(situation.with_access);
    let turned = situation.turned.max(situation.dated);
    let is_believed = turned <= limits.allowed(situation.people);
    let stated = by(&[LossEvidence::Dated, LossEvidence::Stated]);
    let is_column = stated.max(by(&[LossEvidence::Ahead])) > allowed;
    if is_column || (!is_believed && count > 0) {
        return Verdict::HoldLosses {
            why: Why::StatusColumn,
            pass: Vec::new(),
        };
    }
    let lately = situation.lost_lately + situation.told_lately;
    let room = allowed.saturating_sub(lately);
    if count <= room {
        return Verdict::Pass;
    }
    // A page that the vendor forgot twice looks like this. Nobody of it passes, not even up to the limit.
    let is_page = by(&[LossEvidence::Absent]) > allowed;
    losses.retain(|l| !is_page || l.evidence != LossEvidence::Absent);
    losses.sort_by(|a, b| (a.evidence, &a.source_id).cmp(&(b.evidence, &b.source_id)));
    losses.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    Verdict::HoldLosses {
        why: match is_page {
            true => Why::ManyMissing,
            false => Why::Limit,
        },
        pass: losses.into_iter().map(|l| l.source_id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(count: usize, evidence: LossEvidence) -> Vec<Loss> {
        (0..count)
            .map(|n| Loss {
                source_id: format!("{n:04}"),
                evidence,
            })
            .collect()
    }

    fn usual(with_access: u64) -> Situation {
        Situation {
            with_access,
            ..Situation::default()
        }
    }

    #[test]
    fn a_limit_trips_at_more_than_five_people_and_more_than_ten_percent() {
        let allowed = |among| Limits::default().allowed(among);
        for (among, want) in [(0, 5), (10, 5), (49, 5), (50, 5), (60, 6), (1_000, 100)] {
            assert_eq!(allowed(among), want, "of {among}");
        }
    }

    #[test]
    fn losses_up_to_the_limit_pass_and_those_with_a_date_first() {
        let mut plan = losses(8, LossEvidence::Absent);
        for loss in &mut plan[4..] {
            loss.evidence = LossEvidence::Dated;
        }
        let got = judge(plan, &usual(60), Limits::default());
        let Verdict::HoldLosses { why, pass } = got else {
            panic!("{got:?}");
        };
        assert_eq!((why, pass.len()), (Why::Limit, 6));
        assert_eq!(pass[..4], ["0004", "0005", "0006", "0007"]);
    }

    #[test]
    fn of_many_who_are_missing_at_once_nobody_passes_and_who_left_by_word_does() {
        let mut plan = losses(9, LossEvidence::Absent);
        plan[8].evidence = LossEvidence::Stated;
        let got = judge(plan, &usual(60), Limits::default());
        let want = Verdict::HoldLosses {
            why: Why::ManyMissing,
            pass: vec!["0008".to_owned()],
        };
        assert_eq!(got, want);
        let got = judge(
            losses(6, LossEvidence::Absent),
            &usual(60),
            Limits::default(),
        );
        assert_eq!(got, Verdict::Pass);
    }

    #[test]
    fn last_days_that_were_known_are_no_column_that_turns() {
        let got = judge(losses(9, LossEvidence::Due), &usual(60), Limits::default());
        let Verdict::HoldLosses { why, pass } = got else {
            panic!("{got:?}");
        };
        assert_eq!((why, pass.len()), (Why::Limit, 6));
    }

    #[test]
    fn last_days_ahead_are_losses_but_of_the_first_plan() {
        let column = judge(
            losses(7, LossEvidence::Ahead),
            &usual(60),
            Limits::default(),
        );
        let want = Verdict::HoldLosses {
            why: Why::StatusColumn,
            pass: Vec::new(),
        };
        assert_eq!(column, want);
        let told = Situation {
            told_lately: 4,
            ..usual(60)
        };
        let got = judge(losses(3, LossEvidence::Ahead), &told, Limits::default());
        assert!(matches!(got, Verdict::HoldLosses { why: Why::Limit, pass } if pass.len() == 2));
        let half = judge(losses(2, LossEvidence::Ahead), &usual(3), Limits::default());
        assert_eq!(half, Verdict::HoldPlan(Why::Half));
        let first = Situation {
            is_first: true,
            ..usual(60)
        };
        let one = || losses(1, LossEvidence::Ahead);
        assert_eq!(judge(one(), &first, Limits::default()), Verdict::Pass);
        let mut mixed = one();
        mixed.extend(losses(1, LossEvidence::Stated));
        let got = judge(mixed, &first, Limits::default());
        assert_eq!(got, Verdict::HoldPlan(Why::First));
    }

    #[test]
    fn many_who_are_given_a_last_day_at_once_are_not_believed_however_few_have_access() {
        let dated = Situation {
            people: 100,
            dated: 11,
            ..usual(40)
        };
        let got = judge(losses(1, LossEvidence::Ahead), &dated, Limits::default());
        let want = Verdict::HoldLosses {
            why: Why::StatusColumn,
            pass: Vec::new(),
        };
        assert_eq!(got, want);
        assert_eq!(judge(Vec::new(), &dated, Limits::default()), Verdict::Pass);
    }

    #[test]
    fn ten_runs_of_nine_percent_do_not_pass() {
        let mut lost = 0;
        for _ in 0..10 {
            let situation = Situation {
                lost_lately: lost,
                ..usual(100)
            };
            lost += match judge(
                losses(9, LossEvidence::Absent),
                &situation,
                Limits::default(),
            ) {
                Verdict::Pass => 9,
                Verdict::HoldLosses { pass, .. } => pass.len() as u64,
                Verdict::HoldPlan(_) => 0,
            };
        }
        assert_eq!(lost, 10);
    }

    #[test]
    fn a_column_that_turns_to_left_is_not_believed() {
        let got = judge(
            losses(11, LossEvidence::Stated),
            &usual(100),
            Limits::default(),
        );
        let want = Verdict::HoldLosses {
            why: Why::StatusColumn,
            pass: Vec::new(),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn some_plans_wait_whatever_the_limits() {
        let generous = Limits {
            people: 1_000,
            percent: 100,
            announced: 1_000,
        };
        let one = || losses(1, LossEvidence::Dated);
        let first = Situation {
            is_first: true,
            ..usual(1_000)
        };
        assert_eq!(
            judge(one(), &first, generous),
            Verdict::HoldPlan(Why::First)
        );
        assert_eq!(judge(Vec::new(), &first, generous), Verdict::Pass);
        let restored = Situation {
            is_restored: true,
            ..usual(1_000)
        };
        assert_eq!(
            judge(Vec::new(), &restored, generous),
            Verdict::HoldPlan(Why::Restored)
        );
        let mut changed = usual(1_000);
        changed.changes.settings = true;
        assert_eq!(judge(Vec::new(), &changed, generous), Verdict::Pass);
        assert_eq!(
            judge(one(), &changed, generous),
            Verdict::HoldPlan(Why::SettingsChanged)
        );
        changed.changes.touches_identity = true;
        assert_eq!(
            judge(Vec::new(), &changed, generous),
            Verdict::HoldPlan(Why::SettingsChanged)
        );
        let mut fell = usual(1_000);
        fell.changes.coverage = true;
        assert_eq!(
            judge(Vec::new(), &fell, generous),
            Verdict::HoldPlan(Why::Coverage)
        );
        let half = judge(losses(2, LossEvidence::Dated), &usual(3), generous);
        assert_eq!(half, Verdict::HoldPlan(Why::Half));
        assert_eq!(judge(one(), &usual(1), generous), Verdict::Pass);
    }

    #[test]
    fn announced_leavers_pass() {
        let limits = Limits {
            announced: 40,
            ..Limits::default()
        };
        let got = judge(losses(45, LossEvidence::Stated), &usual(100), limits);
        assert_eq!(got, Verdict::Pass);
    }
}
