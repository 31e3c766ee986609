//! What is read before the main list: parents, names for ids, and second lists that are joined by person.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{Beside, Progress, gap};
use crate::hris::Gap;
use crate::hris::error::{Error, Kind};
use crate::hris::manifest::{Each, InForce, Join, List, Lookup, scalar};
use crate::hris::pages::{Pages, Source};

/// Reads everything beside the main list.
pub(super) async fn read(
    source: &Source<'_>,
    today: NaiveDate,
    progress: &dyn Progress,
) -> Result<Beside, Error> {
    let mut beside = Beside {
        parents: BTreeMap::new(),
        lookups: Map::new(),
        joins: BTreeMap::new(),
        degraded: Vec::new(),
    };
    for (name, list) in &source.manifest.parents {
        let mut records = Vec::new();
        each(source, list, &[None], |record| records.push(record)).await?;
        beside.parents.insert(name.clone(), records);
    }
    for (name, lookup) in &source.manifest.lookups {
        let parents = parents(&beside, &lookup.list);
        let outcome = read_lookup(source, lookup, &parents).await;
        let outcome = excuse(
            outcome,
            lookup.required,
            name,
            &mut beside.degraded,
            progress,
        )?;
        beside.lookups.insert(name.clone(), Value::Object(outcome));
    }
    for (name, join) in &source.manifest.joins {
        if !is_wanted(source, join.only_if.as_deref()) {
            continue;
        }
        let parents = parents(&beside, &join.list);
        let outcome = read_join(source, join, &parents, today).await;
        let outcome = excuse(outcome, join.required, name, &mut beside.degraded, progress)?;
        beside.joins.insert(name.clone(), outcome);
    }
    Ok(beside)
}

/// Whether the value for which something is read, if it is read for one, is filled in.
pub(in crate::hris) fn is_wanted(source: &Source<'_>, only_if: Option<&str>) -> bool {
    only_if.is_none_or(|id| source.values.get(id).and_then(scalar).is_some())
}

/// A failure beside the main list is a warning, unless nothing can be pulled without it. What ends the whole pull, such
/// as refused credentials, is none of these.
fn excuse<T: Default>(
    outcome: Result<T, Error>,
    is_required: bool,
    name: &str,
    degraded: &mut Vec<Gap>,
    progress: &dyn Progress,
) -> Result<T, Error> {
    match outcome {
        Err(error) if !is_required && error.kind != Kind::Credentials => {
            let warning = gap("lookup_failed", &[("lookup", name), ("code", error.code)]);
            progress.warn(&warning);
            degraded.push(warning);
            Ok(T::default())
        }
        outcome => outcome.map_err(|error| error.with("lookup", name)),
    }
}

/// What a list is read for, one after another; once for nothing unless it has an `each`.
pub(super) fn parents(beside: &Beside, list: &List) -> Vec<Option<Value>> {
    let records = match &list.each {
        None => return vec![None],
        Some(Each::Parent(name)) => beside.parents.get(name).cloned().unwrap_or_default(),
        Some(Each::Values(values)) => values.clone(),
    };
    records.into_iter().map(Some).collect()
}

/// Goes through a list for each of its parents. A list that is not complete is an error: what it would have named would
/// look empty.
async fn each(
    source: &Source<'_>,
    list: &List,
    parents: &[Option<Value>],
    mut take: impl FnMut(Value),
) -> Result<(), Error> {
    for parent in parents {
        let mut pages = Pages::new(source, list, parent.as_ref());
        while let Some(page) = pages.next().await? {
            page.records.into_iter().for_each(&mut take);
        }
        if let Some(gap) = pages.gaps.first() {
            let mut error = Error::new(Kind::Unavailable, gap.code);
            error.params.clone_from(&gap.params);
            return Err(error);
        }
    }
    Ok(())
}

