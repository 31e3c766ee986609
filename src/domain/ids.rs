//! Ids as types of their own, so that two of them cannot be swapped. All are UUIDv7 in text form when Rosterd makes
//! them; an id that a client sends is any text and simply names nothing if it is unknown.

use std::fmt;

use super::chance::Chance;
use super::clock::Millis;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// A fresh id: UUIDv7 of this time and these random bits.
            pub fn fresh(now: Millis, chance: &dyn Chance) -> Self {
                Self(fresh_text(now, chance))
            }

            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id!(
    /// A customer of the operator: the wall nothing crosses.
    TenantId
);
id!(
    /// A person's one effective document.
    UserId
);
id!(
    /// A group or team.
    GroupId
);
id!(
    /// One source of people in a tenant.
    ConnectionId
);
id!(
    /// A token, named without its secret.
    CredentialId
);

/// The operator is a tenant of its own with the nil UUID.
pub const OPERATOR_TENANT: &str = "00000000-0000-0000-0000-000000000000";

/// The text before every id that is made at this time or later, and behind every older one.
pub fn first_text(at: Millis) -> String {
    let millis = u64::try_from(at.0).unwrap_or(0);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// UUIDv7 text (RFC 9562 §5.7): 48 bits of milliseconds, then random bits.
pub fn fresh_text(now: Millis, chance: &dyn Chance) -> String {
    let mut random = [0u8; 10];
    chance.fill(&mut random);
    let millis = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random)
        .into_uuid()
        .hyphenated()
        .to_string()
}
