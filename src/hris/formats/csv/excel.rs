//! What spreadsheets do to cells.

use crate::hris::formats::text::fold;

/// What a spreadsheet did to an identifier that should be kept as it was: its code, or none. Lost leading zeros cannot be
/// seen in one cell; compare lengths with the last file for those.
pub fn damage(cell: &str) -> Option<&'static str> {
    const ERRORS: [&str; 8] = [
        "#ref!", "#n/a", "#nv", "#name?", "#value!", "#wert!", "#div/0!", "#null!",
    ];
    let word = fold(cell);
    if is_scientific(&word) {
        return Some("csv.scientific");
    }
    if ERRORS.contains(&word.as_str()) || (word.len() > 2 && word.bytes().all(|b| b == b'#')) {
        return Some("csv.formula_error");
    }
    is_month_day(&word).then_some("csv.turned_into_date")
}

/// `1,23e+05`
fn is_scientific(word: &str) -> bool {
    let Some((number, power)) = word.split_once("e+") else {
        return false;
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let number = number.strip_prefix('-').unwrap_or(number);
    digits(power) && number.split([',', '.']).all(digits) && number.split([',', '.']).count() <= 2
}

/// `1-mar`, `mar-05`, `01. mai`: a part number or id that was taken for a date.
fn is_month_day(word: &str) -> bool {
    const MONTHS: [&str; 20] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mai",
        "okt", "dez", "mrz", "mei", "fev", "avr", "maj",
    ];
    let mut parts = word.split(['-', ' ', '.']).filter(|p| !p.is_empty());
    let (Some(a), Some(b), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_number = |p: &str| p.len() <= 2 && p.bytes().all(|c| c.is_ascii_digit());
    (is_number(a) && MONTHS.contains(&b)) || (MONTHS.contains(&a) && is_number(b))
}

/// A cell of a report that we write: no spreadsheet takes it for a formula, quotes are doubled.
pub fn report_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
