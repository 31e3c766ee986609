//! What the operator's app offers to be given with an invitation (SEMANTICS §9): roles, entities and typed fields, declared
//! once. The fields are a schema of all tenants, so that they are filtered, projected and delivered like any attribute.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::roles;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::extension;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result, corrupt};
use crate::service::{Caller, Service, schemas};
use crate::storage::{Outcome, Scope};

/// URN of what is given beside roles.
pub const GIVEN: &str = "urn:ietf:params:scim:schemas:extension:invite:2.0:User";
/// Name of the entity in it.
pub(super) const ENTITY: &str = "appEntity";
/// Most roles, entities and options of a field.
const WORDS: usize = 200;
/// Most fields.
const FIELDS: usize = 20;
/// Longest word, label and text, in characters.
const LENGTH: usize = 200;

/// Who may give something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = InviteGiver)]
pub enum Giver {
    /// The operator, at the shell too.
    Operator,
    /// A customer's admin.
    TenantAdmin,
    /// The app.
    App,
}

impl Giver {
    /// Whom a token of this role stands for.
    pub fn of(role: roles::Role) -> Self {
        match role {
            roles::Role::Operator => Self::Operator,
            roles::Role::App => Self::App,
            _ => Self::TenantAdmin,
        }
    }
}

fn anybody() -> Vec<Giver> {
    vec![Giver::Operator, Giver::TenantAdmin, Giver::App]
}

/// How something is called in each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InviteLabels)]
pub struct Labels {
    /// English.
    pub en: String,
    /// French; otherwise English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fr: Option<String>,
}

/// A role of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InviteRole)]
pub struct Role {
    /// What the app calls it.
    #[schema(example = "editor")]
    pub value: String,
    /// How it is shown.
    pub label: Labels,
    /// Given to whom no role is given.
    #[serde(default)]
    pub default: bool,
    /// It lets somebody do more than others: who returns after leaving does not get it back.
    #[serde(default)]
    pub elevated: bool,
    /// Whether HR data and identity providers may give it; an elevated one otherwise no source gives.
    #[serde(default)]
    pub from_sources: bool,
    /// Who may give it.
    #[serde(default = "anybody")]
    pub set_by: Vec<Giver>,
}

/// An entity to which people are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InviteEntity)]
pub struct Entity {
    /// What the app calls it.
    #[schema(example = "acme-fr")]
    pub value: String,
    /// How it is shown.
    pub label: Labels,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = InviteType)]
pub enum Type {
    /// One line of at most 200 characters.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A day, `2027-01-31`.
    Date,
    /// One of the options.
    Choice,
}

/// A field of the app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InviteField)]
pub struct Field {
    /// Name of the attribute.
    #[schema(example = "costCentre")]
    pub name: String,
    /// How it is shown.
    pub label: Labels,
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Of a choice: what may be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Nobody is invited without it, except by a joiner policy.
    #[serde(default)]
    pub required: bool,
    /// What counts where nobody says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub default: Option<Value>,
    /// Who may give it.
    #[serde(default = "anybody")]
    pub set_by: Vec<Giver>,
    /// Whether HR data and identity providers may say it; then their word counts.
    #[serde(default)]
    pub from_sources: bool,
}

/// Everything that the app offers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = InviteAttributes, example = json!({
    "roles": [{"value": "editor", "label": {"en": "Editor", "fr": "Rédaction"}, "default": true}],
    "entities": [{"value": "acme-fr", "label": {"en": "Acme France"}}],
    "fields": [{"name": "costCentre", "label": {"en": "Cost centre", "fr": "Centre de coûts"}, "type": "text", "fromSources": true}],
}))]
pub struct Attributes {
    /// Roles, at most 200.
    pub roles: Vec<Role>,
    /// Entities, at most 200.
    pub entities: Vec<Entity>,
    /// Fields, at most 20.
    pub fields: Vec<Field>,
}

/// What somebody is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Given {
    /// Roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Values of fields, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, Value>,
}

impl Given {
    /// Nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn refuse(detail: String) -> Error {
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
    fn check(&self) -> Result<()> {
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

    fn attribute(&self) -> Value {
        let kind = match self.kind {
            Type::Integer => "integer",
            Type::Boolean => "boolean",
            Type::Text | Type::Date | Type::Choice => "string",
        };
        let mut attribute = json!({"name": self.name, "type": kind, "description": self.label.en});
        if kind == "string" {
            attribute["caseExact"] = Value::from(true);
        }
        attribute
    }
}

impl Attributes {
    /// As the operator declared them, whoever asks.
    pub(super) fn find(scope: &mut Scope<'_>) -> Result<Self> {
        match scope.find_invite_attributes()? {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| corrupt("invite_attributes", OPERATOR_TENANT, e)),
        }
    }

