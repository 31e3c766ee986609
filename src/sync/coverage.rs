//! What the numbers of a pull say against it, compared with the last good one (SEMANTICS §7): a field that many had and
//! few have now was not read, and an empty list is no list.

use std::collections::BTreeMap;

use crate::hris::{Evidence, Gap};

/// People fewer than this make no trend.
const FEW: u64 = 5;
/// A field may lose this share of the people, in percent.
const PERCENT: u64 = 10;
/// Managers may lose more: where a few of them leave, many who reported to them name nobody for a while.
const PERCENT_OF_MANAGERS: u64 = 50;

/// Gaps that show only beside the last good pull.
pub(super) fn gaps(now: &Evidence, last: Option<&Evidence>, were_known: bool) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if now.people == 0 && (were_known || last.is_some_and(|l| l.people > 0)) {
        gaps.push(gap("empty", [("before", last.map_or(0, |l| l.people))]));
        return gaps;
    }
    let Some(last) = last else {
        return gaps;
    };
    let said = |unit: &String| !now.unsaid.contains(unit);
    for (unit, &had) in last.coverage.iter().filter(|(unit, _)| said(unit)) {
        let has = now.coverage.get(unit).copied().unwrap_or_default();
        let percent = match unit.ends_with("manager.value") {
            true => PERCENT_OF_MANAGERS,
            false => PERCENT,
        };
        if fell((had, last.people), (has, now.people), percent) {
            let mut gap = gap("coverage", [("before", had), ("now", has)]);
            gap.params.insert("unit".to_owned(), unit.clone());
            gaps.push(gap);
        }
    }
    gaps
}

/// Whether so many of the people are more than chance explains.
pub(super) fn is_many(missing: u64, of: u64) -> bool {
    missing > FEW && u128::from(missing) * 100 > u128::from(of) * u128::from(PERCENT)
}

/// Whether a share of the people fell by more than this, and by more than a few of them. A field that few had is none to
/// go by.
fn fell((had, of): (u64, u64), (has, of_now): (u64, u64), percent: u64) -> bool {
    if of == 0 || of_now == 0 || had.saturating_mul(2) < of {
        return false;
    }
    let expected = u128::from(had) * u128::from(of_now) / u128::from(of);
    let missing = expected.saturating_sub(u128::from(has));
    missing > u128::from(FEW) && missing * 100 > u128::from(of_now) * u128::from(percent)
}

fn gap<const N: usize>(code: &'static str, params: [(&str, u64); N]) -> Gap {
    let params: BTreeMap<String, String> = params
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect();
    Gap { code, params }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(people: u64, managers: u64) -> Evidence {
        Evidence {
            people,
            coverage: BTreeMap::from([("manager".to_owned(), managers)]),
            ..Evidence::default()
        }
    }

    #[test]
    fn a_field_that_many_had_and_few_have_was_not_read() {
        let codes = |now: Evidence, last: Evidence| gaps(&now, Some(&last), true).len();
        assert_eq!(codes(pull(100, 95), pull(100, 95)), 0);
        assert_eq!(codes(pull(100, 85), pull(100, 95)), 0, "ten of a hundred");
        assert_eq!(codes(pull(100, 84), pull(100, 95)), 1);
        assert_eq!(
            codes(pull(200, 190), pull(100, 95)),
            0,
            "a company that grew"
        );
        assert_eq!(
            codes(pull(20, 14), pull(20, 19)),
            0,
            "five people are no trend"
        );
        assert_eq!(codes(pull(20, 13), pull(20, 19)), 1);
        assert_eq!(codes(pull(100, 0), pull(100, 40)), 0, "few had it");
    }

    #[test]
    fn managers_who_leave_take_those_of_their_reports_along() {
        let of = |managers: u64| Evidence {
            people: 60,
            coverage: BTreeMap::from([("urn:x:User:manager.value".to_owned(), managers)]),
            ..Evidence::default()
        };
        assert!(gaps(&of(45), Some(&of(59)), true).is_empty());
        assert_eq!(
            gaps(&of(20), Some(&of(59)), true).len(),
            1,
            "nobody has one any more"
        );
    }

    #[test]
    fn a_field_about_which_the_source_says_nothing_any_more_was_not_lost() {
        let mut now = pull(100, 0);
        assert_eq!(gaps(&now, Some(&pull(100, 95)), true).len(), 1);
        now.unsaid.insert("manager".to_owned());
        assert!(gaps(&now, Some(&pull(100, 95)), true).is_empty());
    }

    #[test]
    fn an_empty_list_where_people_were_is_no_list() {
        assert_eq!(gaps(&pull(0, 0), None, true)[0].code, "empty");
        assert!(gaps(&pull(0, 0), None, false).is_empty());
    }
}
