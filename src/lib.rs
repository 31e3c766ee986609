//! Rosterd keeps the roster: a SCIM 2.0 provisioning server with an HRIS bridge.

pub mod domain;
pub mod scim;
pub mod storage;
