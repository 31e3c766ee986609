//! People who may be one: somebody whom only the app knows and somebody whom only a source knows, proposed side by side
//! (SEMANTICS §2). Keys of both are kept as rows, so that whoever comes is compared through an index.

mod answer;
mod find;
pub(super) mod keys;

use std::collections::BTreeSet;

pub use answer::{PairAnswer, PairAnswered, ProposedPair, WhichPairs};

use crate::domain::access::Access;
use crate::domain::employment::EmploymentState;
use crate::service::error::Result;
use crate::service::users::model::Model;
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::pairs::Side;
use keys::keys;

/// On which side of a pair somebody may stand; `None`: she is known to both, or nobody asks.
pub(super) fn side(model: &Model) -> Option<Side> {
    if model.row.removed_at.is_some() {
        return None;
    }
    // The app's own claim is the app's side of it.
    let mut of_sources = model.claims.iter().filter(|c| !c.is_of_app());
    let is_live = of_sources.clone().any(|c| c.takes_part());
    let is_claimed = of_sources.any(|c| !c.is(ClaimState::Ended));
    let has_left = model.row.employment_state.as_deref() == Some(EmploymentState::Left.as_str());
    match model.access() {
        Access::Listed if is_live && !model.row.sticky && !has_left => Some(Side::Source),
        Access::Listed => None,
        Access::Invited | Access::Granted | Access::Revoked => (!is_claimed).then_some(Side::App),
    }
}

/// Brings a person's keys in step with her; nothing is read or written about whoever stands on no side.
pub(super) fn keep_keys(tx: &mut Tx<'_>, before: Option<&Model>, model: &Model) -> Result<()> {
    let (was, is) = (before.and_then(side), side(model));
    let is_same = was == is && before.is_some_and(|b| b.doc == model.doc);
    if is_same || (was.is_none() && is.is_none()) {
        return Ok(());
    }
    let wanted = match is {
        Some(_) => keys(&model.doc),
        None => BTreeSet::new(),
    };
    let id = model.row.id.as_str();
    let stored = match before {
        Some(_) => tx.list_pair_keys(id)?,
        None => Vec::new(),
    };
    let stays =
        |key: &str, side: &str| is.is_some_and(|s| s.as_str() == side) && wanted.contains(key);
    let gone: Vec<String> = stored
        .iter()
        .filter(|row| !stays(&row.key, &row.side))
        .map(|row| row.key.clone())
        .collect();
    tx.delete_pair_keys(id, &gone)?;
    let Some(side) = is else {
        return Ok(());
    };
    let has = |key: &String| {
        stored
            .iter()
            .any(|row| row.key == *key && !gone.contains(key))
    };
    let new: Vec<String> = wanted.into_iter().filter(|key| !has(key)).collect();
    Ok(tx.create_pair_keys(id, side, &new)?)
}
