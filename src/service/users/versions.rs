//! Versions, of which ETags are made (SEMANTICS §5): of the user, of her document, and of each view of its own.

use super::model::{Claim, Model};
use crate::storage::Tx;
use crate::storage::claims::ClaimState;

/// Moves the versions: the user's with any change, the document's with what sources see, a claim's with its own view.
pub(super) fn versions(tx: &Tx<'_>, before: Option<&Model>, model: &mut Model) {
    let now = tx.now().0;
    let Some(before) = before else {
        for claim in &mut model.claims {
            own_version(claim, None, 1, now);
        }
        return;
    };
    model.row.version += 1;
    model.row.updated_at = now;
    if before.doc != model.doc || shown(before) != shown(model) {
        model.row.doc_version += 1;
        model.row.doc_updated_at = now;
    }
    let doc_version = model.row.doc_version;
    for claim in &mut model.claims {
        let old = before
            .claims
            .iter()
            .find(|c| c.row.connection_id == claim.row.connection_id);
        own_version(claim, old, doc_version, now);
    }
}

/// What a claim shows beside the document: `active`, `externalId`, state.
type Shown<'m> = (Option<bool>, Option<&'m str>, &'m str);

/// What sources are shown beside the document. `active` is what a source asserted, else whether the person has access;
/// an ended claim hides the person, a revived one shows her again.
fn shown(model: &Model) -> (bool, Vec<Shown<'_>>) {
    let claims = model
        .claims
        .iter()
        .map(|c| (c.row.active, c.row.external_id.as_deref(), seen_state(c)));
    (model.row.has_access, claims.collect())
}

/// The state as the source sees it: whether it is parked, it does not.
fn seen_state(claim: &Claim) -> &str {
    match claim.takes_part() {
        true => ClaimState::Live.as_str(),
        false => &claim.row.state,
    }
}

fn own_version(claim: &mut Claim, old: Option<&Claim>, doc_version: i64, now: i64) {
    let has_view = claim.row.view_doc.is_some();
    if claim.row.version.is_none() {
        if has_view {
            claim.row.version = Some(doc_version + 1);
            claim.row.updated_at = Some(now);
        }
        return;
    }
    let seen = |c: &Claim| {
        (
            c.row.view_doc.clone(),
            c.row.active,
            c.row.external_id.clone(),
            seen_state(c).to_owned(),
        )
    };
    // Without a view of its own the claim shows the effective document, which may have changed.
    if !has_view || old.map(seen) != Some(seen(claim)) {
        claim.row.version = claim.row.version.map(|v| v.max(doc_version) + 1);
        claim.row.updated_at = Some(now);
    }
}
