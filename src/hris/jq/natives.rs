//! The filters that programs may call: those of jq that neither read the world nor run without end, some of them
//! replaced by counted ones, and what HR data needs.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::NaiveDate;
use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Exn, RunPtr};

use super::Kind;
use super::allowed::{DEFS, NATIVE};
use super::meter;
use super::value::{Error, Object, V, ValR};
use crate::domain::employment::EmploymentState;
use crate::hris::formats::status::Words;
use crate::hris::formats::{dates, text};

/// All definitions, the helpers of `prelude.jq` last.
pub(super) fn defs() -> impl Iterator<Item = Def<&'static str>> {
    let own = jaq_core::load::parse(include_str!("prelude.jq"), |p| p.defs()).unwrap_or_default();
    jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|d| DEFS.contains(&d.name))
        .chain(own)
}

/// All native filters.
pub(super) fn funs() -> impl Iterator<Item = Fun<Kind>> {
    jaq_core::funs::<Kind>()
        .chain(jaq_std::funs::<Kind>())
        .filter(|(name, ..)| NATIVE.contains(name))
        .chain(own().into_vec().into_iter().map(run::<Kind>))
        .chain(hr().into_vec().into_iter().map(run::<Kind>))
}

type Filters = Box<[jaq_core::native::Filter<RunPtr<Kind>>]>;

/// Filters of jq that are counted here.
fn own() -> Filters {
    Box::new([
        ("range", v(3), |mut cv| {
            let (by, to, from) = (cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var());
            Box::new(range(from, to, by).map(|r| r.map_err(Exn::from)))
        }),
        ("length", v(0), |cv| bome(length(cv.1))),
        ("contains", v(1), |cv| {
            unary(cv, |a, b| Ok(contains(&a, &b).into()))
        }),
        ("has", v(1), |cv| unary(cv, has)),
        ("indices", v(1), |cv| unary(cv, indices)),
        ("tojson", v(0), |cv| bome(Ok(V::text(&cv.1.to_json_text())))),
        ("fromjson", v(0), |cv| bome(from_json(cv.1))),
        #[cfg(test)]
        ("hang", v(0), |cv| {
            std::thread::sleep(std::time::Duration::from_secs(3));
            bome(Ok(cv.1))
        }),
    ])
}

/// Filters for HR data.
fn hr() -> Filters {
    Box::new([
        ("clean", v(0), |cv| bome(Ok(clean(cv.1)))),
        ("lower", v(0), |cv| {
            bome(on_text(cv.1, |t| V::text(&t.to_lowercase())))
        }),
        ("upper", v(0), |cv| {
            bome(on_text(cv.1, |t| V::text(&t.to_uppercase())))
        }),
        ("nfc", v(0), |cv| {
            bome(on_text(cv.1, |t| V::text(&text::nfc(t))))
        }),
        ("fold", v(0), |cv| {
            bome(on_text(cv.1, |t| V::text(&text::fold(t))))
        }),
        ("email", v(0), |cv| {
            bome(on_text(cv.1, |t| {
                text::email(t).map_or(V::Null, |e| V::text(&e))
            }))
        }),
        ("date", v(0), |cv| {
            bome(date(cv.1, |t| {
                dates::parse(t, dates::Format::Iso)
                    .or_else(|| dates::parse(t, dates::Format::Compact))
                    .or_else(|| dates::dotnet(t))
            }))
        }),
        ("date_dmy", v(0), |cv| {
            bome(date(cv.1, |t| {
                dates::parse(t, dates::Format::DayMonthDots)
                    .or_else(|| dates::parse(t, dates::Format::DayMonthSlashes))
            }))
        }),
        ("date_mdy", v(0), |cv| {
            bome(date(cv.1, |t| {
                dates::parse(t, dates::Format::MonthDaySlashes)
            }))
        }),
        ("date_ms", v(0), |cv| {
            bome(date(cv.1, |t| dates::epoch_ms(t.parse().ok()?)))
        }),
        ("date_serial", v(0), |cv| {
            bome(date(cv.1, |t| dates::serial(t.parse().ok()?)))
        }),
        ("add_days", v(1), |cv| unary(cv, add_days)),
        ("flag", v(0), |cv| bome(flag(cv.1))),
        ("status", v(0), |cv| bome(Ok(status(&cv.1, &usual())))),
        ("status", v(1), |cv| {
            unary(cv, |word, words| Ok(status(&word, &own_words(words)?)))
        }),
        ("compact", v(0), |cv| bome(Ok(compact(cv.1)))),
    ])
}

