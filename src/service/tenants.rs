//! Tenants: created by the operator, recorded in the operator's own journal.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::entitlements::{Entitlements, Plan, check_plan};
use super::reorder::begin_recompute;
use super::users::identity::domain_of;
use crate::domain::audit::{Entry, canonical, sha256_hex};
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId, fresh_text};
use crate::domain::precedence::{Rules, own};
use crate::domain::pull::check_zone;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::tenants::{self, TenantRow, TenantSettings, state};
use crate::storage::{JobMeta, Outcome, Tx};

/// Most domains of a tenant.
const DOMAINS: usize = 500;
/// Longest time within which somebody gets back what she had, in days.
const RETURN: std::ops::RangeInclusive<i64> = 0..=3_650;

/// Longest id of an account of the app, in characters.
const ACCOUNT: usize = 255;

/// A tenant to be made.
#[derive(Debug, Clone, Default)]
pub struct NewTenant {
    /// Its name; `None`, which only one with an account may have: made of its id.
    pub name: Option<String>,
    /// What the app calls the account that it is for: an account has one tenant.
    pub account_id: Option<String>,
    /// What it may use; `None`: everything.
    pub plan: Option<Plan>,
}

impl NewTenant {
    /// Checks what it says; returns a digest of it, by which the same request is known when it comes again.
    fn check(&self) -> Result<String> {
        match (&self.name, &self.account_id) {
            (None, None) => {
                let detail = "a tenant has a `name`, an `accountId`, or both";
                return Err(ScimError::invalid_value(detail).into());
            }
            (_, Some(account)) => check_account(account)?,
            (Some(_), None) => {}
        }
        self.plan.as_ref().map_or(Ok(()), check_plan)?;
        let said = json!({"name": self.name, "plan": self.plan});
        Ok(sha256_hex(canonical(&said).as_bytes()))
    }
}

