//! What vendors and files send, turned into JSON records. Every reader works on bytes it does not trust and has limits.

pub mod apart;
pub mod csv;
pub mod dates;
pub mod json;
pub mod ndjson;
pub mod status;
pub mod text;
pub mod xml;

use std::collections::BTreeMap;

/// Why something cannot be read, as a code with parameters: the place and the rule, never a person's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Code.
    pub code: &'static str,
    /// Parameters.
    pub params: BTreeMap<String, String>,
}

impl Problem {
    /// A problem without parameters.
    pub fn new(code: &'static str) -> Self {
        Self {
            code,
            params: BTreeMap::new(),
        }
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)?;
        for (name, value) in &self.params {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
