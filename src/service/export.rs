//! Everything of a tenant that is no secret, as lines of JSON, a page in memory at a time. The tenant may go on changing
//! meanwhile: each table is read in the order of its key, and the first and the last line say where the journal stood.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::{Error, Result, corrupt};
use super::{Caller, Service};
use crate::domain::audit::{Committed, hex};
use crate::domain::clock::Millis;
use crate::storage::heads::Head;
use crate::storage::journal::{Row, ValueRow};
use crate::storage::tenants::{TenantRow, state};
use crate::storage::whole::{self, Table};

/// Version of the form.
const FORMAT: u32 = 1;
/// Rows of a page.
const PAGE: usize = 200;

/// Tables that are exported, each with the columns that are left out: hashes of secrets, and what is made of the others for
/// looking up.
pub const EXPORTED: &[(&str, &[&str])] = &[
    ("connections", &[]),
    ("schedules", &["lease_holder", "lease_until"]),
    ("credentials", &["hash"]),
    ("tenant_schemas", &[]),
    ("users", &["match_doc", "user_name_key", "display_name_key"]),
    ("emails", &["fold"]),
    (
        "claims",
        &["view_match", "user_name_key", "display_name_key"],
    ),
    ("links", &["digest"]),
    ("given_values", &[]),
    ("groups", &["match_doc", "display_name_key"]),
    ("memberships", &[]),
    ("reviewers", &[]),
    ("team_syncs", &[]),
    ("synced_teams", &[]),
    ("kept_teams", &[]),
    ("kept_people", &[]),
    ("team_findings", &[]),
    ("invitations", &[]),
    ("conflicts", &["key"]),
    ("pairs", &[]),
    ("runs", &["settings_digest"]),
    ("run_items", &[]),
    ("run_changes", &[]),
    ("held_losses", &["digest"]),
    ("undo_holds", &["digest", "said"]),
    ("app_imports", &[]),
    ("push_guards", &[]),
    ("push_losses", &[]),
    ("parked_losses", &[]),
    ("push_sessions", &[]),
    ("recomputes", &[]),
    ("switches", &[]),
    ("notices", &[]),
    ("notice_recipients", &[]),
];

/// Tables that are not: secrets, what is made of other tables, work under way, and the journal, which has a form of its own.
pub const KEPT_BACK: &[&str] = &[
    "app_seen",
    "connection_secrets",
    "consents",
    "credential_index",
    "deletions",
    "file_chunks",
    "file_marks",
    "file_uploads",
    "handoffs",
    "heads",
    "invalidations",
    "invitation_links",
    "invite_attributes",
    "journal",
    "journal_values",
    "member_jobs",
    "outbox",
    "pair_keys",
    "pair_marks",
];

/// Columns whose texts are JSON.
const JSON: [&str; 27] = [
    "access_params",
    "asserted",
    "candidates",
    "change",
    "counts",
    "doc",
    "document",
    "effect",
    "error",
    "evidence",
    "fields",
    "given",
    "health_params",
    "held",
    "in_force",
    "outcome",
    "params",
    "person",
    "reasons",
    "settings",
    "templates",
    "undone",
    "units",
    "view_doc",
    "why",
    "why_held",
    "preview",
];

