//! Deleting a tenant. First it is closed: its tokens are refused at once, nothing happens in it by itself, its data stays
//! and it can be restored. When its time has come, a job deletes all of it in chunks, from every table that the database's
//! catalog names; a killed process's job is gone on with by the next. What remains is a receipt in the operator's own
//! tenant, and an entry of the operator's journal that commits to it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::error::{Error, Result, corrupt};
use super::tenants::{check_customer, find_customer, operators, put};
use super::{Caller, Service};
use crate::domain::audit::{Entry, canonical, sha256_hex};
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::Error as ScimError;
use crate::storage::deletions::DeletionRow;
use crate::storage::tenants::{TenantRow, list_to_delete, state};
use crate::storage::whole::{self, Table};
use crate::storage::{Lane, Outcome, Tx};

/// Days between a tenant's closing and the deletion of its data.
pub const GRACE_DAYS: RangeInclusive<i64> = 0..=365;
/// As many, unless somebody says otherwise.
pub const USUAL_GRACE: i64 = 30;
/// Rows that one operation deletes.
const AT_ONCE: i64 = 500;

/// What is known of the deletion of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// Id of the tenant.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// When its data began to go.
    pub began_at: i64,
    /// When all of it was gone.
    pub finished_at: Option<i64>,
    /// Rows that are gone, by table.
    pub rows: BTreeMap<String, u64>,
    /// The proof, once all is gone: what is above, where the tenant's journal ended, and a hash over all of it.
    pub receipt: Option<Value>,
}

