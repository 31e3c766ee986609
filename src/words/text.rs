//! What others wrote, as it may stand in a letter of ours; and days in words.

use super::mail as w;
use crate::domain::language::Language;

/// Longest name that is written out, in characters.
const NAME: usize = 80;

/// A name as it may be written into a letter: one line, not too long, without marks that turn the text around. `None` for one
/// that is no name but an address: a mail program would make a link of it, in a letter of ours.
pub fn name_of(text: &str) -> Option<String> {
    let plain = plain(text);
    let mut words = plain.split_whitespace();
    let mut name = words.next()?.to_owned();
    for word in words {
        name.push(' ');
        name.push_str(word);
    }
    let folded = name.to_ascii_lowercase();
    let is_link = folded.contains("://") || folded.contains("www.") || folded.contains("mailto:");
    if is_link || name.split(' ').any(looks_like_a_host) {
        return None;
    }
    if name.chars().count() > NAME {
        name = name.chars().take(NAME - 1).collect();
        name.push('…');
    }
    Some(name)
}

/// `evil.example/x`, `evil.com`: letters, a dot, and at least two letters behind it.
fn looks_like_a_host(word: &str) -> bool {
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let has_path = host.len() < word.len();
    host.trim_matches(|c: char| !c.is_alphanumeric())
        .rsplit_once('.')
        .is_some_and(|(before, last)| {
            let is_name = before.chars().count() > 3 || has_path;
            is_name && last.chars().count() >= 2 && last.chars().all(char::is_alphabetic)
        })
}

/// Without control characters and marks of direction; ends of lines stay.
pub fn plain(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}');
    text.replace("\r\n", "\n")
        .chars()
        .filter(|c| !is_mark(*c))
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

/// A day in UTC, such as `14 December 2026`.
pub fn day(millis: i64, language: Language) -> String {
    use chrono::Datelike;
    let Some(time) = chrono::DateTime::from_timestamp_millis(millis) else {
        return "–".to_owned();
    };
    let months = match language {
        Language::En => &w::MONTHS[0],
        Language::Fr => &w::MONTHS[1],
    };
    let month = months.get(time.month0() as usize).copied().unwrap_or("–");
    let day = match (language, time.day()) {
        (Language::Fr, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    format!("{day} {month} {}", time.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_a_name_and_nothing_else() {
        let long = "x".repeat(300);
        for (text, name) in [
            ("Ann Lee", Some("Ann Lee")),
            ("  Ann\r\nBcc: x \t", Some("Ann Bcc: x")),
            ("<b>Ann</b>", Some("<b>Ann</b>")),
            ("山田 太郎", Some("山田 太郎")),
            ("אבי כהן", Some("אבי כהן")),
            ("Ann\u{202e}eeL", Some("AnneeL")),
            ("Dr. J.R. Smith Jr.", Some("Dr. J.R. Smith Jr.")),
            ("St. John-Smith", Some("St. John-Smith")),
            ("win a prize at https://evil.example", None),
            ("www.evil.example", None),
            ("Visit evil.example/now", None),
            ("evil-site.com", None),
            ("\u{0}\u{1}", None),
            ("", None),
        ] {
            assert_eq!(name_of(text).as_deref(), name, "{text:?}");
        }
        assert_eq!(name_of(&long).map(|n| n.chars().count()), Some(NAME));
    }

    #[test]
    fn a_day_is_written_in_words() {
        let at = 1_797_206_400_000; // 2026-12-14T00:00:00Z
        assert_eq!(day(at, Language::En), "14 December 2026");
        assert_eq!(day(at, Language::Fr), "14 décembre 2026");
        assert_eq!(day(1_801_440_000_000, Language::Fr), "1er février 2027");
        assert_eq!(day(i64::MAX, Language::En), "–");
    }
}
