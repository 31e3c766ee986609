//! Puts a drafted person back: what the writer does with what `revert` drafted.

use super::revert::{Plan, Revert, draft};
use super::undone::{Undone, kept};
use crate::domain::access::{JoinerPolicy, reason};
use crate::domain::audit::Entry;
use crate::service::Source;
use crate::service::error::Result;
use crate::service::push_guard::waits_no_more;
use crate::service::users::addresses;
use crate::service::users::model::Model;
use crate::service::users::settle::{Act, settle};
use crate::storage::Tx;
use crate::storage::conflicts::ConflictRow;
use crate::storage::push::{ParkedRow, parked::DROPPED};
use crate::storage::undo::{ChangeRow, KEPT, UNDONE};

/// Puts a person back; the row of the change is marked.
pub(super) fn apply(tx: &mut Tx<'_>, plan: &Plan<'_>, row: ChangeRow) -> Result<Undone> {
    let outcome = match draft(tx, plan, &row)? {
        Err(outcome) => outcome,
        Ok(revert) => store(tx, revert)?,
    };
    mark(tx, row, &outcome)?;
    Ok(outcome)
}

/// Leaves a person as she is: the name under which she was before is somebody else's.
pub(super) fn leave(tx: &mut Tx<'_>, plan: &Plan<'_>, row: ChangeRow) -> Result<()> {
    let mut outcome = match draft(tx, plan, &row)? {
        Err(outcome) => outcome,
        Ok(revert) => revert.outcome,
    };
    (outcome.is_undone, outcome.returns, outcome.units) = (false, false, Vec::new());
    outcome.kept = vec![kept("person", "user-name-taken", None)];
    mark(tx, row, &outcome)
}

/// Notes on the row of the change what became of it.
fn mark(tx: &mut Tx<'_>, mut row: ChangeRow, outcome: &Undone) -> Result<()> {
    let state = if outcome.is_undone { UNDONE } else { KEPT };
    state.clone_into(&mut row.state);
    row.returned = outcome.returns;
    row.outcome = serde_json::to_string(outcome).ok();
    Ok(tx.update_change(&row)?)
}

fn store(tx: &mut Tx<'_>, mut revert: Revert<'_>) -> Result<Undone> {
    let (id, connection) = (
        revert.model.row.id.clone(),
        revert.run.connection_id.clone(),
    );
    if !revert.outcome.is_undone {
        return Ok(revert.outcome);
    }
    let wanted = revert.model.access();
    let source = Source {
        id: connection.clone(),
        policy: JoinerPolicy::List,
    };
    let act = Act {
        source: &source,
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    let is_there = |model: &Model| model.row.removed_at.is_none();
    let (was_there, will_be) = (is_there(&revert.before), is_there(&revert.model));
    settle(
        tx,
        revert.registry,
        Some(&revert.before),
        &mut revert.model,
        &act,
    )?;
    if revert.model.access() != wanted {
        revert.outcome.returns = false;
        let taken = kept("access", "user-name-taken", None);
        revert.outcome.kept.push(taken);
    }
    match (was_there, will_be) {
        (true, false) => {
            tx.record(Entry::new("user.deleted", "user", id.clone()).reason(reason::UNDONE));
        }
        (false, true) => {
            tx.update_emails(&id, "", &addresses(&revert.model.doc), revert.now)?;
            tx.record(Entry::new("user.revived", "user", id.clone()).reason(reason::UNDONE));
        }
        _ => {}
    }
    for (source_id, link) in &revert.links {
        match (link, tx.find_link(&connection, source_id)?) {
            (None, None) => {}
            (None, Some(_)) => tx.delete_link(&connection, source_id)?,
            (Some(link), None) => tx.create_link(link)?,
            (Some(link), Some(_)) => tx.update_link(link)?,
        }
    }
    for hold in &revert.holds {
        tx.put_hold(hold)?;
    }
    if let Some(because) = revert.drops {
        let known = tx.find_parked(&connection, &id)?;
        let row = ParkedRow {
            tenant: tx.tenant().as_str().to_owned(),
            connection_id: connection.clone(),
            user_id: id.clone(),
            state: DROPPED.to_owned(),
            reason: because.to_owned(),
            session_id: revert.run.id.clone(),
            since: known.as_ref().map_or(revert.now.0, |row| row.since),
            decided_at: Some(revert.now.0),
            decider_kind: Some(tx.actor().kind.clone()),
            decider_id: Some(tx.actor().id.clone()),
        };
        if known.as_ref().is_none_or(|known| known.state != DROPPED) {
            let entry = Entry::new("loss.dropped", "user", id.clone());
            tx.record(
                entry
                    .object("connection", connection.clone())
                    .reason(because),
            );
        }
        tx.put_parked(&row)?;
        if let Some(known) = &known {
            waits_no_more(tx, known)?;
        }
    }
    for conflict in revert.conflicts {
        undo_conflict(tx, conflict)?;
    }
    revert.outcome.access = Some(revert.model.row.access.clone());
    Ok(revert.outcome)
}

/// What the run asked is not asked any more; what it answered is open again.
fn undo_conflict(tx: &mut Tx<'_>, mut conflict: ConflictRow) -> Result<()> {
    if conflict.state == "open" {
        tx.delete_conflict(&conflict.id)?;
        let entry = Entry::new("conflict.withdrawn", "user", conflict.subject);
        tx.record(
            entry
                .object("connection", conflict.connection_id)
                .reason(conflict.kind),
        );
        return Ok(());
    }
    "open".clone_into(&mut conflict.state);
    conflict.updated_at = tx.now().0;
    Ok(tx.update_conflict(&conflict)?)
}
