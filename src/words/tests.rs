//! Every code that the source has is found here, in both languages.

use serde_json::json;

use super::*;

/// Words between quotes that follow a pattern in a file.
fn quoted<'a>(source: &'a str, before: &str) -> Vec<&'a str> {
    source
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The part of a source between two texts.
fn between<'a>(source: &'a str, from: &str, to: &str) -> &'a str {
    let rest = source.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// Names of an enum's variants as codes: `ManagerGone` is `manager-gone`.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body = between(source, &format!("pub enum {name} {{"), "\n}");
    let lines = body.lines().map(str::trim);
    let named = lines.filter(|l| l.starts_with(|c: char| c.is_ascii_uppercase()));
    named
        .map(|line| {
            let name = line.split(['(', ',', ' ']).next().unwrap_or_default();
            let mut code = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !code.is_empty() {
                    code.push('-');
                }
                code.push(c.to_ascii_lowercase());
            }
            code
        })
        .collect()
}

/// Codes that the source has, by book.
fn in_the_source() -> Vec<(Book, Vec<String>)> {
    let own = |codes: Vec<&str>| codes.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let reasons = between(
        include_str!("../domain/access.rs"),
        "pub mod reason {",
        "\n}",
    );
    let held = between(include_str!("../sync/guard.rs"), "impl Why {", "\n    }");
    let kinds = between(
        include_str!("../hris/error.rs"),
        "pub fn as_str(self)",
        "\n    }",
    );
    let health = between(
        include_str!("../sync/report.rs"),
        "pub fn as_str(self)",
        "\n    }",
    );
    let conflicts = between(
        include_str!("../service/users/conflicts.rs"),
        "mod kind {",
        "\n}",
    );
    let pairs = between(
        include_str!("../service/pairs/keys.rs"),
        "REASONS: [(char, &str); 4] = [",
        "\n];",
    );
    let runs = between(include_str!("../sync/stored.rs"), "fn finding_word", "\n}");
    let words = include_str!("../hris/files/words.rs");
    let files = between(words, "const WORDS", "\n];")
        .split('"')
        .skip(1)
        .step_by(2);
    let files: Vec<String> = files
        .filter(|text| {
            ["csv.", "file.", "sftp."]
                .iter()
                .any(|p| text.starts_with(p))
        })
        .map(str::to_owned)
        .collect();
    let mut teams = variants(include_str!("../domain/teams/hierarchy.rs"), "Finding");
    teams.extend(variants(include_str!("../domain/teams/mod.rs"), "Why"));
    let types = include_str!("../service/teams/types.rs");
    let listed = |name: &str| {
        let list = between(types, &format!("pub const {name}: ["), "];");
        list.split('"').skip(1).step_by(2).collect::<Vec<_>>()
    };
    teams.extend(own([listed("UNASSIGNED"), listed("FINDINGS")].concat()));
    let invitations = between(
        include_str!("../domain/invitation.rs"),
        "impl Refusal {",
        "\n}",
    );
    let problems: Vec<String> = include_str!("../http/api/problem.rs")
        .lines()
        .filter_map(|line| {
            let mut words = line.trim().split(' ');
            let is_name = words
                .next()?
                .chars()
                .all(|c| c.is_ascii_uppercase() || c == '_');
            let code = words.next()?.strip_prefix('"')?.strip_suffix('"')?;
            (is_name && words.next()?.parse::<u16>().is_ok()).then(|| code.to_owned())
        })
        .collect();
    let parts = include_str!("../hris/manifest/parts.rs");
    let (parts, lacks) = parts.split_once("impl Lack {").unwrap_or_default();
    let word = |source: &str| own(quoted(between(source, "as_str(self)", "\n    }"), "=> \""));
    let sign_in = between(
        include_str!("../hris/manifest/auth.rs"),
        "pub fn kind(&self)",
        "\n    }",
    );
    let manager_by = between(
        include_str!("../hris/manifest/mod.rs"),
        "impl ManagerBy {",
        "\n}",
    );
    let previews = [
        include_str!("../service/pull/parting.rs"),
        include_str!("../service/scope.rs"),
    ];
    let previews = previews.map(|source| between(source, "pub mod warning {", "\n}"));
    let previews = previews.iter().flat_map(|p| quoted(p, ": &str = \""));
    vec![
        (Book::Previews, own(previews.collect())),
        (Book::Reasons, own(quoted(reasons, ": &str = \""))),
        (Book::Held, own(quoted(held, "=> \""))),
        (Book::Pulls, own(quoted(kinds, "=> \""))),
        (Book::Health, own(quoted(health, "=> \""))),
        (Book::Conflicts, own(quoted(conflicts, ": &str = \""))),
        (Book::Pairs, own(quoted(pairs, "', \""))),
        (Book::Files, files),
        (Book::Runs, own(quoted(runs, "=> \""))),
        (Book::Teams, teams),
        (Book::Invitations, own(quoted(invitations, "=> \""))),
        (Book::TeamSync, own(listed("REFUSALS"))),
        (Book::Problems, problems.clone()),
        (Book::ProblemsNext, problems),
        (Book::Parts, word(parts)),
        (Book::Lacks, word(lacks)),
        (Book::SignIn, own(quoted(sign_in, "=> \""))),
        (Book::ManagerBy, own(quoted(manager_by, "=> \""))),
    ]
}

