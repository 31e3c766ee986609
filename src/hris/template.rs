//! Texts with holes, for URLs, headers and bodies, that escape by place.
//!
//! `{{ settings.domain }}` puts a value in, escaped for the [`Place`]; what stands around it is taken as it is. Statements
//! are `if … elif … else … endif` and `for … in … endfor`. Filters: `base64`, `default`, `first`, `join`, `last`, `length`,
//! `lower`, `segments` (the parts of a path, without its slashes), `tojson`, `trim`, `upper`; tests: `defined`, `none`.
//! There is no `safe`, no `set`, no macro, no include, no clock.
//!
//! - A variable that is not there is an error, also in a condition; `x is defined` asks, `x | default("…")` gives another.
//! - In JSON a value is written with its quotes: `{"id": {{ id }}}`. Elsewhere a list, an object, and in a path or a header
//!   null, are errors; null is empty otherwise.
//! - A path never gets a segment that is empty because a value was, `.` or `..`.
//! - Output and work are limited. An error never shows a value.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::ValueKind;
use minijinja::{
    Environment, ErrorKind, Output, State, UndefinedBehavior, filters, tests as checks,
};
use serde_json::Value;

/// Longest template, in bytes.
const LONGEST: usize = 64 << 10;
/// Longest `{{ … }}` or `{% … %}`: the library recurses on what is inside.
const LONGEST_EXPRESSION: usize = 200;
/// Most statements, for the same reason.
const MOST_STATEMENTS: usize = 100;
/// Longest text that comes out.
const LONGEST_OUTPUT: usize = 1 << 20;
/// Instructions that one rendering may take.
const FUEL: u64 = 200_000;
/// Statements that are let in.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor"];
/// The one template of an environment.
const NAME: &str = "template";

/// Where a rendered text goes; decides how values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A URL's path: percent-encoded, `/` too.
    Path,
    /// A query's name or value: percent-encoded.
    Query,
    /// On its own: it may be empty, and whoever sends it encodes it as a whole.
    Plain,
    /// A header's value: printable ASCII only, anything else is refused.
    Header,
    /// A JSON body: every value is written as JSON, quotes included.
    Json,
    /// An XML body: `& < > " '` are escaped, characters that XML does not have are refused.
    Xml,
    /// A form body (`application/x-www-form-urlencoded`): percent-encoded.
    Form,
}

/// What is wrong with a template or its values. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Error {
    /// Line in the template, from 1; 0 where there is none.
    pub line: u32,
    /// What is wrong and what to do.
    pub what: String,
}

/// A template that was checked.
#[derive(Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    place: Place,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Template {
    /// Checks a template. Errors: too long, syntax, a statement that is not let in.
    pub fn compile(source: &str, place: Place) -> Result<Self, Error> {
        if source.len() > LONGEST {
            return Err(Error {
                line: 0,
                what: format!("a template has at most {LONGEST} bytes"),
            });
        }
        refuse_statements(source)?;
        refuse_long_expressions(source)?;
        let mut environment = environment(place);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|e| syntax(&e))?;
        Ok(Self {
            environment: Arc::new(environment),
            place,
        })
    }

    /// The variables it uses, as dotted paths: what a connector must declare.
    pub fn variables(&self) -> Vec<String> {
        let template = self.environment.get_template(NAME);
        let mut all: Vec<String> = template
            .map(|t| t.undeclared_variables(true).into_iter().collect())
            .unwrap_or_default();
        all.sort();
        all
    }

    /// Fills it in with the members of an object. Errors: an undefined variable, a value that its place cannot hold,
    /// too long, too much work.
    pub fn render(&self, values: &Value) -> Result<String, Error> {
        let context = minijinja::Value::from(minijinja::value::Serde(values));
        let template = self
            .environment
            .get_template(NAME)
            .map_err(|e| syntax(&e))?;
        let mut out = Limited(Vec::new());
        let rendered = template.render_captured_to(context, &mut out).map(drop);
        rendered.map_err(|e| self.explain(&e, values))?;
        let text = String::from_utf8(out.0).map_err(|_| self.whole("the text is not UTF-8"))?;
        match self.place {
            Place::Path if has_dot_segment(&text) => {
                Err(self.whole("a path must not have `.` or `..` as a segment"))
            }
            Place::Plain if text.chars().any(char::is_control) => {
                Err(self.whole("a text with control characters cannot be sent"))
            }
            Place::Header if !text.bytes().all(is_header_byte) => {
                Err(self.whole("a header holds printable ASCII on one line only"))
            }
            _ => Ok(text),
        }
    }

    fn whole(&self, what: &str) -> Error {
        Error {
            line: 0,
            what: what.to_owned(),
        }
    }

    /// The library's error without any value in it.
    fn explain(&self, error: &minijinja::Error, values: &Value) -> Error {
        let detail = error.detail().unwrap_or_default();
        let what = match error.kind() {
            ErrorKind::UndefinedError => {
                let missing: Vec<String> = self
                    .variables()
                    .into_iter()
                    .filter(|path| !has(values, path))
                    .collect();
                match missing.as_slice() {
                    [] => "a variable is not defined".to_owned(),
                    names => format!("not defined: {}", names.join(", ")),
                }
            }
            ErrorKind::OutOfFuel => "it takes more work than a template may".to_owned(),
            ErrorKind::WriteFailure => format!("the text is longer than {LONGEST_OUTPUT} bytes"),
            kind @ (ErrorKind::UnknownFilter
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownTest) => {
                format!("{kind}; see the list of what templates may use")
            }
            // The only kind that the formatter below uses, with texts of its own.
            ErrorKind::BadSerialization => detail.to_owned(),
            kind => kind.to_string(),
        };
        Error {
            line: line_of(error),
            what,
        }
    }
}

