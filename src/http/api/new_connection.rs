//! What a connection is made of: the body that creates one, read as one that pushes or as one that is pulled.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::connections::Policy;
use super::problem::{Problem, Result};
use super::pull::{Guard, Matching, Pull, Schedule, Scope};
use crate::domain::access::JoinerPolicy;
use crate::domain::pull::{JOINERS, PullChange, PullSettings};
use crate::domain::sealed::SecretText;
use crate::scim::error::quote;
use crate::scim::rules::Preset;
use crate::service::connections::{NewConnection, NewPull, PULL, PUSH};

/// Which way people come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An identity provider pushes them.
    Scim,
    /// They are pulled from an HR system.
    Hris,
}

/// A connection to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"kind": "scim", "preset": "generic", "label": "Identity provider"}))]
pub struct ConnectionToCreate {
    /// `scim` or `hris`.
    pub(super) kind: Kind,
    /// How it is shown: one line of at most 200 characters.
    pub(super) label: String,
    /// Otherwise `grant` for one that pushes, `list` for one that is pulled.
    pub(super) policy: Option<Policy>,
    /// Only of `scim`: okta, entra, onelogin, jumpcloud, ping, google, generic (otherwise) or strict.
    pub(super) preset: Option<String>,
    /// Only of `hris`, and required there: the connector's slug.
    pub(super) connector: Option<String>,
    /// Only of `hris`: what the connector asks for and is no secret.
    pub(super) settings: Option<BTreeMap<String, String>>,
    /// Only of `hris`.
    pub(super) schedule: Option<Schedule>,
    /// Limits of losses of access.
    pub(super) guard: Option<Guard>,
    /// Only of `hris`.
    pub(super) scope: Option<Scope>,
    /// Only of `hris`.
    pub(super) matching: Option<Matching>,
    /// Only of `hris`: a time zone of the IANA list; otherwise the tenant's.
    pub(super) zone: Option<String>,
    /// True: the provider may push to this tenant and be pulled at once. Each person then comes twice, and what is pushed
    /// wins. Without it such a connection is refused.
    pub(super) beside_push: Option<bool>,
    /// Only of `hris`: credentials by name. Nobody can read them again.
    #[schema(write_only)]
    pub(super) secrets: Option<BTreeMap<String, String>>,
}

/// A connection to be made, of either kind.
pub(super) enum Wanted {
    Push(NewConnection, PullChange),
    Pull(NewPull),
}

impl Wanted {
    pub(super) fn of(body: ConnectionToCreate) -> Result<Self> {
        let policy = body.policy.map(JoinerPolicy::from);
        let only = |kind: &str, given: &[(&str, bool)]| {
            given
                .iter()
                .find(|(_, is_given)| *is_given)
                .map_or(Ok(()), |(name, _)| {
                    Err(Problem::invalid(format!(
                        "`{name}` is only for the kind `{kind}`"
                    )))
                })
        };
        match body.kind {
            Kind::Scim => {
                only(
                    PULL,
                    &[
                        ("connector", body.connector.is_some()),
                        ("settings", body.settings.is_some()),
                        ("schedule", body.schedule.is_some()),
                        ("scope", body.scope.is_some()),
                        ("matching", body.matching.is_some()),
                        ("zone", body.zone.is_some()),
                        ("secrets", body.secrets.is_some()),
                    ],
                )?;
                let word = body.preset.as_deref().unwrap_or("generic");
                let preset = Preset::parse(word).ok_or_else(|| {
                    let known = Preset::words();
                    Problem::invalid(format!(
                        "`preset` takes one of {known}; got `{}`",
                        quote(word)
                    ))
                })?;
                let new = NewConnection {
                    label: body.label,
                    preset,
                    policy: policy.unwrap_or(JoinerPolicy::Grant),
                };
                let limits = Pull {
                    guard: body.guard,
                    ..Pull::default()
                };
                let limits = limits.change(BTreeMap::new());
                check_limits(&limits)?;
                Ok(Self::Push(new, limits))
            }
            Kind::Hris => {
                only(PUSH, &[("preset", body.preset.is_some())])?;
                let Some(connector) = body.connector else {
                    return Err(Problem::invalid(
                        "`connector` is missing: the slug of the HR system",
                    ));
                };
                let settings = body.settings.unwrap_or_default().into_iter();
                let settings = settings.map(|(name, value)| (name, Some(value))).collect();
                let given = Pull {
                    schedule: body.schedule,
                    guard: body.guard,
                    scope: body.scope,
                    matching: body.matching,
                    zone: body.zone,
                };
                let change = given.change(settings);
                let secrets = body.secrets.unwrap_or_default().into_iter();
                Ok(Self::Pull(NewPull {
                    label: body.label,
                    connector,
                    policy: policy.unwrap_or(JOINERS),
                    settings: PullSettings::default().with(&change),
                    secrets: secrets
                        .map(|(name, value)| (name, SecretText::new(value)))
                        .collect(),
                }))
            }
        }
    }
}

/// Limits are held before anything is made.
fn check_limits(change: &PullChange) -> Result<()> {
    let guard = PullSettings::default().with(change).guard;
    guard.check().map_err(Problem::invalid)
}
