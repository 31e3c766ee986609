//! The pages of `docs/connectors`, in Markdown: one for each HR system and language, and the tables of what each tells.
//! They are made of the connectors and of what pulls from the stand-ins brought; a test writes them and holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use super::describe::{Body, Section, marks, sections, told, unverified};
use crate::domain::language::Language;
use crate::hris::manifest::{Field, ManagerBy, Manifest, Part};
use crate::words::{Book, Two, connectors as w, fill, of};

/// What a connector brings, as pulls from the vendor's stand-in showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Parts that come, each with the settings without which it does not.
    pub parts: BTreeMap<Part, BTreeSet<String>>,
    /// Further units of a person.
    pub others: BTreeSet<String>,
}

/// Name of a connector's page.
pub fn file_name(slug: &str, language: Language) -> String {
    match language {
        Language::En => format!("{slug}.md"),
        Language::Fr => format!("{slug}.fr.md"),
    }
}

/// The page of one system.
pub fn page(manifest: &Manifest, delivered: &Delivered, language: Language) -> String {
    let text = |two| of(two, language);
    let slug = &manifest.slug;
    let params = json!({"slug": slug, "name": manifest.name});
    let sign_in = told(Book::SignIn, manifest.auth.kind(), language);
    let mut out = format!("# {}\n\n", markdown(&manifest.name));
    let _ = writeln!(
        out,
        "{} · {}\n\n{}\n\n{}\n",
        link(text(w::ALL_SYSTEMS), &file_name("README", language)),
        link(
            text(w::OTHER_LANGUAGE),
            &file_name(slug, other_than(language))
        ),
        fill(text(w::MADE_OF), &params),
        fill(text(w::SIGN_IN_BY), &json!({"how": sign_in, "slug": slug})),
    );
    for section in sections(&manifest.card(), Some(manifest), language) {
        if section.title == w::NOT_SYNCED {
            synced(&mut out, manifest, delivered, language);
        }
        if section.title != w::CONFIDENCE {
            write_section(&mut out, &section, language);
        }
    }
    let _ = writeln!(
        out,
        "## {}\n\n{}\n",
        text(w::CONFIDENCE),
        fill(text(w::TRIED), &params)
    );
    let points = unverified(&manifest.notes, language);
    let above = match points.is_empty() {
        true => w::ALL_VERIFIED,
        false => w::UNVERIFIED,
    };
    let _ = writeln!(out, "{}\n", text(above));
    list(&mut out, &points);
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn other_than(language: Language) -> Language {
    match language {
        Language::En => Language::Fr,
        Language::Fr => Language::En,
    }
}

fn link(text: &str, target: &str) -> String {
    format!("[{text}]({target})")
}

fn write_section(out: &mut String, section: &Section<'_>, language: Language) {
    let _ = writeln!(out, "## {}\n", of(section.title, language));
    if let Some(lead) = section.lead {
        let _ = writeln!(out, "{lead}\n");
    }
    match &section.body {
        Body::Fields(fields) => fields.iter().for_each(|f| field(out, f, language)),
        Body::Steps(steps) => {
            for (step, number) in steps.iter().zip(1..) {
                let _ = writeln!(out, "{number}. {}", markdown(step));
            }
        }
        Body::List(lines) => {
            list(out, lines);
            return;
        }
    }
    out.push('\n');
}

fn list(out: &mut String, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "- {}", markdown(line));
    }
    if !lines.is_empty() {
        out.push('\n');
    }
}

fn field(out: &mut String, field: &Field, language: Language) {
    let lang = language.as_str();
    let label = markdown(field.label.get(lang));
    let _ = write!(out, "- **{label}** `{}`", field.id);
    let marks = marks(field, language);
    if !marks.is_empty() {
        let _ = write!(out, " ({})", markdown(&marks.join(", ")));
    }
    if let Some(help) = &field.help {
        let colon = match language {
            Language::En => ":",
            Language::Fr => " :",
        };
        let _ = write!(out, "{colon} {}", markdown(help.get(lang)));
    }
    out.push('\n');
}

/// The table of what comes.
fn synced(out: &mut String, manifest: &Manifest, delivered: &Delivered, language: Language) {
    let text = |two| of(two, language);
    let _ = writeln!(
        out,
        "## {}\n\n| {} | SCIM | {} |\n| --- | --- | --- |",
        text(w::SYNCED),
        text(w::PART),
        text(w::COMES)
    );
    for part in Part::ALL {
        let how = comes(manifest, delivered, part, language);
        let name = told(Book::Parts, part.as_str(), language);
        let _ = writeln!(out, "| {name} | `{}` | {how} |", part.as_str());
    }
    let can = &manifest.capabilities;
    for (what, is) in [
        (w::LEAVERS, can.leavers),
        (w::FUTURE_HIRES, can.future_hires),
        (w::INCREMENTAL, can.incremental),
    ] {
        let is = text(if is { w::YES } else { w::NO });
        let _ = writeln!(out, "| {} | | {is} |", text(what));
    }
    out.push('\n');
    if !delivered.others.is_empty() {
        let units: Vec<String> = delivered.others.iter().map(|u| format!("`{u}`")).collect();
        let also = json!({"units": units.join(", ")});
        let _ = writeln!(out, "{}\n", fill(text(w::ALSO), &also));
    }
}

