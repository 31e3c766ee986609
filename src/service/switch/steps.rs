//! The steps of a switch in the writer, from its start to its finish: each looks at where the switch stands, and moves it on
//! with its entry.

use serde_json::Value;

use super::{BACK_DAYS, SwitchRow, state};
use crate::domain::audit::Entry;
use crate::domain::precedence::{Rules, stand_back, stand_in};
use crate::service::connections::{ConnectionRow, PULL, turn};
use crate::service::error::{Error, Result};
use crate::service::pull::{DISCONNECTED, DISCONNECTING};
use crate::service::reorder::begin_recompute;
use crate::service::teams;
use crate::service::tenants::change_settings;
use crate::storage::Tx;
use crate::storage::claims::ClaimState;

pub(super) fn find(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let found = tx.find_switch(id)?;
    found.ok_or_else(|| Error::no_such("switch", id))
}

pub(super) fn expect(row: &SwitchRow, wanted: &str) -> Result<()> {
    match row.state == wanted {
        true => Ok(()),
        false => Err(Error::NotNow(format!(
            "the switch is {}: this is possible while it is {wanted}",
            row.state
        ))),
    }
}

/// Puts a switch into a state, with its entry.
pub(super) fn step(
    tx: &mut Tx<'_>,
    row: SwitchRow,
    to: &str,
    until: Option<i64>,
) -> Result<SwitchRow> {
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let entry = Entry::new("switch.changed", "switch", row.id.clone())
        .object("connection", row.to_id.clone())
        .change("state", Some(row.state.clone().into()), Some(to.into()));
    tx.record(entry);
    let row = SwitchRow {
        state: to.to_owned(),
        until,
        actor_kind: actor.kind,
        actor_id: actor.id,
        updated_at: now,
        touched_at: now,
        ..row
    };
    tx.update_switch(&row)?;
    Ok(row)
}

/// A pull connection that may be part of a switch.
fn pulled(tx: &mut Tx<'_>, id: &str) -> Result<ConnectionRow> {
    let found = tx.find_connection(id)?;
    let row = found.ok_or_else(|| Error::no_such("connection", id))?;
    if row.kind != PULL {
        let detail = "only a connection that is pulled is switched: what pushes is replaced by giving the new provider a token";
        return Err(crate::scim::Error::invalid_value(detail).into());
    }
    if [DISCONNECTING, DISCONNECTED].contains(&row.state.as_str()) {
        let detail = format!("the connection {id} is {}: resume it first", row.state);
        return Err(Error::NotNow(detail));
    }
    Ok(row)
}

pub(super) fn start(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<SwitchRow> {
    pulled(tx, from)?;
    pulled(tx, to)?;
    if from == to {
        let detail = "`from` and `to` are the same connection";
        return Err(crate::scim::Error::invalid_value(detail).into());
    }
    let over = [state::GIVEN_UP, state::ENDED];
    for row in tx.list_switches()? {
        let both = [row.from_id.as_str(), row.to_id.as_str()];
        if over.contains(&row.state.as_str()) || !both.iter().any(|id| [from, to].contains(id)) {
            continue;
        }
        let detail = match both == [from, to] {
            true => format!("this switch is under way already: {}", row.id),
            false => format!(
                "one of the connections is part of the switch {}, which is {}",
                row.id, row.state
            ),
        };
        return Err(Error::Conflict(detail));
    }
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let row = SwitchRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        from_id: from.to_owned(),
        to_id: to.to_owned(),
        state: state::COMPARING.to_owned(),
        until: None,
        actor_kind: actor.kind,
        actor_id: actor.id,
        created_at: now,
        updated_at: now,
        touched_at: now,
    };
    tx.create_switch(&row)?;
    let text = |text: &str| Some(Value::from(text));
    let entry = Entry::new("switch.started", "switch", row.id.clone()).object("connection", to);
    tx.record(
        entry
            .change("from", None, text(from))
            .change("to", None, text(to)),
    );
    Ok(row)
}

/// Nobody pulls a connection right now.
fn check_quiet(tx: &mut Tx<'_>, connection: &str) -> Result<()> {
    let now = tx.now();
    let schedule = tx.find_schedule(connection)?;
    match schedule.is_some_and(|schedule| schedule.is_leased("", now)) {
        false => Ok(()),
        true => Err(Error::Conflict(format!(
            "a run of the connection {connection} is under way: try again when it has ended"
        ))),
    }
}

pub(super) fn begin_cut_over(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    if row.state == state::CUTTING {
        return Ok(row);
    }
    expect(&row, state::COMPARING)?;
    let (from, to) = (pulled(tx, &row.from_id)?, pulled(tx, &row.to_id)?);
    check_quiet(tx, &from.id)?;
    check_quiet(tx, &to.id)?;
    let mut brought = 0;
    for is_public in [true, false] {
        let first = tx.list_claimants(&to.id, is_public, ClaimState::Live, "", 1)?;
        brought += first.len();
    }
    if brought == 0 || to.state != "active" {
        return Err(Error::NotNow(
            "the new connection has brought nobody yet, or is paused: pull it first, and look at who differs".to_owned(),
        ));
    }
    teams::follow(tx, &from.id, &to.id)?;
    turn(tx, &from, "paused")?;
    tx.set_connection_rank(&to.id, Some(from.rank_at.unwrap_or(from.created_at)))?;
    change_rules(tx, &row, stand_in)?;
    let until = tx.now().plus_days(BACK_DAYS).0;
    step(tx, row, state::CUTTING, Some(until))
}

pub(super) fn begin_return(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    if row.state == state::RETURNING {
        return Ok(row);
    }
    expect(&row, state::CUT)?;
    if row.until.is_none_or(|until| until <= tx.now().0) {
        let detail = format!("the way back is open for {BACK_DAYS} days, and they are over");
        return Err(Error::NotNow(detail));
    }
    // The new one may be gone again: that is what the way back is for.
    pulled(tx, &row.from_id)?;
    check_quiet(tx, &row.to_id)?;
    tx.set_connection_rank(&row.to_id, None)?;
    change_rules(tx, &row, stand_back)?;
    step(tx, row, state::RETURNING, None)
}

/// Changes the rules that name a connection.
pub(super) fn change_rules(
    tx: &mut Tx<'_>,
    row: &SwitchRow,
    change: impl FnOnce(&mut Rules, &str, &str),
) -> Result<()> {
    change_settings(tx, |settings| {
        change(&mut settings.precedence, &row.from_id, &row.to_id);
    })
}

/// Everybody has followed. Of whom the old one never spoke, the new one's place may count against a third source: they are
/// recomputed.
pub(super) fn finish(tx: &mut Tx<'_>, id: &str) -> Result<SwitchRow> {
    let row = find(tx, id)?;
    match row.state.as_str() {
        state::CUTTING => {
            begin_recompute(tx)?;
            let until = row.until;
            step(tx, row, state::CUT, until)
        }
        state::RETURNING => {
            let from = pulled(tx, &row.from_id)?;
            teams::follow(tx, &row.to_id, &from.id)?;
            turn(tx, &from, "active")?;
            begin_recompute(tx)?;
            let over = [DISCONNECTING, DISCONNECTED];
            let to = tx.find_connection(&row.to_id)?;
            // With one that is gone nothing is compared.
            let then = match to.is_some_and(|to| !over.contains(&&*to.state)) {
                true => state::COMPARING,
                false => state::GIVEN_UP,
            };
            step(tx, row, then, None)
        }
        _ => Ok(row),
    }
}
