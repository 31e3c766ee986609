//! The house rules that the compiler does not hold inside one crate: which module may know which, that each file says
//! what it is for, that none grows too long, that only `cli` prints, and that every metric is described.
//!
//! The check reads tokens, not lines: comments and texts do not count, `super::` chains, nested `use` trees and
//! names under which a module was imported do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who may know whom. `storage::view` admits that part only; `*` is everything.
///
/// `http` reads through storage's views and writes through `service` alone: tables, writer and dialect stay hidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["*"]),
    (
        "http",
        &[
            "service",
            "auth",
            "scim",
            "domain",
            "telemetry",
            "storage::Store",
            "storage::Scope",
            "storage::Lane",
            "storage::Error",
            "storage::view",
            "storage::page",
            "storage::order",
            "storage::filter",
            "storage::journal",
            "storage::tenants",
            "words",
        ],
    ),
    ("console", &["service", "auth", "domain"]),
    ("sync", &["service", "hris", "domain"]),
    // The mail server is its section of the configuration; the guard against private addresses is the bridge's.
    (
        "mail",
        &[
            "service",
            "words",
            "domain",
            "config::Security",
            "config::Smtp",
            "hris::client",
        ],
    ),
    ("words", &["domain"]),
    ("hris", &["domain"]),
    ("auth", &["storage", "domain"]),
    ("service", &["storage", "domain", "scim"]),
    ("storage", &["domain", "scim"]),
    ("domain", &[]),
    ("scim", &[]),
    ("config", &[]),
    // It is set up from its section of the configuration.
    ("telemetry", &["config"]),
];

/// Longest file; at 500 lines one looks for the second idea in it.
const LONGEST: usize = 600;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    /// `::`
    Colons,
    Sign(char),
}

