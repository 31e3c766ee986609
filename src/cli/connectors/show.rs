//! Lists and descriptions of connectors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::describe::{Body, marks, sections};
use crate::cli::Failure;
use crate::cli::output::{Output, say};
use crate::domain::language::Language;
use crate::hris::catalogue::Catalogue;
use crate::hris::manifest::{Card, Field, GivenBy, ManagerBy, Manifest};
use crate::words::of;

/// Arguments of `show`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Connector: a name of `connectors list`.
    pub(super) slug: String,
    /// Language of labels, help and steps.
    #[arg(long, default_value = "en", value_parser = ["en", "fr"])]
    lang: String,
}

/// Prints one line for each connector; `lacking` says what the operator has yet to enter.
pub(super) fn list(
    catalogue: &Catalogue,
    lacking: &BTreeMap<String, Vec<String>>,
    output: Output,
) -> Result<(), Failure> {
    if !output.json {
        say(&row(
            "connector",
            "name",
            "sign-in",
            ["leavers", "future hires", "manager by", "changes only"],
        ))?;
    }
    for card in catalogue.cards() {
        let (mut value, mut line) = (summary(&card), text(&card));
        if let Some(lacks) = lacking.get(card.slug) {
            value["askOperator"] = json!(lacks);
            line.push_str(&format!("  ask the operator: {}", lacks.join(", ")));
        }
        output.row(&value, &line)?;
    }
    Ok(())
}

fn text(card: &Card<'_>) -> String {
    let can = card.capabilities;
    let yes = |can| if can { "yes" } else { "no" };
    let manager = managers(card).join(", ");
    row(
        card.slug,
        card.name,
        card.sign_in,
        [
            yes(can.leavers),
            yes(can.future_hires),
            &manager,
            yes(can.incremental),
        ],
    )
}

fn row(slug: &str, name: &str, auth: &str, can: [&str; 4]) -> String {
    let [leavers, hires, manager, changes] = can;
    let line =
        format!("{slug:<20}{name:<22}{auth:<20}{leavers:<9}{hires:<14}{manager:<18}{changes}");
    line.trim_end().to_owned()
}

fn managers(card: &Card<'_>) -> Vec<&'static str> {
    card.capabilities
        .manager
        .iter()
        .map(|by: &ManagerBy| by.as_str())
        .collect()
}

fn summary(card: &Card<'_>) -> Value {
    let can = card.capabilities;
    json!({
        "slug": card.slug,
        "name": card.name,
        "version": card.version,
        "auth": card.sign_in,
        "provider": card.provider,
        "capabilities": {
            "leavers": can.leavers,
            "futureHires": can.future_hires,
            "manager": managers(card),
            "incremental": can.incremental,
        },
        "credentials": card.credentials.iter().map(|field| &field.id).collect::<Vec<_>>(),
        "settings": card.settings.iter().map(|field| &field.id).collect::<Vec<_>>(),
    })
}

/// Prints everything about a connector; `api` is none for one that reads files.
pub(super) fn show(
    card: &Card<'_>,
    api: Option<&Manifest>,
    args: &Args,
    output: Output,
) -> Result<(), Failure> {
    if output.json {
        return say(&details(card, &args.lang).to_string());
    }
    let language = Language::of_tag(&args.lang);
    say(&format!(
        "{} ({}, version {})",
        card.name, card.slug, card.version
    ))?;
    for section in sections(card, api, language) {
        say(&format!("\n{}", of(section.title, language)))?;
        if let Some(lead) = section.lead {
            say(&format!("  {lead}"))?;
        }
        match section.body {
            Body::Fields(list) => fields(list, language)?,
            Body::Steps(list) => {
                for (step, number) in list.iter().zip(1..) {
                    say(&format!("  {number}. {step}"))?;
                }
            }
            Body::List(list) => {
                for line in list {
                    say(&format!("  - {line}"))?;
                }
            }
        }
    }
    Ok(())
}

fn fields(fields: &[Field], language: Language) -> Result<(), Failure> {
    let lang = language.as_str();
    for field in fields {
        let marks = match marks(field, language) {
            none if none.is_empty() => String::new(),
            marks => format!(" ({})", marks.join(", ")),
        };
        let label = field.label.get(lang);
        say(&format!("  {:<24} {label}{marks}", field.id))?;
        if let Some(help) = &field.help {
            say(&format!("  {:<24} {}", "", help.get(lang)))?;
        }
    }
    Ok(())
}

pub(super) fn given_by(field: &Field) -> &'static str {
    match field.given_by {
        GivenBy::Customer => "customer",
        GivenBy::Operator => "operator",
        GivenBy::Consent => "consent",
    }
}

fn details(card: &Card<'_>, lang: &str) -> Value {
    let field = |field: &Field| {
        json!({
            "id": field.id,
            "label": field.label.get(lang),
            "help": field.help.as_ref().map(|help| help.get(lang)),
            "secret": field.secret,
            "optional": field.optional,
            "default": field.default,
            "example": field.example,
            "choices": field.choices,
            "givenBy": given_by(field),
        })
    };
    let texts = |list: &[crate::hris::manifest::Localized]| {
        list.iter()
            .map(|text| text.get(lang).to_owned())
            .collect::<Vec<String>>()
    };
    let mut all = summary(card);
    all["credentials"] = card.credentials.iter().map(field).collect();
    all["settings"] = card.settings.iter().map(field).collect();
    all["steps"] = json!(texts(card.steps));
    all["notes"] = json!(texts(card.notes));
    all
}