#[test]
fn every_code_that_the_source_has_is_in_words_in_both_languages() {
    let source = in_the_source();
    assert_eq!(source.len(), Book::ALL.len());
    for (book, codes) in source {
        assert!(codes.len() >= 3, "{book:?}: {codes:?}");
        for code in &codes {
            for language in Language::ALL {
                let text = say(book, code, &json!({}), language).unwrap_or_default();
                assert!(!text.is_empty(), "{book:?} {code} {language:?}");
                assert!(!text.contains(['{', '}']), "{book:?} {code}: {text}");
            }
        }
    }
}

#[test]
fn every_notice_is_in_words_and_no_words_are_of_no_notice() {
    let table = include_str!("../service/notices/table.rs");
    let codes = quoted(table, ": &str = \"");
    assert!(codes.len() >= 12, "{codes:?}");
    for code in &codes {
        for language in Language::ALL {
            let told = notices::say(code, &json!({"label": "Acme"}), language);
            let told = told.unwrap_or_else(|| panic!("{code}"));
            for text in [told.title, told.cause, told.effect, told.next] {
                assert!(
                    !text.is_empty() && !text.contains(['{', '}']),
                    "{code}: {text}"
                );
            }
        }
    }
    for code in notices::codes() {
        assert!(codes.contains(&code), "{code}");
    }
}

#[test]
fn the_languages_differ_and_no_row_is_there_twice() {
    for book in Book::ALL {
        let rows = book.rows();
        for (n, (code, [en, fr])) in rows.iter().enumerate() {
            assert_ne!(en, fr, "{book:?} {code}");
            let is_once = rows[n + 1..].iter().all(|(other, _)| other != code);
            assert!(is_once, "{book:?} {code}");
        }
    }
}

#[test]
fn the_words_of_problems_are_those_of_their_table() {
    let table = include_str!("../http/api/problem.rs");
    for book in [Book::Problems, Book::ProblemsNext] {
        for (code, [en, _]) in book.rows() {
            assert!(table.contains(&format!("\"{en}\"")), "{code}: {en}");
        }
    }
}

#[test]
fn a_parameter_that_is_missing_leaves_no_placeholder() {
    let params = json!({"a": "x", "n": 3, "none": null});
    assert_eq!(fill("{a} {n} {none} {other}.", &params), "x 3 – –.");
    assert_eq!(fill("{a", &params), "{a");
    // What is put in is not read again.
    assert_eq!(fill("{a}", &json!({"a": "{n}"})), "{n}");
}

#[test]
fn every_failure_of_a_mail_has_words() {
    for (code, [en, fr]) in mail::FAILURES {
        assert!(!en.is_empty() && en != fr, "{code}");
    }
    // Those that the sender gives.
    let smtp = between(include_str!("../mail/smtp.rs"), "fn describe", "\n}");
    for code in quoted(smtp, "=> \"") {
        let has_words = mail::FAILURES.iter().any(|(known, _)| *known == code);
        assert!(has_words, "{code}");
    }
}

#[test]
fn every_text_about_connectors_is_in_both_languages_with_the_same_holes() {
    let holes = |text: &str| {
        let mut holes: Vec<String> = text.split('{').skip(1).map(str::to_owned).collect();
        for hole in &mut holes {
            hole.truncate(hole.find('}').unwrap_or_default());
        }
        holes.sort();
        holes
    };
    assert!(connectors::ALL.len() > 30);
    for (name, [en, fr]) in connectors::ALL {
        assert!(!en.is_empty() && !fr.is_empty(), "{name}");
        assert!(en != fr || *name == "SECRET", "{name}");
        assert_eq!(holes(en), holes(fr), "{name}");
        for text in [en, fr] {
            assert_eq!(text.matches('`').count() % 2, 0, "{name}: {text}");
        }
    }
}