async fn read_lookup(
    source: &Source<'_>,
    lookup: &Lookup,
    parents: &[Option<Value>],
) -> Result<Map<String, Value>, Error> {
    let mut names = Map::new();
    let take = |record: Value| {
        if let (Some(key), Some(value)) = (lookup.key.text(&record), lookup.value.find(&record)) {
            names.insert(key, value.clone());
        }
    };
    each(source, &lookup.list, parents, take).await?;
    Ok(names)
}

/// Rows by person; as text, which takes a fraction of the memory.
#[derive(Debug, Default)]
pub(super) struct Joined {
    rows: HashMap<String, Vec<Box<str>>>,
    is_one: bool,
}

impl Joined {
    /// The row in force, or all rows as a list; null for nobody's.
    pub(super) fn of(&self, person: &str) -> Value {
        let Some(rows) = self.rows.get(person) else {
            return Value::Null;
        };
        let mut values = rows
            .iter()
            .map(|row| serde_json::from_str(row).unwrap_or_default());
        match self.is_one {
            true => values.next().unwrap_or_default(),
            false => Value::Array(values.collect()),
        }
    }
}

async fn read_join(
    source: &Source<'_>,
    join: &Join,
    parents: &[Option<Value>],
    today: NaiveDate,
) -> Result<Joined, Error> {
    let mut joined = Joined {
        rows: HashMap::new(),
        is_one: join.in_force.is_some(),
    };
    let mut best: HashMap<String, Rank> = HashMap::new();
    let take = |record: Value| {
        let Some(person) = join.person.text(&record) else {
            return;
        };
        for row in rows(join, &record) {
            let text = row.to_string().into_boxed_str();
            let Some(in_force) = &join.in_force else {
                joined.rows.entry(person.clone()).or_default().push(text);
                continue;
            };
            let rank = rank(in_force, row, today);
            if best.get(&person).is_none_or(|best| rank >= *best) {
                best.insert(person.clone(), rank);
                joined.rows.insert(person.clone(), vec![text]);
            }
        }
    };
    each(source, &join.list, parents, take).await?;
    Ok(joined)
}

fn rows<'v>(join: &Join, record: &'v Value) -> Vec<&'v Value> {
    match join.rows.find(record) {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// How much a row says about today: in force, begun and ended, not begun; then the latest, or of those to come the
/// earliest.
type Rank = (u8, i64);

fn rank(in_force: &InForce, row: &Value, today: NaiveDate) -> Rank {
    let day =
        |path: &crate::hris::manifest::Path| path.find(row).and_then(scalar).and_then(|t| day(&t));
    let from = day(&in_force.from).unwrap_or(NaiveDate::MIN);
    let to = in_force.to.as_ref().and_then(day);
    let days = from.signed_duration_since(NaiveDate::MIN).num_days();
    match (from <= today, to.is_none_or(|to| to >= today)) {
        (true, true) => (2, days),
        (true, false) => (1, days),
        (false, _) => (0, -days),
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_row_in_force_is_the_latest_that_began_and_has_not_ended() {
        let in_force = InForce {
            from: crate::hris::manifest::Path::parse("from").unwrap(),
            to: Some(crate::hris::manifest::Path::parse("to").unwrap()),
        };
        let today = NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
        let rows = [
            json!({"n": "old", "from": "2019-01-01", "to": "2020-12-31"}),
            json!({"n": "today", "from": "2026-11-26T00:00:00Z", "to": "2026-11-26"}),
            json!({"n": "open", "from": "2024-01-01", "to": null}),
            json!({"n": "next", "from": "2026-12-01", "to": null}),
            json!({"n": "later", "from": "2027-12-01", "to": null}),
        ];
        let best = |wanted: &[usize]| {
            let row = wanted
                .iter()
                .map(|at| &rows[*at])
                .max_by_key(|row| rank(&in_force, row, today));
            row.unwrap()["n"].clone()
        };
        assert_eq!(best(&[0, 1, 2, 3]), "today");
        assert_eq!(best(&[0, 2, 3]), "open");
        assert_eq!(best(&[0, 3]), "old");
        assert_eq!(best(&[4, 3]), "next");
    }
}
