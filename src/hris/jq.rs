//! jq programs that turn one vendor record into a SCIM User, in a sandbox.
//!
//! # For authors of connectors
//!
//! The program's input is one record; it gives one result, or none to leave the record out. Besides jq there are
//!
//! | variable | |
//! | --- | --- |
//! | `$today` | the day of the pull, `YYYY-MM-DD` |
//! | `$settings` | the connection's settings |
//! | `$lookups` | the look-up lists by name: `$lookups.departments["d1"]` |
//!
//! | helper | gives |
//! | --- | --- |
//! | `clean` | a text without blanks at its ends (no-break ones too), null if nothing is left; other values as they are |
//! | `text` | the same, numbers and booleans as text: for ids |
//! | `lower`, `upper`, `nfc`, `fold` | a text in that case, composed, or as words are compared |
//! | `first_of(a, b, …)` | the first that is neither null nor blank |
//! | `words(a, b, …)` | those that are not blank, with a space between; null if none is |
//! | `email` | the address cleaned (`mailto:`, full-width letters, blanks, dot at the end), lower case; null if it is none |
//! | `work_email(.mail)` | the list `emails` with that one address, or null |
//! | `manager(.managerId)`, `manager(.managerId; .id)` | the enterprise `manager`, or null if empty (or the person herself) |
//! | `date` | `YYYY-MM-DD` from an ISO date or date-time, `YYYYMMDD` or `/Date(…)/`; null from null, blank and `0000-00-00` |
//! | `date_dmy`, `date_mdy` | the same from `24.11.2026` or `24/11/2026`, and from `11/24/2026` |
//! | `date_ms`, `date_serial` | the same from milliseconds since 1970 and from a spreadsheet's day number |
//! | `end_date`, `open_end` | `date`, and null for `9999-12-31` and its kind; the second alone takes any helper's date |
//! | `add_days(n)` | a date so many days later |
//! | `status`, `status({"Aktiv": "employed"})` | `prehire`, `employed`, `on_leave`, `left` from usual or own words, `unknown` for all others |
//! | `flag` | true or false from `yes`, `nein`, `1`, …; null if blank |
//! | `lookup("departments"; .departmentId)` | what that list has for a key, null if nothing |
//! | `compact` | the value without members that are null or blank, at any depth |
//! | `reject("start"; "missing")` | refuses this record for that reason; both must be constants |
//!
//! An error refuses its record and no other. What is reported names types and constants of the program, never a value.
//!
//! # The sandbox
//!
//! A program is data from an operator and records are data from anybody, so neither is trusted. No filter reads the
//! environment, the clock, the disk, other inputs or modules (an allow list in `allowed.rs`). Time, steps, memory, depth
//! and results of a record are counted (`meter.rs`); where one runs out, the record fails and the thread goes on with
//! the next. Should a thread hang inside a library all the same, it is abandoned and a new one takes over; while four
//! hang in the process no new one starts, and the pull stops with [`Exhausted`].

mod allowed;
mod meter;
mod natives;
mod ops;
mod value;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use jaq_core::data::{DataT, HasLut};
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Filter, Lut};
use serde_json::Value;

use value::V;
use worker::{Mapping, Worker};

/// Longest program, in bytes.
pub const LONGEST: usize = 64 << 10;

/// Deepest brackets, and most operators and keywords: the parser and what comes after it recurse on both.
const DEEPEST: usize = 200;
const MOST_OPERATORS: usize = 6_000;

/// Longest text of a failure.
const LONGEST_REASON: usize = 200;

/// Why a program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Error {
    /// Line in the program, from 1.
    pub line: u32,
    /// Column, in characters, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub what: String,
}

/// The interpreter's types.
struct Kind;

impl DataT for Kind {
    type V<'a> = V;
    type Data<'a> = Metered<'a>;
}

/// The compiled program. The interpreter asks for it at each step, and each step is counted.
#[derive(Clone)]
struct Metered<'a>(&'a Lut<Kind>);

