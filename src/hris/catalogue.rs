//! All connectors: those in the binary, and those of a directory, which add to them or take their place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::files::FileConnector;
use super::manifest::{Card, LoadError, Manifest};

include!(concat!(env!("OUT_DIR"), "/connectors.rs"));

/// Connectors by slug.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    apis: BTreeMap<String, Arc<Manifest>>,
    files: Vec<Arc<FileConnector>>,
}

impl Catalogue {
    /// Those in the binary and, of the directory, each `*.yaml`. Errors: a file that cannot be read or used, whose name
    /// is not its slug, or that wants the slug of a connector of files.
    pub fn load(directory: Option<&Path>) -> Result<Self, LoadError> {
        let mut catalogue = Self::embedded()?;
        let Some(directory) = directory else {
            return Ok(catalogue);
        };
        for file in files(directory).map_err(|error| unreadable(directory, &error))? {
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            let slug = file.file_stem().unwrap_or_default().to_string_lossy();
            catalogue.add(&text, &file.display().to_string(), &slug)?;
        }
        Ok(catalogue)
    }

    /// Those in the binary. They are read once: that takes longer than the pull of a small company.
    fn embedded() -> Result<Self, LoadError> {
        static READ: OnceLock<Catalogue> = OnceLock::new();
        if let Some(catalogue) = READ.get() {
            return Ok(catalogue.clone());
        }
        let mut catalogue = Self {
            files: FileConnector::all()?,
            ..Self::default()
        };
        for (slug, text) in EMBEDDED {
            catalogue.add(text, &format!("connectors/{slug}.yaml"), slug)?;
        }
        Ok(READ.get_or_init(|| catalogue).clone())
    }

    fn add(&mut self, text: &str, file: &str, slug: &str) -> Result<(), LoadError> {
        let manifest = Manifest::parse(text, file)?;
        if manifest.slug != slug {
            return Err(LoadError {
                file: file.to_owned(),
                line: None,
                what: format!("the slug is `{}`; name the file `{0}.yaml`", manifest.slug),
            });
        }
        if self.find_file(slug).is_some() {
            return Err(LoadError {
                file: file.to_owned(),
                line: None,
                what: format!("`{slug}` is the connector of files: choose another slug"),
            });
        }
        self.apis.insert(slug.to_owned(), Arc::new(manifest));
        Ok(())
    }

    /// A connector of an API.
    pub fn find(&self, slug: &str) -> Option<Arc<Manifest>> {
        self.apis.get(slug).cloned()
    }

    /// All of APIs, in the order of slugs.
    pub fn list(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.apis.values()
    }

    /// A connector that reads files.
    pub fn find_file(&self, slug: &str) -> Option<Arc<FileConnector>> {
        self.files.iter().find(|c| c.slug == slug).cloned()
    }

    /// What people see of all of them, in the order of slugs.
    pub fn cards(&self) -> Vec<Card<'_>> {
        let mut cards: Vec<Card<'_>> = self.apis.values().map(|m| m.card()).collect();
        cards.extend(self.files.iter().map(|f| f.card()));
        cards.sort_by_key(|card| card.slug);
        cards
    }
}

fn files(directory: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError {
        file: path.display().to_string(),
        line: None,
        what: error.to_string(),
    }
}
