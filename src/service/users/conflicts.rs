//! Questions for a human: opened once per connection and asserted keys, however often the source comes back.

use serde_json::{Value, json};

use crate::domain::audit::{Entry, sha256_hex};
use crate::service::error::Result;
use crate::storage::Tx;
use crate::storage::conflicts::ConflictRow;

const OPEN: &str = "open";

/// Codes of what is asked.
pub(in crate::service) mod kind {
    /// Several people may be meant.
    pub(in crate::service) const SEVERAL: &str = "several-candidates";
    /// The one who is meant is not taken over without a human's word.
    pub(in crate::service) const NOT_ADOPTABLE: &str = "not-adoptable";
    /// Somebody has an address that differs only in what wider folding makes equal.
    pub(in crate::service) const SIMILAR_ADDRESS: &str = "similar-address";
    /// Somebody former had the userName, and nothing else speaks for the same person.
    pub(in crate::service) const FORMER_NAME: &str = "former-name";
    /// The userName is in force for somebody else.
    pub(in crate::service) const USER_NAME_TAKEN: &str = "user-name-taken";
}

/// What cannot be decided by the program.
pub(in crate::service) struct Question<'a> {
    /// Code.
    pub(in crate::service) kind: &'static str,
    /// Keys that the source asserted; stored as a hash only.
    pub(in crate::service) asserted: &'a [(&'a str, &'a str)],
    /// The user that the source got.
    pub(in crate::service) subject: &'a str,
    /// Who it might be instead.
    pub(in crate::service) candidates: &'a [String],
}

/// Opens a conflict, or counts that it came up again; an answer holds as long as the question stays the same.
pub(in crate::service) fn ask(
    tx: &mut Tx<'_>,
    connection: &str,
    question: &Question<'_>,
) -> Result<()> {
    let key = sha256_hex(json!(question.asserted).to_string().as_bytes());
    let now = tx.now().0;
    let candidates = Value::from(question.candidates.to_vec());
    if let Some(mut row) = tx.find_conflict(connection, &key)? {
        row.seen += 1;
        row.updated_at = now;
        let text = candidates.to_string();
        let is_same = (&row.kind[..], &row.subject[..], &row.candidates)
            == (question.kind, question.subject, &text);
        if !is_same {
            question.kind.clone_into(&mut row.kind);
            question.subject.clone_into(&mut row.subject);
            row.candidates = text;
            OPEN.clone_into(&mut row.state);
            record(tx, "conflict.changed", connection, question, candidates);
        }
        return Ok(tx.update_conflict(&row)?);
    }
    let row = ConflictRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        connection_id: connection.to_owned(),
        key,
        kind: question.kind.to_owned(),
        subject: question.subject.to_owned(),
        candidates: candidates.to_string(),
        params: None,
        state: OPEN.to_owned(),
        seen: 1,
        created_at: now,
        updated_at: now,
    };
    tx.create_conflict(&row)?;
    record(tx, "conflict.opened", connection, question, candidates);
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    action: &'static str,
    connection: &str,
    question: &Question<'_>,
    candidates: Value,
) {
    let entry = Entry::new(action, "user", question.subject)
        .object("connection", connection)
        .reason(question.kind)
        .change("candidates", None, Some(candidates));
    tx.record(entry);
}
