//! Dates as HR systems and spreadsheets write them. A date-time gives the date that it shows: the source wrote it in its
//! own zone. Between day/month and month/day nothing is ever guessed.

use chrono::{DateTime, Days, NaiveDate};

/// How a column writes its dates.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `2026-11-24`, or an ISO date-time whose date is taken.
    Iso,
    /// `20261124`
    Compact,
    /// `24.11.2026`
    DayMonthDots,
    /// `24/11/2026` or `24-11-2026`
    DayMonthSlashes,
    /// `11/24/2026` or `11-24-2026`
    MonthDaySlashes,
    /// `24-Nov-26`, `24-Nov-2026`; English names; years to 69 are of this century.
    DayName,
    /// `46350`: five digits, days of a spreadsheet, 1900 system.
    Serial,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::Iso,
        Self::Compact,
        Self::DayMonthDots,
        Self::DayMonthSlashes,
        Self::MonthDaySlashes,
        Self::DayName,
        Self::Serial,
    ];
}

/// What a column's values say about its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    /// Only this one fits.
    Format(Format),
    /// All values fit day/month and month/day: the admin must say.
    Ambiguous,
    /// No value at all.
    Empty,
    /// No format fits all values.
    None,
}

/// What a cell of a date column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Nothing, or a date that stands for nothing (`0000-00-00`), or, in an end-date column, for "no end" (`31.12.9999`).
    Open,
    /// A date.
    Date(NaiveDate),
    /// Something else: an error of that row.
    Unreadable,
}

/// A date in a known format.
pub fn parse(text: &str, format: Format) -> Option<NaiveDate> {
    let text = super::text::trim(text);
    match format {
        Format::Iso => iso(text),
        Format::Compact => {
            let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
            let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
            if digits {
                date(part(0..4)?, part(4..6)?, part(6..8)?)
            } else {
                None
            }
        }
        Format::DayMonthDots => {
            let (d, m, y) = parts(text, &['.'])?;
            date(y, m, d)
        }
        Format::DayMonthSlashes => {
            let (d, m, y) = parts(text, &['/', '-'])?;
            date(y, m, d)
        }
        Format::MonthDaySlashes => {
            let (m, d, y) = parts(text, &['/', '-'])?;
            date(y, m, d)
        }
        Format::DayName => day_name(text),
        Format::Serial => {
            let digits = text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
            if digits {
                serial(text.parse().ok()?)
            } else {
                None
            }
        }
    }
}

/// Reads one cell of a column; `is_end` where the column says when something ends.
pub fn read(text: &str, format: Format, is_end: bool) -> Cell {
    let text = super::text::trim(text);
    if text.is_empty() || is_zero(text) || (is_end && is_open_end(text)) {
        return Cell::Open;
    }
    parse(text, format).map_or(Cell::Unreadable, Cell::Date)
}

/// `0000-00-00`, `00.00.0000` and their kind: no date.
pub fn is_zero(text: &str) -> bool {
    let mut digits = text.bytes().filter(u8::is_ascii_digit).peekable();
    digits.peek().is_some()
        && text.len() >= 8
        && text
            .bytes()
            .take(10)
            .all(|b| matches!(b, b'0' | b'-' | b'.' | b'/'))
}

/// `31.12.9999`, `9999-12-31`, `1900-01-01`, `0001-01-01`: dates that say "no end" in an end-date column.
pub fn is_open_end(text: &str) -> bool {
    let open = |d: NaiveDate| {
        use chrono::Datelike;
        d.year() == 9999 || d.year() <= 1900
    };
    Format::ALL
        .into_iter()
        .any(|f| parse(text, f).is_some_and(open))
}

/// Finds out which format a column's values have, one by one.
#[derive(Debug, Clone, Default)]
pub struct Detector {
    values: u64,
    fits: [u64; Format::ALL.len()],
}

impl Detector {
    /// Takes a value. Those that stand for no date do not count.
    pub fn add(&mut self, value: &str) {
        let value = super::text::trim(value);
        if value.is_empty() || is_zero(value) || is_open_end(value) {
            return;
        }
        self.values += 1;
        for (format, fits) in Format::ALL.into_iter().zip(&mut self.fits) {
            *fits += u64::from(parse(value, format).is_some());
        }
    }

