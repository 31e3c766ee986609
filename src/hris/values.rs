//! The values of one connection: what the customer, the operator and the vendor's consent gave, checked against what
//! the connector asks for. A value is never part of an error.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::error::{Error, Kind};
use super::manifest::{Field, GivenBy, Manifest};

/// Checked values.
#[derive(Clone)]
pub struct Values {
    all: Map<String, Value>,
    /// What the mapping may see: nothing secret.
    open: Map<String, Value>,
    secrets: Vec<String>,
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values")
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

impl Values {
    /// Checks what was given for a connection, together with what the operator has entered for the connector, which counts
    /// more. Errors: as [`Self::check`].
    pub fn of(
        manifest: &Manifest,
        mut given: BTreeMap<String, String>,
        of_operator: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        // What a former version of the connector asked the operator for stays out.
        let is_operators = |name: &str| {
            let mut fields = manifest.fields();
            fields.any(|f| f.id == name && f.given_by == GivenBy::Operator)
        };
        given.extend(of_operator.filter(|(name, _)| is_operators(name)));
        Self::check(manifest, given)
    }

    /// Checks what was given. Errors (kind settings): `settings.unknown`, `settings.missing`, `settings.pattern`,
    /// `settings.choice`, `settings.json`; (kind credentials) `operator.missing`.
    pub fn check(manifest: &Manifest, given: BTreeMap<String, String>) -> Result<Self, Error> {
        Self::among(manifest.fields(), given)
    }

    /// The same for these fields.
    pub fn among<'f>(
        fields: impl Iterator<Item = &'f Field>,
        mut given: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let fields: Vec<&Field> = fields.collect();
        let is_asked_for = |name: &&String| fields.iter().any(|field| field.id == **name);
        if let Some(name) = given.keys().find(|name| !is_asked_for(name)) {
            return Err(Error::new(Kind::Settings, "settings.unknown")
                .with("field", name)
                .with("known", known(&fields)));
        }
        let mut values = Self {
            all: Map::new(),
            open: Map::new(),
            secrets: Vec::new(),
        };
        for field in fields {
            let text = given
                .remove(&field.id)
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .or_else(|| field.default.clone())
                .unwrap_or_default();
            values.put(field, &text)?;
        }
        Ok(values)
    }

    fn put(&mut self, field: &Field, text: &str) -> Result<(), Error> {
        let error = |code| Error::new(Kind::Settings, code).with("field", &field.id);
        if text.is_empty() {
            match field.given_by {
                GivenBy::Operator if !field.optional => {
                    return Err(
                        Error::new(Kind::Credentials, "operator.missing").with("field", &field.id)
                    );
                }
                GivenBy::Customer if !field.optional => return Err(error("settings.missing")),
                // Nobody has consented yet: whoever needs it says so.
                _ => {}
            }
            // Empty and there, so that a template can ask.
            self.all.insert(field.id.clone(), json!(""));
            self.open.insert(field.id.clone(), json!(""));
            return Ok(());
        }
        let reduced = field
            .reduce
            .as_ref()
            .and_then(|pattern| pattern.regex().captures(text))
            .and_then(|found| found.get(1))
            .map_or(text, |group| group.as_str());
        if let Some(pattern) = &field.pattern
            && !pattern.regex().is_match(reduced)
        {
            return Err(error("settings.pattern"));
        }
        if !field.choices.is_empty() && !field.choices.iter().any(|choice| choice == reduced) {
            return Err(error("settings.choice"));
        }
        let value = match field.json {
            true => serde_json::from_str(reduced).map_err(|_| error("settings.json"))?,
            false => json!(reduced),
        };
        if field.secret {
            self.secrets.extend(texts(&value));
        } else {
            self.open.insert(field.id.clone(), value.clone());
        }
        self.all.insert(field.id.clone(), value);
        Ok(())
    }

    /// All values, for templates.
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// A value that is a text; none for one that is not asked for.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name)?.as_str()
    }

    /// What is no secret, for the mapping (`$settings`).
    pub fn open(&self) -> &Map<String, Value> {
        &self.open
    }

    /// What must never be shown.
    pub fn redactor(&self) -> Redactor {
        let redactor = Redactor::default();
        self.secrets.iter().for_each(|secret| redactor.hide(secret));
        redactor
    }
}

fn known(fields: &[&Field]) -> String {
    let ids: Vec<&str> = fields.iter().map(|field| field.id.as_str()).collect();
    ids.join(", ")
}

/// All texts in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Object(map) => map.values().flat_map(texts).collect(),
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Takes secrets out of texts that people will see.
#[derive(Default)]
pub struct Redactor(Mutex<Vec<String>>);

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Hides a text from now on, in its percent-encoded form and in base64 too. Very short ones would hide everything.
    pub fn hide(&self, secret: &str) {
        if secret.len() < 4 {
            return;
        }
        let mut hidden = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_base64 = STANDARD.encode(secret);
        for form in [secret.to_owned(), super::client::encode(secret), in_base64] {
            if !hidden.contains(&form) {
                hidden.push(form);
            }
        }
        // The longest first: one secret may be part of another.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// The text without what is hidden, without control characters, cut to a length people read.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(200)
            .collect()
    }

    /// An error whose parameters are clean.
    pub fn clean_error(&self, mut error: Error) -> Error {
        for value in error.params.values_mut() {
            *value = self.clean(value);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form() {
        let redactor = Redactor::default();
        redactor.hide("a/b+c d");
        redactor.hide("abc");
        assert_eq!(
            redactor.clean("x a/b+c d y a%2Fb%2Bc%20d z YS9iK2MgZA== abc"),
            "x *** y *** z *** abc"
        );
    }
}
