//! Questions for a human: opened once per connection and asserted keys, however often the source comes back.

use serde_json::{Value, json};

use crate::domain::audit::{Entry, sha256_hex};
use crate::service::error::Result;
use crate::service::notices::{self, Raise};
use crate::storage::Tx;
use crate::storage::conflicts::ConflictRow;

/// Words of a conflict's state.
pub(in crate::service) mod state {
    /// Waits for an answer.
    pub(in crate::service) const OPEN: &str = "open";
    /// An answer is being carried out.
    pub(in crate::service) const LINKING: &str = "linking";
    /// They are one.
    pub(in crate::service) const LINKED: &str = "linked";
    /// They are two.
    pub(in crate::service) const APART: &str = "kept-apart";
}

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
    /// A human took a source's record from somebody.
    pub(in crate::service) const UNLINKED: &str = "unlinked";
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
    if is_answered(tx, question)? {
        return Ok(());
    }
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
            state::OPEN.clone_into(&mut row.state);
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
        state: state::OPEN.to_owned(),
        seen: 1,
        created_at: now,
        updated_at: now,
    };
    tx.create_conflict(&row)?;
    record(tx, "conflict.opened", connection, question, candidates);
    let label = tx.find_connection(connection)?.map(|row| row.label);
    let raise = Raise {
        code: notices::NEW_CONFLICT,
        subject: connection,
        person: None,
        params: json!({"connection": connection, "label": label, "conflict": row.id, "kind": row.kind}),
    };
    notices::raise(tx, &raise)
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

/// A human said of each of them that she is somebody else. Who has the userName is asked again: two cannot have one.
fn is_answered(tx: &mut Tx<'_>, question: &Question<'_>) -> Result<bool> {
    if question.kind == kind::USER_NAME_TAKEN || question.candidates.is_empty() {
        return Ok(false);
    }
    let answers = tx.list_conflicts_about(question.subject)?;
    let apart: Vec<&ConflictRow> = answers.iter().filter(|c| c.state == state::APART).collect();
    let is_apart = |id: &String| apart.iter().any(|c| c.candidates.contains(id.as_str()));
    Ok(question.candidates.iter().all(is_apart))
}

/// Whoever was asked about is somebody else by now: nothing about her is open any more.
pub(in crate::service) fn answered(tx: &mut Tx<'_>, subject: &str) -> Result<()> {
    let now = tx.now().0;
    for mut row in tx.list_conflicts_about(subject)? {
        if row.state != state::LINKED {
            state::LINKED.clone_into(&mut row.state);
            row.updated_at = now;
            tx.update_conflict(&row)?;
        }
    }
    Ok(())
}

/// A human said that two are not one, whatever makes them look so.
pub(in crate::service) fn keep_apart(
    tx: &mut Tx<'_>,
    connection: &str,
    subject: &str,
    other: &str,
) -> Result<()> {
    let key = sha256_hex(json!(["unlinked", subject, other]).to_string().as_bytes());
    let now = tx.now().0;
    let row = ConflictRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        connection_id: connection.to_owned(),
        key,
        kind: kind::UNLINKED.to_owned(),
        subject: subject.to_owned(),
        candidates: json!([other]).to_string(),
        params: None,
        state: state::APART.to_owned(),
        seen: 1,
        created_at: now,
        updated_at: now,
    };
    Ok(tx.create_conflict(&row)?)
}
