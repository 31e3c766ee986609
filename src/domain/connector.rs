//! What a connector asks for, as far as whoever stores it must know: the names that there are, which of them are secret,
//! which are needed.

use std::collections::{BTreeMap, BTreeSet};

/// Something that a connector asks a customer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Name.
    pub name: String,
    /// It is a credential.
    pub is_secret: bool,
    /// Nothing works without it.
    pub is_required: bool,
    /// The values to choose from; empty: any.
    pub choices: Vec<String>,
}

/// What people see of a connector, in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// Slug.
    pub slug: String,
    /// Name as the vendor writes it.
    pub name: String,
    /// Version.
    pub version: u32,
    /// Preset of the push connections of the same provider, if there is one.
    pub provider: Option<String>,
    /// How one gets in, or how files arrive.
    pub sign_in: String,
    /// People who left stay in its list, marked.
    pub has_leavers: bool,
    /// People who have not started are in its list.
    pub has_future_hires: bool,
    /// How a record names the manager.
    pub manager_by: Vec<String>,
    /// Changes alone can be asked for.
    pub is_incremental: bool,
    /// What is asked for to get in.
    pub credentials: Vec<Field>,
    /// What a customer may name freely.
    pub settings: Vec<Field>,
    /// What the customer's admin does at the vendor, in order.
    pub steps: Vec<String>,
    /// What to watch.
    pub notes: Vec<String>,
}

/// A field of a connector's form, in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// Where it is found.
    pub help: Option<String>,
    /// It is a credential.
    pub is_secret: bool,
    /// It may stay empty.
    pub is_optional: bool,
    /// Taken where nothing is entered.
    pub default: Option<String>,
    /// What it looks like.
    pub example: Option<String>,
    /// The values to choose from; empty: any.
    pub choices: Vec<String>,
    /// `customer`, `operator` (once for all) or `consent` (in the browser).
    pub given_by: String,
}

impl Field {
    /// The operator has to enter it.
    pub fn is_of_operator(&self) -> bool {
        self.given_by == "operator" && !self.is_optional && self.default.is_none()
    }
}

/// What a connector asks for, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Slug of the connector.
    pub connector: String,
    /// What it asks for.
    pub asked: Vec<Asked>,
}

impl Form {
    fn find(&self, name: &str) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.name == name)
    }

    /// Checks settings that are to be stored, beside credentials of these names. A message names the setting and what there
    /// is instead, never a value.
    ///
    /// # Errors
    /// A setting that there is not, a credential among them, one that is no choice, one that is missing.
    pub fn check_settings(
        &self,
        settings: &BTreeMap<String, String>,
        secrets: &BTreeSet<String>,
    ) -> Result<(), String> {
        for (name, value) in settings {
            let asked = self
                .find(name)
                .ok_or_else(|| self.unknown("setting", name, false))?;
            if asked.is_secret {
                return Err(format!(
                    "`{name}` of the connector {} is a credential: it is stored sealed, among the secrets",
                    self.connector
                ));
            }
            if !value.is_empty() && !asked.choices.is_empty() && !asked.choices.contains(value) {
                let choices = asked.choices.join(", ");
                return Err(format!("the setting `{name}` takes one of {choices}"));
            }
        }
        let is_given = |name: &String| {
            settings
                .get(name)
                .is_some_and(|value| !value.trim().is_empty())
                || secrets.contains(name)
        };
        let missing = self
            .asked
            .iter()
            .find(|asked| asked.is_required && !asked.is_secret && !is_given(&asked.name));
        match missing {
            None => Ok(()),
            Some(asked) => Err(format!(
                "the connector {} needs the setting `{}`; it takes {}",
                self.connector,
                asked.name,
                self.names(false)
            )),
        }
    }

    /// Checks the name of a credential that is to be stored; what is no secret may be stored as one.
    ///
    /// # Errors
    /// One that there is not.
    pub fn check_secret(&self, name: &str) -> Result<(), String> {
        match self.find(name) {
            Some(_) => Ok(()),
            None => Err(self.unknown("credential", name, true)),
        }
    }

    fn unknown(&self, what: &str, name: &str, is_secret: bool) -> String {
        let name: String = name.chars().take(64).collect();
        let known = self.names(is_secret);
        format!(
            "the connector {} has no {what} `{name}`; it takes {known}",
            self.connector
        )
    }

    /// The names of one kind, those that are needed marked.
    fn names(&self, is_secret: bool) -> String {
        let of_kind = self
            .asked
            .iter()
            .filter(|asked| asked.is_secret == is_secret);
        let names: Vec<String> = of_kind
            .map(|asked| match asked.is_required {
                true => format!("{} (required)", asked.name),
                false => asked.name.clone(),
            })
            .collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        let asked = |name: &str, is_secret, is_required, choices: &[&str]| Asked {
            name: name.to_owned(),
            is_secret,
            is_required,
            choices: choices.iter().map(ToString::to_string).collect(),
        };
        Form {
            connector: "acme".to_owned(),
            asked: vec![
                asked("company", false, true, &[]),
                asked("region", false, false, &["eu", "us"]),
                asked("api_key", true, true, &[]),
            ],
        }
    }

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn what_a_connector_does_not_ask_for_is_refused_with_what_it_does() {
        let (form, none) = (form(), BTreeSet::new());
        let good = settings(&[("company", "x"), ("region", "eu")]);
        assert_eq!(form.check_settings(&good, &none), Ok(()));
        for (given, said) in [
            (
                vec![("compny", "x")],
                "no setting `compny`; it takes company (required), region",
            ),
            (
                vec![("company", "x"), ("api_key", "s3cret")],
                "`api_key` of the connector acme is a credential",
            ),
            (
                vec![("company", "x"), ("region", "mars")],
                "`region` takes one of eu, us",
            ),
            (vec![("region", "eu")], "needs the setting `company`"),
            (vec![("company", " ")], "needs the setting `company`"),
        ] {
            let refused = form
                .check_settings(&settings(&given), &none)
                .err()
                .unwrap_or_default();
            assert!(refused.contains(said), "{refused}");
            assert!(
                !refused.contains("s3cret") && !refused.contains("mars"),
                "{refused}"
            );
        }
        let sealed = BTreeSet::from(["company".to_owned()]);
        assert_eq!(form.check_settings(&settings(&[]), &sealed), Ok(()));
        assert_eq!(form.check_secret("api_key"), Ok(()));
        let refused = form.check_secret("apikey").err().unwrap_or_default();
        assert!(
            refused.ends_with("no credential `apikey`; it takes api_key (required)"),
            "{refused}"
        );
    }
}
