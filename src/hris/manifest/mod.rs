//! What a connector's YAML says (`connectors/<slug>.yaml`): types that cannot hold what could not be run. Templates,
//! paths, patterns and the mapping are checked while they are read; what several parts must agree on, in [`check`].

mod auth;
mod check;
mod digest;
mod mapping;
mod parts;
mod records;
mod request;
mod rights;
mod schema;
mod text;

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

pub use self::auth::{Auth, ClientAuth, JwtBearer, Login, SamlBearer, SendToken, TokenEndpoint};
pub use self::mapping::Mapping;
pub use self::parts::{Lack, Part};
pub use self::records::Records;
pub use self::request::{
    Body, CursorPlace, Detail, Each, Format, InForce, Join, List, Lookup, Method, OneOrMany,
    Paging, Request, Until, Unwrap,
};
pub use self::rights::{Rights, Scopes, Sign, Told, ToldBy};
pub use self::schema::json_schema;
pub use self::text::{
    JsonText, Localized, Path, Pattern, PlainText, Sentence, UrlText, XmlText, scalar,
};
use super::error::Kind;

/// One connector.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name in addresses and commands: the file's name without `.yaml`.
    pub slug: String,
    /// Name as the vendor writes it.
    pub name: String,
    /// Counts up with each change that could change a person: a connection tries a new version as a dry run first.
    pub version: u32,
    /// Preset of the push connections of the same provider: a tenant has both only after an admin said so.
    #[serde(default)]
    pub provider: Option<String>,
    /// What the source can tell.
    pub capabilities: Capabilities,
    /// What is asked for to get in.
    #[serde(default)]
    pub credentials: Vec<Field>,
    /// What a customer may name freely.
    #[serde(default)]
    pub settings: Vec<Field>,
    /// What the customer's admin does at the vendor, in order.
    pub steps: Vec<Localized>,
    /// What is not certain, and what to watch.
    #[serde(default)]
    pub notes: Vec<Localized>,
    /// Parts of a person that it does not bring, and why.
    #[serde(default)]
    pub lacks: BTreeMap<Part, Lack>,
    /// What the credentials need, and what they should not have.
    #[serde(default)]
    pub rights: Rights,
    /// How to get in.
    pub auth: Auth,
    /// Headers of every request for data.
    #[serde(default)]
    pub headers: BTreeMap<String, PlainText>,
    /// How often the vendor may be asked.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// How long one answer may take, in seconds; a minute unless said.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// The header in which the vendor says what is wrong.
    #[serde(default)]
    pub error_header: Option<String>,
    /// How the vendor's errors are to be read, first fit first; otherwise by status.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// The request that costs least and shows whether the credentials work; the first page of `people` unless said.
    #[serde(default)]
    pub check: Option<Request>,
    /// Lists that other lists are read for, record by record.
    #[serde(default)]
    pub parents: BTreeMap<String, List>,
    /// Names for ids.
    #[serde(default)]
    pub lookups: BTreeMap<String, Lookup>,
    /// Second lists, joined by person.
    #[serde(default)]
    pub joins: BTreeMap<String, Join>,
    /// Calls for each record.
    #[serde(default)]
    pub details: BTreeMap<String, Detail>,
    /// The main list.
    pub people: List,
    /// The vendor's words for employment states.
    pub employment: Employment,
    /// jq: one record in, a SCIM User out, or nothing where the record is nobody. `.record`, `.parent`, `.joined`,
    /// `.detail`; `$today`, `$settings`, `$lookups`.
    pub mapping: Mapping,
    /// Hash of everything in it that decides what is read and made of it; labels and limits do not.
    #[serde(skip)]
    pub digest: String,
}

/// What the source can tell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// People who left stay in the list, marked.
    pub leavers: bool,
    /// People who have not started are in the list.
    pub future_hires: bool,
    /// How a record names the manager. Other than by id, everybody is read before the first such person is handed on.
    pub manager: Vec<ManagerBy>,
    /// Changes alone can be asked for.
    pub incremental: bool,
}

/// How a record names somebody's manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManagerBy {
    /// By the stable id.
    Id,
    /// By an e-mail address.
    Email,
    /// By another name of the person (`knownAs`).
    Alias,
}

impl ManagerBy {
    /// The word of the YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Alias => "alias",
        }
    }
}

/// Something that is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in templates and in `--set`: lower-case letters, digits, `_`.
    pub id: String,
    /// What it is called.
    pub label: Localized,
    /// Where it is found.
    #[serde(default)]
    pub help: Option<Localized>,
    /// What it must look like. Required where it becomes part of a host name.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// A pattern with one group: where a pasted value fits, the group is used (the name in a whole address).
    #[serde(default)]
    pub reduce: Option<Pattern>,
    /// Never shown again.
    #[serde(default)]
    pub secret: bool,
    /// May stay empty.
    #[serde(default)]
    pub optional: bool,
    /// What it looks like; also stands in for a value when the connector is checked.
    #[serde(default)]
    pub example: Option<String>,
    /// Its value where nothing is said.
    #[serde(default)]
    pub default: Option<String>,
    /// The values to choose from.
    #[serde(default)]
    pub choices: Vec<String>,
    /// The value is a JSON document: its members are used (`{{ key_file.client_email }}`).
    #[serde(default)]
    pub json: bool,
    /// Who gives it.
    #[serde(default)]
    pub given_by: GivenBy,
}