/// What changes about a tenant; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TenantChange {
    /// Another name.
    pub name: Option<String>,
    /// Whose it is.
    pub account_id: Option<String>,
    /// Whether its tokens are let in.
    pub is_active: Option<bool>,
}

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

    /// Creates a tenant with everything.
    ///
    /// # Errors
    /// `Conflict` for a name that is taken, `Invalid` for one that is no slug.
    pub async fn create_tenant(&self, caller: &Caller, name: &str) -> Result<TenantId> {
        let new = NewTenant {
            name: Some(name.to_owned()),
            ..NewTenant::default()
        };
        let (row, _) = self.provision_tenant(caller, new).await?;
        Ok(TenantId::new(row.id))
    }

    /// Creates a tenant, or finds the one that the same request for the same account made before; with whether it is new.
    ///
    /// # Errors
    /// `Conflict` for a name that is taken, or an account whose tenant was made otherwise; `Invalid` for a value that
    /// breaks its rule; `NotNow` while the account's former tenant is on its way out.
    pub async fn provision_tenant(
        &self,
        caller: &Caller,
        new: NewTenant,
    ) -> Result<(TenantRow, bool)> {
        let id = fresh_text(self.store.clock().now(), self.store.chance());
        let name = match &new.name {
            Some(name) => name.clone(),
            None => format!("t-{}", id.replace('-', "")),
        };
        check_name(&name)?;
        let made_of = new.check()?;
        let mut row = TenantRow::new(id, &name, self.store.clock().now().0);
        let plan = new.plan.map(Entitlements::first);
        row.entitlements = plan.and_then(|plan| serde_json::to_string(&plan).ok());
        row.account_id = new.account_id;
        row.made_of = row.account_id.as_ref().map(|_| made_of);
        let name_given = new.name;
        self.store
            .write(operators(caller), move |tx| {
                let account = row.account_id.as_deref().unwrap_or_default();
                if let Some(there) = tx.find_tenant_by_account(account)? {
                    let there = same(there, &row, name_given.as_deref())?;
                    return Ok(Outcome::Done((there, false)));
                }
                tx.create_tenant(&row)?;
                let entry = Entry::new("tenant.created", "tenant", row.id.clone());
                let account = row.account_id.as_deref().map(Value::from);
                tx.record(entry.change("accountId", None, account));
                Ok::<_, Error>(Outcome::Done((row.clone(), true)))
            })
            .await
    }

    /// The tenant of an account of the app.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_tenant_of_account(&self, account: &str) -> Result<Option<TenantRow>> {
        let account = account.to_owned();
        self.store
            .read_global(move |conn| Ok::<_, Error>(tenants::find_by_account(conn, &account)?))
            .await
    }

    /// Renames, suspends or resumes a tenant, or says whose it is: tokens of a suspended one are refused within a second,
    /// and work again when it is resumed. Returns it as it is then.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a name or account that is taken, `Invalid` for a value that breaks its rule; `NotNow` for a
    /// tenant that is deleted; `Forbidden` for the operator's own tenant.
    pub async fn update_tenant(
        &self,
        caller: &Caller,
        id: &str,
        change: TenantChange,
    ) -> Result<TenantRow> {
        check_customer(id)?;
        change.name.as_deref().map_or(Ok(()), check_name)?;
        change.account_id.as_deref().map_or(Ok(()), check_account)?;
        let id = id.to_owned();
        self.store
            .write(operators(caller), move |tx| {
                let before = find_customer(tx, &id)?;
                if [state::DELETED, state::DELETING].contains(&before.state.as_str()) {
                    return Err(Error::NotNow(
                        "the tenant is deleted: restore it first".to_owned(),
                    ));
                }
                let mut row = before.clone();
                if let Some(name) = &change.name {
                    row.name.clone_from(name);
                }
                if let Some(account) = &change.account_id {
                    row.account_id = Some(account.clone());
                }
                if let Some(is_active) = change.is_active {
                    row.state = if is_active {
                        state::ACTIVE
                    } else {
                        state::SUSPENDED
                    }
                    .to_owned();
                }
                put(tx, "tenant.updated", &before, &row)?;
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

/// The operator's own tenant is none that could be changed.
pub(super) fn check_customer(id: &str) -> Result<()> {
    match id == OPERATOR_TENANT {
        false => Ok(()),
        true => {
            let detail = "the operator's own tenant keeps its name and is always active";
            Err(Error::Forbidden(detail.to_owned()))
        }
    }
}

/// What the writer wants to know of an operation about a tenant: it is one of the operator's.
pub(super) fn operators(caller: &Caller) -> JobMeta {
    let mut meta = caller.meta();
    meta.tenant = TenantId::new(OPERATOR_TENANT);
    meta
}

pub(super) fn find_customer(tx: &mut Tx<'_>, id: &str) -> Result<TenantRow> {
    let found = tx.find_tenant(id)?;
    found.ok_or_else(|| Error::no_such("tenant", id))
}

/// Stores a tenant that differs, with an entry and the news for whoever remembers its tokens.
pub(super) fn put(
    tx: &mut Tx<'_>,
    action: &'static str,
    before: &TenantRow,
    row: &TenantRow,
) -> Result<()> {
    if row == before {
        return Ok(());
    }
    tx.update_tenant(row)?;
    let text = |text: &str| Some(Value::from(text));
    let account = |row: &TenantRow| row.account_id.as_deref().map(Value::from);
    let until = |row: &TenantRow| row.delete_at.map(|at| Value::from(Millis(at).to_rfc3339()));
    let entry = Entry::new(action, "tenant", row.id.clone())
        .change("accountId", account(before), account(row))
        .change("deleteAt", until(before), until(row))
        .change("name", text(&before.name), text(&row.name))
        .change("state", text(&before.state), text(&row.state));
    tx.record(entry);
    let (news, now) = (tx.fresh_id(), tx.now().0);
    Ok(tx.create_invalidation(&news, "tenant", &row.id, now)?)
}

/// The account's tenant, if the request is the one that made it.
fn same(there: TenantRow, wanted: &TenantRow, name: Option<&str>) -> Result<TenantRow> {
    if there.state == state::DELETING {
        let detail = "the account's former tenant is being deleted: try again in a moment";
        return Err(Error::NotNow(detail.to_owned()));
    }
    let is_same = match &there.made_of {
        Some(made_of) => wanted.made_of.as_ref() == Some(made_of),
        // It was made by hand, and its account said afterwards.
        None => name.is_none_or(|name| name == there.name),
    };
    match is_same {
        true => Ok(there),
        false => Err(Error::Conflict(format!(
            "the account has the tenant {}, which another request made: send that one again, or change the tenant",
            there.id
        ))),
    }
}

fn check_account(account: &str) -> Result<()> {
    let length = account.chars().count();
    match (1..=ACCOUNT).contains(&length) && !account.contains(char::is_control) {
        true => Ok(()),
        false => Err(ScimError::invalid_value(format!(
            "`accountId` takes one line of 1 to {ACCOUNT} characters; got {length}"
        ))
        .into()),
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