fn range(from: V, to: V, by: V) -> impl Iterator<Item = ValR> {
    let direction = by.cmp(&V::Int(0));
    let mut next = Some(Ok(from));
    std::iter::from_fn(move || {
        meter::step();
        let at = match next.take()? {
            Ok(at) => at,
            Err(e) => return Some(Err(e)),
        };
        let goes_on = match direction {
            Ordering::Greater => at < to,
            Ordering::Less => at > to,
            Ordering::Equal => at != to,
        };
        goes_on.then(|| {
            next = Some(at.clone() + by.clone());
            Ok(at)
        })
    })
}

fn length(value: V) -> ValR {
    Ok(match &value {
        V::Null => V::Int(0),
        V::Bool(_) => return Err(Error::typ(value, "something that has a length")),
        V::Int(n) => V::Int(n.saturating_abs()),
        V::Float(n) => V::Float(n.abs()),
        V::Str(text) => text.chars().count().into(),
        V::Arr(items) => items.len().into(),
        V::Obj(members) => members.len().into(),
    })
}

fn contains(a: &V, b: &V) -> bool {
    meter::step();
    match (a, b) {
        (V::Str(a), V::Str(b)) => a.contains(&**b),
        (V::Arr(a), V::Arr(b)) => b.iter().all(|b| a.iter().any(|a| contains(a, b))),
        (V::Obj(a), V::Obj(b)) => b
            .iter()
            .all(|(key, b)| a.get(key).is_some_and(|a| contains(a, b))),
        _ => a == b,
    }
}

fn has(value: V, key: V) -> ValR {
    match (&value, &key) {
        (V::Obj(members), V::Str(name)) => Ok(members.contains_key(name).into()),
        (V::Arr(items), V::Int(n)) => Ok(usize::try_from(*n).is_ok_and(|n| n < items.len()).into()),
        _ => Err(Error::index(value, key)),
    }
}

fn indices(value: V, wanted: V) -> ValR {
    let count = |n: usize| V::from(n);
    match (&value, &wanted) {
        (V::Null, _) => Ok(V::Null),
        (V::Str(text), V::Str(part)) => {
            let found = |(n, (at, _)): (usize, (usize, char))| {
                text.get(at..)
                    .is_some_and(|t| t.starts_with(&**part))
                    .then(|| count(n))
            };
            let all = text.char_indices().enumerate().filter(|_| !part.is_empty());
            Ok(all.filter_map(found).collect())
        }
        (V::Arr(items), V::Arr(part)) if part.is_empty() => Ok(V::list(items[..0].to_vec())),
        (V::Arr(items), V::Arr(part)) => {
            let windows = items.windows(part.len()).enumerate();
            Ok(windows
                .filter(|(_, w)| *w == part.as_slice())
                .map(|(n, _)| count(n))
                .collect())
        }
        (V::Arr(items), one) => {
            let all = items.iter().enumerate();
            Ok(all
                .filter(|(_, v)| *v == one)
                .map(|(n, _)| count(n))
                .collect())
        }
        _ => Err(Error::index(value, wanted)),
    }
}

fn from_json(value: V) -> ValR {
    let Some(text) = value.as_text() else {
        return Err(Error::typ(value, "text"));
    };
    meter::made(text.len().saturating_mul(8));
    match serde_json::from_str(text) {
        Ok(parsed) => Ok(V::from_json(&parsed)),
        Err(_) => Err(Error::typ(value, "JSON")),
    }
}

/// Null stays null, a text is handed over, anything else is an error.
fn on_text(value: V, f: impl FnOnce(&str) -> V) -> ValR {
    match &value {
        V::Null => Ok(V::Null),
        V::Str(text) => Ok(f(text)),
        _ => Err(Error::typ(value, "text")),
    }
}

