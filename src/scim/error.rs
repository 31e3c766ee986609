//! SCIM errors (RFC 7644 §3.12, RFC 9865 §2.1): one constructor per meaning.

use serde_json::{Value, json};

/// The words of `scimType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

impl ScimType {
    /// As it stands in the body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// An error as a SCIM client gets it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// Kind, for 400, 409 and 403 where the RFC has a word.
    pub scim_type: Option<ScimType>,
    /// Names the input, the rule, and the way out.
    pub detail: String,
}

/// Result of a protocol function.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self {
            status: 400,
            scim_type: Some(scim_type),
            detail: detail.into(),
        }
    }

    /// An error without scimType.
    pub fn plain(status: u16, detail: impl Into<String>) -> Self {
        Self {
            status,
            scim_type: None,
            detail: detail.into(),
        }
    }

    /// The filter cannot be understood or applied.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidFilter, detail)
    }

    /// The filter would return more than the server is willing to.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::TooMany, detail)
    }

    /// A value is taken.
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self {
            status: 409,
            scim_type: Some(ScimType::Uniqueness),
            detail: detail.into(),
        }
    }

    /// The attribute may not be changed.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::Mutability, detail)
    }

    /// The body's structure is wrong.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidSyntax, detail)
    }

    /// The PATCH path is wrong.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidPath, detail)
    }

    /// The PATCH path names nothing.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::NoTarget, detail)
    }

    /// A value does not fit its attribute.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidValue, detail)
    }

    /// The URL would hold what belongs in none (RFC 7644 §7.5.2).
    pub fn sensitive(detail: impl Into<String>) -> Self {
        Self {
            status: 403,
            scim_type: Some(ScimType::Sensitive),
            detail: detail.into(),
        }
    }

    /// The same of a filter that came in a body: there it is only of no use.
    pub fn in_a_body(self) -> Self {
        match self.scim_type {
            Some(ScimType::Sensitive) => Self::invalid_filter(self.detail),
            _ => self,
        }
    }

    /// The URL names a version of the protocol that is not spoken here.
    pub fn invalid_vers(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidVers, detail)
    }

    /// The cursor is not one of this query (RFC 9865 §2.1).
    pub fn invalid_cursor(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidCursor, detail)
    }

    /// The cursor is too old.
    pub fn expired_cursor(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::ExpiredCursor, detail)
    }

    /// The size of a page is none, or another than the cursor's.
    pub fn invalid_count(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidCount, detail)
    }

    /// The body as it is sent.
    pub fn to_body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = Value::from(scim_type.as_str());
        }
        body
    }
}

/// A client's input as it may be quoted in a message: cut, without line breaks.
pub fn quote(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(100)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(100).is_some() {
        short.push('…');
    }
    short
}