/// An export under way.
pub struct Export {
    service: Service,
    caller: Caller,
    tables: Vec<(Table, BTreeSet<&'static str>)>,
    place: Place,
    lines: u64,
    hash: Sha256,
}

enum Place {
    /// Nothing is written yet.
    Start,
    /// In this table, after this key.
    Table(usize, Option<Vec<Value>>),
    /// In the journal, after this entry.
    Journal(i64),
    /// Everything is written.
    End,
}

impl Service {
    /// Begins an export of the caller's tenant; [`Export::next`] gives its lines.
    ///
    /// # Errors
    /// Storage.
    pub async fn export_tenant(&self, caller: &Caller) -> Result<Export> {
        let all = self
            .store
            .read_global(|conn| Ok::<_, Error>(whole::tables(conn)?))
            .await?;
        let wanted = EXPORTED.iter().filter_map(|(name, without)| {
            let table = all.iter().find(|table| table.name == *name)?;
            Some((table.clone(), without.iter().copied().collect()))
        });
        Ok(Export {
            service: self.clone(),
            caller: caller.clone(),
            tables: wanted.collect(),
            place: Place::Start,
            lines: 0,
            hash: Sha256::new(),
        })
    }
}

impl Export {
    /// Some more lines, each with its end; `None` after the last.
    ///
    /// # Errors
    /// Storage: the export is cut off, and has no last line.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            let lines = match std::mem::replace(&mut self.place, Place::End) {
                Place::End => return Ok(None),
                Place::Start => {
                    self.place = Place::Table(0, None);
                    vec![self.first().await?]
                }
                Place::Table(at, after) => self.rows(at, after).await?,
                Place::Journal(after) => self.entries(after).await?,
            };
            if lines.is_empty() {
                continue;
            }
            let mut text = String::new();
            for line in lines {
                text.push_str(&line.to_string());
                text.push('\n');
                self.lines += 1;
            }
            self.hash.update(text.as_bytes());
            if matches!(self.place, Place::End) {
                let end = self.last().await?;
                text.push_str(&end.to_string());
                text.push('\n');
            }
            return Ok(Some(text));
        }
    }

    async fn stand(&self) -> Result<(Option<TenantRow>, Option<Head>)> {
        let id = self.caller.tenant.as_str().to_owned();
        let row = self
            .service
            .store
            .read_global(move |conn| Ok::<_, Error>(crate::storage::tenants::find(conn, &id)?))
            .await?;
        let head = self.service.store.read(&self.caller.tenant, |scope| {
            Ok::<_, Error>(scope.find_head()?)
        });
        Ok((row, head.await?))
    }

    async fn first(&self) -> Result<Value> {
        let (row, head) = self.stand().await?;
        let id = self.caller.tenant.as_str();
        let row = row.ok_or_else(|| Error::no_such("tenant", id))?;
        let entitled = self.service.find_entitlements(&self.caller.tenant).await?;
        Ok(json!({
            "kind": "export", "format": FORMAT,
            "takenAt": self.service.store.clock().now().to_rfc3339(),
            "journal": mark(head.as_ref()),
            "values": {
                "id": row.id, "name": row.name, "state": row.state, "accountId": row.account_id,
                "createdAt": Millis(row.created_at).to_rfc3339(), "settings": row.settings()?,
                "entitlements": entitled.entitlements,
            },
        }))
    }

    async fn last(&self) -> Result<Value> {
        let (row, head) = self.stand().await?;
        if row.is_none_or(|row| row.state == state::DELETING) {
            let detail = "the tenant is being deleted meanwhile: what was exported is not whole";
            return Err(Error::NotNow(detail.to_owned()));
        }
        Ok(json!({
            "kind": "end", "lines": self.lines, "sha256": hex(&self.hash.clone().finalize()),
            "journal": mark(head.as_ref()),
        }))
    }

    async fn rows(&mut self, at: usize, after: Option<Vec<Value>>) -> Result<Vec<Value>> {
        let Some((table, without)) = self.tables.get(at).cloned() else {
            self.place = Place::Journal(0);
            return Ok(Vec::new());
        };
        let read = table.clone();
        let page = self
            .service
            .store
            .read(&self.caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_rows(&read, after.as_deref(), PAGE)?)
            })
            .await?;
        self.place = match page.next {
            Some(next) => Place::Table(at, Some(next)),
            None => Place::Table(at + 1, None),
        };
        let line = |row: Vec<Value>| {
            let named = table.columns.iter().map(|c| c.name.as_str()).zip(row);
            let kept = named.filter(|(name, value)| {
                *name != "tenant" && !without.contains(name) && !value.is_null()
            });
            let values: Map<String, Value> = kept
                .map(|(name, value)| (camel(name), opened(name, value)))
                .collect();
            json!({"kind": table.name, "values": values})
        };
        Ok(page.rows.into_iter().map(line).collect())
    }

    async fn entries(&mut self, after: i64) -> Result<Vec<Value>> {
        let limit = PAGE as i64;
        let page = self
            .service
            .store
            .read(&self.caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_entries_after(after, limit)?)
            })
            .await?;
        if page.len() == PAGE
            && let Some((last, _)) = page.last()
        {
            self.place = Place::Journal(last.sequence);
        }
        let line = |(row, values): &(Row, Vec<ValueRow>)| {
            Ok(json!({"kind": "journal", "values": entry_value(row, values)?}))
        };
        page.iter().map(line).collect()
    }
}

fn mark(head: Option<&Head>) -> Value {
    head.map_or(
        Value::Null,
        |head| json!({"epoch": head.epoch, "sequence": head.sequence, "hash": head.hash}),
    )
}

/// A column's name as programs read it: `access_since` is `accessSince`.
fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut is_next = false;
    for c in name.chars() {
        match (c, is_next) {
            ('_', _) => is_next = true,
            (c, true) => {
                out.push(c.to_ascii_uppercase());
                is_next = false;
            }
            (c, false) => out.push(c),
        }
    }
    out
}

/// A value that is stored as text and is JSON, as it is meant.
fn opened(name: &str, value: Value) -> Value {
    match &value {
        Value::String(text) if JSON.contains(&name) && text.starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or(value)
        }
        _ => value,
    }
}

/// An entry with its commitments and salts: all that another program needs to check it (`docs/JOURNAL.md`).
///
/// # Errors
/// What is stored cannot be read.
pub fn entry_value(row: &Row, values: &[ValueRow]) -> Result<Value> {
    let committed: Vec<Committed> = serde_json::from_str(&row.changes)
        .map_err(|e| corrupt("journal", &row.sequence.to_string(), e))?;
    let side = |ordinal: usize, name: &str, commitment: &str| {
        let mut side = json!({"commitment": commitment});
        let value = values
            .iter()
            .find(|v| usize::try_from(v.ordinal) == Ok(ordinal) && v.side == name);
        if let Some(value) = value {
            side["salt"] = Value::from(value.salt.as_str());
            side["value"] = Value::from(value.value.as_str());
        }
        side
    };
    let changes = committed
        .iter()
        .enumerate()
        .map(|(i, Committed(path, before, after))| {
            let mut change = json!({"path": path});
            for (name, commitment) in [("before", before), ("after", after)] {
                if !commitment.is_empty() {
                    change[name] = side(i, name, commitment);
                }
            }
            change
        });
    let mut entry = json!({
        "tenant": row.tenant,
        "epoch": row.epoch,
        "sequence": row.sequence,
        "at": row.at,
        "actor": {"kind": row.actor_kind, "id": row.actor_id},
        "cause": {"kind": row.cause_kind, "id": row.cause_id},
        "action": row.action,
        "subject": {"kind": row.subject_kind, "id": row.subject_id},
        "changes": changes.collect::<Value>(),
        "hash": row.hash,
    });
    if let (Some(kind), Some(id)) = (&row.object_kind, &row.object_id) {
        entry["object"] = json!({"kind": kind, "id": id});
    }
    if let Some(reason) = &row.reason {
        entry["reason"] = Value::from(reason.as_str());
    }
    Ok(entry)
}
