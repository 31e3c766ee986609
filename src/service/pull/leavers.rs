//! Whether HR says of somebody that she has left: the word that confirms what an identity provider says.

use crate::domain::access::reason;
use crate::domain::lifecycle::Phase;
use crate::service::connections::PULL;
use crate::service::error::Result;
use crate::storage::Tx;
use crate::storage::links::LinkRow;
use crate::storage::runs::HeldRow;

use super::draft::term_of;

/// A pull source that is connected says that the person has left, by its word, by a last day that is over, or by missing
/// her; and its own guard either lets that pass, or holds it for nothing but the number of leavers. What the guard does
/// not believe confirms nothing, and neither does what an admin refused.
pub(in crate::service) fn says_left(tx: &mut Tx<'_>, user: &str) -> Result<bool> {
    let links = tx.list_links_of(user)?;
    if links.is_empty() {
        return Ok(false);
    }
    let connections = tx.list_connections()?;
    let is_connected = |link: &LinkRow| {
        let mut own = connections.iter().filter(|c| c.id == link.connection_id);
        own.any(|c| c.kind == PULL && ["active", "paused"].contains(&c.state.as_str()))
    };
    let now = tx.now();
    for link in links.iter().filter(|link| is_connected(link)) {
        let held = tx.find_held(&link.connection_id, &link.source_id)?;
        let is_over = matches!(term_of(link).phase(now), Phase::Ended(_)) || link.has_ended();
        let confirms = match &held {
            None => is_over,
            Some(held) => is_believed(held),
        };
        if confirms {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A loss that waits only because there are so many, and not for a day to come.
pub(in crate::service) fn is_believed(held: &HeldRow) -> bool {
    held.why == LIMIT && held.state == "waiting" && held.reason != reason::LAST_DAY_AHEAD
}

/// Why a loss waits that is one too many.
const LIMIT: &str = "limit";
