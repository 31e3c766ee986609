//! What the operator's app offers to be given with an invitation (SEMANTICS §9): roles, entities and typed fields, declared
//! once. The fields are a schema of all tenants, so that they are filtered, projected and delivered like any attribute.

mod check;
mod declare;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::ids::OPERATOR_TENANT;
use crate::domain::roles;
use crate::service::error::{Result, corrupt};
use crate::storage::Scope;

/// URN of what is given beside roles.
pub const GIVEN: &str = "urn:ietf:params:scim:schemas:extension:invite:2.0:User";
/// Name of the entity in it.
pub(super) const ENTITY: &str = "appEntity";

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

impl Attributes {
    /// As the operator declared them, whoever asks.
    pub(super) fn find(scope: &mut Scope<'_>) -> Result<Self> {
        match scope.find_invite_attributes()? {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| corrupt("invite_attributes", OPERATOR_TENANT, e)),
        }
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
}
