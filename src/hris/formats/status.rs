//! Status words of many systems and languages.

use std::collections::BTreeMap;

use crate::domain::employment::EmploymentState;

/// Words, without regard to case and accents, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(BTreeMap<String, EmploymentState>);

impl Words {
    /// The words that are known without a setting.
    pub fn usual() -> Self {
        Self::default()
    }

    /// Adds or changes a word.
    #[must_use]
    pub fn with(mut self, word: &str, state: EmploymentState) -> Self {
        self.0.insert(word.trim().to_lowercase(), state);
        self
    }

    /// What a word means; none if it is not known, which is an error of that row and never "left".
    pub fn find(&self, word: &str) -> Option<EmploymentState> {
        self.0.get(&word.trim().to_lowercase()).copied()
    }
}
