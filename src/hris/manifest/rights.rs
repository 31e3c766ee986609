//! What the credentials should be able to do, and how it shows when they can do less, or more.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Localized, Path, PlainText, Request};

/// What the credentials need, and what they should not have. A check says both; a pull is the same either way.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// Where the vendor says in words what the credentials can do.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// Where it says nothing and leaves fields empty: what nobody has without a right.
    #[serde(default)]
    pub needed: Vec<Sign>,
    /// What comes only where the credentials can read more than is needed.
    #[serde(default)]
    pub excess: Vec<Sign>,
    /// What more they could read, where nothing shows it.
    #[serde(default)]
    pub unseen: Option<Localized>,
}

/// A right, and the fields that show it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The right, in the vendor's words.
    pub right: Localized,
    /// Paths as `connectors check` prints them (`work.title`, `details.card.title`, `joins.posts.name`), without regard to
    /// case, `*` at either end for anything. With holes for values; one that comes out empty is left out.
    pub fields: Vec<PlainText>,
}

/// The vendor's words for what credentials can do. `*` at either end of a word stands for anything; words may have holes for
/// values, and one that comes out empty is left out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    /// Who says them: a list, or a text with blanks or commas between.
    pub told_by: ToldBy,
    /// Those without which something is missing.
    #[serde(default)]
    pub needed: Vec<PlainText>,
    /// Those that nobody needs to be warned of. Of any other somebody is.
    #[serde(default)]
    pub harmless: Vec<PlainText>,
}

/// Who says what the credentials can do.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToldBy {
    /// The answer that gives the access token (RFC 6749 §5.1: `scope`).
    Token(Path),
    /// A claim of the access token, which is a JWT (RFC 7519 §4).
    Claim(String),
    /// A request of its own.
    List(Box<Told>),
}

/// A request that says what the credentials can do; people are not in its answer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The request.
    pub request: Request,
    /// Where the words, or records with a word each, lie in the answer.
    pub records: Path,
    /// Where the word lies in a record.
    #[serde(default)]
    pub word: Path,
}
