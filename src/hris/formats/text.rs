//! Small repairs to what people and spreadsheets type: blanks, e-mail addresses, words to compare.

use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

/// White space of every kind, the no-break and zero-width ones and a stray BOM included.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Without blanks at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Composed (NFC), as names are kept.
pub fn nfc(text: &str) -> String {
    ComposingNormalizer::new_nfc().normalize(text).into_owned()
}

/// A word as it is compared: trimmed, lower case in every language's sense alike, without accents, runs of blanks as one.
pub fn fold(text: &str) -> String {
    let lower = trim(text).to_lowercase();
    let plain: String = DecomposingNormalizer::new_nfkd()
        .normalize(&lower)
        .chars()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}'))
        .collect();
    plain
        .split(is_blank)
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// An e-mail address as it is matched and stored: NFKC (full-width letters), lower case, without `mailto:`, blanks and a
/// dot at the end. None if what is left is no address; nothing is ever invented.
pub fn email(text: &str) -> Option<String> {
    let plain = ComposingNormalizer::new_nfkc().normalize(text);
    let lower = trim(&plain).to_lowercase();
    let address = trim(lower.strip_prefix("mailto:").unwrap_or(&lower)).trim_end_matches('.');
    let (local, domain) = address.split_once('@')?;
    let bad = |c: char| {
        c.is_control() || is_blank(c) || matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')')
    };
    let is_address = !local.is_empty()
        && local.len() <= 64
        && (1..=255).contains(&domain.len())
        && !domain.contains('@')
        && domain.split('.').all(|label| !label.is_empty())
        && !address.chars().any(bad);
    is_address.then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_cleaned_and_never_invented() {
        for (text, wanted) in [
            ("Marta.Quill@Example.COM", Some("marta.quill@example.com")),
            (
                " \u{a0}marta@example.com\u{200b}\t",
                Some("marta@example.com"),
            ),
            ("mailto:marta@example.com", Some("marta@example.com")),
            ("MAILTO: marta@example.com.", Some("marta@example.com")),
            (
                "ｍａｒｔａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
                Some("marta@example.com"),
            ),
            ("İpek@example.com", Some("i\u{307}pek@example.com")),
            ("", None),
            ("-", None),
            ("n/a", None),
            ("@example.com", None),
            ("marta@", None),
            ("a@b@c", None),
            ("marta@example..com", None),
            ("a b@example.com", None),
            ("a@example.com, b@example.com", None),
            ("Marta <marta@example.com>", None),
            ("=cmd()@x", None),
        ] {
            assert_eq!(email(text).as_deref(), wanted, "{text:?}");
        }
    }

    #[test]
    fn words_are_compared_without_case_accents_and_odd_blanks() {
        assert_eq!(fold("  En\u{a0} Congé "), "en conge");
        assert_eq!(fold("GEKÜNDIGT"), fold("gekündigt"));
        assert_eq!(fold("e\u{301}"), fold("é"));
        assert_eq!(fold("ＡＫＴＩＶ"), "aktiv");
    }

    #[test]
    fn names_are_composed() {
        assert_eq!(nfc("Malmo\u{308}"), "Malmö");
    }
}
