//! The phases of an employment. The table of access itself is tested cell by cell in `tests/it/lifecycle.rs`.

use super::*;

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap_or_default()
}

#[test]
fn days_decide_the_phase_and_the_last_one_counts_in_full() {
    use EmploymentState::{Employed, Left, OnLeave, Prehire, Unknown};
    let (left, passed) = (
        Phase::Ended(reason::LEFT),
        Phase::Ended(reason::LAST_DAY_PASSED),
    );
    let noon = "2026-06-15T12:00:00Z";
    let cases = [
        (Employed, "", "", Phase::Working),
        (OnLeave, "2020-01-01", "", Phase::Working),
        (Employed, "2026-06-15", "", Phase::Working),
        (Employed, "2026-06-16", "", Phase::NotStarted),
        (Prehire, "2026-06-16", "", Phase::NotStarted),
        // The first day came before the source said more.
        (Prehire, "2026-06-15", "", Phase::Working),
        (Prehire, "", "", Phase::NotStarted),
        (Employed, "", "2026-06-15", Phase::Working),
        (OnLeave, "", "2026-06-14", passed),
        (Prehire, "", "2026-06-14", passed),
        // An end before the start is that of an earlier employment.
        (Employed, "2026-06-01", "2019-12-31", Phase::Working),
        (Prehire, "2026-07-01", "2026-05-31", Phase::NotStarted),
        // The word counts at once.
        (Left, "", "2026-12-31", left),
        (Left, "2026-12-31", "", left),
        (Unknown, "2030-01-01", "2000-01-01", Phase::Unknown),
    ];
    for (state, start, end, want) in cases {
        let term = Term::new(state, day(start), day(end), None);
        assert_eq!(term.phase(at(noon)), want, "{state:?} {start} {end}");
    }
}

#[test]
fn what_is_due_is_the_next_day_that_changes_something() {
    let term = |state, start, end| Term::new(state, day(start), day(end), Some("Europe/Paris"));
    let due = |term: Term, now| term.due(at(now)).map(Millis::to_rfc3339);
    let job = term(EmploymentState::Prehire, "2026-06-01", "2026-06-30");
    for (now, due_at, state) in [
        (
            "2026-05-31T21:59:59Z",
            Some("2026-05-31T22:00:00.000Z"),
            EmploymentState::Prehire,
        ),
        (
            "2026-05-31T22:00:00Z",
            Some("2026-06-30T22:00:00.000Z"),
            EmploymentState::Employed,
        ),
        (
            "2026-06-30T21:59:59Z",
            Some("2026-06-30T22:00:00.000Z"),
            EmploymentState::Employed,
        ),
        ("2026-06-30T22:00:00Z", None, EmploymentState::Left),
    ] {
        assert_eq!(due(job, now).as_deref(), due_at, "{now}");
        assert_eq!(job.as_of(at(now)), state, "{now}");
    }
    let left = term(EmploymentState::Left, "", "2026-06-30");
    assert_eq!(due(left, "2026-06-01T00:00:00Z"), None);
    let away = term(EmploymentState::OnLeave, "", "");
    assert_eq!(
        away.as_of(at("2026-06-01T00:00:00Z")),
        EmploymentState::OnLeave
    );
}
