//! The algebra of claims (SEMANTICS §1): what several sources assert about one person, what is in force, and what
//! each source reads back.
//!
//! A claim holds units: paths of attributes with their values, `null` for one that the source cleared. The key type
//! is left open, so that this module knows nothing of SCIM.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Values by unit; a `null` is an assertion that the unit is empty.
pub type Asserted<K> = BTreeMap<K, Value>;

/// What took part before in the place of values that an undo holds; `None`: nothing did.
pub type Undone<K> = BTreeMap<K, Option<Value>>;

/// One source's part in a person, as far as precedence is concerned.
#[derive(Debug, Clone)]
pub struct Part<'a, K: Ord> {
    /// What it asserts.
    pub asserted: &'a Asserted<K>,
    /// Units whose value takes no part in precedence.
    pub held: &'a BTreeSet<K>,
    /// What takes part in the place of some of them.
    pub undone: &'a Undone<K>,
}

impl<'a, K: Ord> Part<'a, K> {
    /// The value that takes part in precedence, if any does.
    pub fn taking(&self, unit: &K) -> Option<&'a Value> {
        match self.held.contains(unit) {
            true => self.undone.get(unit).and_then(Option::as_ref),
            false => self.asserted.get(unit),
        }
    }
}

/// The effective units: of each, the value of the part that `rank` puts first there (the unit and the part's place), else
/// of the first part.
///
/// A unit that somebody asserts but everybody holds keeps its present value: the first adoption never changes an
/// address. Units that nobody asserts any more go.
pub fn effective<K: Ord + Clone>(
    parts: &[Part<'_, K>],
    now: &Asserted<K>,
    rank: impl Fn(&K, usize) -> usize,
) -> Asserted<K> {
    let mut units: BTreeSet<&K> = BTreeSet::new();
    for part in parts {
        units.extend(part.asserted.keys());
        units.extend(part.undone.keys());
    }
    let mut out = BTreeMap::new();
    for unit in units {
        let free = first(parts, unit, &rank).map(|(_, value)| value);
        match free.or_else(|| now.get(unit)) {
            None | Some(Value::Null) => {}
            Some(value) => {
                out.insert(unit.clone(), value.clone());
            }
        }
    }
    out
}

/// Whose value of a unit is in force: the part's place, and the value.
pub fn first<'a, K: Ord>(
    parts: &[Part<'a, K>],
    unit: &K,
    rank: impl Fn(&K, usize) -> usize,
) -> Option<(usize, &'a Value)> {
    let taking = parts.iter().enumerate();
    let taking = taking.filter_map(|(place, part)| Some((place, part.taking(unit)?)));
    taking.min_by_key(|(place, _)| rank(unit, *place))
}

/// What a source reads: per unit its own assertion if there is one, else what is in force.
pub fn own_view<K: Ord + Clone>(asserted: &Asserted<K>, effective: &Asserted<K>) -> Asserted<K> {
    let mut out = effective.clone();
    for (unit, value) in asserted {
        if value.is_null() {
            out.remove(unit);
        } else {
            out.insert(unit.clone(), value.clone());
        }
    }
    out
}

/// PATCH: the touched units of the new view become assertions, `null` where the view no longer has them.
pub fn assert_touched<K: Ord + Clone>(
    asserted: &mut Asserted<K>,
    touched: &BTreeSet<K>,
    view: &Asserted<K>,
) {
    for unit in touched {
        asserted.insert(unit.clone(), view.get(unit).cloned().unwrap_or(Value::Null));
    }
}

/// What nobody else asserts of these units passes to the source that is left, as it is in force: nobody loses a name or
/// an address because another source went.
pub fn inherit<K: Ord + Clone>(
    heir: &mut Asserted<K>,
    others: &[Part<'_, K>],
    now: &Asserted<K>,
    passes: impl Fn(&K) -> bool,
) {
    for (unit, value) in now.iter().filter(|(unit, _)| passes(unit)) {
        if !others.iter().any(|part| part.asserted.contains_key(unit)) {
            heir.entry(unit.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// A hold ends when the source writes a different value there. That it cleared a unit and that it no longer speaks of it
/// are the same.
pub fn release_holds<K: Ord>(held: &mut BTreeSet<K>, before: &Asserted<K>, after: &Asserted<K>) {
    let said = |units: &Asserted<K>, unit: &K| units.get(unit).filter(|v| !v.is_null()).cloned();
    held.retain(|unit| said(before, unit) == said(after, unit));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn units(pairs: &[(&'static str, Value)]) -> Asserted<&'static str> {
        pairs.iter().cloned().collect()
    }

    fn by_place(_: &&str, _: usize) -> usize {
        0
    }

    #[test]
    fn each_unit_has_an_order_of_its_own() {
        let a = units(&[("title", json!("Boss")), ("dept", json!("Legal"))]);
        let b = units(&[("title", json!("Clerk")), ("dept", json!("Sales"))]);
        let (none, nothing) = (BTreeSet::new(), BTreeMap::new());
        let parts = [&a, &b].map(|asserted| Part {
            asserted,
            held: &none,
            undone: &nothing,
        });
        let rank = |unit: &&str, place: usize| usize::from((*unit == "dept") == (place == 0));
        let got = effective(&parts, &BTreeMap::new(), rank);
        let want = units(&[("title", json!("Boss")), ("dept", json!("Sales"))]);
        assert_eq!(got, want);
    }

    #[test]
    fn the_first_source_wins_and_the_second_fills_the_gaps() {
        let a = units(&[("title", json!("Boss")), ("name", json!("Ann"))]);
        let b = units(&[("title", json!("Clerk")), ("dept", json!("Sales"))]);
        let none = BTreeSet::new();
        let parts = [
            Part {
                asserted: &a,
                held: &none,
                undone: &BTreeMap::new(),
            },
            Part {
                asserted: &b,
                held: &none,
                undone: &BTreeMap::new(),
            },
        ];
        let got = effective(&parts, &BTreeMap::new(), by_place);
        let want = units(&[
            ("title", json!("Boss")),
            ("name", json!("Ann")),
            ("dept", json!("Sales")),
        ]);
        assert_eq!(got, want);
    }

    #[test]
    fn a_cleared_unit_is_empty_and_hides_a_weaker_value() {
        let a = units(&[("title", Value::Null)]);
        let b = units(&[("title", json!("Clerk"))]);
        let none = BTreeSet::new();
        let parts = [
            Part {
                asserted: &a,
                held: &none,
                undone: &BTreeMap::new(),
            },
            Part {
                asserted: &b,
                held: &none,
                undone: &BTreeMap::new(),
            },
        ];
        assert_eq!(effective(&parts, &BTreeMap::new(), by_place), units(&[]));
    }

    #[test]
    fn a_held_unit_keeps_the_value_in_force() {
        let b = units(&[("userName", json!("b@x.test")), ("title", json!("Clerk"))]);
        let held = BTreeSet::from(["userName"]);
        let now = units(&[("userName", json!("a@x.test")), ("old", json!(1))]);
        let got = effective(
            &[Part {
                asserted: &b,
                held: &held,
                undone: &BTreeMap::new(),
            }],
            &now,
            by_place,
        );
        assert_eq!(
            got,
            units(&[("userName", json!("a@x.test")), ("title", json!("Clerk"))])
        );
    }

    #[test]
    fn a_source_reads_back_what_it_wrote() {
        let mine = units(&[("title", json!("Clerk")), ("dept", Value::Null)]);
        let force = units(&[
            ("title", json!("Boss")),
            ("dept", json!("Sales")),
            ("name", json!("Ann")),
        ]);
        let view = own_view(&mine, &force);
        assert_eq!(
            view,
            units(&[("title", json!("Clerk")), ("name", json!("Ann"))])
        );
    }

    #[test]
    fn what_nobody_else_asserts_passes_to_the_source_that_is_left() {
        let now = units(&[
            ("name", json!("Ann")),
            ("mail", json!("a")),
            ("title", json!("Boss")),
        ]);
        let other = units(&[("mail", Value::Null)]);
        let none = BTreeSet::new();
        let others = [Part {
            asserted: &other,
            held: &none,
            undone: &BTreeMap::new(),
        }];
        let mut heir = units(&[("dept", json!("Sales"))]);
        inherit(&mut heir, &others, &now, |unit| *unit != "title");
        assert_eq!(
            heir,
            units(&[("dept", json!("Sales")), ("name", json!("Ann"))])
        );
    }

    #[test]
    fn a_hold_ends_when_the_source_writes_another_value() {
        let before = units(&[("userName", json!("b")), ("emails", json!(["b"]))]);
        let after = units(&[("userName", json!("c")), ("emails", json!(["b"]))]);
        let mut held = BTreeSet::from(["userName", "emails"]);
        release_holds(&mut held, &before, &after);
        assert_eq!(held, BTreeSet::from(["emails"]));
    }

    #[test]
    fn what_an_undo_holds_has_the_earlier_value_take_its_part() {
        let a = units(&[("title", json!("Chief")), ("nick", json!("Al"))]);
        let b = units(&[("title", json!("Clerk"))]);
        let none = BTreeSet::new();
        let held = BTreeSet::from(["title", "nick", "dept"]);
        let undone = BTreeMap::from([
            ("title", Some(json!("Boss"))),
            ("nick", None),
            ("dept", Some(json!("Sales"))),
        ]);
        let parts = [
            Part {
                asserted: &a,
                held: &held,
                undone: &undone,
            },
            Part {
                asserted: &b,
                held: &none,
                undone: &BTreeMap::new(),
            },
        ];
        let got = effective(&parts, &BTreeMap::new(), by_place);
        let want = units(&[("title", json!("Boss")), ("dept", json!("Sales"))]);
        assert_eq!(got, want, "neither the weaker source nor the held value");
    }

    #[test]
    fn a_hold_of_what_a_source_left_out_stays_while_it_leaves_it_out() {
        let (none, cleared) = (units(&[]), units(&[("title", Value::Null)]));
        let mut held = BTreeSet::from(["title"]);
        release_holds(&mut held, &none, &cleared);
        assert_eq!(held.len(), 1);
        release_holds(&mut held, &none, &units(&[("title", json!("Boss"))]));
        assert!(held.is_empty());
    }
}
