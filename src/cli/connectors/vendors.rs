//! What the operations are told of connectors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::show::given_by;
use crate::config::Config;
use crate::domain::connector::{self as domain, Asked, Form};
use crate::hris::auth::consent::{self, Ask};
use crate::hris::catalogue::Catalogue;
use crate::hris::client::Endpoint;
use crate::hris::manifest::{Card, Field, GivenBy, Localized, Manifest};
use crate::hris::values::Values;
use crate::service::consent::{Question, Vendors};

/// The connectors of this installation.
pub struct Connectors {
    directory: Option<PathBuf>,
}

impl Connectors {
    /// Those in the program, and those of a directory.
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// As the operator configured it.
    pub(in crate::cli) fn of(config: &Config) -> Self {
        Self::new(config.connectors_dir().map(PathBuf::from))
    }

    fn find(&self, slug: &str) -> Result<Arc<Manifest>, String> {
        let catalogue = Catalogue::load(self.directory.as_deref()).map_err(|e| e.to_string())?;
        let found = catalogue.find(slug);
        found.ok_or_else(|| format!("there is no connector `{slug}`"))
    }
}

impl Vendors for Connectors {
    fn consent_address(&self, asked: &Question<'_>) -> Result<String, String> {
        let manifest = self.find(asked.connector)?;
        let endpoint = asked.endpoint.map(Endpoint::parse).transpose();
        let of_operator: BTreeMap<String, String> = asked.of_operator.clone();
        let values = Values::of(&manifest, asked.given.clone(), of_operator.into_iter());
        let address = values.and_then(|values| {
            let ask = Ask {
                redirect: asked.redirect,
                state: asked.state,
                challenge: asked.challenge,
            };
            consent::address(&manifest, &values, endpoint?.as_ref(), &ask)
        });
        address.map_err(|error| match error.code {
            "operator.missing" => format!(
                "the operator has not registered with {} yet: `rosterd connectors configure {}` [{error}]",
                manifest.name, manifest.slug
            ),
            "consent.none" => format!("{} asks for no consent in the browser", manifest.name),
            _ => error.to_string(),
        })
    }

    fn cards(&self, lang: &str) -> Result<Vec<domain::Card>, String> {
        let catalogue = Catalogue::load(self.directory.as_deref()).map_err(|e| e.to_string())?;
        let cards = catalogue.cards();
        Ok(cards.iter().map(|card| told(card, lang)).collect())
    }

    fn form(&self, connector: &str) -> Result<Option<Form>, String> {
        let catalogue = Catalogue::load(self.directory.as_deref()).map_err(|e| e.to_string())?;
        let cards = catalogue.cards();
        let Some(card) = cards.iter().find(|card| card.slug == connector) else {
            let known: Vec<&str> = cards.iter().map(|card| card.slug).collect();
            let known = known.join(", ");
            return Err(format!(
                "there is no connector `{connector}`; there are {known}"
            ));
        };
        // What the operator enters once for all is never asked of a customer.
        let fields = card.credentials.iter().chain(card.settings);
        let of_customer = fields.filter(|field| field.given_by != GivenBy::Operator);
        let asked = of_customer.map(|field| Asked {
            name: field.id.clone(),
            is_secret: field.secret,
            is_required: field.given_by == GivenBy::Customer
                && !field.optional
                && field.default.is_none(),
            choices: field.choices.clone(),
        });
        Ok(Some(Form {
            connector: card.slug.to_owned(),
            asked: asked.collect(),
        }))
    }
}

/// A connector in one language.
fn told(card: &Card<'_>, lang: &str) -> domain::Card {
    let texts = |list: &[Localized]| list.iter().map(|text| text.get(lang).to_owned()).collect();
    let fields = |list: &[Field]| list.iter().map(|field| told_field(field, lang)).collect();
    let can = card.capabilities;
    domain::Card {
        slug: card.slug.to_owned(),
        name: card.name.to_owned(),
        version: card.version,
        provider: card.provider.map(str::to_owned),
        sign_in: card.sign_in.to_owned(),
        has_leavers: can.leavers,
        has_future_hires: can.future_hires,
        manager_by: can
            .manager
            .iter()
            .map(|by| by.as_str().to_owned())
            .collect(),
        is_incremental: can.incremental,
        credentials: fields(card.credentials),
        settings: fields(card.settings),
        steps: texts(card.steps),
        notes: texts(card.notes),
    }
}

fn told_field(field: &Field, lang: &str) -> domain::Field {
    domain::Field {
        name: field.id.clone(),
        label: field.label.get(lang).to_owned(),
        help: field.help.as_ref().map(|help| help.get(lang).to_owned()),
        is_secret: field.secret,
        is_optional: field.optional,
        default: field.default.clone(),
        example: field.example.clone(),
        choices: field.choices.clone(),
        given_by: given_by(field).to_owned(),
    }
}

/// Names of the values that the operator must enter.
pub(super) fn operator_fields(manifest: &Manifest) -> Vec<String> {
    let of_operator = manifest
        .fields()
        .filter(|f| f.given_by == GivenBy::Operator && !f.optional && f.default.is_none());
    of_operator.map(|f| f.id.clone()).collect()
}