fn line_of(error: &minijinja::Error) -> u32 {
    error
        .line()
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(0)
}

fn syntax(error: &minijinja::Error) -> Error {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    Error {
        line: line_of(error),
        what,
    }
}

/// Whether a dotted path leads anywhere.
fn has(values: &Value, path: &str) -> bool {
    path.split('.')
        .try_fold(values, |at, name| at.get(name))
        .is_some()
}

fn refuse_statements(source: &str) -> Result<(), Error> {
    if source.matches("{%").count() > MOST_STATEMENTS {
        let what = format!("a template has at most {MOST_STATEMENTS} statements");
        return Err(Error { line: 0, what });
    }
    for (at, _) in source.match_indices("{%") {
        let rest = source
            .get(at + 2..)
            .unwrap_or("")
            .trim_start_matches(['-', '+'])
            .trim_start();
        let word: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if !STATEMENTS.contains(&word.as_str()) {
            let lines = source.get(..at).unwrap_or("").matches('\n').count() + 1;
            return Err(Error {
                line: u32::try_from(lines).unwrap_or(u32::MAX),
                what: format!("the statement `{word}` is not let in; use if and for"),
            });
        }
    }
    Ok(())
}

fn refuse_long_expressions(source: &str) -> Result<(), Error> {
    let mut rest = source;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let inside = rest.get(at + 2..).unwrap_or("");
        let length = expression(inside);
        if length > LONGEST_EXPRESSION {
            let before = source.len() - inside.len();
            let lines = source.get(..before).unwrap_or("").matches('\n').count() + 1;
            return Err(Error {
                line: u32::try_from(lines).unwrap_or(u32::MAX),
                what: format!("an expression has at most {LONGEST_EXPRESSION} bytes"),
            });
        }
        rest = inside.get(length..).unwrap_or("");
    }
    Ok(())
}

/// Bytes up to the end of an expression; braces inside texts do not end it.
fn expression(inside: &str) -> usize {
    let mut quote = None;
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '}' | '%') if inside.get(at + 1..).is_some_and(|r| r.starts_with('}')) => {
                return at;
            }
            _ => {}
        }
    }
    inside.len()
}

fn environment(place: Place) -> Environment<'static> {
    let mut all = Environment::empty();
    all.set_undefined_behavior(UndefinedBehavior::Strict);
    all.set_fuel(Some(FUEL));
    all.set_recursion_limit(64);
    all.set_formatter(move |out, _: &mut State, value| write(out, place, value));
    all.add_filter("base64", |text: &str| STANDARD.encode(text));
    all.add_filter("default", filters::default);
    all.add_filter("first", filters::first);
    all.add_filter("join", filters::join);
    all.add_filter("last", filters::last);
    all.add_filter("length", filters::length);
    all.add_filter("lower", filters::lower);
    all.add_filter("segments", segments);
    all.add_filter("trim", filters::trim);
    all.add_filter("upper", filters::upper);
    all.add_filter("tojson", |value: &minijinja::Value| {
        json(value).map(minijinja::Value::from_safe_string)
    });
    all.add_test("defined", checks::is_defined);
    all.add_test("none", checks::is_none);
    all
}

/// The parts of a path: each is escaped for its place, the slashes between them are the template's own.
fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn refused(what: &str) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::BadSerialization, what.to_owned())
}

fn json(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    serde_json::to_string(value).map_err(|_| refused("a value cannot be written as JSON"))
}

/// Writes one value, escaped for its place.
fn write(out: &mut Output, place: Place, value: &minijinja::Value) -> Result<(), minijinja::Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    let escaped = match (place, plain(value)) {
        (Place::Json, _) if value.is_safe() => value.to_string(),
        (Place::Json, _) => json(value)?,
        (_, None) => return Err(refused("a list or an object cannot be written here")),
        (Place::Path | Place::Header, Some(text)) if text.is_empty() => {
            return Err(refused("a value is empty where one is needed"));
        }
        (Place::Path, Some(text)) if matches!(text.as_str(), "." | "..") => {
            return Err(refused("`.` and `..` cannot be part of a path"));
        }
        (Place::Path | Place::Query | Place::Form, Some(text)) => percent(&text),
        (Place::Header, Some(text)) if text.bytes().all(is_header_byte) => text,
        (Place::Header, Some(_)) => {
            return Err(refused("a header holds printable ASCII on one line only"));
        }
        (Place::Plain, Some(text)) => text,
        (Place::Xml, Some(text)) => xml(&text)?,
    };
    out.write_str(&escaped)
        .map_err(|_| ErrorKind::WriteFailure.into())
}

/// A value as text; none for lists and objects.
fn plain(value: &minijinja::Value) -> Option<String> {
    match value.kind() {
        ValueKind::None => Some(String::new()),
        ValueKind::Bool => Some(value.is_true().to_string()),
        ValueKind::String | ValueKind::Number => Some(value.to_string()),
        _ => None,
    }
}

fn is_header_byte(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Everything but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    use std::fmt::Write;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                // Writing to a text does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

fn xml(text: &str) -> Result<String, minijinja::Error> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A parser would turn them into other blanks.
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(refused("a value has a character that XML does not have"));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Whether a reader of URLs would walk up or drop a segment: `%2e` counts as a dot there.
fn has_dot_segment(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.split(['/', '\\']).any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    })
}

/// Keeps what is written, up to the limit.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_OUTPUT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
