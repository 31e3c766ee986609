//! Imports of the app's users and teams: the body is taken as it comes, line by line.

use futures_util::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{BAD_FILE, Problem, Result, TIMEOUT, TOO_LARGE};
use super::{Page, time};
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::service::app::{AT_ONCE, ImportRow, LINE, LineResult, Missing, Mode, What};

/// Media types of lines.
pub(super) const MEDIA: [&str; 6] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json",
    "text/plain",
    "application/octet-stream",
];
/// Most lines of one request.
const LINES: u64 = 100_000;

/// What an import came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Id of the import.
    import: String,
    /// `finished`, or `open`: more is to come.
    #[schema(example = "finished")]
    state: String,
    /// Up to this line everything was taken.
    lines: u64,
    /// Lines that were refused, of all requests.
    failed: u64,
    /// Whom an import of everybody did not name.
    missing: u64,
    /// How many of these were removed.
    removed: u64,
    /// Why nobody was removed though that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    /// One for each line, then one for each of the first thousand who are missing.
    results: Vec<LineResult>,
}

/// How far an import came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Id of the import.
    import: String,
    /// `users` or `teams`.
    kind: String,
    /// `upsert` or `reconcile`.
    mode: String,
    /// `open` or `finished`.
    state: String,
    /// Up to this line everything was taken.
    lines: u64,
    /// Lines that were refused.
    failed: u64,
    /// Last change.
    updated_at: String,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn show(row: ImportRow) -> Progress {
    Progress {
        import: row.id,
        kind: row.kind,
        mode: row.mode,
        state: row.state,
        lines: count(row.lines),
        failed: count(row.failed),
        updated_at: time(row.updated_at),
    }
}

/// List the imports of the last days.
///
/// How far each came; one that was cut off is gone on with by sending it again with the same `Idempotency-Key`.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/app-imports", responses((status = 200, description = "A page of them.", body = Page<Progress>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let rows = call.state.service.list_imports(&call.caller()?).await;
    let rows = rows.map_err(|e| call.explain(e))?;
    reply(
        200,
        &Page::of(&call, rows, |row| &row.id, |row| Ok(show(row)))?,
    )
}

/// What the query asks for.
struct Wish {
    mode: Mode,
    line: u64,
    has_more: bool,
    missing: Missing,
}

impl Wish {
    fn of(call: &Call) -> Result<Self> {
        let refuse = |name: &str, takes: &str, got: &str| {
            let detail = format!("`{name}` takes {takes}; got `{}`", quote(got));
            Problem::invalid(detail)
        };
        let number = |name: &str| {
            let text = call.parameter(name);
            let read = text.map(|t| t.parse::<u64>().map_err(|_| refuse(name, "a number", t)));
            read.transpose()
        };
        let mode = call.parameter("mode").unwrap_or("upsert");
        let mode = Mode::parse(mode).ok_or_else(|| refuse("mode", "upsert or reconcile", mode))?;
        let has_more = match call.parameter("more") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(refuse("more", "true or false", other)),
        };
        let most = number("removeAtMost")?;
        let missing = match (call.parameter("missing"), mode, most) {
            (None | Some("report"), _, None) => Missing::Report,
            (Some("remove"), Mode::Reconcile, most) => Missing::Remove(most),
            (Some("report" | "remove") | None, ..) => {
                let detail = "`missing=remove` needs `mode=reconcile`, and `removeAtMost` needs both: only who is not in \
                              a list of everybody is missing";
                return Err(Problem::invalid(detail));
            }
            (Some(other), ..) => return Err(refuse("missing", "report or remove", other)),
        };
        let line = number("line")?.unwrap_or(1);
        Ok(Self {
            mode,
            line,
            has_more,
            missing,
        })
    }
}

