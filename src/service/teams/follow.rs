//! Teams go with their people when one HR system takes the place of another.

use super::{chosen_entry, lock};
use crate::service::error::Result;
use crate::storage::Tx;
use crate::storage::teams::TeamSyncRow;

/// One connection takes the place of another: if the teams hang on that, they hang on this one from now on. Its managers
/// are the same people, so a team keeps its id.
///
/// # Errors
/// `NotNow` while teams are replaced; storage.
pub(in crate::service) fn follow(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<()> {
    let before = tx.find_team_sync()?;
    let Some(before) = before.filter(|row| row.connection_id == from) else {
        return Ok(());
    };
    lock::refuse_job(&before)?;
    let row = TeamSyncRow {
        connection_id: to.to_owned(),
        revision: before.revision + 1,
        ..before.clone()
    };
    tx.record(chosen_entry(Some(&before), &row));
    Ok(tx.put_team_sync(&row)?)
}