/// Who gives a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GivenBy {
    /// The customer's admin.
    #[default]
    Customer,
    /// The operator, once for all customers: the registration of an app.
    Operator,
    /// The vendor, when the customer consents in the browser.
    Consent,
}

/// How often the vendor may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per minute.
    #[schema(value_type = u32, minimum = 1)]
    pub per_minute: std::num::NonZeroU32,
    /// Requests at once.
    #[serde(default = "single")]
    #[schema(value_type = u32, minimum = 1)]
    pub burst: std::num::NonZeroU32,
    /// Unit of the vendor's reset header.
    #[serde(default)]
    pub reset: ResetUnit,
}

/// Unit of a reset header (`RateLimit-Reset`, `X-RateLimit-Reset`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetUnit {
    /// Seconds from now, or a moment in seconds or milliseconds since 1970: told apart by size.
    #[default]
    Auto,
    /// Milliseconds from now.
    Milliseconds,
}

/// How one of the vendor's errors is to be read.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// Status; any unless said.
    #[serde(default)]
    pub status: Option<u16>,
    /// Where the answer says what it is.
    #[serde(default)]
    pub path: Option<Path>,
    /// What it says there, without regard to case, `*` at either end for anything; anything at all unless said.
    #[serde(default)]
    pub is: Vec<String>,
    /// What that means.
    pub kind: Kind,
    /// The right that is missing.
    #[serde(default)]
    pub right: Option<Localized>,
}

/// The vendor's words for employment states, without regard to case. `*` at the beginning or the end of a word stands
/// for anything. A word that is not here changes nothing and is reported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Employment {
    /// Hired, not started.
    #[serde(default)]
    pub prehire: Vec<String>,
    /// Employed.
    #[serde(default)]
    pub employed: Vec<String>,
    /// Employed and away.
    #[serde(default)]
    pub on_leave: Vec<String>,
    /// Left.
    #[serde(default)]
    pub left: Vec<String>,
}

fn single() -> std::num::NonZeroU32 {
    std::num::NonZeroU32::MIN
}

/// Where the security header of WS-Security goes in an XML body.
pub const SECURITY_MARK: &str = "<!--security-->";

/// Why a connector cannot be used: where in the file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}", line.map(|l| format!(":{l}")).unwrap_or_default())]
pub struct LoadError {
    /// The file.
    pub file: String,
    /// The line, from 1, where one can be named.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// What people see of a connector, whatever it reads.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    /// Name in addresses and commands.
    pub slug: &'a str,
    /// Name as the vendor writes it.
    pub name: &'a str,
    /// Version.
    pub version: u32,
    /// Preset of the push connections of the same provider.
    pub provider: Option<&'a str>,
    /// How one gets in, or how files arrive.
    pub sign_in: &'static str,
    /// What the source can tell.
    pub capabilities: &'a Capabilities,
    /// What is asked for to get in.
    pub credentials: &'a [Field],
    /// What a customer may name freely.
    pub settings: &'a [Field],
    /// What the customer's admin does, in order.
    pub steps: &'a [Localized],
    /// What to watch.
    pub notes: &'a [Localized],
}

impl Manifest {
    /// What people see of it.
    pub fn card(&self) -> Card<'_> {
        Card {
            slug: &self.slug,
            name: &self.name,
            version: self.version,
            provider: self.provider.as_deref(),
            sign_in: self.auth.kind(),
            capabilities: &self.capabilities,
            credentials: &self.credentials,
            settings: &self.settings,
            steps: &self.steps,
            notes: &self.notes,
        }
    }

    /// Reads and checks a connector. `file` names it in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, LoadError> {
        let mut manifest: Self = serde_saphyr::from_str(text).map_err(|error| LoadError {
            file: file.to_owned(),
            line: error.location().map(|at| at.line()),
            what: first_line(&error.to_string()),
        })?;
        check::check(&manifest).map_err(|(needle, what)| LoadError {
            file: file.to_owned(),
            line: line_of(text, &needle),
            what,
        })?;
        manifest.digest = digest::of(text);
        Ok(manifest)
    }

    /// Everything that is asked for.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.credentials.iter().chain(&self.settings)
    }

    /// Every request for data, with its place in the file.
    pub fn requests(&self) -> impl Iterator<Item = (String, &Request)> {
        check::requests(self)
    }

    /// The calls that give a token: place, method and address.
    pub fn token_calls(&self) -> Vec<(String, Method, &UrlText)> {
        check::auth_urls(&self.auth)
    }

    /// Every list, with what it is read for.
    pub fn lists(&self) -> impl Iterator<Item = (String, &List)> {
        let people = std::iter::once(("people".to_owned(), &self.people));
        let parents = self
            .parents
            .iter()
            .map(|(name, list)| (format!("parents.{name}"), list));
        let lookups = self
            .lookups
            .iter()
            .map(|(name, lookup)| (format!("lookups.{name}"), &lookup.list));
        let joins = self
            .joins
            .iter()
            .map(|(name, join)| (format!("joins.{name}"), &join.list));
        people.chain(parents).chain(lookups).chain(joins)
    }
}

/// The message without the place, which stands before it already, and without the excerpt that follows.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let said = line
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "));
    said.map_or(line, |(_, said)| said).to_owned()
}

/// The first line that holds a text.
fn line_of(text: &str, needle: &str) -> Option<u64> {
    if needle.is_empty() {
        return None;
    }
    text.lines()
        .zip(1..)
        .find_map(|(line, number)| line.contains(needle).then_some(number))
}
