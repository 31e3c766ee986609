//! Questions for a human: opened once per connection and asserted keys, however often the source comes back.

use serde_json::{Value, json};

use crate::domain::audit::{Entry, sha256_hex};
use crate::service::error::Result;
use crate::storage::Tx;
use crate::storage::conflicts::ConflictRow;

/// What cannot be decided by the program.
pub(super) struct Question<'a> {
    /// Code.
    pub(super) kind: &'static str,
    /// Keys that the source asserted; stored as a hash only.
    pub(super) asserted: &'a [(&'a str, &'a str)],
    /// The user that the source got.
    pub(super) subject: &'a str,
    /// Who it might be instead.
    pub(super) candidates: &'a [String],
}

/// Opens a conflict, or counts that it came up again.
pub(super) fn ask(tx: &mut Tx<'_>, connection: &str, question: &Question<'_>) -> Result<()> {
    let key = sha256_hex(
        json!([question.kind, question.asserted])
            .to_string()
            .as_bytes(),
    );
    let now = tx.now().0;
    if let Some(mut row) = tx.find_conflict(connection, &key)? {
        row.seen += 1;
        row.updated_at = now;
        return Ok(tx.update_conflict(&row)?);
    }
    let candidates = Value::from(question.candidates.to_vec());
    let row = ConflictRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        connection_id: connection.to_owned(),
        key,
        kind: question.kind.to_owned(),
        subject: question.subject.to_owned(),
        candidates: candidates.to_string(),
        params: None,
        state: "open".to_owned(),
        seen: 1,
        created_at: now,
        updated_at: now,
    };
    tx.create_conflict(&row)?;
    let entry = Entry::new("conflict.opened", "user", question.subject)
        .object("connection", connection)
        .reason(question.kind)
        .change("candidates", None, Some(candidates));
    tx.record(entry);
    Ok(())
}
