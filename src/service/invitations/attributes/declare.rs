//! Declaring what is offered: a row of the operator's, and a schema of all tenants.

use serde_json::{Value, json};

use super::check::refuse;
use super::{Attributes, ENTITY, Field, GIVEN, Type};
use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::extension;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result, corrupt};
use crate::service::{Caller, Service, schemas};
use crate::storage::Outcome;

impl Field {
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