fn comes(manifest: &Manifest, delivered: &Delivered, part: Part, language: Language) -> String {
    let text = |two| of(two, language);
    match (delivered.parts.get(&part), manifest.lacks.get(&part)) {
        (Some(settings), _) if !settings.is_empty() => {
            let settings: Vec<String> = settings.iter().map(|s| format!("`{s}`")).collect();
            let params = json!({"settings": settings.join(", ")});
            fill(text(w::WITH), &params)
        }
        (Some(_), _) if part == Part::Manager => {
            let how = json!({"how": managers(manifest, language)});
            fill(text(w::NAMED_BY), &how)
        }
        (Some(_), _) => text(w::YES).to_owned(),
        (None, Some(lack)) => {
            let why = told(Book::Lacks, lack.as_str(), language);
            let sign = if language == Language::En { ":" } else { " :" };
            format!("{}{sign} {why}", text(w::NO))
        }
        (None, None) => text(w::NO).to_owned(),
    }
}

fn managers(manifest: &Manifest, language: Language) -> String {
    let by = manifest.capabilities.manager.iter();
    let words: Vec<String> = by
        .map(|by: &ManagerBy| told(Book::ManagerBy, by.as_str(), language))
        .collect();
    words.join(", ")
}

/// The list of all systems, with a table of who is in the lists and one of what is told of a person.
pub fn index(all: &[(Arc<Manifest>, Delivered)], language: Language) -> String {
    let text = |two| of(two, language);
    let other = file_name("README", other_than(language));
    let mut out = format!(
        "# {}\n\n{}\n\n{}\n\n{}\n\n{}\n\n",
        text(w::SYSTEMS),
        link(text(w::OTHER_LANGUAGE), &other),
        text(w::INTRODUCTION),
        text(w::LEGEND),
        text(w::ELSEWHERE),
    );
    let _ = writeln!(out, "## {}\n", text(w::WHAT));
    let parts = Part::ALL.map(|part| told(Book::Parts, part.as_str(), language));
    head(&mut out, text(w::SYSTEM), &parts);
    for (manifest, delivered) in all {
        let cells = Part::ALL.map(|part| sign(manifest, delivered, part));
        row(&mut out, manifest, language, &cells);
    }
    let _ = writeln!(out, "\n## {}\n", text(w::WHO));
    let columns = [
        w::COLUMN_LEAVERS,
        w::COLUMN_FUTURE,
        w::COLUMN_CHANGES,
        w::COLUMN_MANAGER,
        w::COLUMN_SIGN_IN,
        w::COLUMN_UNVERIFIED,
    ];
    let columns = columns.map(|two: Two| text(two).to_owned());
    head(&mut out, text(w::SYSTEM), &columns);
    for (manifest, _) in all {
        let can = &manifest.capabilities;
        let mark = |is| if is { "●" } else { "–" }.to_owned();
        let points = match unverified(&manifest.notes, language).len() {
            0 => "–".to_owned(),
            _ => link(text(w::YES), &confidence(&manifest.slug, language)),
        };
        let cells = [
            mark(can.leavers),
            mark(can.future_hires),
            mark(can.incremental),
            managers(manifest, language),
            told(Book::SignIn, manifest.auth.kind(), language),
            points,
        ];
        row(&mut out, manifest, language, &cells);
    }
    out
}

/// Where a system's page says how sure it is.
fn confidence(slug: &str, language: Language) -> String {
    let heading = of(w::CONFIDENCE, language).to_lowercase();
    format!("{}#{heading}", file_name(slug, language))
}

fn sign(manifest: &Manifest, delivered: &Delivered, part: Part) -> String {
    use crate::hris::manifest::Lack;
    match delivered.parts.get(&part) {
        Some(settings) if settings.is_empty() => "●",
        Some(_) => "○",
        None if manifest.lacks.get(&part) == Some(&Lack::Custom) => "○",
        None => "–",
    }
    .to_owned()
}

fn head(out: &mut String, first: &str, columns: &[String]) {
    let rule = " --- |".repeat(columns.len() + 1);
    let _ = writeln!(out, "| {first} | {} |\n|{rule}", columns.join(" | "));
}

fn row(out: &mut String, manifest: &Manifest, language: Language, cells: &[String]) {
    let name = markdown(&manifest.name);
    let name = link(&name, &file_name(&manifest.slug, language));
    let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
}

/// A text in which nothing but backticks has a meaning, as Markdown.
fn markdown(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = one_line.split('`').collect();
    // One that nothing closes is no mark.
    let is_paired = parts.len() % 2 == 1;
    let mut out = String::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            out.push_str(if is_paired { "`" } else { "\\`" });
        }
        match is_paired && n % 2 == 1 {
            true => out.push_str(part),
            false => escape(&mut out, part),
        }
    }
    out
}

/// An underscore inside a word is no mark; one at its edge may be.
fn escape(out: &mut String, text: &str) {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| chars.get(at))
            .is_some_and(|c| c.is_alphanumeric() || *c == '_')
    };
    for (at, c) in chars.iter().enumerate() {
        let is_mark = match c {
            '*' | '<' | '[' | ']' | '|' | '\\' => true,
            '_' => !is_word(at.checked_sub(1)) || !is_word(Some(at + 1)),
            _ => false,
        };
        if is_mark {
            out.push('\\');
        }
        out.push(*c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_a_mark_but_code() {
        for (text, wanted) in [
            ("`a_*b` c*", "`a_*b` c\\*"),
            ("one ` only *", "one \\` only \\*"),
            ("dynamic_90210 _x_", "dynamic_90210 \\_x\\_"),
            ("<script> [a](b) | c", "\\<script> \\[a\\](b) \\| c"),
            ("two\n  lines", "two lines"),
        ] {
            assert_eq!(markdown(text), wanted);
        }
    }
}
