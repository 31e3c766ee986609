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
mod architecture;
mod audit;
mod backup;
mod bad_input;
mod bulk;
mod conformance;
mod connectors;
mod deactivation;
mod exchanges;
mod extensions;
mod filters;
mod fuzz;
mod groups;
mod isolation;
mod kill;
mod large_groups;
mod limits;
mod operations;
mod paging;
mod person;
mod plans;
mod protocol;
mod rfc;
mod schema;
mod serve;
mod settings;
mod simulate;
mod sources;
mod support;
mod tls;
mod upgrade;
mod users;
mod writer;
