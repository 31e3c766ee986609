//! The integration suite: one binary, a folder or file per area, on SQLite or PostgreSQL (`ROSTERD_TEST_DATABASE`).
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod architecture;
mod audit;
mod bad_input;
mod filters;
mod groups;
mod isolation;
mod kill;
mod schema;
mod sources;
mod support;
mod users;
mod writer;
