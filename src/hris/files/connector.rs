//! The connectors that read files: what each asks for, in the words that an admin reads (`connectors.yaml`). An API's
//! connector says how requests are made; here nothing is asked but how a file arrives, so these are a kind of their own.

use std::sync::Arc;

use serde::Deserialize;

use crate::hris::manifest::{Capabilities, Card, Field, LoadError, Localized};

/// How files arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// They are handed in: by the shell, or over HTTPS.
    Upload,
    /// They are written into a folder that the operator watches.
    Folder,
    /// They lie on a server of the customer.
    Sftp,
}

impl Arrival {
    /// The word that lists show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Folder => "folder",
            Self::Sftp => "sftp",
        }
    }
}

/// A connector that reads files.
#[derive(Debug, Clone)]
pub struct FileConnector {
    /// Name in addresses and commands.
    pub slug: String,
    /// Name that people read.
    pub name: String,
    /// Counts up with each change that could change a person.
    pub version: u32,
    /// How files arrive.
    pub from: Arrival,
    capabilities: Capabilities,
    credentials: Vec<Field>,
    settings: Vec<Field>,
    steps: Vec<Localized>,
    notes: Vec<Localized>,
}

impl FileConnector {
    /// All of them. Errors: none for what is in the program; a test holds that.
    pub fn all() -> Result<Vec<Arc<Self>>, LoadError> {
        let sheet: Sheet = serde_saphyr::from_str(SHEET).map_err(|error| LoadError {
            file: "src/hris/files/connectors.yaml".to_owned(),
            line: error.location().map(|at| at.line()),
            what: error.to_string(),
        })?;
        let Sheet {
            capabilities,
            connectors,
            settings,
        } = sheet;
        let whole = |one: One| {
            let own = one.settings.into_iter();
            Arc::new(Self {
                slug: one.slug,
                name: one.name,
                version: one.version,
                from: one.from,
                capabilities: capabilities.clone(),
                credentials: one.credentials,
                settings: own.chain(settings.iter().cloned()).collect(),
                steps: one.steps,
                notes: one.notes,
            })
        };
        Ok(connectors.into_iter().map(whole).collect())
    }

    /// Everything that is asked for.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.credentials.iter().chain(&self.settings)
    }

    /// What people see of it.
    pub fn card(&self) -> Card<'_> {
        Card {
            slug: &self.slug,
            name: &self.name,
            version: self.version,
            provider: None,
            sign_in: self.from.as_str(),
            capabilities: &self.capabilities,
            credentials: &self.credentials,
            settings: &self.settings,
            steps: &self.steps,
            notes: &self.notes,
        }
    }
}

const SHEET: &str = include_str!("connectors.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    capabilities: Capabilities,
    connectors: Vec<One>,
    /// What all of them ask for behind their own.
    settings: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    slug: String,
    name: String,
    version: u32,
    from: Arrival,
    #[serde(default)]
    credentials: Vec<Field>,
    #[serde(default)]
    settings: Vec<Field>,
    steps: Vec<Localized>,
    #[serde(default)]
    notes: Vec<Localized>,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::hris::files::Reading;
    use crate::hris::values::Values;

    #[test]
    fn each_says_what_it_asks_for_in_both_languages() {
        let all = FileConnector::all().unwrap();
        let slugs: Vec<&str> = all.iter().map(|c| c.slug.as_str()).collect();
        assert_eq!(slugs, ["csv", "folder", "sftp"]);
        for connector in all {
            let card = connector.card();
            assert!(!card.steps.is_empty() && !card.notes.is_empty());
            let mut seen = BTreeSet::new();
            for field in connector.fields() {
                assert!(seen.insert(&field.id), "{} twice", field.id);
                let is_word = |b: u8| b.is_ascii_lowercase() || b == b'_';
                assert!(field.id.bytes().all(is_word), "{}", field.id);
                for text in [Some(&field.label), field.help.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    assert!(!text.get("en").is_empty() && !text.get("fr").is_empty());
                }
            }
        }
    }

    #[test]
    fn the_examples_and_defaults_can_be_read() {
        for connector in FileConnector::all().unwrap() {
            for with_examples in [false, true] {
                let given: BTreeMap<String, String> = connector
                    .fields()
                    .filter(|f| with_examples || (!f.optional && f.default.is_none()))
                    .filter_map(|f| Some((f.id.clone(), f.example.clone()?)))
                    .collect();
                let values = Values::among(connector.fields(), given).unwrap();
                assert!(Reading::of(&values).is_ok(), "{}", connector.slug);
            }
        }
    }
}