    /// The format that all values have; of a hundred and more, that only one in a hundred has not.
    pub fn finish(&self) -> Detected {
        let with = |least: u64| {
            let fits = Format::ALL.into_iter().zip(self.fits);
            fits.filter(move |(_, n)| *n >= least)
                .map(|(f, _)| f)
                .collect::<Vec<_>>()
        };
        let tolerated = self.values / 100;
        match (
            with(self.values).as_slice(),
            with(self.values - tolerated).as_slice(),
        ) {
            _ if self.values == 0 => Detected::Empty,
            ([one], _) | ([], [one]) => Detected::Format(*one),
            ([], []) => Detected::None,
            _ => Detected::Ambiguous,
        }
    }
}

/// Which format all these values have.
pub fn detect<'a>(values: impl IntoIterator<Item = &'a str>) -> Detected {
    let mut detector = Detector::default();
    for value in values {
        detector.add(value);
    }
    detector.finish()
}

/// `/Date(1577836800000)/` and `/Date(1577836800000+0060)/`: milliseconds, and minutes of the zone it is shown in.
pub fn dotnet(text: &str) -> Option<NaiveDate> {
    let inner = super::text::trim(text)
        .strip_prefix("/Date(")?
        .strip_suffix(")/")?;
    let sign = inner
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'));
    let (ms, minutes) = match sign {
        Some((at, _)) => (inner.get(..at)?, inner.get(at..)?.parse::<i64>().ok()?),
        None => (inner, 0),
    };
    epoch_ms(
        ms.parse::<i64>()
            .ok()?
            .checked_add(minutes.checked_mul(60_000)?)?,
    )
}

/// The UTC date of milliseconds since 1970.
pub fn epoch_ms(ms: i64) -> Option<NaiveDate> {
    DateTime::from_timestamp_millis(ms)
        .map(|t| t.date_naive())
        .filter(|d| is_sane(*d))
}

/// The date of a spreadsheet's day number, 1900 system (from 61, after the day that never was).
pub fn serial(days: u64) -> Option<NaiveDate> {
    if !(61..=2_958_465).contains(&days) {
        return None;
    }
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(days))
}

fn is_sane(d: NaiveDate) -> bool {
    use chrono::Datelike;
    (1..=9999).contains(&d.year())
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|d| is_sane(*d))
}

/// Three numbers; the last is a year of four digits. One separator throughout.
fn parts(text: &str, separators: &[char]) -> Option<(u32, u32, u32)> {
    let separator = separators.iter().find(|s| text.contains(**s))?;
    let mut all = text.split(*separator);
    let (a, b, year) = (all.next()?, all.next()?, all.next()?);
    let digits = |p: &str, len: std::ops::RangeInclusive<usize>| {
        let is_number = len.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        if is_number {
            p.parse::<u32>().ok()
        } else {
            None
        }
    };
    if all.next().is_some() {
        return None;
    }
    Some((digits(a, 1..=2)?, digits(b, 1..=2)?, digits(year, 4..=4)?))
}

