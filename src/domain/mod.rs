//! What Rosterd is about, without SQL, HTTP or SCIM: ids, time, access, employment, claims, sealed
//! secrets and the facts of the journal.

pub mod access;
pub mod app;
pub mod audit;
pub mod brand;
pub mod calendar;
pub mod chance;
pub mod claims;
pub mod clock;
pub mod connector;
pub mod employment;
pub mod entitlements;
pub mod ids;
pub mod invitation;
pub mod language;
pub mod lifecycle;
pub mod precedence;
pub mod pull;
pub mod push_guard;
pub mod roles;
pub mod sealed;
pub mod signature;
pub mod teams;
pub mod two_sources;