/// Rust's tokens as far as this check needs them.
fn tokens(source: &str) -> Vec<Token> {
    let c: Vec<char> = source.chars().collect();
    let get = |i: usize| c.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < c.len() {
        match get(i) {
            '/' if get(i + 1) == '/' => {
                while i < c.len() && get(i) != '\n' {
                    i += 1;
                }
            }
            '/' if get(i + 1) == '*' => i = after_comment(&c, i),
            '"' => {
                let start = i + 1;
                i = start;
                while i < c.len() && get(i) != '"' {
                    i += if get(i) == '\\' { 2 } else { 1 };
                }
                found.push(Token::Text(c[start..i.min(c.len())].iter().collect()));
                i += 1;
            }
            // A character or a lifetime.
            '\'' if get(i + 1) == '\\' => {
                i += 3;
                while i < c.len() && get(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' => i += if get(i + 2) == '\'' { 3 } else { 1 },
            ':' if get(i + 1) == ':' => {
                found.push(Token::Colons);
                i += 2;
            }
            first if first.is_alphanumeric() || first == '_' => {
                let start = i;
                while get(i).is_alphanumeric() || get(i) == '_' {
                    i += 1;
                }
                let word: String = c[start..i].iter().collect();
                let hashes = (i..).take_while(|&at| get(at) == '#').count();
                if !matches!(word.as_str(), "r" | "br" | "cr") || (hashes == 0 && get(i) != '"') {
                    found.push(Token::Word(word));
                } else if get(i + hashes) == '"' {
                    i += hashes + 1;
                    let start = i;
                    while i < c.len() && !(get(i) == '"' && (1..=hashes).all(|n| get(i + n) == '#'))
                    {
                        i += 1;
                    }
                    found.push(Token::Text(c[start..i.min(c.len())].iter().collect()));
                    i += 1 + hashes;
                } else {
                    i += 1; // r#word
                }
            }
            sign => {
                if !sign.is_whitespace() {
                    found.push(Token::Sign(sign));
                }
                i += 1;
            }
        }
    }
    found
}

fn after_comment(c: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < c.len() {
        match (c[i], c.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// A path from the crate's root, and the name under which a `use` brings it in.
type Reference = (Vec<String>, String);

/// Reads one path or `use` tree that continues `path`; answers where it ends.
fn read_tree(t: &[Token], mut at: usize, mut path: Vec<String>, out: &mut Vec<Reference>) -> usize {
    loop {
        match t.get(at) {
            Some(Token::Word(word)) => {
                match word.as_str() {
                    "crate" | "rosterd" if path.is_empty() => {}
                    "self" => {}
                    "super" => drop(path.pop()),
                    _ => path.push(word.clone()),
                }
                at += 1;
                if t.get(at) == Some(&Token::Colons) {
                    at += 1;
                    continue;
                }
                let mut name = path.last().cloned().unwrap_or_default();
                if let (Some(Token::Word(word)), Some(Token::Word(alias))) =
                    (t.get(at), t.get(at + 1))
                    && word == "as"
                {
                    name.clone_from(alias);
                    at += 2;
                }
                out.push((path, name));
                return at;
            }
            Some(Token::Sign('{')) => {
                at += 1;
                while at < t.len() && t[at] != Token::Sign('}') {
                    let next = if t[at] == Token::Sign(',') {
                        at
                    } else {
                        read_tree(t, at, path.clone(), out)
                    };
                    at = next.max(at + usize::from(next == at));
                }
                return at + 1;
            }
            Some(Token::Sign('*')) => {
                path.push("*".to_owned());
                out.push((path, String::new()));
                return at + 1;
            }
            _ => {
                out.push((path, String::new()));
                return at;
            }
        }
    }
}

/// Module path of a file below `src`.
fn module_of(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(
        path.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        path.pop();
    }
    path
}

/// Every path of this crate that a file names.
fn references(file: &str, t: &[Token]) -> Vec<Vec<String>> {
    let mut found: Vec<Reference> = Vec::new();
    let mut imported: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The first round learns what is imported under which name, the second resolves those names too.
    for round in 0..2 {
        found.clear();
        // Each open brace; a name if it opens an inline module.
        let mut open: Vec<Option<String>> = Vec::new();
        let mut at = 0;
        while at < t.len() {
            let begins = at == 0 || !matches!(t[at - 1], Token::Colons | Token::Sign('.'));
            let is_path = t.get(at + 1) == Some(&Token::Colons);
            match &t[at] {
                Token::Sign('{') => {
                    let name = match (
                        at.checked_sub(2).map(|i| &t[i]),
                        at.checked_sub(1).map(|i| &t[i]),
                    ) {
                        (Some(Token::Word(word)), Some(Token::Word(name))) if word == "mod" => {
                            Some(name.clone())
                        }
                        _ => None,
                    };
                    open.push(name);
                }
                Token::Sign('}') => drop(open.pop()),
                Token::Word(word) if begins && is_path => {
                    let here = || {
                        module_of(file)
                            .into_iter()
                            .chain(open.iter().flatten().cloned())
                            .collect()
                    };
                    let from: Option<Vec<String>> = match word.as_str() {
                        "crate" | "rosterd" => Some(Vec::new()),
                        "self" | "super" => Some(here()),
                        _ => None,
                    };
                    if let Some(from) = from {
                        let in_use = at > 0 && t[at - 1] == Token::Word("use".to_owned());
                        let before = found.len();
                        at = read_tree(t, at, from, &mut found);
                        if in_use && round == 0 {
                            let new = found[before..].iter().filter(|(_, name)| !name.is_empty());
                            imported.extend(new.map(|(path, name)| (name.clone(), path.clone())));
                        }
                        continue;
                    }
                    if let Some(path) = imported.get(word) {
                        at = read_tree(t, at + 2, path.clone(), &mut found);
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
    found.into_iter().map(|(path, _)| path).collect()
}

/// Whether an arrow leads from a module to a path.
fn is_allowed(to: &[&str], path: &[String]) -> bool {
    to.iter().any(|allowed| {
        let allowed: Vec<&str> = allowed.split("::").collect();
        let fits = allowed.iter().zip(path).all(|(a, p)| a == p);
        // Naming a module of which a part is allowed brings in nothing; what follows its name is looked at.
        allowed == ["*"] || (fits && (path.len() >= allowed.len() || path.len() == 1))
    })
}

/// What is wrong with these files (path below `src`, source).
fn faults(files: &[(String, String)]) -> Vec<String> {
    let mut faults = BTreeSet::new();
    let read: Vec<(&String, &String, Vec<Token>)> =
        files.iter().map(|(f, s)| (f, s, tokens(s))).collect();
    let described: Vec<&Token> = read
        .iter()
        .filter(|(f, ..)| *f == "telemetry.rs")
        .flat_map(|(_, _, t)| t.iter())
        .collect();
    for (file, source, t) in &read {
        let module = file.split(['/', '.']).next().unwrap_or_default();
        let Some((_, to)) = ARROWS.iter().find(|(from, _)| *from == module) else {
            faults.insert(format!(
                "{file}: module `{module}` has no row in the table of arrows"
            ));
            continue;
        };
        for path in references(file, t) {
            if path.first().is_some_and(|first| first != module) && !is_allowed(to, &path) {
                faults.insert(format!(
                    "{file}: {module} must not know {}",
                    path.join("::")
                ));
            }
        }
        if !source.starts_with("//!") {
            faults.insert(format!("{file}: does not open with `//!`"));
        }
        if source.lines().count() > LONGEST {
            faults.insert(format!("{file}: more than {LONGEST} lines"));
        }
        for (at, token) in t.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let is_macro = t.get(at + 1) == Some(&Token::Sign('!'));
            if is_macro
                && module != "cli"
                && matches!(
                    word.as_str(),
                    "print" | "println" | "eprint" | "eprintln" | "dbg"
                )
            {
                faults.insert(format!("{file}: {word}! outside cli"));
            }
            if is_macro
                && matches!(word.as_str(), "counter" | "gauge" | "histogram")
                && let Some(name @ Token::Text(text)) = t.get(at + 3)
                && !described.contains(&name)
            {
                faults.insert(format!(
                    "{file}: metric {text} is not described in telemetry.rs"
                ));
            }
        }
    }
    faults.into_iter().collect()
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn modules_know_only_whom_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(files.len() > 50, "the sources are where they should be");
    let faults = faults(&files);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    let planted = [
        (
            "domain/ids.rs",
            "use crate::storage::Store;",
            "domain must not know storage::Store",
        ),
        (
            "domain/ids.rs",
            "use crate::{clock, http::{self, State}};",
            "domain must not know http::State",
        ),
        (
            "domain/a/b.rs",
            "fn f() { super::super::super::scim::parse() }",
            "domain must not know scim::parse",
        ),
        (
            "scim/mod.rs",
            "mod tests { use super::super::domain; }",
            "scim must not know domain",
        ),
        (
            "scim/etag.rs",
            "macro_rules! m { () => { $crate::domain::ids::x() } }",
            "must not know domain::ids::x",
        ),
        (
            "storage/users.rs",
            "use crate::service as s;\nfn f() { s::run() }",
            "storage must not know service::run",
        ),
        (
            "http/error.rs",
            "use crate::storage;\nfn f() { storage::dialect::x() }",
            "know storage::dialect::x",
        ),
        (
            "http/error.rs",
            "use crate::storage::*;",
            "http must not know storage::*",
        ),
        (
            "auth/mod.rs",
            "fn f(_: crate::service::Caller) {}",
            "auth must not know service::Caller",
        ),
        (
            "config/mod.rs",
            "fn f() { crate::domain::clock::now() }",
            "config must not know domain::clock::now",
        ),
        (
            "main.rs",
            "fn main() { rosterd::http::serve() }",
            "main must not know http::serve",
        ),
        ("extra/mod.rs", "", "no row in the table of arrows"),
        (
            "service/mod.rs",
            "fn f() { println!(\"x\") }",
            "println! outside cli",
        ),
        (
            "http/mod.rs",
            "fn f() { metrics::counter!(\"rosterd_new_total\") }",
            "rosterd_new_total is not described",
        ),
        (
            "scim/list.rs",
            &"\n".repeat(LONGEST + 1),
            "more than 600 lines",
        ),
    ];
    for (file, source, wanted) in planted {
        let found = faults(&[(file.to_owned(), format!("//! Planted.\n{source}"))]);
        assert!(
            found.iter().any(|f| f.contains(wanted)),
            "{file}: {source}: {found:?}"
        );
    }
    let found = faults(&[("scim/list.rs".to_owned(), "fn f() {}".to_owned())]);
    assert_eq!(found, ["scim/list.rs: does not open with `//!`"]);
}

#[test]
fn what_is_allowed_or_no_code_is_no_violation() {
    let fine = [
        (
            "domain/ids.rs",
            "// use crate::storage::Store;\n/* crate::http /* crate::cli */ */",
        ),
        (
            "domain/ids.rs",
            "const A: &str = \"crate::storage\"; const B: &str = r#\"\"crate::http\"#; const C: char = '\"';",
        ),
        (
            "domain/ids.rs",
            "fn f<'a>(x: &'a str) { let _ = '\\''; super::clock::now() }",
        ),
        ("domain/a/b.rs", "mod tests { use super::super::c; }"),
        (
            "storage/users.rs",
            "use crate::domain::ids::TenantId; use crate::scim::{self, filter as f};",
        ),
        (
            "http/error.rs",
            "use crate::storage::{self, Scope};\nfn f() { storage::Error::Lost }",
        ),
        (
            "cli/serve.rs",
            "use crate::{http, storage::dialect}; fn f() { println!(\"x\") }",
        ),
        ("main.rs", "fn main() { rosterd::cli::main() }"),
    ];
    for (file, source) in fine {
        let found = faults(&[(file.to_owned(), format!("//! Fine.\n{source}"))]);
        assert!(found.is_empty(), "{file}: {source}: {found:?}");
    }
}

/// Words that are words of the language too: a name only where it stands as a text of its own.
const ORDINARY: [&str; 2] = ["remote", "fourth"];

/// Whether a text has this word, with nothing of a word on either side.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn no_vendor_of_an_hr_system_is_named_in_the_code() {
    let catalogue = rosterd::hris::catalogue::Catalogue::load(None).unwrap();
    // A provider that pushes has its preset in the code.
    let names = catalogue
        .list()
        .filter(|manifest| manifest.provider.is_none());
    let names: Vec<String> = names
        .flat_map(|manifest| [manifest.slug.clone(), manifest.name.to_lowercase()])
        .map(|name| match ORDINARY.contains(&name.as_str()) {
            true => format!("\"{name}\""),
            false => name,
        })
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let mut found = Vec::new();
    for (file, text) in &files {
        let text = text.to_lowercase();
        let here = names.iter().filter(|name| has_word(&text, name));
        found.extend(here.map(|name| format!("{file}: {name}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert!(has_word("such as acme-hr.", "acme-hr") && !has_word("remotely", "remote"));
}
