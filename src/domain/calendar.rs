//! Days in somebody's time zone. The zones are compiled in: the same answer on every machine.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::clock::Millis;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Whether this names a zone (`Europe/Paris`).
pub fn is_zone(name: &str) -> bool {
    ZONES.get(name).is_ok()
}

/// The moment at which a day begins in a zone; UTC where none is named, or one that nobody knows. `None` for a day
/// outside the years that can be told (−9999 to 9999).
pub fn day_begins(day: NaiveDate, zone: Option<&str>) -> Option<Millis> {
    let zone = zone
        .and_then(|name| ZONES.get(name).ok())
        .unwrap_or(TimeZone::UTC);
    let (year, month, day) = (
        i16::try_from(day.year()).ok()?,
        i8::try_from(day.month()).ok()?,
        i8::try_from(day.day()).ok()?,
    );
    let day = jiff::civil::Date::new(year, month, day).ok()?;
    // Where the clock is put forward at midnight, the day begins an hour later.
    let begins = day.to_zoned(zone).ok()?;
    Some(Millis(begins.timestamp().as_millisecond()))
}

/// The day that a moment belongs to in a zone; UTC where none is named, or one that nobody knows.
pub fn day_at(at: Millis, zone: Option<&str>) -> Option<NaiveDate> {
    let zone = zone
        .and_then(|name| ZONES.get(name).ok())
        .unwrap_or(TimeZone::UTC);
    let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
    let day = at.to_zoned(zone).date();
    let (month, date) = (
        u32::from(day.month().unsigned_abs()),
        u32::from(day.day().unsigned_abs()),
    );
    NaiveDate::from_ymd_opt(i32::from(day.year()), month, date)
}

/// The moment at which a day is over in a zone.
pub fn day_ends(day: NaiveDate, zone: Option<&str>) -> Option<Millis> {
    day_begins(day.succ_opt()?, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_and_ends_by_the_clock_of_its_zone() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let cases = [
            (
                "2026-01-31",
                None,
                "2026-01-31T00:00:00.000Z",
                "2026-02-01T00:00:00.000Z",
            ),
            (
                "2026-01-31",
                Some("Europe/Paris"),
                "2026-01-30T23:00:00.000Z",
                "2026-01-31T23:00:00.000Z",
            ),
            // 23 hours: the clock is put forward.
            (
                "2026-03-29",
                Some("Europe/Paris"),
                "2026-03-28T23:00:00.000Z",
                "2026-03-29T22:00:00.000Z",
            ),
            (
                "2026-03-29",
                Some("America/Los_Angeles"),
                "2026-03-29T07:00:00.000Z",
                "2026-03-30T07:00:00.000Z",
            ),
            // There is no midnight on this day.
            (
                "2018-11-04",
                Some("America/Sao_Paulo"),
                "2018-11-04T03:00:00.000Z",
                "2018-11-05T02:00:00.000Z",
            ),
            (
                "2026-01-31",
                Some("Mars/Olympus"),
                "2026-01-31T00:00:00.000Z",
                "2026-02-01T00:00:00.000Z",
            ),
        ];
        for (text, zone, begins, ends) in cases {
            let got = |at: Option<Millis>| at.map(Millis::to_rfc3339);
            let day = day(text).unwrap_or_default();
            assert_eq!(
                got(day_begins(day, zone)).as_deref(),
                Some(begins),
                "{text} {zone:?}"
            );
            assert_eq!(
                got(day_ends(day, zone)).as_deref(),
                Some(ends),
                "{text} {zone:?}"
            );
            let at = |text: &str, by: i64| Millis::from_rfc3339(text).map(|t| Millis(t.0 + by));
            for (moment, of) in [
                (at(begins, 0), day),
                (at(ends, -1), day),
                (at(ends, 0), day.succ_opt().unwrap_or_default()),
            ] {
                assert_eq!(
                    moment.and_then(|m| day_at(m, zone)),
                    Some(of),
                    "{text} {zone:?}"
                );
            }
        }
        assert!(is_zone("Europe/Paris") && !is_zone("Mars/Olympus"));
        assert_eq!(day_ends(NaiveDate::MAX, None), None);
    }
}
