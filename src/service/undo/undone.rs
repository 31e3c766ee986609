//! What the undo of a run does about a person, in words.

use serde::{Deserialize, Serialize};

use super::change::{Change, Since};
use crate::storage::claims::ClaimState;

/// What the undo of a run does about one person, or did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Undone {
    /// User id.
    pub person: String,
    /// Her records, by the source's ids.
    pub source_ids: Vec<String>,
    /// What the run had done: `created`, `returned`, `adopted`, `merged`, `parked`, `left` or `changed`.
    pub was: String,
    /// Something is undone; false: everything is left as it is.
    pub is_undone: bool,
    /// Paths whose value goes back.
    pub units: Vec<String>,
    /// Access now.
    pub access: Option<String>,
    /// Access as it was before the run; `None` for somebody who was not there.
    pub back_to: Option<String>,
    /// She gets access back.
    pub returns: bool,
    /// What is left as it is, and why.
    pub kept: Vec<Kept>,
}

/// Something that an undo leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// `person`, `access`, `employment`, or the path of a value.
    pub what: String,
    /// `changed-since`, `later-run`, `in-groups`, `user-name-taken` or `gone`.
    pub code: String,
    /// Who changed it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Since>,
}

/// What the run had done, in a word.
pub(super) fn was(change: &Change, connection: &str) -> &'static str {
    let Some(before) = &change.before else {
        return "created";
    };
    let (is_over, ended) = (
        change.after.removed_at.is_some(),
        ClaimState::Ended.as_str(),
    );
    let claim = change.claims.get(connection);
    match (before.removed_at.is_some(), claim) {
        (false, _) if is_over => "merged",
        (true, _) if !is_over => "returned",
        (_, Some(claim)) if claim.after == ended => "left",
        (_, Some(claim)) if claim.after == ClaimState::Parked.as_str() => "parked",
        (_, Some(claim)) if claim.before.is_none() => "adopted",
        (_, Some(claim)) if claim.before.as_deref() == Some(ended) => "returned",
        _ => "changed",
    }
}

pub(super) fn kept(what: &str, code: &str, by: Option<Since>) -> Kept {
    Kept {
        what: what.to_owned(),
        code: code.to_owned(),
        by,
    }
}
