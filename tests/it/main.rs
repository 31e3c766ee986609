//! The integration suite: one binary, a folder or file per area, on SQLite or PostgreSQL (`ROSTERD_TEST_DATABASE`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test fails by panicking, and reads better with plain lists"
)]

mod adoption;
mod any_order;
mod api;
mod app_source;
mod architecture;
mod attributes;
mod audit;
mod backup;
mod bad_input;
mod bridge;
mod bulk;
mod conflicts;
mod conformance;
mod connection_settings;
mod connectors;
mod consent;
mod deactivation;
mod disconnect;
mod exchanges;
mod extensions;
mod files;
mod filters;
mod fuzz;
mod groups;
mod harmless;
mod health;
mod invitations;
mod isolation;
mod isolation_api;
mod kill;
mod large_groups;
mod leaving;
mod lifecycle;
mod limits;
mod links;
mod looks;
mod mail;
mod nested_groups;
mod operations;
mod paging;
mod pairs;
mod person;
mod plans;
mod protocol;
mod pull;
mod push_guard;
mod rfc;
mod rotation;
mod schema;
mod scopes;
mod secrets;
mod serve;
mod settings;
mod sftp;
mod shell;
mod simulate;
mod sources;
mod standins;
mod story;
mod support;
mod teams;
mod tenants;
mod tls;
mod two_sources;
mod undo;
mod upgrade;
mod users;
mod writer;