fn iso(text: &str) -> Option<NaiveDate> {
    let (day, time) = (text.get(..10)?, text.get(10..)?);
    let is_time = |t: &str| {
        t.len() >= 6
            && t.starts_with(['T', 't', ' '])
            && t.bytes()
                .skip(1)
                .all(|b| b.is_ascii_digit() || b"+-:.,Zz ".contains(&b))
    };
    let shape = day.bytes().enumerate().all(|(i, b)| {
        if i == 4 || i == 7 {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    });
    if !shape || !(time.is_empty() || time.eq_ignore_ascii_case("z") || is_time(time)) {
        return None;
    }
    date(
        day.get(..4)?.parse().ok()?,
        day.get(5..7)?.parse().ok()?,
        day.get(8..)?.parse().ok()?,
    )
}

fn day_name(text: &str) -> Option<NaiveDate> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let mut all = text.split(['-', ' ', '/']);
    let (day, name, year) = (all.next()?, all.next()?.to_ascii_lowercase(), all.next()?);
    if all.next().is_some() || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let month = MONTHS.iter().position(|m| name.get(..3) == Some(*m))?;
    let number: u32 = year.parse().ok()?;
    let year = match (year.len(), number) {
        (4, y) => y,
        (2, y @ 0..=69) => 2000 + y,
        (2, y) => 1900 + y,
        _ => return None,
    };
    date(year, u32::try_from(month).ok()? + 1, day.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: i32, m: u32, d: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(y, m, d)
    }

    #[test]
    fn every_format_reads_its_own_dates_only() {
        let wanted = day(2026, 11, 24);
        for (format, text) in [
            (Format::Iso, "2026-11-24"),
            (Format::Iso, "2026-11-24T23:30:00+02:00"),
            (Format::Iso, " 2026-11-24 00:00:00\u{a0}"),
            (Format::Compact, "20261124"),
            (Format::DayMonthDots, "24.11.2026"),
            (Format::DayMonthSlashes, "24/11/2026"),
            (Format::DayMonthSlashes, "24-11-2026"),
            (Format::MonthDaySlashes, "11/24/2026"),
            (Format::DayName, "24-Nov-26"),
            (Format::DayName, "24-NOV-2026"),
            (Format::Serial, "46350"),
        ] {
            assert_eq!(parse(text, format), wanted, "{text}");
            for other in Format::ALL {
                assert_eq!(
                    parse(text, other).is_some(),
                    other == format,
                    "{text} as {other:?}"
                );
            }
        }
        assert_eq!(parse("1-Jan-70", Format::DayName), day(1970, 1, 1));
        assert_eq!(parse("1.2.2026", Format::DayMonthDots), day(2026, 2, 1));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2026-02-30",
            "2026-11-24 x",
            "2026-11-24Tomorrow",
            "31.02.2026",
            "1,23E+05",
            "24.11.26",
            "é026-11-24",
            "2026-11-2é",
            "1/2/3/2026",
            "+1/02/2026",
        ] {
            for format in Format::ALL {
                assert_eq!(parse(text, format), None, "{text} as {format:?}");
            }
        }
    }

    #[test]
    fn day_and_month_are_never_guessed() {
        assert_eq!(detect(["01/02/2026", "03/04/2026"]), Detected::Ambiguous);
        assert_eq!(
            detect(["01/02/2026", "13/04/2026"]),
            Detected::Format(Format::DayMonthSlashes)
        );
        assert_eq!(
            detect(["01/02/2026", "04/13/2026"]),
            Detected::Format(Format::MonthDaySlashes)
        );
        assert_eq!(detect(["13/02/2026", "04/13/2026"]), Detected::None);
        assert_eq!(
            detect(["", "31.12.9999", "01.05.2019"]),
            Detected::Format(Format::DayMonthDots)
        );
        assert_eq!(detect(["", "0000-00-00"]), Detected::Empty);
        assert_eq!(detect(["2026-01-01", "soon"]), Detected::None);
        let many = |bad: usize| vec!["2026-01-01"; 200].into_iter().chain(vec!["soon"; bad]);
        assert_eq!(detect(many(2)), Detected::Format(Format::Iso));
        assert_eq!(detect(many(3)), Detected::None);
    }

    #[test]
    fn an_open_end_is_no_end() {
        for text in [
            "",
            " ",
            "0000-00-00",
            "00.00.0000",
            "00/00/0000",
            "31.12.9999",
            "9999-12-31",
            "12/31/9999",
            "99991231",
            "1900-01-01",
            "01.01.1900",
        ] {
            let format = match detect([text]) {
                Detected::Empty => Format::Iso,
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(read(text, format, true), Cell::Open, "{text}");
        }
        assert_eq!(
            read("1900-01-01", Format::Iso, false),
            Cell::Date(day(1900, 1, 1).unwrap_or_default())
        );
        assert_eq!(read("0000-00-00", Format::Iso, false), Cell::Open);
        assert_eq!(read("x", Format::Iso, true), Cell::Unreadable);
    }

    #[test]
    fn dates_of_dotnet_and_spreadsheets() {
        assert_eq!(dotnet("/Date(1577836800000)/"), day(2020, 1, 1));
        assert_eq!(dotnet("/Date(1577833200000+0060)/"), day(2020, 1, 1));
        assert_eq!(dotnet("/Date(-86400000)/"), day(1969, 12, 31));
        for bad in [
            "/Date()/",
            "/Date(x)/",
            "/Date(1",
            "/Date(9223372036854775807+9999)/",
            "/Date(é+1)/",
        ] {
            assert_eq!(dotnet(bad), None, "{bad}");
        }
        assert_eq!(serial(61), day(1900, 3, 1));
        assert_eq!(serial(60), None);
        assert_eq!(epoch_ms(1_577_836_800_000), day(2020, 1, 1));
        assert_eq!(epoch_ms(i64::MAX), None);
    }
}
