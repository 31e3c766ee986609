//! The SCIM 2.0 protocol (RFC 7643, RFC 7644), pure: schemas, documents, filters, PATCH, projection, errors. It knows
//! no SQL and no HTTP, and nothing else of this crate.

pub mod bulk;
pub mod discovery;
pub mod document;
pub mod error;
pub mod etag;
pub mod extension;
pub mod filter;
pub mod fold;
mod format;
pub mod immutable;
pub mod json;
pub mod limits;
pub mod list;
pub mod patch;
pub mod project;
pub mod rules;
pub mod schema;
pub mod sort;
pub mod units;
pub mod values;

pub use error::{Error, Result, ScimType};

/// The attributes of a resource that a client may write, by canonical name, without what the store keeps elsewhere
/// (`schemas`, `id`, `externalId`, a user's `active` and `groups`, `meta`, a group's `members`, `password`) and without
/// nulls and empty lists.
pub type Doc = serde_json::Map<String, serde_json::Value>;