    fn check(&self) -> Result<()> {
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

    /// Roles that no source gives.
    pub(super) fn barred(&self) -> BTreeSet<&str> {
        let barred = self.roles.iter().filter(|r| r.elevated && !r.from_sources);
        barred.map(|r| r.value.as_str()).collect()
    }

    /// Roles that let somebody do more than others.
    pub(super) fn elevated(&self) -> BTreeSet<&str> {
        let elevated = self.roles.iter().filter(|r| r.elevated);
        elevated.map(|r| r.value.as_str()).collect()
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

    /// What was given, and what is given by default.
    pub(super) fn complete(&self, mut given: Given) -> Given {
        if given.roles.is_empty() {
            let defaults = self.roles.iter().filter(|r| r.default);
            given.roles = defaults.map(|r| r.value.clone()).collect();
        }
        for field in &self.fields {
            if let Some(default) = &field.default {
                let value = given.fields.entry(field.name.clone());
                value.or_insert_with(|| default.clone());
            }
        }
        given
    }

    /// The schema of what is given beside roles, on top of an earlier one, whose attributes stay.
    fn schema(
        &self,
        builtin: &Registry,
        before: Option<&Value>,
    ) -> Result<Option<extension::Extension>> {
        let mut attributes: Vec<Value> = vec![json!({"name": ENTITY, "caseExact": true,
            "description": "The entity to which the app counts the person."})];
        attributes.extend(self.fields.iter().map(Field::attribute));
        let named = |all: &[Value], name: &Value| all.iter().any(|a| a["name"] == *name);
        let old = before.and_then(|b| b["attributes"].as_array());
        let gone = old.into_iter().flatten();
        let gone: Vec<Value> = gone
            .filter(|a| !named(&attributes, &a["name"]))
            .cloned()
            .map(|mut a| {
                a["mutability"] = Value::from("readWrite");
                a
            })
            .collect();
        if self.fields.is_empty() && self.entities.is_empty() && before.is_none() {
            return Ok(None);
        }
        attributes.extend(gone);
        let document = json!({"id": GIVEN, "name": "Invitation",
            "description": "What people are given when they are invited.", "attributes": attributes});
        let mut extension =
            extension::read(builtin, &document).map_err(|problems| refuse(problems.join("\n")))?;
        // Sources write only what the operator lets them.
        if let Some(all) = extension.document["attributes"].as_array_mut() {
            for attribute in all {
                let field = self
                    .fields
                    .iter()
                    .find(|f| attribute["name"] == f.name.as_str());
                if field.is_none_or(|f| !f.from_sources) {
                    attribute["mutability"] = Value::from("readOnly");
                }
            }
        }
        Ok(Some(extension))
    }
}

impl Service {
    /// What the operator's app offers to be given.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_invite_attributes(&self) -> Result<Attributes> {
        self.store
            .point(&TenantId::new(OPERATOR_TENANT), Attributes::find)
            .await
    }

    /// Declares what the operator's app offers to be given. Fields that were declared before and are not any more stay in
    /// the schema, since people may have values of them.
    ///
    /// # Errors
    /// `Invalid`, also for a field that changes its type.
    pub async fn declare_invite_attributes(
        &self,
        caller: &Caller,
        attributes: Attributes,
    ) -> Result<Attributes> {
        attributes.check()?;
        let builtin = std::sync::Arc::clone(self.builtin());
        let mut meta = caller.meta();
        meta.tenant = TenantId::new(OPERATOR_TENANT);
        let declared = self
            .store
            .write(meta, move |tx| {
                let before = Attributes::find(tx)?;
                if before == attributes {
                    return Ok::<_, Error>(Outcome::Done(before));
                }
                let old = tx.find_schema(&GIVEN.to_ascii_lowercase())?;
                let old = old.map(|row| serde_json::from_str::<Value>(&row.document));
                let old = old
                    .transpose()
                    .map_err(|e| corrupt("tenant_schemas", GIVEN, e))?;
                if let Some(extension) = attributes.schema(&builtin, old.as_ref())? {
                    schemas::add(tx, &extension)?;
                }
                let text = serde_json::to_string(&attributes)
                    .map_err(|e| corrupt("invite_attributes", OPERATOR_TENANT, e))?;
                let now = tx.now();
                tx.put_invite_attributes(&text, now)?;
                let entry = Entry::new("invite_attributes.declared", "tenant", OPERATOR_TENANT);
                let (was, is) = (
                    serde_json::to_value(&before).ok(),
                    serde_json::to_value(&attributes).ok(),
                );
                tx.record(entry.change("inviteAttributes", was, is));
                Ok(Outcome::Done(attributes.clone()))
            })
            .await?;
        self.schemas.forget(None);
        Ok(declared)
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
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
