//! Why a person is as she is, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::page::why as in_words;
use crate::cli::shown;
use crate::domain::clock::Millis;
use crate::service::why::{Mark, Said, Told, Why};
use crate::storage::connections::ConnectionRow;

fn mark(mark: &Option<Mark>) -> Value {
    mark.as_ref().map_or(Value::Null, |mark| {
        json!({
            "sequence": mark.sequence, "time": Millis(mark.at).to_rfc3339(), "action": mark.action,
            "actorKind": mark.actor.0, "actorId": mark.actor.1, "causeKind": mark.cause.0, "causeId": mark.cause.1,
        })
    })
}

/// As JSON.
pub(super) fn value(id: &str, why: &Why) -> Value {
    let said = |said: &Said| {
        json!({
            "connection": said.connection, "value": said.value, "standing": said.standing.as_str(),
            "since": mark(&said.since),
        })
    };
    let told = |told: &Told| {
        json!({
            "path": told.path, "value": told.value, "since": mark(&told.since),
            "said": told.said.iter().map(said).collect::<Vec<_>>(),
        })
    };
    json!({
        "id": id, "access": why.access, "hasAccess": why.has_access,
        "accessReason": {"code": why.reason, "parameters": why.parameters.as_deref().and_then(|p| serde_json::from_str::<Value>(p).ok())},
        "decidedByHuman": why.is_sticky, "since": mark(&why.since),
        "words": why.words.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "values": why.values.iter().map(told).collect::<Vec<_>>(),
    })
}

/// By which change.
fn since(mark: &Option<Mark>) -> String {
    let Some(mark) = mark else {
        return "longer than the journal was looked through".to_owned();
    };
    format!(
        "since {} by {} {} ({} {})",
        Millis(mark.at).to_rfc3339(),
        mark.actor.0,
        mark.actor.1,
        mark.cause.0,
        mark.cause.1
    )
}

/// For people.
pub(super) fn page(id: &str, why: &Why, connections: &[ConnectionRow]) -> String {
    let label = |id: &str| {
        let found = connections.iter().find(|c| c.id == id);
        found.map_or_else(|| id.to_owned(), |c| format!("{} ({id})", shown(&c.label)))
    };
    let mut out = format!(
        "{id}  {}  {}\n  {}: {}\n",
        why.access,
        since(&why.since),
        why.reason,
        in_words(&why.reason)
    );
    if why.is_sticky {
        out += "  decided by a human: no source gives access\n";
    }
    for (connection, word) in &why.words {
        let word = word.as_deref().unwrap_or("nothing");
        let _ = writeln!(out, "  {} says {}", label(connection), shown(word));
    }
    for told in &why.values {
        let value = told.value.as_ref();
        let value = value.map_or("-".to_owned(), |value| shown(&value.to_string()));
        let _ = writeln!(out, "\n{} = {value}  {}", told.path, since(&told.since));
        for said in &told.said {
            let (standing, value) = (said.standing.as_str(), shown(&said.value.to_string()));
            let source = label(&said.connection);
            let _ = writeln!(
                out,
                "    {standing:<10} {value}  {source}  {}",
                since(&said.since)
            );
        }
    }
    out.trim_end().to_owned()
}
