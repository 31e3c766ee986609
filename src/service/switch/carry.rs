//! One person follows a switch: the old connection's claim on her comes to rest, or wakes.

use crate::scim::schema::Registry;
use crate::service::error::Result;
use crate::service::pull::tell_employment;
use crate::service::reorder::nobody;
use crate::service::users::model::Model;
use crate::service::users::settle::{Act, settle};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;

/// Puts the claim at a place to rest, in memory: it keeps what it said.
pub(super) fn put_to_rest(registry: &Registry, model: &mut Model, place: usize) {
    model.materialise(registry);
    model.claims[place].set_state(ClaimState::Resting);
}

/// The new connection has the place: the old one's word takes no part any more. Access stays as it is.
pub(super) fn rest(tx: &mut Tx<'_>, registry: &Registry, from: &str, user: &str) -> Result<()> {
    turn(
        tx,
        registry,
        (from, user),
        ClaimState::Live,
        |model, place| {
            put_to_rest(registry, model, place);
        },
    )
}

/// The way back: the old one's word takes part again, and its next pull looks at the record anew.
pub(super) fn wake(tx: &mut Tx<'_>, registry: &Registry, from: &str, user: &str) -> Result<()> {
    let now = tx.now().0;
    for link in tx.list_links_of(user)? {
        if link.connection_id == from && !link.digest.is_empty() {
            tx.update_link(&LinkRow {
                digest: String::new(),
                updated_at: now,
                ..link
            })?;
        }
    }
    turn(
        tx,
        registry,
        (from, user),
        ClaimState::Resting,
        |model, place| {
            model.claims[place].set_state(ClaimState::Live);
        },
    )
}

fn turn(
    tx: &mut Tx<'_>,
    registry: &Registry,
    (from, user): (&str, &str),
    state: ClaimState,
    change: impl Fn(&mut Model, usize),
) -> Result<()> {
    let Some(before) = Model::load(tx, registry, user)? else {
        return Ok(());
    };
    let place = before.position(from);
    let Some(place) = place.filter(|place| before.claims[*place].is(state)) else {
        return Ok(());
    };
    let mut model = before.clone();
    change(&mut model, place);
    tell_employment(tx, &mut model, "")?;
    let act = Act {
        source: &nobody(),
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)?;
    Ok(())
}
