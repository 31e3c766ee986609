//! What the app says of a user or a team, and what is said back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::scim::Error as ScimError;
use crate::scim::document::{self, Incoming};
use crate::scim::error::quote;
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::error::Result;
use crate::service::limits::check_user;
use crate::service::users::identity::is_address;

/// URN of users.
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Longest id of the app's, in characters.
const ID: usize = 200;
/// Longest name, role and entity, in characters.
const WORD: usize = 200;
/// Most roles of a user.
const ROLES: usize = 100;

/// A user of the app, as the app says her.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "ann@acme.test", "name": "Ann Lee", "roles": ["editor"], "entity": "Acme Ltd", "hasAccess": true}))]
pub struct AppUser {
    /// Address by which sources find her; without one she stays the app's alone.
    pub email: Option<String>,
    /// What she signs in with; otherwise the address, or the app's id where somebody else has that name.
    pub user_name: Option<String>,
    /// As it is shown.
    pub name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Roles, at most 100.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The entity to which the app counts her.
    pub entity: Option<String>,
    /// Whether the app lets her in; otherwise it does.
    #[serde(default = "yes")]
    pub has_access: bool,
}

/// A team of the app, as the app says it.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Sales", "members": ["u-17", "u-18"], "reviewers": ["u-4"]}))]
pub struct AppTeam {
    /// Name.
    pub name: String,
    /// Its members, by the app's ids of users.
    #[serde(default)]
    pub members: Vec<String>,
    /// Who reviews it, by the app's ids of users; at most 100.
    #[serde(default)]
    pub reviewers: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What became of what the app said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// Nobody knew her: she is there now.
    Created,
    /// A source knew her: she is the same person.
    Matched,
    /// Something changed.
    Updated,
    /// It was so before.
    Unchanged,
}

/// A user of the app, with the person that she is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppUserView {
    /// What the app calls her.
    #[schema(example = "u-17")]
    pub app_user_id: String,
    /// Id of the person.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    pub person_id: String,
    /// `listed`, `invited`, `granted` or `revoked`.
    #[schema(example = "granted")]
    pub access: String,
    /// What the app is to enforce.
    pub has_access: bool,
    /// Code of why.
    #[schema(example = "has-access-in-app")]
    pub access_reason: String,
    /// What the app said of her access.
    pub said: bool,
    /// Her address, as the app said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What she signs in with, as the app has it.
    pub user_name: String,
    /// As it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Her roles, as the app said them.
    pub roles: Vec<String>,
    /// The entity to which the app counts her.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
}

/// Refuses an id that stands badly in an address or a line.
///
/// # Errors
/// `Invalid`.
pub fn check_id(id: &str) -> Result<()> {
    let is_good = !id.is_empty()
        && id.chars().count() <= ID
        && !id.chars().any(|c| c.is_control() || c == '/')
        && id.trim() == id
        && ![".", ".."].contains(&id);
    refuse(is_good, || {
        format!(
            "the app's id has 1 to {ID} characters, none of them `/` or a control character, and no blank at either end; \
             got `{}`",
            quote(id)
        )
    })
}

/// One line that is not empty.
pub(super) fn check_word(field: &str, word: &str) -> Result<()> {
    let is_good = !word.trim().is_empty()
        && word.chars().count() <= WORD
        && !word.chars().any(char::is_control);
    refuse(is_good, || {
        format!(
            "`{field}` takes 1 to {WORD} characters on one line; got `{}`",
            quote(word)
        )
    })
}

pub(super) fn refuse(is_good: bool, detail: impl FnOnce() -> String) -> Result<()> {
    match is_good {
        true => Ok(()),
        false => Err(ScimError::invalid_value(detail()).into()),
    }
}

impl AppUser {
    /// Refuses what breaks a rule, before anything is queued.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self, registry: &Registry, id: &str) -> Result<()> {
        check_id(id)?;
        let words = [
            ("userName", &self.user_name),
            ("name", &self.name),
            ("givenName", &self.given_name),
            ("familyName", &self.family_name),
            ("entity", &self.entity),
        ];
        for (field, word) in words {
            word.as_deref().map_or(Ok(()), |w| check_word(field, w))?;
        }
        if let Some(email) = &self.email {
            check_word("email", email)?;
            let is_plain = is_address(email) && !email.contains(char::is_whitespace);
            refuse(is_plain, || {
                format!("`email` takes an address; got `{}`", quote(email))
            })?;
        }
        refuse(self.roles.len() <= ROLES, || {
            format!("`roles` takes at most {ROLES}")
        })?;
        self.roles.iter().try_for_each(|r| check_word("roles", r))?;
        self.incoming(registry, id, id).map(|_| ())
    }

    /// The same as a SCIM user.
    ///
    /// # Errors
    /// `Invalid`.
    pub(in crate::service) fn incoming(
        &self,
        registry: &Registry,
        id: &str,
        user_name: &str,
    ) -> Result<Incoming> {
        let mut body = json!({"schemas": [USER], "userName": user_name});
        if let Some(email) = &self.email {
            body["emails"] = json!([{"value": email, "type": "work", "primary": true}]);
        }
        if let Some(name) = &self.name {
            body["displayName"] = Value::from(name.as_str());
        }
        let parts = [
            ("formatted", &self.name),
            ("givenName", &self.given_name),
            ("familyName", &self.family_name),
        ];
        for (part, value) in parts {
            if let Some(value) = value {
                body["name"][part] = Value::from(value.as_str());
            }
        }
        if !self.roles.is_empty() {
            let roles = self.roles.iter().map(|role| json!({"value": role}));
            body["roles"] = roles.collect();
        }
        let kind = ResourceKind::User;
        let read = document::read(registry, kind, body, &mut Rules::default())?;
        let incoming = Incoming {
            external_id: Some(id.to_owned()),
            active: Some(self.has_access),
            ..read
        };
        check_user(&incoming.doc, incoming.external_id.as_deref())?;
        Ok(incoming)
    }
}
