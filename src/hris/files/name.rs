//! Names of files: which fit, which are still being written, and what time they carry.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::domain::clock::Millis;
use crate::hris::formats::Problem;

/// Longest pattern and name.
const LONGEST: usize = 255;

/// A pattern of names: `*` is any text, `?` any character. Letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<char>);

impl Pattern {
    /// Reads a pattern. Errors: `file.pattern` if it is empty, too long or has a `/`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.len() > LONGEST || text.contains(['/', '\\', '\0']) {
            return Err(Problem::new("file.pattern"));
        }
        Ok(Self(text.to_lowercase().chars().collect()))
    }

    /// Whether a name fits. Names that begin with a dot never do.
    pub fn fits(&self, name: &str) -> bool {
        if !is_plain(name) {
            return false;
        }
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let (mut p, mut n) = (0, 0);
        // Where to go on if the last `*` must take one more character.
        let mut star = None;
        while n < name.len() {
            match self.0.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == '?' || Some(c) == name.get(n) => (p, n) = (p + 1, n + 1),
                _ => match &mut star {
                    Some((at, taken)) => {
                        *taken += 1;
                        (p, n) = (*at + 1, *taken);
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(p).all(|c| *c == '*')
    }
}

/// A name that is one visible file of its folder and nothing else.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}

/// Endings under which programs write a file that is not complete.
pub(super) fn is_partial(name: &str) -> bool {
    const ENDINGS: [&str; 5] = [".tmp", ".part", ".filepart", ".filetransfer", ".crdownload"];
    let name = name.to_lowercase();
    ENDINGS.iter().any(|e| name.ends_with(e))
}

/// The time that a name carries: `2026-11-24` or `20261124`, perhaps with a time of day behind it (`T0930`, `_09-30-15`,
/// `093015`). The last one counts, as UTC: names of one source are compared with each other only.
pub fn stamp(name: &str) -> Option<Millis> {
    let bytes = name.as_bytes();
    let starts = (0..bytes.len()).rev().filter(|at| {
        let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        digit(*at) && (*at == 0 || !digit(at - 1))
    });
    starts
        .into_iter()
        .find_map(|at| date_time(bytes.get(at..)?))
        .map(|t| Millis(t.and_utc().timestamp_millis()))
}

/// A date at the start, and a time of day if one follows.
fn date_time(bytes: &[u8]) -> Option<NaiveDateTime> {
    let (date, rest) = date(bytes)?;
    let time = time(rest).unwrap_or(NaiveTime::MIN);
    Some(date.and_time(time))
}

fn number(bytes: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_at_checked(digits)?;
    if !head.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((std::str::from_utf8(head).ok()?.parse().ok()?, rest))
}

/// Skips the separator, or what stands for none.
fn after(bytes: &[u8], separator: Option<u8>) -> Option<&[u8]> {
    match separator {
        Some(s) => bytes.strip_prefix(&[s]),
        None => Some(bytes),
    }
}

fn date(bytes: &[u8]) -> Option<(NaiveDate, &[u8])> {
    let (year, rest) = number(bytes, 4)?;
    let separator = rest.first().copied().filter(|b| b"-_.".contains(b));
    let (month, rest) = number(after(rest, separator)?, 2)?;
    let (day, rest) = number(after(rest, separator)?, 2)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    (1970..=2200).contains(&year).then_some((date, rest))
}

fn time(bytes: &[u8]) -> Option<NaiveTime> {
    let rest = match bytes.first()? {
        b'T' | b't' | b'_' | b'-' | b' ' | b'.' => bytes.get(1..)?,
        _ => bytes,
    };
    let (hour, rest) = number(rest, 2)?;
    let separator = rest.first().copied().filter(|b| b"-_.:".contains(b));
    let (minute, rest) = number(after(rest, separator)?, 2)?;
    let second = after(rest, separator)
        .and_then(|r| number(r, 2))
        .map_or(0, |(s, _)| s);
    NaiveTime::from_hms_opt(hour, minute, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, wanted) in [
            ("*.csv", "People.CSV", true),
            ("*.csv", "people.csv.bak", false),
            ("hr_*_full.csv", "hr_20261124_full.csv", true),
            ("hr_????.csv", "hr_2026.csv", true),
            ("hr_????.csv", "hr_20261.csv", false),
            ("*", "x", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxa", false),
            ("a*", ".a", false),
            ("*", ".hidden", false),
            ("*", "", false),
            ("*", "a\nb", false),
            ("*ö*", "KÖLN.csv", true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap_or_else(|p| panic!("{p}"));
            assert_eq!(parsed.fits(name), wanted, "{pattern} {name:?}");
        }
        for bad in ["", "../*", "a/b", "a\\b", "\0"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
        // Every star is tried once a character, not in all combinations.
        let stars = Pattern::parse(&"*a".repeat(100)).unwrap_or_else(|p| panic!("{p}"));
        assert!(!stars.fits(&"b".repeat(255)));
    }

    #[test]
    fn times_in_names_are_found() {
        let at = |text: &str| Millis::from_rfc3339(text);
        for (name, wanted) in [
            ("hr_20261124.csv", at("2026-11-24T00:00:00Z")),
            ("hr-2026-11-24.csv", at("2026-11-24T00:00:00Z")),
            ("hr_2026_11_24_0930.csv", at("2026-11-24T09:30:00Z")),
            ("20261124T093015Z-people.csv", at("2026-11-24T09:30:15Z")),
            ("people_20261124093015.csv", at("2026-11-24T09:30:15Z")),
            ("people 2026-11-24 09-30-15.csv", at("2026-11-24T09:30:15Z")),
            ("v2_20200101_20261124.csv", at("2026-11-24T00:00:00Z")),
            ("people.csv", None),
            ("people_20261324.csv", None),
            ("12345678.csv", None),
            ("2026.csv", None),
            ("é20261124.csv", at("2026-11-24T00:00:00Z")),
        ] {
            assert_eq!(stamp(name), wanted, "{name}");
        }
    }
}