impl<'a> HasLut<'a, Kind> for Metered<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        meter::step();
        self.0
    }
}

/// A program that was checked.
pub struct Program {
    source: String,
    filter: Filter<Kind>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

impl Program {
    /// Checks a program. Errors: too long; syntax; a filter or variable that does not exist or is not allowed; modules.
    pub fn compile(source: &str) -> Result<Self, Error> {
        let at_start = |what: &str| Error {
            line: 1,
            column: 1,
            what: what.to_owned(),
        };
        if source.len() > LONGEST {
            return Err(at_start(&format!("a program has at most {LONGEST} bytes")));
        }
        if nests_too_much(source) {
            return Err(at_start(
                "it nests too deeply or has too many operators; make definitions of parts",
            ));
        }
        // On a thread with a large stack: the parser goes as deep as the program nests.
        let filter = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(meter::STACK)
                .spawn_scoped(scope, || build(source))
                .map_err(|_| at_start("no thread could be started to check it; try again"))?
                .join()
                .map_err(|_| at_start("the parser broke on it"))?
        })?;
        Ok(Self {
            source: source.to_owned(),
            filter,
        })
    }

    /// An error's text without any value of a record: a constant of the program, or what the interpreter says about types.
    fn explain(&self, error: value::Error) -> String {
        const OTHER: &str = "an error whose text is no constant of the program";
        let constant = |text: &str| self.source.contains(text).then(|| text.to_owned());
        let said = error.to_string();
        let reason = match error.into_val() {
            V::Str(text) if *text == *said => said,
            V::Str(text) => constant(&text).unwrap_or_else(|| OTHER.to_owned()),
            V::Obj(members) => match members.get("reject") {
                Some(V::Obj(reject)) => {
                    let part = |name| reject.get(name).and_then(V::as_text).and_then(constant);
                    match (part("field"), part("rule")) {
                        (Some(field), Some(rule)) => format!("{field}: {rule}"),
                        _ => OTHER.to_owned(),
                    }
                }
                _ => OTHER.to_owned(),
            },
            _ => OTHER.to_owned(),
        };
        reason.chars().take(LONGEST_REASON).collect()
    }
}

/// A bound on how deep the parser may go, from the text alone: what is inside texts and comments counts too.
fn nests_too_much(source: &str) -> bool {
    const WORDS: [&str; 12] = [
        "def", "try", "catch", "if", "elif", "else", "reduce", "foreach", "label", "as", "and",
        "or",
    ];
    let mut depth = 0_usize;
    let mut deepest = 0;
    let mut operators = 0;
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '|' | ',' | '+' | '-' | '*' | '/' | '%' | '=' | '<' | '>' | '?' => operators += 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
    operators += words.filter(|w| WORDS.contains(w)).count();
    deepest > DEEPEST || operators > MOST_OPERATORS
}