/// Takes a body of lines.
pub(super) async fn import(mut call: Call, what: What) -> Result<Reply> {
    let (service, caller) = (call.state.service.clone(), call.caller()?);
    let (wish, id) = (Wish::of(&call)?, call.id_to_create("app-import")?);
    let begun = service
        .begin_import(&caller, id, what, wish.mode, wish.line)
        .await;
    let mut import = begun.map_err(|e| call.explain(e))?;
    let mut lines = Lines::new(wish.line);
    let mut results = Vec::new();
    loop {
        let more = lines.fill(&mut call).await;
        let is_over = matches!(more, Ok(false));
        while let Some((first, some)) = lines.take(is_over) {
            let taken = service.import_lines(&mut import, first, &some).await;
            results.extend(taken.map_err(|e| call.explain(e))?);
        }
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(problem) => return Err(problem),
        }
    }
    let mut imported = Imported {
        missing: 0,
        removed: 0,
        kept: None,
        import: import.row.id.clone(),
        state: String::new(),
        lines: 0,
        failed: 0,
        results,
    };
    if !wish.has_more {
        let ended = service.end_import(&mut import, wish.missing).await;
        let ended = ended.map_err(|e| call.explain(e))?;
        imported.results.extend(ended.first);
        (imported.missing, imported.removed) = (ended.missing, ended.removed);
        imported.kept = ended.kept;
    }
    let row = import.row;
    imported.state = row.state;
    (imported.lines, imported.failed) = (count(row.lines), count(row.failed));
    reply(200, &imported)
}

/// Lines of a body that is on its way.
struct Lines {
    /// Whole lines, and behind them the beginning of one.
    ready: Vec<Vec<u8>>,
    rest: Vec<u8>,
    /// Number of the first of them.
    next: u64,
    taken: u64,
}

impl Lines {
    fn new(next: u64) -> Self {
        Self {
            ready: Vec::new(),
            rest: Vec::new(),
            next,
            taken: 0,
        }
    }

    /// Reads on; false at the end of the body.
    async fn fill(&mut self, call: &mut Call) -> Result<bool> {
        let patience = call.state.limits.body_time;
        let Some(body) = &mut call.file else {
            return Ok(false);
        };
        let late = |_| {
            let seconds = patience.as_secs();
            Problem::new(&TIMEOUT, format!("nothing arrived for {seconds} seconds"))
        };
        let chunk = tokio::time::timeout(patience, body.next()).await;
        let Some(chunk) = chunk.map_err(late)? else {
            return Ok(false);
        };
        let chunk = chunk.map_err(|e| {
            let detail = format!(
                "the body was cut off ({e}): what came before was taken; send it again with the same Idempotency-Key"
            );
            Problem::new(&BAD_FILE, detail)
        })?;
        for part in chunk.split_inclusive(|b| *b == b'\n') {
            // What is too long is refused as a line, and need not be kept whole for it.
            let room = (LINE + 1).saturating_sub(self.rest.len());
            let is_whole = part.ends_with(b"\n");
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            self.rest.extend_from_slice(&text[..text.len().min(room)]);
            if is_whole {
                self.ready.push(std::mem::take(&mut self.rest));
            }
        }
        if self.taken + self.ready.len() as u64 > LINES {
            let detail = format!(
                "a request has at most {LINES} lines: send the rest with `line` and the same Idempotency-Key, and all parts \
                 but the last with `more=true`"
            );
            return Err(Problem::new(&TOO_LARGE, detail));
        }
        Ok(true)
    }

    /// So many lines as are taken at once, with the number of the first; at the end the last ones too.
    fn take(&mut self, is_over: bool) -> Option<(u64, Vec<Vec<u8>>)> {
        if is_over && !self.rest.is_empty() {
            self.ready.push(std::mem::take(&mut self.rest));
        }
        if self.ready.is_empty() || (self.ready.len() < AT_ONCE && !is_over) {
            return None;
        }
        let some: Vec<_> = self.ready.drain(..self.ready.len().min(AT_ONCE)).collect();
        let first = self.next;
        self.next += some.len() as u64;
        self.taken += some.len() as u64;
        Some((first, some))
    }
}
