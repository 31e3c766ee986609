//! The database: one connection enum over SQLite and PostgreSQL, the batching writer, reads, the journal's rows.
//!
//! Everything of a tenant is reached through a [`scope::Scope`], whose functions all carry the tenant; nothing else
//! sees those tables. Changes happen only inside [`writer::Writer`]; reads through [`Store`].

pub mod access;
pub mod app;
pub mod archive;
pub mod claims;
pub mod conflicts;
pub mod connection;
pub mod connections;
pub mod consents;
pub mod credentials;
mod deadline;
pub mod deletions;
pub mod dialect;
pub mod emails;
pub mod error;
pub mod files;
pub mod filter;
pub mod groups;
pub mod heads;
pub mod health;
pub mod invitations;
pub mod journal;
pub mod known;
pub mod leases;
pub mod links;
pub mod member_jobs;
pub mod memberships;
pub mod migrations;
pub mod nesting;
pub mod notices;
pub mod order;
pub mod outbox;
pub mod page;
pub mod pairs;
pub mod push;
pub mod recomputes;
pub mod retention;
pub mod runs;
pub mod schedules;
pub mod schema;
pub mod scope;
pub mod secrets;
pub mod store;
pub mod switches;
pub mod team_people;
pub mod teams;
pub mod tenant_schemas;
pub mod tenants;
pub mod undo;
pub mod users;
pub mod view;
pub mod whole;
pub mod writer;

pub use error::{Error, Result};
pub use scope::Scope;
pub use store::Store;
pub use writer::{JobMeta, Lane, Outcome, Tx, Writer};
