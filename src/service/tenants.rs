//! Tenants: created by the operator, recorded in the operator's own journal.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reorder::begin_recompute;
use super::users::identity::domain_of;
use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId, fresh_text};
use crate::domain::precedence::{Rules, own};
use crate::domain::pull::check_zone;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::tenants::{self, TenantRow, TenantSettings};
use crate::storage::{Outcome, Tx};

/// Most domains of a tenant.
const DOMAINS: usize = 500;
/// Longest time within which somebody gets back what she had, in days.
const RETURN: std::ops::RangeInclusive<i64> = 0..=3_650;

/// What changes about a tenant's settings; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// All domains whose addresses count as verified; none: all do.
    pub verified_domains: Option<Vec<String>>,
    /// Days within which somebody who returns gets back what she had.
    pub return_days: Option<i64>,
    /// Time zone; an empty text: UTC.
    pub time_zone: Option<String>,
    /// Whose value of an attribute is in force, all rules; those at first where a path is not named.
    pub precedence: Option<Rules>,
    /// Whether somebody listed who works is let in when she signs in.
    pub just_in_time: Option<bool>,
}

impl SettingsChange {
    /// Nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The settings with the change. Domains are stored as they are compared.
    fn on(&self, mut settings: TenantSettings) -> Result<TenantSettings> {
        if let Some(domains) = &self.verified_domains {
            let all: Result<BTreeSet<String>> = domains.iter().map(|text| domain(text)).collect();
            settings.verified_domains = all?.into_iter().collect();
            if settings.verified_domains.len() > DOMAINS {
                let detail = format!("`verifiedDomains` takes at most {DOMAINS} domains");
                return Err(ScimError::invalid_value(detail).into());
            }
        }
        if let Some(days) = self.return_days {
            if !RETURN.contains(&days) {
                let detail = format!("`returnDays` takes 0 to 3650 days; got {days}");
                return Err(ScimError::invalid_value(detail).into());
            }
            settings.return_days = Some(days);
        }
        if let Some(zone) = &self.time_zone {
            if !zone.is_empty() {
                check_zone("timeZone", zone).map_err(ScimError::invalid_value)?;
            }
            settings.time_zone = Some(zone.clone()).filter(|z| !z.is_empty());
        }
        if let Some(rules) = &self.precedence {
            settings.precedence = own(rules.clone());
        }
        settings.just_in_time = self.just_in_time.unwrap_or(settings.just_in_time);
        Ok(settings)
    }
}

/// A domain as addresses of it are compared.
fn domain(text: &str) -> Result<String> {
    domain_of(text.trim().trim_start_matches('@')).ok_or_else(|| {
        let detail = format!(
            "`verifiedDomains` takes domains such as example.com; got `{}`",
            quote(text)
        );
        ScimError::invalid_value(detail).into()
    })
}

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

    /// The settings of a tenant.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_tenant_settings(&self, tenant: &TenantId) -> Result<TenantSettings> {
        self.store
            .point(tenant, |scope| Ok(scope.find_tenant_settings()?))
            .await
    }

    /// Changes a tenant's settings; returns them as they are then.
    ///
    /// # Errors
    /// `Invalid` for a value that breaks its rule; `Forbidden` for the operator's own tenant, which has no people.
    pub async fn change_tenant_settings(
        &self,
        caller: &Caller,
        change: SettingsChange,
    ) -> Result<TenantSettings> {
        if caller.tenant.as_str() == OPERATOR_TENANT {
            let detail = "the operator's own tenant has no people, and so no settings about them";
            return Err(Error::Forbidden(detail.to_owned()));
        }
        let mut change = change;
        if let Some(rules) = change.precedence.take() {
            change.precedence = Some(self.checked_rules(&caller.tenant, rules).await?);
        }
        let (settings, is_reordered) = self
            .store
            .write(caller.meta(), move |tx| {
                let before = tx.tenant_settings()?;
                let settings = change.on(before.clone())?;
                put_settings(tx, &settings)?;
                let is_reordered = settings.precedence != before.precedence;
                if is_reordered {
                    begin_recompute(tx)?;
                }
                Ok::<_, Error>(Outcome::Done((settings, is_reordered)))
            })
            .await?;
        if is_reordered {
            self.start_recompute(&caller.tenant);
        }
        Ok(settings)
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
                put_settings(tx, &settings)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

/// Changes settings in a transaction, with an entry if they differ.
pub(in crate::service) fn change_settings(
    tx: &mut Tx<'_>,
    change: impl FnOnce(&mut TenantSettings),
) -> Result<()> {
    let mut settings = tx.tenant_settings()?;
    change(&mut settings);
    put_settings(tx, &settings)
}

/// Stores settings that differ, with an entry.
fn put_settings(tx: &mut Tx<'_>, settings: &TenantSettings) -> Result<()> {
    let present = tx.tenant_settings()?;
    if present == *settings {
        return Ok(());
    }
    let before = serde_json::to_value(present).ok();
    tx.update_tenant_settings(settings)?;
    let tenant = tx.tenant().as_str().to_owned();
    let entry = Entry::new("tenant.settings_changed", "tenant", tenant);
    tx.record(entry.change("settings", before, serde_json::to_value(settings).ok()));
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    // Whoever names a tenant may do so by either; a name that is somebody's id would hide that one.
    let is_id = uuid::Uuid::parse_str(name).is_ok();
    match !name.is_empty() && !is_id && name.len() <= 63 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(crate::scim::Error::invalid_value(format!(
            "a tenant's name has 1 to 63 of a-z, 0-9 and `-`, and is no UUID; got `{}`",
            quote(name)
        ))
        .into()),
    }
}
