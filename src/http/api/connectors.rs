//! Connectors: the HR systems that can be pulled, and what a form asks for to connect one.

use serde::Serialize;
use utoipa::ToSchema;

use super::Page;
use super::call::{Call, reply};
use super::problem::{NOT_FOUND, Problem, Result};
use crate::domain::connector::{Card, Field};
use crate::http::call::Reply;
use crate::scim::error::quote;

/// Languages that labels, help, steps and notes are written in; the first where nobody asks for one.
const LANGUAGES: [&str; 2] = ["en", "fr"];

/// An HR system that can be pulled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connector {
    /// What a connection names it by.
    #[schema(example = "acme-hr")]
    slug: String,
    /// Name as the vendor writes it.
    #[schema(example = "Acme HR")]
    name: String,
    /// Version: the next pull of a connection under a new one is looked at first.
    version: u32,
    /// Preset of the push connections of the same provider: a tenant has both only after an admin confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "google")]
    provider: Option<String>,
    /// How one gets in, or how files arrive.
    #[schema(example = "oauth2")]
    sign_in: String,
    /// What the source can tell.
    capabilities: Capabilities,
    /// What the operator has yet to enter, once for all customers; until then it cannot be connected.
    ask_operator: Vec<String>,
    /// Language of labels, help, steps and notes.
    #[schema(example = "fr")]
    language: String,
    /// What is asked for to get in, in the order of the form.
    credentials: Vec<FormField>,
    /// What a customer may name beside it.
    settings: Vec<FormField>,
    /// What the customer's admin does at the vendor, in order.
    steps: Vec<String>,
    /// What to watch.
    notes: Vec<String>,
}

/// What a source can tell.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// People who left stay in the list, marked.
    leavers: bool,
    /// People who have not started are in the list.
    future_hires: bool,
    /// How a record names the manager: `id`, `email`, `alias`.
    manager: Vec<String>,
    /// Changes alone can be asked for.
    incremental: bool,
}

/// A field of a form.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FormField {
    /// Its name among `settings` or `secrets`.
    #[schema(example = "client_id")]
    name: String,
    /// What it is called.
    label: String,
    /// Where it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// It is a credential: to be set among `secrets`, never shown again.
    is_secret: bool,
    /// Nothing works without it.
    is_required: bool,
    /// Taken where nothing is entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// What it looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
    /// The values to choose from; none: any.
    choices: Vec<String>,
    /// Who gives it: `customer`, `operator` (once for all) or `consent` (in the browser).
    given_by: String,
}

fn field(field: Field) -> FormField {
    FormField {
        is_required: !field.is_optional && field.default.is_none(),
        name: field.name,
        label: field.label,
        help: field.help,
        is_secret: field.is_secret,
        default: field.default,
        example: field.example,
        choices: field.choices,
        given_by: field.given_by,
    }
}

fn show(card: Card, ask_operator: Vec<String>, language: &str) -> Connector {
    Connector {
        slug: card.slug,
        name: card.name,
        version: card.version,
        provider: card.provider,
        sign_in: card.sign_in,
        capabilities: Capabilities {
            leavers: card.has_leavers,
            future_hires: card.has_future_hires,
            manager: card.manager_by,
            incremental: card.is_incremental,
        },
        ask_operator,
        language: language.to_owned(),
        credentials: card.credentials.into_iter().map(field).collect(),
        settings: card.settings.into_iter().map(field).collect(),
        steps: card.steps,
        notes: card.notes,
    }
}

/// The language that the query asks for, or else that the header prefers among those that are spoken.
pub(super) fn language(call: &Call) -> Result<&'static str> {
    if let Some(asked) = call.parameter("lang") {
        let found = LANGUAGES.iter().find(|known| **known == asked);
        return found.copied().ok_or_else(|| {
            let (known, got) = (LANGUAGES.join(" or "), quote(asked));
            Problem::invalid(format!("`lang` takes {known}; got `{got}`"))
        });
    }
    Ok(preferred(call.languages.as_deref().unwrap_or_default()))
}

/// The best of `Accept-Language` (RFC 9110, §12.5.4) that is spoken here; where none is, the first of ours.
fn preferred(header: &str) -> &'static str {
    let mut best = (0.0, LANGUAGES[0]);
    for part in header.split(',').take(32) {
        let (range, weight) = part.split_once(';').unwrap_or((part, ""));
        let quality = weight.trim().strip_prefix("q=");
        let quality = quality.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
        let primary = range.trim().split('-').next().unwrap_or_default();
        let known = LANGUAGES
            .iter()
            .find(|known| primary.eq_ignore_ascii_case(known));
        if let Some(known) = known
            && quality > best.0
        {
            best = (quality, known);
        }
    }
    best.1
}

/// List the connectors.
///
/// Labels and texts are in the language of `lang`, or else of the header `Accept-Language`: English or French.
#[utoipa::path(get, path = "/api/v1/connectors",
    params(("Accept-Language" = Option<String>, Header, description = "Languages that the reader prefers.")),
    responses((status = 200, description = "A page of them, in the order of slugs.", body = Page<Connector>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let language = language(&call)?;
    let service = &call.state.service;
    let cards = service.list_connectors(language);
    let mut rows = Vec::new();
    for card in cards.map_err(|e| call.explain(e))? {
        let lacking = service.list_lacking(&card).await;
        rows.push((card, lacking.map_err(|e| call.explain(e))?));
    }
    let shown = |(card, lacking): (Card, Vec<String>)| Ok(show(card, lacking, language));
    reply(200, &Page::of(&call, rows, |(card, _)| &card.slug, shown)?)
}

/// Show a connector: what its form asks for, and what to do at the vendor.
#[utoipa::path(get, path = "/api/v1/connectors/{id}",
    params(("Accept-Language" = Option<String>, Header, description = "Languages that the reader prefers.")),
    responses((status = 200, description = "The connector.", body = Connector)))]
pub async fn get(call: Call) -> Result<Reply> {
    let language = language(&call)?;
    let service = &call.state.service;
    let cards = service.list_connectors(language);
    let mut cards = cards.map_err(|e| call.explain(e))?.into_iter();
    let card = cards.find(|card| card.slug == call.id).ok_or_else(|| {
        let detail = format!("there is no connector `{}`", quote(&call.id));
        Problem::new(&NOT_FOUND, detail)
    })?;
    let lacking = service.list_lacking(&card).await;
    let lacking = lacking.map_err(|e| call.explain(e))?;
    reply(200, &show(card, lacking, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_is_spoken_is_taken() {
        for (header, language) in [
            ("", "en"),
            ("fr", "fr"),
            ("fr-CA, en;q=0.8", "fr"),
            ("de, fr;q=0.4, en;q=0.5", "en"),
            ("de", "en"),
            ("en;q=0, fr;q=0.1", "fr"),
            ("FR;q=0.9,en;q=0.8", "fr"),
            ("fr;q=x", "en"),
        ] {
            assert_eq!(preferred(header), language, "{header}");
        }
    }
}