impl Service {
    /// Closes a tenant; its data goes after so many days. Once more with other days: after those, from now on.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for days out of [`GRACE_DAYS`]; `NotNow` when its data is going already; `Forbidden` for the
    /// operator's own tenant.
    pub async fn delete_tenant(
        &self,
        caller: &Caller,
        id: &str,
        days: Option<i64>,
    ) -> Result<TenantRow> {
        check_customer(id)?;
        if let Some(days) = days.filter(|days| !GRACE_DAYS.contains(days)) {
            let (from, to) = (GRACE_DAYS.start(), GRACE_DAYS.end());
            let detail = format!("`graceDays` takes {from} to {to} days; got {days}");
            return Err(ScimError::invalid_value(detail).into());
        }
        let id = id.to_owned();
        self.store
            .write(operators(caller), move |tx| {
                let before = find_customer(tx, &id)?;
                let mut row = before.clone();
                match before.state.as_str() {
                    state::DELETING => return Err(going()),
                    state::DELETED if days.is_none() => return Ok(Outcome::Done(row)),
                    state::DELETED => {}
                    other => row.state_before = Some(other.to_owned()),
                }
                row.state = state::DELETED.to_owned();
                row.delete_at = Some(tx.now().plus_days(days.unwrap_or(USUAL_GRACE)).0);
                put(tx, "tenant.deleted", &before, &row)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }

    /// Takes a deletion back: the tenant is as it was. One that is not deleted stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` when its data is going already; `Forbidden` for the operator's own tenant.
    pub async fn restore_tenant(&self, caller: &Caller, id: &str) -> Result<TenantRow> {
        check_customer(id)?;
        let id = id.to_owned();
        self.store
            .write(operators(caller), move |tx| {
                let before = find_customer(tx, &id)?;
                let mut row = before.clone();
                match before.state.as_str() {
                    state::DELETING => return Err(going()),
                    state::DELETED => {
                        let as_before = row.state_before.take();
                        row.state = as_before.unwrap_or_else(|| state::ACTIVE.to_owned());
                        row.delete_at = None;
                    }
                    _ => {}
                }
                put(tx, "tenant.restored", &before, &row)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }

    /// Deletes the data of tenants whose time has come, and goes on where a killed process left. Returns how many are gone.
    /// Several processes may do so at once.
    ///
    /// # Errors
    /// The tenants cannot be looked for; what goes wrong with one is logged, and tried again.
    pub async fn delete_due_tenants(&self) -> Result<usize> {
        let now = self.store.clock().now().0;
        let due = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_to_delete(conn, now)?))
            .await?;
        let mut gone = 0;
        for row in due {
            match self.delete_whole(&row.id).await {
                Ok(is_gone) => gone += usize::from(is_gone),
                // It stands in nobody else's way.
                Err(error) => {
                    tracing::warn!(tenant.id = row.id, error = %error, "the deletion of a tenant is gone on with later");
                }
            }
        }
        Ok(gone)
    }

    /// The deletion of a tenant.
    ///
    /// # Errors
    /// `NotFound` while no data of it has gone.
    pub async fn find_deletion(&self, id: &str) -> Result<Deletion> {
        let wanted = id.to_owned();
        let found = self
            .store
            .read(&TenantId::new(OPERATOR_TENANT), move |scope| {
                Ok::<_, Error>(scope.find_deletion(&wanted)?)
            })
            .await?;
        found
            .ok_or_else(|| Error::no_such("deleted tenant", id))
            .and_then(told)
    }

    /// All deletions, the newest last.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_deletions(&self) -> Result<Vec<Deletion>> {
        let rows = self
            .store
            .read(&TenantId::new(OPERATOR_TENANT), |scope| {
                Ok::<_, Error>(scope.list_deletions()?)
            })
            .await?;
        rows.into_iter().map(told).collect()
    }

    /// False: somebody restored it, or another process was faster.
    async fn delete_whole(&self, id: &str) -> Result<bool> {
        let mut operator = Caller::system(TenantId::new(OPERATOR_TENANT), "tenant deletion");
        operator.lane = Lane::Run;
        let tenant = id.to_owned();
        let begun = self
            .store
            .write(operator.meta(), move |tx| {
                begin(tx, &tenant).map(Outcome::Done)
            })
            .await?;
        if !begun {
            return Ok(false);
        }
        let tables = self
            .store
            .read_global(|conn| Ok::<_, Error>(whole::tables(conn)?))
            .await?;
        // Until nothing is found any more: what is found once was written before the tenant was on its way out.
        loop {
            let mut found = 0;
            for table in &tables {
                found += self.empty(&operator, id, table).await?;
            }
            if found == 0 {
                break;
            }
        }
        let tenant = id.to_owned();
        let is_end = self
            .store
            .write(operator.meta(), move |tx| {
                end(tx, &tenant).map(Outcome::Done)
            })
            .await?;
        // What the log still holds of it goes too.
        self.store.fold_log().await?;
        Ok(is_end)
    }

    /// Deletes the tenant's rows of a table; answers how many there were.
    async fn empty(&self, operator: &Caller, id: &str, table: &Table) -> Result<i64> {
        let mut all = 0;
        loop {
            let (tenant, table) = (id.to_owned(), table.clone());
            let count = self
                .store
                .write(operator.meta(), move |tx| {
                    delete_some(tx, &tenant, &table).map(Outcome::Done)
                })
                .await?;
            all += count;
            if count < AT_ONCE {
                return Ok(all);
            }
        }
    }
}

fn going() -> Error {
    Error::NotNow("the data of the tenant is being deleted: nothing brings it back".to_owned())
}

/// Puts the tenant on its way out, if its time has come; true if it is there, by whomever.
fn begin(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let now = tx.now().0;
    let Some(before) = tx.find_tenant(id)? else {
        return Ok(false);
    };
    match before.state.as_str() {
        state::DELETING => return Ok(true),
        state::DELETED if before.delete_at.is_some_and(|at| at <= now) => {}
        _ => return Ok(false),
    }
    // Whoever writes for it has finished, or finds it on its way out.
    let head = tx.lock_tenant(id)?;
    let mut row = before.clone();
    row.state = state::DELETING.to_owned();
    put(tx, "tenant.deletion_began", &before, &row)?;
    let (epoch, sequence, hash) = head.map_or((0, 0, String::new()), |head| {
        (head.epoch, head.sequence, head.hash)
    });
    tx.create_deletion(&DeletionRow {
        tenant: OPERATOR_TENANT.to_owned(),
        id: row.id,
        name: row.name,
        account_id: row.account_id,
        epoch,
        sequence,
        hash,
        counts: "{}".to_owned(),
        began_at: now,
        finished_at: None,
        receipt: None,
    })?;
    Ok(true)
}

/// Some rows of a table, with their count.
fn delete_some(tx: &mut Tx<'_>, id: &str, table: &Table) -> Result<i64> {
    let Some(mut row) = tx.find_deletion(id)?.filter(|d| d.finished_at.is_none()) else {
        return Ok(0);
    };
    let deleted = tx.delete_rows(table, id, AT_ONCE)?;
    if deleted > 0 {
        let mut counts = counts(&row)?;
        *counts.entry(table.name.clone()).or_default() += deleted as u64;
        row.counts = json!(counts).to_string();
        tx.update_deletion(&row)?;
    }
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
}

/// The tenant's own row, and the receipt. False: another process was faster.
fn end(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let Some(mut row) = tx.find_deletion(id)?.filter(|d| d.finished_at.is_none()) else {
        return Ok(false);
    };
    tx.delete_tenant(id)?;
    let now = tx.now();
    row.finished_at = Some(now.0);
    let receipt = receipt(&row, now)?;
    row.receipt = Some(receipt.to_string());
    tx.update_deletion(&row)?;
    let entry = Entry::new("tenant.erased", "tenant", id);
    tx.record(entry.change("receipt", None, Some(receipt)));
    let news = tx.fresh_id();
    tx.create_invalidation(&news, "tenant", id, now.0)?;
    Ok(true)
}

fn counts(row: &DeletionRow) -> Result<BTreeMap<String, u64>> {
    serde_json::from_str(&row.counts).map_err(|e| corrupt("deletions", &row.id, e))
}

/// What proves the deletion: `hash` is SHA-256 of `rosterd-deletion-1` and the canonical JSON of the rest.
fn receipt(row: &DeletionRow, now: Millis) -> Result<Value> {
    let rows = counts(row)?;
    let total: u64 = rows.values().sum();
    let mut receipt = json!({
        "tenant": row.id, "name": row.name, "accountId": row.account_id,
        "beganAt": Millis(row.began_at).to_rfc3339(), "finishedAt": now.to_rfc3339(),
        "journal": {"epoch": row.epoch, "sequence": row.sequence, "hash": row.hash},
        "rows": rows, "total": total,
    });
    let bytes = format!("rosterd-deletion-1{}", canonical(&receipt));
    receipt["hash"] = sha256_hex(bytes.as_bytes()).into();
    Ok(receipt)
}

fn told(row: DeletionRow) -> Result<Deletion> {
    let parse =
        |text: &str| serde_json::from_str(text).map_err(|e| corrupt("deletions", &row.id, e));
    Ok(Deletion {
        rows: counts(&row)?,
        receipt: row.receipt.as_deref().map(parse).transpose()?,
        tenant: row.id.clone(),
        name: row.name.clone(),
        began_at: row.began_at,
        finished_at: row.finished_at,
    })
}
