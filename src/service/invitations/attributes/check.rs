//! What may be declared, and what may be given of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Attributes, ENTITY, Field, Given, Giver, Labels, Type};
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::error::{Error, Result};

/// Most roles, entities and options of a field.
const WORDS: usize = 200;
/// Most fields.
const FIELDS: usize = 20;
/// Longest word, label and text, in characters.
const LENGTH: usize = 200;

pub(super) fn refuse(detail: String) -> Error {
    ScimError::invalid_value(detail).into()
}

fn check_word(field: &str, word: &str) -> Result<()> {
    let is_good = !word.trim().is_empty()
        && word.chars().count() <= LENGTH
        && !word.chars().any(char::is_control);
    match is_good {
        true => Ok(()),
        false => Err(refuse(format!(
            "`{field}` takes 1 to {LENGTH} characters on one line; got `{}`",
            quote(word)
        ))),
    }
}

fn check_labels(field: &str, labels: &Labels) -> Result<()> {
    let all = std::iter::once(&labels.en).chain(&labels.fr);
    all.into_iter()
        .try_for_each(|label| check_word(&format!("{field}.label"), label))
}

fn check_each<'a>(field: &str, most: usize, all: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for word in all {
        check_word(field, word)?;
        if !seen.insert(word.to_lowercase()) {
            return Err(refuse(format!("`{field}` names `{}` twice", quote(word))));
        }
    }
    match seen.len() <= most {
        true => Ok(()),
        false => Err(refuse(format!("`{field}` takes at most {most}"))),
    }
}

impl Field {
    pub(super) fn check(&self) -> Result<()> {
        let at = format!("fields.{}", quote(&self.name));
        check_labels(&at, &self.label)?;
        if (self.kind == Type::Choice) == self.options.is_empty() {
            return Err(refuse(format!(
                "`{at}.options` has 1 to {WORDS} words for the type choice, and none for another one"
            )));
        }
        check_each(
            &format!("{at}.options"),
            WORDS,
            self.options.iter().map(String::as_str),
        )?;
        self.default
            .as_ref()
            .map_or(Ok(()), |value| self.takes(value))
    }

    /// Whether it takes a value.
    fn takes(&self, value: &Value) -> Result<()> {
        let text = value.as_str();
        let (is_good, wanted) = match self.kind {
            Type::Text => (
                text.is_some_and(|text| check_word("", text).is_ok()),
                "one line of at most 200 characters",
            ),
            Type::Integer => (value.is_i64(), "a whole number"),
            Type::Boolean => (value.is_boolean(), "true or false"),
            Type::Date => (
                text.is_some_and(|text| {
                    text.parse::<chrono::NaiveDate>().is_ok() && text.len() == 10
                }),
                "a day such as 2027-01-31",
            ),
            Type::Choice => (
                text.is_some_and(|text| self.options.iter().any(|o| o == text)),
                "one of its options",
            ),
        };
        match is_good {
            true => Ok(()),
            false => Err(refuse(format!(
                "the field `{}` takes {wanted}; got {}",
                quote(&self.name),
                quote(&value.to_string())
            ))),
        }
    }
}

impl Attributes {
    pub(super) fn check(&self) -> Result<()> {
        check_each("roles", WORDS, self.roles.iter().map(|r| r.value.as_str()))?;
        check_each(
            "entities",
            WORDS,
            self.entities.iter().map(|e| e.value.as_str()),
        )?;
        let names = || self.fields.iter().map(|f| f.name.as_str());
        check_each("fields", FIELDS, names())?;
        // The entity stands beside them.
        check_each("fields", FIELDS + 1, names().chain([ENTITY]))?;
        for role in &self.roles {
            check_labels("roles", &role.label)?;
        }
        for entity in &self.entities {
            check_labels("entities", &entity.label)?;
        }
        self.fields.iter().try_for_each(Field::check)
    }

