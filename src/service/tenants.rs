//! Tenants: created by the operator, recorded in the operator's own journal.

use serde_json::Value;

use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId, fresh_text};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::tenants::{self, TenantRow, TenantSettings};

impl Service {
    /// The tenant with this name, or with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_tenant(&self, name: &str) -> Result<TenantRow> {
        let wanted = name.to_owned();
        let found = self
            .store
            .read_global(move |conn| match tenants::find_by_name(conn, &wanted)? {
                Some(row) => Ok(Some(row)),
                None => tenants::find(conn, &wanted),
            })
            .await?;
        found.ok_or_else(|| Error::no_such("tenant", name))
    }

    /// All tenants, the operator's own first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_tenants(&self) -> Result<Vec<TenantRow>> {
        Ok(self.store.read_global(tenants::list).await?)
    }

    /// Creates a tenant.
    ///
    /// # Errors
    /// `Conflict` for a name that is taken, `Invalid` for one that is no slug.
    pub async fn create_tenant(&self, caller: &Caller, name: &str) -> Result<TenantId> {
        check_name(name)?;
        let row = TenantRow {
            id: fresh_text(self.store.clock().now(), self.store.chance()),
            name: name.to_owned(),
            state: "active".to_owned(),
            settings: None,
            created_at: self.store.clock().now().0,
        };
        let id = TenantId::new(row.id.clone());
        let mut meta = caller.meta();
        meta.tenant = TenantId::new(OPERATOR_TENANT);
        self.store
            .write(meta, move |tx| {
                tx.create_tenant(&row)?;
                tx.record(Entry::new("tenant.created", "tenant", row.id.clone()));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok(id)
    }

    /// Renames, suspends or resumes a tenant: tokens of a suspended one are refused within a second, and work again when
    /// it is resumed. Returns it as it is then.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a name that is taken, `Invalid` for one that is no slug; `Forbidden` for the operator's
    /// own tenant.
    pub async fn update_tenant(
        &self,
        caller: &Caller,
        id: &str,
        name: Option<String>,
        is_active: Option<bool>,
    ) -> Result<TenantRow> {
        if id == OPERATOR_TENANT {
            let detail = "the operator's own tenant keeps its name and is always active";
            return Err(Error::Forbidden(detail.to_owned()));
        }
        name.as_deref().map_or(Ok(()), check_name)?;
        let id = id.to_owned();
        let mut meta = caller.meta();
        meta.tenant = TenantId::new(OPERATOR_TENANT);
        self.store
            .write(meta, move |tx| {
                let before = tx
                    .find_tenant(&id)?
                    .ok_or_else(|| Error::no_such("tenant", &id))?;
                let mut row = before.clone();
                if let Some(name) = &name {
                    row.name.clone_from(name);
                }
                if let Some(is_active) = is_active {
                    row.state = if is_active { "active" } else { "suspended" }.to_owned();
                }
                if row != before {
                    tx.update_tenant(&row)?;
                    let text = |text: &str| Some(Value::from(text));
                    let entry = Entry::new("tenant.updated", "tenant", id.clone())
                        .change("name", text(&before.name), text(&row.name))
                        .change("state", text(&before.state), text(&row.state));
                    tx.record(entry);
                    let (news, now) = (tx.fresh_id(), tx.now().0);
                    tx.create_invalidation(&news, "tenant", &id, now)?;
                }
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }

    /// Replaces a tenant's settings.
    ///
    /// # Errors
    /// Storage.
    pub async fn set_tenant_settings(
        &self,
        caller: &Caller,
        settings: TenantSettings,
    ) -> Result<()> {
        self.store
            .write(caller.meta(), move |tx| {
                let present = tx.tenant_settings()?;
                if present == settings {
                    return Ok(Outcome::Done(()));
                }
                let before = serde_json::to_value(present).ok();
                tx.update_tenant_settings(&settings)?;
                let tenant = tx.tenant().as_str().to_owned();
                let entry = Entry::new("tenant.settings_changed", "tenant", tenant);
                tx.record(entry.change("settings", before, serde_json::to_value(&settings).ok()));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    // Whoever names a tenant may do so by either; a name that is somebody's id would hide that one.
    let is_id = uuid::Uuid::parse_str(name).is_ok();
    match !name.is_empty() && !is_id && name.len() <= 63 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(crate::scim::Error::invalid_value(format!(
            "a tenant's name has 1 to 63 of a-z, 0-9 and `-`, and is no UUID; got `{}`",
            crate::scim::error::quote(name)
        ))
        .into()),
    }
}
