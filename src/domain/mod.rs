//! What Rosterd is about, without SQL, HTTP or SCIM: ids, time, access, employment, claims, sealed
//! secrets and the facts of the journal.

pub mod access;
pub mod app;
pub mod audit;
pub mod calendar;
pub mod chance;
pub mod claims;
pub mod clock;
pub mod connector;
pub mod employment;
pub mod entitlements;
pub mod ids;
pub mod lifecycle;
pub mod pull;
pub mod roles;
pub mod sealed;
pub mod teams;