    /// Refuses what is not offered, may not be given by this giver, or lacks something that is required.
    ///
    /// # Errors
    /// `Invalid`; `Forbidden`.
    pub fn check_given(&self, given: &Given, giver: Giver) -> Result<()> {
        let may = |what: &str, set_by: &[Giver]| match set_by.contains(&giver) {
            true => Ok(()),
            false => Err(Error::Forbidden(format!(
                "{what} is given by others only: the operator's declaration says by whom"
            ))),
        };
        for value in &given.roles {
            let role = self.roles.iter().find(|r| r.value == *value);
            let role = role.ok_or_else(|| {
                let known = self.roles.iter().map(|r| r.value.as_str());
                let known: Vec<&str> = known.take(20).collect();
                refuse(format!(
                    "there is no role `{}`; declared are: {}",
                    quote(value),
                    known.join(", ")
                ))
            })?;
            may(&format!("the role `{}`", quote(value)), &role.set_by)?;
        }
        check_each("roles", WORDS, given.roles.iter().map(String::as_str))?;
        if let Some(value) = &given.entity
            && !self.entities.iter().any(|e| e.value == *value)
        {
            let detail = format!("there is no entity `{}`", quote(value));
            return Err(refuse(detail));
        }
        for (name, value) in &given.fields {
            let field = self.fields.iter().find(|f| f.name == *name);
            let field =
                field.ok_or_else(|| refuse(format!("there is no field `{}`", quote(name))))?;
            may(&format!("the field `{}`", quote(name)), &field.set_by)?;
            field.takes(value)?;
        }
        let missing = self
            .fields
            .iter()
            .find(|f| f.required && f.default.is_none() && !given.fields.contains_key(&f.name));
        match missing {
            None => Ok(()),
            Some(field) => Err(refuse(format!(
                "the field `{}` is required",
                quote(&field.name)
            ))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared() -> Attributes {
        serde_json::from_value(json!({
            "roles": [
                {"value": "reader", "label": {"en": "Reader"}, "default": true},
                {"value": "admin", "label": {"en": "Admin"}, "elevated": true, "setBy": ["operator"]},
            ],
            "entities": [{"value": "fr", "label": {"en": "France"}}],
            "fields": [
                {"name": "desk", "label": {"en": "Desk"}, "type": "integer", "required": true},
                {"name": "tier", "label": {"en": "Tier"}, "type": "choice", "options": ["a", "b"], "default": "a"},
                {"name": "until", "label": {"en": "Until"}, "type": "date", "setBy": ["app"]},
            ],
        }))
        .expect("a declaration")
    }

    #[test]
    fn only_what_is_offered_is_given_and_only_by_whom_it_may() {
        let all = declared();
        all.check().expect("it is in order");
        let try_it = |given: Value, giver| {
            let given: Given = serde_json::from_value(given).expect("given");
            all.check_given(&given, giver).is_ok()
        };
        let admin = Giver::TenantAdmin;
        assert!(try_it(json!({"fields": {"desk": 7}}), admin));
        assert!(try_it(
            json!({"roles": ["reader"], "entity": "fr", "fields": {"desk": 7, "tier": "b"}}),
            admin
        ));
        for wrong in [
            json!({}),
            json!({"fields": {"desk": "7"}}),
            json!({"fields": {"desk": 7, "tier": "c"}}),
            json!({"fields": {"desk": 7, "other": 1}}),
            json!({"fields": {"desk": 7, "until": "2027-01-31"}}),
            json!({"roles": ["admin"], "fields": {"desk": 7}}),
            json!({"roles": ["owner"], "fields": {"desk": 7}}),
            json!({"roles": ["reader", "reader"], "fields": {"desk": 7}}),
            json!({"entity": "de", "fields": {"desk": 7}}),
        ] {
            assert!(!try_it(wrong.clone(), admin), "{wrong}");
        }
        assert!(try_it(
            json!({"roles": ["admin"], "fields": {"desk": 7}}),
            Giver::Operator
        ));
        assert!(try_it(
            json!({"fields": {"desk": 7, "until": "2027-01-31"}}),
            Giver::App
        ));
        assert!(!try_it(
            json!({"fields": {"desk": 7, "until": "soon"}}),
            Giver::App
        ));
    }

    #[test]
    fn defaults_fill_what_is_not_said() {
        let given = declared().complete(Given::default());
        assert_eq!(given.roles, ["reader"]);
        assert_eq!(given.fields["tier"], "a");
        let said: Given =
            serde_json::from_value(json!({"roles": ["admin"], "fields": {"tier": "b"}}))
                .expect("given");
        assert_eq!(declared().complete(said.clone()), said);
    }

    #[test]
    fn a_declaration_that_breaks_a_rule_is_refused() {
        let label = json!({"en": "X"});
        for wrong in [
            json!({"roles": [{"value": "a", "label": label}, {"value": "A", "label": label}]}),
            json!({"roles": [{"value": "", "label": label}]}),
            json!({"fields": [{"name": "appEntity", "label": label, "type": "text"}]}),
            json!({"fields": [{"name": "a", "label": label, "type": "choice"}]}),
            json!({"fields": [{"name": "a", "label": label, "type": "text", "options": ["b"]}]}),
            json!({"fields": [{"name": "a", "label": label, "type": "integer", "default": "x"}]}),
            json!({"fields": [{"name": "a", "label": {"en": "two\nlines"}, "type": "text"}]}),
            json!({"fields": (0..21).map(|n| json!({"name": format!("f{n}"), "label": label, "type": "text"})).collect::<Vec<_>>()}),
        ] {
            let all: Attributes = serde_json::from_value(wrong.clone()).expect("a shape");
            assert!(all.check().is_err(), "{wrong}");
        }
        let many = json!({"fields": (0..20).map(|n| json!({"name": format!("f{n}"), "label": label, "type": "text"})).collect::<Vec<_>>()});
        let many: Attributes = serde_json::from_value(many).expect("a shape");
        assert!(many.check().is_ok());
    }
}
