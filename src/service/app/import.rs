//! Imports: many users or teams of the app, a line each. A line that is refused harms no other. Whom a whole import does
//! not name is missing; she is removed only if that was asked for, and no line was refused.

use std::collections::HashMap;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ImportRow;
use super::line::{Body, Line, read_line};
use super::types::Done;
use crate::scim::Error as ScimError;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::{Lane, Outcome};

/// Lines that are taken at once, so that they share commits.
pub const AT_ONCE: usize = 50;
/// Longest line, in bytes.
pub const LINE: usize = 64 * 1024;
/// State of an import that goes on.
const OPEN: &str = "open";
/// What an import brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The app's users.
    Users,
    /// The app's teams.
    Teams,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Teams => "teams",
        }
    }

    /// The member of a line that has the app's id.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Users => "appUserId",
            Self::Teams => "appTeamId",
        }
    }
}

/// Whether an import is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is some of them.
    Upsert,
    /// It is all of them: who is not in it is missing.
    Reconcile,
}

impl Mode {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Reconcile => "reconcile",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Upsert, Self::Reconcile]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

/// An import that is under way.
#[derive(Debug, Clone)]
pub struct Import {
    /// Its row, as it stands.
    pub row: ImportRow,
    pub(super) what: What,
    pub(super) caller: Caller,
}

/// What became of a line, or of somebody who is in none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineResult {
    /// Line of the import, from 1; of whoever is missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What the app calls the user or team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `created`, `matched`, `updated`, `unchanged`, `failed`, `missing` or `removed`.
    #[schema(example = "matched")]
    pub result: String,
    /// Id of the person, or of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the app is to enforce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_access: Option<bool>,
    /// Code of why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_reason: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl LineResult {
    fn failed(line: u64, id: Option<String>, detail: String) -> Self {
        Self {
            line: Some(line),
            id,
            result: "failed".to_owned(),
            detail: Some(detail),
            ..Self::default()
        }
    }

    fn is_failed(&self) -> bool {
        self.result == "failed"
    }
}

impl Service {
    /// Begins an import, or goes on with one that has this id and did not end.
    ///
    /// # Errors
    /// `NotNow` where lines before `line` were not taken yet; `Invalid` where it was begun as another one.
    pub async fn begin_import(
        &self,
        caller: &Caller,
        id: Option<String>,
        what: What,
        mode: Mode,
        line: u64,
    ) -> Result<Import> {
        let mut caller = caller.clone();
        caller.lane = Lane::Run;
        self.forget_imports(&caller).await?;
        let id = id.unwrap_or_else(|| self.fresh_id());
        let row = self
            .store
            .write(caller.meta(), move |tx| {
                let now = tx.now().0;
                let fresh = ImportRow {
                    tenant: tx.tenant().as_str().to_owned(),
                    id: id.clone(),
                    kind: what.as_str().to_owned(),
                    mode: mode.as_str().to_owned(),
                    state: OPEN.to_owned(),
                    lines: 0,
                    failed: 0,
                    created_at: now,
                    updated_at: now,
                };
                let row = match tx.find_import(&id)?.filter(|row| row.state == OPEN) {
                    Some(row) if row.kind != fresh.kind || row.mode != fresh.mode => {
                        return Err(ScimError::invalid_value(format!(
                            "this import was begun with {} and mode {}: go on so, or begin another one",
                            row.kind, row.mode
                        ))
                        .into());
                    }
                    Some(row) => row,
                    None => fresh,
                };
                let next = u64::try_from(row.lines).unwrap_or_default() + 1;
                if line == 0 || line > next {
                    return Err(Error::NotNow(format!(
                        "the import goes on with line {next}: what is between it and line {line} was not taken"
                    )));
                }
                tx.put_import(&row)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await?;
        Ok(Import { row, what, caller })
    }

    /// Takes some lines, the first of which has this number; at most [`AT_ONCE`].
    ///
    /// # Errors
    /// `NotNow` for an import that somebody else ended; storage.
    pub async fn import_lines(
        &self,
        import: &mut Import,
        first: u64,
        lines: &[Vec<u8>],
    ) -> Result<Vec<LineResult>> {
        let numbered = (first..).zip(lines);
        let filled = numbered.filter(|(_, line)| !line.trim_ascii().is_empty());
        let read: Vec<_> = filled
            .map(|(number, line)| (number, read_line(import.what, line)))
            .collect();
        let twice = self.twice(import, &read).await?;
        let done = read.into_iter().map(|(number, line)| {
            let seen = twice.get(&number).copied();
            self.take_line(import, number, line, seen)
        });
        let mut results = Vec::with_capacity(lines.len());
        for result in join_all(done).await {
            results.push(result?);
        }
        let last = first + lines.len() as u64 - 1;
        self.note_lines(import, last, &results).await?;
        Ok(results)
    }

    /// Lines whose id another line has, with that line.
    async fn twice(&self, import: &Import, read: &[(u64, Line)]) -> Result<HashMap<u64, u64>> {
        let ids: Vec<String> = read
            .iter()
            .filter_map(|(_, line)| line.id.clone())
            .collect();
        let id = import.row.id.clone();
        let seen = self
            .store
            .read(&import.caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_seen(&id, &ids)?)
            })
            .await?;
        let stored = seen.into_iter();
        let mut first: HashMap<String, u64> = stored
            .map(|(item, line)| (item, u64::try_from(line).unwrap_or_default()))
            .collect();
        let mut twice = HashMap::new();
        for (number, line) in read {
            let Some(id) = &line.id else { continue };
            let before = *first.entry(id.clone()).or_insert(*number);
            if before != *number {
                twice.insert(*number, before);
            }
        }
        Ok(twice)
    }

