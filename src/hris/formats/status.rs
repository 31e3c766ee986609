//! Status words of many systems and languages. A word that is not known is an error of its row, never "left".

use std::collections::BTreeMap;

use super::text::fold;
use crate::domain::employment::EmploymentState;

/// Words, without regard to case, accents and blanks, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(BTreeMap<String, EmploymentState>);

/// `1/0`, `true/false`, `x` and words in the languages of the systems that are connected.
const USUAL: &[(EmploymentState, &[&str])] = &[
    (
        EmploymentState::Employed,
        &[
            "1",
            "true",
            "yes",
            "y",
            "ja",
            "j",
            "oui",
            "o",
            "si",
            "sim",
            "x",
            "active",
            "aktiv",
            "actief",
            "actif",
            "attivo",
            "activo",
            "ativo",
            "aktywny",
            "aktiivinen",
            "employed",
            "current",
            "in service",
            "in dienst",
            "enabled",
            "working",
            "beschäftigt",
            "angestellt",
            "présent",
            "en poste",
            "ansatt",
            "anställd",
            "ansat",
        ],
    ),
    (
        EmploymentState::OnLeave,
        &[
            "on leave",
            "leave",
            "leave of absence",
            "parental leave",
            "maternity leave",
            "paternity leave",
            "sabbatical",
            "elternzeit",
            "mutterschutz",
            "beurlaubt",
            "ruhend",
            "en congé",
            "congé",
            "congé parental",
            "met verlof",
            "permisjon",
            "tjänstledig",
            "orlov",
            "excedencia",
        ],
    ),
    (
        EmploymentState::Left,
        &[
            "0",
            "false",
            "no",
            "n",
            "nein",
            "nee",
            "nei",
            "nej",
            "non",
            "inactive",
            "inaktiv",
            "inactief",
            "inactif",
            "inattivo",
            "inactivo",
            "inativo",
            "nieaktywny",
            "leaver",
            "left",
            "terminated",
            "ausgetreten",
            "uit dienst",
            "sorti",
            "parti",
            "former",
            "ended",
            "resigned",
            "dismissed",
            "retired",
            "disabled",
            "sluttet",
            "slutat",
            "fratrådt",
            "baja",
        ],
    ),
    (
        EmploymentState::Prehire,
        &[
            "prehire",
            "pre-hire",
            "future",
            "future hire",
            "upcoming",
            "onboarding",
            "not started",
        ],
    ),
];

impl Words {
    /// The words that are known without a setting.
    pub fn usual() -> Self {
        let mut all = Self::default();
        for (state, words) in USUAL {
            for word in *words {
                all = all.with(word, *state);
            }
        }
        all
    }

    /// Adds or changes a word. The empty word is what an empty cell means.
    #[must_use]
    pub fn with(mut self, word: &str, state: EmploymentState) -> Self {
        self.0.insert(fold(word), state);
        self
    }

    /// What a word means; none if it is not known.
    pub fn find(&self, word: &str) -> Option<EmploymentState> {
        self.0.get(&fold(word)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_words_are_known_in_any_spelling_and_unknown_ones_are_not_left() {
        let words = Words::usual();
        for (word, wanted) in [
            ("1", Some(EmploymentState::Employed)),
            ("0", Some(EmploymentState::Left)),
            (" TRUE ", Some(EmploymentState::Employed)),
            ("Ja", Some(EmploymentState::Employed)),
            ("N", Some(EmploymentState::Left)),
            ("oui", Some(EmploymentState::Employed)),
            ("X", Some(EmploymentState::Employed)),
            ("Aktiv", Some(EmploymentState::Employed)),
            ("LEAVER", Some(EmploymentState::Left)),
            ("En Conge", Some(EmploymentState::OnLeave)),
            ("", None),
            ("probation", None),
        ] {
            assert_eq!(words.find(word), wanted, "{word:?}");
        }
        let own = words
            .with("Probezeit", EmploymentState::Employed)
            .with("", EmploymentState::Left);
        assert_eq!(own.find("PROBEZEIT"), Some(EmploymentState::Employed));
        assert_eq!(own.find("  "), Some(EmploymentState::Left));
    }

    #[test]
    fn no_usual_word_means_two_things() {
        let mut seen = BTreeMap::new();
        for (state, words) in USUAL {
            for word in *words {
                assert_eq!(seen.insert(fold(word), *state), None, "{word}");
            }
        }
    }
}