/// A text trimmed, null if nothing is left; anything else as it is.
fn clean(value: V) -> V {
    let Some(whole) = value.as_text() else {
        return value;
    };
    match text::trim(whole) {
        "" => V::Null,
        trimmed if trimmed.len() == whole.len() => value,
        trimmed => V::text(trimmed),
    }
}

fn iso(date: NaiveDate) -> V {
    V::text(&date.to_string())
}

/// `YYYY-MM-DD`; null for null, blank and dates that stand for none.
fn date(value: V, read: impl FnOnce(&str) -> Option<NaiveDate>) -> ValR {
    let written = match &value {
        V::Null => return Ok(V::Null),
        V::Int(n) => n.to_string(),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast saturates; no such date exists"
        )]
        V::Float(n) => (n.trunc() as i64).to_string(),
        V::Str(text) => text::trim(text).to_owned(),
        _ => return Err(Error::typ(value, "date")),
    };
    if written.is_empty() || dates::is_zero(&written) {
        return Ok(V::Null);
    }
    read(&written).map(iso).ok_or_else(|| {
        Error::typ(
            value,
            "date; see the date helpers for other ways to write one",
        )
    })
}

fn add_days(value: V, days: V) -> ValR {
    let V::Int(days) = days else {
        return Err(Error::typ(days, "number of days"));
    };
    if matches!(value, V::Null) {
        return Ok(V::Null);
    }
    let days = i64::try_from(days)
        .ok()
        .and_then(chrono::TimeDelta::try_days);
    let start = value
        .as_text()
        .and_then(|t| dates::parse(t, dates::Format::Iso));
    match start
        .zip(days)
        .and_then(|(start, days)| start.checked_add_signed(days))
    {
        Some(day) => Ok(iso(day)),
        None => Err(Error::typ(value, "date")),
    }
}

thread_local! {
    static USUAL: Arc<Words> = Arc::new(Words::usual());
}

fn usual() -> Arc<Words> {
    USUAL.with(Arc::clone)
}

fn own_words(words: V) -> Result<Words, Error> {
    let V::Obj(members) = &words else {
        return Err(Error::typ(words, "object of status words"));
    };
    let mut all = Words::default();
    for (word, state) in members.iter() {
        meter::step();
        let Some(state) = state.as_text().and_then(EmploymentState::parse) else {
            return Err(Error::typ(
                words,
                "object of status words: prehire, employed, on_leave, left or unknown",
            ));
        };
        all = all.with(word, state);
    }
    Ok(all)
}

fn as_word(value: &V) -> Option<String> {
    match value {
        V::Str(text) => Some(text.to_string()),
        V::Bool(_) | V::Int(_) => Some(value.to_json_text()),
        _ => None,
    }
}

fn status(word: &V, words: &Words) -> V {
    let found = as_word(word).and_then(|w| words.find(&w));
    V::text(found.unwrap_or(EmploymentState::Unknown).as_str())
}

/// A yes-or-no word as a boolean; null for null and blank; an unknown word is an error.
fn flag(value: V) -> ValR {
    if matches!(clean(value.clone()), V::Null) {
        return Ok(V::Null);
    }
    let found = as_word(&value).and_then(|w| usual().find(&w));
    match found {
        Some(EmploymentState::Employed) => Ok(V::Bool(true)),
        Some(EmploymentState::Left) => Ok(V::Bool(false)),
        _ => Err(Error::typ(value, "yes or no")),
    }
}

/// Without members that are null, blank, empty lists or empty objects, at any depth.
fn compact(value: V) -> V {
    meter::step();
    match value {
        V::Obj(members) => {
            let kept: Object = members
                .iter()
                .map(|(key, value)| (Arc::clone(key), compact(value.clone())))
                .filter(|(_, value)| !is_nothing(value))
                .collect();
            V::object(kept)
        }
        V::Arr(items) => V::list(
            items
                .iter()
                .map(|v| compact(v.clone()))
                .filter(|v| !is_nothing(v))
                .collect(),
        ),
        other => other,
    }
}

fn is_nothing(value: &V) -> bool {
    match value {
        V::Null => true,
        V::Str(text) => text::trim(text).is_empty(),
        V::Arr(items) => items.is_empty(),
        V::Obj(members) => members.is_empty(),
        V::Bool(_) | V::Int(_) | V::Float(_) => false,
    }
}
