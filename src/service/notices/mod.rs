//! Notices: what a tenant's admins and the operator ought to know without looking (SEMANTICS §9). One is raised where the
//! thing happens, in its transaction, and is open while the thing lasts; who is told of it, by which channel and how often,
//! is one table. What is stored is a code with parameters.

mod raised;
mod table;
mod telling;

use serde_json::Value;

use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::error::{Error, Result};
use crate::storage::notices::{NoticeRow, state};
use crate::storage::{Scope, Tx};

pub(in crate::service) use raised::{disconnected, of_health, parked, team_finding};
pub use table::*;
pub use telling::{Recipient, WEBHOOK, check_webhook_url};

/// Something that happened.
#[derive(Debug)]
pub struct Raise<'a> {
    /// What, of [`EVENTS`].
    pub code: &'static str,
    /// The thing it is about: what happens to it again is the same notice while that is open.
    pub subject: &'a str,
    /// The person whom it is about, if one is: it is erased with her.
    pub person: Option<&'a str>,
    /// Parameters: ids, codes and numbers; no name and no address.
    pub params: Value,
}

/// Raises a notice, in the transaction of what happened. Who is to be told hears of it within seconds.
///
/// # Errors
/// Storage.
pub fn raise(tx: &mut Tx<'_>, what: &Raise<'_>) -> Result<()> {
    let now = tx.now();
    let throttle = throttle_of(what.code);
    let params = what.params.to_string();
    if let Some(mut row) = tx.find_open_notice(what.code, what.subject)? {
        row.tell_at = match throttle {
            // Told of at once, and of what comes after that once a day.
            Throttle::Daily => row.tell_at.or(row.told_at.map(|at| (at + DAY).max(now.0))),
            // Each step is news.
            Throttle::Steps if row.params != params => Some(now.0),
            _ => row.tell_at,
        };
        row.seen += 1;
        row.params = params;
        row.updated_at = now.0;
        return Ok(tx.update_notice(&row)?);
    }
    let row = NoticeRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        code: what.code.to_owned(),
        subject: what.subject.to_owned(),
        person: what.person.map(str::to_owned),
        params,
        state: state::OPEN.to_owned(),
        seen: 1,
        told: 0,
        told_at: None,
        tell_at: Some(now.0),
        created_at: now.0,
        updated_at: now.0,
        closed_at: None,
    };
    Ok(tx.create_notice(&row)?)
}

/// What a notice tells of is over: nobody is told again. Costs one look-up where none is open.
///
/// # Errors
/// Storage.
pub fn close(tx: &mut Tx<'_>, code: &str, subject: &str) -> Result<()> {
    let Some(mut row) = tx.find_open_notice(code, subject)? else {
        return Ok(());
    };
    let now = tx.now();
    state::CLOSED.clone_into(&mut row.state);
    row.tell_at = None;
    row.updated_at = now.0;
    row.closed_at = Some(now.0);
    Ok(tx.update_notice(&row)?)
}

/// A notice as readers see it.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The row.
    pub row: NoticeRow,
    /// Its parameters.
    pub params: Value,
}

impl Notice {
    fn of(row: NoticeRow) -> Self {
        let params = serde_json::from_str(&row.params).unwrap_or_default();
        Self { row, params }
    }
}

fn find(scope: &mut Scope<'_>, id: &str) -> Result<Notice> {
    let found = scope.find_notice(id)?;
    Ok(Notice::of(
        found.ok_or_else(|| Error::no_such("notice", id))?,
    ))
}

impl Service {
    /// A tenant's notices, the newest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_notices(
        &self,
        tenant: &TenantId,
        before: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Notice>> {
        let (before, state) = (before.map(str::to_owned), state.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                let rows = scope.list_notices(before.as_deref(), state.as_deref(), limit)?;
                Ok(rows.into_iter().map(Notice::of).collect())
            })
            .await
    }

    /// A notice.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_notice(&self, tenant: &TenantId, id: &str) -> Result<Notice> {
        let id = id.to_owned();
        self.store
            .point(tenant, move |scope| find(scope, &id))
            .await
    }
}