    async fn take_line(
        &self,
        import: &Import,
        number: u64,
        line: Line,
        seen: Option<u64>,
    ) -> Result<LineResult> {
        let Line { id, body } = line;
        let done = match (body, seen, &id) {
            (Ok(_), Some(before), Some(_)) => {
                let field = import.what.id();
                let detail = format!("line {before} has the same `{field}`");
                return Ok(LineResult::failed(number, id, detail));
            }
            (Ok(Body::User(user)), None, Some(id)) => {
                let put = self.put_app_user(&import.caller, id, *user).await;
                put.map(|(done, user)| LineResult {
                    result: word(done).to_owned(),
                    resource: Some(user.person_id),
                    has_access: Some(user.has_access),
                    access_reason: Some(user.access_reason),
                    ..LineResult::default()
                })
            }
            (Ok(Body::Team(team)), None, Some(id)) => {
                let put = self.put_app_team(&import.caller, id, *team).await;
                put.map(|(done, group)| LineResult {
                    result: word(done).to_owned(),
                    resource: Some(group),
                    ..LineResult::default()
                })
            }
            (Err(error), ..) => Err(error),
            (Ok(_), _, None) => Err(Error::no_such("line", "")),
        };
        match done {
            Ok(result) => Ok(LineResult {
                line: Some(number),
                id,
                ..result
            }),
            Err(Error::Storage(error)) => Err(error.into()),
            Err(Error::Invalid(error)) => Ok(LineResult::failed(number, id, error.detail)),
            Err(error) => Ok(LineResult::failed(number, id, error.to_string())),
        }
    }

    /// Notes how far the import came, and whom it named: also those whose line was refused.
    async fn note_lines(
        &self,
        import: &mut Import,
        last: u64,
        results: &[LineResult],
    ) -> Result<()> {
        let (id, results) = (import.row.id.clone(), results.to_vec());
        import.row = self
            .store
            .write(import.caller.meta(), move |tx| {
                let row = tx.find_import(&id)?.filter(|row| row.state == OPEN);
                let mut row = row.ok_or_else(|| {
                    Error::NotNow("somebody else ended this import meanwhile".to_owned())
                })?;
                let before = u64::try_from(row.lines).unwrap_or_default();
                let is_new = |r: &&LineResult| r.line.is_some_and(|line| line > before);
                let failed = results.iter().filter(is_new).filter(|r| r.is_failed());
                row.failed += i64::try_from(failed.count()).unwrap_or_default();
                row.lines = row.lines.max(i64::try_from(last).unwrap_or(i64::MAX));
                row.updated_at = tx.now().0;
                for result in &results {
                    if let (Some(item), Some(line)) = (&result.id, result.line) {
                        tx.create_seen(&id, item, i64::try_from(line).unwrap_or(i64::MAX))?;
                    }
                }
                tx.put_import(&row)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await?;
        Ok(())
    }

    /// Imports of the last days.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_imports(&self, caller: &Caller) -> Result<Vec<ImportRow>> {
        self.store
            .read(&caller.tenant, |scope| Ok(scope.list_imports()?))
            .await
    }
}

fn word(done: Done) -> &'static str {
    match done {
        Done::Created => "created",
        Done::Matched => "matched",
        Done::Updated => "updated",
        Done::Unchanged => "unchanged",
    }
}