fn build(source: &str) -> Result<Filter<Kind>, Error> {
    const MODULES: &str = "modules cannot be loaded";
    let arena = Arena::default();
    let file = File {
        code: source,
        path: (),
    };
    let modules = Loader::new(natives::defs())
        .with_read(|_: load::Import<'_, &str, ()>| Err(MODULES.to_owned()))
        .load(&arena, file)
        .map_err(|errors| first(source, errors, load_error))?;
    load::import(&modules, |_| Err(MODULES.to_owned()))
        .map_err(|errors| first(source, errors, load_error))?;
    Compiler::default()
        .with_funs(natives::funs())
        .with_global_vars(["$today", "$settings", "$lookups"])
        .compile(modules)
        .map_err(|errors| {
            first(source, errors, |undefined| {
                let (name, kind) = undefined.into_iter().next()?;
                Some((
                    name,
                    format!(
                        "{} {name} does not exist or is not allowed here",
                        kind.as_str()
                    ),
                ))
            })
        })
}

/// The first error with its place.
fn first<'s, E>(
    source: &str,
    errors: load::Errors<&'s str, (), E>,
    say: impl Fn(E) -> Option<(&'s str, String)>,
) -> Error {
    let said = errors.into_iter().find_map(|(_, e)| say(e));
    let (part, what) = said.unwrap_or(("", "it cannot be read".to_owned()));
    let at = part.as_ptr().addr().saturating_sub(source.as_ptr().addr());
    let before = source.get(..at).unwrap_or("");
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    Error {
        line: count(before.matches('\n').count() + 1),
        column: count(before.get(line_start..).unwrap_or("").chars().count() + 1),
        what,
    }
}

fn load_error(error: load::Error<&str>) -> Option<(&str, String)> {
    match error {
        load::Error::Io(all) => all.into_iter().next(),
        load::Error::Lex(all) => {
            let (expected, found) = all.into_iter().next()?;
            Some((found, format!("expected {}", expected.as_str())))
        }
        load::Error::Parse(all) => {
            let (expected, found) = all.into_iter().next()?;
            Some((found, format!("expected {}", expected.as_str())))
        }
    }
}

/// What a program sees besides the record.
#[derive(Debug, Clone)]
pub struct Variables {
    /// `$today`, as `YYYY-MM-DD`.
    pub today: NaiveDate,
    /// `$settings`
    pub settings: Value,
    /// `$lookups`
    pub lookups: Value,
}

/// What one record may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Bytes that the program may make in all, what it drops again included.
    pub memory: usize,
    /// Bytes of the results together.
    pub size: usize,
    /// Number of results.
    pub results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            memory: 64 << 20,
            size: 1 << 20,
            results: 16,
        }
    }
}

/// Why a record could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It took more time or steps than it may.
    Time,
    /// It made more than it may, or more results.
    Size,
    /// It went, or its result is, deeper than it may.
    Depth,
    /// The program raised an error; the text never holds a value of the record.
    Raised(String),
}

impl Failure {
    /// The code under which it is reported.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Time => "mapping.time",
            Self::Size => "mapping.size",
            Self::Depth => "mapping.depth",
            Self::Raised(_) => "mapping.raised",
        }
    }
}

/// A record's results, or why there are none.
pub type Outcome = Result<Vec<Value>, Failure>;

/// Too many mapping threads of the process hang, or none can be started: the pull must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mapping threads hang or cannot be started; correct the connector's jq program")]
pub struct Exhausted;

/// Runs one program over the pages of one pull, on a thread of its own.
pub struct Runner {
    mapping: Arc<Mapping>,
    worker: Option<Worker>,
}

impl Runner {
    /// A runner. Its thread starts with the first page and ends when it is dropped.
    pub fn new(program: Arc<Program>, variables: &Variables, limits: Limits) -> Self {
        let variables = [
            V::text(&variables.today.to_string()),
            V::from_json(&variables.settings),
            V::from_json(&variables.lookups),
        ];
        Self {
            mapping: Arc::new(Mapping {
                program,
                variables,
                limits,
            }),
            worker: None,
        }
    }

    /// Maps a page: one outcome for each record, in order. Errors: see [`Exhausted`].
    pub async fn map(&mut self, page: Arc<Vec<Value>>) -> Result<Vec<Outcome>, Exhausted> {
        let patience = worker::patience(&self.mapping.limits);
        let mut outcomes = Vec::with_capacity(page.len());
        while outcomes.len() < page.len() {
            let worker = match self.worker.take() {
                Some(worker) => worker,
                None => Worker::start(Arc::clone(&self.mapping))?,
            };
            let mut results = worker.map(Arc::clone(&page), outcomes.len());
            while outcomes.len() < page.len() {
                let Ok(Some(outcome)) = tokio::time::timeout(patience, results.recv()).await else {
                    break;
                };
                outcomes.push(outcome);
            }
            if outcomes.len() < page.len() {
                worker.abandon();
                outcomes.push(Err(Failure::Time));
            } else {
                self.worker = Some(worker);
            }
        }
        Ok(outcomes)
    }
}
