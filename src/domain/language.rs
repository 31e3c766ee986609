//! Languages in which people are written to, and codes are put into words.

/// A language that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// English: also for whoever asked for none that is spoken.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The word that is stored and shown (RFC 5646).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.as_str() == text)
    }

    /// The language of a tag such as `fr-CA` or `fr_CA`, as SCIM's `preferredLanguage` and `locale` have it; English for one
    /// that is not spoken here.
    pub fn of_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let known = Self::ALL
            .into_iter()
            .find(|l| l.as_str().eq_ignore_ascii_case(primary.trim()));
        known.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_the_language_of_its_first_part() {
        for (tag, language) in [
            ("fr", Language::Fr),
            ("fr-CA", Language::Fr),
            ("FR_fr", Language::Fr),
            ("en-US", Language::En),
            ("frr", Language::En),
            ("ja", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
        for language in Language::ALL {
            assert_eq!(Language::parse(language.as_str()), Some(language));
        }
    }
}
